"""What happens around a monitor: sessions come and go, agents talk, a person edits.

The tmux server, its sessions, their processes and all files are real. The agents are `sleep`
under the name `claude`; what Claude Code would have written is written for them. Every method
returns when what it does has taken place, so that a look afterwards sees it.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import os
import shutil
import signal
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import psutil

import claudes
import fences
import handwriting
import procfs
import registries
from claudes import Claudes
from fleet import WRAPPER, Fleet
from sight import Entry, Shown, Sight, as_tmux
from waiting import retry_until

PATIENCE = 20
"""Seconds; two shared cores may be busy."""
_CREATED = "#{pane_pid}|#{session_created}|#{pid}|#{session_name}"
_DEAD = "#{pane_dead}|#{pane_dead_status}|#{pane_dead_signal}"


@dataclass(frozen=True, slots=True)
class Boot:
    """Which boot of the host it is."""

    id: str
    at: datetime


@dataclass(slots=True)
class Life:
    """A tmux server, agents' files and a registry, and all that is true of them."""

    fleet: Fleet
    home: Path
    registry: Path
    boot: Boot
    at: datetime
    """What the clock shows."""
    sessions: dict[str, Shown] = field(default_factory=dict)
    server: psutil.Process | None = None
    lost: bool = False
    """Whether an entry was taken out since the last tick."""
    files: Claudes = field(init=False)
    _wrapped: set[int] = field(default_factory=set)
    """The pids of the shells that an agent leaves behind."""
    _folders: itertools.count[int] = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        """Make the agents' program, and the home that they work in."""
        self.files = Claudes(self.home)
        self._program.parent.mkdir(parents=True, exist_ok=True)
        self._program.symlink_to(str(shutil.which("sleep")))

    @property
    def _program(self) -> Path:
        return self.fleet.folder / "bin/claude"

    # What a tick can see of it. -----------------------------------------------------------------

    @property
    def entries(self) -> dict[str, Entry]:
        """The registry's data, by name."""
        return {name: _data(block) for name, block in handwriting.entries(self.text).items()}

    def sight(self) -> Sight:
        """All of it as it is now."""
        for name, shown in self.sessions.items():
            if shown.ended == "unknown":  # tmux may tell a pane's exit status late, or never
                self.sessions[name] = replace(shown, ended=self._how_it_ended(name))
        living = [each.pid for each in self.sessions.values() if not each.ended]
        living += [each.agent for each in self.sessions.values() if each.agent]
        return Sight(
            at=self.at,
            home=str(self.home),
            boot=self.boot.id,
            boot_at=self.boot.at,
            server=self.server.pid if self.server else None,
            server_at=procfs.started(self.server.pid)[0] if self.server else None,
            socket_left=self.fleet.socket.exists() and self.server is None,
            sessions=dict(self.sessions),
            living={pid: procfs.started(pid) for pid in living},
            on_disk=self.files.on_disk,
            entries=self.entries,
            saved_at=datetime.fromtimestamp(self.registry.stat().st_mtime, UTC),
        )

    # tmux. --------------------------------------------------------------------------------------

    def start(self, name: str, *, wrapped: bool, names_itself: bool) -> None:
        """Start a session; one that is not wrapped leaves a dead pane when its agent ends.

        An agent that does not name its conversation gets a directory of its own: there only it
        can have begun what is found.
        """
        where = self.home / "lab" / (name if names_itself else f"{name}-{next(self._folders)}")
        where.mkdir(parents=True, exist_ok=True)
        command = [*(WRAPPER if wrapped else ()), str(self._program), "86400"]
        made = self.fleet.tmux(
            *("new-session", "-d", "-P", "-F", _CREATED, "-s", name, "-c", str(where), "--"),
            *(*command, ";", "set-option", "-w", "-t", f"={as_tmux(name)}:"),
            *("remain-on-exit", "on"),
        )
        pid, created, server, shown_name = made.split("|")
        self.server = self.server or psutil.Process(int(server))
        self.sessions[shown_name] = Shown(
            name=shown_name,
            created_at=datetime.fromtimestamp(int(created), UTC),
            directory=str(where),
            pid=int(pid),
            agent=self._agent_in(int(pid), wrapped=wrapped),
        )
        self._wrapped |= {int(pid)} if wrapped else set()
        if names_itself:
            self.hold(shown_name, str(uuid.uuid4()))

    def kill(self, name: str) -> None:
        """Kill a session; the server goes with its last one."""
        ending = self._ending([self.sessions.pop(name)])
        self.fleet.tmux("kill-session", "-t", f"={name}")
        if self.server and not self.sessions:
            ending.append(self.server)
            self.server = None
        _wait_for_end(ending)

    def kill_server(self) -> None:
        """Kill the server with SIGKILL: its socket stays."""
        assert self.server
        ending = [*self._ending(list(self.sessions.values())), self.server]
        self.server.kill()
        self.server = None
        self.sessions.clear()
        _wait_for_end(ending)

    def reboot(self, *, clean: bool) -> None:
        """Nothing runs any more; a clean /tmp has lost the socket."""
        if self.server:
            self.kill_server()
        if clean:
            self.fleet.socket.unlink(missing_ok=True)
        self.boot = Boot(id=str(uuid.uuid4()), at=datetime.now(UTC))

    def rename(self, name: str, to: str) -> None:
        """Give a session another name."""
        self.fleet.rename(name, to)
        self.sessions[as_tmux(to)] = replace(self.sessions.pop(name), name=as_tmux(to))

    def exit(self, name: str, sig: int) -> None:
        """End the agent: its wrapper's shell remains, or else a dead pane."""
        shown = self.sessions[name]
        assert shown.agent
        os.kill(shown.agent, sig)
        if sig != signal.SIGKILL:
            self.files.tidy(shown.agent)
        how = ""
        if shown.pid in self._wrapped:
            _until(lambda: _is_bare(shown.pid), "a bare shell")
        else:
            how = self._dead_pane(name)
        self.sessions[name] = replace(shown, agent=None, held=None, past=(), begun=(), ended=how)

    def run_again(self, name: str) -> None:
        """Start the agent from the shell that it left."""
        shown = self.sessions[name]
        self.fleet.tmux("send-keys", "-t", f"={name}:", f"{self._program} 86400", "Enter")
        self.sessions[name] = replace(shown, agent=self._agent_in(shown.pid, wrapped=True))
        self.hold(name, str(uuid.uuid4()))

    # The agents. --------------------------------------------------------------------------------

    def hold(self, name: str, conversation: str) -> None:
        """The agent names a conversation in its pid file, as after a start or a resume."""
        shown = self.sessions[name]
        assert shown.agent
        self.files.name(shown.agent, shown.directory, conversation, self.at)
        if shown.held:
            self._leave(name, shown.held)
        self.sessions[name] = replace(self.sessions[name], held=conversation)

    def prompt(self, name: str) -> None:
        """A prompt: with the first one the transcript appears."""
        shown = self.sessions[name]
        self._say(name, shown.held or [str(uuid.uuid4()), *shown.begun][-1], "hello")

    def clear(self, name: str) -> None:
        """`/clear`: the same process has another conversation, which is on disk at once."""
        shown, new = self.sessions[name], str(uuid.uuid4())
        if shown.held:
            self.hold(name, new)
        else:
            self._leave(name, ["", *shown.begun][-1])
        self._say(name, new, claudes.CLEAR)

    def _say(self, name: str, conversation: str, said: str) -> None:
        shown = self.sessions[name]
        self.files.say(conversation, shown.directory, said, self.at)
        if not shown.held and conversation not in shown.begun:
            self.sessions[name] = replace(shown, begun=(*shown.begun, conversation))

    def _leave(self, name: str, conversation: str) -> None:
        shown, left = self.sessions[name], (conversation, (self.at, datetime.now(UTC)))
        self.sessions[name] = replace(shown, past=(*shown.past, left))

    # A person's hand. ---------------------------------------------------------------------------

    @property
    def text(self) -> str:
        """The registry as it stands."""
        return self.registry.read_text("utf-8")

    def save(self, text: str, *, age: float) -> None:
        """Save the registry, so many seconds ago."""
        self.registry.write_text(text, "utf-8")
        at = (self.at - timedelta(seconds=age)).timestamp()
        os.utime(self.registry, (at, at))

    def entry(self, name: str, **others: str) -> str:
        """An entry as a person writes it, of the session with that name if there is one."""
        shown = self.sessions.get(as_tmux(name))
        keys = {"workspace": str(self.home / "lab" / name), "agent": "claude", "status": "running"}
        if shown:
            keys["workspace"] = shown.directory
            keys["created_at"] = shown.created_at.isoformat()
            keys["pane"] = f"{{pid: {shown.pid}, cmd: claude, cwd: {shown.directory}}}"
        return handwriting.entry(name, keys | others)

    # Waiting. -----------------------------------------------------------------------------------

    def _ending(self, sessions: list[Shown]) -> list[psutil.Process]:
        """Their processes, which end by SIGHUP: an agent cleanly."""
        found = []
        for shown in sessions:
            for pid in {shown.pid, shown.agent or shown.pid}:
                with contextlib.suppress(psutil.NoSuchProcess):
                    found.append(psutil.Process(pid))
            if shown.agent:
                self.files.tidy(shown.agent)
        return found

    def _agent_in(self, pid: int, *, wrapped: bool) -> int:
        def found() -> int | None:
            here = procfs.children(pid) if wrapped else [pid]
            ours = [each for each in here if procfs.words(each)[:1] == [str(self._program)]]
            return ours[0] if ours else None

        return retry_until(found, seconds=PATIENCE, pause=0.001, what="an agent") or 0

    def _dead_pane(self, name: str) -> str:
        """How its process ended. tmux 3.3a tells it some ms after the end, or never."""
        _until(lambda: self._how_it_ended(name), "a dead pane")
        with contextlib.suppress(TimeoutError):
            retry_until(lambda: self._how_it_ended(name) != "unknown", seconds=1, pause=0.001)
        return self._how_it_ended(name)

    def _how_it_ended(self, name: str) -> str:
        """Empty while a pane lives."""
        answer = self.fleet.tmux("list-panes", "-t", f"={name}:", "-F", _DEAD)
        dead, status, sig = answer.split("|")
        if sig:
            return f"pane-killed ({sig})"
        return f"pane-exited ({status})" if status else "unknown" * int(dead)


@functools.lru_cache(1000)
def _data(block: str) -> Entry:
    """Entry by entry, for a whole registry takes 50 ms."""
    (found,) = registries.loaded(f"sessions:\n{block}".encode())["sessions"]
    return cast("Entry", found)


def _is_bare(pid: int) -> bool:
    return procfs.words(pid) == ["sh"] and not procfs.children(pid)


def _until(holds: Callable[[], object], what: str) -> None:
    retry_until(holds, seconds=PATIENCE, pause=0.001, what=what)


def _wait_for_end(processes: list[psutil.Process]) -> None:
    _until(lambda: all(map(fences.has_ended, processes)), f"the end of {processes}")
