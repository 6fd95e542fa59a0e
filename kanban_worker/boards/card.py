"""What every way to a board makes of a card: whether it is still ours, and what was said on it.

Values in, values out. The rules are those of hermes-agent 0.19.0's `kanban_db`; the adapters only
differ in how they come by a `Card`, and in how they act.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from kanban_worker.boards.shape import Address, Comment, CommentId, Holder, Look, Lost, Run
from state.errors import CouldNot, MonitorError, MustMend

AUTHOR = "agent-sessions-monitor"
"""Signs our comments, so that nobody takes them for a person's: a worker on the profile `default`
would otherwise write under the same name as the user at the command line."""

RUNNING, READY, BLOCKED, SCHEDULED = "running", "ready", "blocked", "scheduled"
NEEDS_INPUT, CAPABILITY = "needs_input", "capability"

LONGEST = 64 * 1024
"""Bytes of a text that are kept, ours or anybody's."""
MOST = 500
"""Comments in one look. A first look has the newest, any other those next behind the last one."""

# Which events settle a request to stop. A block ends the run that was asked to stop; an unblock is
# a person's word that it goes on. A crash or a reclaim settles nothing: the run that comes after
# has to obey what the one before it could not. `gave_up` is a crash too many, and what follows it
# is an unblock, if a person wants one.
_CUTS = frozenset({"blocked", "block_loop_detected", "completed", "scheduled", "unblocked"})
_SAID = "commented"
"""Written by `add_comment` in one transaction with the comment: as many events as comments."""

_LONGEST_ID = 20
_CARD_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", re.ASCII)

