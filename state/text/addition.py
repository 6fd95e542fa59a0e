"""Where new entries go in the text, in the shape found there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reconcile.desired import AddEntry
from state.text import alteration, scalars, shape, splices
from state.text.alteration import NoPlace
from state.text.shape import Shape
from state.text.splices import Splice
from state.text.yamlnodes import Alias, List, Map, Node, Tree


def add(tree: Tree, found: Shape, edits: Sequence[AddEntry]) -> list[Splice]:
    """The replacements that add entries behind the last one.

    Raises NoPlace, and ValueError for a value that no file can hold.
    """
    if found.sessions is None:
        return _with_key(tree, edits)
    key, value = found.sessions
    if isinstance(value, Alias):
        raise NoPlace('"sessions" is an alias')
    if isinstance(value, Map | List) and value.items:
        return [_behind_last(tree, value, edits)]
    return _into_empty(tree, key, value, edits)


def _with_key(tree: Tree, edits: Sequence[AddEntry]) -> list[Splice]:
    """A document without `sessions`, or a text without a document."""
    text, root = tree.text, tree.root
    if isinstance(root, Map) and root.items and not root.flow:
        column = root.items[0][0].column
        lines = [" " * (column - 1) + f"{shape.SESSIONS}:", *_fresh(edits, column, listed=True)]
        return [splices.after_line(text, splices.node_end(text, root), lines)]
    if isinstance(root, Map) and root.flow:
        return [alteration.into_flow(text, root, [_flow_sessions(edits, splices.quote_of(tree))])]
    lines = [f"{shape.SESSIONS}:", *_fresh(edits, 1, listed=True)]
    if root is not None and root.end > root.start:
        raise NoPlace("the file is not a mapping")
    new = splices.newline_of(text)
    gap = new if text and not text.endswith(("\n", "\r")) else ""
    return [Splice(len(text), len(text), gap + "".join(line + new for line in lines))]


def _flow_sessions(edits: Sequence[AddEntry], quote: str) -> str:
    entries = ", ".join(_flow(edit, listed=True, quote=quote) for edit in edits)
    return f"{scalars.render(shape.SESSIONS, quote)}: [{entries}]"


def _into_empty(tree: Tree, key: Node, value: Node, edits: Sequence[AddEntry]) -> list[Splice]:
    """`sessions:` that is null, `[]` or `{}`: written as lines, save inside brackets."""
    listed = not isinstance(value, Map)
    if isinstance(tree.root, Map) and not tree.root.flow:
        lines = _fresh(edits, key.column, listed=listed)
        return alteration.block_in_place(tree.text, key, value, lines)
    quote = splices.quote_of(tree)
    parts = ", ".join(_flow(edit, listed=listed, quote=quote) for edit in edits)
    token = f"[{parts}]" if listed else f"{{{parts}}}"
    if value.end == value.start:
        raise NoPlace('"sessions" is empty')
    return [Splice(value.start, value.end, token)]


def _fresh(edits: Sequence[AddEntry], column: int, *, listed: bool) -> list[str]:
    """Lines for the first entries, indented by two from the key in `column`."""
    if listed:
        layout = _Layout(dash=column + 2, keys=column + 4)
    else:
        layout = _Layout(dash=None, name=column + 2, keys=column + 4)
    return [line for edit in edits for line in layout.lines(edit)]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layout:
    """How entries are indented: columns, from 1."""

    dash: int | None
    """Of the dash in a list; None in a mapping."""
    name: int = 1
    """Of the name in a mapping."""
    keys: int

    def lines(self, edit: AddEntry) -> list[str]:
        """A new entry, one key a line."""
        pairs = [splices.pair(key, value) for key, value in edit.fields.items()]
        indent = " " * (self.keys - 1)
        if self.dash is None:
            head = " " * (self.name - 1) + scalars.render(edit.session) + ":"
            return [head, *(indent + pair for pair in pairs)] if pairs else [f"{head} {{}}"]
        head = (" " * (self.dash - 1) + "-").ljust(self.keys - 1)
        named = splices.pair(shape.NAME, edit.session)
        return [head + named, *(indent + pair for pair in pairs)]


def _flow(edit: AddEntry, *, listed: bool, quote: str = "") -> str:
    """A new entry on one line."""
    pairs = [splices.pair(key, value, quote) for key, value in edit.fields.items()]
    if listed:
        return "{" + ", ".join([splices.pair(shape.NAME, edit.session, quote), *pairs]) + "}"
    return f"{scalars.render(edit.session, quote)}: {{{', '.join(pairs)}}}"


def _behind_last(tree: Tree, found: Map | List, edits: Sequence[AddEntry]) -> Splice:
    if found.flow:
        return _into_flow(tree, found, edits)
    text = tree.text
    last = found.items[-1]
    entry = last[1] if isinstance(last, tuple) else last
    layout = _layout(text, found)
    if isinstance(entry, Map) and not entry.flow:
        lines = _spaced(text, last[0] if isinstance(last, tuple) else entry, layout, edits)
    else:
        lines = _short(layout, edits)
    end = splices.node_end(text, found)
    return splices.after_line(text, splices.past_comments(text, end, layout.keys), lines)


def _layout(text: str, found: Map | List) -> _Layout:
    """The indentation of the last entry."""
    last = found.items[-1]
    name, entry = last if isinstance(last, tuple) else (None, last)
    block = isinstance(entry, Map) and not entry.flow
    keys = entry.items[0][0].column if isinstance(entry, Map) and block else entry.column
    if name is not None:
        if splices.is_explicit(text, name):
            raise NoPlace('the last entry\'s name is written with "?"')
        return _Layout(dash=None, name=name.column, keys=keys if block else name.column + 2)
    dash = alteration.dash_column(text, entry)
    return _Layout(dash=dash, keys=max(keys, dash + 2))


def _spaced(text: str, first: Node, layout: _Layout, edits: Sequence[AddEntry]) -> list[str]:
    """Entries as lines, with an empty line before each if the last entry has one."""
    above = text[: first.start].splitlines()
    blank = [""] if len(above) > 1 and not above[-2].strip() else []
    return [line for edit in edits for line in [*blank, *layout.lines(edit)]]


def _short(layout: _Layout, edits: Sequence[AddEntry]) -> list[str]:
    """Entries of one line each, as the last one is."""
    if layout.dash is None:
        return [" " * (layout.name - 1) + _flow(edit, listed=False) for edit in edits]
    head = (" " * (layout.dash - 1) + "-").ljust(layout.keys - 1)
    return [head + _flow(edit, listed=True) for edit in edits]


def _into_flow(tree: Tree, found: Map | List, edits: Sequence[AddEntry]) -> Splice:
    """Behind the last entry inside brackets, each on a line of its own if the last one is."""
    text, listed, quote = tree.text, isinstance(found, List), splices.quote_of(tree)
    last = found.items[-1]
    parts = [_flow(edit, listed=listed, quote=quote) for edit in edits]
    first = last[0] if isinstance(last, tuple) else last
    indent = splices.indent_of(text, first)
    if indent.strip(" \t"):
        return alteration.into_flow(text, found, parts)
    gap = splices.newline_of(text) + indent
    at = splices.pair_end(text, *last) if isinstance(last, tuple) else splices.node_end(text, last)
    return Splice(at, at, "".join(f",{gap}{part}" for part in parts))
