"""A board in this process: for demos, for trying a card's text out, and for tests.

`Pinboard` holds the cards, and is a person's side of them; `Memory` is a worker's, by the rules of
hermes-agent 0.19.0.
"""

from __future__ import annotations

import itertools
import os
import socket
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from kanban_worker.boards import card
from kanban_worker.boards.card import Card
from kanban_worker.boards.shape import Address, CommentId, Holder, IsOver, Look, Run, nobody
from reconcile.observed import Unknown
from state.errors import CouldNot


@dataclass(slots=True)
class Pinboard:
    """Cards by id, and what a person or a dispatcher may do to them."""

    cards: dict[str, Card] = field(default_factory=dict)
    beats: list[tuple[str, str, str]] = field(default_factory=list)
    """Card, run and note of each heartbeat."""
    reasons: list[tuple[str, str]] = field(default_factory=list)
    """Card and reason of each block."""
    down: str = ""
    """Why the board cannot be reached now; empty while it can."""
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def create(self, name: str, *, status: str = card.READY, runtime: float | None = None) -> str:
        """Pin a new card, whose runs may take so many seconds from now on; its id."""
        deadline = None if runtime is None else datetime.now(UTC) + timedelta(seconds=runtime)
        self.cards[name] = Card(id=name, status=status, deadline=deadline)
        return name

    def comment(self, name: str, body: str, author: str = "user") -> CommentId:
        """Say something on a card. Raises CouldNot where it is empty, as Hermes does."""
        if not body.strip():
            raise CouldNot(f"nothing was said on card {name}: the comment is empty")
        number, now = next(self._numbers), datetime.now(UTC).replace(microsecond=0)
        said = card.comment(number=number, author=author, body=body.strip(), at=now.timestamp())
        self._change(name, "commented", comments=(*self.cards[name].comments, said))
        return said.id

    def claim(
        self, name: str, holder: str = "another worker", *, host: str = "", pid: int = 0
    ) -> str:
        """Let a run have a ready card; the run's id, or empty where it is not ready."""
        if self.cards[name].status != card.READY:
            return ""
        run = str(next(self._numbers))
        worker = Holder(card=name, run=run, host=host, pid=pid, seen=None) if host else None
        self._change(name, "claimed", status=card.RUNNING, run=run, holder=holder, worker=worker)
        return run

    def block(self, name: str, kind: str | None = None, reason: str = "") -> None:
        """Block a card, or send it to `triage` when it is for the same a second time."""
        self.reasons.append((name, reason))
        found = self.cards[name]
        again = found.block_recurrences + 1 if found.block_kind == kind else 1
        status, event = (
            (card.BLOCKED, "blocked") if again < 2 else ("triage", "block_loop_detected")  # noqa: PLR2004 - as Hermes' BLOCK_RECURRENCE_LIMIT
        )
        self._end(name, event, status)
        self.cards[name] = replace(self.cards[name], block_kind=kind, block_recurrences=again)

    def unblock(self, name: str) -> None:
        """Make a blocked card ready again."""
        self._end(name, "unblocked", card.READY)

    def reclaim(self, name: str) -> None:
        """Take a card from its worker, as after a crash."""
        self._end(name, "reclaimed", card.READY)

    def complete(self, name: str) -> None:
        """Make a card done."""
        self._end(name, "completed", "done")

    def _end(self, name: str, event: str, status: str) -> None:
        self._change(name, event, status=status, run="", holder="", worker=None)

    def _change(self, name: str, event: str, **changes: object) -> None:
        found = self.cards[name]
        self.cards[name] = replace(found, kinds=(*found.kinds, event), **changes)  # type: ignore[arg-type]


class Memory:
    """The way to a card of a `Pinboard`."""

    ids = "id"
    says_why = False
    pause = 0.2

    def __init__(self, address: Address, pinboard: Pinboard | None = None) -> None:
        """Without a pinboard there is a new one, with just the addressed card on it, ready."""
        self._address = address
        self.pinboard = Pinboard() if pinboard is None else pinboard
        if pinboard is None:
            self.pinboard.create(card.named(address))
        self._run = Run(card=address.card or "", id="", author=card.AUTHOR, adopted=False)

    @property
    def run(self) -> Run:
        """What `claim` told."""
        return self._run

    def claim(self, is_over: IsOver = nobody) -> Run:
        """As `Board.claim`."""
        name = card.named(self._address)
        found = self._card(name)
        if found is None:
            raise card.unknown(name)
        if found.worker is not None and is_over(found.worker):
            self.pinboard.reclaim(name)
        if ours := card.dispatched(self._address, name):
            card.held(found, replace(self._run, card=name, id=ours))
        self._run = Run(
            card=name,
            id=ours or self._claimed(name),
            author=card.AUTHOR,
            adopted=bool(ours),
            heard=card.heard(found),
            deadline=found.deadline,
        )
        return self._run

    def look(self, after: CommentId | None) -> Look | Unknown:
        """As `Board.look`."""
        try:
            found = self._card(self._run.card)
        except CouldNot as error:
            return Unknown(str(error))
        return card.looked(found, self._run.id, after)

    def say(self, text: str) -> CommentId:
        """As `Board.say`."""
        self._held()
        return self.pinboard.comment(self._run.card, card.fit(text), self._run.author)

    def kept(self, text: str) -> str:
        """As `Board.kept`."""
        return card.fit(text).strip()

    def heartbeat(self, note: str) -> None:
        """As `Board.heartbeat`."""
        self._held()
        self.pinboard.beats.append((self._run.card, self._run.id, note))

    def block(self, reason: str) -> None:
        """As `Board.block`."""
        kind = card.block_kind(self._held().block_kind)
        self.pinboard.block(self._run.card, kind, reason)

    def _claimed(self, name: str) -> str:
        host = socket.gethostname()
        if run := self.pinboard.claim(name, "in this process", host=host, pid=os.getpid()):
            return run
        raise card.unworkable(self.pinboard.cards[name])

    def _held(self) -> Card:
        return card.held(self._card(self._run.card), self._run)

    def _card(self, name: str) -> Card | None:
        if self.pinboard.down:
            raise CouldNot(f"the board cannot be reached: {self.pinboard.down}")
        return self.pinboard.cards.get(name)
