"""What is written now, what is held back and why, and what is remembered."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from examples import (
    AT,
    BOOT,
    DEAD_PANE,
    ELSEWHERE,
    ENTRY,
    GONE,
    KNOWN,
    LATER,
    NAME,
    NEXT_BOOT,
    NOTES,
    OWN,
    PANE,
    PID,
    SECOND_SOCKET,
    SEEN,
    SERVER,
    SERVER_PROCESS,
    SESSION,
    SIGHTING,
    SOCKET,
    WORLD,
    YOUNG_SERVER,
    judged,
    listing,
    planned,
)
from reconcile import judge, plan
from reconcile.desired import SETTLED, Entry, Registry
from reconcile.drift import LETTERS, DriftClass
from reconcile.memory import Memory, Remembered
from reconcile.observed import Listing, Missing, Pane, Process, SessionName, Unknown, World
from reconcile.plan import Action, Decision, Plan
from reconcile.policy import Policy

FRESH = replace(ENTRY, fresh=True)
NULL = replace(ENTRY, own_id=None)


def fleet(size: int) -> tuple[Entry, ...]:
    """Entries with no pid recorded, so that a listing alone decides."""
    return tuple(
        replace(ENTRY, name=SessionName(f"s{place}-creator-claude"), pane_pid=None)
        for place in range(size)
    )


def surviving(*entries: Entry) -> World:
    sessions = (replace(SESSION, name=entry.name) for entry in entries)
    return replace(GONE, tmux={SOCKET: listing(NOTES, *sessions)})


def later(world: World, seconds: float) -> World:
    return replace(world, at=world.at + timedelta(seconds=seconds))


def actions(plan: Plan) -> list[Action]:
    return [decision.action for decision in plan.decisions]


def only(plan: Plan) -> Decision:
    (decision,) = plan.decisions
    return decision


# What comes of a drift. -------------------------------------------------------------------------


def test_a_drift_with_edits_is_written_and_one_without_is_flagged() -> None:
    stale = replace(WORLD, artefacts={("claude", OWN): Missing("moved")}, conversations={})

    assert actions(planned(WORLD, NULL)) == [Action.UPDATED]
    assert actions(planned(stale, ENTRY)) == [Action.FLAGGED]
    assert planned(stale, ENTRY).edits == ()


@pytest.mark.parametrize(
    ("world", "entry"),
    [
        pytest.param(GONE, FRESH, id="a death"),
        pytest.param(WORLD, replace(FRESH, own_id=None), id="an id"),
    ],
)
def test_what_a_person_edited_moments_ago_is_held(world: World, entry: Entry) -> None:
    decision = only(planned(world, entry))

    assert decision.action is Action.HELD
    assert decision.why == (
        "a person edited this entry moments ago; looking again at the next tick"
    )


def test_what_has_no_edits_is_flagged_even_when_the_entry_is_fresh() -> None:
    stale = replace(WORLD, artefacts={("claude", OWN): Missing("moved")}, conversations={})

    assert actions(planned(stale, FRESH)) == [Action.FLAGGED]


def test_the_edits_come_in_the_order_of_the_decisions() -> None:
    entries = fleet(2)

    plan = planned(surviving(), *reversed(entries))

    assert [edit.session for edit in plan.edits] == [entries[0].name] * 4 + [entries[1].name] * 4


def test_a_dry_run_tells_what_would_be_written_as_planned() -> None:
    dry = planned(WORLD, NULL).settled(dry_run=True)

    assert actions(dry) == [Action.PLANNED]
    assert dry.edits == ()
    assert planned(WORLD, NULL).settled(dry_run=False) == planned(WORLD, NULL)


def test_a_dry_run_leaves_what_is_held_held() -> None:
    assert actions(planned(GONE, FRESH).settled(dry_run=True)) == [Action.HELD]


def test_what_cannot_be_written_is_held_for_that_reason_and_the_rest_is_not() -> None:
    plan = planned(surviving(), *fleet(2))
    first, second = plan.decisions

    held = plan.hold({first.drift.id: "the entry is one line"})

    assert held.decisions == (
        replace(first, action=Action.HELD, why="the entry is one line"),
        second,
    )
    assert held.edits == second.drift.edits


def test_when_nothing_can_be_written_all_writes_are_held_and_what_was_flagged_stays_so() -> None:
    stale = {("claude", OWN): Missing("moved")}
    world = replace(surviving(ENTRY), artefacts=stale, inside=WORLD.inside)
    entries = (replace(ENTRY, pane_pid=None), *fleet(2))

    held = planned(world, *entries).hold_writes("the disk is full")

    assert held.writes == held.edits == ()
    assert [(each.action, each.why) for each in held.decisions] == [
        (Action.FLAGGED, ""),
        (Action.HELD, "the disk is full"),
        (Action.HELD, "the disk is full"),
    ]


def test_only_what_is_held_for_a_moment_calls_for_another_look_soon() -> None:
    stale = replace(WORLD, artefacts={("claude", OWN): Missing("moved")}, conversations={})

    assert only(planned(GONE, FRESH)).soon
    assert planned(surviving(), *fleet(3)).decisions[0].soon
    assert not only(planned(WORLD, NULL)).soon
    assert not only(planned(stale, ENTRY)).soon
    assert not only(planned(stale, FRESH)).soon


def test_what_a_person_edited_can_be_decided_once_the_last_edit_is_settled() -> None:
    settled_at = AT + timedelta(seconds=3)
    registry = Registry(entries=(FRESH,), settled_at=settled_at)
    judgement = judge.judge(GONE, registry, KNOWN, Policy())

    found = only(plan.plan(judgement, GONE, registry, KNOWN, Policy()))

    assert found.settles_at == settled_at
    assert only(planned(GONE, FRESH)).settles_at == SETTLED


def test_a_wave_can_be_decided_when_it_has_lasted_long_enough() -> None:
    first = planned(surviving(), *fleet(3))
    again = planned(later(surviving(), 4), *fleet(3), memory=first.memory)

    for found in (*first.decisions, *again.decisions):
        assert found.settles_at == surviving().at + Policy().confirm_after


def test_what_is_held_for_another_reason_settles_at_no_time() -> None:
    assert [d.settles_at for d in planned(WORLD, NULL).hold_writes("why").decisions] == [None]


# A wave of deaths. ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lost", "running", "held"),
    [
        pytest.param(1, 1, False, id="one of one"),
        pytest.param(2, 2, False, id="two of two"),
        pytest.param(3, 3, True, id="three of three"),
        pytest.param(3, 6, True, id="three of six, exactly half"),
        pytest.param(3, 7, False, id="three of seven, less than half"),
        pytest.param(5, 9, True, id="five of nine"),
    ],
)
def test_deaths_at_once_are_held_when_they_are(lost: int, running: int, held: bool) -> None:  # noqa: FBT001
    entries = fleet(running)

    plan = planned(surviving(*entries[lost:]), *entries)

    deaths = [decision for decision in plan.decisions if decision.drift.kind == "A"]
    assert {decision.action for decision in deaths} == {Action.HELD if held else Action.UPDATED}
    if held:
        together = f"{lost} of {running} running sessions ended together"
        assert {decision.why for decision in deaths} == {
            f"{together}; believed when it is still so 10 s later"
        }


@pytest.mark.parametrize("answer", [None, listing(), listing(server=None)])
def test_a_world_without_any_session_is_a_wave_however_small(
    answer: Listing | None,
) -> None:
    """A probe that failed in a way nobody knows yet would look like this."""
    empty = replace(GONE, tmux={SOCKET: answer}, left_behind=frozenset({SOCKET}))
    memory = Memory(boot=BOOT)

    first = planned(empty, ENTRY, memory=memory)
    second = planned(later(empty, 10), ENTRY, memory=first.memory)

    assert only(first).why == "no tmux session is left; believed when it is still so 10 s later"
    assert only(second).action is Action.UPDATED


def test_a_session_on_any_server_is_one_that_is_left() -> None:
    world = replace(GONE, tmux={SECOND_SOCKET: listing(), **GONE.tmux})

    assert only(planned(world, ENTRY)).action is Action.UPDATED


def test_only_running_entries_count_for_a_wave() -> None:
    ended = tuple(replace(entry, status="terminated") for entry in fleet(9)[3:])

    assert set(actions(planned(surviving(), *fleet(3), *ended))) == {Action.HELD}


def test_those_in_doubt_count_for_a_wave_too() -> None:
    doubtful = replace(ENTRY, name=SessionName("z"))
    living = Process(pid=PID, started_at=SERVER.started_at, command="claude", cwd="")
    world = replace(surviving(), recorded_pids={PID: living})

    plan = planned(world, *fleet(2), doubtful)

    why = "2 of 3 running sessions ended together, 1 more in doubt"
    assert {decision.why for decision in plan.decisions} == {
        f"{why}; believed when it is still so 10 s later"
    }


@pytest.mark.parametrize(
    ("hidden", "held"),
    [
        pytest.param(Pane(pane_id="%2", pid=2), True, id="its recorded pane is dead"),
        pytest.param(PANE, False, id="all of its panes live"),
    ],
)
def test_one_whose_agent_cannot_be_seen_counts_for_a_wave_when(hidden: Pane, held: bool) -> None:  # noqa: FBT001
    panes = (hidden,) if hidden is PANE else (DEAD_PANE, hidden)
    doubtful = replace(SESSION, panes=panes)
    world = replace(surviving(), tmux={SOCKET: listing(doubtful)})

    plan = planned(world, *fleet(2), ENTRY)

    assert [note.notice.perhaps_gone for note in plan.notes] == [held]
    assert set(actions(plan)) == {Action.HELD if held else Action.UPDATED}


@pytest.mark.parametrize(("ended", "hidden", "held"), [(2, 1, True), (2, 0, False), (1, 1, False)])
def test_those_at_a_server_that_does_not_answer_count_for_a_wave(
    ended: int,
    hidden: int,
    held: bool,  # noqa: FBT001
) -> None:
    """Of two servers one shows some dead panes, and the other says nothing of the rest."""
    dead = [replace(SESSION, name=each.name, panes=(DEAD_PANE,)) for each in fleet(ended)]
    there = replace(SIGHTING, socket=SECOND_SOCKET)
    world = replace(
        GONE, tmux={SOCKET: listing(NOTES, *dead), SECOND_SOCKET: Unknown("it does not answer")}
    )

    plan = planned(
        world, *fleet(ended), *[ENTRY] * hidden, memory=replace(SEEN, sightings={ENTRY.name: there})
    )

    assert set(actions(plan)) == {Action.HELD if held else Action.UPDATED}


def test_one_whose_dead_pane_may_not_be_believed_counts_for_a_wave() -> None:
    """It was last seen at another place, though its entry is this host's."""
    theirs = replace(SIGHTING, place=ELSEWHERE.id)
    world = replace(surviving(), tmux={SOCKET: listing(replace(SESSION, panes=(DEAD_PANE,)))})
    here = replace(ENTRY, host="devbox")

    plan = planned(world, *fleet(2), here, memory=replace(KNOWN, sightings={NAME: theirs}))

    assert [note.notice.perhaps_gone for note in plan.notes] == [True]
    why = "2 of 3 running sessions ended together, 1 more in doubt"
    assert {decision.why for decision in plan.decisions} == {
        f"{why}; believed when it is still so 10 s later"
    }


