"""The way to a board from within a Hermes worker, or beside Hermes in one Python.

Inside a worker a plugin hands in `ctx.dispatch_tool`. Hermes' tools for comments, heartbeats and
blocks are its public surface: they redact, and refuse a run that was superseded. What they lack in
hermes-agent 0.19.0 comes from its database code: reading, claiming without a dispatcher, and a
second and third stop of a goal card, for which the block tool refuses every reason but one.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from kanban_worker.boards import card, hermes_db
from kanban_worker.boards.card import Card
from kanban_worker.boards.hermes_db import Database
from kanban_worker.boards.shape import Address, CommentId, IsOver, Look, Run, nobody
from reconcile.observed import Unknown
from state.errors import CouldNot, MonitorError, MustMend

Tools = Callable[[str, dict[str, Any]], str]
"""Hermes' `ctx.dispatch_tool`: a tool's name and arguments, JSON back."""


class Hermes:
    """A card by Hermes' own code, in this process."""

    ids = "id"
    says_why = False
    pause = 1.0
    """A look costs 1 to 2 ms."""

    def __init__(self, address: Address, tools: Tools | None = None) -> None:
        """Raises MustMend where this Hermes has no board that we know.

        Args:
            address: Which card. Where its board is, Hermes reads from this process' environment.
            tools: Used where a dispatcher started this process for that card: Hermes' tools act
                for no other.
        """
        self._address, self._tools = address, tools
        self._database = Database(address.board)
        self._lock = f"{socket.gethostname()}:{os.getpid()}"
        self._claimed = ""
        self._run = Run(card="", id="", author=card.AUTHOR, adopted=False)

    @property
    def run(self) -> Run:
        """What `claim` told."""
        return self._run

    def claim(self, is_over: IsOver = nobody) -> Run:
        """As `Board.claim`."""
        name = card.named(self._address)
        before = self._whole(name)
        adopted = card.dispatched(self._address, name)
        if adopted:
            self._adopt(before, adopted)
        elif not self._claimed:
            over = before.worker is not None and is_over(before.worker)
            freed = over and self._database.free(name, before.run)
            if freed or before.status == card.READY:
                self._claimed = self._database.claim(name, self._lock)
        run = adopted or self._claimed  # also for a second try, when looking at it failed
        now = self._whole(name)
        if not run:
            raise card.unworkable(now)
        self._run = replace(
            self._run,
            card=name,
            id=run,
            adopted=bool(adopted),
            heard=card.heard(before),
            deadline=now.deadline,
        )
        return self._run

    def _adopt(self, found: Card, run: str) -> None:
        card.held(found, replace(self._run, card=found.id, id=run))
        environ = self._address.environ
        self._lock = environ.get("HERMES_KANBAN_CLAIM_LOCK") or self._lock
        if self._tools:
            # The tool signs with the profile's name, whatever it is told.
            self._run = replace(self._run, author=environ.get("HERMES_PROFILE") or "worker")

    def _whole(self, name: str) -> Card:
        found = self._database.card(name, whole=True)
        if found is None:
            raise card.unknown(name)
        return found

    def look(self, after: CommentId | None) -> Look | Unknown:
        """As `Board.look`."""
        try:
            found = self._database.card(self._run.card)
        except MonitorError as error:
            return Unknown(str(error))
        return card.looked(found, self._run.id, after)

    def say(self, text: str) -> CommentId | None:
        """As `Board.say`."""
        self._held()
        body = card.fit(text)
        if self._usable:
            number = self._call(self._usable, "kanban_comment", body=body).get("comment_id")
            return None if number is None else CommentId(str(number))
        run = self._run
        number = self._act(self._database.comment, run.card, run.id, run.author, body)
        if number is None:
            self._refused("the comment")
        return CommentId(str(number))

    def kept(self, text: str) -> str:
        """As `Board.kept`: both Hermes' tool and its database get a text without secrets."""
        return card.fit(hermes_db.redacted(card.fit(text))).strip()

    def heartbeat(self, note: str) -> None:
        """As `Board.heartbeat`."""
        self._held()
        name, run, note = self._run.card, self._run.id, card.fit(note)
        if self._usable:
            self._call(self._usable, "kanban_heartbeat", note=note)
        elif not self._act(self._database.beat, name, run, self._lock, note):
            self._refused("the heartbeat")

    def block(self, reason: str) -> None:
        """As `Board.block`."""
        held = self._held()
        kind, reason = card.block_kind(held.block_kind), card.fit(reason)
        if self._usable and (kind == card.NEEDS_INPUT or not held.goal):
            self._call(self._usable, "kanban_block", reason=reason, kind=kind)
        elif not self._act(self._database.block, held.id, self._run.id, reason, kind):
            self._refused("the block")
        self._check_blocked()

    # -------------------------------------------------------------------------------------------

    @property
    def _usable(self) -> Tools | None:
        return self._tools if self._run.adopted else None

    def _call(self, tools: Tools, tool: str, **arguments: str) -> dict[str, Any]:
        """What a tool answers. Raises Lost or CouldNot where it answers with an error."""
        board = {"board": self._address.board} if self._address.board else {}
        with hermes_db.patience():
            text = tools(tool, {"task_id": self._run.card, **board, **arguments})
        answer = _answer(text)
        if answer.get("ok") is not True:
            self._refused(f"{tool} ({card.line(str(answer.get('error', text)))})")
        return answer

    def _refused(self, what: str) -> None:
        """Raise what a refusal means: Lost where the card is another's by now."""
        self._held()
        raise CouldNot(f"card {self._run.card} did not take {what}: try again")

    def _held(self) -> Card:
        return card.held(self._act(self._database.card, self._run.card), self._run)

    def _check_blocked(self) -> None:
        found = self._act(self._database.card, self._run.card)
        if found is None or found.status != card.BLOCKED:
            status = found.status if found else "gone"
            raise CouldNot(f"card {self._run.card} was to wait for a person, but it is {status}")

    def _act(self, do: Callable[..., Any], *arguments: str) -> Any:  # noqa: ANN401 (what `do` gives)
        """Do it; once a card is held, nothing that happens to its board ends the worker."""
        try:
            return do(*arguments)
        except MustMend as error:
            raise CouldNot(str(error)) from error


def _answer(text: object) -> dict[str, Any]:
    try:
        answer = json.loads(text) if isinstance(text, str) else None
    except ValueError:
        answer = None
    return answer if isinstance(answer, dict) else {"error": f"no JSON: {text}"}
