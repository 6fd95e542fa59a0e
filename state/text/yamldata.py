"""What a tree means: merge keys expanded, aliases followed, and equality by digest."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator, Mapping
from typing import Final

from state.text import yamlnodes
from state.text.yamlnodes import List, Map, Node, Scalar

MERGE: Final = "<<"

Pairs = Mapping[str, tuple[Scalar, Node]]
"""Key text → the key's node and the value's, for keys that are scalars."""


def own(found: Map) -> Pairs:
    """The keys written in this very mapping."""
    return {
        key.value: (key, value)
        for node, value in found.items
        if isinstance(key := yamlnodes.target(node), Scalar)
    }


def pairs(found: Map, known: dict[int, Pairs] | None = None) -> Pairs:
    """The keys of a mapping with merges expanded: own keys win, then the earlier merge.

    `known` remembers expanded mappings by identity: merges of merges would otherwise
    cost exponentially.
    """
    mine = own(found)
    if MERGE not in mine or mine[MERGE][0].style:
        return mine
    known = {} if known is None else known
    if id(found) not in known:
        known[id(found)] = _merged(mine, known)
    return known[id(found)]


def _merged(mine: Pairs, known: dict[int, Pairs]) -> Pairs:
    together: dict[str, tuple[Scalar, Node]] = {}
    sources = list(_sources(mine[MERGE][1]))
    if not sources:
        return mine
    for source in reversed(sources):
        together.update(pairs(source, known))
    together.update(mine)
    del together[MERGE]
    return together


def _sources(value: Node) -> Iterator[Map]:
    """The mappings a merge key names: one, or a list of them."""
    found = yamlnodes.target(value)
    if isinstance(found, Map):
        yield found
    elif isinstance(found, List):
        yield from (one for item in found.items if isinstance(one := yamlnodes.target(item), Map))


def text(found: Pairs, key: str) -> str | None:
    """The text under a key; None when it is missing, null or no scalar."""
    if key not in found or yamlnodes.is_null(found[key][1]):
        return None
    value = yamlnodes.target(found[key][1])
    return value.value if isinstance(value, Scalar) else None


def inner(found: Pairs, key: str) -> Pairs:
    """The keys of the mapping under a key; none when there is no mapping."""
    value = yamlnodes.target(found[key][1]) if key in found else None
    return pairs(value) if isinstance(value, Map) else {}


Data = str | None | list["Data"] | dict[str, "Data"]


def data(node: Node, most: int = 10_000) -> Data:
    """A node as plain data, merges expanded and aliases followed; scalars are text, as written.

    Raises ValueError beyond `most` nodes: a few aliases of aliases can stand for billions.
    """
    return _data(node, itertools.count(), most)


def _data(node: Node, seen: Iterator[int], most: int) -> Data:
    if next(seen) >= most:
        message = f"more than {most} nodes"
        raise ValueError(message)
    found = yamlnodes.target(node)
    if isinstance(found, Scalar):
        return None if yamlnodes.is_null(found) else found.value
    if isinstance(found, List):
        return [_data(item, seen, most) for item in found.items]
    return {key: _data(value, seen, most) for key, (_, value) in pairs(found).items()}


class Digests:
    """Digests of nodes by meaning. Each anchored node is digested once, however often used."""

    def __init__(self) -> None:
        self._known: dict[int, bytes] = {}
        self._pairs: dict[int, Pairs] = {}

    def of(self, node: Node) -> bytes:
        """Equal for two nodes that any YAML reader must take for the same data."""
        found = yamlnodes.target(node)
        if isinstance(found, Scalar):
            return of_scalar(found.value, null=yamlnodes.is_null(found), tag=found.tag)
        if id(found) not in self._known:
            self._known[id(found)] = self._of_collection(found)
        return self._known[id(found)]

    def pairs(self, found: Map) -> Pairs:
        """The keys of a mapping with merges expanded."""
        return pairs(found, self._pairs)

    def _of_collection(self, found: Map | List) -> bytes:
        if isinstance(found, List):
            return of_list([self.of(item) for item in found.items], tag=found.tag)
        parts = [self.of(key) + self.of(value) for key, value in self.pairs(found).values()]
        parts += [
            self.of(key) + self.of(value)
            for key, value in found.items
            if not isinstance(yamlnodes.target(key), Scalar)
        ]
        return _hash("map", found.tag, sorted(parts))


def of_scalar(value: str, *, null: bool = False, tag: str | None = None) -> bytes:
    """The digest of a scalar, quoted or not; every spelling of null is the same."""
    if null:
        return _hash("null", tag, [])
    return _hash("text", tag, [value.encode("utf-8", "surrogatepass")])


def of_list(items: list[bytes], *, tag: str | None = None) -> bytes:
    """The digest of a list from those of its items."""
    return _hash("list", tag, items)


def of_map(items: Mapping[str, bytes]) -> bytes:
    """The digest of a mapping from those of its values."""
    return _hash("map", None, sorted(of_scalar(key) + items[key] for key in items))


def _hash(kind: str, tag: str | None, parts: list[bytes]) -> bytes:
    total = hashlib.sha256(f"{kind} {tag or ''} {len(parts)}".encode())
    for part in parts:
        total.update(len(part).to_bytes(8, "big") + part)
    return total.digest()
