"""Who holds agy's presence locks. The files survive: only a held one says anything."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

from kanban_worker.agents import descriptors
from reconcile.observed import ConversationId, Unknown

Held = Mapping[int, frozenset[ConversationId]]


def holders(
    locks: Mapping[str, ConversationId], pids: Iterable[int], proc: str = "/proc"
) -> Held | Unknown:
    """Return what each process holds of these lock files, given by real path.

    Off Linux nobody can tell: the answer is nothing, as if there were no locks.
    """
    held = descriptors.flocks(proc)
    if held is None or isinstance(held, Unknown):
        return held or {}
    named = {_identity(path): conversation for path, conversation in locks.items()}
    pairs = [(pid, named[row]) for pid, rows in held.items() for row in rows if row in named]
    locked = {pid for pid, _ in pairs}
    # On btrfs and overlay a file's device is not the one in /proc/locks.
    for pid in set(pids) - locked:
        opened = descriptors.open_files(pid, proc)
        if isinstance(opened, tuple):
            pairs += [(pid, locks[one.target]) for one in opened if one.target in locks]
    found: dict[int, frozenset[ConversationId]] = {}
    for pid, conversation in pairs:
        found[pid] = found.get(pid, frozenset()) | {conversation}
    return found


def _identity(path: str) -> str:
    try:
        status = os.stat(path)
    except OSError:
        return ""
    device = status.st_dev
    return f"{os.major(device):02x}:{os.minor(device):02x}:{status.st_ino}"
