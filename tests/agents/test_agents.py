"""Real agent programs in real tmux: no id that is not proven, and no change that goes unsaid."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

import expectations
import table
from playing import Playing


def _params() -> Iterator[object]:
    for column, scene, case in table.cells():
        yield pytest.param(column, scene, case, id=expectations.named(column, case))


@pytest.mark.parametrize(("column", "scene", "case"), list(_params()))
def test_each_pane_has_its_own_conversation(
    column: str,
    scene: str,
    case: str,
    playing: Playing,
    outcome: Callable[[str, str, str], None],
    took: Callable[[str, str, float], None],
) -> None:
    played = playing.scene(column, scene)
    if played.skipped:
        pytest.skip(played.skipped)
    took(column, scene, played.seconds)
    cell = played.cells.get(case)
    if cell is None or not cell.subjects:
        pytest.fail(f"the scene ended before this case:\n{played.broken}", pytrace=False)
    outcome(column, case, cell.outcome.value)
    expected = expectations.expected(column, case)
    if cell.outcome not in expected.allowed:
        accepted = ", ".join(sorted(expected.allowed))
        pytest.fail(f"{cell.outcome}, where {accepted} is accepted\n{cell}", pytrace=False)
