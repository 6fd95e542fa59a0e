"""Which process a pid means."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from kanban_worker import procfs

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="there is no /proc")


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "600"]) as process:
        yield process
        process.kill()


def test_a_running_process_may_live_whether_or_not_its_start_is_known(
    child: subprocess.Popen[bytes],
) -> None:
    assert procfs.may_live(child.pid, procfs.start_ticks(child.pid))
    assert procfs.may_live(child.pid, None)


@on_linux
def test_one_that_began_at_another_time_is_another_process(
    child: subprocess.Popen[bytes],
) -> None:
    assert not procfs.may_live(child.pid, "4711")


@on_linux
def test_a_zombie_lives_no_more(child: subprocess.Popen[bytes]) -> None:
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)

    assert procfs.start_ticks(child.pid)
    assert not procfs.may_live(child.pid, None)


def test_one_that_was_waited_for_is_gone(child: subprocess.Popen[bytes]) -> None:
    child.kill()
    child.wait()

    assert procfs.start_ticks(child.pid) is None
    assert not procfs.may_live(child.pid, None)


def test_a_number_that_no_process_can_have_is_no_proof_of_an_end() -> None:
    assert not procfs.may_live(2**31 - 1, None)
    assert procfs.may_live(2**70, None)
