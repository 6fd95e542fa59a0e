"""`resume-plan --tmux`: the script that brings all back, run in a real shell on a real tmux."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import uuid
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

import hermes
from desk import Desk
from fences import Fence
from kanban_worker import standin
from office import Office

ONE, TWO = "lab-one-creator-claude", "lab-two-creator-claude"
ODD, OWN_FOLDER = "lab-odd-creator-claude", "lab-own-creator-claude"
AGY, CODEX, OWN_CODEX = "lab-three-creator-agy", "lab-four-creator-codex", "lab-own-creator-codex"
GEMINI = "lab-five-creator-gemini"
MORE = tuple(f"lab-six-creator-{kind}" for kind in ("claude", "agy", "codex", "gemini"))
EVERYBODY = (ONE, TWO, ODD, OWN_FOLDER, AGY, CODEX, OWN_CODEX, GEMINI, *MORE)
PLACE = 'it\'s a "place" $HOME `x`'

RESUMES = {
    "claude": '"$@"',
    "agy": '--prompted "$@"',  # its lock is there from the first prompt on
    "codex": '--no-daemon "$@"',
    "gemini": '"$@"',
}


@pytest.fixture
def programs(desk: Desk) -> Path:
    """The agents by their names, as a person has them on PATH, and this program."""
    folder = desk.fence.root / "programs"
    folder.mkdir()
    for kind, words in RESUMES.items():
        command = shlex.join(standin.command(desk.fleet.folder / "bin", kind))  # type: ignore[arg-type]
        _script(folder / kind, f"exec {command} {words}")
    tool = shlex.join([sys.executable, "-P", "-m", "kanban_worker"])
    # It is told where the registry is, and finds the sessions by what the script tells it.
    registry = f"AGENT_SESSIONS_REGISTRY={shlex.quote(str(desk.registry))}"
    _script(folder / "agent-sessions", f'exec env {registry} {tool} "$@"')
    return folder


def _script(path: Path, body: str) -> None:
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


def fleet(desk: Desk) -> dict[str, str]:
    """Start everybody, let each say something, and tell the id of each conversation."""
    lab = desk.fence.home / "lab"
    places = {ONE: lab / "shared", TWO: lab / "shared", ODD: lab / PLACE}
    places |= {name: lab / "six" / name for name in MORE}
    folders = {OWN_FOLDER: "CLAUDE_CONFIG_DIR", OWN_CODEX: "CODEX_HOME"}
    entries = []
    for name in EVERYBODY:
        kind = name.rpartition("-")[2]
        place = places.get(name) or desk.workspace(name)
        place.mkdir(parents=True, exist_ok=True)
        moved = {folders[name]: str(desk.fence.home / "own" / kind)} if name in folders else {}
        # What makes a kind's ids certain, where it needs something.
        more = {"codex": ["--no-daemon"], "gemini": ["--session-id", str(uuid.uuid4())]}
        options = [*more.get(kind, ()), "--prompted"]
        pid = desk.fleet.start(name, agent=kind, cwd=place, options=options, environ=moved)  # type: ignore[arg-type]
        entries.append(desk.entry(name, pid=pid, workspace=json.dumps(str(place))))
    desk.write(*entries)
    desk.once()
    return {name: own(desk, name) for name in EVERYBODY}


def entries(desk: Desk) -> dict[str, dict[str, Any]]:
    """The registry's entries by name."""
    found = YAML(typ="safe", pure=True).load(desk.registry)
    return {each["name"]: each for each in found["sessions"]}


def own(desk: Desk, name: str) -> str:
    """The id that the registry has as a session's own."""
    entry = entries(desk)[name]
    return str(entry[f"{entry['agent']}_session_id_own"])


def script(desk: Desk, *words: str) -> str:
    done = desk.run("resume-plan", "--tmux", *words)
    assert done.status == 0, done.complaints()
    return done.out


def run(text: str, programs: Path) -> subprocess.CompletedProcess[str]:
    """Pipe it to a shell, as a person does."""
    environ = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}", "SHELL": "/bin/sh"}
    environ["CLAUDE_CODE_CHILD_SESSION"] = "1"
    return subprocess.run(
        ["sh"], input=text, text=True, capture_output=True, env=environ, check=False
    )


def processes(desk: Desk) -> list[str]:
    rows = desk.fleet.tmux("list-panes", "-a", "-F", "#{session_name} #{pane_pid}").splitlines()
    return sorted(rows)


