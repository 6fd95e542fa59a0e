"""What is made of a card without any board: the laws that all ways share."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kanban_worker.boards import card, told
from kanban_worker.boards.card import Card
from kanban_worker.boards.shape import Address, Comment, CommentId

AT = datetime(2026, 6, 1, tzinfo=UTC)


def comments(count: int) -> tuple[Comment, ...]:
    return tuple(
        Comment(id=CommentId(str(number)), author="ada", body=f"comment {number}", at=AT)
        for number in range(1, count + 1)
    )


def heard(*kinds: str) -> str | None:
    return card.heard(
        Card(id="t_1", status="ready", kinds=kinds, comments=comments(kinds.count("commented")))
    )


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        ((), None),
        (("created", "commented", "claimed", "commented"), None),
        (("commented", "blocked", "commented"), "1"),
        (("commented", "blocked", "commented", "unblocked", "claimed"), "2"),
        (("blocked", "unblocked", "commented"), None),
        (("commented", "crashed", "commented", "reclaimed"), None),
        (("commented", "gave_up", "commented"), None),
        (("commented", "block_loop_detected"), "1"),
        (("commented", "scheduled", "commented"), "1"),
        (("commented", "completed", "status", "commented"), "1"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_heard_is_cut_where_a_stop_was_obeyed_or_overruled(
    kinds: tuple[str, ...], expected: str | None
) -> None:
    assert heard(*kinds) == expected


KINDS = st.sampled_from(["commented", "blocked", "unblocked", "claimed", "heartbeat", "crashed"])


@given(st.lists(KINDS, max_size=30))
def test_heard_and_what_is_behind_it_are_the_whole_thread(kinds: list[str]) -> None:
    thread = comments(kinds.count("commented"))
    found = card.heard(Card(id="t_1", status="ready", kinds=tuple(kinds), comments=thread))
    behind = card.behind(thread, found)
    cut = max((at for at, kind in enumerate(kinds) if kind in {"blocked", "unblocked"}), default=0)
    assert behind == thread[len(thread) - kinds[cut:].count("commented") :]


def test_events_that_were_tidied_away_leave_no_comment_unheard() -> None:
    kinds = ("blocked", *["commented"] * 5)
    assert card.heard(Card(id="t_1", status="ready", kinds=kinds, comments=comments(3))) is None


def test_a_first_look_at_a_long_thread_has_the_newest_and_a_later_one_the_next() -> None:
    thread = comments(card.MOST + 100)
    assert card.behind(thread, None) == thread[100:]
    assert card.behind(thread, CommentId("20")) == thread[20 : 20 + card.MOST]


@given(st.text())
def test_a_text_that_fits_is_utf_8_without_nul(text: str) -> None:
    found = card.fit(text)
    assert "\0" not in found
    assert len(found.encode()) <= card.LONGEST


@given(st.text(max_size=2000))
def test_a_line_is_short_and_printable(text: str) -> None:
    found = card.line(text, 100)
    assert found.isprintable()
    assert len(found) <= 100


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
SOME_CARD = st.fixed_dictionaries(
    {"task": st.fixed_dictionaries({"id": JSON, "status": JSON | st.just("running")})},
    optional={
        name: JSON | st.lists(st.dictionaries(st.sampled_from(FIELDS), JSON), max_size=3)
        for FIELDS in [["id", "kind", "payload", "body", "author", "created_at", "ended_at"]]
        for name in ("comments", "events", "runs")
    },
)


@given(JSON | SOME_CARD)
def test_whatever_a_server_tells_is_a_card_or_none(answer: object) -> None:
    try:
        found = told.read(json.dumps(answer))
    except ValueError:
        return
    assert isinstance(found.status, str)
    assert all(each.at.tzinfo for each in found.comments)


@pytest.mark.parametrize("seconds", [None, "5", 1e300, -1e300, float("nan"), float("inf"), []])
def test_what_is_no_time_is_none(seconds: object) -> None:
    assert card.moment(seconds) is None


@pytest.mark.parametrize("last", [None, "needs_input", "capability", "transient", "dependency"])
def test_no_card_is_blocked_twice_in_a_row_for_the_same(last: str | None) -> None:
    assert card.block_kind(last) != last
    assert card.block_kind(last) in {"needs_input", "capability"}


def test_a_run_is_only_taken_over_for_its_own_card() -> None:
    environ = {"HERMES_KANBAN_TASK": "t_1", "HERMES_KANBAN_RUN_ID": "7"}
    assert card.dispatched(Address(card=None, environ=environ), "t_1") == "7"
    assert card.dispatched(Address(card="t_2", environ=environ), "t_2") == ""
    assert card.dispatched(Address(card=None, environ={}), "t_1") == ""
