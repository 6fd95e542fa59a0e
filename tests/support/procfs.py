"""What Linux tells of a process, read without the code under test."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import psutil


def words(pid: int) -> list[str]:
    """Its command line; empty when it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text("utf-8").split("\0")[:-1]
    except OSError:
        return []


def children(pid: int) -> list[int]:
    """The pids of its children; none when it has ended."""
    try:
        return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def start_ticks(pid: int) -> str:
    """Field 22 of its `stat`: clock ticks since the boot."""
    stat = Path(f"/proc/{pid}/stat").read_text("ascii")
    return stat.rpartition(")")[2].split()[22 - 3]


def started(pid: int) -> tuple[datetime, str]:
    """When it began, and its working directory."""
    at = datetime.fromtimestamp(psutil.Process(pid).create_time(), UTC)
    return at, str(Path(f"/proc/{pid}/cwd").readlink())
