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
    SESSION,
    SOCKET,
    WORLD,
    judged,
    listing,
)
from reconcile import drift
from reconcile.desired import Entry
from reconcile.drift import LETTERS, DriftClass, NoticeKind
from reconcile.observed import Bound, Missing, Unknown, World

HOLDS_NONE = replace(WORLD, conversations={NAME: None})
STALE = replace(HOLDS_NONE, artefacts={("claude", OWN): Missing("retention")})
MOVED = replace(WORLD, conversations={NAME: Bound(id=NEXT, proof="pid-file", written=True)})
NULL = replace(ENTRY, own_id=None)


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
        pytest.param(WORLD, [replace(ENTRY, pane_pid=7)], "I-36119971", id="identity"),
        pytest.param(
            replace(WORLD, tmux={SOCKET: Unknown("hung")}), [ENTRY], "U-c4410f72", id="blind"
        ),
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
            [replace(ENTRY, pane_pid=7)],
            WORLD,
            [replace(ENTRY, pane_pid=8)],
            id="identity, from another process",
        ),
    ],
)
def test_an_id_is_another_one_for(
    world: World, entries: list[Entry], other_world: World, other_entries: list[Entry]
) -> None:
    assert ids(world, *entries) != ids(other_world, *other_entries)


def test_no_two_kinds_of_finding_share_a_letter() -> None:
    letters = [*DriftClass, *LETTERS.values()]

    assert len(letters) == len(set(letters))
    assert LETTERS.keys() == set(NoticeKind)


def test_parts_of_an_id_do_not_run_into_each_other() -> None:
    assert drift.finding_id("A", "ab", "c") != drift.finding_id("A", "a", "bc")
    assert drift.finding_id("A", "ab", None) != drift.finding_id("A", "ab")
