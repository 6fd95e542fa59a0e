"""Who holds agy's presence locks. The files survive: only a held one says anything."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping

from kanban_worker.agents.files import LIMIT, refusal
from reconcile.observed import ConversationId, Unknown

_FIELDS = 6

Held = Mapping[int, frozenset[ConversationId]]


def holders(
    locks: Mapping[str, ConversationId], pids: Iterable[int], proc: str = "/proc"
) -> Held | Unknown:
    """Return what each process holds of these lock files, given by real path.

    Off Linux nobody can tell: the answer is nothing, as if there were no locks.
    """
    try:
        held = _flocks(f"{proc}/locks")
    except FileNotFoundError:
        return {}
    except OSError as error:
        return refusal(f"{proc}/locks", error)
    pairs = [(pid, locks[path]) for path in locks for pid in held.get(_identity(path), ())]
    locked = {pid for pid, _ in pairs}
    # On btrfs and overlay a file's device is not the one in /proc/locks.
    for pid in set(pids) - locked:
        pairs += [(pid, locks[path]) for path in _open_files(f"{proc}/{pid}/fd") if path in locks]
    found: dict[int, frozenset[ConversationId]] = {}
    for pid, conversation in pairs:
        found[pid] = found.get(pid, frozenset()) | {conversation}
    return found


def _flocks(listing: str) -> Mapping[str, tuple[int, ...]]:
    """Read rows as `3: FLOCK  ADVISORY  WRITE 812 08:01:1311 0 EOF`, by device and inode."""
    descriptor = os.open(listing, os.O_RDONLY | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as stream:
        rows = stream.read(LIMIT).decode(errors="replace").splitlines()
    found: dict[str, tuple[int, ...]] = {}
    for row in rows:
        # Who only waits for a lock stands behind an arrow: `3: -> FLOCK …`.
        fields = row.split()
        if len(fields) >= _FIELDS and fields[1] == "FLOCK" and fields[4].isdecimal():
            found[fields[5]] = (*found.get(fields[5], ()), int(fields[4]))
    return found


def _identity(path: str) -> str:
    try:
        status = os.stat(path)
    except OSError:
        return ""
    device = status.st_dev
    return f"{os.major(device):02x}:{os.minor(device):02x}:{status.st_ino}"


def _open_files(folder: str) -> Iterator[str]:
    try:
        names = os.listdir(folder)
    except OSError:
        return
    for name in names:
        try:
            yield os.readlink(f"{folder}/{name}")
        except OSError:
            continue