def test_everybody_is_back_in_its_own_conversation_exactly_once(desk: Desk, programs: Path) -> None:
    before = fleet(desk)
    desk.fleet.kill_server(signal.SIGKILL)
    text = script(desk)

    done = run(text, programs)

    assert done.returncode == 0, (done.stdout, done.stderr)
    assert {name: own(desk, name) for name in EVERYBODY} == before
    for name, conversation in before.items():
        assert f"{name}: back in its own conversation {conversation}" in done.stdout
    running = processes(desk)
    assert running == sorted(
        f"{name} {entry['pane']['pid']}" for name, entry in entries(desk).items()
    )
    assert len(running) == len(EVERYBODY)
    again = run(text, programs)
    assert again.returncode == 0, (again.stdout, again.stderr)
    assert processes(desk) == running
    assert again.stdout.count("left as it is") == len(EVERYBODY)
    assert again.stdout.count("nothing to write") == len(EVERYBODY)
    assert "terminated" not in desk.registry.read_text()
    assert "no session has ended" in desk.run("resume-plan").out


def test_a_session_that_came_back_as_a_bare_shell_gets_its_agent_in_a_new_window(
    desk: Desk, programs: Path
) -> None:
    """As tmux-resurrect and the like bring sessions back: by name, with a shell."""
    before = fleet(desk)
    desk.fleet.kill_server(signal.SIGKILL)
    desk.fleet.start(ONE, agent="shell", cwd=desk.fence.home / "lab/shared")
    desk.fleet.start(AGY, agent="shell", cwd=desk.workspace(AGY))
    desk.saved(60)

    done = run(script(desk), programs)

    assert done.returncode == 0, (done.stdout, done.stderr)
    assert done.stdout.count("started in a new window, beside its shell") == 2
    assert done.stdout.count("back in its own conversation") == len(EVERYBODY)
    assert {name: own(desk, name) for name in EVERYBODY} == before
    assert len(processes(desk)) == len(EVERYBODY) + 2
    running = processes(desk)
    assert run(script(desk, *EVERYBODY), programs).returncode == 0
    assert processes(desk) == running


@hermes.needed
@pytest.mark.slow
def test_the_card_says_who_is_back_under_the_key_that_told_the_end(
    desk: Desk, fence: Fence, programs: Path
) -> None:
    fleet(desk)
    office = Office(desk, hermes.Home(fence.root / "hermes"))
    card = office.home.create_card()
    with office.working(card, "--interval", "2") as worker:
        worker.wait_for(lambda: office.beats(card), "a heartbeat")
        desk.fleet.kill_server(signal.SIGKILL)
        end = office.wait_for_said(card, f"{len(EVERYBODY)} running sessions ended together")
        assert desk.run("status").out.count(" are back") == 0

        assert run(script(desk), programs).returncode == 0
        back = office.wait_for_said(card, " are back")

        key = end.partition(" ")[0]
        told = f"{key} {len(EVERYBODY)} of {len(EVERYBODY)} are back, each in its own conversation."
        assert back == told
        assert told in desk.run("status").out.splitlines()
        office.home.comment(card, "stop")
        assert worker.result().status == 0
    assert [each for each in office.said(card) if key in each] == [end, back]


