"""`agent-sessions unack`: takes acknowledgements back."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from kanban_worker import config, findings
from kanban_worker import options as shared
from kanban_worker.cli import Exit, confirm
from kanban_worker.commands import ack
from kanban_worker.tick import Monitor, Tick
from reconcile.orders import Verb
from state.errors import MonitorError, MustMend
from state.text import scalars


def options(parser: argparse.ArgumentParser) -> None:
    """Its own options."""
    parser.add_argument(
        "finding", metavar="FINDING", nargs="+", help="as `ack --list` shows it; several at once"
    )
    shared.judging(parser)


def run(arguments: argparse.Namespace) -> int:
    """Orders it of each; a running monitor hears of it at its next tick."""
    monitor = Monitor(config.load(arguments, os.environ, Path.home()))
    tick = monitor.tick(dry_run=True)
    known, worst, wanted = findings.of(tick), Exit.OK, dict[str, None]()
    for text in dict.fromkeys(arguments.finding):
        try:
            wanted[_asked(text, tick)] = None
        except MonitorError as error:
            worst = max(worst, ack.failed(error))
    if wanted:
        monitor.orders.add(Verb.UNACK, wanted, at=monitor.now(), by=ack.login())
    for each in wanted:
        said = known[each].message if each in known else findings.UNSEEN
        confirm(f"[{each}] {said} (counts again)")
    return worst


def _asked(text: str, tick: Tick) -> str:
    found = findings.asked(text, tick.memory.acknowledged)
    if found is not None:
        return found
    for trouble in tick.troubles:
        raise trouble
    shown = scalars.shown(text, 60)
    raise MustMend(f"{shown} is not acknowledged. See: agent-sessions ack --list")
