"""Rows of another program's SQLite database, read without ever writing: not even beside it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from urllib.parse import quote

from kanban_worker.agents.kept import settled
from reconcile.observed import Unknown

Row = tuple[object, ...]

_WAIT_SECONDS = 0.2


def rows(
    path: str, query: str, values: Sequence[object] = (), *, program: str
) -> tuple[Row, ...] | Unknown:
    """Return what a query finds; `program` is what mends a database that cannot be read."""
    import sqlite3  # noqa: PLC0415  # costs some ms, and most hosts run no agent that has one

    mode = _mode(path)
    if mode is None:
        return Unknown(f"{path} has a WAL without its -shm: start {program} once to mend it")
    try:
        link = sqlite3.connect(f"file:{quote(path)}?{mode}", uri=True, timeout=_WAIT_SECONDS)
        try:
            # Bytes that are no UTF-8 are no reason to lose the row.
            link.text_factory = _text
            return tuple(link.execute(query, values).fetchall())
        finally:
            link.close()
    except (sqlite3.Error, ValueError, OverflowError) as error:
        return Unknown(f"cannot read {path}: {error} (look at it with {program})")


def stamp(path: str) -> tuple[int, ...] | None:
    """Return what changes with every write: opencode 1.18 had 4 KB in the file, 807 in its WAL.

    None while it was only just written: what is read then may change under the same stamp.

    Raises:
        OSError: the database is not there, or cannot be looked at.
    """
    found = [os.stat(path)]
    if os.path.exists(f"{path}-wal"):
        found.append(os.stat(f"{path}-wal"))
    if not all(map(settled, found)):
        return None
    return tuple(n for one in found for n in (one.st_mtime_ns, one.st_size, one.st_ino))


def _text(value: bytes) -> str:
    return value.decode(errors="replace")


def _mode(path: str) -> str | None:
    """Choose how to open it. SQLite 3.40 with `mode=ro` makes a -shm and a -wal that lack.

    `immutable` does not, but leaves out the WAL: it is right only where that is empty.
    """
    if os.path.exists(f"{path}-shm") and os.path.exists(f"{path}-wal"):
        return "mode=ro"
    try:
        pending = os.stat(f"{path}-wal").st_size
    except OSError:
        pending = 0
    return None if pending else "mode=ro&immutable=1"
