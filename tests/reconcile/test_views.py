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
    acknowledged=False,
)
(DECISION,) = planned(GONE, ENTRY).decisions
VIEW = SessionView(
    name=NAME, host="devbox", registered=True, status="running", agent="claude", state="idle"
)


def named(name: str, **changes: object) -> SessionView:
    return replace(VIEW, name=SessionName(name), **changes)  # type: ignore[arg-type]


def test_the_object_is_a_contract() -> None:
    seoul = timezone(timedelta(hours=9))
    view = replace(
        VIEW,
        state_since=AT.replace(microsecond=0),
        evidence="transcript",
        conversation_id=OWN,
        conversation_proof="pid-file",
        last_activity_at=(AT - timedelta(seconds=107, milliseconds=900)).astimezone(seoul),
        log_path="/log",
        log_mtime=(AT - timedelta(hours=2)).replace(microsecond=0),
        pid=7,
        pane="%4",
        socket="/s",
        workspace="/w",
        delegate_job_id="job-7",
        decisions=(DECISION,),
        notes=(NOTE,),
    )

    assert views.as_json(view, AT) == {
        "name": NAME,
        "host": "devbox",
        "registered": True,
        "status": "running",
        "agent": "claude",
        "agent_version": None,
        "state": "idle",
        "state_since": "2026-11-20T10:00:00Z",
        "waiting_for": None,
        "limit_resets_at": None,
        "evidence": "transcript",
        "last_activity_at": "2026-11-20T09:58:12.223Z",
        "idle_s": 107.9,
        "log_path": "/log",
        "log_mtime": "2026-11-20T08:00:00Z",
        "log_idle_s": 7200.123,
        "conversation_id": OWN,
        "conversation_proof": "pid-file",
        "title": None,
        "model": None,
        "context_tokens": None,
        "context_window": None,
        "background": None,
        "pid": 7,
        "pane": "%4",
        "socket": "/s",
        "workspace": "/w",
        "attached": None,
        "delegate_job_id": "job-7",
        "job_state": None,
        "drifts": [DECISION.drift.id],
        "notices": [{"id": "X-1", "kind": "agent-exited", "message": "agent exited"}],
        "acknowledged": [],
    }


def test_what_is_not_known_is_null() -> None:
    found = views.as_json(VIEW, AT)

    given = {"name": NAME, "host": "devbox", "status": "running", "agent": "claude"}
    empty = {"drifts": [], "notices": [], "acknowledged": []}
    known = {**given, **empty, "registered": True, "state": "idle"}
    assert {key: each for key, each in found.items() if each is not None} == known


def test_its_words_are_a_contract() -> None:
    assert {each.value for each in State} == {
        "waiting", "failed", "stalled", "limited", "retrying", "exited",
        "gone", "working", "idle", "unknown", "elsewhere", "terminated",
    }  # fmt: skip
    assert (views.SCHEMA_VERSION, views.LIKELY, views.RECORDED) == (1, "likely", "recorded")


@pytest.mark.usefixtures("abroad")
def test_times_are_utc_wherever_the_host_is() -> None:
    assert views.utc(AT) == "2026-11-20T10:00:00.123Z"


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
        ("name", ["a", "b", "c", "d"]),
        ("agent", ["c", "b", "a", "d"]),
        ("state", ["b", "a", "d", "c"]),
        ("idle", ["c", "a", "b", "d"]),
        ("workspace", ["b", "d", "c", "a"]),
    ],
)
def test_the_other_orders(key: str, order: list[str]) -> None:
    shown = [
        named("a", last_activity_at=AT, workspace="/z", state=State.IDLE),
        named("b", agent="Codex", state=State.WAITING),
        named(
            "c",
            agent=None,
            state="paused",
            workspace="/a",
            last_activity_at=AT + timedelta(seconds=1),
        ),
        named("d", state="mine"),
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
