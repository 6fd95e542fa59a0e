"""Every test runs inside a fence; those that ask get a real tmux server of their own."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

import fences
from fleet import Fleet

# Two shared cores make any time limit per example a coin toss. CI must fail for a reason that a
# second run shows again, so it draws the same examples each time; elsewhere new ones are tried.
settings.register_profile("project", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("project")


@pytest.fixture(autouse=True)
def fence() -> Iterator[fences.Fence]:
    """Keep each test away from the real home, default tmux socket, environment and network."""
    with fences.raised() as fence:
        yield fence


@pytest.fixture
def fleet(fence: fences.Fence) -> Iterator[Fleet]:
    """A real tmux server on a private socket, whose sessions run real processes."""
    with Fleet(fence.tmux / "fleet") as fleet:
        yield fleet
