"""`agent-sessions doctor`: what is missing, and the command that mends it."""

from __future__ import annotations

import itertools
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

import commandline
import hermes
from commandline import Completed
from desk import Desk
from fences import Fence
from fleet import Fleet
from hooked import Agents
from kanban_worker import programs
from kanban_worker.hermes import skill
from waiting import retry_until

LINE = re.compile(r"(ok|no|--)  ([a-z0-9_ ]+): (.+)")
MODEL = "model: {default: m, provider: custom}\n"
PASTE = "      "
"""What stands before a line for a file of the user's."""


@pytest.fixture
def desk(fence: Fence, fleet: Fleet) -> Desk:
    desk = Desk(fence, fleet, fence.home / "agent-sessions.yaml")
    desk.write()
    return desk


def doctor(desk: Desk, *words: str, **environ: str) -> Completed:
    done = desk.run("doctor", *words, environ=environ)
    done.complaints(0)
    lines = done.out.splitlines()
    assert all(line.startswith(PASTE) or LINE.fullmatch(line) for line in lines), done.out
    return done


def found(done: Completed) -> dict[str, tuple[str, str]]:
    """What each line says: `ok` or `no`, and the rest."""
    matches = [LINE.fullmatch(line) for line in done.out.splitlines()]
    return {match[2]: (match[1], match[3]) for match in matches if match}


def pasted(done: Completed, what: str) -> list[str]:
    """The lines to paste below one line, each way to set it as one text."""
    below = done.out.partition(f"  {what}: ")[2].splitlines()[1:]
    shown = itertools.takewhile(lambda line: line.startswith(PASTE), below)
    return "\n".join(line.removeprefix(PASTE) for line in shown).split("\nor\n")


@hermes.needed
def test_all_is_well_after_install(desk: Desk, fence: Fence) -> None:
    desk.write(*desk.starts("lab-api-creator-claude"))
    with hermes.home(fence.home / "hermes") as home:
        home.configure(MODEL)
        assert desk.run("install").status == 0
        before = sorted(home.root.rglob("*"))
        done = doctor(desk)
        after = sorted(home.root.rglob("*"))

    assert done.status == 0, done.out
    assert "no  " not in done.out
    lines = found(done)
    for what in ("tmux", "tmux server", "registry", "claude", "clock", "state", "cache"):
        assert what in lines
    for what in ("hermes", "profile", "model", "plugin", "skill", "board"):
        assert lines[what][0] == "ok"
    assert lines["model"][1] == "m (custom)"
    for what in ("gateway", "watched"):
        assert lines[what][0] == "--"
    assert "1 session (" in lines["tmux server"][1]
    assert "1 entry" in lines["registry"][1]
    assert re.match(r"\d+\.\d+", lines["hermes"][1])
    assert after == before  # the board was tried, and nothing was left there


@hermes.needed
def test_what_install_would_do_is_what_doctor_asks_for(desk: Desk, fence: Fence) -> None:
    with hermes.home(fence.home / "hermes") as home:
        profile = home.root / "profiles/watcher"
        profile.mkdir(parents=True)
        done = doctor(desk, "--profile", "watcher")

    assert done.status == 3
    lines = found(done)
    install = f"{programs.short_command()} install --hermes-home {home.root} --profile watcher"
    mend = f" : {install}"
    for what in ("plugin", "skill"):
        assert lines[what][0] == "no"
        assert lines[what][1].endswith(mend)
    assert lines["board"][0] == "ok"
    assert lines["model"][0] == "no"
    assert lines["model"][1].endswith(" : hermes -p watcher model")


@hermes.needed
def test_a_board_that_is_corrupt_or_locked_is_told(desk: Desk, fence: Fence) -> None:
    with hermes.home(fence.home / "hermes") as home:
        with home.locked():
            locked = doctor(desk)
        home.corrupt()
        corrupt = doctor(desk)
    assert found(locked)["board"][0] == found(corrupt)["board"][0] == "no"
    assert "locked" in found(locked)["board"][1]
    assert corrupt.status == 3


def test_without_hermes_it_says_so_in_one_line_and_nothing_is_wrong(desk: Desk) -> None:
    done = doctor(desk, HERMES_BIN="/nowhere/hermes")
    asked = doctor(desk, "--profile", "watcher", HERMES_BIN="/nowhere/hermes")

    assert done.status == 0, done.out
    (line,) = (line for line in done.out.splitlines() if "ermes" in line)
    assert line.startswith("--  hermes: no `hermes` on PATH and none in HERMES_BIN; only cards on ")
    assert " : Install Hermes Agent (pip install hermes-agent)" in line
    assert asked.status == 3
    assert found(asked)["hermes"][0] == "no"


