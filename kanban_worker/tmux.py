"""Lists tmux servers: one forked `list-panes -a` per socket and tick, never a target by name.

tmux answers exit status 1 to at least five different situations, so a listing is believed
only when it succeeded, and "no server" only when nothing contradicts it.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import stat
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from kanban_worker import tmux_rows, unix_sockets
from kanban_worker.agents.shape import Shown
from kanban_worker.tmux_calls import Calls
from reconcile.observed import Answer, Listing, Unknown

if TYPE_CHECKING:
    from libtmux.common import tmux_cmd

DEADLINE = 5.0
"""Seconds that one listing may take. A stopped server (SIGSTOP) never answers."""

_VERSION = re.compile(r"[\w.-]{0,40}")
_PANES_A_CALL = 100
"""Whose text one call asks for: a client's words may be 16 KiB together (MAX_IMSGSIZE)."""


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
    """Looks at tmux servers."""

    def __init__(
        self,
        sockets: Sequence[str] = (),
        *,
        tmux_bin: str | None = None,
        deadline: float = DEADLINE,
    ) -> None:
        """`sockets` are the paths to ask where a look names none, by default tmux's own default.

        `deadline` is in seconds, for each call.
        """
        self.sockets = tuple(sockets) or (socket_path(None, os.environ),)
        self._calls = Calls(tmux_bin=tmux_bin, deadline=deadline)
        self._mark = self._calls.mark
        self._looks = itertools.count(1)
        self._last: dict[str, tuple[list[str], Listing]] = {}

    def look(self, sockets: Iterable[str] | None = None) -> dict[str, Answer[Listing]]:
        """Each socket's listing; None where certainly no server runs."""
        asked = self._asked(sockets)
        self._last = {socket: self._last[socket] for socket in asked if socket in self._last}
        return {socket: self._list(socket) for socket in asked}

    def shown(
        self, panes: Iterable[tuple[str, str]], *, text: bool
    ) -> Mapping[tuple[str, str], Shown]:
        """What panes show, each given and found by (socket path, pane id).

        A pane that has just vanished, or whose server gives no whole answer, is not there. The
        title is cut at 1 KiB, the text at 64 KiB; control characters are left as they are.
        """
        wanted: dict[str, set[str]] = {}
        for socket, pane_id in panes:
            wanted.setdefault(socket, set()).add(pane_id)
        found: dict[tuple[str, str], Shown] = {}
        for socket, ids in wanted.items():
            ordered, size = sorted(ids), _PANES_A_CALL if text else len(ids)
            for first in range(0, len(ordered), size):
                some = ordered[first : first + size]
                answer = self._show(socket, some, text=text)
                found |= {(socket, each): answer[each] for each in some if each in answer}
        return found

    def rivals(self, sockets: Iterable[str] | None = None) -> frozenset[str]:
        """The sockets whose path more than one living server is bound to (Linux only).

        A server whose socket file was deleted lives on, out of reach, while another one
        starts at the same path: what that listing lacks may well be alive in the other.
        """
        bound = unix_sockets.listening()
        asked = self._asked(sockets)
        return frozenset(one for one in asked if unix_sockets.count_at(one, bound) > 1)

    def left_behind(self, sockets: Iterable[str] | None = None) -> frozenset[str]:
        """The sockets whose file is there; tmux leaves it where it is when its server ends."""
        return frozenset(socket for socket in self._asked(sockets) if Path(socket).exists())

    def _asked(self, sockets: Iterable[str] | None) -> Sequence[str]:
        return self.sockets if sockets is None else tuple(dict.fromkeys(sockets))

    def _list(self, socket: str) -> Answer[Listing]:
        # A listing that was cut behind a row would lack sessions that live, and so would an answer
        # to an earlier look. So each ends in a word that only this look knows.
        end = f"{self._mark}end of look {next(self._looks)}"
        rows = ("list-panes", "-a", "-F", tmux_rows.template(self._mark))
        # The version stands there too: in each row it would be printed for each pane.
        last = ("display-message", "-p", f"#{{version}}{end}")
        done = self._calls.run(socket, *rows, ";", *last)
        if isinstance(done, Unknown):
            return done
        # What is on stderr beside an answer is not tmux's: the loader warns there, say.
        answered = done.stdout and not done.returncode
        return self._read(socket, done.stdout, end) if answered else _refusal(socket, done)

    def _read(self, socket: str, lines: list[str], end: str) -> Answer[Listing]:
        *rows, last_line = lines
        version = last_line.removesuffix(end)
        if version == last_line or not _VERSION.fullmatch(version):
            return Unknown(f"tmux on {socket} printed a listing that is cut short, or an older one")
        last = self._last.get(socket)
        if last and last[0] == rows:
            return last[1]
        try:
            listing = tmux_rows.listing(socket, "\n".join(rows), self._mark, version)
        except (ValueError, OverflowError, OSError) as error:
            return Unknown(f"tmux on {socket} printed a row that cannot be read: {error}")
        self._last[socket] = (rows, listing)
        return listing

    def _show(self, socket: str, panes: Sequence[str], *, text: bool) -> Mapping[str, Shown]:
        # A mark for this call alone: a pane may show what an earlier call was made with.
        mark = f"{self._mark}{os.urandom(8).hex()}@"
        words = ["list-panes", "-a", "-F", f"{mark}t#{{pane_id}}|#{{pane_title}}"]
        # No `%` in what display-message prints: it would be a part of the date.
        words += [";", "display-message", "-p", f"{mark}b|"]
        for pane in panes if text else ():
            # In a list of its own (if-shell), for a failure ends the list that it happens in.
            line = f'capture-pane -p -t {pane} ; display-message -p "{mark}c{pane[1:]}|"'
            words += [";", "if-shell", "-F", "1", line]
        done = self._calls.run(socket, *words, ";", "display-message", "-p", f"{mark}end")
        if isinstance(done, Unknown) or not done.stdout or done.stdout[-1] != f"{mark}end":
            return {}
        return tmux_rows.shown("\n".join(done.stdout), mark, text=text)


def _refusal(socket: str, done: tmux_cmd) -> Answer[Listing]:
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


def _doubt(socket: str) -> Unknown | None:
    """None, unless something shows that a server may live behind a dead socket."""
    with contextlib.suppress(OSError):
        if not stat.S_ISSOCK(Path(socket).stat().st_mode):
            return Unknown(f"{socket} is not a socket (name another one with --tmux-socket)")
    if unix_sockets.count_at(socket, unix_sockets.listening()):
        return Unknown(
            f"the tmux server of {socket} is alive, but its socket file was deleted; "
            "to have it make a new one, send that server SIGUSR1"
        )
    return None
