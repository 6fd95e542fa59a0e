"""`init`, `check` and `demo`, as somebody meets them."""

from __future__ import annotations

import re
import stat
import uuid
from pathlib import Path

import psutil
import pytest

import commandline
from desk import Desk, by_class

CLAUDE, AGY, CODEX = "lab-x-creator-claude", "lab-y-creator-agy", "lab-z-creator-codex"
OWN = str(uuid.uuid4())

# init -------------------------------------------------------------------------------------------


def test_init_registers_what_runs_with_the_ids_that_are_known(desk: Desk) -> None:
    desk.starts(CLAUDE, agent="claude", options=["--session-id", OWN, "--prompted"])
    desk.starts(CODEX, agent="codex")
    desk.starts("some-shell", agent="shell")

    done = desk.run("init")

    assert done.status == 0
    done.complaints(0)
    assert done.out == f"{desk.registry}: written, 2 sessions\n"
    text = desk.registry.read_text()
    assert re.findall(r"name: (\S+)", text) == [CLAUDE, CODEX]
    assert f"claude_session_id_own: {OWN}\n" in text
    assert "codex_session_id_own: null\n" in text
    assert text.count("status: running\n") == 2
    assert stat.S_IMODE(desk.registry.stat().st_mode) == 0o600
    checked = desk.run("check")
    assert (checked.status, checked.out) == (0, f"{desk.registry}: ok, 2 entries\n")
    assert desk.once("--exit-code").status == 0


def test_init_refuses_to_overwrite_and_says_what_to_do(desk: Desk) -> None:
    desk.starts(CLAUDE, agent="claude")
    desk.write("# mine\n")
    before = commandline.everything_below(desk.registry)

    done = desk.run("init")

    assert done.status == 64
    said = done.complaints()
    assert f"registry {desk.registry} is already there. Nothing was written. " in said
    assert "agent-sessions check" in said
    assert commandline.everything_below(desk.registry) == before
    assert list(desk.registry.parent.iterdir()) == [desk.registry]


def test_init_makes_the_folder_that_is_missing(desk: Desk) -> None:
    registry = desk.fence.home / "a/b/sessions.yaml"

    done = desk.run("init", "--registry", str(registry))

    assert done.status == 0
    assert registry.read_text() == "version: 1\nsessions: []\n"
    assert stat.S_IMODE(registry.parent.stat().st_mode) == 0o700


def test_init_writes_nothing_when_it_cannot_see_what_runs(desk: Desk) -> None:
    done = desk.run("init", environ={"PATH": "/nowhere"})

    assert done.status == 3
    said = done.complaints()
    assert "cannot see what runs: tmux is not installed" in said
    assert "No registry was written" in said
    assert not desk.registry.exists()


def test_init_in_a_folder_that_is_not_ours_says_so(desk: Desk) -> None:
    desk.registry.parent.chmod(0o500)

    done = desk.run("init", limit=commandline.unprivileged)

    assert done.status == 3
    assert f"registry {desk.registry} could not be written: permission" in done.complaints()


def test_init_follows_the_patterns_it_is_given(desk: Desk) -> None:
    desk.starts("work-1", "work-2", "other", agent="agy")

    done = desk.run("init", "--pattern", "work-*")

    assert "2 sessions" in done.out
    assert re.findall(r"name: (\S+)", desk.registry.read_text()) == ["work-1", "work-2"]


# check ------------------------------------------------------------------------------------------


def test_check_names_every_fault_as_an_editor_understands_it(desk: Desk) -> None:
    desk.write(
        "  - status: running\n",
        f"  - name: {CLAUDE}\n    pane: 7\n",
        f"  - name: {CLAUDE}\n",
        "  - name: lab-odd\n    status: paused\n    agent: aider\n",
    )

    done = desk.run("check")

    assert done.status == 64
    found = [
        re.fullmatch(rf"{desk.registry}:(\d+):(\d+): (fault|note): (.+)", line)
        for line in done.out.splitlines()
    ]
    assert [each and each.group(1, 2, 3) for each in found] == [
        ("3", "5", "fault"),
        ("5", "11", "fault"),
        ("6", "11", "fault"),
        ("8", "13", "note"),
        ("9", "12", "note"),
    ]


