"""`agent-sessions hook`, run as the agents run it: by `/bin/sh -c` of a real process."""

from __future__ import annotations

import json
import os
import shlex
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import commandline
import trials
from fences import Fence
from hooked import HOOK, ONE, TWO, Agents, event
from kanban_worker import ancestry, procfs
from kanban_worker.agents.hooks import Hooks
from kanban_worker.agents.shape import Hooked, Member
from kanban_worker.commands import hook
from waiting import retry_until

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="there is no /proc")
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")


@pytest.fixture
def agents(fence: Fence) -> Agents:
    return Agents(fence.root, fence.home)


# Who is meant. ----------------------------------------------------------------------------------


def test_the_agent_that_ran_it_is_recorded_by_pid_and_start(agents: Agents) -> None:
    ran = agents.run("claude")
    ran.must_be_silent()
    (record,) = agents.records
    assert record["name"] == f"{ran.pid}-{record['start']}.json"
    assert (record["kind"], record["id"], record["pid"]) == ("claude", ONE, ran.pid)
    assert (record["event"], record["source"]) == ("SessionStart", "startup")
    assert record["headless"] is False
    assert abs(record["at"] / 1000 - time.time()) < 60
    assert "transcript_path" not in record
    path = agents.records_folder / record["name"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(path.parent.parent.stat().st_mode) == 0o700


def test_a_tick_finds_it_while_the_agent_lives_and_tidies_it_afterwards(agents: Agents) -> None:
    hooks = Hooks(str(agents.records_folder))
    with subprocess.Popen(
        agents.command("claude", f"{HOOK}; exec sleep 600"),
        stdin=subprocess.PIPE,
        env={"HOME": str(agents.home)},
        start_new_session=True,
    ) as process:
        try:
            assert process.stdin
            process.stdin.write(json.dumps(event()).encode())
            process.stdin.close()
            # Under its name: while it is being written it is there under another.
            retry_until(lambda: [*agents.records_folder.glob("[!.]*")], what="the record")
            began = psutil.Process(process.pid).create_time()
            living = Member(
                pid=process.pid,
                started_at=moment(began),
                start_ticks=procfs.start_ticks(process.pid),
            )
            hooks.look()
            hooks.tidy(moment(time.time()))
            found = hooks.of([living])
            assert isinstance(found, Hooked)
            assert (found.id, found.kind, found.headless) == (ONE, "claude", False)
        finally:
            os.killpg(process.pid, signal.SIGKILL)  # a list of children may miss one
    later = Hooks(str(agents.records_folder))
    later.look()
    later.tidy(moment(time.time()))
    assert agents.records == []


def moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("codex", "codex"),
        ("gemini", "gemini"),
        ("node:lib/node_modules/@google/gemini-cli/dist/index.js", "gemini"),
        ("node:bin/claude", "claude"),
    ],
)
def test_each_kind_is_recognised(agents: Agents, name: str, kind: str) -> None:
    ran = agents.run(name)
    ran.must_be_silent()
    assert [(each["kind"], each["pid"]) for each in agents.records] == [(kind, ran.pid)]


@pytest.mark.parametrize("names", [("claude", "gemini"), ("claude", "claude"), ("codex", "claude")])
def test_of_nested_agents_the_nearest_is_recorded(agents: Agents, names: tuple[str, str]) -> None:
    outer, inner = agents.nested(*names)
    inner.must_be_silent()
    assert outer.pid != inner.pid
    assert agents.ids == {inner.pid: ONE}
    assert agents.records[0]["kind"] == names[1]


def test_an_unknown_program_within_an_agent_does_not_speak_for_it(agents: Agents) -> None:
    """It may be an agent under another name: what it tells is not the outer one's."""
    _, inner = agents.nested("claude", "renamed")
    inner.must_be_silent()
    assert agents.records == []


@pytest.mark.parametrize(
    "command",
    [
        f"exec {HOOK}",
        f"bash -c {shlex.quote(f'{HOOK}; true')}",
        f"timeout 20 {HOOK}",
        f"true; {HOOK}",
    ],
    ids=["exec", "a shell in a shell", "timeout", "a list"],
)
def test_the_ways_to_start_a_hook_lead_to_its_agent(agents: Agents, command: str) -> None:
    ran = agents.run("claude", hook=command)
    ran.must_be_silent()
    assert agents.ids == {ran.pid: ONE}


def test_the_shared_server_of_codex_is_no_agent(agents: Agents) -> None:
    """It is a child of the first TUI, and runs the hooks of all of them."""
    server = shlex.join(agents.command("codex", HOOK, "app-server"))
    agents.run("codex", hook=server).inner.must_be_silent()
    assert agents.records == []


