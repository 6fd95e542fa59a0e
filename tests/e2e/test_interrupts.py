"""Ctrl-C is quiet at any moment: no traceback, and the exit status that shells give it."""

from __future__ import annotations

import re
import signal
import subprocess
import time

import pytest

import commandline
from desk import Desk

MOMENTS = 24
INTERRUPTED = {130, -signal.SIGINT}
"""Ours, and that of a process that the signal ended by itself: shells show both as 130."""


def interrupted(desk: Desk, after: float, *words: str) -> tuple[int, str]:
    """How a command ended that got a Ctrl-C so many seconds after its start."""
    process = subprocess.Popen(
        commandline.command(*words),
        env=commandline.environment(desk.environ),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    time.sleep(after)
    process.send_signal(signal.SIGINT)
    err = process.communicate(timeout=60)[1]
    return process.returncode, err


@pytest.mark.parametrize("words", ["status", "reconcile --interval 60", "why nobody", "check"])
def test_ctrl_c_shows_nothing_whenever_it_comes(desk: Desk, words: str) -> None:
    desk.write(*desk.starts("lab-x-creator-claude"))
    began = time.monotonic()
    desk.run(*words.replace("--interval 60", "--once").split())
    longest = (time.monotonic() - began) * 1.3
    endings = set()

    for moment in range(MOMENTS):
        status, err = interrupted(desk, longest * moment / MOMENTS, *words.split())

        assert not re.search(
            r'kanban_worker/__main__\.py", line \d+, in main$', err, re.MULTILINE
        ), err
        if "Traceback" not in err:  # while Python still loads us, it speaks for itself
            assert status in {*INTERRUPTED, 0, 64}, (moment, status, err)
            assert all(line.startswith(commandline.MARK) for line in err.splitlines()), err
        endings.add(status)

    assert endings & INTERRUPTED


def test_a_second_one_ends_it_at_once(desk: Desk) -> None:
    desk.write(*desk.starts("lab-x-creator-claude"))

    with desk.poll() as monitor:
        monitor.wait_for(lambda: monitor.lines, "a tick")
        monitor.process.send_signal(signal.SIGINT)
        monitor.process.send_signal(signal.SIGINT)
        done = monitor.result()

    assert done.status in INTERRUPTED
    assert done.err == ""


def _deaf() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def test_who_ignores_it_goes_on_ignoring_it(desk: Desk) -> None:
    """As a command in the background of a shell script does."""
    desk.write(*desk.starts("lab-x-creator-claude"))
    process = subprocess.Popen(
        commandline.command("reconcile", "--once"),
        env=commandline.environment(desk.environ),
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=_deaf,  # noqa: PLW1509 - no other thread runs
    )
    for _ in range(20):
        time.sleep(0.02)
        process.send_signal(signal.SIGINT)

    out = process.communicate(timeout=60)[0]

    assert process.returncode == 0
    assert "tmux ok, 1 session" in out
