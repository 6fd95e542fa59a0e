"""`reconcile --once` ends with the result: it waits for what is held for seconds only."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import commandline
from commandline import Running
from desk import Desk, by_class
from hours import Hours
from kanban_worker import config, settling
from kanban_worker.settling import Timing
from kanban_worker.tick import Monitor, Tick
from reconcile.plan import Action
from state import locking
from waiting import retry_until

KEEPER = "lab-keeper-creator-claude"
GONE = "lab-gone-creator-claude"
FLEET = tuple(f"lab-{number}-creator-claude" for number in range(3))
NEW = "lab-new-creator-claude"
LONG_GONE = 2**22 + 1
"""No process can have this pid."""


@pytest.fixture
def edited(desk: Desk) -> Desk:
    """A registry that was saved a moment ago, with a session that is gone."""
    (keeper,) = desk.starts(KEEPER)
    desk.write(keeper, desk.entry(GONE, pid=LONG_GONE), age=2)
    return desk


@pytest.fixture
def mass(desk: Desk) -> Desk:
    """Three of four sessions have ended together, and a new one began."""
    entries = desk.starts(KEEPER, *FLEET)
    desk.write(*entries)
    assert desk.once().status == 0
    for name in FLEET:
        desk.fleet.kill(name)
    desk.starts(NEW)
    return desk


def actions(report: dict[str, list[dict[str, str]]]) -> dict[str, str]:
    return {each["session"]: each["action"] for each in report["drifts"]}


# The result. ------------------------------------------------------------------------------------


def test_what_a_person_edited_moments_ago_is_waited_for_and_written(edited: Desk) -> None:
    done = edited.result("--exit-code")

    assert (done.status, done.err) == (2, "")
    drift = by_class(done.report)["A"]
    assert (drift["action"], drift["new"]) == ("updated", True)
    assert done.report["registry_written"]
    assert "status: terminated" in edited.registry.read_text()


def test_the_second_look_at_a_mass_termination_is_taken_and_nothing_vanishes_from_the_report(
    mass: Desk,
) -> None:
    done = mass.result()

    assert (done.status, done.err) == (0, "")
    assert actions(done.report) == dict.fromkeys((*FLEET, NEW), "updated")
    assert [each["new"] for each in done.report["drifts"]] == [True] * 4
    assert done.report["registry_written"]
    assert [each["session"] for each in mass.journal] == [NEW, *FLEET]
    assert mass.once("--exit-code").status == 0


@pytest.mark.parametrize("word", ["--no-wait", "--dry-run"])
def test_what_stands_now_is_reported_at_once_where_nobody_is_to_wait(mass: Desk, word: str) -> None:
    before = mass.registry.read_bytes()

    done = mass.result(word)

    assert {actions(done.report)[name] for name in FLEET} == {"held"}
    assert (mass.registry.read_bytes() == before) == (word == "--dry-run")


def test_without_a_reason_to_wait_there_is_one_look(desk: Desk) -> None:
    hours, looks = Hours(), [0]
    desk.write(*desk.starts(KEEPER), desk.entry(GONE, pid=LONG_GONE))

    found = settled(desk, hours, during=lambda: looks.append(1))

    assert (hours.passed, looks) == (0, [0, 1])
    assert [each.action for each in found.report.decisions] == [Action.UPDATED]


# On a terminal. ---------------------------------------------------------------------------------


def test_a_terminal_is_told_once_in_one_line_and_the_report_is_one(mass: Desk) -> None:
    ours, theirs = pty.openpty()
    try:
        done = subprocess.run(
            commandline.command("reconcile", "--once", "--emit-diff"),
            env=commandline.environment(mass.environ),
            stdout=subprocess.PIPE,
            stderr=theirs,
            check=False,
            timeout=60,
        )
        said = os.read(ours, 10_000).decode()
    finally:
        os.close(ours)
        os.close(theirs)

    assert done.returncode == 0
    assert said == (
        "agent-sessions: 3 drifts are held for seconds only; waiting at most 12 s "
        "(not with --no-wait)\r\n"
    )
    assert actions(commandline.checked(done.stdout.decode()))[NEW] == "updated"


# Who is asked to end meanwhile. -----------------------------------------------------------------


@contextmanager
def waiting(desk: Desk, *words: str) -> Iterator[Running]:
    """A run that has looked once, and waits."""
    words = ("reconcile", "--once", "--emit-diff", *words)
    with commandline.running(desk.fence.root / "run", *words, environ=desk.environ) as run:
        run.wait_for(lambda: NEW in desk.registry.read_text(), "the first look")
        retry_until(lambda: is_free(desk), seconds=10, what="an end of the first look")
        yield run


def is_free(desk: Desk) -> bool:
    """Whether no monitor has the registry's lock."""
    try:
        with locking.alone(next(desk.state.glob("monitor-*")), who="a test"):
            return True
    except locking.Busy:
        return False


