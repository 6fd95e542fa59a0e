"""Finds the tmux servers to ask, without a call of tmux: by their sockets, and who listens there.

A session is gone only when the server that it was seen on says so, and one that was never seen
only when no server of its user has it. So a look asks each living server whose socket lies where
tmux puts them, and `others` finds those that lie elsewhere.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from kanban_worker import unix_sockets
from kanban_worker.observe import sockets
from kanban_worker.observe.sockets import Folder, Living
from kanban_worker.process_table import Table
from reconcile.observed import Unknown

_FOLDER = re.compile(r"tmux-(\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Which sockets to ask, and what may be a server that cannot be asked."""

    sockets: tuple[str, ...] = ()
    """Paths, each server's once: the real path of the folder, and the name in it."""
    hidden: Mapping[str, Unknown] = field(default_factory=dict)
    """By path. It says nothing of a session that was seen on another server."""


class Servers:
    """Says which sockets to ask, at each look anew."""

    def __init__(
        self,
        explicit: Sequence[str],
        environ: Mapping[str, str],
        *,
        uid: int | None = None,
        base: str = "/tmp",  # noqa: S108 - tmux's own place
        clock: Callable[[], float] = time.time,
    ) -> None:
        """With `explicit` paths there is no other server but those of sightings.

        `uid` is the monitor's user, by default this process's; `base` is where tmux keeps its
        folders; `clock` tells the seconds since the epoch, as files' times do.
        """
        self._explicit = tuple(explicit)
        self._uid = os.getuid() if uid is None else uid
        self._base = base
        # A folder that is not there does not count: tmux 3.3a then goes to /tmp by itself.
        wanted = environ.get("TMUX_TMPDIR") or base
        self._own = os.path.realpath(wanted if Path(wanted).exists() else base)
        self._inside = environ.get("TMUX", "").partition(",")[0]
        self._clock = clock
        self._folders: dict[str, Folder] = {}

    @property
    def default(self) -> str:
        """The socket of a tmux that is started without any option, outside of any tmux."""
        return f"{self._own}/tmux-{self._uid}/default"

    def look(self, *, owner: int | None = None, sighted: Iterable[str] = ()) -> Found:
        """The sockets to ask now. `owner` is the uid of whom the registry belongs to.

        The default one and those of sightings are asked also when nothing lives there: that is
        their answer. Quiet, it costs a stat for each folder and one for each server.
        """
        asked, hidden = _Once(), dict[str, Unknown]()
        if self._explicit:
            asked.add(self._explicit)
        else:
            asked.add(filter(None, (self.default, self._inside)))
            for path, uid in self._usual(owner):
                alive = self._folder(path, uid).look()
                asked.add(alive.paths)
                hidden |= alive.hidden
        asked.add(sighted)
        return Found(sockets=asked.paths, hidden=asked.without(hidden))

    def others(self, asked: Iterable[str], table: Table, *, owner: int | None = None) -> Found:
        """Every other tmux server of these two users that can be found, wherever its socket is.

        It reads the process table, so it is asked only before a session that was never seen is
        believed gone.
        """
        if self._explicit:
            return Found()
        known, hidden = _Once(asked), dict[str, Unknown]()
        before = len(known.paths)
        users = frozenset({self._uid} if owner is None else {self._uid, owner})
        folders = [(f"{base}/tmux-{uid}", uid) for base in (self._own, self._base) for uid in users]
        for path, uid in folders:
            alive = self._folder(os.path.realpath(path), uid).look()
            known.add(alive.paths)
            hidden |= alive.hidden
        here, unseen = _of_processes(users, table)
        hidden |= unseen
        here |= {path for path in unix_sockets.listening() if _user_of(path) in users}
        for path in sorted(here):
            match sockets.connect(path):
                case Unknown() as why:
                    hidden[path] = why
                case None:
                    hidden[path] = Unknown(
                        f"a tmux server listens on {path}, but nothing is there (its socket was "
                        "deleted, or it runs in a container); SIGUSR1 has it make a new one"
                    )
                case Living():
                    known.add([path])
        return Found(sockets=known.paths[before:], hidden=known.without(hidden))

    def _usual(self, owner: int | None) -> Sequence[tuple[str, int]]:
        own = (f"{self._own}/tmux-{self._uid}", self._uid)
        if owner is None or owner == self._uid:
            return [own]
        return [own, (f"{os.path.realpath(self._base)}/tmux-{owner}", owner)]

    def _folder(self, path: str, uid: int) -> Folder:
        return self._folders.setdefault(path, Folder(path, uid, self._clock))


class _Once:
    """Paths of sockets, each server's once however it is reached."""

    def __init__(self, paths: Iterable[str] = ()) -> None:
        self._paths: dict[str, None] = {}
        self._files: set[tuple[int, int]] = set()
        self._folders: dict[str, str] = {}
        self.add(paths)

    @property
    def paths(self) -> tuple[str, ...]:
        return tuple(self._paths)

    def add(self, paths: Iterable[str]) -> None:
        for path in paths:
            folder, name = os.path.split(path)
            if folder not in self._folders:
                self._folders[folder] = _real(folder)
            real = f"{self._folders[folder]}/{name}"
            if real in self._paths:
                continue
            file = _file(real)
            if file is None or file not in self._files:
                self._paths[real] = None
            if file is not None:
                self._files.add(file)

    def without(self, hidden: Mapping[str, Unknown]) -> Mapping[str, Unknown]:
        """What is hidden and not asked anyway."""
        return {path: why for path, why in hidden.items() if path not in self._paths}


def _real(folder: str) -> str:
    try:
        return os.path.realpath(folder)
    except ValueError:  # a NUL: tmux will say that it can be no socket
        return folder


def _file(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)  # noqa: PTH116 - a Path costs more than the stat
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino


def _user_of(path: str) -> int | None:
    """Whose server a path says that it is."""
    found = _FOLDER.fullmatch(os.path.basename(os.path.dirname(path)))  # noqa: PTH119, PTH120
    return int(found[1]) if found and path.startswith("/") else None


def _of_processes(users: frozenset[int], table: Table) -> tuple[set[str], Mapping[str, Unknown]]:
    """The paths that tmux processes of these users are bound to, and who cannot be looked into."""
    paths: set[str] = set()
    unseen: dict[str, Unknown] = {}
    for pid in table.parents:
        with contextlib.suppress(psutil.Error):  # it has just ended
            process = table.get(pid)
            name = process.name()
            if not name.startswith("tmux") or name.startswith("tmux: client"):
                continue
            user = process.uids().real
            if user not in users:
                continue
            try:
                paths |= {str(one.laddr) for one in process.net_connections("unix")}
            except psutil.AccessDenied:
                why = f"tmux server {pid} of user {user} cannot be looked into"
                unseen[f"pid {pid}"] = Unknown(f"{why}, so nobody knows where its socket is")
    return {path for path in paths if path.startswith("/")}, unseen
