"""Which session each living opencode holds: what proves it, or what is only likely."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from kanban_worker.agents import ids, opencode_database, opencode_titles, pick
from kanban_worker.agents.opencode_database import SESSION, Data, Session
from kanban_worker.agents.opencode_log import Logs, Said
from kanban_worker.agents.opencode_places import Places
from kanban_worker.agents.shape import LiveAgent, Seen
from reconcile.observed import (
    Bound,
    Conversation,
    ConversationId,
    SessionName,
    Unknown,
    Unproven,
)
from reconcile.proofs import Proof

OWN_TITLE = "a title for each session that no other has (/rename in opencode)"
SHOWN_TITLE = "opencode's terminal title (without OPENCODE_DISABLE_TERMINAL_TITLE)"

_DEEPEST = 32


class Binding:
    """The sessions of all living agents, asked for together: one's cannot be another's."""

    def __init__(self, places: Places, logs: Logs | None = None) -> None:
        """Nothing is read before the first question."""
        self._places = places
        self._logs = logs or Logs()

    def tick(self, agents: Sequence[LiveAgent], seen: Seen) -> Mapping[SessionName, Conversation]:
        """Answer for each of them."""
        said = {agent.session: self._logs.said(agent) for agent in agents}
        answers = {
            agent.session: self._told(agent, said[agent.session], seen)
            for agent in agents
            if said[agent.session] is not None or resumed(agent.argv) is not None
        }
        taken = {one for agent in agents if (one := resumed(agent.argv)) is not None}
        taken |= {one.id for one in answers.values() if isinstance(one, Bound)}
        crowd = pick.crowded(agent for agent in agents if agent.session not in answers)
        return {
            agent.session: answers[agent.session]
            if agent.session in answers
            else self._begun(agent, taken, alone=agent.cwd not in crowd)
            for agent in agents
        }

    def _told(self, agent: LiveAgent, said: Said | Unknown | None, seen: Seen) -> Conversation:
        """Say what the log or the arguments name, as far as the pane's title agrees."""
        if isinstance(said, Unknown):
            return said
        pane = seen.shown.get(agent.session)
        shown = None if pane is None else opencode_titles.shown(pane.title)
        data = self._places.of(agent, said.folder if said else None)
        given = resumed(agent.argv)
        if said is not None and said.last is not None:
            root = _root(data, said.last)
            return root if isinstance(root, Unknown) else _logged(data, *root, shown)
        if said is not None and not said.whole:
            return Unproven(likely=given, setting=SHOWN_TITLE)
        if given is not None:
            return _given(data, given, shown)
        return (
            Unproven(likely=_only(_titled(data, shown, None)), setting=OWN_TITLE) if shown else None
        )

    def _begun(
        self, agent: LiveAgent, taken: Collection[ConversationId], *, alone: bool
    ) -> Conversation:
        """Name the only session begun since, where the log cannot be seen."""
        if not agent.cwd:
            return pick.hidden_directory(agent)
        since_ms = pick.started_ns(agent) // 1_000_000
        found: list[pick.Candidate] = []
        for data in self._places.of(agent):
            for base in opencode_database.each(data):
                if isinstance(base, Unknown):
                    return base
                begun = base.begun_since(agent.cwd, since_ms)
                if isinstance(begun, Unknown):
                    return begun
                fresh = (ConversationId(one) for one in begun)
                found += (pick.Candidate(id=o, written=True) for o in fresh if o not in taken)
        return pick.likely(found, alone=alone, setting=SHOWN_TITLE) if found else None


def resumed(argv: Sequence[str]) -> ConversationId | None:
    """Read the id of `opencode --session <id>`."""
    given = ids.argument(argv, ("--session", "-s"))
    return ConversationId(given) if given is not None and SESSION.fullmatch(given) else None


def _logged(
    data: Sequence[Data], one: ConversationId, row: Session | None, shown: str | None
) -> Conversation:
    """Judge the session of the last prompt: the title says if it was left without another."""
    if row is None or row.headless:
        return Unproven(likely=None if row else one)
    if shown is None:
        return Unproven(likely=one, setting=SHOWN_TITLE)
    same = _titled(data, shown, row.project) if shown else ()
    if isinstance(same, Unknown):
        return same
    if shown != opencode_titles.of_session(row.title):
        return _left(one, _only(same))
    if set(same) != {one}:
        return Unproven(likely=one, setting=OWN_TITLE)
    return Bound(id=one, proof=Proof.LOG, written=True)


def _given(data: Sequence[Data], one: ConversationId, shown: str | None) -> Conversation:
    """Believe the arguments until the title shows another session, or none."""
    row = _row(data, one)
    if isinstance(row, Unknown):
        return row
    if row is not None and row.headless:
        return Unproven(likely=one)
    if row and shown is not None and shown != opencode_titles.of_session(row.title):
        titled = _titled(data, shown, row.project) if shown else ()
        return titled if isinstance(titled, Unknown) else _left(one, _only(titled))
    return Bound(id=one, proof=Proof.ARGUMENT, written=row is not None)


def _left(one: ConversationId, likely: ConversationId | None) -> Unproven:
    return Unproven(likely=likely, left=(one,))


def _only(found: Sequence[ConversationId] | Unknown) -> ConversationId | None:
    return found[0] if not isinstance(found, Unknown) and len(found) == 1 else None


def _root(
    data: Sequence[Data], one: ConversationId
) -> tuple[ConversationId, Session | None] | Unknown:
    """Go up from a sub-agent's session to the one that a pane shows."""
    for _ in range(_DEEPEST):
        row = _row(data, one)
        if isinstance(row, Unknown):
            return row
        if row is None or row.parent is None:
            return one, row
        if not SESSION.fullmatch(row.parent):
            break
        one = ConversationId(row.parent)
    return one, None


def _row(data: Sequence[Data], one: ConversationId) -> Session | Unknown | None:
    second: Unknown | None = None
    for base in _bases(data):
        found = base if isinstance(base, Unknown) else base.session(one)
        if isinstance(found, Session):
            return found
        second = second or found
    return second


def _titled(
    data: Sequence[Data], shown: str, project: str | None
) -> tuple[ConversationId, ...] | Unknown:
    """Return the sessions that a pane shows by this title."""
    found: list[ConversationId] = []
    for base in _bases(data):
        titled = (
            base
            if isinstance(base, Unknown)
            else base.titled(opencode_titles.beginning(shown), project)
        )
        if isinstance(titled, Unknown):
            return titled
        found += (
            ConversationId(o) for o, own in titled if opencode_titles.of_session(own) == shown
        )
    return tuple(found)


def _bases(data: Iterable[Data]) -> Iterable[opencode_database.Database | Unknown]:
    return (base for each in data for base in opencode_database.each(each))
