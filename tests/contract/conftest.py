"""A real Hermes where it is installed, and each way to a board in turn."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import fences
import hermes
import ways

SLOW = pytest.mark.slow
"""Each call of Hermes' program costs a fifth of a second, and a test makes dozens."""


@pytest.fixture
def hermes_home(fence: fences.Fence) -> Iterator[hermes.Home | None]:
    """A Hermes home within the fence, which this process lives in; None without Hermes."""
    if not hermes.INSTALLED:
        yield None
        return
    with hermes.home(fence.root / "hermes") as home:
        yield home


@pytest.fixture(scope="session")
def served() -> Iterator[tuple[hermes.Home, hermes.Server]]:
    """One Hermes server for all tests: a card of its own keeps each from the others."""
    if not hermes.INSTALLED:
        pytest.skip("hermes-agent is not installed here")
    with tempfile.TemporaryDirectory(prefix="asm-serve-", dir="/tmp") as folder:
        with hermes.home(Path(folder).resolve() / "hermes") as home:
            pass
        with home.serve() as server:
            yield home, server


@pytest.fixture(
    params=["memory", "hermes", "tools", pytest.param("hermes-cli", marks=SLOW), "http"]
)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> ways.Way:
    """Each way to a board in turn."""
    if request.param == "memory":
        return ways.in_memory()
    if not hermes.INSTALLED:
        pytest.skip("hermes-agent is not installed here")
    if request.param == "http":
        return ways.over_http(*request.getfixturevalue("served"), monkeypatch)
    home = request.getfixturevalue("hermes_home")
    if request.param == "tools":
        return ways.by_tools(home, monkeypatch)
    if request.param == "hermes-cli":
        return ways.by_program(home, monkeypatch)
    return ways.in_process(home)
