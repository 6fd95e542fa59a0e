"""One Hermes server, asked over HTTP: what it answers, or one line about why not."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3

from kanban_worker.boards import card, told
from state.errors import CouldNot, MustMend

CONNECT, READ, SECONDS = 2.0, 4.0, 5.5
"""Seconds to connect, to wait for a next byte, and for an act with all its requests: an act whose
last byte comes late ends within ten. A server on this machine answers in 15 ms."""

_OK, _REFUSED, _MISSING, _CONFLICT, _BROKEN = 200, (401, 403), 404, 409, 500
_ELSEWHERE = range(300, 400)


class NoCard(Exception):
    """The server knows no such card."""


class Server:
    """A server and its token, which no message of ours ever holds."""

    def __init__(self, url: str | None, token: str | None) -> None:
        """Raises MustMend where there is no address or token that can be used."""
        self.base = _base(url)
        self._token = _token(token)
        self._until = 0.0
        self._session = requests.Session()
        # No proxy and no .netrc: the server answers on loopback only, and the token stays here.
        self._session.trust_env = False
        self._session.headers["X-Hermes-Session-Token"] = self._token
        self._session.headers["Accept-Encoding"] = "identity"

    def begin(self) -> None:
        """Begin an act: all that is asked from now on has to be answered within `SECONDS`."""
        self._until = time.monotonic() + SECONDS

    def ask(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Mapping[str, str] | None = None,
    ) -> bytes:
        """Return what the server answers. Raises NoCard, MustMend, CouldNot.

        A server that started anew has closed the connection that was kept, which shows only when
        it is used: so what changes nothing is asked a second time.
        """
        try:
            return self._send(method, path, params, body)
        except _Gone as error:
            if method != "GET":
                raise CouldNot(f"{error}: it may have been done all the same") from None
        try:
            return self._send(method, path, params, body)
        except _Gone as error:
            raise CouldNot(f"{error}: is `hermes serve` running there?") from None

    def _send(
        self,
        method: str,
        path: str,
        params: Mapping[str, str] | None,
        body: Mapping[str, str] | None,
    ) -> bytes:
        left = max(0.1, self._until - time.monotonic())
        try:
            with self._session.request(
                method,
                self.base + path,
                params=params,
                json=body,
                timeout=(min(CONNECT, left), min(READ, left)),
                allow_redirects=False,  # the token is for this server only
                stream=True,
            ) as answer:
                text = _read(answer, self._until)
        except (requests.Timeout, urllib3.exceptions.TimeoutError):
            raise Late(f"{self.base} did not answer in time") from None
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            # Never the error's own text, which may hold headers.
            raise _Gone(f"{self.base} cannot be reached ({type(error).__name__})") from None
        if answer.status_code != _OK:
            self._complain(answer.status_code, _detail(text).replace(self._token, "…"))
        return text

    def _complain(self, status: int, detail: str) -> None:
        if status in _REFUSED:
            raise MustMend(
                f"{self.base} does not take the token: give the one that it was started with "
                "(HERMES_DASHBOARD_SESSION_TOKEN); without one it draws a new one at each start"
            )
        if status == _MISSING and detail.startswith("task "):
            raise NoCard
        if status == _MISSING:
            raise MustMend(
                f"{self.base} has no such board ({detail or 'not found'}): "
                "is it a Hermes server, and the board's name right?"
            )
        if status in _ELSEWHERE:
            raise MustMend(f"{self.base} leads elsewhere: give the address that it leads to")
        if status == _CONFLICT:
            raise CouldNot(f"the board refused it: {detail or 'conflict'}")
        why = "has a fault" if status >= _BROKEN else "does not understand"
        raise CouldNot(f"{self.base} {why} ({status}): {detail or 'it says no more'}")


class Late(CouldNot):
    """No answer yet: what was asked for may still be carried out."""


class _Gone(Exception):
    """Nobody is there, or the connection broke."""


def _read(answer: requests.Response, until: float) -> bytes:
    """The body. Raises requests.Timeout where it takes too long, CouldNot where it is too long."""
    kept = bytearray()
    # `read1` hands over what has come; the others wait until a whole piece is there, and a server
    # that sends a byte now and then would hold us for hours.
    while piece := answer.raw.read1(64 * 1024):
        kept += piece
        if len(kept) > told.LONGEST:
            raise CouldNot(f"the server's answer is longer than {told.LONGEST >> 20} MiB")
        if time.monotonic() > until:
            raise requests.Timeout
    return bytes(kept)


def _detail(text: bytes) -> str:
    try:
        answer: Any = json.loads(text)
    except (ValueError, RecursionError):
        return ""
    return card.line(str(answer.get("detail", ""))) if isinstance(answer, dict) else ""


def _base(url: str | None) -> str:
    if not url:
        raise MustMend("no Hermes server is named: give --board-url http://127.0.0.1:9119")
    try:
        parts = urlsplit(url)
        usable = parts.hostname and parts.scheme in {"http", "https"} and parts.port != 0
    except ValueError:
        parts, usable = urlsplit(""), False
    if not usable or parts.username is not None:
        raise MustMend(
            f"{card.line(url.rpartition('@')[2], 200)!r} is no address of a Hermes server: "
            "give one as http://127.0.0.1:9119"
        )
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"


def _token(token: str | None) -> str:
    token = (token or "").strip()
    if not token:
        raise MustMend(
            "no token for the Hermes server is given: set AGENT_SESSIONS_BOARD_TOKEN to what the "
            "server's HERMES_DASHBOARD_SESSION_TOKEN is"
        )
    if not (token.isascii() and token.isprintable() and " " not in token):
        raise MustMend("the token for the Hermes server is no token: it has spaces or odd letters")
    return token
