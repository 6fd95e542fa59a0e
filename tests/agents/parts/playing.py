"""Plays a scene once for each column, and hands out what each of its cells showed."""

from __future__ import annotations

import contextlib
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

import columns
import fences
import scenes
from driving import Ground
from models import ModelServer
from outcomes import Cell
from scenes import Player
from world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """What came of a scene."""

    cells: Mapping[str, Cell]
    seconds: float = 0
    skipped: str = ""
    """Why it could not be played."""
    broken: str = ""
    """What ended it early: an agent did not do what it was waited for. No fault of ours."""


class Playing:
    """Every scene that was played in this process."""

    def __init__(self, cache: Path) -> None:
        """Take the folder in which the programs are kept."""
        self._cache = cache
        self._played: dict[tuple[str, str], Played] = {}

    def scene(self, column: str, scene: str) -> Played:
        """A scene for a column; played when it is asked for the first time."""
        if (column, scene) not in self._played:
            self._played[column, scene] = self._play(column, scene)
        return self._played[column, scene]

    def _play(self, column: str, scene: str) -> Played:
        began = time.monotonic()
        with fences.raised() as fence, ModelServer() as model:
            ground = Ground(
                root=fence.root,
                home=fence.home,
                model=model.url,
                workspaces=scenes.workspaces(fence.root),
            )
            try:
                agent = columns.agent(column, ground, self._cache)
            except pytest.skip.Exception as skipped:
                return Played(cells={}, skipped=str(skipped))
            agent.configure()
            world = World(fence, agent, model)
            broken = ""
            try:
                with contextlib.closing(world):
                    getattr(Player(column, world, ground), scene)()
            except Exception:  # noqa: BLE001 (the cells that were reached still count)
                broken = traceback.format_exc()
        return Played(cells=world.cells, seconds=time.monotonic() - began, broken=broken)
