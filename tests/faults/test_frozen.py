"""A frozen world, looked at twice: the second look writes, finds and says nothing."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest import mock

import pytest

import fences
from kanban_worker import config, holders
from kanban_worker.process_table import Table
from kanban_worker.tick import Monitor, Tick, now
from reconcile.memory import Sighting
from scenery import Scenery
from state import paths

WORLDS = 1000
BATCHES = 4
SETTLING = (0, 11, 130, 130)
"""Seconds between the first ticks: a second look, the grace window and a lasting trouble pass."""
FAR = datetime(2000, 1, 1, tzinfo=UTC)
GAPS = (0, 30, 86400)
"""Seconds between two looks at the frozen world; before the second one the monitor is made anew."""


@pytest.fixture(scope="module")
def scenery() -> Iterator[Scenery]:
    """Made once; each world only lays its files out anew.

    Agents of other tests come and go beside these worlds, and one that has just begun cannot be
    told from an agent of this home: they would not be frozen.
    """
    pids = holders._pids
    with fences.raised() as fence:

        def ours(kind: str, table: Table) -> Iterator[int]:
            found = pids(kind, table)
            return (pid for pid in found if str(fence.root) in " ".join(table.words(pid)))

        at = now().replace(microsecond=0) + timedelta(hours=1)
        with mock.patch.object(holders, "_pids", ours):
            yield Scenery(fence.tmux, fence.home, at, {**os.environ, **fence.environment})


class Frozen:
    """One world, and who looks at it."""

    def __init__(self, scenery: Scenery, seed: int) -> None:
        """Lay the world out."""
        servers = scenery.world(seed)
        self.seed, self.at, self.home = seed, scenery.at, scenery.home
        environ = {
            **scenery.environ,
            "AGENT_SESSIONS_REGISTRY": str(scenery.registry),
            "AGENT_SESSIONS_TMUX_SOCKET": ",".join(each.socket for each in servers),
            "AGENT_SESSIONS_PATTERN": ("*-creator-*", "*-agent-*", "notes-*")[seed % 3],
        }
        self.settings = config.from_environment(environ, scenery.home)
        self.hire()

    def hire(self) -> None:
        self.monitor = Monitor(self.settings, clock=lambda: self.at)
        self.monitor.speak(lambda: None)

    def tick(self, gap: float) -> Tick:
        self.at += timedelta(seconds=gap)
        return self.monitor.tick(dry_run=False)

    def say(self) -> None:
        """What is to be said comes to stand on the card, and the ledger knows it."""
        notebook = self.monitor.notebook
        notebook.keep(replace(notebook.memory, unsaid={}))

    @property
    def unsaid(self) -> Mapping[str, object]:
        return self.monitor.notebook.memory.unsaid


def settle(world: Frozen) -> int:
    """Let it be looked at until all is written and said that ever will be; the writes it took."""
    ticks = [world.tick(gap) for gap in SETTLING]
    assert not _news(ticks[-1]), f"world {world.seed} does not settle: {_news(ticks[-1])}"
    world.say()
    return sum(tick.report.registry_written for tick in ticks)


def _news(tick: Tick) -> list[str]:
    found = [each.drift.id for each in tick.report.decisions if each.new]
    found += [f"{each.notice.id} {each.notice.message}" for each in tick.report.notes if each.new]
    return found + ["written"] * tick.report.registry_written


def stamps(world: Frozen) -> Mapping[str, tuple[int, ...]]:
    """Inode, time and size of all that lies in a world's home; what is renewed, without its times.

    That is the ledger, with when each session was last seen, and who watches the registry.
    """
    renewed = {world.monitor.notebook._path, paths.watchers(world.settings.registry.resolve())}
    renewed |= {path.parent for path in renewed}
    found: dict[str, tuple[int, ...]] = {}
    for parent, folders, files in os.walk(world.home):
        for name in (*folders, *files):
            path = Path(parent, name)
            info = path.lstat()
            kept = (info.st_ino, info.st_mtime_ns, info.st_size)
            found[str(path)] = () if path in renewed else kept
    return found


def sightings(world: Frozen) -> Mapping[str, Sighting]:
    """Where each session was last seen, whenever that was."""
    seen = world.monitor.notebook.memory.sightings
    return {name: replace(each, at=FAR) for name, each in seen.items()}


def look_again(world: Frozen) -> int:
    """Look at a settled world after each gap; how many findings there were to repeat."""
    before = (world.settings.registry.read_bytes(), stamps(world), sightings(world))
    findings = 0
    for gap in GAPS:
        if gap == GAPS[1]:
            world.hire()
        tick = world.tick(gap)
        where = f"world {world.seed}, {gap} s later"
        assert not _news(tick), (where, _news(tick))
        after = (world.settings.registry.read_bytes(), stamps(world), sightings(world))
        assert after == before, where
        assert not world.unsaid, where
        known = world.monitor.notebook.memory.open.values()
        assert all(each.told for each in known), where
        findings += len(known)
    return findings


@pytest.mark.parametrize("batch", range(BATCHES))
def test_the_second_look_at_a_frozen_world_changes_finds_and_says_nothing(
    batch: int, scenery: Scenery, figure: Callable[[str, str], None]
) -> None:
    writes = findings = 0
    seeds = range(batch, WORLDS, BATCHES)
    for seed in seeds:
        world = Frozen(scenery, seed)
        writes += settle(world)
        findings += look_again(world)
    assert writes > len(seeds) / 2, "most worlds have something to write first"
    assert findings > len(seeds), "most worlds have something to be silent about"
    worlds = f"{len(seeds)} worlds x {len(GAPS)} gaps"
    figure("frozen", f"{worlds}, {findings} findings: 0 writes, 0 comments")
