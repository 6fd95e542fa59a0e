"""The command line is tested from a desk."""

from __future__ import annotations

import pytest

from desk import Desk
from fences import Fence
from fleet import Fleet


@pytest.fixture
def desk(fence: Fence, fleet: Fleet) -> Desk:
    """A desk whose registry is yet to be written."""
    folder = fence.home / "board"
    folder.mkdir()
    return Desk(fence, fleet, folder / "agent-sessions.yaml")
