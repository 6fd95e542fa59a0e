"""`resume-plan --tmux`: the script that brings all back, run in a real shell on a real tmux."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from desk import Desk
from kanban_worker import standin

ONE, TWO = "lab-one-creator-claude", "lab-two-creator-claude"
ODD, OWN_FOLDER = "lab-odd-creator-claude", "lab-own-creator-claude"
AGY = "lab-three-creator-agy"
EVERYBODY = (ONE, TWO, ODD, OWN_FOLDER, AGY)
PLACE = 'it\'s a "place" $HOME `x`'

RESUMES = {
    "claude": '"$@"',
    "agy": '--session-id "$2" --prompted',  # agy --conversation ID
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
    environ = " ".join(f"{key}={shlex.quote(each)}" for key, each in desk.environ.items())
    _script(folder / "agent-sessions", f'exec env {environ} {tool} "$@"')
    return folder


def _script(path: Path, body: str) -> None:
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


def fleet(desk: Desk) -> dict[str, str]:
    """Start everybody, let each say something, and tell the id of each conversation."""
    lab = desk.fence.home / "lab"
    places = {ONE: lab / "shared", TWO: lab / "shared", ODD: lab / PLACE}
    entries = []
    for name in EVERYBODY:
        kind = name.rpartition("-")[2]
        place = places.get(name) or desk.workspace(name)
        place.mkdir(parents=True, exist_ok=True)
        moved = {"CLAUDE_CONFIG_DIR": str(desk.fence.home / "own")} if name == OWN_FOLDER else {}
        pid = desk.fleet.start(
            name,
            agent=kind,
            cwd=place,
            options=["--prompted"],
            environ=moved,  # type: ignore[arg-type]
        )
        entries.append(desk.entry(name, pid=pid, workspace=json.dumps(str(place))))
    desk.write(*entries)
    desk.once()
    return {name: own(desk, name) for name in EVERYBODY}


def own(desk: Desk, name: str) -> str:
    """The id that the registry has as a session's own."""
    found = YAML(typ="safe", pure=True).load(desk.registry)
    (entry,) = [each for each in found["sessions"] if each["name"] == name]
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
        ["sh"], input=text, text=True, capture_output=True, env=environ, check=False, timeout=120
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
    assert len(running) == len(EVERYBODY)
    again = run(text, programs)
    assert again.returncode == 0, (again.stdout, again.stderr)
    assert processes(desk) == running
    assert again.stdout.count("left as it is") == len(EVERYBODY)
    assert again.stdout.count("nothing to write") == len(EVERYBODY)
    assert "terminated" not in desk.registry.read_text()
    assert "no session has ended" in desk.run("resume-plan").out
