"""What a write left in a registry's text, to the byte: what taking it back needs to know.

The data of an edit would not do: `~`, `null` and a key that is not there mean the same, a
status may stand in quotes, and a person's comment may have come between.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from reconcile import names
from reconcile.desired import AddEntry, AppendItem, Edit, SetKey
from reconcile.observed import SessionName
from state.text import alteration, shape, splices
from state.text.alteration import NoPlace
from state.text.shape import Row, Shape
from state.text.yamlnodes import List, Map, Node, Scalar, Tree

MORE: Final = "…"
"""Stands for a list, or a collection of entries, that was not empty before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyTrace:
    """A value that was set. Both texts are what stands behind the key: `: running`."""

    key: str
    before: str | None
    """None when the entry had no such key."""
    after: str
    inside: str | None = None
    """The key of the mapping that it stands in; None for the entry itself."""

    @property
    def path(self) -> str:
        """The key as people are told it: `pane.pid`."""
        return self.key if self.inside is None else f"{self.inside}.{self.key}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemTrace:
    """An item that was appended to a list."""

    key: str
    before: str | None
    """What stood behind the key; None when there was no such key, `MORE` for other items."""
    item: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryTrace:
    """An entry that was added."""

    before: str | None
    """What stood behind `sessions`; None when there was no such key, `MORE` for other entries."""
    text: str
    """The entry's lines, with an empty one above it that came with it; or what is in brackets."""


Trace = KeyTrace | ItemTrace | EntryTrace
Pair = tuple[Scalar, Node]
_Named = Mapping[SessionName, list[Row]]


def by_session(
    before: Tree, after: Tree, edits: Sequence[Edit]
) -> Mapping[SessionName, tuple[Trace, ...]]:
    """What each session's edits have left in `after`; none where that cannot be told."""
    was, now = shape.find(before), shape.find(after)
    both = _Both(was, now, _named(was), _named(now), before.text, after.text)
    mine: dict[SessionName, list[Edit]] = {}
    for edit in edits:
        mine.setdefault(names.key(edit.session), []).append(edit)
    return {session: _left(both, found) for session, found in mine.items()}


def _left(both: _Both, edits: Sequence[Edit]) -> tuple[Trace, ...]:
    keys = [(one.inside, one.key) for one in edits if isinstance(one, SetKey)]
    if len(set(keys)) < len(keys):
        return ()
    lists: dict[str, list[AppendItem]] = {}
    for edit in edits:
        if isinstance(edit, AppendItem):
            lists.setdefault(edit.key, []).append(edit)
    try:
        found = [both.trace(edit) for edit in edits if not isinstance(edit, AppendItem)]
        # A mapping that came with its keys is one trace, however many they are.
        found = list(dict.fromkeys(found))
        return (*found, *(one for mine in lists.values() for one in both.items(mine)))
    except NoPlace:
        return ()


@dataclass(frozen=True, slots=True)
class _Both:
    """Two versions of one registry."""

    was: Shape
    now: Shape
    rows_before: _Named
    rows_after: _Named
    text_before: str
    text_after: str

    def trace(self, edit: AddEntry | SetKey) -> Trace:
        if isinstance(edit, AddEntry):
            return self._entry(edit)
        if edit.inside is not None:
            return self._inner(edit, edit.inside)
        return self._of_key(*self._pairs(edit.session, edit.key))

    def _inner(self, edit: SetKey, outer: str) -> KeyTrace:
        """A key inside a mapping; the mapping's own trace where that was not there before."""
        old, new = self._pairs(edit.session, outer)
        if old is None or not isinstance(old[1], Map):
            return self._of_key(old, new)
        if not isinstance(new[1], Map):
            raise NoPlace("it is no mapping")
        pairs = alteration.written(old[1], edit.key), alteration.written(new[1], edit.key)
        return replace(self._of_key(*pairs), inside=outer)

    def _of_key(self, old: Pair | None, new: Pair | None) -> KeyTrace:
        if new is None:
            raise NoPlace("it was not written")
        before, after = behind(self.text_before, old), behind(self.text_after, new)
        return KeyTrace(key=new[0].value, before=before, after=after or "")

    def items(self, edits: Sequence[AppendItem]) -> list[Trace]:
        """What the items that were appended to one list have left."""
        key = edits[0].key
        old, new = self._pairs(edits[0].session, key)
        value = new[1]
        if not isinstance(value, List):
            raise NoPlace("it is no list")
        full = old is not None and isinstance(old[1], List) and bool(old[1].items)
        before = MORE if full else behind(self.text_before, old)
        if value.flow and not full:  # `[{…}]` was put in place of nothing, as one value
            return [self._of_key(old, new)]
        texts = [node_text(self.text_after, item) for item in value.items[-len(edits) :]]
        befores = [before, *[MORE] * (len(texts) - 1)]
        return [
            ItemTrace(key=key, before=each, item=text)
            for each, text in zip(befores, texts, strict=True)
        ]

    def _pairs(self, session: SessionName, key: str) -> tuple[Pair | None, Pair]:
        """A key and its value, before and after."""
        old = alteration.written(mapping(_only(self.rows_before, session)), key)
        new = alteration.written(mapping(_only(self.rows_after, session)), key)
        if new is None:
            raise NoPlace("it was not written")
        return old, new

    def _entry(self, edit: AddEntry) -> EntryTrace:
        before = MORE if self.was.rows else behind(self.text_before, self.was.sessions)
        start, end = entry_span(self.text_after, self.now, _only(self.rows_after, edit.session))
        if in_lines(self.now):
            start = past_blank_line(self.text_after, start)
        return EntryTrace(before=before, text=self.text_after[start:end])


