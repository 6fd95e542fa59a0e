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
    NEXT,
    NOTES,
    OWN,
    PANE,
    PID,
    RUNS_CLAUDE,
    RUNS_SHELL,
    SECOND_SOCKET,
    SESSION,
    SOCKET,
    WORLD,
    listing,
    planned,
)
from reconcile import flapping as flapping_module
from reconcile import judge, plan, telling
from reconcile.desired import Entry, Registry
from reconcile.drift import DriftClass, NoticeKind
from reconcile.memory import Life, Memory, Remembered
from reconcile.observed import (
    Ambiguous,
    Bound,
    Inside,
    Missing,
    Pane,
    SessionName,
    Unknown,
    World,
)
from reconcile.plan import Action, Plan
from reconcile.policy import Policy
from reconcile.proofs import Proof

UP, DOWN = WORLD, GONE
SHELL = replace(WORLD, inside={(SOCKET, "%1"): RUNS_SHELL}, conversations={})
BLIND = replace(WORLD, tmux={SOCKET: Unknown("no answer")})
HIDDEN = replace(
    WORLD, inside={(SOCKET, "%1"): Inside(process=Unknown("not ours"), agent=Unknown("not ours"))}
)
BESIDE = replace(SESSION, socket=SECOND_SOCKET)
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


def flapped(times: int = 4) -> Story:
    """A session that was up, and came back so many times."""
    story = Story()
    story.looks([UP, *[DOWN, UP] * times])
    return story


def test_three_round_trips_are_a_persons_work() -> None:
    assert flapping(flapped(3).look(UP)) == []


def test_a_session_whose_agent_was_started_again_and_then_ended_is_dead_at_once() -> None:
    story = Story()
    young = replace(WORLD, tmux={SOCKET: listing(replace(SESSION, created_at=AT))})
    again = replace(young, tmux={SOCKET: listing(replace(SESSION, created_at=AT + HALF_A_MINUTE))})

    found = story.looks([young, again, DOWN])

    assert [each.drift.kind for each in found.writes] == [DriftClass.TMUX_GONE]
    assert flapping(found) == []


def test_the_fourth_round_trip_in_ten_minutes_is_one_notice_and_nothing_more_is_said() -> None:
    story = Story()

    found = story.looks([UP, DOWN, UP, DOWN, UP, DOWN, UP] * 3)

    assert flapping(found) == [
        f"{NAME}: flapping: it goes up and down; held until it is steady for 10 minutes"
    ]
    assert sum("flapping" in text for text in story.said) == 1
    assert len(story.said) == 2  # a death before it
    assert story.writes == 1


def test_one_that_was_down_and_is_back_is_believed_dead_once_that_lasts_for_a_minute() -> None:
    story = flapped(1)
    (held,) = story.look(DOWN).decisions
    assert held.action is Action.HELD
    assert held.why == "it goes up and down; believed when it lasts for 60 s"
    assert not held.soon
    said = list(story.said)

    still = story.look(DOWN, timedelta(seconds=59))
    over = story.look(DOWN, timedelta(seconds=1))

    assert not still.writes
    assert [each.drift.kind for each in over.writes] == [DriftClass.TMUX_GONE]
    assert story.said[len(said) :] == [said[-1]]


@pytest.mark.parametrize(("minutes", "believed"), [(9, False), (10, True)])
def test_ten_minutes_after_it_came_back_a_death_is_believed_at_once(
    minutes: float,
    believed: bool,  # noqa: FBT001
) -> None:
    story = flapped(1)

    found = story.look(DOWN, timedelta(minutes=minutes, seconds=1))

    assert bool(found.writes) is believed


def test_a_death_that_lasts_is_said_and_written_also_while_the_session_flaps() -> None:
    story = flapped()
    story.look(DOWN)

    found = story.look(DOWN, timedelta(minutes=1))

    assert flapping(found)
    assert [each.drift.kind for each in found.writes] == [DriftClass.TMUX_GONE]
    assert sum("tmux gone" in text for text in story.said) == 2


MOVED = replace(UP, conversations={NAME: Bound(id=NEXT, proof=Proof.PID_FILE, written=True)})
STALE = replace(UP, artefacts={("claude", OWN): Missing("moved")}, conversations={})
UNSURE = replace(UP, conversations={NAME: Ambiguous((NEXT, OWN))})


