"""A card that another run takes in the middle of one of the worker's acts."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import pytest

import hermes
import ways
from kanban_worker.boards.hermes_cli import HermesCli
from kanban_worker.boards.shape import Lost
from ways import seen

pytestmark = hermes.needed


class Taking:
    """Lets another run take the card, once, at one call."""

    def __init__(self, home: hermes.Home, patch: pytest.MonkeyPatch) -> None:
        self.home, self.card = home, home.create_card()
        self._patch = patch
        self._taken = False

    def before(self, owner: object, name: str) -> None:
        """Take it just before a function is called."""
        self._around(owner, name, lambda act: (self._take(), act())[1])

    def after(self, owner: object, name: str) -> None:
        """Take it just after a function has returned."""
        self._around(owner, name, lambda act: (act(), self._take())[0])

    def _around(self, owner: object, name: str, order: Callable[[Callable[[], Any]], Any]) -> None:
        function = getattr(owner, name)

        def called(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401 - as the function's
            return order(lambda: function(*arguments, **named))

        self._patch.setattr(owner, name, called)

    def _take(self) -> None:
        if not self._taken and self.home.status(self.card) == "running":
            self._taken = True
            self.home.supersede(self.card)


@pytest.fixture
def taking(hermes_home: hermes.Home, monkeypatch: pytest.MonkeyPatch) -> Taking:
    return Taking(hermes_home, monkeypatch)


@pytest.fixture
def kanban_db() -> Any:  # noqa: ANN401 - Hermes has no types
    return importlib.import_module("hermes_cli.kanban_db")


def test_taken_right_after_the_claim_it_is_not_worked_on(taking: Taking, kanban_db: Any) -> None:  # noqa: ANN401
    taking.after(kanban_db, "claim_task")
    board = ways.in_process(taking.home).taken(taking.card)

    assert board.run.id == "1"
    assert seen(board).lost.startswith("run 2")
    assert taking.home.show(taking.card)["task"]["worker_pid"] is None


def test_nor_is_it_where_the_program_of_hermes_does_not_tell_what_was_claimed(
    taking: Taking, monkeypatch: pytest.MonkeyPatch
) -> None:
    taking.after(HermesCli, "_call")
    board = ways.by_program(taking.home, monkeypatch).taken(taking.card)

    assert board.run.id == "1"
    assert seen(board).lost == "run 2 works on it"


def test_taken_right_before_a_comment_is_stored_nothing_is_said(
    taking: Taking,
    kanban_db: Any,  # noqa: ANN401
) -> None:
    board = ways.in_process(taking.home).taken(taking.card)
    taking.before(kanban_db, "add_comment")

    with pytest.raises(Lost):
        board.say("[A-00000000] too late")

    assert taking.home.thread(taking.card) == []