def test_without_an_agent_nothing_is_recorded(agents: Agents) -> None:
    agents.run("python3").must_be_silent()
    assert not agents.records_folder.exists()


def test_a_kind_without_such_hooks_is_not_recorded(agents: Agents) -> None:
    agents.run("agy").must_be_silent()
    assert agents.records == []


def test_an_inherited_pid_does_not_count_and_one_that_is_nearer_excludes(agents: Agents) -> None:
    inherited = agents.run("claude", environ={"CLAUDE_PID": "1"})
    assert agents.ids == {inherited.pid: ONE}
    own = agents.run("claude", hook=f"export CLAUDE_PID=$$; {HOOK}; true")
    own.must_be_silent()
    assert agents.ids == {inherited.pid: ONE}


def test_off_linux_psutil_tells_the_same() -> None:
    ours, theirs = ancestry.by_psutil(os.getppid()), ancestry.process(os.getppid())
    assert ours
    assert theirs
    assert (ours.pid, ours.parent, ours.argv) == (theirs.pid, theirs.parent, theirs.argv)
    assert ancestry.by_psutil(2**22 + 1) is None


# What it says. ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "options", "environ", "headless"),
    [
        ("claude", (), {"CLAUDE_CODE_ENTRYPOINT": "cli"}, False),
        ("claude", (), {"CLAUDE_CODE_ENTRYPOINT": "sdk-cli"}, True),
        ("claude", ("-p", "hello"), {}, True),
        ("claude", ("--print",), {}, True),
        ("gemini", ("--prompt=hello",), {}, True),
        ("gemini", (), {"CLAUDE_CODE_ENTRYPOINT": "sdk-cli"}, False),
        ("codex", ("-p", "profile"), {}, False),
        ("codex", ("exec", "hello"), {}, True),
    ],
)
def test_a_run_without_a_person_is_recorded_as_such(
    agents: Agents, name: str, options: tuple[str, ...], environ: dict[str, str], headless: object
) -> None:
    agents.run(name, *options, environ=environ).must_be_silent()
    assert [each["headless"] for each in agents.records] == [headless]


@pytest.mark.parametrize("name", ["SessionStart", "UserPromptSubmit", "BeforeAgent"])
def test_what_tells_where_the_agent_is_now_is_recorded(agents: Agents, name: str) -> None:
    agents.run(payload=event(hook_event_name=name, prompt="x" * 1000))
    assert [each["event"] for each in agents.records] == [name]


@pytest.mark.parametrize("name", ["SessionEnd", "Stop", "SubagentStop", "Notification", None, 3])
def test_what_tells_where_it_was_is_not(agents: Agents, name: object) -> None:
    agents.run(payload=event(hook_event_name=name)).must_be_silent()
    assert agents.records == []


def test_after_clear_the_late_end_of_the_old_session_changes_nothing(agents: Agents) -> None:
    start, new, end = (
        f"printf %s {shlex.quote(json.dumps(each))} | {HOOK}"
        for each in (
            event(ONE),
            event(TWO, source="clear"),
            event(ONE, hook_event_name="SessionEnd", reason="clear"),
        )
    )
    ran = agents.run(hook=f"{start}; {new}; {end}")
    ran.must_be_silent()
    assert agents.ids == {ran.pid: TWO}


def test_where_a_process_began_stays_on_record(agents: Agents) -> None:
    told = (
        f"printf %s {shlex.quote(json.dumps(each))} | {HOOK}"
        for each in (
            event(ONE),
            event(TWO, source="clear"),
            event(TWO, hook_event_name="BeforeAgent", source=None),
        )
    )
    agents.run(hook="; ".join(told)).must_be_silent()
    assert [(each["id"], each["first"]) for each in agents.records] == [(TWO, ONE)]


def test_a_process_that_was_first_heard_of_later_began_nobody_knows_where(agents: Agents) -> None:
    agents.run(payload=event(source="clear"))
    assert [each["first"] for each in agents.records] == [None]


@pytest.mark.parametrize("odd", ["", "x", "ses_abc", f"{ONE}\n", f"../{ONE}", 5, None, {"a": ONE}])
def test_an_id_of_no_such_form_is_not_recorded(agents: Agents, odd: object) -> None:
    agents.run(payload=event(odd)).must_be_silent()
    assert agents.records == []


def test_an_id_that_cannot_be_named_ends_the_one_before(agents: Agents) -> None:
    one, odd = (
        f"printf %s {shlex.quote(json.dumps(event(each)))} | {HOOK}" for each in (ONE, "thread-2")
    )
    agents.run(hook=f"{one}; {odd}").must_be_silent()
    assert agents.records == []


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32-le"])
def test_each_encoding_of_json_is_read(agents: Agents, encoding: str) -> None:
    agents.run(payload=json.dumps(event(cwd="/home/ü"), ensure_ascii=False).encode(encoding))
    assert [each["id"] for each in agents.records] == [ONE]


