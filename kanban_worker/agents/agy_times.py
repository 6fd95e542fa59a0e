"""When agy last wrote to a conversation: by the times inside its files, else by the files' own.

A touch, a copy or a restored backup changes a file's time and nothing inside. Times inside are
`created_at` in the transcript's lines, and what the database's rows have in columns named for a
time; the two databases that were seen had none, so there a file's time may be all there is.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from kanban_worker.agents import files, lines, sqlite_rows
from kanban_worker.agents.kept import Kept
from reconcile.observed import ConversationId, Unknown

_STAMP = re.compile(rb'"created_at"\s*:\s*"')
_TABLES = ("steps", "trajectory_meta")
_COLUMN = re.compile(r"(?:\w{1,40}_)?(?:created|updated|modified|time|timestamp|at|ts)(?:_ms|_at)?")
_ROWS = 64
_MOST = 4096
_FIRST, _LAST = datetime(2020, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
_UNITS = (1000.0, 1.0, 1e-3, 1e-6)
"""Milliseconds in what a number may count: seconds, milli-, micro- or nanoseconds."""


class Times:
    """The times inside some conversations, kept until their files change."""

    def __init__(self) -> None:
        """Nothing is read before the first question."""
        self._logs: Kept[datetime | None] = Kept(_read_log)
        self._bases: dict[str, tuple[object, datetime | None]] = {}

    def inside(self, root: str, conversation: ConversationId) -> datetime | None:
        """Return the newest time inside its files; None where there is none."""
        log = self._logs.get(_log(root, conversation))
        found = (
            None if isinstance(log, Unknown) else log,
            self._base(f"{root}/conversations/{conversation}.db"),
        )
        return max(filter(None, found), default=None)

    def _base(self, path: str) -> datetime | None:
        try:
            stamp = sqlite_rows.stamp(path)
        except OSError:
            return None
        known = self._bases.get(path)
        if known is not None and stamp is not None and known[0] == stamp:
            return known[1]
        if len(self._bases) >= _MOST:
            self._bases.clear()
        found = max(_times(path), default=None)
        self._bases[path] = (stamp, found)
        return found


def modified(root: str, conversation: ConversationId) -> Iterator[datetime]:
    """Yield the times of its files; the `.db` alone stands still while its WAL grows."""
    base = f"{root}/conversations/{conversation}"
    for path in (f"{base}.db", f"{base}.db-wal", f"{base}.pb", _log(root, conversation)):
        try:
            yield datetime.fromtimestamp(os.stat(path).st_mtime, UTC)
        except (OSError, ValueError, OverflowError):
            continue


def _log(root: str, conversation: ConversationId) -> str:
    return f"{root}/brain/{conversation}/.system_generated/logs/transcript.jsonl"


def _read_log(path: str, status: os.stat_result, before: datetime | None) -> datetime | None:
    """Search the end of a transcript for a time, farther back while there is none."""
    del status, before
    limit = files.BLOCK
    while True:
        part = files.tail(path, limit)
        stamped = (lines.record(line) for line in part.lines if _STAMP.search(line))
        found = max(
            filter(None, (lines.moment(one.get("created_at")) for one in stamped)), default=None
        )
        if found is not None or part.whole or limit >= files.LIMIT:
            return found
        limit *= 4


def _times(path: str) -> Iterator[datetime]:
    """Yield the times in the newest rows, if any column is named for one."""
    for table in _TABLES:
        columns = [name for name in _columns(path, table) if _COLUMN.fullmatch(name.lower())]
        if not columns:
            continue
        chosen = ", ".join(f'"{name}"' for name in columns)
        query = f'SELECT {chosen} FROM "{table}" ORDER BY rowid DESC LIMIT {_ROWS}'  # noqa: S608
        found = sqlite_rows.rows(path, query, program="agy")
        if not isinstance(found, Unknown):
            yield from _moments(value for row in found for value in row)


def _columns(path: str, table: str) -> Iterator[str]:
    found = sqlite_rows.rows(path, "SELECT name FROM pragma_table_info(?)", (table,), program="agy")
    if not isinstance(found, Unknown):
        yield from (name for (name,) in found if isinstance(name, str) and name.isidentifier())


def _moments(values: Iterable[object]) -> Iterator[datetime]:
    """Yield what can be a time: ISO 8601, or a number since 1970 of a size that is one."""
    for value in values:
        tried: list[datetime | None] = [lines.moment(value)]
        if isinstance(value, int | float):
            tried += [lines.moment_of_ms(value * unit) for unit in _UNITS]
        yield from (at for at in tried if at is not None and _FIRST <= at <= _LAST)