def test_those_of_other_places_make_a_wave_no_smaller() -> None:
    theirs = [
        replace(ENTRY, name=SessionName(f"theirs-{place}"), host="laptop") for place in range(4)
    ]

    plan = planned(surviving(), *fleet(3), *theirs)

    assert {decision.why for decision in plan.decisions} == {
        "3 of 3 running sessions ended together; believed when it is still so 10 s later"
    }


def test_what_is_told_of_the_living_does_not_count_for_a_wave() -> None:
    risen = replace(ENTRY, status="terminated")
    world = replace(WORLD, recorded_pids={})

    plan = planned(world, *fleet(2), risen)

    assert len(plan.notes) == 1
    assert set(actions(plan)) == {Action.UPDATED}


def test_of_two_servers_that_changed_the_first_is_named() -> None:
    memory = replace(KNOWN, servers={SOCKET: SERVER, SECOND_SOCKET: SERVER})
    world = replace(GONE, tmux={SECOND_SOCKET: None, SOCKET: None})

    why = only(planned(world, ENTRY, memory=memory)).why

    assert why.startswith(f"the tmux server of {SOCKET} is another one")


@pytest.mark.parametrize(
    ("world", "memory", "why"),
    [
        pytest.param(
            replace(GONE, tmux={SOCKET: listing(server=YOUNG_SERVER)}),
            KNOWN,
            f"the tmux server of {SOCKET} is another one than before",
            id="another server",
        ),
        pytest.param(
            replace(GONE, tmux={SOCKET: None}),
            KNOWN,
            f"the tmux server of {SOCKET} is another one than before",
            id="no server any more",
        ),
        pytest.param(
            replace(GONE, boot=NEXT_BOOT), KNOWN, "the host was started anew", id="another boot"
        ),
    ],
)
def test_even_one_death_is_held_after(world: World, memory: Memory, why: str) -> None:
    decision = only(planned(world, ENTRY, memory=memory))

    assert decision.action is Action.HELD
    assert decision.why == f"{why}; believed when it is still so 10 s later"


