"""Ten thousand ticks of a card's worker, with sessions that come and go: nothing piles up."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

import hermes
from desk import Desk
from fences import Fence
from holding import Held, assert_no_growth
from hours import Hours
from kanban_worker import boards, config
from kanban_worker.watch import Ending, Watch
from office import Office

pytestmark = hermes.needed

TICKS, INTERVAL = 10_000, 30.0
WARM = 2_000
"""Ticks after which every cache has been filled."""
TURN = 100
"""Ticks between two events."""
AGENT, GUEST = "lab-agent-creator-claude", "lab-guest-creator-claude"
ENTRY = re.compile(rf"^  - name: {GUEST}\n(?:    .*\n)*", re.MULTILINE)


@dataclass
class House:
    """Where a guest comes and goes, an agent talks, and a tool tidies the registry."""

    desk: Desk
    turns: int = 0

    def goes_on(self) -> None:
        """The next thing in a round of four."""
        (self.comes, self.talks, self.leaves, self.is_deleted)[self.turns % 4]()
        self.turns += 1

    def comes(self) -> None:
        self.desk.fleet.start(GUEST, agent="sleep", cwd=self.desk.workspace(GUEST))

    def talks(self) -> None:
        self.desk.fleet.send(AGENT, "prompt")

    def leaves(self) -> None:
        self.desk.fleet.kill(GUEST)

    def is_deleted(self) -> None:
        text = self.desk.registry.read_text()
        assert ENTRY.search(text), "its coming and going was not written"
        self.desk.registry.write_text(ENTRY.sub("", text))
        self.desk.saved(60)


def test_ten_thousand_ticks_hold_no_more_than_two_thousand_did(
    desk: Desk,
    fence: Fence,
    monkeypatch: pytest.MonkeyPatch,
    figure: Callable[[str, str], None],
) -> None:
    office = Office(desk, hermes.Home(fence.root / "hermes"))
    card, hours, house = office.home.create_card(), Hours(), House(desk)
    desk.write(*desk.starts(AGENT, agent="claude"), *desk.starts("lab-keeper-creator-agy"))
    for name, value in office.environ.items():
        monkeypatch.setenv(name, value)
    settings = replace(
        config.from_environment({**os.environ, **office.environ}, fence.home), interval=INTERVAL
    )
    board = boards.reach("hermes", config.address(settings, card))
    monkeypatch.setattr(type(board), "pause", INTERVAL)  # a look for each tick
    held: list[Held] = []
    for ticks in range(TURN, TICKS, TURN):
        hours.at((ticks + 0.5) * INTERVAL, house.goes_on)
    for ticks in (WARM, TICKS - 1):
        hours.at(ticks * INTERVAL, lambda: held.append(Held.now()))

    end = Watch(settings, board, seconds=TICKS * INTERVAL, timing=hours.timing).run()

    assert end.how is Ending.ELAPSED
    assert end.ticks >= TICKS
    warm, last = held
    assert_no_growth(warm, last)
    figure(
        "soak",
        f"{end.ticks} ticks, {house.turns} events, {end.said} comments: "
        f"{warm.memory / 2**20:.1f} MB after {WARM}, {last.memory / 2**20:.1f} MB at last; "
        f"{last.descriptors} descriptors, {last.threads} threads, {last.children} children, "
        "as before",
    )
