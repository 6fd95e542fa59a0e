"""Who holds what is recorded, asked before a session that was never seen is believed gone."""

from __future__ import annotations

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
    return Conversations(lambda _kind, _world: holders).of([ENTRY], WORLD)


@pytest.mark.parametrize("recorded", [OWN, OTHER])
def test_every_recorded_id_is_asked_for_also_one_that_another_tool_recorded(
    recorded: ConversationId,
) -> None:
    held = Bound(id=recorded, proof=Proof.PID_FILE, written=True)

    assert asked(held) == {("claude", recorded): ("process 0",)}


def test_an_agent_whose_conversation_cannot_be_looked_at_may_hold_any() -> None:
    hidden = Unknown("it may not be read")

    assert asked(None, hidden) == hidden
