"""Which way to a board is taken, and what its import costs."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

import fences
import hermes
from kanban_worker import boards
from kanban_worker.boards.shape import Address, Board
from state.errors import MustMend


def address(**environ: str) -> Address:
    everything = {**os.environ, **environ}
    return Address(card="t_1", url="http://127.0.0.1:9119", token="t", environ=everything)  # noqa: S106 - of no server


def test_there_are_four_ways() -> None:
    assert list(boards.BOARDS) == ["hermes", "hermes-cli", "http", "memory"]


@pytest.mark.parametrize("via", list(boards.BOARDS))
@pytest.mark.usefixtures("hermes_home")
def test_each_way_is_a_board(via: str) -> None:
    if not hermes.INSTALLED and via.startswith("hermes"):
        pytest.skip("hermes-agent is not installed here")
    board: Board = boards.reach(via, address())
    assert 0 < board.pause <= 3
    assert board.run.id == ""


def test_an_unknown_way_is_answered_with_the_known_ones() -> None:
    with pytest.raises(MustMend, match="take one of hermes, hermes-cli, http, memory"):
        boards.reach("mqtt", address())


@hermes.needed
@pytest.mark.usefixtures("hermes_home")
def test_beside_hermes_its_own_code_is_taken() -> None:
    assert type(boards.reach(None, address())).__name__ == "Hermes"


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Python without Hermes, and without a `hermes` beside it."""
    monkeypatch.setattr(boards, "_importable", lambda _module: False)
    monkeypatch.setattr(sys, "executable", "/nowhere/python")


@pytest.mark.usefixtures("alone")
def test_without_its_code_the_program_is_taken(fence: fences.Fence) -> None:
    path = fence.root / "hermes"
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    found = boards.reach(None, address(PATH=str(fence.root)))
    assert type(found).__name__ == "HermesCli"
    found = boards.reach(None, address(PATH="", HERMES_BIN=str(path)))
    assert type(found).__name__ == "HermesCli"


@pytest.mark.usefixtures("alone")
def test_without_any_hermes_it_is_said_what_to_do() -> None:
    with pytest.raises(MustMend, match=r"install hermes-agent .* --via http"):
        boards.reach(None, address(PATH=""))


def test_to_know_the_ways_imports_none_of_them() -> None:
    script = "import sys, kanban_worker.boards; print([n for n in sys.modules if n in %r])"
    heavy = ("requests", "sqlite3", "hermes_cli", "subprocess")
    done = subprocess.run(
        [sys.executable, "-c", script % (heavy,)], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"
