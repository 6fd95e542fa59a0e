"""A board that is restored from a backup: what it lost is said again, and people are heard."""

from __future__ import annotations

import signal
import sqlite3
from pathlib import Path

import pytest

import hermes
from desk import Desk
from fences import Fence
from office import Office

pytestmark = [hermes.needed, pytest.mark.slow]

ONE, TWO = "lab-one-creator-claude", "lab-two-creator-claude"


def copy(source: Path, target: Path) -> None:
    """Copy a database that others may have open, as `sqlite3 SOURCE .backup` does."""
    with sqlite3.connect(source) as there, sqlite3.connect(target) as here:
        there.backup(here)
    there.close()
    here.close()


@pytest.fixture
def office(desk: Desk, fence: Fence) -> Office:
    desk.write(*Office(desk, hermes.Home(fence.root / "hermes")).stale(ONE), *desk.starts(TWO))
    return Office(desk, hermes.Home(fence.root / "hermes"))


@pytest.mark.parametrize("via", ["hermes", "hermes-cli"])
def test_under_a_running_worker(office: Office, tmp_path: Path, via: str) -> None:
    card = office.home.create_card()
    with office.working(card, f"--via={via}") as worker:
        stale = office.wait_for_said(card, "has no transcript")
        copy(office.home.board, tmp_path / "backup")
        office.desk.fleet.kill(TWO)
        death = office.wait_for_said(card, "tmux gone")
        worker.wait_for(lambda: not unsaid(office), "the comment to be read back")

        worker.process.send_signal(signal.SIGSTOP)
        copy(tmp_path / "backup", office.home.board)
        assert office.said(card) == [stale]
        # It gets the id that the death had.
        office.home.comment(card, "how are you?")
        worker.process.send_signal(signal.SIGCONT)

        again = office.wait_for_said(card, "tmux gone")
        worker.wait_for(lambda: not unsaid(office), "the comment to be read back")
        assert again == death
        assert office.said(card) == [stale, "how are you?", death]
        office.home.comment(card, "stop")
        assert worker.result().status == 0
    assert office.home.status(card) == "blocked"


def test_a_request_to_stop_is_heard_though_it_has_the_id_of_a_comment_that_was_lost(
    office: Office, tmp_path: Path
) -> None:
    card = office.home.create_card()
    copy(office.home.board, tmp_path / "backup")
    with office.working(card) as worker:
        office.wait_for_said(card, "has no transcript")
        office.home.comment(card, "stop")
        assert worker.result().status == 0

    copy(tmp_path / "backup", office.home.board)
    office.home.comment(card, "please stop monitoring")

    assert office.work(card).status == 0
    assert office.home.status(card) == "blocked"


def test_between_two_workers(office: Office, tmp_path: Path) -> None:
    card = office.home.create_card()
    with office.working(card, name="first") as worker:
        stale = office.wait_for_said(card, "has no transcript")
        office.home.comment(card, "stop")
        assert worker.result().status == 0
    copy(office.home.board, tmp_path / "backup")
    office.home.unblock(card)
    with office.working(card, name="second") as worker:
        office.desk.fleet.kill(TWO)
        death = office.wait_for_said(card, "tmux gone")
        office.home.comment(card, "stop")
        assert worker.result().status == 0

    copy(tmp_path / "backup", office.home.board)
    office.home.unblock(card)
    with office.working(card, name="third") as worker:
        assert office.wait_for_said(card, "tmux gone") == death
        worker.wait_for(lambda: not unsaid(office), "the comment to be read back")
        office.home.comment(card, "stop")
        assert worker.result().status == 0
    assert [each for each in office.said(card) if "[" in each] == [stale, death]


def unsaid(office: Office) -> bool:
    """Whether something is to be said yet."""
    return '"unsaid": {}' not in office.desk.ledger.read_text()