@pytest.mark.parametrize("sig", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_wait_quietly(mass: Desk, sig: int) -> None:
    with waiting(mass) as run:
        done = run.end(sig)

    assert (done.status, done.out, done.err) == (130, "", "")
    assert mass.once().status == 0


def test_another_look_may_be_taken_meanwhile_and_both_end_well(mass: Desk) -> None:
    with waiting(mass) as run:
        other = mass.once()
        done = run.result()

    assert other.status == done.status == 0
    assert actions(other.report) == dict.fromkeys(FLEET, "held")
    assert actions(done.report) == dict.fromkeys((*FLEET, NEW), "updated")


def test_a_monitor_that_begins_meanwhile_does_the_rest(mass: Desk) -> None:
    with waiting(mass) as run, mass.poll() as loop:
        loop.wait_for(lambda: loop.lines, "its first tick")
        done = run.result()
        loop.wait_for(lambda: len(mass.journal) > len(FLEET), "the rest")

    assert (done.status, done.err) == (0, "")
    assert actions(done.report) == {NEW: "updated", **dict.fromkeys(FLEET, "held")}


# How long. --------------------------------------------------------------------------------------


def settled(
    desk: Desk,
    hours: Hours,
    *,
    during: Callable[[], object] = lambda: None,
    tell: Callable[[str], None] = lambda _: None,
) -> Tick:
    """A run in hours that pass at once; `during` happens before each look."""
    monitor = Monitor(
        config.from_environment(dict(os.environ) | desk.environ, desk.fence.home),
        clock=hours.clock,
        timer=lambda: hours.passed,
    )

    def look() -> Tick:
        during()
        monitor.notebook.reopen()
        return monitor.tick(dry_run=False)

    timing = Timing(
        clock=hours.clock,
        timer=lambda: hours.passed,
        sleep=lambda seconds: hours.sleep(None, seconds),
    )
    return settling.settled(look, tell, timing)


def save(path: Path, hours: Hours, *, age: float = 0) -> None:
    """Let the registry have been saved a while ago, with another comment in the entry."""
    text = path.read_text().replace("cmd: sleep", f"cmd: sleep{hours.passed:.0f}")
    path.write_text(text)
    at = hours.clock().timestamp() - age
    os.utime(path, (at, at))


@pytest.mark.parametrize(("age", "least"), [(0.0, 5), (3.0, 2), (4.9, 0.1)])
def test_the_wait_ends_as_soon_as_the_entry_is_no_longer_fresh(
    desk: Desk, age: float, least: float
) -> None:
    hours = Hours()
    desk.write(desk.entry(GONE, pid=LONG_GONE), *desk.starts(KEEPER))
    save(desk.registry, hours, age=age)
    told: list[str] = []

    found = settled(desk, hours, tell=told.append)

    assert [each.action for each in found.report.decisions] == [Action.UPDATED]
    assert least <= hours.passed < least + 0.3
    assert len(told) == 1


def test_an_entry_that_is_saved_again_and_again_is_reported_as_it_stands_within_12_s(
    desk: Desk,
) -> None:
    hours = Hours()
    desk.write(desk.entry(GONE, pid=LONG_GONE), *desk.starts(KEEPER))
    save(desk.registry, hours)
    for second in range(1, 60):
        hours.at(second, lambda: save(desk.registry, hours))
    told: list[str] = []

    found = settled(desk, hours, tell=told.append)

    assert [each.action for each in found.report.decisions] == [Action.HELD]
    assert 5 < hours.passed <= settling.LONGEST
    assert len(told) == 1


def test_of_an_edit_and_a_mass_termination_each_is_written_when_it_can_be(desk: Desk) -> None:
    hours = Hours()
    entries = desk.starts(KEEPER, *FLEET)
    desk.write(*entries)
    settled(desk, hours)
    for name in FLEET:
        desk.fleet.kill(name)
    save(desk.registry, hours)

    found = settled(desk, hours)

    assert [each.action for each in found.report.decisions] == [Action.UPDATED] * 3
    assert 10 <= hours.passed < settling.LONGEST


def test_a_clock_that_is_set_back_meanwhile_prolongs_nothing(desk: Desk) -> None:
    hours = Hours()
    desk.write(desk.entry(GONE, pid=LONG_GONE), *desk.starts(KEEPER))
    save(desk.registry, hours)
    hours.at(1, lambda: hours.set_clock(-3600))

    settled(desk, hours)

    assert hours.passed <= settling.LONGEST


def test_what_failed_in_an_earlier_look_is_no_less_a_failure(mass: Desk) -> None:
    hours, looks = Hours(), [0]
    desk = mass
    desk.ledger.write_text("{")  # which is said by the look that finds it

    found = settled(desk, hours, during=lambda: looks.append(1))

    assert len(looks) > 2
    assert [each.action for each in found.report.decisions] == [Action.UPDATED] * 4
    (trouble,) = found.troubles
    assert str(desk.ledger) in str(trouble)
