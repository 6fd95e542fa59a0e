"""A vigil: a card's watch over simulated hours on a board in memory, with every tick kept."""

from __future__ import annotations

import os
from dataclasses import replace

from desk import Desk
from hours import Hours
from kanban_worker import config
from kanban_worker.boards.memory import Memory as MemoryBoard
from kanban_worker.boards.memory import Pinboard
from kanban_worker.boards.shape import Address, CommentId
from kanban_worker.tick import Tick
from kanban_worker.watch import Watch

CARD = "t_1"
INTERVAL = 30.0
"""Seconds between two ticks, where nothing is held back."""


class Vigil(Watch):
    """One watch: what it saw, said and complained of."""

    def __init__(
        self,
        desk: Desk,
        hours: Hours,
        *,
        seconds: float,
        interval: float = INTERVAL,
        runtime: float | None = None,
    ) -> None:
        """Watch the desk's registry for so many seconds; nothing is touched yet.

        The board ends the card's run `runtime` seconds from now, by the wall clock.
        """
        self.ticks: list[Tick] = []
        self.times: list[float] = []
        """When each tick began, in seconds of the timer."""
        self.complaints: list[str] = []
        self.board = Board(hours, runtime)
        self._hours = hours
        settings = config.from_environment({**os.environ, **desk.environ}, desk.fence.home)
        super().__init__(
            replace(settings, interval=interval),
            self.board,
            seconds=seconds,
            complain=self.complaints.append,
            timing=hours.timing,
        )

    @property
    def said(self) -> list[str]:
        """The texts of all comments on the card."""
        return [each.body for each in self.board.pinboard.cards[CARD].comments]

    def _tick_once(self) -> Tick:  # type: ignore[explicit-override] # 3.12 has override
        self.times.append(self._hours.passed)
        self.ticks.append(super()._tick_once())
        return self.ticks[-1]


class Board(MemoryBoard):
    """A board that notes when it heard from its worker."""

    pause = 2.9  # nearly as slow as a board may be, and no part of any other interval

    def __init__(self, hours: Hours, runtime: float | None) -> None:
        """One card, ready."""
        pinboard = Pinboard()
        pinboard.create(CARD, runtime=runtime)
        super().__init__(Address(card=CARD, environ={}), pinboard)
        self.beats: list[tuple[float, str]] = []
        """When each heartbeat came, in seconds of the timer, and its note."""
        self.words: list[tuple[float, str]] = []
        """The same for comments."""
        self._hours = hours

    def say(self, text: str) -> CommentId:  # type: ignore[explicit-override] # as above
        """Note the time."""
        self.words.append((self._hours.passed, text))
        return super().say(text)

    def heartbeat(self, note: str) -> None:  # type: ignore[explicit-override] # as above
        """Note the time."""
        self.beats.append((self._hours.passed, note))
        super().heartbeat(note)
