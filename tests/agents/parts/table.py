"""What a run found, as a table of cases by agent, and how it gets into a document."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import expectations
from expectations import COLUMNS, SCENES
from outcomes import Outcome

BEGIN, END = "<!-- table: begin -->", "<!-- table: end -->"
NOT_RUN = "not run"

Found = Mapping[tuple[str, str], str]
"""The outcome of a cell, by column and case."""


def cells() -> Iterator[tuple[str, str, str]]:
    """Column, scene and case of everything that is played."""
    for column in COLUMNS:
        for scene, cases in SCENES.items():
            for case in cases:
                if not expectations.expected(column, case).not_played:
                    yield column, scene, case


def markdown(found: Found) -> str:
    """The table, and under it what is accepted instead of the right id."""
    lines = [f"| case | {' | '.join(COLUMNS)} |", f"| --- |{' --- |' * len(COLUMNS)}"]
    for cases in SCENES.values():
        for case, text in cases.items():
            row = (_shown(found, column, case) for column in COLUMNS)
            lines.append(f"| {text} | {' | '.join(row)} |")
    return "\n".join([*lines, "", *_reasons()])


def _shown(found: Found, column: str, case: str) -> str:
    expected = expectations.expected(column, case)
    if expected.not_played:
        return "-"
    outcome = found.get((column, case), NOT_RUN)
    good = outcome == NOT_RUN or Outcome(outcome) in expected.allowed
    return outcome if good else f"**{outcome}**"


def _reasons() -> Iterator[str]:
    """A line for each reason, with the columns and cases that it stands for."""
    cases = _whole_texts()
    where: dict[str, list[str]] = {}
    for column in COLUMNS:
        if why := expectations.UNPROVEN.get(column):
            where.setdefault(why, []).append(f"{column}, every case")
    for case, expected in expectations.BEFORE.items():
        where.setdefault(expected.why, []).append(f"every agent, {cases[case]}")
    for (column, case), expected in expectations.SPECIAL.items():
        if expected.not_played or expected.allowed != expectations.RIGHT:
            why = expected.not_played or expected.why
            if expected != expectations.BEFORE.get(case) and why != expectations.MOVED_ON.why:
                where.setdefault(why, []).append(f"{column}, {cases[case]}")
    for why, places in where.items():
        begun = tuple(f"{place} …" for place in places)
        yield f"- {why}: {'; '.join(each for each in places if not each.startswith(begun))}"


def _whole_texts() -> Mapping[str, str]:
    """The text of each case; one that goes on with another has that one's in front."""
    whole: dict[str, str] = {}
    begun = ""
    for cases in SCENES.values():
        for case, text in cases.items():
            goes_on = text.startswith("…")
            begun = begun if goes_on else text
            whole[case] = f"{begun} {text}" if goes_on else text
    return whole


def copy(path: Path, found: Found) -> None:
    """Puts the table into a document, between its two marks. Raises ValueError without them."""
    before, _, rest = path.read_text("utf-8").partition(BEGIN)
    _, mark, after = rest.partition(END)
    if not mark:
        raise ValueError(f"{path} has no {BEGIN} … {END}")
    path.write_text(f"{before}{BEGIN}\n{markdown(found)}\n{END}{after}", "utf-8")
