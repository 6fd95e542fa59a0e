"""The core is changed on purpose, one mutant at a time: its own tests notice."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

import commandline
import mutants
import mutating

LIST = Path(mutating.__file__).with_name("survivors.txt")
LEAST = 90
"""Percent."""


def survivors() -> Mapping[str, str]:
    """The listed mutants with their reasons: a line for the one, an indented line for the other."""
    lines = [line for line in LIST.read_text("utf-8").splitlines() if line and line[0] != "#"]
    return {mutant: reason.strip() for mutant, reason in zip(lines[::2], lines[1::2], strict=True)}


def test_the_core_s_own_tests_notice_nine_of_ten_mutants_and_the_others_are_listed(
    figure: Callable[[str, str], None],
) -> None:
    program = [sys.executable, mutating.__file__]
    environ = os.environ | commandline.importable() | {"PYTHONHASHSEED": "0"}
    lines = subprocess.run(program, env=environ, stdout=subprocess.PIPE, check=True).stdout
    killed = {each["mutant"]: each["killed"] for each in map(json.loads, lines.splitlines())}
    alive = [mutant for mutant in killed if not killed[mutant]]
    listed = survivors()

    unlisted = [mutant for mutant in alive if mutant not in listed]
    assert not unlisted, f"kill these with a test, or give {LIST.name} a reason for each"
    settled = [mutant for mutant in listed if killed.get(mutant, True)]
    assert not settled, f"these are killed or there no more: take them out of {LIST.name}"
    share = 100 * (1 - len(alive) / len(killed))
    assert share >= LEAST
    dead = len(killed) - len(alive)
    figure(
        "mutants",
        f"{len(killed)} mutants, {dead} killed ({share:.1f} %), {len(alive)} survivors listed",
    )


def test_each_survivor_has_a_reason() -> None:
    lines = [line for line in LIST.read_text("utf-8").splitlines() if line and line[0] != "#"]

    assert all(line.startswith("    ") == (at % 2 == 1) for at, line in enumerate(lines))
    assert len(survivors()) == len(lines) / 2


@pytest.mark.parametrize(
    ("source", "changes"),
    [
        (
            "a < b and not c",
            ["a <= b and (not c)", "a < b or not c", "return not c", "return a < b", "and c"],
        ),
        ("x[1:] if p else 'no'", ["x[2:]", "x[0:]", "x[:]", "not p", "'XXnoXX'"]),
        ("any(p(c, d=e) for c in f if g)", ["all(", "p(None", "d=None", "in f)", "not g"]),
        ("{'a': 1, 'b': c}", ["{'b': c}", "{'a': 1}", "'XXaXX'", "'a': 2", "'a': 0", "'XXbXX'"]),
        ("('a', 'b')", ["('b',)", "('a',)"]),
        ("isinstance(a, B | C)", []),
    ],
)
def test_an_expression_is_changed_to(source: str, changes: list[str]) -> None:
    found = [each.change for each in mutants.of("m", f"def f():\n    return {source}")]

    assert found.pop(0).endswith("→ return None")
    assert len(found) == len(changes)
    assert all(any(change in each.partition("→")[2] for each in found) for change in changes)


def test_a_mutant_is_named_by_where_it_is_and_what_it_changes_and_no_two_alike() -> None:
    source = "class A:\n    @property\n    def b(self):\n        c(1)\n        c(1)\n"

    assert [each.name for each in mutants.of("m", source)] == [
        "m.A: @property def b(self): c(1) c(1) → def b(self): c(1) c(1)",
        "m.A.b: c(1) → pass",
        "m.A.b: c(1) → c(2)",
        "m.A.b: c(1) → c(0)",
        "m.A.b: c(1) → pass (2)",
        "m.A.b: c(1) → c(2) (2)",
        "m.A.b: c(1) → c(0) (2)",
    ]
