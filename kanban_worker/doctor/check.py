"""One thing that was looked at: what was seen, and what mends it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from kanban_worker import given
from kanban_worker.cli import plain
from state.errors import MonitorError, MustMend


class State(StrEnum):
    """How a thing is."""

    OK = "ok"
    MISSING = "missing"
    OPTIONAL = "optional"
    """Something more could be set; nothing is wrong without it."""


_MARKS = {State.OK: "ok", State.MISSING: "no", State.OPTIONAL: "--"}


@dataclass(frozen=True, slots=True)
class Check:
    """One line. `mend` is a command, or a sentence where there is none."""

    what: str
    seen: str
    mend: str = ""
    optional: bool = False
    user: bool = False
    """Arguments, config or registry must be mended."""
    paste: Sequence[str] = ()
    """Lines for a file, shown below."""

    @property
    def state(self) -> State:
        """What is optional, or has nothing to mend, is not missing."""
        if self.optional:
            return State.OPTIONAL
        return State.MISSING if self.mend else State.OK

    @property
    def text(self) -> str:
        """`ok  tmux: 3.3a`, `no  tmux: not found : apt install tmux`, or `--` for what may be."""
        ending = f" : {self.mend}" if self.mend else ""
        line = plain(f"{_MARKS[self.state]}  {self.what}: {self.seen}{ending}")
        return "\n".join([line, *(f"      {plain(each)}" for each in self.paste)])

    def as_json(self) -> dict[str, object]:
        """As data; `mend` is null where there is nothing to do."""
        return {
            "check": self.what,
            "state": str(self.state),
            "seen": self.seen,
            "mend": given.completed(self.mend) or None,
            "paste": list(self.paste),
        }


def guarded(what: str, look: Callable[[], Check]) -> Check:
    """What was seen, or what kept us from looking."""
    try:
        return look()
    except MonitorError as error:
        return failed(what, error)


def failed(what: str, error: MonitorError) -> Check:
    """An error as a line."""
    seen = str(error).rpartition(". ")[0] or str(error)
    return Check(what, seen, todo(error), user=isinstance(error, MustMend))


def todo(error: MonitorError) -> str:
    """The last sentence: by this project's habit it says what to do."""
    return str(error).rpartition(". ")[2] or "try again"
