"""The first hour of somebody with a few agents in tmux: the README, command by command."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import hermes
import hour
from fences import Fence

SHOWN = hour.steps(hour.README.read_text("utf-8"))

pytestmark = hermes.needed


def test_each_command_prints_what_the_readme_shows(fence: Fence) -> None:
    """In its order, on a machine with a small fleet."""
    with hour.begun(fence, program=Path(sys.executable).parent) as begun:
        ran = [begun.run(step.command) for step in SHOWN]

    for done, step in zip(ran, SHOWN, strict=True):
        assert hour.shape(done.shown) == hour.shape(step.shown), step.command


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
