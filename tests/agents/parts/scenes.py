"""The two scenes: what people do with an agent, and the places in which they run it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import expectations
from driving import Agent, Ground
from outcomes import Talk
from world import Seat, World

EDITOR = ("sh", "-c", 'exec -a vim sleep "$1"', "sh", "86400")


class Player:
    """Plays one scene for one column of the table."""

    def __init__(self, column: str, world: World, ground: Ground) -> None:
        self.column = column
        self.world = world
        self.ground = ground

    @property
    def agent(self) -> Agent:
        return self.world.agent

    def look(self, case: str, *seats: Seat) -> None:
        """Let our program look, until what it records is as expected."""
        expected = expectations.expected(self.column, case)
        self.world.look(case, *seats, allowed=expected.allowed, patience=expected.patience)

    def plays(self, case: str) -> bool:
        """Whether this agent can play a case."""
        return not expectations.expected(self.column, case).not_played

    # What people do with it. --------------------------------------------------------------------

    def conversation(self) -> None:
        """One directory, some panes, every way from one conversation to the next.

        No session goes up and down more often than a person's would: one that flaps is held.
        """
        one = self._beginnings()
        other = self._changes(one)
        first = other.talk
        self._ends(other)
        self._resumes(first, one.talk)

    def _beginnings(self) -> Seat:
        world, here = self.world, self.ground.workspaces[0]
        one = world.open("one", here)
        world.start(one)
        self.look("unprompted", one)
        with world.headless(here):
            self.look("headless-unprompted", one)
        self.look("headless-unprompted", one)
        world.prompt(one)
        self.look("prompted", one)
        with world.headless(here):
            self.look("headless-prompted", one)
        self.look("headless-prompted", one)
        return one

    def _changes(self, one: Seat) -> Seat:
        world = self.world
        other = world.open("other", one.where)
        world.start(other)
        for seat in (other, one, other):
            world.prompt(seat)
        self.look("two", one, other)
        first = one.talk
        world.clear(one)
        self.look("cleared", one)
        world.prompt(one)
        self.look("cleared-prompted", one)
        if self.agent.kind == "gemini":
            # A headless run has removed the beginning of the first chat: nothing finds it again.
            first = one.talk
            world.clear(one)
            world.prompt(one)
            self.look("cleared-prompted", one)
        world.switch(one, first)
        self.look("switched", one)
        world.prompt(one)
        self.look("switched-prompted", one)
        if self.plays("branched"):
            world.branch(one)
            self.look("branched", one)
            world.prompt(one)
            self.look("branched-prompted", one)
        return other

    def _ends(self, other: Seat) -> None:
        world = self.world
        world.leave(other)
        self.look("left", other)
        world.start(other)
        world.prompt(other)
        self.look("again", other)

    def _resumes(self, ended: Talk, shared: Talk) -> None:
        world = self.world
        third = world.open("third", self.ground.workspaces[0])
        world.start(third, ended)
        world.prompt(third)
        self.look("resumed", third)
        world.clear(third)
        world.prompt(third)
        self.look("resumed-cleared", third)
        world.kill(third)
        self.look("killed", third)
        if self.plays("shared"):
            world.start(third, shared)
            world.prompt(third)
            self.look("shared", third)
            world.clear(third)
            world.prompt(third)
            self.look("shared-cleared", third)

    # Where they run it. -------------------------------------------------------------------------

    def places(self) -> None:
        """A session each; all are started, then all prompted, then all looked at together."""
        seats = {}
        for case, opened in self._openings().items():
            seats[case] = opened()
            # One after the other: ten programs that start at once keep each other waiting.
            self.world.wait_until_ready(seats[case])
        self.world.terminals.tmux("split-window", "-t", seats["split"].pane.pane, "--", *EDITOR)
        self.world.terminals.tmux(
            "new-window", "-t", f"={seats['second-window'].pane.session}:", "--", *EDITOR
        )
        for seat in seats.values():
            self.world.prompt(seat)
        for case, seat in seats.items():
            self.look(case, seat)
        self.world.clear(seats["own-folder"])
        self.world.prompt(seats["own-folder"])
        self.look("own-folder-cleared", seats["own-folder"])

    def _openings(self) -> Mapping[str, Callable[[], Seat]]:
        where = dict(zip(NAMES, self.ground.workspaces[1:], strict=True))
        program = str(self.agent.program)
        apart = [f"{name}={value}" for name, value in self.agent.apart(self._folder()).items()]
        commands: Mapping[str, Sequence[str]] = {
            "own-folder": ("env", *apart, program),
            "wrapper": (str(self._wrapper()), program),
            "npx": ("npx", "--no", self.agent.kind),
        }
        self._local(where["npx"])
        return {
            case: _opening(self.world, case, where[case], commands.get(case, ("env", program)))
            for case in NAMES
        }

    def _folder(self) -> Path:
        folder = self.ground.root / "own"
        self.agent.configure(folder)
        return folder

    def _wrapper(self) -> Path:
        """A script that stays as the agent's parent."""
        path = self.ground.root / "begin-work"
        path.write_text('#!/bin/sh\necho working\n"$@"\necho done\n', "utf-8")
        path.chmod(0o755)
        return path

    def _local(self, where: Path) -> None:
        """Make the program a project's own, as `npm install` would."""
        programs = where / "node_modules/.bin"
        programs.mkdir(parents=True)
        (programs / self.agent.kind).symlink_to(self.agent.program)


NAMES = tuple(case for case in expectations.PLACES if case != "own-folder-cleared")


def _opening(world: World, case: str, where: Path, command: Sequence[str]) -> Callable[[], Seat]:
    return lambda: world.open(case, where, command)


def workspaces(root: Path) -> list[Path]:
    """The directory of the first scene, then one for each case of the second."""
    base = root / "work"
    names = {"dotted": "v1.0.rc", "spaced": "my own project", "unicode": "Übung-ñ-試験"}
    made = {case: base / names.get(case, case) for case in ("plain", *NAMES)}
    for case, path in made.items():
        if case == "symlink":
            (base / "target").mkdir()
            path.symlink_to("target")
        elif case == "worktree":
            _worktree(base / "repository", path)
        else:
            path.mkdir(parents=True)
    return list(made.values())


def _worktree(repository: Path, path: Path) -> None:
    repository.mkdir()
    who = ("-c", "user.name=tests", "-c", "user.email=tests@localhost")
    for words in (
        ("init", "--quiet"),
        (*who, "commit", "--quiet", "--allow-empty", "--message", "first"),
        ("worktree", "add", "--quiet", str(path)),
    ):
        subprocess.run(["git", *words], cwd=repository, check=True)
