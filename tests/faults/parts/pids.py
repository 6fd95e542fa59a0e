"""Pids that come round: the next process gets the one that a former process had (Linux, root)."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from fleet import Fleet
from waiting import retry_until

_LAST = Path("/proc/sys/kernel/ns_last_pid")


def can_be_chosen() -> bool:
    """Whether this user may say which pid is next: CAP_CHECKPOINT_RESTORE, since Linux 5.9."""
    try:
        _LAST.write_text(_LAST.read_text())
    except OSError:
        return False
    return True


def again(pid: int, start: Callable[[], int], undo: Callable[[], None]) -> None:
    """Start a process with a pid that is free. `start` tells which one it got, `undo` ends it.

    Other processes start at the same time, so it may take some tries.
    """

    def tried() -> bool:
        if psutil.pid_exists(pid):
            return False
        with _next(pid):
            got = start()
        if got != pid:
            undo()
        return got == pid

    retry_until(tried, seconds=20, pause=0, what=f"a process {pid}")


@contextlib.contextmanager
def _next(pid: int) -> Iterator[None]:
    """Whoever forks first gets it; afterwards pids go on as before."""
    before = _LAST.read_text()
    _LAST.write_text(str(pid - 1))
    yield
    _LAST.write_text(before)


class Console:
    """A tmux client that is there already: what it asks for, the server forks at once."""

    def __init__(self, fleet: Fleet, session: str) -> None:
        """Attach to a session, in control mode."""
        words = ["tmux", "-S", str(fleet.socket), "-C", "attach-session", "-t", f"={session}"]
        self._client = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
        )
        self._answer()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Detach."""
        self._client.communicate()

    def ask(self, command: str) -> list[str]:
        """What tmux prints for a command line. Raises RuntimeError when it refuses."""
        assert self._client.stdin is not None
        self._client.stdin.write(f"{command}\n")
        self._client.stdin.flush()
        return self._answer()

    def _answer(self) -> list[str]:
        assert self._client.stdout is not None
        lines: list[str] = []
        for line in map(str.rstrip, self._client.stdout):
            word = line.partition(" ")[0]
            if word == "%end":
                return lines
            if word == "%error":
                raise RuntimeError("; ".join(lines))
            if word == "%begin":
                lines = []
            else:
                lines.append(line)
        raise RuntimeError("tmux has gone")
