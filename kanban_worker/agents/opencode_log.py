"""What an opencode process last wrote to the log that all of them share.

Measured with 1.18.33: every process appends to `<data>/log/opencode.log` through descriptors of its
own, one of them unused. The kernel keeps the offset of each: after an appended write it is the end
of that line, so it says which line is the process's last one. That line has `run=<8 digits>`, the
process's own; from the first prompt on, lines of that run name the session.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from kanban_worker import procfs
from kanban_worker.agents import descriptors, files, lines
from kanban_worker.agents.descriptors import PROC
from kanban_worker.agents.kept import settled
from kanban_worker.agents.opencode_database import SESSION
from kanban_worker.agents.shape import LiveAgent, Member
from reconcile.observed import ConversationId, Unknown

_LOG = re.compile(r"(/.*)/log/opencode\.log(?: \(deleted\))?")
_FIELD = re.compile(r'([\w.]+)=("(?:[^"\\]|\\.)*"|\S*)')
"""One field. A value with a space in it is quoted, so what it holds is not taken for fields."""
_RUN = re.compile(r"[0-9a-f]{8}")
_BACK = 4 * files.LIMIT
"""How far back a process's lines are searched for when it is first seen."""
_CUT = "opencode.log was cut or replaced: what its process wrote cannot be told (restart it)"
_LONGEST = 64 * 1024
_SLACK = timedelta(seconds=5)
_MOST = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a process's own lines tell."""

    folder: str
    """The data folder that its log is in."""
    last: ConversationId | None
    """The session of its last line that names one; a sub-agent's is its own."""
    whole: bool
    """Whether all of its lines were read: then None is "none yet"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Where a process's log was, and how far it is read."""

    pid: int
    numbers: tuple[int, ...]
    stamp: tuple[int, ...] | None
    position: int
    run: str
    said: Said


