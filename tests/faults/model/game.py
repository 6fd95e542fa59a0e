"""One life, lived beside monitors and oracles that have to agree after every tick."""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from unittest import mock

import handwriting
import steps
from fences import Fence
from kanban_worker import config, holders, unix_sockets
from kanban_worker.observe import servers
from kanban_worker.process_table import Table
from kanban_worker.tick import Monitor, now
from life import HERE, Host, Life
from locating import Seen
from oracle import Oracle
from sight import Entry, Sight, recorded_pid
from steps import Step
from verdicts import Finding, History, Key

Report = Any
"""A tick's report; what is looked at of it is what the card and the JSON report show."""


class DivergenceError(AssertionError):
    """Monitor and oracle do not agree."""


@dataclass(slots=True)
class Watch:
    """A monitor on one host, and who knows what it has to find."""

    host: Host
    life: Life
    oracle: Oracle = field(default_factory=Oracle)
    claimed: bool = False
    """Whether a person has said here that the registry lives on this host."""
    settings: config.Settings = field(init=False)
    monitor: Monitor = field(init=False)

    def __post_init__(self) -> None:
        """Let a first process watch."""
        environ = {
            **os.environ,
            **self.host.environ,
            "AGENT_SESSIONS_REGISTRY": str(self.life.registry),
            "AGENT_SESSIONS_HOST": self.host.name,
        }
        self.settings = config.from_environment(environ, self.host.home)
        self.hire()

    def hire(self) -> None:
        """A new process; it reads the boot of its host once."""
        self.monitor = Monitor(self.settings, clock=lambda: self.life.at)
        self.monitor.speak(lambda: None)
        observer, boot = self.monitor.observer, self.host.boot
        assert observer._boot
        observer._boot = replace(observer._boot, id=boot.id, at=boot.at)
        tmux, environ = str(self.host.tmux), self.settings.environ
        observer._servers = servers.Servers((), environ, base=tmux)

    def crash(self, *, ledger_lost: bool) -> None:
        """The process ends, and another one goes on."""
        if ledger_lost:
            for path in self.settings.places.cache.rglob("*.state"):
                path.unlink()
        self.oracle.crash(ledger_lost=ledger_lost)
        self.hire()

    @contextlib.contextmanager
    def alone(self, agents: Collection[int | None]) -> Iterator[None]:
        """This host has its own tmux servers and agents alone: all others are elsewhere."""
        here = f"{self.host.tmux}/"
        listening, of_processes = unix_sockets.listening, servers._of_processes
        pids = holders._pids

        def found(users: frozenset[int], table: Table) -> tuple[set[str], Mapping[str, Any]]:
            paths, unseen = of_processes(users, table)
            return {path for path in paths if path.startswith(here)}, unseen

        def bound() -> list[str]:
            return [path for path in listening() if path.startswith(here)]

        def ours(kind: str, table: Table) -> Iterator[int]:
            return (pid for pid in pids(kind, table) if pid in agents)

        with (
            mock.patch.object(os, "fsync"),  # no power is cut here, and it takes half of the time
            mock.patch.object(holders, "_pids", ours),
            mock.patch.object(unix_sockets, "listening", bound),
            mock.patch.object(servers, "_of_processes", found),
        ):
            yield


