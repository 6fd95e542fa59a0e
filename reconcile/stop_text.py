"""A comment as sentences, clauses and words: only what its writer says in words of their own.

Quotations, code, checklists, tables, struck-out text, HTML tags, and what Hermes writes before a
reason are left out, and so is a finding's key in front of a line.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from reconcile import stop_words
from reconcile.wording import INVISIBLE

READ_AT_MOST = 4096
"""Characters of a comment that are looked at; a sentence that is cut off there is left out."""

Words: TypeAlias = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Clause:
    """Some words of a sentence, in one spelling; never without any."""

    words: Words
    introduces: bool
    """Whether a colon follows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    """Clauses up to a full stop or the end of a line; never without any."""

    clauses: tuple[Clause, ...]
    question: bool
    """Whether it ends with a question mark."""


def spelt(text: str) -> str:
    """One spelling for each word: no full-width or unseen characters, no accents, no capitals.

    An accent on the last letter stays: French `arrêté` and Spanish `paré` are no requests.
    """
    folded = unicodedata.normalize("NFD", _shown(text).casefold())
    return unicodedata.normalize("NFC", _ACCENT.sub("", folded))


def sentences(text: str, idle: Callable[[Words], bool]) -> list[Sentence]:
    """The writer's own sentences. `idle` tells whether words beside a quotation say nothing.

    A comment that says nothing beside what it quotes means the quotation.
    """
    whole = text.strip()
    own = "\n".join(_own_lines(_shown(whole[:READ_AT_MOST])))
    found = list(_sentences(spelt(_without_quotations(own, idle))))
    return found if len(whole) <= READ_AT_MOST else found[:-1]


# Characters. ------------------------------------------------------------------------------------

_ACCENT = re.compile("[\u0300\u0302\u0303\u0308\u0327]|\u0301(?=[^\\W_])")
_SPELLING = str.maketrans(
    dict.fromkeys("\u2018\u2019\u02bc", "'")
    | dict.fromkeys("\u201c\u201d\u201e\u00ab\u00bb\u300c\u300d\u300e\u300f\u300a\u300b", '"')
    | dict.fromkeys("\u061f\u203d\u2753\u2754", "? ")
    | {"\u2013": "-", "\u2014": " - ", "\u2026": " .. ", "\u3002": ". ", "\u3001": ", "}
    | {"\uff0c": ", ", "\uff01": "! ", "\uff1f": "? ", "\uff1b": "; ", "\uff1a": ": "}
)
_UNSEEN = frozenset({"Cc", "Cf", "Cs"})


def _shown(text: str) -> str:
    seen = (c for c in text if c.isspace() or unicodedata.category(c) not in _UNSEEN)
    compatible = unicodedata.normalize("NFKC", "".join(seen).translate(_SPELLING))
    return "".join(c for c in compatible if c not in INVISIBLE)


# Lines. -----------------------------------------------------------------------------------------

_FENCE = re.compile(r"\s*(```|~~~)`*[^`]*$")
_KEYS = re.compile(r"(\s*([-*] )?\[[A-Z]-[0-9a-f]{8}\]:?)+\s*", re.IGNORECASE)
_NOT_SAID = re.compile(
    r"\s*(>|&[gG][tT];|\||BLOCKED:|UNBLOCK:|SCHEDULED:|([-*+\u2022]\s+|\d{1,3}[.)]\s+)?"
    r"(\[[ xX\u2713\u2714-]?\]|[\u2610-\u2612\u2705\u2713\u2714]))"
)
"""A quoted line, a table's row, what Hermes writes before a reason (always in capitals), a
checklist's item."""
_ITEM = re.compile(r"\s*([-*+\u2022]|\d{1,3}[.)])\s")
_TAG = re.compile(r"</?[a-z!-][^<>\n]{0,200}>", re.IGNORECASE)
_STRUCK_OUT = re.compile(r"~~[^~\n]+~~")


def _own_lines(text: str) -> Iterator[str]:
    lines = list(_outside_code(map(_without_keys, text.splitlines())))
    several = sum(bool(_WORD.search(line)) for line in lines) > 1
    for line in lines:
        item = _ITEM.match(line)
        if several and item and _WORD.search(line) and not _NOT_SAID.match(line):
            # One item among others is a word of a list; what a colon introduces is no request.
            yield f"item: {line[item.end() :]}"
        elif not _NOT_SAID.match(line):
            yield line


