"""What the documents say is what the program does."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import hermes
from kanban_worker import cli, config

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")
COMMANDS = (ROOT / "docs/commands.md").read_text("utf-8")
DOCUMENTS = [ROOT / name for name in ("README.md", "AGENTS.md", "CHANGELOG.md")]
DOCUMENTS += sorted((ROOT / "docs").glob("*.md"))


def shape(line: str) -> str:
    """A line with what differs from run to run taken out, and columns closed up."""
    line = re.sub(r"/tmp/asm-\w+/home\b", "~", line)
    line = re.sub(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", "#", line)
    line = re.sub(r"[0-9a-f]{4}…[0-9a-f]{4}|\d\d:\d\d|\b\d+s\b|\[[A-Z]-\w{8}\]|\d{2,}", "#", line)
    return re.sub(r" +", " ", line).strip()


@pytest.fixture(scope="module")
def demo() -> list[str]:
    command = [sys.executable, "-m", "kanban_worker", "demo"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [shape(line) for line in done.stdout.splitlines()]


@hermes.needed
@pytest.mark.slow
def test_the_readme_shows_the_thread_that_the_demo_prints(demo: list[str]) -> None:
    block = re.search(r"<!-- demo: thread -->\n```\n(.*?)```", README, re.DOTALL)
    assert block is not None
    lines = [shape(line) for line in block[1].splitlines()]
    assert len(lines) >= 1
    missing = [line for line in lines if line not in demo]
    assert missing == []


@pytest.mark.slow
def test_what_the_program_prints_into_the_documents_is_up_to_date() -> None:
    documents = ["README.md", *(str(path) for path in (ROOT / "docs").glob("*.md"))]
    done = subprocess.run(
        [sys.executable, "-m", "cogapp", "--check", *documents],
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "80", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_readme_begins_with_what_a_newcomer_must_know() -> None:
    head = "\n".join(README.splitlines()[:20])
    for needed in ("**never**", "make demo", "make test", "tmux 3.0", "Python 3.11", "install ."):
        assert needed in head


def test_the_readme_is_a_page_and_the_rest_is_elsewhere() -> None:
    assert len(re.sub(r"```.*?```", "", README, flags=re.DOTALL).splitlines()) <= 100
    for document in sorted((ROOT / "docs").glob("*.md")):
        assert f"docs/{document.name}" in README + (ROOT / "AGENTS.md").read_text("utf-8")


def test_the_exit_statuses_are_documented() -> None:
    for status in cli.Exit:
        assert re.search(rf"^\| {int(status)} \| ", COMMANDS, re.MULTILINE)


@pytest.mark.parametrize("command", cli.COMMANDS)
def test_each_command_is_documented_with_all_its_options(command: str) -> None:
    assert f"\n## {command}\n" in COMMANDS
    assert f"usage: agent-sessions {command} [-h]" in COMMANDS


@pytest.mark.parametrize("key", config.KEYS)
def test_each_setting_has_a_flag_of_its_name(key: str) -> None:
    flag = f"--{key.replace('_', '-')}"
    assert flag in cli.parser().format_help() + subparser_help("work")


def subparser_help(command: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "kanban_worker", command, "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_each_link_to_a_file_leads_somewhere(document: Path) -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", document.read_text("utf-8"))
    assert [link for link in links if not (document.parent / link).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_each_file_that_a_document_names_in_backticks_exists(document: Path) -> None:
    named = re.findall(
        r"`((?:kanban_worker|reconcile|state|tests)/[\w./]*)`", document.read_text("utf-8")
    )
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_agents_md_is_a_page() -> None:
    lines = (ROOT / "AGENTS.md").read_text("utf-8").splitlines()
    assert 40 <= len(lines) <= 75
