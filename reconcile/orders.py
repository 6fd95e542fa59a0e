"""Orders: what a person told the monitor about its findings, and what counts of it.

An acknowledged finding is still found, and counts no more: not for the exit status, not for the
card. The acknowledgement is bound to the finding being open. Once a look has certainly not found
it any more it is forgotten, so what comes back is new again.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import assert_never

from reconcile.drift import LETTERS, DriftClass, NoticeKind
from reconcile.memory import Acknowledgement, Memory

_LETTERS = frozenset({DriftClass.STALE_ID.value, *LETTERS.values()} - {LETTERS[NoticeKind.BLIND]})


class Verb(StrEnum):
    """What is ordered."""

    ACK = "ack"
    UNACK = "unack"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One order of a person's."""

    seq: int
    """Its number: later orders have greater ones, until their file is deleted."""
    verb: Verb
    finding: str
    """The finding's id."""
    at: datetime
    by: str
    """Their login name."""


def may_acknowledge(finding: str) -> bool:
    """Whether a finding of this id can be acknowledged: D and notices, but for blindness.

    The other classes are written, and what ended together or cannot be seen is never set aside.
    """
    return finding[:1] in _LETTERS


def heard(memory: Memory, orders: Sequence[Order]) -> Memory:
    """The memory after the orders that it has not heard yet; the very same one after none."""
    last = max((each.seq for each in orders), default=0)
    if last == memory.heard:
        return memory
    known = memory.heard if memory.heard < last else 0  # fewer: somebody deleted their file
    acknowledged = dict(memory.acknowledged)
    for order in sorted(orders, key=lambda each: each.seq):
        if order.seq <= known or not may_acknowledge(order.finding):
            continue
        match order.verb:
            case Verb.ACK:
                found = Acknowledgement(at=order.at, by=order.by)
                acknowledged.setdefault(order.finding, found)
            case Verb.UNACK:
                acknowledged.pop(order.finding, None)
            case _:
                assert_never(order.verb)
    return replace(memory, acknowledged=acknowledged, heard=last)


def still(memory: Memory, found: Collection[str], missed: str) -> Memory:
    """The memory without acknowledgements of what is found no more.

    `missed` are the first letters of the findings that the look may have missed.
    """
    kept = {
        key: each for key, each in memory.acknowledged.items() if key in found or key[0] in missed
    }
    return replace(memory, acknowledged=kept)
