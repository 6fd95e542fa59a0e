"""The one conversation among several that could be a process's, or none: never a guess."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from kanban_worker.agents.shape import LiveAgent
from reconcile.observed import (
    Ambiguous,
    Bound,
    Conversation,
    ConversationId,
    Lineage,
    Link,
    SessionName,
    Unknown,
)
from reconcile.proofs import Proof

SLACK_NS = 2_000_000_000
"""A process's start is counted from a boot time that Linux gives in whole seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A conversation that began while the process ran, in the process's directory."""

    id: ConversationId
    written: bool


def settle(candidates: Sequence[Candidate], *, alone: bool) -> Conversation:
    """Bind the only candidate of the only agent that could have it."""
    if not candidates:
        return None
    if alone and len(candidates) == 1:
        only = candidates[0]
        return Bound(id=only.id, proof=Proof.SOLE, written=only.written)
    return Ambiguous(tuple(sorted(candidate.id for candidate in candidates)))


Named = Callable[[Sequence[str]], ConversationId | None]
Bind = Callable[[ConversationId, LiveAgent], Conversation]
Begun = Callable[[LiveAgent, frozenset[ConversationId]], "Sequence[Candidate] | Unknown"]


def by_argument_or_time(
    agents: Sequence[LiveAgent], named: Named, bind: Bind, begun: Begun
) -> Mapping[SessionName, Conversation]:
    """Answer for agents that tell of their conversation in their arguments, or not at all.

    `named` reads an id from an argv, `bind` looks for it on disk; for the rest `begun` finds
    what began since the agent did, in its directory, less what others have named.
    """
    given = {agent.session: named(agent.argv) for agent in agents}
    taken = frozenset(one for one in given.values() if one is not None)
    crowd = crowded(agent for agent in agents if given[agent.session] is None)

    def answer(agent: LiveAgent) -> Conversation:
        one = given[agent.session]
        if one is not None:
            return bind(one, agent)
        if not agent.cwd:
            return Unknown(f"cannot read the working directory of process {agent.family[0].pid}")
        found = begun(agent, taken)
        return found if isinstance(found, Unknown) else settle(found, alone=agent.cwd not in crowd)

    return {agent.session: answer(agent) for agent in agents}


def one_link(
    old: ConversationId | None, held: Bound, agent: LiveAgent, began: datetime | None
) -> Lineage:
    """Say when a recorded conversation was left for one that began at this time.

    An older one, named in the arguments, was taken up again when the process began.
    """
    if old is None:
        return Lineage()
    started = agent.family[0].started_at
    resumed = held.proof == Proof.ARGUMENT and (began is None or began < started)
    at, how = (started, "resume") if resumed else (began, "")
    when = None if at is None else at.replace(microsecond=0).astimezone()
    return Lineage(links=(Link(id=old, at=when, how=how, proof=held.proof),))


def crowded(agents: Iterable[LiveAgent]) -> frozenset[str]:
    """Return the directories in which more than one of these agents works."""
    counts = Counter(agent.cwd for agent in agents)
    return frozenset(cwd for cwd, count in counts.items() if count > 1)


def started_ns(agent: LiveAgent) -> int:
    """Return an agent's start in nanoseconds, less the slack."""
    return nanoseconds(agent.family[0].started_at) - SLACK_NS


def nanoseconds(at: datetime) -> int:
    """Return a time as nanoseconds since 1970."""
    return int(at.timestamp() * 1_000_000) * 1000