def test_entries_lost_on_purpose_are_accepted_by_hand(desk: Desk) -> None:
    entries = [desk.entry(f"lab-{n}-creator-claude", status="paused") for n in range(6)]
    desk.write(*entries)
    assert desk.once().status == 0
    desk.write(*entries[:2])
    assert desk.once().status == 64
    refused = desk.run("check")
    assert refused.status == 64
    assert "4 of 6 entries are gone" in refused.complaints()
    assert "agent-sessions check --accept" in refused.err

    accepted = desk.run("check", "--accept")

    assert accepted.status == 0
    assert "accepted as the last good registry" in accepted.out
    assert desk.copy.read_bytes() == desk.registry.read_bytes()
    before = desk.copy.with_suffix(".before.yaml").read_text()
    assert before.count("name: ") == 6, "nothing is lost, in case it was not on purpose"
    assert desk.run("check").status == 0
    assert desk.once().status == 0


def test_a_faulty_registry_is_not_accepted(desk: Desk) -> None:
    desk.write("  - status: running\n")

    done = desk.run("check", "--accept")

    assert done.status == 64
    assert not desk.state.exists()


# The options, wherever they stand ---------------------------------------------------------------


def test_global_options_stand_before_or_behind_the_command(desk: Desk) -> None:
    desk.write(desk.entry("lab-old-creator-claude", status="terminated"))
    elsewhere = {"AGENT_SESSIONS_REGISTRY": "/nowhere/r.yaml"}
    flag = ("--registry", str(desk.registry))

    for words in ((*flag, "check"), ("check", *flag)):
        assert desk.run(*words, environ=elsewhere).status == 0
    assert desk.run("check", environ=elsewhere).status == 64


@pytest.mark.parametrize("place", ["PuKi", "config file", "XDG default"])
def test_the_registry_is_found_where_the_documents_say(desk: Desk, place: str) -> None:
    home = desk.fence.home
    found = {
        "PuKi": home / "PuKi/lab/agent_sessions/agent-sessions.yaml",
        "config file": home / "somewhere.yaml",
        "XDG default": home / ".config/agent-sessions/agent-sessions.yaml",
    }[place]
    found.parent.mkdir(parents=True, exist_ok=True)
    found.write_text("version: 1\nsessions: []\n")
    if place == "config file":
        config = home / ".config/agent-sessions/config.yaml"
        config.parent.mkdir(parents=True)
        config.write_text("registry: ~/somewhere.yaml\n")

    done = commandline.run("check")

    assert (done.status, done.out) == (0, f"{found}: ok, 0 entries\n")


@pytest.mark.parametrize("words", [(), ("reconcile",), ("status",), ("check",)], ids=str)
def test_help_is_no_error(desk: Desk, words: tuple[str, ...]) -> None:
    done = desk.run(*words, "--help")

    assert (done.status, done.err) == (0, "")
    assert done.out.startswith("usage: agent-sessions")


# demo -------------------------------------------------------------------------------------------


def test_the_demo_tells_the_whole_story_and_leaves_nothing(desk: Desk) -> None:
    done = desk.run("demo")

    assert done.status == 0
    assert done.err == ""
    start, end = done.out.index("{\n"), done.out.index("\n}\n")
    report = commandline.checked(done.out[start : end + 2])
    assert set(by_class(report)) == set("ABCD")
    assert done.out.endswith("the tmux server, the board and the throw-away home are gone.\n")
    (folder,) = set(re.findall(r"/tmp/asm-\w+", done.out))
    assert not Path(folder).exists()
    assert not [each for each in psutil.process_iter(["cmdline"]) if _is_of(each, folder)]
    assert not desk.cache.exists()
    assert list(desk.registry.parent.iterdir()) == []


def test_without_tmux_the_demo_says_how_to_get_it(desk: Desk) -> None:
    done = desk.run("demo", environ={"PATH": "/nowhere"})

    assert done.status == 3
    assert "Install it (apt install tmux, brew install tmux)" in done.complaints()


def _is_of(process: psutil.Process, folder: str) -> bool:
    return any(folder in word for word in process.info["cmdline"] or [])
