"""Runs `agent-sessions` and kills it with SIGKILL at one of its outward acts, counted from 1.

    python crashing.py NUMBER before|after work t_1234 …

An act is a call that leaves something behind: a file replaced or appended to, a comment, a
heartbeat, a block. `0 after` kills nothing; the acts are then listed on stderr, one a line.
"""

from __future__ import annotations

import functools
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from kanban_worker import cli
from kanban_worker.boards.hermes import Hermes
from state import durable, replacement

ACTS: tuple[tuple[Any, str], ...] = (
    (durable, "replace"),
    (durable, "append"),
    (durable, "create"),
    (replacement, "_swapped"),
    (Hermes, "say"),
    (Hermes, "heartbeat"),
    (Hermes, "block"),
)


class Fuse:
    """Counts the acts, and blows at one of them."""

    def __init__(self, number: int, when: str) -> None:
        """Blows at the act of this number, `before` or `after` it."""
        self.number, self.when, self.count = number, when, 0

    def watch(self, owner: Any, name: str) -> None:  # noqa: ANN401 - a module or a class
        """Lets one function go through the fuse."""
        setattr(owner, name, self._through(getattr(owner, name), name))

    def _through(self, act: Callable[..., Any], name: str) -> Callable[..., Any]:
        @functools.wraps(act)
        def counted(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401 - whatever the act takes
            self.count += 1
            number = self.count
            if not self.number:
                print(f"{number} {name}", file=sys.stderr)
            self._blow(number, "before")
            done = act(*arguments, **named)
            self._blow(number, "after")
            return done

        return counted

    def _blow(self, number: int, when: str) -> None:
        if (number, when) == (self.number, self.when):
            os.kill(os.getpid(), signal.SIGKILL)


def main() -> int:
    """Runs the rest of the command line under a fuse."""
    fuse = Fuse(int(sys.argv[1]), sys.argv[2])
    for owner, name in ACTS:
        fuse.watch(owner, name)
    return cli.main(sys.argv[3:])


if __name__ == "__main__":
    sys.exit(main())
