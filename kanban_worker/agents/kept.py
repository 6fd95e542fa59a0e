"""What was read from files and folders, kept until a `stat` shows that they changed."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from kanban_worker.agents.files import refusal
from reconcile.observed import Unknown

T = TypeVar("T")

_SETTLED_NS = 50_000_000
_MOST = 8192


def settled(status: os.stat_result) -> bool:
    """Whether a later change is sure to show in the modification time.

    The kernel stamps files by its tick (4 or 10 ms on Linux), so what is read within the
    same tick as a write can change once more under the same stamp. git calls this racy.
    """
    return time.time_ns() - status.st_mtime_ns > _SETTLED_NS


class Kept(Generic[T]):
    """One value per file, read again only when modification time, size or inode differ."""

    __slots__ = ("_kept", "_read")

    def __init__(self, read: Callable[[str, os.stat_result, T | None], T]) -> None:
        """`read` makes the value from path, stat and the value before; it may raise OSError."""
        self._read = read
        self._kept: dict[str, tuple[int, int, int, T]] = {}

    def get(self, path: str) -> T | Unknown | None:
        """Return the file's value, None if there is no file, or why it cannot be read."""
        try:
            status = os.stat(path)
            kept = self._kept.get(path)
            if (
                kept is not None
                and kept[0] == status.st_mtime_ns
                and kept[1] == status.st_size
                and kept[2] == status.st_ino
            ):
                return kept[3]
            return self._renew(path, status, kept)
        except FileNotFoundError:
            self._kept.pop(path, None)
            return None
        except OSError as error:
            return refusal(path, error)

    def last(self, path: str) -> T | None:
        """Return what `get` found last, without another look."""
        kept = self._kept.get(path)
        return None if kept is None else kept[3]

    def _renew(self, path: str, status: os.stat_result, kept: tuple[int, int, int, T] | None) -> T:
        value = self._read(path, status, kept[3] if kept is not None else None)
        if len(self._kept) >= _MOST:
            self._kept.clear()
        stamp = status.st_mtime_ns if settled(status) else -1
        self._kept[path] = (stamp, status.st_size, status.st_ino, value)
        return value


class Folder:
    """The names in one folder, listed again only when its modification time differs."""

    __slots__ = ("_names", "_stamp", "path")

    def __init__(self, path: str) -> None:
        """Nothing is read before the first question."""
        self.path = path
        self._stamp: tuple[int, int, int] | None = None
        self._names: frozenset[str] = frozenset()

    def names(self) -> frozenset[str] | Unknown | None:
        """Return the names; the very same object as long as the folder is unchanged.

        None where there is certainly no such folder.
        """
        try:
            status = os.stat(self.path)
            stamp = (status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
            if stamp != self._stamp:
                self._names = frozenset(os.listdir(self.path))
                self._stamp = stamp if settled(status) else None
        except FileNotFoundError as error:
            self._stamp = None
            # A link that leads nowhere is a disk that is not mounted, not an empty folder.
            return refusal(self.path, error) if os.path.islink(self.path) else None
        except OSError as error:
            self._stamp = None
            return refusal(self.path, error)
        return self._names
