"""The first hour of somebody with a few agents in tmux: the README, command by command."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import fences
import hermes
import hour
from hour import Step

SHOWN = hour.steps(hour.README.read_text("utf-8"))

pytestmark = hermes.needed


@pytest.fixture(scope="module")
def printed() -> Iterator[list[Step]]:
    """What each command of the README prints, in its order, on a machine with a small fleet."""
    program = Path(sys.executable).parent
    with fences.raised() as fence, hour.begun(fence, program=program) as begun:
        yield [begun.run(step.command) for step in SHOWN]


@pytest.mark.parametrize("position", range(len(SHOWN)), ids=lambda n: SHOWN[n].command)
def test_each_command_prints_what_the_readme_shows(position: int, printed: list[Step]) -> None:
    assert hour.shape(printed[position].shown) == hour.shape(SHOWN[position].shown)


def test_the_readme_has_commands_in_it() -> None:
    commands = " ".join(step.command for step in SHOWN)
    for word in ("init", "status", "reconcile", "why", "undo", "resume-plan", "sh back.sh"):
        assert word in commands


def test_the_picture_shows_what_the_readme_shows() -> None:
    drawn = hour.PICTURE.read_text("utf-8")
    (table,) = (
        step.shown for step in SHOWN if step.command.endswith("status") and "gone" in step.shown
    )

    words = [word for line in hour.shape(table) for word in line.split()]
    assert [word for line in hour.shape(" ".join(hour.words_of(drawn))) for word in line.split()][
        -len(words) :
    ] == words
    assert not re.search(r"https?://(?!www\.w3\.org/)", drawn), "a picture asks nobody for anything"
