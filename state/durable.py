"""Files that survive a crash: private folders, atomic replacement, healing appends.

Functions here raise OSError; `could_not` turns it into the error a person sees.
"""

from __future__ import annotations

import contextlib
import errno
import os
from pathlib import Path
from typing import Final

from state.errors import CouldNot

PRIVATE_FOLDER: Final = 0o700
PRIVATE_FILE: Final = 0o600

_REASONS: Final = {
    errno.ENOSPC: ("the disk is full", "Free some space"),
    errno.EDQUOT: ("the disk quota is used up", "Free some space"),
    errno.EFBIG: ("the limit on file size is reached", "Raise it (ulimit -f)"),
    errno.EROFS: ("the disk is mounted read-only", "Mount it writable"),
    errno.EACCES: ("permission denied", "Look at the owner and mode of the file and its folder"),
    errno.EPERM: ("not permitted", "Look at the owner and mode of the file and its folder"),
    errno.EIO: ("the disk reports an error", "Look at the system's log"),
}


def could_not(what: str, error: OSError) -> CouldNot:
    """`what` is a clause such as `journal /x could not be written`."""
    reason, todo = _REASONS.get(error.errno or 0, (error.strerror or str(error), ""))
    return CouldNot(f"{what}: {reason}. {todo or 'Mend that'}, then try again")


def private_folder(path: Path) -> None:
    """Make a folder and all its missing parents, each for the owner alone."""
    if path.is_dir():
        return
    private_folder(path.parent)
    with contextlib.suppress(FileExistsError):
        path.mkdir(mode=PRIVATE_FOLDER)


def replace(path: Path, data: bytes) -> None:
    """Put `data` at `path`, whole or not at all, readable for the owner alone."""
    private_folder(path.parent)
    temporary = temporary_for(path)
    try:
        write_new(temporary, data, PRIVATE_FILE)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def write_new(path: Path, data: bytes, mode: int) -> None:
    """Create `path` with `data` on disk. A file left there by a crash is removed first."""
    path.unlink(missing_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    file = os.open(path, flags, PRIVATE_FILE)
    try:
        os.fchmod(file, mode)
        _write_all(file, data)
        os.fsync(file)
    finally:
        os.close(file)


def temporary_for(path: Path) -> Path:
    """Where this process writes what is to take the place of `path`.

    What killed processes left there is cleared away.
    """
    begin, end = f".{path.name}.", ".tmp"
    with contextlib.suppress(OSError):
        for left in path.parent.iterdir():
            pid = left.name.removeprefix(begin).removesuffix(end)
            if left.name == f"{begin}{pid}{end}" and pid.isdecimal() and not _runs(int(pid)):
                left.unlink(missing_ok=True)
    return path.with_name(f"{begin}{os.getpid()}{end}")


def create(path: Path, data: bytes) -> None:
    """Put `data` at a new `path`. Raises FileExistsError when there is something already."""
    private_folder(path.parent)
    temporary = temporary_for(path)
    try:
        write_new(temporary, data, PRIVATE_FILE)
        path.hardlink_to(temporary)  # Unlike a rename it never overwrites.
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)


def append(path: Path, line: bytes) -> None:
    """Append one line, on disk when this returns. A torn last line is ended first.

    Where that fails, the file is as it was, unless somebody else has written to it as well.
    """
    private_folder(path.parent)
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
    file = os.open(path, flags, PRIVATE_FILE)
    try:
        size = os.fstat(file).st_size
        torn = size > 0 and os.pread(file, 1, size - 1) != b"\n"
        data = (b"\n" if torn else b"") + line + b"\n"
        try:
            _write_all(file, data)
            os.fsync(file)
        except BaseException:
            _take_back(file, size, data)
            raise
    finally:
        os.close(file)


def sync_folder(path: Path) -> None:
    """Make a rename in this folder survive a power cut, where the platform lets folders sync."""
    with contextlib.suppress(OSError):  # The rename is done; a folder need not be readable.
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(file)
        finally:
            os.close(file)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):  # another user's; no pid at all
        return True
    return True


def _take_back(file: int, size: int, data: bytes) -> None:
    """Cut off what there is of `data` behind the first `size` bytes: a full disk allows that."""
    with contextlib.suppress(OSError):
        if data.startswith(os.pread(file, len(data) + 1, size)):
            os.ftruncate(file, size)


def _write_all(file: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(file, rest) :]
