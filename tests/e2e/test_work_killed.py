"""A card's worker that is killed at what matters most, and the one after it.

`tests/faults/test_kill.py` kills it everywhere.
"""

from __future__ import annotations

import re
import signal
from pathlib import Path

import hermes
from desk import Desk
from fences import Fence
from incident import Incident
from office import Office

pytestmark = hermes.needed

WRITTEN = re.compile(r"\.replace in |\.renameat2 in | in durable\.append$")
"""Registry, ledger, journal or last good copy is as it is to be."""
TOLD = re.compile(r"\.close in kanban_db\.connect_closing$")
"""The board knows."""


def test_each_drift_is_said_once_whatever_was_written_or_told_last(
    desk: Desk, fence: Fence, tmp_path: Path
) -> None:
    incident = Incident(Office(desk, hermes.Home(fence.root / "hermes")), tmp_path)
    with incident.served() as server:
        calls, expected = incident.untouched(server)
        for number, name in enumerate(calls, 1):
            if WRITTEN.search(name) or TOLD.search(name):
                ended, outcome = incident.killed(server, number, "after")
                assert (ended.status, ended.at) == (signal.SIGKILL, name)
                assert outcome == expected, f"killed after call {number}, {name}"
