"""Edits to a registry's text that change the touched keys' bytes and nothing else.

Each session's edits stand or fall together: a text in which only half of them could
be made is never produced. Before a new text is handed out it is parsed again, and its
data must be the old data plus the edits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from reconcile import names
from reconcile.desired import AddEntry, AppendItem, Edit, SetKey
from reconcile.observed import SessionName
from state.errors import MustMend
from state.text import addition, alteration, outline, scalars, shape, splices, yamltext
from state.text.shape import Row, Shape
from state.text.yamlnodes import Tree


class CannotEdit(MustMend):
    """One session's edits cannot be made without changing something else in the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edited:
    """The new text, and which edits are not in it."""

    tree: Tree
    refused: Mapping[int, CannotEdit]
    """By the edit's place in the sequence given."""

    @property
    def text(self) -> str:
        """The new text; the old one when nothing was to be done."""
        return self.tree.text


@dataclass(frozen=True, slots=True, kw_only=True)
class _Group:
    """The edits of one session, by their place in the sequence given."""

    session: SessionName
    edits: Mapping[int, Edit]


def edit(tree: Tree, edits: Sequence[Edit]) -> Edited:
    """Make all edits that can be made. Raises MustMend only for a tree without a shape."""
    return _Editing(tree).run(_grouped(edits))


def _grouped(edits: Sequence[Edit]) -> list[_Group]:
    found: dict[SessionName, dict[int, Edit]] = {}
    for place, one in enumerate(edits):
        found.setdefault(names.key(one.session), {})[place] = one
    return [_Group(session=name, edits=mine) for name, mine in found.items()]


def _path(edit: SetKey | AppendItem) -> str:
    return edit.path if isinstance(edit, SetKey) else edit.key


class _Editing:
    """One run of `edit` over one tree."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self.shape: Shape = shape.find(tree)
        self.before = outline.of(tree)
        self.rows: dict[SessionName, list[Row]] = {}
        self.refused: dict[int, CannotEdit] = {}
        for row in self.shape.rows:
            if row.text is not None:
                self.rows.setdefault(names.key(row.text), []).append(row)

    def run(self, groups: list[_Group]) -> Edited:
        groups = [group for group in groups if self._possible(group)]
        good = self._sound(groups)
        tree = self._made(good) if good else self.tree
        if isinstance(tree, outline.Difference):  # Sound one by one, and not together.
            for group in good:
                self._refuse(group, f"the edits together would change {tree.what}")
            tree = self.tree
        return Edited(tree=tree, refused=self.refused)

    def _sound(self, groups: list[_Group]) -> list[_Group]:
        """The groups whose edits change nothing else, found by halving."""
        if not groups:
            return []
        made = self._made(groups)
        if not isinstance(made, outline.Difference):
            return groups
        if len(groups) == 1:
            self._refuse(groups[0], f"that would also change {made.what}")
            return []
        middle = len(groups) // 2
        return self._sound(groups[:middle]) + self._sound(groups[middle:])

    def _made(self, groups: list[_Group]) -> Tree | outline.Difference:
        """The text with the edits made, or what else they would change."""
        found = [splice for group in groups for splice in self._alterations(group)]
        edits = [one for group in groups for one in group.edits.values()]
        added = [one for one in edits if isinstance(one, AddEntry)]
        if added:
            found += addition.add(self.tree, self.shape, added)
        if not found:
            return self.tree
        text = splices.apply(self.tree.text, found)
        expected = outline.expect(self.before, edits)
        try:
            after = yamltext.parse(text, self.tree.source)
            difference = outline.compare(expected, outline.of(after))
        except MustMend as error:
            return outline.Difference(f"the file's structure ({scalars.shown(str(error), 120)})")
        return difference or after

    def _alterations(self, group: _Group) -> list[splices.Splice]:
        changes = [one for one in group.edits.values() if not isinstance(one, AddEntry)]
        if not changes:
            return []
        return alteration.alter(self.tree, self.rows[group.session][0], changes)

    def _possible(self, group: _Group) -> bool:
        """Whether the splices can be planned at all; notes the refusal when not."""
        why = self._against(group)
        if why is None:
            try:
                self._plan(group)
            except (alteration.NoPlace, ValueError) as error:
                why = str(error)
        if why is not None:
            self._refuse(group, why)
        return why is None

    def _plan(self, group: _Group) -> None:
        added = [one for one in group.edits.values() if isinstance(one, AddEntry)]
        if added:
            addition.add(self.tree, self.shape, added)
        self._alterations(group)

    def _against(self, group: _Group) -> str | None:
        rows = self.rows.get(group.session, [])
        titles = [one.session for one in group.edits.values() if isinstance(one, AddEntry)]
        if wrong := next(filter(None, map(names.fault_of, titles)), None):
            return wrong
        added = len(titles)
        if added and (rows or added > 1):
            return "there is already an entry of this name"
        if added and len(group.edits) > 1:
            return "a new entry cannot be changed in the same write"
        if not added and not rows:
            return "there is no entry of this name"
        if len(rows) > 1:
            return "the name stands twice"
        return None

    def _refuse(self, group: _Group, why: str) -> None:
        rows = self.rows.get(group.session)
        line = (rows[0].name or rows[0].node).line if rows else 1
        for place, one in group.edits.items():
            key = "" if isinstance(one, AddEntry) else f', key "{scalars.shown(_path(one))}"'
            self.refused[place] = CannotEdit(
                f"registry {scalars.shown(self.tree.source)}, line {line}: "
                f'entry "{scalars.shown(group.session)}"{key}: {why}. '
                "Not written. Change it by hand, then run: agent-sessions check"
            )
