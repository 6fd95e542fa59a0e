"""A card's worker that is killed at what matters most, and the one after it.

`tests/faults/test_kill.py` kills it everywhere.
"""

from __future__ import annotations

import re
import signal
import subprocess
from pathlib import Path

import pytest

import hermes
from desk import Desk
from fences import Fence
from incident import Incident
from office import Office

pytestmark = [hermes.needed, pytest.mark.slow]

ONE, TWO = "lab-one-creator-claude", "lab-two-creator-claude"
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


def killed(desk: Desk, fence: Fence) -> tuple[Office, str]:
    """A card that is running, though its worker was killed."""
    office = Office(desk, hermes.Home(fence.root / "hermes"))
    card = office.home.create_card()
    desk.write(*desk.starts(ONE))
    with office.working(card) as worker:
        worker.wait_for(lambda: office.beats(card), "a heartbeat")
        worker.end(signal.SIGKILL)
    return office, card


class TestTakenOver:
    """By the worker that a person or a service starts after it."""

    def test_the_next_worker_goes_on_and_says_each_drift_once(
        self, desk: Desk, fence: Fence
    ) -> None:
        office = Office(desk, hermes.Home(fence.root / "hermes"))
        card = office.home.create_card()
        desk.write(*office.stale(ONE), *desk.starts(TWO))
        with office.working(card, name="first") as first:
            office.wait_for_said(card, "has no transcript")
            first.end(signal.SIGKILL)
        desk.fleet.kill(TWO)

        with office.working(card, name="second") as second:
            office.wait_for_said(card, f"{TWO}: tmux gone")
            assert second.process.poll() is None
            office.home.comment(card, "stop")
            assert second.result().status == 0

        keys = office.keys(card)
        assert len(keys) == len(set(keys)) == 2
        runs = office.home.show(card)["runs"]
        assert [each["outcome"] for each in runs] == ["reclaimed", "blocked"]

    def test_a_stop_that_a_dead_worker_never_heard_is_obeyed(
        self, desk: Desk, fence: Fence
    ) -> None:
        office, card = killed(desk, fence)
        office.home.comment(card, "please stop monitoring")

        assert office.work(card).status == 0
        assert office.home.status(card) == "blocked"

    @pytest.mark.parametrize("words", [("--host", "elsewhere")])
    def test_from_another_place_nobody_knows_that_it_is_over(
        self, desk: Desk, fence: Fence, words: tuple[str, ...]
    ) -> None:
        office, card = killed(desk, fence)

        done = office.work(card, *words)

        assert done.status == 64
        assert "is being worked on by run 1" in done.complaints()
        assert office.home.status(card) == "running"

    def test_a_living_worker_whose_watch_has_ended_keeps_its_card(
        self, desk: Desk, fence: Fence
    ) -> None:
        """As a Hermes worker does that was asked to watch for a while."""
        office = Office(desk, hermes.Home(fence.root / "hermes"))
        card = office.home.create_card(goal=True)
        desk.write(*desk.starts(ONE))
        with subprocess.Popen(["sleep", "600"]) as worker:
            environ = office.home.dispatched(card)
            with office.home.database() as (kb, connection):
                kb._set_worker_pid(connection, card, worker.pid)
            assert office.work("--for", "1", environ=environ).status == 0

            done = office.work(card)

            worker.kill()
        assert done.status == 64
        assert "is being worked on by run 1" in done.complaints()
