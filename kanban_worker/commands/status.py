"""`agent-sessions status`: the table that a person looks at. It writes nothing."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path

from kanban_worker import config
from kanban_worker import options as shared
from kanban_worker.agents.shape import Activity
from kanban_worker.cli import complain, escapes, plain
from kanban_worker.commands import reconcile
from kanban_worker.complaints import Complaints
from kanban_worker.tick import Monitor, Tick
from reconcile import identity, names, recovery, sightings
from reconcile.desired import RUNNING, Entry
from reconcile.drift import DriftClass
from reconcile.location import Located
from reconcile.observed import Bound, ConversationId, Pane, Session, Unproven
from reconcile.plan import Decision

WATCH_INTERVAL = 2.0
"""Seconds between two drawings where nobody chose."""

CLEAR = "\x1b[H\x1b[2J"
NOTHING = "–"  # noqa: RUF001 - as the documents show it


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table. Empty text where there is nothing to say."""

    session: str
    agent: str
    state: str
    idle: str
    id: str
    pid: str
    workspace: str
    drift: str


def options(parser: argparse.ArgumentParser) -> None:
    """Its own options."""
    shape = parser.add_mutually_exclusive_group()
    shape.add_argument("--json", action="store_true", help="print the rows as JSON")
    shape.add_argument("--watch", action="store_true", help="draw it again and again")
    parser.add_argument("--interval", metavar="TIME", help="with --watch (default 2s)")
    shared.judging(parser)


def run(arguments: argparse.Namespace) -> int:
    """Draws the table once, or again and again until interrupted."""
    settings = config.load(arguments, os.environ, Path.home())
    monitor = Monitor(settings)
    complaints = Complaints(complain)
    while True:
        tick = monitor.tick(dry_run=True)
        rows = list(_rows(tick, monitor, settings.places.home))
        if arguments.json:
            print(json.dumps([asdict(row) for row in rows], indent=2, ensure_ascii=escapes()))
        else:
            print((CLEAR if arguments.watch else "") + table(rows))
            for key, one in tick.memory.mass_terminations.items():
                if one.first_back:
                    print(plain(f"[{key}] {recovery.sentence(one)}"))
            print(reconcile.summary(tick))
        sys.stdout.flush()
        complaints.about(tick)
        if not arguments.watch:
            return reconcile.status(tick, exit_code=False)
        # What was chosen for the ticks, in the config or the environment, is no choice for this.
        time.sleep((arguments.interval and settings.interval) or WATCH_INTERVAL)


def table(rows: Sequence[Row]) -> str:
    """The rows in columns, as wide as they need to be. `PID` and `IDLE` are flush right."""
    titles = [name.upper() for name in Row.__slots__]
    cells = [titles, *([getattr(row, name) or NOTHING for name in Row.__slots__] for row in rows)]
    cells = [[plain(cell) for cell in line] for line in cells]
    widths = [max(map(_width, column)) for column in zip(*cells, strict=True)]
    right = {"IDLE", "PID"}
    return "\n".join(
        "  ".join(
            _blank(cell, width) + cell if title in right else cell + _blank(cell, width)
            for cell, width, title in zip(line, widths, titles, strict=True)
        ).rstrip()
        for line in cells
    )


def _blank(cell: str, width: int) -> str:
    return " " * (width - _width(cell))


def _width(text: str) -> int:
    """How many columns a terminal gives to a text: two to a wide letter, none to an accent."""
    if text.isascii():
        return len(text)
    columns = {"W": 2, "F": 2}
    return sum(
        0
        if unicodedata.category(c) in {"Mn", "Me", "Cf"}
        else columns.get(unicodedata.east_asian_width(c), 1)
        for c in text
    )


