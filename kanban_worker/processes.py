"""The process table: what runs inside a pane, and whether a recorded pid still lives.

tmux holds a pane's process unreaped until it marks the pane dead, so the same pane id with
the same pid is the same process. What runs *under* it is another matter: the tree is
walked again as soon as a known agent ends (`pidfd`, where the system has it), and each
tick for panes in which no agent was found.
"""

from __future__ import annotations

import contextlib
import os
import resource
import select
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeAlias, TypeVar

import psutil

from kanban_worker import procfs, recognise
from kanban_worker.agents.shape import LiveAgent, Member
from kanban_worker.process_table import Table, seen, words
from reconcile.observed import (
    Agent,
    Answer,
    Boot,
    Inside,
    Pane,
    Process,
    ProcessId,
    Server,
    SessionName,
    Unknown,
)

T = TypeVar("T")
_Identity: TypeAlias = tuple[str, str, int, str | None, bool]
_SETTLED = timedelta(seconds=10)
"""A younger agent may still start the process that holds its conversation."""
_NEVER, _ALWAYS = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
_CLOCK_SLACK = timedelta(seconds=60)
"""Signs of life are told by the clock, a process's start by that of the boot."""
_SERVER_SLACK = timedelta(seconds=60)
"""A tmux server notes its start in whole seconds of a clock that may be set meanwhile."""
_RESERVE = 128
"""Descriptors that watched processes leave for files, sockets and the clients of tmux."""
_AFRESH = timedelta(minutes=10)
"""How often panes that nobody follows are looked into again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LivingPane:
    """A living pane to look into, and the agent that its session is said to run."""

    socket: str
    pane: Pane
    wanted: str | None
    followed: bool
    """Whether someone asks for this pane; else it is only looked into now and then."""

    @property
    def key(self) -> tuple[str, str]:
        """What `World.inside` calls it."""
        return (self.socket, self.pane.pane_id)

    @property
    def label(self) -> SessionName:
        """What the agent found here is called: a session may hold several, and its name change."""
        return SessionName(":".join(self.key))

    @property
    def identity(self) -> _Identity:
        """What must be the same for an earlier look to still hold."""
        return (*self.key, self.pane.pid, self.wanted, self.followed)


@dataclass(frozen=True, slots=True)
class Found:
    """What was found in one place."""

    inside: Inside
    agent: LiveAgent | None
    until: datetime
    """Until when it may be believed, unless the agent's process ends before."""


class Processes:
    """Looks into panes, and remembers what cannot have changed."""

    def __init__(self) -> None:
        """Nothing is known before the first look."""
        self._known: dict[_Identity, Found] = {}
        self._places: Sequence[LivingPane] = ()
        self._found: Mapping[tuple[str, str], Found] = {}
        self._ends = _Ends()
        self._looked_at = _NEVER

    def look(
        self, places: Sequence[LivingPane], table: Table, now: datetime
    ) -> Mapping[tuple[str, str], Found]:
        """What runs in each of these panes; `table` is only asked where something changed.

        The same places, with nothing changed in any of them, give the same object again.
        """
        ended = self._ends.seen()
        set_back = now < self._looked_at
        if set_back:  # what was to be believed for a moment would be for an hour
            self._known = {key: each for key, each in self._known.items() if each.until == _ALWAYS}
        self._looked_at = now
        unchanged = places is self._places and not (ended or set_back)
        if not (unchanged and all(found.until > now for found in self._found.values())):
            self._found = self._look_again(places, table, now, ended)
            self._places = places
        return self._found

    def _look_again(
        self,
        places: Sequence[LivingPane],
        table: Table,
        now: datetime,
        ended: frozenset[Member],
    ) -> Mapping[tuple[str, str], Found]:
        known = {
            identity: found
            for identity, found in self._known.items()
            if found.until > now and not (found.agent and found.agent.family[0] in ended)
        }
        self._known = {}
        for place in places:
            if place.identity not in known:
                known[place.identity] = look_into(place, table, now)
            self._known[place.identity] = known[place.identity]
        found = {place.key: self._known[place.identity] for place in places}
        self._ends.watch(each.agent.family[0] for each in found.values() if each.agent)
        return found


def pane_of(label: SessionName) -> tuple[str, str]:
    """The socket and the pane id of a `LivingPane.label`."""
    socket, _, pane_id = label.rpartition(":")
    return socket, pane_id


def process(pid: int, booted: Boot | None = None) -> Answer[Process]:
    """The process with this pid; None when there is certainly none, or it has ended.

    The system counts its start from the boot, and moves the boot when the clock is set forward:
    a pane's process would seem to be younger than its session. `booted` is from before that.
    """
    try:
        if not psutil.pid_exists(pid):  # Process() would take a thread's id, and raise below 0
            return _hidden(pid)
        found = psutil.Process(pid)
        told = seen(found, words(found))
        now = boot() if booted else None
        moved = max(now.at - booted.at, timedelta(0)) if now and booted else timedelta(0)
        return replace(told, started_at=told.started_at - moved)
    except (psutil.NoSuchProcess, OverflowError):
        return _hidden(pid)
    except (psutil.Error, OSError) as error:
        return Unknown(f"process {pid} cannot be read: {error}")


def _hidden(pid: int) -> Unknown | None:
    """Why a process that `/proc` does not show may live: with `hidepid=2` it hides other users'."""
    try:
        os.kill(pid, 0)
    except PermissionError:
        return Unknown(f"process {pid} is another user's, and this user may not see it")
    except (OSError, OverflowError):
        pass
    return None


