"""One folder of tmux sockets: which of them a server lives behind, without asking the server."""

from __future__ import annotations

import errno
import os
import socket
import stat
import struct
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from kanban_worker import procfs
from reconcile.observed import Unknown

_SETTLED = 2.0
"""Seconds after which a folder that changes has another time: file systems count in ticks."""


@dataclass(frozen=True, slots=True)
class Living:
    """Something listens on a socket."""

    pid: int
    """Whose; 0 where the system does not tell (another pid namespace)."""
    ticks: str | None
    """When that process began, as `procfs.start_ticks` has it."""

    @property
    def goes_on(self) -> bool:
        """Whether it has not ended since; False where only the socket can tell.

        A zombie's sockets are closed, and in a container it may be there for long.
        """
        return self.pid != 0 and procfs.may_live(self.pid, self.ticks)


_State: TypeAlias = Living | Unknown | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Alive:
    """What lives in one folder."""

    paths: tuple[str, ...] = ()
    hidden: Mapping[str, Unknown] = field(default_factory=dict)


class Folder:
    """A folder `tmux-<uid>`, listed again only when it has changed.

    A socket without a server never gets one: a new server unlinks it and binds another, which
    changes the folder. So only what lives is looked at again, by its process.
    """

    def __init__(self, path: str, uid: int, clock: Callable[[], float]) -> None:
        """`uid` is whose it must be; `clock` tells the seconds since the epoch."""
        self._path = path
        self._uid = uid
        self._clock = clock
        self._seen: tuple[int, int, int] | None = None
        self._states: Mapping[str, tuple[int, _State]] = {}

    def look(self) -> Alive:
        """The living servers, and what could not be looked at."""
        try:
            found = os.stat(self._path)  # noqa: PTH116 - a Path costs more than the stat
            if not stat.S_ISDIR(found.st_mode):
                return Alive()
            if found.st_uid != self._uid:  # tmux does not use such a folder either
                why = f"{self._path} belongs to user {found.st_uid}, not to {self._uid}"
                return Alive(hidden={self._path: Unknown(why)})
            mark = (found.st_dev, found.st_ino, found.st_ctime_ns)
            if mark != self._seen:
                self._states = dict(self._scan())
                settled = self._clock() - found.st_ctime > _SETTLED
                self._seen = mark if settled else None
        except (FileNotFoundError, NotADirectoryError):
            return Alive()
        except OSError as error:
            why = f"{self._path} cannot be read: {error.strerror}"
            return Alive(hidden={self._path: Unknown(why)})
        return self._alive()

    def _scan(self) -> Iterator[tuple[str, tuple[int, _State]]]:
        with os.scandir(self._path) as entries:
            for entry in entries:
                inode = entry.inode()
                known = self._states.get(entry.path)
                if known and known[0] == inode and isinstance(known[1], Living):
                    yield entry.path, known  # `_alive` looks whether it goes on
                elif (state := connect(entry.path)) is not None:
                    yield entry.path, (inode, state)

    def _alive(self) -> Alive:
        states = {
            path: (inode, state if isinstance(state, Living) and state.goes_on else connect(path))
            for path, (inode, state) in self._states.items()
        }
        self._states = {path: each for path, each in states.items() if each[1] is not None}
        return Alive(
            paths=tuple(sorted(p for p, (_, one) in states.items() if isinstance(one, Living))),
            hidden={p: one for p, (_, one) in states.items() if isinstance(one, Unknown)},
        )


def connect(path: str) -> Living | Unknown | None:
    """Who listens on a socket; None where nobody does, or where this is no such socket."""
    try:
        if not stat.S_ISSOCK(os.stat(path).st_mode):  # noqa: PTH116 - as above
            return None
        with socket.socket(socket.AF_UNIX) as ours:
            ours.settimeout(0)  # a stopped server takes no more than its queue holds
            ours.connect(path)
            pid = _peer(ours)
            return Living(pid, procfs.start_ticks(pid))
    except BlockingIOError:
        return Living(0, None)
    except OSError as error:
        if error.errno in {errno.EACCES, errno.EPERM}:
            return Unknown(f"the tmux socket {path} may not be used: {error.strerror}")
        return None  # refused, gone, of another kind


def _peer(connected: socket.socket) -> int:
    """The pid of the process that listens at the other end; 0 where nobody tells."""
    if sys.platform == "darwin":
        return connected.getsockopt(0, 2)  # SOL_LOCAL, LOCAL_PEERPID in <sys/un.h>
    told = connected.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    pid: int = struct.unpack("3i", told)[0]
    return pid
