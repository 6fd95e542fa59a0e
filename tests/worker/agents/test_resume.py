"""The command that resumes a conversation, and whether it would find it from a directory."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kanban_worker.agents import ADAPTERS, claude_keys
from kanban_worker.agents.codex import Codex
from kanban_worker.agents.gemini import Gemini
from reconcile.observed import Artefact, ConversationId, Unknown

if TYPE_CHECKING:
    from kanban_worker.agents.shape import Adapter
    from tests.worker.agents.conftest import ClaudeHost, Host

ONE = ConversationId("11111111-0000-4000-8000-000000000001")
SESSION = ConversationId("ses_1aAbBcC")
HOSTILE = [
    "",
    "-",
    "--help",
    "-c",
    "..",
    "/",
    "\0",
    "latest",
    "1",
    "ses_",
    "ses_\n",
    "a b",
    "\ud800",
]


@pytest.mark.parametrize(
    ("kind", "command"),
    [
        ("claude", ("claude", "--resume", ONE)),
        ("agy", ("agy", "--conversation", ONE)),
        ("codex", ("codex", "resume", ONE)),
        ("gemini", ("gemini", "--resume", ONE)),
        ("opencode", ("opencode", "--session", SESSION)),
    ],
)
def test_each_agent_is_told_the_id_in_its_own_way(
    host: Host, kind: str, command: tuple[str, ...]
) -> None:
    assert ADAPTERS[kind](host.home, {}).resume(ConversationId(command[-1])) == command


@pytest.mark.parametrize("one", [*HOSTILE, f"-{ONE}", f"{ONE}\n", f"{ONE} --x"], ids=repr)
@pytest.mark.parametrize("kind", ADAPTERS)
def test_what_is_no_id_is_no_word_of_a_command(host: Host, kind: str, one: str) -> None:
    assert ADAPTERS[kind](host.home, {}).resume(ConversationId(one)) is None


@pytest.mark.parametrize("kind", ["agy", "opencode"])
def test_some_agents_find_it_from_anywhere(host: Host, kind: str) -> None:
    assert ADAPTERS[kind](host.home, {}).misplaced(ONE, "/nowhere") is None


def found(host: Host, adapter: Adapter, one: ConversationId, directory: Path) -> object:
    """Ask as the command does: first whether it is there, then whether it is in its place."""
    there = adapter.artefact(one, workspace=str(directory), created_at=None, now=host.now)
    assert there is Artefact.PRESENT
    return adapter.misplaced(one, str(directory))


# Claude Code --------------------------------------------------------------------------------------


def test_claude_code_finds_it_in_the_folder_of_its_directory(claude: ClaudeHost) -> None:
    work, one = claude.directory("lab/api"), claude.new_id()
    claude.write(one, work)

    assert found(claude, claude.adapter(), one, work) is None


def test_a_directory_may_be_named_through_a_link(claude: ClaudeHost) -> None:
    work, one = claude.directory("lab/api"), claude.new_id()
    link = claude.home / "link"
    link.symlink_to(work)
    claude.write(one, work)

    assert found(claude, claude.adapter(), one, link) is None


def test_claude_code_does_not_find_it_from_another_directory(claude: ClaudeHost) -> None:
    one = claude.new_id()
    path = claude.write(one, claude.directory("lab/docs"))

    why = found(claude, claude.adapter(), one, claude.directory("lab/api"))

    assert isinstance(why, str)
    assert why.startswith(f"{path} is not in the project folder of its directory")


def test_a_folder_that_two_directories_share_tells_nothing(claude: ClaudeHost) -> None:
    """`lab/a-b` and `lab/a/b` have one folder: the lines say whose a transcript is."""
    theirs, ours, one = claude.directory("lab/a/b"), claude.directory("lab/a-b"), claude.new_id()
    path = claude.write(one, theirs)
    assert claude_keys.key(str(theirs)) == claude_keys.key(str(ours))

    assert found(claude, claude.adapter(), one, ours) == (
        f"{path} was written in {theirs}, not in its directory"
    )
    assert found(claude, claude.adapter(), one, theirs) is None


def test_a_transcript_that_was_moved_by_cd_is_found_in_its_new_place(claude: ClaudeHost) -> None:
    old, new, one = claude.directory("lab/old"), claude.directory("lab/new"), claude.new_id()
    long = [claude.said(one, old, -600, message={"content": "x" * 10_000}) for _ in range(20)]
    lines = [*long, claude.said(one, new, -500)]
    claude.write(one, new, lines)

    assert found(claude, claude.adapter(), one, new) is None


def test_a_transcript_that_ends_with_another_s_messages_is_nobody_s(claude: ClaudeHost) -> None:
    """2.1.12 left a file with 13 lines of one id, then 201 of another."""
    work, one, two = claude.directory("lab/api"), claude.new_id(), claude.new_id()
    path = claude.write(one, work, [claude.said(one, work, -600), claude.said(two, work, -500)])

    why = found(claude, claude.adapter(), one, work)

    assert why == f"ambiguous: {path} ends with messages of {two}"


def test_a_transcript_that_names_no_directory_is_for_a_person_to_look_at(
    claude: ClaudeHost,
) -> None:
    work, one = claude.directory("lab/api"), claude.new_id()
    line = {key: value for key, value in claude.said(one, work, -600).items() if key != "cwd"}
    claude.write(one, work, [line])

    assert isinstance(found(claude, claude.adapter(), one, work), Unknown)


def test_a_transcript_that_cannot_be_read_is_unknown(claude: ClaudeHost) -> None:
    work, one = claude.directory("lab/api"), claude.new_id()
    path = claude.write(one, work)
    path.unlink()
    os.mkfifo(path)

    assert isinstance(claude.adapter().misplaced(one, str(work)), Unknown)


def test_another_configuration_than_the_one_in_use_does_not_count(claude: ClaudeHost) -> None:
    """`CLAUDE_CONFIG_DIR` moves everything: there the transcript in `~/.claude` is not found."""
    work, one = claude.directory("lab/api"), claude.new_id()
    claude.write(one, work)
    config = claude.directory("config/projects").parent

    why = found(claude, claude.adapter(CLAUDE_CONFIG_DIR=str(config)), one, work)

    assert isinstance(why, str)


def test_a_project_folder_that_the_environment_names_replaces_the_directory_s(
    claude: ClaudeHost,
) -> None:
    work, one, two = claude.directory("lab/api"), claude.new_id(), claude.new_id()
    claude.write(one, work, folder=claude.projects / "mine")
    claude.write(two, work)
    adapter = claude.adapter(
        CLAUDE_CONFIG_DIR=str(claude.config), CLAUDE_CODE_PROJECT_DIR_NAME="mine"
    )

    assert found(claude, adapter, one, work) is None
    assert isinstance(found(claude, adapter, two, work), str)


# Codex --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("archived", [False, True])
def test_codex_resumes_from_anywhere_but_not_out_of_the_archive(
    host: Host, *, archived: bool
) -> None:
    folder = host.directory(".codex/sessions/2026/01/02").parents[3]
    place = (
        host.directory(".codex/archived_sessions") if archived else folder / "sessions/2026/01/02"
    )
    path = place / f"rollout-2026-01-02T10-00-00-{ONE}.jsonl"
    path.write_text(json.dumps({"type": "session_meta", "payload": {"id": ONE, "cwd": "/x"}}))

    why = found(host, Codex(host.home, {}), ONE, host.directory("lab"))

    said = f"{path} is archived (bring it back with: codex unarchive {ONE})"
    assert why == (said if archived else None)


# Gemini CLI ---------------------------------------------------------------------------------------


@pytest.fixture
def chat(host: Host) -> Path:
    """A chat of the workspace `lab/api`."""
    folder = host.directory(".gemini/tmp/api/chats")
    path = folder / f"session-2026-01-02T10-00-{ONE[:8]}.jsonl"
    path.write_text(json.dumps({"sessionId": ONE}) + '\n{"type":"user","content":"hello"}\n')
    work = str(host.directory("lab/api"))
    (folder.parent / ".project_root").write_text(work)
    (host.home / ".gemini/projects.json").write_text(json.dumps({"projects": {work: "api"}}))
    return path


def test_gemini_finds_it_among_the_chats_of_its_directory_alone(host: Host, chat: Path) -> None:
    adapter = Gemini(host.home, {})

    assert found(host, adapter, ONE, host.directory("lab/api")) is None
    other = found(host, adapter, ONE, host.directory("lab/docs"))
    assert other == f"{chat} is of another directory's project"


def test_gemini_s_map_that_cannot_be_read_is_unknown(host: Host, chat: Path) -> None:
    projects = chat.parents[3] / "projects.json"
    projects.unlink()
    projects.mkdir()

    assert isinstance(found(host, Gemini(host.home, {}), ONE, host.directory("lab/api")), Unknown)


def test_what_gemini_does_not_have_is_in_no_wrong_place(host: Host) -> None:
    assert Gemini(host.home, {}).misplaced(ONE, "/x") is None
