"""Every test runs inside a fence; those that ask get a real tmux server of their own."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

import fences
import trials
from fleet import Fleet

# CI must fail for a reason that a second run shows again, so it draws the same examples each time;
# elsewhere new ones are tried.
trials.register(derandomize="CI" in os.environ)

# What `nohup make test &` ignores would be ignored by each program that a test starts, up to the
# agents in tmux. A handler that does nothing ignores it here as well, and nobody inherits it.
for each in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
    if signal.getsignal(each) is signal.SIG_IGN:
        signal.signal(each, lambda *_: None)


@pytest.fixture(autouse=True)
def fence() -> Iterator[fences.Fence]:
    """Keep each test away from the real home, default tmux socket, environment and network."""
    with fences.raised() as fence:
        yield fence


@pytest.fixture
def tmp_path(fence: fences.Fence) -> Path:
    """A folder that goes with the fence; pytest's own would be left for a person to look at."""
    folder = fence.root / "tmp"
    folder.mkdir()
    return folder


@pytest.fixture
def fleet(fence: fences.Fence) -> Iterator[Fleet]:
    """A real tmux server on a private socket, whose sessions run real processes."""
    with Fleet(fence.tmux / "fleet") as fleet:
        yield fleet
