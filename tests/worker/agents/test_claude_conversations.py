"""Which session a living Claude Code holds."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kanban_worker.agents import claude_guess, claude_keys
from kanban_worker.agents.claude import Claude
from kanban_worker.agents.claude_sole import SETTING
from kanban_worker.agents.shape import LiveAgent, Seen
from reconcile.observed import (
    Ambiguous,
    Bound,
    Conversation,
    ConversationId,
    Unknown,
    Unproven,
)
from tests.worker.agents.conftest import settle

if TYPE_CHECKING:
    from tests.worker.agents.conftest import ClaudeHost, Host

OLD = "2.1.112"
PLAIN = "2.1.74"
"""It keeps no record that names its process."""


def holds(adapter: Claude, *agents: LiveAgent) -> list[Conversation]:
    """Look at agents that are all there are on this host."""
    found = adapter.conversations(agents, Seen(anywhere=lambda: agents))
    return [found[agent.session] for agent in agents]


def bound(one: str, proof: str, *, written: bool = True) -> Bound:
    return Bound(id=one, proof=proof, written=written)


@pytest.fixture
def work(claude: ClaudeHost) -> Path:
    return claude.directory("lab/x")


@pytest.fixture
def plain(claude: ClaudeHost) -> ClaudeHost:
    claude.version = PLAIN
    return claude


# -- the pid file -------------------------------------------------------------------------------


def test_the_pid_file_of_the_agent_s_own_process_tells(claude: ClaudeHost, work: Path) -> None:
    one, agent = claude.new_id(), claude.agent(work)
    claude.write(one, work)
    claude.pid_file(agent, one)
    assert holds(claude.adapter(), agent) == [bound(one, "pid-file")]


def test_the_pid_file_of_a_process_under_a_wrapper_tells(claude: ClaudeHost, work: Path) -> None:
    one = claude.new_id()
    agent = claude.agent(work, pids=(3_100_001, 3_100_002))
    claude.write(one, work)
    claude.pid_file(claude.agent(work, pids=(3_100_002,)), one)
    assert holds(claude.adapter(), agent) == [bound(one, "pid-file")]


def test_before_the_first_prompt_there_is_an_id_and_no_file(claude: ClaudeHost, work: Path) -> None:
    one, agent = claude.new_id(), claude.agent(work)
    claude.pid_file(agent, one)
    assert holds(claude.adapter(), agent) == [bound(one, "pid-file", written=False)]


def test_the_first_prompt_is_seen_when_it_comes(claude: ClaudeHost, work: Path) -> None:
    one, agent, adapter = claude.new_id(), claude.agent(work), claude.adapter()
    claude.pid_file(agent, one)
    assert holds(adapter, agent) == [bound(one, "pid-file", written=False)]
    claude.write(one, work)
    assert holds(adapter, agent) == [bound(one, "pid-file")]


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param(b"", id="made empty at the start, as 2.0.77 does"),
        pytest.param(b'{"type":"summary","summary":"x","leafUuid":"y"}\n', id="a ghost"),
        pytest.param(b'{"type":"user","sess', id="torn in its only line"),
    ],
)
def test_a_file_without_a_message_is_not_written(
    claude: ClaudeHost, work: Path, lines: bytes
) -> None:
    one, agent = claude.new_id(), claude.agent(work)
    claude.write(one, work, lines)
    claude.pid_file(agent, one)
    assert holds(claude.adapter(), agent) == [bound(one, "pid-file", written=False)]


@pytest.mark.parametrize(
    "said",
    [
        pytest.param({"procStart": "4712"}, id="another start time: the pid was used again"),
        pytest.param(
            {"procStart": None, "startedAt": 1_600_000_000_000}, id="written before this process"
        ),
        pytest.param({"pid": 1}, id="another pid inside"),
        pytest.param({"pidDomain": "linux:ab:pid:[17]"}, id="another pid namespace"),
    ],
)
def test_a_pid_file_that_this_process_did_not_write_says_nothing(
    claude: ClaudeHost, work: Path, said: dict[str, object]
) -> None:
    one, agent = claude.new_id(), claude.agent(work)
    claude.write(one, work, at=-7200)
    claude.pid_file(agent, one, **said)
    assert holds(claude.adapter(), agent) == [None]


@pytest.mark.parametrize(
    "said",
    [
        pytest.param({"procStart": None}, id="2.1.81 has startedAt only"),
        pytest.param({"procStart": "Fri Nov 20 10:00:00 2026"}, id="macOS has a date"),
        pytest.param({"procStart": None, "startedAt": None}, id="only the file's own time"),
        pytest.param({"kind": "bg"}, id="a background session, if there is no other"),
        pytest.param({"sessionId": None, "session_id": "OWN"}, id="the older name of the key"),
    ],
)
def test_older_and_other_forms_of_the_pid_file_are_read(
    claude: ClaudeHost, work: Path, said: dict[str, object]
) -> None:
    one, agent = claude.new_id(), claude.agent(work)
    claude.write(one, work)
    claude.pid_file(agent, one, **{k: one if v == "OWN" else v for k, v in said.items()})
    assert holds(claude.adapter(), agent) == [bound(one, "pid-file")]


def test_the_older_file_name_is_read(claude: ClaudeHost, work: Path) -> None:
    one, agent = claude.new_id(), claude.agent(work)
    claude.write(one, work)
    path = claude.pid_file(agent, one)
    path.rename(path.with_name(f"pid-{path.name}"))
    assert holds(claude.adapter(), agent) == [bound(one, "pid-file")]


def test_an_interactive_process_goes_before_a_background_one(
    claude: ClaudeHost, work: Path
) -> None:
    one, other = claude.new_id(), claude.new_id()
    agent = claude.agent(work, pids=(3_200_001, 3_200_002))
    claude.write(one, work)
    claude.pid_file(claude.agent(work, pids=(3_200_001,)), other, kind="daemon-worker")
    claude.pid_file(claude.agent(work, pids=(3_200_002,)), one)
    assert holds(claude.adapter(), agent) == [bound(one, "pid-file")]


@pytest.mark.parametrize(
    "torn", [b"", b'{"pid":', b"null", b"\xff\xfe\x00", b"[" * 100_000, b'{"sessionId":"../../x"}']
)
def test_a_torn_pid_file_is_no_answer_for_this_tick(
    claude: ClaudeHost, work: Path, torn: bytes
) -> None:
    one, agent, adapter = claude.new_id(), claude.agent(work), claude.adapter()
    claude.write(one, work)
    path = claude.pid_file(agent, one)
    whole = path.read_bytes()
    path.write_bytes(torn)
    (found,) = holds(adapter, agent)
    assert isinstance(found, Unknown)
    assert str(path) in found.why
    path.write_bytes(whole)
    assert holds(adapter, agent) == [bound(one, "pid-file")]


def test_a_torn_pid_file_of_an_earlier_process_is_ignored(claude: ClaudeHost, work: Path) -> None:
    agent = claude.agent(work, started=-60)
    claude.pid_file(agent, claude.new_id()).write_bytes(b"{")
    os.utime(claude.config / "sessions" / f"{agent.family[0].pid}.json", (1, 1))
    assert holds(claude.adapter(), agent) == [None]


def test_two_processes_may_hold_one_session_after_an_in_app_resume(
    claude: ClaudeHost, work: Path
) -> None:
    one = claude.new_id()
    first, second = claude.agent(work, name="a"), claude.agent(work, name="b")
    claude.write(one, work)
    claude.pid_file(first, one)
    claude.pid_file(second, one)
    assert holds(claude.adapter(), first, second) == [bound(one, "pid-file")] * 2


def test_two_agents_in_one_directory_are_told_apart_by_their_pid_files(
    claude: ClaudeHost, work: Path
) -> None:
    ids = [claude.new_id(), claude.new_id()]
    agents = [claude.agent(work, name="a"), claude.agent(work, name="b")]
    for one, agent in zip(ids, agents, strict=True):
        claude.write(one, work)
        claude.pid_file(agent, one)
    assert holds(claude.adapter(), *agents) == [bound(one, "pid-file") for one in ids]


def test_a_process_with_its_own_config_dir_is_looked_up_there(
    claude: ClaudeHost, work: Path, tmp_path: Path
) -> None:
    other = type(claude)(claude.home, tmp_path.resolve() / "other-config")
    one = other.new_id()
    agent = claude.agent(work, environ={"CLAUDE_CONFIG_DIR": str(other.config)})
    other.write(one, work)
    other.pid_file(agent, one)
    assert holds(claude.adapter(), agent) == [bound(one, "pid-file")]


def test_the_config_dirs_of_two_processes_are_not_mixed(
    claude: ClaudeHost, work: Path, tmp_path: Path
) -> None:
    other = type(claude)(claude.home, tmp_path.resolve() / "other-config")
    theirs = claude.agent(work, name="a", environ={"CLAUDE_CONFIG_DIR": str(other.config)})
    claude.pid_file(theirs, claude.new_id())
    assert holds(claude.adapter(), theirs) == [None]


def test_a_process_whose_environment_cannot_be_read_is_sought_everywhere(
    claude: ClaudeHost, work: Path
) -> None:
    one, agent = claude.new_id(), claude.agent(work, environ={})
    claude.write(one, work)
    claude.pid_file(agent, one)
    assert holds(claude.adapter(), agent) == [bound(one, "pid-file")]


def test_the_monitor_s_own_config_dir_is_used(
    claude: ClaudeHost, work: Path, tmp_path: Path
) -> None:
    other = type(claude)(claude.home, tmp_path.resolve() / "other-config")
    one, agent = other.new_id(), claude.agent(work, environ={})
    other.write(one, work)
    other.pid_file(agent, one)
    adapter = claude.adapter(CLAUDE_CONFIG_DIR=str(other.config))
    assert holds(adapter, agent) == [bound(one, "pid-file")]
    assert adapter.home() == other.config


@pytest.mark.usefixtures("plain")
def test_a_named_project_folder_is_used(claude: ClaudeHost, work: Path) -> None:
    one = claude.new_id()
    names = {"CLAUDE_CONFIG_DIR": str(claude.config), "CLAUDE_CODE_PROJECT_DIR_NAME": "mine"}
    agent = claude.agent(work, environ=names)
    claude.write(one, work, folder=claude.projects / "mine")
    assert holds(claude.adapter(), agent) == [bound(one, "sole-candidate")]


def test_a_session_that_was_moved_by_cd_is_found_by_the_pid_file_s_directory(
    claude: ClaudeHost, work: Path
) -> None:
    one, agent = claude.new_id(), claude.agent(work)
    elsewhere = claude.directory("lab/y")
    claude.write(one, elsewhere)
    claude.pid_file(agent, one, cwd=str(elsewhere))
    assert holds(claude.adapter(), agent) == [bound(one, "pid-file")]


def test_a_session_resumed_from_another_project_is_found_where_it_lies(
    claude: ClaudeHost, work: Path
) -> None:
    one, agent = claude.new_id(), claude.agent(work)
    claude.write(one, work, folder=claude.projects / "-some-other-project")
    claude.pid_file(agent, one)
    assert holds(claude.adapter(), agent) == [bound(one, "pid-file")]


def test_a_file_whose_last_speaker_is_another_session_is_ambiguous(
    claude: ClaudeHost, work: Path
) -> None:
    one, other, agent = claude.new_id(), claude.new_id(), claude.agent(work)
    lines = [claude.said(one, work, -500), claude.said(other, work, -400)]
    claude.write(one, work, lines)
    claude.pid_file(agent, one)
    assert holds(claude.adapter(), agent) == [Ambiguous((one, other))]


def test_copied_lines_of_an_older_session_do_not_matter(claude: ClaudeHost, work: Path) -> None:
    one, other, agent = claude.new_id(), claude.new_id(), claude.agent(work)
    lines = [claude.said(other, work, -500)] * 13 + [claude.said(one, work, -400)] * 2
    claude.write(one, work, lines)
    claude.pid_file(agent, one)
    assert holds(claude.adapter(), agent) == [bound(one, "pid-file")]


def test_a_fork_s_snake_case_session_id_is_never_read(claude: ClaudeHost, work: Path) -> None:
    one, other, agent = claude.new_id(), claude.new_id(), claude.agent(work)
    line = claude.said(one, work, -500, session_id=other, forkedFrom={"sessionId": other})
    claude.write(one, work, [line])
    claude.pid_file(agent, one)
    assert holds(claude.adapter(), agent) == [bound(one, "pid-file")]


@pytest.mark.parametrize("before", [0, 1, 21, 300])
def test_lines_without_an_id_may_come_first_and_last(
    claude: ClaudeHost, work: Path, before: int
) -> None:
    one, agent = claude.new_id(), claude.agent(work)
    snapshot = {"type": "file-history-snapshot", "messageId": "m", "snapshot": {"x": "y" * 200}}
    last = {"type": "last-prompt", "lastPrompt": "x" * 300}
    claude.write(one, work, [snapshot] * before + [claude.said(one, work, -5)] + [last] * before)
    claude.pid_file(agent, one)
    assert holds(claude.adapter(), agent) == [bound(one, "pid-file")]


def test_a_message_longer_than_the_bound_is_recognised_by_its_first_keys(
    claude: ClaudeHost, work: Path
) -> None:
    one, agent = claude.new_id(), claude.agent(work)
    pasted = {"role": "user", "content": "A" * 3_000_000}
    claude.write(one, work, [claude.said(one, work, -5, message=pasted)])
    claude.pid_file(agent, one)
    assert holds(claude.adapter(), agent) == [bound(one, "pid-file")]


# -- the start-time ids: old versions and arguments ---------------------------------------------


def started(claude: ClaudeHost, agent: LiveAgent, one: ConversationId) -> None:
    """Write a pid file as 2.1.112 does: at the start, and not again."""
    path = claude.pid_file(agent, one, version=None, procStart=None, entrypoint="cli")
    settle(path, agent.family[0].started_at + timedelta(seconds=1))


def test_an_old_version_s_id_stands_as_long_as_nobody_cleared(
    claude: ClaudeHost, work: Path
) -> None:
    one, agent = claude.new_id(), claude.agent(work)
    claude.write(one, work)
    claude.pid_file(agent, one, version=OLD)
    assert holds(claude.adapter(), agent) == [bound(one, "clear-marker")]


def test_after_clear_an_old_version_s_pid_file_is_not_believed(
    claude: ClaudeHost, work: Path
) -> None:
    one, new, agent = claude.new_id(), claude.new_id(), claude.agent(work)
    claude.write(one, work, at=-3000)
    claude.typed((-600.003, one, "/clear"), cwd=work)
    claude.write(new, work, claude.cleared(new, work, -600), at=-600, touched=-300)
    started(claude, agent, one)
    assert holds(claude.adapter(), agent) == [bound(new, "clear-marker")]


def test_after_clear_a_new_version_s_pid_file_is_believed(claude: ClaudeHost, work: Path) -> None:
    one, new, agent = claude.new_id(), claude.new_id(), claude.agent(work)
    claude.write(one, work, at=-3000)
    claude.write(new, work, claude.cleared(new, work, -600), at=-600, touched=-300)
    claude.pid_file(agent, new)
    assert holds(claude.adapter(), agent) == [bound(new, "pid-file")]


def test_a_chain_of_clears_ends_at_its_last(claude: ClaudeHost, work: Path) -> None:
    one, *news = ids = [claude.new_id() for _ in range(4)]
    agent = claude.agent(work)
    claude.write(one, work, at=-3000)
    for at, old, new in zip((-2000, -1000, -500), ids, news, strict=False):
        claude.typed((at - 0.003, old, "/clear"), cwd=work)
        claude.write(new, work, claude.cleared(new, work, at), at=at, touched=at + 100)
    started(claude, agent, one)
    assert holds(claude.adapter(), agent) == [bound(ids[-1], "clear-marker")]


def test_two_ends_of_a_chain_are_ambiguous(claude: ClaudeHost, work: Path) -> None:
    one, left, right = (claude.new_id() for _ in range(3))
    agent = claude.agent(work)
    claude.write(one, work, at=-3000)
    for new in (left, right):
        claude.write(new, work, claude.cleared(new, work, -600), at=-600, touched=-10)
    started(claude, agent, one)
    assert holds(claude.adapter(), agent) == [Ambiguous((one, left, right))]


def test_a_clear_that_the_old_session_outlived_is_somebody_else_s(
    claude: ClaudeHost, work: Path
) -> None:
    one, new, agent = claude.new_id(), claude.new_id(), claude.agent(work)
    claude.write(one, work, [claude.said(one, work, -3000), claude.said(one, work, -20)])
    claude.write(new, work, claude.cleared(new, work, -600), at=-600, touched=-300)
    started(claude, agent, one)
    assert holds(claude.adapter(), agent) == [bound(one, "clear-marker")]


def test_a_clear_beside_another_living_agent_is_ambiguous(claude: ClaudeHost, work: Path) -> None:
    one, new, other = (claude.new_id() for _ in range(3))
    agent, rival = claude.agent(work, name="a"), claude.agent(work, name="b")
    claude.write(one, work, at=-3000)
    claude.write(new, work, claude.cleared(new, work, -600), at=-600, touched=-300)
    started(claude, agent, one)
    claude.pid_file(rival, other)
    assert holds(claude.adapter(), agent, rival) == [
        Ambiguous((one, new)),
        bound(other, "pid-file", written=False),
    ]


def test_a_cleared_session_that_another_living_process_names_is_not_taken(
    claude: ClaudeHost, work: Path
) -> None:
    one, new, agent = claude.new_id(), claude.new_id(), claude.agent(work)
    claude.write(one, work, at=-3000)
    claude.write(new, work, claude.cleared(new, work, -600), at=-600, touched=-300)
    started(claude, agent, one)
    claude.pid_file(claude.outsider(work), new)
    assert holds(claude.adapter(), agent) == [bound(one, "clear-marker")]


def test_nor_one_that_a_process_named_which_is_gone(claude: ClaudeHost, work: Path) -> None:
    one, agent = claude.new_id(), claude.agent(work, started=-3600)
    claude.write(one, work, at=-3600)
    claude.pid_file(claude.agent(work, started=-3700), one)
    assert holds(claude.adapter(), agent) == [None]


def test_the_next_agent_of_a_session_may_keep_its_files_elsewhere(
    claude: ClaudeHost, work: Path, tmp_path: Path
) -> None:
    other = type(claude)(claude.home, tmp_path.resolve() / "other-config")
    one, two, adapter = claude.new_id(), other.new_id(), claude.adapter()
    two = type(two)(two.replace("0", "9"))
    first = claude.agent(work)
    claude.write(one, work)
    claude.pid_file(first, one)
    assert holds(adapter, first) == [bound(one, "pid-file")]

    second = claude.agent(work, environ={"CLAUDE_CONFIG_DIR": str(other.config)})
    other.write(two, work)
    other.pid_file(second, two)

    assert holds(adapter, second) == [bound(two, "pid-file")]


@pytest.mark.parametrize(
    "argv",
    [
        ("claude", "--session-id", "ID"),
        ("claude", "--resume", "ID"),
        ("claude", "-r", "ID", "--verbose"),
        ("claude", "--resume=ID"),
    ],
)
def test_without_a_pid_file_the_arguments_tell(
    claude: ClaudeHost, work: Path, argv: tuple[str, ...]
) -> None:
    one = claude.new_id()
    agent = claude.agent(work, argv=tuple(word.replace("ID", one) for word in argv))
    claude.write(one, work, at=-7200)
    assert holds(claude.adapter(), agent) == [bound(one, "argv")]


def test_a_fork_s_arguments_name_the_parent_and_so_say_nothing(
    claude: ClaudeHost, work: Path
) -> None:
    one = claude.new_id()
    agent = claude.agent(work, argv=("claude", "--resume", one, "--fork-session"))
    claude.write(one, work, at=-7200)
    assert holds(claude.adapter(), agent) == [Unproven(setting=SETTING)]


def test_after_clear_the_arguments_are_not_believed(claude: ClaudeHost, work: Path) -> None:
    one, new = claude.new_id(), claude.new_id()
    agent = claude.agent(work, argv=("claude", "--session-id", one))
    claude.write(one, work, at=-3000)
    claude.write(new, work, claude.cleared(new, work, -600), at=-600, touched=-300)
    assert holds(claude.adapter(), agent) == [Ambiguous((one, new))]
    claude.typed((-600.003, one, "/clear"), cwd=work)
    assert holds(claude.adapter(), agent) == [
        Unproven(likely=new, left=(one,), setting=SETTING),
    ]


def test_a_clear_line_that_is_written_after_the_first_look_is_seen(
    claude: ClaudeHost, work: Path
) -> None:
    one, new, agent = claude.new_id(), claude.new_id(), claude.agent(work)
    adapter, lines = claude.adapter(), claude.cleared(new, work, -600)
    claude.write(one, work, at=-3000)
    started(claude, agent, one)
    claude.typed((-600.003, one, "/clear"), cwd=work)
    claude.write(new, work, lines[:1], touched=-590)
    assert holds(adapter, agent) == [Unproven(left=(one,), setting=SETTING)]
    claude.write(new, work, lines, touched=-580)
    assert holds(adapter, agent) == [bound(new, "clear-marker")]


# -- only the directory and the time ------------------------------------------------------------


@pytest.mark.usefixtures("plain")
def test_the_only_session_begun_since_the_only_agent_there_runs_is_its(
    claude: ClaudeHost, work: Path
) -> None:
    old, one, agent = claude.new_id(), claude.new_id(), claude.agent(work)
    claude.write(old, work, at=-7200)
    claude.write(one, work, at=-600)
    assert holds(claude.adapter(), agent) == [bound(one, "sole-candidate")]


def test_an_old_session_that_still_grows_was_not_begun_by_this_process(
    claude: ClaudeHost, work: Path
) -> None:
    old, agent = claude.new_id(), claude.agent(work)
    claude.write(old, work, at=-7200, touched=-5)
    assert holds(claude.adapter(), agent) == [None]


def test_two_sessions_begun_since_are_ambiguous(claude: ClaudeHost, work: Path) -> None:
    ids = [claude.new_id(), claude.new_id()]
    for one in ids:
        claude.write(one, work)
    assert holds(claude.adapter(), claude.agent(work)) == [Ambiguous(tuple(ids))]


def test_two_unresolved_agents_in_one_directory_are_ambiguous(
    claude: ClaudeHost, work: Path
) -> None:
    one = claude.new_id()
    claude.write(one, work)
    agents = [claude.agent(work, name="a"), claude.agent(work, name="b")]
    assert holds(claude.adapter(), *agents) == [Ambiguous((one,))] * 2


def test_a_session_that_a_pid_file_names_is_not_given_to_another_agent(
    claude: ClaudeHost, work: Path
) -> None:
    one, two = claude.new_id(), claude.new_id()
    named, nameless = claude.agent(work, name="a"), claude.agent(work, name="b")
    claude.write(one, work)
    claude.write(two, work)
    claude.pid_file(named, one)
    assert holds(claude.adapter(), named, nameless) == [
        bound(one, "pid-file"),
        Ambiguous((two,)),
    ]


@pytest.mark.usefixtures("plain")
def test_a_fork_s_copied_lines_are_older_than_itself(claude: ClaudeHost, work: Path) -> None:
    one, parent, agent = claude.new_id(), claude.new_id(), claude.agent(work, started=-5)
    copied = claude.said(one, work, -7200, session_id=parent, forkedFrom={"sessionId": parent})
    claude.write(one, work, [copied, claude.said(one, work, -1)], touched=0)
    assert holds(claude.adapter(), agent) == [bound(one, "sole-candidate")]


@pytest.mark.usefixtures("plain")
def test_where_no_birth_is_kept_the_first_line_s_time_stands_in(
    claude: ClaudeHost, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, one, agent = claude.new_id(), claude.new_id(), claude.agent(work)
    claude.write(old, work, at=-7200, touched=-10)
    claude.write(one, work)
    monkeypatch.setattr(claude_guess, "birth_ns", lambda _path, _status: None)
    assert holds(claude.adapter(), agent) == [bound(one, "sole-candidate")]


def test_a_session_restored_from_a_backup_is_as_old_as_its_lines(
    claude: ClaudeHost, work: Path
) -> None:
    one, agent = claude.new_id(), claude.agent(work, started=-5)
    claude.write(one, work, at=-7200, touched=0)
    assert holds(claude.adapter(), agent) == [None]


def unwanted(claude: ClaudeHost, work: Path, what: str) -> None:
    one = claude.new_id()
    folder = claude.projects / claude_keys.key(str(work))
    match what:
        case "ghost":
            claude.write(one, work, [{"type": "summary", "summary": "s", "leafUuid": "l"}])
        case "ghost-with-cwd":
            claude.write(one, work, [claude.said(one, work, -60, type="system")])
        case "sidechain":
            claude.write(one, work, [claude.said(one, work, -60, isSidechain=True)])
        case "subagent":
            claude.write(one, work, folder=folder / one / "subagents")
        case "agent-name":
            path = claude.write(one, work, [claude.said(one, work, -60)])
            path.rename(path.with_name("agent-1a2b3c4d.jsonl"))
        case "other-workspace":
            claude.write(one, work, [claude.said(one, f"{work.parent}-x", -60)], folder=folder)
        case "binary":
            claude.write(one, work, os.urandom(5000))
        case "pipe":
            folder.mkdir(parents=True)
            os.mkfifo(folder / f"{one}.jsonl")


@pytest.mark.parametrize(
    "what",
    ["ghost", "ghost-with-cwd", "sidechain", "subagent", "agent-name", "other-workspace", "binary"],
)
def test_what_is_no_session_of_this_workspace_is_no_candidate(
    claude: ClaudeHost, work: Path, what: str
) -> None:
    unwanted(claude, work, what)
    assert holds(claude.adapter(), claude.agent(work)) == [None]


def test_a_pipe_in_a_project_folder_does_not_hang_the_tick(claude: ClaudeHost, work: Path) -> None:
    unwanted(claude, work, "pipe")
    (found,) = holds(claude.adapter(), claude.agent(work))
    assert isinstance(found, Unknown)
    assert "not a regular file" in found.why


@pytest.mark.usefixtures("plain")
def test_workspaces_that_share_a_folder_are_told_apart_by_the_lines(claude: ClaudeHost) -> None:
    left, right = claude.directory("a/b-c"), claude.directory("a/b/c")
    assert claude_keys.key(str(left)) == claude_keys.key(str(right))
    ids = [claude.new_id(), claude.new_id()]
    claude.write(ids[0], left)
    claude.write(ids[1], right)
    assert holds(claude.adapter(), claude.agent(left)) == [bound(ids[0], "sole-candidate")]
    assert holds(claude.adapter(), claude.agent(right)) == [bound(ids[1], "sole-candidate")]


@pytest.mark.usefixtures("plain")
def test_a_long_path_s_folder_is_found_whatever_hash_it_has(claude: ClaudeHost) -> None:
    work = claude.directory("/".join(["n" * 60] * 4))
    one = claude.new_id()
    folder = claude_keys.key(str(work))[:200] + "-bunhash"
    claude.write(one, work, folder=claude.projects / folder)
    assert holds(claude.adapter(), claude.agent(work)) == [bound(one, "sole-candidate")]


def test_an_agent_with_nothing_on_disk_holds_nothing(claude: ClaudeHost, work: Path) -> None:
    assert holds(claude.adapter(), claude.agent(work)) == [None]


def test_an_agent_whose_directory_cannot_be_read_is_unknown(claude: ClaudeHost) -> None:
    (found,) = holds(claude.adapter(), claude.agent("", pids=(3_300_000,)))
    assert found == Unknown("cannot read the working directory of process 3300000")


def test_a_pid_file_tells_even_where_the_directory_cannot_be_read(
    claude: ClaudeHost, work: Path
) -> None:
    one, agent = claude.new_id(), claude.agent("")
    claude.write(one, work)
    claude.pid_file(agent, one, version=OLD, cwd=str(work))
    assert holds(claude.adapter(), agent) == [bound(one, "clear-marker")]


@pytest.mark.parametrize("name", ["sessions", "projects"])
def test_a_folder_that_cannot_be_listed_is_unknown(
    claude: ClaudeHost, work: Path, name: str
) -> None:
    folder = claude.config / name
    if folder.exists():
        folder.rmdir()
    folder.symlink_to(folder)
    (found,) = holds(claude.adapter(), claude.agent(work))
    assert isinstance(found, Unknown)
    assert str(folder) in found.why


def test_a_home_without_claude_code_holds_nothing(host: Host) -> None:
    adapter = Claude(host.home, {})
    agent = host.agent(host.directory("x"))
    assert adapter.home() is None
    assert holds(adapter, agent) == [None]
