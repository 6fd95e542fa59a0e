"""From YAML text to a tree of nodes. No I/O.

Built from parser events: half the cost of a load, exact positions, and scalars stay the text that
was written, so that an id such as `87e10000` or `0123` remains what it is.
"""

from __future__ import annotations

from typing import Final

from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from state.errors import MustMend
from state.text import scalars, yamlevents
from state.text.yamlevents import DEEPEST, Event
from state.text.yamlnodes import Alias, List, Map, Node, Scalar, Target, Tree, target


def parse(text: str, source: str) -> Tree:
    """Raises MustMend, with line and column, for anything that is not one sound document."""
    composer = _Composer(text, source)
    try:
        for event in yamlevents.of(text):
            composer.take(event)
    except YAMLError as error:
        raise _unparsable(error, text, source) from None
    except (ValueError, OverflowError, IndexError, AttributeError, AssertionError) as error:
        # ruamel.yaml 0.19.1 lets these escape, e.g. for the escape "\UFFFFFFFF".
        seen = f"no valid YAML ({error})"
        raise Unparsable(_message(source, composer.line, 1, seen, MEND_LINE)) from None
    return Tree(text, source, composer.root)


MEND_LINE: Final = "Mend the text there"


def mend(source: str, line: int, column: int, seen: str, todo: str) -> MustMend:
    """The error for one place in a registry; `todo` is a sentence without its full stop."""
    return MustMend(_message(source, line, column, seen, todo))


def _message(source: str, line: int, column: int, seen: str, todo: str) -> str:
    place = f"registry {scalars.shown(source)}, line {line}, column {column}"
    what = scalars.shown(seen, 300)
    return f"{place}: {what}. Nothing was written. {todo}, then run: agent-sessions check"


def position(text: str, index: int) -> tuple[int, int]:
    """Line and column, from 1, of a character."""
    before = text[:index].replace("\r\n", "\n").replace("\r", "\n")
    return before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1


def _unparsable(error: YAMLError, text: str, source: str) -> Unparsable:
    if isinstance(error, MarkedYAMLError):
        mark = error.problem_mark or error.context_mark
        seen = error.problem or error.context or "no valid YAML"
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    else:
        line, column = position(text, getattr(error, "position", 0))
        character = getattr(error, "character", None)
        seen = "no valid YAML"
        if character is not None:
            seen = f"a character that YAML does not allow (U+{character:04X})"
    return Unparsable(_message(source, line, column, seen, MEND_LINE))


def _joined(value: str) -> str:
    r"""Text with its surrogates in pairs as the characters they stand for.

    JSON writes `"\ud83d\ude00"` for one character, and every JSON text is YAML 1.2. A surrogate
    that is alone stays, for the reader to refuse that entry.
    """
    return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


class Unparsable(MustMend):
    """The text as a whole is no YAML document: written by hand wrongly, or cut off."""


class _Open:
    """A collection whose end has not been read yet."""

    __slots__ = ("deep", "keys", "nodes", "start")

    def __init__(self, start: Event) -> None:
        self.start = start
        self.nodes: list[Node] = []
        self.keys: set[str] = set()
        self.deep = 1


class _Composer:
    """Turns parser events into nodes, without recursion."""

    def __init__(self, text: str, source: str) -> None:
        self.text, self.source = text, source
        self.root: Node | None = None
        self.line = 1
        self._documents = 0
        self._open: list[_Open] = []
        self._anchors: dict[str, tuple[Target, int] | None] = {}

    def take(self, event: Event) -> None:
        kind = type(event)
        if kind is ScalarEvent:
            self._scalar(event)
        elif kind is MappingStartEvent or kind is SequenceStartEvent:
            self._start(event)
        elif kind is MappingEndEvent or kind is SequenceEndEvent:
            self._end(event)
        elif kind is AliasEvent:
            self._alias(event)
        elif kind is DocumentStartEvent:
            self._document(event)

    def _document(self, event: Event) -> None:
        self._documents += 1
        if self._documents > 1:
            raise self._at(event, "a second document begins", "Keep one document")

    def _scalar(self, event: Event) -> None:
        mark = event.start_mark
        node = Scalar(
            event.value if event.value.isascii() else _joined(event.value),
            event.style or "",
            None if event.tag is None else str(event.tag),
            event.anchor,
            mark.index,
            event.end_mark.index,
            mark.line + 1,
            mark.column + 1,
        )
        if node.anchor is not None:
            self._anchors[node.anchor] = (node, 0)
        self._put(node, 0)

    def _start(self, event: Event) -> None:
        if event.anchor is not None:
            self._anchors[event.anchor] = None
        if len(self._open) >= DEEPEST:
            raise self._at(event, f"nested deeper than {DEEPEST} levels", MEND_LINE)
        self._open.append(_Open(event))

    def _end(self, event: Event) -> None:
        done = self._open.pop()
        start, mark = done.start, done.start.start_mark
        tag = None if start.tag is None else str(start.tag)
        rest = (
            bool(start.flow_style),
            tag,
            start.anchor,
            mark.index,
            event.end_mark.index,
            mark.line + 1,
            mark.column + 1,
        )
        node: Target
        if type(start) is MappingStartEvent:
            node = Map(tuple(zip(done.nodes[::2], done.nodes[1::2], strict=True)), *rest)
        else:
            node = List(tuple(done.nodes), *rest)
        if start.anchor is not None:
            self._anchors[start.anchor] = (node, done.deep)
        self._put(node, done.deep)

    def _alias(self, event: Event) -> None:
        name, mark = event.anchor, event.start_mark
        if name not in self._anchors:
            raise self._at(event, f'"*{name}" refers to nothing', "Write its anchor before it")
        found = self._anchors[name]
        if found is None:
            raise self._at(event, f'"*{name}" refers to itself', "Write the value out")
        at = (mark.index, event.end_mark.index, mark.line + 1, mark.column + 1)
        self._put(Alias(name, found[0], *at), found[1])

    def _put(self, node: Node, deep: int) -> None:
        self.line = node.line
        if not self._open:
            self.root = node
            return
        parent = self._open[-1]
        parent.deep = max(parent.deep, deep + 1)
        if parent.deep > DEEPEST:
            raise self._at(parent.start, f"nested deeper than {DEEPEST} levels", MEND_LINE)
        if type(parent.start) is MappingStartEvent and len(parent.nodes) % 2 == 0:
            self._key(parent, node)
        parent.nodes.append(node)

    def _key(self, parent: _Open, node: Node) -> None:
        found = target(node)
        if not isinstance(found, Scalar):
            return
        if found.value in parent.keys:
            where = "entry" if len(self._open) == 3 else "mapping"  # noqa: PLR2004
            seen = f'"{scalars.shown(found.value)}" twice in one {where}'
            raise mend(self.source, node.line, node.column, seen, "Keep one of the two lines")
        parent.keys.add(found.value)

    def _at(self, event: Event, seen: str, todo: str) -> MustMend:
        mark = event.start_mark
        return mend(self.source, mark.line + 1, mark.column + 1, seen, todo)
