"""Whether a Codex home's shared daemon lives, which then holds the threads of all panes.

Since 0.169.0 the first TUI of a home starts it by default (`app-server-daemon/daemon.pid`); not
with `--no-daemon`, `--dangerously-bypass-hook-trust` or `daemon_auto_start = false`.
"""

from __future__ import annotations

import os

from kanban_worker import procfs
from kanban_worker.agents import files, lines
from kanban_worker.agents.kept import Kept
from reconcile.observed import Unknown

_PATH = "app-server-daemon/daemon.pid"
_LIMIT = 64 * 1024
_LARGEST = 2**31

Identity = tuple[int, str | None]
"""A pid, and its start in clock ticks where the file has it (on Linux)."""


class Daemons:
    """The daemons of some Codex homes."""

    def __init__(self) -> None:
        """Nothing is read before the first question."""
        self._named: Kept[Identity | None] = Kept(_read)

    def lives(self, home: str) -> bool:
        """Whether a home's daemon may live; also where its file cannot be read."""
        named = self._named.get(f"{home}/{_PATH}")
        if isinstance(named, Unknown):
            return True
        return named is not None and procfs.may_live(*named)


def _read(path: str, status: os.stat_result, before: Identity | None) -> Identity | None:
    del status, before
    said = lines.record(files.content(path, _LIMIT))
    pid, ticks = said.get("pid"), lines.nested(said.get("processIdentity")).get("startTicks")
    if isinstance(pid, bool) or not isinstance(pid, int) or not 0 < pid < _LARGEST:
        return None
    known = isinstance(ticks, int) and not isinstance(ticks, bool) and 0 < ticks < 2**63
    return pid, str(ticks) if known else None
