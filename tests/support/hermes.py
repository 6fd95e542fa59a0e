"""A real Hermes in a throw-away home: boards, cards, a person's side of them, and a server.

    with hermes.home(fence.root / "hermes") as home:      # or the fixture `hermes_home`
        card = home.create_card(title="watch", goal=True)
        home.comment(card, "please stop")                  # as a person
        home.show(card)["task"]["status"]

Everything below `Home` is hermes-agent's own code on a real `kanban.db`; nothing is imitated.
`home` also leads this process there (`HERMES_HOME`), so that what is under test finds the same
board; on leaving, the environment is as it was. The home has no `config.yaml`, so no model is
configured; `Home.configure` writes one. Where hermes-agent is not installed the tests that need it
are skipped: mark them with `@hermes.needed`, or `pytestmark = hermes.needed`.

The program runs with a dead proxy for everything but loopback, so that a stray download fails at
once instead of reaching out.
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import importlib.util
import os
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import psutil
import pytest

import fences
from commandline import Completed
from waiting import PATIENCE, retry_until

INSTALLED = importlib.util.find_spec("hermes_cli") is not None
needed = pytest.mark.skipif(not INSTALLED, reason="hermes-agent is not installed here")

LANE = "tmux-monitor"
"""An assignee that is no profile: Hermes' dispatcher never starts anything for its cards."""

PERSON = "user"


@contextlib.contextmanager
def home(root: Path) -> Iterator[Home]:
    """Lead this process, and the programs that it starts, to a new Hermes home below `root`."""
    found = Home(root)
    with pytest.MonkeyPatch.context() as patch:
        for name in fences.foreign(os.environ):
            patch.delenv(name)
        for name, value in found.variables.items():
            patch.setenv(name, value)
        yield found