class Logs:
    """The logs of some opencode processes, read on from where each was read before."""

    def __init__(self, proc: str = PROC) -> None:
        """Nothing is read before the first question."""
        self._proc = proc
        self._places: dict[Member, _Place] = {}

    def said(self, agent: LiveAgent) -> Said | Unknown | None:
        """Return what an agent's own process wrote; None where nobody can tell."""
        known = self._places.get(agent.family[0])
        stamp = known and self._stamp(known.pid, known.numbers[0])
        if known is not None and stamp is not None and stamp == known.stamp:
            return known.said
        try:
            found = self._look(agent, known)
        except OSError as error:
            return files.refusal("opencode.log", error)
        if isinstance(found, _Place):
            if len(self._places) >= _MOST:
                self._places.clear()
            self._places[agent.family[0]] = found
            return found.said
        self._places.pop(agent.family[0], None)
        return found

    def _look(self, agent: LiveAgent, known: _Place | None) -> _Place | Unknown | None:
        opened = self._opened(agent)
        if opened is None or isinstance(opened, Unknown):
            return opened
        pid, folder, numbers = opened
        stamp = self._stamp(pid, numbers[0])
        states = [descriptors.state(pid, number, self._proc) for number in numbers]
        position = max((one.position for one in states if one and one.writable), default=0)
        path = f"{self._proc}/{pid}/fd/{numbers[0]}"
        if known is not None and (known.pid, known.numbers) == (pid, numbers):
            if known.position == position:
                return replace(known, stamp=stamp)
            if known.run and known.position < position <= known.position + _BACK:
                return self._read_on(path, known, position, stamp)
        nothing = Said(folder=folder, last=None, whole=True)
        place = _Place(
            pid=pid, numbers=numbers, stamp=stamp, position=position, run="", said=nothing
        )
        return self._read_back(path, place, agent) if position else place

    def _opened(self, agent: LiveAgent) -> tuple[int, str, tuple[int, ...]] | Unknown | None:
        """Return the first process, from the agent's own down, that has its log open."""
        for member in agent.family:
            found = descriptors.open_files(member.pid, self._proc)
            if isinstance(found, Unknown):
                return found
            logs = [(one.number, m[1]) for one in found or () if (m := _LOG.fullmatch(one.target))]
            if logs and _lives(member, self._proc):
                folder = logs[0][1]
                return member.pid, folder, tuple(n for n, where in logs if where == folder)
        return None

    def _stamp(self, pid: int, number: int) -> tuple[int, ...] | None:
        """Return what changes when anybody writes to a process's log."""
        try:
            status = os.stat(f"{self._proc}/{pid}/fd/{number}")
        except OSError:
            return None
        if not settled(status):
            return None
        return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)

    def _read_on(
        self, path: str, known: _Place, position: int, stamp: tuple[int, ...] | None
    ) -> _Place | Unknown:
        data = files.before(path, position, position - known.position)
        if _last_run(data) != known.run:
            return Unknown(_CUT)
        last = next(_sessions(data, known.run), None)
        said = known.said if last is None else replace(known.said, last=last)
        return replace(known, stamp=stamp, position=position, said=said)

    def _read_back(self, path: str, place: _Place, agent: LiveAgent) -> _Place | Unknown:
        """Search from its last line back for its last session, within bounds."""
        begun = agent.family[0].started_at - _SLACK
        end, run, rest = place.position, "", b""
        while end > 0 and place.position - end < _BACK:
            data = files.before(path, end, files.BLOCK)
            if not data or (end == place.position and not _is_own(data, begun)):
                return Unknown(_CUT)
            end -= len(data)
            # A line that goes on beyond this block is read with the block before.
            head, newline, block = (
                (data + rest).partition(b"\n") if end else (b"", b"", data + rest)
            )
            rest = (head + newline)[-_LONGEST:]
            run = run or _last_run(block)
            last = next(_sessions(block, run), None) if run else None
            if last is not None:
                said = replace(place.said, last=last)
                return replace(place, run=run, said=said)
            if (at := _first_time(block)) is not None and at < begun:
                return replace(place, run=run)
        return replace(place, run=run, said=replace(place.said, whole=end <= 0))


def _lives(member: Member, proc: str) -> bool:
    return proc != PROC or procfs.start_ticks(member.pid) == member.start_ticks


def _last_run(data: bytes) -> str:
    for line in reversed(data.split(b"\n")):
        run = _fields(line).get("run", "")
        if _RUN.fullmatch(run):
            return run
    return ""


def _is_own(data: bytes, begun: datetime) -> bool:
    """Whether data ends with a line that a process begun then can have written."""
    if not data.endswith(b"\n"):
        return False
    for line in reversed(data.split(b"\n")):
        if at := lines.moment(_fields(line).get("timestamp")):
            return at >= begun
    return False


def _sessions(data: bytes, run: str) -> Iterator[ConversationId]:
    """Yield the sessions that a run's lines name, the last line's first."""
    mark = f"run={run}".encode()
    for line in reversed(data.split(b"\n")):
        if mark not in line or b"ses_" not in line:
            continue
        fields = _fields(line)
        if fields.get("run") != run:
            continue
        made = fields.get("id") if fields.get("message") == "created" else None
        named = fields.get("session.id") or made
        if named is not None and SESSION.fullmatch(named):
            yield ConversationId(named)


def _first_time(data: bytes) -> datetime | None:
    for line in data.split(b"\n", 20)[:20]:
        at = lines.moment(_fields(line).get("timestamp"))
        if at is not None:
            return at
    return None


def _fields(line: bytes) -> Mapping[str, str]:
    """Read a line's fields; the first of a name counts, as nothing is said after a message."""
    if not line.startswith(b"timestamp="):
        return {}
    found: dict[str, str] = {}
    for match in _FIELD.finditer(line[:_LONGEST].decode(errors="replace")):
        found.setdefault(match[1], match[2])
    return found
