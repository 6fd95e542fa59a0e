"""One monitor for each registry: the second one is told who the first is."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from state import locking
from state.errors import CouldNot
from waiting import retry_until

HOLD = """
import sys, time
from pathlib import Path
from state import locking
with locking.alone(Path(sys.argv[1]), who="agent-sessions work\\x1b[2J" + "x" * 500):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_the_second_is_told_who_the_first_is(tmp_path: Path) -> None:
    path = tmp_path / "state/monitor.lock"
    words = [sys.executable, "-c", HOLD, str(path)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(locking.Busy) as refused, locking.alone(path, who="another"):
            pytest.fail("both hold it")

    assert f"pid {holder.pid}, agent-sessions work" in str(refused.value)
    assert str(refused.value).isprintable()
    assert len(str(refused.value)) < 500
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)


def test_one_that_was_killed_holds_nothing(tmp_path: Path) -> None:
    path = tmp_path / "monitor.lock"
    words = [sys.executable, "-c", HOLD, str(path)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        holder.kill()
        retry_until(lambda: holder.poll() is not None)

    with locking.alone(path, who="me"):
        assert path.read_text().endswith(", me")


def test_a_patient_one_gets_it_when_the_first_ends(tmp_path: Path) -> None:
    path = tmp_path / "monitor.lock"
    waits: list[float] = []
    with locking.alone(path, who="first") as first:

        def sleep(seconds: float) -> None:
            waits.append(seconds)

        with pytest.raises(locking.Busy), locking.alone(path, who="second", timeout=1, sleep=sleep):
            pytest.fail("both hold it")
        assert first is None

    assert sum(waits) == pytest.approx(1, abs=0.1)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")

    with pytest.raises(CouldNot, match="state"), locking.alone(tmp_path / "state/x", who="me"):
        pytest.fail("it holds nothing")


def test_the_second_waits_for_the_first_to_say_who_it_is(tmp_path: Path) -> None:
    """The name is written just after the lock is taken."""
    path = tmp_path / "monitor.lock"
    with locking.held(path, timeout=0, sleep=time.sleep):

        def introduces(_seconds: float) -> None:
            path.write_text("pid 1, late")

        with (
            pytest.raises(locking.Busy, match="pid 1, late"),
            locking.alone(path, who="another", sleep=introduces),
        ):
            pytest.fail("both hold it")


def test_one_that_never_says_who_it_is_is_another_process(tmp_path: Path) -> None:
    path = tmp_path / "monitor.lock"
    waits: list[float] = []
    with (
        locking.held(path, timeout=0, sleep=time.sleep),
        pytest.raises(locking.Busy, match="another process"),
        locking.alone(path, who="another", sleep=waits.append),
    ):
        pytest.fail("both hold it")

    assert sum(waits) == pytest.approx(1)
