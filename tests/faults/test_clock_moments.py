"""The wall clock is set by an hour while something waits for a time to pass."""

from __future__ import annotations

import re
import shlex
import signal
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from desk import Desk
from hours import Hours
from kanban_worker import standin
from kanban_worker.watch import FINISH, Ending
from reconcile.observed import Bound, SessionName
from reconcile.plan import Action
from vigil import Vigil
from waiting import retry_until

HOUR = 3600.0
GRACE = 120.0
LIVE = ("lab-a-creator-claude", "lab-b-creator-claude")
LATE = 3.0
"""Seconds by which anything may be late: the board is looked at so often."""

Figure = Callable[[str, str], None]


@pytest.mark.parametrize("step", [HOUR, -HOUR], ids=["forward", "back"])
def test_a_wave_is_believed_after_ten_seconds_of_the_timer(
    desk: Desk, figure: Figure, step: float
) -> None:
    desk.write(*desk.starts(*LIVE))
    hours = Hours()
    vigil = Vigil(desk, hours, seconds=60, interval=1)
    hours.at(5.5, lambda: desk.fleet.kill_server(signal.SIGKILL))
    hours.at(6.5, lambda: hours.set_clock(step))

    vigil.run()

    acts = {
        at: [each.action for each in tick.report.decisions]
        for at, tick in zip(vigil.times, vigil.ticks, strict=True)
    }
    held = [at for at, found in acts.items() if Action.HELD in found]
    (written,) = [at for at, found in acts.items() if Action.UPDATED in found]
    assert min(held) == pytest.approx(6, abs=1)
    assert written - min(held) == pytest.approx(10.5, abs=1)
    figure("clock", f"a wave under a step of {step / HOUR:+g} h: believed after 10 s")


@pytest.mark.parametrize("step", [HOUR, -HOUR], ids=["forward", "back"])
def test_what_cannot_be_seen_is_said_after_two_minutes_of_the_timer(
    desk: Desk, figure: Figure, step: float
) -> None:
    desk.write(*desk.starts(*LIVE))
    hours = Hours()
    vigil = Vigil(desk, hours, seconds=400)
    hours.at(35, lambda: desk.fleet.socket.rename(desk.fleet.folder / "aside"))
    hours.at(65, lambda: hours.set_clock(step))

    vigil.run()

    (desk.fleet.folder / "aside").rename(desk.fleet.socket)
    ((at, _),) = vigil.board.words
    assert GRACE <= at - 60 <= GRACE + LATE
    figure("clock", f"a lasting trouble under a step of {step / HOUR:+g} h: said after 2 min")


def test_an_entry_that_was_terminated_in_the_future_is_not_left_alone_for_an_hour(
    desk: Desk, figure: Figure
) -> None:
    """The clock was set back just after somebody wrote it; its session lives on."""
    pid = desk.fleet.start(LIVE[0], agent="sleep", cwd=desk.workspace(LIVE[0]))
    later = datetime.now().astimezone().replace(microsecond=0)
    keys = {"status": "terminated", "terminated_at": later.isoformat()}
    desk.write(desk.entry(LIVE[0], pid=pid, **keys))
    hours = Hours()
    vigil = Vigil(desk, hours, seconds=300)
    hours.at(35, lambda: hours.set_clock(-HOUR))

    vigil.run()

    ((at, text),) = vigil.board.words
    assert "registered as terminated, but its session is alive" in text
    assert at == 60
    figure("clock", "terminated in the future: said at the next tick")


def test_an_agent_that_starts_after_the_clock_was_set_back_is_seen_at_once(
    desk: Desk, figure: Figure
) -> None:
    name = LIVE[0]
    pid = desk.fleet.start(name, agent="shell", cwd=desk.workspace(name))
    desk.write(desk.entry(name, pid=pid, claude_session_id_own="null"))
    hours = Hours()
    vigil = Vigil(desk, hours, seconds=100)
    options = standin.command(desk.fleet.folder / "bin", "claude", "--prompted")

    def begins() -> None:
        hours.set_clock(-HOUR)
        desk.fleet.tmux("send-keys", "-t", f"={name}:", shlex.join(options), "Enter")
        retry_until(lambda: desk.fleet._turn(name), what="the agent")

    hours.at(65, begins)

    vigil.run()

    seen = next(
        at
        for at, tick in zip(vigil.times, vigil.ticks, strict=True)
        if isinstance(tick.world.conversations.get(SessionName(name)), Bound)
    )
    assert seen == 90
    figure("clock", "an agent that starts after a step of -1 h: seen at the next tick")


@pytest.mark.parametrize("step", [HOUR / 2, -HOUR / 2], ids=["forward", "back"])
def test_the_watch_ends_before_the_board_ends_it_by_the_clock(
    desk: Desk, figure: Figure, step: float
) -> None:
    desk.write(*desk.starts(*LIVE))
    hours = Hours()
    vigil = Vigil(desk, hours, seconds=3 * HOUR, runtime=HOUR)
    hours.at(600, lambda: hours.set_clock(step))

    end = vigil.run()

    assert end.how is Ending.DEADLINE
    assert hours.passed == pytest.approx(HOUR - step - FINISH, abs=LATE)
    figure("clock", f"max-runtime under a step of {step / 60:+g} min: ended a minute before")


def test_a_registry_from_the_future_is_a_persons_edit_for_one_tick_and_no_more(
    desk: Desk, figure: Figure
) -> None:
    """Another host's clock may be ahead, and ours may have been set back."""
    entries = desk.starts(*LIVE)
    desk.write(*entries)
    hours = Hours()
    vigil = Vigil(desk, hours, seconds=200)

    def edits() -> None:
        desk.fleet.kill(LIVE[0])
        desk.write(entries[0].replace("agent:", "note: mine\n    agent:"), entries[1])
        desk.saved(-HOUR)

    hours.at(35, edits)

    vigil.run()

    acts = [[each.action for each in tick.report.decisions] for tick in vigil.ticks]
    assert [found for found in acts if found] == [[Action.HELD], [Action.UPDATED]]
    figure("clock", "a registry saved 1 h from now: left alone for 1 tick")


TOLD = re.compile(r"Ended between (?P<date>\S+ )?(?P<from>\S+) and (?P<to>\S+) ")


@pytest.mark.parametrize("step", [HOUR, -HOUR], ids=["forward", "back"])
def test_a_death_is_never_told_to_have_taken_place_backwards(desk: Desk, step: float) -> None:
    desk.write(*desk.starts(*LIVE))
    hours = Hours()
    vigil = Vigil(desk, hours, seconds=100)
    hours.at(35, lambda: desk.fleet.kill(LIVE[0]))
    hours.at(35, lambda: hours.set_clock(step))

    vigil.run()

    (said,) = vigil.said
    when = TOLD.search(said)
    assert (when is None) == (step < 0)
    assert when is None or when["date"] or when["from"] < when["to"]


def test_a_death_over_midnight_is_told_with_the_date_that_is_over(desk: Desk) -> None:
    desk.write(*desk.starts(*LIVE))
    hours = Hours()
    today = hours.clock()
    midnight = (today + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    hours.set_clock((midnight - today).total_seconds() - 50)
    vigil = Vigil(desk, hours, seconds=100)
    hours.at(35, lambda: desk.fleet.kill(LIVE[0]))

    vigil.run()

    (said,) = vigil.said
    assert (when := TOLD.search(said))
    assert when["date"] == f"{today:%Y-%m-%d} "
    assert when["from"] > when["to"]
