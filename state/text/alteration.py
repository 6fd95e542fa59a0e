"""Where the edits to one existing entry go in the text."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from reconcile.desired import AppendItem, Scalar, SetKey
from state.text import scalars, splices, yamlnodes, yamltext
from state.text.shape import Row
from state.text.splices import Splice
from state.text.yamlnodes import Alias, List, Map, Node, Tree

_STATUS: Final = "status"
_BEHIND_STATUS: Final = ("terminated_at", "termination_mode", "termination_cause")
"""Keys that are read together with the status, and so are added below it."""

_ANCHOR = re.compile(r"&\S+[ \t]*")

Items = list[Mapping[str, Scalar]]
Values = dict[str, Scalar]


class NoPlace(Exception):
    """The text is written in a way that leaves no place for an edit."""


def alter(tree: Tree, row: Row, edits: Sequence[SetKey | AppendItem]) -> list[Splice]:
    """The replacements for one entry's edits; later ones win over earlier ones of that key.

    Raises NoPlace, and ValueError for a value that no file can hold.
    """
    entry = row.node
    if not isinstance(entry, Map):
        raise NoPlace("the entry is an alias" if isinstance(entry, Alias) else "it is no mapping")
    values: Values = {}
    inner: dict[str, Values] = {}
    lists: dict[str, Items] = {}
    for one in edits:
        if isinstance(one, AppendItem):
            lists.setdefault(one.key, []).append(one.item)
        elif one.inside is None:
            values[one.key] = one.value
        else:
            inner.setdefault(one.inside, {})[one.key] = one.value
    if values.keys() & lists.keys():
        raise NoPlace("one key is set and appended to at once")
    if inner.keys() & (values.keys() | lists.keys()):
        raise NoPlace("one key is set, and keys inside it as well")
    # What stands inside the last key comes before the keys that are put behind it.
    found = [splice for key in inner for splice in _inside(tree, entry, key, inner[key])]
    missing = {key: inner[key] for key in inner if written(entry, key) is None}
    found += _to_keys(tree, entry, {**values, **missing})
    return [*found, *_to_lists(tree, entry, lists)]


def written(entry: Map, key: str) -> tuple[yamlnodes.Scalar, Node] | None:
    """A key of the mapping and its value, as they stand in the text; None when it lacks it."""
    for node, value in entry.items:
        found = yamlnodes.target(node)
        if isinstance(found, yamlnodes.Scalar) and found.value == key:
            if isinstance(node, Alias):
                raise NoPlace(f'the key "{scalars.shown(key)}" is an alias')
            return found, value
    return None


def _to_keys(
    tree: Tree, entry: Map, values: Mapping[str, Scalar | Mapping[str, Scalar]]
) -> list[Splice]:
    found: list[Splice] = []
    missing: dict[str, str] = {}
    quote = splices.quote_of(tree)
    for key, value in values.items():
        place = written(entry, key)
        if place is None or isinstance(value, Mapping):
            missing[key] = splices.pair(key, value, quote)
        else:
            found += replace(tree.text, *place, value, quote)
    return found + _new_keys(tree.text, entry, missing)


def _inside(tree: Tree, entry: Map, outer: str, values: Values) -> list[Splice]:
    """The replacements for keys of the mapping under `outer`; none where the entry lacks it."""
    place = written(entry, outer)
    if place is None:
        return []
    key, value = place
    if isinstance(value, Map):
        return _to_keys(tree, value, values)
    if isinstance(value, Alias):
        raise NoPlace(f'the value of "{scalars.shown(outer)}" is an alias')
    if not yamlnodes.is_null(value):
        raise NoPlace(f'"{scalars.shown(outer)}" is no mapping')
    if value.anchor is not None:
        raise NoPlace("its value carries an anchor")
    return [_in_place(tree.text, key, value, splices.flow_map(values, splices.quote_of(tree)))]


def replace(text: str, key: Node, value: Node, new: Scalar, quote: str = "") -> list[Splice]:
    """Another value under a key that is there; quotes stay as they were where they can.

    `quote` is what text is written in where there were none, as in a file of JSON.
    """
    if isinstance(value, Alias):
        return [Splice(value.start, value.end, scalars.render(new, quote))]
    if not isinstance(value, yamlnodes.Scalar):
        raise NoPlace("a list or a mapping stands where a single value belongs")
    if value.tag is not None or value.style in ("|", ">"):
        raise NoPlace("its value carries a tag" if value.tag else "its value is a block of lines")
    if _same(value, new):
        return []
    token = scalars.render(new, value.style or quote)
    if value.start == value.end:
        return [_behind_colon(text, key, token)]
    start = value.start
    if value.anchor is not None and (anchor := _ANCHOR.match(text, start, value.end)):
        start = anchor.end()
        token = token if start < value.end or text[start - 1] in " \t" else f" {token}"
    return [Splice(start, value.end, token)]


def _same(value: yamlnodes.Scalar, new: Scalar) -> bool:
    if new is None:
        return yamlnodes.is_null(value)
    return not yamlnodes.is_null(value) and value.value == scalars.spelled(new)


def _behind_colon(text: str, key: Node, token: str) -> Splice:
    at = splices.after_colon(text, key)
    if splices.is_explicit(text, key):
        raise NoPlace('the key is written with "?"')
    if at is None:  # `{key}` in a flow mapping.
        return Splice(key.end, key.end, f": {token}")
    return Splice(at, at, f" {token}")


def _new_keys(text: str, entry: Map, missing: Mapping[str, str]) -> list[Splice]:
    """New keys: those that belong to the status below it, the others behind the last key."""
    if not missing:
        return []
    if entry.flow:
        return [into_flow(text, entry, list(missing.values()))]
    status = written(entry, _STATUS)
    below = [pair for key, pair in missing.items() if status and key in _BEHIND_STATUS]
    last = [pair for key, pair in missing.items() if not status or key not in _BEHIND_STATUS]
    found = []
    if status and below:
        found.append(_lines(text, entry, splices.pair_end(text, *status), below))
    if last:
        found.append(_lines(text, entry, splices.node_end(text, entry), last))
    return found


def _lines(text: str, entry: Map, at: int, lines: list[str]) -> Splice:
    first = entry.items[0][0]
    if splices.is_explicit(text, first):
        raise NoPlace('its keys are written with "?"')
    indent = " " * (first.column - 1)
    return splices.after_line(text, at, [indent + line for line in lines])


def into_flow(text: str, found: Map | List, parts: list[str]) -> Splice:
    """New parts behind the last one of a flow collection, before any trailing comma."""
    if not found.items:
        return Splice(found.end - 1, found.end - 1, ", ".join(parts))
    last = found.items[-1]
    at = splices.pair_end(text, *last) if isinstance(last, tuple) else splices.node_end(text, last)
    return Splice(at, at, "".join(f", {part}" for part in parts))


def _to_lists(tree: Tree, entry: Map, lists: Mapping[str, Items]) -> list[Splice]:
    found: list[Splice] = []
    quote = splices.quote_of(tree)
    for key, items in lists.items():
        parts = [splices.flow_map(item, quote) for item in items]
        place = written(entry, key)
        if place is None:
            found.append(_new_list(tree.text, entry, scalars.render(key, quote), parts))
        else:
            found += _appended(tree.text, entry, place, parts)
    return found


def _new_list(text: str, entry: Map, name: str, parts: list[str]) -> Splice:
    if entry.flow:
        return into_flow(text, entry, [f"{name}: [{', '.join(parts)}]"])
    lines = [f"{name}:", *(f"  - {part}" for part in parts)]
    return _lines(text, entry, splices.node_end(text, entry), lines)


def _appended(text: str, entry: Map, place: tuple[Node, Node], parts: list[str]) -> list[Splice]:
    key, value = place
    if isinstance(value, List) and value.items:
        return [_behind_last(text, value, parts)]
    if not (yamlnodes.is_null(value) or isinstance(value, List)) or isinstance(value, Alias):
        raise NoPlace("it is no list")
    if entry.flow:
        return [_in_place(text, key, value, f"[{', '.join(parts)}]")]
    indent = " " * (entry.items[0][0].column - 1)
    return block_in_place(text, key, value, [f"{indent}  - {part}" for part in parts])


def _behind_last(text: str, found: List, parts: list[str]) -> Splice:
    if found.flow:
        return into_flow(text, found, parts)
    column = dash_column(text, found.items[-1])
    lines = [" " * (column - 1) + f"- {part}" for part in parts]
    return splices.after_line(text, splices.node_end(text, found), lines)


def dash_column(text: str, item: Node) -> int:
    """Where the dash of a block list's item stands, from 1. It may be lines above the item."""
    before = text[: item.start].rstrip()
    while before and not before.endswith("-"):  # Comments between the dash and the item.
        before = before[: max(before.rfind("\n"), 0)].rstrip()
    if not before:
        raise NoPlace("its list is written in an unusual way")
    return yamltext.position(text, len(before) - 1)[1]


def _in_place(text: str, key: Node, value: Node, token: str) -> Splice:
    if value.start == value.end:
        return _behind_colon(text, key, token)
    return Splice(value.start, value.end, token)


def block_in_place(text: str, key: Node, value: Node, lines: list[str]) -> list[Splice]:
    """Whole lines in place of a value that is null or an empty collection."""
    colon = splices.after_colon(text, key)
    if colon is None or splices.is_explicit(text, key):
        raise NoPlace('the key is written with "?"')
    if value.start == value.end:
        return [splices.after_line(text, colon, lines)]
    token = text[value.start : value.end]
    if not isinstance(value, Alias) and (value.anchor or value.tag):
        raise NoPlace("its value carries an anchor or a tag")
    if token[:1] in "[{" and token[1:-1].strip():
        raise NoPlace("a comment stands inside the empty brackets")
    start = value.start if text[colon : value.start].strip(" \t") else colon
    return [Splice(start, value.end, ""), splices.after_line(text, value.end, lines)]
