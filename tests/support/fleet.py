"""A fleet of agents for one test: a real tmux server, real sessions, real processes."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, Self, get_args

import psutil

import fences
from kanban_worker import standin
from waiting import PATIENCE, retry_until

Runs = Literal["claude", "agy", "codex", "gemini", "sleep", "shell"]

# What a stand-in's screen says last: how many commands it has carried out, or that it has ended.
TURN = re.compile(rf"^(?:(?:{'|'.join(get_args(standin.Kind))}) \d+>|bye$)", re.MULTILINE)
# The shell stays as the pane's process, and takes the pane over when the agent has ended.
WRAPPER = ("sh", "-c", '"$@"; exec sh', "wrapper")


class Fleet:
    """Drives a tmux server on a private socket. Use as a context manager, or the fixture `fleet`.

    The server starts with the first session, like a user's, and without any configuration.
    Session names are matched exactly; a name is to be given as tmux shows it.
    """

    def __init__(
        self,
        folder: Path,
        *,
        socket: Path | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        """Take a folder for the socket and the agents' programs; its path must be short.

        `socket` lies elsewhere, and `environ` is what the server has beside our own environment.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.socket = socket or folder / "s"
        self._environ = environ
        self._server: psutil.Process | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(
        self,
        name: str,
        *,
        agent: Runs | None = None,
        cwd: Path | None = None,
        wrapper: bool = False,
        options: Sequence[str] = (),
        environ: Mapping[str, str] | None = None,
    ) -> int:
        """Start a session, wait until its agent is ready, and return the pane's pid.

        Args:
            name: The session's name.
            agent: What the pane runs; None: what tmux runs by itself, a login shell.
            cwd: Where it starts; by default the fleet's folder.
            wrapper: Run the agent as the child of a shell, which remains when the agent ends.
            options: Further arguments of the stand-in, such as `--prompted`.
            environ: Variables for the agent alone.
        """
        command = self._command(agent, options, environ or {}) if agent else []
        where = cwd or self.folder
        size = ("-x", "120", "-y", "40")
        wrapped = [*WRAPPER, *command] if wrapper else command
        self.tmux("new-session", "-d", "-s", name, "-c", str(where), *size, "--", *wrapped)
        self._server = retry_until(lambda: fences.server_at(self.socket), what="the tmux server")
        if agent in get_args(standin.Kind):
            retry_until(lambda: self._turn(name), what=f"{agent} in {name}")
        pid = self.pane_pid(name)
        retry_until(lambda: self._has_begun(pid), what=f"what {name} runs")
        return pid

    def _has_begun(self, pid: int) -> bool:
        """Whether a pane's process runs its program, and is no copy of the server any more."""
        with contextlib.suppress(psutil.Error):
            server = psutil.Process(self.server_pid)
            return psutil.Process(pid).cmdline() != server.cmdline()
        return True

    def send(self, name: str, line: str) -> None:
        """Type a line into a pane; when a stand-in runs there, wait until it has acted on it."""
        before = self._turn(name)
        self.tmux("send-keys", "-t", f"={name}:", "-l", line)
        self.tmux("send-keys", "-t", f"={name}:", "Enter")
        if before:
            retry_until(lambda: self._turn(name) != before, what=f"an answer to {line!r}")

    def kill(self, name: str) -> None:
        """Kill a session and wait until the processes of its panes are gone.

        After the last one also until the server is: a client that reaches one on its way out gets
        no answer (tmux 3.2a: "server exited unexpectedly").
        """
        ending = self._panes(name)
        last = len(self.tmux("list-sessions", "-F", "#{session_id}").splitlines()) == 1
        if last and self._server and self.tmux("show-options", "-sv", "exit-empty") == "on":
            ending.append(self._server)
        self.tmux("kill-session", "-t", f"={name}")
        fences.wait_for_end(ending)

    def rename(self, old: str, new: str) -> None:
        """Rename a session."""
        self.tmux("rename-session", "-t", f"={old}", new)

    def pane_pid(self, name: str) -> int:
        """The pid of the process in a session's active pane."""
        # display-message would take a session it cannot find for a question with no answer.
        shown = self.tmux("list-panes", "-t", f"={name}:", "-F", "#{pane_active} #{pane_pid}")
        return next(int(row[2:]) for row in shown.splitlines() if row.startswith("1 "))

    @property
    def server_pid(self) -> int:
        """The pid of the server that runs now.

        Raises:
            ProcessLookupError: none does.
        """
        if self._server is None or fences.has_ended(self._server):
            raise ProcessLookupError(f"no tmux server runs on {self.socket}")
        return self._server.pid

    def kill_server(self, sig: int = signal.SIGTERM) -> None:
        """End the server by a signal, and its panes with it; `SIGKILL` leaves the socket behind."""
        server = psutil.Process(self.server_pid)
        panes = self._panes()
        server.send_signal(sig)
        fences.wait_for_end([server, *panes])

    def stop(self) -> None:
        """End this fleet's own server, also one that hangs or has lost its socket."""
        if self._server is not None:
            fences.end(self._server)
        self._server = None

    def tmux(self, *arguments: str) -> str:
        """Run a tmux command on this server and return what it printed, less the last newline.

        Raises:
            RuntimeError: tmux refused; the text is its own.
        """
        # -u: without a locale tmux would answer with a `_` for each letter that is not ASCII.
        command = ["tmux", "-u", "-S", str(self.socket), "-f", "/dev/null", *arguments]
        environ = {**os.environ, **self._environ} if self._environ else None
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=PATIENCE, check=False, env=environ
        )
        if done.returncode:
            raise RuntimeError(f"{' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout.removesuffix("\n")

    def _command(
        self, agent: Runs, options: Sequence[str], environ: Mapping[str, str]
    ) -> list[str]:
        match agent:
            case "sleep":
                command = ["sleep", "86400"]
            case "shell":
                command = ["sh"]
            case _:
                command = standin.command(self.folder / "bin", agent, *options)
        # With one word tmux would put a shell in front; `env` makes it two, then makes way.
        return ["env", *(f"{name}={value}" for name, value in environ.items()), *command]

    def _turn(self, name: str) -> str | None:
        """The stand-in's last word, or None where there is no stand-in, or no session."""
        try:
            screen = self.tmux("capture-pane", "-p", "-t", f"={name}:")
        except RuntimeError:
            return None
        turns = TURN.findall(screen)
        return turns[-1] if turns else None

    def _panes(self, name: str | None = None) -> list[psutil.Process]:
        """The processes in the panes of one session, or of all."""
        scope = ("-a",) if name is None else ("-s", "-t", f"={name}:")
        found = []
        for pid in self.tmux("list-panes", *scope, "-F", "#{pane_pid}").split():
            with contextlib.suppress(psutil.NoSuchProcess):
                found.append(psutil.Process(int(pid)))
        return found
