"""What Linux tells of a process in `/proc`; elsewhere there is no such thing.

A hook imports this, so it imports little itself (see `commands.hook`).
"""

from __future__ import annotations

import os
from collections.abc import Sequence

_STATE, _PARENT, _TERMINAL, _START = 0, 1, 4, 19
"""Fields 3, 4, 7 and 22 of `stat`, counted behind the command."""
_STAT_LIMIT, _ARGV_LIMIT = 4096, 1024 * 1024


def start_ticks(pid: int) -> str | None:
    """When a process began, in clock ticks since the boot; None when it is not there."""
    fields = _stat(pid)
    return fields[_START] if fields else None


def parent(pid: int) -> int | None:
    """The parent's pid, 0 where this pid namespace has none; None without such a process."""
    fields = _stat(pid)
    return int(fields[_PARENT]) if fields else None


def terminal(pid: int) -> int | None:
    """The number of the controlling terminal, 0 for none; None without such a process."""
    fields = _stat(pid)
    return int(fields[_TERMINAL]) if fields else None


def name(pid: int) -> str:
    """The kernel's name for a process, at most 15 bytes; "" without such a process."""
    return _text(f"/proc/{pid}/comm", _STAT_LIMIT).rstrip("\n")


def argv(pid: int) -> list[str]:
    """The command line, cut as psutil cuts it; empty without such a process."""
    text = _text(f"/proc/{pid}/cmdline", _ARGV_LIMIT)
    if not text.endswith("\0"):  # a title that the program has set itself
        return text.rstrip(" ").split(" ") if text else []
    words = text[:-1].split("\0")
    return words[0].split(" ") if len(words) == 1 and " " in words[0] else words


def link(path: str) -> str:
    """Where a link such as `/proc/<pid>/exe` leads; "" where it cannot be read."""
    try:
        return os.readlink(path)
    except OSError:
        return ""


def boot_id() -> str:
    """What tells this boot of this host from all others; "" where the system does not say."""
    return _text("/proc/sys/kernel/random/boot_id", _STAT_LIMIT).strip()


def may_live(pid: int, ticks: str | None) -> bool:
    """Whether the process with this pid may still run that began at those ticks, if they are known.

    A zombie does not, and a later process with the same pid is another one.
    """
    fields = _stat(pid)
    if fields is None:
        return _answers(pid)
    return fields[_STATE] not in {"Z", "X"} and ticks in {None, fields[_START]}


def _stat(pid: int) -> Sequence[str] | None:
    """The fields behind the command, which may itself hold spaces and brackets."""
    fields = _text(f"/proc/{pid}/stat", _STAT_LIMIT).rpartition(")")[2].split()
    return fields if len(fields) > _START else None


def _text(path: str, limit: int) -> str:
    """The beginning of a file of `/proc`; "" where it cannot be read."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        parts: list[bytes] = []
        while limit > 0 and (data := os.read(file, limit)):
            parts.append(data)
            limit -= len(data)
    except OSError:  # it has ended since
        return ""
    finally:
        os.close(file)
    return b"".join(parts).decode("utf-8", "surrogateescape")


def _answers(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True
