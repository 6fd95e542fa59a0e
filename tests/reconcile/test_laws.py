"""What holds in every world: the promises of the core, each as one law."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta, timezone

from hypothesis import event, given, settings
from hypothesis import strategies as st

import worlds
from applying import apply
from examples import AT, BOOT, NEXT_BOOT, SECOND_SOCKET, SOCKET, listing
from reconcile import judge, plan
from reconcile.desired import RUNNING, TERMINATED, Entry, Registry
from reconcile.drift import DriftClass, FindingId, NoticeKind
from reconcile.memory import Memory
from reconcile.observed import Boot, Server
from reconcile.plan import Action, Decision, Plan
from reconcile.policy import Policy
from worlds import Scene

LAW = settings(max_examples=50)
"""Enough to find what a mutation of the core breaks, and quick enough to run all the time."""


def written(plan: Plan) -> set[FindingId]:
    return {each.drift.id for each in plan.decisions if each.action is Action.UPDATED}


def deaths(plan: Plan) -> list[Decision]:
    return [each for each in plan.decisions if each.drift.kind is DriftClass.TMUX_GONE]


# Blindness changes nothing. ---------------------------------------------------------------------


@LAW
@given(scene=worlds.scenes(), data=st.data())
def test_a_look_that_misses_one_tmux_server_claims_no_death_and_forgets_nothing(
    scene: Scene, data: st.DataObject
) -> None:
    blind = replace(scene, world=data.draw(worlds.blind_to_tmux(scene.world)))

    plan = blind.tick()

    assert deaths(plan) == []
    assert scene.memory.open.keys() <= plan.memory.open.keys()
    assert scene.memory.servers.keys() <= plan.memory.servers.keys()
    assert any(note.notice.kind is NoticeKind.BLIND for note in plan.notes)


@LAW
@given(scene=worlds.scenes(seeing=True), data=st.data())
def test_a_blind_look_writes_nothing_that_a_seeing_one_would_not(
    scene: Scene, data: st.DataObject
) -> None:
    blind = replace(scene, world=data.draw(worlds.blinded(scene.world)))

    event(f"writes {bool(written(blind.tick()))}")
    assert written(blind.tick()) <= written(scene.tick())


@LAW
@given(scene=worlds.scenes(seeing=True), data=st.data())
def test_a_blind_look_finds_no_drift_that_a_seeing_one_would_not(
    scene: Scene, data: st.DataObject
) -> None:
    blind = replace(scene, world=data.draw(worlds.blinded(scene.world)))

    found = {each.drift.id for each in blind.tick().decisions}
    assert found <= {each.drift.id for each in scene.tick().decisions}


@LAW
@given(scene=worlds.scenes(seeing=True), data=st.data())
def test_a_blind_look_forgets_nothing_that_a_seeing_one_would_have_found_again(
    scene: Scene, data: st.DataObject
) -> None:
    seen = scene.tick().memory
    blind = replace(scene, world=data.draw(worlds.blinded(scene.world)), memory=seen)

    remembered = blind.tick().memory.open

    # Why it could not see is told afresh each time.
    kept = {key: each for key, each in seen.open.items() if not key.startswith("U")}
    assert kept.keys() <= remembered.keys()
    assert {key: remembered[key].since for key in kept} == {
        key: each.since for key, each in kept.items()
    }


@LAW
@given(scene=worlds.scenes())
def test_without_a_registry_nothing_is_found_written_or_forgotten(scene: Scene) -> None:
    judgement = judge.judge(scene.world, None, scene.memory, Policy())

    blind = plan.plan(judgement, scene.world, None, scene.memory, Policy())

    assert blind.decisions == ()
    assert scene.memory.open.keys() <= blind.memory.open.keys()


# Writing settles. -------------------------------------------------------------------------------


@LAW
@given(scene=worlds.scenes())
def test_two_ticks_write_all_there_is_to_write_and_nothing_twice(scene: Scene) -> None:
    """Two, because what is held, and the id of a session that was just registered, follow."""
    twice: list[FindingId] = []
    for _ in range(2):
        plan = scene.tick()
        twice += written(plan)
        scene = replace(scene.after(30, plan.memory), registry=apply(scene.registry, plan.edits))

    event(f"writes {bool(twice)}")
    assert scene.tick().edits == ()
    assert len(twice) == len(set(twice))


@LAW
@given(scene=worlds.scenes())
def test_what_was_written_is_no_drift_any_more(scene: Scene) -> None:
    plan = scene.tick()

    settled = replace(scene, registry=apply(scene.registry, plan.edits), memory=plan.memory)

    assert not written(plan) & {each.drift.id for each in settled.tick().decisions}


@LAW
@given(scene=worlds.scenes())
def test_in_a_frozen_world_the_second_tick_finds_nothing_new(scene: Scene) -> None:
    first = scene.tick()

    second = scene.after(1, first.memory).tick()

    assert {each.drift.id for each in second.decisions} == {
        each.drift.id for each in first.decisions
    }
    assert not any(each.new for each in (*second.decisions, *second.notes))
    assert [each.since for each in second.decisions] == [each.since for each in first.decisions]


@LAW
@given(scene=worlds.scenes(), seconds=st.integers(0, 300))
def test_up_to_the_time_it_names_a_judgement_stays_the_same(scene: Scene, seconds: int) -> None:
    now = judge.judge(scene.world, scene.registry, scene.memory, Policy())
    at = min(AT + timedelta(seconds=seconds), now.until)

    then = judge.judge(replace(scene.world, at=at), scene.registry, scene.memory, Policy())

    assert then == now


# Order and ids. ---------------------------------------------------------------------------------


@LAW
@given(scene=worlds.scenes(), data=st.data())
def test_the_order_of_the_registry_does_not_matter(scene: Scene, data: st.DataObject) -> None:
    shuffled = tuple(data.draw(st.permutations(scene.registry.entries)))

    other = replace(scene, registry=replace(scene.registry, entries=shuffled))

    assert other.tick() == scene.tick()


@LAW
@given(scene=worlds.scenes())
def test_no_two_findings_of_a_look_have_the_same_id(scene: Scene) -> None:
    plan = scene.tick()

    ids = [*(each.drift.id for each in plan.decisions), *(each.notice.id for each in plan.notes)]
    assert len(ids) == len(set(ids))


@LAW
@given(scene=worlds.scenes(), hours=st.integers(-12, 14))
def test_ids_are_the_same_in_every_time_zone(scene: Scene, hours: int) -> None:
    zone = timezone(timedelta(hours=hours))
    moved = tuple(
        replace(entry, created_at=entry.created_at and entry.created_at.astimezone(zone))
        for entry in scene.registry.entries
    )

    other = replace(scene, registry=replace(scene.registry, entries=moved)).tick()

    assert [each.drift.id for each in other.decisions] == [
        each.drift.id for each in scene.tick().decisions
    ]


# A wave of deaths. ------------------------------------------------------------------------------


@LAW
@given(scene=worlds.storms())
def test_a_storm_writes_nothing_at_first_sight(scene: Scene) -> None:
    plan = scene.tick()

    assert len(deaths(plan)) >= 3
    assert plan.edits == ()
    assert {each.action for each in deaths(plan)} == {Action.HELD}


@LAW
@given(scene=worlds.storms(), seconds=st.floats(0, 9.99))
def test_a_second_look_too_soon_is_none(scene: Scene, seconds: float) -> None:
    assert scene.after(seconds, scene.tick().memory).tick().edits == ()


@LAW
@given(scene=worlds.storms(), seconds=st.floats(10, 3600))
def test_a_storm_that_lasts_is_written_whole_at_the_second_look(
    scene: Scene, seconds: float
) -> None:
    first = scene.tick()

    second = scene.after(seconds, first.memory).tick()

    assert written(second) == {each.drift.id for each in deaths(first)}


@LAW
@given(scene=worlds.storms())
def test_a_blip_is_held_forgotten_and_held_anew(scene: Scene) -> None:
    held = scene.tick()
    back = {SOCKET: listing(*worlds.living(scene.registry.entries).values())}
    calm = scene.after(30, held.memory)

    over = replace(calm, world=replace(calm.world, tmux=back)).tick()
    again = scene.after(60, over.memory).tick()

    assert deaths(over) == []
    assert not over.memory.open.keys() & {each.drift.id for each in deaths(held)}
    assert again.edits == ()
    assert all(each.new for each in deaths(again))


@LAW
@given(
    scene=worlds.scenes(seeing=True),
    before=st.sampled_from(
        [
            Memory(boot=Boot(id="boot-0", at=BOOT.at - timedelta(days=9)), servers={}),
            Memory(servers={SOCKET: Server(pid=1, started_at=AT - timedelta(days=9))}),
        ]
    ),
)
def test_after_a_change_of_boot_or_server_no_death_is_believed_at_once(
    scene: Scene, before: Memory
) -> None:
    tmux = {**scene.world.tmux}
    if tmux[SOCKET] == listing(server=None):  # a server with no session does not say who it is
        tmux[SOCKET] = None
    world = replace(scene.world, boot=NEXT_BOOT, tmux=tmux)

    plan = replace(scene, world=world, memory=before).tick()

    event(f"deaths {bool(deaths(plan))}")
    assert {each.action for each in deaths(plan)} <= {Action.HELD}


# What is a person's stays a person's. -----------------------------------------------------------


@LAW
@given(scene=worlds.scenes())
def test_an_entry_that_was_edited_moments_ago_is_never_touched(scene: Scene) -> None:
    fresh = {entry.name for entry in scene.registry.entries if entry.fresh}

    assert not fresh & {edit.session for edit in scene.tick().edits}


@LAW
@given(scene=worlds.scenes())
def test_an_entry_of_any_other_status_is_left_alone(scene: Scene) -> None:
    judged = {RUNNING, TERMINATED}
    theirs = {each.name for each in scene.registry.entries if each.status not in judged}

    plan = scene.tick()

    assert not theirs & {each.drift.session for each in plan.decisions}
    assert not theirs & {each.notice.session for each in plan.notes}


@LAW
@given(scene=worlds.scenes())
def test_a_terminated_entry_is_never_changed(scene: Scene) -> None:
    ended = {each.name for each in scene.registry.entries if each.status == TERMINATED}

    assert not ended & {each.drift.session for each in scene.tick().decisions}


@LAW
@given(entries=st.tuples(*(worlds.entries(number) for number in range(len(worlds.NAMES)))))
def test_what_is_terminated_and_gone_is_silent(entries: tuple[Entry, ...]) -> None:
    ended = Registry(entries=tuple(replace(entry, status=TERMINATED) for entry in entries))
    world = worlds.World(at=AT, boot=BOOT, tmux={SOCKET: listing(), SECOND_SOCKET: None})

    plan = Scene(world=world, registry=ended, memory=Memory()).tick()

    assert plan.decisions == ()
    assert plan.notes == ()


@LAW
@given(scene=worlds.scenes())
def test_a_reserved_name_is_never_registered(scene: Scene) -> None:
    reserved = replace(scene.registry, reserved=frozenset(worlds.NAMES))

    plan = replace(scene, registry=reserved).tick()

    assert not [each for each in plan.decisions if each.drift.kind is DriftClass.UNREGISTERED]
