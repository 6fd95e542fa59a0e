"""The advisory lock that writers of the registry share."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from state import durable
from state.errors import CouldNot

_POLL: Final = 0.05
"""Seconds between two tries."""


@contextmanager
def held(path: Path, *, timeout: float, sleep: Callable[[float], None]) -> Iterator[None]:
    """Hold the lock file at `path`, which stays there: removing it would split the lock.

    Raises CouldNot when another process keeps it for `timeout` seconds.
    """
    try:
        file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "r+b")
    except OSError as error:
        raise durable.could_not(f"lock {path} could not be opened", error) from None
    with file:
        _wait(file, path, timeout=timeout, sleep=sleep)
        yield  # Closing the file lets go of the lock.


def _wait(file: IO[bytes], path: Path, *, timeout: float, sleep: Callable[[float], None]) -> None:
    tries = max(1, round(timeout / _POLL))
    for left in reversed(range(tries)):
        if _taken(file, path):
            return
        if left:
            sleep(_POLL)
    msg = (
        f"lock {path} is held by another process for over {timeout:g} s. Nothing was written. "
        "See who holds it (fuser or lsof on that file); the next try may succeed. Do not delete it"
    )
    raise CouldNot(msg)


def _taken(file: IO[bytes], path: Path) -> bool:
    try:
        import portalocker  # noqa: PLC0415 - 20 to 90 ms, and only writers need it
    except OSError as error:  # it looks for a temporary folder, and a full disk has none
        raise durable.could_not(f"lock {path} could not be taken", error) from None
    try:
        portalocker.lock(file, portalocker.LockFlags.EXCLUSIVE | portalocker.LockFlags.NON_BLOCKING)
    except portalocker.AlreadyLocked:
        return False
    except (portalocker.LockException, OSError) as error:
        msg = f"lock {path} could not be taken: {error}. Nothing was written"
        raise CouldNot(msg) from None
    return True
