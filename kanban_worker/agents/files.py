"""Bounded reads of files that somebody else writes.

Paths are plain strings here: a quiet tick is a few hundred `os.stat` calls, and a `Path`
costs more than the call.
"""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from reconcile.observed import Unknown

BLOCK = 64 * 1024
LIMIT = 1024 * 1024
"""No more than this is read of either end of a file, unless it is one long line."""
WIDE = 16 * 1024 * 1024
"""No more than this is read of any file: a line with a pasted image has 10 MB and more."""
_JOINT = 64

_ADVICE = {
    errno.EACCES: "let this user read it",
    errno.EPERM: "let this user read it",
    errno.ENOENT: "mount or restore it",
    errno.ENOTDIR: "a folder is needed where a file is",
    errno.EISDIR: "a file is needed where a folder is",
    errno.ELOOP: "mend the loop of symbolic links",
}


class NotRegularError(OSError):
    """What should be a file is a pipe, a socket or a device: opening it could block."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One end of a file, cut into lines."""

    lines: tuple[bytes, ...]
    """Whole lines, without their newlines. The last one of a file may be torn."""
    cut: bytes
    """What was read of the one line that goes on beyond the bound; at most one exists."""
    whole: bool
    """Whether the file has nothing beyond this part."""


def refusal(path: str, error: OSError) -> Unknown:
    """Say that a path could not be looked at, why, and what to do."""
    reason = error.strerror or str(error) or type(error).__name__
    advice = _ADVICE.get(error.errno or 0, "look at it by hand")
    return Unknown(f"cannot read {path}: {reason} ({advice})")


def real_path(path: str) -> str:
    """Resolve `~` and symlinks; a text that can be no path is returned as it is."""
    try:
        return os.path.realpath(os.path.expanduser(path))
    except (OSError, ValueError):
        return path


def is_path(text: str) -> bool:
    """Whether a text can be a path at all: a NUL or half of a surrogate pair cannot."""
    try:
        return b"\0" not in os.fsencode(text)
    except UnicodeEncodeError:
        return False


def modified(status: os.stat_result) -> datetime:
    """Return when a file was last modified; 1970 where that is in no calendar."""
    try:
        return datetime.fromtimestamp(max(0.0, status.st_mtime), UTC)
    except (ValueError, OverflowError, OSError):
        return datetime.fromtimestamp(0, UTC)


def folder(path: str) -> Path | Unknown | None:
    """Return a folder that is there; None if there is certainly none."""
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError as error:
        # A link that leads nowhere is a disk that is not mounted, not an absent folder.
        return refusal(path, error) if os.path.islink(path) else None
    except OSError as error:
        return refusal(path, error)
    if stat.S_ISDIR(mode):
        return Path(path)
    return refusal(path, NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR)))


def content(path: str, limit: int = LIMIT) -> bytes:
    """Read a small file whole; of a longer one, `limit` bytes.

    Raises:
        OSError: the path is not there, cannot be read, or is no regular file.
    """
    descriptor = _open(path)
    try:
        return _read(descriptor, 0, limit)
    finally:
        os.close(descriptor)


