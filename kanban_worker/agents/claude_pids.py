"""`sessions/<pid>.json`: what a running Claude Code (2.1.75 and later) says of itself."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from kanban_worker import procfs
from kanban_worker.agents import claude_version, files, ids, lines, pick
from kanban_worker.agents.kept import Folder, Kept
from kanban_worker.agents.shape import Member
from reconcile.observed import ConversationId, Unknown

_UNTIL_NS = 60 * 10**9
"""A process writes its file within seconds of its start (9 s at most were seen)."""
_NAME = re.compile(r"(?:pid-)?(\d{1,10})\.json")
_LIMIT = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class PidFile:
    """What one pid file says."""

    pid: int | None
    id: ConversationId
    cwd: str | None
    started: datetime | None
    ticks: str | None
    """`procStart` on Linux; the date that macOS has there is not used."""
    follows_clear: bool
    """Whether the id is the present one, not only the one at the start."""
    renamed: bool
    """Whether something else than an id may have been written last (2.1.112: `/rename`)."""
    interactive: bool
    headless: bool
    """Whether `claude -p` wrote it, which calls itself interactive (2.1.112 to 2.1.330)."""
    version: claude_version.Version
    foreign: bool
    """Whether it was written in another pid namespace, where the pid means something else."""
    status: str | None
    status_at: datetime | None
    written: datetime


class PidFiles:
    """The pid files of one configuration folder."""

    __slots__ = ("_files", "_folder", "_kept", "_names", "blind")

    def __init__(self, config: str) -> None:
        """Nothing is read before `look`."""
        self._folder = Folder(f"{config}/sessions")
        self._names: frozenset[str] | Unknown | None = None
        self._files: dict[int, str] = {}
        self._kept: Kept[PidFile | None] = Kept(_read)
        self.blind: Unknown | None = None
        """Why the folder could not be listed, if it could not."""

    def look(self) -> None:
        """See which pids have a file now. Once a tick."""
        names = self._folder.names()
        if names is self._names:
            return
        self._names = names
        self.blind = names if isinstance(names, Unknown) else None
        listed = names if isinstance(names, frozenset) else ()
        # `pid-<n>.json` is the older form: sorted, so that the newer one wins.
        named = ((name, _NAME.fullmatch(name)) for name in sorted(listed, reverse=True))
        self._files = {
            int(match[1]): f"{self._folder.path}/{name}" for name, match in named if match
        }

    def of(self, family: Sequence[Member]) -> PidFile | Unknown | None:
        """Return the file that one of these processes certainly wrote itself."""
        second: PidFile | Unknown | None = self.blind
        for at, member in enumerate(family):
            path = self._files.get(member.pid)
            found = None if path is None else self._proven(path, member)
            if at and isinstance(found, PidFile) and found.headless:
                continue  # a run that the agent itself has started
            if isinstance(found, PidFile) and found.interactive:
                return found
            second = second or found
        return second

    def every(self) -> Iterator[PidFile]:
        """Return all that can be read: a killed process leaves its own."""
        found = map(self._kept.get, self._files.values())
        return (each for each in found if isinstance(each, PidFile) and not each.foreign)

    def living(self) -> Iterator[tuple[int, PidFile]]:
        """Return the files of living processes by pid, agents in no pane included."""
        for pid, path in self._files.items():
            found = self._kept.get(path)
            if not isinstance(found, PidFile) or found.foreign:
                continue
            if procfs.may_live(pid, found.ticks):
                yield pid, found

    def _proven(self, path: str, member: Member) -> PidFile | Unknown | None:
        found = self._kept.get(path)
        if found is None:
            return self._torn(path, member)
        if isinstance(found, Unknown) or proves(found, member):
            return found
        return None

    def _torn(self, path: str, member: Member) -> Unknown | None:
        """Claude Code rewrites the file in place: half of one is no answer, not "none"."""
        try:
            written = os.stat(path).st_mtime_ns
        except OSError:
            return None
        if written < pick.nanoseconds(member.started_at) - pick.SLACK_NS:
            return None
        return Unknown(f"{path} names no session: it is being rewritten, or is damaged")


def proves(found: PidFile, member: Member) -> bool:
    """Whether this process wrote the file, and not an earlier one with the same pid.

    A file stays after kill -9 (2.1.329: for 10 s and more, its status still "idle").
    """
    if found.foreign or found.pid not in {None, member.pid}:
        return False
    if found.ticks is not None and member.start_ticks is not None:
        return found.ticks == member.start_ticks
    began_ns = pick.nanoseconds(member.started_at) - pick.SLACK_NS
    if found.started is None:
        return pick.nanoseconds(found.written) >= began_ns
    # 2.1.112 names no namespace: another container's process may have the pid, not the start.
    return began_ns <= pick.nanoseconds(found.started) <= began_ns + _UNTIL_NS


def _read(path: str, status: os.stat_result, before: PidFile | None) -> PidFile | None:
    del before
    entry = lines.record(files.content(path, _LIMIT))
    named = ids.uuid(entry.get("sessionId")) or ids.uuid(entry.get("session_id"))
    return _parse(entry, named, status) if named is not None else None


def _parse(entry: Mapping[str, object], named: ConversationId, status: os.stat_result) -> PidFile:
    ticks = lines.text(entry.get("procStart"), 20)
    domain = lines.text(entry.get("pidDomain")) or ""
    here = _namespace()
    version = claude_version.parsed(entry.get("version"))
    return PidFile(
        pid=lines.integer(entry.get("pid")),
        id=named,
        cwd=lines.text(entry.get("cwd")),
        started=lines.moment_of_ms(entry.get("startedAt")),
        ticks=ticks if ticks is not None and ticks.isdecimal() else None,
        follows_clear=version >= claude_version.FOLLOWS_CLEAR,
        renamed="name" in entry or "bridgeSessionId" in entry,
        interactive=entry.get("kind", "interactive") == "interactive",
        headless=lines.word(entry.get("entrypoint")) == "sdk-cli",
        version=version,
        foreign=":pid:[" in domain and here is not None and not domain.endswith(f":{here}"),
        status=lines.text(entry.get("status"), 40),
        status_at=lines.moment_of_ms(entry.get("statusUpdatedAt")),
        written=files.modified(status),
    )


@cache
def _namespace() -> str | None:
    """Return this process's pid namespace as `pid:[4026531836]`; None off Linux."""
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:
        return None
