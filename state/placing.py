"""Putting a new file where an old one is, so that no save of the old one is lost.

Between the last comparison and a rename somebody who knows no lock may save the file, and the
rename would throw that save away. So the two files change places in one step, what came out is
compared once more, and what is not what was expected is put back.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
from pathlib import Path
from typing import Final

_AT_FDCWD: Final = -100
_RENAME_EXCHANGE: Final = 2
_UNABLE: Final = frozenset({errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EPERM})
"""No such call, no such flag, not on this disk; and what a sandbox says of a call it hides."""


def put(new: Path, path: Path, *, before: bytes, after: bytes) -> bool:
    """Whether `new`, which holds `after`, is at `path` now, in the place of `before`.

    What it displaced is at `new` then. Where files cannot change places (another system than
    Linux, NFS) it is a rename, and who saves between comparison and rename loses that save.
    Raises OSError.
    """
    try:
        if not exchange(new, path):
            new.replace(path)
            return True
    except FileNotFoundError:  # an editor has moved it away, and is about to write another
        return False
    try:
        return _keeps(new, path, before, after)
    except KeyboardInterrupt:
        if held(new) not in {before, after}:
            exchange(new, path)
        raise


def exchange(one: Path, other: Path) -> bool:
    """Let two files change places; False where that cannot be done. Raises OSError."""
    call = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)  # glibc 2.28, Linux 3.15
    if call is None:
        return False
    names = os.fsencode(one), os.fsencode(other)
    if not call(_AT_FDCWD, names[0], _AT_FDCWD, names[1], _RENAME_EXCHANGE):
        return True
    number = ctypes.get_errno()
    if number in _UNABLE:
        return False
    raise OSError(number, os.strerror(number), str(one), None, str(other))


def _keeps(new: Path, path: Path, before: bytes, after: bytes) -> bool:
    """Whether the new file stays, for what it displaced is what it comes from.

    Else the newest save of others is at `path` in the end: the one that was displaced, or one
    that came while that was put back.
    """
    expected: bytes | None = before
    placed: bytes | None = after
    while (displaced := held(new)) != expected:
        if displaced is None and placed != after:
            break  # ours, most likely: there is no reason to put back what cannot be read
        expected, placed = placed, displaced
        try:
            exchange(new, path)
        except FileNotFoundError:  # moved away since, which is newer than any save
            break
    return placed == after


def held(path: Path) -> bytes | None:
    """The bytes of a file, but not through a symlink; None when they cannot be read."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    with os.fdopen(file, "rb") as stream, contextlib.suppress(OSError):
        return stream.read()
    return None
