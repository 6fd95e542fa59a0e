"""`history.jsonl`: what was typed, when, and in which conversation.

So it is in 2.0.77, 2.1.112, 2.1.139 and 2.1.329. A command that leaves a conversation (`/clear`,
`/resume`, `/branch`) is among it, and names the conversation that is left.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from kanban_worker.agents import files, ids, lines, pick
from kanban_worker.agents.kept import Kept
from reconcile.observed import ConversationId, Unknown

_RESUMES = frozenset({"/resume", "/continue"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """One thing that was typed."""

    at_ns: int
    id: ConversationId
    """The conversation in which it was typed."""
    project: str
    """The directory in which its agent was started."""
    command: bool
    resumes: bool
    """Whether it asks for another conversation: what came of that, the next line tells."""


class Prompts:
    """The end of one configuration folder's `history.jsonl`, read again only when it changed."""

    __slots__ = ("_kept", "_path")

    def __init__(self, config: str) -> None:
        """Nothing is read before the first question."""
        self._path = f"{config}/history.jsonl"
        self._kept: Kept[tuple[Typed, ...]] = Kept(_read)

    def typed(self) -> tuple[Typed, ...] | Unknown:
        """Return what the last 1 MiB tells, the oldest first; nothing where there is no file."""
        found = self._kept.get(self._path)
        return () if found is None else found


def _read(path: str, status: os.stat_result, before: tuple[Typed, ...] | None) -> tuple[Typed, ...]:
    del status, before
    found = map(_typed, map(lines.record, files.tail(path, files.LIMIT).lines))
    return tuple(sorted(filter(None, found), key=lambda one: one.at_ns))


def _typed(entry: Mapping[str, object]) -> Typed | None:
    named, at = ids.uuid(entry.get("sessionId")), lines.moment_of_ms(entry.get("timestamp"))
    shown, project = entry.get("display"), lines.text(entry.get("project"))
    if named is None or at is None or project is None or not isinstance(shown, str):
        return None
    word = shown.partition(" ")[0].strip()
    return Typed(
        at_ns=pick.nanoseconds(at),
        id=named,
        project=project,
        command=word.startswith("/"),
        resumes=word in _RESUMES,
    )
