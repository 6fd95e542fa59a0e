"""Claude Code: one JSON-lines transcript a session, in a folder per workspace."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from kanban_worker.agents import claude_keys, claude_place, claude_transcript, files, ids
from kanban_worker.agents.claude_binding import Binding
from kanban_worker.agents.claude_library import Library
from kanban_worker.agents.claude_pids import PidFile
from kanban_worker.agents.kept import Folder, Kept
from kanban_worker.agents.shape import Activity, LiveAgent
from reconcile.observed import (
    Answer,
    Artefact,
    Conversation,
    ConversationId,
    Missing,
    SessionName,
    Unknown,
)

_STATES = {"busy": "working", "waiting": "waiting", "idle": "idle", "shell": "idle"}


class Claude:
    """Claude Code's files, in every configuration folder that is in use."""

    def __init__(self, home: Path, environ: Mapping[str, str]) -> None:
        """Take the monitor's own home and environment."""
        self._library = Library(str(home), environ)
        self._named = claude_keys.named_folder(
            environ.get("CLAUDE_CONFIG_DIR"), environ.get("CLAUDE_CODE_PROJECT_DIR_NAME")
        )
        self._binding = Binding(self._library)
        self._newest: Kept[datetime | None] = Kept(claude_transcript.newest)
        self._sidechains: dict[str, Folder] = {}
        self._asked: datetime | None = None

    def home(self) -> Answer[Path]:
        """Return the configuration folder in use."""
        return files.folder(self._library.home())

    def conversations(self, agents: Sequence[LiveAgent]) -> Mapping[SessionName, Conversation]:
        """Return what each agent holds: by its pid file, its arguments, or its new files."""
        return self._binding.tick(agents)

    def artefact(
        self,
        conversation: ConversationId,
        *,
        workspace: str | None,
        created_at: datetime | None,
        now: datetime,
    ) -> Artefact | Missing | Unknown:
        """Look under the workspace's folders, then in all folders of every configuration.

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
        found = self._library.known(conversation)
        if found is None:
            folders = () if workspace is None else self._library.expected(workspace)
            found = self._library.search(conversation, folders)
        if found is None:
            return self._missing(conversation, created_at, now)
        if isinstance(found, Unknown):
            return found
        if found.holds is None:
            path = self._library.path(conversation)
            return Unknown(f"{path}: no message within 1 MiB of either end (look by hand)")
        return Artefact.PRESENT if found.holds else Artefact.GHOST

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
        found = self._library.known(conversation) or self._library.search(conversation, ())
        if isinstance(found, Unknown):
            return found
        path = None if found is None else self._library.path(conversation)
        times = [] if path is None else list(self._times(path))
        if said is not None and said.status == "idle" and said.status_at is not None:
            times.append(said.status_at)
        state = None if said is None else _STATES.get(said.status or "")
        return Activity(state=state, last=max(times, default=None))

    def _missing(
        self, conversation: ConversationId, created_at: datetime | None, now: datetime
    ) -> Missing | Unknown:
        if blind := self._library.blind():
            return blind
        if conversation in self._binding.named:
            return Missing("not written yet: its agent has had no prompt")
        days = self._library.retention()
        if created_at is not None and now - created_at > timedelta(days=days):
            return Missing(f"expired: older than cleanupPeriodDays ({days}) days")
        return Missing("never written or deleted")

    def _times(self, path: str) -> Iterator[datetime]:
        """Yield the newest times of a transcript and its sub-agents', newest file first.

        A file has no line newer than its modification, so older files are not read.
        """
        folder = f"{path.removesuffix('.jsonl')}/subagents"
        side = self._sidechains.get(folder)
        if side is None:
            side = self._sidechains[folder] = Folder(folder)
        names = side.names()
        listed = names if isinstance(names, frozenset) else frozenset()
        others = (f"{folder}/{name}" for name in listed if name.endswith(".jsonl"))
        best: datetime | None = None
        modified = {place: _modified(place) for place in (path, *others)}
        for place, at in sorted(modified.items(), key=lambda item: item[1], reverse=True):
            if best is not None and at <= best:
                return
            newest = self._newest.get(place)
            if isinstance(newest, datetime) and (best is None or newest > best):
                best = newest
                yield newest
        if best is None:
            # No line has a time: the modification says at least that nothing came later.
            yield max(modified.values())


def _modified(path: str) -> datetime:
    try:
        return datetime.fromtimestamp(os.stat(path).st_mtime, UTC)
    except (OSError, ValueError, OverflowError):
        return datetime.fromtimestamp(0, UTC)
