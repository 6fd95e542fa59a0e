"""What one of Claude Code's transcripts says, read from its two ends only."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from kanban_worker.agents import files, ids, lines
from reconcile.observed import ConversationId

_SPOKEN = re.compile(rb'"type"\s*:\s*"(?:user|assistant)"')
_SPEAKER = re.compile(rb'"sessionId"\s*:\s*"([0-9a-fA-F-]{36})"')
_CLEAR = "<command-name>/clear</command-name>"
_CLEAR_WITHIN = 12
"""2.1.112 to 2.1.329 put the `/clear` line around line 3 of the new file."""
_START = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcript:
    """Whether a file is a conversation, and whose."""

    size: int
    inode: int
    modified_ns: int
    holds: bool | None
    """Whether it has a user or assistant line; None if none is near either end."""
    speaker: ConversationId | None
    """The `sessionId` of the last such line, if it is near the end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """How a transcript begins."""

    settled: bool
    """Whether more lines would tell nothing new."""
    spoken: bool
    """Whether a user or assistant line is in it: a ghost of 2.0.77 or 2.1.32 has none."""
    sidechain: bool
    """Whether every such line is a sub-agent's."""
    copied: bool
    """Whether it begins with lines of another conversation (a fork, or 1.0.5x --continue)."""
    forked_from: ConversationId | None
    """The conversation that its copied lines are of, where they say so (2.1.329: `/branch`)."""
    cleared: bool
    """Whether it begins with `/clear`, and not with a copy of one that its parent began with."""
    cwds: frozenset[str]
    first_at: datetime | None
    root: str | None
    """The `uuid` of its first such line: a fork (2.1.329) keeps its parent's."""


def transcript(path: str, status: os.stat_result, before: Transcript | None) -> Transcript:
    """Read who spoke last; the head only if nobody spoke in the tail.

    A file that has only grown keeps what it held; one that shrank was rewritten (Claude
    Code removes messages) and is judged anew.

    Raises:
        OSError: the file cannot be read.
    """
    part = files.tail_with_a_line(path)
    speaker = _last_speaker(part.lines)
    holds: bool | None = True
    if speaker is None:
        if before is not None and before.holds and _has_only_grown(before, status):
            speaker = before.speaker
        elif part.whole:
            holds = False
        else:
            holds = _is_spoken_in_head(path)
    return Transcript(
        size=status.st_size,
        inode=status.st_ino,
        modified_ns=status.st_mtime_ns,
        holds=holds,
        speaker=speaker,
    )


def opening(path: str, status: os.stat_result, before: Opening | None) -> Opening:
    """Read how a transcript begins; one that is settled is not read again as it grows.

    Raises:
        OSError: the file cannot be read.
    """
    del status
    if before is not None and before.settled:
        return before
    part = files.head(path)
    if not part.whole and not any(map(_SPOKEN.search, part.lines)):
        part = files.head(path, files.LIMIT)
    found = [lines.record(line) for line in part.lines if line]
    spoken = [entry for entry in found if _is_spoken(entry)]
    times = [at for entry in found if (at := lines.moment(entry.get("timestamp")))]
    name = os.path.basename(path)
    return Opening(
        settled=bool(spoken) and len(found) >= _CLEAR_WITHIN,
        spoken=bool(spoken) or _cut_speaker(part.cut) is not None,
        sidechain=bool(spoken) and all(entry.get("isSidechain") is True for entry in spoken),
        copied=any(_is_copied(name, entry) for entry in spoken),
        forked_from=next(filter(None, map(_parent, spoken)), None),
        cleared=any(
            _is_clear(entry) and not _is_copied(name, entry) for entry in found[:_CLEAR_WITHIN]
        ),
        cwds=frozenset(cwd for entry in found if (cwd := lines.text(entry.get("cwd")))),
        first_at=min(times, default=None),
        root=next((lines.text(entry.get("uuid"), ids.LENGTH) for entry in spoken), None),
    )


def newest(path: str, status: os.stat_result, before: datetime | None) -> datetime | None:
    """Return the newest timestamp near the end of a transcript.

    Raises:
        OSError: the file cannot be read.
    """
    del status, before
    return lines.newest(files.tail_with_a_line(path).lines)


def _has_only_grown(before: Transcript, status: os.stat_result) -> bool:
    return before.inode == status.st_ino and before.size <= status.st_size


def _last_speaker(found: Iterable[bytes]) -> ConversationId | None:
    for line in reversed(tuple(found)):
        if _SPOKEN.search(line) and (speaker := _speaker(lines.record(line))):
            return speaker
    return None


def _is_spoken_in_head(path: str) -> bool | None:
    for limit in (files.BLOCK, files.LIMIT):
        part = files.head(path, limit)
        if _last_speaker(part.lines) or _cut_speaker(part.cut):
            return True
        if part.whole:
            return False
    return None


def _cut_speaker(cut: bytes) -> ConversationId | None:
    """Read a line too long to be parsed: its first keys say what it is."""
    start = cut[:_START]
    if not (start.startswith(b'{"parentUuid"') and _SPOKEN.search(start)):
        return None
    found = _SPEAKER.search(start)
    return ids.uuid(found[1].decode()) if found else None


def _is_spoken(entry: Mapping[str, object]) -> bool:
    return _speaker(entry) is not None


def _speaker(entry: Mapping[str, object]) -> ConversationId | None:
    if entry.get("type") not in {"user", "assistant"}:
        return None
    # Never the snake_case `session_id`: in a fork (2.1.329) it names the parent.
    return ids.uuid(entry.get("sessionId"))


def _is_copied(name: str, entry: Mapping[str, object]) -> bool:
    return "forkedFrom" in entry or name != f"{_speaker(entry)}.jsonl"


def _parent(entry: Mapping[str, object]) -> ConversationId | None:
    return ids.uuid(lines.nested(entry.get("forkedFrom")).get("sessionId"))


def _is_clear(entry: Mapping[str, object]) -> bool:
    said = lines.nested(entry.get("message")).get("content")
    return entry.get("type") == "user" and isinstance(said, str) and _CLEAR in said
