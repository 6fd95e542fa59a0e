"""opencode's database, read without ever writing: not even the files SQLite puts beside it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from kanban_worker.agents import files, sqlite_rows
from kanban_worker.agents.kept import Folder
from kanban_worker.agents.sqlite_rows import Row
from reconcile import kinds
from reconcile.observed import Unknown

SESSION = kinds.OPENCODE_SESSION

_NAME = re.compile(r"opencode(?:-[A-Za-z0-9._-]{1,40})?\.db")
_MOST = 1024
_MANY = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A session's row."""

    title: str
    project: str | None
    """Its project's id: a terminal offers no session of another project (1.18.33)."""
    parent: str | None
    headless: bool
    """Whether `opencode run` made it: its row has permissions, a TUI's has none (1.18.33)."""


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

    def session(self, session: str) -> Session | Unknown | None:
        """Return a session's row; None if it is not there."""
        rows = self._ask(
            "SELECT title, project_id, parent_id, permission FROM session WHERE id = ?", (session,)
        )
        if isinstance(rows, Unknown) or not rows:
            return rows if isinstance(rows, Unknown) else None
        title, project, parent, permission = rows[0]
        return Session(
            title=title if isinstance(title, str) else "",
            project=project if isinstance(project, str) else None,
            parent=parent if isinstance(parent, str) else None,
            headless=permission is not None,
        )

    def titled(self, beginning: str, project: str | None) -> tuple[tuple[str, str], ...] | Unknown:
        """Return ids and titles of a project's sessions that begin so, sub-agents' left out.

        Without a project it is those of all of them.
        """
        rows = self._ask(
            "SELECT id, title FROM session WHERE substr(title, 1, ?1) = ?2 AND parent_id IS NULL"
            " AND (?3 IS NULL OR project_id IS NULL OR project_id = ?3) ORDER BY id LIMIT ?4",
            (len(beginning), beginning, project, _MANY),
        )
        if isinstance(rows, Unknown):
            return rows
        return tuple(
            (one, title)
            for one, title in rows
            if isinstance(one, str) and SESSION.fullmatch(one) and isinstance(title, str)
        )

    def begun_since(self, directory: str, since_ms: int) -> tuple[str, ...] | Unknown:
        """Return the sessions that TUIs began in a directory since a time."""
        rows = self._ask(
            "SELECT id FROM session WHERE directory = ? AND time_created >= ?"
            " AND parent_id IS NULL AND permission IS NULL ORDER BY id LIMIT ?",
            (directory, since_ms, _MANY),
        )
        if isinstance(rows, Unknown):
            return rows
        return tuple(one for (one,) in rows if isinstance(one, str) and SESSION.fullmatch(one))

    def _ask(self, query: str, values: Row) -> tuple[Row, ...] | Unknown:
        try:
            stamp = sqlite_rows.stamp(self.path)
        except OSError as error:
            return files.refusal(self.path, error)
        if stamp is None or stamp != self._stamp or len(self._answers) >= _MOST:
            self._answers.clear()
            self._stamp = stamp
        asked = (query, values)
        if asked not in self._answers:
            rows = sqlite_rows.rows(self.path, query, values, program="opencode")
            if isinstance(rows, Unknown):
                return rows
            self._answers[asked] = rows
        return self._answers[asked]


class Data:
    """opencode's data folder, with a database for each release channel."""

    __slots__ = ("_bases", "_folder", "_only")

    def __init__(self, path: str, only: str | None = None) -> None:
        """`only` is what OPENCODE_DB says, if anything."""
        self._folder = Folder(path)
        self._only = only
        self._bases: dict[str, Database] = {}

    @property
    def path(self) -> str:
        """The folder's path."""
        return self._folder.path

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
