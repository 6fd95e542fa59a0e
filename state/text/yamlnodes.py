"""A YAML text as a light tree whose nodes know where they stand in the text."""

from __future__ import annotations

from dataclasses import dataclass

from state.text import scalars


@dataclass(frozen=True, slots=True)
class Scalar:
    """`style` is "" for plain, else the quote or block indicator. `start` covers the anchor."""

    value: str
    style: str
    tag: str | None
    anchor: str | None
    start: int
    end: int
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Map:
    """Keys and values in the order written; merge keys are not expanded here."""

    items: tuple[tuple[Node, Node], ...]
    flow: bool
    tag: str | None
    anchor: str | None
    start: int
    end: int
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class List:
    """A sequence. The end of a block one is the start of whatever comes next."""

    items: tuple[Node, ...]
    flow: bool
    tag: str | None
    anchor: str | None
    start: int
    end: int
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Alias:
    """A reference, with its own position and what it refers to."""

    anchor: str
    target: Scalar | Map | List
    start: int
    end: int
    line: int
    column: int


Node = Scalar | Map | List | Alias
Target = Scalar | Map | List


@dataclass(frozen=True, slots=True)
class Tree:
    """A parsed text. Lines and columns count from 1, `start` and `end` from 0."""

    text: str
    source: str
    """The file's name, for messages."""
    root: Node | None
    """None when the text holds no document."""


def target(node: Node) -> Target:
    """The node itself, or what it is an alias of."""
    return node.target if isinstance(node, Alias) else node


def is_null(node: Node) -> bool:
    """Whether a node, or what it refers to, is YAML's null."""
    found = target(node)
    return (
        isinstance(found, Scalar)
        and not found.style
        and found.tag is None
        and found.value in scalars.NULLS
    )
