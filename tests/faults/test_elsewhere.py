"""Two hosts watch one registry, while sessions are renamed, moved, restarted, and servers end.

The law: no entry is written `terminated` while its agent's pane lives, wherever that is, and
nobody writes an entry of another host. Real tmux servers and processes; the hosts are two names
for this one, each with servers of its own.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest

import fences
import handwriting
import registries
import shards
from fleet import Fleet
from kanban_worker import config
from kanban_worker.tick import Monitor, now
from reconcile import names

SEED = int(os.environ.get("SEED", "1"))
LIVES, STEPS = 4, 250
NAMES = tuple(f"lab-{one}-creator-claude" for one in ("api", "docs", "web", "tools"))
HOSTS: Mapping[str, tuple[str, ...]] = {"home": ("a", "b"), "away": ("c",)}
"""The servers of each host; `home` is the first to watch."""
PACE = timedelta(seconds=30)
SHOWN = {"A", "B", "P", "RENAMED", "not judged here"}
"""What the lives have to show together, or they prove little."""

Figure = Callable[[str, str], None]


@dataclass
class Pane:
    """An agent's pane, followed by its process wherever it goes."""

    server: str
    id: str
    process: psutil.Process

    @property
    def lives(self) -> bool:
        return not fences.has_ended(self.process)


