"""Each fault leaves a figure; the run ends with all of them in one table."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import reliability
from desk import Desk
from fences import Fence
from fleet import Fleet

FIGURE = "figure"
LONGEST = ("test_mutants.py", "test_soak.py", "test_work_for_long.py", "test_writers.py")
"""These begin first: the last one to end would keep everybody else waiting."""


@pytest.fixture
def figure(record_property: Callable[[str, object], None]) -> Callable[[str, str], None]:
    """Take the figure of one fault, by the fault's name in `reliability.FAULTS`."""

    def take(fault: str, text: str) -> None:
        assert fault in reliability.FAULTS
        record_property(FIGURE, [fault, text])

    return take


@pytest.fixture
def desk(fence: Fence, fleet: Fleet) -> Desk:
    """A desk whose registry is yet to be written."""
    folder = fence.home / "board"
    folder.mkdir()
    return Desk(fence, fleet, folder / "agent-sessions.yaml")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.path.name not in LONGEST)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--figures", metavar="FILE", help="copy the table of figures into FILE")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    figures: dict[str, list[str]] = {}
    for fault, text in _figures(terminalreporter):
        figures.setdefault(fault, []).append(text)
    if not figures:
        return
    terminalreporter.section("figures")
    for fault, passes, measured in reliability.rows(figures):
        if measured != reliability.NOT_RUN:
            terminalreporter.write_line(f"{fault}\n    passes: {passes}\n    measured: {measured}")
    target = terminalreporter.config.getoption("--figures")
    if not target:
        return
    failed = [*terminalreporter.stats.get("failed", []), *terminalreporter.stats.get("error", [])]
    missing = reliability.FAULTS.keys() - figures.keys()
    if failed or missing:
        why = f"{len(failed)} failed" if failed else f"no figure for {', '.join(sorted(missing))}"
        terminalreporter.write_line(f"{target} is left as it was: {why}", red=True)
        return
    reliability.copy(Path(target), figures)
    terminalreporter.write_line(f"copied to {target}")


def _figures(reporter: pytest.TerminalReporter) -> Iterator[tuple[str, str]]:
    """In the order of the tests' names, for parallel tests end in any order."""
    for report in sorted(reporter.stats.get("passed", []), key=lambda each: str(each.nodeid)):
        if report.when == "call":
            for name, value in report.user_properties:
                if name == FIGURE:
                    yield value[0], value[1]
