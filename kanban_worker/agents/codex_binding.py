"""Which thread each living Codex holds: what proves it, or what is only likely."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from kanban_worker.agents import codex_titles, ids, pick
from kanban_worker.agents.birth import birth_ns
from kanban_worker.agents.codex_daemon import Daemons
from kanban_worker.agents.codex_homes import Homes
from kanban_worker.agents.codex_locks import Locks
from kanban_worker.agents.codex_rollouts import Meta, Rollouts
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

SETTING = (
    'tui.terminal_title = ["thread-id"] or features.daemon_auto_start = false'
    " in Codex's config.toml"
)
"""What makes its threads certain from the next start on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Evidence:
    """What was seen of one agent."""

    locked: frozenset[ConversationId] | Unknown | None
    """What its own processes lock, without what they hold for sub-agents; None off Linux."""
    begun: str | None
    """The beginning of the id that its pane's title shows."""
    titled: ConversationId | None
    """The thread that completes it."""
    given: ConversationId | None
    """What its arguments name."""


class Binding:
    """The threads of all living agents, asked for together: one's cannot be another's."""

    def __init__(self, homes: Homes, locks: Locks | None = None) -> None:
        """Nothing is read before the first question."""
        self._homes = homes
        self._locks = locks or Locks()
        self._daemons = Daemons()

    def tick(self, agents: Sequence[LiveAgent], seen: Seen) -> Mapping[SessionName, Conversation]:
        """Answer for each of them."""
        self._locks.look()
        evidence = {agent.session: self._evidence(agent, seen) for agent in agents}
        answers = {
            agent.session: self._proven(agent, evidence[agent.session], seen) for agent in agents
        }
        taken = {one.given for one in evidence.values() if one.given is not None}
        taken |= {one.id for one in answers.values() if isinstance(one, Bound)}
        crowd = pick.crowded(agent for agent in agents if answers[agent.session] is None)
        return {
            agent.session: answers[agent.session]
            or self._begun(agent, taken, alone=agent.cwd not in crowd)
            for agent in agents
        }

    def _evidence(self, agent: LiveAgent, seen: Seen) -> _Evidence:
        held = self._locks.held(agent)
        if isinstance(held, Mapping):
            # A descriptor names its home by itself, whatever the environment says.
            homes = [self._homes.at(home) for home in dict.fromkeys(held.values())]
            locked: frozenset[ConversationId] | Unknown | None = frozenset(
                one for one in held if len(held) == 1 or not self._is_child(one, homes)
            )
        else:
            homes, locked = [], held
        shown = seen.shown.get(agent.session)
        begun = None if shown is None else codex_titles.begin(shown.title)
        titled = None if begun is None else self._titled(begun, [*homes, *self._of(agent)])
        return _Evidence(locked=locked, begun=begun, titled=titled, given=resumed(agent.argv))

    def _of(self, agent: LiveAgent) -> tuple[Rollouts, ...]:
        return self._homes.of(agent.environ, agent.cwd)

    def _titled(self, begun: str, homes: Sequence[Rollouts]) -> ConversationId | None:
        paths = dict.fromkeys(one.home for one in homes)
        found = {self._homes.begun_with(path, begun) for path in paths} - {None}
        return found.pop() if len(found) == 1 else None

    def _is_child(self, thread: ConversationId, homes: Sequence[Rollouts]) -> bool:
        """Whether it is a sub-agent's, by its rollout: no pane holds that."""
        if self._homes.size(thread, homes, living=True) is None:
            return False
        meta = self._homes.at(self._homes.own).meta(self._homes.where[thread])
        return isinstance(meta, Meta) and meta.child

    def _proven(self, agent: LiveAgent, evidence: _Evidence, seen: Seen) -> Conversation:
        """Say what something proves, or what its arguments make likely; None if nothing does."""
        locked = evidence.locked
        if isinstance(locked, frozenset) and locked:
            return self._among(locked, evidence.titled)
        if evidence.titled is not None:
            return self._bound(evidence.titled, Proof.PANE)
        if isinstance(locked, Unknown):
            return locked
        served = self._is_served(agent, locked)
        hooked = seen.hooked.get(agent.session)
        if hooked is not None and not hooked.headless and not served and ids.uuid(hooked.id):
            return self._bound(hooked.id, Proof.HOOK)
        return self._given(evidence, served=served)

    def _among(
        self, locked: frozenset[ConversationId], titled: ConversationId | None
    ) -> Conversation:
        """Choose from what its own processes lock: two for a minute after `/new`."""
        named = locked if titled is None else locked & {titled}
        if len(named) == 1:
            return self._bound(next(iter(named)), Proof.LOCK)
        return Ambiguous(tuple(sorted(locked if titled is None else locked | {titled})))

    def _given(self, evidence: _Evidence, *, served: bool) -> Conversation:
        given = evidence.given
        begun = evidence.begun
        if begun is not None and not (given and given.startswith(begun)):
            # A thread without a prompt has no rollout yet that would complete it.
            left = () if given is None else (given,)
            return Unproven(left=left, begins=begun, setting=SETTING)
        if given is None:
            return None
        if served:
            return Unproven(likely=given, setting=SETTING)
        return self._bound(given, Proof.ARGUMENT)

    def _is_served(self, agent: LiveAgent, locked: frozenset[ConversationId] | None) -> bool:
        """Whether a daemon may hold this agent's thread, asked of one that locks none itself.

        A Codex that has locks and uses no daemon holds one from its start on, so one that holds
        none where others did is served, or was by a daemon that has ended since.
        """
        homes = [one.home for one in self._of(agent)]
        if locked is not None and any(self._homes.has_locks(home) for home in homes):
            return True
        if _ALONE.intersection(agent.argv):
            return False
        return self._locks.daemon_in(agent) or any(self._daemons.lives(home) for home in homes)

    def _bound(self, thread: ConversationId, proof: Proof) -> Bound | Unknown:
        size = self._homes.size(thread, living=True)
        if isinstance(size, Unknown):
            return size
        return Bound(id=thread, proof=proof, written=bool(size))

    def _begun(
        self, agent: LiveAgent, taken: Collection[ConversationId], *, alone: bool
    ) -> Conversation:
        """Name the only thread that a TUI began here since this one runs."""
        if not agent.cwd:
            return pick.hidden_directory(agent)
        since = pick.started_ns(agent)
        # The folder's date is local time; the payload's times are UTC.
        day = agent.family[0].started_at.astimezone().date()
        found: dict[ConversationId, pick.Candidate] = {}
        for rollouts in self._of(agent):
            for one, path in rollouts.since(day):
                if one in taken or one in found:
                    continue
                meta = rollouts.meta(path)
                if isinstance(meta, Unknown):
                    return meta
                if meta is None or meta.child or not meta.shown or meta.cwd != agent.cwd:
                    continue
                if _born(path, meta) >= since:
                    found[one] = pick.Candidate(id=one, written=True)
        return pick.likely(list(found.values()), alone=alone, setting=SETTING)


_ALONE = frozenset({"--no-daemon", "--dangerously-bypass-hook-trust"})
"""Arguments with which 0.169.0 uses no daemon."""


def resumed(argv: Sequence[str]) -> ConversationId | None:
    """Read the id of `codex resume <id>`; `fork` makes a new one."""
    return ids.uuid(ids.argument(argv, ("resume",)))


def _born(path: str, meta: Meta) -> int:
    if meta.at is not None:
        return pick.nanoseconds(meta.at)
    try:
        return birth_ns(path, os.stat(path)) or 0
    except OSError:
        return 0
