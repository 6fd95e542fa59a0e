"""`agent-sessions demo`: four drifts, then a card's whole life, on a tmux and a board of its own.

Real tmux, real processes, real files, a real Hermes board; only the agents are stand-ins that ask
no model. Nothing outside a temporary folder is read or written, and all of it is removed.
"""

from __future__ import annotations

import argparse
import contextlib
import difflib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import libtmux

from kanban_worker import programs, standin
from kanban_worker.boards import hermes_cli
from kanban_worker.cli import Exit
from state.errors import CouldNot

DEADLINE = 15.0
"""Seconds that a stand-in may take to be ready."""

STORY = """
Three agents run in tmux, and `agent-sessions init` writes the registry of them.
Then life happens:

  A  lab-api-creator-claude           its session is killed
  B  lab-paper-pdf2md-creator-agy     somebody starts it, and registers nothing
  C  lab-landing-page-creator-claude  gets its first prompt, and with it a session id
  D  lab-docs-creator-claude          somebody notes an id that has no transcript
"""

CARD = """
The same as a worker of one card on a Hermes board, without a model. While it runs,

  A  lab-docs-creator-claude          its session is killed
  B  lab-web-creator-claude           somebody starts it
     and at last somebody comments "please stop monitoring"
"""

STALE_ID = "87dc548e-0000-4000-8000-0000000031f2"


def options(_parser: argparse.ArgumentParser) -> None:
    """None of its own."""


def run(_arguments: argparse.Namespace) -> int:
    """Plays the story and shows what a person would see."""
    if shutil.which("tmux") is None:
        message = "the demo needs tmux. Install it (apt install tmux, brew install tmux)"
        raise CouldNot(message)
    # A unix socket's path may have about 100 bytes, so not below a long TMPDIR.
    temporary = tempfile.TemporaryDirectory(prefix="asm-", dir="/tmp")
    with temporary as folder, Stage(Path(folder)).open() as stage:
        _play(stage)
        if stage.hermes:
            _play_card(stage)
        else:
            print(
                "The story goes on with a card on a Hermes board where Hermes Agent is installed: "
                "pip install hermes-agent==0.19.0"
            )
    print("Cleaned up: the tmux server, the board and the throw-away home are gone.")
    return Exit.OK


def _play(stage: Stage) -> None:
    print(STORY)
    stage.start("lab-api-creator-claude", "claude", "--prompted")
    stage.start("lab-landing-page-creator-claude", "claude")
    stage.start("lab-docs-creator-claude", "claude", "--prompted")
    stage.command("init")
    stage.note_by_hand("lab-docs-creator-claude", STALE_ID)
    before = stage.registry.read_text("utf-8")

    stage.tmux("kill-session", "-t", "=lab-api-creator-claude")
    stage.tmux("send-keys", "-t", "=lab-landing-page-creator-claude:", "prompt", "Enter")
    stage.wait(lambda: len(list(stage.home.glob(".claude/projects/*landing*/*.jsonl"))) > 0)
    stage.start("lab-paper-pdf2md-creator-agy", "agy")

    stage.command("reconcile", "--once", "--emit-diff")
    print("What changed in the registry:\n")
    after = stage.registry.read_text("utf-8")
    lines = difflib.unified_diff(
        before.splitlines(), after.splitlines(), "before", "after", n=1, lineterm=""
    )
    print("\n".join(lines), end="\n\n")
    stage.command("reconcile", "--once")
    stage.command("status")


def _play_card(stage: Stage) -> None:
    print(CARD)
    told = stage.command("dispatch", "--assignee", "tmux-monitor")
    card = told.partition(":")[0]
    print(f"$ agent-sessions work {card} --interval 1 &\n", flush=True)
    with stage.worker("work", card, "--interval", "1"):
        stage.wait(lambda: "[D-" in stage.thread(card))
        stage.tmux("kill-session", "-t", "=lab-docs-creator-claude")
        stage.start("lab-web-creator-claude", "claude")
        stage.wait(lambda: "[A-" in stage.thread(card) and "[B-" in stage.thread(card))
        stage.run_hermes("comment", card, "please stop monitoring", "--author", "you")
        stage.wait(lambda: stage.is_blocked(card))
    print(f"$ hermes kanban show {card}          (its thread)\n")
    print(stage.thread(card), end="\n\n")


