"""Which conversation each living agy holds: its lock, the last one of its directory, arguments."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

from kanban_worker.agents import agy_locks, agy_times, files, ids, pick
from kanban_worker.agents.agy_roots import Roots
from kanban_worker.agents.agy_times import Times
from kanban_worker.agents.shape import LiveAgent, Seen
from reconcile.observed import (
    Ambiguous,
    Bound,
    Conversation,
    ConversationId,
    SessionName,
    Unknown,
    Unproven,
)
from reconcile.proofs import Proof


class Binding:
    """The conversations of all living agents, asked for together: one's cannot be another's."""

    def __init__(self, roots: Roots) -> None:
        """Nothing is read before the first question."""
        self._roots = roots
        self._times = Times()

    def tick(self, agents: Sequence[LiveAgent], seen: Seen) -> Mapping[SessionName, Conversation]:
        """Answer for each of them."""
        held = self._roots.held([member.pid for agent in agents for member in agent.family])
        locked = {agent.session: self._locked(agent, held) for agent in agents}
        taken = {one for agent in agents if (one := _resumed(agent.argv)) is not None}
        if not isinstance(held, Unknown):
            taken.update(*held.values())
        beside = _Beside(agents, seen)
        return {
            agent.session: locked[agent.session]
            or self._last_one(agent, taken, beside)
            or self._given(agent)
            for agent in agents
        }

    def last_at(self, conversation: ConversationId) -> tuple[datetime | None, str]:
        """Return when it was last written to, by the times inside or else its files', and which."""
        inside = [self._times.inside(root, conversation) for root in self._roots.there]
        outside = (
            at for root in self._roots.there for at in agy_times.modified(root, conversation)
        )
        if (last := max(filter(None, inside), default=None)) is not None:
            return last, "transcript"
        modified = max(outside, default=None)
        return modified, "mtime" if modified else ""

    def _locked(self, agent: LiveAgent, held: agy_locks.Held | Unknown) -> Conversation:
        if isinstance(held, Unknown):
            return held
        mine = {one for member in agent.family for one in held.get(member.pid, ())}
        if len(mine) > 1:
            return Ambiguous(tuple(sorted(mine)))
        return self._bound(mine.pop(), Proof.PRESENCE) if mine else None

    def _given(self, agent: LiveAgent) -> Conversation:
        given = _resumed(agent.argv)
        return None if given is None else self._bound(given, Proof.ARGUMENT)

    def _last_one(
        self, agent: LiveAgent, taken: Collection[ConversationId], beside: _Beside
    ) -> Conversation:
        """Take the directory's last conversation, if this process has written to it.

        The map names the last one only, is raced by other runs, and does not say that
        anybody holds it: it counts for the only agy of its directory on this host. Of one that
        named another in its arguments it says nothing else.
        """
        given = _resumed(agent.argv)
        found = self._roots.last_of(agent.cwd)
        if isinstance(found, Unknown):
            return None if given is not None else found
        if found is None or found in taken or not self._wrote(agent, found):
            return None
        match beside.alone(agent):
            case True:
                return self._bound(found, Proof.LAST)
            case False if given is None:
                return Ambiguous((found,))
            case None if given is None:
                return Unproven(likely=found)
            case _:
                return None

    def _wrote(self, agent: LiveAgent, conversation: ConversationId) -> bool:
        """Whether a conversation was written to since a process began."""
        last, _ = self.last_at(conversation)
        return last is not None and pick.nanoseconds(last) >= pick.started_ns(agent)

    def _bound(self, conversation: ConversationId, proof: Proof) -> Bound | Unknown:
        found = self._roots.file(conversation)
        if isinstance(found, Unknown):
            return found
        return Bound(id=conversation, proof=proof, written=found is not None)


class _Beside:
    """Whether an agy is the only one of its directory on this host, asked of as few as can be."""

    def __init__(self, agents: Sequence[LiveAgent], seen: Seen) -> None:
        self._agents = agents
        self._seen = seen
        self._everybody: Sequence[LiveAgent] | Unknown | None = None

    def alone(self, agent: LiveAgent) -> bool | None:
        """Whether it is; None where nobody can tell."""
        if not _is_alone(agent, self._agents):
            return False
        if self._everybody is None:
            self._everybody = self._seen.anywhere()
        everybody = self._everybody
        if isinstance(everybody, Unknown):
            return None
        if not _is_alone(agent, everybody):
            return False
        return True if all(one.cwd for one in everybody) else None


def _is_alone(agent: LiveAgent, agents: Iterable[LiveAgent]) -> bool:
    own = {member.pid for member in agent.family}
    here = files.real_path(agent.cwd)
    others = (one for one in agents if one.family[0].pid not in own and one.cwd)
    return all(files.real_path(one.cwd) != here for one in others)


def _resumed(argv: Sequence[str]) -> ConversationId | None:
    return ids.uuid(ids.argument(argv, ("--conversation",)))
