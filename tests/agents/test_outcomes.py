"""What a look is taken for, and what of a run may be copied."""

from __future__ import annotations

from pathlib import Path

import pytest

import expectations
import table
from outcomes import Cell, Change, Outcome, Seen, Talk

BEFORE, NOW = Talk("before"), Talk("now")


def seen(recorded: str | None, *, said: bool = False, untruth: str = "", history: str = "") -> Seen:
    return Seen(
        session="one",
        talk=NOW,
        earlier=(BEFORE,),
        recorded=recorded,
        history=[history] if history else [],
        said=said,
        untruth=untruth,
    )


@pytest.mark.parametrize(
    ("look", "outcome"),
    [
        pytest.param(seen("now"), Outcome.RIGHT, id="the id of the conversation"),
        pytest.param(seen(None), Outcome.NONE, id="no id"),
        pytest.param(seen("before", said=True), Outcome.SAID, id="an earlier id, and a notice"),
        pytest.param(seen("before"), Outcome.UNSAID, id="an earlier id, and no word"),
        pytest.param(seen("other"), Outcome.WRONG, id="an id that was never the pane's"),
        pytest.param(seen("now", history="other"), Outcome.WRONG, id="such an id in the history"),
        pytest.param(seen("now", untruth="terminated"), Outcome.WRONG, id="another untruth"),
    ],
)
def test_a_look_has_an_outcome(look: Seen, outcome: Outcome) -> None:
    assert look.outcome is outcome
    assert Cell([look]).outcome is outcome


@pytest.mark.parametrize("lost", [seen(None), seen("before", said=True)])
def test_a_right_id_that_is_lost_is_wrong(lost: Seen) -> None:
    assert Cell([lost], [Change(seen("now"), lost)]).outcome is Outcome.WRONG
    assert Cell([seen("now")], [Change(lost, seen("now"))]).outcome is Outcome.RIGHT


def test_a_wrong_id_counts_wherever_it_is_written() -> None:
    assert Cell([seen("now")], [Change(None, seen("other"))]).outcome is Outcome.WRONG
    assert Cell([seen("now")], [Change(None, seen("before"))]).outcome is Outcome.RIGHT


def test_every_agent_must_be_right_somewhere_or_says_why_not() -> None:
    for column, _, case in table.cells():
        expected = expectations.expected(column, case)
        assert Outcome.RIGHT in expected.allowed
        assert not expected.allowed & {Outcome.UNSAID, Outcome.WRONG}
        assert expected.why or expected.allowed == expectations.RIGHT


def test_a_copied_table_stands_between_its_marks(tmp_path: Path) -> None:
    document = tmp_path / "agents.md"
    document.write_text(f"before\n{table.BEGIN}\noutdated\n{table.END}\nafter\n", "utf-8")
    table.copy(document, {(column, case): "right" for column, _, case in table.cells()})
    text = document.read_text("utf-8")
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "outdated" not in text
    assert f"| {table.NOT_RUN} |" not in text


def test_the_cells_of_a_scene_are_played_together() -> None:
    for column, scene, case in table.cells():
        assert expectations.scene_of(expectations.named(column, case)) == f"{column}/{scene}"
    assert expectations.scene_of("the id of the conversation") is None