def test_a_host_without_hermes_and_tmux_is_told_what_to_install(desk: Desk, fence: Fence) -> None:
    done = doctor(desk, PATH=str(fence.home), HERMES_BIN="/nowhere/hermes")
    lines = found(done)
    assert done.status == 3
    assert "apt install tmux" in lines["tmux"][1]
    assert "pip install hermes-agent" in lines["hermes"][1]


@pytest.mark.parametrize("text", ["sessions: [", "sessions: 3\n"])
def test_a_registry_to_mend_outweighs_the_rest(desk: Desk, text: str) -> None:
    desk.write(text=text)
    done = doctor(desk, HERMES_BIN="/nowhere/hermes")
    assert done.status == 64
    assert found(done)["registry"][0] == "no"


def test_a_config_to_mend_is_told_and_the_rest_is_looked_at(desk: Desk, fence: Fence) -> None:
    config = fence.home / "config.yaml"
    config.write_text("no_such_key: 1\n")
    done = doctor(desk, "--config", str(config), HERMES_BIN="/nowhere/hermes")
    assert done.status == 64
    assert "no_such_key" in found(done)["config"][1]
    assert "hermes" in found(done)


def test_a_profile_that_has_no_possible_name_is_told(desk: Desk) -> None:
    done = doctor(desk, "--profile", "../x")
    assert found(done)["hermes"][0] == "no"


def test_a_file_from_the_future_is_told(desk: Desk) -> None:
    ahead = time.time() + 3600
    os.utime(desk.registry, (ahead, ahead))
    assert "in the future" in found(doctor(desk, HERMES_BIN="/nowhere/hermes"))["clock"][1]


def test_a_state_folder_that_others_may_read_is_told(desk: Desk) -> None:
    desk.state.mkdir(parents=True)
    desk.state.chmod(0o755)
    line = found(doctor(desk, HERMES_BIN="/nowhere/hermes"))["state"]
    assert line == ("no", f"{desk.state} is open to others : chmod 700 {desk.state}")


@hermes.needed
def test_a_card_that_hermes_gave_up_is_named_with_the_command(desk: Desk, fence: Fence) -> None:
    with hermes.home(fence.home / "hermes") as home:
        mine = {"goal": True, "skills": ["agent-sessions-monitor"], "max_retries": 1}
        given_up, blocked = home.create_card(**mine), home.create_card(**mine)
        another = home.create_card(goal=True, skills=["other"], max_retries=1)
        for card in (given_up, another):
            home.claim(card)
            with home.database() as (kb, connection):
                kb._record_task_failure(
                    connection,
                    card,
                    error="pid 7 not alive\nx",
                    outcome="crashed",
                    release_claim=True,
                    end_run=True,
                )
        home.block(blocked)
        done = doctor(desk)
        home.unblock(given_up)
        after = doctor(desk)

    told = [line for line in done.out.splitlines() if "  card " in line]
    why = "Hermes gave up, failures: 1 (pid 7 not alive x)"
    assert told == [f"no  card {given_up}: {why} : hermes kanban unblock {given_up}"]
    assert "  card " not in after.out


@hermes.needed
def test_a_profile_that_is_not_there_is_told_with_the_command_that_makes_it(
    desk: Desk, fence: Fence
) -> None:
    with hermes.home(fence.home / "hermes") as home:
        done = doctor(desk, "--profile", "watcher")

    assert done.status == 3
    lines = found(done)
    seen = f"watcher: there is no {home.root}/profiles/watcher"
    assert lines["profile"] == ("no", f"{seen} : hermes profile create watcher --clone")
    assert not {"model", "plugin", "skill"} & set(lines)
    assert lines["board"][0] == "ok"