def test_a_death_is_held_when_the_server_that_it_was_seen_on_is_another_one() -> None:
    tmux = {SOCKET: listing(NOTES, server=YOUNG_SERVER), SECOND_SOCKET: None}
    memory = replace(SEEN, servers={SECOND_SOCKET: SERVER, SOCKET: SERVER})
    world = replace(GONE, tmux=tmux, remembered={SERVER_PROCESS: False})

    assert only(planned(world, ENTRY, memory=memory)).why == (
        f"the tmux server of {SOCKET} is another one than before; "
        "believed when it is still so 10 s later"
    )


def test_a_death_that_its_own_server_tells_is_believed_while_another_server_has_ended() -> None:
    servers = {SOCKET: SERVER, SECOND_SOCKET: SERVER}
    world = replace(GONE, tmux={**GONE.tmux, SECOND_SOCKET: None})

    seen = planned(world, ENTRY, memory=replace(SEEN, servers=servers))
    never_seen = planned(world, ENTRY, memory=replace(KNOWN, servers=servers))

    assert actions(seen) == [Action.UPDATED]
    assert only(never_seen).why.startswith(f"the tmux server of {SECOND_SOCKET} is another one")


def test_what_is_no_death_is_written_in_the_midst_of_a_wave() -> None:
    world = replace(WORLD, tmux={SOCKET: listing(SESSION, server=YOUNG_SERVER)})

    plan = planned(world, NULL, *fleet(1))

    assert [(each.drift.kind, each.action) for each in plan.decisions] == [
        ("C", Action.UPDATED),
        ("A", Action.HELD),
    ]