def content_of_proc(path: str, limit: int = LIMIT) -> bytes:
    """Read a file of the kernel's, at most `limit` bytes: those have no size, and no offsets.

    Raises:
        OSError: the path is not there, or cannot be read.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    parts: list[bytes] = []
    try:
        while limit > 0 and (data := os.read(descriptor, min(limit, BLOCK))):
            parts.append(data)
            limit -= len(data)
    finally:
        os.close(descriptor)
    return b"".join(parts)


def head(path: str, limit: int = BLOCK) -> Part:
    """Read the first `limit` bytes and cut them into lines.

    Raises:
        OSError: the path is not there, cannot be read, or is no regular file.
    """
    data = content(path, limit + 1)
    whole = len(data) <= limit
    lines = data[:limit].split(b"\n")
    cut = b"" if whole else lines.pop()
    return Part(lines=tuple(lines), cut=cut, whole=whole)


def tail(path: str, limit: int = BLOCK) -> Part:
    """Read the last `limit` bytes and cut them into lines.

    Raises:
        OSError: the path is not there, cannot be read, or is no regular file.
    """
    descriptor = _open(path)
    try:
        offset = max(0, os.fstat(descriptor).st_size - limit)
        data = _read(descriptor, offset, limit)
    finally:
        os.close(descriptor)
    lines = data.split(b"\n")
    cut = lines.pop(0) if offset else b""
    return Part(lines=tuple(lines), cut=cut, whole=not offset)


def before(path: str, position: int, limit: int = BLOCK) -> bytes:
    """Read the `limit` bytes that end at a position of a file.

    Raises:
        OSError: the path is not there, cannot be read, or is no regular file.
    """
    descriptor = _open(path)
    try:
        offset = max(0, position - limit)
        return _read(descriptor, offset, position - offset)
    finally:
        os.close(descriptor)


def tail_with_a_line(path: str) -> Part:
    """Read the tail, farther back while it holds no complete line (a pasted image has MBs).

    Raises:
        OSError: the path is not there, cannot be read, or is no regular file.
    """
    part = tail(path)
    limit = BLOCK
    while limit < LIMIT and not part.whole and not any(part.lines):
        limit *= 4
        part = tail(path, limit)
    return part


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """How far a file that grows was read."""

    inode: int
    end: int
    """Where the first line begins that was not read as a whole."""
    joint: bytes
    """The bytes before: where they differ, it is not the file that was read."""


def ending(path: str, status: os.stat_result, limit: int = WIDE) -> tuple[bytes, Mark]:
    """Read the whole lines of the last `limit` bytes, and what stands behind the last newline.

    Raises:
        OSError: the path is not there, cannot be read, or is no regular file.
    """
    start = max(0, status.st_size - limit)
    data = _between(path, start, status.st_size)
    first = data.find(b"\n") + 1 if start else 0
    if start and not first:
        return b"", _mark(status, start, data, len(data))
    return data[first:], _mark(status, start, data, data.rfind(b"\n") + 1)


def added(path: str, status: os.stat_result, mark: Mark) -> tuple[bytes, Mark] | None:
    """Read what came behind a mark; None where the file is another one, shrank or grew too far.

    Raises:
        OSError: the path is not there, cannot be read, or is no regular file.
    """
    if mark.inode != status.st_ino or not mark.end <= status.st_size <= mark.end + WIDE:
        return None
    start = mark.end - len(mark.joint)
    data = _between(path, start, status.st_size)
    if not data.startswith(mark.joint):
        return None
    end = max(len(mark.joint), data.rfind(b"\n") + 1)
    return data[len(mark.joint) :], _mark(status, start, data, end)


def _mark(status: os.stat_result, start: int, data: bytes, end: int) -> Mark:
    return Mark(inode=status.st_ino, end=start + end, joint=data[max(0, end - _JOINT) : end])


def _between(path: str, start: int, end: int) -> bytes:
    descriptor = _open(path)
    try:
        return _read(descriptor, start, end - start)
    finally:
        os.close(descriptor)


def _open(path: str) -> int:
    # O_NONBLOCK: to open a pipe that nobody writes to would wait for ever.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return descriptor
    os.close(descriptor)
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    raise NotRegularError(errno.EINVAL, "not a regular file", path)


def _read(descriptor: int, offset: int, limit: int) -> bytes:
    """Read up to `limit` bytes; one `pread` may return fewer than asked for."""
    parts: list[bytes] = []
    while limit > 0 and (data := os.pread(descriptor, limit, offset)):
        parts.append(data)
        offset += len(data)
        limit -= len(data)
    return parts[0] if len(parts) == 1 else b"".join(parts)
