"""The phrases of a language, and what a clause is made of.

A clause is understood only if phrases of one language make up the whole of it: one unknown word,
a negation among them, refuses it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import TypeAlias

from reconcile import stop_text, stop_words
from reconcile.stop_words import Words

Units: TypeAlias = "tuple[str, ...] | str"
"""Words; for languages that are written without spaces between them, characters."""


class Role(StrEnum):
    """What a phrase does in a request; named as the lists of `Words`."""

    STOP = "stops"
    END = "ends"
    WATCH = "watch"
    SCOPE = "scope"
    LEAD = "leads"
    WISH = "wishes"
    ASK = "asks"
    PLEASE = "pleases"
    FILL = "fills"
    REST = "rest"
    REASON = "reasons"
    GO_ON = "goes_on"


VERBS = frozenset({Role.STOP, Role.END})
_BEFORE = frozenset({Role.LEAD, Role.WISH, Role.ASK, Role.GO_ON})
_BEHIND = frozenset({Role.REST, Role.SCOPE, Role.REASON})
_LAST = frozenset({Role.REASON, Role.GO_ON})
"""What follows these is not read."""
_LONGEST = 60
"""Words or characters of a clause that can be a request."""

Roles: TypeAlias = "frozenset[Role]"
Phrases: TypeAlias = "Mapping[Units, Roles]"
"""All phrases of one language by their units."""


def expanded(patterns: str) -> Iterator[tuple[str, ...]]:
    """The words of each phrase that patterns stand for, in one spelling."""
    for pattern in stop_text.spelt(patterns).split(","):
        choices = [word.split("/") for word in pattern.split()]
        for chosen in itertools.product(*choices):
            if words := " ".join(chosen).replace("_", " ").split():
                yield tuple(words)


def of(words: Words, *, joined: bool) -> Phrases:
    """The phrases of a language, with those that are said in every one.

    `joined` for a language that is written without spaces.
    """
    roles: dict[Units, set[Role]] = {}
    for table, role in itertools.product((words, stop_words.COMMON), Role):
        for phrase in expanded(getattr(table, role.value)):
            roles.setdefault("".join(phrase) if joined else phrase, set()).add(role)
    return {units: frozenset(found) for units, found in roles.items()}


def makings(units: Units, phrases: Phrases) -> frozenset[Roles]:
    """What the clause can be made of, by the roles of its phrases; empty if not understood."""
    if len(units) > _LONGEST:
        return frozenset()
    found: set[Roles] = set()
    reached: list[set[Roles]] = [set() for _ in range(len(units) + 1)]
    reached[0].add(frozenset())
    for start, end in itertools.combinations(range(len(units) + 1), 2):
        roles = phrases.get(units[start:end], frozenset())
        for seen, role in itertools.product(reached[start], roles):
            if _fits(role, seen):
                (found if role in _LAST else reached[end]).add(seen | {role})
    return frozenset(found | reached[-1])


def _fits(role: Role, seen: Roles) -> bool:
    begun = not VERBS.isdisjoint(seen)
    return not (role in _BEFORE and begun) and not (role in _BEHIND and not begun)


def listed(tables: Iterable[Words], name: str) -> frozenset[str]:
    """The words of one list in all languages, phrases as words with a space between them."""
    return frozenset(
        " ".join(phrase) for table in tables for phrase in expanded(getattr(table, name))
    )
