"""The ids of findings: stable, distinct, and new only when something else has happened."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta, timezone

import pytest

from examples import (
    AT,
    BORN,
    ENTRY,
    GONE,
    LATER,
    NAME,
    NEXT,
    OWN,
    PANE,
    RUNS_SHELL,
    SECOND_SOCKET,
    SEEN,
    SESSION,
    SIGHTING,
    SOCKET,
    WORLD,
    judged,
    listing,
)
from reconcile import drift
from reconcile.desired import Entry
from reconcile.drift import LETTERS, DriftClass, NoticeKind
from reconcile.observed import (
    Ambiguous,
    Artefact,
    Bound,
    ConversationId,
    Expiry,
    Inside,
    Missing,
    SessionName,
    Unknown,
    Unproven,
    World,
)
from reconcile.proofs import Proof

HOLDS_NONE = replace(WORLD, conversations={NAME: None})
STALE = replace(HOLDS_NONE, artefacts={("claude", OWN): Missing("retention")})
MOVED = replace(WORLD, conversations={NAME: Bound(id=NEXT, proof="pid-file", written=True)})
NULL = replace(ENTRY, own_id=None)
OTHER = SessionName("lab-y-creator-claude")
ENDED = replace(ENTRY, status="terminated")
AMBIGUOUS = replace(WORLD, conversations={NAME: Ambiguous((NEXT, OWN))})
SHELL = replace(HOLDS_NONE, inside={(SOCKET, "%1"): RUNS_SHELL})
DENIED = Unknown("access denied")
HIDDEN = replace(WORLD, inside={(SOCKET, "%1"): Inside(process=DENIED, agent=DENIED)})
RENAMED = replace(
    WORLD, tmux={SOCKET: listing(replace(SESSION, name=SessionName("z")))}, conversations={}
)
TWICE = replace(
    WORLD,
    tmux={SOCKET: listing(SESSION), SECOND_SOCKET: listing(replace(SESSION, socket=SECOND_SOCKET))},
)
LEFT = replace(WORLD, conversations={NAME: Unproven(left=(OWN, NEXT))})
SHARED = replace(WORLD, sharers={NAME: ("process 7",)})
LONG = SessionName(f"{'x' * 300}-creator-claude")
REFUSED = replace(WORLD, tmux={SOCKET: listing(replace(SESSION, name=LONG))})


def ids(world: World, *entries: Entry) -> list[str]:
    found = judged(world, *entries)
    return [each.id for each in (*found.drifts, *found.notices)]


@pytest.mark.parametrize(
    ("world", "entries", "expected"),
    [
        pytest.param(GONE, [ENTRY], "A-cbc8fbb4", id="A"),
        pytest.param(WORLD, [], "B-ddef0309", id="B"),
        pytest.param(WORLD, [NULL], "C-e834541f", id="C"),
        pytest.param(STALE, [ENTRY], "D-d3996f62", id="D"),
        pytest.param(
            WORLD, [replace(ENTRY, pane_pid=7, workspace=None)], "I-36119971", id="identity"
        ),
        pytest.param(WORLD, [replace(ENTRY, pane_pid=7)], "P-cbc8fbb4", id="restarted"),
        pytest.param(
            replace(WORLD, tmux={SOCKET: Unknown("hung")}), [ENTRY], "U-c4410f72", id="blind"
        ),
        pytest.param(AMBIGUOUS, [ENTRY], "M-9141e19b", id="ambiguous"),
        pytest.param(WORLD, [ENDED], "R-ddef0309", id="terminated, and alive"),
        pytest.param(SHELL, [ENTRY], "X-5ad39642", id="agent exited"),
        pytest.param(HIDDEN, [ENTRY], "U-0815180b", id="one session is hidden"),
        pytest.param(HIDDEN, [], "U-0815180b", id="a stranger is hidden"),
        pytest.param(
            replace(HOLDS_NONE, artefacts={("claude", OWN): Artefact.GHOST}),
            [ENTRY],
            "G-d3996f62",
            id="ghost",
        ),
        pytest.param(
            replace(WORLD, expiring={("claude", OWN): Expiry(at=AT, rule="It deletes")}),
            [ENTRY],
            "E-d3996f62",
            id="about to expire",
        ),
        pytest.param(RENAMED, [ENTRY], "N-ccf64f07", id="renamed"),
        pytest.param(TWICE, [ENTRY], "W-827b1398", id="two servers have it"),
        pytest.param(WORLD, [replace(ENTRY, host="laptop")], "H-83330e19", id="another host's"),
        pytest.param(LEFT, [ENTRY], "L-bd6f26df", id="its conversation was left"),
        pytest.param(SHARED, [ENTRY], "V-6a8d5ac2", id="its conversation is shared"),
        pytest.param(REFUSED, [], "Q-3cc8cbff", id="a name that no registry can hold"),
    ],
)
def test_an_id_is_this_one_in_every_process_and_release(
    world: World, entries: list[Entry], expected: str
) -> None:
    assert ids(world, *entries) == [expected]


@pytest.mark.parametrize(
    ("world", "entry", "other_world", "other_entry"),
    [
        pytest.param(GONE, ENTRY, replace(GONE, at=AT + timedelta(hours=1)), ENTRY, id="A, later"),
        pytest.param(
            GONE,
            ENTRY,
            GONE,
            replace(ENTRY, created_at=BORN.astimezone(timezone(timedelta(hours=9)))),
            id="A, its time written in another zone",
        ),
        pytest.param(
            GONE, ENTRY, replace(GONE, tmux={SOCKET: None}), ENTRY, id="A, for another cause"
        ),
        pytest.param(
            STALE,
            ENTRY,
            replace(HOLDS_NONE, artefacts={("claude", OWN): Missing("moved")}),
            ENTRY,
            id="D, for another cause",
        ),
    ],
)
def test_an_id_stays_the_same_for(
    world: World, entry: Entry, other_world: World, other_entry: Entry
) -> None:
    assert ids(world, entry) == ids(other_world, other_entry)


@pytest.mark.usefixtures("abroad")
def test_an_id_is_this_one_on_a_machine_with_a_zone_of_its_own() -> None:
    assert ids(GONE, ENTRY) == ["A-cbc8fbb4"]


def test_a_registration_has_the_same_id_on_a_machine_in_another_zone() -> None:
    moved = replace(SESSION, created_at=BORN.astimezone(timezone(timedelta(hours=9))))

    assert ids(WORLD) == ids(replace(WORLD, tmux={SOCKET: listing(moved)}))


@pytest.mark.parametrize(
    ("world", "entries", "other_world", "other_entries"),
    [
        pytest.param(
            GONE, [ENTRY], GONE, [replace(ENTRY, pane_pid=None)], id="A, of another process"
        ),
        pytest.param(
            GONE, [ENTRY], GONE, [replace(ENTRY, created_at=LATER)], id="A, of a later session"
        ),
        pytest.param(
            WORLD,
            [],
            replace(WORLD, tmux={SOCKET: listing(replace(SESSION, created_at=LATER))}),
            [],
            id="B, of a later session",
        ),
        pytest.param(WORLD, [NULL], MOVED, [NULL], id="C, to another id"),
        pytest.param(MOVED, [NULL], MOVED, [ENTRY], id="C, from another id"),
        pytest.param(
            WORLD,
            [replace(ENTRY, pane_pid=7, workspace=None)],
            WORLD,
            [replace(ENTRY, pane_pid=8, workspace=None)],
            id="identity, from another process",
        ),
        pytest.param(
            AMBIGUOUS,
            [ENTRY],
            replace(WORLD, conversations={NAME: Ambiguous((NEXT,))}),
            [ENTRY],
            id="ambiguous, among others",
        ),
        pytest.param(
            WORLD,
            [replace(ENDED, created_at=None)],
            replace(WORLD, tmux={SOCKET: listing(replace(SESSION, created_at=LATER))}),
            [replace(ENDED, created_at=None)],
            id="terminated and alive, a later session",
        ),
        pytest.param(
            SHELL,
            [replace(ENTRY, pane_pid=None)],
            replace(
                SHELL,
                tmux={SOCKET: listing(replace(SESSION, panes=(replace(PANE, pid=7),)))},
            ),
            [replace(ENTRY, pane_pid=None)],
            id="agent exited, from another shell",
        ),
        pytest.param(
            HIDDEN, [ENTRY], replace(WORLD, inside={}), [ENTRY], id="hidden, for another reason"
        ),
        pytest.param(
            HIDDEN, [], replace(WORLD, inside={}), [], id="a hidden stranger, for another reason"
        ),
        pytest.param(
            HIDDEN,
            [],
            replace(HIDDEN, tmux={SOCKET: listing(replace(SESSION, name=OTHER))}, conversations={}),
            [],
            id="a hidden stranger, another one",
        ),
        pytest.param(
            replace(GONE, recorded_pids={}),
            [ENTRY],
            replace(GONE, recorded_pids={ENTRY.pane_pid or 0: DENIED}),
            [ENTRY],
            id="perhaps gone, for another doubt",
        ),
        pytest.param(
            RENAMED,
            [ENTRY],
            replace(RENAMED, tmux={SOCKET: listing(replace(SESSION, name=OTHER))}),
            [ENTRY],
            id="renamed, to another name",
        ),
        pytest.param(
            LEFT,
            [ENTRY],
            LEFT,
            [replace(ENTRY, own_id=NEXT)],
            id="left, from another conversation",
        ),
        pytest.param(
            LEFT,
            [ENTRY],
            replace(WORLD, conversations={NAME: Unproven(left=(OWN, NEXT), likely=NEXT)}),
            [ENTRY],
            id="left, for another conversation",
        ),
        pytest.param(
            SHARED,
            [ENTRY],
            replace(SHARED, sharers={NAME: ("process 8",)}),
            [ENTRY],
            id="shared, with another process",
        ),
        pytest.param(
            SHARED,
            [ENTRY],
            replace(SHARED, conversations=MOVED.conversations),
            [replace(ENTRY, own_id=NEXT)],
            id="shared, another conversation",
        ),
    ],
)
def test_an_id_is_another_one_for(
    world: World, entries: list[Entry], other_world: World, other_entries: list[Entry]
) -> None:
    assert ids(world, *entries) != ids(other_world, *other_entries)


def test_what_was_left_for_one_yet_to_be_written_has_an_id_of_both_conversations() -> None:
    def told(own: ConversationId, begun: ConversationId) -> str:
        seen = replace(SEEN, sightings={NAME: replace(SIGHTING, conversation=own)})
        held = Bound(id=begun, proof=Proof.PID_FILE, written=False)
        world = replace(WORLD, conversations={NAME: held})
        (notice,) = judged(world, replace(ENTRY, own_id=own), memory=seen).notices
        assert notice.kind is NoticeKind.LEFT
        return notice.id

    third = ConversationId("c0ffee00-0000-4000-8000-000000000000")
    pairs = [(OWN, NEXT), (OWN, third), (third, NEXT)]

    assert len({told(own, begun) for own, begun in pairs}) == len(pairs)


def test_no_two_kinds_of_finding_share_a_letter() -> None:
    letters = [*DriftClass, *LETTERS.values()]

    assert len(letters) == len(set(letters))
    assert LETTERS.keys() == set(NoticeKind)


def test_parts_of_an_id_do_not_run_into_each_other() -> None:
    assert drift.finding_id("A", "ab", "c") != drift.finding_id("A", "a", "bc")
    assert drift.finding_id("A", "ab", None) != drift.finding_id("A", "ab")
