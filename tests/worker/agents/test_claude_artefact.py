"""What is on disk under a recorded session id, and what the agent last did."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kanban_worker.agents import claude_keys, files
from kanban_worker.agents.claude import Claude
from kanban_worker.agents.shape import Activity, LiveAgent
from reconcile.observed import Artefact, ConversationId, Missing, Unknown

if TYPE_CHECKING:
    from tests.worker.agents.conftest import ClaudeHost, Host

GONE = Missing("never written or deleted")


@pytest.fixture
def work(claude: ClaudeHost) -> Path:
    return claude.directory("lab/x")


def look(
    claude: ClaudeHost,
    one: str,
    work: Path | None = None,
    *,
    age: float = 60,
    adapter: Claude | None = None,
) -> Artefact | Missing | Unknown:
    return (adapter or claude.adapter()).artefact(
        ConversationId(one),
        workspace=None if work is None else str(work),
        created_at=claude.at(-age),
        now=claude.now,
        environ={},
    )


def test_a_transcript_is_present_in_its_workspace_s_folder(claude: ClaudeHost, work: Path) -> None:
    one = claude.new_id()
    claude.write(one, work)
    assert look(claude, one, work) is Artefact.PRESENT


@pytest.mark.parametrize("asked", ["with its workspace", "without"])
def test_a_transcript_is_present_in_any_other_folder(
    claude: ClaudeHost, work: Path, asked: str
) -> None:
    one = claude.new_id()
    claude.write(one, work, folder=claude.projects / "-renamed-since")
    assert look(claude, one, work if asked != "without" else None) is Artefact.PRESENT


def test_a_transcript_is_present_in_the_folder_of_a_symlink_s_target(
    claude: ClaudeHost, work: Path
) -> None:
    one = claude.new_id()
    claude.write(one, work)
    link = claude.home / "link"
    link.symlink_to(work)
    assert look(claude, one, link) is Artefact.PRESENT


def test_a_transcript_in_a_live_agent_s_own_config_dir_is_present(
    claude: ClaudeHost, work: Path, tmp_path: Path
) -> None:
    other = type(claude)(claude.home, tmp_path.resolve() / "other-config")
    one, adapter = other.new_id(), claude.adapter()
    other.write(one, work)
    assert look(claude, one, work, adapter=adapter) == GONE
    adapter.conversations([claude.agent(work, environ={"CLAUDE_CONFIG_DIR": str(other.config)})])
    assert look(claude, one, work, adapter=adapter) is Artefact.PRESENT


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b'{"type":"summary","leafUuid":"l","summary":"s"}\n', id="summary only"),
        pytest.param(b"\x00\xff" * 500, id="binary"),
        pytest.param(b"[" * 50_000 + b"\n", id="brackets without end"),
        pytest.param(
            b'{"type":"summary","summary":"\\"parentUuid\\":1,\\"type\\":\\"user\\""}\n',
            id="a summary that quotes a message",
        ),
    ],
)
def test_a_file_without_a_message_is_a_ghost(claude: ClaudeHost, work: Path, lines: bytes) -> None:
    one = claude.new_id()
    claude.write(one, work, lines)
    assert look(claude, one, work) is Artefact.GHOST


def test_a_ghost_in_the_workspace_s_folder_does_not_hide_the_transcript(
    claude: ClaudeHost, work: Path
) -> None:
    one = claude.new_id()
    claude.write(one, work, b'{"type":"summary"}\n')
    claude.write(one, work, folder=claude.projects / "-elsewhere")
    assert look(claude, one, work) is Artefact.PRESENT


def test_a_ghost_that_is_written_to_is_present(claude: ClaudeHost, work: Path) -> None:
    one, adapter = claude.new_id(), claude.adapter()
    claude.write(one, work, b"")
    assert look(claude, one, work, adapter=adapter) is Artefact.GHOST
    claude.write(one, work)
    assert look(claude, one, work, adapter=adapter) is Artefact.PRESENT


def test_a_long_file_without_a_message_at_either_end_is_unknown(
    claude: ClaudeHost, work: Path
) -> None:
    one = claude.new_id()
    path = claude.write(one, work, b'{"type":"mode"}\n' * 200_000)
    assert look(claude, one, work) is Artefact.GHOST
    with path.open("ab") as stream:
        stream.truncate(files.WIDE + 1)
    found = look(claude, one, work)
    assert isinstance(found, Unknown)
    assert f"{one}.jsonl" in found.why


def test_a_present_transcript_stays_so_when_its_tail_is_all_metadata(
    claude: ClaudeHost, work: Path
) -> None:
    one, adapter = claude.new_id(), claude.adapter()
    path = claude.write(one, work)
    assert look(claude, one, work, adapter=adapter) is Artefact.PRESENT
    with path.open("ab") as stream:
        stream.write(b'{"type":"mode"}\n' * 200_000)
    assert look(claude, one, work, adapter=adapter) is Artefact.PRESENT


def test_a_transcript_that_moves_is_followed(claude: ClaudeHost, work: Path) -> None:
    one, adapter = claude.new_id(), claude.adapter()
    path = claude.write(one, work)
    assert look(claude, one, work, adapter=adapter) is Artefact.PRESENT
    (claude.projects / "-moved").mkdir()
    path.rename(claude.projects / "-moved" / path.name)
    claude.now += timedelta(seconds=30)
    assert look(claude, one, work, adapter=adapter) is Artefact.PRESENT


def test_a_transcript_that_is_deleted_is_missing_at_the_next_tick(
    claude: ClaudeHost, work: Path
) -> None:
    one, adapter, agent = claude.new_id(), claude.adapter(), claude.agent(work)
    path = claude.write(one, work)
    claude.pid_file(agent, one)
    adapter.conversations([agent])
    assert look(claude, one, work, adapter=adapter) is Artefact.PRESENT
    path.unlink()
    adapter.conversations([])
    claude.now += timedelta(seconds=30)
    assert look(claude, one, work, adapter=adapter) == GONE


def test_only_the_first_question_of_a_tick_is_answered_from_its_look(
    claude: ClaudeHost, work: Path
) -> None:
    one, adapter, agent = claude.new_id(), claude.adapter(), claude.agent(work)
    path = claude.write(one, work)
    claude.pid_file(agent, one)
    adapter.conversations([agent])
    path.unlink()
    assert look(claude, one, work, adapter=adapter) is Artefact.PRESENT
    assert isinstance(look(claude, one, work, adapter=adapter), Missing)


# -- not there ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "one",
    [
        "",
        "x",
        "../../../etc/passwd",
        "*",
        "87dc548e-0000-4000-8000-00000000000g",
        "a\0b",
        "x" * 999,
    ],
)
def test_what_is_no_uuid_is_no_session(claude: ClaudeHost, one: str) -> None:
    assert look(claude, one) == Missing("not a session id of Claude Code: those are UUIDs")


def test_an_id_that_was_never_written_is_missing(claude: ClaudeHost, work: Path) -> None:
    assert look(claude, claude.new_id(), work) == GONE


@pytest.mark.parametrize(
    ("settings", "days", "cause"),
    [
        pytest.param(None, 29, "never written or deleted", id="younger than the default"),
        pytest.param(None, 31, "expired: cleanupPeriodDays is 30, the default", id="default"),
        pytest.param(
            {"cleanupPeriodDays": 7}, 8, "expired: cleanupPeriodDays is 7", id="set shorter"
        ),
        pytest.param({"cleanupPeriodDays": 365}, 31, "never written or deleted", id="set longer"),
        pytest.param(
            {"cleanupPeriodDays": 10**15}, 31, "never written or deleted", id="set for ever"
        ),
        pytest.param(
            {"cleanupPeriodDays": "7"},
            31,
            "expired: cleanupPeriodDays is 30, the default",
            id="not a number",
        ),
        pytest.param(
            {"cleanupPeriodDays": -1},
            31,
            "expired: cleanupPeriodDays is 30, the default",
            id="less than nothing",
        ),
        pytest.param({"cleanupPeriodDays": True}, 2, "never written or deleted", id="a truth"),
        pytest.param(
            {"cleanupPeriodDays": 0},
            31,
            "never written or deleted: cleanupPeriodDays is 0",
            id="nothing is kept",
        ),
    ],
)
def test_an_old_missing_id_is_expired(
    claude: ClaudeHost, settings: dict[str, object] | None, days: int, cause: str
) -> None:
    if settings is not None:
        (claude.config / "settings.json").write_text(json.dumps(settings))
    assert look(claude, claude.new_id(), age=days * 86400) == Missing(cause)


def test_an_id_that_a_living_agent_names_is_not_written_yet(claude: ClaudeHost, work: Path) -> None:
    one, adapter, agent = claude.new_id(), claude.adapter(), claude.agent(work)
    claude.pid_file(agent, one)
    adapter.conversations([agent])
    assert look(claude, one, work, adapter=adapter) == Missing(
        "not written yet: its agent has had no prompt"
    )


# -- could not look -----------------------------------------------------------------------------


def test_a_missing_home_is_not_a_deleted_transcript(host: Host) -> None:
    adapter = Claude(host.home / "not-mounted", {})
    found = adapter.artefact(
        ConversationId("87dc548e-0000-4000-8000-000000000000"),
        workspace=None,
        created_at=None,
        now=host.now,
    )
    assert isinstance(found, Unknown)
    assert "is not there" in found.why


def test_a_config_folder_without_projects_is_unknown(claude: ClaudeHost) -> None:
    claude.projects.rmdir()
    found = look(claude, claude.new_id())
    assert found == Unknown(f"{claude.projects} is not there (mount or restore it)")


def test_a_config_folder_that_is_a_link_to_nowhere_is_unknown(
    claude: ClaudeHost, tmp_path: Path
) -> None:
    claude.projects.rmdir()
    claude.config.rmdir()
    claude.config.symlink_to(tmp_path / "not-mounted")
    other = type(claude)(claude.home, tmp_path.resolve() / "other-config")
    adapter = claude.adapter(CLAUDE_CONFIG_DIR=str(other.config))
    assert isinstance(look(claude, claude.new_id(), adapter=adapter), Unknown)


def test_a_default_folder_that_was_never_made_hides_nothing(
    claude: ClaudeHost, tmp_path: Path
) -> None:
    claude.projects.rmdir()
    claude.config.rmdir()
    other = type(claude)(claude.home, tmp_path.resolve() / "other-config")
    adapter = claude.adapter(CLAUDE_CONFIG_DIR=str(other.config))
    assert look(claude, claude.new_id(), adapter=adapter) == GONE


@pytest.mark.parametrize("what", ["file", "loop", "nowhere"])
def test_a_projects_folder_that_cannot_be_listed_is_unknown(
    claude: ClaudeHost, work: Path, what: str
) -> None:
    claude.projects.rmdir()
    if what == "file":
        claude.projects.write_text("")
    else:
        claude.projects.symlink_to(claude.projects if what == "loop" else "nowhere")
    found = look(claude, claude.new_id(), work)
    assert isinstance(found, Unknown)
    assert str(claude.projects) in found.why


@pytest.mark.parametrize("what", ["loop", "nowhere"])
def test_one_project_folder_that_cannot_be_listed_is_unknown(
    claude: ClaudeHost, work: Path, what: str
) -> None:
    claude.write(claude.new_id(), work)
    folder = claude.projects / "-other"
    folder.symlink_to(folder if what == "loop" else "nowhere")
    found = look(claude, claude.new_id(), work)
    assert isinstance(found, Unknown)
    assert str(folder) in found.why


def test_a_transcript_beside_an_unreadable_folder_is_present_all_the_same(
    claude: ClaudeHost, work: Path
) -> None:
    one = claude.new_id()
    claude.write(one, work)
    (claude.projects / "-other").symlink_to("nowhere")
    assert look(claude, one, work) is Artefact.PRESENT


def test_a_stray_file_among_the_project_folders_hides_nothing(
    claude: ClaudeHost, work: Path
) -> None:
    (claude.projects / ".DS_Store").write_text("")
    (claude.projects / "link-to-file").symlink_to(claude.projects / ".DS_Store")
    assert look(claude, claude.new_id(), work) == GONE


UNPRIVILEGED = """
import os, sys
from datetime import UTC, datetime
from pathlib import Path
from kanban_worker.agents import ADAPTERS
if os.getuid() == 0:
    os.setgid(65534); os.setuid(65534)
