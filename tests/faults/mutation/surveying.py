"""The tests of the core, run otherwise than by pytest's own loop; and what each of them calls."""

from __future__ import annotations

import ast
import importlib.abc
import importlib.util
import sys
import time
import types
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.machinery import ModuleSpec
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType

import hypothesis
import pytest

import mutants

ROOT = Path(__file__).parents[3]
CORE = ROOT / "reconcile"
TESTS = "tests/reconcile"
"""From `ROOT`, which must be the working directory."""

_TELL = "__tell__"


@dataclass(frozen=True, slots=True)
class Survey:
    """What the tests do where nothing is changed."""

    seconds: Mapping[str, float]
    """Processor time of each test, in the order in which they run."""
    calls: Mapping[str, frozenset[str]]
    """By test: the functions of the core that it calls, each as `reconcile.gone.from_absence`."""
    early: frozenset[str]
    """The functions that are called before any test begins."""


def survey() -> Survey:
    """Run all tests once. Needs a process that has not imported the core, and spoils it.

    Raises:
        SystemExit: one of them fails.
    """
    seconds: dict[str, float] = {}
    calls: defaultdict[str, set[str]] = defaultdict(set)
    running = ""

    def tell(function: str) -> None:
        calls[running].add(function)

    def look(session: pytest.Session) -> None:
        nonlocal running
        for item, following in pairwise([*session.items, None]):
            assert item is not None
            running, start = item.nodeid, time.process_time()
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            seconds[running] = time.process_time() - start

    telling = {module: partial(_telling, module, path) for module, path in modules().items()}
    import_instead(telling, {_TELL: tell})
    status = with_tests(look)
    if status or not seconds:
        raise SystemExit(f"the core's tests fail with the core as it is (pytest exits {status})")
    early = frozenset(calls.pop("", ()))
    return Survey(seconds, {test: frozenset(calls[test]) for test in seconds}, early)


def modules() -> Mapping[str, Path]:
    """The files of the core, by the names of their modules."""
    return {f"{CORE.name}.{path.stem}": path for path in sorted(CORE.glob("[!_]*.py"))}


def with_tests(act: Callable[[pytest.Session], None], files: Sequence[str] = (TESTS,)) -> int:
    """Collect the tests and do something with them; pytest's exit status.

    Laws that hypothesis tests are left out. Their examples differ from one version of it to the
    next, and so would the verdict on a mutant. One fence, which must stand, is around all tests:
    to raise one for each takes longer than most of them.
    """
    plain = ("-qq", "--tb=native", "--assert=plain", "--capture=no")
    unused = [f"-pno:{each}" for each in ("cacheprovider", "logging", "pytest_cov", "xdist")]
    return int(pytest.main([*plain, *unused, *files], plugins=[_Instead(act)]))


class _Instead:
    """A plugin of pytest's, in place of the loop that runs each test."""

    def __init__(self, act: Callable[[pytest.Session], None]) -> None:
        self._act = act

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = [each for each in items if not _is_law(each)]

    @pytest.hookimpl(tryfirst=True)
    def pytest_fixture_setup(
        self, fixturedef: pytest.FixtureDef[object], request: pytest.FixtureRequest
    ) -> object:
        if fixturedef.argname != "fence":
            return None
        key = fixturedef.cache_key(request)  # type: ignore[arg-type] # pytest hands on a SubRequest
        fixturedef.cached_result = (True, key, None)
        return True

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        if not session.testsfailed:
            self._act(session)
        return True


def _is_law(item: pytest.Item) -> bool:
    return isinstance(item, pytest.Function) and hypothesis.is_hypothesis_test(item.obj)


def pass_(session: pytest.Session, tests: Sequence[str]) -> bool:
    """Whether these tests pass; the first that fails is the last that runs."""
    items = {item.nodeid: item for item in session.items}
    for item, following in pairwise([*(items[test] for test in tests), None]):
        assert item is not None
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if session.testsfailed:
            return False
    return True


def import_instead(
    codes: Mapping[str, Callable[[], types.CodeType]],
    names: Mapping[str, object] = MappingProxyType({}),
) -> None:
    """Import other code in the place of some modules, with some names already in it."""
    sys.meta_path.insert(0, _Importer(codes, names))


class _Importer(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def __init__(
        self, codes: Mapping[str, Callable[[], types.CodeType]], names: Mapping[str, object]
    ) -> None:
        self._codes = codes
        self._names = names

    def find_spec(  # type: ignore[explicit-override] # 3.12 has override
        self, fullname: str, *_: object
    ) -> ModuleSpec | None:
        return importlib.util.spec_from_loader(fullname, self) if fullname in self._codes else None

    def exec_module(self, module: types.ModuleType) -> None:  # type: ignore[explicit-override]
        vars(module).update(self._names)
        exec(self._codes[module.__name__](), vars(module))  # noqa: S102 - as any import does


def _telling(module: str, path: Path) -> types.CodeType:
    """The code of a module whose functions tell that they are called."""
    tree = ast.parse(path.read_text("utf-8"))
    for where, function in mutants.functions(module, tree):
        tell = ast.Call(ast.Name(_TELL, ast.Load()), [ast.Constant(where)], [])
        function.body.insert(0, ast.Expr(tell))
    return compile(ast.fix_missing_locations(tree), path, "exec")
