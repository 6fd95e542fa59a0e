"""Waiting for the world, with a deadline and no guessed sleeps."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def retry_until(
    predicate: Callable[[], T], *, seconds: float = 30.0, pause: float = 0.02, what: str = ""
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
