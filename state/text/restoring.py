"""Takes one session's edits back: the text as it would be without them, to the byte.

Nothing is guessed. What the edits wrote must stand there as they wrote it; and the new text is
parsed again, and must hold the old data but for what was taken back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from state.errors import MustMend
from state.text import (
    alteration,
    outline,
    removal,
    scalars,
    shape,
    splices,
    traces,
    yamldata,
    yamlnodes,
    yamltext,
)
from state.text.alteration import NoPlace
from state.text.outline import Outline
from state.text.removal import Span
from state.text.shape import Row
from state.text.splices import Splice
from state.text.traces import MORE, EntryTrace, ItemTrace, KeyTrace, Trace
from state.text.yamlnodes import List, Map, Node, Scalar, Tree


class Edited(NoPlace):
    """Somebody has changed since what the edits wrote."""


def restore(tree: Tree, session: str, found: Sequence[Trace]) -> Tree:
    """The text without the edits that left these traces. Raises NoPlace, one clause that says why.

    Raises MustMend only for a tree without a shape.
    """
    work = _Work(tree, session)
    items: dict[str, list[ItemTrace]] = {}
    for one in found:
        if isinstance(one, ItemTrace):
            items.setdefault(one.key, []).append(one)
        else:
            work.take_back(one)
    for mine in items.values():
        work.take_out(mine)
    text = splices.apply(tree.text, work.splices())
    try:
        after = yamltext.parse(text, tree.source)
        work.check(after, found)
    except MustMend as error:
        why = scalars.shown(str(error), 120)
        raise NoPlace(f"that would change the file's structure ({why})") from None
    return after


class _Work:
    """One run of `restore`."""

    def __init__(self, tree: Tree, session: str) -> None:
        self.tree, self.text = tree, tree.text
        self.shape = shape.find(tree)
        self.row = traces.row_of(self.shape, session)
        self._found: list[Splice] = []
        self._lines: list[Span] = []
        self._parts: dict[str | None, set[int]] = {}
        """Places of the keys that leave brackets: those of the entry, or inside one of its keys."""

    def take_back(self, trace: KeyTrace | EntryTrace) -> None:
        match trace:
            case KeyTrace():
                self._key(trace)
            case EntryTrace():
                self._entry(trace)

    def splices(self) -> list[Splice]:
        """All that was planned. Keys leave brackets together, lines in one piece."""
        found = [*self._found, *removal.lines(self.text, self._lines)]
        for inside, parts in self._parts.items():
            found += removal.from_flow(self.text, _holder(self.row, inside), parts)
        return found

    def _key(self, trace: KeyTrace) -> None:
        holder = _holder(self.row, trace.inside)
        pair = self._pair(trace.path, trace.key, holder)
        if traces.behind(self.text, pair) != trace.after:
            raise _edited(trace.path, pair[1], trace.after)
        if trace.before is None:
            self._without(pair, holder, trace.inside)
        elif trace.before != trace.after:
            if trace.before.lstrip(": \t").startswith("*"):
                raise NoPlace(f'{_named(trace.path)} was an alias ("{trace.before.lstrip(": ")}")')
            end = splices.pair_end(self.text, *pair)
            self._found.append(Splice(pair[0].end, end, trace.before))

    def _pair(self, path: str, key: str, holder: Map) -> tuple[Scalar, Node]:
        pair = alteration.written(holder, key)
        if pair is None:
            raise Edited(f"{_named(path)} is not there any more")
        return pair

    def _without(self, pair: tuple[Node, Node], holder: Map, inside: str | None) -> None:
        if holder.flow:
            place = next(n for n, (key, _) in enumerate(holder.items) if key is pair[0])
            self._parts.setdefault(inside, set()).add(place)
        else:
            self._lines.append(removal.line_of_pair(self.text, *pair))

    def take_out(self, found: Sequence[ItemTrace]) -> None:
        """Take items out of one list; the first of them tells what stood there before."""
        first = found[0]
        pair = self._pair(first.key, first.key, traces.mapping(self.row))
        value = pair[1]
        places = {_place(self.text, value, one.item) for one in found}
        if None in places or not isinstance(value, List):
            raise Edited(f"{_named(first.key)} does not hold the item any more that was added")
        gone = {place for place in places if place is not None}
        if value.flow:
            self._found += removal.from_flow(self.text, value, gone)
            return
        self._lines += [removal.line_of_item(self.text, value.items[place]) for place in gone]
        empty = len(value.items) == len(gone)
        if empty and first.before is None:
            self._lines.append(removal.line_of_key(self.text, pair[0]))
        elif empty:
            self._found.append(self._behind(first.key, pair[0], first.before))

    def _behind(self, name: str, key: Node, before: str | None) -> Splice:
        """The empty value that stood behind a key, before lines were put below it."""
        if before is None or before == MORE:
            raise NoPlace(f"nothing else is left in {_named(name)}, which held more before")
        if splices.NEWLINE.search(before):
            raise NoPlace(f"{_named(name)} was written over several lines")
        return Splice(key.end, removal.colon(self.text, key), before)

    def _entry(self, trace: EntryTrace) -> None:
        value = self.shape.value
        start, end = traces.entry_span(self.text, self.shape, self.row)
        if value is None or self.shape.sessions is None:
            raise NoPlace("there is no list of entries")
        if value.flow:
            self._from_brackets(trace, value, (start, end))
            return
        start = self._with_blank_line(trace, start, end)
        self._nothing_of_a_person(end)
        self._lines.append((start, end))
        key = self.shape.sessions[0]
        if len(value.items) == 1:
            if trace.before is None:
                self._lines.append(removal.line_of_key(self.text, key))
            else:
                self._found.append(self._behind(shape.SESSIONS, key, trace.before))

    def _with_blank_line(self, trace: EntryTrace, start: int, end: int) -> int:
        wider = traces.past_blank_line(self.text, start)
        if self.text[wider:end] == trace.text:
            return wider
        if self.text[start:end] != trace.text.lstrip("\r\n"):
            raise _other_entry(self.text[start:end], trace.text)
        return start

    def _nothing_of_a_person(self, end: int) -> None:
        column = traces.mapping(self.row).column
        if splices.past_comments(self.text, end, column) != end:
            raise Edited("a comment was put below it")

    def _from_brackets(self, trace: EntryTrace, value: Map | List, span: Span) -> None:
        if self.text[span[0] : span[1]] != trace.text:
            raise _other_entry(self.text[span[0] : span[1]], trace.text)
        if len(value.items) > 1:
            items = [each[1] if isinstance(each, tuple) else each for each in value.items]
            place = next(n for n, each in enumerate(items) if each is self.row.node)
            self._found += removal.from_flow(self.text, value, {place})
            return
        if self.shape.sessions is None or trace.before in (None, MORE):
            raise NoPlace("it is the only entry that is left")
        around = self.text[value.start + 1 : value.end - 1]
        if around != trace.text or trace.before is None:
            raise NoPlace("something else stands beside it in the brackets")
        self._found.append(Splice(self.shape.sessions[0].end, value.end, trace.before))

    def check(self, after: Tree, found: Sequence[Trace]) -> None:
        """Raises NoPlace when anything else has changed, or what should has not."""
        name = self.row.text or ""
        gone = any(isinstance(one, EntryTrace) for one in found)
        keys = {_at(one): one for one in reversed(found) if not isinstance(one, EntryTrace)}
        was, now = outline.of(self.tree), outline.of(after)
        if difference := outline.compare(
            _but(was, name, set(keys), gone=gone), _but(now, name, set(keys), gone=False)
        ):
            raise NoPlace(f"that would also change {difference.what}")
        for (inside, key), one in keys.items():  # of several items, the first
            holder = _holder(traces.row_of(shape.find(after), name), inside)
            text = traces.behind(after.text, alteration.written(holder, key))
            items = now.lists.get((name, key), ())
            taken = len([each for each in found if isinstance(each, ItemTrace) and each.key == key])
            fewer = len(was.lists.get((name, key), ())) - len(items) == taken
            if text != one.before and not (isinstance(one, ItemTrace) and items and fewer):
                raise NoPlace(f"{_named(key)} would not be what it was")


_Place = tuple[str | None, str]
"""A key, behind the one that it stands inside of."""


def _at(trace: KeyTrace | ItemTrace) -> _Place:
    return (trace.inside if isinstance(trace, KeyTrace) else None), trace.key


def _holder(row: Row, inside: str | None) -> Map:
    """The mapping that a key stands in: an entry's own, or the one under `inside`."""
    entry = traces.mapping(row)
    if inside is None:
        return entry
    pair = alteration.written(entry, inside)
    if pair is None or not isinstance(pair[1], Map):
        raise Edited(f"{_named(inside)} is no mapping any more")
    return pair[1]


