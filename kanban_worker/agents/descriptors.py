"""What Linux tells in `/proc` of a process's open files and locks. Elsewhere nobody tells.

Where there is no `/proc`, or a process is over, the answer is None: a witness less. Where it is
another user's, the answer is `Unknown`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from kanban_worker.agents import files
from reconcile.observed import Unknown

PROC = "/proc"

_MANY = 4096
"""No agent has as many files open; a process that has is not looked into."""
_FIELDS = 6
_PARENT = 1
"""Field 4 of `stat`, counted behind the command."""
_WRITING = os.O_WRONLY | os.O_RDWR


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenFile:
    """One descriptor of a process."""

    number: int
    target: str
    """Its real path, as the kernel says it: a deleted file's ends in ` (deleted)`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What the kernel knows of one descriptor."""

    position: int
    """Where the next read or write would begin; behind an appended write, the file's end then."""
    writable: bool
    locked: bool
    """Whether a `flock` is held through it. A process that only inherited it holds it too."""


def open_files(pid: int, proc: str = PROC) -> tuple[OpenFile, ...] | Unknown | None:
    """Return the descriptors of a process, those that it closes meanwhile left out."""
    folder = f"{proc}/{pid}/fd"
    try:
        numbers = os.listdir(folder)
    except (FileNotFoundError, ProcessLookupError, NotADirectoryError):
        return None
    except OSError as error:
        return files.refusal(folder, error)
    if len(numbers) > _MANY:
        return Unknown(f"process {pid} has {len(numbers)} files open: too many to look at")
    found: list[OpenFile] = []
    for number in numbers:
        target = readlink(pid, number, proc)
        if target is not None and number.isdecimal():
            found.append(OpenFile(number=int(number), target=target))
    return tuple(found)


def readlink(pid: int, number: int | str, proc: str = PROC) -> str | None:
    """Return what a descriptor leads to now; None if it is closed or may not be seen."""
    try:
        return os.readlink(f"{proc}/{pid}/fd/{number}")
    except OSError:
        return None


def state(pid: int, number: int, proc: str = PROC) -> State | None:
    """Return a descriptor's state; None if it is closed or may not be seen."""
    try:
        text = files.content_of_proc(f"{proc}/{pid}/fdinfo/{number}").decode(errors="replace")
    except OSError:
        return None
    fields = [row.partition(":")[::2] for row in text.splitlines()]
    values = {name: value.strip() for name, value in fields}
    position, flags = values.get("pos", ""), values.get("flags", "")
    if not position.isdecimal():
        return None
    octal = bool(flags) and set(flags) <= set("01234567")
    return State(
        position=int(position),
        writable=octal and bool(int(flags, 8) & _WRITING),
        locked=any(name == "lock" and " FLOCK " in f" {value} " for name, value in fields),
    )


def flocks(proc: str = PROC) -> Mapping[int, frozenset[str]] | Unknown | None:
    """Return the files, by device and inode, that each process has locked with `flock`.

    Rows read `3: FLOCK  ADVISORY  WRITE 812 08:01:1311 0 EOF`. On btrfs and overlay the device
    is not the one that a `stat` tells.
    """
    path = f"{proc}/locks"
    try:
        data = files.content_of_proc(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        return files.refusal(path, error)
    if len(data) >= files.LIMIT:
        return Unknown(f"{path} is too long to be read whole")
    found: dict[int, frozenset[str]] = {}
    for row in data.decode(errors="replace").splitlines():
        # Who only waits for a lock stands behind an arrow: `3: -> FLOCK …`.
        fields = row.split()
        if len(fields) >= _FIELDS and fields[1] == "FLOCK" and fields[4].isdecimal():
            pid = int(fields[4])
            found[pid] = found.get(pid, frozenset()) | {fields[5]}
    return found


def command(pid: int, proc: str = PROC) -> tuple[str, ...] | None:
    """Return a process's arguments; None if they cannot be read."""
    try:
        data = files.content_of_proc(f"{proc}/{pid}/cmdline")
    except OSError:
        return None
    return tuple(word.decode(errors="surrogateescape") for word in data.split(b"\0")[:-1])


def parent(pid: int, proc: str = PROC) -> int | None:
    """Return the pid of a process's parent; None if it cannot be read."""
    try:
        data = files.content_of_proc(f"{proc}/{pid}/stat")
    except OSError:
        return None
    # The command may itself hold spaces and brackets.
    fields = data.rpartition(b")")[2].split()
    if len(fields) <= _PARENT or not fields[_PARENT].isdigit():
        return None
    return int(fields[_PARENT])