def behind(text: str, pair: tuple[Node, Node] | None) -> str | None:
    """What stands behind a key, up to the end of its value; None without a key."""
    return None if pair is None else text[pair[0].end : splices.pair_end(text, *pair)]


def node_text(text: str, node: Node) -> str:
    """A node as it is written."""
    return text[node.start : splices.node_end(text, node)]


def row_of(found: Shape, session: str) -> Row:
    """The one entry of a name. Raises NoPlace."""
    return _only(_named(found), session)


def _named(found: Shape) -> _Named:
    rows: dict[SessionName, list[Row]] = {}
    for row in found.rows:
        if row.text:
            rows.setdefault(names.key(row.text), []).append(row)
    return rows


def _only(named: _Named, session: str) -> Row:
    rows = named.get(names.key(session), [])
    if len(rows) != 1:
        raise NoPlace("the name stands twice" if rows else "there is no entry of this name")
    return rows[0]


def mapping(row: Row) -> Map:
    """An entry's own mapping. Raises NoPlace."""
    if not isinstance(row.node, Map):
        raise NoPlace("the entry is an alias or no mapping")
    return row.node


def in_lines(found: Shape) -> bool:
    """Whether the entries stand on lines of their own, not inside brackets."""
    return found.value is not None and not found.value.flow


def entry_span(text: str, found: Shape, row: Row) -> tuple[int, int]:
    """Where an entry stands: whole lines without the last line break, or a part of brackets.

    Raises NoPlace.
    """
    value, entry = found.value, row.node
    end = splices.node_end(text, entry)
    if isinstance(value, Map) and row.name is not None:
        start = row.name.start
        end = splices.pair_end(text, row.name, entry)
    else:
        start = entry.start
    if value is None or value.flow:
        return start, end
    if isinstance(value, List):
        dash = len(text[:start].rstrip()) - 1
        if text[dash : dash + 1] != "-":
            raise NoPlace("its list is written in an unusual way")
        start = dash
    return line_start(text, start), line_end(text, end)


def past_blank_line(text: str, start: int) -> int:
    """The start of the line above the one that starts at `start`, if it is empty; else `start`."""
    end = start - (2 if text.endswith("\r\n", 0, start) else 1)
    return end if end > 0 and line_start(text, end) == end else start


def line_start(text: str, at: int) -> int:
    """Where the line begins that holds `at`."""
    return max(text.rfind("\n", 0, at), text.rfind("\r", 0, at)) + 1


def line_end(text: str, at: int) -> int:
    """Where the line ends that holds `at`, before its line break."""
    found = splices.NEWLINE.search(text, at)
    return found.start() if found else len(text)


def as_plain(traces: Sequence[Trace]) -> list[dict[str, str | None]]:
    """For the journal."""
    found: list[dict[str, str | None]] = []
    for one in traces:
        match one:
            case KeyTrace():
                inside = {} if one.inside is None else {"inside": one.inside}
                found.append({"key": one.key, "before": one.before, "after": one.after, **inside})
            case ItemTrace():
                found.append({"key": one.key, "before": one.before, "item": one.item})
            case EntryTrace():
                found.append({"before": one.before, "entry": one.text})
    return found


def from_plain(data: Any) -> tuple[Trace, ...]:  # noqa: ANN401 - a file that anybody may change
    """From the journal; none when it holds no such thing."""
    try:
        return tuple(_one(each) for each in data)
    except (KeyError, TypeError, AttributeError):
        return ()


def _one(data: Mapping[str, Any]) -> Trace:
    before = None if data["before"] is None else str(data["before"])
    if "entry" in data:
        return EntryTrace(before=before, text=str(data["entry"]))
    if "item" in data:
        return ItemTrace(key=str(data["key"]), before=before, item=str(data["item"]))
    inside = None if data.get("inside") is None else str(data["inside"])
    return KeyTrace(key=str(data["key"]), before=before, after=str(data["after"]), inside=inside)
