"""The process table, read once for everybody who asks in one look."""

from __future__ import annotations

import contextlib
import functools
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import TypeVar

import psutil

from kanban_worker import procfs, recognise
from kanban_worker.agents.shape import ENVIRONMENT, MARKERS, Member
from reconcile.observed import Process

T = TypeVar("T")


class Table:
    """The processes of this host, as of the first question. What is read of one is kept.

    psutil reads a process's start again at each question, to be sure that its pid was not reused;
    with some thousands of them that is most of a look. So who is whose child comes from `/proc`
    itself where there is one, and all else is asked once.
    """

    def __init__(self) -> None:
        """Nothing is read yet, and where nobody asks nothing will be."""
        self._got: dict[int, psutil.Process] = {}
        self._words: dict[int, list[str]] = {}
        self._seen: dict[int, Process] = {}
        self._members: dict[int, Member] = {}
        self._environs: dict[int, Mapping[str, str]] = {}

    @functools.cached_property
    def parents(self) -> Mapping[int, int]:
        """The parent's pid of every process that this user may see, by its own."""
        return dict(_rows())

    @functools.cached_property
    def _children(self) -> Mapping[int, Sequence[int]]:
        found: dict[int, list[int]] = {}
        for pid, parent in self.parents.items():
            found.setdefault(parent, []).append(pid)
        return found

    def get(self, pid: int) -> psutil.Process:
        """The process with a pid. Raises psutil.Error when it has just ended."""
        found = self._got.get(pid)
        if found is None:
            found = self._got[pid] = psutil.Process(pid)
        return found

    def below(self, pid: int) -> Iterator[psutil.Process]:
        """A process and all its descendants, the nearest first; not those that have just ended."""
        queue, known = [pid], {pid}
        for each in queue:
            with contextlib.suppress(psutil.Error):
                yield self.get(each)
            # Of a table that was not read in one moment, two may be each other's children.
            more = [child for child in self._children.get(each, ()) if child not in known]
            queue += more
            known.update(more)

    def above(self, pid: int) -> Iterator[int]:
        """The pids of a process's ancestors, the nearest first."""
        passed = {pid}
        while (pid := self.parents.get(pid, 0)) and pid not in passed:
            passed.add(pid)
            yield pid

    def words(self, pid: int) -> list[str]:
        """The command line; empty where it may not be read. Raises psutil.Error."""
        if pid not in self._words:
            self._words[pid] = words(self.get(pid))
        return self._words[pid]

    def seen(self, pid: int) -> Process:
        """What is told of a process. Raises psutil.Error."""
        if pid not in self._seen:
            self._seen[pid] = seen(self.get(pid), self.words(pid))
        return self._seen[pid]

    def member(self, pid: int) -> Member:
        """A process as one of an agent's family. Raises psutil.Error."""
        if pid not in self._members:
            began = datetime.fromtimestamp(self.get(pid).create_time(), UTC)
            ticks = procfs.start_ticks(pid)
            self._members[pid] = Member(pid=pid, started_at=began, start_ticks=ticks)
        return self._members[pid]

    def environ(self, pid: int) -> Mapping[str, str]:
        """Those of its variables that matter here, as it was started. Raises psutil.Error."""
        if pid not in self._environs:
            nothing: dict[str, str] = {}
            every = readable(self.get(pid).environ, nothing)
            matter = (*ENVIRONMENT, *MARKERS)
            self._environs[pid] = {name: every[name] for name in matter if name in every}
        return self._environs[pid]

    def kind(self, pid: int, wanted: str | None = None) -> str | None:
        """The kind of agent that a process is, if any. Raises psutil.Error."""
        argv = self.words(pid)
        bare = bool(argv) and recognise.VERSION.fullmatch(PurePosixPath(argv[0]).name)
        name = "" if argv else self.get(pid).name()
        exe = readable(self.get(pid).exe, "") if bare else ""
        return recognise.kind_of(argv, name=name, exe=exe, wanted=wanted)


def words(found: psutil.Process) -> list[str]:
    """A command line; empty where it may not be read. Raises psutil.Error."""
    nothing: list[str] = []
    return readable(found.cmdline, nothing)


def seen(found: psutil.Process, argv: Sequence[str]) -> Process:
    """What is told of a process with these words. Raises psutil.Error."""
    return Process(
        pid=found.pid,
        started_at=datetime.fromtimestamp(found.create_time(), UTC),
        command=PurePosixPath(argv[0]).name if argv else found.name(),
        cwd=readable(found.cwd, ""),
        start=procfs.start_ticks(found.pid) or str(found.create_time()),
    )


def readable(read: Callable[[], T], otherwise: T) -> T:
    """One attribute of a process; another user's processes hide some of theirs.

    A zombie raises psutil.NoSuchProcess: it only waits for its parent to notice, as a killed
    tmux server may for seconds.
    """
    try:
        return read()
    except (psutil.AccessDenied, OSError):
        return otherwise


def _rows() -> Iterator[tuple[int, int]]:
    linux = sys.platform == "linux"
    for pid in psutil.pids():
        with contextlib.suppress(psutil.Error):
            parent = procfs.parent(pid) if linux else psutil.Process(pid).ppid()
            if parent is not None:  # it has ended since
                yield pid, parent