class Home:
    """A Hermes home with one board, `kanban.db`, as its default one.

    The methods that touch cards run hermes-agent's own functions in this process, each with a
    connection of its own: a millisecond, where the program takes 0.3 s. `run` runs the program.
    They work from any environment, so also when `home` does not lead there.
    """

    def __init__(self, root: Path) -> None:
        """Make the folder, with an empty board in it."""
        self.root = root
        root.mkdir(parents=True, exist_ok=True)
        with self.database():
            pass

    @property
    def board(self) -> Path:
        """The file of the default board."""
        return self.root / "kanban.db"

    @property
    def variables(self) -> dict[str, str]:
        """What has to be set for Hermes to live here and to reach nothing else."""
        dead = "http://127.0.0.1:9"
        return {
            "HERMES_HOME": str(self.root),
            **dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), dead),
            "no_proxy": "127.0.0.1,localhost",
            "NO_PROXY": "127.0.0.1,localhost",
        }

    @property
    def environ(self) -> dict[str, str]:
        """A whole environment for a program that is to live here."""
        own = {name: each for name, each in os.environ.items() if not name.startswith("HERMES_")}
        return {**own, **self.variables}

    @contextlib.contextmanager
    def database(self) -> Iterator[tuple[Any, Any]]:
        """`hermes_cli.kanban_db` and an open connection, for what has no method here."""
        kanban_db = importlib.import_module("hermes_cli.kanban_db")
        with kanban_db.connect_closing(db_path=self.board) as connection:
            yield kanban_db, connection

    def configure(self, text: str) -> None:
        """Write the home's `config.yaml`."""
        (self.root / "config.yaml").write_text(text, "utf-8")

    # Cards, as a person at the board handles them. ---------------------------------------------

    def create_card(
        self,
        title: str = "watch the sessions",
        *,
        body: str | None = None,
        assignee: str = LANE,
        goal: bool = False,
        max_runtime: int | None = None,
        parents: Sequence[str] = (),
        **more: Any,  # noqa: ANN401 (as create_task's)
    ) -> str:
        """A new card's id. It is `ready`; with parents `todo`, with `triage=True` `triage`.

        Args:
            title: The card's title.
            body: Its text.
            assignee: Whose it is; by default a lane that no dispatcher serves.
            goal: A card in goal mode.
            max_runtime: Seconds that a run may take.
            parents: Cards to be done first.
            more: Whatever else `kanban_db.create_task` takes.
        """
        with self.database() as (kb, connection):
            card: str = kb.create_task(
                connection,
                title=title,
                body=body,
                assignee=assignee,
                created_by=PERSON,
                goal_mode=goal,
                max_runtime_seconds=max_runtime,
                parents=parents,
                **more,
            )
        return card

    def show(self, card: str) -> dict[str, Any]:
        """All that the board knows: `task`, `comments`, `events`, `runs`, every column of each.

        Ids of comments, events and runs are integers, times epoch seconds.
        """
        with self.database() as (kb, connection):
            return {
                "task": dataclasses.asdict(kb.get_task(connection, card)),
                "comments": [dataclasses.asdict(c) for c in kb.list_comments(connection, card)],
                "events": [dataclasses.asdict(e) for e in kb.list_events(connection, card)],
                "runs": [dataclasses.asdict(r) for r in kb.list_runs(connection, card)],
            }

    def status(self, card: str) -> str:
        """`ready`, `running`, `blocked`, `done` and so on."""
        return str(self.show(card)["task"]["status"])

    def thread(self, card: str) -> list[tuple[str, str]]:
        """The comments as pairs of author and text, the oldest first."""
        return [(each["author"], each["body"]) for each in self.show(card)["comments"]]

    def kinds(self, card: str) -> list[str]:
        """The kinds of the card's events, the oldest first."""
        return [each["kind"] for each in self.show(card)["events"]]

    def comment(self, card: str, text: str, author: str = PERSON) -> int:
        """Comment on a card; the comment's id."""
        with self.database() as (kb, connection):
            return int(kb.add_comment(connection, card, author, text))

    def unblock(self, card: str) -> None:
        """Make a blocked or scheduled card `ready` again."""
        with self.database() as (kb, connection):
            assert kb.unblock_task(connection, card), self.status(card)

    def block(self, card: str, reason: str = "wait", kind: str | None = None) -> None:
        """Block a card from outside, which does not stop its worker."""
        with self.database() as (kb, connection):
            assert kb.block_task(connection, card, reason=reason, kind=kind), self.status(card)

    def complete(self, card: str) -> None:
        """Make a card `done`."""
        with self.database() as (kb, connection):
            assert kb.complete_task(connection, card, result="done", summary="done")

    def archive(self, card: str) -> None:
        """Put a card away."""
        with self.database() as (kb, connection):
            assert kb.archive_task(connection, card)

    def reclaim(self, card: str) -> None:
        """Take a card from its worker and make it `ready`, as a crash does; signals nobody.

        The real thing sends SIGTERM to the worker's pid, which in a test may be the test's own.
        """
        with self.database() as (kb, connection):
            assert kb.reclaim_task(connection, card, signal_fn=_nobody_there), self.status(card)

    def claim(self, card: str, claimer: str = "elsewhere:4711") -> int:
        """Claim a ready card for another worker; its run's id."""
        with self.database() as (kb, connection):
            claimed = kb.claim_task(connection, card, claimer=claimer)
            assert claimed is not None, self.status(card)
            return int(claimed.current_run_id)

    def supersede(self, card: str) -> int:
        """Unblock a card that is being worked on, and let another run have it; that run's id."""
        if self.status(card) == "running":
            self.block(card, kind="transient")
        self.unblock(card)
        return self.claim(card)

    def dispatched(self, card: str, *, profile: str = "watcher") -> dict[str, str]:
        """Claim a card as Hermes' dispatcher does; what a worker finds in its environment."""
        lock = f"{socket.gethostname()}:{os.getpid()}"
        run = self.claim(card, lock)
        with self.database() as (kb, connection):
            kb._set_worker_pid(connection, card, os.getpid())
        return {
            "HERMES_KANBAN_TASK": card,
            "HERMES_KANBAN_RUN_ID": str(run),
            "HERMES_KANBAN_CLAIM_LOCK": lock,
            "HERMES_KANBAN_DB": str(self.board),
            "HERMES_KANBAN_BOARD": "default",
            "HERMES_PROFILE": profile,
        }

    # Programs. ---------------------------------------------------------------------------------

    def run(self, *words: str, environ: Mapping[str, str] | None = None) -> Completed:
        """Run `hermes` with these words until it ends. Its status 0 proves nothing."""
        done = subprocess.run(
            [program(), *words],
            env={**self.environ, **(environ or {})},
            cwd=self.root,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            timeout=PATIENCE,
            check=False,
        )
        return Completed(done.returncode, done.stdout, done.stderr)

    @contextlib.contextmanager
    def serve(self) -> Iterator[Server]:
        """Run `hermes serve` on a free port of loopback, and end it by its pid."""
        server = Server(f"http://127.0.0.1:{_free_port()}", secrets.token_hex(16))
        port = server.url.rpartition(":")[2]
        words = [program(), "serve", "--host", "127.0.0.1", "--port", port, "--skip-build"]
        environ = {**self.environ, "HOME": str(self.root)}
        environ["HERMES_DASHBOARD_SESSION_TOKEN"] = server.token
        said = self.root / "serve.out"
        with said.open("wb") as out, _started(words, environ, out, self.root) as process:
            try:
                retry_until(lambda: _ready(process, said), what="hermes serve")
                yield server
            finally:
                fences.end(psutil.Process(process.pid))

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Let another process hold the board's database locked for writing."""
        words = [sys.executable, "-c", _HOLD, str(self.board)]
        with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
            assert holder.stdout is not None
            assert holder.stdout.readline() == b"held\n"
            yield
            # Leaving the block closes its stdin, which it waits for, and then waits for its end.

    def corrupt(self) -> None:
        """Damage the board's file as a torn write does: its pages are no longer a database's."""
        for sidecar in ("-wal", "-shm"):
            self.board.with_name(self.board.name + sidecar).unlink(missing_ok=True)
        size = self.board.stat().st_size
        self.board.write_bytes(self.board.read_bytes()[:100] + b"\x5a" * (size - 100))


@dataclass(frozen=True, slots=True)
class Server:
    """A running Hermes server."""

    url: str
    token: str


def program() -> str:
    """The `hermes` beside this Python."""
    return str(Path(sys.executable).with_name("hermes"))


def tools(name: str, arguments: dict[str, Any]) -> str:
    """Call one of Hermes' own tools the way `ctx.dispatch_tool` does: its registry, JSON back.

    The tools take the worker's identity from the environment: see `Home.dispatched`.
    """
    importlib.import_module("tools.kanban_tools")  # registers them
    answer: str = importlib.import_module("tools.registry").registry.dispatch(name, arguments)
    return answer


_HOLD = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
sys.stdin.read()
"""


def _nobody_there(_pid: int, _signal: int) -> None:
    raise ProcessLookupError


@contextlib.contextmanager
def _started(
    words: list[str],
    environ: dict[str, str],
    out: BinaryIO,
    cwd: Path,
) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(
        words, env=environ, cwd=cwd, stdin=subprocess.DEVNULL, stdout=out, stderr=out
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)


def _ready(process: subprocess.Popen[bytes], said: Path) -> bool:
    text = said.read_text("utf-8", "replace")
    assert process.poll() is None, text
    return "HERMES_BACKEND_READY" in text


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])
