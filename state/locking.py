"""Advisory locks: the one that writers of the registry share, and the running monitor's."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Final

from state import durable
from state.durable import Owner
from state.errors import CouldNot

_POLL: Final = 0.05
"""Seconds between two tries."""
_INTRODUCTION: Final = 1.0
"""Seconds that a holder is given to say who it is: it says so just after it took the lock."""


class Busy(CouldNot):
    """Another process has the lock, and goes on having it."""


@contextmanager
def alone(
    path: Path,
    *,
    who: str,
    timeout: float = 0,
    sleep: Callable[[float], None] = time.sleep,
    owner: Owner | None = None,
) -> Iterator[None]:
    """Be the only monitor of a registry. The lock file tells the next one `who` holds it.

    Raises Busy when another process is it for over `timeout` seconds; CouldNot.
    """
    try:
        durable.private_folder(path.parent, owner)
    except OSError as error:
        raise durable.could_not(f"folder {path.parent} could not be made", error) from None
    with _opened(path, owner) as file:
        if not _taken_within(file, path, timeout=timeout, sleep=sleep):
            raise Busy(_held_by(_introduced(file, sleep)))
        with suppress(OSError):  # a full disk; the lock holds all the same
            os.ftruncate(file.fileno(), 0)
            os.pwrite(file.fileno(), f"pid {os.getpid()}, {who}".encode("utf-8", "replace"), 0)
        yield


def _introduced(file: IO[bytes], sleep: Callable[[float], None]) -> str:
    """What the holder wrote of itself; empty where it has not within a second."""
    for _ in range(round(_INTRODUCTION / _POLL)):
        if told := os.pread(file.fileno(), 200, 0):
            return told.decode("utf-8", "replace")
        sleep(_POLL)
    return ""


def _held_by(told: str) -> str:
    who = "".join(each if each.isprintable() else " " for each in told) or "another process"
    return (
        f"this registry is watched already ({who}), and one monitor at a time may write. "
        "Look with --dry-run, or end that one first"
    )


@contextmanager
def held(
    path: Path, *, timeout: float, sleep: Callable[[float], None], owner: Owner | None = None
) -> Iterator[None]:
    """Hold the lock file at `path`, which stays there: removing it would split the lock.

    Raises CouldNot when another process keeps it for `timeout` seconds.
    """
    with _opened(path, owner) as file:
        if not _taken_within(file, path, timeout=timeout, sleep=sleep):
            msg = (
                f"lock {path} is held by another process for over {timeout:g} s. Nothing was "
                "written. See who holds it (fuser or lsof on that file); the next try may "
                "succeed. Do not delete it"
            )
            raise CouldNot(msg)
        yield  # Closing the file lets go of the lock.


def _opened(path: Path, owner: Owner | None) -> IO[bytes]:
    try:
        return os.fdopen(durable.open_or_create(path, 0, owner), "r+b")
    except OSError as error:
        raise durable.could_not(f"lock {path} could not be opened", error) from None


def _taken_within(
    file: IO[bytes], path: Path, *, timeout: float, sleep: Callable[[float], None]
) -> bool:
    tries = max(1, round(timeout / _POLL))
    for left in reversed(range(tries)):
        if _taken(file, path):
            return True
        if left:
            sleep(_POLL)
    return False


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
