"""A thousand deaths, with two hundred agents around that live: nothing piles up with them."""

from __future__ import annotations

import gc
import re
import shutil
from collections.abc import Callable
from typing import NamedTuple

import psutil
import pytest

import crowd
from desk import Desk
from hours import Hours
from reconcile.drift import DriftClass
from reconcile.plan import Action
from vigil import INTERVAL, Vigil

AROUND, DEATHS, AT_ONCE = 200, 1_000, 10
WARM = 10
"""Rounds after which every cache has been filled."""
ROUND = 4
"""Ticks from one round to the next."""
TOLERATED = 4 * 2**20
"""Bytes: what CPython's table of interned strings grows by at once."""


ENTRY = re.compile(r"^  - name: lab-\d+-[0-8]-creator-claude\n(?:    .*\n)*", re.MULTILINE)


class Held(NamedTuple):
    """What this process holds."""

    memory: int
    descriptors: int
    threads: int
    children: int

    @classmethod
    def now(cls) -> Held:
        gc.collect()
        me = psutil.Process()
        return cls(me.memory_info().rss, me.num_fds(), me.num_threads(), len(me.children()))


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
        for each in list(ENTRY.finditer(text))[: AT_ONCE - 1]:
            text = text.replace(each[0], "")
        self._desk.registry.write_text(text)
        self._desk.saved(60)
        self._round += 1
        program = str(self._desk.fleet.folder / "bin" / "claude")
        for name in self._names:
            place = self._desk.workspace("lab-guest-creator-claude")
            self._desk.fleet.tmux("new-session", "-d", "-s", name, "-c", str(place), program, "600")

    def go(self) -> None:
        for name in self._names:
            self._desk.fleet.tmux("kill-session", "-t", f"={name}")


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
    vigil = Vigil(desk, hours, seconds=(rounds * ROUND + 1) * INTERVAL)

    vigil.run()

    written = [
        each.drift.session
        for tick in vigil.ticks
        for each in tick.report.decisions
        if each.drift.kind is DriftClass.TMUX_GONE and each.action is Action.UPDATED
    ]
    assert len(written) == len(set(written)) == DEATHS
    warm, last = held
    assert last.memory <= warm.memory + TOLERATED
    assert last[1:] == warm[1:]
    figure(
        "deaths",
        f"{DEATHS} deaths in {len(vigil.ticks)} ticks with {AROUND} agents around: "
        f"{warm.memory / 2**20:.1f} MB after {WARM * AT_ONCE}, {last.memory / 2**20:.1f} MB at "
        f"last; {last.descriptors} descriptors, {last.threads} threads, {last.children} children, "
        "as before",
    )
