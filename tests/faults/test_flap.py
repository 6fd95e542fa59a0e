"""A session that is up on one tick and down on the next, a hundred times, on a real board."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest

import hermes
from desk import Desk
from fences import Fence
from kanban_worker import boards, config
from kanban_worker.signals import Asked
from kanban_worker.watch import Ending, Timing, Watch
from office import Office

pytestmark = hermes.needed

NAME = "lab-moody-creator-claude"
TICKS, INTERVAL = 100, 30.0
MOST = 3


@pytest.fixture
def office(desk: Desk, fence: Fence) -> Office:
    return Office(desk, hermes.Home(fence.root / "hermes"))


@dataclass
class Mood:
    """A session that changes whenever the watch has slept for an interval."""

    office: Office
    changes: int = 0
    slept: float = 0.0
    began: datetime = field(default_factory=lambda: datetime.now().astimezone())

    def clock(self) -> datetime:
        return self.began + timedelta(seconds=self.slept)

    def sleeping(self, change: Callable[[Mood], None]) -> Callable[[Asked, float], None]:
        def sleep(_asked: Asked, seconds: float) -> None:
            self.slept += seconds
            if self.slept >= (self.changes + 1) * INTERVAL:
                self.changes += 1
                change(self)

        return sleep

    @property
    def goes_up(self) -> bool:
        return self.changes % 2 == 0

    def up(self) -> int:
        desk = self.office.desk
        return desk.fleet.start(NAME, agent="sleep", cwd=desk.workspace(NAME))

    def down(self) -> None:
        self.office.desk.fleet.kill(NAME)


def nobody_minds(mood: Mood) -> None:
    if mood.goes_up:
        mood.up()
    else:
        mood.down()


def a_tool_resumes_it(mood: Mood) -> None:
    """Each time it comes up, its entry is written anew."""
    desk = mood.office.desk
    if mood.goes_up:
        entry = desk.entry(NAME, pid=mood.up())
        desk.write(entry, KEEPER[desk.fence.root], age=60 - mood.slept)
    else:
        mood.down()


def it_is_made_anew(mood: Mood) -> None:
    """Up at every tick, and each time another one."""
    mood.down()
    mood.up()


KEEPER: dict[object, str] = {}


@pytest.mark.parametrize("change", [nobody_minds, a_tool_resumes_it, it_is_made_anew])
@pytest.mark.parametrize("registered", [True, False], ids=["registered", "found"])
def test_a_hundred_ticks_of_up_and_down_are_three_comments_at_the_most(
    office: Office,
    monkeypatch: pytest.MonkeyPatch,
    figure: Callable[[str, str], None],
    change: Callable[[Mood], None],
    registered: bool,  # noqa: FBT001 - a parameter of the table
) -> None:
    desk, card, mood = office.desk, office.home.create_card(), Mood(office)
    (keeper,) = desk.starts("lab-keeper-creator-claude")
    KEEPER[desk.fence.root] = keeper
    entry = desk.entry(NAME, pid=mood.up())
    desk.write(keeper, *([entry] if registered else []))
    for name, value in office.environ.items():
        monkeypatch.setenv(name, value)
    given = argparse.Namespace(config=None, verbose=False, interval=str(INTERVAL))
    settings = config.load(given, os.environ, desk.fence.home)
    board = boards.reach("hermes", config.address(settings, card))
    monkeypatch.setattr(type(board), "pause", INTERVAL)
    timing = Timing(clock=mood.clock, timer=lambda: mood.slept, sleep=mood.sleeping(change))

    end = Watch(settings, board, seconds=TICKS * INTERVAL, timing=timing).run()

    assert end.how is Ending.ELAPSED
    assert mood.changes >= TICKS - 1
    said = office.said(card)
    assert 1 <= len(said) <= MOST, said
    assert sum("flapping" in text for text in said) == 1, said
    first = "registered" if registered else "found"
    figure("flap", f"{change.__name__.replace('_', ' ')}, {first}: {len(said)} comments")
