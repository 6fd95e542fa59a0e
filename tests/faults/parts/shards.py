"""Tests that share many runs among them, and so the processors; the last one tells of all runs."""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest


def common(factory: pytest.TempPathFactory, worker: str, name: str) -> Path:
    """A folder of this name that all workers of this run of pytest have in common."""
    own = factory.getbasetemp()
    folder = (own if worker == "master" else own.parent) / name
    folder.mkdir(exist_ok=True)
    return folder


def summed(folder: Path, shard: int, shards: int, counted: Mapping[str, int]) -> Counter[str]:
    """What all shards have counted; nothing as long as one is missing, or another has the sum."""
    fresh = folder / f"{shard}.new"
    fresh.write_text(json.dumps(counted))
    fresh.rename(folder / f"{shard}.json")
    done = [Counter(json.loads(path.read_text())) for path in folder.glob("*.json")]
    if len(done) == shards:
        with contextlib.suppress(FileExistsError):
            (folder / "told").touch(exist_ok=False)
            return sum(done, Counter())
    return Counter()