def test_the_patience_is_the_policys() -> None:
    policy = Policy(confirm_after=timedelta(seconds=2.5))
    registry = Registry(entries=fleet(3))
    look = surviving()

    decided = plan.plan(judged(look, *fleet(3)), look, registry, KNOWN, policy)

    assert decided.decisions[0].why.endswith("believed when it is still so 2.5 s later")


@pytest.mark.parametrize(
    ("world", "cause"),
    [
        pytest.param(
            replace(GONE, tmux={SOCKET: listing(server=YOUNG_SERVER)}),
            "tmux-server-died",
            id="the server",
        ),
        pytest.param(
            replace(
                GONE,
                boot=NEXT_BOOT,
                recorded_pids={
                    PID: Process(pid=PID, started_at=NEXT_BOOT.at, command="cron", cwd="/")
                },
            ),
            "host-reboot",
            id="the boot, though another process has the pid by now",
        ),
    ],
)
def test_the_second_look_finds_the_cause_of_the_first_which_was_a_change_of(
    world: World, cause: str
) -> None:
    undated = replace(ENTRY, created_at=None)
    first = planned(world, undated)
    blind = replace(later(world, 5), tmux={SOCKET: Unknown("it hung")})
    between = planned(blind, undated, memory=first.memory)

    second = planned(later(world, 10), undated, memory=between.memory)
    settled = planned(later(world, 20), replace(undated, status="terminated"), memory=second.memory)

    assert actions(first) == [Action.HELD]
    assert actions(between) == []
    assert actions(second) == [Action.UPDATED]
    assert only(second).drift.evidence["cause"] == cause
    assert (first.memory.servers, first.memory.boot) == (KNOWN.servers, KNOWN.boot)
    assert (settled.memory.servers, settled.memory.boot) == (
        planned(world).memory.servers,
        world.boot,
    )


def test_a_wave_that_has_become_a_ripple_still_waits() -> None:
    entries = fleet(6)
    storm = planned(surviving(*entries[3:]), *entries)
    ripple = later(surviving(*entries[1:]), 5)

    decision = planned(ripple, *entries, memory=storm.memory).decisions[0]

    assert decision.action is Action.HELD
    assert decision.why == "seen in a wave; believed when it is still so 10 s later"


