"""Hours in a moment: time that passes only while somebody sleeps, and clocks that are set."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from kanban_worker.signals import Asked
from kanban_worker.watch import Timing


class Hours:
    """A host's clocks: the timer only goes on, the wall clock can be set to any time.

    What is to happen at a time (in seconds of the timer) happens while a sleep goes past it.
    """

    def __init__(self) -> None:
        """Both clocks begin now."""
        self.passed = 0.0
        """What the timer shows, in seconds: a suspended host does not stop it."""
        self._wall = datetime.now().astimezone()
        self._due: list[tuple[float, Callable[[], object]]] = []

    @property
    def timing(self) -> Timing:
        """These clocks, for a watch."""
        return Timing(clock=self.clock, timer=lambda: self.passed, sleep=self.sleep)

    def clock(self) -> datetime:
        """What the wall clock shows."""
        return self._wall + timedelta(seconds=self.passed)

    def set_clock(self, seconds: float) -> None:
        """Set the wall clock forward, or back."""
        self._wall += timedelta(seconds=seconds)

    def suspend(self, seconds: float) -> None:
        """Let the whole host stand still: both clocks go on, nobody runs."""
        self.passed += seconds

    def at(self, seconds: float, happens: Callable[[], object]) -> None:
        """Let something happen when the timer shows so many seconds."""
        self._due.append((seconds, happens))
        self._due.sort(key=lambda each: each[0])

    def sleep(self, _asked: Asked | None, seconds: float) -> None:
        """Let time pass, and what is due meanwhile happen."""
        until = self.passed + seconds
        while self._due and self._due[0][0] <= until:
            at, happens = self._due.pop(0)
            self.passed = max(self.passed, at)
            happens()
        self.passed = max(self.passed, until)
