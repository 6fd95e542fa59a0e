"""The way to a board by a Hermes server: `hermes serve` or `hermes dashboard`.

The server of hermes-agent 0.19.0 has no route to claim a card or to send a heartbeat, and pins
nothing to a run: a card is looked at before each act, and is ours as long as nobody else has it.
"""

from __future__ import annotations

import time
from dataclasses import replace
from urllib.parse import quote

from kanban_worker.boards import card, told
from kanban_worker.boards.card import Card
from kanban_worker.boards.server import Late, NoCard, Server
from kanban_worker.boards.shape import Address, CommentId, IsOver, Look, Lost, NoRoute, Run, nobody
from reconcile.observed import Unknown
from state.errors import CouldNot, MonitorError, MustMend

SERVERS_PATIENCE = 125.0
"""Seconds for which a server may wait for the board's lock (120), and then still comment."""

_OVER = frozenset({card.BLOCKED, card.SCHEDULED, "archived", "done", "triage"})


class Http:
    """A card by a Hermes server."""

    ids = "id"
    says_why = False
    pause = 2.0

    def __init__(self, address: Address) -> None:
        """Raises MustMend where there is no address or token that can be used."""
        self._address = address
        self._server = Server(address.url, address.token)
        self._run = Run(card="", id="", author=card.AUTHOR, adopted=False)
        self._dispatched = ""
        self._doubt = 0.0

    @property
    def run(self) -> Run:
        """What `claim` told; its id is empty."""
        return self._run

    def claim(self, is_over: IsOver = nobody) -> Run:
        """As `Board.claim`. Raises NoRoute for a card that can be worked on.

        Where a running card's worker is, this way does not tell.
        """
        del is_over
        self._server.begin()
        name = card.named(self._address)
        found = self._card(name)
        if found is None:
            raise card.unknown(name)
        self._dispatched = card.dispatched(self._address, name)
        if self._dispatched:
            card.held(found, replace(self._run, card=name, id=self._dispatched))
        elif found.status != card.READY:
            raise card.unworkable(found)
        self._run = replace(self._run, card=name, heard=card.heard(found))
        raise NoRoute(
            f"card {name} stays {found.status}: a Hermes server has no way to claim a card or to "
            "send a heartbeat, so the board does not show that it is worked on, and a dispatcher "
            "may give it to another worker; on the machine of the board use --via hermes-cli"
        )

    def look(self, after: CommentId | None) -> Look | Unknown:
        """As `Board.look`."""
        self._server.begin()
        try:
            found = self._card(self._run.card)
        except MonitorError as error:
            return Unknown(str(error))
        comments = found.comments if found else ()
        return card.look(comments, after, self._why_lost(found))

    def say(self, text: str) -> CommentId | None:
        """As `Board.say`."""
        self._server.begin()
        if time.monotonic() < self._doubt:
            raise CouldNot("a comment that was not answered in time may still be on its way")
        body = card.fit(text)
        try:
            self._held()
            said = {"body": body, "author": self._run.author}
            try:
                self._server.ask("POST", self._path("/comments"), params=self._params, body=said)
            except Late:
                self._doubt = time.monotonic() + SERVERS_PATIENCE
                raise
        except MustMend as error:
            raise CouldNot(str(error)) from error
        return self._found(body.strip())

    def kept(self, text: str) -> str:
        """As `Board.kept`."""
        return card.fit(text).strip()

    def heartbeat(self, note: str) -> None:
        """Raises NoRoute."""
        raise NoRoute(
            f"no heartbeat for card {self._run.card} ({card.line(note, 80)!r}): "
            "a Hermes server has no route for it"
        )

    def block(self, reason: str) -> None:
        """As `Board.block`; a second and third time in a row the card is left `scheduled`.

        The server takes no kind of block, and a second block of no kind sends a card to `triage`.
        A scheduled card waits as well until a person unblocks it.
        """
        self._server.begin()
        try:
            held = self._held()
            again = held.block_kind is None and held.block_recurrences > 0
            status = card.SCHEDULED if again else card.BLOCKED
            change = {"status": status, "block_reason": card.fit(reason)}
            self._server.ask("PATCH", self._path(), params=self._params, body=change)
            landed = self._card(self._run.card)
        except MustMend as error:
            raise CouldNot(str(error)) from error
        if landed is None or landed.status != status:
            where = landed.status if landed else "gone"
            raise CouldNot(f"card {self._run.card} was to wait for a person, but it is {where}")

    # -------------------------------------------------------------------------------------------

    def _held(self) -> Card:
        found = self._card(self._run.card)
        why = self._why_lost(found)
        if found is None or why:
            raise Lost(f"card {self._run.card} is not this run's any more, {why}: nothing written")
        return found

    def _why_lost(self, found: Card | None) -> str:
        """A run that a dispatcher started must be the one that is running; else none may be."""
        waits = found is not None and found.status != card.RUNNING and found.status not in _OVER
        return "" if waits and not self._dispatched else card.why_lost(found, self._dispatched)

    def _found(self, body: str) -> CommentId | None:
        """Our newest comment of that text: the server does not tell the id of a new one.

        It was said: a look that fails now must not have it repeated.
        """
        try:
            found = self._card(self._run.card)
        except MonitorError:
            return None
        return card.said(found, self._run.author, body)

    def _card(self, name: str) -> Card | None:
        try:
            return told.read(self._server.ask("GET", self._path(name=name), params=self._params))
        except NoCard:
            return None
        except ValueError as error:
            why = card.line(str(error))
            raise CouldNot(f"{self._server.base} does not tell about {name}: {why}") from None

    def _path(self, below: str = "", *, name: str = "") -> str:
        return f"/api/plugins/kanban/tasks/{quote(name or self._run.card, safe='')}{below}"

    @property
    def _params(self) -> dict[str, str] | None:
        return {"board": self._address.board} if self._address.board else None
