"""What the monitor says is known by its whole text, and is harmless whoever reads it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from examples import AT
from reconcile import own_words, stop
from reconcile.own_words import Remark
from reconcile.stop import Reading

REMARK = Remark(author="ann", at=AT, body="can we stop?")


def test_an_answer_says_how_to_stop_and_to_what_it_is_one() -> None:
    assert own_words.answer(REMARK, 0) == (
        "[T-14e7fa10] The comment of 2026-11-20T10:00:00Z was not understood, so the watch goes "
        "on. To end it, write a comment of this one word: `stop`"
    )


def test_what_it_says_to_do_stops_it() -> None:
    word = own_words.answer(REMARK, 0).rpartition(" ")[2]

    assert stop.read(word) is stop.read(word.strip("`")) is Reading.STOP


@given(author=st.text(), body=st.text(), before=st.integers(0, 9))
def test_no_answer_asks_to_stop_or_for_an_answer(author: str, body: str, before: int) -> None:
    answer = own_words.answer(Remark(author=author, at=AT, body=body), before)

    for text in (answer, f"> {answer}", f"{answer}\n", answer.upper(), answer.replace("[", "")):
        assert stop.read(text) is Reading.NONE


@pytest.mark.parametrize(
    "other",
    [
        (replace(REMARK, author="bob"), 0),
        (replace(REMARK, body="stop?"), 0),
        (replace(REMARK, at=AT + timedelta(seconds=1)), 0),
        (REMARK, 1),
    ],
)
def test_each_remark_has_an_answer_of_its_own(other: tuple[Remark, int]) -> None:
    assert own_words.answer(*other) != own_words.answer(REMARK, 0)


@pytest.mark.usefixtures("abroad")
def test_an_answer_is_the_same_in_every_time_zone() -> None:
    elsewhere = replace(REMARK, at=AT.astimezone(timezone(timedelta(hours=9))))

    assert own_words.answer(elsewhere, 0) == own_words.answer(REMARK, 0)
    assert "The comment of 2026-11-20T10:00:00Z was" in own_words.answer(elsewhere, 0)


def test_a_text_that_would_ask_to_stop_is_written_as_a_quotation() -> None:
    assert own_words.comment("A-3f2a91c4", "lab-x: tmux gone") == "[A-3f2a91c4] lab-x: tmux gone"
    assert own_words.comment("A-3f2a91c4", "stop: gone\nand more") == (
        "[A-3f2a91c4]\n> stop: gone\n> and more"
    )


@pytest.mark.parametrize("text", ["lab-x: tmux gone", "stop: gone"])
@pytest.mark.parametrize("more", ["", "\nResume: x", "\nand more"])
def test_a_comment_is_the_same_however_late_it_was_made(text: str, more: str) -> None:
    soon = own_words.comment("A-3f2a91c4", f"{text}{more}")
    late = own_words.comment("A-3f2a91c4", f"{text}{own_words.late(AT)}{more}")

    assert own_words.bare(late) == own_words.bare(soon) == soon
    assert own_words.bare(f"\n{late} \n") == soon
    assert own_words.findings([late]) == {f"[A-3f2a91c4] {text}"}


def test_in_a_digest_that_is_written_as_a_quotation_each_finding_is_found() -> None:
    listed = ["[A-3f2a91c4] stop [x]", "[D-3f2a91c5] another"]

    digest = own_words.comment("S-3f2a91c6", "\n".join(["2 at once:", *(f"- {x}" for x in listed)]))

    assert digest.startswith("[S-3f2a91c6]\n> 2 at once:\n> - [A-")
    assert own_words.findings([digest]) == {*listed, "[S-3f2a91c6] 2 at once:"}


def test_a_key_alone_is_no_finding_of_ours() -> None:
    said = own_words.findings(["[A-3f2a91c4]", "thanks for [A-3f2a91c4] x", "[x] y"])

    assert said == frozenset()


def test_what_is_said_under_no_key_is_a_quotation_where_it_reads_like_a_request() -> None:
    assert own_words.plain("blocked: the disk is full") == "blocked: the disk is full"
    assert own_words.plain("stop\nplease") == "> stop\n> please"


def test_a_mark_has_the_key_of_its_comment_if_it_has_one() -> None:
    assert own_words.mark("id", "17", "[A-3f2a91c4] gone") == "id:17:A-3f2a91c4"
    assert own_words.mark("place", "3", "see [A-3f2a91c4]") == "place:3:"
