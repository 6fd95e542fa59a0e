"""A thousand deaths, with two hundred agents around that live: nothing piles up with them."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable

import psutil
import pytest

import crowd
import hermes
from desk import Desk
from fences import Fence
from holding import Held, assert_no_growth
from hours import Hours
from kanban_worker.tick import Tick
from office import Office
from reconcile.drift import DriftClass
from reconcile.plan import Action
from vigil import INTERVAL, Vigil

AROUND, DEATHS, AT_ONCE = 200, 1_000, 25
CROWD, FEW, SINGLE = 300, 256, 5
WARM = 4
"""Rounds after which every cache has been filled."""
ROUND = 4
"""Ticks from one round to the next."""


ENTRY = re.compile(
    rf"^  - name: lab-\d+-(?!{AT_ONCE - 1}-)\d+-creator-claude\n(?:    .*\n)*", re.MULTILINE
)


class Forgetful(Vigil):
    """Keeps of each tick only whose death it wrote."""

    def __init__(self, desk: Desk, hours: Hours, *, seconds: float) -> None:
        super().__init__(desk, hours, seconds=seconds)
        self.written = list[str]()

    def _tick_once(self) -> Tick:  # type: ignore[explicit-override] # 3.12 has override
        tick = super()._tick_once()
        self.ticks.clear()
        self.written += [
            each.drift.session
            for each in tick.report.decisions
            if each.drift.kind is DriftClass.TMUX_GONE and each.action is Action.UPDATED
        ]
        return tick


class Guests:
    """Sessions that come together, are registered by the monitor, and are killed together."""

    def __init__(self, desk: Desk) -> None:
        self._desk, self._round = desk, 0

    @property
    def _names(self) -> list[str]:
        return [f"lab-{self._round}-{each}-creator-claude" for each in range(AT_ONCE)]

    def come(self) -> None:
        """Under names of their own; a tool tidies the registry, all but its end, before."""
        text = self._desk.registry.read_text()
        self._desk.registry.write_text(ENTRY.sub("", text))
        self._desk.saved(60)
        self._round += 1
        program = str(self._desk.fleet.folder / "bin" / "claude")
        for name in self._names:
            place = self._desk.workspace("lab-guest-creator-claude")
            self._desk.fleet.tmux("new-session", "-d", "-s", name, "-c", str(place), program, "600")

    def go(self) -> None:
        for name in self._names:
            self._desk.fleet.tmux("kill-session", "-t", f"={name}")


@hermes.needed
def test_with_few_descriptors_every_death_is_said(
    desk: Desk, fence: Fence, figure: Callable[[str, str], None]
) -> None:
    many = crowd.gather(desk.fleet, desk.fence.home, CROWD)
    office = Office(
        Desk(fence=desk.fence, fleet=desk.fleet, registry=many.registry),
        hermes.Home(fence.root / "hermes"),
    )
    card = office.home.create_card()
    with office.working(card) as work:
        psutil.Process(work.process.pid).rlimit(psutil.RLIMIT_NOFILE, (FEW, FEW))
        work.wait_for(lambda: office.beats(card), "a heartbeat")
        for number in range(SINGLE):
            name = f"lab-project-{number:04}-creator-claude"
            desk.fleet.tmux("kill-session", "-t", f"={name}")
            office.wait_for_said(card, f"{name}: tmux gone")
        held = psutil.Process(work.process.pid).num_fds()
        office.home.comment(card, "stop")
        done = work.result()

    assert (done.status, done.err) == (0, "")
    assert len(office.keys(card)) == SINGLE
    figure(
        "deaths",
        f"{SINGLE} single deaths among {CROWD} sessions with {FEW} descriptors: each said once, "
        f"{held} descriptors held",
    )


@pytest.mark.skipif(not shutil.which("sleep"), reason="needs sleep")
def test_what_this_process_holds_does_not_grow_with_deaths(
    desk: Desk, figure: Callable[[str, str], None]
) -> None:
    many = crowd.gather(desk.fleet, desk.fence.home, AROUND)
    desk = Desk(fence=desk.fence, fleet=desk.fleet, registry=many.registry)
    guests, hours, held = Guests(desk), Hours(), list[Held]()
    rounds = DEATHS // AT_ONCE
    for number in range(rounds):
        began = (number * ROUND + 0.5) * INTERVAL
        hours.at(began, guests.come)
        hours.at(began + 2 * INTERVAL, guests.go)
    for after in (WARM, rounds):
        hours.at((after * ROUND + 0.4) * INTERVAL, lambda: held.append(Held.now()))
    vigil = Forgetful(desk, hours, seconds=(rounds * ROUND + 1) * INTERVAL)

    vigil.run()

    assert len(vigil.written) == len(set(vigil.written)) == DEATHS
    warm, last = held
    assert_no_growth(warm, last)
    figure(
        "deaths",
        f"{DEATHS} deaths in {len(vigil.times)} ticks with {AROUND} agents around: "
        f"{warm.memory / 2**20:.1f} MB after {WARM * AT_ONCE}, {last.memory / 2**20:.1f} MB at "
        f"last; {last.descriptors} descriptors, {last.threads} threads, {last.children} children, "
        "as before",
    )
