"""A worker that is killed before and after each thing it does, and the one that comes after it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

import commandline
import crashing
import hermes
from desk import Desk
from fences import Fence
from office import Office

pytestmark = hermes.needed

SCRIPT = Path(crashing.__file__)
GONE, NEW, STALE = (f"lab-{name}-creator-claude" for name in ("gone", "new", "stale"))
ACTS = 18
"""How many outward acts a first run has at the least; the test says when there are more."""


@pytest.fixture
def office(desk: Desk, fence: Fence) -> Office:
    return Office(desk, hermes.Home(fence.root / "hermes"))


def scene(office: Office) -> str:
    """Three drifts that nobody has seen yet, one of each class that a sleeper can have; a card."""
    (gone,) = office.desk.starts(GONE)
    office.desk.write(gone, *office.stale(STALE), *office.desk.starts("lab-keeper-creator-claude"))
    office.desk.fleet.kill(GONE)
    office.desk.starts(NEW)
    return office.home.create_card()


def run(office: Office, number: int, when: str, card: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(SCRIPT), str(number), when, "work", card, "--for", "0.4"],
        env=commandline.environment(
            office.environ | {"PYTHONPATH": f"{SCRIPT.parents[2]}:{SCRIPT.parent}"}
        ),
        cwd=office.desk.fence.home,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def check(office: Office, card: str) -> None:
    said = office.said(card)
    sessions = sorted(text.partition("] ")[2].partition(":")[0] for text in said)
    assert sessions == sorted([GONE, NEW, STALE]), said
    assert len(set(office.keys(card))) == 3
    registry = YAML(typ="safe", pure=True).load(office.desk.registry)
    states = [(each["name"], each["status"]) for each in registry["sessions"]]
    assert len(states) == 4
    assert dict(states)[GONE] == "terminated"
    assert dict(states)[NEW] == "running"


def test_a_run_that_nobody_kills_has_the_acts_that_are_cut_below(office: Office) -> None:
    card = scene(office)

    done = run(office, 0, "after", card)

    assert done.returncode == 0, done.stderr
    acts = [line.split()[1] for line in done.stderr.splitlines()]
    assert len(acts) <= ACTS, acts
    assert {"replace", "append", "say", "heartbeat", "block"} <= set(acts)
    check(office, card)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("number", range(1, ACTS + 1))
def test_each_drift_is_said_once_whatever_act_was_the_last(
    office: Office, number: int, when: str
) -> None:
    card = scene(office)

    run(office, number, when, card)
    if office.home.status(card) == "running":
        office.home.reclaim(card)
    elif office.home.status(card) == "blocked":
        office.home.unblock(card)
    second = run(office, 0, "after", card)

    assert second.returncode == 0, second.stderr
    check(office, card)
