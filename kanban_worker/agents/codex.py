"""Codex CLI: one rollout file a thread, in a folder per local day; the workspace is inside.

A lock that a TUI holds itself proves its thread. By default, though, one shared daemon holds those
of all panes (0.169.0): then nothing does, unless the pane's title shows the id.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

from kanban_worker.agents import codex_rollouts, files, ids, lines, pick, unseen
from kanban_worker.agents.codex_binding import Binding
from kanban_worker.agents.codex_homes import Homes
from kanban_worker.agents.kept import Kept
from kanban_worker.agents.shape import NOTHING_SEEN, Activity, LiveAgent, PaneUse, Seen
from reconcile.observed import (
    Answer,
    Artefact,
    Bound,
    Conversation,
    ConversationId,
    Expiry,
    Lineage,
    Link,
    Missing,
    SessionName,
    Unknown,
)

_STATES = {"task_started": "working", "task_complete": "idle", "turn_aborted": "idle"}


class Codex:
    """Codex's rollouts, in every Codex home that is in use."""

    variables: ClassVar[tuple[str, ...]] = ("CODEX_HOME",)
    pane_use: ClassVar[PaneUse] = PaneUse.TITLE

    def __init__(self, home: Path, environ: Mapping[str, str]) -> None:
        """Take the monitor's own home and environment."""
        self._own = environ.get("CODEX_HOME") or f"{home}/.codex"
        self._homes = Homes(self._own)
        self._binding = Binding(self._homes)
        self._activity: Kept[Activity] = Kept(_read_activity)
        self._asked: datetime | None = None

    def home(self) -> Answer[Path]:
        """Return the monitor's own Codex home."""
        return files.folder(self._own)

    def conversations(
        self, agents: Sequence[LiveAgent], seen: Seen = NOTHING_SEEN
    ) -> Mapping[SessionName, Conversation]:
        """Return what each Codex holds: by its own lock, its title, or its arguments."""
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
        """Take the thread's own start, and from its first line the one that it was forked from."""
        del since
        self._homes.size(held.id)  # which finds it, wherever it lies
        path = self._homes.where.get(held.id)
        meta = None if path is None else self._homes.at(self._own).meta(path)
        if meta is None or isinstance(meta, Unknown):
            return meta or pick.one_link(old, held, agent, None)
        if old is not None and meta.forked_from == old and meta.at is not None:
            at = meta.at.replace(microsecond=0).astimezone()
            return Lineage(links=(Link(id=old, at=at, how="fork", proof="forked_from_id"),))
        return pick.one_link(old, held, agent, meta.at)

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
        """Look on the day that the id tells, then on all days and in the archive."""
        del created_at, at_home
        if ids.uuid(conversation) is None:
            return Missing("not a thread id of Codex: those are UUIDs")
        if now != self._asked:
            self._asked = now
            self._homes.look()
        own = () if environ is None else self._homes.of(environ, workspace or "")
        size = self._homes.size(conversation, own)
        if isinstance(size, Unknown):
            return size
        if size is not None:
            return Artefact.PRESENT if size else Artefact.GHOST
        asked = own or tuple(self._homes.all.values())
        blind = next((why for one in asked if (why := one.blind())), None)
        missing = Missing("never written or deleted")
        return blind or (missing if own else unseen.nowhere(conversation, (o.path for o in asked)))

    def expiry(self, conversation: ConversationId, now: datetime) -> Expiry | None:
        """Tell of nothing: Codex is not known to delete a thread."""
        del conversation, now
        return None

    def resume(self, conversation: ConversationId) -> tuple[str, ...] | None:
        """Name it by its id, as Codex itself does in its last line: `run codex resume <id>`."""
        if ids.uuid(conversation) is None:
            return None
        return ("codex", "resume", conversation)

    def misplaced(self, conversation: ConversationId, directory: str) -> Answer[str]:
        """Refuse what is archived, as Codex does since 0.136; the directory does not matter."""
        del directory
        path = self._homes.where.get(conversation, "")
        if codex_rollouts.is_archived(path):
            return f"{path} is archived (bring it back with: codex unarchive {conversation})"
        return None

    def activity(self, conversation: ConversationId, agent: LiveAgent | None) -> Answer[Activity]:
        """Take both from the tail: `task_started` and its ends mark a turn."""
        if ids.uuid(conversation) is None or self._homes.size(conversation) is None:
            return Activity(state=None, last=None)
        found = self._activity.get(self._homes.where.get(conversation, self._own))
        if found is None or isinstance(found, Unknown):
            return found
        return found if agent is not None else replace(found, state=None)


def _read_activity(path: str, status: os.stat_result, before: Activity | None) -> Activity:
    del before
    part = files.tail_with_a_line(path)
    state = None
    for line in reversed(part.lines):
        if b'"event_msg"' in line and (state := _mark(line)):
            break
    if (last := lines.newest(part.lines)) is not None:
        return Activity(state=state, last=last, evidence="transcript", path=path)
    modified = datetime.fromtimestamp(status.st_mtime, UTC)
    return Activity(state=state, last=modified, evidence="mtime", path=path)


def _mark(line: bytes) -> str | None:
    kind = lines.nested(lines.record(line).get("payload")).get("type")
    return _STATES.get(kind) if isinstance(kind, str) else None
