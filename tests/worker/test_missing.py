"""Who holds what is recorded, asked before a session that was never seen is believed gone."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from kanban_worker.observe.missing import Conversations
from reconcile.desired import Entry
from reconcile.observed import Bound, Conversation, ConversationId, SessionName, Unknown, World
from reconcile.proofs import Proof
from reconcile.resume import Holder

OWN, OTHER = ConversationId("own"), ConversationId("other")
ENTRY = Entry(name=SessionName("x"), agent="claude", own_id=OWN, other_ids=(OTHER,))
WORLD = World(at=datetime(2026, 11, 20, tzinfo=UTC))


def asked(*held: Conversation) -> object:
    holders = [Holder(who=f"process {n}", directory="/", holds=each) for n, each in enumerate(held)]
    return Conversations(["claude"], lambda _kind, _world: holders).of([ENTRY], WORLD)


@pytest.mark.parametrize("recorded", [OWN, OTHER])
def test_every_recorded_id_is_asked_for_also_one_that_another_tool_recorded(
    recorded: ConversationId,
) -> None:
    held = Bound(id=recorded, proof=Proof.PID_FILE, written=True)

    assert asked(held) == {recorded: ("process 0",)}


@pytest.mark.parametrize(
    ("agent", "kinds"),
    [("claude", {"claude"}), (None, {"agy", "claude"}), ("claude-code", {"agy", "claude"})],
)
def test_where_an_entry_names_no_agent_that_is_known_all_are_asked(
    agent: str | None, kinds: set[str]
) -> None:
    entry, told = replace(ENTRY, agent=agent), set[str]()

    Conversations(["claude", "agy"], lambda kind, _: told.add(kind) or ()).of([entry], WORLD)

    assert told == kinds


def test_what_is_recorded_for_another_agent_is_asked_of_that_one() -> None:
    held = Bound(id=ConversationId("foreign"), proof=Proof.PID_FILE, written=True)
    holder = Holder(who="process 1", directory="/", holds=held)
    entry = replace(ENTRY, own_id=None, other_ids=(), foreign_ids=(("agy", held.id),))
    told = {"agy": (holder,), "claude": ()}

    found = Conversations(told, lambda kind, _: told[kind]).of([entry], WORLD)

    assert found == {held.id: ("process 1",)}


def test_an_agent_whose_conversation_cannot_be_looked_at_may_hold_any() -> None:
    hidden = Unknown("it may not be read")

    assert asked(None, hidden) == hidden
