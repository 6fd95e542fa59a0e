"""One tmux server with its sessions, and what the agents in their panes do.

The server, its sessions, their processes and all files are real. The agents are `sleep` under
the name `claude`; what Claude Code would have written is written for them. Every method returns
when what it does has taken place, so that a look afterwards sees it.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import signal
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import psutil

import claudes
import fences
import procfs
from claudes import Claudes
from fleet import WRAPPER, Fleet
from sight import Pane, Shown
from waiting import retry_until

PATIENCE = 20
"""Seconds; two shared cores may be busy."""
_MADE = "#{pane_id}|#{pane_pid}|#{pid}"
_ROW = (
    "#{session_id}|#{session_name}|#{session_created}|#{session_path}|#{pane_id}"
    "|#{pane_dead}|#{pane_dead_status}|#{pane_dead_signal}"
)


@dataclass(slots=True)
class Server:
    """A tmux server, which runs as long as it has a session."""

    fleet: Fleet
    home: Path
    files: Claudes
    clock: Callable[[], datetime]
    """What the test's clock shows."""
    sessions: dict[str, Shown] = field(default_factory=dict)
    """By the name that tmux gives them."""
    process: psutil.Process | None = None
    _panes: dict[str, Pane] = field(default_factory=dict)
    _folders: itertools.count[int] = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        """Make the agents' program."""
        self._program.parent.mkdir(parents=True, exist_ok=True)
        if not self._program.is_symlink():
            self._program.symlink_to(str(shutil.which("sleep")))

    @property
    def _program(self) -> Path:
        return self.home / "bin/claude"

    @property
    def socket(self) -> str:
        """Its path."""
        return str(self.fleet.socket)

    # tmux. --------------------------------------------------------------------------------------

    def start(self, name: str, *, wrapped: bool, names_itself: bool) -> None:
        """Start a session; one that is not wrapped leaves a dead pane when its agent ends.

        An agent that does not name its conversation gets a directory of its own: there only it
        can have begun what is found.
        """
        own = f"{name}-{next(self._folders)}{self.fleet.socket.name}"
        where = self.home / "lab" / (name if names_itself else own)
        where.mkdir(parents=True, exist_ok=True)
        size = ("-x", "200", "-y", "200")
        made = self.fleet.tmux(
            *("new-session", "-d", "-P", "-F", _MADE, *size, "-s", name, "-c", str(where), "--"),
            *self._command(wrapped=wrapped),
            *(";", "set-option", "-g", "-w", "remain-on-exit", "on"),
        )
        pane, pid, server = made.split("|")
        self.process = self.process or psutil.Process(int(server))
        self._run(pane, int(pid), str(where), wrapped=wrapped, names_itself=names_itself)
        self._read()

    def kill(self, name: str) -> None:
        """Kill a session; the server goes with its last one."""
        self._change("kill-session", "-t", self.sessions[name].id)

    def kill_server(self) -> None:
        """Kill the server with SIGKILL: its socket stays."""
        assert self.process
        self.process.kill()
        self._end(list(self._panes))

    def rename(self, name: str, to: str) -> None:
        """Give a session another name."""
        self.fleet.rename(name, to)
        self._read()

    def split(self, pane: Pane, *, wrapped: bool | None) -> None:
        """A pane beside another one: with an agent, or with a bare shell where it is None.

        It works in another directory: what is begun where an agent that does not name its
        conversation works could be that one's.
        """
        where = str(self.home / "lab/beside")
        Path(where).mkdir(parents=True, exist_ok=True)
        command = ["env", "sh"] if wrapped is None else self._command(wrapped=wrapped)
        asked = ("split-window", "-d", "-P", "-F", _MADE, "-t", pane.id, "-c", where, "--")
        made, pid, _ = self.fleet.tmux(*asked, *command).split("|")
        if wrapped is None:
            bare = Pane(id=made, pid=int(pid), directory=where, wrapped=True)
            self._panes[made] = bare
            _until(lambda: _is_bare(bare.pid), "a bare shell")
        else:
            self._run(made, int(pid), where, wrapped=wrapped, names_itself=True)
        self._read()

    def kill_pane(self, pane: Pane) -> None:
        """Kill a pane; its session goes with the last one."""
        self._change("kill-pane", "-t", pane.id)

    def move(self, pane: Pane, to: Shown) -> None:
        """Put a pane into another session; its own goes with its last one."""
        self._change("move-pane", "-d", "-s", pane.id, "-t", f"{to.id}:")

    def link(self, pane: Pane, to: Shown) -> None:
        """Show the window of a pane in another session as well."""
        self._change("link-window", "-d", "-s", pane.id, "-t", f"{to.id}:")

    def exit(self, pane: Pane, sig: int) -> None:
        """End an agent: its wrapper's shell remains, or else a dead pane."""
        assert pane.agent
        os.kill(pane.agent, sig)
        if sig != signal.SIGKILL:
            self.files.tidy(pane.agent)
        if pane.wrapped:
            _until(lambda: _is_bare(pane.pid), "a bare shell")
        else:
            _until(lambda: self._how_it_ended(pane.id), "a dead pane")
            with contextlib.suppress(TimeoutError):  # tmux 3.3a tells how some ms later, or never
                retry_until(lambda: self._is_told(pane.id), seconds=1, pause=0.001)
        self._panes[pane.id] = replace(pane, agent=None, held=None, past=(), begun=())
        self._read()

    def run_again(self, pane: Pane) -> None:
        """Start the agent from the shell that it left."""
        self.fleet.tmux("send-keys", "-t", pane.id, f"{self._program} 86400", "Enter")
        self._panes[pane.id] = replace(pane, agent=self._agent_in(pane.pid, wrapped=True))
        self.hold(self._panes[pane.id], str(uuid.uuid4()))

    def restart(self, pane: Pane) -> None:
        """Start the agent anew in its pane, whatever runs there now."""
        ending = list(self._processes(pane))
        command = self._command(wrapped=pane.wrapped)
        where = pane.directory
        self.fleet.tmux("respawn-pane", "-k", "-t", pane.id, "-c", where, "--", *command)
        _until(lambda: all(map(fences.has_ended, ending)), f"the end of {ending}")
        pid = int(self.fleet.tmux("display-message", "-p", "-t", pane.id, "#{pane_pid}"))
        self._run(pane.id, pid, where, wrapped=pane.wrapped, names_itself=True)
        self._read()

    # The agents. --------------------------------------------------------------------------------

    def hold(self, pane: Pane, conversation: str) -> None:
        """The agent names a conversation in its pid file, as after a start or a resume."""
        assert pane.agent
        self.files.name(pane.agent, pane.directory, conversation, self.clock())
        past = (*pane.past, self._left(pane.held)) if pane.held else pane.past
        self._put(replace(pane, past=past, held=conversation))

    def prompt(self, pane: Pane) -> None:
        """A prompt: with the first one the transcript appears."""
        self._say(pane, pane.held or [str(uuid.uuid4()), *pane.begun][-1], "hello")

    def clear(self, pane: Pane) -> None:
        """`/clear`: the same process has another conversation, which is on disk at once."""
        new = str(uuid.uuid4())
        if pane.held:
            self.hold(pane, new)
        else:
            self._put(replace(pane, past=(*pane.past, self._left(["", *pane.begun][-1]))))
        self._say(self._panes[pane.id], new, claudes.CLEAR)

    def forget(self) -> None:
        """Its agents hold nothing, and never did."""
        for pane in self._panes.values():
            self._panes[pane.id] = replace(pane, held=None, past=(), begun=())
        self._show()

    def _say(self, pane: Pane, conversation: str, said: str) -> None:
        self.files.say(conversation, pane.directory, said, self.clock(), named=bool(pane.held))
        if not pane.held and conversation not in pane.begun:
            self._put(replace(pane, begun=(*pane.begun, conversation)))

    def _left(self, conversation: str) -> tuple[str, tuple[datetime, datetime]]:
        return conversation, (self.clock(), datetime.now(UTC))

    # What there is. -----------------------------------------------------------------------------

    def look(self) -> None:
        """See again how a pane ended, where tmux did not tell at first."""
        if any(pane.ended == "unknown" for pane in self._panes.values()):
            self._read()

    def _put(self, pane: Pane) -> None:
        self._panes[pane.id] = pane
        self._show()

    def _show(self) -> None:
        for name, shown in self.sessions.items():
            panes = tuple(self._panes[each.id] for each in shown.panes)
            self.sessions[name] = replace(shown, panes=panes)

    def _read(self) -> None:
        """Which sessions there are, and which panes they show: as tmux itself tells."""
        listed: dict[str, tuple[list[str], dict[str, None]]] = {}
        for row in self.fleet.tmux("list-panes", "-a", "-F", _ROW).splitlines():
            *about, pane, dead, status, sig = row.split("|")
            listed.setdefault(about[1], (about, {}))[1][pane] = None
            self._panes[pane] = replace(self._panes[pane], ended=_how(dead, status, sig))
        self.sessions = {
            name: Shown(
                socket=self.socket,
                id=about[0],
                name=name,
                created_at=datetime.fromtimestamp(int(about[2]), UTC),
                directory=about[3],
                panes=tuple(self._panes[each] for each in panes),
            )
            for name, (about, panes) in listed.items()
        }

    def _change(self, *command: str) -> None:
        """A command that may end panes, and with the last one the server.

        Raises RuntimeError: tmux refused.
        """
        before = set(self._panes)
        self.fleet.tmux(*command)
        try:
            left = set(self.fleet.tmux("list-panes", "-a", "-F", "#{pane_id}").split())
        except RuntimeError:  # the server has ended, or is about to
            left = set()
        self._end(sorted(before - left))
        if left:
            self._read()

    def _end(self, panes: list[str]) -> None:
        """The processes of these panes have to end, by SIGHUP: an agent cleanly."""
        ending = [one for each in panes for one in self._processes(self._panes.pop(each))]
        if not self._panes and self.process:
            ending.append(self.process)
            self.process = None
            self.sessions.clear()
        _until(lambda: all(map(fences.has_ended, ending)), f"the end of {ending}")

    def _processes(self, pane: Pane) -> Iterator[psutil.Process]:
        for pid in {pane.pid, pane.agent or pane.pid}:
            with contextlib.suppress(psutil.NoSuchProcess):
                yield psutil.Process(pid)
        if pane.agent:
            self.files.tidy(pane.agent)

    # Starting and waiting. ----------------------------------------------------------------------

    def _command(self, *, wrapped: bool) -> list[str]:
        return [*(WRAPPER if wrapped else ()), str(self._program), "86400"]

    def _run(self, pane: str, pid: int, where: str, *, wrapped: bool, names_itself: bool) -> None:
        """What was started in a pane has begun."""
        agent = self._agent_in(pid, wrapped=wrapped)
        made = Pane(id=pane, pid=pid, directory=where, wrapped=wrapped, agent=agent)
        self._panes[pane] = made
        if names_itself:
            self.hold(made, str(uuid.uuid4()))

    def _agent_in(self, pid: int, *, wrapped: bool) -> int:
        def found() -> int | None:
            here = procfs.children(pid) if wrapped else [pid]
            ours = [each for each in here if procfs.words(each)[:1] == [str(self._program)]]
            return ours[0] if ours else None

        return retry_until(found, seconds=PATIENCE, pause=0.001, what="an agent") or 0

    def _is_told(self, pane: str) -> bool:
        return self._how_it_ended(pane) != "unknown"

    def _how_it_ended(self, pane: str) -> str:
        """Empty while it lives."""
        row = self.fleet.tmux("display-message", "-p", "-t", pane, _ROW)
        return _how(*row.split("|")[-3:])


def _how(dead: str, status: str, sig: str) -> str:
    if sig:
        return f"pane-killed ({sig})"
    return f"pane-exited ({status})" if status else "unknown" * int(dead or 0)


def _is_bare(pid: int) -> bool:
    return procfs.words(pid) == ["sh"] and not procfs.children(pid)


def _until(holds: Callable[[], object], what: str) -> None:
    retry_until(holds, seconds=PATIENCE, pause=0.001, what=what)
