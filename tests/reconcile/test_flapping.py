"""Sessions that go up and down: counted, held, said once, and let go when they are steady."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from examples import (
    AT,
    DEAD_PANE,
    ENTRY,
    GONE,
    KNOWN,
    NAME,
    PANE,
    PID,
    RUNS_CLAUDE,
    RUNS_SHELL,
    SESSION,
    SOCKET,
    WORLD,
    listing,
)
from reconcile import flapping as flapping_module
from reconcile import judge, plan, telling
from reconcile.desired import Entry, Registry
from reconcile.drift import DriftClass, NoticeKind
from reconcile.memory import Life, Memory, Remembered
from reconcile.observed import Inside, Pane, SessionName, Unknown, World
from reconcile.plan import Action, Plan
from reconcile.policy import Policy

UP, DOWN = WORLD, GONE
SHELL = replace(WORLD, inside={(SOCKET, "%1"): RUNS_SHELL}, conversations={})
BLIND = replace(WORLD, tmux={SOCKET: Unknown("no answer")})
HIDDEN = replace(
    WORLD, inside={(SOCKET, "%1"): Inside(process=Unknown("not ours"), agent=Unknown("not ours"))}
)
HALF_A_MINUTE = timedelta(seconds=30)


@dataclass
class Story:
    """Looks, one after the other, with the memory that each leaves to the next."""

    entry: Entry = ENTRY
    memory: Memory = field(default_factory=lambda: KNOWN)
    now: timedelta = timedelta()
    said: list[str] = field(default_factory=list)
    writes: int = 0

    def look(
        self, world: World, gap: timedelta = HALF_A_MINUTE, *, registered: bool = True
    ) -> Plan:
        self.now += gap
        world = replace(world, at=AT + self.now)
        registry = Registry(entries=(self.entry,) if registered else ())
        found = judge.judge(world, registry, self.memory, Policy())
        made = plan.plan(found, world, registry, self.memory, Policy())
        intended = telling.intended(made, self.memory, Policy(), world.at)
        done = telling.settled(intended, registry)
        self.said += [each.text for each in done.memory.unsaid.values()]
        self.writes += len(done.writes)
        self.memory = replace(done.memory, unsaid={})
        return done

    def looks(self, worlds: Iterable[World]) -> Plan:
        return [self.look(world) for world in worlds][-1]


def flapping(found: Plan) -> list[str]:
    return [n.notice.message for n in found.notes if n.notice.kind is NoticeKind.FLAPPING]


def test_three_changes_are_a_persons_work() -> None:
    story = Story()

    found = story.looks([UP, DOWN, UP, DOWN])

    assert flapping(found) == []
    assert found.writes


def test_the_fourth_change_in_ten_minutes_is_one_notice_and_nothing_more_is_said() -> None:
    story = Story()

    found = story.looks([UP, DOWN, UP, DOWN, UP, DOWN, UP] * 3)

    assert flapping(found) == [
        f"{NAME}: flapping: it goes up and down; held until it is steady for 10 minutes"
    ]
    assert sum("flapping" in text for text in story.said) == 1
    assert len(story.said) == 3  # two deaths before it
    assert story.writes == 2


def test_a_death_is_held_while_the_session_flaps_and_written_when_it_stays_down() -> None:
    story = Story()
    (held,) = story.looks([UP, DOWN, UP, DOWN, UP, DOWN]).decisions
    assert held.action is Action.HELD
    assert held.why == "it goes up and down; held until it is steady for 10 minutes"
    assert not held.soon

    still = story.look(DOWN, timedelta(minutes=10))
    steady = story.look(DOWN, timedelta(seconds=1))

    assert flapping(still)
    assert not still.writes
    assert not flapping(steady)
    assert [each.drift.kind for each in steady.writes] == [DriftClass.TMUX_GONE]


def test_it_is_held_until_a_whole_window_is_without_a_change() -> None:
    story = Story()
    story.looks([UP, DOWN, UP, DOWN, UP])

    for world in (DOWN, UP) * 10:
        assert flapping(story.look(world, timedelta(minutes=9)))


def test_a_death_that_is_held_for_long_is_not_said_while_the_session_flaps() -> None:
    story = Story()
    story.looks([UP, DOWN, UP, DOWN, UP, DOWN])
    said = list(story.said)

    (held,) = story.look(DOWN, timedelta(minutes=5)).decisions

    assert held.action is Action.HELD
    assert story.said == said


def test_each_session_that_flaps_has_a_notice_of_its_own() -> None:
    still, other = (SessionName(f"lab-{letter}-creator-claude") for letter in "ab")
    up = Life(made=SESSION.created_at, pid=PID)
    flaps = replace(up, changes=(AT,) * 4)
    memory = replace(KNOWN, lives={still: up, NAME: flaps, other: flaps})

    found = list(flapping_module.notices(memory, AT))

    assert [notice.session for notice in found] == [NAME, other]
    assert [notice.id[:2] for notice in found] == ["F-", "F-"]
    assert found[0].id != found[1].id


@pytest.mark.parametrize("changes", [1, 3])
def test_one_that_flaps_makes_no_other_one_flap(changes: int) -> None:
    steady = SessionName("lab-a-creator-claude")
    up = Life(made=SESSION.created_at, pid=PID)
    lives = {
        steady: replace(up, changes=(AT,) * changes),
        NAME: replace(up, changes=(AT,) * 4),
    }
    memory = replace(KNOWN, lives=lives)
    (flaps,) = flapping_module.notices(memory, AT)
    memory = replace(memory, open={flaps.id: Remembered(since=AT)})

    assert [notice.session for notice in flapping_module.notices(memory, AT)] == [NAME]


def test_while_one_session_moves_the_others_are_not_forgotten() -> None:
    other = SessionName("lab-b-creator-claude")
    lives = {other: Life(made=SESSION.created_at, pid=PID, changes=(AT,))}
    story = Story(memory=replace(KNOWN, lives=lives))

    story.look(UP)

    assert story.memory.lives.keys() == {other, NAME}


def test_an_ended_session_that_comes_and_goes_flaps_as_well() -> None:
    story = Story(entry=replace(ENTRY, status="terminated", terminated_at=AT))

    assert flapping(story.looks([UP, DOWN] * 3))


def test_a_session_whose_pane_is_dead_is_down() -> None:
    dead = replace(WORLD, tmux={SOCKET: listing(replace(SESSION, panes=(DEAD_PANE,)))})

    assert flapping(Story().looks([UP, dead] * 3))


def test_of_several_panes_the_recorded_one_tells_and_another_may_come_and_go() -> None:
    def beside(pid: int, recorded: Inside) -> World:
        panes = (replace(PANE, pane_id="%2", pid=pid), PANE)
        return replace(
            WORLD,
            tmux={SOCKET: listing(replace(SESSION, panes=panes))},
            inside={(SOCKET, "%1"): recorded, (SOCKET, "%2"): RUNS_CLAUDE},
        )

    assert flapping(Story().looks([beside(2, RUNS_CLAUDE), beside(2, RUNS_SHELL)] * 3))
    assert not flapping(Story().looks([beside(pid, RUNS_CLAUDE) for pid in range(2, 9)]))


def test_panes_that_change_places_around_the_agents_are_no_change_of_it() -> None:
    def looking(*panes: Pane) -> World:
        inside = {(SOCKET, "%1"): RUNS_CLAUDE, (SOCKET, "%2"): RUNS_SHELL}
        tmux = {SOCKET: listing(replace(SESSION, panes=panes))}
        return replace(WORLD, tmux=tmux, inside=inside)

    other = replace(PANE, pane_id="%2", pid=2)

    assert not flapping(Story().looks([looking(PANE, other), looking(other, PANE)] * 3))


@pytest.mark.parametrize("gap", [timedelta(minutes=4), timedelta(hours=1)])
def test_slow_changes_are_each_believed(gap: timedelta) -> None:
    story = Story()

    found = [story.look(world, gap) for world in (UP, DOWN) * 10]

    assert not any(map(flapping, found))
    assert story.writes == 10


def test_an_agent_that_ends_in_its_shell_again_and_again_flaps_as_well() -> None:
    story = Story()

    found = story.looks([UP, SHELL] * 5)

    assert flapping(found)
    assert len(story.said) <= 3


def test_a_session_made_anew_between_two_looks_went_down_and_up() -> None:
    story = Story(entry=replace(ENTRY, pane_pid=None, created_at=None))
    again = [
        replace(WORLD, tmux={SOCKET: listing(replace(SESSION, panes=(replace(PANE, pid=pid),)))})
        for pid in (1, 2, 3)
    ]

    assert not flapping(story.looks(again[:2]))
    assert len(story.memory.lives[NAME].changes) == 2
    assert flapping(story.look(again[2]))


def test_a_session_made_moments_before_it_was_first_seen_came_up() -> None:
    story = Story()
    young = replace(WORLD, tmux={SOCKET: listing(replace(SESSION, created_at=AT))})

    assert not flapping(story.looks([young, DOWN, young]))
    assert flapping(story.look(DOWN))


@pytest.mark.parametrize(
    "unsure",
    [
        pytest.param(BLIND, id="the server did not answer"),
        pytest.param(replace(DOWN, tmux={}), id="no server was asked"),
        pytest.param(
            replace(DOWN, tmux={SOCKET: None}),
            id="its server does not answer, and nothing shows that it ended",
        ),
        pytest.param(HIDDEN, id="what runs in it is hidden"),
    ],
)
def test_what_could_not_be_seen_is_no_change(unsure: World) -> None:
    story = Story()

    found = story.looks([UP, unsure] * 5)

    assert not flapping(found)
    assert story.memory.lives[NAME].changes == ()


def test_without_a_registry_nothing_is_forgotten() -> None:
    story = Story()
    story.looks([UP, DOWN])
    world = replace(DOWN, at=AT + timedelta(days=1))

    found = judge.judge(world, None, story.memory, Policy())
    made = plan.plan(found, world, None, story.memory, Policy())

    assert made.memory.lives is story.memory.lives


def test_a_name_that_left_the_registry_is_forgotten_when_the_window_is_over() -> None:
    story = Story()
    story.looks([UP, DOWN, UP])

    story.look(DOWN, registered=False)
    assert len(story.memory.lives[NAME].changes) == 2
    story.look(DOWN, timedelta(minutes=10), registered=False)

    assert story.memory.lives == {}


def test_a_name_without_a_session_that_never_changed_is_forgotten_at_once() -> None:
    story = Story()
    story.look(UP)

    story.look(DOWN, registered=False)

    assert story.memory.lives == {}


def test_a_persons_own_status_is_not_followed() -> None:
    story = Story(entry=replace(ENTRY, status="paused"))

    found = story.looks([UP, DOWN] * 5)

    assert not found.notes
    assert story.memory.lives == {}


def test_changes_that_a_clock_step_left_in_the_future_do_not_count() -> None:
    ahead = tuple(AT + timedelta(hours=1, seconds=number) for number in range(4))
    life = Life(made=SESSION.created_at, pid=PID, changes=ahead)
    story = Story(memory=replace(KNOWN, lives={NAME: life}))

    assert not flapping(story.look(DOWN))


def test_an_unchanged_world_leaves_the_very_same_lives() -> None:
    story = Story()
    story.looks([UP, DOWN, UP])
    before = story.memory.lives

    story.look(UP)

    assert story.memory.lives is before


def test_a_name_is_compared_as_tmux_writes_it() -> None:
    story = Story(entry=replace(ENTRY, name=type(NAME)("lab.x-creator-claude"), pane_pid=PID))
    name = type(NAME)("lab_x-creator-claude")
    up = replace(
        WORLD,
        tmux={SOCKET: listing(replace(SESSION, name=name))},
        conversations={},
    )

    found = story.looks([up, DOWN] * 4)

    assert flapping(found)
    assert not found.writes
    assert len(story.said) <= 3
