"""The board as a worker means it: say, heartbeat, look, claim, block.

An answer that could not be had is `Unknown`; an act that failed raises. `CouldNot` may heal by
itself, `MustMend` does not, `Lost` means that the card is another run's by now, `NoRoute` that
this way to the board has no such act at all. No call takes longer than ten seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NewType, Protocol

from reconcile.observed import Unknown
from state.errors import Lost, MonitorError

__all__ = [
    "Address",
    "Board",
    "Comment",
    "CommentId",
    "Holder",
    "IsOver",
    "Look",
    "Lost",
    "NoRoute",
    "Run",
    "nobody",
]

CommentId = NewType("CommentId", str)
"""Opaque; the board's own id, or a comment's place in the thread where it has none."""


class NoRoute(MonitorError):
    """This way to the board does not have the act; another way has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Which card, and how to get to its board."""

    card: str | None
    """None: the card of the worker that this runs in (`HERMES_KANBAN_TASK`)."""
    board: str | None = None
    """The board's slug; None: the one that Hermes itself would take."""
    url: str | None = None
    """Of a Hermes server, for the way over HTTP: `http://127.0.0.1:9119`."""
    token: str | None = field(default=None, repr=False)
    """For that server. Never from a flag, which every user of a host can read."""
    environ: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Comment:
    """One comment of a card's thread. Author and body are anybody's: never a command or path."""

    id: CommentId
    author: str
    body: str
    at: datetime
    """Timezone-aware, to the second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What a worker holds once a card is its own."""

    card: str
    id: str
    """The board's id of this run; empty where it tells none."""
    author: str
    """The name under which this worker's own comments appear."""
    adopted: bool
    """A dispatcher had claimed the card for this process; else it was claimed just now."""
    heard: CommentId | None = None
    """The last comment from before the card was last blocked or unblocked: up to here a
    request to stop was obeyed, or was overruled. None: every comment counts."""
    deadline: datetime | None = None
    """When the board ends this run for having taken too long; None: never."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """The process that has a running card."""

    card: str
    run: str
    host: str
    """Its name; not whether it is a container's."""
    pid: int
    seen: datetime | None
    """When that process gave its last sign of life on the board; None: never yet."""


IsOver = Callable[[Holder], bool]
"""Whether the process that has a card is certainly over."""


def nobody(holder: Holder) -> bool:
    """An `IsOver` that knows of none."""
    del holder
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One look at the card."""

    comments: tuple[Comment, ...]
    """Those behind the one that was asked about, the oldest first, our own among them."""
    asked: Comment | None = None
    """The one that was asked about, as it is now; None where it is not there: a board that was
    restored from a backup has lost comments, and gives their ids to others."""
    lost: str = ""
    """Why the card is no longer this run's: `it is blocked`; empty while it is ours."""


class Board(Protocol):
    """One card, seen through one way to its board. Used from one thread only."""

    @property
    def ids(self) -> str:
        """What kind of ids comments have here: an id of one kind means nothing in another."""

    @property
    def says_why(self) -> bool:
        """Whether `block` says its reason as a comment, too."""

    @property
    def pause(self) -> float:
        """Seconds between two looks that this way can bear: at most 3, to obey a stop in 5."""

    def claim(self, is_over: IsOver = nobody) -> Run:
        """Makes the card this process's, or takes over what a dispatcher claimed for it.

        A card whose worker `is_over` is taken from it, where this way tells who that was.
        To be called once, before anything else. Raises MustMend (no such card, already done,
        another worker's), NoRoute (after which the rest may be used all the same; `run` is
        what is known without a claim), CouldNot.
        """

    @property
    def run(self) -> Run:
        """What `claim` told."""

    def look(self, after: CommentId | None) -> Look | Unknown:
        """Whether the card is still this run's, and the comments behind `after`."""

    def say(self, text: str) -> CommentId | None:
        """Comments on the card; the comment's id, where this way tells it.

        Raises CouldNot, Lost. After CouldNot it may have been said: look before repeating it.
        """

    def kept(self, text: str) -> str:
        """What the board makes of a comment's text: `look` then shows just that."""

    def heartbeat(self, note: str) -> None:
        """Says on the board that this run lives, and keeps the claim. Raises as `say`, NoRoute."""

    def block(self, reason: str) -> None:
        """Ends this run and leaves the card waiting for a person: also the second and third time.

        Raises as `say`, and CouldNot where the board put the card elsewhere.
        """
