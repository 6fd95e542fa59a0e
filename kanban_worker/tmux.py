"""Lists tmux servers: one forked `list-panes -a` per socket and tick, never a target by name.

tmux answers exit status 1 to at least five different situations, so a listing is believed
only when it succeeded, and "no server" only when nothing contradicts it.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import os
import shutil
import stat
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import libtmux
import psutil
from libtmux import exc

from reconcile.observed import Answer, Listing, Pane, Server, Session, SessionName, Unknown

if TYPE_CHECKING:
    from libtmux.common import tmux_cmd

DEADLINE = 5.0
"""Seconds that one listing may take. A stopped server (SIGSTOP) never answers."""

_NUMBERS = (
    "pid",
    "start_time",
    "session_created",
    "pane_id",
    "pane_pid",
    "pane_dead",
    "pane_dead_status",
    "pane_dead_signal",
)
_UNIX_SOCKETS = Path("/proc/net/unix")


def socket_path(asked: str | None, environ: Mapping[str, str]) -> str:
    """The path of the socket that tmux means by a name (`-L`), a path (`-S`) or nothing.

    Like tmux: the server this shell runs in (`$TMUX`) when nothing is asked for, and
    names below `$TMUX_TMPDIR` (default `/tmp`), whose symlinks tmux resolves.
    """
    if asked and "/" in asked:
        # Not Path.expanduser: it raises for a user that is not there.
        return str(Path(os.path.expanduser(asked)).absolute())  # noqa: PTH111
    inside = environ.get("TMUX", "").partition(",")[0]
    if not asked and inside:
        return inside
    # A folder that is not there does not count: tmux 3.3a then goes to /tmp by itself.
    wanted = Path(environ.get("TMUX_TMPDIR") or "/tmp")  # noqa: S108 - tmux's own place
    base = os.path.realpath(wanted if wanted.exists() else "/tmp")  # noqa: S108
    return f"{base}/tmux-{os.getuid()}/{asked or 'default'}"


class Tmux:
    """Looks at the tmux servers behind some sockets."""

    def __init__(
        self, sockets: Sequence[str], *, tmux_bin: str | None = None, deadline: float = DEADLINE
    ) -> None:
        """`sockets` are paths; `deadline` is in seconds, for each listing."""
        self.sockets = tuple(sockets)
        self._tmux_bin = tmux_bin or shutil.which("tmux")
        self._deadline = deadline
        # A mark that no session name and no directory can hold: nobody can guess it.
        self._mark = f"@{os.urandom(8).hex()}@"
        self._looks = itertools.count(1)
        self._last: dict[str, tuple[list[str], Listing]] = {}
        self._stuck: dict[str, Future[tmux_cmd]] = {}

    def look(self) -> dict[str, Answer[Listing]]:
        """Each socket's listing; None where certainly no server runs."""
        return {socket: self._list(socket) for socket in self.sockets}

    def rivals(self) -> frozenset[str]:
        """The sockets whose path more than one living server is bound to (Linux only).

        A server whose socket file was deleted lives on, out of reach, while another one
        starts at the same path: what that listing lacks may well be alive in the other.
        """
        return frozenset(socket for socket in self.sockets if _listeners(socket) > 1)

    def left_behind(self) -> frozenset[str]:
        """The sockets whose file is there; tmux leaves it where it is when its server ends."""
        return frozenset(socket for socket in self.sockets if Path(socket).exists())

    def _list(self, socket: str) -> Answer[Listing]:
        if self._tmux_bin is None:
            return Unknown(
                "tmux is not installed, or not on PATH (apt install tmux, brew install tmux)"
            )
        numbers = "|".join(f"#{{{name}}}" for name in _NUMBERS)
        template = (
            f"{self._mark}{numbers}{self._mark}#{{session_name}}{self._mark}#{{session_path}}"
        )
        server = libtmux.Server(socket_path=socket, tmux_bin=self._tmux_bin)
        # A listing that was cut behind a row would lack sessions that live, and so would an answer
        # to an earlier look. So each ends in a word that only this look knows.
        end = f"{self._mark}end of look {next(self._looks)}"
        # -u: without it a C locale turns every non-ASCII letter of a name into "_".
        listing = ("-u", "list-panes", "-a", "-F", template)
        call = functools.partial(server.cmd, *listing, ";", "display-message", "-p", end)
        try:
            done = self._in_time(socket, call)
        except TimeoutError:
            return Unknown(
                f"tmux gave no answer within {self._deadline:g} s on {socket}; "
                "its server is stopped (kill -CONT it) or busy"
            )
        except exc.TmuxCommandNotFound:
            return Unknown(f"tmux cannot be run as {self._tmux_bin}")
        except (OSError, ValueError, RuntimeError) as error:  # RuntimeError: no more threads
            return Unknown(f"tmux could not be started for {socket!r}: {error}")
        # What is on stderr beside an answer is not tmux's: the loader warns there, say.
        answered = done.stdout and not done.returncode
        return self._read(socket, done.stdout, end) if answered else self._refusal(socket, done)

    def _in_time(self, socket: str, call: Callable[[], tmux_cmd]) -> tmux_cmd:
        """What the call returns or raises, or TimeoutError when the deadline has passed.

        libtmux has no deadline, and ending our tmux client does not end the call: the client
        has sent its stdout to the server, where it stays open until a stopped server goes on.
        So the call is left behind in its thread, and until it returns no other one is begun:
        however long a server hangs, there is one of them.
        """
        stuck = self._stuck.pop(socket, None)
        waits = stuck is not None and not stuck.done()
        answer = stuck if stuck is not None and waits else _begin(call)
        try:
            return answer.result(0 if waits else self._deadline)
        except TimeoutError:
            self._stuck[socket] = answer
            self._end_clients()
            raise

    def _end_clients(self) -> None:
        """Ends what carries our mark: the client, also below a wrapper that is called tmux."""
        for child in psutil.Process().children(recursive=True):
            with contextlib.suppress(psutil.Error):
                if any(self._mark in word for word in child.cmdline()):
                    child.kill()

    def _refusal(self, socket: str, done: tmux_cmd) -> Answer[Listing]:
        """What a listing without rows means. Only three texts mean "none"."""
        # Whole lines: the loader also says "No such file or directory" of a missing library.
        said = done.stderr[-1] if done.stderr and done.returncode == 1 else ""
        if said == "no current target":
            return Listing(server=None, sessions={})  # alive with no session (exit-empty off)
        if said in {
            f"no server running on {socket}",
            f"error connecting to {socket} (No such file or directory)",
        }:
            return _doubt(socket)
        why = " ".join(done.stderr)[-200:] or f"no rows, exit status {done.returncode}"
        return Unknown(f"tmux on {socket}: {why}")

    def _read(self, socket: str, lines: list[str], end: str) -> Answer[Listing]:
        *rows, last_line = lines
        if last_line != end:
            return Unknown(f"tmux on {socket} printed a listing that is cut short, or an older one")
        last = self._last.get(socket)
        if last and last[0] == rows:
            return last[1]
        try:
            listing = _listing(socket, "\n".join(rows).split(self._mark)[1:])
        except (ValueError, OverflowError, OSError) as error:
            return Unknown(f"tmux on {socket} printed a row that cannot be read: {error}")
        self._last[socket] = (rows, listing)
        return listing


