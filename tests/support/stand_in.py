"""A process that holds real locks and logs, under any name, as an agent's program does.

Run as a program it obeys the lines on its standard input, and answers each with a line.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

_SCRIPT = str(Path(__file__).resolve())
_PYTHON = sys.executable or os.environ["STAND_IN"]


class StandIn:
    """One running stand-in. Its first word is its name: `codex`, `node` and so on."""

    def __init__(self, *argv: str) -> None:
        code = f"__file__ = {_SCRIPT!r}; exec(open(__file__).read())"
        self._process = subprocess.Popen(
            [argv[0], "-sS", "-c", code, *argv[1:]],
            executable=_PYTHON,
            # Under another name it does not find its own library.
            env={"PYTHONHOME": sys.base_prefix, "STAND_IN": _PYTHON},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.pid = self._process.pid
        # The kernel shows no arguments at first: its name is there once it obeys.
        self._answer()

    def lock(self, path: object) -> None:
        """Open a file and `flock` it, until it is let go."""
        self._do("lock", str(path))

    def open(self, path: object) -> None:
        """Open a file to append to it, without a lock."""
        self._do("open", str(path))

    def close(self, path: object) -> None:
        """Close what was opened or locked."""
        self._do("close", str(path))

    def append(self, path: object, text: str) -> None:
        """Write through the descriptor that is open."""
        self._do("append", str(path), text)

    def start(self, *argv: str) -> int:
        """Start a child of its own, and return its pid."""
        return int(self._do("start", *argv))

    def in_child(self, pid: int, *order: str) -> str:
        """Have a child do something."""
        return self._do("in", str(pid), *order)

    def stop(self) -> None:
        """End it, and its children with it."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def _do(self, *order: str) -> str:
        stdin = self._process.stdin
        assert stdin is not None
        stdin.write(json.dumps(order) + "\n")
        stdin.flush()
        return self._answer()

    def _answer(self) -> str:
        stdout = self._process.stdout
        assert stdout is not None
        return str(json.loads(stdout.readline()))


@contextlib.contextmanager
def standing_in(*argv: str) -> Iterator[StandIn]:
    """Run a stand-in, and end it."""
    one = StandIn(*argv)
    try:
        yield one
    finally:
        one.stop()


def _obey() -> None:
    opened: dict[str, int] = {}
    children: dict[int, StandIn] = {}

    def do(order: list[str]) -> object:
        match order:
            case ["open" | "lock", path]:
                flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
                opened[path] = os.open(path, flags, 0o600)
                if order[0] == "lock":
                    fcntl.flock(opened[path], fcntl.LOCK_EX)
            case ["close", path]:
                os.close(opened.pop(path))
            case ["append", path, text]:
                os.write(opened[path], text.encode())
            case ["start", *argv]:
                child = StandIn(*argv)
                children[child.pid] = child
                return child.pid
            case ["in", pid, *rest]:
                return children[int(pid)]._do(*rest)
            case _:
                raise ValueError(order)
        return ""

    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        print(json.dumps(do(json.loads(line))), flush=True)
    for child in children.values():
        child.stop()


if __name__ == "__main__" and sys.argv[0] == "-c":
    _obey()