@hermes.needed
def test_the_card_that_watches_this_registry_is_named(desk: Desk, fence: Fence) -> None:
    mine = {"goal": True, "skills": ["agent-sessions-monitor"]}
    place = {"workspace_kind": "dir", "workspace_path": str(desk.registry.parent)}
    with hermes.home(fence.home / "hermes") as home:
        home.create_card(**mine, workspace_kind="dir", workspace_path="/elsewhere")
        home.create_card(**place)
        before = doctor(desk)
        card = home.create_card(**mine, **place)
        ready = doctor(desk)
        home.claim(card)
        running = doctor(desk)
        home.block(card)
        blocked = doctor(desk)

    lines = [found(each)["watched"] for each in (before, ready, running, blocked)]
    assert [mark for mark, _ in lines] == ["--", "--", "ok", "--"]
    assert lines[0][1].startswith(f"no card watches {desk.registry} : ")
    assert lines[0][1].endswith("agent-sessions dispatch")
    assert lines[1][1] == f"card {card} is ready, for tmux-monitor : hermes kanban dispatch"
    assert lines[2][1] == f"card {card} is running, for tmux-monitor"
    assert lines[3][1].endswith(f" : hermes kanban unblock {card}")


@hermes.needed
def test_a_gateway_is_one_that_lives_and_starts_workers(desk: Desk, fence: Fence) -> None:
    """By what `hermes gateway run` leaves in its home; the real one is in the goal card's tests."""
    with hermes.home(fence.home / "hermes") as home:
        profile = home.root / "profiles/other"
        profile.mkdir(parents=True)
        words = [sys.executable, "-c", "import sys; sys.stdin.read()", "gateway", "run"]
        with subprocess.Popen(words, stdin=subprocess.PIPE) as process:
            (profile / "gateway.pid").write_text(json.dumps({"pid": process.pid}))
            runs = found(doctor(desk))["gateway"]
            (profile / "config.yaml").write_text("kanban: {dispatch_in_gateway: false}\n")
            idle = found(doctor(desk))["gateway"]
            process.communicate()
        (home.root / "gateway.pid").write_text(str(os.getpid()))
        over = found(doctor(desk))["gateway"]

    assert runs == ("ok", f"pid {process.pid} starts the workers of cards")
    assert idle[0] == "--"
    assert "dispatch_in_gateway" in idle[1]
    assert over == ("--", "none runs: a card waits for one : hermes gateway start")


@hermes.needed
def test_a_skill_that_names_a_program_that_is_gone_is_told(desk: Desk, fence: Fence) -> None:
    with hermes.home(fence.home / "hermes") as home:
        skill.put(home.root, [], skill.Calls("/gone/agent-sessions"))
        ours = found(doctor(desk))["skill"]
        skill.put(home.root, [], skill.Calls("/bin/true", "/gone/hermes"))
        theirs = found(doctor(desk))["skill"]

    assert (ours[0], theirs[0]) == ("no", "no")
    assert "names /gone/agent-sessions, which is not there" in ours[1]
    assert "names HERMES_BIN=/gone/hermes /bin/true, which is not there" in theirs[1]


def test_a_plugin_that_is_not_in_hermes_environment_is_optional_with_the_skill(
    desk: Desk, fence: Fence
) -> None:
    home = fence.home / ".hermes"
    home.mkdir()
    (home / "config.yaml").write_text(MODEL)
    other = fence.home / "hermes"
    other.write_text("#!/bin/sh\necho '[]'\n")
    other.chmod(0o755)
    without = found(doctor(desk, HERMES_BIN=str(other)))["plugin"]
    skill.put(home, [], skill.Calls(programs.own_command()))
    done = found(doctor(desk, HERMES_BIN=str(other)))["plugin"]

    assert (without[0], done[0]) == ("no", "--")
    assert done[1].endswith(f" : {programs.short_command()} install --into-hermes")


@hermes.needed
def test_the_same_as_data(desk: Desk, fence: Fence) -> None:
    with hermes.home(fence.home / "hermes"):
        lines = doctor(desk)
        data = desk.run("doctor", "--json")

    assert data.complaints(0) == ""
    shown = json.loads(data.out)
    assert shown["schema_version"] == 1
    assert data.status == lines.status == 3
    marks = {"ok": "ok", "no": "missing", "--": "optional"}
    told = {what: marks[mark] for what, (mark, _) in found(lines).items()}
    assert {each["check"]: each["state"] for each in shown["checks"]} == told
    for each in shown["checks"]:
        assert set(each) == {"check", "state", "seen", "mend", "paste"}
        assert (each["mend"] is not None) or each["state"] != "missing"
        assert each["mend"] is None or each["state"] != "ok"


