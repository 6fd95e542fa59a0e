"""Ages: how long ago something was found, also when somebody sets the clock meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta

from reconcile import memory
from reconcile.memory import Memory

STEP = timedelta(seconds=1)
"""By so much more or less than the timer the clock has moved when somebody has set it."""


def timer() -> float:
    """Seconds that pass while the host is suspended as well, whatever its clock is set to."""
    # Linux: CLOCK_MONOTONIC stands still while the host is suspended. macOS: it does not.
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class Ages:
    """Keeps everything that is remembered as old as it is, from one look to the next."""

    def __init__(
        self, clock: Callable[[], datetime], timer: Callable[[], float] | None = None
    ) -> None:
        """`timer` shows when the clock is set; without one, the clock goes on as time does."""
        self._clock = clock
        self._timer = timer or (lambda: clock().timestamp())
        self._before: tuple[datetime, float] | None = None

    def kept(self, known: Memory) -> Memory:
        """The memory in the clock's present time; the very same one unless it was set.

        What an earlier process found in the future was found now, for all that can be known.
        """
        at, timed = self._clock(), self._timer()
        before, self._before = self._before, (at, timed)
        if before is None:
            return memory.retimed(known, lambda found: min(found, at))
        step = at - before[0] - timedelta(seconds=timed - before[1])
        if abs(step) < STEP and at >= before[0]:
            return known
        return memory.retimed(known, lambda found: min(found + step, at))