@dataclass(slots=True)
class Game:
    """A life, and who watches it."""

    life: Life
    watches: dict[str, Watch] = field(default_factory=dict)
    ticks: int = 0
    taken: int = 0
    """The steps that took place."""
    found: Counter[str] = field(default_factory=Counter)
    """How often each class or kind was found, and what came of it."""

    @classmethod
    def begun(cls, fence: Fence, hosts: Sequence[str] = (HERE,)) -> Game:
        """A life with nothing in it but a registry with one paused entry, on so many hosts."""
        registry = fence.home / "board/agent-sessions.yaml"
        registry.parent.mkdir(parents=True)
        life = Life(registry, now().replace(microsecond=0))
        for host in hosts:
            life.adds_host(host, fence.tmux / host)
        life.adds_server(life.hosts[HERE], "second")
        keeper = handwriting.entry(steps.KEEPER, {"status": "paused"})
        life.save(handwriting.HEAD + keeper, age=3600)
        game = cls(life)
        game.watches[HERE] = Watch(life.hosts[HERE], life)
        return game

    def play(self, step: Step) -> None:
        """Take a step. Raises DivergenceError."""
        kind, (which, where, _) = step.kind, step.numbers
        if kind in steps.THE_MONITORS:
            if not (watch := self._watch(where, away=kind.endswith("away"))):
                return
            match kind:
                case "crash":
                    watch.crash(ledger_lost=which % 2 > 0)
                case "reboot":
                    self.life.reboot(watch.host, clean=which % 2 > 0)
                    watch.crash(ledger_lost=False)
                case "check here":
                    watch.monitor.home.settle(self.life.at)
                    watch.claimed = True
                case _:
                    self.life.at += timedelta(seconds=step.gap)
                    self._tick(watch)
        elif not steps.take(self.life, step):
            return
        self.taken += 1

    def _watch(self, number: int, *, away: bool) -> Watch | None:
        """Home's monitor three times of four; the other host's comes later, if there is one."""
        others = [each for name, each in self.life.hosts.items() if name != HERE]
        if not away and (number % 4 or len(self.watches) == 1):
            return self.watches[HERE]
        if not others or not self.ticks:
            return None
        host = others[number % len(others)]
        if host.name not in self.watches:
            self.watches[host.name] = Watch(host, self.life)
        return self.watches[host.name]

    def _tick(self, watch: Watch) -> None:
        sight, text = self.life.sight(watch.host), self.life.text
        stamp = self.life.registry.stat()
        before = {each: dict(one.oracle.seen) for each, one in self.watches.items()}
        wanted = watch.oracle.tick(sight)

        with watch.alone({pane.agent for _, pane in sight.agents}):
            tick = watch.monitor.tick(dry_run=False)

        self.ticks += 1
        self.found.update(word for each in wanted for word in (each.key[0], each.action))
        watch.host.lost = False
        self._hold_to_law(sight, before)
        _same("troubles", [str(each) for each in tick.troubles], [])
        try:
            _same("findings", dict(_found(tick.report)), dict(_wanted(wanted)))
        except DivergenceError as error:
            facts = [f"  {each.key}: {each.fact}" for each in wanted]
            raise DivergenceError("\n".join([str(error), *_told(tick.report), *facts])) from None
        _same("said", _said(watch.monitor, tick.report), {each.key for each in wanted if each.said})
        written = [each for each in wanted if each.action == "updated"]
        _same("written", tick.report.registry_written, bool(written))
        watch.oracle.entries = entries = self.life.entries
        _compare(entries, sight, written)
        _compare_lines(self.life.text, text, written)
        if not written:
            seen = self.life.registry.stat()
            _same("the file", (seen.st_ino, seen.st_mtime_ns), (stamp.st_ino, stamp.st_mtime_ns))

    def _hold_to_law(self, sight: Sight, seen: Mapping[str, Mapping[str, Seen]]) -> None:
        """No entry is written off while its session lives, on whatever host it was seen.

        But a person's word outweighs another host: with `check --here` an entry that names no
        host is this one's, until the other one is seen to watch again.
        """
        watch = self.watches[sight.host]
        for name, entry in self.life.entries.items():
            was = sight.entries.get(name, {}).get("status"), entry.get("status")
            if was != ("running", "terminated"):
                continue
            claimed = watch.claimed and not sight.away() and entry.get("host") is None
            for host, known in seen.items():
                theirs = claimed and host != sight.host
                lives = name in known and self._lives(self.life.hosts[host], known[name], entry)
                if lives and not theirs:
                    raise DivergenceError(f"law\n  {name} is written off, and lives on {host}")

    def _lives(self, host: Host, seen: Seen, entry: Entry) -> bool:
        """Whether a session lives, by tmux's ids, unless it died with the agent's pane."""
        here = [each for each in host.servers if each.socket == seen.socket and each.process]
        if not here or here[0].process is None or here[0].process.pid != seen.server.pid:
            return False
        panes = [(shown, pane) for shown in here[0].sessions.values() for pane in shown.panes]
        dead = {pane.pid for _, pane in panes if pane.ended}
        if recorded_pid(entry) in dead:
            return False
        by_pane = str(entry.get("termination_cause")).startswith(("pane-", "unknown"))
        return any(
            (pane.id == seen.pane or (shown.id == seen.session and not by_pane)) and not pane.ended
            for shown, pane in panes
        )