class Stage:
    """An isolated home with a tmux server and a Hermes home of its own."""

    def __init__(self, folder: Path) -> None:
        """Everything happens below `folder`."""
        self.home = folder / "home"
        self.registry = self.home / "agent-sessions.yaml"
        self._folder = folder
        self._socket = folder / "tmux"
        keep = ("PATH", "LANG", "LC_ALL", "TERM", "TZ")
        self._environ = {name: os.environ[name] for name in keep if name in os.environ}
        self._environ |= {"HOME": str(self.home), "AGENT_SESSIONS_REGISTRY": str(self.registry)}
        self._environ |= {"AGENT_SESSIONS_TMUX_SOCKET": str(self._socket), "PYTHONUTF8": "1"}
        self._environ |= {"HERMES_HOME": str(folder / "hermes")}
        self.hermes = hermes_cli.program(os.environ)
        """The program, where Hermes Agent is installed."""

    @contextlib.contextmanager
    def open(self) -> Iterator[Stage]:
        """Ends the tmux server that was started here, by its pid, whatever happens."""
        self.home.mkdir()
        (self._folder / "hermes").mkdir()
        (self.home / ".gemini/antigravity-cli/conversations").mkdir(parents=True)
        (self.home / ".claude/projects").mkdir(parents=True)
        try:
            yield self
        finally:
            with contextlib.suppress(CouldNot):
                self.tmux("kill-server")

    def tmux(self, *words: str) -> str:
        """Runs one tmux command on the isolated server."""
        server = libtmux.Server(socket_path=self._socket, config_file="/dev/null")
        done = server.cmd(words[0], *words[1:])
        if done.stderr:
            message = f"the demo's tmux said: {' '.join(done.stderr)}"
            raise CouldNot(message)
        return "\n".join(done.stdout)

    def start(self, name: str, kind: standin.Kind, *options: str) -> None:
        """Starts a stand-in in a session and waits until it is ready."""
        workspace = self.home / "lab" / name.partition("-")[2].rpartition("-creator-")[0]
        workspace.mkdir(parents=True)
        variables = [f"{key}={value}" for key, value in self._environ.items()]
        command = standin.command(self._folder / "bin", kind, *options)
        words = ["env", "-i", *variables, *command]
        self.tmux("new-session", "-d", "-s", name, "-c", str(workspace), "--", *words)
        self.wait(lambda: f"{kind} 0>" in self.tmux("capture-pane", "-p", "-t", f"={name}:"))

    def command(self, *words: str) -> str:
        """Runs `agent-sessions` as a person would; shows and returns what it prints."""
        print(f"$ agent-sessions {' '.join(words)}", flush=True)
        done = subprocess.run(  # noqa: S603 - our own command line, with fixed words
            [*programs.OWN, *words],
            env=self._environ,
            capture_output=True,
            text=True,
            check=False,
        )
        print(done.stdout, flush=True)
        if done.returncode:  # what it warned of otherwise is so on purpose
            print(done.stderr, end="", file=sys.stderr)
            message = f"the demo's {words[0]} ended with exit status {done.returncode}"
            raise CouldNot(message)
        return done.stdout

    @contextlib.contextmanager
    def worker(self, *words: str) -> Iterator[None]:
        """Runs `agent-sessions` beside the block, at whose end it ends by itself."""
        with subprocess.Popen(  # noqa: S603 - as above
            [*programs.OWN, *words], env=self._environ, stdout=subprocess.DEVNULL
        ) as running:
            try:
                yield
                running.wait(DEADLINE)
            finally:
                if running.poll() is None:
                    running.terminate()

    def run_hermes(self, *words: str) -> str:
        """What `hermes kanban` prints on the throw-away board."""
        done = subprocess.run(  # noqa: S603 - fixed words
            [str(self.hermes), "kanban", *words],
            env=self._environ,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout

    def thread(self, card: str) -> str:
        """A card's thread as a person reads it: when, who, what."""
        lines = [
            (each["created_at"], each["author"], each["body"])
            for each in self._show(card)["comments"]
        ]
        return "\n".join(_line(*line) for line in lines)

    def is_blocked(self, card: str) -> bool:
        """Whether a card waits for a person."""
        return bool(self._show(card)["task"]["status"] == "blocked")

    def _show(self, card: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.run_hermes("show", card, "--json"))
        return found

    def note_by_hand(self, name: str, conversation: str) -> None:
        """Edits the registry as a person would, a minute ago: fresh edits are left alone."""
        text = self.registry.read_text("utf-8")
        head, entry = text.split(f"name: {name}\n")
        indent = entry[: len(entry) - len(entry.lstrip())]
        noted = f"{indent}agent_identities: {{claude: {{session_id: {conversation}}}}}\n"
        self.registry.write_text(f"{head}name: {name}\n{noted}{entry}", "utf-8")
        a_minute_ago = time.time() - 60
        os.utime(self.registry, (a_minute_ago, a_minute_ago))

    def wait(self, ready: Callable[[], bool]) -> None:
        """Waits until something has happened. Raises CouldNot after the deadline."""
        late = time.monotonic() + DEADLINE
        while not ready():
            if time.monotonic() > late:
                message = f"nothing happened within {DEADLINE:g} s. Run the demo again"
                raise CouldNot(message)
            time.sleep(0.05)


def _line(at: int, who: str, text: str) -> str:
    """`10:02  monitor  [A-3f2a91c4] lab-api-creator-claude: tmux gone …`."""
    when = datetime.fromtimestamp(at).astimezone()
    head = f"{when:%H:%M}  {who.removeprefix('agent-sessions-'):7}  "
    return head + text.replace("\n", "\n" + " " * len(head))