def test_bytes_that_are_no_utf_8_do_not_hide_the_id(agents: Agents) -> None:
    agents.run(payload=json.dumps(event(cwd="/home/?")).encode().replace(b"?", b"\xff\xfe"))
    assert [each["id"] for each in agents.records] == [ONE]


# Hostile stdin. ---------------------------------------------------------------------------------

WHOLE = json.dumps(event()).encode()
HOSTILE = (
    st.binary(max_size=200)
    | st.integers(0, len(WHOLE) - 1).map(lambda size: WHOLE[:size])
    | st.dictionaries(
        st.sampled_from(sorted(event())), st.none() | st.integers() | st.lists(st.text())
    ).map(lambda changes: json.dumps(event() | changes).encode())
    | st.sampled_from(
        [b"", b"null", b"[" * 100_000, b'{"session_id":' + b"9" * 5000 + b"}", b"\0" * 4096]
    )
)


@given(data=HOSTILE)
@settings(max_examples=trials.of(25), suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_input_makes_it_speak_or_fail(agents: Agents, data: bytes) -> None:
    agents.run(payload=data).must_be_silent()
    assert all(each["id"] == ONE for each in agents.records)


@given(data=HOSTILE | st.binary() | st.text().map(str.encode))
@settings(max_examples=trials.of(1000))
def test_no_input_raises(data: bytes) -> None:
    assert hook._event(data) is not None


@pytest.mark.parametrize("size", [hook.LIMIT + 1, 3 * hook.LIMIT])
def test_more_than_a_mebibyte_is_read_to_its_end_and_dropped(agents: Agents, size: int) -> None:
    """A writer whose pipe breaks might complain to its user."""
    data = json.dumps(event(hook_event_name="UserPromptSubmit", prompt="x" * size))
    command = f"{shlex.quote(sys.executable)} -c {shlex.quote(WRITER)} {size} | {HOOK}"
    agents.run(payload=data.encode()).must_be_silent()
    agents.run(hook=command).must_be_silent()
    assert agents.records == []


WRITER = "import sys; sys.stdout.write('x' * int(sys.argv[1])); sys.stdout.flush()"


def test_just_under_a_mebibyte_counts(agents: Agents) -> None:
    room = hook.LIMIT - len(json.dumps(event(prompt="")))
    agents.run(payload=event(prompt="x" * room)).must_be_silent()
    assert [each["id"] for each in agents.records] == [ONE]


def test_a_stdin_without_end_is_left_and_what_was_whole_counts(agents: Agents) -> None:
    began = time.monotonic()
    with subprocess.Popen(
        agents.command("claude"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={"HOME": str(agents.home)},
    ) as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write(WHOLE)
        process.stdin.flush()
        said = json.loads(process.stdout.readline())  # stdin is still open
        assert (said["status"], said["out"], said["err"]) == (0, "", "")
        assert agents.ids == {process.pid: ONE}
    assert time.monotonic() - began >= hook.SECONDS


@pytest.mark.parametrize("redirection", ["<&-", "</dev/null", "</dev/full", "<&- >&- 2>&-"])
def test_a_stdin_that_is_none_records_nothing(agents: Agents, redirection: str) -> None:
    agents.run(hook=f"cd {agents.home}; {HOOK} {redirection}").must_be_silent()
    assert agents.records == []


@pytest.mark.parametrize("sig", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_is_no_traceback(sig: signal.Signals) -> None:
    process = subprocess.Popen(
        shlex.split(HOOK), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    time.sleep(1)  # it waits for stdin by then
    process.send_signal(sig)
    out, err = process.communicate()
    assert (out, err) == (b"", b"")


# Where it cannot write. -------------------------------------------------------------------------


def test_a_link_in_place_of_the_record_is_replaced_and_not_followed(
    agents: Agents, fence: Fence
) -> None:
    target = fence.home / "precious"
    target.write_text("kept")
    agents.records_folder.mkdir(parents=True)
    prepare = (
        f'read -r _ _ _ parent rest < /proc/$$/stat; start=$(cut -d" " -f22 /proc/$parent/stat); '
        f"ln -s {target} {agents.records_folder}/$parent-$start.json; {HOOK}"
    )
    ran = agents.run(hook=prepare)
    ran.must_be_silent()
    assert target.read_text() == "kept"
    (record,) = agents.records
    assert record["pid"] == ran.pid
    assert not (agents.records_folder / record["name"]).is_symlink()


def test_a_link_in_place_of_the_folder_is_refused(agents: Agents, fence: Fence) -> None:
    elsewhere = fence.home / "elsewhere"
    elsewhere.mkdir()
    agents.records_folder.parent.mkdir(parents=True)
    agents.records_folder.symlink_to(elsewhere)
    agents.run().must_be_silent()
    assert list(elsewhere.iterdir()) == []


def _file_in_the_way(agents: Agents) -> None:
    agents.records_folder.parent.mkdir(parents=True)
    agents.records_folder.write_text("")


def _file_as_home(agents: Agents) -> None:
    agents.home.rmdir()
    agents.home.write_text("")


def _no_home(agents: Agents) -> None:
    agents.home.rmdir()
    agents.home = Path("relative")


@pytest.mark.parametrize("spoil", [_file_in_the_way, _file_as_home, _no_home])
def test_a_home_that_is_none_is_borne(agents: Agents, spoil: Callable[[Agents], None]) -> None:
    spoil(agents)
    agents.run().must_be_silent()


def test_a_user_without_a_home_is_borne(agents: Agents) -> None:
    agents.run(hook=f"unset HOME XDG_STATE_HOME; HOME= {HOOK}").must_be_silent()
    assert agents.records == []


def test_a_folder_that_cannot_be_written_is_borne(agents: Agents) -> None:
    agents.records_folder.mkdir(parents=True, mode=0o700)
    agents.home.chmod(0o500)
    done = subprocess.run(
        agents.command("claude"),
        input=WHOLE,
        env={"HOME": str(agents.home / "sub")},
        capture_output=True,
        preexec_fn=commandline.unprivileged,
        check=True,
    )
    agents.home.chmod(0o700)
    said = json.loads(done.stdout)
    assert (said["status"], said["out"], said["err"]) == (0, "", "")
    assert agents.records == []


def test_on_a_full_disk_the_id_before_goes_as_it_may_be_over(agents: Agents) -> None:
    one, two = (f"printf %s {shlex.quote(json.dumps(event(each)))}" for each in (ONE, TWO))
    ran = agents.run(hook=f"{one} | {HOOK}; {two} | (ulimit -f 0; {HOOK})")
    assert (ran.out, ran.err) == ("", "")
    assert agents.records == []


@as_root
def test_root_makes_nothing_in_another_users_home(agents: Agents) -> None:
    """`sudo claude`: a folder of root's would lock the user's own hooks out."""
    os.chown(agents.home, 54321, 54321)
    agents.run().must_be_silent()
    assert list(agents.home.iterdir()) == []


def test_a_folder_open_to_others_is_closed(agents: Agents) -> None:
    agents.records_folder.mkdir(parents=True)
    agents.records_folder.chmod(0o777)
    agents.run()
    assert stat.S_IMODE(agents.records_folder.stat().st_mode) == 0o700
    assert len(agents.records) == 1


# Several at once. -------------------------------------------------------------------------------


def test_of_hooks_at_once_one_whole_record_stays(agents: Agents) -> None:
    ids = [f"{number:08d}-0000-4000-8000-000000000000" for number in range(12)]
    commands = [f"printf %s {shlex.quote(json.dumps(event(each)))} | {HOOK} &" for each in ids]
    ran = agents.run(hook=" ".join([*commands, "wait"]))
    ran.must_be_silent()
    (record,) = agents.records
    assert record["pid"] == ran.pid
    assert record["id"] in ids


def test_a_slow_hook_does_not_bring_back_what_a_later_one_replaced(agents: Agents) -> None:
    one, two = (f"printf %s {shlex.quote(json.dumps(event(each)))}" for each in (ONE, TWO))
    slow = f"(sleep 1.5; {one}) | {HOOK} &"
    ran = agents.run(hook=f"{slow} sleep 0.5; {two} | {HOOK}; wait")
    ran.must_be_silent()
    assert agents.ids == {ran.pid: TWO}


# The command line. ------------------------------------------------------------------------------


def test_it_is_a_command_with_a_help_like_the_others() -> None:
    done = commandline.run("hook", "--help")
    assert done.status == 0
    assert done.out.startswith("usage: agent-sessions hook")


def test_with_global_options_it_does_the_same(agents: Agents) -> None:
    ran = agents.run(hook=f"{HOOK} -v")
    ran.must_be_silent()
    assert agents.ids == {ran.pid: ONE}


def test_it_does_not_load_what_it_does_not_need() -> None:
    program = (
        "import io, sys; sys.argv[1:] = ['hook']; from kanban_worker import __main__;"
        "assert __main__.main() == 0; print(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], input=b"{}", capture_output=True, check=True
    )
    loaded = set(done.stdout.decode().split())
    costly = {"argparse", "dataclasses", "pathlib", "psutil", "typing", "kanban_worker.cli"}
    assert "kanban_worker.hookfile" in loaded
    assert loaded & costly == set()
