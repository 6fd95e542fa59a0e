"""What holds in every world: the promises of the core, each as one law."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta, timezone

from hypothesis import event, given, settings
from hypothesis import strategies as st

import trials
import worlds
from applying import apply
from examples import AT, BOOT, HERE, NEXT_BOOT, SECOND_SOCKET, SOCKET, listing
from reconcile import identity, judge, location, names, plan
from reconcile.desired import RUNNING, TERMINATED, Entry, Registry
from reconcile.drift import DriftClass, FindingId, Judgement, NoticeKind
from reconcile.location import How, Located, Sessions
from reconcile.memory import Memory, Sighting
from reconcile.observed import Boot, Listing, Place, Server, Unknown
from reconcile.plan import Action, Decision, Plan
from reconcile.policy import Policy
from reconcile.proofs import Proof, is_at_least
from worlds import Scene

LAW = settings(max_examples=trials.of(50))
"""Enough to find what a mutation of the core breaks, and quick enough to run all the time."""


def written(plan: Plan) -> set[FindingId]:
    return {each.drift.id for each in plan.decisions if each.action is Action.UPDATED}


def placed(found: Judgement) -> Judgement:
    """It without the times of sightings, nor when the first of them is to be renewed."""
    seen = {name: replace(each, at=AT) for name, each in found.sightings.items()}
    return replace(found, sightings=seen, until=AT)


def deaths(plan: Plan) -> list[Decision]:
    return [each for each in plan.decisions if each.drift.kind is DriftClass.TMUX_GONE]


def told_by_their_own_server(scene: Scene, plan: Plan) -> set[FindingId]:
    """The deaths that the server of the sighting tells: what cannot be seen of others is no doubt.

    A seeing look may find a session of the same name at another server, which is another session.
    """
    return {
        each.drift.id
        for each in deaths(plan)
        if (seen := scene.memory.sightings.get(names.key(each.drift.session)))
        and "lacks" in each.drift.evidence
        and isinstance(scene.world.tmux[seen.socket], Listing)
        and not living_panes(scene, seen)
    }


# Blindness changes nothing. ---------------------------------------------------------------------


@LAW
@given(scene=worlds.scenes(), data=st.data())
def test_a_look_that_misses_one_tmux_server_claims_no_death_and_forgets_nothing(
    scene: Scene, data: st.DataObject
) -> None:
    blind = replace(scene, world=data.draw(worlds.blind_to_tmux(scene.world)))

    plan = blind.tick()

    lost = {key for key, each in blind.world.tmux.items() if isinstance(each, Unknown)}
    for death in deaths(plan):
        seen = blind.memory.sightings.get(names.key(death.drift.session))
        evidence = death.drift.evidence
        own = seen and (seen.socket not in lost or evidence["cause"] == "host-reboot")
        assert "pane_dead" in evidence or own
    assert scene.memory.open.keys() <= plan.memory.open.keys()
    assert scene.memory.servers.keys() <= plan.memory.servers.keys()
    assert any(note.notice.kind is NoticeKind.BLIND for note in plan.notes)


@LAW
@given(scene=worlds.scenes(seeing=True), data=st.data())
def test_a_blind_look_writes_nothing_that_a_seeing_one_would_not(
    scene: Scene, data: st.DataObject
) -> None:
    blind = replace(scene, world=data.draw(worlds.blinded(scene.world)))

    plan = blind.tick()

    event(f"writes {bool(written(plan))}")
    assert written(plan) <= written(scene.tick()) | told_by_their_own_server(blind, plan)


@LAW
@given(scene=worlds.scenes(seeing=True), data=st.data())
def test_a_blind_look_finds_no_drift_that_a_seeing_one_would_not(
    scene: Scene, data: st.DataObject
) -> None:
    blind = replace(scene, world=data.draw(worlds.blinded(scene.world)))

    plan = blind.tick()

    found = {each.drift.id for each in plan.decisions}
    seen = {each.drift.id for each in scene.tick().decisions}
    assert found <= seen | told_by_their_own_server(blind, plan)


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
    new = [each for each in (*second.decisions, *second.notes) if each.new]
    assert not new
    assert [each.since for each in second.decisions] == [each.since for each in first.decisions]


@LAW
@given(scene=worlds.scenes(), seconds=st.integers(0, 300))
def test_up_to_the_time_it_names_a_judgement_stays_the_same(scene: Scene, seconds: int) -> None:
    now = judge.judge(scene.world, scene.registry, scene.memory, Policy())
    at = max(AT, min(AT + timedelta(seconds=seconds), now.until))

    then = judge.judge(replace(scene.world, at=at), scene.registry, scene.memory, Policy())

    assert placed(then) == placed(now)


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


# A verdict belongs to a place, a server and a session. --------------------------------------------


def living_panes(scene: Scene, seen: Sighting) -> set[str]:
    """The living panes on the server of a sighting that it was of: all in its session, or its own.

    Empty where that server did not answer.
    """
    answer = scene.world.tmux.get(seen.socket)
    if not isinstance(answer, Listing) or answer.server != seen.server:
        return set()
    return {
        pane.pane_id
        for session in answer.sessions.values()
        for pane in session.panes
        if not pane.dead and (session.id == seen.session_id or pane.pane_id == seen.pane_id)
    }


@LAW
@given(scene=worlds.scenes())
def test_what_lives_on_its_own_server_or_belongs_to_another_place_is_never_written_dead(
    scene: Scene,
) -> None:
    entries = {entry.name: entry for entry in scene.registry.entries}
    place = scene.world.place

    for death in deaths(scene.tick()):
        assert isinstance(place, Place)
        host = entries[death.drift.session].host
        assert host is None or place.is_called(host)
        seen = scene.memory.sightings.get(names.key(death.drift.session))
        assert scene.world.away is None or (seen and seen.place == place.id)
        if seen and seen.place:
            assert seen.place == place.id
            # tmux may show the agent's own pane as dead, and a shell's beside it as alive.
            assert "pane_dead" in death.drift.evidence or not living_panes(scene, seen)
            assert seen.socket in scene.world.tmux or death.drift.evidence["cause"] == "host-reboot"


@LAW
@given(fleet=worlds.followed(), seconds=st.floats(1, 3600))
def test_a_session_that_lives_is_never_dead_wherever_it_went_and_from_wherever_it_is_looked_for(
    fleet: worlds.Followed, seconds: float
) -> None:
    """Two looks, for what is held at the first is written at the second."""
    scene = fleet.scene
    for pause in (30, seconds):
        plan = scene.tick()
        found = {each.drift.session for each in deaths(plan)}
        event(f"deaths {bool(found)}")
        assert found <= fleet.ended
        assert not {e.session for e in plan.edits} & fleet.ended or fleet.sees_all
        scene = replace(scene.after(pause, plan.memory), registry=apply(scene.registry, plan.edits))
    if fleet.sees_all:
        ended = {each.name for each in scene.registry.entries if each.status == TERMINATED}
        assert ended == fleet.ended
    assert len(scene.registry.entries) == len(fleet.scene.registry.entries)


@LAW
@given(scene=worlds.scenes())
def test_what_was_seen_elsewhere_is_not_judged_here_and_stays_known(scene: Scene) -> None:
    place = scene.world.place
    known = scene.memory.sightings
    elsewhere = {
        entry.name
        for entry in scene.registry.entries
        if isinstance(place, Place)
        and entry.status == RUNNING
        and entry.host is None
        and (seen := known.get(names.key(entry.name)))
        and seen.place not in {"", place.id}
    }

    found = judge.judge(scene.world, scene.registry, scene.memory, Policy())

    event(f"elsewhere {bool(elsewhere)}")
    assert elsewhere <= found.elsewhere
    assert not elsewhere & {each.session for each in found.drifts}
    assert not elsewhere & {
        each.session
        for each in found.notices
        if each.kind not in {NoticeKind.OTHER_HOST, NoticeKind.EXPIRING}
    }
    for name in map(names.key, elsewhere):
        assert found.sightings[name] == known[name]


@LAW
@given(scene=worlds.scenes())
def test_a_weaker_proof_never_replaces_a_stronger_one_of_the_same_process(scene: Scene) -> None:
    found = judge.judge(scene.world, scene.registry, scene.memory, Policy())

    for name, seen in found.sightings.items():
        before = scene.memory.sightings.get(name)
        if before is None or before.proof is None or before.agent is None:
            continue
        if (seen.boot, seen.agent) != (before.boot, before.agent):
            continue
        if before.place not in {"", seen.place}:  # another place's process has its pid by chance
            continue
        moved = [
            Proof(str(drift.evidence["proof"]))
            for drift in found.drifts
            if drift.kind is DriftClass.ID_MATERIALISED
            and names.key(drift.session) == name
            and drift.evidence["id"] != before.conversation
        ]
        event(f"moved {bool(moved)}")
        assert all(is_at_least(proof, before.proof) for proof in moved)
        assert seen.proof
        assert is_at_least(seen.proof, before.proof)


@LAW
@given(scene=worlds.scenes())
def test_no_process_gets_a_second_entry(scene: Scene) -> None:
    found = judge.judge(scene.world, scene.registry, scene.memory, Policy())
    sessions = Sessions(scene.world, scene.registry, scene.memory)
    taken = {
        identity.agent_pane(located.session, entry, scene.world).pane_id
        for entry in scene.registry.entries
        if entry.status in {RUNNING, TERMINATED} and not sessions.is_elsewhere(entry)
        if isinstance(located := sessions.of(entry), Located) and located.how is not How.PROCESS
    }

    added = [each.evidence["pane"] for each in found.drifts if each.kind is DriftClass.UNREGISTERED]

    event(f"adds {bool(added)}")
    assert isinstance(scene.world.place, Place) or not added
    assert len(added) == len(set(added))
    assert not taken & set(added)


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
    world = worlds.World(
        at=AT, boot=BOOT, place=HERE, tmux={SOCKET: listing(), SECOND_SOCKET: None}
    )

    plan = Scene(world=world, registry=ended, memory=Memory()).tick()

    assert plan.decisions == ()
    assert plan.notes == ()


@LAW
@given(scene=worlds.scenes())
def test_a_reserved_name_is_never_registered(scene: Scene) -> None:
    names_there = location.by_name(scene.world.tmux.values())
    reserved = replace(scene.registry, reserved=frozenset(names_there))

    plan = replace(scene, registry=reserved).tick()

    assert not [each for each in plan.decisions if each.drift.kind is DriftClass.UNREGISTERED]
