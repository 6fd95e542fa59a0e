"""Session views: what people and programs are shown of one session."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta, timezone

import pytest

from examples import AT, ENTRY, GONE, NAME, OWN, planned
from reconcile import views
from reconcile.drift import FindingId, Notice, NoticeKind
from reconcile.observed import SessionName
from reconcile.plan import Note
from reconcile.views import SORTS, SessionView, State

NOTE = Note(
    notice=Notice(id=FindingId("X-1"), kind=NoticeKind.SHELL, session=NAME, message="agent exited"),
    new=True,
    since=AT,
)
(DECISION,) = planned(GONE, ENTRY).decisions
VIEW = SessionView(
    name=NAME, host="devbox", registered=True, status="running", agent="claude", state="idle"
)


def named(name: str, **changes: object) -> SessionView:
    return replace(VIEW, name=SessionName(name), **changes)  # type: ignore[arg-type]


def test_what_is_not_known_is_null() -> None:
    found = views.as_json(VIEW, AT)

    given = {"name": NAME, "host": "devbox", "status": "running", "agent": "claude"}
    empty = {"drifts": [], "notices": [], "acknowledged": []}
    known = {**given, **empty, "registered": True, "state": "idle"}
    assert {key: each for key, each in found.items() if each is not None} == known


def test_ids_are_whole_and_times_are_utc_with_their_age() -> None:
    seoul = timezone(timedelta(hours=9))
    view = replace(
        VIEW,
        conversation_id=OWN,
        conversation_proof="pid-file",
        last_activity_at=(AT - timedelta(seconds=107, milliseconds=900)).astimezone(seoul),
        log_mtime=(AT - timedelta(hours=2)).replace(microsecond=0),
        decisions=(DECISION,),
        notes=(NOTE,),
    )

    found = views.as_json(view, AT)

    assert found["conversation_id"] == OWN
    assert found["last_activity_at"] == "2026-11-20T09:58:12.223Z"
    assert found["idle_s"] == 107.9
    assert found["log_mtime"] == "2026-11-20T08:00:00Z"
    assert found["drifts"] == [DECISION.drift.id]
    assert found["notices"] == [{"id": "X-1", "kind": "agent-exited", "message": "agent exited"}]


def test_an_age_is_never_negative() -> None:
    assert views.age(AT + timedelta(days=1), AT) == 0
    assert views.age(None, AT) is None
    assert views.utc(None) is None


def test_what_is_acknowledged_is_no_open_finding() -> None:
    view = replace(VIEW, decisions=(DECISION,), notes=(NOTE, replace(NOTE, acknowledged=True)))
    known = replace(view, decisions=(replace(DECISION, acknowledged=True),))

    assert (view.open_findings, known.open_findings) == (2, 1)
    assert view.acknowledged == ("X-1",)
    assert known.acknowledged == (DECISION.drift.id, "X-1")
    assert views.as_json(known, AT)["acknowledged"] == [DECISION.drift.id, "X-1"]


@pytest.mark.parametrize(
    ("state", "notes", "over"),
    [
        pytest.param("terminated", (), True, id="it ended"),
        pytest.param("terminated", (NOTE,), False, id="something is to be said of it"),
        pytest.param("gone", (), False, id="it is not written down yet"),
        pytest.param("paused", (), False, id="a person's word"),
    ],
)
def test_what_is_over(state: str, notes: tuple[Note, ...], over: bool) -> None:  # noqa: FBT001 - a column
    assert replace(VIEW, state=state, notes=notes).is_over is over


def test_problems_come_first_then_who_waits_and_what_is_over_last() -> None:
    shown = [
        named("over", state=State.TERMINATED),
        named("away", state=State.ELSEWHERE),
        named("works", state=State.WORKING),
        named("mine", state="paused"),
        named("idles", state=State.IDLE),
        named("unseen", state=State.UNKNOWN),
        named("waits", state=State.WAITING),
        named("noted", notes=(NOTE,)),
        named("known", notes=(replace(NOTE, acknowledged=True),)),
        named("gone", state=State.GONE, decisions=(DECISION,)),
    ]

    order = [view.name for view in sorted(shown, key=SORTS["problems"])]

    quiet = ["works", "mine", "idles", "unseen", "known"]
    assert order == ["gone", "noted", "waits", *quiet, "away", "over"]


@pytest.mark.parametrize(
    ("key", "order"),
    [
        ("name", ["a", "b", "c"]),
        ("agent", ["c", "a", "b"]),
        ("state", ["b", "a", "c"]),
        ("idle", ["c", "a", "b"]),
        ("workspace", ["b", "c", "a"]),
    ],
)
def test_the_other_orders(key: str, order: list[str]) -> None:
    shown = [
        named("a", last_activity_at=AT, workspace="/z", state=State.IDLE),
        named("b", agent="codex", state=State.WAITING),
        named(
            "c",
            agent=None,
            state="paused",
            workspace="/a",
            last_activity_at=AT + timedelta(seconds=1),
        ),
    ]

    assert [view.name for view in sorted(shown, key=SORTS[key])] == order


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, ["a", "b"]),
        ({"names": ["b", "x"]}, ["b"]),
        ({"states": ["idle"]}, ["a"]),
        ({"agents": ["codex", "claude"]}, ["a", "b"]),
        ({"agents": ["codex"], "states": ["idle"]}, []),
    ],
)
def test_who_asks_for_some_gets_those(asked: dict[str, list[str]], expected: list[str]) -> None:
    shown = [named("a"), named("b", agent="codex", state="waiting")]

    assert [view.name for view in views.chosen(shown, **asked)] == expected
