"""Where keys, items and entries leave the text: whole lines, or parts of brackets."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from state.text import splices, traces
from state.text.alteration import NoPlace
from state.text.splices import Splice
from state.text.yamlnodes import List, Map, Node

Span = tuple[int, int]
"""Whole lines, without the last one's line break."""

_COMMA = re.compile(r"\s*,\s*")


def line_of_pair(text: str, key: Node, value: Node) -> Span:
    """The lines of a key and its value. Raises NoPlace when something else stands on them."""
    return _alone(text, key.start, splices.pair_end(text, key, value), "")


def line_of_key(text: str, key: Node) -> Span:
    """The line of a key whose value stands below it. Raises NoPlace."""
    return _alone(text, key.start, colon(text, key), "")


def line_of_item(text: str, item: Node) -> Span:
    """The lines of a list's item, with its dash. Raises NoPlace."""
    return _alone(text, item.start, splices.node_end(text, item), "-")


def colon(text: str, key: Node) -> int:
    """The place right behind a key's colon. Raises NoPlace."""
    found = splices.after_colon(text, key)
    if found is None or splices.is_explicit(text, key):
        raise NoPlace('the key is written with "?"')
    return found


def _alone(text: str, start: int, end: int, before: str) -> Span:
    first, last = traces.line_start(text, start), traces.line_end(text, end)
    if text[first:start].strip(" \t") != before:
        raise NoPlace("something else stands on its line, before it")
    if text[end:last].strip(" \t"):
        raise NoPlace("something else stands on its line, behind it: a comment of yours perhaps")
    return first, last


def lines(text: str, spans: Sequence[Span]) -> list[Splice]:
    """The splices that take whole lines out.

    A text without a final line break stays without one: then the break before them goes.
    """
    merged: list[Span] = []
    for start, last in sorted(spans):
        found = splices.NEWLINE.match(text, last)
        end = found.end() if found else last
        if merged and merged[-1][1] == start:
            start = merged.pop()[0]  # noqa: PLW2901 - one piece with the lines above
        merged.append((start, end))
    return [Splice(_with_break_before(text, *span), span[1], "") for span in merged]


def _with_break_before(text: str, start: int, end: int) -> int:
    if end < len(text) or text.endswith(("\n", "\r")):
        return start
    return start - (2 if text.endswith("\r\n", 0, start) else min(start, 1))


def from_flow(text: str, found: Map | List, gone: Collection[int]) -> list[Splice]:
    """The splices that take parts, named by place, out of brackets, with their commas.

    Raises NoPlace when a comment stands between two of them.
    """
    spans = [_part(text, item) for item in found.items]
    if len(gone) == len(spans):
        return [Splice(spans[0][0], spans[-1][1], "")]
    kept = min(set(range(len(spans))) - set(gone))
    result = []
    for place in sorted(gone):
        if place > kept:
            result.append(Splice(spans[place - 1][1], spans[place][1], ""))
            between = text[spans[place - 1][1] : spans[place][0]]
        else:
            result.append(Splice(spans[place][0], spans[place + 1][0], ""))
            between = text[spans[place][1] : spans[place + 1][0]]
        if not _COMMA.fullmatch(between):
            raise NoPlace("something else stands between it and the next: a comment perhaps")
    return result


def _part(text: str, item: Node | tuple[Node, Node]) -> Span:
    if isinstance(item, tuple):
        return item[0].start, splices.pair_end(text, *item)
    return item.start, splices.node_end(text, item)
