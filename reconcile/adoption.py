"""Adopts what lives under a name: what its entry would be told, and which conversation it is in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum, auto

from reconcile import identity, ids
from reconcile.desired import RUNNING, Entry, Scalar, SetKey
from reconcile.observed import (
    Agent,
    Ambiguous,
    Bound,
    ConversationId,
    Lineage,
    Pane,
    Place,
    Process,
    Session,
    Unknown,
    Unproven,
    World,
)

_ENDING = ("terminated_at", "termination_mode", "termination_cause")


class Back(StrEnum):
    """Whether an agent that came back continues the conversation of its entry."""

    OWN = auto()
    UNPROVABLE = auto()
    """Nothing ties this kind of agent to a conversation: that is no fault of the session."""
    ANOTHER = auto()
    AWAITED = auto()
    """It is not known yet, or could not be looked at."""


@dataclass(frozen=True, slots=True)
class Returned:
    """Where an agent that came back is, and a clause for a person."""

    back: Back
    why: str


def edits(entry: Entry, session: Session, pane: Pane, world: World) -> tuple[SetKey, ...] | Unknown:
    """What makes the session's pane the entry's own; Unknown where what runs there is not seen."""
    inside = identity.inside(session, pane, world)
    running = inside.agent.process if isinstance(inside.agent, Agent) else inside.process
    if inside.hidden:
        return inside.hidden
    if not isinstance(running, Process):
        return Unknown("its pane is dead")
    wanted = _wanted(entry, session, pane, running, world)
    known = before(entry)
    return tuple(each for each in wanted if known.get(each.path) != each.value)


def _wanted(
    entry: Entry, session: Session, pane: Pane, running: Process, world: World
) -> Iterator[SetKey]:
    name, made = entry.name, session.created_at.astimezone(world.at.tzinfo)
    yield SetKey(session=name, key="status", value=RUNNING)
    yield SetKey(session=name, key="pid", value=pane.pid, inside="pane")
    yield SetKey(session=name, key="cmd", value=running.command or None, inside="pane")
    yield SetKey(session=name, key="cwd", value=running.cwd or None, inside="pane")
    yield SetKey(session=name, key="created_at", value=made)
    place = world.place
    if entry.host and isinstance(place, Place) and not place.is_called(entry.host):
        yield SetKey(session=name, key="host", value=min(place.hosts))
    for key in _ENDING:
        yield SetKey(session=name, key=key, value=None)


def before(entry: Entry) -> Mapping[str, Scalar]:
    """What an entry has under each of the keys that an adoption may change."""
    return {
        "status": entry.status,
        "host": entry.host,
        "created_at": entry.created_at,
        "terminated_at": entry.terminated_at,
        "termination_mode": entry.termination_mode,
        "termination_cause": entry.termination_cause,
        "pane.pid": entry.pane_pid,
        "pane.cmd": entry.pane_command,
        "pane.cwd": entry.pane_cwd,
    }


def returned(own: ConversationId | None, session: Session, pane: Pane, world: World) -> Returned:
    """Whether the agent in a session continues the conversation `own`."""
    inside = identity.inside(session, pane, world)
    if inside.hidden:
        return Returned(Back.AWAITED, f"cannot see what runs in it: {inside.hidden.why}")
    if not isinstance(inside.agent, Agent):
        return Returned(Back.AWAITED, "no agent runs in it")
    if own is None:
        return Returned(Back.UNPROVABLE, "no conversation of its own is recorded")
    match world.conversations.get(session.name):
        case Bound() as held:
            found = _bound(own, held, world.lineages.get(session.name))
        case Unproven() as held:
            found = _unproven(own, held)
        case Ambiguous(candidates=several):
            which = "any of " + ", ".join(sorted(several))
            found = Returned(Back.AWAITED, f"which conversation it holds is ambiguous: {which}")
        case Unknown(why=why):
            found = Returned(Back.AWAITED, f"cannot see which conversation it holds: {why}")
        case _:
            found = Returned(Back.AWAITED, "it holds no conversation yet")
    return found


def _bound(own: ConversationId, held: Bound, lineage: Lineage | Unknown | None) -> Returned:
    """One that was resumed under a new id tells which one it came from."""
    came = {link.id for link in lineage.links} if isinstance(lineage, Lineage) else set()
    if held.id.casefold() == own.casefold():
        return Returned(Back.OWN, f"back in its own conversation {held.id}")
    if own in came:
        return Returned(Back.OWN, f"back in its own conversation, which is {held.id} now")
    text = f"another conversation runs in it: {held.id} (its own is {ids.short(own)})"
    return Returned(Back.ANOTHER, text)


def _unproven(own: ConversationId, held: Unproven) -> Returned:
    moved = held.likely is not None and held.likely.casefold() != own.casefold()
    if moved or own in held.left:
        likely = held.likely or "one that nothing names"
        return Returned(Back.ANOTHER, f"another conversation probably runs in it: {likely}")
    how = f"; to make it certain: {held.setting}" if held.setting else ""
    probably = "probably in its own conversation, which" if held.likely else "its conversation"
    return Returned(Back.UNPROVABLE, f"{probably} cannot be proven{how}")
