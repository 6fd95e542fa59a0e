"""The table of figures, as the document has it."""

from __future__ import annotations

from pathlib import Path

import reliability

DOCUMENT = Path(__file__).parents[2] / "docs/reliability.md"


def test_the_document_has_a_row_for_each_fault() -> None:
    text = DOCUMENT.read_text("utf-8").partition(reliability.BEGIN)[2]
    text = text.partition(reliability.END)[0]  # there is another table, of the versions of tmux

    rows = [line.split(" | ")[:2] for line in text.splitlines() if line.startswith("| ")][2:]

    expected = [[f"| {each.text}", each.passes] for each in reliability.FAULTS.values()]
    assert rows == expected


def test_what_was_not_measured_is_called_not_run(tmp_path: Path) -> None:
    document = tmp_path / "reliability.md"
    document.write_text(f"before\n{reliability.BEGIN}\nstood here\n{reliability.END}\nafter\n")

    reliability.copy(document, {"clock": ["3 steps", "1 suspend"]})

    text = document.read_text()
    assert text.count("not run") == len(reliability.FAULTS) - 1
    assert "| 3 steps; 1 suspend |" in text
    assert "stood here" not in text
    assert text.startswith("before\n")
    assert text.endswith("\nafter\n")
