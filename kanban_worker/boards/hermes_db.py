"""The one module that knows `hermes_cli.kanban_db`, Hermes' own code for its boards.

It is internal to Hermes, and later versions move it: so its names are looked for before anything
is done. All is done in one thread, with a connection for each read and each write: hermes-agent
0.19.0 opens and closes the database's file after each commit, which drops the POSIX locks of the
whole process, and what is then written through the same connection can be lost. So can what is
written through the first connection of a process, on which Hermes brings the tables up to date
(1 of 100 comments beside another writer, in 5 of 15 runs): the first one here only reads.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import sqlite3
from collections.abc import Iterator
from datetime import timedelta
from importlib import metadata
from typing import Any

from kanban_worker.boards import card
from kanban_worker.boards.card import Card
from kanban_worker.boards.shape import Holder
from state.errors import CouldNot, MustMend

PATIENCE_MS = "700"
"""Hermes waits 120 s for a lock, and tries six times to begin a write. Two writes that each wait
that often for this long stay below ten seconds."""

_FUNCTIONS = (
    "add_comment",
    "block_task",
    "board_exists",
    "claim_task",
    "connect_closing",
    "get_run",
    "get_task",
    "heartbeat_claim",
    "heartbeat_worker",
    "kanban_db_path",
    "list_comments",
    "list_events",
    "reclaim_task",
)
OVER = "its worker is over"
"""What a card's history says of a run that was taken over."""
_COLUMNS = frozenset({"block_kind", "claim_lock", "current_run_id", "goal_mode", "status"})


@contextlib.contextmanager
def patience() -> Iterator[None]:
    """Let Hermes wait for a lock no longer than we can; what a user has set stays."""
    name = "HERMES_KANBAN_BUSY_TIMEOUT_MS"
    if name in os.environ:
        yield
        return
    # Only while we ask: within a worker the variable would bind Hermes' own writes as well.
    os.environ[name] = PATIENCE_MS
    try:
        yield
    finally:
        os.environ.pop(name, None)


def redacted(text: str) -> str:
    """A text without what looks like a secret, as Hermes' own comment tool stores it."""
    try:
        redact = importlib.import_module("agent.redact").redact_sensitive_text
    except (ImportError, AttributeError):
        return text
    return str(redact(text, force=True))


class Database:
    """The board's database. Raises MustMend where there is none to work with, else CouldNot."""

    def __init__(self, board: str | None) -> None:
        """Take a board by its slug; None is the one that Hermes itself would take."""
        self._kb = _module()
        self._board = board

    def card(self, name: str, *, whole: bool = False) -> Card | None:
        """A card, with its comments; `whole` with its events and its run's deadline as well."""
        with self._opened() as connection:
            task = self._kb.get_task(connection, name)
            if task is None:
                return None
            comments = self._kb.list_comments(connection, name)
            events = self._kb.list_events(connection, name) if whole else ()
            run = self._kb.get_run(connection, task.current_run_id or 0) if whole else None
        return _card(task, comments, events, run)

    def claim(self, name: str, claimer: str) -> str:
        """Claim a ready card for `<host>:<pid>`; the run that this began, empty where none."""
        with self._opened() as connection:
            claimed = self._kb.claim_task(connection, name, claimer=claimer)
        if claimed is None:
            return ""
        run = str(claimed.current_run_id)
        self._tell_pid(name, run)
        return run

    def free(self, name: str, run: str) -> bool:
        """Make a card ready whose worker is over; False where it is not that run's any more."""
        with self._opened() as connection, contextlib.suppress(sqlite3.IntegrityError):
            _refuse(connection, "UPDATE ON tasks", f"OLD.current_run_id <> {int(run)}")
            # Hermes would end whatever process has the worker's pid by now.
            return bool(self._kb.reclaim_task(connection, name, reason=OVER, signal_fn=_is_over))
        return False

    def comment(self, name: str, run: str, author: str, text: str) -> int | None:
        """Comment on a card; the comment's id, None where the card is not the run's."""
        with self._opened() as connection, contextlib.suppress(sqlite3.IntegrityError):
            _pin(connection, "INSERT ON task_comments", "NEW.task_id", run)
            return int(self._kb.add_comment(connection, name, author, redacted(text)))
        return None

    def beat(self, name: str, run: str, lock: str, note: str) -> bool:
        """Record that a run lives, and extend its claim; False where the card is not the run's."""
        # First what is pinned to the run: one dispatcher's cards and runs share one lock.
        with self._opened() as connection:
            alive: bool = self._kb.heartbeat_worker(
                connection, name, note=redacted(note), expected_run_id=int(run)
            )
        if alive:
            with self._opened() as connection:
                self._kb.heartbeat_claim(connection, name, claimer=lock)
        return alive

    def block(self, name: str, run: str, reason: str, kind: str) -> bool:
        """Block a card; False where it is not the run's."""
        with self._opened() as connection:
            blocked: bool = self._kb.block_task(
                connection, name, reason=redacted(reason), kind=kind, expected_run_id=int(run)
            )
        return blocked

    def _tell_pid(self, name: str, run: str) -> None:
        """Record this process, so that its end is seen and its time limit holds.

        Without it the claim is still ours, and runs out where no heartbeat comes.
        """
        tell = getattr(self._kb, "_set_worker_pid", None)
        if tell is not None:
            refused = contextlib.suppress(sqlite3.IntegrityError)
            with contextlib.suppress(CouldNot), self._opened() as connection, refused:
                _pin(connection, "UPDATE ON tasks", "OLD.id", run)
                tell(connection, name, os.getpid())

    @contextlib.contextmanager
    def _opened(self) -> Iterator[Any]:
        damaged: type[Exception] = getattr(self._kb, "KanbanDbCorruptError", sqlite3.Error)
        try:
            with patience():
                self._check_place()
                with self._kb.connect_closing(board=self._board) as connection:
                    yield connection
        except sqlite3.OperationalError as error:
            raise CouldNot(_unanswered(error)) from error
        except (sqlite3.Error, damaged) as error:
            raise MustMend(
                f"the board is damaged ({card.line(str(error))}): "
                "restore it from a backup; it is not written to until then"
            ) from error
        except (OSError, ValueError) as error:
            raise CouldNot(f"the board did not take it: {card.line(str(error))}") from error

    def _check_place(self) -> None:
        """Refuse to look where there is nothing: Hermes would create an empty board there."""
        pinned = os.environ.get("HERMES_KANBAN_DB")
        if pinned and self._board and self._board != os.environ.get("HERMES_KANBAN_BOARD"):
            raise MustMend(
                f"HERMES_KANBAN_DB leads to {pinned}, whatever board is named: "
                f"unset it to get to the board {self._board!r}"
            )
        if self._board and not self._kb.board_exists(self._board):
            raise MustMend(
                f"there is no board {card.line(self._board, 80)!r}: "
                "`hermes kanban boards list` shows them"
            )
        path = self._kb.kanban_db_path(board=self._board)
        if not path.exists():
            raise MustMend(f"there is no board at {path}: `hermes kanban init` makes one")