def test_a_new_id_is_not_written_while_the_session_flaps_and_is_once_it_is_steady() -> None:
    story = flapped()

    (held,) = story.look(MOVED).decisions
    assert held.action is Action.HELD
    assert held.why == "it goes up and down; held until it is steady for 10 minutes"

    still = story.look(MOVED, timedelta(minutes=9))
    steady = story.look(MOVED, timedelta(minutes=1))

    assert not still.writes
    assert [each.drift.kind for each in steady.writes] == [DriftClass.ID_MATERIALISED]


def test_what_flaps_is_held_for_that_though_a_person_edited_its_entry_moments_ago() -> None:
    story = flapped()
    story.entry = replace(ENTRY, fresh=True)

    (held,) = story.look(MOVED).decisions

    assert held.why == "it goes up and down; held until it is steady for 10 minutes"
    assert not held.soon


def test_those_that_were_down_and_end_together_are_held_until_that_lasts_for_a_minute() -> None:
    fleet = [
        replace(ENTRY, name=SessionName(f"s{number}-creator-claude"), pane_pid=None)
        for number in range(3)
    ]
    up = Life(made=SESSION.created_at, pid=PID, returns=(AT,), risen=AT)
    memory = replace(KNOWN, lives={each.name: up for each in fleet})

    found = planned(DOWN, *fleet, memory=memory).decisions

    why = "it goes up and down; believed when it lasts for 60 s"
    assert [(each.why, each.soon) for each in found] == [(why, False)] * 3


@pytest.mark.parametrize(
    "world",
    [
        pytest.param(MOVED, id="what is held for it"),
        pytest.param(STALE, id="what only a person can settle"),
        pytest.param(UNSURE, id="a notice"),
        pytest.param(HIDDEN, id="that it cannot be seen"),
    ],
)
def test_however_long_it_lasts_nothing_is_said_of_what_flaps_but_that_it_does(
    world: World,
) -> None:
    story = flapped()
    said = list(story.said)

    for _ in range(2):
        found = story.look(world, timedelta(minutes=4))
        assert len(found.decisions) + len(found.notes) >= 2

    assert story.said == said


def test_a_notice_of_one_that_was_down_and_is_back_is_said_once_that_lasts_for_a_minute() -> None:
    story = flapped(1)
    said = len(story.said)
    story.look(UNSURE)

    story.look(UNSURE, timedelta(seconds=59))
    assert story.said[said:] == []
    story.look(UNSURE, timedelta(seconds=1))

    (text,) = story.said[said:]
    assert "ambiguous" in text


def test_a_death_counts_from_when_the_session_was_last_seen_up() -> None:
    story = flapped()
    story.look(DOWN)
    story.look(UP)

    assert not story.look(DOWN, timedelta(minutes=1)).writes


def test_it_flaps_until_a_whole_window_is_without_a_round_trip() -> None:
    story = flapped()

    for world in (DOWN, UP) * 10:
        assert flapping(story.look(world, timedelta(minutes=5)))
    assert flapping(story.look(UP, timedelta(minutes=10)))
    assert not flapping(story.look(UP, timedelta(seconds=1)))


def test_each_session_that_flaps_has_a_notice_of_its_own() -> None:
    still, other = (SessionName(f"lab-{letter}-creator-claude") for letter in "ab")
    up = Life(made=SESSION.created_at, pid=PID)
    flaps = replace(up, returns=(AT,) * 4)
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
        steady: replace(up, returns=(AT,) * changes),
        NAME: replace(up, returns=(AT,) * 4),
    }
    memory = replace(KNOWN, lives=lives)
    (flaps,) = flapping_module.notices(memory, AT)
    memory = replace(memory, open={flaps.id: Remembered(since=AT)})

    assert [notice.session for notice in flapping_module.notices(memory, AT)] == [NAME]


def test_while_one_session_moves_the_others_are_not_forgotten() -> None:
    other = SessionName("lab-b-creator-claude")
    lives = {other: Life(made=SESSION.created_at, pid=PID, returns=(AT,))}
    story = Story(memory=replace(KNOWN, lives=lives))

    story.look(UP)

    assert story.memory.lives.keys() == {other, NAME}


def test_an_ended_session_that_comes_and_goes_flaps_as_well() -> None:
    story = Story(entry=replace(ENTRY, status="terminated", terminated_at=AT))

    assert flapping(story.looks([UP, DOWN] * 5))


