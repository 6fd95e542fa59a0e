"""opencode: one SQLite file for all sessions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import ClassVar

from kanban_worker.agents import files, ids, lines, opencode_database, pick
from kanban_worker.agents.opencode_database import SESSION, Data
from kanban_worker.agents.shape import NOTHING_SEEN, Activity, LiveAgent, PaneUse, Seen
from reconcile.observed import (
    Answer,
    Artefact,
    Bound,
    Conversation,
    ConversationId,
    Expiry,
    Lineage,
    Missing,
    SessionName,
    Unknown,
)
from reconcile.proofs import Proof


class Opencode:
    """opencode's sessions, in every database that is in use."""

    variables: ClassVar[tuple[str, ...]] = ("XDG_DATA_HOME", "OPENCODE_DB")
    pane_use: ClassVar[PaneUse] = PaneUse.TITLE

    def __init__(self, home: Path, environ: Mapping[str, str]) -> None:
        """Take the monitor's own home and environment."""
        self._user = str(home)
        # The monitor's HOME variable may differ from the home that it was given.
        own = {key: value for key, value in environ.items() if key != "HOME"}
        self._own = opencode_database.places(own, self._user)
        self._data = {self._own: Data(*self._own)}

    def home(self) -> Answer[Path]:
        """Return the monitor's own data folder."""
        return files.folder(self._own[0])

    def conversations(
        self, agents: Sequence[LiveAgent], seen: Seen = NOTHING_SEEN
    ) -> Mapping[SessionName, Conversation]:
        """Return what each opencode holds: by its arguments, or the only session of its time."""
        del seen
        return pick.by_argument_or_time(agents, _resumed, self._bound, self._begun)

    def lineage(
        self,
        old: ConversationId | None,
        held: Bound,
        agent: LiveAgent,
        *,
        since: datetime | None = None,
    ) -> Lineage | Unknown:
        """Tell of the start only: a session's row does not say which one it followed."""
        del since
        return pick.one_link(old, held, agent, None)

    def artefact(
        self,
        conversation: ConversationId,
        *,
        workspace: str | None,
        created_at: datetime | None,
        now: datetime,
        at_home: bool = False,
        environ: Mapping[str, str] | None = None,
    ) -> Artefact | Missing | Unknown:
        """Look for the session's row in every database."""
        del workspace, created_at, now, at_home, environ
        if SESSION.fullmatch(conversation) is None:
            return Missing("not a session id of opencode: those begin with ses_")
        found = self._updated(conversation)
        if isinstance(found, Unknown):
            return found
        return Artefact.PRESENT if found is not None else Missing("never written or deleted")

    def expiry(self, conversation: ConversationId, now: datetime) -> Expiry | None:
        """Tell of nothing: opencode is not known to delete a session."""
        del conversation, now
        return None

    def resume(self, conversation: ConversationId) -> tuple[str, ...] | None:
        """Name it by its id: `--continue` may take another worktree's (1.14.30 and later)."""
        if SESSION.fullmatch(conversation) is None:
            return None
        return ("opencode", "--session", conversation)

    def misplaced(self, conversation: ConversationId, directory: str) -> Answer[str]:
        """Find it from any directory: 1.16 and later go to the session's own."""
        del conversation, directory
        return None

    def activity(self, conversation: ConversationId, agent: LiveAgent | None) -> Answer[Activity]:
        """Take the row's time; nothing in it tells whether the agent works or waits."""
        del agent
        found = self._updated(conversation) if SESSION.fullmatch(conversation) else None
        if isinstance(found, Unknown):
            return found
        return Activity(state=None, last=lines.moment_of_ms(found))

    def _of(self, agent: LiveAgent) -> tuple[Data, ...]:
        if not agent.environ:
            return tuple(self._data.values())
        place = opencode_database.places(agent.environ, self._user)
        return (self._data.get(place) or self._data.setdefault(place, Data(*place)),)

    def _updated(self, session: ConversationId) -> int | Unknown | None:
        """Return when it was updated; "nowhere" only if every database could be read."""
        second: Unknown | None = None
        for data in self._data.values():
            bases = tuple(opencode_database.each(data))
            for base in bases:
                found = base if isinstance(base, Unknown) else base.updated(session)
                if isinstance(found, int):
                    return found
                second = second or found
            second = second or (None if bases else data.missing())
        return second

    def _bound(self, session: ConversationId, agent: LiveAgent) -> Bound | Unknown:
        self._of(agent)
        found = self._updated(session)
        if isinstance(found, Unknown):
            return found
        return Bound(id=session, proof=Proof.ARGUMENT, written=found is not None)

    def _begun(
        self, agent: LiveAgent, taken: frozenset[ConversationId]
    ) -> list[pick.Candidate] | Unknown:
        since_ms = pick.started_ns(agent) // 1_000_000
        found: list[pick.Candidate] = []
        for data in self._of(agent):
            for base in opencode_database.each(data):
                if isinstance(base, Unknown):
                    return base
                begun = base.begun_since(agent.cwd, since_ms)
                if isinstance(begun, Unknown):
                    return begun
                fresh = (ConversationId(one) for one in begun)
                found += (pick.Candidate(id=o, written=True) for o in fresh if o not in taken)
        return found


def _resumed(argv: Sequence[str]) -> ConversationId | None:
    given = ids.argument(argv, ("--session", "-s"))
    return ConversationId(given) if given is not None and SESSION.fullmatch(given) else None
