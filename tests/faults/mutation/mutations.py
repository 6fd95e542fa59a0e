"""Mutations: what a node of a program's tree is changed to, as a slip might change it."""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

# Conditions and operators. ----------------------------------------------------------------------

_SWAPS: Sequence[tuple[type[ast.AST], type[ast.AST]]] = (
    (ast.Lt, ast.LtE),
    (ast.Gt, ast.GtE),
    (ast.Eq, ast.NotEq),
    (ast.Is, ast.IsNot),
    (ast.In, ast.NotIn),
    (ast.And, ast.Or),
    (ast.Add, ast.Sub),
    (ast.Mult, ast.Add),
    (ast.BitOr, ast.BitAnd),
    (ast.Break, ast.Continue),
)
_OTHER = {a: b for one, two in reversed(_SWAPS) for a, b in ((two, one), (one, two))}
_OPPOSITE = (ast.Eq, ast.NotEq, ast.Is, ast.IsNot, ast.In, ast.NotIn)


def _negated(test: ast.expr) -> ast.AST:
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        return test.operand
    if isinstance(test, ast.Compare) and isinstance(test.ops[0], _OPPOSITE):
        return next(_other_comparisons(test))
    return ast.UnaryOp(ast.Not(), test)


def _other_test(node: ast.If | ast.While | ast.IfExp) -> Iterator[ast.AST]:
    yield _with(node, test=_negated(node.test))


def _other_filters(node: ast.comprehension) -> Iterator[ast.AST]:
    yield from (_with(node, ifs=rest) for rest in _each_left_out(node.ifs))
    yield from (_with(node, ifs=other) for other in _each_replaced(node.ifs, _negated))


def _other_comparisons(node: ast.Compare) -> Iterator[ast.AST]:
    for other in _each_replaced(node.ops, lambda op: _OTHER[type(op)]()):
        yield _with(node, ops=other)


def _other_conditions(node: ast.BoolOp) -> Iterator[ast.AST]:
    yield _with(node, op=_OTHER[type(node.op)]())
    for rest in _each_left_out(node.values):
        yield _with(node, values=rest) if len(rest) > 1 else rest[0]


def _other_operator(node: ast.BinOp) -> Iterator[ast.AST]:
    if type(node.op) in _OTHER:
        yield _with(node, op=_OTHER[type(node.op)]())


def _not_dropped(node: ast.UnaryOp) -> Iterator[ast.AST]:
    if isinstance(node.op, ast.Not):
        yield node.operand


def _other_jump(node: ast.Break | ast.Continue) -> Iterator[ast.AST]:
    yield _OTHER[type(node)]()


# Values. ----------------------------------------------------------------------------------------

_NAME_SWAPS = (
    *(("any", "all"), ("min", "max"), ("startswith", "endswith"), ("partition", "rpartition")),
    *(("upper", "lower"), ("strip", "lstrip"), ("rstrip", "strip")),
)
_OTHER_NAME = {a: b for one, two in reversed(_NAME_SWAPS) for a, b in ((two, one), (one, two))}
_OTHER_NAME["sorted"] = "list"
_NONE = ast.Constant(None)


def _other_constants(node: ast.Constant) -> Iterator[ast.AST]:
    match node.value:
        case bool() as value:
            yield ast.Constant(not value)
        case int() | float() as value:
            yield from (ast.Constant(value + 1), ast.Constant(value - 1))
        case "":
            yield ast.Constant("XX")
        case str() as value:
            yield ast.Constant(f"XX{value}XX")
        case _:
            pass


def _elements_left_out(node: ast.Set | ast.List | ast.Tuple) -> Iterator[ast.AST]:
    if len(node.elts) > 1 and not isinstance(getattr(node, "ctx", None), ast.Store):
        yield from (_with(node, elts=rest) for rest in _each_left_out(node.elts))


def _pairs_left_out(node: ast.Dict) -> Iterator[ast.AST]:
    each = zip(_each_left_out(node.keys), _each_left_out(node.values), strict=True)
    yield from (_with(node, keys=keys, values=values) for keys, values in each)


def _open_slices(node: ast.Slice) -> Iterator[ast.AST]:
    yield from (_with(node, **{end: None}) for end in ("lower", "upper") if getattr(node, end))


def _lambda_of_nothing(node: ast.Lambda) -> Iterator[ast.AST]:
    yield _with(node, body=_NONE)


