"""Old listings replayed while tools create, delete, resume and rename, in many orders."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

import handwriting
import registries
from fences import Fence
from fleet import Fleet
from hours import Hours
from lagging import Stage, Viewer

LAGS = (1, 2, 3, 4, 5)
SEEDS, CHUNK = 36, 18
STEPS = 10
STEADY = [5.0] * max(LAGS) + [305.0] * 3
"""Seconds between ticks without a change: everybody has seen the last one, ten minutes ago."""
GAPS = (2.0, 7.0, 30.0, 30.0, 45.0)
"""Seconds between two ticks."""

Figure = Callable[[str, str], None]


@dataclass
class Tools:
    """What people's tools do, to the session and to its entry at once."""

    stage: Stage
    chance: random.Random
    careless: bool
    """Whether they also rename, and write entries that tell neither pane nor creation."""
    made: int = 0

    def acts(self) -> None:
        """One thing of those that can be done now."""
        kinds = [self.creates, self.creates, self.deletes, self.resumes, self.makes_anew]
        kinds += [self.pauses, self.kills, self.starts, self.clears]
        kinds += [self.renames] if self.careless else []
        self.chance.choice(kinds)()

    def creates(self) -> None:
        name = self._name()
        self.stage.write(name, self.stage.start(name), bare=self._is_bare())

    def starts(self) -> None:
        """By hand, without an entry."""
        self.stage.start(self._name())

    def kills(self) -> None:
        """By hand: the entry stays."""
        if name := self._living():
            self.stage.kill(name)

    def deletes(self) -> None:
        if name := self._living():
            self.stage.kill(name)
            self.stage.edit(lambda text: handwriting.remove(text, name))

    def clears(self) -> None:
        """An entry goes whose session is gone."""
        if name := self._dead():
            self.stage.edit(lambda text: handwriting.remove(text, name))

    def resumes(self) -> None:
        if name := self._dead():
            pane = self.stage.start(name)
            if self._is_bare():  # what it noted of the former session stays
                self.stage.edit(lambda text: handwriting.set_key(text, name, "status", "running"))
            else:
                self.stage.write(name, pane, bare=False)

    def makes_anew(self) -> None:
        if name := self._living():
            self.stage.kill(name)
            self.stage.write(name, self.stage.start(name), bare=self._is_bare())

    def renames(self) -> None:
        if name := self._living():
            to = self._name()
            self.stage.rename(name, to)
            self.stage.edit(lambda text: handwriting.rename(text, name, to))

    def pauses(self) -> None:
        if name := self._living():
            self.stage.edit(lambda text: handwriting.set_key(text, name, "status", "paused"))

    def _name(self) -> str:
        self.made += 1
        return f"lab-{self.made}-creator-claude"

    def _living(self) -> str | None:
        found = sorted(self.stage.living - {"keeper"})
        return self.chance.choice(found) if found else None

    def _dead(self) -> str | None:
        first = self.stage.viewers[0].registry.read_bytes()
        found = sorted(registries.entries(first).keys() - self.stage.living - {"none"})
        return self.chance.choice(found) if found else None

    def _is_bare(self) -> bool:
        return self.careless and self.chance.random() < 0.5


@dataclass(frozen=True, slots=True)
class Play:
    """One order of acts, which the seed decides, before viewers that see too late."""

    stage: Stage
    hours: Hours
    chance: random.Random
    lags: list[int]
    """The most looks by which each viewer is too late, to be set; the last one's lag varies."""

    @classmethod
    def of(cls, seed: int, fleet: Fleet, home: Path, *, proven: bool) -> Play:
        hours = Hours()
        chance = random.Random(seed)  # noqa: S311 - the same again for the same seed is the point
        stage = Stage(fleet, home, hours)
        lags = [*LAGS, max(LAGS)]
        for number in range(len(LAGS)):
            stage.view(f"{LAGS[number]}", lambda number=number: lags[number], proven=proven)
        anyhow = random.Random(seed)  # noqa: S311 - as above
        stage.view("any", lambda: anyhow.randint(0, lags[-1]), proven=proven)
        return cls(stage, hours, chance, lags)

    def acts(self, *, careless: bool) -> None:
        """Let the tools act, and everybody look in between."""
        tools = Tools(self.stage, self.chance, careless)
        self.stage.tick()
        for _ in range(STEPS):
            for _ in range(self.chance.choice((0, 1, 1, 2, 3))):
                tools.acts()
            self.passes(self.chance.choice(GAPS))

    def passes(self, seconds: float) -> None:
        self.hours.sleep(None, seconds)
        self.stage.tick()


def assert_right(viewer: Viewer, living: set[str]) -> None:
    """Nothing false was ever written, and no lie lasts: what runs is there, what is there runs."""
    assert viewer.false_deaths == [], viewer.name
    assert viewer.reverts == [], viewer.name
    assert viewer.ghosts == [], viewer.name
    entries = registries.entries(viewer.registry.read_bytes())
    running = {name for name, each in entries.items() if each["status"] == "running"}
    assert running <= living, viewer.name
    assert living - {"keeper"} <= entries.keys(), viewer.name


@pytest.mark.parametrize("first", range(0, SEEDS, CHUNK))
@pytest.mark.parametrize("proven", [True, False], ids=["as printed", "with a forged proof"])
def test_a_listing_of_some_ticks_ago_reverts_nothing_and_kills_nobody(
    fence: Fence, figure: Figure, first: int, *, proven: bool
) -> None:
    """Once as tmux printed it, and once as if nothing but the listing itself told its age.

    Then only what an entry says of its pane stands between an old listing and a false death.
    """
    replays = updates = 0
    for seed in range(first, first + CHUNK):
        home = fence.home / str(seed)
        home.mkdir()
        with Fleet(fence.tmux / f"f{seed}") as fleet:
            play = Play.of(seed, fleet, home, proven=proven)
            play.acts(careless=proven)
            play.lags[:] = [0] * len(play.lags) if proven else play.lags
            for seconds in STEADY:
                play.passes(seconds)
        for viewer in play.stage.viewers:
            assert_right(viewer, play.stage.living)
            replays, updates = replays + 1, updates + viewer.updates

    assert updates > replays / 2
    kind = "as printed" if proven else "with a forged proof of age"
    figure("stale", f"{replays} replays {kind}: 0 reverts, 0 false A, 0 ghosts")
