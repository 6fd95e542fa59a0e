"""One life, lived beside a monitor and an oracle that have to agree after every tick."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import handwriting
import steps
from fleet import Fleet
from kanban_worker import config
from kanban_worker.tick import Monitor, now
from life import Boot, Life
from oracle import Oracle
from sight import Entry, Sight
from steps import Step
from verdicts import HOST, Finding, History, Key

Report = Any
"""A tick's report; what is looked at of it is what the card and the JSON report show."""


class DivergenceError(AssertionError):
    """Monitor and oracle do not agree."""


@dataclass(slots=True)
class Game:
    """A life, who watches it, and who knows what they have to find."""

    life: Life
    settings: config.Settings
    oracle: Oracle = field(default_factory=Oracle)
    ticks: int = 0
    taken: int = 0
    """The steps that took place."""
    found: Counter[str] = field(default_factory=Counter)
    """How often each class or kind was found, and what came of it."""
    monitor: Monitor = field(init=False)

    @classmethod
    def begun(cls, fleet: Fleet, home: Path) -> Game:
        """A life with nothing in it but a registry with one paused entry."""
        registry = home / "board/agent-sessions.yaml"
        registry.parent.mkdir(parents=True)
        boot = Boot("the first one", datetime.fromtimestamp(0, tz=now().tzinfo))
        life = Life(fleet, home, registry, boot, now().replace(microsecond=0))
        keeper = handwriting.entry(steps.KEEPER, {"status": "paused"})
        life.save(handwriting.HEAD + keeper, age=3600)
        environ = os.environ | {
            "AGENT_SESSIONS_REGISTRY": str(registry),
            "AGENT_SESSIONS_TMUX_SOCKET": str(fleet.socket),
            "AGENT_SESSIONS_HOST": HOST,
        }
        return cls(life, config.from_environment(environ, home))

    def __post_init__(self) -> None:
        """Let a first process watch."""
        self._hire()

    def play(self, step: Step) -> None:
        """Take a step. Raises DivergenceError."""
        match step.kind:
            case "tick":
                self.life.at += timedelta(seconds=step.gap)
                self._tick()
            case "crash":
                self._crash(ledger_lost=step.numbers[0] % 2 > 0)
            case _:
                if not steps.take(self.life, step):
                    return
                if step.kind == "reboot":
                    self._crash(ledger_lost=False)
        self.taken += 1

    def _hire(self) -> None:
        """A new process; it reads the boot of its host once."""
        self.monitor = Monitor(self.settings, clock=lambda: self.life.at)
        self.monitor.speak(lambda: None)
        observer, boot = self.monitor.observer, self.life.boot
        assert observer._boot
        observer._boot = replace(observer._boot, id=boot.id, at=boot.at)

    def _crash(self, *, ledger_lost: bool) -> None:
        if ledger_lost:
            for path in self.settings.places.cache.rglob("*.state"):
                path.unlink()
        self.oracle.crash(ledger_lost=ledger_lost)
        self._hire()

    def _tick(self) -> None:
        sight, text = self.life.sight(), self.life.text
        stamp = self.life.registry.stat()
        wanted = self.oracle.tick(sight)

        tick = self.monitor.tick(dry_run=False)

        self.ticks += 1
        self.found.update(word for each in wanted for word in (each.key[0], each.action))
        self.life.lost = False
        _same("troubles", [str(each) for each in tick.troubles], [])
        _same("findings", dict(_found(tick.report)), dict(_wanted(wanted)))
        _same("said", self._said(tick.report), {each.key for each in wanted if each.said})
        written = [each for each in wanted if each.action == "updated"]
        _same("written", tick.report.registry_written, bool(written))
        self.oracle.entries = entries = self.life.entries
        _compare(entries, sight, written)
        _compare_lines(self.life.text, text, written)
        if not written:
            seen = self.life.registry.stat()
            _same("the file", (seen.st_ino, seen.st_mtime_ns), (stamp.st_ino, stamp.st_mtime_ns))

    def _said(self, report: Report) -> set[Key]:
        """What the card would be told now; it is told, and the ledger knows it."""
        notebook, key = self.monitor.notebook, dict(_keys(report))
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
