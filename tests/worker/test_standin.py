"""The fleet drives a real tmux, and its stand-ins leave behind what the real agents do."""

from __future__ import annotations

import fcntl
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

import fences
from fleet import Fleet
from kanban_worker import standin

CHOSEN = "87dc548e-0000-4000-8000-000000000000"


def pid_file(fleet: Fleet, name: str) -> dict[str, Any]:
    """Read what a stand-in that is the pane's own process says of itself."""
    path = Path.home() / f".claude/sessions/{fleet.pane_pid(name)}.json"
    return dict(json.loads(path.read_text()))


def transcripts() -> dict[str, list[dict[str, Any]]]:
    """Read every Claude transcript in this home: lines by file stem."""
    paths = (Path.home() / ".claude/projects").glob("*/*.jsonl")
    return {
        path.stem: [json.loads(line) for line in path.read_text().splitlines()] for path in paths
    }


def runs(pid: int) -> bool:
    """Whether a process of this pid runs; one that waits to be reaped does not."""
    return psutil.pid_exists(pid) and not fences.has_ended(psutil.Process(pid))


class TestFleet:
    def test_a_session_runs_a_real_process_under_the_agents_name(
        self, fleet: Fleet, tmp_path: Path
    ) -> None:
        pid = fleet.start("lab-x-creator-claude", agent="claude", cwd=tmp_path)

        process = psutil.Process(pid)
        assert Path(process.cmdline()[0]).name == "claude"
        assert process.cwd() == str(tmp_path)
        assert process.ppid() == fleet.server_pid
        assert fleet.tmux("display-message", "-p", "#{pane_current_command}") == "claude"

    def test_a_wrapper_remains_as_a_shell_when_its_agent_has_quit(self, fleet: Fleet) -> None:
        shell = psutil.Process(fleet.start("w", agent="claude", wrapper=True))
        (agent,) = shell.children()

        fleet.send("w", "quit")

        fences.wait_for_end([agent])
        assert fleet.pane_pid("w") == shell.pid

    @pytest.mark.parametrize("agent", ["sleep", "shell", None])
    def test_a_pane_may_run_no_agent(self, fleet: Fleet, agent: Any) -> None:  # noqa: ANN401 (table)
        assert runs(fleet.start("plain", agent=agent))

    def test_a_name_is_matched_whole(self, fleet: Fleet) -> None:
        fleet.start("lab2", agent="sleep")

        with pytest.raises(RuntimeError, match="can't find"):
            fleet.pane_pid("lab")

    def test_a_session_is_renamed_and_killed_with_its_process(self, fleet: Fleet) -> None:
        pid = fleet.start("old", agent="claude")
        fleet.start("other", agent="sleep")

        fleet.rename("old", "new")
        assert fleet.pane_pid("new") == pid
        fleet.kill("new")

        assert not runs(pid)
        assert fleet.tmux("list-sessions", "-F", "#{session_name}") == "other"

    @pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGKILL])
    def test_a_killed_server_takes_its_panes_along_and_another_may_follow(
        self, fleet: Fleet, sig: signal.Signals
    ) -> None:
        pid, first = fleet.start("a", agent="claude"), fleet.server_pid

        fleet.kill_server(sig)
        assert not runs(pid)
        with pytest.raises(ProcessLookupError):
            _ = fleet.server_pid

        fleet.start("a", agent="claude")
        assert fleet.server_pid != first

    def test_stop_finds_a_server_that_has_lost_its_socket(self, fleet: Fleet) -> None:
        fleet.start("a", agent="sleep")
        server = psutil.Process(fleet.server_pid)
        fleet.socket.unlink()

        fleet.stop()

        assert fences.has_ended(server)


