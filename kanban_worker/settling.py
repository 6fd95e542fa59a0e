"""One look that ends with its result: what is held for seconds only is waited for.

A drift is held while a person may still be at its entry, and many deaths at once until a second
look. Both are decided within seconds, and whoever looks once wants to know how.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from kanban_worker import ages, tick
from kanban_worker.tick import Tick
from reconcile import report
from state import locking

LONGEST = 12.0
"""Seconds that a run waits at most, however often an entry is saved meanwhile."""
_SLACK = 0.1
"""Seconds by which a file's time may lag behind the clock, and the shortest pause."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """The clock, a timer in seconds, and a sleep."""

    clock: Callable[[], datetime] = tick.now
    timer: Callable[[], float] = ages.timer
    sleep: Callable[[float], None] = time.sleep


def settled(
    look: Callable[[], Tick], tell: Callable[[str], None], timing: Timing | None = None
) -> Tick:
    """Looks until nothing is held that can be decided in time; all the looks as one tick.

    `tell` takes one line for a person, before the first wait. Another monitor that begins
    meanwhile does the rest: what stands by then is the result.
    """
    timing = timing or Timing()
    found, told = look(), False
    late = timing.timer() + LONGEST
    while (pause := _pause(found, timing.clock(), left=late - timing.timer())) is not None:
        if not told:
            tell(_waiting(found, late - timing.timer()))
            told = True
        timing.sleep(pause)
        try:
            found = joined(found, look())
        except locking.Busy:
            break
    return found


def _pause(found: Tick, now: datetime, *, left: float) -> float | None:
    """Seconds until the first thing that is held can be decided; None where none can in time."""
    held = (each.settles_at for each in found.report.decisions)
    pauses = ((at - now).total_seconds() + _SLACK for at in held if at)
    return min((max(each, _SLACK) for each in pauses if each <= left), default=None)


def _waiting(found: Tick, left: float) -> str:
    count = sum(each.soon for each in found.report.decisions)
    drifts = "1 drift is" if count == 1 else f"{count} drifts are"
    return f"{drifts} held for seconds only; waiting at most {left:.0f} s (not with --no-wait)"


def joined(earlier: Tick, last: Tick) -> Tick:
    """The last of two looks of one run, with what the earlier one wrote and what failed in it."""
    troubles = {str(each): each for each in (*earlier.troubles, *last.troubles)}
    return replace(
        last,
        report=report.joined(earlier.report, last.report),
        troubles=tuple(troubles.values()),
    )
