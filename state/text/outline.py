"""What a registry's text means, in just the detail that tells an edit from its side effects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from reconcile import names
from reconcile.desired import AddEntry, AppendItem, Edit, Scalar, SetKey
from state.text import scalars, shape, yamldata, yamlnodes
from state.text.shape import Row
from state.text.yamldata import Digests
from state.text.yamlnodes import List, Map, Tree

_WHOLE: Final = ""
"""Stands for the key of an entry that is no mapping."""


@dataclass(frozen=True, slots=True)
class Difference:
    """What else a text's edits have changed, in words."""

    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """The data of a registry: every value as a digest, and the lists' items one by one."""

    listed: bool
    """Entries in a list; a missing or null `sessions` counts as an empty list."""
    around: Mapping[str, bytes]
    """Everything at the top level but the entries."""
    entries: tuple[tuple[str, Mapping[str, bytes]], ...]
    """Name and values by key, in the order of the file."""
    lists: Mapping[tuple[str, str], tuple[bytes, ...]]
    """The items of each list in an entry, by name and key."""
    maps: Mapping[tuple[str, str], Mapping[str, bytes]]
    """The values of each plain mapping in an entry, by name and key."""


def of(tree: Tree) -> Outline:
    """Raises MustMend when the document has no registry's shape."""
    found, digests = shape.find(tree), Digests()
    entries = tuple((row.text or "", _values(row, digests)) for row in found.rows)
    lists = {
        (row.text or "", key): tuple(digests.of(item) for item in value.items)
        for row in found.rows
        for key, (_, node) in row.pairs.items()
        if isinstance(value := yamlnodes.target(node), List)
    }
    maps = {
        (row.text or "", key): {
            each: digests.of(inner) for each, (_, inner) in digests.pairs(value).items()
        }
        for row in found.rows
        for key, (_, node) in row.pairs.items()
        if isinstance(value := yamlnodes.target(node), Map) and _is_plain(value)
    }
    return Outline(
        listed=not isinstance(found.value, Map),
        around=_around(tree, found.value, digests),
        entries=entries,
        lists=lists,
        maps=maps,
    )


def _is_plain(found: Map) -> bool:
    return found.tag is None and all(
        isinstance(yamlnodes.target(key), yamlnodes.Scalar) for key, _ in found.items
    )


def _values(row: Row, digests: Digests) -> Mapping[str, bytes]:
    entry = yamlnodes.target(row.node)
    if not isinstance(entry, Map):
        return {_WHOLE: digests.of(entry)}
    found = {key: digests.of(value) for key, (_, value) in row.pairs.items()}
    odd = [
        digests.of(key) + digests.of(value)
        for key, value in entry.items
        if not isinstance(yamlnodes.target(key), yamlnodes.Scalar)
    ]
    found[_WHOLE] = yamldata.of_list(sorted(odd), tag=entry.tag)
    return found


def _around(tree: Tree, sessions: Map | List | None, digests: Digests) -> Mapping[str, bytes]:
    root = None if tree.root is None else yamlnodes.target(tree.root)
    if not isinstance(root, Map):
        return {_WHOLE: b"None None"}
    found = {key: digests.of(value) for key, (_, value) in digests.pairs(root).items()}
    found.pop(shape.SESSIONS, None)
    tag = sessions.tag if sessions else None
    return found | {_WHOLE: f"{root.tag} {tag}".encode()}


def expect(before: Outline, edits: Sequence[Edit]) -> Outline:
    """The data that the edits should lead to."""
    entries = [(name, dict(values)) for name, values in before.entries]
    lists, maps = dict(before.lists), dict(before.maps)
    by_name = {names.key(name): (name, values) for name, values in entries}
    for edit in edits:
        if isinstance(edit, AddEntry):
            entries.append((edit.session, _added(edit, listed=before.listed)))
            continue
        name, values = by_name[names.key(edit.session)]
        if isinstance(edit, SetKey) and edit.inside is not None:
            inner = {**maps.get((name, edit.inside), {}), edit.key: _digest(edit.value)}
            maps[name, edit.inside] = inner
            values[edit.inside] = yamldata.of_map(inner)
        elif isinstance(edit, SetKey):
            values[edit.key] = _digest(edit.value)
        else:
            _append(edit, name, values, lists)
    return replace(before, entries=tuple(entries), lists=lists, maps=maps)


def _append(
    edit: AppendItem,
    name: str,
    values: dict[str, bytes],
    lists: dict[tuple[str, str], tuple[bytes, ...]],
) -> None:
    items = (*lists.get((name, edit.key), ()), _map(edit.item))
    lists[name, edit.key] = items
    values[edit.key] = yamldata.of_list(list(items))


def _added(edit: AddEntry, *, listed: bool) -> dict[str, bytes]:
    values = {
        key: _map(value) if isinstance(value, Mapping) else _digest(value)
        for key, value in edit.fields.items()
    }
    if listed:
        values[shape.NAME] = _digest(edit.session)
    values[_WHOLE] = yamldata.of_list([], tag=None)
    return values


def _map(items: Mapping[str, Scalar]) -> bytes:
    return yamldata.of_map({key: _digest(value) for key, value in items.items()})


def _digest(value: Scalar) -> bytes:
    return yamldata.of_scalar(scalars.spelled(value), null=value is None)


def compare(expected: Outline, found: Outline) -> Difference | None:
    """The first difference, in words; None when the data is what it should be."""
    if expected.listed != found.listed or len(expected.entries) != len(found.entries):
        return Difference("the list of entries")
    for key in sorted(expected.around.keys() | found.around.keys()):
        if expected.around.get(key) != found.around.get(key):
            return Difference(f'"{scalars.shown(key) or "the file"}"')
    for (name, values), (other, others) in zip(expected.entries, found.entries, strict=True):
        if name != other:
            return Difference(f'the name "{scalars.shown(name)}"')
        for key in sorted(values.keys() | others.keys()):
            if values.get(key) != others.get(key):
                return Difference(f'"{scalars.shown(key)}" of entry "{scalars.shown(name)}"')
    return None