@dataclass
class Life:
    """Two hosts and a registry, and which pane each entry is of."""

    home: Path
    fleets: Mapping[str, Fleet]
    chance: random.Random
    at: datetime = field(default_factory=now)
    panes: list[Pane] = field(default_factory=list)
    owned: dict[str, Pane] = field(default_factory=dict)
    hidden: set[str] = field(default_factory=set)
    """The servers whose socket is away for a while."""
    shown: Counter[str] = field(default_factory=Counter)
    monitors: dict[str, Monitor] = field(init=False)

    def __post_init__(self) -> None:
        self.registry = self.home / "board/agent-sessions.yaml"
        self.registry.parent.mkdir(parents=True)
        self.registry.write_text(f"{handwriting.HEAD}  - name: none\n    status: kept\n")
        self._age()
        self.program = self.home / "bin/claude"
        self.program.parent.mkdir(parents=True)
        self.program.symlink_to(str(shutil.which("sleep")))
        self.monitors = {host: self._monitor(host) for host in HOSTS}

    def _monitor(self, host: str) -> Monitor:
        environ = {"AGENT_SESSIONS_REGISTRY": str(self.registry), "AGENT_SESSIONS_HOST": host}
        settings = config.from_environment({**os.environ, **environ}, self.home)
        sockets = tuple(str(self.fleets[each].socket) for each in HOSTS[host])
        return Monitor(replace(settings, sockets=sockets), clock=lambda: self.at)

    def _age(self) -> None:
        at = (self.at - PACE).timestamp()
        os.utime(self.registry, (at, at))

    # What happens. ------------------------------------------------------------------------------

    def acts(self) -> None:
        kinds = [*[self.starts] * 4, self.kills, self.renames, self.renames, self.moves]
        kinds += [self.splits, self.restarts, self.restarts, self.ends, self.hides, self.writes]
        self.chance.choice(kinds)()

    def starts(self) -> None:
        server, name = self.chance.choice(sorted(self.fleets)), self.chance.choice(NAMES)
        if server in self.hidden or name in self._sessions(server):
            return
        where = self.home / "lab" / name
        where.mkdir(parents=True, exist_ok=True)
        form = ("-P", "-F", "#{pane_id} #{pane_pid}")
        words = ("new-session", "-d", *form, "-x", "300", "-y", "100", "-s", name, "-c", str(where))
        shown = self.fleets[server].tmux(*words, "--", str(self.program), "86400")
        identity, pid = shown.split()
        self.panes.append(Pane(server, identity, psutil.Process(int(pid))))

    def kills(self) -> None:
        if pane := self._pane():
            tmux, session = self.fleets[pane.server].tmux, self._session_of(pane)
            ids = tmux("list-panes", "-s", "-t", session, "-F", "#{pane_id}").split()
            ending = [each.process for each in self._of(pane.server) if each.id in ids]
            if len(self._sessions(pane.server)) == 1:
                ending.append(self._server(pane.server))
            tmux("kill-session", "-t", session)
            fences.wait_for_end(ending)

    def renames(self) -> None:
        if pane := self._pane():
            free = [each for each in (*NAMES, "scratch") if each not in self._sessions(pane.server)]
            to = self.chance.choice(free) if free else "other"
            self.fleets[pane.server].tmux("rename-session", "-t", self._session_of(pane), to)

    def moves(self) -> None:
        """The pane goes into another session; its own ends if it was the last one there."""
        if pane := self._pane():
            own = self._session_of(pane)
            form = ("list-sessions", "-F", "#{session_id}")
            others = self.fleets[pane.server].tmux(*form).split()
            if targets := [each for each in others if each != own]:
                to = f"{self.chance.choice(targets)}:"
                with contextlib.suppress(RuntimeError):  # as below
                    self.fleets[pane.server].tmux("move-pane", "-d", "-s", pane.id, "-t", to)

    def splits(self) -> None:
        if pane := self._pane():
            words = ("split-window", "-d", "-t", pane.id, "--", "sleep", "86400")
            with contextlib.suppress(RuntimeError):  # no space for a new pane
                self.fleets[pane.server].tmux(*words)

    def restarts(self) -> None:
        """The agent is started again in its pane."""
        if pane := self._pane():
            words = ("respawn-pane", "-k", "-t", pane.id, "--", str(self.program), "86400")
            before = pane.process
            self.fleets[pane.server].tmux(*words)
            fences.wait_for_end([before])
            shown = ("display-message", "-p", "-t", pane.id, "#{pane_pid}")
            pane.process = psutil.Process(int(self.fleets[pane.server].tmux(*shown)))

    def ends(self) -> None:
        """A server is killed, and leaves its socket."""
        server = self.chance.choice(sorted(self.fleets))
        if self._of(server) and server not in self.hidden and self.chance.random() < 0.3:
            ending = [*(each.process for each in self._of(server)), self._server(server)]
            ending[-1].kill()
            fences.wait_for_end(ending)

    def hides(self) -> None:
        """Its socket is moved away, or put back."""
        server = self.chance.choice(sorted(self.fleets))
        socket = self.fleets[server].socket
        aside = socket.with_name("aside")
        if server in self.hidden:
            aside.rename(socket)
            self.hidden.remove(server)
        elif self._of(server):
            socket.rename(aside)
            self.hidden.add(server)

    def writes(self) -> None:
        """A person writes an entry that tells nothing but the name, and it is looked at."""
        entries = registries.entries(self.registry.read_bytes())
        for pane in self.panes:
            visible = pane.lives and pane.server in HOSTS["home"] and not self.hidden
            name = self._name_of(pane) if visible else ""
            if name in NAMES and name not in entries and pane not in self.owned.values():
                entry = handwriting.entry(name, {"agent": "claude", "status": "running"})
                self.registry.write_text(handwriting.append(self.registry.read_text(), entry))
                self._age()
                self.looks("home")
                return

    # Who looks. ---------------------------------------------------------------------------------

    def looks(self, host: str) -> None:
        """One look of one host, held against the law."""
        self.at += PACE
        if self.chance.random() < 0.1:
            self.monitors[host] = self._monitor(host)
        before = registries.entries(self.registry.read_bytes())
        tick = self.monitors[host].tick(dry_run=False)
        after = registries.entries(self.registry.read_bytes())
        assert not tick.troubles
        assert before.keys() <= after.keys()
        for each in tick.report.decisions:
            self.shown[each.drift.kind.value] += each.action.value == "updated"
        self.shown.update(each.notice.kind.name for each in tick.report.notes)
        self.shown["not judged here"] += len(tick.elsewhere)
        for name, entry in after.items():
            if entry != before.get(name):
                self._hold_to_law(host, name, before.get(name), entry)
        self._learn(host, after, tick.memory.sightings)

    def _hold_to_law(
        self, host: str, name: str, was: Mapping[str, Any] | None, entry: Mapping[str, Any]
    ) -> None:
        assert (was or entry).get("host", host) == host, f"{host} wrote {name} of another host"
        if was and (was["status"], entry["status"]) == ("running", "terminated"):
            owner = self.owned.pop(name, None)
            assert owner is None or not owner.lives, f"{host} wrote off {name}, which lives"
            recorded = int((was.get("pane") or {}).get("pid") or 0)
            mine = [each for each in self.panes if each.lives and each.server in HOSTS[host]]
            assert recorded not in {each.process.pid for each in mine}, name

    def _learn(self, host: str, entries: Mapping[str, Any], seen: Mapping[Any, Any]) -> None:
        """Which pane an entry is of: what its recorded pid says, else where it was seen."""
        for name, entry in entries.items():
            recorded = int((entry.get("pane") or {}).get("pid") or 0)
            sighting = seen.get(names.key(name))
            for pane in self.panes:
                here = pane.lives and pane.server in HOSTS[host] and entry["status"] == "running"
                told = recorded or (sighting.pane_pid if sighting and sighting.agent else 0)
                if here and told == pane.process.pid:
                    self.owned[name] = pane

    # tmux. --------------------------------------------------------------------------------------

    def _pane(self) -> Pane | None:
        found = [each for each in self.panes if each.lives and each.server not in self.hidden]
        return self.chance.choice(found) if found else None

    def _of(self, server: str) -> list[Pane]:
        return [each for each in self.panes if each.server == server and each.lives]

    def _server(self, server: str) -> psutil.Process:
        return psutil.Process(int(self.fleets[server].tmux("display-message", "-p", "#{pid}")))

    def _session_of(self, pane: Pane) -> str:
        words = ("display-message", "-p", "-t", pane.id, "#{session_id}")
        return self.fleets[pane.server].tmux(*words)

    def _name_of(self, pane: Pane) -> str:
        words = ("display-message", "-p", "-t", pane.id, "#{session_name}")
        return self.fleets[pane.server].tmux(*words)

    def _sessions(self, server: str) -> list[str]:
        fleet = self.fleets[server]
        if fences.server_at(fleet.socket) is None:
            return []
        return fleet.tmux("list-sessions", "-F", "#{session_name}").splitlines()


@pytest.mark.parametrize("number", range(LIVES))
def test_no_living_session_is_ever_written_off_from_anywhere(
    number: int, figure: Figure, tmp_path_factory: pytest.TempPathFactory, worker_id: str
) -> None:
    chance = random.Random(SEED * 1000 + number)  # noqa: S311 - the same again for the same seed
    with fences.raised() as fence, contextlib.ExitStack() as stack:
        fleets = {each: stack.enter_context(Fleet(fence.tmux / each)) for each in "abc"}
        life = Life(fence.home, fleets, chance)
        life.looks("home")
        for _ in range(STEPS):
            life.acts()
            if chance.random() < 0.6:
                life.looks(chance.choice(("home", "home", "away")))
        for server in sorted(life.hidden):
            fleets[server].socket.with_name("aside").rename(fleets[server].socket)

    folder = shards.common(tmp_path_factory, worker_id, "elsewhere")
    counted = {"steps": STEPS, **life.shown}
    if total := shards.summed(folder, number, LIVES, counted):
        assert {each for each in total if total[each]} >= SHOWN
        text = f"{total['steps']} steps in {LIVES} lives of 2 hosts and 3 servers"
        figure("elsewhere", f"{text}: {total['A']} deaths written, 0 of a living session")
