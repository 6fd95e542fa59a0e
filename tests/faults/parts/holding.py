"""What this process holds, which must not grow with what is over."""

from __future__ import annotations

import gc
from typing import NamedTuple

import psutil

TOLERATED = 4 * 2**20
"""Bytes: what CPython's table of interned strings grows by at once. A leak of 1 kB a tick is twice
as much over 8,000 ticks."""


class Held(NamedTuple):
    """Memory in bytes, and how many of the others."""

    memory: int
    descriptors: int
    threads: int
    children: int

    @classmethod
    def now(cls) -> Held:
        """As of this moment, without what waits for the garbage collector."""
        gc.collect()
        me = psutil.Process()
        return cls(me.memory_info().rss, me.num_fds(), me.num_threads(), len(me.children()))


def assert_no_growth(warm: Held, last: Held) -> None:
    """No more than once every cache was filled; what earlier tests left may have ended since."""
    assert last.memory <= warm.memory + TOLERATED
    assert all(after <= before for before, after in zip(warm[1:], last[1:], strict=True))
