"""Observes: one look at everything outside, as one value."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from kanban_worker import processes
from kanban_worker.agents.shape import Adapter, LiveAgent
from kanban_worker.processes import Found, Place, Processes
from kanban_worker.recorded import Followed, Records, Wanted
from kanban_worker.tmux import Tmux
from reconcile import identity, judge, names
from reconcile.desired import RUNNING, TERMINATED, Entry, Registry
from reconcile.observed import (
    Answer,
    Boot,
    Conversation,
    Inside,
    Listing,
    Process,
    Session,
    SessionName,
    World,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fleet:
    """What follows from one registry and one set of listings alone."""

    registry: Registry
    listings: Mapping[str, Answer[Listing]]
    followed: Sequence[Followed]
    places: Sequence[Place]
    missing: Sequence[Entry]
    """The running entries that no listing shows."""
    wanted: Wanted


@dataclass(frozen=True, slots=True, kw_only=True)
class _Insides:
    """What follows from a look into the panes of one fleet."""

    fleet: _Fleet
    found: Mapping[tuple[str, str], Found]
    inside: Mapping[tuple[str, str], Inside]
    agents: Mapping[SessionName, LiveAgent]
    kinds: Mapping[str, Sequence[LiveAgent]]
    """All agents that were found, also in panes that nobody follows, by kind."""
    real_paths: Mapping[str, str]


class Observer:
    """Looks at tmux, the process table and the agents' files.

    What only follows from something that has not changed is kept, so that a quiet look
    costs little more than tmux itself.
    """

    def __init__(
        self,
        *,
        tmux: Tmux,
        adapters: Mapping[str, Adapter],
        patterns: tuple[str, ...],
        home: Path,
        clock: Callable[[], datetime],
    ) -> None:
        """`home` is what `~` means in the registry; `clock` tells the local time."""
        self.adapters = adapters
        self.agents: Mapping[SessionName, LiveAgent] = {}
        """The agent of each followed session, as of the last look."""
        self._tmux = tmux
        self._patterns = patterns
        self._home = str(home)
        self._clock = clock
        self._records = Records(adapters, self._expanded)
        self._processes = Processes()
        self._boot = processes.boot()  # which outlives this process
        self._last: _Insides | None = None

    def look(self, registry: Registry) -> World:
        """Everything that can be seen now of the registered and registrable sessions."""
        fleet = self._fleet(registry, self._tmux.look())
        world = World(at=self._clock(), boot=self._boot, tmux=fleet.listings)
        within = self._insides(fleet, world)
        asked = self._last.kinds.keys() if self._last else set()
        self._last, self.agents = within, within.agents
        conversations = self._conversations(within, asked | within.kinds.keys())
        artefacts = self._records.artefacts(fleet.wanted, conversations.values(), world.at)
        world = replace(
            world,
            rivals=self._tmux.rivals() if fleet.missing else frozenset(),
            left_behind=self._left_behind(fleet),
            inside=within.inside,
            recorded_pids=_recorded_pids(fleet.missing, self._boot),
            conversations=conversations,
            artefacts=artefacts,
            expiring=self._records.expiring(fleet.wanted, artefacts, world.at),
            real_paths=within.real_paths,
        )
        lineages = self._records.lineages(fleet.followed, within.agents, world)
        return replace(world, lineages=lineages) if lineages else world

    def _left_behind(self, fleet: _Fleet) -> frozenset[str]:
        if not fleet.missing:
            return frozenset()
        return frozenset(each for each in self._tmux.left_behind() if fleet.listings[each] is None)

    def _fleet(self, registry: Registry, listings: Mapping[str, Answer[Listing]]) -> _Fleet:
        last = self._last and self._last.fleet
        if last and last.registry == registry and _identical(last.listings, listings):
            return last
        sessions = judge.sessions_of(listings.values())
        followed = list(self._followed(registry, sessions))
        return _Fleet(
            registry=registry,
            listings=listings,
            followed=followed,
            places=_places(sessions, followed),
            missing=[
                entry
                for entry in registry.entries
                if entry.status == RUNNING and judge.find(entry, sessions) is None
            ],
            wanted=self._records.wanted(registry),
        )

    def _kinds(self, found: Iterable[Found]) -> Mapping[str, Sequence[LiveAgent]]:
        kinds: dict[str, list[LiveAgent]] = {}
        for each in found:
            if each.agent and each.agent.kind in self.adapters:
                kinds.setdefault(each.agent.kind, []).append(each.agent)
        return kinds

    def _insides(self, fleet: _Fleet, world: World) -> _Insides:
        found = self._processes.look(fleet.places, _servers(fleet.listings), world.at)
        if self._last and self._last.fleet is fleet and self._last.found is found:
            return self._last
        world = replace(world, inside={key: each.inside for key, each in found.items()})
        agents = dict(_agents(fleet.followed, found, world))
        return _Insides(
            fleet=fleet,
            found=found,
            inside=world.inside,
            agents=agents,
            kinds=self._kinds(found.values()),
            real_paths=self._real_paths(fleet, agents),
        )

    def _followed(
        self, registry: Registry, sessions: Mapping[SessionName, list[Session]]
    ) -> Iterator[Followed]:
        registered = set()
        for entry in registry.entries:
            registered.add(names.normalise(entry.name))
            session = judge.find(entry, sessions)
            if session and entry.status in {RUNNING, TERMINATED}:
                yield Followed(session, entry)
        for name, named in sessions.items():
            if name not in registered and names.registrable(name, self._patterns):
                yield Followed(next((s for s in named if s.alive), named[0]), None)

    def _conversations(
        self, within: _Insides, kinds: Collection[str]
    ) -> Mapping[SessionName, Conversation]:
        """What each agent's adapter says. All agents are shown to it: they claim their own."""
        held: dict[SessionName, Conversation] = {}
        for kind in kinds:  # also one whose last agent has just ended: it names nothing any more
            held.update(self.adapters[kind].conversations(within.kinds.get(kind, ())))
        return {name: held.get(agent.session) for name, agent in within.agents.items()}

    def _real_paths(
        self, fleet: _Fleet, agents: Mapping[SessionName, LiveAgent]
    ) -> Mapping[str, str]:
        """Symlinks cost a system call for each part, so only what differs is resolved."""
        real: dict[str, str] = {}
        for each in fleet.followed:
            workspace = each.entry and each.entry.workspace
            if not workspace:
                continue
            real[workspace] = self._expanded(workspace)
            if real[workspace] not in _seen_in(each, agents.get(each.session.name)):
                real[workspace] = _real(real[workspace])
                real[each.session.directory] = _real(each.session.directory)
        for entry in fleet.missing:
            for path in filter(None, (entry.workspace, entry.pane_cwd)):
                real[path] = _real(self._expanded(path))
        return real

    def _expanded(self, path: str) -> str:
        """`~` is the home of whom the registry belongs to: ours."""
        return self._home + path[1:] if path == "~" or path.startswith("~/") else path


