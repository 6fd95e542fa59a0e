"""`agent-sessions work`: watch one card of a board, without a model."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from pathlib import Path

from kanban_worker import boards, config, given
from kanban_worker import options as shared
from kanban_worker.boards import card
from kanban_worker.cli import Exit, complain, drop_output, plain
from kanban_worker.watch import End, Ending, Watch


def options(parser: argparse.ArgumentParser) -> None:
    """Its own options."""
    parser.add_argument(
        "card",
        metavar="CARD",
        nargs="?",
        help="the card's id (default: that of the Hermes worker this runs in)",
    )
    parser.add_argument(
        "--for", dest="seconds", metavar="TIME", help="watch for so long, such as 8h, then end"
    )
    parser.add_argument(
        "--interval", metavar="TIME", help="how long from tick to tick (as for reconcile)"
    )
    shared.board(parser)
    shared.judging(parser)


def run(arguments: argparse.Namespace) -> int:
    """Watches until something ends it, and says how it ended."""
    settings = config.load(arguments, os.environ, Path.home())
    seconds = config.seconds("for", arguments.seconds) if arguments.seconds else None
    address = config.address(settings, arguments.card)
    board = boards.reach(settings.via, address)
    watch = Watch(
        settings,
        board,
        seconds=seconds,
        dispatched=card.dispatched(address, card.named(address)),
        tell=_tell,
        complain=_complain,
    )
    end = watch.run()
    _tell(f"ended: {end.why} ({end.ticks} ticks, {end.said} comments)")
    return _status(end, adopted=board.run.adopted)


def _tell(text: str) -> None:
    """A closed terminal or a full disk is no reason to leave the card without its worker.

    With --quiet nothing: the card has all of it.
    """
    if given.quiet():
        return
    try:
        for line in text.splitlines():
            print(plain(line))
        sys.stdout.flush()
    except OSError:
        drop_output()  # else the end of a watch that went well would fail for the rest of it


def _complain(text: str) -> None:
    with contextlib.suppress(OSError):
        complain(text)


def _status(end: End, *, adopted: bool) -> Exit:
    if end.how is Ending.LOST:
        _complain(end.why)
        return Exit.COULD_NOT
    if end.signal is not None:
        return Exit.INTERRUPTED
    left_running = end.how is Ending.ELAPSED and adopted
    return Exit.OK if end.blocked or left_running else Exit.COULD_NOT
