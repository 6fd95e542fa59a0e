"""What is on disk under the ids that the registry records, and how agents left them for others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from kanban_worker.agents.shape import Adapter, LiveAgent
from reconcile import identity, names
from reconcile.desired import RUNNING, TERMINATED, Entry, Registry
from reconcile.gone import Cause
from reconcile.observed import (
    Artefact,
    Bound,
    Conversation,
    Expiry,
    Lineage,
    Missing,
    Recorded,
    Session,
    SessionName,
    Unknown,
    Unseen,
    World,
)

_CUT_OFF = (Cause.HOST_REBOOT, Cause.SERVER_DIED, Cause.PANE_KILLED)
"""Who closed a session does not want it back."""
_SELDOM = timedelta(hours=1)
"""How often the conversations of ended sessions are looked at: there may be many."""

_OFTEN = timedelta(minutes=1)
"""How often those of running ones are, as long as none of them is about to be deleted."""

_Seldom = tuple[datetime, Mapping[Recorded, Entry], Mapping[Recorded, Expiry]]

Artefacts = Mapping[Recorded, Artefact | Missing | Unknown]


@dataclass(frozen=True, slots=True)
class Followed:
    """A live session that is registered, or would be."""

    session: Session
    entry: Entry | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The ids to look for on disk, and who records each."""

    running: Mapping[Recorded, Sequence[Entry]]
    cut_off: Mapping[Recorded, Entry]
    """The own ids of those that ended, but were not closed."""
    shared: frozenset[Recorded]
    """Those that entries with several workspaces record."""


class Records:
    """Looks for recorded ids with the adapters of their agents."""

    def __init__(self, adapters: Mapping[str, Adapter], expanded: Callable[[str], str]) -> None:
        """`expanded` resolves a `~` in front of a registered path."""
        self._adapters = adapters
        self._expanded = expanded
        self._seldom: _Seldom | None = None
        self._none_soon: tuple[datetime, Wanted] | None = None
        self._environs: Mapping[SessionName, Mapping[str, str]] = {}

    def wanted(self, registry: Registry) -> Wanted:
        """What follows from the registry alone."""
        running: dict[Recorded, list[Entry]] = {}
        cut_off: dict[Recorded, Entry] = {}
        shared: set[Recorded] = set()
        for entry in registry.entries:
            for recorded in self._ids(entry):
                if entry.status == RUNNING:
                    several = running.setdefault(recorded, [])
                    several.append(entry)
                    shared |= {recorded} if several[0].workspace != entry.workspace else set()
                elif recorded[1] == entry.own_id and _was_cut_off(entry):
                    cut_off.setdefault(recorded, entry)
        ended = {each: cut_off[each] for each in cut_off if each not in running}
        return Wanted(running=running, cut_off=ended, shared=frozenset(shared))

    def artefacts(
        self,
        wanted: Wanted,
        conversations: Iterable[Conversation],
        now: datetime,
        environs: Mapping[SessionName, Mapping[str, str]],
    ) -> Artefacts:
        """What is on disk under each id; what a process has just written to, is.

        `environs` are the variables that an entry's agent was last seen with, by its name.
        """
        self._environs = environs
        found = self._looked_for(wanted, conversations, now)
        # Of an agent that was never seen nobody knows where it writes: that is nothing to tell.
        return {each: found[each] for each in found if not isinstance(found[each], Unseen)}

    def _looked_for(
        self, wanted: Wanted, conversations: Iterable[Conversation], now: datetime
    ) -> Artefacts:
        written = {held.id for held in conversations if isinstance(held, Bound) and held.written}
        return {
            recorded: Artefact.PRESENT
            if recorded[1] in written
            else self._artefact(
                recorded, self._seen(entries), now, shared=recorded in wanted.shared
            )
            for recorded, entries in wanted.running.items()
        }

    def expiring(
        self, wanted: Wanted, artefacts: Artefacts, now: datetime
    ) -> Mapping[Recorded, Expiry]:
        """What will soon be deleted, of what is there."""
        return {**self._running(wanted, artefacts, now), **self._cut_off(wanted, now)}

    def lineages(
        self,
        followed: Iterable[Followed],
        agents: Mapping[SessionName, LiveAgent],
        world: World,
    ) -> Mapping[SessionName, Lineage | Unknown]:
        """How those agents came to what they hold who hold another conversation than recorded."""
        found: dict[SessionName, Lineage | Unknown] = {}
        for each in followed:
            held = world.conversations.get(each.session.name)
            entry = each.entry
            if entry is None or entry.status != RUNNING:
                continue
            if not isinstance(held, Bound) or held.id == entry.own_id:
                continue
            if entry.own_id is None and entry.own_since is not None:
                continue  # somebody took the id out, and what came before is written down
            pane = identity.agent_pane(each.session, entry, world)
            if held.written and identity.is_same(entry, each.session, pane, world):
                agent = agents[each.session.name]
                adapter = self._adapters[agent.kind]
                found[each.session.name] = adapter.lineage(
                    entry.own_id, held, agent, since=entry.own_since or entry.created_at
                )
        return found

    def _ids(self, entry: Entry) -> Iterator[Recorded]:
        if entry.agent and entry.agent in self._adapters:
            for conversation in filter(None, (entry.own_id, *entry.other_ids)):
                yield entry.agent, conversation

    def _seen(self, entries: Sequence[Entry]) -> Entry:
        """The first one whose agent was seen: it is known where that one writes."""
        known = (entry for entry in entries if names.key(entry.name) in self._environs)
        return next(known, entries[0])

    def _artefact(
        self, recorded: Recorded, entry: Entry, now: datetime, *, shared: bool = False
    ) -> Artefact | Missing | Unknown:
        kind, conversation = recorded
        return self._adapters[kind].artefact(
            conversation,
            workspace=entry.workspace and self._expanded(entry.workspace),
            created_at=entry.created_at,
            now=now,
            at_home=conversation == entry.own_id and not shared,
            environ=self._environs.get(names.key(entry.name)),
        )

    def _soon(self, there: Iterable[Recorded], now: datetime) -> Mapping[Recorded, Expiry]:
        found = ((each, self._adapters[each[0]].expiry(each[1], now)) for each in there)
        return {each: expiry for each, expiry in found if expiry is not None}

    def _running(
        self, wanted: Wanted, artefacts: Artefacts, now: datetime
    ) -> Mapping[Recorded, Expiry]:
        last = self._none_soon
        if last and last[1] is wanted and abs(now - last[0]) < _OFTEN:
            return {}
        there = (each for each in wanted.running if artefacts.get(each) is Artefact.PRESENT)
        found = self._soon(there, now)
        self._none_soon = None if found else (now, wanted)
        return found

    def _cut_off(self, wanted: Wanted, now: datetime) -> Mapping[Recorded, Expiry]:
        last = self._seldom
        if last and last[1] == wanted.cut_off and abs(now - last[0]) < _SELDOM:
            return last[2]
        there = (
            recorded
            for recorded, entry in wanted.cut_off.items()
            if self._artefact(recorded, entry, now) is Artefact.PRESENT
        )
        self._seldom = now, wanted.cut_off, self._soon(there, now)
        return self._seldom[2]


def _was_cut_off(entry: Entry) -> bool:
    return entry.status == TERMINATED and (entry.termination_cause or "").startswith(_CUT_OFF)