def test_a_session_whose_pane_is_dead_is_down() -> None:
    dead = replace(WORLD, tmux={SOCKET: listing(replace(SESSION, panes=(DEAD_PANE,)))})

    assert flapping(Story().looks([UP, dead] * 5))


def test_of_several_panes_the_recorded_one_tells_and_another_may_come_and_go() -> None:
    def beside(pid: int, recorded: Inside) -> World:
        panes = (replace(PANE, pane_id="%2", pid=pid), PANE)
        return replace(
            WORLD,
            tmux={SOCKET: listing(replace(SESSION, panes=panes))},
            inside={(SOCKET, "%1"): recorded, (SOCKET, "%2"): RUNS_CLAUDE},
        )

    assert flapping(Story().looks([beside(2, RUNS_CLAUDE), beside(2, RUNS_SHELL)] * 5))
    assert not flapping(Story().looks([beside(pid, RUNS_CLAUDE) for pid in range(2, 9)]))


def test_panes_that_change_places_around_the_agents_are_no_change_of_it() -> None:
    def looking(*panes: Pane) -> World:
        inside = {(SOCKET, "%1"): RUNS_CLAUDE, (SOCKET, "%2"): RUNS_SHELL}
        tmux = {SOCKET: listing(replace(SESSION, panes=panes))}
        return replace(WORLD, tmux=tmux, inside=inside)

    other = replace(PANE, pane_id="%2", pid=2)

    assert not flapping(Story().looks([looking(PANE, other), looking(other, PANE)] * 5))


@pytest.mark.parametrize("gap", [timedelta(minutes=4), timedelta(hours=1)])
def test_slow_changes_are_each_believed(gap: timedelta) -> None:
    story = Story()

    for _ in range(10):
        up, down = story.look(UP, gap), story.look(DOWN, gap)
        lasts = down if down.writes else story.look(DOWN, timedelta(minutes=1))
        assert lasts.writes
        assert not any(map(flapping, (up, down, lasts)))


def test_an_agent_that_ends_in_its_shell_again_and_again_flaps_as_well() -> None:
    story = Story()

    found = story.looks([UP, SHELL] * 5)

    assert flapping(found)
    assert len(story.said) <= 3


def test_a_session_made_anew_between_two_looks_went_down_and_up() -> None:
    story = Story(entry=replace(ENTRY, pane_pid=None, created_at=None))
    again = [
        replace(WORLD, tmux={SOCKET: listing(replace(SESSION, panes=(replace(PANE, pid=pid),)))})
        for pid in range(1, 6)
    ]

    assert not flapping(story.looks(again[:4]))
    assert len(story.memory.lives[NAME].returns) == 3
    assert flapping(story.look(again[4]))


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
        pytest.param(replace(DOWN, place=Unknown("no id")), id="nobody knows which host this is"),
        pytest.param(
            replace(BLIND, tmux={**BLIND.tmux, SECOND_SOCKET: listing(BESIDE)}),
            id="another server has a session of its name, and its own does not answer",
        ),
    ],
)
def test_what_could_not_be_seen_is_no_change(unsure: World) -> None:
    story = Story()

    found = story.looks([UP, unsure] * 5)

    assert not flapping(found)
    assert story.memory.lives[NAME].returns == ()


@pytest.mark.parametrize(
    "unsure",
    [
        pytest.param(
            replace(BLIND, tmux={SECOND_SOCKET: listing(NOTES), **BLIND.tmux}),
            id="one of two servers did not answer",
        ),
        pytest.param(
            replace(DOWN, rivals=frozenset({SOCKET})), id="two servers share the path of one"
        ),
        pytest.param(replace(DOWN, tmux={}), id="no server was asked"),
    ],
)
def test_an_ended_session_that_may_still_be_there_has_not_gone_while(unsure: World) -> None:
    story = Story(entry=replace(ENTRY, status="terminated", terminated_at=AT))

    found = story.looks([UP, unsure] * 5)

    assert not flapping(found)
    assert story.memory.lives[NAME].returns == ()


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
    assert len(story.memory.lives[NAME].returns) == 1
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
    life = Life(made=SESSION.created_at, pid=PID, returns=ahead)
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

    found = story.looks([up, DOWN] * 5)

    assert flapping(found)
    assert not found.writes
    assert len(story.said) <= 3