def lives(known: ProcessId) -> bool | Unknown:
    """Whether a process that was seen before still runs; a zombie does not."""
    ticks = procfs.start_ticks(known.pid)
    if ticks is not None:
        return procfs.may_live(known.pid, known.start)
    found = process(known.pid)
    if isinstance(found, Process):
        return found.start == known.start
    return found or False


def is_over(pid: int, *, seen: datetime | None, booted: Boot | None) -> bool:
    """Whether a process of this place is certainly over, whose start nobody noted.

    `seen` is when it last gave a sign of life: what began well after that is another one with
    its pid. `booted` is the boot in which it lived: nothing outlives that.
    """
    here = boot()
    if booted and booted.id and here and here.id and booted.id != here.id:
        return True
    found = process(pid, booted)
    if isinstance(found, Process):
        return seen is not None and found.started_at > seen + _CLOCK_SLACK
    return found is None


def server(seen: Server) -> ProcessId | None:
    """The process of a tmux server that has just answered; None where it cannot be told.

    The pid that a server gives is that of its own pid namespace: reached through a mounted
    socket it may be another process here, which did not begin when the server did.
    """
    found = process(seen.pid)
    if not isinstance(found, Process) or not found.id:
        return None
    near = abs(found.started_at - seen.started_at) < _SERVER_SLACK
    return found.id if near or found.command.startswith("tmux") else None


def boot() -> Boot | None:
    """This boot of the host; None when the system does not tell."""
    try:
        at = datetime.fromtimestamp(psutil.boot_time(), UTC)
    except (psutil.Error, OSError, RuntimeError):
        return None
    with contextlib.suppress(OSError):
        return Boot(id=Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip(), at=at)
    return Boot(id="", at=at)


def look_into(place: LivingPane, table: Table, now: datetime) -> Found:
    """What runs in one pane, or below a process that is looked at as if it were one's."""
    root = place.pane.pid
    try:
        argv, own = table.words(root), table.seen(root)
    except psutil.NoSuchProcess:
        return Found(Inside(process=None, agent=None), None, now)
    except (psutil.Error, OSError) as error:
        return Found(Inside(process=Unknown(str(error)), agent=Unknown(str(error))), None, now)
    soon = now if place.followed else now + _AFRESH
    wrapper: Found | None = None
    for candidate in table.below(root):
        with contextlib.suppress(psutil.Error, OSError):
            if kind := table.kind(candidate.pid, place.wanted):
                words, agent = table.words(candidate.pid), table.seen(candidate.pid)
                live = _live(place, kind, agent, words, table)
                until = _ALWAYS if now - agent.started_at > _SETTLED else now
                found = Found(
                    Inside(process=own, agent=Agent(kind=kind, process=agent)), live, until
                )
                if not recognise.is_shell(words):
                    return found
                # A wrapper may export what moves the agent's files: what it runs knows better.
                wrapper = wrapper or replace(found, until=soon)
    nothing = Inside(process=own, agent=None, shell_only=recognise.is_shell_only(argv))
    return wrapper or Found(nothing, None, soon)


def _live(place: LivingPane, kind: str, agent: Process, argv: list[str], table: Table) -> LiveAgent:
    members: list[Member] = []
    for each in table.below(agent.pid):
        with contextlib.suppress(psutil.Error, OSError):
            members.append(table.member(each.pid))
    return LiveAgent(
        session=place.label,
        kind=kind,
        cwd=agent.cwd,
        argv=tuple(argv),
        environ=table.environ(agent.pid),
        family=tuple(members),
    )


class _Ends:
    """Tells which watched processes have ended, without looking at each one.

    It leaves a reserve of descriptors for everything else: what is beyond is looked at one by one.
    """

    def __init__(self) -> None:
        self._poll = select.poll()
        self._fds: dict[Member, int] = {}
        self._members: dict[int, Member] = {}
        self._unwatchable: set[Member] = set()

    def __del__(self) -> None:
        """Close what is open: many a look is made once, and its descriptors are plain numbers."""
        for fd in self._members:
            os.close(fd)

    def seen(self) -> frozenset[Member]:
        """Those that have ended by now."""
        ended = {self._members[fd] for fd, _ in self._poll.poll(0)}
        ended.update(member for member in self._unwatchable if not _still(member))
        return frozenset(ended)

    def watch(self, members: Iterable[Member]) -> None:
        """From now on watches these, and no others."""
        wanted = set(members)
        for member in self._fds.keys() - wanted:
            fd = self._fds.pop(member)
            del self._members[fd]
            self._poll.unregister(fd)
            os.close(fd)
        self._unwatchable = {
            member for member in wanted - self._fds.keys() if not self._open(member)
        }

    def _open(self, member: Member) -> bool:
        """Whether a pidfd could be had: Linux 5.3 and Python 3.9 have them."""
        if len(self._fds) >= _most_watched():
            return False
        try:
            fd = os.pidfd_open(member.pid)
        except (AttributeError, OSError):
            return False
        if not _still(member):  # reused between the scan and now
            os.close(fd)
            return False
        self._fds[member], self._members[fd] = fd, member
        self._poll.register(fd, select.POLLIN)
        return True


def _most_watched() -> int:
    """How many processes may be watched by a descriptor each."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return sys.maxsize if soft == resource.RLIM_INFINITY else soft - _RESERVE


def _still(member: Member) -> bool:
    if member.start_ticks is not None:
        # Not the computed start time: it moves when the host's clock is set.
        return procfs.may_live(member.pid, member.start_ticks)
    now = process(member.pid)
    return isinstance(now, Unknown) or (now is not None and now.started_at == member.started_at)
