"""Mutants: a module, changed in one place.

Left alone are annotations, docstrings, decorators of classes, and what only names a type: none of
these is behaviour. A word of a table is left out, not misspelt as well.
"""

from __future__ import annotations

import ast
import types
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import mutations

Edit: TypeAlias = tuple[ast.AST, str, Any]
"""A node, one of its fields, and the field's new value."""

MARGIN = 30
"""Characters that a name shows on both sides of the change."""
LONGEST = 70
"""Characters that it shows of the change itself."""

_UNTOUCHED = {
    ast.arg: ("annotation",),
    ast.FunctionDef: ("returns",),
    ast.ClassDef: ("bases", "keywords", "decorator_list"),
    ast.AnnAssign: ("annotation", "target"),
}
_FOR_TYPES = frozenset({"NewType", "TypeVar", "TypeAlias", "assert_never"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One change of one module."""

    module: str
    function: str
    """The qualified name of the function or class that it is in; "" in none."""
    called: bool
    """Whether it takes effect when the function is called, not when the module is imported."""
    change: str
    """What stood there, and what stands there now."""
    tree: ast.Module
    edit: Edit

    @property
    def where(self) -> str:
        """Module and function: `reconcile.gone.from_absence`."""
        return f"{self.module}.{self.function}".rstrip(".")

    @property
    def name(self) -> str:
        """What tells it from all others, whichever line it is on."""
        return f"{self.where}: {self.change}"

    def code(self, path: str) -> types.CodeType:
        """The changed module's code. The tree stays changed, so ask in a process of its own."""
        setattr(*self.edit)
        return compile(ast.fix_missing_locations(self.tree), path, "exec")


def of(module: str, source: str) -> Iterator[Mutant]:
    """All mutants of a module, in the order of its lines."""
    tree = ast.parse(source)
    seen: set[tuple[ast.AST, str]] = set()
    named: Counter[str] = Counter()
    for place in _places(_Place(node=tree, statement=tree)):
        for new in mutations.of(place.node):
            before, after = place.texts(new)
            if (place.statement, after) in seen or (not place.called and _is_unset(new)):
                continue
            seen.add((place.statement, after))
            mutant = Mutant(
                module=module,
                function=place.function,
                called=place.called,
                change=_difference(before, after),
                tree=tree,
                edit=place.edit(new),
            )
            named[mutant.name] += 1
            again = named[mutant.name]
            yield replace(mutant, change=f"{mutant.change} ({again})") if again > 1 else mutant


def functions(module: str, tree: ast.Module) -> Iterator[tuple[str, ast.FunctionDef]]:
    """A module's functions and methods, with their names as in `Mutant.where`."""
    for place in _places(_Place(node=tree, statement=tree)):
        if isinstance(place.node, ast.FunctionDef) and not place.called:
            yield f"{module}.{place.inner}", place.node


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """A node, and where it stands."""

    node: ast.AST
    statement: ast.AST
    """The statement around it, which may be itself."""
    parent: ast.AST | None = None
    field: str = ""
    index: int | None = None
    function: str = ""
    called: bool = False

    @property
    def inner(self) -> str:
        """The function or class that its parts are in."""
        if self.called or not isinstance(self.node, ast.FunctionDef | ast.ClassDef):
            return self.function
        return f"{self.function}.{self.node.name}".lstrip(".")

    def edit(self, new: ast.AST) -> Edit:
        """What puts another node in its place."""
        assert self.parent is not None
        if self.index is None:
            return self.parent, self.field, new
        several = list(getattr(self.parent, self.field))
        several[self.index] = new
        return self.parent, self.field, several

    def texts(self, new: ast.AST) -> tuple[str, str]:
        """The statement as it is, and with another node in this one's place."""
        if self.node is self.statement:
            return _flat(self.node), _flat(new)
        owner, field, value = self.edit(new)
        before, old = _flat(self.statement), getattr(owner, field)
        setattr(owner, field, value)
        after = _flat(self.statement)
        setattr(owner, field, old)
        return before, after


def _places(place: _Place) -> Iterator[_Place]:
    """This place and all below it."""
    yield place
    node = place.node
    for field, value in ast.iter_fields(node):
        if field in _UNTOUCHED.get(type(node), ()):
            continue
        inside = isinstance(node, ast.FunctionDef) and field == "body"
        for index, child in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if isinstance(child, ast.AST) and not _is_no_behaviour(child, node):
                yield from _places(
                    _Place(
                        node=child,
                        statement=child if isinstance(child, ast.stmt) else place.statement,
                        parent=node,
                        field=field,
                        index=index,
                        function=place.inner,
                        called=place.called or inside,
                    )
                )


def _is_no_behaviour(node: ast.AST, parent: ast.AST) -> bool:
    match node:
        case ast.Import() | ast.ImportFrom() | ast.Expr(value=ast.Constant()):
            return True
        case (
            ast.AnnAssign(annotation=ast.Name(id=name))
            | ast.Assign(value=ast.Call(func=ast.Name(id=name)))
            | ast.Expr(value=ast.Call(func=ast.Name(id=name)))
        ):
            return name in _FOR_TYPES
        case ast.Constant(value=str()):
            return _is_table(parent)
        case _:
            return _kinds(parent) is node


def _is_table(node: ast.AST) -> bool:
    return isinstance(node, ast.Tuple | ast.Set | ast.List) and len(node.elts) > 1


def _kinds(node: ast.AST) -> ast.AST | None:
    """What `isinstance` is asked about."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return node.args[1] if node.func.id == "isinstance" else None
    return None


def _is_unset(node: ast.AST) -> bool:
    """Whether it is a module's constant without its value, which no import would survive."""
    return isinstance(node, ast.Assign | ast.AnnAssign)


def _flat(node: ast.AST) -> str:
    # Which quotes are used differs from one version of Python to the next.
    return " ".join(ast.unparse(ast.fix_missing_locations(node)).split()).replace('"', "'")


def _difference(before: str, after: str) -> str:
    """Only what differs, with a little around it."""
    least = min(len(before), len(after))
    front = next((at for at in range(least) if before[at] != after[at]), least)
    ends = range(least - front)
    back = next((at for at in ends if before[-1 - at] != after[-1 - at]), least - front)
    return " → ".join(_part(text, front, len(text) - back) for text in (before, after))


def _part(text: str, start: int, end: int) -> str:
    first, last = max(0, start - MARGIN), min(len(text), end + MARGIN)
    part = text[first:last]
    if end - start > LONGEST:
        half = LONGEST // 2
        part = f"{text[first : start + half]} … {text[end - half : last]}"
    return f"{'…' if first else ''}{part}{'…' if last < len(text) else ''}"
