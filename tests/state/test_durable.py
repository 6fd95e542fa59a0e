"""Files are whole or not there, private, and each failure says what to do."""

from __future__ import annotations

import errno
import os
import subprocess
from pathlib import Path

import pytest

from state import durable


def test_folders_are_made_for_the_owner_alone_with_all_their_parents(tmp_path: Path) -> None:
    durable.private_folder(tmp_path / "a" / "b")
    durable.private_folder(tmp_path / "a" / "b")
    for folder in (tmp_path / "a", tmp_path / "a" / "b"):
        assert folder.stat().st_mode & 0o777 == 0o700


def test_a_folder_that_was_there_keeps_its_mode(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir(mode=0o755)
    durable.private_folder(tmp_path / "a" / "b")
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o755


def test_a_replacement_that_fails_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    durable.replace(path, b"old")

    def full(_file: int) -> None:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="full"):
        durable.replace(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_killed_process_left_is_cleared_away(tmp_path: Path) -> None:
    path = tmp_path / "file"
    (tmp_path / f".file.{os.getpid()}.tmp").write_bytes(b"torn")
    durable.replace(path, b"new")
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_so_is_what_other_killed_processes_left_but_not_what_another_is_writing(
    tmp_path: Path,
) -> None:
    path = tmp_path / "file"
    with subprocess.Popen(["true"]) as ended:
        pass
    for name in (ended.pid, os.getppid(), "x"):
        (tmp_path / f".file.{name}.tmp").touch()
    durable.replace(path, b"new")
    others = {f".file.{os.getppid()}.tmp", ".file.x.tmp"}
    assert {each.name for each in tmp_path.iterdir()} == {"file", *others}


def test_a_file_is_created_only_where_there_is_none(tmp_path: Path) -> None:
    path = tmp_path / "file"
    durable.create(path, b"first")
    with pytest.raises(FileExistsError):
        durable.create(path, b"second")
    assert path.read_bytes() == b"first"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("there", "after"), [(b"", b"x\n"), (b"a\n", b"a\nx\n"), (b"a", b"a\nx\n")]
)
def test_an_appended_line_stands_alone_even_behind_a_torn_one(
    tmp_path: Path, there: bytes, after: bytes
) -> None:
    path = tmp_path / "file"
    path.write_bytes(there)
    durable.append(path, b"x")
    assert path.read_bytes() == after


@pytest.mark.parametrize("there", [b"", b"a\n", b"a"])
@pytest.mark.parametrize("error", [OSError(errno.EIO, "broken"), KeyboardInterrupt()])
def test_an_append_that_fails_leaves_the_file_as_it_was(
    tmp_path: Path, there: bytes, error: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    path.write_bytes(there)

    def fsync(_: int) -> None:
        raise error

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(type(error)):
        durable.append(path, b"x")
    assert path.read_bytes() == there


def test_an_append_that_fails_takes_back_nothing_of_anothers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"

    def fsync(_: int) -> None:
        with path.open("ab") as other:
            other.write(b"theirs\n")
        raise OSError(errno.EIO, "broken")

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(OSError, match="broken"):
        durable.append(path, b"x")
    assert path.read_bytes() == b"x\ntheirs\n"


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.ENOSPC, "X: the disk is full. Free some space, then try again"),
        (errno.EROFS, "X: the disk is mounted read-only. Mount it writable, then try again"),
        (
            errno.EACCES,
            "X: permission denied. Look at the owner and mode of the file and its folder",
        ),
        (errno.EMFILE, "X: Too many open files"),
    ],
)
def test_each_failure_says_what_to_do(number: int, said: str) -> None:
    message = str(durable.could_not("X", OSError(number, os.strerror(number))))
    assert message.startswith(said)
    assert message.endswith("then try again")
