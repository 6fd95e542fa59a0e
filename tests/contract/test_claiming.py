"""A card becomes this process's, or the reason why not is one line that says what to do."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import hermes
from kanban_worker.boards.hermes import Hermes
from kanban_worker.boards.shape import Address, Holder, Look, Lost, NoRoute
from state.errors import MonitorError, MustMend
from ways import Way, seen


def test_a_claimed_card_is_ours(way: Way) -> None:
    card = way.desk.create_card()
    board = way.taken(card)
    assert board.run.card == card
    assert board.look(None) == Look(comments=())
    if way.claims:
        assert board.run.id
        assert way.desk.status(card) == "running"


def test_a_card_without_a_claim_route_stays_ready_and_that_is_said(way: Way) -> None:
    if way.claims:
        return
    card = way.desk.create_card()
    with pytest.raises(NoRoute, match="no way to claim a card or to send a heartbeat"):
        way.at(card).claim()
    assert way.desk.status(card) == "ready"
    with pytest.raises(NoRoute, match="no route for it"):
        way.taken(card).heartbeat("alive")


def test_what_a_dispatcher_claimed_is_taken_over(way: Way) -> None:
    card = way.desk.create_card()
    environ = way.desk.dispatched(card)
    board = way.at(None, environ)
    with contextlib.nullcontext() if way.claims else pytest.raises(NoRoute):
        board.claim()
    assert board.run.card == card
    assert board.look(None) == Look(comments=())
    assert way.desk.kinds(card).count("claimed") == 1
    if way.claims:
        assert board.run.adopted
        assert board.run.id == environ["HERMES_KANBAN_RUN_ID"]


def test_a_dispatched_run_that_was_superseded_does_not_begin(way: Way) -> None:
    card = way.desk.create_card()
    environ = way.desk.dispatched(card)
    run = way.desk.supersede(card)
    before = way.desk.kinds(card)
    with pytest.raises(Lost, match=f"run {run}.* works on it"):
        way.at(None, environ).claim()
    assert way.desk.kinds(card) == before


def test_no_card_at_all_is_to_be_mended(way: Way) -> None:
    with pytest.raises(MustMend, match="no card is named"):
        way.at(None).claim()


@pytest.mark.parametrize("name", ["--json", "../t_1", "t_1?x=y", "t_1 t_2", "t_é", "x" * 65])
def test_what_cannot_be_a_card_is_never_asked_for(way: Way, name: str) -> None:
    with pytest.raises(MustMend, match="is no card's id"):
        way.at(name).claim()


def test_an_unknown_card_is_named(way: Way) -> None:
    with pytest.raises(MustMend, match="the board has no card t_nope"):
        way.at("t_nope").claim()


@pytest.mark.parametrize(
    ("make", "says"),
    [
        pytest.param(lambda desk, card: desk.complete(card), "is done", id="done"),
        pytest.param(lambda desk, card: desk.block(card), "hermes kanban unblock t_", id="blocked"),
        pytest.param(
            lambda desk, card: desk.claim(card),
            "is being worked on by run .*: wait for it, or take the card from it",
            id="another worker's",
        ),
    ],
)
def test_a_card_that_cannot_be_worked_on_says_why_and_what_to_do(
    way: Way, make: Callable[..., object], says: str
) -> None:
    card = way.desk.create_card()
    make(way.desk, card)
    before = way.desk.kinds(card)
    with pytest.raises(MustMend, match=says) as told:
        way.at(card).claim()
    assert card in str(told.value)
    assert "\n" not in str(told.value)
    assert way.desk.kinds(card) == before


def test_of_two_workers_one_gets_the_card(way: Way) -> None:
    card = way.desk.create_card()
    first, second = way.at(card), way.at(card)
    if not way.claims:
        return
    first.claim()
    with pytest.raises(MustMend, match=f"worked on by run {first.run.id}"):
        second.claim()
    assert first.look(None) == Look(comments=())


def test_heard_is_the_last_comment_from_before_the_last_stop(way: Way) -> None:
    card = way.desk.create_card()
    assert way.taken(card).run.heard is None
    way.desk.comment(card, "please stop")
    way.desk.block(card)
    way.desk.comment(card, "thanks")
    way.desk.unblock(card)
    way.desk.comment(card, "stop again")
    board = way.taken(card)
    assert [each.body for each in seen(board, board.run.heard).comments] == ["stop again"]


def test_a_crash_settles_nothing_that_was_asked(way: Way) -> None:
    card = way.desk.create_card()
    if way.claims:
        way.taken(card)
    else:
        way.desk.claim(card)
    way.desk.comment(card, "please stop")
    way.desk.reclaim(card)
    board = way.taken(card)
    assert [each.body for each in seen(board, board.run.heard).comments] == ["please stop"]


# What only some ways have. ----------------------------------------------------------------------


@hermes.needed
def test_the_boards_limit_is_the_runs_deadline(hermes_home: hermes.Home) -> None:
    card = hermes_home.create_card(max_runtime=3600)
    run = Hermes(Address(card=card, environ={})).claim()
    assert run.deadline is not None
    assert 3590 < (run.deadline - datetime.now(UTC)).total_seconds() <= 3600


@hermes.needed
def test_a_claim_in_process_records_its_pid_and_host(hermes_home: hermes.Home) -> None:
    card = hermes_home.create_card()
    Hermes(Address(card=card, environ={})).claim()
    task = hermes_home.show(card)["task"]
    assert task["worker_pid"] == os.getpid()
    assert task["claim_lock"] == f"{socket.gethostname()}:{os.getpid()}"


def told(home: hermes.Home, card: str, pid: int) -> None:
    """The worker's pid is recorded, as a dispatcher does."""
    with home.database() as (kb, connection):
        kb._set_worker_pid(connection, card, pid)


