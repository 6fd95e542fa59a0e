"""What Linux tells of open files and locks, and what it cannot tell."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kanban_worker.agents import descriptors
from kanban_worker.agents.descriptors import OpenFile, State
from reconcile.observed import Unknown
from stand_in import standing_in

linux = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")


@linux
def test_an_open_file_a_lock_and_an_offset_are_told(tmp_path: Path) -> None:
    path = tmp_path.resolve() / "a b.log"
    with standing_in("codex") as one:
        one.lock(path)
        one.append(path, "hello\n")
        opened = descriptors.open_files(one.pid)
        assert isinstance(opened, tuple)
        (mine,) = [each for each in opened if each.target == str(path)]
        assert descriptors.state(one.pid, mine.number) == State(
            position=6, writable=True, locked=True
        )
        assert descriptors.readlink(one.pid, mine.number) == str(path)
        locks = descriptors.flocks()
        assert not isinstance(locks, Unknown)
        assert locks is not None
        (row,) = locks[one.pid]
        assert row.endswith(f":{path.stat().st_ino}")
        path.unlink()
        assert OpenFile(number=mine.number, target=f"{path} (deleted)") in (
            descriptors.open_files(one.pid) or ()
        )
        one.close(path)
        assert descriptors.state(one.pid, mine.number) is None


@linux
def test_a_process_is_told_from_its_parent_and_its_words() -> None:
    with standing_in("node") as one:
        child = one.start("codex", "app-server")
        assert descriptors.parent(child) == one.pid
        words = descriptors.command(child)
        assert words is not None
        assert (words[0], words[-1]) == ("codex", "app-server")
    for answer in (descriptors.parent, descriptors.command, descriptors.open_files):
        assert answer(child) is None


def test_where_there_is_no_proc_nothing_is_told(tmp_path: Path) -> None:
    proc = str(tmp_path / "none")
    pid = os.getpid()
    assert descriptors.open_files(pid, proc) is None
    assert descriptors.state(pid, 1, proc) is None
    assert descriptors.flocks(proc) is None
    assert descriptors.command(pid, proc) is None
    assert descriptors.parent(pid, proc) is None


def test_too_many_files_are_not_looked_at(tmp_path: Path) -> None:
    folder = tmp_path / "7/fd"
    folder.mkdir(parents=True)
    for number in range(4097):
        (folder / str(number)).symlink_to("/dev/null")
    found = descriptors.open_files(7, str(tmp_path))
    assert isinstance(found, Unknown)
    assert "4097" in found.why


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=80)
@given(
    data=st.binary(max_size=300)
    | st.lists(
        st.sampled_from(
            [b"pos:", b"\t12", b"\n", b"flags:\t0102001", b"lock:\t1: FLOCK", b" ", b")", b"7"]
        )
    ).map(b"".join)
)
def test_no_bytes_raise(tmp_path: Path, data: bytes) -> None:
    for name in ("locks", "7/fdinfo/3", "7/cmdline", "7/stat"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    proc = str(tmp_path)
    descriptors.flocks(proc)
    descriptors.state(7, 3, proc)
    descriptors.command(7, proc)
    descriptors.parent(7, proc)