def _but(found: Outline, name: str, keys: set[_Place], *, gone: bool) -> Outline:
    """The outline without what is taken back."""
    kept = [
        (one, _without(found, name, values, keys) if one == name else values)
        for one, values in found.entries
        if not (gone and one == name)
    ]
    return replace(found, entries=tuple(kept))


def _without(
    found: Outline, name: str, values: Mapping[str, bytes], keys: set[_Place]
) -> Mapping[str, bytes]:
    own = {key for inside, key in keys if inside is None}
    left = {key: values[key] for key in values.keys() - own}
    for outer in left.keys() & {inside for inside, _ in keys if inside is not None}:
        if (inner := found.maps.get((name, outer))) is not None:
            rest = {key: inner[key] for key in inner if (outer, key) not in keys}
            left[outer] = yamldata.of_map(rest)
    return left


def _place(text: str, value: Node, item: str) -> int | None:
    """Which item of a list it is, by its text: the last one of those that are equal."""
    items = value.items if isinstance(value, List) else ()
    found = [n for n, each in enumerate(items) if traces.node_text(text, each) == item]
    return found[-1] if found else None


def _named(key: str) -> str:
    return f'key "{scalars.shown(key)}"'


def _edited(key: str, value: Node, after: str) -> Edited:
    wrote = scalars.shown(after.strip().removeprefix(":").strip()) or "nothing"
    return Edited(f"{_named(key)} holds {_held(value)} now, and the change wrote {wrote}")


