"""agy, the Antigravity CLI: one SQLite (since 1.0.4) or protobuf file a conversation.

Not measured with a running agy, but with its documents, packages and real files.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import ClassVar

from kanban_worker.agents import files, ids, pick
from kanban_worker.agents.agy_binding import Binding
from kanban_worker.agents.agy_roots import Roots
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


class Agy:
    """agy's files, of the plain installation and of the snap."""

    variables: ClassVar[tuple[str, ...]] = ()
    pane_use: ClassVar[PaneUse] = PaneUse.NOTHING

    def __init__(self, home: Path, environ: Mapping[str, str]) -> None:
        """Take the monitor's own home; no variable moves agy's files."""
        del environ
        self._roots = Roots(str(home))
        self._binding = Binding(self._roots)
        self._asked: datetime | None = None

    def home(self) -> Answer[Path]:
        """Return the first of the folders that is there."""
        roots = self._roots.look()
        return files.folder(roots[0] if roots else self._roots.plain)

    def conversations(
        self, agents: Sequence[LiveAgent], seen: Seen = NOTHING_SEEN
    ) -> Mapping[SessionName, Conversation]:
        """Return what each agy holds: by its lock, its arguments, or the last one there."""
        for agent in agents:
            self._roots.add(agent.environ.get("HOME"))
        self._roots.look()
        return self._binding.tick(agents, seen)

    def lineage(
        self,
        old: ConversationId | None,
        held: Bound,
        agent: LiveAgent,
        *,
        since: datetime | None = None,
    ) -> Lineage | Unknown:
        """Tell of the start only: nothing in the files says when a conversation began."""
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
        """Look for the conversation's own file; `-wal` and `-shm` alone are none.

        What is in no home that is known is missing though its agent was never seen: only HOME
        moves its files.
        """
        del workspace, created_at, at_home
        if ids.uuid(conversation) is None:
            return Missing("not a conversation id of agy: those are UUIDs")
        if now != self._asked or (environ and self._roots.add(environ.get("HOME"))):
            self._asked = now
            self._roots.look()
        found = self._roots.file(conversation)
        if isinstance(found, Unknown):
            return found
        if found is not None:
            return _judged(found)
        for root in self._roots.there or [self._roots.plain]:
            if not isinstance(there := files.folder(f"{root}/conversations"), Path):
                return there or Unknown(f"{root}/conversations is not there (mount or restore it)")
        return Missing("never written or deleted")

    def expiry(self, conversation: ConversationId, now: datetime) -> Expiry | None:
        """Tell of nothing: agy is not known to delete a conversation."""
        del conversation, now
        return None

    def resume(self, conversation: ConversationId) -> tuple[str, ...] | None:
        """Name it by its id: `--continue` would take the last one of the directory."""
        if ids.uuid(conversation) is None:
            return None
        return ("agy", "--conversation", conversation)

    def misplaced(self, conversation: ConversationId, directory: str) -> Answer[str]:
        """Find it from any directory: all conversations are in one folder."""
        del conversation, directory
        return None

    def activity(self, conversation: ConversationId, agent: LiveAgent | None) -> Answer[Activity]:
        """Take the newest time inside its files, or of them where there is none inside."""
        del agent
        if ids.uuid(conversation) is None:
            return Activity(state=None, last=None)
        last, evidence = self._binding.last_at(conversation)
        return Activity(state=None, last=last, evidence=evidence)


def _judged(path: str) -> Artefact | Unknown:
    """A new `.db` has its rows in the WAL first; with neither there is no conversation."""
    try:
        sizes = [os.stat(path).st_size]
        if os.path.exists(f"{path}-wal"):
            sizes.append(os.stat(f"{path}-wal").st_size)
    except OSError as error:
        return files.refusal(path, error)
    return Artefact.PRESENT if any(sizes) else Artefact.GHOST
