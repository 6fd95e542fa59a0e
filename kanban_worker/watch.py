"""The watch: one card, from its claim to its end.

Ticks at the interval. In between it looks at the card every few seconds: has a person asked to
stop, and is the card still this run's? What a tick found is said once; what could not be said
stays among the unsaid and is said later. A heartbeat tells every five minutes that this lives.

The board is asked from this one thread only, and nothing here asks a model.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from kanban_worker import ages, boards, complaints, deaths, signals, tick
from kanban_worker.boards.shape import Board, Lost, Run
from kanban_worker.config import Settings
from kanban_worker.signals import Asked
from kanban_worker.tenure import Again, Tenure
from kanban_worker.tick import Monitor, Tick
from reconcile import telling, wording
from state.errors import CouldNot, MonitorError

HEARTBEAT = 300.0
"""Seconds between two heartbeats."""
SECOND_LOOK = 10.5
"""Seconds until the next tick at most, while a drift is held for a second look."""
HANDOVER = 15.0
"""Seconds that a dispatched worker waits for the one before it to notice that it was replaced."""
FINISH = 60.0
"""Seconds to spare before the board ends the run for having taken too long."""
PATIENCE = 60.0
"""Seconds for which claiming and blocking are tried again."""
PATIENCE_SIGNALLED = 3.0
"""Hermes kills five seconds after SIGTERM."""


class Ending(StrEnum):
    """How a watch ended."""

    STOPPED = "stopped"
    LOST = "lost"
    DEADLINE = "deadline"
    SIGNALLED = "signalled"
    ELAPSED = "elapsed"


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """How a watch ended, and what it came to."""

    how: Ending
    why: str
    """A clause for a person: `stop-requested by ann at 2026-11-20T17:45:12Z`."""
    blocked: bool = False
    """Whether the card waits for a person now."""
    signal: int | None = None
    """The signal that asked this process to end."""
    ticks: int = 0
    said: int = 0
    """Comments made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """The clock, a timer in seconds that a suspended host does not stop, and a sleep."""

    clock: Callable[[], datetime] = tick.now
    timer: Callable[[], float] = ages.timer
    sleep: Callable[[Asked, float], None] = Asked.wait