class TestClaude:
    def test_it_has_a_pid_file_at_once_and_a_transcript_only_when_prompted(
        self, fleet: Fleet, tmp_path: Path
    ) -> None:
        pid = fleet.start("c", agent="claude", cwd=tmp_path, options=["--session-id", CHOSEN])
        record = pid_file(fleet, "c")
        assert (record["pid"], record["sessionId"]) == (pid, CHOSEN)
        assert (record["cwd"], record["version"]) == (str(tmp_path), "2.1.329")
        assert transcripts() == {}

        fleet.send("c", "prompt")

        lines = transcripts()[CHOSEN]
        assert [line["type"] for line in lines] == [
            "mode",
            "file-history-snapshot",
            "user",
            "assistant",
        ]
        assert "sessionId" not in lines[1]
        assert lines[3]["parentUuid"] == lines[2]["uuid"]

    @pytest.mark.skipif(sys.platform != "linux", reason="only Linux has /proc/<pid>/stat")
    def test_its_pid_file_tells_the_start_time_as_the_kernel_does(self, fleet: Fleet) -> None:
        pid = fleet.start("c", agent="claude")

        ticks = int(pid_file(fleet, "c")["procStart"]) / os.sysconf("SC_CLK_TCK")

        started = psutil.Process(pid).create_time() - psutil.boot_time()
        assert ticks == pytest.approx(started, abs=1.5)

    def test_clear_moves_on_to_another_id_and_quit_removes_the_pid_file(self, fleet: Fleet) -> None:
        fleet.start("c", agent="claude", options=["--prompted", "--session-id", CHOSEN])

        fleet.send("c", "clear")

        moved = pid_file(fleet, "c")["sessionId"]
        assert transcripts().keys() == {CHOSEN, moved}
        heads = [line.get("message", {}).get("content", "") for line in transcripts()[moved][:3]]
        assert any("<command-name>/clear" in head for head in heads)
        fleet.send("c", "quit")
        assert list((Path.home() / ".claude/sessions").iterdir()) == []

    def test_an_old_version_keeps_the_first_id_in_its_pid_file(self, fleet: Fleet) -> None:
        options = ["--session-id", CHOSEN, "--stale-pid-file"]
        fleet.start("c", agent="claude", options=options)

        fleet.send("c", "clear")
        fleet.send("c", "prompt")

        record = pid_file(fleet, "c")
        assert (record["sessionId"], record["version"]) == (CHOSEN, "2.1.112")
        assert CHOSEN not in transcripts()

    def test_what_is_typed_is_noted_with_the_conversation_that_it_was_typed_in(
        self, fleet: Fleet
    ) -> None:
        fleet.start("c", agent="claude", options=["--prompted", "--session-id", CHOSEN])
        fleet.send("c", "clear")
        cleared = pid_file(fleet, "c")["sessionId"]
        fleet.send("c", f"resume {CHOSEN}")
        fleet.send("c", "branch")

        typed = [
            json.loads(line)
            for line in (Path.home() / ".claude/history.jsonl").read_text().splitlines()
        ]
        assert [(each["display"], each["sessionId"]) for each in typed] == [
            ("hello", CHOSEN),
            ("/clear", CHOSEN),
            ("/resume", cleared),
            ("/branch", CHOSEN),
        ]

    def test_a_branch_is_a_copy_that_says_so_of_each_line(self, fleet: Fleet) -> None:
        fleet.start("c", agent="claude", options=["--prompted", "--session-id", CHOSEN])

        fleet.send("c", "branch")

        moved = pid_file(fleet, "c")["sessionId"]
        lines = transcripts()[moved]
        assert {line["sessionId"] for line in lines} == {moved}
        assert {line["forkedFrom"]["sessionId"] for line in lines} == {CHOSEN}
        own = [line["uuid"] for line in transcripts()[CHOSEN] if "uuid" in line]
        assert [line["uuid"] for line in lines] == own

    def test_it_may_have_no_pid_file_and_a_configuration_elsewhere(
        self, fleet: Fleet, tmp_path: Path
    ) -> None:
        options = ["--no-pid-file", "--prompted"]
        environ = {"CLAUDE_CONFIG_DIR": str(tmp_path / "config")}

        fleet.start("c", agent="claude", options=options, environ=environ)

        names = {path.name for path in (tmp_path / "config").iterdir()}
        assert names == {"history.jsonl", "projects"}
        assert not (Path.home() / ".claude").exists()

    def test_killed_it_leaves_its_pid_file_behind(self, fleet: Fleet) -> None:
        fleet.start("c", agent="claude")

        fleet.kill("c")

        assert len(list((Path.home() / ".claude/sessions").iterdir())) == 1

    @pytest.mark.parametrize(
        ("path", "key"),
        [
            pytest.param("/home/u/my_proj v1.0 ü", "-home-u-my-proj-v1-0--", id="not ASCII"),
            pytest.param("/emo😀x", "-emo--x", id="outside the basic plane: two units"),
            pytest.param("/" + "a" * 199, "-" + "a" * 199, id="200 characters: whole"),
            pytest.param("/" + "a" * 200, "-" + "a" * 199 + "-b6ymvl", id="201: cut and hashed"),
        ],
    )
    def test_a_project_key_is_what_claude_makes_of_the_path(self, path: str, key: str) -> None:
        assert standin.project_key(path) == key


def test_agy_writes_at_the_first_prompt_and_holds_a_lock_while_it_lives(
    fleet: Fleet, tmp_path: Path
) -> None:
    home = Path.home() / ".gemini/antigravity-cli"
    fleet.start("g", agent="agy", cwd=tmp_path)
    assert not home.exists()

    fleet.send("g", "prompt")

    known = json.loads((home / "cache/last_conversations.json").read_text())
    (own,) = known.values()
    assert known == {str(tmp_path): own}
    with sqlite3.connect(home / f"conversations/{own}.db") as database:
        assert database.execute("SELECT count(*) FROM steps").fetchone() == (2,)
    database.close()
    with (home / f"presence/{own}.lock").open() as lock:
        with pytest.raises(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        fleet.kill("g")
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_codex_writes_one_rollout_whose_first_line_says_whose_it_is(
    fleet: Fleet, tmp_path: Path
) -> None:
    fleet.start("x", agent="codex", cwd=tmp_path, options=["--prompted"])

    (rollout,) = (Path.home() / ".codex/sessions").glob("*/*/*/*.jsonl")
    first, *turn = map(json.loads, rollout.read_text().splitlines())
    own = first["payload"]["id"]
    assert re.fullmatch(rf"rollout-[0-9T-]{{19}}-{own}", rollout.stem)
    assert (first["type"], first["payload"]["cwd"]) == ("session_meta", str(tmp_path))
    assert [line["payload"]["type"] for line in turn][-1] == "task_complete"


def test_a_stand_in_under_another_name_says_how_it_is_started(fence: fences.Fence) -> None:
    run = [sys.executable, "-IS", str(standin.__file__)]

    done = subprocess.run(run, cwd=fence.home, capture_output=True, text=True, check=False)

    assert done.returncode == 64
    assert "start it as one of ['agy', 'claude', 'codex', 'gemini']" in done.stderr
