"""When something was last written to a transcript: the newest time of any of its lines."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime

from kanban_worker.agents import files, lines


@dataclass(frozen=True, slots=True, kw_only=True)
class Newest:
    """The newest time that was found in a file."""

    at: datetime | None
    """None where no line within the bound has one."""
    mark: files.Mark
    """How far it was read."""


def newest(path: str, status: os.stat_result, before: Newest | None) -> Newest:
    """Look at what was added, else backwards from the end until a line has a time.

    A pasted block, a line of 10 MB or the NULs of a crash may stand at the end: the steps grow
    up to `files.WIDE`, which takes some 20 ms, and is paid once per change.

    Raises:
        OSError: the file cannot be read.
    """
    more = None if before is None else files.added(path, status, before.mark)
    if before is not None and more is not None:
        times = (before.at, _newest(more[0]))
        return Newest(at=max(filter(None, times), default=None), mark=more[1])
    limit = files.BLOCK
    while True:
        found, mark = files.ending(path, status, limit)
        at = _newest(found)
        if at is not None or limit >= min(files.WIDE, status.st_size):
            return Newest(at=at, mark=mark)
        limit *= 16


def _newest(data: bytes) -> datetime | None:
    """Return the newest time of the last lines, as they are not in order; else the last one's."""
    near = data[-files.BLOCK :].split(b"\n")
    return lines.newest(near if len(data) <= files.BLOCK else near[1:]) or lines.last_time(data)
