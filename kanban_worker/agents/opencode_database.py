"""opencode's database, read without ever writing: not even the files SQLite puts beside it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from urllib.parse import quote

from kanban_worker.agents import files
from kanban_worker.agents.kept import Folder, settled
from reconcile import kinds
from reconcile.observed import Unknown

SESSION = kinds.OPENCODE_SESSION

Row = tuple[object, ...]

_NAME = re.compile(r"opencode(?:-[A-Za-z0-9._-]{1,40})?\.db")
_WAIT_SECONDS = 0.2
_MOST = 1024
_MANY = 100


class Database:
    """One database; an answer is kept until the file or its WAL changes."""

    __slots__ = ("_answers", "_stamp", "path")

    def __init__(self, path: str) -> None:
        """Nothing is opened before the first question."""
        self.path = path
        self._stamp: object = None
        self._answers: dict[tuple[str, Row], tuple[Row, ...]] = {}

    def updated(self, session: str) -> int | Unknown | None:
        """Return when a session was last updated, in ms since 1970; None if it is not there."""
        rows = self._ask("SELECT time_updated FROM session WHERE id = ?", (session,))
        if isinstance(rows, Unknown):
            return rows
        at = rows[0][0] if rows else None
        return None if not rows else at if isinstance(at, int) else 0

    def begun_since(self, directory: str, since_ms: int) -> tuple[str, ...] | Unknown:
        """Return the sessions begun in a directory since a time, sub-agents' left out."""
        rows = self._ask(
            "SELECT id FROM session WHERE directory = ? AND time_created >= ?"
            " AND parent_id IS NULL ORDER BY id LIMIT ?",
            (directory, since_ms, _MANY),
        )
        if isinstance(rows, Unknown):
            return rows
        return tuple(one for (one,) in rows if isinstance(one, str) and SESSION.fullmatch(one))

    def _ask(self, query: str, values: Row) -> tuple[Row, ...] | Unknown:
        try:
            stamp = self._now()
        except OSError as error:
            return files.refusal(self.path, error)
        if stamp is None or stamp != self._stamp or len(self._answers) >= _MOST:
            self._answers.clear()
            self._stamp = stamp
        asked = (query, values)
        if asked not in self._answers:
            rows = _rows(self.path, query, values)
            if isinstance(rows, Unknown):
                return rows
            self._answers[asked] = rows
        return self._answers[asked]

    def _now(self) -> tuple[int, ...] | None:
        """Return what changes with every write: 1.18 had 4 KB in the file, 807 in its WAL."""
        status = os.stat(self.path)
        found = [status]
        if os.path.exists(f"{self.path}-wal"):
            found.append(os.stat(f"{self.path}-wal"))
        if not all(map(settled, found)):
            return None
        return tuple(n for one in found for n in (one.st_mtime_ns, one.st_size, one.st_ino))


class Data:
    """opencode's data folder, with a database for each release channel."""

    __slots__ = ("_bases", "_folder", "_only")

    def __init__(self, path: str, only: str | None = None) -> None:
        """`only` is what OPENCODE_DB says, if anything."""
        self._folder = Folder(path)
        self._only = only
        self._bases: dict[str, Database] = {}

    def bases(self) -> tuple[Database, ...] | Unknown:
        """Return the databases that are there."""
        if self._only is not None:
            path = os.path.join(self._folder.path, self._only)
            return (self._base(path),) if self._only != ":memory:" else ()
        names = self._folder.names()
        if isinstance(names, Unknown):
            return names
        found = sorted(name for name in names or () if _NAME.fullmatch(name))
        return tuple(self._base(f"{self._folder.path}/{name}") for name in found)

    def missing(self) -> Unknown:
        """Say that there is no database."""
        return Unknown(f"{self._folder.path}: opencode.db is not there (mount or restore it)")

    def _base(self, path: str) -> Database:
        return self._bases.get(path) or self._bases.setdefault(path, Database(path))


def _rows(path: str, query: str, values: Row) -> tuple[Row, ...] | Unknown:
    import sqlite3  # noqa: PLC0415  # costs some ms, and most hosts run no opencode

    mode = _mode(path)
    if mode is None:
        return Unknown(f"{path} has a WAL without its -shm: start opencode once to mend it")
    try:
        link = sqlite3.connect(f"file:{quote(path)}?{mode}", uri=True, timeout=_WAIT_SECONDS)
        try:
            return tuple(link.execute(query, values).fetchall())
        finally:
            link.close()
    except (sqlite3.Error, ValueError, OverflowError) as error:
        return Unknown(f"cannot read {path}: {error} (look at it with opencode)")


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


def places(environ: Mapping[str, str], home: str) -> tuple[str, str | None]:
    """Return the data folder and what OPENCODE_DB says, for one environment."""
    base = environ.get("XDG_DATA_HOME") or f"{environ.get('HOME') or home}/.local/share"
    return f"{base}/opencode", environ.get("OPENCODE_DB") or None


def each(data: Data) -> Iterator[Database | Unknown]:
    """Yield the databases, or the one reason why there are none to see."""
    bases = data.bases()
    if isinstance(bases, Unknown):
        yield bases
    else:
        yield from bases