def test_a_server_that_nobody_named_is_told_to_adopt(
    desk: Desk, programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is outside tmux's own folder, and known because the monitor once ran inside it."""
    monkeypatch.setattr(Desk, "environ", {"AGENT_SESSIONS_REGISTRY": str(desk.registry)})
    with monkeypatch.context() as within:
        within.setenv("TMUX", f"{desk.fleet.socket},1,0")
        before = fleet(desk)
    desk.fleet.kill_server(signal.SIGKILL)
    desk.once()

    config = desk.fence.home / "empty.yaml"
    config.write_text("")
    text = script(desk, "--registry", str(desk.registry), "--config", str(config))
    done = run(text, programs)

    (adopt,) = [line for line in text.splitlines() if line.startswith("agent-sessions adopt ")]
    told = f" --registry={desk.registry} --config={config} --tmux-socket={desk.fleet.socket} "
    assert told in adopt
    assert done.returncode == 0, (done.stdout, done.stderr)
    assert {name: own(desk, name) for name in EVERYBODY} == before


def test_a_host_that_was_named_is_so_to_adopt_too(desk: Desk) -> None:
    place = desk.workspace(ONE)
    pid = desk.fleet.start(ONE, agent="claude", cwd=place, options=["--prompted"])
    desk.write(desk.entry(ONE, pid=pid, host="this-one"))
    desk.once("--host", "this-one")
    desk.fleet.kill_server(signal.SIGKILL)

    text = script(desk, "--host", "this-one")

    assert "\nagent-sessions adopt --host=this-one --tmux-socket=" in text


def test_where_nothing_has_ended_the_script_says_so(desk: Desk, programs: Path) -> None:
    fleet(desk)

    text = script(desk)

    assert run(text, programs).returncode == 0
    assert "# no session has ended within a day, or with the last boot" in text
    assert "starts" not in text


def test_an_agent_that_was_left_for_its_shell_is_told_and_brought_back(
    desk: Desk, programs: Path
) -> None:
    name = ONE
    place = desk.workspace(name)
    pid = desk.fleet.start(name, agent="claude", cwd=place, wrapper=True, options=["--prompted"])
    desk.write(desk.entry(name, pid=pid, pane="null"))
    desk.once()
    before = own(desk, name)
    desk.fleet.send(name, "quit")

    told = desk.run("resume-plan").out
    done = run(script(desk), programs)

    assert "cause: agent-exited" in told
    assert f"claude --resume {before}" in told
    assert done.returncode == 0, (done.stdout, done.stderr)
    assert f"back in its own conversation {before}" in done.stdout


def test_what_a_shell_could_misread_is_a_comment_and_never_a_command(desk: Desk) -> None:
    touched = desk.fence.root / "touched"
    evil = f"x\\n touch {touched}\\n"
    ended = {"status": "terminated", "terminated_at": datetime.now().astimezone().isoformat()}
    ids = {"claude_session_id_own": str(uuid.uuid4())}
    desk.write(
        desk.entry(f'"{evil}creator"', agent="claude", **ended, **ids),
        desk.entry("lab-b-creator-claude", workspace=f'"/{evil}"', **ended, **ids),
        desk.entry("lab-c-creator-claude", termination_cause=f'"{evil}"', **ended, **ids),
    )

    text = desk.run("resume-plan", "--tmux").out
    done = run(text, desk.fence.root)

    assert done.returncode == 0, done.stderr
    assert not touched.exists()
    assert all(line.startswith("#") for line in text.splitlines() if "touch " in line)


class TestAdopt:
    def test_of_several_the_others_are_adopted_and_each_trouble_is_one_line(
        self, desk: Desk
    ) -> None:
        desk.write(*desk.starts(ONE, TWO, agent="claude"), desk.entry(ODD), desk.entry(AGY))
        desk.once()
        desk.fleet.start(AGY, agent="claude", cwd=desk.workspace(AGY))
        desk.fleet.kill(TWO)
        desk.fleet.start(TWO, agent="claude", cwd=desk.workspace("lab-new-creator-claude"))
        desk.saved(60)
        desk.run("adopt", ONE)

        done = desk.run("adopt", "nobody", ODD, AGY, ONE, TWO)

        mend = "Nothing was written. Mend `agent:` in the entry, or end that session"
        assert done.status == 64
        assert [line.partition(": ")[2] for line in done.err.splitlines()] == [
            'no entry "nobody" in the registry. See: agent-sessions status',
            f"no session {ODD} lives in tmux. See: agent-sessions status",
            f"{AGY}: claude runs in it, and the entry is of agy. {mend}",
        ]
        assert f"{ONE}: it is the entry's own already" in done.out
        assert f"{TWO}: adopted: " in done.out

    def test_another_conversation_is_said_and_ends_with_3(self, desk: Desk) -> None:
        before = fleet(desk)
        desk.fleet.kill(ONE)
        desk.once()
        desk.fleet.start(ONE, agent="claude", cwd=desk.fence.home / "lab/shared")

        done = desk.run("adopt", "--wait", "20", ONE)

        assert done.status == 3
        assert "another conversation runs in it: " in done.complaints()
        assert before[ONE][:4] in done.complaints()

    def test_the_time_runs_out_where_no_agent_comes(self, desk: Desk) -> None:
        fleet(desk)
        desk.fleet.kill(ONE)
        desk.once()
        desk.fleet.start(ONE, agent="shell", cwd=desk.fence.home / "lab/shared")
        before = desk.registry.read_text()

        done = desk.run("adopt", "--wait", "2", ONE)

        assert done.status == 64
        assert f"{ONE}: no agent runs in it" in done.complaints()
        assert desk.registry.read_text() == before
