"""What a look can find: drifts in four classes, and notices.

A *drift* is a fact: registry and world do not agree. A *notice* is something a person
should know that no class covers: an identity that changed, an id that could be one of
several, a source that cannot be read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import NewType

from reconcile.desired import Edit, Scalar
from reconcile.memory import Life, Sighting
from reconcile.observed import SessionName

FindingId = NewType("FindingId", str)

FOREVER = datetime.max.replace(tzinfo=UTC)


class DriftClass(StrEnum):
    """The four ways in which registry and world can disagree, and a session started anew."""

    TMUX_GONE = "A"
    UNREGISTERED = "B"
    ID_MATERIALISED = "C"
    STALE_ID = "D"
    RESTARTED = "P"
    """Not one of the four: the same agent in the same workspace, in another pane process."""


class NoticeKind(StrEnum):
    """What a notice is about; the first letter of its id stands beside it."""

    IDENTITY = "identity-changed"
    AMBIGUOUS = "ambiguous-id"
    ALIVE = "terminated-but-alive"
    SHELL = "agent-exited"
    GHOST = "ghost-transcript"
    EXPIRING = "expiring-transcript"
    FLAPPING = "flapping"
    RENAMED = "renamed"
    DISPUTED = "disputed-name"
    OTHER_HOST = "other-host"
    LEFT = "conversation-left"
    SHARED = "conversation-shared"
    REFUSED = "unregistrable-name"
    STATUS = "odd-status"
    BLIND = "cannot-see"


LETTERS: Mapping[NoticeKind, str] = {
    NoticeKind.IDENTITY: "I",
    NoticeKind.AMBIGUOUS: "M",
    NoticeKind.ALIVE: "R",
    NoticeKind.SHELL: "X",
    NoticeKind.GHOST: "G",
    NoticeKind.EXPIRING: "E",
    NoticeKind.FLAPPING: "F",
    NoticeKind.RENAMED: "N",
    NoticeKind.DISPUTED: "W",
    NoticeKind.OTHER_HOST: "H",
    NoticeKind.LEFT: "L",
    NoticeKind.SHARED: "V",
    NoticeKind.REFUSED: "Q",
    NoticeKind.STATUS: "K",
    NoticeKind.BLIND: "U",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One key of an entry, before and after."""

    key: str
    before: Scalar
    after: Scalar | Mapping[str, Scalar]


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """One disagreement, and what would settle it."""

    id: FindingId
    kind: DriftClass
    session: SessionName
    workspace: str
    agent: str
    seen: str
    """What was seen: `tmux gone (was pane 201132, cmd claude)`."""
    done: str
    """What writing it means: `Marked terminated.`; empty where nothing is to be said."""
    evidence: Mapping[str, Scalar]
    changes: tuple[Change, ...] = ()
    edits: tuple[Edit, ...] = ()
    """Empty for what only a person can settle."""
    fresh_until: datetime | None = None
    """A person edited the entry moments ago, or it was ended then: until when it is left alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Something a person should know; nothing is ever written for it."""

    id: FindingId
    kind: NoticeKind
    session: SessionName | None
    message: str
    perhaps_gone: bool = False
    """Whether it is about a registered session that may have ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """A session with an agent that no entry speaks of, and no pattern takes in."""

    session: SessionName
    agent: str
    """The agent's kind."""
    socket: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """All that one look found, sorted, so that the registry's order does not matter."""

    drifts: tuple[Drift, ...] = ()
    notices: tuple[Notice, ...] = ()
    lives: Mapping[SessionName, Life | None] = field(default_factory=dict)
    """What lives under each registered name; None where that is unsure."""
    sightings: Mapping[SessionName, Sighting] = field(default_factory=dict)
    """Where the session of each entry was last seen, this look included."""
    elsewhere: frozenset[SessionName] = frozenset()
    """The entries of other places, which are not judged here."""
    hidden: int = 0
    """How many entries may have ended at a server that does not answer, which is said but once."""
    left_out: tuple[LeftOut, ...] = ()
    """Nothing is wrong with them: a person may want to know."""
    until: datetime = FOREVER
    """Up to this time the same sight gives the same judgement."""


def finding_id(letter: str, *parts: Scalar) -> FindingId:
    """An id that is the same in every tick, process and time zone and on every machine."""
    text = "\x1f".join(map(_plain, parts))
    return FindingId(f"{letter}-{hashlib.sha256(text.encode()).hexdigest()[:8]}")


def _plain(part: Scalar) -> str:
    if isinstance(part, datetime):
        return part.astimezone(UTC).isoformat()
    return "" if part is None else str(part)