def _without_keys(line: str) -> str:
    keys = _KEYS.match(line)
    return line[keys.end() :] if keys else line


def _outside_code(lines: Iterable[str]) -> Iterator[str]:
    fence = None
    for line in lines:
        if mark := _FENCE.match(line):
            fence = mark[1] if fence is None else None if fence == mark[1] else fence
        elif not fence:
            yield _STRUCK_OUT.sub(" ", _TAG.sub(" ", line))


# Quotations. ------------------------------------------------------------------------------------

_QUOTED = re.compile(r"\"[^\"\n]*\"|`[^`\n]*`|(?<![^\W_])'[^'\n]{1,200}'(?![^\W_])")
_QUOTED_LINES = re.compile(r'"[^"]*"|`[^`]*`')


def _without_quotations(text: str, idle: Callable[[Words], bool]) -> str:
    return _unquoted(_unquoted(text, _QUOTED, idle), _QUOTED_LINES, idle)


def _unquoted(text: str, quoted: re.Pattern[str], idle: Callable[[Words], bool]) -> str:
    """The text with a stand-in for each quoted part, unless that is all that it says."""
    beside = quoted.sub(" ", text)
    if idle(tuple(word for _, word in _words(spelt(beside)) if word)):
        return text
    return quoted.sub(" quotation ", text)


# Words. -----------------------------------------------------------------------------------------

_CHUNK = re.compile(r"\s+|\S+")
_WORD = re.compile(r"[^\W_](?:[^\s,;!?]*[^\W_])?")
_IN_FOLDER = re.compile(r"\S+[/\\]")
_PATH = re.compile(r"[^\W_](?:.*[^\W_])?", re.DOTALL)
_SIGNS = re.compile(r"[\W_]*[|&$=<>{}][\W_]*")
_LONG_DRAWN = re.compile(r"([a-z])\1{2,}")
_EASTERN_STOP = re.compile("(?<=[\u1100-\u11ff\u3040-\ud7af])\\.(?=[^\\s.])")


def _words(text: str) -> Iterator[tuple[str, str]]:
    """Each word that is not a mention or an emoji's name, with what parts it from the last one.

    "non-stop", paths and addresses are one word each. The last word is empty.
    """
    gap = ""
    for chunk in _CHUNK.findall(_EASTERN_STOP.sub(". ", text)):
        end = 0
        for word in _pattern(chunk).finditer(chunk):
            gap += chunk[end : word.start()]
            end = word.end()
            if not gap.endswith(("@", ":")):
                yield gap, _LONG_DRAWN.sub(r"\1", word[0])
                gap = ""
        gap += chunk[end:]
    yield gap, ""


def _pattern(chunk: str) -> re.Pattern[str]:
    """What the words in a text without spaces look like."""
    if _IN_FOLDER.match(chunk):
        return _PATH
    return _SIGNS if _SIGNS.fullmatch(chunk) else _WORD


# Clauses and sentences. -------------------------------------------------------------------------

# Several dots end no sentence, so that "don't ... stop" is one.
_ENDS = re.compile(r"[!?;]|(?<!\.)\.(?!\.)")
_PARTS = re.compile(r"[\n,.(:-]")


def _listed(patterns: str) -> frozenset[str]:
    return frozenset(_WORD.findall(spelt(patterns)))


_TURNS, _HANGING = _listed(stop_words.TURNS), _listed(stop_words.HANGING)
_JOINS = _listed(stop_words.JOINS)


def _sentences(text: str) -> Iterator[Sentence]:
    clauses: list[Clause] = []
    words: list[str] = []
    for gap, word in _words(text):
        ends = not word or bool(_ENDS.search(gap))
        if words and (ends or word in _TURNS or _parted(gap, words, word)):
            clauses.append(Clause(words=tuple(words), introduces=":" in gap))
            words = []
        if clauses and not words and (ends or ("\n" in gap and "," not in gap)):
            yield Sentence(clauses=tuple(clauses), question="?" in gap)
            clauses = []
        if word not in _TURNS:
            words.append(word)


def _parted(gap: str, before: Sequence[str], word: str) -> bool:
    parts = bool(_PARTS.search(gap)) and word not in _JOINS
    return parts and before[-1] not in _HANGING
