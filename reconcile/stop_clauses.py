"""What one clause of a comment says by itself, in whatever language it is written."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum, auto
from functools import partial

from reconcile import stop_phrases, stop_words, stop_words_east, stop_words_west
from reconcile.stop_phrases import Role, Roles
from reconcile.stop_text import Clause
from reconcile.stop_words import Words


class Sense(StrEnum):
    """What a clause says."""

    ASKS = auto()
    ALMOST = auto()
    """A stop word, and no request that is understood."""
    GOES_ON = auto()
    """Takes back what was asked before."""
    NOTHING = auto()
    """No stop word, or plainly no request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A clause as it is understood by itself."""

    sense: Sense
    bare: bool = False
    """Whether it is a verb with nothing that shows that somebody is asked."""
    plain: bool = False
    """Whether it does not say please."""
    foreign: bool = False
    """Whether it has unknown words: a verb beside it may be a part of what they say."""
    short: bool = False
    """Whether it has less than three words (or characters), rather one of a list."""


_SHORT = 3

# The languages. ---------------------------------------------------------------------------------

_WESTERN = tuple(stop_phrases.of(words, joined=False) for words in stop_words_west.WESTERN)
_EASTERN = tuple(stop_phrases.of(each.words, joined=True) for each in stop_words_east.EASTERN)
_IN_EAST = re.compile("[\u1100-\u11ff\u3040-\u30ff\u3130-\u318f\u3400-\u9fff\uac00-\ud7af]")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Marks:
    """Words by which a clause is judged that is not understood."""

    alarms: frozenset[str]
    negations: frozenset[str]
    questions: frozenset[str]
    later: frozenset[str]
    goes_on: frozenset[str]


def _marks(tables: tuple[Words, ...]) -> _Marks:
    listed = partial(stop_phrases.listed, tables)
    return _Marks(
        alarms=listed("alarms") | {"stop", "stopp"},
        negations=listed("negations"),
        questions=listed("questions"),
        later=listed("later"),
        goes_on=listed("goes_on"),
    )


_WEST = _marks(stop_words_west.WESTERN)
_EAST = _marks(tuple(each.words for each in stop_words_east.EASTERN))


def _set(patterns: str) -> frozenset[str]:
    return frozenset(" ".join(phrase) for phrase in stop_phrases.expanded(patterns))


_FILLS = stop_phrases.listed((*stop_words_west.WESTERN, stop_words.COMMON), "fills")
_NO, _ANDS, _STARTS, _SAYS = map(
    _set, (stop_words.NO, stop_words.ANDS, stop_words.STARTS, stop_words.SAYS)
)
_ASKING = tuple(word for each in stop_words_east.EASTERN for word in _set(each.asking))
_BY_CHANCE = re.compile(
    "|".join(word for each in stop_words_east.EASTERN for word in _set(each.exceptions))
)
"""Words that have an alarm in them."""


# What a clause says. ----------------------------------------------------------------------------


def understood(clause: Clause) -> Said:
    """The clause by itself."""
    words, eastern = clause.words, _is_eastern(clause.words)
    if _goes_on(words):
        return Said(sense=Sense.GOES_ON)
    made = _makings(words)
    if not made:
        short = (sum(map(len, words)) if eastern else len(words)) < _SHORT
        alarms = _alarms_eastern(clause) if eastern else _alarms(clause)
        return Said(sense=Sense.ALMOST if alarms else Sense.NOTHING, foreign=True, short=short)
    if asking := [roles for roles in made if _is_request(roles)]:
        every = frozenset().union(*asking)
        bare = every.isdisjoint({Role.LEAD, Role.PLEASE, Role.WATCH})
        return Said(sense=Sense.ASKS, bare=bare, plain=Role.PLEASE not in every)
    return Said(sense=Sense.NOTHING if is_idle(words) else Sense.ALMOST)


def is_idle(words: tuple[str, ...]) -> bool:
    """Whether words say nothing: courtesies, or who is spoken to."""
    return any(stop_phrases.VERBS.isdisjoint(roles) for roles in _makings(words))


def asks_back(last: Clause) -> bool:
    """Whether a sentence that ends with this clause is a question without its mark."""
    return last.words[-1].endswith(_ASKING)


def is_for_later(clause: Clause) -> bool:
    """Whether what its sentence asks for is not asked for now."""
    if _is_eastern(clause.words):
        return _within(_EAST.later, clause.words) and not _makings(clause.words)
    return clause.words[0] in _WEST.later


def begins_list(clause: Clause) -> bool:
    """Whether "stop" in it, or behind it, is one word of a list."""
    return not _STARTS.isdisjoint(clause.words)


def negates(clause: Clause) -> bool:
    """Whether it has a negation."""
    if _is_eastern(clause.words):
        return _within(_EAST.negations, clause.words)
    text = f" {' '.join(clause.words)} "
    return any(f" {negation} " in text for negation in _WEST.negations)


def introduces(clause: Clause) -> bool:
    """Whether what comes behind it is somebody else's word, or an item of something."""
    return clause.introduces or not _SAYS.isdisjoint(clause.words)


# Of known words. --------------------------------------------------------------------------------


def _makings(words: tuple[str, ...]) -> frozenset[Roles]:
    if _is_eastern(words):
        found = (stop_phrases.makings("".join(words), each) for each in _EASTERN)
    else:
        found = (stop_phrases.makings(words, each) for each in _WESTERN)
    return frozenset().union(*found)


def _is_request(roles: Roles) -> bool:
    names_watch = Role.WATCH in roles
    enough = Role.STOP in roles or (Role.END in roles and names_watch)
    partly = not {Role.WISH, Role.SCOPE}.isdisjoint(roles) and not names_watch
    inquires = Role.ASK in roles and Role.PLEASE not in roles
    return enough and not partly and not inquires


def _goes_on(words: tuple[str, ...]) -> bool:
    """Whether the clause, or what an "and" adds to it, takes back what was asked before."""
    if _is_eastern(words):
        return _within(_EAST.goes_on, words) and not _within(_EAST.negations, words)
    if " ".join(word for word in words if word not in _FILLS) in _NO:
        return True
    return _WEST.later.isdisjoint(words) and any(map(_says_go_on, _parts(words)))


def _says_go_on(words: tuple[str, ...]) -> bool:
    return any(Role.GO_ON in roles for roles in _makings(words))


def _parts(words: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """The words, and those behind each "and"."""
    yield words
    yield from (words[at:] for at, word in enumerate(words, 1) if word in _ANDS)


# Of unknown words. ------------------------------------------------------------------------------


def _alarms(clause: Clause) -> bool:
    """Whether the writer may have meant to ask."""
    text = " ".join(clause.words)
    inquires = any(text.startswith(f"{question} ") for question in _WEST.questions)
    return not (_WEST.alarms.isdisjoint(clause.words) or inquires or negates(clause))


def _alarms_eastern(clause: Clause) -> bool:
    parts = _BY_CHANCE.split("".join(clause.words))
    alarms = any(alarm in part for part in parts for alarm in _EAST.alarms)
    if not alarms or _within(_EAST.questions, clause.words):
        return False
    doubtful = _within(_EAST.later, clause.words) or asks_back(clause)
    return doubtful or not negates(clause)


def _within(marks: frozenset[str], words: tuple[str, ...]) -> bool:
    text = "".join(words)
    return any(mark in text for mark in marks)


def _is_eastern(words: tuple[str, ...]) -> bool:
    return any(map(_IN_EAST.search, words))