@hermes.needed
def test_a_config_that_makes_no_sense_leaves_the_board_to_be_looked_at(
    desk: Desk, fence: Fence
) -> None:
    with hermes.home(fence.home / "hermes"):
        done = doctor(desk, AGENT_SESSIONS_INTERVAL="soon")

    assert found(done)["config"][0] == "no"
    assert found(done)["board"][0] == "ok"


@pytest.mark.parametrize("body", ["exit 1", "kill -9 $$", "echo '[3]'", "printf '\\377'"])
def test_a_hermes_that_misbehaves_is_a_line(desk: Desk, fence: Fence, body: str) -> None:
    (fence.home / ".hermes").mkdir()
    other = fence.home / "hermes"
    other.write_text(f"#!/bin/sh\n{body}\n")
    other.chmod(0o755)
    done = doctor(desk, HERMES_BIN=str(other))
    assert done.status == 3
    assert found(done)["plugin"][0] == "no"


def test_a_hermes_that_hangs_is_given_up(desk: Desk, fence: Fence) -> None:
    (fence.home / ".hermes").mkdir()
    other = fence.home / "hermes"
    other.write_text("#!/bin/sh\nexec sleep 60\n")
    other.chmod(0o755)
    program = (
        "import sys; from kanban_worker import cli; from kanban_worker.hermes import homes;"
        "homes.SECONDS = 0.2;"
        "sys.exit(cli.main(['doctor']))"
    )
    environ = commandline.environment({**desk.environ, "HERMES_BIN": str(other)})
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environ,
        cwd=Path.home(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 3
    assert "did not end within 0.2 s" in done.stdout
    assert done.stderr == ""


def test_it_changes_nothing(desk: Desk, fence: Fence) -> None:
    before = commandline.everything_below(fence.home)
    doctor(desk, HERMES_BIN="/nowhere/hermes")
    assert commandline.everything_below(fence.home) == before


# Settings that make ids certain. ------------------------------------------------------------------

UNSET = {"claude": "ok", "codex": "--", "gemini": "--", "opencode": "ok", "agy": "ok"}


def test_what_makes_ids_certain_is_said_of_what_is_used_and_is_no_fault(desk: Desk) -> None:
    before = doctor(desk, HERMES_BIN="/nowhere/hermes")
    for name in (".claude", ".codex", ".gemini/tmp", ".gemini/antigravity-cli"):
        (desk.fence.home / name).mkdir(parents=True, exist_ok=True)
    (desk.fence.home / ".local/share/opencode").mkdir(parents=True)
    after = doctor(desk, HERMES_BIN="/nowhere/hermes")

    assert not [what for what in found(before) if what.endswith(" ids")]
    assert {kind: found(after)[f"{kind} ids"][0] for kind in UNSET} == UNSET
    assert after.status == before.status
    path = desk.fence.home / ".codex/config.toml"
    path.write_text("\n".join(pasted(after, "codex ids")))
    done = doctor(desk, HERMES_BIN="/nowhere/hermes")
    assert found(done)["codex ids"] == ("ok", f"certain; [tui] terminal_title, set in {path}")
    assert pasted(done, "codex ids") == [""]


def test_a_hook_is_named_as_a_shell_finds_it(desk: Desk) -> None:
    (desk.fence.home / ".claude").mkdir()
    program = Path(sys.executable).with_name("agent-sessions")
    for path, command in ((f"{program.parent}:/usr/bin", "agent-sessions"), ("/usr/bin", program)):
        done = doctor(desk, HERMES_BIN="/nowhere/hermes", PATH=path)
        (way,) = pasted(done, "claude ids")
        (group,) = json.loads(way)["hooks"]["SessionStart"]
        assert group["hooks"] == [{"type": "command", "command": f"{command} hook"}]


def test_a_folder_that_a_living_agent_was_given_is_looked_at(desk: Desk, fence: Fence) -> None:
    own = fence.home / "own"
    own.mkdir()
    (own / "config.toml").write_text("[features]\ndaemon_auto_start = false\n")
    command = Agents(fence.root, fence.home).command("codex", "exec sleep 600")
    environ = {"HOME": str(fence.home), "CODEX_HOME": str(own)}
    with subprocess.Popen(command, env=environ) as process:
        living = psutil.Process(process.pid)
        try:
            retry_until(living.children, what="the agent's tool")
            line = found(doctor(desk, HERMES_BIN="/nowhere/hermes"))["codex ids"]
        finally:
            for each in living.children(recursive=True):
                each.kill()
    assert line == ("ok", f"certain; daemon_auto_start is false in {own}/config.toml")
