"""The skill names nothing that is not there, and is what Hermes understands."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

import hermes
from kanban_worker import cli
from kanban_worker.commands import dispatch
from kanban_worker.hermes import skill, tools
from reconcile.drift import DriftClass

ROOT = Path(__file__).parents[2]
TEXT = (skill.shipped() / skill.FILE).read_text("utf-8")
_, HEAD, BODY = re.split(r"^---\n", TEXT, maxsplit=2, flags=re.MULTILINE)
ABOUT: dict[str, Any] = YAML(typ="safe", pure=True).load(HEAD)

CODE = re.findall(r"`([^`\n]+)`", BODY) + re.findall(r"^    (\S.*)$", BODY, re.MULTILINE)
OURS = [line for line in CODE if line.startswith("agent-sessions ")]
HERMES = [line for line in CODE if line.startswith("hermes ")]
KANBAN_TOOLS = {"kanban_block", "kanban_complete"}
"""Hermes' own that the skill speaks of."""

UNDERSTOOD = {"name", "description", "version", "license", "platforms", "metadata"}


def test_there_are_commands_to_check() -> None:
    assert len(OURS) >= 6
    assert len(HERMES) == 2


@pytest.mark.parametrize("line", OURS)
def test_each_command_of_ours_is_understood(line: str) -> None:
    arguments = cli.parser().parse_args(shlex.split(line)[1:])
    assert arguments.command in cli.COMMANDS


def test_each_tool_it_names_is_registered() -> None:
    named = {each for each in CODE if re.fullmatch(r"[a-z]+(_[a-z]+)+", each)}
    ours = {each.schema["name"] for each in tools.TOOLS}
    others = {"created_at", "session_id_history", "needs_input", "dry_run"}
    assert ours | KANBAN_TOOLS <= named
    assert named - others <= ours | KANBAN_TOOLS


def test_its_line_for_hermes_is_the_one_that_dispatch_runs() -> None:
    (line,) = (each for each in HERMES if "create" in each)
    run = dispatch.command(title="", body="", assignee="", board=None, folder=Path("/"))
    ours = {word for word in run if word.startswith("--")} - {"--json", "--body"}
    assert {word for word in shlex.split(line) if word.startswith("--")} == ours
    assert "100" in line and "8h" in line and skill.NAME in line  # noqa: PT018 - one line


@hermes.needed
@pytest.mark.parametrize("line", HERMES)
def test_hermes_has_each_flag_that_is_named(line: str) -> None:
    import argparse  # noqa: PLC0415 - only where Hermes is

    from hermes_cli import kanban  # noqa: PLC0415 - Hermes may not be installed

    top = argparse.ArgumentParser()
    kanban.build_parser(top.add_subparsers())
    words = shlex.split(line)[1:]
    assert top.parse_args(words)


def test_every_drift_class_is_explained() -> None:
    rows = re.findall(r"^\| ([A-Z]) \| (.+) \| (.+) \| (.+) \|$", BODY, re.MULTILINE)
    assert [row[0] for row in rows] == [each.value for each in DriftClass]


def test_it_says_what_a_worker_must_not_do() -> None:
    assert "once, as your first and only action" in BODY
    assert "never `kanban_block`, never `kanban_complete`" in BODY
    assert "## Hard rules" in BODY


def test_its_version_is_the_packages() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert ABOUT["version"] == project["version"]


def test_its_head_is_what_hermes_understands() -> None:
    assert set(ABOUT) == UNDERSTOOD
    assert ABOUT["name"] == skill.NAME
    assert len(ABOUT["name"]) <= 64
    assert len(ABOUT["description"]) <= 1024
    assert set(ABOUT["platforms"]) == {"linux", "macos"}
    assert set(ABOUT["metadata"]["hermes"]) == {"tags", "related_skills"}


def test_it_is_short_enough_to_be_in_every_turn() -> None:
    """It stays in the system prompt for all turns of a goal card."""
    assert len(TEXT) < 6500
