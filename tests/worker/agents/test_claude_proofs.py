"""What ties a living Claude Code to its conversation, by version, and what does not."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kanban_worker.agents import claude_version, files
from kanban_worker.agents.claude_sole import SETTING
from kanban_worker.agents.shape import Hooked, LiveAgent, Seen
from reconcile.observed import (
    Ambiguous,
    Bound,
    Conversation,
    ConversationId,
    Unknown,
    Unproven,
)
from reconcile.proofs import Proof
from tests.worker.agents.conftest import settle

if TYPE_CHECKING:
    from tests.worker.agents.conftest import ClaudeHost, Line, Reads

PLAIN = "2.1.74"
"""It has neither a pid file nor a debug log."""


@pytest.fixture
def work(claude: ClaudeHost) -> Path:
    return claude.directory("lab/x")


def look(
    claude: ClaudeHost,
    agent: LiveAgent,
    *beside: LiveAgent,
    hooked: Hooked | None = None,
    outside: Sequence[LiveAgent] = (),
) -> Conversation:
    """Look at an agent and others in panes; `outside` are those of the host in no pane."""
    agents = [agent, *beside]
    seen = Seen(
        anywhere=lambda: [*agents, *outside],
        hooked={} if hooked is None else {agent.session: hooked},
    )
    return claude.adapter().conversations(agents, seen)[agent.session]


def bound(one: ConversationId, proof: Proof, *, written: bool = True) -> Bound:
    return Bound(id=one, proof=proof, written=written)


def old_pid_file(
    claude: ClaudeHost,
    agent: LiveAgent,
    one: ConversationId,
    *,
    at: datetime | None = None,
    **more: object,
) -> Path:
    """Write a pid file as 2.1.112 does: without the start time, at the start or at `/resume`."""
    path = claude.pid_file(
        agent, one, version=None, procStart=None, status=None, entrypoint="cli", **more
    )
    settle(path, at or agent.family[0].started_at + timedelta(seconds=1))
    return path


def clear(
    claude: ClaudeHost,
    work: Path,
    old: ConversationId,
    at: float,
    *,
    late: float = 0.003,
    word: str = "/clear",
) -> ConversationId:
    """Type `/clear`, as all versions note it, and return the conversation that it begins."""
    new = claude.new_id()
    claude.typed((at, old, word), cwd=work)
    claude.write(new, work, claude.cleared(new, work, at + late), at=at, touched=at + 1)
    return new


# -- the pid file of 2.1.112, and the chain of /clear ---------------------------------------------


@pytest.mark.parametrize("word", ["/clear", "/new", "/reset", "/clear "])
def test_a_clear_is_followed_from_its_line_to_the_transcript_that_began_with_it(
    claude: ClaudeHost, work: Path, word: str
) -> None:
    one, agent = claude.new_id(), claude.agent(work)
    claude.write(one, work, at=-3000)
    old_pid_file(claude, agent, one)
    two = clear(claude, work, one, -900, word=word)
    three = clear(claude, work, two, -800)
    assert look(claude, agent) == bound(three, Proof.CLEAR_CHAIN)


def test_a_clear_before_the_first_prompt_is_followed(claude: ClaudeHost, work: Path) -> None:
    one, agent = claude.new_id(), claude.agent(work)
    old_pid_file(claude, agent, one)
    two = clear(claude, work, one, -900)
    assert look(claude, agent) == bound(two, Proof.CLEAR_CHAIN)


def test_two_agents_that_cleared_side_by_side_are_told_apart(
    claude: ClaudeHost, work: Path
) -> None:
    ids = [claude.new_id(), claude.new_id()]
    agents = [claude.agent(work, name="a"), claude.agent(work, name="b")]
    for one, agent in zip(ids, agents, strict=True):
        claude.write(one, work, at=-3000)
        old_pid_file(claude, agent, one)
    news = [clear(claude, work, ids[0], -900), clear(claude, work, ids[1], -898)]
    for new, agent, other in zip(news, agents, reversed(agents), strict=True):
        assert look(claude, agent, other) == bound(new, Proof.CLEAR_CHAIN)


def test_a_resume_rewrites_the_pid_file_and_what_was_typed_before_is_over(
    claude: ClaudeHost, work: Path
) -> None:
    one, agent = claude.new_id(), claude.agent(work)
    claude.write(one, work, at=-3000)
    two = clear(claude, work, one, -900)
    claude.typed((-800, two, "/resume"), cwd=work)
    old_pid_file(claude, agent, one, at=claude.at(-799))
    assert look(claude, agent) == bound(one, Proof.CLEAR_CHAIN)


def test_a_rename_touches_the_pid_file_and_hides_no_clear(claude: ClaudeHost, work: Path) -> None:
    one, agent = claude.new_id(), claude.agent(work)
    claude.write(one, work, at=-3000)
    two = clear(claude, work, one, -900)
    old_pid_file(claude, agent, one, at=claude.at(-800), name="mine")
    assert look(claude, agent) == bound(two, Proof.CLEAR_CHAIN)


def test_a_rename_after_a_resume_leaves_it_open_whose_the_clear_was(
    claude: ClaudeHost, work: Path
) -> None:
    one, agent = claude.new_id(), claude.agent(work)
    claude.write(one, work, at=-3000)
    two = clear(claude, work, one, -900)
    claude.typed((-850, two, "/resume"), cwd=work)
    old_pid_file(claude, agent, one, at=claude.at(-800), name="mine")
    assert look(claude, agent) == Ambiguous((one, two))


def test_two_clears_under_one_id_are_of_two_processes(claude: ClaudeHost, work: Path) -> None:
    one, agent = claude.new_id(), claude.agent(work)
    claude.write(one, work, at=-3000)
    old_pid_file(claude, agent, one)
    two = clear(claude, work, one, -900)
    clear(claude, work, one, -800)
    assert look(claude, agent) == Ambiguous((one, two))


def test_a_prompt_after_the_clear_under_the_same_id_is_of_another_process(
    claude: ClaudeHost, work: Path
) -> None:
    one, agent = claude.new_id(), claude.agent(work)
    claude.write(one, work, at=-3000)
    old_pid_file(claude, agent, one)
    two = clear(claude, work, one, -900)
    claude.typed((-800, one, "hello"), cwd=work)
    assert look(claude, agent) == Ambiguous((one, two))


@pytest.mark.parametrize(
    ("since", "expected"), [(-2000, "ambiguous"), (-500, "followed")], ids=["before", "after"]
)
def test_another_living_process_with_the_id_may_have_cleared_if_it_began_before(
    claude: ClaudeHost, work: Path, since: float, expected: str
) -> None:
    one, agent = claude.new_id(), claude.agent(work, name="a")
    other = claude.agent(work, name="b", started=since)
    claude.write(one, work, at=-3000)
    old_pid_file(claude, agent, one)
    claude.pid_file(other, one)
    two = clear(claude, work, one, -900)
    found = look(claude, agent, other)
    if expected == "ambiguous":
        assert found == Ambiguous((one, two))
    else:
        assert found == bound(two, Proof.CLEAR_CHAIN)


@pytest.mark.parametrize("late", [-0.06, 0.3])
def test_a_transcript_that_began_at_another_moment_is_not_the_next_one(
    claude: ClaudeHost, work: Path, late: float
) -> None:
    one, agent = claude.new_id(), claude.agent(work)
    claude.write(one, work, at=-3000)
    old_pid_file(claude, agent, one)
    clear(claude, work, one, -900, late=late)
    assert look(claude, agent) == Unproven(left=(one,), setting=SETTING)


@pytest.mark.parametrize("late", [-0.04, 0.24])
def test_a_clock_may_be_a_little_off_between_the_two_lines(
    claude: ClaudeHost, work: Path, late: float
) -> None:
    one, agent = claude.new_id(), claude.agent(work)
    old_pid_file(claude, agent, one)
    two = clear(claude, work, one, -900, late=late)
    assert look(claude, agent) == bound(two, Proof.CLEAR_CHAIN)


def test_two_transcripts_that_began_at_that_moment_are_ambiguous(
    claude: ClaudeHost, work: Path
) -> None:
    one, agent = claude.new_id(), claude.agent(work)
    old_pid_file(claude, agent, one)
    two = clear(claude, work, one, -900)
    three = clear(claude, work, claude.new_id(), -900.1, late=0.1)
    found = look(claude, agent)
    assert isinstance(found, Ambiguous)
    assert set(found.candidates) == {two, three}


def test_a_clear_that_another_agent_typed_leaves_the_pid_file_s_id(
    claude: ClaudeHost, work: Path
) -> None:
    one, other, agent = claude.new_id(), claude.new_id(), claude.agent(work)
    claude.write(one, work, at=-3000)
    old_pid_file(claude, agent, one)
    clear(claude, work, other, -900)
    assert look(claude, agent) == bound(one, Proof.CLEAR_CHAIN)


def test_a_clear_that_nobody_noted_is_a_candidate(claude: ClaudeHost, work: Path) -> None:
    one, two, agent = claude.new_id(), claude.new_id(), claude.agent(work)
    claude.write(one, work, at=-3000)
    old_pid_file(claude, agent, one)
    claude.write(two, work, claude.cleared(two, work, -900), at=-900)
    assert look(claude, agent) == Ambiguous((one, two))


def test_a_prompt_history_that_cannot_be_read_proves_nothing(
    claude: ClaudeHost, work: Path
) -> None:
    one, agent = claude.new_id(), claude.agent(work)
    old_pid_file(claude, agent, one)
    (claude.config / "history.jsonl").mkdir()
    assert isinstance(look(claude, agent), Unknown)


def test_a_pid_file_whose_start_is_not_the_process_s_is_another_container_s(
    claude: ClaudeHost, work: Path
) -> None:
    one, agent = claude.new_id(), claude.agent(work)
    claude.write(one, work, at=-3000)
    began = int(claude.at(-1800).timestamp() * 1000)
    old_pid_file(claude, agent, one, startedAt=began)
    assert not isinstance(look(claude, agent), Bound)


def test_a_child_s_headless_run_does_not_name_its_parent_s_conversation(
    claude: ClaudeHost, work: Path
) -> None:
    one, child = claude.new_id(), claude.agent(work, pids=(3_500_002,))
    agent = claude.agent(work, pids=(3_500_001, 3_500_002))
    claude.pid_file(child, one, entrypoint="sdk-cli")
    assert look(claude, agent) is None


# -- the debug log of 2.0.77 ----------------------------------------------------------------------


def logged(
    claude: ClaudeHost, one: ConversationId, *lines: tuple[int, float], text: str = "Renaming"
) -> Path:
    """Write what 2.0.77 logs when it saves a setting: by which process, and when."""
    folder = claude.config / "debug"
    folder.mkdir(exist_ok=True)
    path = folder / f"{one}.txt"
    with path.open("a") as stream:
        stream.write("2026-11-20T10:00:00.000Z [DEBUG] Getting matching hook commands\n")
        for pid, at in lines:
            when = claude.at(at)
            ms = int(when.timestamp() * 1000)
            stamp = when.isoformat(timespec="milliseconds").replace("+00:00", "Z")
            stream.write(f"{stamp} [DEBUG] {text} /h/.claude.json.tmp.{pid}.{ms} to /h/x\n")
    settle(path, claude.at(max(at for _, at in lines)))
    if folder.stat().st_mtime > claude.at(-1).timestamp():
        settle(folder, claude.at(-600))
    return path


def test_the_log_whose_newest_line_names_the_process_is_its_conversation_s(
    claude: ClaudeHost, work: Path
) -> None:
    one, two, agent = claude.new_id(), claude.new_id(), claude.agent(work)
    pid = agent.family[0].pid
    logged(claude, one, (pid, -3500), (pid, -900))
    assert look(claude, agent) == bound(one, Proof.LOG, written=False)
    claude.write(two, work)
    logged(claude, two, (pid, -800))
    assert look(claude, agent) == bound(two, Proof.LOG)


def test_a_headless_run_beside_it_has_its_own_log(claude: ClaudeHost, work: Path) -> None:
    one, other, agent = claude.new_id(), claude.new_id(), claude.agent(work)
    claude.write(other, work)
    logged(claude, one, (agent.family[0].pid, -3500))
    logged(claude, other, (4_190_123, -900))
    assert look(claude, agent) == bound(one, Proof.LOG, written=False)


def test_a_line_of_an_earlier_process_with_the_pid_says_nothing(
    claude: ClaudeHost, work: Path
) -> None:
    one, agent = claude.new_id(), claude.agent(work)
    logged(claude, one, (agent.family[0].pid, -7200), (4_190_123, -900))
    assert look(claude, agent) is None


@pytest.mark.parametrize(
    "line",
    [
        b"somebody quotes .tmp.%d.1795283822718\n",
        b"2026-11-20T10:00:00.000Z [DEBUG] .tmp.%d.17952838\n",
        b"2026-11-20T10:00:00.000Z [DEBUG] .tmp.9%d.1795283822718\n",
    ],
)
def test_a_line_of_another_form_names_no_process(
    claude: ClaudeHost, work: Path, line: bytes
) -> None:
    one, agent = claude.new_id(), claude.agent(work)
    path = logged(claude, one, (4_190_123, -900))
    path.write_bytes(line % agent.family[0].pid)
    assert look(claude, agent) is None


def test_a_conversation_that_another_process_logs_is_not_given_to_this_one(
    claude: ClaudeHost, work: Path
) -> None:
    claude.version = PLAIN
    one, agent = claude.new_id(), claude.agent(work)
    claude.write(one, work)
    logged(claude, one, (4_190_123, -900))
    assert look(claude, agent) is None


def test_an_old_log_is_taken_up_when_its_conversation_is_resumed(
    claude: ClaudeHost, work: Path
) -> None:
    old, one, agent = claude.new_id(), claude.new_id(), claude.agent(work)
    pid = agent.family[0].pid
    adapter = claude.adapter()
    logged(claude, old, (4_190_123, -90_000))
    logged(claude, one, (pid, -3500))
    found = adapter.conversations([agent])
    assert found[agent.session] == bound(one, Proof.LOG, written=False)
    claude.typed((-60, one, "/resume"), cwd=work)
    logged(claude, old, (pid, -59))
    found = adapter.conversations([agent])
    assert found[agent.session] == bound(old, Proof.LOG, written=False)


def test_a_clear_of_which_no_log_names_the_process_is_followed(
    claude: ClaudeHost, work: Path
) -> None:
    """2.0.77 names itself in the new log only when it saves a setting."""
    one, agent = claude.new_id(), claude.agent(work)
    claude.write(one, work, at=-3000)
    logged(claude, one, (agent.family[0].pid, -899.8))
    two = clear(claude, work, one, -900)
    assert look(claude, agent) == bound(two, Proof.LOG)
    three = clear(claude, work, two, -600)
    assert look(claude, agent) == bound(three, Proof.LOG)


def test_a_clear_before_the_log_named_the_process_again_is_over(
    claude: ClaudeHost, work: Path
) -> None:
    one, agent = claude.new_id(), claude.agent(work)
    claude.write(one, work, at=-3000)
    clear(claude, work, one, -900)
    logged(claude, one, (agent.family[0].pid, -600))
    assert look(claude, agent) == bound(one, Proof.LOG)


@pytest.mark.parametrize(
    ("pid", "at"), [(1, -3500), (4_190_123, -1000)], ids=["living", "ended since"]
)
def test_a_clear_that_another_process_may_have_typed_is_ambiguous(
    claude: ClaudeHost, work: Path, pid: int, at: float
) -> None:
    one, agent = claude.new_id(), claude.agent(work)
    claude.write(one, work, at=-3550)
    logged(claude, one, (agent.family[0].pid, -3400), (pid, at))
    two = clear(claude, work, one, -900)
    assert look(claude, agent) == Ambiguous((one, two))


def test_a_clear_that_the_log_of_another_process_tells_is_not_this_one_s(
    claude: ClaudeHost, work: Path
) -> None:
    one, agent = claude.new_id(), claude.agent(work)
    claude.write(one, work, at=-3550)
    logged(claude, one, (agent.family[0].pid, -3400), (1, -3300))
    two = clear(claude, work, one, -900)
    logged(claude, two, (1, -899.9))
    assert look(claude, agent) == bound(one, Proof.LOG)


def test_a_resume_of_which_no_log_tells_leaves_what_was_logged(
    claude: ClaudeHost, work: Path
) -> None:
    one, agent = claude.new_id(), claude.agent(work)
    claude.write(one, work, at=-3000)
    logged(claude, one, (agent.family[0].pid, -2900))
    claude.typed((-600, one, "/resume"), cwd=work)
    assert look(claude, agent) == Unproven(left=(one,), setting=SETTING)
    claude.typed((-500, one, "so it was escaped from"), cwd=work)
    assert look(claude, agent) == bound(one, Proof.LOG)


def test_a_quiet_tick_reads_no_log_and_a_growing_one_from_where_it_was_read(
    claude: ClaudeHost, work: Path, reads: Reads, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, agent, adapter = claude.new_id(), claude.agent(work), claude.adapter()
    pid = agent.family[0].pid
    path = logged(claude, one, *[(pid, -3500 + n / 10) for n in range(2000)])
    for at in range(300):
        logged(claude, ConversationId(f"{at:08x}-0000-4000-8000-000000000000"), (7, -90_000))
    adapter.conversations([agent])
    with reads() as seen:
        adapter.conversations([agent])
    assert not seen
    logged(claude, one, (pid, -5))
    taken: list[int] = []
    real = files._read

    def counting(descriptor: int, offset: int, limit: int) -> bytes:
        data = real(descriptor, offset, limit)
        taken.append(len(data))
        return data

    monkeypatch.setattr(files, "_read", counting)
    with reads() as seen:
        adapter.conversations([agent])
    assert {what for what in seen if what.startswith("open")} == {f"open {path}"}
    assert sum(taken) < 1000


# -- the record of its own hook -------------------------------------------------------------------


def test_a_hook_s_record_names_the_conversation(claude: ClaudeHost, work: Path) -> None:
    one, agent = claude.new_id(), claude.agent(work)
    record = Hooked(id=one, at=claude.at(-900), headless=False)
    assert look(claude, agent, hooked=record) == bound(one, Proof.HOOK, written=False)


def test_a_headless_run_s_record_binds_nobody(claude: ClaudeHost, work: Path) -> None:
    claude.version = PLAIN
    one, agent = claude.new_id(), claude.agent(work)
    claude.write(one, work)
    record = Hooked(id=one, at=claude.at(-900), headless=True)
    assert look(claude, agent, hooked=record) is None


@pytest.mark.parametrize("one", ["", "../../x", "\ud800", "\0", "x" * 36])
def test_a_record_without_an_id_of_claude_code_says_nothing(
    claude: ClaudeHost, work: Path, one: str
) -> None:
    agent = claude.agent(work)
    record = Hooked(id=ConversationId(one), at=claude.at(-900), headless=False)
    assert look(claude, agent, hooked=record) is None


def test_a_pid_file_that_follows_clear_outranks_the_hook(claude: ClaudeHost, work: Path) -> None:
    one, other, agent = claude.new_id(), claude.new_id(), claude.agent(work)
    claude.pid_file(agent, one)
    record = Hooked(id=other, at=claude.at(-1), headless=False)
    assert look(claude, agent, hooked=record) == bound(one, Proof.PID_FILE, written=False)


@pytest.mark.parametrize(("at", "wins"), [(-900, True), (-3599.5, False)], ids=["newer", "older"])
def test_an_older_pid_file_yields_to_a_newer_record(
    claude: ClaudeHost, work: Path, at: float, *, wins: bool
) -> None:
    one, other, agent = claude.new_id(), claude.new_id(), claude.agent(work)
    old_pid_file(claude, agent, one)
    record = Hooked(id=other, at=claude.at(at), headless=False)
    expected = bound(other, Proof.HOOK, written=False)
    stays = bound(one, Proof.CLEAR_CHAIN, written=False)
    assert look(claude, agent, hooked=record) == (expected if wins else stays)


def test_what_an_older_pid_file_proves_gives_way_to_the_first_clear(
    claude: ClaudeHost, work: Path
) -> None:
    one, agent = claude.new_id(), claude.agent(work)
    claude.write(one, work, at=-3000)
    old_pid_file(claude, agent, one)
    before = look(claude, agent)
    two = clear(claude, work, one, -900)
    after = look(claude, agent)
    assert before == bound(one, Proof.CLEAR_CHAIN)
    assert after == bound(two, Proof.CLEAR_CHAIN)


def test_a_hook_that_agrees_with_an_older_pid_file_keeps_its_own_rank(
    claude: ClaudeHost, work: Path
) -> None:
    """It was the hook that told of the `/clear` before, and `/resume` rewrites the pid file."""
    one, agent = claude.new_id(), claude.agent(work)
    old_pid_file(claude, agent, one, at=claude.at(-900))
    record = Hooked(id=one, at=claude.at(-900.5), headless=False)
    assert look(claude, agent, hooked=record) == bound(one, Proof.HOOK, written=False)


def test_of_log_and_hook_the_newer_counts_and_both_before_the_arguments(
    claude: ClaudeHost, work: Path
) -> None:
    one, two, three = (claude.new_id() for _ in range(3))
    agent = claude.agent(work, argv=("claude", "--resume", three))
    pid = agent.family[0].pid
    record = Hooked(id=two, at=claude.at(-900), headless=False)
    assert look(claude, agent, hooked=record) == bound(two, Proof.HOOK, written=False)
    logged(claude, one, (pid, -3500))
    assert look(claude, agent, hooked=record) == bound(two, Proof.HOOK, written=False)
    logged(claude, one, (pid, -800))
    assert look(claude, agent, hooked=record) == bound(one, Proof.LOG, written=False)


# -- the arguments --------------------------------------------------------------------------------


@pytest.fixture
def resumed(claude: ClaudeHost, work: Path) -> tuple[ConversationId, LiveAgent]:
    """An agent that was started with an older conversation, and has no pid file."""
    one = claude.new_id()
    claude.write(one, work, at=-7200)
    return one, claude.agent(work, argv=("claude", "--resume", one))


def test_a_clear_since_the_start_ends_the_arguments_word(
    claude: ClaudeHost, work: Path, resumed: tuple[ConversationId, LiveAgent]
) -> None:
    one, agent = resumed
    assert look(claude, agent) == bound(one, Proof.ARGUMENT)
    two = clear(claude, work, one, -900)
    assert look(claude, agent) == Unproven(likely=two, left=(one,), setting=SETTING)


def test_a_clear_before_the_start_was_another_process_s(
    claude: ClaudeHost, work: Path, resumed: tuple[ConversationId, LiveAgent]
) -> None:
    one, agent = resumed
    clear(claude, work, one, -5000)
    assert look(claude, agent) == bound(one, Proof.ARGUMENT)


@pytest.mark.parametrize("word", ["/resume", "/resume 123", "/continue"])
def test_a_resume_since_the_start_ends_the_arguments_word_too(
    claude: ClaudeHost, work: Path, resumed: tuple[ConversationId, LiveAgent], word: str
) -> None:
    one, agent = resumed
    claude.typed((-900, one, word), cwd=work)
    assert look(claude, agent) == Unproven(left=(one,), setting=SETTING)
    claude.typed((-800, one, "I changed my mind"), cwd=work)
    assert look(claude, agent) == bound(one, Proof.ARGUMENT)


def test_a_clear_in_the_directory_that_nobody_noted_makes_them_doubtful(
    claude: ClaudeHost, work: Path, resumed: tuple[ConversationId, LiveAgent]
) -> None:
    (one, agent), two = resumed, claude.new_id()
    claude.write(two, work, claude.cleared(two, work, -900), at=-900)
    assert look(claude, agent) == Ambiguous((one, two))


def test_what_another_process_s_record_names_is_not_this_one_s_by_its_arguments(
    claude: ClaudeHost, work: Path, resumed: tuple[ConversationId, LiveAgent]
) -> None:
    one, agent = resumed
    other = claude.agent(work, name="b")
    claude.pid_file(other, one)
    assert look(claude, agent, other) == Unproven(likely=one, setting=SETTING)


# -- the sole candidate ---------------------------------------------------------------------------


def without(line: Line, *names: str) -> Line:
    return {name: value for name, value in line.items() if name not in names}


def test_a_transcript_without_a_directory_or_a_version_contradicts_nothing(
    claude: ClaudeHost, work: Path
) -> None:
    one, agent = claude.new_id(), claude.agent(work)
    claude.write(one, work, [without(claude.said(one, work, -600), "cwd", "version")])
    assert look(claude, agent) == bound(one, Proof.SOLE)


@pytest.mark.parametrize("version", ["2.0.77", "2.1.42", "2.1.75", "2.1.330"])
def test_a_version_that_keeps_a_record_of_its_process_has_no_sole_candidate(
    claude: ClaudeHost, work: Path, version: str
) -> None:
    claude.version = version
    one, agent = claude.new_id(), claude.agent(work)
    claude.write(one, work)
    assert look(claude, agent) == Unproven(setting=SETTING)


@pytest.mark.parametrize("version", ["1.0.100", "2.0.14", "2.1.74", ""])
def test_one_that_keeps_none_has(claude: ClaudeHost, work: Path, version: str) -> None:
    claude.version = version
    one, agent = claude.new_id(), claude.agent(work)
    claude.write(one, work)
    assert look(claude, agent) == bound(one, Proof.SOLE)


@pytest.mark.parametrize(
    "first",
    [
        {"type": "queue-operation", "operation": "enqueue"},
        {"entrypoint": "sdk-cli"},
    ],
    ids=["2.0.77 and later", "2.1.112 and later"],
)
def test_a_headless_run_s_transcript_is_nobody_s(
    claude: ClaudeHost, work: Path, first: dict[str, object]
) -> None:
    claude.version = PLAIN
    one, agent = claude.new_id(), claude.agent(work)
    said = claude.said(one, work, -600)
    claude.write(one, work, [first, said] if "type" in first else [said | first])
    assert look(claude, agent) is None
    two = claude.new_id()
    claude.write(two, work)
    assert look(claude, agent) == bound(two, Proof.SOLE)


def test_a_transcript_that_was_copied_under_another_id_is_nobody_s(
    claude: ClaudeHost, work: Path
) -> None:
    claude.version = PLAIN
    one, agent = claude.new_id(), claude.agent(work, started=-5)
    path = claude.write(one, work, at=-1)
    for _ in range(3):
        copy = path.with_name(f"{claude.new_id()}.jsonl")
        copy.write_bytes(path.read_bytes())
    path.unlink()
    assert look(claude, agent) is None


def test_one_line_of_another_directory_or_conversation_is_enough(
    claude: ClaudeHost, work: Path
) -> None:
    claude.version = PLAIN
    agent = claude.agent(work)
    one, other = claude.new_id(), claude.new_id()
    said = claude.said(one, work, -600)
    claude.write(one, work, [said, said | {"cwd": "/elsewhere"}])
    assert look(claude, agent) is None
    claude.write(one, work, [said, {"type": "mode", "sessionId": other}])
    assert look(claude, agent) is None
    claude.write(one, work, [said])
    assert look(claude, agent) == bound(one, Proof.SOLE)


def test_any_other_claude_code_in_the_directory_leaves_it_open(
    claude: ClaudeHost, work: Path
) -> None:
    claude.version = PLAIN
    one, agent = claude.new_id(), claude.agent(work)
    claude.write(one, work)
    elsewhere = claude.agent(claude.directory("lab/y"))
    assert look(claude, agent, outside=[elsewhere]) == bound(one, Proof.SOLE)
    assert look(claude, agent, outside=[claude.agent(work)]) == Ambiguous((one,))
    assert look(claude, agent, outside=[claude.agent("")]) == Ambiguous((one,))
    assert look(claude, agent, claude.agent(work, name="b")) == Ambiguous((one,))


def test_a_neighbour_in_another_pane_leaves_it_open_without_a_look_at_the_process_table(
    claude: ClaudeHost, work: Path
) -> None:
    claude.version = PLAIN
    one = claude.new_id()
    agents = [claude.agent(work, name="a"), claude.agent(work, name="b")]
    claude.write(one, work)
    found = claude.adapter().conversations(agents)
    assert [found[agent.session] for agent in agents] == [Ambiguous((one,))] * 2


def test_a_process_table_that_was_not_asked_makes_it_likely_at_most(
    claude: ClaudeHost, work: Path
) -> None:
    claude.version = PLAIN
    one, agent = claude.new_id(), claude.agent(work)
    claude.write(one, work)
    found = claude.adapter().conversations([agent])[agent.session]
    assert found == Unproven(likely=one, setting=SETTING)


def test_the_process_table_is_read_once_and_only_where_it_decides(
    claude: ClaudeHost, work: Path
) -> None:
    claude.version = PLAIN
    one, agent, adapter = claude.new_id(), claude.agent(work), claude.adapter()
    asked: list[int] = []

    def anywhere() -> Sequence[LiveAgent]:
        asked.append(1)
        return [agent]

    seen = Seen(anywhere=anywhere)
    assert adapter.conversations([agent], seen)[agent.session] is None
    assert not asked
    claude.write(one, work)
    for _ in range(3):
        assert adapter.conversations([agent], seen)[agent.session] == bound(one, Proof.SOLE)
    assert len(asked) == 1


@pytest.mark.parametrize(
    "words", [("--continue",), ("-c",), ("--resume",), ("--resume=a title",), ("--teleport", "x")]
)
def test_a_process_that_took_up_an_older_conversation_has_no_sole_candidate(
    claude: ClaudeHost, work: Path, words: tuple[str, ...]
) -> None:
    claude.version = PLAIN
    one, agent = claude.new_id(), claude.agent(work, argv=("claude", *words))
    assert look(claude, agent) == Unproven(setting=SETTING)
    claude.write(one, work)
    assert look(claude, agent) == Unproven(setting=SETTING)


@pytest.mark.parametrize("name", ["CLAUDE_CODE_CHILD_SESSION", "CLAUDE_CODE_SKIP_PROMPT_HISTORY"])
def test_a_child_session_writes_nothing_and_so_nothing_is_its(
    claude: ClaudeHost, work: Path, name: str
) -> None:
    claude.version = PLAIN
    one = claude.new_id()
    home = {"HOME": str(claude.home)}
    claude.write(one, work)
    assert look(claude, claude.agent(work, environ=home | {name: "1"})) == Unproven(setting=SETTING)
    forced = home | {name: "1", "CLAUDE_CODE_FORCE_SESSION_PERSISTENCE": "1"}
    assert look(claude, claude.agent(work, environ=forced)) == bound(one, Proof.SOLE)


def test_a_process_whose_environment_is_hidden_has_no_sole_candidate(
    claude: ClaudeHost, work: Path
) -> None:
    claude.version = PLAIN
    one = claude.new_id()
    claude.write(one, work)
    assert look(claude, claude.agent(work, environ={})) == Unproven(setting=SETTING)


def test_a_resume_in_the_directory_leaves_it_open_who_holds_what(
    claude: ClaudeHost, work: Path
) -> None:
    claude.version = PLAIN
    one, other, agent = claude.new_id(), claude.new_id(), claude.agent(work)
    claude.write(one, work)
    claude.typed((-500, other, "/resume"), cwd=work)
    assert look(claude, agent) == Unproven(setting=SETTING)


def test_a_chain_of_clears_from_the_first_one_leads_to_the_last(
    claude: ClaudeHost, work: Path
) -> None:
    claude.version = PLAIN
    one, agent = claude.new_id(), claude.agent(work)
    claude.write(one, work, at=-1000)
    three = clear(claude, work, clear(claude, work, one, -900), -800)
    assert look(claude, agent) == bound(three, Proof.SOLE)
    assert isinstance(look(claude, agent, outside=[claude.agent(work)]), Ambiguous)
    claude.write(claude.new_id(), work, at=-700)
    assert isinstance(look(claude, agent), Ambiguous)


def test_so_does_a_clear_whose_transcript_is_not_there(claude: ClaudeHost, work: Path) -> None:
    claude.version = PLAIN
    one, agent = claude.new_id(), claude.agent(work)
    claude.write(one, work)
    claude.typed((-500, one, "/clear"), cwd=work)
    assert look(claude, agent) == Unproven(setting=SETTING)


# -- the version ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("argv", "version"),
    [
        (("/home/u/.local/share/claude/versions/2.1.330",), (2, 1, 330)),
        (("/opt/claude/versions/2.1.239/claude", "-c"), (2, 1, 239)),
        (("claude",), ()),
        (("claude", "/claude/versions/soon"), ()),
    ],
)
def test_a_native_program_s_path_tells_its_version(
    claude: ClaudeHost, argv: tuple[str, ...], version: tuple[int, ...]
) -> None:
    assert claude_version.of(claude.agent("/", argv=argv)) == version


@pytest.mark.parametrize("package", ["claude-code", "claude-code-linux-x64"])
def test_the_package_beside_a_program_tells_its_version(claude: ClaudeHost, package: str) -> None:
    folder = claude.directory(f"lib/node_modules/@anthropic-ai/{package}")
    (folder / "package.json").write_text(json.dumps({"version": "1.0.128"}))
    agent = claude.agent("/", argv=("node", f"{folder}/cli.js"))
    assert claude_version.of(agent) == (1, 0, 128)


def test_a_program_of_another_version_did_not_write_it(claude: ClaudeHost, work: Path) -> None:
    claude.version = "1.0.100"
    one = claude.new_id()
    claude.write(one, work)
    argv = ("/home/u/.local/share/claude/versions/2.1.74",)
    assert look(claude, claude.agent(work, argv=argv)) == Unproven(setting=SETTING)


# -- a first prompt that is longer than a megabyte ------------------------------------------------


@pytest.mark.parametrize("size", [1_200_000, 10_000_000, 20_000_000])
@pytest.mark.parametrize("behind", ["nothing", "metadata"])
def test_a_pasted_image_does_not_hide_the_conversation(
    claude: ClaudeHost, work: Path, size: int, behind: str
) -> None:
    one, agent = claude.new_id(), claude.agent(work)
    image = {"type": "image", "source": {"type": "base64", "data": "A" * size}}
    said = {
        "parentUuid": None,
        "isSidechain": False,
        "promptId": "p",
        "type": "user",
        "message": {"role": "user", "content": [image]},
        "uuid": "u",
        "timestamp": claude.at(-600).isoformat(),
        "cwd": str(work),
        "sessionId": one,
        "version": "2.1.330",
    }
    rest: list[Line] = [{"type": "last-prompt", "x": "y" * 200}] * 500
    claude.write(one, work, [{"type": "mode"}, said, *(rest if behind == "metadata" else [])])
    claude.pid_file(agent, one)
    assert look(claude, agent) == bound(one, Proof.PID_FILE)


def test_the_sole_candidate_may_begin_with_one(claude: ClaudeHost, work: Path) -> None:
    claude.version = PLAIN
    one, agent = claude.new_id(), claude.agent(work)
    image = {"role": "user", "content": "A" * 3_000_000}
    claude.write(one, work, [claude.said(one, work, -600, message=image)])
    assert look(claude, agent) == bound(one, Proof.SOLE)


def test_where_nobody_can_be_read_to_speak_this_one_session_is_unknown(
    claude: ClaudeHost, work: Path
) -> None:
    one, other = claude.new_id(), claude.new_id()
    agent, beside = claude.agent(work, name="a"), claude.agent(work, name="b")
    path = claude.write(one, work, b"\0")
    os.truncate(path, 40_000_000)
    claude.pid_file(agent, one)
    claude.pid_file(beside, other)
    found = look(claude, agent, beside)
    assert isinstance(found, Unknown)
    assert str(path) in found.why
    assert look(claude, beside, agent) == bound(other, Proof.PID_FILE, written=False)
