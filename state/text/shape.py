"""The two shapes of a registry: `sessions` as a list, or as a mapping from name to entry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from state.errors import MustMend
from state.text import yamldata, yamlnodes, yamltext
from state.text.yamlnodes import List, Map, Node, Scalar, Tree

SESSIONS: Final = "sessions"
NAME: Final = "name"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One entry as found, sound or not."""

    name: Node | None
    """Where the name is written: the mapping's key, or the value of `name`."""
    node: Node
    """The entry itself; possibly an alias, possibly no mapping."""
    pairs: yamldata.Pairs
    """Its keys with merges expanded; empty when it is no mapping."""

    @property
    def text(self) -> str | None:
        """The name as written; None when it is missing, empty, or no scalar."""
        if self.name is None or yamlnodes.is_null(self.name):
            return None
        found = yamlnodes.target(self.name)
        return (found.value or None) if isinstance(found, Scalar) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """Where the entries of a registry are."""

    sessions: tuple[Scalar, Node] | None
    """Key and value of `sessions`; None when there is no such key."""
    rows: tuple[Row, ...]

    @property
    def value(self) -> Map | List | None:
        """The collection of entries; None when the key is missing or null."""
        found = None if self.sessions is None else yamlnodes.target(self.sessions[1])
        return found if isinstance(found, Map | List) else None


def find(tree: Tree) -> Shape:
    """Raises MustMend when the document, or its `sessions`, has neither shape."""
    if tree.root is None or yamlnodes.is_null(tree.root):
        return Shape(sessions=None, rows=())
    root = yamlnodes.target(tree.root)
    if not isinstance(root, Map):
        raise _wrong(tree, root, "the file is not a mapping", "Put the entries under sessions:")
    sessions = yamldata.own(root).get(SESSIONS)
    if sessions is None or yamlnodes.is_null(sessions[1]):
        return Shape(sessions=sessions, rows=())
    value = yamlnodes.target(sessions[1])
    if isinstance(value, Scalar):
        todo = "Make it a list of entries"
        raise _wrong(tree, value, '"sessions" is neither a list nor a mapping', todo)
    return Shape(sessions=sessions, rows=_rows(value))


def _rows(value: Map | List) -> tuple[Row, ...]:
    known: dict[int, yamldata.Pairs] = {}
    if isinstance(value, List):
        return tuple(_listed(node, known) for node in value.items)
    found = [_keyed(key, node, known) for key, node in yamldata.pairs(value, known).values()]
    found += [
        _keyed(key, node, known)
        for key, node in value.items
        if not isinstance(yamlnodes.target(key), Scalar)
    ]
    return tuple(found)


def _listed(node: Node, known: dict[int, yamldata.Pairs]) -> Row:
    found = yamlnodes.target(node)
    pairs = yamldata.pairs(found, known) if isinstance(found, Map) else {}
    name = pairs[NAME][1] if NAME in pairs else None
    return Row(name=name, node=node, pairs=pairs)


def _keyed(key: Node, node: Node, known: dict[int, yamldata.Pairs]) -> Row:
    found = yamlnodes.target(node)
    pairs = yamldata.pairs(found, known) if isinstance(found, Map) else {}
    return Row(name=key, node=node, pairs=pairs)


def _wrong(tree: Tree, node: Node, seen: str, todo: str) -> MustMend:
    return yamltext.mend(tree.source, node.line, node.column, seen, todo)
