"""Whether a live session is still the one that was registered, and which pane is the agent's."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from reconcile.desired import Entry
from reconcile.memory import Sighting
from reconcile.observed import Agent, Inside, Pane, Process, Session, Unknown, World

CLOCK_SLACK = timedelta(seconds=60)
"""Tools write `created_at` a little before or after tmux itself notes the creation."""

EMPTY = Inside(process=None, agent=None)
NOT_SEEN = Inside(process=Unknown("it was not looked for"), agent=Unknown("it was not looked for"))


def agent_pane(session: Session, entry: Entry | None, world: World) -> Pane:
    """The agent's pane: the recorded one while its process lives, else the agent's own.

    Of several agents, the one of the registered kind is meant. A pane that could not be
    looked into may be the agent's, so nothing is concluded from the others. A recorded pane
    that is dead tells of the agent's end.
    """
    recorded = [pane for pane in session.panes if entry and pane.pid == entry.pane_pid]
    alive = [pane for pane in recorded if not pane.dead]
    living = [pane for pane in session.panes if not pane.dead]
    agents = [(pane, inside(session, pane, world).agent) for pane in living]
    holding = [(pane, agent.kind) for pane, agent in agents if isinstance(agent, Agent)]
    kin = [pane for pane, kind in holding if entry and kind == entry.agent]
    others = [pane for pane, _ in holding]
    hidden = [pane for pane, agent in agents if isinstance(agent, Unknown)]
    return next(iter([*alive, *hidden, *kin, *others, *recorded, *living, *session.panes]))


def inside(session: Session, pane: Pane, world: World) -> Inside:
    """What runs in a pane: nothing in a dead one, and unknown where nobody looked."""
    if pane.dead:
        return EMPTY
    return world.inside.get((session.socket, pane.pane_id), NOT_SEEN)


def differences(entry: Entry, session: Session, pane: Pane, world: World) -> tuple[str, ...]:
    """How this session certainly differs from the registered one, each in a few words."""
    begun = _begun_anew(entry, session, pane, world)
    return (*begun, *_of_another(entry, session, inside(session, pane, world), world))


def is_same(entry: Entry, session: Session, pane: Pane, world: World) -> bool:
    """Whether enough was seen to say that the registered agent is the one that runs here."""
    within = inside(session, pane, world)
    return _runs_here(entry, session, within, world) and not differences(
        entry, session, pane, world
    )


def is_restarted(entry: Entry, session: Session, pane: Pane, world: World) -> bool:
    """Whether the registered agent was certainly started anew, in the same workspace.

    The recorded process in a session of another age is no new process: its pane was moved.
    """
    within = inside(session, pane, world)
    return (
        bool(entry.workspace)
        and entry.pane_pid not in {*_pids(session, world)}
        and _runs_here(entry, session, within, world)
        and any(_begun_anew(entry, session, pane, world))
    )


def has_exited(
    entry: Entry, session: Session, pane: Pane, world: World, sighting: Sighting | None
) -> bool:
    """Whether the agent certainly ended while its session lives on; `pane` is what is left of it.

    `sighting` is one of this very session (see `sightings.of_session`).

    No pane holds an agent, all of them could be looked into, and one was there: it was seen, or
    the recorded pane is no more, or a shell is back at its prompt.
    """
    living = [inside(session, each, world) for each in session.panes if not each.dead]
    if not living or any(one.hidden or one.agent for one in living):
        return False
    known = sighting is not None and sighting.agent is not None
    # tmux 3.0a tells no directory of a session, and what is left in it may work anywhere.
    untold = known and not session.directory
    if not untold and any(_of_another(entry, session, inside(session, pane, world), world)):
        return False
    made = entry.created_at
    same = made is not None and abs(made - session.created_at) <= CLOCK_SLACK
    if any(_begun_anew(entry, session, pane, world)) and not (same or known):
        return False
    lost = entry.pane_pid is not None and entry.pane_pid not in _pids(session, world)
    return inside(session, pane, world).shell_only or known or lost


def _runs_here(entry: Entry, session: Session, within: Inside, world: World) -> bool:
    """Whether an agent of the registered kind was seen here, in the workspace."""
    return (
        isinstance(within.process, Process)
        and isinstance(within.agent, Agent)
        and within.agent.kind == entry.agent
        and (not entry.workspace or _is_at_home(entry.workspace, session, within, world))
    )


def is_below(place: str, home: str, world: World) -> bool:
    """Whether a directory is a certain one, or lies below it; links are resolved."""
    real_home = world.real_paths.get(home, home).rstrip("/")
    return f"{world.real_paths.get(place, place)}/".startswith(f"{real_home}/")


def _begun_anew(entry: Entry, session: Session, pane: Pane, world: World) -> Iterator[str]:
    """What differs where the same agent is started again."""
    if entry.pane_pid is not None and entry.pane_pid not in _pids(session, world):
        yield f"pane process was {entry.pane_pid}, is {pane.pid}"
    if entry.created_at and abs(entry.created_at - session.created_at) > CLOCK_SLACK:
        now = session.created_at.astimezone(entry.created_at.tzinfo)
        yield f"created {entry.created_at.isoformat()}, is {now.isoformat()}"


def _of_another(entry: Entry, session: Session, within: Inside, world: World) -> Iterator[str]:
    """What differs where something else runs under the name."""
    if entry.workspace and _is_elsewhere(entry.workspace, session, within, world):
        yield f"workspace was {entry.workspace}, is {session.directory}"
    agent = within.agent
    if isinstance(agent, Agent) and entry.agent and agent.kind != entry.agent:
        yield f"agent was {entry.agent}, is {agent.kind}"


def _pids(session: Session, world: World) -> Iterator[int]:
    """What may be recorded: the panes' own pids, or those of the agents below their shells."""
    for pane in session.panes:
        yield pane.pid
        agent = inside(session, pane, world).agent
        if isinstance(agent, Agent):
            yield agent.process.pid


def _is_at_home(workspace: str, session: Session, within: Inside, world: World) -> bool:
    """Whether session, pane or agent is in the workspace or below it.

    An agent may `cd` anywhere, and a session may be created from elsewhere; only when none
    of the three has anything to do with the workspace it is another directory.
    """
    running = [each for each in _running(within) if isinstance(each, Process)]
    places = [session.directory, *(process.cwd for process in running)]
    return any(is_below(place, workspace, world) for place in places if place)


def _is_elsewhere(workspace: str, session: Session, within: Inside, world: World) -> bool:
    """Whether it is certain that nothing here is at home: all that runs could be seen."""
    running = _running(within)
    seen = [each for each in running if isinstance(each, Process) and each.cwd]
    hidden = not seen or len(seen) < len(running)
    return not hidden and not _is_at_home(workspace, session, within, world)


def _running(within: Inside) -> list[Process | Unknown]:
    """The processes of pane and agent, so far as there are any."""
    agent = within.agent.process if isinstance(within.agent, Agent) else within.agent
    return [each for each in (within.process, agent) if each is not None]
