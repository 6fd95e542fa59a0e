"""Gemini CLI's `tmp/<slug>/logs.json`: what was typed into the terminals of one project.

Its `sessionId` stays the one of the start after `/clear` (0.61.0), and a headless run is not in it:
it tells that a process has moved on, and not where to.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from kanban_worker.agents import files, ids, lines
from reconcile.observed import ConversationId

_OBJECT = re.compile(rb"\{[^{}]*\}")
_MOVE = re.compile(
    r"\s*/(?:clear|new|chat\s+(?:resume|load)|resume(?!\s+(?:list|save|delete|share)\b))(?!\S)",
    re.IGNORECASE,
)
"""A command after which a process may be in another conversation."""
_LATE = datetime.max.replace(tzinfo=UTC)
"""When something was, of which nobody knows when: it may have been just now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompts:
    """What one project's terminals were told."""

    ids: frozenset[ConversationId]
    """The sessions that its terminals started in."""
    moves: tuple[tuple[ConversationId, datetime], ...]
    """When a command was typed that may have left such a session."""
    since: datetime | None
    """From when on all of it was read; None for all of it."""

    def left(self, conversation: ConversationId, start: datetime) -> bool:
        """Whether somebody has left a session since a process began in it."""
        return any(one == conversation and at >= start for one, at in self.moves)

    def covers(self, start: datetime) -> bool:
        """Whether all of a process's prompts were read."""
        return self.since is None or self.since <= start


def read(path: str, status: os.stat_result, before: Prompts | None) -> Prompts:
    """Read the end of a project's log; of a long one, the last part alone.

    Raises:
        OSError: the path cannot be read, or is no regular file.
    """
    del before
    data = files.before(path, status.st_size, files.LIMIT)
    entries = list(_entries(data))
    times = [at for entry in entries if (at := lines.moment(entry.get("timestamp"))) is not None]
    whole = status.st_size <= files.LIMIT
    return Prompts(
        ids=frozenset(one for entry in entries if (one := ids.uuid(entry.get("sessionId")))),
        moves=tuple(_moves(entries)),
        since=None if whole else min(times, default=_LATE),
    )


def _entries(data: bytes) -> Iterator[Mapping[str, object]]:
    """Yield the flat objects of a list that may be cut. In a text, quotes are escaped."""
    for match in _OBJECT.finditer(data):
        yield lines.record(match[0])


def _moves(entries: list[Mapping[str, object]]) -> Iterator[tuple[ConversationId, datetime]]:
    for entry in entries:
        one = ids.uuid(entry.get("sessionId"))
        at = lines.moment(entry.get("timestamp"))
        said = entry.get("message")
        if one and isinstance(said, str) and _MOVE.match(said):
            yield one, at or _LATE
