"""What Linux tells of a process in `/proc`; elsewhere there is no such thing."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

_STATE, _START = 0, 19
"""Fields 3 and 22 of `stat`, counted behind the command."""


def start_ticks(pid: int) -> str | None:
    """When a process began, in clock ticks since the boot; None when it is not there."""
    fields = _stat(pid)
    return fields[_START] if fields else None


def may_live(pid: int, ticks: str | None) -> bool:
    """Whether the process with this pid may still run that began at those ticks, if they are known.

    A zombie does not, and a later process with the same pid is another one.
    """
    fields = _stat(pid)
    if fields is None:
        return _answers(pid)
    return fields[_STATE] not in {"Z", "X"} and ticks in {None, fields[_START]}


def _stat(pid: int) -> Sequence[str] | None:
    """The fields behind the command, which may itself hold spaces and brackets."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
    except OSError:
        return None
    return text.rpartition(")")[2].split()


def _answers(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True
