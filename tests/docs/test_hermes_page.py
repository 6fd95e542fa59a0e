"""The commands of docs/hermes.md are ones that the programs take."""

from __future__ import annotations

import argparse
import importlib
import re
import shlex
from pathlib import Path

import pytest

import hermes
from kanban_worker import cli
from kanban_worker.commands import dispatch
from kanban_worker.doctor.check import Check, State

PAGE = (Path(__file__).parents[2] / "docs/hermes.md").read_text("utf-8")
LINES = [line.partition("#")[0].strip() for line in re.findall(r"^    (\S.*)$", PAGE, re.MULTILINE)]
WORDS = [*LINES, *re.findall(r"`([^`\n]+)`", PAGE)]
OURS = [line for line in WORDS if re.match("agent-sessions [a-z]", line)]
HERMES = [line for line in LINES if line.startswith("hermes ")]


def test_there_are_commands_to_check() -> None:
    assert len(OURS) >= 8
    assert len(HERMES) == 3


@pytest.mark.parametrize("line", OURS)
def test_each_command_of_ours_is_understood(line: str) -> None:
    assert cli.parser().parse_args(shlex.split(line)[1:]).command in cli.COMMANDS


def test_the_line_by_hand_is_the_one_that_dispatch_runs() -> None:
    (line,) = (each for each in HERMES if " create " in each and "kanban" in each)
    run = dispatch.command(title="", body="", assignee="", board=None, folder=Path("/"))
    assert set(run) - set(shlex.split(line)) <= {"", "--body", "--json", "dir:/"}


@hermes.needed
def test_hermes_takes_its_lines() -> None:
    top = argparse.ArgumentParser()
    importlib.import_module("hermes_cli.kanban").build_parser(top.add_subparsers())
    for line in HERMES:
        if line.startswith("hermes kanban"):
            assert top.parse_args(shlex.split(line)[1:])


def test_the_states_and_keys_of_doctor_are_named() -> None:
    assert all(f"`{state}`" in PAGE for state in State)
    assert all(f'"{key}"' in PAGE for key in Check("x", "y").as_json())
