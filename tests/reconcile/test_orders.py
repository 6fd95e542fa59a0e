"""An acknowledged finding counts no more while it stays open, and is new when it comes back."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from examples import AT, ELSEWHERE, ENTRY, KNOWN, NEXT, OWN, WORLD, planned
from reconcile import orders, report, telling
from reconcile.drift import LETTERS, DriftClass, NoticeKind
from reconcile.memory import Acknowledgement, Memory, Unsaid, at_place
from reconcile.observed import Missing, Unknown, World
from reconcile.orders import Order, Verb
from reconcile.plan import Plan
from reconcile.policy import Policy
from reconcile.report import Report

STALE = replace(WORLD, artefacts={("claude", OWN): Missing("moved")}, conversations={})
BLIND = replace(STALE, artefacts={("claude", OWN): Unknown("no permission")})
NOTICED = replace(ENTRY, pane_pid=7, workspace=None)
"""Its pane is another one: a notice."""
ID = planned(STALE, ENTRY).decisions[0].drift.id
KNOWING = Acknowledgement(at=AT, by="ann")


def order(seq: int, verb: Verb = Verb.ACK, finding: str = ID, by: str = "ann") -> Order:
    return Order(seq=seq, verb=verb, finding=finding, at=AT, by=by)


def acknowledged(memory: Memory = KNOWN) -> Memory:
    return replace(memory, acknowledged={ID: KNOWING})


def after(world: World, memory: Memory) -> Memory:
    """What a tick leaves behind that saw this world."""
    return planned(world, ENTRY, memory=memory).done(world).memory


def told(plan: Plan) -> Report:
    return Report(
        at=AT,
        dry_run=False,
        duration_ms=1,
        host="mill",
        boot_id=None,
        sources={},
        decisions=plan.decisions,
        notes=plan.notes,
        registry_written=False,
    )


# Hearing. ---------------------------------------------------------------------------------------


def test_an_order_is_heard_once() -> None:
    first = orders.heard(KNOWN, [order(3)])

    assert first.acknowledged == {ID: KNOWING}
    assert first.heard == 3
    resolved = replace(first, acknowledged={})
    assert orders.heard(resolved, [order(3)]) is resolved


def test_an_order_that_was_heard_is_passed_over_when_another_comes() -> None:
    resolved = orders.heard(KNOWN, [order(1), order(2, Verb.UNACK)])
    again = replace(resolved, acknowledged={})

    found = orders.heard(again, [order(1), order(2), order(3, finding="X-00000001")])

    assert found.acknowledged.keys() == {"X-00000001"}
    assert found.heard == 3


def test_one_that_cannot_be_obeyed_does_not_keep_the_next_from_being_heard() -> None:
    found = orders.heard(KNOWN, [order(1, finding="A-00000001"), order(2)])

    assert found.acknowledged.keys() == {ID}


def test_the_words_of_orders_are_those_of_their_file() -> None:
    assert list(Verb) == ["ack", "unack"]


def test_the_last_order_counts_in_whatever_sequence_they_come() -> None:
    given = [order(2, Verb.UNACK), order(1)]

    assert orders.heard(KNOWN, given).acknowledged == {}
    assert orders.heard(KNOWN, [*given, order(3)]).acknowledged == {ID: KNOWING}


def test_who_acknowledged_it_first_is_remembered() -> None:
    found = orders.heard(KNOWN, [order(1), order(2, by="bob")])

    assert found.acknowledged[ID].by == "ann"


def test_where_nobody_ordered_anything_the_memory_is_the_same() -> None:
    empty = Memory()

    assert orders.heard(empty, []) is empty


def test_to_take_back_what_is_not_acknowledged_changes_nothing() -> None:
    assert orders.heard(KNOWN, [order(1, Verb.UNACK)]) == replace(KNOWN, heard=1)


def test_of_a_file_that_was_deleted_and_begun_anew_all_orders_are_new() -> None:
    before = replace(KNOWN, heard=9)

    assert orders.heard(before, [order(1)]).acknowledged == {ID: KNOWING}
    assert orders.heard(before, []) == replace(KNOWN, heard=0)


@pytest.mark.parametrize("letter", ["A", "B", "C", "P", "S", "U", "", "Z"])
def test_what_is_written_or_must_not_be_overlooked_is_never_acknowledged(letter: str) -> None:
    finding = f"{letter}-1234abcd" if letter else ""

    assert not orders.may_acknowledge(finding)
    assert orders.heard(KNOWN, [order(1, finding=finding)]).acknowledged == {}


def test_class_d_and_all_notices_but_blindness_may_be() -> None:
    letters = [LETTERS[kind] for kind in NoticeKind if kind is not NoticeKind.BLIND]

    assert all(orders.may_acknowledge(f"{letter}-1234abcd") for letter in [*letters, "D"])


# What counts. -----------------------------------------------------------------------------------


def test_what_is_acknowledged_is_found_and_does_not_count() -> None:
    plan = planned(STALE, ENTRY, memory=acknowledged())

    (decision,) = plan.decisions
    assert decision.drift.kind is DriftClass.STALE_ID
    assert decision.acknowledged
    assert not told(plan).wrong
    assert told(planned(STALE, ENTRY)).wrong


def test_so_is_a_notice() -> None:
    (note,) = planned(WORLD, NOTICED).notes
    known = replace(KNOWN, acknowledged={note.notice.id: KNOWING})

    assert not note.acknowledged
    assert told(planned(WORLD, NOTICED)).wrong
    plan = planned(WORLD, NOTICED, memory=known)
    assert plan.notes[0].acknowledged
    assert not told(plan).wrong


def test_one_of_two_leaves_the_other_one_to_count() -> None:
    missing = {("claude", each): Missing("moved") for each in (OWN, NEXT)}
    plan = planned(
        replace(STALE, artefacts=missing),
        replace(ENTRY, other_ids=(NEXT,)),
        memory=acknowledged(),
    )

    assert sorted(each.acknowledged for each in plan.decisions) == [False, True]
    assert told(plan).wrong


def test_the_report_tells_it_of_each() -> None:
    drifts = report.as_json(told(planned(STALE, ENTRY, memory=acknowledged())))["drifts"]
    assert isinstance(drifts, list)
    (drift,) = drifts
    assert isinstance(drift, dict)
    assert drift["acknowledged"] is True


# How long it holds. -----------------------------------------------------------------------------


def test_it_holds_while_the_finding_stays() -> None:
    assert after(STALE, after(STALE, acknowledged())).acknowledged == {ID: KNOWING}


def test_what_is_resolved_and_comes_back_is_new_and_counts_again() -> None:
    resolved = after(WORLD, after(STALE, acknowledged()))

    assert resolved.acknowledged == {}
    assert told(planned(STALE, ENTRY, memory=resolved)).wrong


def test_a_look_that_may_have_missed_it_resolves_nothing() -> None:
    assert after(BLIND, after(STALE, acknowledged())).acknowledged == {ID: KNOWING}


def test_nor_does_one_before_any_tick_has_found_it() -> None:
    assert after(BLIND, acknowledged()).acknowledged == {ID: KNOWING}


def test_at_another_place_nothing_is_acknowledged_and_no_order_is_heard_twice() -> None:
    there = at_place(replace(acknowledged(), heard=3), ELSEWHERE.id)

    assert there.acknowledged == {}
    assert there.heard == 3


# The card. --------------------------------------------------------------------------------------


def intended(memory: Memory) -> Memory:
    plan = planned(STALE, ENTRY, memory=memory)
    return telling.intended(plan, memory, Policy(), AT).memory


def test_what_is_acknowledged_is_not_said_on_the_card() -> None:
    assert intended(acknowledged()).unsaid == {}
    assert not intended(acknowledged()).open[ID].told


def test_nor_is_a_notice() -> None:
    (note,) = planned(WORLD, NOTICED).notes
    known = replace(KNOWN, acknowledged={note.notice.id: KNOWING})

    for memory, said in ((KNOWN, 1), (known, 0)):
        plan = planned(WORLD, NOTICED, memory=memory)
        assert len(telling.intended(plan, memory, Policy(), AT).memory.unsaid) == said


def test_what_was_to_be_said_is_not_any_more_and_is_once_it_counts_again() -> None:
    waiting = intended(KNOWN)
    assert waiting.unsaid.keys() == {ID}

    hushed = intended(acknowledged(waiting))
    assert (hushed.unsaid, hushed.open[ID].told) == ({}, False)

    assert intended(replace(hushed, acknowledged={})).unsaid.keys() == {ID}


def test_what_waits_and_cannot_be_seen_now_is_not_said_either() -> None:
    waiting = Memory(unsaid={ID: Unsaid(text="x", at=AT)})
    plan = planned(BLIND, ENTRY, memory=acknowledged(waiting))

    assert telling.intended(plan, plan.memory, Policy(), AT).memory.unsaid == {}


def test_a_comment_that_is_under_way_is_finished() -> None:
    waiting = intended(KNOWN)
    begun = telling.under_way(waiting, telling.due(waiting, AT), "3")

    found = intended(acknowledged(begun))

    assert found.unsaid == begun.unsaid
    assert found.open[ID].told


def test_a_restored_board_is_not_told_it_again() -> None:
    waiting = intended(KNOWN)
    (saying,) = telling.due(waiting, AT)
    said = telling.told(waiting, saying, "17")

    assert telling.lacking(said, "id", set()).unsaid.keys() == {ID}
    assert telling.lacking(acknowledged(said), "id", set()).unsaid == {}


def test_the_time_of_an_acknowledgement_is_the_persons() -> None:
    late = Order(seq=1, verb=Verb.ACK, finding=ID, at=AT + timedelta(days=1), by="ann")

    assert orders.heard(KNOWN, [late]).acknowledged[ID].at == AT + timedelta(days=1)
