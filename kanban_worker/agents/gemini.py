"""Gemini CLI: one chat file a session, in a folder per workspace that has a readable name."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

from kanban_worker.agents import files, ids, pick
from kanban_worker.agents.gemini_chats import Chat, Chats
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

_MOST = 8192


class Gemini:
    """Gemini's chats, in every home that is in use."""

    variables: ClassVar[tuple[str, ...]] = ("GEMINI_CLI_HOME",)
    pane_use: ClassVar[PaneUse] = PaneUse.TEXT

    def __init__(self, home: Path, environ: Mapping[str, str]) -> None:
        """Take the monitor's own home and environment."""
        self._own = _folder(environ.get("GEMINI_CLI_HOME") or str(home))
        self._homes = {self._own: Chats(self._own)}
        self._where: dict[ConversationId, tuple[Chats, str]] = {}
        self._asked: datetime | None = None

    def home(self) -> Answer[Path]:
        """Return where the monitor's own chats are: `.gemini` alone may be Antigravity's."""
        return files.folder(os.path.join(self._own, "tmp"))

    def conversations(
        self, agents: Sequence[LiveAgent], seen: Seen = NOTHING_SEEN
    ) -> Mapping[SessionName, Conversation]:
        """Return what each Gemini holds: by its arguments, or the only chat of its time."""
        del seen
        self._look()
        return pick.by_argument_or_time(agents, _resumed, self._bound, self._begun)

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
        found = self._find(held.id)
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
        del workspace, created_at, at_home, environ
        if ids.uuid(conversation) is None:
            return Missing("not a session id of Gemini CLI: those are UUIDs")
        if now != self._asked:
            self._asked = now
            self._look()
        found = self._find(conversation)
        if isinstance(found, Unknown):
            return found
        if found is not None:
            return Artefact.PRESENT if found.spoken else Artefact.GHOST
        blind = next((why for one in self._homes.values() if (why := one.blind())), None)
        return blind or Missing("never written or deleted")

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
        known = self._where.get(conversation)
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
        found = self._find(conversation) if ids.uuid(conversation) else None
        if found is None or isinstance(found, Unknown):
            return found or Activity(state=None, last=None)
        if found.last is not None or not found.spoken:
            return Activity(state=None, last=found.last)
        try:
            modified = os.stat(self._where[conversation][1]).st_mtime
            return Activity(state=None, last=datetime.fromtimestamp(modified, UTC))
        except (KeyError, OSError, ValueError, OverflowError):
            return Activity(state=None, last=None)

    def _look(self) -> None:
        for chats in self._homes.values():
            chats.look()

    def _of(self, agent: LiveAgent) -> tuple[Chats, ...]:
        base = agent.environ.get("GEMINI_CLI_HOME") or agent.environ.get("HOME")
        if not base:
            return tuple(self._homes.values())
        path = _folder(os.path.join(agent.cwd, base))
        return (self._homes.get(path) or self._homes.setdefault(path, Chats(path)),)

    def _bound(self, conversation: ConversationId, agent: LiveAgent) -> Bound | Unknown:
        self._of(agent)
        found = self._find(conversation)
        if isinstance(found, Unknown):
            return found
        return Bound(
            id=conversation, proof=Proof.ARGUMENT, written=found is not None and found.spoken
        )

    def _begun(
        self, agent: LiveAgent, taken: frozenset[ConversationId]
    ) -> list[pick.Candidate] | Unknown:
        since = pick.started_ns(agent)
        found: dict[ConversationId, pick.Candidate] = {}
        for chats in self._of(agent):
            for path in chats.of(agent.cwd):
                chat = chats.chat(path)
                if isinstance(chat, Unknown):
                    return chat
                if chat is None or chat.child or chat.started is None or chat.id in taken:
                    continue
                if pick.nanoseconds(chat.started) >= since:
                    found[chat.id] = pick.Candidate(id=chat.id, written=chat.spoken)
        return list(found.values())

    def _find(self, conversation: ConversationId) -> Chat | Unknown | None:
        second: Unknown | None = None
        for chats, path in self._places(conversation):
            found = chats.chat(path)
            if not isinstance(found, Chat):
                second = second or found or Unknown(f"{path} does not say which session it is")
            elif found.id == conversation:
                if len(self._where) >= _MOST:
                    self._where.clear()
                self._where[conversation] = (chats, path)
                return found
        return second

    def _places(self, conversation: ConversationId) -> Iterator[tuple[Chats, str]]:
        known = self._where.get(conversation)
        if known is not None:
            yield known
        for chats in self._homes.values():
            for path in chats.find(conversation):
                yield chats, path


def _folder(base: str) -> str:
    """Return the `.gemini` under a home, as 0.61 does; else the home, if it is one itself."""
    usual = f"{base}/.gemini"
    itself = os.path.exists(f"{base}/projects.json") and not os.path.isdir(usual)
    return base if itself else usual


def _resumed(argv: Sequence[str]) -> ConversationId | None:
    return ids.uuid(ids.argument(argv, ("--resume", "-r", "--session-id")))
