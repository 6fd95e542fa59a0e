"""`history.jsonl`: what was typed, when, and in which conversation.

So it is in 2.0.77, 2.1.112, 2.1.139 and 2.1.329. A command that leaves a conversation (`/clear`,
`/resume`, `/branch`) is among it, and names the conversation that is left.
"""

from __future__ import annotations

import bisect
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kanban_worker.agents import files, ids, lines, pick
from kanban_worker.agents.kept import Kept
from reconcile.observed import ConversationId, Unknown

_RESUMES = frozenset({"/resume", "/continue"})
_CLEARS = frozenset({"/clear", "/reset", "/new"})
"""All three are noted as typed; the transcript that they begin says `/clear`."""


_COMMAND = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """One thing that was typed."""

    at_ns: int
    id: ConversationId
    """The conversation in which it was typed."""
    project: str
    """The directory in which its agent was started."""
    command: bool
    clears: bool
    """Whether it leaves the conversation for a new one."""
    resumes: bool
    """Whether it asks for another conversation: what came of that, the next line tells."""


class History:
    """What was typed, found by its conversation."""

    __slots__ = ("_clears", "_under", "lines")

    def __init__(self, lines: tuple[Typed, ...]) -> None:
        """Take the lines, the oldest first."""
        self.lines = lines
        self._clears = [line.at_ns for line in lines if line.clears]
        self._under: dict[ConversationId, list[Typed]] = {}
        for line in lines:
            self._under.setdefault(line.id, []).append(line)

    def under(self, conversation: ConversationId) -> Sequence[Typed]:
        """Return what was typed in a conversation, the oldest first."""
        return self._under.get(conversation, ())

    def has_clear(self, since_ns: int, until_ns: int) -> bool:
        """Whether a `/clear` was typed between these times, anywhere."""
        at = bisect.bisect_left(self._clears, since_ns)
        return at < len(self._clears) and self._clears[at] <= until_ns


class Prompts:
    """The end of one configuration folder's `history.jsonl`, read again only when it changed."""

    __slots__ = ("_kept", "_path")

    def __init__(self, config: str) -> None:
        """Nothing is read before the first question."""
        self._path = f"{config}/history.jsonl"
        self._kept: Kept[History] = Kept(_read)

    def typed(self) -> tuple[Typed, ...] | Unknown:
        """Return what the last 1 MiB tells, the oldest first; nothing where there is no file."""
        found = self.history()
        return found if isinstance(found, Unknown) else found.lines

    def history(self) -> History | Unknown:
        """Return the same; the very same object as long as the file is unchanged."""
        found = self._kept.get(self._path)
        return NOTHING_TYPED if found is None else found


NOTHING_TYPED = History(())


def _read(path: str, status: os.stat_result, before: History | None) -> History:
    del status, before
    part = files.tail(path, files.LIMIT)
    found = (_typed(lines.record(line)) for line in part.lines if b'"sessionId"' in line)
    return History(tuple(sorted(filter(None, found), key=lambda one: one.at_ns)))


def _typed(entry: Mapping[str, object]) -> Typed | None:
    named, at = ids.uuid(entry.get("sessionId")), lines.moment_of_ms(entry.get("timestamp"))
    shown, project = entry.get("display"), lines.text(entry.get("project"))
    if named is None or at is None or project is None or not isinstance(shown, str):
        return None
    word = shown[:_COMMAND].partition(" ")[0].strip()
    return Typed(
        at_ns=pick.nanoseconds(at),
        id=named,
        project=project,
        command=word.startswith("/"),
        clears=word in _CLEARS,
        resumes=word in _RESUMES,
    )