def test_a_wave_over_a_fresh_entry_starts_its_patience_at_once() -> None:
    fresh = tuple(replace(entry, fresh=True) for entry in fleet(3))
    storm = planned(surviving(), *fresh)

    assert set(actions(planned(later(surviving(), 9), *fleet(3), memory=storm.memory))) == {
        Action.HELD
    }
    assert set(actions(planned(later(surviving(), 10), *fleet(3), memory=storm.memory))) == {
        Action.UPDATED
    }


def test_a_clock_that_was_set_back_starts_the_patience_anew() -> None:
    storm = planned(later(surviving(), 3600), *fleet(3))

    again = planned(surviving(), *fleet(3), memory=storm.memory)
    soon = planned(later(surviving(), 9), *fleet(3), memory=again.memory)
    written = planned(later(surviving(), 10), *fleet(3), memory=again.memory)

    assert [set(actions(each)) for each in (again, soon, written)] == [
        {Action.HELD},
        {Action.HELD},
        {Action.UPDATED},
    ]


def test_what_could_not_be_written_when_it_was_believed_is_believed_at_the_next_tick() -> None:
    storm = planned(surviving(), *fleet(3))
    believed = planned(later(surviving(), 10), *fleet(3), memory=storm.memory)

    again = planned(later(surviving(), 12), *fleet(3), memory=believed.memory)

    assert set(actions(again)) == {Action.UPDATED}


# What is remembered. ----------------------------------------------------------------------------


def test_a_finding_is_new_once_and_keeps_its_first_time() -> None:
    first = planned(GONE, ENTRY, memory=KNOWN)
    second = planned(later(GONE, 30), ENTRY, memory=first.memory)

    assert only(first).new
    assert only(first).since == AT
    assert not only(second).new
    assert only(second).since == AT


def test_a_notice_is_new_once_and_keeps_its_first_time() -> None:
    other = replace(ENTRY, created_at=LATER)
    first = planned(WORLD, other)
    second = planned(later(WORLD, 30), other, memory=first.memory)

    assert [(note.new, note.since) for note in (*first.notes, *second.notes)] == [
        (True, AT),
        (False, AT),
    ]


def test_what_was_told_stays_told_while_it_is_open() -> None:
    key = only(planned(GONE, ENTRY)).drift.id
    told = Remembered(since=AT, told=True, comment_id="41")

    remembered = planned(GONE, ENTRY, memory=replace(KNOWN, open={key: told})).memory

    assert remembered.open == {key: told}


def test_what_is_resolved_is_forgotten_and_new_when_it_comes_back() -> None:
    open_before = planned(GONE, ENTRY).memory

    resolved = planned(WORLD, ENTRY, memory=open_before)
    back = planned(GONE, ENTRY, memory=resolved.memory)

    assert resolved.memory.open == {}
    assert only(back).new


def test_what_was_written_is_open_no_more_and_new_when_it_is_back_at_once() -> None:
    written = planned(GONE, ENTRY).done(GONE)

    back = planned(later(GONE, 30), ENTRY, memory=written.memory)

    assert written.memory.open == {}
    assert only(back).new


def test_what_was_held_back_by_the_writer_stays_open() -> None:
    refused = planned(GONE, ENTRY).hold_writes("it is locked").done(GONE)

    again = planned(later(GONE, 30), ENTRY, memory=refused.memory)

    assert not only(again).new
    assert only(again).since == AT


def test_a_wave_at_the_first_look_of_all_leaves_server_and_boot_known() -> None:
    held = planned(surviving(), *fleet(3), memory=Memory())

    assert set(actions(held)) == {Action.HELD}
    assert (held.memory.servers, held.memory.boot) == (KNOWN.servers, KNOWN.boot)


def test_once_a_wave_is_written_its_server_is_no_news() -> None:
    world = replace(GONE, tmux={SOCKET: listing(server=YOUNG_SERVER)}, boot=NEXT_BOOT)
    first = planned(world, ENTRY)

    written = planned(later(world, 10), ENTRY, memory=first.memory).done(later(world, 10))

    assert (first.memory.servers, first.memory.boot) == (KNOWN.servers, KNOWN.boot)
    assert written.memory.servers == {SOCKET: YOUNG_SERVER}
    assert written.memory.boot == NEXT_BOOT


