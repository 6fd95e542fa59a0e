"""What is remembered, after somebody set the clock."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from examples import SIGHTING
from reconcile.memory import (
    Health,
    Life,
    MassTermination,
    Memory,
    Remembered,
    Unsaid,
    retimed,
)
from reconcile.observed import Boot, Server, SessionName

AT = datetime(2026, 11, 20, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)


def memory(at: datetime) -> Memory:
    """Everything in it was noticed at this time."""
    return Memory(
        open={"A-1": Remembered(since=at, first_held=at), "D-1": Remembered(since=at, told=True)},
        servers={"/s": Server(pid=1, started_at=AT)},
        boot=Boot(id="b", at=AT),
        unsaid={"A-1": Unsaid(text="gone", at=at)},
        card="t_1",
        sources={
            "tmux": Health(state="unknown", since=at, error="why", error_at=at),
            "agy": Health(state="absent", since=at),
        },
        lives={SessionName("a"): Life(made=AT, pid=1, returns=(at, at), risen=at)},
        sightings={SessionName("a"): replace(SIGHTING, at=at)},
    )


def test_what_was_noticed_is_retimed_and_what_the_world_tells_is_not() -> None:
    assert retimed(memory(AT), lambda at: at + HOUR) == memory(AT + HOUR)


def test_an_empty_memory_stays_empty() -> None:
    assert retimed(Memory(), lambda at: at + HOUR) == Memory()


def test_the_times_of_a_mass_termination_follow_the_clock() -> None:
    hour = timedelta(hours=1)
    known = {
        "S-1": MassTermination(at=AT, ended={}, first_back=AT + hour),
        "S-2": MassTermination(at=AT, ended={}),
    }

    found = retimed(Memory(mass_terminations=known), lambda at: at - hour)

    assert [(one.at, one.first_back) for one in found.mass_terminations.values()] == [
        (AT - hour, AT),
        (AT - hour, None),
    ]
