"""A fault inside one adapter makes one session unknown, and leaves the others alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from kanban_worker.agents.claude import Claude
from kanban_worker.agents.guard import Guarded
from kanban_worker.agents.shape import NOTHING_SEEN, LiveAgent, Member, Seen
from reconcile.observed import Answer, Bound, Conversation, ConversationId, SessionName, Unknown
from reconcile.proofs import Proof

AT = datetime(2026, 11, 20, tzinfo=UTC)
BAD, GOOD = (
    LiveAgent(
        session=SessionName(name),
        kind="claude",
        argv=("claude",),
        cwd="/lab",
        environ={},
        family=(Member(pid=number, started_at=AT),),
    )
    for number, name in enumerate(("bad", "good"), 100)
)
OWN = ConversationId("own")


class Faulty(Claude):
    """Trips over what one agent wrote; the other one holds a conversation by some proof."""

    proof = Proof.PID_FILE

    def conversations(
        self, agents: Sequence[LiveAgent], seen: Seen = NOTHING_SEEN
    ) -> Mapping[SessionName, Conversation]:
        """Look at nothing."""
        del seen
        if BAD in agents:
            raise ZeroDivisionError("a\nb")
        return {each.session: Bound(id=OWN, proof=self.proof, written=True) for each in agents}

    def misplaced(self, conversation: ConversationId, directory: str) -> Answer[str]:
        """Trip over anything, with much to say."""
        raise KeyError(f"{conversation} {directory}" * 1000)


@pytest.fixture
def guarded(tmp_path: Path) -> Guarded:
    return Guarded("claude", Faulty(tmp_path, {}))


def test_only_the_session_it_trips_over_is_unknown(guarded: Guarded) -> None:
    found = guarded.conversations([BAD, GOOD])

    assert isinstance(found[BAD.session], Unknown)
    assert found[GOOD.session] == Bound(id=OWN, proof=Proof.PID_FILE, written=True)


def test_what_is_concluded_from_all_agents_does_not_count_then(
    guarded: Guarded, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the others hold could be the one that nobody could look at holds it."""
    monkeypatch.setattr(Faulty, "proof", Proof.SOLE)

    assert isinstance(guarded.conversations([BAD, GOOD])[GOOD.session], Unknown)
    assert guarded.conversations([GOOD])[GOOD.session] == Bound(
        id=OWN, proof=Proof.SOLE, written=True
    )


def test_the_fault_is_one_short_line_that_names_the_kind(guarded: Guarded) -> None:
    (found,) = guarded.conversations([BAD]).values()
    misplaced = guarded.misplaced(OWN, "/lab")

    assert isinstance(found, Unknown)
    assert "claude" in found.why
    assert "ZeroDivisionError" in found.why
    assert isinstance(misplaced, Unknown)
    for why in (found.why, misplaced.why):
        assert why.isprintable()
        assert len(why) < 300


def test_an_agent_of_the_same_name_as_another_is_asked_for_by_itself(guarded: Guarded) -> None:
    other = replace(GOOD, session=SessionName("third"))

    found = guarded.conversations([GOOD, BAD, other])

    assert [isinstance(found[each.session], Bound) for each in (GOOD, BAD, other)] == [
        *(True, False, True)
    ]
