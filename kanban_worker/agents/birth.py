"""When a file was born: Python tells it on macOS, on Linux only `statx` does."""

from __future__ import annotations

import os
import struct
from functools import cache
from typing import Any

_AT_FDCWD = -100
_STATX_BTIME = 0x800
_BUFFER = 256
_BIRTH = 80
"""Offset of `stx_btime` in `struct statx`."""


def birth_ns(path: str, status: os.stat_result) -> int | None:
    """Return a file's birth in nanoseconds since 1970, or None where nobody keeps it.

    glibc has `statx` from 2.28. Some file systems (NFS 3, some FUSE) keep no birth time.
    """
    born = getattr(status, "st_birthtime", None)
    if born is not None:
        return int(born * 1_000_000_000)
    call = _statx()
    if call is None:
        return None
    found = bytearray(_BUFFER)
    if call(_AT_FDCWD, os.fsencode(path), 0, _STATX_BTIME, _pointer(found)) != 0:
        return None
    (mask,) = struct.unpack_from("=I", found)
    if not mask & _STATX_BTIME:
        return None
    seconds, nanoseconds = struct.unpack_from("=qI", found, _BIRTH)
    return int(seconds) * 1_000_000_000 + int(nanoseconds)


@cache
def _statx() -> Any:  # noqa: ANN401  # ctypes gives a foreign function no type
    import ctypes  # noqa: PLC0415  # costs some ms, and most ticks need no birth time

    try:
        return ctypes.CDLL(None).statx
    except (OSError, AttributeError):
        return None


def _pointer(buffer: bytearray) -> Any:  # noqa: ANN401  # as above
    import ctypes  # noqa: PLC0415  # as above

    return (ctypes.c_char * len(buffer)).from_buffer(buffer)
