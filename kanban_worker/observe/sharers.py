"""Tells who else holds the conversation of an agent: two processes would tear it in two."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence

from kanban_worker import processes
from kanban_worker.agents.shape import LiveAgent
from reconcile import location
from reconcile.observed import Answer, Bound, Conversation, Listing, SessionName


def of(
    agents: Mapping[SessionName, LiveAgent],
    everybody: Mapping[str, Sequence[LiveAgent]],
    held: Mapping[SessionName, Conversation],
    listings: Iterable[Answer[Listing]],
) -> Mapping[SessionName, tuple[str, ...]]:
    """For each session, who else holds the conversation that its agent holds.

    `agents` are those of the sessions, `everybody` all of this host by kind; `held` is what each
    of them holds.
    """
    by_id: dict[tuple[str, str], list[LiveAgent]] = {}
    for kind, living in everybody.items():
        for agent in living:
            one = held.get(agent.session)
            if isinstance(one, Bound):
                by_id.setdefault((kind, one.id.casefold()), []).append(agent)
    shared = {
        agent.session: tuple(told(other, listings) for other in same if other is not agent)
        for same in by_id.values()
        if len(same) > 1
        for agent in same
    }
    return {
        name: shared[agent.session] for name, agent in agents.items() if agent.session in shared
    }


def told(agent: LiveAgent, listings: Iterable[Answer[Listing]]) -> str:
    """An agent as a person may find it."""
    socket, pane_id = processes.pane_of(agent.session)
    sessions = itertools.chain.from_iterable(
        answer.sessions.values() for answer in listings if isinstance(answer, Listing)
    )
    showing = [
        session
        for session in sessions
        if session.socket == socket and any(pane.pane_id == pane_id for pane in session.panes)
    ]
    if not showing:
        return f"process {agent.family[0].pid}"
    # A window may be linked: told of another session, the same finding would be a new one.
    oldest = min(showing, key=location.age)
    return f"process {agent.family[0].pid} in tmux session {oldest.name}"
