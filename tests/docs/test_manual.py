"""The manual page says what the help says, and a reader of manual pages takes it."""

from __future__ import annotations

import shutil
import subprocess

import pytest

import manual
from kanban_worker import cli


def test_the_page_is_the_one_that_the_help_makes() -> None:
    assert manual.PAGE.read_text("utf-8") == manual.page(), "run: make man"


def test_it_names_every_command_with_its_options() -> None:
    page = manual.PAGE.read_text("utf-8").replace("\\-", "-").replace("\\/", "")

    for name, command in cli.parser().commands.items():
        command.fill()
        assert f".SH COMMAND \\fI\\,'agent-sessions {name}'" in page
        for action in command._actions:
            options = set(action.option_strings) - {"-h", "--help"}
            assert all(option in page for option in options)


@pytest.mark.skipif(shutil.which("groff") is None, reason="groff formats manual pages, where it is")
def test_a_formatter_has_nothing_to_say_against_it() -> None:
    done = subprocess.run(
        ["groff", "-man", "-Tutf8", "-ww", "-z", manual.PAGE],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")