def _said(monitor: Monitor, report: Report) -> set[Key]:
    """What the card would be told now; it is told, and the ledger knows it."""
    notebook, key = monitor.notebook, dict(_keys(report))
    said = {key[one] for one, each in notebook.memory.unsaid.items() if each.awaited is None}
    notebook.keep(replace(notebook.memory, unsaid={}))
    return said


def _keys(report: Report) -> Iterator[tuple[str, Key]]:
    """The key of each finding, by its id."""
    for each in report.decisions:
        drift = each.drift
        one = str(drift.evidence["id"]) if drift.kind.value in {"C", "D"} else ""
        yield drift.id, (drift.kind.value, drift.session, one)
    for note in report.notes:
        yield note.notice.id, (note.notice.kind.value, note.notice.session or "", "")


def _told(report: Report) -> Iterator[str]:
    """What the monitor says, for who has to find out why it does."""
    yield from (f"  {each.drift.session}: {each.drift.seen}" for each in report.decisions)
    yield from (f"  {each.notice.message}" for each in report.notes)


def _found(report: Report) -> Iterator[tuple[Key, tuple[str, bool]]]:
    key = dict(_keys(report))
    assert len(key) == len({*key.values()}), "one id for each finding"
    for each in report.decisions:
        yield key[each.drift.id], (each.action.value, each.new)
    for note in report.notes:
        yield key[note.notice.id], ("notice", note.new)


def _wanted(findings: list[Finding]) -> Iterator[tuple[Key, tuple[str, bool]]]:
    for each in findings:
        yield each.key, (each.action, each.new)


def _same(what: str, found: object, wanted: object) -> None:
    if found == wanted:
        return
    if isinstance(found, Mapping) and isinstance(wanted, Mapping):
        same = found.items() & wanted.items()
        found, wanted = dict(found.items() - same), dict(wanted.items() - same)
    message = f"{what}\n  found  {found}\n  wanted {wanted}"
    raise DivergenceError(message)


def _compare(found: Mapping[str, Entry], sight: Sight, written: list[Finding]) -> None:
    """Every entry as it was, but for the keys that were to be written."""
    wanted = dict(sight.entries)
    for each in written:
        wanted[each.key[1]] = {**wanted.get(each.key[1], {}), **(each.writes or {})}
    _same("the entries' names", {*found}, {*wanted})
    for name, entry in wanted.items():
        _same(f"keys of {name}", _named(found[name]), _named(entry))
        for key, value in entry.items():
            _compare_value(f"{name} {key}", found[name].get(key), value, sight.at)


def _named(entry: Entry) -> set[str]:
    """A history that nothing was added to may be missing."""
    return {*entry} - {"session_id_history"}


def _compare_value(what: str, found: Any, wanted: object, at: datetime) -> None:  # noqa: ANN401
    if isinstance(wanted, History):
        _same(what, list(wanted.faults(found or (), at)), [])
    else:
        shown = datetime.fromisoformat(found) if isinstance(wanted, datetime) else found
        _same(what, shown, wanted)


def _compare_lines(found: str, before: str, written: list[Finding]) -> None:
    """Every byte outside the touched keys is as it was."""
    touched = {(each.key[1], key) for each in written for key in each.writes or {}}
    new = {each.key[1] for each in written if each.key[0] == "B"}
    kept = [handwriting.untouched(text, touched, new) for text in (found, before)]
    _same("what nobody was to touch", kept[0], kept[1])
