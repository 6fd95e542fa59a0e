"""Where the session of an entry was seen last: what its death is judged by, and its conversation.

A sighting is renewed when something of it changes, and every few minutes besides: a quiet look
writes nothing down.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from reconcile import identity, names
from reconcile.desired import Entry
from reconcile.memory import Memory, Sighting
from reconcile.observed import (
    Agent,
    Bound,
    Listing,
    Place,
    PlaceId,
    ProcessId,
    Session,
    Unproven,
    World,
)
from reconcile.proofs import is_at_least

RENEWED = timedelta(minutes=5)
"""How old the time of a sighting may become while nothing else of it changes."""
KEPT = timedelta(days=7)
"""For so long after its end it is known on which tmux server a session was."""


def after(entry: Entry, session: Session, world: World, memory: Memory) -> Sighting | None:
    """The sighting that this look makes of an entry's session; None where it shows too little."""
    answer = world.tmux.get(session.socket)
    server = answer.server if isinstance(answer, Listing) else None
    if not isinstance(world.place, Place) or server is None:
        return None
    before = memory.sightings.get(names.key(entry.name))
    known = of_session(before, session, world)
    pane = identity.agent_pane(session, entry, world)
    if pane.dead:  # it was not seen alive now, and where it was before stays what is known
        return before
    inside = identity.inside(session, pane, world)
    if not isinstance(inside.agent, Agent):
        if known:  # the agent ended, or could not be seen: what it was is still to be told
            return _renewed(known, world)
        agent, kind = None, ""
    else:
        agent, kind = inside.agent.process.id, inside.agent.kind
    process = world.servers.get(server)
    seen = Sighting(
        place=world.place.id,
        boot=world.boot.id if world.boot else "",
        at=world.at,
        socket=session.socket,
        server=server,
        server_process=process or (known.server_process if known else None),
        session_id=session.id,
        pane_id=pane.pane_id,
        pane_pid=pane.pid,
        agent=agent,
        kind=kind,
        environ=_environ(session, world, known),
    )
    seen = _holding(seen, session, world, of_process(before, agent, world))
    if before is not None and seen == replace(before, at=seen.at):
        return _renewed(before, world)
    return seen


def kept(before: Sighting, entry: Entry, world: World) -> Sighting | None:
    """What is kept of the sighting of an entry that runs no more: where to resume it.

    Its agent's folder for good, and its tmux server for a while. When it runs again it may do so
    at a server that nobody asked, so its death must not be judged by where it was.
    """
    if not isinstance(world.place, Place) or before.place not in {"", world.place.id}:
        return before
    ended = entry.terminated_at
    recent = ended is not None and abs(world.at - ended) <= KEPT
    return replace(before, place=PlaceId("")) if before.environ or recent else None


def _renewed(before: Sighting, world: World) -> Sighting:
    """The same with the present time, once the one that it has is old or in the future."""
    recent = timedelta(0) <= world.at - before.at <= RENEWED
    return before if recent else replace(before, at=world.at)


def of_session(before: Sighting | None, session: Session, world: World) -> Sighting | None:
    """The sighting, if it was of this very session, or of a pane that is in it now."""
    answer = world.tmux.get(session.socket)
    server = answer.server if isinstance(answer, Listing) else None
    if before is None or not isinstance(world.place, Place):
        return None
    if (before.place, before.socket, before.server) != (world.place.id, session.socket, server):
        return None
    panes = {pane.pane_id for pane in session.panes}
    return before if before.session_id == session.id or before.pane_id in panes else None


def _environ(session: Session, world: World, known: Sighting | None) -> dict[str, str]:
    return dict(world.environs.get(session.name) or (known.environ if known else {}))


def _holding(seen: Sighting, session: Session, world: World, known: Sighting | None) -> Sighting:
    """With what the process was proven to hold: a weaker proof replaces no stronger one."""
    held = world.conversations.get(session.name)
    if isinstance(held, Bound) and held.written and _is_as_good(held, known):
        return replace(seen, conversation=held.id, proof=held.proof)
    if known is not None:
        seen = replace(
            seen, conversation=known.conversation, proof=known.proof, likely=known.likely
        )
    likely = held.likely if isinstance(held, Unproven) else None
    return replace(seen, likely=likely or seen.likely)


def of_process(before: Sighting | None, agent: ProcessId | None, world: World) -> Sighting | None:
    """The sighting, if it was one of this very process; None of any other."""
    if before is None or agent is None or before.agent != agent:
        return None
    # Of an entry that was set aside the place is not kept, and its agent may run on.
    here = isinstance(world.place, Place) and before.place in {"", world.place.id}
    return before if here and before.boot == (world.boot.id if world.boot else "") else None


def yields(known: Sighting | None, held: Bound) -> bool:
    """Whether what a process was proven to hold gives way to what it is seen to hold now."""
    if known is None or held.id == known.conversation:
        return True
    return _is_as_good(held, known)


def _is_as_good(held: Bound, known: Sighting | None) -> bool:
    """Whether its proof is at least as strong as what was known of the process."""
    return known is None or known.proof is None or is_at_least(held.proof, known.proof)
