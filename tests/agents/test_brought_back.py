"""After a killed tmux server `resume-plan --tmux` brings real agents back, each in its own."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from ruamel.yaml import YAML

import columns
import commandline
import driving
import expectations
import fences
import programs
import scenes
import terminals
from driving import Ground
from models import ModelServer
from terminals import Pane
from waiting import retry_until
from world import World

CACHE = programs.cache()
"""Found before any test stands in a home of its own."""
NEWEST = next(column for column in expectations.COLUMNS if column.startswith("claude "))


def test_three_sessions_are_back_in_their_own_conversations_exactly_once() -> None:
    """Two of them in one directory, one in a directory with spaces in its name."""
    with fences.raised() as fence, ModelServer() as model:
        places = scenes.workspaces(fence.root)
        ground = Ground(root=fence.root, home=fence.home, model=model.url, workspaces=places)
        agent = columns.agent(NEWEST, ground, CACHE)
        agent.configure()
        with contextlib.closing(World(fence, agent, model)) as world:
            spaced = next(path for path in places if " " in path.name)
            seats = [
                world.open(name, where)
                for name, where in (("one", places[0]), ("two", places[0]), ("three", spaced))
            ]
            for seat in seats:
                world.start(seat)
                world.prompt(seat)
            registry = ("--registry", str(fence.root / "board" / "agent-sessions.yaml"))
            known = (*registry, "--tmux-socket", str(world.terminals.socket))
            own = {seat.pane.session: seat.talk.id for seat in seats}
            retry_until(lambda: ticked(fence.root, known) == own, what="their ids")
            world.terminals.stop()

            script = commandline.run(*known, "resume-plan", "--tmux").out
            done = run(script, world, agent.program)

            assert done.returncode == 0, (script, done.stdout, done.stderr)
            assert done.stdout.count("back in its own conversation") == len(seats)
            assert recorded(fence.root) == own
            shown = panes(world)
            assert sorted(shown) == sorted(own)
            for seat in seats:
                pane = Pane(world.terminals, shown[seat.pane.session], seat.pane.session)
                driving.is_waiting(agent, pane)
                word = driving.prompt(pane)
                assert driving.truth(agent, pane, word) == seat.talk.id
            again = run(script, world, agent.program)
            assert again.stdout.count("nothing to write") == len(seats)
            assert panes(world) == shown


def ticked(root: Path, words: Sequence[str]) -> dict[str, str | None]:
    """The recorded ids after another tick."""
    commandline.run(*words, "reconcile", "--once")
    return recorded(root)


def panes(world: World) -> dict[str, str]:
    """The pane of each session; each has one."""
    rows = world.terminals.tmux("list-panes", "-a", "-F", "#{session_name} #{pane_id}").splitlines()
    shown: dict[str, str] = dict(row.split() for row in rows)
    assert len(shown) == len(rows)
    return shown


def recorded(root: Path) -> dict[str, str | None]:
    """The ids that the registry has as the sessions' own."""
    text = (root / "board" / "agent-sessions.yaml").read_text("utf-8")
    entries = YAML(typ="safe", pure=True).load(text)["sessions"]
    return {each["name"]: each["claude_session_id_own"] for each in entries}


def run(script: str, world: World, program: Path) -> subprocess.CompletedProcess[str]:
    """Pipe it to a shell, as a person does."""
    folders = (program.parent, Path(sys.executable).parent)
    path = os.pathsep.join([*map(str, folders), world.terminals.environ["PATH"]])
    return subprocess.run(
        ["sh"],
        input=script,
        text=True,
        capture_output=True,
        env={**world.terminals.environ, "PATH": path, "SHELL": "/bin/sh"},
        timeout=terminals.PATIENCE * 2,
        check=False,
    )
