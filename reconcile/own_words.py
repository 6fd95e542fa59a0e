"""What the monitor says, so that it knows its own comments, and obeys none of them.

Its comments are known by the ids that the board gave. Where those are lost, with a crash or a
deleted ledger, a comment is its own by being, to the character, what it would say; a finding's key
in brackets is not enough, for people write it too. Names and paths in what it says come from
outside: a comment in which they would read like a request is written as a quotation, which is
none whoever reads it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from reconcile import stop
from reconcile.drift import finding_id
from reconcile.stop import Reading

_LATE = re.compile(r" \(found [0-9:+ -]{19,40}, said late\)$", re.MULTILINE)
_KEYED = re.compile(r"\[[A-Z]-[0-9a-f]{8}\] ")
_KEY = re.compile(r"\s*\[([A-Z]-[0-9a-f]{8})\]")


def late(found: datetime) -> str:
    """What is added to a finding's text that comes late."""
    return f" (found {found:%Y-%m-%d %H:%M:%S %z}, said late)"


def bare(text: str) -> str:
    """A comment without what depends on when it was made."""
    return _LATE.sub("", text.strip())


def comment(key: str, text: str) -> str:
    """What is said under a key: never what asks to stop, nor anything like it."""
    said = f"[{key}] {text}"
    if stop.read(said) is Reading.NONE:
        return said
    return f"[{key}]\n> " + text.replace("\n", "\n> ")


def plain(text: str) -> str:
    """What is said under no key: a quotation, where it would read like a request."""
    return text if stop.read(text) is Reading.NONE else "> " + text.replace("\n", "\n> ")


def mark(kind: str, comment: str, body: str) -> str:
    """What tells a comment of ours from any other: its id, of a kind of ids, and its key.

    A board that was restored from a backup gives the ids of what it lost to other comments.
    """
    key = _KEY.match(body)
    return f"{kind}:{comment}:{key[1] if key else ''}"


def findings(thread: Iterable[str]) -> frozenset[str]:
    """What comments say of one finding each: its key in brackets, and its text."""
    return frozenset(line for text in thread for line in _lines(text) if _KEYED.match(line))


def _lines(text: str) -> Iterable[str]:
    plain = bare(text).replace("]\n> ", "] ", 1)
    return (line.removeprefix("> ").removeprefix("- ") for line in plain.split("\n"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """A comment by a person, as every way to a board tells it."""

    author: str
    at: datetime
    body: str


def answer(remark: Remark, before: int) -> str:
    """What is said to a remark that was not understood. It names it, so that it is said once.

    `before` counts the remarks before it that are just the same.
    """
    key = finding_id("T", remark.author, remark.at, remark.body, before)
    when = remark.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return (
        f"[{key}] The comment of {when} was not understood, so the watch goes on. "
        "To end it, write a comment of this one word: `stop`"
    )
