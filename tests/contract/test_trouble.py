"""What a board is that cannot be had: unknown to a look, one line to an act, fine afterwards."""

from __future__ import annotations

import importlib
import os
import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psutil
import pytest

import descriptors
import fences
import hermes
from kanban_worker.boards import hermes_cli, hermes_db, told
from kanban_worker.boards import server as asked
from kanban_worker.boards.hermes import Hermes
from kanban_worker.boards.hermes_cli import HermesCli
from kanban_worker.boards.http import Http
from kanban_worker.boards.shape import Address, Board, Look
from reconcile.observed import Unknown
from state.errors import CouldNot, MonitorError, MustMend
from ways import Way

TOKEN = "a-token-that-nobody-may-see"  # noqa: S105 - of no server


def assert_refused(
    act: Callable[[], object], says: str, kind: type[MonitorError] = CouldNot
) -> None:
    """It raises one line of ours, which tells no token."""
    with pytest.raises(kind, match=says) as told_:
        act()
    assert str(told_.value).isprintable()
    assert TOKEN not in str(told_.value)


def assert_unknown(board: Board, says: str) -> None:
    found = board.look(None)
    assert isinstance(found, Unknown)
    assert says in found.why
    assert found.why.isprintable()
    assert TOKEN not in found.why


# The database. ----------------------------------------------------------------------------------


def local(way: Way) -> bool:
    """Whether the way leads to a database of this test alone."""
    return way.name in {"hermes", "tools", "hermes-cli"}


