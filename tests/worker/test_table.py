"""The table of sessions: columns, dates, colours, whatever is in the cells."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from rich.console import Console

from kanban_worker import table
from reconcile.drift import Drift, DriftClass, FindingId, Notice, NoticeKind
from reconcile.observed import ConversationId, SessionName
from reconcile.plan import Action, Decision, Note
from reconcile.views import SessionView

HOME = Path("/home/you")
NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
VIEW = SessionView(
    name=SessionName("api"),
    host="devbox",
    registered=True,
    status="running",
    agent="claude",
    state="gone",
)


def decision(since: datetime, kind: DriftClass = DriftClass.TMUX_GONE) -> Decision:
    drift = Drift(
        id=FindingId("A-12345678"),
        kind=kind,
        session=VIEW.name,
        workspace="",
        agent="claude",
        seen="tmux gone",
        done="",
        evidence={},
    )
    return Decision(drift=drift, action=Action.FLAGGED, why="", new=True, since=since)


def note(since: datetime, *, acknowledged: bool = False) -> Note:
    notice = Notice(
        id=FindingId("X-12345678"), kind=NoticeKind.SHELL, session=VIEW.name, message="agent exited"
    )
    return Note(notice=notice, new=True, since=since, acknowledged=acknowledged)


def drawn(*views: SessionView, width: int = 200, colours: bool = False) -> list[str]:
    """The lines of the table, as a terminal of that width gets them."""
    out = io.StringIO()
    console = Console(
        file=out, width=width, force_terminal=colours, color_system="standard" if colours else None
    )
    console.print(table.drawn(views, NOW, HOME, width=width))
    return [line.rstrip() for line in out.getvalue().splitlines()]


def test_a_finding_of_today_has_its_time_and_an_older_one_its_date() -> None:
    today, before = NOW.astimezone() - timedelta(minutes=1), NOW.astimezone() - timedelta(days=40)

    _, now, then, both = drawn(
        replace(VIEW, decisions=(decision(today),)),
        replace(VIEW, decisions=(decision(before),)),
        replace(VIEW, decisions=(decision(before, DriftClass.STALE_ID),), notes=(note(today),)),
    )

    assert now.endswith(f"A {today:%H:%M}")
    assert then.endswith(f"A {before:%Y-%m-%d}")
    assert both.endswith(f"D {before:%Y-%m-%d}, agent-exited {today:%H:%M}")


def test_what_is_acknowledged_is_dimmed() -> None:
    loud, known = note(NOW), note(NOW, acknowledged=True)

    _, first, second = drawn(
        replace(VIEW, state="idle", notes=(loud,)),
        replace(VIEW, state="idle", notes=(known,)),
        colours=True,
    )

    assert "\x1b[33magent-exited" in first
    assert "\x1b[2magent-exited" in second
    assert "(ack)" in second
    assert "(ack)" not in first, "no colour is needed to tell them apart"


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0, "0s"), (59.9, "59s"), (60, "1m"), (3599, "59m"), (7200, "2h"), (86400 * 400, "400d")],
)
def test_a_length_of_time_is_shown_in_its_largest_unit(seconds: float, shown: str) -> None:
    assert table.span(seconds) == shown


def test_an_id_that_nothing_proves_has_a_question_mark() -> None:
    own = ConversationId("b3a7c2f0-0000-4000-8000-000000000c2f")
    _, proven, likely, short = drawn(
        replace(VIEW, conversation_id=own, conversation_proof="pid-file"),
        replace(VIEW, conversation_id=own, conversation_proof="likely"),
        replace(VIEW, conversation_id=ConversationId("ses_1"), conversation_proof="pid-file"),
    )

    assert " b3a7…0c2f  " in proven
    assert " b3a7…0c2f? " in likely
    assert " ses_1 " in short


@pytest.mark.parametrize("width", range(1, 120, 7))
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    """Down to one column nothing raises; from where the state fits, every row is one line."""
    name = SessionName("lab-研究-e\u0301-😀-creator-claude")
    view = replace(VIEW, name=name, workspace="/srv/deep/down/研究", pid=4711)
    wide = replace(view, decisions=(decision(NOW),), notes=(note(NOW),))

    lines = drawn(view, wide, width=width)

    if width >= 40:
        assert len(lines) == 3
        assert all(table.cell_len(line) <= width for line in lines)
        assert all("gone" in line for line in lines[1:])


def test_wide_and_combining_letters_stay_in_their_columns() -> None:
    names = ("lab-x-creator-claude", "lab-研究-creator-claude", "lab-e\u0301t-creator-claude", "😀")
    head, *lines = drawn(
        *(replace(VIEW, name=SessionName(name), workspace=f"/{name}", pid=7) for name in names)
    )

    for title, word in (("AGENT", "claude "), ("STATE", "gone"), ("WORKSPACE", "/")):
        places = {table.cell_len(line[: line.rindex(f" {word}") + 1]) for line in lines}
        assert places == {head.index(title)}, title


def test_no_cell_can_move_the_terminal() -> None:
    nasty = "\x1b[2J\x9b31m\u202e\u200b\n\t\x7f[red]x[/red]"
    view = replace(
        VIEW, name=SessionName(nasty), agent=nasty, state=nasty, workspace=f"/home/you/{nasty}"
    )

    _, row = drawn(replace(view, conversation_id=ConversationId(nasty)))

    assert row.isprintable()
    assert "[red]x[/red]" in row, "what looks like markup is only text"
