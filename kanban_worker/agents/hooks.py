"""What the agents' own session hooks recorded (see `commands.hook`), read and tidied."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from kanban_worker import ancestry, hookfile, procfs
from kanban_worker.agents import files, lines
from kanban_worker.agents.kept import Folder, Kept
from kanban_worker.agents.shape import Hooked, Member
from reconcile import kinds
from reconcile.observed import ConversationId, Unknown

_SLACK = timedelta(seconds=2)
"""Off Linux: a process's start is told in seconds there."""
_TIDY_EVERY = timedelta(minutes=10)
_FOREIGN_FOR = timedelta(days=30)
"""How long to keep what another host, container or boot wrote into a shared home."""
_TORN_FOR = timedelta(hours=1)
"""How long to keep what a killed hook left unfinished."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One record, as far as it can be believed by itself."""

    hooked: Hooked
    place: tuple[str, str]
    """Boot and pid namespace."""
    begun: int
    """When the hook began, in the unit of the start time in the record's name."""
    terminal: int | None


class Hooks:
    """The records in one folder. `look` once a tick, then `of` for each agent."""

    __slots__ = (
        "_answers",
        "_folder",
        "_kept",
        "_names",
        "_pids",
        "_place",
        "_terminals",
        "_tidied",
    )

    def __init__(self, folder: str, place: tuple[str, str] | None = None) -> None:
        """Nothing is read before `look`. `place` is this boot and pid namespace."""
        self._folder = Folder(folder)
        self._names: frozenset[str] | Unknown | None = None
        self._pids: frozenset[int] = frozenset()
        self._answers: dict[str, Record | Unknown | None] = {}
        self._terminals: dict[Member, int | None] = {}
        self._kept: Kept[Record | Unknown] = Kept(_read)
        self._place = place or hookfile.place()
        self._tidied: datetime | None = None

    def look(self) -> None:
        """See which records there are: one `stat` where none came, went or was replaced."""
        names = self._folder.names()
        if names is self._names:
            return
        listed = names if isinstance(names, frozenset) else ()
        self._pids = frozenset(
            int(each[1]) for each in map(hookfile.NAME.fullmatch, listed) if each
        )
        self._names, self._answers, self._terminals = names, {}, {}

    def of(self, family: Sequence[Member]) -> Hooked | Unknown | None:
        """What was recorded last of an agent's process, or of one that it runs on its terminal.

        The agent's own record first, then those of its descendants in their order, one of a
        headless run last. It is returned whatever its kind is: the inner process of a wrapper has
        the wrapper's kind, an agent that another one runs as a tool may have any.
        """
        if isinstance(self._names, Unknown):
            return self._names
        headless: Hooked | None = None
        for member in family:
            if member.pid not in self._pids:
                continue
            found = self._of(member, family[0])
            if isinstance(found, Hooked) and found.headless and member is not family[0]:
                headless = headless or found
            elif found is not None:
                return found
        return headless

    def tidy(self, now: datetime) -> None:
        """Delete the records of processes that are over. Looks every ten minutes; not for dry runs.

        Only regular files with exactly a record's name are touched.
        """
        since = now - self._tidied if self._tidied else _TIDY_EVERY
        names = self._names
        if timedelta(0) <= since < _TIDY_EVERY or not isinstance(names, frozenset):
            return
        self._tidied = now
        if not os.path.islink(self._folder.path):
            for name in names:
                with contextlib.suppress(OSError, OverflowError, ValueError):
                    self._tidy(name, now)

    def _of(self, member: Member, agent: Member) -> Hooked | Unknown | None:
        start = member.start_ticks or ancestry.microseconds(member.started_at.timestamp())
        name = hookfile.name(member.pid, start)
        if not isinstance(self._names, frozenset) or name not in self._names:
            return None
        record = self._record(name)
        if not isinstance(record, Record):
            return record
        if not self._is_here(record) or _is_older(record, member):
            return None
        if member is not agent and not self._shares_terminal(record, member, agent):
            return None
        return record.hooked

    def _shares_terminal(self, record: Record, member: Member, agent: Member) -> bool:
        """Whether a living descendant may be what the pane shows: no tool's process is.

        Those that ended are asked for, since a family is looked up only when its agent ends.
        """
        if agent not in self._terminals:
            self._terminals[agent] = procfs.terminal(agent.pid)
        same = record.terminal == self._terminals[agent]
        return same and procfs.may_live(member.pid, member.start_ticks)

    def _record(self, name: str) -> Record | Unknown | None:
        if name not in self._answers:
            self._answers[name] = self._kept.get(f"{self._folder.path}/{name}")
        return self._answers[name]

    def _is_here(self, record: Record) -> bool:
        """Whether pids and start times mean here what they meant to the hook.

        A boot id is also what tells two hosts apart that share a home.
        """
        return all(
            not (theirs and ours) or theirs == ours
            for theirs, ours in zip(record.place, self._place, strict=True)
        )

    def _tidy(self, name: str, now: datetime) -> None:
        path = f"{self._folder.path}/{name}"
        named = hookfile.NAME.fullmatch(name)
        if named is None and not hookfile.TEMPORARY.fullmatch(name):
            return
        status = os.lstat(path)
        if not stat.S_ISREG(status.st_mode):
            return
        record = self._record(name) if named else None
        if named and isinstance(record, Record) and self._is_here(record):
            over = not procfs.may_live(int(named[1]), named[2])
        else:
            age = now - datetime.fromtimestamp(status.st_mtime, UTC)
            over = age > (_FOREIGN_FOR if named else _TORN_FOR)
        if over:
            os.unlink(path)


def _is_older(record: Record, member: Member) -> bool:
    """Whether it was recorded before the process began: then it is of another one.

    In ticks since the boot where there are any: a clock that is set moves all starts in seconds.
    """
    if member.start_ticks is not None:
        return record.begun < int(member.start_ticks)
    return record.hooked.at < member.started_at - _SLACK


def _read(path: str, status: os.stat_result, before: Record | Unknown | None) -> Record | Unknown:
    del status, before
    entry = lines.record(files.content(path, hookfile.LIMIT))
    return _parse(entry) or Unknown(f"{path} is damaged: delete it")


def _parse(entry: Mapping[str, object]) -> Record | None:
    kind, named = lines.text(entry.get("kind"), 40), lines.text(entry.get("id"), 100)
    at, begun = lines.moment_of_ms(entry.get("at")), entry.get("begun")
    form = kinds.HOOKED.get(kind or "")
    if kind is None or named is None or form is None or not form.fullmatch(named):
        return None
    if at is None or not isinstance(begun, int):
        return None
    terminal, first = entry.get("terminal"), lines.text(entry.get("first"), 100)
    return Record(
        hooked=Hooked(
            id=ConversationId(named),
            at=at,
            headless=entry.get("headless") is not False,
            kind=kind,
            first=ConversationId(first) if first and form.fullmatch(first) else None,
        ),
        place=(
            lines.text(entry.get("boot"), 100) or "",
            lines.text(entry.get("namespace"), 100) or "",
        ),
        begun=begun,
        terminal=terminal if isinstance(terminal, int) else None,
    )