def _real(path: str) -> str:
    """A path without links; as it is, when it can be none: a registry may hold any text."""
    try:
        return os.path.realpath(path)
    except ValueError:  # a NUL, or half a surrogate pair
        return path


def _seen_in(followed: Followed, agent: LiveAgent | None) -> tuple[str, str]:
    return (followed.session.directory, agent.cwd if agent else "")


def _places(
    sessions: Mapping[SessionName, list[Session]], followed: Sequence[Followed]
) -> list[Place]:
    """Every living pane; in those that nobody asked for, an agent may still claim an id.

    A pane that several sessions show (`new-session -t`, `link-window`) is looked into once,
    for the one that is followed.
    """
    entries = {id(each.session): each.entry for each in followed}
    places: dict[tuple[str, str], Place] = {}
    for session in itertools.chain.from_iterable(sessions.values()):
        for pane in session.panes:
            entry = entries.get(id(session))
            place = Place(
                socket=session.socket,
                pane=pane,
                wanted=entry.agent if entry else None,
                followed=id(session) in entries,
            )
            if not pane.dead and (place.followed or place.key not in places):
                places[place.key] = place
    return list(places.values())


def _identical(one: Mapping[str, Answer[Listing]], other: Mapping[str, Answer[Listing]]) -> bool:
    """Whether tmux printed the same for each socket; then its listing is the same object."""
    return one.keys() == other.keys() and all(one[socket] is other[socket] for socket in one)


def _servers(listings: Mapping[str, Answer[Listing]]) -> list[int]:
    return [
        answer.server.pid
        for answer in listings.values()
        if isinstance(answer, Listing) and answer.server
    ]


def _agents(
    followed: Iterable[Followed], found: Mapping[tuple[str, str], Found], world: World
) -> Iterator[tuple[SessionName, LiveAgent]]:
    """The agent of each followed session: of several panes, the one that is the session's."""
    for each in followed:
        pane = identity.agent_pane(each.session, each.entry, world)
        within = found.get((each.session.socket, pane.pane_id))
        if within and within.agent:
            yield each.session.name, within.agent


def _recorded_pids(missing: Iterable[Entry], booted: Boot | None) -> Mapping[int, Answer[Process]]:
    return {
        entry.pane_pid: processes.process(entry.pane_pid, booted)
        for entry in missing
        if entry.pane_pid is not None
    }
