"""Which proof may replace which."""

from __future__ import annotations

from itertools import combinations

import pytest

from reconcile.observed import Bound, ConversationId
from reconcile.proofs import Proof, is_at_least
from reconcile.sightings import yields

EQUAL = [{Proof.LOG, Proof.HOOK}, {Proof.PRESENCE, Proof.LAST}]
HELD = Bound(id=ConversationId("a"), proof=Proof.SOLE, written=True)


@pytest.mark.parametrize(("stronger", "weaker"), [*combinations(Proof, 2)])
def test_a_proof_is_at_least_as_strong_as_all_that_are_listed_after_it(
    stronger: Proof, weaker: Proof
) -> None:
    assert is_at_least(stronger, weaker)
    assert is_at_least(weaker, stronger) is ({stronger, weaker} in EQUAL)


@pytest.mark.parametrize("proof", Proof)
def test_every_proof_is_at_least_as_strong_as_itself(proof: Proof) -> None:
    assert is_at_least(proof, proof)


def test_what_was_never_seen_yields_to_any_proof() -> None:
    assert yields(None, HELD)
