"""A tmux server of a test's own, whose panes are typed into and read as a person would."""

from __future__ import annotations

import contextlib
import re
import shlex
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

import fences
from waiting import retry_until

SIZE = ("-x", "150", "-y", "45")
SHELL = ("bash", "--norc", "--noprofile")
PATIENCE = 90.0
"""Seconds for whatever an agent is waited for: two cores may be shared by many."""
STEADY = 0.3
"""Seconds between two equal looks at a pane that is done drawing."""


class Terminals:
    """One tmux server, with an environment of its own. Its processes are ended by `stop`."""

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        """Take a folder for the socket, whose path must be short, and the panes' variables."""
        self.socket = folder / "s"
        self.environ = environ

    def open(self, name: str, where: Path, command: Sequence[str] = SHELL) -> Pane:
        """Start a session; with several words as its command no shell stands in between."""
        self.tmux("new-session", "-d", "-s", name, "-c", str(where), *SIZE, "--", *command)
        return Pane(self, self.tmux("list-panes", "-t", f"={name}:", "-F", "#{pane_id}"), name)

    def tmux(self, *arguments: str) -> str:
        """Run a tmux command and return what it printed. Raises CalledProcessError."""
        command = ["tmux", "-u", "-S", str(self.socket), "-f", "/dev/null", *arguments]
        return subprocess.run(
            command, env=self.environ, capture_output=True, encoding="utf-8", timeout=60, check=True
        ).stdout.rstrip("\n")

    def stop(self) -> None:
        """End the server and every process that descends from its panes."""
        server = fences.server_at(self.socket) if self.socket.exists() else None
        if server is None:
            return
        end_all([*server.children(recursive=True), server])


def end_all(processes: Sequence[psutil.Process]) -> None:
    """Kill processes that a test started, and wait until they have ended."""
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    fences.wait_for_end(processes, seconds=PATIENCE)


@dataclass(frozen=True, slots=True)
class Pane:
    """One pane; `session` is the name it was opened under."""

    terminals: Terminals
    pane: str
    session: str

    @property
    def text(self) -> str:
        """What the pane shows, without the spaces at the ends of lines."""
        return self.terminals.tmux("capture-pane", "-p", "-t", self.pane)

    @property
    def process(self) -> psutil.Process:
        """The process that tmux started in the pane."""
        shown = self.terminals.tmux("display-message", "-p", "-t", self.pane, "#{pane_pid}")
        return psutil.Process(int(shown))

    def wait_for(self, pattern: str, seconds: float = PATIENCE) -> str:
        """Wait until the pane shows something, and return its text. Raises TimeoutError."""
        wanted = re.compile(pattern, re.MULTILINE)
        with self._explained():
            return retry_until(
                lambda: text if wanted.search(text := self.text) else "",
                seconds=seconds,
                pause=0.1,
                what=f"{pattern!r} in {self.session}",
            )

    def wait_until_gone(self, pattern: str, seconds: float = PATIENCE) -> None:
        """Wait until the pane shows something no more. Raises TimeoutError."""
        unwanted = re.compile(pattern, re.MULTILINE)
        with self._explained():
            retry_until(
                lambda: not unwanted.search(self.text),
                seconds=seconds,
                pause=0.1,
                what=f"the end of {pattern!r} in {self.session}",
            )

    def wait_until_steady(self) -> None:
        """Wait until two looks in a row are equal."""
        seen: list[str] = [""]

        def unchanged() -> bool:
            seen.append(self.text)
            return seen[-1] == seen[-2]

        retry_until(unchanged, seconds=PATIENCE, pause=STEADY, what=f"{self.session} to settle")

    def type(self, text: str) -> None:
        """Type a text and wait until the pane shows it and is done drawing.

        An Enter that follows the letters too fast is taken for a part of a pasted text.
        """
        self.terminals.tmux("send-keys", "-t", self.pane, "-l", text)
        # Long lines are wrapped, and a composer indents them: compared without any space.
        wanted = "".join(text.split())[-12:]
        with self._explained():
            retry_until(
                lambda: wanted in "".join(self.text.split()),
                seconds=PATIENCE,
                pause=0.1,
                what=f"{text!r} in {self.session}",
            )
        self.wait_until_steady()

    def key(self, *names: str) -> None:
        """Press keys, by tmux's names."""
        self.terminals.tmux("send-keys", "-t", self.pane, *names)

    def enter(self, text: str) -> None:
        """Type a text, then Enter."""
        self.type(text)
        self.key("Enter")

    def run(self, words: Sequence[str], environ: Mapping[str, str] | None = None) -> None:
        """Give the pane's shell a command."""
        settings = [f"{name}={shlex.quote(value)}" for name, value in (environ or {}).items()]
        self.terminals.tmux(
            "send-keys", "-t", self.pane, "-l", f" {' '.join([*settings, shlex.join(words)])}"
        )
        self.key("Enter")

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except TimeoutError as error:
            raise TimeoutError(f"{error}; the pane shows:\n{self.text}") from None
