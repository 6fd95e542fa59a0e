"""Codex CLI: one rollout file a thread, in a folder per local day; the workspace is inside.

Neither descriptors nor locks are used: since 0.169.0 one shared daemon holds those of all
panes, and keeps a lock after `/quit`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

from kanban_worker.agents import codex_rollouts, files, ids, lines, pick
from kanban_worker.agents.birth import birth_ns
from kanban_worker.agents.codex_rollouts import Rollouts
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
from reconcile.proofs import Proof

_STATES = {"task_started": "working", "task_complete": "idle", "turn_aborted": "idle"}
_MOST = 8192


class Codex:
    """Codex's rollouts, in every Codex home that is in use."""

    variables: ClassVar[tuple[str, ...]] = ("CODEX_HOME",)
    pane_use: ClassVar[PaneUse] = PaneUse.TITLE

    def __init__(self, home: Path, environ: Mapping[str, str]) -> None:
        """Take the monitor's own home and environment."""
        self._own = environ.get("CODEX_HOME") or f"{home}/.codex"
        self._homes = {self._own: Rollouts(self._own)}
        self._where: dict[ConversationId, str] = {}
        self._activity: Kept[Activity] = Kept(_read_activity)
        self._asked: datetime | None = None

    def home(self) -> Answer[Path]:
        """Return the monitor's own Codex home."""
        return files.folder(self._own)

    def conversations(
        self, agents: Sequence[LiveAgent], seen: Seen = NOTHING_SEEN
    ) -> Mapping[SessionName, Conversation]:
        """Return what each Codex holds: by its arguments, or the only rollout of its time."""
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
        """Take the thread's own start, and from its first line the one that it was forked from."""
        del since
        self._size(held.id)  # which finds it, wherever it lies
        path = self._where.get(held.id)
        meta = None if path is None else self._homes[self._own].meta(path)
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
        del workspace, created_at, at_home, environ
        if ids.uuid(conversation) is None:
            return Missing("not a thread id of Codex: those are UUIDs")
        if now != self._asked:
            self._asked = now
            self._look()
        size = self._size(conversation)
        if isinstance(size, Unknown):
            return size
        if size is not None:
            return Artefact.PRESENT if size else Artefact.GHOST
        blind = next((why for one in self._homes.values() if (why := one.blind())), None)
        return blind or Missing("never written or deleted")

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
        path = self._where.get(conversation, "")
        if codex_rollouts.is_archived(path):
            return f"{path} is archived (bring it back with: codex unarchive {conversation})"
        return None

    def activity(self, conversation: ConversationId, agent: LiveAgent | None) -> Answer[Activity]:
        """Take both from the tail: `task_started` and its ends mark a turn."""
        if ids.uuid(conversation) is None or self._size(conversation) is None:
            return Activity(state=None, last=None)
        found = self._activity.get(self._where.get(conversation, self._own))
        if found is None or isinstance(found, Unknown):
            return found
        return found if agent is not None else Activity(state=None, last=found.last)

    def _look(self) -> None:
        for rollouts in self._homes.values():
            rollouts.look()

    def _of(self, agent: LiveAgent) -> tuple[Rollouts, ...]:
        own = agent.environ.get("CODEX_HOME")
        if own is None and "HOME" in agent.environ:
            own = f"{agent.environ['HOME']}/.codex"
        if not own:
            return tuple(self._homes.values())
        path = os.path.join(agent.cwd, own)
        return (self._homes.get(path) or self._homes.setdefault(path, Rollouts(path)),)

    def _bound(self, conversation: ConversationId, agent: LiveAgent) -> Bound | Unknown:
        self._of(agent)
        size = self._size(conversation)
        if isinstance(size, Unknown):
            return size
        return Bound(id=conversation, proof=Proof.ARGUMENT, written=bool(size))

    def _begun(
        self, agent: LiveAgent, taken: frozenset[ConversationId]
    ) -> list[pick.Candidate] | Unknown:
        since = pick.started_ns(agent)
        # The folder's date is local time; the payload's times are UTC.
        day = agent.family[0].started_at.astimezone().date()
        found: dict[ConversationId, pick.Candidate] = {}
        for rollouts in self._of(agent):
            for one, path in rollouts.since(day):
                meta = rollouts.meta(path)
                if isinstance(meta, Unknown):
                    return meta
                if meta is None or meta.child or one in taken or meta.cwd != agent.cwd:
                    continue
                if _born(path, meta) >= since:
                    found[one] = pick.Candidate(id=one, written=True)
        return list(found.values())

    def _size(self, conversation: ConversationId) -> int | Unknown | None:
        path = self._where.get(conversation)
        found = None if path is None else codex_rollouts.size(path)
        if found is not None:
            return found
        for rollouts in self._homes.values():
            if (path := rollouts.find(conversation)) is not None:
                if len(self._where) >= _MOST:
                    self._where.clear()
                self._where[conversation] = path
                return codex_rollouts.size(path)
        return None


def _resumed(argv: Sequence[str]) -> ConversationId | None:
    """Read the id of `codex resume <id>`; `fork` makes a new one."""
    return ids.uuid(ids.argument(argv, ("resume",)))


def _born(path: str, meta: codex_rollouts.Meta) -> int:
    if meta.at is not None:
        return pick.nanoseconds(meta.at)
    try:
        return birth_ns(path, os.stat(path)) or 0
    except OSError:
        return 0


def _read_activity(path: str, status: os.stat_result, before: Activity | None) -> Activity:
    del before
    part = files.tail_with_a_line(path)
    state = None
    for line in reversed(part.lines):
        if b'"event_msg"' in line and (state := _mark(line)):
            break
    last = lines.newest(part.lines) or datetime.fromtimestamp(status.st_mtime, UTC)
    return Activity(state=state, last=last)


def _mark(line: bytes) -> str | None:
    kind = lines.nested(lines.record(line).get("payload")).get("type")
    return _STATES.get(kind) if isinstance(kind, str) else None
