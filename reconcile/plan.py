"""Plans: what will be written now, what is held back and why, and what to remember.

Four things hold a drift back. A person edited its entry moments ago. Too many sessions
ended in one look to be believed at once, or none is left, or the tmux server or the boot is
another one than before: such a wave must still be there some seconds later. The session goes
up and down. Or the entry is written in a way that cannot be edited without touching more
than was meant.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from reconcile import flapping, gone, names, orders, recovery
from reconcile.desired import RUNNING, Edit, Entry, Registry
from reconcile.drift import (
    LETTERS,
    Drift,
    DriftClass,
    FindingId,
    Judgement,
    Notice,
)
from reconcile.flapping import Unsteady
from reconcile.memory import Memory, Remembered
from reconcile.observed import Listing, Unknown, World
from reconcile.policy import Policy

STORM_AT_LEAST = 3
"""Fewer deaths at once are no storm, whatever their share."""

FRESH = "a person edited this entry moments ago; looking again at the next tick"


class Action(StrEnum):
    """What comes of a drift."""

    UPDATED = "updated"
    PLANNED = "planned"
    FLAGGED = "flagged"
    HELD = "held"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """A drift, and what comes of it."""

    drift: Drift
    action: Action
    why: str
    """Why it is held; empty otherwise."""
    new: bool
    since: datetime
    first_held: datetime | None = None
    """When a death was first held back for a second look; None when it never was."""
    settles_at: datetime | None = None
    """When what is held can be decided; None where no time tells."""
    acknowledged: bool = False
    """Whether a person knows of it, so that it does not count."""

    @property
    def soon(self) -> bool:
        """Whether some seconds will tell more about what is held."""
        return self.settles_at is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A notice, and whether it is said for the first time."""

    notice: Notice
    new: bool
    since: datetime
    acknowledged: bool
    """As for a decision."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The decisions in order, and what to remember once they are carried out."""

    decisions: tuple[Decision, ...]
    notes: tuple[Note, ...]
    memory: Memory
    unsteady: Unsteady

    @property
    def writes(self) -> tuple[Decision, ...]:
        """The decisions that are to be written to the registry."""
        return tuple(each for each in self.decisions if each.action is Action.UPDATED)

    @property
    def edits(self) -> tuple[Edit, ...]:
        """What is to be written to the registry, in order."""
        return tuple(edit for each in self.writes for edit in each.drift.edits)

    def settled(self, *, dry_run: bool) -> Plan:
        """This plan as a dry run tells it: what would be updated is only planned."""
        if not dry_run:
            return self
        return self._with({d.drift.id: replace(d, action=Action.PLANNED) for d in self.writes})

    def hold(self, reasons: Mapping[FindingId, str]) -> Plan:
        """This plan with some of its writes held back."""
        return self._with(
            {
                d.drift.id: replace(d, action=Action.HELD, why=reasons[d.drift.id])
                for d in self.writes
                if d.drift.id in reasons
            }
        )

    def hold_writes(self, why: str) -> Plan:
        """This plan with all of its writes held back for one reason."""
        return self.hold({each.drift.id: why for each in self.writes})

    def done(self, world: World) -> Plan:
        """This plan after its writes: what was written is open no more, and would be new again."""
        written = {each.drift.id for each in self.writes}
        kept = {key: each for key, each in self.memory.open.items() if key not in written}
        return replace(self, memory=_seen(replace(self.memory, open=kept), world))

    def _with(self, others: Mapping[FindingId, Decision]) -> Plan:
        return replace(self, decisions=tuple(others.get(d.drift.id, d) for d in self.decisions))


def plan(
    judgement: Judgement, world: World, registry: Registry | None, memory: Memory, policy: Policy
) -> Plan:
    """What is written now and what is held, from one look and the memory of earlier ones."""
    if registry is not None:
        memory = flapping.after(memory, judgement.lives, world.at)
        memory = recovery.after(memory, registry, world)
    flaps = tuple(flapping.notices(memory, world.at))
    unsteady = flapping.unsteady(memory, flaps, world.at)
    entries = registry.entries if registry is not None else ()
    waves = _waves(judgement, world, entries, memory)
    decisions = tuple(
        _decide(drift, waves.get(drift.id), unsteady, world, memory, policy)
        for drift in judgement.drifts
    )
    notes = tuple(
        Note(
            notice=notice,
            new=notice.id not in memory.open,
            since=_since(notice.id, world, memory),
            acknowledged=notice.id in memory.acknowledged,
        )
        for notice in (*judgement.notices, *flaps)
    )
    missed = _missed(world, registry) if memory.open or memory.acknowledged else ""
    return Plan(
        decisions=decisions,
        notes=notes,
        memory=_seen(_remember(decisions, notes, missed, judgement, memory), world),
        unsteady=unsteady,
    )


def _waves(
    judgement: Judgement, world: World, entries: Sequence[Entry], memory: Memory
) -> Mapping[FindingId, str | None]:
    """Why deaths are not believed at first sight; None of one that is believed."""
    deaths = [drift for drift in judgement.drifts if drift.kind is DriftClass.TMUX_GONE]
    if not deaths:
        return {}
    changed = gone.changed_servers(world, memory)
    together = _together(len(deaths), judgement, world, entries)
    if gone.changed_boot(world, memory):
        changed, together = [], "the host was started anew"
    return {each.id: _of_server(each, changed, memory) or together for each in deaths}


