"""The ways to a board, each with its people's side: what the contract is run over."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

import hermes
import warm
from kanban_worker.boards import hermes_cli, server
from kanban_worker.boards.hermes import Hermes
from kanban_worker.boards.hermes_cli import HermesCli
from kanban_worker.boards.http import Http
from kanban_worker.boards.memory import Memory, Pinboard
from kanban_worker.boards.shape import Address, Board, CommentId, Look, NoRoute
from waiting import PATIENCE

Desk = Any
"""What people do at a board: a `hermes.Home`, or a `Pinned` with the same words."""

Reach = Callable[[str | None, Mapping[str, str]], Board]
"""The way to a card, for a worker that finds these variables in its environment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One way to a board, and `desk`: what people do there, as `hermes.Home` has it."""

    name: str
    desk: Desk
    reach: Reach
    dispatched: bool = False
    """A dispatcher claims the card, and the worker takes it over."""
    claims: bool = True
    """Whether a claim is on the board; over HTTP it is not."""
    ends: frozenset[str] = frozenset({"blocked"})
    """Where a card may land that waits for a person."""

    def at(self, card: str | None, environ: Mapping[str, str] | None = None) -> Board:
        """The way to a card; nothing is claimed yet."""
        return self.reach(card, environ or {})

    def taken(self, card: str) -> Board:
        """The way to a card that is ours."""
        board = self.at(card, self.desk.dispatched(card) if self.dispatched else {})
        with contextlib.suppress(NoRoute):
            board.claim()
        return board


def seen(board: Board, after: CommentId | None = None) -> Look:
    """A look that succeeds."""
    found = board.look(after)
    assert isinstance(found, Look), found
    return found


def in_memory() -> Way:
    """A board in this process."""
    desk = Pinned()

    def reach(card: str | None, environ: Mapping[str, str]) -> Board:
        return Memory(Address(card=card, environ=environ), desk.pinboard)

    return Way(name="memory", desk=desk, reach=reach)


def in_process(home: hermes.Home) -> Way:
    """Hermes' own code, for whoever has it beside this program."""

    def reach(card: str | None, environ: Mapping[str, str]) -> Board:
        return Hermes(Address(card=card, environ={**os.environ, **environ}))

    return Way(name="hermes", desk=home, reach=reach)


def by_tools(home: hermes.Home, patch: pytest.MonkeyPatch) -> Way:
    """A plugin in a worker that a dispatcher started: the tools read this process' environment."""

    def reach(card: str | None, environ: Mapping[str, str]) -> Board:
        for variable, value in environ.items():
            patch.setenv(variable, value)
        return Hermes(Address(card=card, environ=dict(os.environ)), tools=hermes.tools)

    return Way(name="tools", desk=home, reach=reach, dispatched=True)


def by_program(home: hermes.Home, patch: pytest.MonkeyPatch) -> Way:
    """The `hermes` program, without its imports: tests/e2e runs it as it is."""
    program = {"HERMES_BIN": warm.program(warm.HERMES)}
    patch.setattr(hermes_cli, "SECONDS", PATIENCE)  # its deadline is no measure of this machine

    def reach(card: str | None, environ: Mapping[str, str]) -> Board:
        return HermesCli(Address(card=card, environ={**os.environ, **program, **environ}))

    return Way(name="hermes-cli", desk=home, reach=reach)


def over_http(home: hermes.Home, running: hermes.Server, patch: pytest.MonkeyPatch) -> Way:
    """A running server."""
    for name in ("READ", "SECONDS"):
        patch.setattr(server, name, PATIENCE)  # as above

    def reach(card: str | None, environ: Mapping[str, str]) -> Board:
        return Http(Address(card=card, url=running.url, token=running.token, environ=environ))

    ends = frozenset({"blocked", "scheduled"})
    return Way(name="http", desk=home, reach=reach, claims=False, ends=ends)


class Pinned:
    """People's side of a pinboard, with the words of `hermes.Home`."""

    def __init__(self) -> None:
        """Hang up an empty one."""
        self.pinboard = Pinboard()
        self.complete, self.comment = self.pinboard.complete, self.pinboard.comment
        self.unblock, self.reclaim = self.pinboard.unblock, self.pinboard.reclaim
        self.claim, self.block = self.pinboard.claim, self.pinboard.block

    def create_card(self) -> str:
        """As `hermes.Home.create_card`."""
        return self.pinboard.create(f"t_{len(self.pinboard.cards)}")

    def status(self, card: str) -> str:
        """As `hermes.Home.status`."""
        return self.pinboard.cards[card].status

    def thread(self, card: str) -> list[tuple[str, str]]:
        """As `hermes.Home.thread`."""
        return [(each.author, each.body) for each in self.pinboard.cards[card].comments]

    def kinds(self, card: str) -> list[str]:
        """As `hermes.Home.kinds`."""
        beats = ["heartbeat" for beat in self.pinboard.beats if beat[0] == card]
        return [*self.pinboard.cards[card].kinds, *beats]

    def supersede(self, card: str) -> str:
        """As `hermes.Home.supersede`."""
        if self.status(card) == "running":
            self.block(card)
        self.unblock(card)
        return self.claim(card)

    def dispatched(self, card: str) -> dict[str, str]:
        """As `hermes.Home.dispatched`."""
        return {"HERMES_KANBAN_TASK": card, "HERMES_KANBAN_RUN_ID": self.claim(card)}
