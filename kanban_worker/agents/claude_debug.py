"""`debug/<id>.txt`: the log that some versions of Claude Code write of each conversation.

2.0.15, 2.0.37, 2.0.77, 2.1.9 and 2.1.42 write it without being asked, 2.1.74 does not. It names the
process: whenever a setting is saved, it says
`2026-11-20T10:00:00.123Z [DEBUG] Writing to temp file: /home/u/.claude.json.tmp.<pid>.<ms>`.
`/clear` begins a new file, whose first such line may come 155 ms later, or not before the next
setting is saved: 2.0.77 was seen to save none for a prompt and half a minute. So the file whose
newest line names a process tells what that process held at the time of the line.
"""

from __future__ import annotations

import os
import re
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from kanban_worker import procfs
from kanban_worker.agents import files, ids, lines, pick
from kanban_worker.agents.claude_projects import modified_ns
from kanban_worker.agents.kept import Folder, Kept
from kanban_worker.agents.shape import LiveAgent, Member
from reconcile.observed import ConversationId, Unknown

_SUFFIX = ".txt"
_HEAD = re.compile(rb"\d{4}-\d\d-\d\dT[0-9:.]{8,15}Z \[DEBUG\] ")
_TEMPORARY = re.compile(rb"\.tmp\.(\d{1,10})\.(\d{13})(?!\d)")
_TRIES = 20_000
_LONGEST = 8192
_MOST = 64
"""So many processes have at most taken part in one conversation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Log:
    pids: Mapping[int, int]
    """When each process was named last, in ns since 1970."""
    mark: files.Mark


class DebugLogs:
    """The debug logs of one configuration folder."""

    __slots__ = ("_folder", "_last", "_logs", "_pids", "_recent", "_seen", "claimed")

    def __init__(self, config: str) -> None:
        """Nothing is read before the first question."""
        self._folder = Folder(f"{config}/debug")
        self._logs: Kept[_Log] = Kept(_read)
        self._seen: object = None
        self._recent: Mapping[str, ConversationId] = {}
        self._last: Mapping[int, tuple[int, ConversationId]] = {}
        self._pids: Mapping[ConversationId, Container[int]] = {}
        self.claimed: frozenset[ConversationId] = frozenset()
        """The conversations of which some process has kept a log lately."""

    def look(self, agents: Sequence[LiveAgent], typed: object) -> None:
        """See what was logged since the first of these agents began.

        A log of before is looked for again only where something shows that it may be taken up:
        another file, another agent, or a line in the prompt history (`typed`, the same object
        as long as that is unchanged). Otherwise a tick costs a `stat` for each log in use.
        """
        names = self._folder.names()
        found = names if isinstance(names, frozenset) else frozenset[str]()
        seen = (found, typed, tuple(agents))
        if seen != self._seen:
            self._seen = seen
            since_ns = min(map(pick.started_ns, agents), default=0)
            self._recent = dict(_logs(self._folder.path, found, since_ns))
        last: dict[int, tuple[int, ConversationId]] = {}
        pids: dict[ConversationId, Container[int]] = {}
        claimed: set[ConversationId] = set()
        for path, one in self._recent.items():
            log = self._logs.get(path)
            if isinstance(log, Unknown) or (log is not None and log.pids):
                claimed.add(one)
            named = log.pids if isinstance(log, _Log) else {}
            pids[one] = named.keys()
            for pid, at_ns in named.items():
                last[pid] = max(last.get(pid, (0, one)), (at_ns, one))
        self._last, self._pids, self.claimed = last, pids, frozenset(claimed)

    def of(self, family: Sequence[Member]) -> tuple[int, ConversationId] | None:
        """Return when one of these processes was named last, in ns since 1970, and in whose log."""
        found = (
            self._last[member.pid]
            for member in family
            if member.pid in self._last
            and self._last[member.pid][0] >= pick.nanoseconds(member.started_at) - pick.SLACK_NS
        )
        return max(found, default=None)

    def has_other(self, one: ConversationId, family: Sequence[Member]) -> bool:
        """Whether another process than these was named last in a conversation's log.

        One that is over counts if it was still there when these had begun.
        """
        own = {member.pid for member in family}
        begun_ns = pick.nanoseconds(family[0].started_at) + pick.SLACK_NS
        return any(
            at_ns > begun_ns or procfs.may_live(pid, None)
            for pid, (at_ns, named) in self._last.items()
            if named == one and pid not in own
        )

    def others_went(
        self, old: ConversationId, new: ConversationId, family: Sequence[Member]
    ) -> bool:
        """Whether another process than these was named in the logs of both conversations."""
        own = {member.pid for member in family}
        before, after = self._pids.get(old, ()), self._pids.get(new, ())
        return any(pid in before and pid in after for pid in self._last if pid not in own)


def _logs(folder: str, names: Iterable[str], since_ns: int) -> Iterable[tuple[str, ConversationId]]:
    for name in names:
        one = ids.uuid(name.removesuffix(_SUFFIX)) if name.endswith(_SUFFIX) else None
        path = f"{folder}/{name}"
        if one is not None and modified_ns(path) >= since_ns:
            yield path, one


def _read(path: str, status: os.stat_result, before: _Log | None) -> _Log:
    more = None if before is None else files.added(path, status, before.mark)
    found, mark = more or files.ending(path, status)
    pids = dict(before.pids) if before is not None and more is not None else {}
    for pid, at_ns in _named(found):
        pids[pid] = max(pids.get(pid, 0), at_ns)
    if len(pids) > _MOST:
        newest = sorted(pids, key=lambda pid: pids[pid])[-_MOST:]
        pids = {pid: pids[pid] for pid in newest}
    return _Log(pids=pids, mark=mark)


def _named(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield each process that a line names and when, the last line first."""
    at = len(data)
    for _ in range(_TRIES):
        at = data.rfind(b".tmp.", 0, at)
        if at < 0:
            return
        match = _TEMPORARY.match(data, at)
        low = max(0, at - _LONGEST)
        start = data.rfind(b"\n", low, at) + 1
        if low and not start:
            continue
        when = lines.moment_of_ms(int(match[2])) if match else None
        if match is not None and when is not None and _HEAD.match(data, start):
            yield int(match[1]), pick.nanoseconds(when)