def _rows(tick: Tick, monitor: Monitor, home: Path) -> Iterator[Row]:
    sessions = tick.sessions()
    decisions: dict[str, list[Decision]] = {}
    for decision in tick.report.decisions:
        decisions.setdefault(decision.drift.session, []).append(decision)
    for entry in tick.registry.entries:
        found = sessions.of(entry) if entry.name not in tick.elsewhere else None
        session = found.session if isinstance(found, Located) else None
        yield _row(entry, session, decisions.pop(entry.name, []), tick, monitor, home)
    for decided in decisions.values():
        drift = decided[0].drift
        unregistered = Entry(name=drift.session, agent=drift.agent, workspace=drift.workspace)
        session = next(iter(sessions.by_name.get(drift.session, ())), None)
        yield _row(unregistered, session, decided, tick, monitor, home)


def _row(
    entry: Entry,
    session: Session | None,
    found: Sequence[Decision],
    tick: Tick,
    monitor: Monitor,
    home: Path,
) -> Row:
    held = session and tick.world.conversations.get(session.name)
    likely = held.likely if isinstance(held, Unproven) else None
    conversation = held.id if isinstance(held, Bound) else likely or entry.own_id
    activity = _activity(entry, session, conversation, monitor)
    agent = session and monitor.observer.agents.get(session.name)
    pane = session and identity.agent_pane(session, entry, tick.world)
    within = identity.inside(session, pane, tick.world) if session and pane else None
    exited = session and pane and _has_exited(entry, session, pane, tick)
    doing = "exited" if exited else activity.state if activity else None
    lost = exited and not (within and within.shell_only)
    pid = agent.family[0].pid if agent else pane.pid if pane and not lost else None
    kinds = {decision.drift.kind for decision in found}
    return Row(
        session=entry.name,
        agent=entry.agent or "",
        state=_state(entry, session, kinds, doing, elsewhere=entry.name in tick.elsewhere),
        idle=_idle(activity, tick.world.at),
        id=_short(conversation) + ("?" if likely else "") if conversation else "",
        pid=str(pid) if pid else "",
        workspace=_tilde(entry.workspace or "", home),
        drift=", ".join(f"{d.drift.kind} {d.since.astimezone():%H:%M}" for d in found),
    )


def _has_exited(entry: Entry, session: Session, pane: Pane, tick: Tick) -> bool:
    before = tick.memory.sightings.get(names.key(entry.name))
    sighting = sightings.of_session(before, session, tick.world)
    return identity.has_exited(entry, session, pane, tick.world, sighting)


def _activity(
    entry: Entry, session: Session | None, conversation: ConversationId | None, monitor: Monitor
) -> Activity | None:
    agent = monitor.observer.agents.get(session.name) if session else None
    adapter = monitor.observer.adapters.get(agent.kind if agent else entry.agent or "")
    if adapter is None or conversation is None:
        return None
    found = adapter.activity(conversation, agent)
    return found if isinstance(found, Activity) else None


def _state(
    entry: Entry,
    session: Session | None,
    kinds: set[DriftClass],
    doing: str | None,
    *,
    elsewhere: bool,
) -> str:
    """What the session is doing; what cannot be told is `unknown`, never `gone`."""
    if elsewhere and entry.status == RUNNING:
        return "elsewhere"
    if DriftClass.TMUX_GONE in kinds:
        return "gone"
    if entry.status not in {RUNNING, None}:
        return entry.status or ""  # a person's word, whatever the session does
    if session is None:
        return "unknown" if entry.status else ""
    return doing or "running"


def _idle(activity: Activity | None, now: datetime) -> str:
    """How long ago the last sign of work was: `4s`, `12m`, `3h`, `5d`.

    `~5d` where only the time of a file tells, which a touch or a restored backup changes.
    """
    if activity is None or activity.last is None:
        return ""
    # A clock that was set back must not show a negative age.
    seconds = int(max(now - activity.last, timedelta(0)).total_seconds())
    about = "~" if activity.evidence == "mtime" else ""
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= size:
            return f"{about}{seconds // size}{unit}"
    return f"{about}{seconds}s"


def _short(conversation: ConversationId) -> str:
    text = str(conversation)
    return text if len(text) <= 9 else f"{text[:4]}…{text[-4:]}"  # noqa: PLR2004 - its own length


def _tilde(path: str, home: Path) -> str:
    return f"~{path[len(str(home)) :]}" if path.startswith(f"{home}/") else path