print(ADAPTERS["claude"](Path(sys.argv[1]), {}).artefact(
    sys.argv[2], workspace=sys.argv[3], created_at=None, now=datetime.now(UTC)))
"""


@pytest.mark.parametrize(
    ("locked", "mode"),
    [
        pytest.param("projects", 0o000, id="the projects folder"),
        pytest.param("projects", 0o444, id="the projects folder, names only"),
        pytest.param("projects/-other", 0o000, id="one project folder"),
        pytest.param("projects/KEY", 0o444, id="the workspace's folder, names only"),
    ],
)
def test_without_permission_nothing_is_missing(
    claude: ClaudeHost, work: Path, locked: str, mode: int
) -> None:
    one = claude.new_id()
    path = claude.write(one, work)
    (claude.projects / "-other").mkdir()
    asked = one if locked.endswith("ID.jsonl") else claude.new_id()
    place = claude.config / locked.replace("KEY", path.parent.name).replace("ID", one)
    for folder in (place, *place.parents):
        if folder != place and os.access(folder, os.W_OK):
            folder.chmod(0o755)
    place.chmod(mode)
    try:
        run = subprocess.run(
            [sys.executable, "-c", UNPRIVILEGED, str(claude.home), asked, str(work)],
            capture_output=True,
            text=True,
            check=True,
            cwd=Path(__file__).parents[3],
        )
    finally:
        place.chmod(0o755)
    assert run.stdout.startswith("Unknown(")
    assert "let this user read it" in run.stdout


# -- activity -----------------------------------------------------------------------------------


def told(
    claude: ClaudeHost, one: ConversationId, agent: LiveAgent | None
) -> tuple[str | None, datetime | None, str]:
    found = claude.adapter().activity(one, agent)
    assert isinstance(found, Activity)
    return found.state, found.last, found.evidence


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("busy", "working"),
        ("waiting", "waiting"),
        ("idle", "idle"),
        ("shell", "idle"),
        ("something-new", None),
        (None, None),
    ],
)
def test_the_state_is_the_pid_file_s(
    claude: ClaudeHost, work: Path, status: str | None, state: str | None
) -> None:
    one, agent = claude.new_id(), claude.agent(work)
    claude.write(one, work, at=-60)
    claude.pid_file(agent, one, status=status)
    assert told(claude, one, agent) == (state, claude.at(-60), "transcript")


def test_the_time_is_the_newest_of_all_lines_not_the_last_one_s(
    claude: ClaudeHost, work: Path
) -> None:
    one = claude.new_id()
    lines = [claude.said(one, work, -50), claude.said(one, work, -70), {"type": "last-prompt"}]
    claude.write(one, work, lines)
    assert told(claude, one, None) == (None, claude.at(-50), "transcript")


def test_a_timestamp_inside_a_tool_s_result_is_not_the_line_s(
    claude: ClaudeHost, work: Path
) -> None:
    one = claude.new_id()
    inner = {"timestamp": claude.at(-1).isoformat()}
    claude.write(one, work, [claude.said(one, work, -50, toolUseResult=inner)])
    assert told(claude, one, None) == (None, claude.at(-50), "transcript")


def test_a_sub_agent_s_work_counts(claude: ClaudeHost, work: Path) -> None:
    one = claude.new_id()
    path = claude.write(one, work, at=-600)
    side = claude.write(one, work, at=-20, folder=path.with_suffix("") / "subagents")
    side.rename(side.with_name("agent-1.jsonl"))
    assert told(claude, one, None) == (None, claude.at(-20), "transcript")


def test_without_any_timestamp_the_file_s_time_stands_in(claude: ClaudeHost, work: Path) -> None:
    one = claude.new_id()
    path = claude.write(one, work, b'{"type":"mode"}\n', touched=-90)
    _, last, evidence = told(claude, one, None)
    assert last is not None
    assert last.timestamp() == pytest.approx(path.stat().st_mtime)
    assert evidence == "mtime"


def test_idle_counts_from_when_the_agent_became_so(claude: ClaudeHost, work: Path) -> None:
    one, agent = claude.new_id(), claude.agent(work)
    claude.write(one, work, at=-600)
    since = int(claude.at(-5).timestamp() * 1000)
    claude.pid_file(agent, one, status="idle", statusUpdatedAt=since)
    _, last, evidence = told(claude, one, agent)
    assert last is not None
    assert int(last.timestamp() * 1000) == since
    assert evidence == "pid-file"


def test_where_nothing_is_written_the_state_is_told_and_no_time(
    claude: ClaudeHost, work: Path
) -> None:
    one, agent = claude.new_id(), claude.agent(work)
    claude.pid_file(agent, one, status="waiting")
    assert told(claude, one, agent) == ("waiting", None, "")


def test_a_pid_file_that_names_another_session_says_nothing_of_this_one(
    claude: ClaudeHost, work: Path
) -> None:
    one, agent = claude.new_id(), claude.agent(work)
    claude.write(one, work, at=-60)
    claude.pid_file(agent, claude.new_id(), status="busy")
    assert told(claude, one, agent) == (None, claude.at(-60), "transcript")


def test_the_workspace_s_folder_is_never_decoded(claude: ClaudeHost) -> None:
    left, right = claude.directory("a/b-c"), claude.directory("a/b/c")
    one = claude.new_id()
    claude.write(one, left)
    assert claude_keys.key(str(left)) == claude_keys.key(str(right))
    assert look(claude, one, right) is Artefact.PRESENT