_WAYS_OUT = {
    BLOCKED: "waits for a person: hermes kanban unblock {id}",
    SCHEDULED: "waits for its time: hermes kanban unblock {id}",
    "triage": "waits for a decision: settle it at the dashboard, or hermes kanban specify {id}",
    "todo": "waits for other cards or for its promotion: hermes kanban promote {id}",
    "review": "waits for its review: settle that first",
    "done": "was worked on already: create another card",
    "archived": "was put away: create another card",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A card as one look shows it."""

    id: str
    status: str
    run: str = ""
    """The board's id of the run that works on it; empty when none does."""
    runs: tuple[str, ...] = ()
    """The ids of all its runs, the oldest first, where the way tells them."""
    holder: str = ""
    """Who that run is, for a person: `pid 4711 on build`."""
    worker: Holder | None = None
    """The same for us, where the way tells it."""
    goal: bool = False
    block_kind: str | None = None
    """What it was last blocked for, kept through an unblock."""
    block_recurrences: int = 0
    """How often in a row it was blocked for just that; the second time leads to `triage`."""
    comments: tuple[Comment, ...] = ()
    """The oldest first."""
    kinds: tuple[str, ...] = ()
    """Of its events, the oldest first."""
    deadline: datetime | None = None


# Which card, and whether it may be worked on. ---------------------------------------------------


def named(address: Address) -> str:
    """The card that is meant. Raises MustMend when none is, or the name cannot be a card's."""
    card = address.card or address.environ.get("HERMES_KANBAN_TASK", "")
    if not card:
        raise MustMend("no card is named: give its id, as `hermes kanban list` shows it")
    if not _CARD_ID.fullmatch(card):
        raise MustMend(f"{line(card, 80)!r} is no card's id: `hermes kanban list` shows them")
    return card


def dispatched(address: Address, card: str) -> str:
    """The run that a dispatcher started this process as; empty when it started none for it."""
    if address.environ.get("HERMES_KANBAN_TASK") != card:
        return ""
    return address.environ.get("HERMES_KANBAN_RUN_ID", "")


def unknown(card: str) -> MustMend:
    """What is raised for a card that the board does not have."""
    return MustMend(f"the board has no card {card}: `hermes kanban list` shows them")


def unworkable(card: Card) -> MonitorError:
    """Why a card that we do not hold cannot be claimed now."""
    if card.status == RUNNING:
        return MustMend(
            f"card {card.id} is being worked on by {_worker(card)}: "
            f"wait for it, or take the card from it with hermes kanban reclaim {card.id}"
        )
    if card.status == READY:
        return CouldNot(f"card {card.id} is ready, but could not be claimed: try again")
    way_out = _WAYS_OUT.get(card.status, "cannot be worked on").format(id=card.id)
    return MustMend(f"card {card.id} is {line(card.status, 40)}: it {way_out}")


def why_lost(card: Card | None, run: str) -> str:
    """Why a card is not this run's any more; empty while it is."""
    if card is None:
        return "it is gone from the board"
    if card.status != RUNNING:
        return f"it is {line(card.status, 40)}"
    return "" if run and card.run == run else f"{_worker(card)} works on it"


def held(card: Card | None, run: Run) -> Card:
    """The card, which is this run's. Raises Lost where it is not."""
    why = why_lost(card, run.id)
    if card is None or why:
        raise Lost(
            f"card {run.card} is no longer run {run.id or '?'}'s, {why}: nothing was written"
        )
    return card


def _worker(card: Card) -> str:
    run = f"run {card.run}" if card.run else "another run"
    return f"{run} ({line(card.holder, 120)})" if card.holder else run


# What was said on it. ---------------------------------------------------------------------------


def looked(card: Card | None, run: str, after: CommentId | None) -> Look:
    """A look at a card, as `Board.look` answers it."""
    comments = card.comments if card else ()
    return look(comments, after, why_lost(card, run))


def look(comments: Sequence[Comment], after: CommentId | None, lost: str) -> Look:
    """A look at a thread."""
    asked = next((each for each in reversed(comments) if each.id == after), None)
    return Look(comments=behind(comments, after), asked=asked, lost=lost)


def heard(card: Card) -> CommentId | None:
    """The last comment from before the card was last blocked, unblocked or completed.

    Told by the order of the events alone: their times have whole seconds, and clocks move.
    """
    since = 0
    for kind in reversed(card.kinds):
        if kind in _CUTS:
            before = card.comments[: max(0, len(card.comments) - since)]
            return before[-1].id if before else None
        since += kind == _SAID
    return None


def behind(comments: Sequence[Comment], after: CommentId | None) -> tuple[Comment, ...]:
    """The comments behind one of them, the oldest first, no more than `MOST`."""
    if after is None:
        return tuple(comments[-MOST:])
    last = place(after)
    return tuple(each for each in comments if place(each.id) > last)[:MOST]


def said(card: Card | None, author: str, body: str) -> CommentId | None:
    """The newest comment of that author and text, where the way tells no id of what it says."""
    for each in reversed(card.comments if card else ()):
        if (each.author, each.body) == (author, body):
            return each.id
    return None


def place(comment: CommentId | None) -> int:
    """What comments are ordered by. Their times have whole seconds; ids only ever grow."""
    known = comment is not None and comment.isdecimal() and len(comment) < _LONGEST_ID
    return int(comment) if known and comment is not None else 0


def comment(*, number: int, author: object, body: object, at: object) -> Comment:
    """A comment as it is kept, from whatever the board holds in its place."""
    return Comment(
        id=CommentId(str(number)),
        author=line(str(author), 200),
        body=fit(str(body)),
        at=moment(at) or datetime.fromtimestamp(0, UTC),
    )


def moment(seconds: object) -> datetime | None:
    """A time from epoch seconds; None where they are no time."""
    if not isinstance(seconds, int | float):
        return None
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError, ValueError):
        return None


def block_kind(last: str | None) -> str:
    """What to block a card for, so that it lands in `blocked` also the second and third time.

    hermes-agent 0.19.0 sends a card that is blocked twice in a row for the same to `triage`, where
    its gateway rewrites it and starts it again: a person's second `stop` would be undone. Waiting
    for a person is `needs_input`, which also goal cards may be blocked for.
    """
    return CAPABILITY if last == NEEDS_INPUT else NEEDS_INPUT


# Texts. -----------------------------------------------------------------------------------------


def fit(text: str) -> str:
    """A text that every way can carry: UTF-8, no NUL (which ends an argument), not too long."""
    raw = text.replace("\0", "").encode("utf-8", "replace")
    return raw[:LONGEST].decode("utf-8", "ignore")


def line(text: str, most: int = 300) -> str:
    """A foreign text as a part of one line of ours: printable, short."""
    flat = " ".join("".join(c if c.isprintable() else " " for c in text[: 4 * most]).split())
    return flat if len(flat) <= most else flat[: most - 1] + "…"
