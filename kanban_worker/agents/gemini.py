"""Gemini CLI: one chat file a session, in a folder per workspace that has a readable name."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

from kanban_worker.agents import files, ids, pick, unseen
from kanban_worker.agents.gemini_binding import Binding
from kanban_worker.agents.gemini_homes import Homes
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


class Gemini:
    """Gemini's chats, in every home that is in use."""

    variables: ClassVar[tuple[str, ...]] = ("GEMINI_CLI_HOME",)
    pane_use: ClassVar[PaneUse] = PaneUse.TEXT

    def __init__(self, home: Path, environ: Mapping[str, str]) -> None:
        """Take the monitor's own home and environment."""
        self._homes = Homes(environ.get("GEMINI_CLI_HOME") or str(home))
        self._binding = Binding(self._homes)
        self._asked: datetime | None = None

    def home(self) -> Answer[Path]:
        """Return where the monitor's own chats are: `.gemini` alone may be Antigravity's."""
        return files.folder(os.path.join(self._homes.own, "tmp"))

    def conversations(
        self, agents: Sequence[LiveAgent], seen: Seen = NOTHING_SEEN
    ) -> Mapping[SessionName, Conversation]:
        """Return what each Gemini holds: by its hook, its footer, or its arguments."""
        self._homes.look()
        return self._binding.tick(agents, seen)

    def lineage(
        self,
        old: ConversationId | None,
        held: Bound,
        agent: LiveAgent,
        *,
        since: datetime | None = None,
    ) -> Lineage | Unknown:
        """Take the chat's own start: nothing in it says which one it followed."""
        del since
        found = self._homes.find(held.id)
        if isinstance(found, Unknown):
            return found
        return pick.one_link(old, held, agent, None if found is None else found.started)

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
        """Look in all workspaces: the file's name has 8 digits of the id, its first line all."""
        del created_at, at_home
        if ids.uuid(conversation) is None:
            return Missing("not a session id of Gemini CLI: those are UUIDs")
        if now != self._asked:
            self._asked = now
            self._homes.look()
        own = () if environ is None else self._homes.of(environ, workspace or "")
        found = self._homes.find(conversation, own)
        if isinstance(found, Unknown):
            return found
        if found is not None:
            return Artefact.PRESENT if found.spoken else Artefact.GHOST
        asked = own or tuple(self._homes.all.values())
        blind = next((why for one in asked if (why := one.blind())), None)
        missing = Missing("never written or deleted")
        return blind or (missing if own else unseen.nowhere(conversation, (o.path for o in asked)))

    def expiry(self, conversation: ConversationId, now: datetime) -> Expiry | None:
        """Tell of nothing: how Gemini CLI counts its 30 days is not known."""
        del conversation, now
        return None

    def resume(self, conversation: ConversationId) -> tuple[str, ...] | None:
        """Name it by its id; a number would be a place in a list that changes."""
        if ids.uuid(conversation) is None:
            return None
        return ("gemini", "--resume", conversation)

    def misplaced(self, conversation: ConversationId, directory: str) -> Answer[str]:
        """Look where Gemini CLI does: only among the sessions of the directory's own project."""
        known = self._homes.where.get(conversation)
        if known is None:
            return None
        chats, path = known
        found = chats.belongs(path, files.real_path(directory))
        if isinstance(found, Unknown):
            return found
        return None if found else f"{path} is of another directory's project"

    def activity(self, conversation: ConversationId, agent: LiveAgent | None) -> Answer[Activity]:
        """Take the newest line's time, or the file's where no line has one."""
        del agent
        found = self._homes.find(conversation) if ids.uuid(conversation) else None
        if found is None or isinstance(found, Unknown):
            return found or Activity(state=None, last=None)
        path = self._homes.where.get(conversation, (None, None))[1]
        if found.last is not None:
            return Activity(state=None, last=found.last, evidence="transcript", path=path)
        if path is None or not found.spoken:
            return Activity(state=None, last=None, path=path)
        try:
            modified = datetime.fromtimestamp(os.stat(path).st_mtime, UTC)
            return Activity(state=None, last=modified, evidence="mtime", path=path)
        except (OSError, ValueError, OverflowError):
            return Activity(state=None, last=None, path=path)
