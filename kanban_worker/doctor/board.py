"""Hermes' board: whether it can be written, who watches the registry, and what was given up."""

from __future__ import annotations

import shlex
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from kanban_worker import programs
from kanban_worker.doctor.check import Check
from kanban_worker.hermes import cards
from kanban_worker.hermes.cards import Watching
from kanban_worker.hermes.homes import DEFAULT_PROFILE, Hermes
from reconcile import wording


def of(hermes: Hermes, slug: str | None, registry: Path | None) -> Iterator[Check]:
    """Takes the write lock of the board's database and gives it back.

    Of our cards, those are told whose workers ended too often: Hermes starts none again by itself.
    """
    path = cards.database(hermes, slug)
    if not path.exists():
        seen = f"{path} is not there yet; the first card makes it"
        yield Check("board", seen, "hermes kanban init", optional=True)
        return
    board = f"--board {shlex.quote(slug)} " if slug else ""
    try:
        with cards.opened(path) as connection:
            count = cards.writable(connection)
            given_up = cards.given_up(connection)
            watching = cards.watching(connection, registry) if registry else []
    except sqlite3.Error as error:
        yield Check("board", f"{path}: {error}", "hermes kanban diagnostics")
        return
    yield Check("board", f"{path} is writable, {count} cards")
    if registry:
        yield _watched(hermes, registry, watching, board)
    for card, failures, last in given_up:
        why = f"Hermes gave up, failures: {failures} ({wording.one_line(last, 120)})"
        yield Check(f"card {card}", why, f"hermes kanban {board}unblock {card}")


def _watched(hermes: Hermes, registry: Path, watching: list[Watching], board: str) -> Check:
    """By the card that is furthest along: one that runs, else one that waits for a worker."""
    if not watching:
        named = "" if hermes.profile == DEFAULT_PROFILE else f" --assignee {hermes.profile}"
        mend = f"{programs.short_command()} dispatch{named}"
        return Check("watched", f"no card watches {registry}", mend, optional=True)
    card = watching[0]
    seen = f"card {card.id} is {card.status}, for {card.assignee or 'nobody'}"
    if card.status == "running":
        return Check("watched", seen)
    action = "dispatch" if card.status == "ready" else f"unblock {card.id}"
    return Check("watched", seen, f"hermes kanban {board}{action}", optional=True)