def _begin(call: Callable[[], tmux_cmd]) -> Future[tmux_cmd]:
    """Runs a call in a thread that does not keep the program from ending, as a pool's would."""
    answer: Future[tmux_cmd] = Future()

    def run() -> None:
        try:
            answer.set_result(call())
        except BaseException as error:  # noqa: BLE001 - raised again where the answer is asked for
            answer.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return answer


def _doubt(socket: str) -> Unknown | None:
    """None, unless something shows that a server may live behind a dead socket."""
    with contextlib.suppress(OSError):
        if not stat.S_ISSOCK(Path(socket).stat().st_mode):
            return Unknown(f"{socket} is not a socket (name another one with --tmux-socket)")
    if _listeners(socket):
        return Unknown(
            f"the tmux server of {socket} is alive, but its socket file was deleted; "
            "to have it make a new one, send that server SIGUSR1"
        )
    return None


def _listeners(socket: str) -> int:
    """How many living servers are bound to this path; Linux keeps a deleted one listed."""
    try:
        table = _UNIX_SOCKETS.read_text("utf-8", "replace")
    except OSError:
        return 0
    listening = "00010000"  # __SO_ACCEPTCON: a server's socket, not one of its connections
    rows = (line.split(maxsplit=7) for line in table.splitlines()[1:])
    bound = [row[7] for row in rows if len(row) == 8 and row[3] == listening]  # noqa: PLR2004
    folder, name = os.path.split(socket)
    namesakes = [path for path in bound if path.endswith(f"/{name}")]
    # The file itself may be gone; its folder is what either side may have reached by a link.
    real = os.path.realpath(folder)
    return sum(os.path.realpath(path.removesuffix(f"/{name}")) == real for path in namesakes)


def _listing(socket: str, parts: list[str]) -> Listing:
    """Groups rows of (numbers, name, directory) into sessions; ValueError when one is off."""
    if not parts or len(parts) % 3:
        message = "it is cut short"
        raise ValueError(message)
    servers: set[tuple[str, str]] = set()
    sessions: dict[SessionName, tuple[str, str, list[Pane]]] = {}
    for numbers, name, directory in zip(parts[::3], parts[1::3], parts[2::3], strict=True):
        pid, started, created, pane_id, pane_pid, dead, status, signal = numbers.split("|")
        servers.add((pid, started))
        if SessionName(name) not in sessions:
            sessions[SessionName(name)] = (created, directory.removesuffix("\n"), [])
        pane = Pane(
            pane_id=pane_id,
            pid=int(pane_pid),
            dead=dead == "1",
            # An empty pane_dead_status is not 0: killed, or tmux has not reaped it yet.
            exit_status=int(status) if status else None,
            exit_signal=int(signal) if signal else None,
        )
        sessions[SessionName(name)][2].append(pane)
    ((pid, started),) = servers
    return Listing(
        server=Server(pid=int(pid), started_at=_time(started)),
        sessions={
            name: Session(
                name=name,
                socket=socket,
                created_at=_time(created),
                directory=directory,
                panes=tuple(panes),
            )
            for name, (created, directory, panes) in sessions.items()
        },
    )


def _time(epoch: str) -> datetime:
    return datetime.fromtimestamp(int(epoch), UTC)