def test_a_locked_board_is_told_and_works_afterwards(
    way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not local(way):
        return
    monkeypatch.setenv("HERMES_KANBAN_BUSY_TIMEOUT_MS", "50")
    card = way.desk.create_card()
    board = way.taken(card)
    with way.desk.locked():
        if way.name == "hermes-cli":  # the program brings the database up to date at each start
            assert_unknown(board, "locked")
        else:
            assert board.look(None) == Look(comments=())
        assert_refused(lambda: board.say("hello"), "locked")
        assert_refused(lambda: board.heartbeat("alive"), "locked")
        assert_refused(lambda: board.block("stop"), "locked")
    assert way.desk.thread(card) == []
    board.say("hello")
    board.block("stop")
    assert way.desk.status(card) == "blocked"


@hermes.needed
def test_a_locked_board_is_waited_for_some_seconds(hermes_home: hermes.Home) -> None:
    card = hermes_home.create_card()
    board = Hermes(Address(card=card, environ={}))
    board.claim()
    with hermes_home.locked():
        begun = time.monotonic()
        assert_refused(lambda: board.say("hello"), "locked")
    assert time.monotonic() - begun > 2


def test_a_card_of_a_locked_board_is_claimed_later(
    way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    if way.name not in {"hermes", "hermes-cli"}:
        return
    monkeypatch.setenv("HERMES_KANBAN_BUSY_TIMEOUT_MS", "50")
    card = way.desk.create_card()
    board = way.at(card)
    with way.desk.locked():
        assert_refused(board.claim, "locked")
    assert board.claim().id


def test_a_damaged_board_is_never_claimed_from(way: Way) -> None:
    if way.name not in {"hermes", "hermes-cli"}:
        return
    card = way.desk.create_card()
    way.desk.corrupt()
    forget(way.desk.board)
    kind = MustMend if way.name == "hermes" else CouldNot
    assert_refused(way.at(card).claim, "corrupt|damaged|malformed", kind)


def test_a_board_that_is_damaged_while_a_run_lives_ends_nothing(way: Way) -> None:
    if not local(way):
        return
    card = way.desk.create_card()
    board = way.taken(card)
    way.desk.corrupt()
    assert_unknown(board, "database")
    for act in (board.say, board.heartbeat, board.block):
        assert_refused(partial(act, "x"), "database|corrupt|malformed")


def test_a_board_that_vanished_is_not_made_anew(way: Way) -> None:
    if way.name not in {"hermes", "tools"}:
        return
    board = way.taken(way.desk.create_card())
    for path in way.desk.root.glob("kanban.db*"):
        path.unlink()
    assert_unknown(board, "there is no board")
    assert_refused(lambda: board.say("x"), "there is no board")
    assert not way.desk.board.exists()


def test_a_board_that_cannot_be_reached_in_memory_is_unknown(way: Way) -> None:
    if way.name != "memory":
        return
    board = way.taken(way.desk.create_card())
    way.desk.pinboard.down = "a test"
    assert_unknown(board, "cannot be reached")
    for act in (board.say, board.heartbeat, board.block):
        assert_refused(partial(act, "x"), "cannot be reached")
    assert_refused(board.claim, "cannot be reached")


@hermes.needed
def test_hermes_own_patience_is_left_alone(hermes_home: hermes.Home) -> None:
    board = Hermes(Address(card=hermes_home.create_card(), environ={}))
    board.claim()
    assert "HERMES_KANBAN_BUSY_TIMEOUT_MS" not in os.environ


def forget(path: Path) -> None:
    """Let Hermes look at a file as a new process does: it checks each only once."""
    kanban_db = importlib.import_module("hermes_cli.kanban_db")

    kanban_db._INITIALIZED_PATHS.discard(str(path.resolve()))


# Versions of Hermes that have their board elsewhere. --------------------------------------------


@hermes.needed
@pytest.mark.usefixtures("hermes_home")
@pytest.mark.parametrize("name", ["claim_task", "connect_closing", "list_events", "Task"])
def test_a_hermes_that_keeps_its_board_elsewhere_says_what_to_use(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    kanban_db = importlib.import_module("hermes_cli.kanban_db")

    monkeypatch.delattr(kanban_db, name)
    with pytest.raises(MustMend, match=r"hermes-agent 0\.19\.0 keeps its board elsewhere .*cli"):
        Hermes(Address(card="t_1", environ={}))


@hermes.needed
def test_a_hermes_that_records_no_pids_is_worked_with(
    hermes_home: hermes.Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    kanban_db = importlib.import_module("hermes_cli.kanban_db")

    monkeypatch.delattr(kanban_db, "_set_worker_pid")
    assert Hermes(Address(card=hermes_home.create_card(), environ={})).claim().id


@hermes.needed
def test_a_pinned_database_is_not_taken_for_another_board(
    hermes_home: hermes.Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HERMES_KANBAN_DB", str(hermes_home.board))
    board = Hermes(Address(card="t_1", board="other", environ={}))
    assert_refused(board.claim, "HERMES_KANBAN_DB leads to", MustMend)


# The program: stand-ins, for what the real one does not do on demand. ---------------------------


@pytest.mark.parametrize(
    ("script", "says"),
    [
        pytest.param("sleep 30", "took too long", id="it hangs"),
        pytest.param("echo no JSON", "does not tell about card t_1", id="words"),
        pytest.param("echo '[1]'", "does not tell about card t_1", id="another JSON"),
        pytest.param("echo 'Traceback' >&2; echo 'ImportError: x' >&2", "ImportError: x", id="bug"),
        pytest.param("printf '\\033[2J\\377' >&2", "does not tell", id="control characters"),
        pytest.param("head -c 20000000 /dev/zero", "does not tell", id="too much"),
        pytest.param("kill -9 $$", "does not tell", id="it is killed"),
    ],
)
def test_a_program_that_does_something_else_is_no_card(
    fence: fences.Fence, monkeypatch: pytest.MonkeyPatch, script: str, says: str
) -> None:
    path = fence.root / "hermes"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    monkeypatch.setattr("kanban_worker.boards.hermes_cli.SECONDS", 1.0)
    board = HermesCli(Address(card="t_1", environ={**os.environ, "HERMES_BIN": str(path)}))
    assert_refused(board.claim, says)


def test_a_program_that_ends_with_0_has_not_done_it(fence: fences.Fence) -> None:
    """The real one does so where it could not write; only its words tell."""
    path = fence.root / "hermes"
    path.write_text(f"#!/bin/sh\ncase $2 in show) echo '{_OURS}';; *) echo 'kanban: no' >&2;; esac")
    path.chmod(0o755)
    environ = {**os.environ, "HERMES_BIN": str(path), **_DISPATCHED}
    board = HermesCli(Address(card=None, environ=environ))
    board.claim()
    assert_refused(lambda: board.say("x"), "did not take the comment: no")
    assert_refused(lambda: board.heartbeat("x"), "did not take the heartbeat: no")
    assert_refused(lambda: board.block("x"), "was to wait for a person, but it is running: no")


_OURS = '{"task": {"id": "t_1", "status": "running"}, "runs": [{"id": 3, "ended_at": null}]}'
_DISPATCHED = {"HERMES_KANBAN_TASK": "t_1", "HERMES_KANBAN_RUN_ID": "3"}


def test_a_program_that_is_not_there_is_named(fence: fences.Fence) -> None:
    environ = {"PATH": "", "HERMES_BIN": str(fence.root / "nothing")}
    with pytest.raises(MustMend, match=r"there is no program .*nothing"):
        HermesCli(Address(card="t_1", environ=environ))


# The server: stand-ins for faults only. What a server answers in peace is the real one's. -------


@contextmanager
def answering(answer: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[str]:
    """A server that answers everything in one way; its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(self)

        do_POST = do_PATCH = do_GET  # noqa: N815 - as the base class wants them

        def log_message(self, *_: object) -> None:  # type: ignore[explicit-override]
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.socket.close()


Answer = Callable[[BaseHTTPRequestHandler], None]


def with_status(status: int, body: bytes = b"", **headers: str) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def web(url: str | None, token: str | None = TOKEN) -> Http:
    return Http(Address(card="t_1", url=url, token=token, environ={}))


@pytest.mark.parametrize(
    ("answer", "kind", "says"),
    [
        pytest.param(with_status(401), MustMend, "does not take the token", id="401"),
        pytest.param(with_status(403), MustMend, "does not take the token", id="403"),
        pytest.param(
            with_status(404, b'{"detail":"Not Found"}'), MustMend, "has no such board", id="no API"
        ),
        pytest.param(
            with_status(404, b'{"detail":"task t_1 not found"}'), MustMend, "no card t_1", id="404"
        ),
        pytest.param(
            with_status(409, b'{"detail":"not\\n now"}'), CouldNot, "refused it: not now", id="409"
        ),
        pytest.param(with_status(500, b"oops"), CouldNot, r"has a fault \(500\)", id="500"),
        pytest.param(
            with_status(500, f'{{"detail":"{TOKEN}"}}'.encode()), CouldNot, "…", id="its token"
        ),
        pytest.param(
            with_status(302, Location="http://127.0.0.1:1/"), MustMend, "elsewhere", id="302"
        ),
        pytest.param(with_status(200, b"<html>"), CouldNot, "does not tell", id="no JSON"),
        pytest.param(with_status(200, b"[" * 99999), CouldNot, "does not tell", id="deep JSON"),
        pytest.param(with_status(200, b'{"task":{}}'), CouldNot, "does not tell", id="no card"),
        pytest.param(
            with_status(200, b"x" * (told.LONGEST + 9)), CouldNot, "longer than", id="too long"
        ),
        pytest.param(lambda handler: handler.wfile.write(b"?"), CouldNot, "reached", id="no HTTP"),
        pytest.param(lambda _handler: None, CouldNot, "cannot be reached", id="it hangs up"),
        pytest.param(lambda _handler: time.sleep(6), CouldNot, "in time", id="it is slow"),
    ],
)
def test_a_server_in_trouble_is_one_line(
    answer: Answer, kind: type[MonitorError], says: str
) -> None:
    with answering(answer) as url:
        board = web(url)
        assert_refused(board.claim, says, kind)


def test_no_act_may_take_ten_seconds() -> None:
    """A watch has other things to do: comments to read, a heartbeat to give."""
    assert hermes_cli.SECONDS < 10
    assert asked.SECONDS + asked.READ < 10
    assert 6 * int(hermes_db.PATIENCE_MS) < 10_000  # Hermes tries six times to begin a write


def test_a_server_that_drips_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        while True:
            try:
                handler.wfile.write(b" ")
            except OSError:
                return
            time.sleep(0.1)

    monkeypatch.setattr(asked, "SECONDS", 1.0)
    with answering(drip) as url:
        assert_unknown(web(url), "in time")


def test_nobody_there_is_one_line() -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        board = web(f"http://127.0.0.1:{sock.getsockname()[1]}")
        assert_refused(board.claim, "is `hermes serve` running there")
        assert_unknown(board, "cannot be reached")


@pytest.mark.parametrize(
    ("url", "token", "says"),
    [
        (None, TOKEN, "no Hermes server is named"),
        ("ftp://127.0.0.1", TOKEN, "is no address"),
        ("file:///etc/passwd", TOKEN, "is no address"),
        ("127.0.0.1:9119", TOKEN, "is no address"),
        ("http://[", TOKEN, "is no address"),
        ("http://a:99999", TOKEN, "is no address"),
        (f"http://user:{TOKEN}@127.0.0.1", "t", "is no address"),
        ("http://127.0.0.1", None, "no token"),
        ("http://127.0.0.1", f"{TOKEN}\r\nX: y", "is no token"),
        ("http://127.0.0.1", f"{TOKEN}é", "is no token"),
    ],
)
def test_an_address_that_cannot_be_used_is_to_be_mended(
    url: str | None, token: str | None, says: str
) -> None:
    assert_refused(lambda: web(url, token), says, MustMend)


@hermes.needed
def test_the_real_server_refuses_a_wrong_token_and_knows_no_other_board(
    served: tuple[hermes.Home, hermes.Server],
) -> None:
    home, server = served
    card = home.create_card()
    wrong = Http(Address(card=card, url=server.url, token=TOKEN, environ={}))
    assert_refused(wrong.claim, "does not take the token", MustMend)
    other = Address(card=card, board="other", url=server.url, token=server.token, environ={})
    assert_refused(Http(other).claim, "'other' does not exist", MustMend)


# Over a long time. ------------------------------------------------------------------------------


@pytest.mark.slow
def test_some_hundred_looks_and_comments_leave_nothing_open(way: Way) -> None:
    rounds = {"hermes-cli": 2, "http": 60}.get(way.name, 200)
    card = way.desk.create_card()
    board = way.taken(card)
    process = psutil.Process()

    def once() -> None:
        assert isinstance(board.look(board.say("x")), Look)

    once()
    files, threads, children = _held(process)
    for _ in range(rounds):
        once()
    after = _held(process)
    # Earlier tests' servers may still be on their way out.
    assert after[0] <= files
    assert after[1] <= threads
    assert after[2] <= children
    assert len(way.desk.thread(card)) == rounds + 1


def _held(process: psutil.Process) -> tuple[int, int, int]:
    return descriptors.held(), threading.active_count(), len(process.children())


def test_sqlite_says_locked_in_the_words_that_are_looked_for(fence: fences.Fence) -> None:
    """`Hermes` tells a locked board from a broken one by these words."""
    path = fence.root / "x.db"
    with sqlite3.connect(path, isolation_level=None) as one:
        one.execute("BEGIN EXCLUSIVE")
        other = sqlite3.connect(path, timeout=0)
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")
        other.close()
        one.execute("COMMIT")
    one.close()
