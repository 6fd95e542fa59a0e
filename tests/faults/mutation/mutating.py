"""Mutation testing: which mutants of the core do its own tests notice?

    export PYTHONHASHSEED=0 PYTHONPATH=.:tests/support
    python tests/faults/mutation/mutating.py [reconcile.gone …]    # one JSON object each

The tests run once to see which functions each of them calls. A mutant of a function is put into a
fork of a process that has collected the tests, and only those that call it run there, up to the
first that fails. What takes effect on import gets a fork that has yet to import the core. Tables
of words are left out, see `TABLES`.
"""

from __future__ import annotations

import gc
import inspect
import json
import math
import multiprocessing
import os
import resource
import signal
import sys
import traceback
import types
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from multiprocessing.connection import Connection
from typing import Any, TypeVar

import jsonschema  # noqa: F401 - else each fork would import it anew
import pytest

import fences
import mutants
import surveying
from mutants import Mutant
from surveying import Survey

TABLES = frozenset(
    {"reconcile.stop_words", "reconcile.stop_words_east", "reconcile.stop_words_west"}
)
"""Not mutated: tables of words, one string a list, whose test is the table of phrases; a changed
string has another first and last word, and says nothing of those between."""
WORKERS = 2
PATIENCE = 10
"""A mutant is endless that takes so many times the processor time that its tests take without."""
START = 5
"""Seconds of processor time on top, for the collection."""
MEMORY = 2 << 30
"""Bytes that it may take, for it may collect what it never ends to make."""

SURVIVED, KILLED, BROKEN = 0, 1, os.EX_SOFTWARE

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one mutant."""

    mutant: str
    killed: bool


class EndlessError(Exception):
    """A mutant has used up its processor time."""


def run(modules: Sequence[str]) -> Iterator[Verdict]:
    """Try all mutants of some modules of the core, or of all of it."""
    every = [
        mutant
        for module, path in surveying.modules().items()
        if module not in TABLES and (not modules or module in modules)
        for mutant in mutants.of(module, path.read_text("utf-8"))
    ]
    [survey] = _at_once([surveying.survey])
    shares = [every[at::WORKERS] for at in range(WORKERS)]
    verdicts = _at_once([partial(_tried, share, survey) for share in shares])
    killed = {verdict.mutant: verdict.killed for several in verdicts for verdict in several}
    yield from (Verdict(mutant.name, killed[mutant.name]) for mutant in every)


def _tried(share: Sequence[Mutant], survey: Survey) -> list[Verdict]:
    verdicts: list[Verdict] = []

    def attempt(mutant: Mutant, passes: Callable[[Sequence[str]], bool]) -> None:
        tests = _tests_for(mutant, survey)
        limit = START + math.ceil(PATIENCE * sum(survey.seconds[test] for test in tests))
        verdicts.append(Verdict(mutant.name, _is_killed(partial(passes, tests), limit)))

    def attempt_called(session: pytest.Session) -> None:
        gc.freeze()  # what a fork need not copy
        for mutant in share:
            if not _is_early(mutant, survey):
                attempt(mutant, partial(_passes_when_called, mutant, session))

    for mutant in share:
        if _is_early(mutant, survey):
            attempt(mutant, partial(_passes_on_import, mutant))
    surveying.with_tests(attempt_called)
    return verdicts


def _is_early(mutant: Mutant, survey: Survey) -> bool:
    """Whether it takes effect before a test begins."""
    return not mutant.called or mutant.where in survey.early


def _tests_for(mutant: Mutant, survey: Survey) -> list[str]:
    """The tests that may notice it: those in its module's own file first, of these the quickest."""
    every = _is_early(mutant, survey)
    return sorted(
        (test for test, called in survey.calls.items() if every or mutant.where in called),
        key=lambda test: (not _is_near(test, mutant), survey.seconds[test]),
    )


def _is_near(test: str, mutant: Mutant) -> bool:
    return test.startswith(f"{surveying.TESTS}/test_{mutant.module.rpartition('.')[2]}.py::")


def _passes_on_import(mutant: Mutant, tests: Sequence[str]) -> bool:
    surveying.import_instead({mutant.module: partial(mutant.code, _path(mutant))})
    near = [test for test in tests if _is_near(test, mutant)]  # to collect all takes longer
    return all(_pass_anew(each) for each in (near, tests[len(near) :]) if each)


def _pass_anew(tests: Sequence[str]) -> bool:
    passed = False

    def act(session: pytest.Session) -> None:
        nonlocal passed
        passed = surveying.pass_(session, tests)

    surveying.with_tests(act, sorted({test.partition("::")[0] for test in tests}))
    return passed


def _passes_when_called(mutant: Mutant, session: pytest.Session, tests: Sequence[str]) -> bool:
    function: Any = sys.modules[mutant.module]
    for part in mutant.function.split("."):
        function = inspect.getattr_static(function, part)
    function = function.fget if isinstance(function, property) else function
    function.__code__ = _code_of(mutant.function, mutant.code(_path(mutant)))
    return surveying.pass_(session, tests)


def _code_of(function: str, code: types.CodeType) -> types.CodeType:
    if code.co_qualname == function:
        return code
    inner = (each for each in code.co_consts if isinstance(each, types.CodeType))
    around = [each for each in inner if f"{function}.".startswith(f"{each.co_qualname}.")]
    return _code_of(function, around[-1])


def _path(mutant: Mutant) -> str:
    return str(surveying.modules()[mutant.module])


# In processes of their own. ---------------------------------------------------------------------


def _at_once(works: Sequence[Callable[[], T]]) -> list[T]:
    """What each of them returns, each from a fork of its own."""
    fork = multiprocessing.get_context("fork")

    def work(act: Callable[[], T], into: Connection) -> None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        with fences.raised():
            into.send(act())

    results = []
    for act in works:
        result, into = fork.Pipe(duplex=False)
        fork.Process(target=work, args=(act, into)).start()
        into.close()
        results.append(result)
    return [result.recv() for result in results]


def _is_killed(passes: Callable[[], bool], limit: int) -> bool:
    """Whether it fails, or takes more than so many seconds of processor time, or all its memory."""
    child = os.fork()
    if not child:
        status = BROKEN
        try:
            _bound(limit)
            status = SURVIVED if passes() else KILLED
        except (EndlessError, MemoryError):
            status = KILLED
        except BaseException:  # noqa: BLE001 - a fork must not go on as its parent would
            traceback.print_exc()
        finally:
            os._exit(status)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status == BROKEN:
        raise RuntimeError("a mutant could not be tried; the reason stands above")
    return status != SURVIVED


def _bound(limit: int) -> None:
    def end(_signal: int, _frame: object) -> None:
        signal.signal(signal.SIGXCPU, signal.SIG_IGN)
        raise EndlessError

    signal.signal(signal.SIGXCPU, end)  # an error, so that the test cleans up after itself
    resource.setrlimit(resource.RLIMIT_CPU, (limit, 2 * limit))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


if __name__ == "__main__":
    if sys.flags.hash_randomization:
        raise SystemExit("set PYTHONHASHSEED=0, or the order of a set decides some verdicts")
    os.chdir(surveying.ROOT)
    for verdict in run(sys.argv[1:]):
        print(json.dumps(asdict(verdict), ensure_ascii=False))
