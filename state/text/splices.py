"""Small replacements in a text: where they go, and how new YAML lines are written."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from reconcile.desired import Scalar
from state.text import scalars, yamlnodes
from state.text.yamlnodes import Map, Node, Tree

NEWLINE = re.compile(r"\r\n|\n|\r")
_COLON = re.compile(r"[ \t]*:")
_COMMENT = re.compile(r"( *)#")


@dataclass(frozen=True, slots=True)
class Splice:
    """Put `text` in place of the characters from `start` to `end`."""

    start: int
    end: int
    text: str


def apply(text: str, splices: Iterable[Splice]) -> str:
    """The text with all of them made. At the same place they keep their order."""
    parts, at = [], 0
    for splice in sorted(splices, key=lambda found: found.start):
        parts += [text[at : splice.start], splice.text]
        at = max(at, splice.end)
    return "".join([*parts, text[at:]])


def newline_of(text: str) -> str:
    """The line ending that the text uses first; LF when it has a single line."""
    found = NEWLINE.search(text)
    return found.group() if found else "\n"


def after_line(text: str, at: int, lines: list[str]) -> Splice:
    """New whole lines after the physical line that holds the character before `at`.

    A text without a final newline stays without one.
    """
    end = NEWLINE.search(text, at)
    if end is None:
        new = newline_of(text)
        return Splice(len(text), len(text), "".join(new + line for line in lines))
    return Splice(end.end(), end.end(), "".join(line + end.group() for line in lines))


def indent_of(text: str, node: Node) -> str:
    """What stands before a node on its line."""
    start = max(text.rfind("\n", 0, node.start), text.rfind("\r", 0, node.start)) + 1
    return text[start : node.start]


def after_colon(text: str, key: Node) -> int | None:
    """The place right behind a key's colon; None when it has none on its line."""
    found = _COLON.match(text, key.end)
    return found.end() if found else None


def is_explicit(text: str, key: Node) -> bool:
    """Whether a key is written as `? key`."""
    return indent_of(text, key).rstrip(" \t").endswith("?")


def pair_end(text: str, key: Node, value: Node) -> int:
    """Where the written text of a key and its value ends, comments not counted."""
    if isinstance(value, yamlnodes.Scalar) and value.start == value.end:
        return after_colon(text, key) or key.end
    return node_end(text, value)


def node_end(text: str, node: Node) -> int:
    """Where the written text of a node ends, comments not counted."""
    if isinstance(node, Map) and not node.flow:
        return pair_end(text, *node.items[-1])
    if isinstance(node, yamlnodes.List) and not node.flow:
        return node_end(text, node.items[-1])
    if isinstance(node, yamlnodes.Scalar) and node.style in ("|", ">"):
        return node.start + len(text[node.start : node.end].rstrip())
    return node.end


def past_comments(text: str, at: int, column: int) -> int:
    """`at`, or the end of the last of the comment lines that follow and are indented as deep.

    Blank lines may stand between; `column` counts from 1.
    """
    while (end := NEWLINE.search(text, at)) is not None:
        start = _past_blank_lines(text, end.end())
        found = _COMMENT.match(text, start)
        if found is None or len(found.group(1)) < column - 1:
            return at
        at = _line_end(text, start)
    return at


def _past_blank_lines(text: str, at: int) -> int:
    while (end := NEWLINE.search(text, at)) is not None and not text[at : end.start()].strip(" \t"):
        at = end.end()
    return at


def _line_end(text: str, at: int) -> int:
    found = NEWLINE.search(text, at)
    return found.start() if found else len(text)


def quote_of(tree: Tree) -> str:
    """`"` in a file that is written as JSON, which must stay JSON; else none."""
    if isinstance(tree.root, Map) and tree.root.flow and tree.root.items:
        key = tree.root.items[0][0]
        return '"' if isinstance(key, yamlnodes.Scalar) and key.style == '"' else ""
    return ""


def pair(key: str, value: Scalar | Mapping[str, Scalar], quote: str = "") -> str:
    """`key: value` on one line, right in block and flow context; a mapping in flow style."""
    name = scalars.render(key, quote)
    if isinstance(value, Mapping):
        return f"{name}: {flow_map(value, quote)}"
    return f"{name}: {scalars.render(value, quote)}"


def flow_map(items: Mapping[str, Scalar], quote: str = "") -> str:
    """`{key: value, …}`."""
    return "{" + ", ".join(pair(key, value, quote) for key, value in items.items()) + "}"
