"""The one conversation among several that could be a process's, or none: never a guess."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from kanban_worker.agents.shape import LiveAgent
from reconcile.observed import (
    Ambiguous,
    Bound,
    Conversation,
    ConversationId,
    Lineage,
    Link,
    Unknown,
    Unproven,
)
from reconcile.proofs import Proof

SLACK = timedelta(seconds=2)
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


def likely(candidates: Sequence[Candidate], *, alone: bool, setting: str) -> Ambiguous | Unproven:
    """Name the only candidate of the only agent that could have it. Time is no proof."""
    if candidates and not (alone and len(candidates) == 1):
        return Ambiguous(tuple(sorted(candidate.id for candidate in candidates)))
    return Unproven(likely=candidates[0].id if candidates else None, setting=setting)


def hidden_directory(agent: LiveAgent) -> Unknown:
    """Say that nothing can be told of an agent, as nobody knows where it works."""
    return Unknown(f"cannot read the working directory of process {agent.family[0].pid}")


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
