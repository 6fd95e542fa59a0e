"""Hermes' board read as a file: its cards, by the tables of hermes-agent 0.18 and 0.19.

One short connection each time: the file is Hermes', and others write to it meanwhile.
"""

from __future__ import annotations

import contextlib
import re
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from kanban_worker.hermes import skill
from kanban_worker.hermes.homes import Hermes

SECONDS = 5.0
"""How long to wait for somebody else's write."""

_OURS = f'%"{skill.NAME}"%'
"""Cards whose worker reads our skill."""

_GIVEN_UP = """
SELECT id, consecutive_failures, last_failure_error FROM tasks
WHERE status = 'blocked' AND skills LIKE ? AND 'gave_up' = (
    SELECT kind FROM task_events
    WHERE task_id = tasks.id AND kind IN ('gave_up', 'blocked', 'unblocked', 'claimed')
    ORDER BY id DESC LIMIT 1
)
LIMIT 20
"""

_OPEN = """
SELECT id, status, assignee, workspace_path, body FROM tasks
WHERE skills LIKE ? AND status IN ('running', 'ready', 'blocked', 'scheduled')
ORDER BY status = 'running' DESC, status = 'ready' DESC, created_at DESC
LIMIT 200
"""


@dataclass(frozen=True, slots=True)
class Watching:
    """A card whose worker watches a registry, or would."""

    id: str
    status: str
    assignee: str | None


def database(hermes: Hermes, slug: str | None) -> Path:
    """Where Hermes keeps a board: `default` beside the config, the others in folders."""
    if pinned := hermes.environ.get("HERMES_KANBAN_DB", "").strip():
        return Path(pinned)
    if not slug:
        slug = hermes.environ.get("HERMES_KANBAN_BOARD", "").strip()
    with contextlib.suppress(OSError, UnicodeError):
        slug = slug or (hermes.root / "kanban/current").read_text("utf-8").strip()
    if not slug or slug == "default" or not re.fullmatch(r"[a-z0-9][a-z0-9_-]*", slug):
        return hermes.root / "kanban.db"
    return hermes.root / "kanban/boards" / slug / "kanban.db"


@contextlib.contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection to a board that is there. Raises sqlite3.Error."""
    uri = f"{path.absolute().as_uri()}?mode=rw"
    with contextlib.closing(
        sqlite3.connect(uri, uri=True, timeout=SECONDS, isolation_level=None)
    ) as connection:
        yield connection


def writable(connection: sqlite3.Connection) -> int:
    """How many cards there are, under the write lock. Raises sqlite3.Error."""
    connection.execute("BEGIN IMMEDIATE")
    (count,) = connection.execute("SELECT count(*) FROM tasks").fetchone()
    connection.execute("ROLLBACK")
    return int(count)


def given_up(connection: sqlite3.Connection) -> Sequence[tuple[str, int, str]]:
    """Id, failures and last error of our cards that Hermes gave up."""
    with contextlib.suppress(sqlite3.Error):  # of another version's tables
        return [
            (str(card), int(failures or 0), str(last))
            for card, failures, last in connection.execute(_GIVEN_UP, (_OURS,))
        ]
    return []


def watching(connection: sqlite3.Connection, registry: Path) -> list[Watching]:
    """Our open cards of this registry: running first, then ready, then what waits for a person.

    A card says which registry by its workspace, and `dispatch` also writes it into its text.
    """
    with contextlib.suppress(sqlite3.Error):  # as above
        return [
            Watching(str(card), str(status), assignee)
            for card, status, assignee, workspace, body in connection.execute(_OPEN, (_OURS,))
            if workspace == str(registry.parent) or f"{registry}" in (body or "")
        ]
    return []
