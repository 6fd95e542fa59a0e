"""A long story that fails, made short."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


def shrunk(story: Sequence[T], fails: Callable[[Sequence[T]], bool], *, seconds: float) -> list[T]:
    """Leave out what can be left out, ever smaller pieces, until the time is up.

    The last item stays: it is the one that showed the failure.
    """
    deadline, kept = time.monotonic() + seconds, list(story)
    size = len(kept) // 2
    while size:
        at = 0
        while at < len(kept) - 1 and time.monotonic() < deadline:
            shorter = [*kept[:at], *kept[min(at + size, len(kept) - 1) :]]
            if fails(shorter):
                kept = shorter
            else:
                at += size
        size //= 2
    return kept