def _other_calls(node: ast.Call) -> Iterator[ast.AST]:
    """Another function of that kind, and no value for each argument that is no constant."""
    name = getattr(node.func, "id", getattr(node.func, "attr", ""))
    if name in {"isinstance", "len"}:
        return
    if name in _OTHER_NAME:
        field = "id" if isinstance(node.func, ast.Name) else "attr"
        keywords = [] if name == "sorted" else node.keywords
        yield _with(node, func=_with(node.func, **{field: _OTHER_NAME[name]}), keywords=keywords)
    for at, each in enumerate(node.args):
        if not isinstance(each, ast.Constant | ast.GeneratorExp):
            others = [] if isinstance(each, ast.Starred) else [_NONE]
            yield _with(node, args=[*node.args[:at], *others, *node.args[at + 1 :]])
    for at, keyword in enumerate(node.keywords):
        if not isinstance(keyword.value, ast.Constant):
            none = _with(keyword, value=_NONE)
            yield _with(node, keywords=[*node.keywords[:at], none, *node.keywords[at + 1 :]])


# Statements. ------------------------------------------------------------------------------------


def _other_cases(node: ast.Match) -> Iterator[ast.AST]:
    """Without each case but the last, which is there for the type checker."""
    for rest in _each_left_out(node.cases[:-1]):
        yield _with(node, cases=[*rest, node.cases[-1]])


def _undecorated(node: ast.FunctionDef) -> Iterator[ast.AST]:
    yield from (_with(node, decorator_list=rest) for rest in _each_left_out(node.decorator_list))


def _without_value(node: ast.Assign | ast.AnnAssign | ast.Return) -> Iterator[ast.AST]:
    if node.value and not isinstance(node.value, ast.Constant):
        yield _with(node, value=_NONE)
    elif isinstance(node, ast.Return) and not node.value:
        yield ast.Pass()


def _left_out(node: ast.stmt) -> Iterator[ast.AST]:
    """A generator without its yield would be a plain function."""
    yields = isinstance(node, ast.Expr) and isinstance(node.value, ast.Yield | ast.YieldFrom)
    nothing = ast.Expr(ast.YieldFrom(ast.Tuple([], ast.Load())))
    yield nothing if yields else ast.Pass()


# All of them. -----------------------------------------------------------------------------------

_MUTATIONS: Mapping[type[ast.AST], Callable[[Any], Iterator[ast.AST]]] = {
    **dict.fromkeys((ast.If, ast.While, ast.IfExp), _other_test),
    ast.comprehension: _other_filters,
    ast.Compare: _other_comparisons,
    ast.BoolOp: _other_conditions,
    ast.BinOp: _other_operator,
    ast.UnaryOp: _not_dropped,
    **dict.fromkeys((ast.Break, ast.Continue), _other_jump),
    ast.Constant: _other_constants,
    **dict.fromkeys((ast.Set, ast.List, ast.Tuple), _elements_left_out),
    ast.Dict: _pairs_left_out,
    ast.Slice: _open_slices,
    ast.Lambda: _lambda_of_nothing,
    ast.Call: _other_calls,
    ast.Match: _other_cases,
    ast.FunctionDef: _undecorated,
    **dict.fromkeys((ast.Assign, ast.AnnAssign, ast.Return), _without_value),
    **dict.fromkeys((ast.Expr, ast.AugAssign, ast.Delete, ast.Raise), _left_out),
}


def of(node: ast.AST) -> Iterator[ast.AST]:
    """What may stand in the place of a node; the node itself is not changed."""
    if mutations := _MUTATIONS.get(type(node)):
        yield from mutations(node)


def _each_left_out(several: Sequence[Any]) -> Iterator[list[Any]]:
    """The list without each of its elements in turn."""
    for at in range(len(several)):
        yield [*several[:at], *several[at + 1 :]]


def _each_replaced(several: Sequence[Any], by: Callable[[Any], Any]) -> Iterator[list[Any]]:
    """The list with each of its elements in turn replaced by another."""
    for at, each in enumerate(several):
        yield [*several[:at], by(each), *several[at + 1 :]]


def _with(node: Any, **fields: object) -> Any:  # noqa: ANN401 (a node of the same kind)
    new = copy.copy(node)
    for name, value in fields.items():
        setattr(new, name, value)
    return new
