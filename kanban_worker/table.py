"""The table of sessions that a person looks at, as wide as the terminal and in its colours."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Literal

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.table import Table
from rich.text import Text

from kanban_worker.cli import plain
from reconcile import views
from reconcile.desired import TERMINATED
from reconcile.drift import DriftClass
from reconcile.plan import Decision, Note
from reconcile.views import LIKELY, SessionView, State

TITLES = ("SESSION", "AGENT", "STATE", "IDLE", "ID", "PID", "WORKSPACE", "DRIFT")
RIGHT = frozenset({"IDLE", "PID"})
GAP = 2
"""Columns between two cells."""

SHRINKS = {"WORKSPACE": 12, "DRIFT": 14, "SESSION": 24}
"""What is cut where the terminal is too narrow, in this order, and to what width at most."""

LEAVES = ("WORKSPACE", "PID", "ID", "IDLE", "AGENT")
"""What is left out, one after the other, where that is not enough."""

WIDEST = 100_000
"""Columns where no terminal cuts: a file or a pipe takes whole lines."""

STATES: Mapping[str, str] = {
    State.WAITING: "bold yellow",
    State.FAILED: "bold red",
    State.STALLED: "yellow",
    State.LIMITED: "yellow",
    State.RETRYING: "yellow",
    State.EXITED: "yellow",
    State.GONE: "bold red",
    State.WORKING: "green",
    State.TERMINATED: "dim",
    State.ELSEWHERE: "dim",
}
_FAULT, _NOTICE, _KNOWN = "red", "yellow", "dim"
_DAY, _HOUR, _MINUTE = 86400, 3600, 60
_SHORT = 9
"""Letters of a shortened id: `b3a7…0c2f`."""


def console() -> Console:
    """What draws on stdout: as wide as the terminal, coloured where it is one and wants it."""
    # Rich asks the terminal, NO_COLOR and TERM; a file gets whole lines.
    width = None if sys.stdout.isatty() else WIDEST
    return Console(file=sys.stdout, width=width, highlight=False, markup=False, emoji=False)


def drawn(
    shown: Sequence[SessionView], now: datetime, home: Path, *, width: int, ascii_only: bool = False
) -> Table:
    """The views in columns, under their titles, in no more than `width` columns of a terminal."""
    dots, nothing = ("..", "-") if ascii_only else ("…", "–")  # noqa: RUF001 - as documented
    rows = [_cells(view, now, home, dots) for view in shown]
    widths = _widths(rows, width)
    table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="bold")
    for title, columns in widths.items():
        justify: Literal["left", "right"] = "right" if title in RIGHT else "left"
        table.add_column(title, justify=justify, no_wrap=True, width=columns)
    for view, row in zip(shown, rows, strict=True):
        cells = [_cut(row[title], title, widths[title], dots) for title in widths]
        shaded = [cell if cell.plain else Text(nothing, style="dim") for cell in cells]
        table.add_row(*shaded, style="dim" if view.is_over else None)
    return table


def _widths(rows: Sequence[Mapping[str, Text]], room: int) -> dict[str, int]:
    """The width of each column that there is room for."""
    natural = {t: max([cell_len(t), *(row[t].cell_len for row in rows)]) for t in TITLES}
    choices = [
        _shrunk({title: natural[title] for title in TITLES if title not in LEAVES[:count]}, room)
        for count in range(len(LEAVES) + 1)
    ]
    narrowest = choices[-1]
    left = max(narrowest["SESSION"] + room - _total(narrowest), 1)
    fitting = (widths for widths in choices if _total(widths) <= room)
    return next(fitting, {**narrowest, "SESSION": left})


def _shrunk(natural: Mapping[str, int], room: int) -> dict[str, int]:
    """The widths, cut as far as it takes and is allowed."""
    widths = dict(natural)
    for title, least in SHRINKS.items():
        if title in widths:
            spare = max(widths[title] - least, 0)
            widths[title] -= min(max(_total(widths) - room, 0), spare)
    return widths


def _total(widths: Mapping[str, int]) -> int:
    return sum(widths.values()) + GAP * (len(widths) - 1)


def _cut(cell: Text, title: str, columns: int, dots: str) -> Text:
    """A cell in its column. The end of a path says more than its beginning."""
    if cell.cell_len <= columns:
        return cell
    room = max(columns - len(dots), 0)
    if title == "WORKSPACE":
        return Text(dots + set_cell_size(cell.plain[::-1], room)[::-1], style=cell.style)
    cut = cell.copy()
    cut.truncate(room)
    return cut.append(dots)


def _cells(view: SessionView, now: datetime, home: Path, dots: str) -> Mapping[str, Text]:
    """By title; empty where there is nothing to say."""
    likely = "?" if view.conversation_proof == LIKELY else ""
    return {
        "SESSION": Text(plain(view.name)),
        "AGENT": Text(plain(view.agent or "")),
        "STATE": Text(plain(view.state), style=STATES.get(view.state, "")),
        "IDLE": Text(idle(view, now)),
        "ID": Text(plain(_shortened(view.conversation_id or "", dots) + likely)),
        "PID": Text(str(view.pid or "")),
        "WORKSPACE": Text(plain(tilde(view.workspace or "", home))),
        "DRIFT": _findings(view, now),
    }


def _findings(view: SessionView, now: datetime) -> Text:
    """`A 10:02, agent-exited 09:30 (ack)`; what a person has acknowledged is dimmed as well."""
    parts = [_finding(one, one.drift.kind.value, now) for one in view.decisions]
    parts += [_finding(one, one.notice.kind.value, now) for one in view.notes]
    if not parts and view.status == TERMINATED and view.state_since:
        parts = [Text(f"ended {clock(view.state_since, now)}")]
    return Text(", ").join(parts)


def _finding(found: Decision | Note, word: str, now: datetime) -> Text:
    gone = isinstance(found, Decision) and found.drift.kind is DriftClass.TMUX_GONE
    style = _KNOWN if found.acknowledged else _FAULT if gone else _NOTICE
    known = " (ack)" if found.acknowledged else ""
    return Text(f"{word} {clock(found.since, now)}{known}", style=style)


def clock(at: datetime, now: datetime) -> str:
    """`10:02` of today, else the date: `2026-11-20`. In local time."""
    local, today = at.astimezone(), now.astimezone().date()
    return f"{local:%H:%M}" if local.date() == today else f"{local:%Y-%m-%d}"


def idle(view: SessionView, now: datetime) -> str:
    """How long ago the last sign of work was: `4s`, `12m`, `3h`, `5d`.

    `~5d` where only the time of a file tells, which a touch or a restored backup changes.
    """
    seconds = views.age(view.last_activity_at, now)
    if seconds is None:
        return ""
    about = "~" if view.evidence == "mtime" else ""
    return about + span(seconds)


def span(seconds: float) -> str:
    """A length of time in its largest unit: `4s`, `12m`, `3h`, `5d`."""
    for unit, size in (("d", _DAY), ("h", _HOUR), ("m", _MINUTE)):
        if seconds >= size:
            return f"{int(seconds) // size}{unit}"
    return f"{int(seconds)}s"


def _shortened(conversation: str, dots: str) -> str:
    return (
        conversation
        if len(conversation) <= _SHORT
        else f"{conversation[:4]}{dots}{conversation[-4:]}"
    )


def tilde(path: str, home: Path) -> str:
    """A path as people write it, with `~` for the home."""
    return f"~{path[len(str(home)) :]}" if path.startswith(f"{home}/") else path
