"""Files that survive a crash: private folders, atomic replacement, healing appends.

Functions here raise OSError; `could_not` turns it into the error a person sees.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from state.errors import CouldNot

PRIVATE_FOLDER: Final = 0o700
PRIVATE_FILE: Final = 0o600

_NEW: Final = os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_TRIES: Final = 100

_REASONS: Final = {
    errno.ENOSPC: ("the disk is full", "Free some space"),
    errno.EDQUOT: ("the disk quota is used up", "Free some space"),
    errno.EFBIG: ("the limit on file size is reached", "Raise it (ulimit -f)"),
    errno.EROFS: ("the disk is mounted read-only", "Mount it writable"),
    errno.EACCES: ("permission denied", "Look at the owner and mode of the file and its folder"),
    errno.EPERM: ("not permitted", "Look at the owner and mode of the file and its folder"),
    errno.ELOOP: ("it is a symlink", "Put a file of its own there"),
    errno.EIO: ("the disk reports an error", "Look at the system's log"),
}


def could_not(what: str, error: OSError) -> CouldNot:
    """`what` is a clause such as `journal /x could not be written`."""
    reason, todo = _REASONS.get(error.errno or 0, (error.strerror or str(error), ""))
    return CouldNot(f"{what}: {reason}. {todo or 'Mend that'}, then try again")


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose a file is that is created: with `sudo`, not root's but the registry's owner's.

    Only what is new is given to them, and before anything is in it. What exists is never given
    away: it may be another's, put there for that very purpose.
    """

    uid: int
    gid: int

    def take(self, file: int) -> None:
        """Make the open file theirs, as far as this user may."""
        info = os.fstat(file)
        if (info.st_uid, info.st_gid) != (self.uid, self.gid):
            with contextlib.suppress(PermissionError):
                os.fchown(file, self.uid, self.gid)


def owner_of(path: Path) -> Owner | None:
    """Whose a file is, or where it is missing, the folder it would be in. None: cannot be told."""
    for each in (path, *path.parents):
        try:
            info = each.stat()
        except FileNotFoundError:
            continue
        except OSError:
            return None
        return Owner(info.st_uid, info.st_gid)
    return None


def private_folder(path: Path, owner: Owner | None = None) -> None:
    """Make a folder and all its missing parents, each for the owner alone."""
    if path.is_dir():
        return
    private_folder(path.parent, owner)
    with contextlib.suppress(FileExistsError):
        path.mkdir(mode=PRIVATE_FOLDER)
        if owner is not None:
            _give_folder(path, owner)


def _give_folder(path: Path, owner: Owner) -> None:
    """Make a folder theirs that was just made, if it is still that one."""
    file = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        mine = os.fstat(file).st_uid == os.geteuid()
        if mine and not os.listdir(file):  # noqa: PTH208 - of the open folder, not of a path
            owner.take(file)
    finally:
        os.close(file)


def replace(
    path: Path, data: bytes, owner: Owner | None = None, *, mode: int = PRIVATE_FILE
) -> None:
    """Put `data` at `path`, whole or not at all; readable for the owner alone, if not said."""
    private_folder(path.parent, owner)
    temporary = temporary_for(path)
    try:
        write_new(temporary, data, mode, owner)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def write_new(path: Path, data: bytes, mode: int, owner: Owner | None = None) -> None:
    """Create `path` with `data` on disk. A file left there by a crash is removed first."""
    path.unlink(missing_ok=True)
    file = os.open(path, os.O_WRONLY | _NEW, PRIVATE_FILE)
    try:
        if owner is not None:
            owner.take(file)
        os.fchmod(file, mode)  # Behind it: a new owner may clear bits.
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


def create(path: Path, data: bytes, owner: Owner | None = None) -> None:
    """Put `data` at a new `path`. Raises FileExistsError when there is something already."""
    private_folder(path.parent, owner)
    temporary = temporary_for(path)
    try:
        write_new(temporary, data, PRIVATE_FILE, owner)
        path.hardlink_to(temporary)  # Unlike a rename it never overwrites.
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)


def open_or_create(path: Path, flags: int, owner: Owner | None = None) -> int:
    """A file for reading and writing, made where there is none; never through a symlink.

    Raises OSError, also for what is no regular file.
    """
    for _ in range(_TRIES):
        with contextlib.suppress(FileNotFoundError):
            file = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | flags)
            return _regular(file, path)
        with contextlib.suppress(FileExistsError):
            file = os.open(path, os.O_RDWR | _NEW | flags, PRIVATE_FILE)
            if owner is not None:
                owner.take(file)
            return file
    raise FileExistsError(errno.EEXIST, "it comes and goes", str(path))


def read(path: Path, most: int) -> bytes:
    """The first `most` bytes of a regular file. Raises OSError; never waits for a writer."""
    with opened(path) as file:
        return file.read(most)


def opened(path: Path) -> IO[bytes]:
    """A regular file for reading. Raises OSError; never waits for a writer."""
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
    return os.fdopen(_regular(os.open(path, flags), path), "rb")


def _regular(file: int, path: Path) -> int:
    if stat.S_ISREG(os.fstat(file).st_mode):
        return file
    os.close(file)
    raise OSError(errno.EINVAL, "it is not a regular file", str(path))


def append(path: Path, line: bytes, owner: Owner | None = None) -> None:
    """Append one line, on disk when this returns. A torn last line is ended first.

    Where that fails, the file is as it was, unless somebody else has written to it as well.
    """
    private_folder(path.parent, owner)
    file = open_or_create(path, os.O_APPEND, owner)
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