def _held(value: Node | None) -> str:
    """What a key holds, for a person."""
    if value is None:
        return "nothing"
    found = yamlnodes.target(value)
    if not isinstance(found, Scalar):
        return "a list or a mapping"
    return "null" if yamlnodes.is_null(found) else f'"{scalars.shown(found.value)}"'


def _other_entry(now: str, before: str) -> Edited:
    """Which key is not what was added, of two texts of one entry."""
    mine, theirs = _keys(now), _keys(before)
    known = yamldata.Digests()
    for key in dict.fromkeys([*theirs, *mine]):
        one, other = mine.get(key), theirs.get(key)
        if one is None or other is None or known.of(one) != known.of(other):
            return Edited(f"{_named(key)} holds {_held(one)} now, not {_held(other)} as was added")
    return Edited("it is written in another way now: a comment was put into it perhaps")


def _keys(text: str) -> dict[str, Node]:
    """The keys of one entry, in whichever shape; none when it cannot be read by itself."""
    try:
        root = yamltext.parse(text, "").root
    except MustMend:
        return {}
    node = root.items[0] if isinstance(root, List) and root.items else root
    if isinstance(node, Map) and len(node.items) == 1 and isinstance(node.items[0][1], Map):
        node = node.items[0][1]
    found = yamldata.own(node) if isinstance(node, Map) else {}
    return {key: value for key, (_, value) in found.items()}
