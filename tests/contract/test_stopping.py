"""A stop leaves the card waiting for a person, each time; a run that lost its card writes nothing.

hermes-agent 0.19.0 puts a card that is blocked twice in a row for the same reason into `triage`,
from where its gateway starts it again. That must not become of a person's second `stop`.
"""

from __future__ import annotations

import contextlib
import os
from typing import Any

import pytest

import hermes
from kanban_worker.boards.hermes import Hermes
from kanban_worker.boards.shape import Address, Board, Lost, NoRoute
from state.errors import CouldNot
from ways import Way, seen


def test_a_stopped_card_waits_for_a_person_each_time(way: Way) -> None:
    card = way.desk.create_card()
    for time in range(4 if way.name != "hermes-cli" else 3):
        board = way.taken(card)
        board.block(f"stop-requested by user, {time}")
        assert way.desk.status(card) in way.ends
        assert seen(board).lost == f"it is {way.desk.status(card)}"
        way.desk.unblock(card)
        assert way.desk.status(card) == "ready"


@pytest.mark.parametrize("kind", ["needs_input", "capability", "transient", None])
def test_whatever_a_card_was_blocked_for_before_it_waits_for_a_person(
    way: Way, kind: str | None
) -> None:
    card = way.desk.create_card()
    way.desk.block(card, kind=kind)
    way.desk.unblock(card)
    way.taken(card).block("--stop")
    assert way.desk.status(card) in way.ends


def test_a_stopped_run_writes_no_more(way: Way) -> None:
    card = way.desk.create_card()
    board = way.taken(card)
    board.block("done")
    _assert_lost(way, card, board, f"it is {way.desk.status(card)}")


def test_a_superseded_run_is_told_so_and_writes_nothing(way: Way) -> None:
    card = way.desk.create_card()
    board = way.taken(card)
    if way.desk.status(card) == "ready":
        way.desk.block(card)
    run = way.desk.supersede(card)
    _assert_lost(way, card, board, f"run {run}")


def test_a_card_that_a_person_blocked_is_no_longer_ours(way: Way) -> None:
    card = way.desk.create_card()
    board = way.taken(card)
    way.desk.block(card)
    _assert_lost(way, card, board, "it is blocked")


def test_a_card_that_a_person_called_done_is_no_longer_ours(way: Way) -> None:
    card = way.desk.create_card()
    board = way.taken(card)
    way.desk.complete(card)
    _assert_lost(way, card, board, "it is done")


def test_a_card_that_was_taken_back_is_no_longer_ours(way: Way) -> None:
    if not way.claims:
        return
    card = way.desk.create_card()
    board = way.taken(card)
    way.desk.reclaim(card)
    _assert_lost(way, card, board, "it is ready")


def test_comments_are_seen_also_on_a_lost_card(way: Way) -> None:
    card = way.desk.create_card()
    board = way.taken(card)
    way.desk.block(card)
    way.desk.comment(card, "I stopped it")
    assert seen(board).comments[-1].body == "I stopped it"


def _assert_lost(way: Way, card: str, board: Board, why: str) -> None:
    assert seen(board).lost.startswith(why)
    before = way.desk.kinds(card), way.desk.thread(card), way.desk.status(card)
    for act in (board.say, board.heartbeat, board.block):
        no_route = act == board.heartbeat and not way.claims
        with pytest.raises(NoRoute) if no_route else pytest.raises(Lost, match=why):
            act("still here")
    assert (way.desk.kinds(card), way.desk.thread(card), way.desk.status(card)) == before


# What only Hermes itself has. -------------------------------------------------------------------


@hermes.needed
@pytest.mark.parametrize("more", [{}, {"goal": True}])
def test_a_goal_card_is_stopped_by_its_worker_as_often_as_it_is_asked_to(
    hermes_home: hermes.Home, monkeypatch: pytest.MonkeyPatch, more: dict[str, Any]
) -> None:
    card = hermes_home.create_card(**more)
    used = []

    def tools(name: str, arguments: dict[str, Any]) -> str:
        used.append((name, arguments.get("kind")))
        return hermes.tools(name, arguments)

    for _ in range(4):
        for name, value in hermes_home.dispatched(card).items():
            monkeypatch.setenv(name, value)
        board = Hermes(Address(card=None, environ=os.environ), tools=tools)
        board.claim()
        board.block("stop-requested by user")
        shown = hermes_home.show(card)
        assert shown["task"]["status"] == "blocked"
        assert shown["runs"][-1]["summary"] == "stop-requested by user"
        assert shown["runs"][-1]["outcome"] == "blocked"
        hermes_home.unblock(card)
    kinds = ["needs_input"] if more else ["needs_input", "capability"]
    assert used == [("kanban_block", kind) for kind in (kinds * 4)[: 2 if more else 4]]


@hermes.needed
def test_a_heartbeat_of_a_superseded_run_does_not_extend_the_others_claim(
    hermes_home: hermes.Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All runs of one dispatcher have the same claim lock."""
    card = hermes_home.create_card()
    for name, value in hermes_home.dispatched(card).items():
        monkeypatch.setenv(name, value)
    board = Hermes(Address(card=None, environ=dict(os.environ)), tools=hermes.tools)
    board.claim()
    hermes_home.block(card)
    hermes_home.unblock(card)
    hermes_home.dispatched(card)
    with hermes_home.database() as (_kb, connection):
        connection.execute("UPDATE tasks SET claim_expires = 5 WHERE id = ?", (card,))
    with contextlib.suppress(Lost):
        board.heartbeat("alive")
    assert hermes_home.show(card)["task"]["claim_expires"] == 5


@hermes.needed
def test_the_reason_is_on_the_card(way: Way) -> None:
    if way.name == "memory":
        return
    card = way.desk.create_card()
    way.taken(card).block("stop-requested by ada")
    runs = way.desk.show(card)["runs"]
    assert runs[-1]["summary"] == "stop-requested by ada"
    assert runs[-1]["outcome"] in way.ends


@hermes.needed
def test_a_block_that_was_granted_but_did_not_happen_is_told(
    hermes_home: hermes.Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = hermes_home.create_card()
    for name, value in hermes_home.dispatched(card).items():
        monkeypatch.setenv(name, value)
    board = Hermes(
        Address(card=None, environ=dict(os.environ)), tools=lambda _name, _arguments: '{"ok": true}'
    )
    board.claim()
    with pytest.raises(CouldNot, match="was to wait for a person, but it is running"):
        board.block("stop")