def _of_server(drift: Drift, changed: Sequence[str], memory: Memory) -> str | None:
    """That a server is another one: no ground to doubt what was seen on one that is the same."""
    sighting = memory.sightings.get(names.key(drift.session))
    own = [each for each in changed if sighting is None or sighting.socket == each]
    return f"the tmux server of {own[0]} is another one than before" if own else None


def _together(
    deaths: int, judgement: Judgement, world: World, entries: Sequence[Entry]
) -> str | None:
    """Whether too many ended at once, or none is left."""
    # A wave is no smaller because not all of it could be seen.
    doubts = judgement.hidden + sum(notice.perhaps_gone for notice in judgement.notices)
    here = (entry for entry in entries if entry.name not in judgement.elsewhere)
    running = sum(entry.status == RUNNING for entry in here)
    if deaths + doubts >= STORM_AT_LEAST and (deaths + doubts) * 2 >= running:
        doubtful = f", {doubts} more in doubt" if doubts else ""
        return f"{deaths} of {running} running sessions ended together{doubtful}"
    if not any(isinstance(answer, Listing) and answer.sessions for answer in world.tmux.values()):
        return "no tmux session is left"
    return None


def _decide(
    drift: Drift,
    wave: str | None,
    unsteady: Unsteady,
    world: World,
    memory: Memory,
    policy: Policy,
) -> Decision:
    held, since = _first_held(drift, wave, world, memory), _since(drift.id, world, memory)
    why, settles_at = unsteady.why_held(drift, world.at - since), None
    if not why and drift.fresh_until:
        why, settles_at = FRESH, drift.fresh_until
    elif not why and held is not None and world.at - held < policy.confirm_after:
        seconds = f"{policy.confirm_after.total_seconds():g} s"
        why = f"{wave or 'seen in a wave'}; believed when it is still so {seconds} later"
        settles_at = held + policy.confirm_after
    action = Action.FLAGGED if not drift.edits else Action.HELD if why else Action.UPDATED
    return Decision(
        drift=drift,
        action=action,
        why=why if action is Action.HELD else "",
        new=drift.id not in memory.open,
        since=since,
        first_held=held,
        settles_at=settles_at if action is Action.HELD else None,
        acknowledged=drift.id in memory.acknowledged,
    )


def _first_held(drift: Drift, wave: str | None, world: World, memory: Memory) -> datetime | None:
    """When a death was first held back, also if the wave has become a ripple since.

    A time in the future, which a clock step may leave, is taken for now.
    """
    if drift.kind is not DriftClass.TMUX_GONE:
        return None
    before = memory.open.get(drift.id)
    if before and before.first_held:
        return min(before.first_held, world.at)
    return world.at if wave else None


def _since(finding: FindingId, world: World, memory: Memory) -> datetime:
    before = memory.open.get(finding)
    return before.since if before else world.at


def _remember(
    decisions: tuple[Decision, ...],
    notes: tuple[Note, ...],
    missed: str,
    judgement: Judgement,
    memory: Memory,
) -> Memory:
    """What is open as long as nothing is written, and what this look may have missed.

    And where each entry's session was seen.
    """
    open_now = {key: each for key, each in memory.open.items() if key[0] in missed}
    for note in notes:
        open_now[note.notice.id] = _again(note.notice.id, note.since, None, memory)
    for decision in decisions:
        key = decision.drift.id
        open_now[key] = _again(key, decision.since, decision.first_held, memory)
    memory = orders.still(memory, open_now, missed)
    return replace(memory, open=open_now, sightings=judgement.sightings)


def _seen(memory: Memory, world: World) -> Memory:
    """The memory with the servers and the boot that were seen.

    While a wave of deaths is held they stay those of before it: the second look must find the
    same cause. A server that ended stays known until another takes its place.
    """
    wave = any(each.first_held for each in memory.open.values())
    seen = {
        socket: answer.server
        for socket, answer in world.tmux.items()
        if isinstance(answer, Listing) and answer.server
    }
    # What is asked no more will never answer again.
    before = {socket: each for socket, each in memory.servers.items() if socket in world.tmux}
    return replace(
        memory,
        servers={**seen, **before} if wave else {**before, **seen},
        boot=memory.boot or world.boot if wave else world.boot or memory.boot,
    )


def _again(
    finding: FindingId, since: datetime, first_held: datetime | None, memory: Memory
) -> Remembered:
    before = memory.open.get(finding)
    return Remembered(
        since=since,
        told=bool(before and before.told),
        comment_id=before.comment_id if before else None,
        first_held=first_held,
    )


def _missed(world: World, registry: Registry | None) -> str:
    """The first letters of the findings that this look may have missed, by what was blind."""
    every = "".join([*DriftClass, *LETTERS.values()])
    panes = [inside.hidden for inside in world.inside.values()]
    blindness: tuple[tuple[Iterable[object], str], ...] = (
        (world.tmux.values(), every),
        (panes, "ABCDGHILMNPVX"),
        (world.recorded_pids.values(), "A"),
        ((world.place,), every),
        ((world.holders, *world.others.values(), *world.remembered.values()), "A"),
        (world.conversations.values(), "BCDGLMNV"),
        (world.artefacts.values(), "DEG"),
    )
    if registry is None or world.rivals:
        return every
    return "".join(
        letters
        for answers, letters in blindness
        if any(isinstance(answer, Unknown) for answer in answers)
    )
