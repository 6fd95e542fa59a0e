"""Claude Code: one JSON-lines transcript a session, in a folder per workspace."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

from kanban_worker.agents import (
    claude_keys,
    claude_missing,
    claude_place,
    claude_retention,
    files,
    ids,
)
from kanban_worker.agents.claude_binding import Binding
from kanban_worker.agents.claude_library import Library
from kanban_worker.agents.claude_pids import PidFile
from kanban_worker.agents.claude_transcript import Transcript
from kanban_worker.agents.kept import Folder
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
    Unseen,
)

_MOST = 8192

_UNPROMPTED = Missing("not written yet: its agent has had no prompt")
_STATES = {"busy": "working", "waiting": "waiting", "idle": "idle", "shell": "idle"}


class Claude:
    """Claude Code's files, in every configuration folder that is in use."""

    variables: ClassVar[tuple[str, ...]] = ("CLAUDE_CONFIG_DIR", "CLAUDE_CODE_PROJECT_DIR_NAME")
    pane_use: ClassVar[PaneUse] = PaneUse.NOTHING

    def __init__(self, home: Path, environ: Mapping[str, str]) -> None:
        """Take the monitor's own home and environment."""
        self._library = Library(str(home), environ)
        self._named = claude_keys.named_folder(
            environ.get("CLAUDE_CONFIG_DIR"), environ.get("CLAUDE_CODE_PROJECT_DIR_NAME")
        )
        self._binding = Binding(self._library)
        self._sidechains: dict[str, Folder] = {}
        self._asked: datetime | None = None
        self._places: dict[ConversationId, tuple[Transcript, str, Missing | None]] = {}

    def home(self) -> Answer[Path]:
        """Return the configuration folder in use."""
        return files.folder(self._library.home())

    def conversations(
        self, agents: Sequence[LiveAgent], seen: Seen = NOTHING_SEEN
    ) -> Mapping[SessionName, Conversation]:
        """Return what each agent holds, and which of its records proves it."""
        return self._binding.tick(agents, seen)

    def lineage(
        self,
        old: ConversationId | None,
        held: Bound,
        agent: LiveAgent,
        *,
        since: datetime | None = None,
    ) -> Lineage | Unknown:
        """Follow `/clear`, resume and fork through the transcripts and what was typed."""
        return self._binding.lineage(old, held, agent, since=since)

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
        """Look where its agent wrote, under the workspace's folders, then in all that are known.

        The first question about a conversation that `conversations` has just seen is
        answered from that look: a tick asks both, and one `stat` is enough.
        """
        if conversation in self._binding.resumable:
            self._binding.resumable.discard(conversation)
            return Artefact.PRESENT
        if ids.uuid(conversation) is None:
            return Missing("not a session id of Claude Code: those are UUIDs")
        if now != self._asked:
            self._asked = now
            self._library.look()
        found = self._library.find(conversation, self._library.home_in(workspace, environ))
        path = self._library.path(conversation)
        if found is None or path is None:
            nowhere = self._nowhere(conversation, workspace, created_at, now)
            if environ is None and nowhere is not _UNPROMPTED and isinstance(nowhere, Missing):
                return self._unseen(conversation)
            return nowhere
        return self._judged(conversation, path, workspace if at_home else None, found)

    def expiry(self, conversation: ConversationId, now: datetime) -> Expiry | None:
        """Ask the settings only where the last change was long enough ago."""
        modified_ns = self._library.modified_ns(conversation)
        if modified_ns is None or claude_retention.is_young(modified_ns, now):
            return None
        return claude_retention.expiry(modified_ns, self._library.retention_of(conversation), now)

    def resume(self, conversation: ConversationId) -> tuple[str, ...] | None:
        """Name it by its id; what is no id would be taken for a title to search for."""
        if ids.uuid(conversation) is None:
            return None
        return ("claude", "--resume", conversation)

    def misplaced(self, conversation: ConversationId, directory: str) -> Answer[str]:
        """Look where `--resume` does: only in the directory's own project folder."""
        return claude_place.misplaced(self._library, self._named, conversation, directory)

    def activity(self, conversation: ConversationId, agent: LiveAgent | None) -> Answer[Activity]:
        """Take the state from the pid file, the time from the newest line of any file."""
        if ids.uuid(conversation) is None:
            return Activity(state=None, last=None)
        own = None if agent is None else self._library.pid_file(agent)
        said = own if isinstance(own, PidFile) and own.id == conversation else None
        state = None if said is None else _STATES.get(said.status or "")
        path = self._path(conversation, agent, own)
        if isinstance(path, Unknown):
            return path
        last, evidence = (None, "") if path is None else self._last(path)
        since = said.status_at if said is not None and said.status == "idle" else None
        if since is not None and (last is None or evidence == "mtime" or since > last):
            last, evidence = since, "pid-file"
        return Activity(state=state, last=last, evidence=evidence, path=path)

    def _path(
        self, conversation: ConversationId, agent: LiveAgent | None, own: PidFile | Unknown | None
    ) -> str | Unknown | None:
        """Return the transcript in the agent's own folder, or the one that was found last."""
        library = self._library
        if agent is None:
            found = library.last(conversation) or library.find(conversation)
        else:
            moved = own.cwd if isinstance(own, PidFile) else None
            found = library.find(conversation, library.home_of(agent, moved))
        if isinstance(found, Unknown):
            return found
        return None if found is None else library.path(conversation)

    def _judged(
        self,
        conversation: ConversationId,
        path: str,
        workspace: str | None,
        found: Transcript | Unknown,
    ) -> Artefact | Missing | Unknown:
        if isinstance(found, Unknown):
            return claude_missing.unreadable(path) or found
        if found.holds is None:
            return Unknown(f"{path}: no message within 16 MiB of its beginning (look by hand)")
        if not found.holds:
            return Artefact.GHOST
        return self._moved(conversation, path, workspace, found) or Artefact.PRESENT

    def _nowhere(
        self,
        conversation: ConversationId,
        workspace: str | None,
        created_at: datetime | None,
        now: datetime,
    ) -> Missing | Unknown:
        if blind := self._library.blind():
            return blind
        if conversation in self._binding.named:
            return _UNPROMPTED
        return claude_missing.nowhere(self._library, conversation, workspace, created_at, now)

    def _unseen(self, conversation: ConversationId) -> Unseen:
        folders = ", ".join(f"{path}/projects" for path in self._library.stores)
        return Unseen(
            f"{conversation} is not in {folders}, and it was never seen which folder its agent "
            "uses (CLAUDE_CONFIG_DIR): it may lie elsewhere"
        )

    def _moved(
        self, conversation: ConversationId, path: str, workspace: str | None, found: Transcript
    ) -> Missing | None:
        """Say that it lies where nobody finds it from the workspace, unless somebody holds it."""
        if workspace is None:
            return None
        known = self._places.get(conversation)
        if known is None or known[0] is not found or known[1] != workspace:
            if len(self._places) >= _MOST:
                self._places.clear()
            known = (found, workspace, claude_missing.moved(self._library, path, workspace))
            self._places[conversation] = known
        if known[2] is None or conversation in self._binding.named | self._library.named():
            return None
        return known[2]

    def _last(self, path: str) -> tuple[datetime | None, str]:
        """Return the newest time of a transcript and its sub-agents', and what tells it.

        A file has no line newer than its modification, so older files are not read.
        """
        folder = f"{path.removesuffix('.jsonl')}/subagents"
        side = self._sidechains.get(folder)
        if side is None:
            if len(self._sidechains) >= _MOST:
                self._sidechains.clear()
            side = self._sidechains[folder] = Folder(folder)
        names = side.names()
        listed = names if isinstance(names, frozenset) else frozenset()
        others = (f"{folder}/{name}" for name in listed if name.endswith(".jsonl"))
        best: datetime | None = None
        modified = {place: _modified(place) for place in (path, *others)}
        for place, at in sorted(modified.items(), key=lambda item: item[1], reverse=True):
            if best is not None and at <= best:
                break
            newest = self._library.newest(place)
            best = max(filter(None, (best, newest)), default=None)
        if best is None:
            # No line has a time: the modification says at least that nothing came later.
            return max(modified.values()), "mtime"
        return best, "transcript"


def _modified(path: str) -> datetime:
    try:
        return files.modified(os.stat(path))
    except OSError:
        return datetime.fromtimestamp(0, UTC)