def _pin(connection: Any, act: str, card_id: str, run: str) -> None:  # noqa: ANN401 (Hermes' own)
    """Let SQLite refuse an act on this connection once the card is another run's: IntegrityError.

    A look before the act would leave a moment between the two. Where tables have other names, that
    look is all there is.
    """
    ours = f"id = {card_id} AND status = 'running' AND current_run_id = {int(run)}"
    _refuse(connection, act, f"NOT EXISTS (SELECT 1 FROM tasks WHERE {ours})")  # noqa: S608 - our own words, a number


def _refuse(connection: Any, act: str, when: str) -> None:  # noqa: ANN401 (Hermes' own)
    with contextlib.suppress(sqlite3.OperationalError):
        connection.execute(
            f"CREATE TEMP TRIGGER pinned BEFORE {act} WHEN {when} "
            "BEGIN SELECT RAISE(ABORT, 'the card is another run''s'); END"
        )


def _module() -> Any:  # noqa: ANN401 - Hermes has no types, and may not be there
    try:
        found = importlib.import_module("hermes_cli.kanban_db")
    except ImportError as error:
        raise _moved(card.line(str(error))) from error
    columns = set(getattr(getattr(found, "Task", None), "__dataclass_fields__", ()))
    if missing := [name for name in _FUNCTIONS if not hasattr(found, name)]:
        raise _moved(f"hermes_cli.kanban_db has no {missing[0]}")
    if missing := sorted(_COLUMNS - columns):
        raise _moved(f"its cards have no {missing[0]}")
    return found


def _moved(what: str) -> MustMend:
    try:
        version = f"hermes-agent {metadata.version('hermes-agent')}"
    except metadata.PackageNotFoundError:
        return MustMend(
            f"hermes-agent is not installed beside this program ({what}): "
            "use --via hermes-cli or --via http"
        )
    return MustMend(f"{version} keeps its board elsewhere ({what}): use --via hermes-cli")


def _unanswered(error: sqlite3.OperationalError) -> str:
    if "locked" in str(error) or "busy" in str(error):
        return "another process keeps the board locked: nothing was written, try again"
    return f"the board could not be opened or written: {card.line(str(error))}"


def _card(task: Any, comments: Any, events: Any, run: Any) -> Card:  # noqa: ANN401 (Hermes' own)
    limit = getattr(run, "max_runtime_seconds", None)
    started = card.moment(run.started_at) if limit else None
    return Card(
        id=task.id,
        status=task.status,
        run="" if task.current_run_id is None else str(task.current_run_id),
        holder=_holder(task),
        worker=_worker(task),
        goal=task.goal_mode,
        block_kind=task.block_kind,
        # `list_comments` orders by whole seconds only.
        comments=tuple(
            card.comment(number=each.id, author=each.author, body=each.body, at=each.created_at)
            for each in sorted(comments, key=lambda each: each.id)
        ),
        kinds=tuple(each.kind for each in sorted(events, key=lambda each: each.id)),
        deadline=started + timedelta(seconds=limit) if started and limit else None,
    )


def _worker(task: Any) -> Holder | None:  # noqa: ANN401 (Hermes' own)
    host, _, _ = str(task.claim_lock or "").rpartition(":")
    # Not the lock's pid: that is a dispatcher's, which may end while its worker lives.
    pid = getattr(task, "worker_pid", None)
    if task.status != card.RUNNING or not (host and pid and task.current_run_id):
        return None
    seen = card.moment(getattr(task, "last_heartbeat_at", None))
    return Holder(card=task.id, run=str(task.current_run_id), host=host, pid=int(pid), seen=seen)


def _holder(task: Any) -> str:  # noqa: ANN401 (Hermes' own)
    host, _, pid = str(task.claim_lock or "").rpartition(":")
    pid = getattr(task, "worker_pid", None) or pid
    return f"pid {pid} on {host}" if host else ""


def _is_over(pid: int, signal: int) -> None:
    """What a signal to a process says that is there no more."""
    del signal
    raise ProcessLookupError(pid)