class Watch:
    """Watches one registry for one card."""

    def __init__(
        self,
        settings: Settings,
        board: Board,
        *,
        seconds: float | None = None,
        dispatched: str = "",
        tell: Callable[[str], None] = lambda _: None,
        complain: Callable[[str], None] = lambda _: None,
        timing: Timing | None = None,
    ) -> None:
        """Touches nothing yet.

        Args:
            settings: Registry, tmux sockets, interval and so on.
            board: The card's, not yet claimed.
            seconds: How long to watch; None is without end.
            dispatched: The run for which a dispatcher started this process; empty: for none.
            tell: Takes what is said on the card.
            complain: Takes each new trouble, one line that says what to do.
            timing: Only tests have another one.
        """
        self._settings, self._seconds, self._tell = settings, seconds, tell
        self._timing = timing or Timing()
        self._monitor = Monitor(settings, clock=self._timing.clock, timer=self._timing.timer)
        self._complain = complain
        self._tenure = Tenure(
            board, self._monitor, timer=self._timing.timer, tell=tell, complain=complain
        )
        self._dispatched = dispatched
        self._asked: Asked | None = None
        self._last: Tick | None = None
        self._ticks = 0
        self._found: set[str] = set()
        self._found_at: datetime | None = None
        self._complaints = complaints.Complaints(complain)

    def run(self) -> End:
        """Watches until something ends it. Raises MonitorError when it could not begin."""
        with signals.noted() as self._asked:
            try:
                with self._alone():
                    run = self._claim()
                    self._tenure.note()
                    self._tell(f"card {run.card}: watching; it ends when somebody comments stop")
                    end = self._watch(run)
            except MonitorError as error:
                if self._signal is None:
                    raise
                end = End(how=Ending.SIGNALLED, why=str(error))
            # Also one that came while another end was under way: whoever sent it waits for it.
            end = replace(end, signal=self._signal)
        return replace(end, ticks=self._ticks, said=self._tenure.said)

    def _watch(self, run: Run) -> End:
        try:
            return self._finish(self._loop(run), run)
        except Lost as error:
            return End(how=Ending.LOST, why=str(error))

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One monitor for each registry."""
        run = self._dispatched
        who = f"agent-sessions work{run and f', run {run}'}"
        begun = False
        try:
            with self._monitor.alone(who, HANDOVER if run else 0, sleep=self._sleep_unless_asked):
                begun = True
                yield
        except CouldNot as error:
            # A card that nobody works on must not look as if somebody did.
            if run and not begun and who not in str(error):
                self._claim()
                self._block(wording.safe(str(error), telling.LONGEST))
            raise

    def _claim(self) -> Run:
        """Claims the card, patiently where it may heal. Raises MonitorError."""
        again, late = Again(), self._now() + min(PATIENCE, self._seconds or PATIENCE)
        said = ""
        while True:
            try:
                return self._tenure.claim()
            except CouldNot as error:
                again.failed(self._now())
                if isinstance(error, Lost) or again.at > late or self._signal:
                    raise
                if said != str(error):
                    said = str(error)
                    self._complain(f"not begun yet, will be tried again: {error}")
                self._sleep(again.pause)

    # The loop. ----------------------------------------------------------------------------------

    def _loop(self, run: Run) -> End:
        """Ticks and looks until something ends it. Raises Lost."""
        began = self._now()
        deadline = self._deadline(run)
        self._tenure.look()
        while True:
            next_tick = self._now() + self._tick()
            while True:
                self._tenure.speak()
                self._tenure.beat(self._note, every=HEARTBEAT)
                if end := self._over(began, deadline):
                    return end
                left = next_tick - self._now()
                if left <= 0:
                    break
                self._sleep(min(left, self._tenure.next_look, *self._left(began, deadline)))
                self._tenure.look_when_due()

    def _tick(self) -> float:
        """One tick; the seconds until the next one. Raises Lost."""
        found = self._tick_once()
        while self._tenure.join():
            found = self._tick_once()  # what another card was told is told anew, at once
        interval = self._settings.interval or tick.default_interval(found)
        waiting = any(each.soon for each in found.report.decisions)
        return min(interval, SECOND_LOOK) if waiting else interval

    def _tick_once(self) -> Tick:
        before, found = self._last, self._monitor.tick(dry_run=False)
        self._last = found
        self._tenure.detail(deaths.details(found, before, self._settings))
        self._ticks += 1
        self._complaints.about(found)
        known = {each.drift.id for each in found.report.decisions if each.acknowledged}
        self._found -= known
        new = {each.drift.id for each in found.report.decisions} - known - self._found
        if new:
            self._found |= new
            self._found_at = found.report.at
        return found

    def _note(self) -> str:
        """`alive, 3 drifts detected, last at 2026-11-20T10:02:01Z; cannot see: tmux (why)`."""
        blind = self._last and complaints.lasting(self._last)
        parts = ["alive"]
        if self._found_at and self._found:
            parts.append(f"{_counted(len(self._found))} detected, last at {_utc(self._found_at)}")
        elif not blind:  # nothing was found, but only where it could be looked
            parts.append("0 drifts detected")
        note = ", ".join(parts)
        return wording.safe(f"{note}; cannot see: {'; '.join(blind)}" if blind else note, 500)

    # The end. -----------------------------------------------------------------------------------

    def _over(self, began: float, deadline: datetime | None) -> End | None:
        """What ends the watch now, if anything does."""
        if comment := self._tenure.stop:
            who = wording.one_line(comment.author, 80)
            why = f"stop-requested by {who} at {_utc(comment.at)}"
            return End(how=Ending.STOPPED, why=why)
        if self._signal is not None:
            name = signal.Signals(self._signal).name
            return End(how=Ending.SIGNALLED, why=f"ended by {name}", signal=self._signal)
        if deadline is not None and self._timing.clock() >= deadline:
            return End(how=Ending.DEADLINE, why="the card's max-runtime is nearly over")
        if self._seconds is not None and self._now() - began >= self._seconds:
            return End(how=Ending.ELAPSED, why=f"watched for {self._seconds:g} s, as asked")
        return None

    def _left(self, began: float, deadline: datetime | None) -> Iterator[float]:
        if deadline is not None:
            yield max((deadline - self._timing.clock()).total_seconds(), 0)
        if self._seconds is not None:
            yield max(began + self._seconds - self._now(), 0)

    def _deadline(self, run: Run) -> datetime | None:
        """A little before the board would end this run, and count it as failed.

        On the clock, not the timer: it is the clock that the board goes by, whoever sets it.
        """
        if run.deadline is None:
            return None
        left = run.deadline - self._timing.clock()
        return run.deadline - min(timedelta(seconds=FINISH), left / 10)

    def _finish(self, end: End, run: Run) -> End:
        """The last words, and the card left to people. Raises Lost."""
        if end.how is Ending.STOPPED:  # a person waits; what is unsaid is kept for the next run
            self._tenure.answer_stop(f"blocked: {end.why}")
            return replace(end, blocked=self._block(end.why))
        if end.how is Ending.SIGNALLED:
            boards.hurry(os.environ)
        else:
            self._tenure.speak()
        self._tenure.beat_now(self._note())
        if end.signal == signal.SIGTERM and signals.host_is_stopping():
            # Nobody asked for an end: the next run takes the card over once the host is back.
            return replace(end, why="the host is shutting down; the card is left to the next run")
        if end.how is Ending.ELAPSED and run.adopted:
            return end  # whoever runs this again and again has the card, and keeps it
        blocked = self._block(f"{end.why}; to go on: `hermes kanban unblock {run.card}`")
        return replace(end, blocked=blocked)

    def _block(self, reason: str) -> bool:
        done = self._tenure.block(reason, patience=self._patience, sleep=self._sleep)
        if done:
            self._tell(f"blocked: {reason}")
        return done

    def _patience(self) -> float:
        return PATIENCE if self._signal is None else PATIENCE_SIGNALLED

    def _sleep_unless_asked(self, seconds: float) -> None:
        """Raises CouldNot once a signal came: nobody waits for what was about to begin."""
        if self._signal is not None:
            raise CouldNot("ended before the watch began; unblock the card to go on")
        self._sleep(seconds)

    @property
    def _signal(self) -> int | None:
        return self._asked.signal if self._asked else None

    def _now(self) -> float:
        return self._timing.timer()

    def _sleep(self, seconds: float) -> None:
        if self._asked:
            self._timing.sleep(self._asked, seconds)


def _counted(drifts: int) -> str:
    return f"{drifts} drift" if drifts == 1 else f"{drifts} drifts"


def _utc(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
