"""What is asked about entries whose session no listing shows: could it be alive all the same?

Some of these questions read the whole process table, so they are asked only for such entries.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from kanban_worker import processes
from kanban_worker.process_table import Table
from kanban_worker.processes import LivingPane
from reconcile.desired import Entry
from reconcile.memory import Sighting
from reconcile.observed import (
    Agent,
    Answer,
    Boot,
    Bound,
    ConversationId,
    Listing,
    Pane,
    Process,
    ProcessId,
    Server,
    Unknown,
    World,
)
from reconcile.resume import Holder, possible

_SOON = timedelta(seconds=5)
"""For so long who holds a conversation is not asked again: it reads every process."""

Holders = Callable[[str, World], Sequence[Holder] | Unknown]


@dataclass(frozen=True, slots=True)
class RecordedPids:
    """What runs under recorded pids, and the kinds of agent at or below each."""

    processes: Mapping[int, Answer[Process]]
    kinds: Mapping[int, frozenset[str]]


def recorded(
    entries: Iterable[Entry], table: Table, now: datetime, booted: Boot | None
) -> RecordedPids:
    """Look into the recorded panes as if they were living ones."""
    found: dict[int, Answer[Process]] = {}
    kinds: dict[int, frozenset[str]] = {}
    for entry in entries:
        pid = entry.pane_pid
        if pid is None or pid in found:
            continue
        found[pid] = processes.process(pid, booted)
        if isinstance(found[pid], Process):
            kinds[pid] = frozenset(_kinds(pid, entry.agent, table, now))
    return RecordedPids(found, kinds)


def _kinds(pid: int, wanted: str | None, table: Table, now: datetime) -> Iterable[str]:
    pane = Pane(pane_id=str(pid), pid=pid)
    living = LivingPane(socket="recorded", pane=pane, wanted=wanted, followed=True)
    found = processes.look_into(living, table, now).inside.agent
    return [found.kind] if isinstance(found, Agent) else []


def server_processes(
    listings: Mapping[str, Answer[Listing]], known: Mapping[Server, ProcessId]
) -> Mapping[Server, ProcessId]:
    """The processes of the servers that answered; the same object while they are the same."""
    servers = {
        answer.server
        for answer in listings.values()
        if isinstance(answer, Listing) and answer.server
    }
    if servers == known.keys():
        return known
    found = {server: known.get(server) or processes.server(server) for server in servers}
    return {server: process for server, process in found.items() if process}


def remembered(sightings: Collection[Sighting]) -> Mapping[ProcessId, bool | Unknown]:
    """Whether the servers and the agents of these sightings still run."""
    asked = {one for each in sightings for one in (each.server_process, each.agent) if one}
    return {process: processes.lives(process) for process in asked}


class Conversations:
    """Who holds the recorded conversations of some entries, in a pane or anywhere."""

    def __init__(self, kinds: Iterable[str], holders: Holders) -> None:
        """`holders` tells for one of these kinds what each living agent of this host holds."""
        self._kinds, self._holders = frozenset(kinds), holders
        self._known: dict[str, tuple[datetime, Sequence[Holder] | Unknown]] = {}

    def of(
        self, entries: Iterable[Entry], world: World
    ) -> Mapping[ConversationId, tuple[str, ...]] | Unknown:
        """By its id, who holds it; `Unknown` where that of one agent could not be told."""
        recorded = [pair for entry in entries for pair in _ids(entry)]
        wanted = {one for _, one in recorded}
        kinds = frozenset(kind for kind, _ in recorded)
        if not kinds <= self._kinds:  # an agent that nobody knows may be one under another name
            kinds = self._kinds
        found: dict[ConversationId, tuple[str, ...]] = {}
        for kind in sorted(kinds):
            holders = self._of_kind(kind, world)
            if isinstance(holders, Unknown):
                return holders
            for one in holders:
                if isinstance(one.holds, Unknown):  # it may be any of them
                    return one.holds
                held = (one.holds.id,) if isinstance(one.holds, Bound) else possible(one.holds)
                for each in wanted.intersection(held):
                    found[each] = (*found.get(each, ()), one.who)
        return found

    def _of_kind(self, kind: str, world: World) -> Sequence[Holder] | Unknown:
        known = self._known.get(kind)
        if known is None or not timedelta(0) <= world.at - known[0] < _SOON:
            known = self._known[kind] = world.at, self._holders(kind, world)
        return known[1]


def _ids(entry: Entry) -> Iterator[tuple[str, ConversationId]]:
    """The ids that an entry records, for its own agent and for others."""
    own = filter(None, (entry.own_id, *entry.other_ids))
    yield from ((entry.agent or "", each) for each in own)
    yield from entry.foreign_ids
