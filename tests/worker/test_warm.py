"""What is forked from a process with the imports done is, from outside, what would be started."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

import commandline
import hermes
import warm
from desk import Desk
from fences import Fence
from fleet import Fleet
from waiting import PATIENCE


@pytest.mark.parametrize(
    "words",
    [("status",), ("status", "--json"), ("check",), ("reconcile", "--onse"), ("--help",), ()],
    ids=" ".join,
)
def test_it_ends_and_speaks_as_one_that_is_started(words: tuple[str, ...]) -> None:
    started = subprocess.run(
        commandline.command(*words), capture_output=True, text=True, check=False, cwd=Path.home()
    )

    forked = commandline.run(*words)

    assert (forked.status, forked.err) == (started.returncode, started.stderr)
    assert still(forked.out) == still(started.stdout)
    assert forked.out or forked.err


def still(text: str) -> str:
    """The text without the times in it."""
    return re.sub(r"\d\d:\d\d:\d\d(\.\d+)?", "#", text)


def test_its_environment_and_folder_are_its_own(fence: Fence) -> None:
    (fence.home / "x.yaml").write_text("version: 1\nsessions: [\n")

    assert "x.yaml, line 3" in commandline.run("check", "--registry", "x.yaml").err
    assert "y.yaml" in commandline.run("check", environ={"AGENT_SESSIONS_REGISTRY": "y.yaml"}).err
    assert "y.yaml" not in commandline.run("check").err


@hermes.needed
def test_so_does_the_program_of_hermes(fence: Fence) -> None:
    home = hermes.Home(fence.root / "hermes")
    words = ["kanban", "show", home.create_card(title="a card")]
    started = home.run(*words)

    forked = subprocess.run(
        [warm.program(warm.HERMES), *words],
        env=home.environ,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (forked.returncode, forked.stdout) == (started.status, started.out)
    assert "a card" in forked.stdout


def test_it_does_not_outlive_whoever_started_it(fence: Fence, fleet: Fleet) -> None:
    desk = Desk(fence, fleet, fence.home / "agent-sessions.yaml")
    desk.write(*desk.starts("lab-a-creator-claude"))
    words = [warm.program(warm.AGENT_SESSIONS), "reconcile", "--interval", "600"]
    with subprocess.Popen(
        words, env=commandline.environment(desk.environ), stdout=subprocess.PIPE, text=True
    ) as program:
        assert program.stdout
        assert program.stdout.readline()
        program.kill()
        assert not program.stdout.read(), "the end of its output is its end"
        assert program.wait(PATIENCE) < 0
