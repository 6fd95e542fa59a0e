"""Waiting for the world, with a deadline and no guessed sleeps."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

PATIENCE = 120.0
"""Seconds after which something is taken to hang. Nothing that goes well takes a tenth of it, so it
is no measure of speed: where other programs have the processors, whatever works still works."""


def retry_until(
    predicate: Callable[[], T], *, seconds: float = PATIENCE, pause: float = 0.02, what: str = ""
) -> T:
    """Ask again and again until the answer is truthy, and return that answer.

    Raises:
        TimeoutError: it was still falsy after `seconds`; the text holds `what` and the last answer.
    """
    deadline = time.monotonic() + seconds
    while not (answer := predicate()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds} s for {what or predicate}; last: {answer!r}")
        time.sleep(pause)
    return answer
