"""`agent-sessions status`: the table that a person looks at. It writes nothing."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Group, RenderableType
from rich.live import Live
from rich.text import Text

from kanban_worker import complaints, config, jsontext, left_out, table, views
from kanban_worker import options as shared
from kanban_worker.cli import complain, plain
from kanban_worker.commands import reconcile
from kanban_worker.complaints import Complaints
from kanban_worker.config import Settings
from kanban_worker.tick import Monitor, Tick
from reconcile import names, recovery, report
from reconcile import views as session_views
from reconcile.observed import SessionName
from reconcile.views import SORTS, SessionView
from state.errors import MustMend

WATCH_INTERVAL = 2.0
"""Seconds between two drawings where nobody chose."""


def options(parser: argparse.ArgumentParser) -> None:
    """Its own options."""
    parser.add_argument(
        "session", metavar="SESSION", nargs="*", help="only these sessions (default: all)"
    )
    parser.add_argument(
        "--state",
        metavar="STATE",
        action="append",
        help="only what is in this state (waiting, working, gone, ...); may be repeated",
    )
    parser.add_argument(
        "--agent", metavar="KIND", action="append", help="only this kind of agent; may be repeated"
    )
    parser.add_argument(
        "--sort",
        metavar="KEY",
        default="problems",
        choices=SORTS,
        help=f"by which to sort: {', '.join(SORTS)} (default: problems first)",
    )
    parser.add_argument("--all", action="store_true", help="show also each session that ended")
    shape = parser.add_mutually_exclusive_group()
    shape.add_argument("--json", action="store_true", help="print the sessions as JSON")
    shape.add_argument("--watch", action="store_true", help="draw it again and again")
    parser.add_argument("--interval", metavar="TIME", help="with --watch (default 2s)")
    shared.judging(parser)


def run(arguments: argparse.Namespace) -> int:
    """Draws the table once, or again and again until interrupted."""
    settings = config.load(arguments, os.environ, Path.home())
    monitor = Monitor(settings)
    look = _Look(monitor, arguments, settings)
    if not arguments.watch:
        return look.once()
    # What was chosen for the ticks, in the config or the environment, is no choice for this.
    interval = (arguments.interval and settings.interval) or WATCH_INTERVAL
    return look.again_and_again(interval)


class _Look:
    """Looks and draws, as often as it is asked."""

    def __init__(self, monitor: Monitor, arguments: argparse.Namespace, settings: Settings) -> None:
        self._monitor, self._arguments = monitor, arguments
        self._settings, self._home = settings, settings.places.home
        self._console = table.console()
        self._complaints = Complaints(complain)

    def once(self) -> int:
        tick = self._monitor.tick(dry_run=True)
        shown = self._chosen(tick)
        if self._arguments.json:
            print(jsontext.dumps(as_json(tick, shown)))
        else:
            self._print(Group(*self._lines(tick, shown, len(shown))))
        sys.stdout.flush()
        self._complaints.about(tick)
        return reconcile.status(tick, exit_code=False)

    def again_and_again(self, interval: float) -> int:
        """On the alternate screen of a terminal; a pipe gets one drawing behind the other."""
        if not self._console.is_terminal:
            while True:
                self.once()
                time.sleep(interval)
        with Live(console=self._console, screen=True, auto_refresh=False) as live:
            while True:
                live.update(self._screen(self._monitor.tick(dry_run=True)), refresh=True)
                time.sleep(interval)

    def _screen(self, tick: Tick) -> RenderableType:
        """As much as fits; what cannot be seen is told below, for stderr is the same screen."""
        shown = self._chosen(tick)
        blind = [self._line(text, "red") for text in sorted(complaints.of(tick))]
        around = len(list(self._lines(tick, shown, 0))) + len(blind)
        room = max(self._console.height - around, 1)
        return Group(*self._lines(tick, shown, room), *blind)

    def _print(self, drawing: RenderableType) -> None:
        with self._console.capture() as captured:
            self._console.print(drawing)
        print("\n".join(line.rstrip() for line in captured.get().splitlines()))

    def _lines(
        self, tick: Tick, shown: Sequence[SessionView], room: int
    ) -> Iterator[RenderableType]:
        """The table with as many rows as there is room for, and what is said below it."""
        rows = [view for view in shown if self._is_narrowed() or not view.is_over]
        folded = len(shown) - len(rows)
        yield table.drawn(
            rows[:room],
            tick.world.at,
            self._home,
            width=self._console.width,
            ascii_only=not jsontext.utf8(),
        )
        if len(rows) > room:
            yield self._line(f"and {len(rows) - room} more")
        if folded:
            yield self._line(f"{folded} ended; --all shows them", "dim")
        if advice := left_out.advice(tick.report.left_out, self._settings):
            yield self._line(advice)
        for key, one in tick.memory.mass_terminations.items():
            if one.first_back:
                yield self._line(f"[{key}] {recovery.sentence(one)}")
        yield self._line(reconcile.summary(tick), "dim")

    def _line(self, text: str, style: str = "") -> Text:
        """One line. On the screen that is drawn again, a long one is cut: all must fit."""
        cut = bool(self._arguments.watch)
        return Text(plain(text), style=style, no_wrap=cut, overflow="ellipsis" if cut else "fold")

    def _is_narrowed(self) -> bool:
        """Whether somebody said which sessions to show."""
        asked = self._arguments
        return bool(asked.all or asked.session or asked.state)

    def _chosen(self, tick: Tick) -> Sequence[SessionView]:
        asked = self._arguments
        found = views.of(tick, self._monitor)
        wanted = [name for each in asked.session for name in _named(each, found, tick)]
        narrowed = session_views.chosen(
            found, names=wanted or asked.session, states=asked.state or (), agents=asked.agent or ()
        )
        return sorted(narrowed, key=SORTS[asked.sort])


def _named(asked: str, found: Sequence[SessionView], tick: Tick) -> Sequence[str]:
    """The sessions that one word names, as it is written or as some tmux lists it."""
    known = names.asked_as(SessionName(asked), "", [view.name for view in found])
    if not known and not (tick.troubles or tick.report.blind):
        raise MustMend(
            f'no session "{plain(asked[:120])}". See them all with: agent-sessions status'
        )
    return known


def as_json(tick: Tick, shown: Sequence[SessionView]) -> dict[str, report.Json]:
    """What `--json` prints, in the shape of `status.schema.json`."""
    told = report.as_json(tick.report)
    return {
        "schema_version": session_views.SCHEMA_VERSION,
        "at": session_views.utc(tick.world.at),
        "host": tick.report.host,
        "sources": told["sources"],
        "left_out": told["left_out"],
        "sessions": [session_views.as_json(view, tick.world.at) for view in shown],
    }
