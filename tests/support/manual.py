"""The manual page, from the parsers that print the help. `make man` writes it."""

from __future__ import annotations

import os
from pathlib import Path
from unittest import mock

from argparse_manpage.manpage import Manpage

from kanban_worker import cli, version

PAGE = Path(__file__).parents[2] / "docs" / "agent-sessions.1"


def page() -> str:
    """The whole page. It has no date: nothing but the program changes it."""
    with mock.patch.dict(os.environ, COLUMNS="80"):  # argparse breaks the lines of a usage
        return _page()


def _page() -> str:
    parser = cli.parser()
    for command in parser.commands.values():
        command.fill()
    manual = Manpage(
        parser,
        _data={
            "project_name": "agent-sessions-monitor",
            "version": version.found(),
            "manual_title": "User Commands",
            "date": " ",
            "description": "watch AI coding agents in tmux",
        },
    )
    return str(manual)


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
