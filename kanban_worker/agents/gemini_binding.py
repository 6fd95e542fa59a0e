"""Which chat each living Gemini CLI holds. Nothing of its own proves it (0.61.0).

It keeps no file open, a child of it has no id in its environment, and of two chats that began
in its time either may be a headless run's. What the user can set up proves it: a hook, and the
footer. What a hook said last and arguments count until a command was typed that leaves their
session: 0.61.0 runs no SessionStart hook for a session that is resumed inside the program.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime

from kanban_worker.agents import gemini_footer, ids, pick
from kanban_worker.agents.gemini_chats import Chat
from kanban_worker.agents.gemini_homes import Homes
from kanban_worker.agents.shape import Hooked, LiveAgent, Member, Seen
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
    '"session-id" among ui.footer.items, or `agent-sessions hook` as a SessionStart and a'
    " BeforeAgent hook, in Gemini's settings.json"
)


_MOST = 4096


class Binding:
    """The chats of all living agents, asked for together: one's cannot be another's."""

    def __init__(self, homes: Homes) -> None:
        """Nothing is read before the first question."""
        self._homes = homes
        self._shown: dict[tuple[Member, str], ConversationId] = {}
        """What each process's footer was once seen to mean: another start may delete the chat."""

    def tick(self, agents: Sequence[LiveAgent], seen: Seen) -> Mapping[SessionName, Conversation]:
        """Answer for each of them."""
        answers = {agent.session: self._told(agent, seen) for agent in agents}
        taken = {one for agent in agents if (one := resumed(agent.argv)) is not None}
        taken |= {one.id for one in answers.values() if isinstance(one, Bound)}
        crowd = pick.crowded(agent for agent in agents if answers[agent.session] is None)
        return {
            agent.session: answers[agent.session]
            or self._begun(agent, taken, alone=agent.cwd not in crowd)
            for agent in agents
        }

    def _told(self, agent: LiveAgent, seen: Seen) -> Conversation:
        """Say what the user has set up to tell, or the arguments; None where nothing does."""
        record = seen.hooked.get(agent.session)
        told = self._hooked(agent, record) if record is not None and not record.headless else None
        given = resumed(agent.argv)
        pane = seen.shown.get(agent.session)
        digits = None if pane is None else gemini_footer.digits(pane.text)
        if digits is None:
            return self._given(agent, given) if told is None else told
        hooked = told.id if isinstance(told, Bound) else None
        named = [one for one in (hooked, given) if one is not None]
        known = self._begun_with(digits, agent, named)
        if hooked is not None and known == {hooked}:
            return self._bound(agent, hooked, Proof.HOOK)
        if hooked is not None and known:
            return Ambiguous(tuple(sorted({hooked, *known})))
        if len(known) == 1:
            return self._bound(agent, known.pop(), Proof.PANE)
        left = tuple(one for one in named if one not in known)
        return Unproven(left=left, begins=digits, setting=SETTING)

    def _begun_with(
        self, digits: str, agent: LiveAgent, named: Sequence[ConversationId]
    ) -> set[ConversationId]:
        """Return the known ids that the digits in a footer can mean."""
        before = self._shown.get((agent.family[0], digits))
        if before is not None:
            return {before}
        found = {one for one in (*named, *self._known(agent)) if one.startswith(digits)}
        if len(found) == 1:
            if len(self._shown) >= _MOST:
                self._shown.clear()
            self._shown[agent.family[0], digits] = next(iter(found))
        return found

    def _known(self, agent: LiveAgent) -> Iterator[ConversationId]:
        """Yield the ids that the project's files have."""
        for chats in self._homes.of(agent.environ, agent.cwd):
            prompts = chats.prompts(agent.cwd)
            if prompts is not None and not isinstance(prompts, Unknown):
                yield from prompts.ids
            for path in chats.of(agent.cwd):
                chat = chats.chat(path)
                if isinstance(chat, Chat) and chat.id and not chat.child:
                    yield chat.id

    def _hooked(self, agent: LiveAgent, record: Hooked) -> Conversation:
        """Believe a hook's record until a command was typed that leaves what it names."""
        one = ids.uuid(record.id)
        if one is None:
            return None
        return self._unless_left(agent, one, Proof.HOOK, record.first or one, record.at)

    def _given(self, agent: LiveAgent, given: ConversationId | None) -> Conversation:
        if given is None:
            return None
        start = agent.family[0].started_at - pick.SLACK
        return self._unless_left(agent, given, Proof.ARGUMENT, given, start)

    def _unless_left(
        self,
        agent: LiveAgent,
        one: ConversationId,
        proof: Proof,
        logged: ConversationId,
        since: datetime,
    ) -> Conversation:
        """Bind what was proven at some time, if nobody has left it since.

        `logged` is the id under which the project's log has what was typed in its terminal: that
        of its start, whatever it holds now.
        """
        for chats in self._homes.of(agent.environ, agent.cwd):
            prompts = chats.prompts(agent.cwd)
            if prompts is None:
                continue
            if isinstance(prompts, Unknown) or not prompts.covers(since):
                return Unproven(likely=one, setting=SETTING)
            if prompts.left(logged, since):
                return Unproven(left=(one,), setting=SETTING)
        return self._bound(agent, one, proof)

    def _bound(
        self, agent: LiveAgent, conversation: ConversationId, proof: Proof
    ) -> Bound | Unknown:
        # A hook's record names no home, so this may be the first question about the agent's own.
        homes = self._homes.of(agent.environ, agent.cwd)
        written = self._homes.is_written(conversation, homes)
        if isinstance(written, Unknown):
            return written
        return Bound(id=conversation, proof=proof, written=written)

    def _begun(
        self, agent: LiveAgent, taken: Collection[ConversationId], *, alone: bool
    ) -> Conversation:
        """Name the only chat that began here since this process did."""
        if not agent.cwd:
            return pick.hidden_directory(agent)
        since = pick.started_ns(agent)
        found: dict[ConversationId, pick.Candidate] = {}
        for chats in self._homes.of(agent.environ, agent.cwd):
            for path in chats.of(agent.cwd):
                chat = chats.chat(path)
                if isinstance(chat, Unknown):
                    return chat
                if chat is None or chat.id is None or chat.id in taken:
                    continue
                if chat.child or chat.started is None:
                    continue
                if pick.nanoseconds(chat.started) >= since:
                    found[chat.id] = pick.Candidate(id=chat.id, written=chat.spoken)
        return pick.likely(list(found.values()), alone=alone, setting=SETTING)


def resumed(argv: Sequence[str]) -> ConversationId | None:
    """Read the id of `--resume <id>` or `--session-id <id>`; a number or `latest` names none."""
    return ids.uuid(ids.argument(argv, ("--resume", "-r", "--session-id")))
