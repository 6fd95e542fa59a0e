"""What becomes of an id that moved on: the history, its times and proofs; and what will expire."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from examples import (
    AT,
    BORN,
    ENTRY,
    GONE,
    NAME,
    NEXT,
    NOTICED,
    OWN,
    WORLD,
    judged,
    notices,
    planned,
)
from reconcile import report
from reconcile.desired import AppendItem, Entry, Scalar
from reconcile.drift import Drift, NoticeKind
from reconcile.observed import (
    Artefact,
    Bound,
    ConversationId,
    Expiry,
    Lineage,
    Link,
    Missing,
    SessionName,
    Unknown,
    World,
)

MIDDLE = [ConversationId(f"{n}1111111-0000-4000-8000-00000000000{n}") for n in range(1, 8)]
CLEARED = Link(id=OWN, at=BORN, how="clear", proof="clear-marker")
RESUMED = Link(id=MIDDLE[0], at=BORN + timedelta(minutes=1), how="resume", proof="prompt-history")
OTHER = SessionName("lab-a-creator-claude")


def moved(lineage: Lineage | Unknown | None) -> World:
    lineages = {} if lineage is None else {NAME: lineage}
    held = Bound(id=NEXT, proof="pid-file", written=True)
    return replace(WORLD, conversations={NAME: held}, lineages=lineages)


def only(world: World, entry: Entry) -> Drift:
    (drift,) = judged(world, entry).drifts
    return drift


def history(world: World, entry: Entry = ENTRY) -> list[Mapping[str, Scalar]]:
    """The items that are appended, in their order."""
    edits = only(world, entry).edits
    return [edit.item for edit in edits if isinstance(edit, AppendItem)]


def sentence(world: World, entry: Entry = ENTRY) -> str:
    (decision,) = planned(world, entry).decisions
    return report.sentence(decision).removeprefix(f"{NAME}: session id materialized b3a7…c2f")


def test_each_link_is_kept_with_its_own_time_way_and_proof() -> None:
    assert history(moved(Lineage(links=(CLEARED, RESUMED)))) == [
        {
            "agent": "claude",
            "id": OWN,
            "replaced_at": BORN,
            "proof": "clear-marker",
            "how": "clear",
        },
        {
            "agent": "claude",
            "id": MIDDLE[0],
            "replaced_at": BORN + timedelta(minutes=1),
            "proof": "prompt-history",
            "how": "resume",
        },
    ]


@pytest.mark.parametrize(
    "lineage",
    [
        pytest.param(None, id="nobody asked"),
        pytest.param(Lineage(), id="nothing on disk tells"),
        pytest.param(Unknown("no access"), id="it could not be looked at"),
    ],
)
def test_without_a_link_the_tick_s_time_and_the_binding_s_proof_stand_in(
    lineage: Lineage | Unknown | None,
) -> None:
    assert history(moved(lineage)) == [
        {"agent": "claude", "id": OWN, "replaced_at": NOTICED, "proof": "pid-file"}
    ]


def test_a_link_without_a_time_gets_the_tick_s() -> None:
    link = Link(id=OWN, at=None, how="", proof="argv")

    (item,) = history(moved(Lineage(links=(link,))))

    assert item == {"agent": "claude", "id": OWN, "replaced_at": NOTICED, "proof": "argv"}


def test_what_came_before_the_first_recorded_id_is_kept_as_well() -> None:
    null = replace(ENTRY, own_id=None)

    assert [item["id"] for item in history(moved(Lineage(links=(CLEARED,))), null)] == [OWN]
    assert history(moved(Lineage()), null) == []


@pytest.mark.parametrize(
    ("lineage", "text"),
    [
        pytest.param(Lineage(links=(CLEARED,)), " (was 87dc…000)", id="one"),
        pytest.param(Lineage(links=(CLEARED, RESUMED)), " (was 87dc…000, then 1111…001)", id="two"),
        pytest.param(
            Lineage(links=(CLEARED, *(replace(RESUMED, id=one) for one in MIDDLE[:4]))),
            " (was 87dc…000, then 1111…001, then 2111…002, then 3111…003, then 4111…004)",
            id="as many as are told",
        ),
        pytest.param(
            Lineage(links=(CLEARED, *(replace(RESUMED, id=one) for one in MIDDLE))),
            " (was 87dc…000, then 1111…001, then 2111…002, then 3111…003, then 4111…004"
            " and 3 more)",
            id="more than are told",
        ),
        pytest.param(
            Lineage(links=(CLEARED,), between=tuple(MIDDLE[:2])),
            f" (was 87dc…000); what came between is not known: ambiguous, any of "
            f"{MIDDLE[0]}, {MIDDLE[1]}",
            id="what cannot be told from another agent's",
        ),
        pytest.param(
            Unknown("no access"),
            " (was 87dc…000); what came between is not known: could not look: no access",
            id="what could not be looked at",
        ),
    ],
)
def test_what_was_left_is_told(lineage: Lineage | Unknown, text: str) -> None:
    assert sentence(moved(lineage)) == text


def test_candidates_are_evidence_and_are_never_written() -> None:
    world = moved(Lineage(links=(CLEARED,), between=(MIDDLE[0],)))

    drift = only(world, ENTRY)

    assert drift.evidence["between"] == f"ambiguous, any of {MIDDLE[0]}"
    assert len(drift.edits) == 2
    assert "between" not in only(moved(Lineage(links=(CLEARED,))), ENTRY).evidence


def test_the_finding_is_the_same_whatever_came_between() -> None:
    worlds = [moved(None), moved(Lineage(links=(CLEARED, RESUMED))), moved(Unknown("no access"))]

    assert len({only(world, ENTRY).id for world in worlds}) == 1


@pytest.mark.parametrize(
    ("missing", "text"),
    [
        pytest.param(Missing("deleted"), "has no transcript (deleted)", id="none at all"),
        pytest.param(
            Missing("unreadable: no access", which="that can be read"),
            "has no transcript that can be read (unreadable: no access)",
            id="none of a kind",
        ),
    ],
)
def test_a_stale_id_says_what_there_is_not(missing: Missing, text: str) -> None:
    world = replace(WORLD, conversations={}, artefacts={("claude", OWN): missing})

    assert only(world, ENTRY).seen == f"recorded id {OWN} {text}"


# What is about to expire. -----------------------------------------------------------------------

EXPIRY = Expiry(at=datetime(2026, 11, 24, 9, tzinfo=UTC), rule="It deletes. Resume it")


def expiring(world: World, one: ConversationId = OWN) -> World:
    return replace(world, expiring={("claude", one): EXPIRY})


def told(world: World, *entries: Entry) -> list[str]:
    found = notices(judged(world, *entries), NoticeKind.EXPIRING)
    assert all(each.message.startswith(f"{each.session}: ") for each in found)
    return [each.message for each in found]


@pytest.mark.parametrize(
    ("world", "entry", "one", "short"),
    [
        pytest.param(WORLD, ENTRY, OWN, "87dc…000", id="its own"),
        pytest.param(WORLD, replace(ENTRY, other_ids=(NEXT,)), NEXT, "b3a7…c2f", id="another"),
        pytest.param(
            GONE, replace(ENTRY, status="terminated"), OWN, "87dc…000", id="of one that ended"
        ),
    ],
)
def test_a_recorded_id_that_is_about_to_expire_is_told(
    world: World, entry: Entry, one: ConversationId, short: str
) -> None:
    assert told(expiring(world, one), entry) == [
        f"{NAME}: recorded id {short} expires on 2026-11-24: It deletes. Resume it"
    ]


@pytest.mark.parametrize(
    "entry",
    [
        pytest.param(replace(ENTRY, status="paused"), id="a person's own status"),
        pytest.param(replace(ENTRY, agent="agy"), id="another kind of agent"),
        pytest.param(replace(ENTRY, own_id=NEXT), id="another id"),
    ],
)
def test_what_is_not_recorded_here_is_not_told(entry: Entry) -> None:
    assert told(expiring(replace(WORLD, conversations={})), entry) == []


@pytest.mark.parametrize(
    ("entries", "name"),
    [
        pytest.param((ENTRY, replace(ENTRY, name=OTHER)), OTHER, id="the first by name"),
        pytest.param(
            (ENTRY, replace(ENTRY, name=OTHER, status="terminated")), NAME, id="one that runs"
        ),
    ],
)
def test_an_id_that_several_entries_record_is_told_once(
    entries: tuple[Entry, Entry], name: str
) -> None:
    world = expiring(replace(WORLD, conversations={}))

    for each in (entries, entries[::-1]):
        (text,) = told(world, *each)
        assert text.startswith(f"{name}: ")


def test_the_warning_lasts_under_one_id_and_ends_when_the_conversation_is_used() -> None:
    first = planned(expiring(WORLD), ENTRY)
    later = replace(expiring(WORLD), at=AT + timedelta(days=1))

    second = planned(later, ENTRY, memory=first.memory)
    (note,) = second.notes
    third = planned(replace(WORLD, at=later.at), ENTRY, memory=second.memory)

    assert note.notice.id == first.notes[0].notice.id
    assert not note.new
    assert third.notes == ()
    assert note.notice.id not in third.memory.open


def test_a_warning_ends_with_the_transcript_and_a_stale_id_follows() -> None:
    first = planned(expiring(WORLD), ENTRY)
    gone = replace(
        WORLD, conversations={}, artefacts={("claude", OWN): Missing("expired")}, expiring={}
    )

    second = planned(gone, ENTRY, memory=first.memory)

    assert second.notes == ()
    assert [each.drift.kind.value for each in second.decisions] == ["D"]


def test_present_conversations_with_time_left_are_not_told() -> None:
    assert told(replace(WORLD, artefacts={("claude", OWN): Artefact.PRESENT}), ENTRY) == []
