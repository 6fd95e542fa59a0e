"""Calls tmux with a deadline, for libtmux has none and a stopped server (SIGSTOP) never answers."""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import TYPE_CHECKING

import libtmux
import psutil
from libtmux import exc

from reconcile.observed import Unknown

if TYPE_CHECKING:
    from libtmux.common import tmux_cmd


class Calls:
    """Runs tmux clients, one at a time for each socket."""

    def __init__(self, *, tmux_bin: str | None, deadline: float) -> None:
        """`tmux_bin` is the program, by default the one on PATH; `deadline` is in seconds."""
        self.mark = f"@{os.urandom(8).hex()}@"
        """What no session name and no directory can hold: nobody can guess it."""
        self._tmux_bin = tmux_bin or shutil.which("tmux")
        self._deadline = deadline
        self._stuck: dict[str, Future[tmux_cmd]] = {}
        self._runner: _Runner | None = None

    def run(self, socket: str, *words: str) -> tmux_cmd | Unknown:
        """What tmux printed, whatever its exit status. One of the words must hold the mark."""
        if self._tmux_bin is None:
            return Unknown(
                "tmux is not installed, or not on PATH (apt install tmux, brew install tmux)"
            )
        server = libtmux.Server(socket_path=socket, tmux_bin=self._tmux_bin)
        # -u: without it a C locale turns every non-ASCII letter of a name into "_".
        call = functools.partial(server.cmd, "-u", *words)
        try:
            return self._in_time(socket, call)
        except TimeoutError:
            return Unknown(
                f"tmux gave no answer within {self._deadline:g} s on {socket}; "
                "its server is stopped (kill -CONT it) or busy"
            )
        except exc.TmuxCommandNotFound:
            return Unknown(f"tmux cannot be run as {self._tmux_bin}")
        except (OSError, ValueError, RuntimeError) as error:  # RuntimeError: no more threads
            return Unknown(f"tmux could not be started for {socket!r}: {error}")

    def _in_time(self, socket: str, call: Callable[[], tmux_cmd]) -> tmux_cmd:
        """What the call returns or raises, or TimeoutError when the deadline has passed.

        libtmux has no deadline, and ending our tmux client does not end the call: the client
        has sent its stdout to the server, where it stays open until a stopped server goes on.
        So the call is left behind in its thread, and until it returns no other one is begun:
        however long a server hangs, there is one of them.
        """
        stuck = self._stuck.pop(socket, None)
        waits = stuck is not None and not stuck.done()
        answer = stuck if stuck is not None and waits else self._begin(call)
        try:
            return answer.result(0 if waits else self._deadline)
        except TimeoutError:
            self._stuck[socket] = answer
            self._runner = None
            self._end_clients()
            raise

    def _begin(self, call: Callable[[], tmux_cmd]) -> Future[tmux_cmd]:
        self._runner = self._runner or _Runner()
        return self._runner.begin(call)

    def _end_clients(self) -> None:
        """Ends what carries our mark: the client, also below a wrapper that is called tmux."""
        for child in psutil.Process().children(recursive=True):
            with contextlib.suppress(psutil.Error):
                if any(self.mark in word for word in child.cmdline()):
                    child.kill()


class _Runner:
    """A thread that runs one call after the other, and does not keep the program from ending.

    A new one for each call would cost a tick 0.1 ms. It ends with this object, a stuck one as soon
    as its call returns.
    """

    def __init__(self) -> None:
        self._calls: SimpleQueue[tuple[Callable[[], tmux_cmd], Future[tmux_cmd]] | None]
        self._calls = SimpleQueue()
        threading.Thread(target=_serve, args=[self._calls], daemon=True).start()

    def __del__(self) -> None:
        """Let the thread go, which keeps nothing of this alive."""
        self._calls.put(None)

    def begin(self, call: Callable[[], tmux_cmd]) -> Future[tmux_cmd]:
        """What the call will have returned or raised."""
        answer: Future[tmux_cmd] = Future()
        self._calls.put((call, answer))
        return answer


def _serve(calls: SimpleQueue[tuple[Callable[[], tmux_cmd], Future[tmux_cmd]] | None]) -> None:
    while (next_one := calls.get()) is not None:
        call, answer = next_one
        try:
            answer.set_result(call())
        except BaseException as error:  # noqa: BLE001 - raised again where the answer is asked for
            answer.set_exception(error)
        del next_one, call, answer  # what is waited for is nobody's any more
