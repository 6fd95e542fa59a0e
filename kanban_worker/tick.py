"""The tick, where reading this program starts: five steps, always from the whole state.

    observe   read the registry, look at tmux, the processes and the agents' files
    judge     hold one against the other: drifts and notices
    plan      decide what is written now and what is held back
    apply     write the registry, if nobody else did in between
    report    say what was found and what was done

An event from outside may bring the next tick forward; what a tick does never depends on
one. A tick that could not look changes nothing.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeAlias

from kanban_worker import agents, endings, sources
from kanban_worker.agents.hooks import Hooks
from kanban_worker.ages import Ages
from kanban_worker.config import Settings
from kanban_worker.observe import place
from kanban_worker.observe.home import Home
from kanban_worker.observe.observer import Observer
from kanban_worker.observe.servers import Servers
from kanban_worker.process_table import Table
from kanban_worker.tmux import Tmux
from reconcile import judge, memory, orders, plan, report
from reconcile.desired import Registry
from reconcile.drift import FindingId, Judgement
from reconcile.location import Sessions
from reconcile.memory import Memory
from reconcile.observed import Place, SessionName, World
from reconcile.plan import Decision, Plan
from reconcile.report import Report, Source
from state import durable, locking, paths
from state.document import Document, Moved, Written
from state.errors import CouldNot, Lost, MonitorError, MustMend
from state.faults import Fault
from state.journal import KeyChange, Record
from state.notebook import Notebook
from state.orders import Book
from state.registry import RegistryFile

MANY_SESSIONS = 5
"""From this many entries on, the default interval is the longer one."""

ATTEMPTS = 3
"""How often one tick decides anew when the registry moves under it."""

FAULTY = "the registry has faults, and nothing is written until they are mended"


def now() -> datetime:
    """The local time, with its offset."""
    return datetime.now().astimezone()


NO_TIME = datetime.min.replace(tzinfo=UTC)

MOVING = "the registry changes faster than it can be written; looking again at the next tick"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """All that one tick knew, for those who show more of it than the report."""

    registry: Registry
    world: World
    report: Report
    memory: Memory
    elsewhere: frozenset[SessionName]
    """The entries of other places, which are not judged here."""
    troubles: tuple[MonitorError, ...]
    """What the user must mend, or what failed; the report tells of the rest."""
    table: Table
    """The process table of this look, for who needs more of it."""

    def sessions(self) -> Sessions:
        """The sessions that were seen, and which entry each belongs to."""
        return Sessions(self.world, self.registry, self.memory)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    document: Document | None
    registry: Registry | None
    world: World
    troubles: tuple[MonitorError, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Applied:
    plan: Plan
    document: Document | None = None
    written: bool = False
    moved: bool = False
    troubles: tuple[MonitorError, ...] = ()


_Sight: TypeAlias = tuple[World, Registry | None, Memory]
"""A memory whose findings are left out: they are no ground to judge from."""


def default_interval(tick: Tick) -> float:
    """Seconds between ticks where nobody chose: less often where there is much to look at."""
    return 60.0 if len(tick.registry.entries) >= MANY_SESSIONS else 30.0


class Monitor:
    """Ticks over one registry, remembering what earlier ticks found."""

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Callable[[], datetime] = now,
        timer: Callable[[], float] | None = None,
    ) -> None:
        """Touches nothing yet. `clock` tells the local time, timezone-aware; `timer` as in Ages."""
        home = settings.places.home
        self.registry = RegistryFile(settings.registry, state_dir=settings.places.state)
        real_registry = Path(os.path.realpath(settings.registry))  # `resolve` raises on a loop
        self.home = Home(real_registry, place.here(settings.host))
        self.hooks = Hooks(str(settings.places.hooks))
        self.observer = Observer(
            place=self.home.place,
            servers=Servers(settings.sockets, settings.environ),
            tmux=Tmux(),
            adapters={
                kind: agents.adapter(kind, home, settings.environ) for kind in agents.ADAPTERS
            },
            hooks=self.hooks,
            patterns=settings.policy.patterns,
            home=home,
            environ=settings.environ,
            clock=clock,
        )
        self._policy = settings.policy
        self.now = clock
        self._ages = Ages(clock, timer)
        label = self.home.label
        self._owner = durable.owner_of(real_registry)
        ledger = paths.ledger(settings.places.cache, real_registry, label)
        self.notebook = Notebook(ledger, self._owner)
        self._lock = paths.monitor_lock(settings.places.state, real_registry, label)
        self.orders = Book(paths.orders(settings.places.state, label), real_registry, self._owner)
        self.barred: MonitorError | None = None
        """Why nothing may be written to the registry, while that is so."""
        self._speaks = False
        self.options = settings.told
        """What a command on a card needs to mean this registry."""
        self._judged: tuple[_Sight, Judgement] | None = None
        self._copied: bytes | None = None

    def tick(self, *, dry_run: bool) -> Tick:
        """One look and what follows from it. A dry run writes nothing of any kind."""
        began, attempts = time.perf_counter(), itertools.count(1)
        hindered = self._recall()
        self._keep_ages()
        if isinstance(self.home.place, Place):
            self.notebook.memory = memory.at_place(self.notebook.memory, self.home.place.id)
        hindered += self._hear()
        if not dry_run and not self.barred:
            with contextlib.suppress(CouldNot):  # else the next write says so
                self.registry.recover()
        while True:
            seen = self._observe()
            judgement = self._judge(seen.world, seen.registry)
            decided = plan.plan(
                judgement, seen.world, seen.registry, self.notebook.memory, self._policy
            )
            applied = self._apply(self._intended(decided, seen), seen, dry_run=dry_run)
            if not applied.moved or next(attempts) == ATTEMPTS:
                return self._report(seen, applied, began, hindered, dry_run=dry_run)

    def alone(
        self, who: str, patience: float, *, sleep: Callable[[float], None] = time.sleep
    ) -> AbstractContextManager[None]:
        """Be this registry's only writing monitor within the block.

        Raises locking.Busy when another is after `patience` seconds; CouldNot.
        """
        return locking.alone(self._lock, who=who, timeout=patience, sleep=sleep, owner=self._owner)

    def speak(self, fence: Callable[[], None]) -> None:
        """From now on, keep what a card is to be told among the memory's `unsaid`.

        `fence` is asked before each write to the registry, and raises to forbid it.
        """
        self._speaks, self.registry.fence = True, fence

    def _recall(self) -> list[MonitorError]:
        """Loads what earlier processes found; what was lost of it."""
        forgotten = self.notebook.recall()
        return [CouldNot(forgotten)] if forgotten else []

    def _hear(self) -> list[MonitorError]:
        """Takes notice of what people ordered; why that could not be read."""
        try:
            given = self.orders.read()
        except CouldNot as error:
            return [error]
        self.notebook.memory = orders.heard(self.notebook.memory, given)
        return []

    def _keep_ages(self) -> None:
        before = self.notebook.memory
        self.notebook.memory = self._ages.kept(before)
        if self.notebook.memory is not before:
            self._judged = None  # it holds up to a time

    def _intended(self, decided: Plan, seen: _Seen) -> Plan:
        if not self._speaks:
            return decided
        from reconcile import telling  # noqa: PLC0415 - 5 ms that a look without a card saves

        troubles = [str(trouble) for trouble in seen.troubles]
        return telling.intended(
            decided, self.notebook.memory, self._policy, seen.world.at, troubles=troubles
        )

    def _observe(self) -> _Seen:
        troubles: list[MonitorError] = []
        document: Document | None = None
        try:
            document = self.registry.read(self.now())
            troubles += [_mend(self.registry.path, each) for each in document.faults if each.grave]
        except MonitorError as error:
            troubles.append(error)
        registry = document.registry if document else None
        world = self.observer.look(
            registry or Registry(),
            self.notebook.memory,
            away=self.home.away(self.notebook.memory),
            home_since=self.home.since,
            owner=self._owner.uid if self._owner else None,
        )
        if document and document.cut:
            sightings = self.notebook.memory.sightings
            if torn := endings.torn(document.cut, world, sightings, self._policy.patterns):
                document, registry, troubles = None, None, [torn]
            else:
                self.registry.trust(document)
        return _Seen(
            document=document,
            registry=registry,
            world=world,
            troubles=tuple(troubles),
        )

    def _judge(self, world: World, registry: Registry | None) -> Judgement:
        """The last judgement, for as long as the same things are seen and time changes nothing."""
        remembered = self.notebook.memory
        known = Memory(
            servers=remembered.servers,
            boot=remembered.boot,
            place=remembered.place,
            sightings=remembered.sightings,
        )
        sight = (replace(world, at=NO_TIME), registry, known)
        if not (self._judged and self._judged[0] == sight and world.at <= self._judged[1].until):
            self._judged = sight, judge.judge(world, registry, remembered, self._policy)
        return self._judged[1]

    def _apply(self, decided: Plan, seen: _Seen, *, dry_run: bool) -> _Applied:
        """Writes what is to be written, and takes back what could not be."""
        if seen.document is None:
            return _Applied(plan=decided)
        if any(fault.grave and fault.holds for fault in seen.document.faults):
            decided = decided.hold_writes(FAULTY)
        decided = decided.settled(dry_run=dry_run)
        if not decided.edits:
            return _Applied(plan=decided)
        records = [_record(each, seen.world) for each in decided.writes]
        try:
            if self.barred:
                raise self.barred
            self._write_ahead(decided)
            outcome = self.registry.write(seen.document, decided.edits, records)
        except Lost:
            raise
        except MonitorError as error:
            return _Applied(plan=decided.hold_writes(str(error)), troubles=(error,))
        if isinstance(outcome, Moved):
            return _Applied(plan=decided.hold_writes(MOVING), moved=True)
        return _Applied(
            plan=decided.hold(_refused(decided, outcome)),
            document=outcome.document,
            written=outcome.changed,
        )

    def _write_ahead(self, decided: Plan) -> None:
        """What will be said of a write is on disk before it: after it, it is no drift any more."""
        if self._speaks:
            self.notebook.save(decided.memory)

    def _report(
        self,
        seen: _Seen,
        applied: _Applied,
        began: float,
        hindered: list[MonitorError],
        *,
        dry_run: bool,
    ) -> Tick:
        troubles = [*seen.troubles, *applied.troubles, *hindered]
        if self._speaks:
            from reconcile import telling  # noqa: PLC0415 - as above

            settled = telling.settled(applied.plan, seen.registry)
            # What could not be written is worth a word by now, if it lasts.
            applied = replace(applied, plan=self._intended(settled, seen))
        found = self._sources(seen)
        health = report.health(found, self.notebook.memory.sources, seen.world.at)
        self.notebook.memory = replace(applied.plan.done(seen.world).memory, sources=health)
        document = applied.document or seen.document
        if document is not None and not dry_run:
            troubles += self._remember(document)
            self.hooks.tidy(seen.world.at)
            if not (self.barred or troubles):
                self.home.watch(self.notebook.memory, seen.world.at)
        return Tick(
            registry=seen.registry or Registry(),
            world=seen.world,
            memory=self.notebook.memory,
            elsewhere=self._judged[1].elsewhere if self._judged else frozenset(),
            troubles=tuple(troubles),
            table=self.observer.table,
            report=Report(
                at=seen.world.at,
                dry_run=dry_run,
                duration_ms=(time.perf_counter() - began) * 1000,
                host=os.uname().nodename,
                boot_id=(seen.world.boot and seen.world.boot.id) or None,
                sources=found,
                health=health,
                decisions=applied.plan.decisions,
                notes=applied.plan.notes,
                left_out=self._judged[1].left_out if self._judged else (),
                registry_written=applied.written,
            ),
        )

    def _remember(self, document: Document) -> list[MonitorError]:
        """Keeps what this tick learned for the next process, unless that is kept already."""
        try:
            self.notebook.save(self.notebook.memory)
            if document.raw != self._copied and not any(fault.grave for fault in document.faults):
                self.registry.remember(document)
                self._copied = document.raw
        except MonitorError as error:
            return [error]
        return []

    def _sources(self, seen: _Seen) -> Mapping[str, Source]:
        trouble = "" if seen.document else str(seen.troubles[0])
        registry = seen.registry or Registry()
        return sources.of(seen.world, registry, self.registry.path, trouble, self.observer.adapters)


def _mend(path: Path, fault: Fault) -> MustMend:
    left = "Nothing was written" if fault.holds else "This entry is left alone"
    return MustMend(
        f"registry {path.name}, line {fault.line}, column {fault.column}: {fault.message}. "
        f"{left}. Mend it, then run: agent-sessions check"
    )


def _refused(decided: Plan, outcome: Written) -> Mapping[FindingId, str]:
    """Why some drifts stay as they are: their entries cannot be edited safely."""
    reasons: dict[FindingId, str] = {}
    for position, why in outcome.refused.items():
        session = decided.edits[position].session
        reasons |= {d.drift.id: str(why) for d in decided.writes if d.drift.session == session}
    return reasons


def _record(decision: Decision, world: World) -> Record:
    drift = decision.drift
    return Record(
        at=world.at,
        session=drift.session,
        drift=drift.id,
        drift_class=drift.kind.value,
        changes=tuple(
            KeyChange(key=each.key, before=each.before, after=each.after) for each in drift.changes
        ),
        evidence=drift.evidence,
    )
