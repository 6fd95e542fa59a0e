"""How many descriptors this process holds."""

from __future__ import annotations

import gc

import psutil


def held() -> int:
    """Those that are open, without what earlier tests left for the garbage collector to close."""
    gc.collect()
    return psutil.Process().num_fds()
