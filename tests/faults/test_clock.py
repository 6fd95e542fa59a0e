"""The wall clock is set by an hour, forward and back, and the host sleeps for eight hours."""

from __future__ import annotations

import itertools
import os
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest

import hermes
from desk import Desk
from fences import Fence
from hours import Hours
from kanban_worker import boards, config
from kanban_worker.tick import Tick
from kanban_worker.watch import HEARTBEAT, Ending, Watch
from office import NEVER, Office
from reconcile import report
from vigil import INTERVAL, Vigil

HOUR = 3600.0
LIVE = ("lab-a-creator-claude", "lab-b-creator-claude")
STEPS = (HOUR, -HOUR, 2 * HOUR, -2 * HOUR, 90.0, -90.0)
GRACE = 120.0
LATE = 3.0
"""Seconds by which anything may be late: the board is looked at so often."""

Figure = Callable[[str, str], None]


# Hours of steps. --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Day:
    """When the clock is set, when the host sleeps, and when tmux cannot be seen."""

    steps: Mapping[float, float]
    suspends: Mapping[float, float]
    blind: tuple[float, float]

    @classmethod
    def drawn(cls, seed: int) -> Day:
        chance = random.Random(seed)  # noqa: S311 - the same again for the same seed
        begin = chance.uniform(200, 4000)
        return cls(
            steps={chance.uniform(1, 2 * HOUR): chance.choice(STEPS) for _ in range(8)},
            suspends={chance.uniform(HOUR, 2 * HOUR): 8 * HOUR},
            blind=(begin, begin + chance.uniform(400, 2000)),
        )


def watch(desk: Desk, day: Day) -> Vigil:
    """Watch for three hours awake, with a stale id that stays open all the time."""
    (desk.fence.home / ".claude/projects").mkdir(parents=True, exist_ok=True)
    hours, aside = Hours(), desk.fleet.folder / "aside"
    asleep = sum(day.suspends.values())
    vigil = Vigil(desk, hours, seconds=3 * HOUR + asleep, interval=47)
    for at, seconds in day.steps.items():
        hours.at(at, lambda seconds=seconds: hours.set_clock(seconds))
    for at, seconds in day.suspends.items():
        hours.at(at, lambda seconds=seconds: hours.suspend(seconds))
    hours.at(day.blind[0], lambda: desk.fleet.socket.rename(aside))
    hours.at(day.blind[1], lambda: aside.rename(desk.fleet.socket))
    vigil.run()
    return vigil


def assert_beats(vigil: Vigil, day: Day) -> int:
    """A beat each 300 s of the timer, and at once when the host wakes up. How many."""
    times = [at for at, _ in vigil.board.beats]
    ((asleep, slept),) = day.suspends.items()
    woke = asleep + slept
    first = next(at for at in times if at > asleep)
    assert woke <= first <= woke + LATE
    due = [*_each(0.0, asleep), *_each(first, vigil._hours.passed)]
    found = times[:-1] if times[-1] - times[-2] < HEARTBEAT - LATE else times  # the last word
    assert len(found) == len(due)
    for at, expected in zip(found, due, strict=True):
        assert expected <= at <= expected + LATE
    return len(found)


def _each(begin: float, end: float) -> Iterator[float]:
    return itertools.takewhile(lambda at: at <= end, itertools.count(begin, HEARTBEAT))


def assert_ages(vigil: Vigil) -> int:
    """What is open is as old as the timer says, to the second. How many ages were looked at."""
    began: dict[str, float] = {}
    states: dict[str, tuple[str, float]] = {}
    ages = 0
    for tick, passed in zip(vigil.ticks, vigil.times, strict=True):
        at = tick.report.at
        found = {each.drift.id: each.since for each in tick.report.decisions}
        found |= {note.notice.id: note.since for note in tick.report.notes}
        ages += len(found)
        for key, since in found.items():
            began.setdefault(key, passed)
            assert (at - since).total_seconds() == pytest.approx(passed - began[key], abs=1), key
        for name, health in tick.report.health.items():
            state, since = states.get(name, ("", passed))
            states[name] = (health.state, since if state == health.state else passed)
            age = passed - states[name][1]
            assert (at - health.since).total_seconds() == pytest.approx(age, abs=1), name
            assert health.error_at is None or health.error_at <= at
            ages += 1
        assert_nothing_in_the_future(tick)
    return ages


def assert_nothing_in_the_future(tick: Tick) -> None:
    """As the report has it, for whoever reads only that."""
    data: Any = report.as_json(tick.report)
    times = [each["since"] for each in (*data["drifts"], *data["notices"])]
    for source in data["sources"].values():
        times += [source["since"], source.get("last_error", {}).get("at", source["since"])]
    assert max(times) <= data["tick"]["at"]


def test_over_hours_each_heartbeat_comes_when_it_is_due_and_no_age_is_wrong(
    desk: Desk, figure: Figure
) -> None:
    entries = desk.starts(*LIVE)
    stale = desk.fleet.start("lab-d-creator-claude", agent="claude", cwd=desk.workspace("lab-d"))
    desk.write(
        *entries,
        desk.entry(
            "lab-d-creator-claude",
            pid=stale,
            workspace=str(desk.workspace("lab-d")),
            claude_session_id_own=NEVER,
        ),
    )
    beats = ages = steps = 0
    seeds = range(8)
    for seed in seeds:
        for path in desk.cache.glob("*"):
            path.unlink()
        day = Day.drawn(seed)
        vigil = watch(desk, day)

        beats, ages = beats + assert_beats(vigil, day), ages + assert_ages(vigil)
        steps += len(day.steps)
        assert [text[:3] for text in vigil.said] == ["[D-", "[U-"]
        assert not any("said late" in text for text in vigil.said)

    figure(
        "clock",
        f"{steps} steps and {len(seeds)} suspends of 8 h in {len(seeds)} watches: {beats} "
        f"heartbeats, 0 missed, 0 double; {ages} ages, 0 negative, 0 wrong by over 1 s",
    )


# On a real board. -------------------------------------------------------------------------------


@hermes.needed
def test_a_real_board_has_each_heartbeat_once(
    desk: Desk, fence: Fence, figure: Figure, monkeypatch: pytest.MonkeyPatch
) -> None:
    office = Office(desk, hermes.Home(fence.root / "hermes"))
    card, hours = office.home.create_card(), Hours()
    desk.write(*desk.starts(*LIVE))
    for name, value in office.environ.items():
        monkeypatch.setenv(name, value)
    settings = replace(config.from_environment(os.environ, desk.fence.home), interval=INTERVAL)
    board = boards.reach("hermes", config.address(settings, card))
    monkeypatch.setattr(type(board), "pause", INTERVAL)  # looks are not what this is about
    for at, step in ((1000, HOUR), (2000, -2 * HOUR), (3000, HOUR)):
        hours.at(at, lambda step=step: hours.set_clock(step))
    hours.at(4000, lambda: hours.suspend(8 * HOUR))

    end = Watch(settings, board, seconds=2 * HOUR + 8 * HOUR, timing=hours.timing).run()

    assert end.how is Ending.ELAPSED
    awake = (4000 - 0) // HEARTBEAT + 1 + (2 * HOUR - 4000) // HEARTBEAT + 1
    beats = office.beats(card)
    assert len(beats) in {awake, awake + 1}  # the last word
    assert set(beats) == {"alive, 0 drifts detected"}
    assert office.said(card) == []
    figure("clock", f"on a real board: {len(beats)} heartbeats, 0 missed, 0 double")
