"""Which threads have begun since, whatever earlier tests have left to end by itself."""

from __future__ import annotations

import threading
from collections.abc import Collection
from threading import Thread


def now() -> frozenset[Thread]:
    """Those that live."""
    return frozenset(threading.enumerate())


def since(before: Collection[Thread]) -> frozenset[Thread]:
    """Those that live and did not before."""
    return now() - frozenset(before)
