"""What one of Claude Code's transcripts says, read from its two ends only."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from kanban_worker.agents import files, ids, lines
from reconcile.observed import ConversationId

_SPOKEN = re.compile(rb'"type"\s*:\s*"(?:user|assistant)"')
_TYPE = re.compile(rb'"type"\s*:\s*"(\w{1,20})"')
_CLEAR = "<command-name>/clear</command-name>"
_CLEAR_WITHIN = 12
"""2.1.112 to 2.1.329 put the `/clear` line around line 3 of the new file."""
_START = 4096
_TRIES = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcript:
    """Whether a file is a conversation, and whose."""

    size: int
    inode: int
    modified_ns: int
    holds: bool | None
    """Whether it has a user or assistant line; None if none is within the bounds of a read."""
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
    headless: bool
    """Whether `claude -p` wrote it: its first line is a `queue-operation` (2.0.77 to 2.1.330), or
    its messages say `sdk-cli` (2.1.112 and later)."""
    ids: frozenset[ConversationId]
    """The `sessionId` of every line that has one, a copy's original among them."""
    copied: bool
    """Whether it begins with lines of another conversation (a fork, or 1.0.5x --continue)."""
    forked_from: ConversationId | None
    """The conversation that its copied lines are of, where they say so (2.1.329: `/branch`)."""
    cleared: bool
    """Whether it begins with `/clear`, and not with a copy of one that its parent began with."""
    cleared_at: datetime | None
    """The time of that line."""
    cwds: frozenset[str]
    version: str
    """Of the program that wrote its first message; "" where no line tells."""
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
            holds, speaker = _in_head(path)
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
    part = _opening(path)
    found = [lines.record(line) for line in part.lines if line]
    spoken = [entry for entry in found if _is_spoken(entry)]
    times = [at for entry in found if (at := lines.moment(entry.get("timestamp")))]
    name = os.path.basename(path)
    clear = _clear(name, found[:_CLEAR_WITHIN])
    long = sum(map(len, part.lines)) > files.LIMIT
    return Opening(
        settled=bool(spoken) and (long or len(found) >= _CLEAR_WITHIN),
        spoken=bool(spoken) or _is_cut_message(part.cut),
        sidechain=bool(spoken) and all(entry.get("isSidechain") is True for entry in spoken),
        headless=_is_headless(found),
        ids=frozenset(one for entry in found if (one := ids.uuid(entry.get("sessionId")))),
        copied=any(_is_copied(name, entry) for entry in spoken),
        forked_from=next(filter(None, map(_parent, spoken)), None),
        cleared=clear is not None,
        cleared_at=None if clear is None else lines.moment(clear.get("timestamp")),
        cwds=frozenset(cwd for entry in found if (cwd := lines.text(entry.get("cwd")))),
        version=next(filter(None, (lines.word(entry.get("version")) for entry in found)), ""),
        first_at=min(times, default=None),
        root=next((lines.text(entry.get("uuid"), ids.LENGTH) for entry in spoken), None),
    )


def _has_only_grown(before: Transcript, status: os.stat_result) -> bool:
    return before.inode == status.st_ino and before.size <= status.st_size


def _last_speaker(found: Iterable[bytes]) -> ConversationId | None:
    for line in reversed(tuple(found)):
        if _SPOKEN.search(line) and (speaker := _speaker(lines.record(line))):
            return speaker
    return None


def _in_head(path: str) -> tuple[bool | None, ConversationId | None]:
    """Say whether somebody spoke within the bound, and who was the last in a file read whole."""
    for limit in (files.BLOCK, files.LIMIT):
        part = files.head(path, limit)
        speaker = _last_speaker(part.lines)
        if speaker is not None or part.whole:
            return speaker is not None, speaker if part.whole else None
    data = files.content(path, files.WIDE + 1)
    if _is_spoken_in(data[: files.WIDE]):
        return True, None
    if len(data) <= files.WIDE:
        return False, None
    return (True if _is_cut_message(data[data.rfind(b"\n") + 1 :]) else None), None


def _is_spoken_in(data: bytes) -> bool:
    at = 0
    for _ in range(_TRIES):
        match = _SPOKEN.search(data, at)
        if match is None:
            return False
        start, end = lines.bounds(data, match.start())
        if _is_spoken(lines.record(data[start:end])):
            return True
        at = end
    return False


def _opening(path: str) -> files.Part:
    """Read until somebody speaks; of what is longer than usual, some lines only."""
    part = files.head(path)
    for limit, most in ((files.LIMIT, 4096), (files.WIDE, 256)):
        if part.whole or any(map(_SPOKEN.search, part.lines)):
            break
        data = files.content(path, limit + 1)
        *found, rest = data[:limit].split(b"\n", most)
        whole = len(data) <= limit and len(found) < most
        if whole:
            found.append(rest)
        part = files.Part(lines=tuple(found), cut=b"" if whole else rest, whole=whole)
    return part


def _is_cut_message(cut: bytes) -> bool:
    """Whether a line too long to be parsed is a message: its first keys say what it is.

    2.1.330 writes `parentUuid` first, then `type`, and `sessionId` behind the message.
    """
    start = cut[:_START]
    kind = _TYPE.search(start) if start.startswith(b'{"parentUuid"') else None
    return kind is not None and kind[1] in {b"user", b"assistant", b"message"}


def _is_spoken(entry: Mapping[str, object]) -> bool:
    return _speaker(entry) is not None


def _speaker(entry: Mapping[str, object]) -> ConversationId | None:
    if lines.word(entry.get("type")) not in {"user", "assistant"}:
        return None
    # Never the snake_case `session_id`: in a fork (2.1.329) it names the parent.
    return ids.uuid(entry.get("sessionId"))


def _is_copied(name: str, entry: Mapping[str, object]) -> bool:
    return "forkedFrom" in entry or name != f"{_speaker(entry)}.jsonl"


def _parent(entry: Mapping[str, object]) -> ConversationId | None:
    return ids.uuid(lines.nested(entry.get("forkedFrom")).get("sessionId"))


def _clear(name: str, found: Iterable[Mapping[str, object]]) -> Mapping[str, object] | None:
    """Return the `/clear` with which a file begins, unless it is a copy of its parent's."""
    return next((one for one in found if _is_clear(one) and not _is_copied(name, one)), None)


def _is_clear(entry: Mapping[str, object]) -> bool:
    said = lines.nested(entry.get("message")).get("content")
    return lines.word(entry.get("type")) == "user" and isinstance(said, str) and _CLEAR in said


def _is_headless(found: Sequence[Mapping[str, object]]) -> bool:
    first = next(filter(None, found), {})
    return lines.word(first.get("type")) == "queue-operation" or any(
        lines.word(entry.get("entrypoint")) == "sdk-cli" for entry in found
    )
