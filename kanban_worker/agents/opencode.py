"""opencode: one SQLite file for all sessions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import ClassVar

from kanban_worker.agents import files, lines, opencode_database, pick, unseen
from kanban_worker.agents.opencode_binding import Binding
from kanban_worker.agents.opencode_database import SESSION, Data
from kanban_worker.agents.opencode_places import Places
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


class Opencode:
    """opencode's sessions, in every database that is in use."""

    variables: ClassVar[tuple[str, ...]] = ("XDG_DATA_HOME", "OPENCODE_DB")
    pane_use: ClassVar[PaneUse] = PaneUse.TITLE

    def __init__(self, home: Path, environ: Mapping[str, str]) -> None:
        """Take the monitor's own home and environment."""
        self._places = Places(str(home), environ)
        self._binding = Binding(self._places)

    def home(self) -> Answer[Path]:
        """Return the monitor's own data folder."""
        return files.folder(self._places.own[0])

    def conversations(
        self, agents: Sequence[LiveAgent], seen: Seen = NOTHING_SEEN
    ) -> Mapping[SessionName, Conversation]:
        """Return what each opencode holds: by its own log and title, or its arguments."""
        return self._binding.tick(agents, seen)

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
        del created_at, now, at_home
        if SESSION.fullmatch(conversation) is None:
            return Missing("not a session id of opencode: those begin with ses_")
        own = None if environ is None else self._places.within(environ, workspace or "")
        found = self._updated(conversation, own)
        if isinstance(found, Unknown):
            return found
        if found is not None:
            return Artefact.PRESENT
        if own is not None:
            return Missing("never written or deleted")
        return unseen.nowhere(conversation, (data.path for data in self._places.all))

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
        last = lines.moment_of_ms(found)
        return Activity(state=None, last=last, evidence="transcript" if last else "")

    def _updated(self, session: ConversationId, own: Data | None = None) -> int | Unknown | None:
        """Return when it was updated; "nowhere" only if every database could be read.

        With `own`, only whether that one could be read decides; the others may still have it.
        """
        second: Unknown | None = None
        for data in self._places.all:
            bases = tuple(opencode_database.each(data))
            blind = None if bases else data.missing()
            for base in bases:
                found = base if isinstance(base, Unknown) else base.updated(session)
                if isinstance(found, int):
                    return found
                blind = blind or found
            if own is None or data is own:
                second = second or blind
        return second
