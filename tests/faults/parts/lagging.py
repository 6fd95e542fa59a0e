"""Old listings shown again: a look sees what tmux printed some looks ago, and all else as it is."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

import handwriting
import registries
from fleet import Fleet
from hours import Hours
from kanban_worker import config
from kanban_worker.tick import Monitor, Tick
from kanban_worker.tmux import DEADLINE, Tmux
from kanban_worker.tmux_calls import Calls
from reconcile.observed import Unknown
from waiting import retry_until

if TYPE_CHECKING:
    from libtmux.common import tmux_cmd

NONE = handwriting.HEAD.replace("sessions:\n", "sessions:\n  - name: none\n    status: kept\n")
"""A registry that is never empty."""


class Lagging(Calls):
    """Prints what tmux printed some calls ago, `lag()` tells how many."""

    def __init__(self, lag: Callable[[], int], *, proven: bool) -> None:
        """Unless it is `proven`, what proves that an answer is to this look is forged."""
        super().__init__(tmux_bin=None, deadline=DEADLINE)
        self.lag = lag
        self._proven = proven
        self._printed: list[tmux_cmd] = []

    def run(  # type: ignore[explicit-override] # 3.12 has override
        self, socket: str, *words: str
    ) -> tmux_cmd | Unknown:
        now = super().run(socket, *words)
        if isinstance(now, Unknown):
            return now
        self._printed.append(now)
        then = self._printed[max(len(self._printed) - 1 - self.lag(), 0)]
        if self._proven or not (now.stdout and then.stdout):
            return then
        shown = copy.copy(then)
        shown.stdout = [*then.stdout[:-1], now.stdout[-1]]
        return shown


def lagging(socket: Path, lag: Callable[[], int], *, proven: bool) -> Tmux:
    """A look at one server through such calls."""
    tmux = Tmux([str(socket)])
    tmux._calls = Lagging(lag, proven=proven)
    tmux._mark = tmux._calls.mark
    return tmux


@dataclass
class Viewer:
    """A monitor that sees too late, with a registry of its own, and what it did wrong."""

    name: str
    monitor: Monitor
    registry: Path
    updates: int = 0
    false_deaths: list[str] = field(default_factory=list)
    """Marked terminated while the session lived."""
    ghosts: list[str] = field(default_factory=list)
    """Registered while no such session lived."""
    reverts: list[str] = field(default_factory=list)
    """Changed otherwise, though a person wrote it."""

    def tick(self, living: set[str], panes: Mapping[str, str]) -> Tick:
        """Tick, and hold what it wrote against what is so."""
        text = self.registry.read_bytes()
        tick = self.monitor.tick(dry_run=False)
        if self.registry.read_bytes() == text:
            return tick
        before, after = registries.entries(text), registries.entries(self.registry.read_bytes())
        for name, entry in after.items():
            was = before.get(name)
            if was == entry:
                continue
            self.updates += 1
            if was is None:
                self.ghosts += [name] if name not in living else []
            elif (was["status"], entry["status"]) == ("running", "terminated"):
                self.false_deaths += [name] if name in living else []
            elif not _follows(was, entry, panes.get(name)):
                self.reverts.append(name)
        self.reverts += before.keys() - after.keys()
        return tick


def _follows(was: Mapping[str, Any], entry: Mapping[str, Any], pane: str | None) -> bool:
    """Whether nothing but pane and creation changed, to those of the session that lives now."""
    changed = {key for key in was.keys() | entry.keys() if was.get(key) != entry.get(key)}
    return changed <= {"pane", "created_at"} and str((entry.get("pane") or {}).get("pid")) == pane


class Stage:
    """A tmux server with its tools, and viewers whose registries the tools edit alike."""

    def __init__(self, fleet: Fleet, home: Path, hours: Hours) -> None:
        """A keeper keeps the server alive."""
        self.viewers: list[Viewer] = []
        self.living: set[str] = {"keeper"}
        self._panes: dict[str, str] = {}
        """The pids of the living sessions' panes."""
        self._fleet, self._home, self._hours = fleet, home, hours
        self._program = fleet.folder / "bin/claude"
        self._program.parent.mkdir(parents=True)
        self._program.symlink_to("/bin/sleep")
        fleet.start("keeper", agent="sleep")

    def view(self, name: str, lag: Callable[[], int], *, proven: bool) -> Viewer:
        """Let one more monitor look on."""
        registry = self._home / name / "agent-sessions.yaml"
        registry.parent.mkdir()
        registry.write_text(NONE)
        environ = {"AGENT_SESSIONS_REGISTRY": str(registry)}
        settings = config.from_environment({**os.environ, **environ}, self._home)
        settings = replace(settings, sockets=(str(self._fleet.socket),))
        monitor = Monitor(settings, clock=self._hours.clock)
        monitor.observer._tmux = lagging(self._fleet.socket, lag, proven=proven)
        viewer = Viewer(name=name, monitor=monitor, registry=registry)
        self.viewers.append(viewer)
        return viewer

    def tick(self) -> None:
        """Everybody looks once."""
        for viewer in self.viewers:
            viewer.tick(self.living, self._panes)

    # The tools. ---------------------------------------------------------------------------------

    def start(self, name: str) -> str:
        """Start a session without a word; its pane and creation as an entry has them."""
        where = self._home / "lab" / name
        where.mkdir(parents=True, exist_ok=True)
        command = ("env", f"HOME={self._home}", str(self._program), "86400")
        form = "#{pane_pid} #{session_created}"
        session = ("new-session", "-d", "-P", "-F", form, "-s", name, "-c", str(where))
        pid, created = self._fleet.tmux(*session, "--", *command).split()
        # Hours pass here in no time: no agent is still `env` by then.
        program, agent = str(self._program), psutil.Process(int(pid))
        retry_until(lambda: agent.cmdline()[:1] == [program], what="the agent")
        self.living.add(name)
        self._panes[name] = pid
        at = datetime.fromtimestamp(int(created), UTC).isoformat()
        return f"{{pid: {pid}, cmd: claude, cwd: {where}}}|{at}"

    def kill(self, name: str) -> None:
        """Kill a session without a word."""
        self.living.remove(name)
        del self._panes[name]
        self._fleet.kill(name)

    def rename(self, name: str, to: str) -> None:
        """Rename a session without a word."""
        self.living = self.living - {name} | {to}
        self._panes[to] = self._panes.pop(name)
        self._fleet.rename(name, to)

    def edit(self, change: Callable[[str], str]) -> None:
        """Save each registry with this change."""
        now = self._hours.clock().timestamp()
        for viewer in self.viewers:
            viewer.registry.write_text(change(viewer.registry.read_text()))
            os.utime(viewer.registry, (now, now))

    def write(self, name: str, pane: str, *, bare: bool) -> None:
        """Save each registry with a running entry for a session, in place of an earlier one."""
        pid, created = pane.split("|")
        keys = {"workspace": str(self._home / "lab" / name), "agent": "claude"}
        keys |= {"status": "running"} if bare else {"status": "running", "created_at": created}
        entry = handwriting.entry(name, keys | {"pane": "null" if bare else pid})
        self.edit(lambda text: handwriting.append(handwriting.remove(text, name), entry))
