"""Each cell leaves its outcome; the run ends with all of them in one table."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from xdist.scheduler import LoadScopeScheduling

import expectations
import programs
import table
from playing import Playing

OUTCOME, SECONDS = "outcome", "seconds"
SHARED = [Path("/tmp/opencode"), Path(f"/tmp/codex-daemon-{os.getuid()}"), Path("/tmp/claude")]
"""Folders that the agents make for all that a user runs; nothing moves them."""
LONGEST = ("codex, no daemon", "opencode")
"""They begin first: the one waits a minute for each lock of a thread that was left, and the
processes of the other are never quite idle."""
CACHE = programs.cache()
"""Found before any test stands in a home of its own."""


@pytest.fixture(scope="session")
def playing() -> Playing:
    """What was played in this process."""
    return Playing(CACHE)


@pytest.fixture
def outcome(record_property: Callable[[str, object], None]) -> Callable[[str, str, str], None]:
    """Take what a cell showed: column, case, outcome."""

    def take(*cell: str) -> None:
        record_property(OUTCOME, list(cell))

    return take


@pytest.fixture
def took(record_property: Callable[[str, object], None]) -> Callable[[str, str, float], None]:
    """Take how long a scene took: column, scene, seconds."""

    def take(column: str, scene: str, seconds: float) -> None:
        record_property(SECONDS, [column, scene, round(seconds)])

    return take


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: not any(each in item.name for each in LONGEST))


class _Scenes(LoadScopeScheduling):  # type: ignore[misc]
    """The cells of one scene share their agents, and so a worker.

    xdist's own groups are a suffix of a test's name, which pytest 9.2 lets nobody add.
    """

    def _split_scope(self, nodeid: str) -> str:
        return expectations.scene_of(nodeid.partition("[")[2].removesuffix("]")) or nodeid


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """Whatever way of sharing the command line names."""
    return _Scenes(config, log)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--table", metavar="FILE", help="copy the table into FILE")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Remove what the agents left for all, once nobody uses it: it goes only when it is empty."""
    if not hasattr(session.config, "workerinput"):
        for folder in SHARED:
            with contextlib.suppress(OSError):
                folder.rmdir()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    found = {(column, case): shown for column, case, shown in _left(terminalreporter, OUTCOME)}
    if not found:
        return
    terminalreporter.section("real agents")
    for line in table.markdown(found).splitlines():
        terminalreporter.write_line(line)
    scenes = {(column, scene): took for column, scene, took in _left(terminalreporter, SECONDS)}
    for (column, scene), took in sorted(scenes.items(), key=lambda each: -each[1]):
        terminalreporter.write_line(f"{took:4} s: {column}, {scene}")
    target = terminalreporter.config.getoption("--table")
    if not target:
        return
    stats = terminalreporter.stats
    bad = {name: len(stats[name]) for name in ("failed", "error", "skipped") if stats.get(name)}
    missing = [cell for cell in table.cells() if (cell[0], cell[2]) not in found]
    if bad or missing:
        why = ", ".join(f"{count} {name}" for name, count in bad.items())
        why = why or f"{len(missing)} cells were not played"
        terminalreporter.write_line(f"{target} is left as it was: {why}", red=True)
        return
    table.copy(Path(target), found)
    terminalreporter.write_line(f"copied to {target}")


def _left(reporter: pytest.TerminalReporter, name: str) -> Iterator[list[object]]:
    for status in ("passed", "failed"):
        for report in reporter.stats.get(status, []):
            yield from (value for key, value in report.user_properties if key == name)