EVERY = "".join([*DriftClass, *LETTERS.values()])
OPEN = {f"{letter}-00000000": Remembered(since=AT, told=True) for letter in EVERY}


@pytest.mark.parametrize(
    ("world", "kept"),
    [
        pytest.param(WORLD, "", id="nothing"),
        pytest.param(
            replace(WORLD, tmux={**WORLD.tmux, SECOND_SOCKET: Unknown("hung")}),
            EVERY,
            id="a tmux server",
        ),
        pytest.param(replace(WORLD, rivals=frozenset({SOCKET})), EVERY, id="a server with a rival"),
        pytest.param(
            replace(WORLD, recorded_pids={7: Unknown("no access")}), "A", id="a recorded process"
        ),
        pytest.param(replace(WORLD, place=Unknown("no id")), EVERY, id="which host this is"),
        pytest.param(
            replace(WORLD, holders=Unknown("no")), "A", id="who holds a recorded conversation"
        ),
        pytest.param(
            replace(WORLD, others={"/o": Unknown("no")}), "A", id="a server that only counts then"
        ),
        pytest.param(
            replace(WORLD, remembered={SERVER_PROCESS: Unknown("no")}),
            "A",
            id="whether a server that was seen still runs",
        ),
        pytest.param(
            replace(WORLD, conversations={**WORLD.conversations, SessionName("b"): Unknown("no")}),
            "BCDGLMNV",
            id="a conversation",
        ),
        pytest.param(
            replace(WORLD, artefacts={("agy", OWN): Unknown("no access")}), "DGE", id="an artefact"
        ),
        pytest.param(
            replace(
                WORLD,
                conversations={SessionName("b"): Unknown("no")},
                artefacts={("agy", OWN): Unknown("no access")},
            ),
            "BCDEGLMNV",
            id="a conversation and an artefact",
        ),
        pytest.param(
            replace(
                WORLD,
                inside={
                    **WORLD.inside,
                    (SOCKET, "%9"): replace(WORLD.inside[SOCKET, "%1"], agent=Unknown("no access")),
                },
            ),
            "ABCDGHILMNPVX",
            id="what runs in a pane",
        ),
    ],
)
def test_what_a_look_may_have_missed_is_kept_when_it_was_blind_to(world: World, kept: str) -> None:
    remembered = planned(world, ENTRY, memory=replace(KNOWN, open=OPEN)).memory.open

    before = {key: each for key, each in remembered.items() if key in OPEN}
    assert before == {key: each for key, each in OPEN.items() if key[0] in kept}


def test_an_unreadable_registry_forgets_nothing() -> None:
    before = replace(KNOWN, open=OPEN)

    blind = plan.plan(judged(WORLD), WORLD, None, before, Policy())

    assert OPEN.keys() <= blind.memory.open.keys()


@pytest.mark.parametrize(
    ("world", "memory", "remembered"),
    [
        pytest.param(WORLD, Memory(), KNOWN, id="what answered"),
        pytest.param(
            replace(WORLD, tmux={SOCKET: None}),
            KNOWN,
            KNOWN,
            id="a server that ended, until another takes its place",
        ),
        pytest.param(
            replace(WORLD, tmux={SOCKET: listing(server=None)}),
            KNOWN,
            KNOWN,
            id="a server that does not say who it is",
        ),
        pytest.param(
            replace(WORLD, tmux={SOCKET: listing(server=YOUNG_SERVER)}, boot=NEXT_BOOT),
            KNOWN,
            Memory(servers={SOCKET: YOUNG_SERVER}, boot=NEXT_BOOT),
            id="the new server and boot",
        ),
        pytest.param(replace(WORLD, boot=None), KNOWN, KNOWN, id="the boot that was told last"),
        pytest.param(
            replace(WORLD, tmux={SECOND_SOCKET: listing()}),
            KNOWN,
            replace(KNOWN, servers={SECOND_SOCKET: SERVER}),
            id="no server that is asked no more",
        ),
    ],
)
def test_of_servers_and_boot_it_is_remembered(
    world: World, memory: Memory, remembered: Memory
) -> None:
    assert planned(world, memory=memory).memory.servers == remembered.servers
    assert planned(world, memory=memory).memory.boot == remembered.boot