@hermes.needed
class TestWhereTheWorkerIsOver:
    def test_its_card_is_taken_from_it_and_nobody_gets_a_signal(
        self, hermes_home: hermes.Home
    ) -> None:
        """Hermes' own reclaim would end whatever process has the worker's pid by now."""
        card, asked = hermes_home.create_card(), list[Holder]()
        with subprocess.Popen(["sleep", "600"]) as stranger:
            claimer = f"{socket.gethostname()}:{stranger.pid}"
            first = hermes_home.claim(card, claimer)
            told(hermes_home, card, stranger.pid)

            def over(holder: Holder) -> bool:
                asked.append(holder)
                return True

            run = Hermes(Address(card=card, environ={})).claim(over)

            assert stranger.poll() is None
            stranger.kill()
        (holder,) = asked
        assert (holder.run, holder.pid) == (str(first), stranger.pid)
        assert holder.host == socket.gethostname()
        assert int(run.id) > first
        assert not run.adopted
        assert [each["outcome"] for each in hermes_home.show(card)["runs"]] == ["reclaimed", None]

    def test_a_run_that_another_has_by_then_is_left_alone(self, hermes_home: hermes.Home) -> None:
        card = hermes_home.create_card()
        hermes_home.claim(card)
        told(hermes_home, card, 4711)

        def over(holder: Holder) -> bool:
            del holder
            hermes_home.supersede(card)
            return True

        with pytest.raises(MustMend, match="is being worked on by run 2"):
            Hermes(Address(card=card, environ={})).claim(over)

        assert hermes_home.status(card) == "running"

    def test_a_dispatcher_s_pid_is_not_the_worker_s(self, hermes_home: hermes.Home) -> None:
        """Hermes loses a write now and then: where it lost the worker's pid, nobody knows it."""
        card = hermes_home.create_card()
        hermes_home.claim(card)

        with pytest.raises(MustMend, match="is being worked on by run 1"):
            Hermes(Address(card=card, environ={})).claim(lambda _: True)

    def test_what_was_said_to_it_is_heard(self, hermes_home: hermes.Home) -> None:
        card = hermes_home.create_card()
        hermes_home.claim(card)
        told(hermes_home, card, 4711)
        hermes_home.comment(card, "stop")

        board = Hermes(Address(card=card, environ={}))
        run = board.claim(lambda _: True)

        assert run.heard is None
        look = board.look(None)
        assert isinstance(look, Look)
        assert [each.body for each in look.comments] == ["stop"]


@hermes.needed
@pytest.mark.parametrize(
    ("more", "says"),
    [
        pytest.param({"triage": True}, "hermes kanban specify", id="triage"),
        pytest.param({"parents": "another"}, "hermes kanban promote", id="todo"),
    ],
)
def test_a_card_that_waits_for_others_says_so(
    hermes_home: hermes.Home, more: dict[str, Any], says: str
) -> None:
    if "parents" in more:
        more = {"parents": [hermes_home.create_card()]}
    card = hermes_home.create_card(**more)
    with pytest.raises(MustMend, match=says):
        Hermes(Address(card=card, environ={})).claim()


@hermes.needed
def test_a_dispatchers_run_for_another_card_is_not_taken_over(hermes_home: hermes.Home) -> None:
    environ = hermes_home.dispatched(hermes_home.create_card())
    card = hermes_home.create_card()
    run = Hermes(Address(card=card, environ=environ), tools=hermes.tools).claim()
    assert not run.adopted
    assert hermes_home.show(card)["task"]["current_run_id"] == int(run.id)


@hermes.needed
@pytest.mark.parametrize("board", ["nowhere", "../x", "--board"])
def test_a_board_that_is_not_there_is_not_created(hermes_home: hermes.Home, board: str) -> None:
    before = sorted(hermes_home.root.rglob("*"))
    with pytest.raises(MonitorError, match="board"):
        Hermes(Address(card="t_1", board=board, environ={})).claim()
    assert sorted(hermes_home.root.rglob("*")) == before


_CLAIM = """
import sys
from kanban_worker.boards.hermes import Hermes
from kanban_worker.boards.shape import Address
from state.errors import MustMend
board = Hermes(Address(card=sys.argv[1], environ={}))
print("ready", flush=True)
sys.stdin.read()
try:
    print("run", board.claim().id)
except MustMend as error:
    print(error)
"""


@hermes.needed
def test_of_processes_that_claim_at_the_same_moment_one_wins(hermes_home: hermes.Home) -> None:
    card = hermes_home.create_card()
    root = Path(__file__).parents[2]
    with contextlib.ExitStack() as stack:
        claimants = [
            stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", _CLAIM, card],
                    cwd=root,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
            for _ in range(4)
        ]
        for each in claimants:
            assert each.stdout is not None
            assert each.stdout.readline() == "ready\n"
        for each in claimants:
            assert each.stdin is not None
            each.stdin.close()
        said = sorted(each.stdout.read() for each in claimants if each.stdout is not None)
    assert said[-1] == "run 1\n"
    assert all(f"card {card} is being worked on by run 1 (pid" in each for each in said[:-1])
