"""`scripts/reconcile.sh` of the skill, for a card that calls it in a loop of its own."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import pytest

import commandline
from desk import Desk
from fences import Fence
from fleet import Fleet
from kanban_worker import programs
from kanban_worker.hermes import skill


@pytest.fixture
def script(fence: Fence) -> Path:
    """As `install` puts it: it names the program by its path."""
    skill.put(fence.home / "hermes", [], skill.Calls(programs.own_command()))
    return skill.place(fence.home / "hermes").with_name("scripts") / "reconcile.sh"


def run(
    script: Path, *words: str, environ: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [script, *words],
        env={**commandline.environment(environ), "PATH": "/usr/bin:/bin"},
        cwd="/",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_call_without_flags_is_one_pass(script: Path, fence: Fence, fleet: Fleet) -> None:
    desk = Desk(fence, fleet, fence.home / "agent-sessions.yaml")
    desk.write()
    desk.starts("lab-api-creator-claude")

    looked = run(script, "--emit-diff", "--dry-run", environ=dict(desk.environ))
    wrote = run(script, environ=dict(desk.environ))

    assert (looked.returncode, looked.stderr) == (0, "")
    assert [each["class"] for each in commandline.checked(looked.stdout)["drifts"]] == ["B"]
    assert wrote.returncode == 0
    assert "lab-api-creator-claude" in desk.registry.read_text()


@pytest.mark.parametrize(
    ("words", "called"),
    [
        ((), "reconcile --once"),
        (("--emit-diff",), "reconcile --once --emit-diff"),
        (("--once",), "reconcile --once"),
        (("--emit-diff", "--once"), "reconcile --emit-diff --once"),
        (("--subscribe",), "reconcile --subscribe"),
        (("--subscribe", "--interval", "5"), "reconcile --subscribe --interval 5"),
        (("--registry", "a b; $(x)"), "reconcile --once --registry a b; $(x)"),
    ],
)
def test_it_hands_over_its_flags_and_adds_once_where_neither_is_given(
    tmp_path: Path, words: tuple[str, ...], called: str
) -> None:
    program = tmp_path / "it's mine"
    program.write_text('#!/bin/sh\necho "$*"\nexit 3\n')
    program.chmod(0o755)
    skill.put(tmp_path / "hermes", [], skill.Calls(shlex.quote(str(program))))
    done = run(skill.place(tmp_path / "hermes").with_name("scripts") / "reconcile.sh", *words)

    assert done.stdout == f"{called}\n"
    assert done.returncode == 3
