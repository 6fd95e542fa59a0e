"""Observes: one look at everything outside, as one value."""

from __future__ import annotations

import functools
import itertools
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from kanban_worker import agents, holders, processes
from kanban_worker.agents.hooks import Hooks
from kanban_worker.agents.shape import Adapter, Hooked, LiveAgent, PaneUse, Seen, Shown
from kanban_worker.observe import missing
from kanban_worker.observe.servers import Servers
from kanban_worker.processes import Found, LivingPane, Processes
from kanban_worker.recorded import Followed, Records, Wanted
from kanban_worker.tmux import Tmux
from reconcile import identity, location, names
from reconcile.desired import RUNNING, Entry, Registry
from reconcile.location import How, Located, Sessions
from reconcile.memory import Memory, Sighting
from reconcile.observed import (
    Answer,
    Bound,
    Conversation,
    Inside,
    Listing,
    Place,
    ProcessId,
    Server,
    SessionName,
    Unknown,
    World,
)
from reconcile.resume import Holder


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fleet:
    """What follows from one registry, one set of listings and where things were seen before."""

    registry: Registry
    sightings: Mapping[SessionName, Sighting]
    listings: Mapping[str, Answer[Listing]]
    followed: Sequence[Followed]
    panes: Sequence[LivingPane]
    missing: Sequence[Entry]
    """The running entries of this place whose session no listing certainly shows."""
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
    environs: Mapping[SessionName, Mapping[str, str]]
    """The variables that put an agent's files elsewhere, by its session."""
    recorded_environs: Mapping[SessionName, Mapping[str, str]]
    """The variables that an entry's agent was last seen with, by the entry."""
    real_paths: Mapping[str, str]


class Observer:
    """Looks at tmux, the process table and the agents' files.

    What only follows from something that has not changed is kept, so that a quiet look
    costs little more than tmux itself.
    """

    def __init__(  # noqa: PLR0913 - what it looks through, and what it looks for
        self,
        *,
        place: Place | Unknown,
        servers: Servers,
        tmux: Tmux,
        adapters: Mapping[str, Adapter],
        hooks: Hooks,
        patterns: tuple[str, ...],
        home: Path,
        environ: Mapping[str, str],
        clock: Callable[[], datetime],
    ) -> None:
        """`home` is what `~` means in the registry; `clock` tells the local time."""
        self.place = place
        self.adapters = adapters
        self.agents: Mapping[SessionName, LiveAgent] = {}
        """The agent of each followed session, as of the last look."""
        self._servers, self._tmux = servers, tmux
        self._beside = Tmux()  # for servers that are asked now and then, which keeps no listing
        self._hooks = hooks
        self._patterns = patterns
        self._home = str(home)
        self._environ = environ
        self._clock = clock
        self._records = Records(adapters, self._expanded)
        self._processes = Processes()
        self._boot = processes.boot()  # which outlives this process
        self._server_processes: Mapping[Server, ProcessId] = {}
        self._conversation_holders = missing.Conversations(self._holders)
        self._last: _Insides | None = None

    def look(
        self,
        registry: Registry,
        memory: Memory | None = None,
        *,
        away: str | None = None,
        home_since: datetime | None = None,
        owner: int | None = None,
    ) -> World:
        """Everything that can be seen now of the registered and registrable sessions.

        `away` is why the registry is not at home here, if it is not; `owner` is its owner's uid.
        """
        memory = memory or Memory()
        asked = self._servers.look(owner=owner, sighted=self._sighted(registry, memory))
        listings = self._tmux.look(asked.sockets)
        self._server_processes = missing.server_processes(listings, self._server_processes)
        world = World(
            at=self._clock(),
            boot=self._boot,
            place=self.place,
            away=away,
            home_since=home_since,
            tmux=listings,
            servers=self._server_processes,
        )
        fleet = self._fleet(registry, memory, world)
        world = replace(world, tmux=fleet.listings)
        within = self._insides(fleet, world)
        kinds = self._last.kinds.keys() | within.kinds.keys() if self._last else within.kinds.keys()
        self._last, self.agents = within, within.agents
        held = self._conversations(within, kinds)
        conversations = {name: held.get(each.session) for name, each in within.agents.items()}
        artefacts = self._records.artefacts(
            fleet.wanted, conversations.values(), world.at, within.recorded_environs
        )
        world = replace(
            world,
            inside=within.inside,
            conversations=conversations,
            sharers=self._sharers(within, held),
            environs=within.environs,
            artefacts=artefacts,
            expiring=self._records.expiring(fleet.wanted, artefacts, world.at),
            real_paths=within.real_paths,
        )
        if fleet.missing:
            world = self._with_missing(world, fleet, asked.hidden, owner)
        lineages = self._records.lineages(fleet.followed, within.agents, world)
        return replace(world, lineages=lineages) if lineages else world

    # Which sessions there are, and whose. --------------------------------------------------------

    def _sighted(self, registry: Registry, memory: Memory) -> Collection[str]:
        """The sockets at which sessions of running entries were last seen here."""
        if isinstance(self.place, Unknown) or not memory.sightings:
            return ()
        seen = (
            memory.sightings.get(names.key(entry.name))
            for entry in registry.entries
            if entry.status == RUNNING
        )
        return {each.socket for each in seen if each and each.place == self.place.id}

    def _fleet(self, registry: Registry, memory: Memory, world: World) -> _Fleet:
        last = self._last and self._last.fleet
        if (
            last
            and last.registry == registry
            and last.sightings == memory.sightings
            and _identical(last.listings, world.tmux)
        ):
            return last
        sessions = Sessions(world, registry, memory)
        followed: list[Followed] = []
        absent: list[Entry] = []
        for entry in registry.entries:
            if not location.is_judged(entry) or sessions.is_elsewhere(entry):
                continue
            found = sessions.of(entry)
            if isinstance(found, Located):
                followed.append(Followed(found.session, entry))
            unsure = found is None or (isinstance(found, Located) and found.how is How.PROCESS)
            if unsure and entry.status == RUNNING:
                absent.append(entry)
        followed += self._strangers(registry, sessions, followed)
        return _Fleet(
            registry=registry,
            sightings=memory.sightings,
            listings=world.tmux,
            followed=followed,
            panes=_living_panes(sessions, followed),
            missing=absent,
            wanted=self._records.wanted(registry),
        )

    def _strangers(
        self, registry: Registry, sessions: Sessions, followed: Sequence[Followed]
    ) -> Iterator[Followed]:
        """The sessions that would be registered."""
        taken = {form for entry in registry.entries for form in names.as_listed(entry.name)}
        known = {location.key(each.session) for each in followed}
        for name, named in sessions.by_name.items():
            free = [each for each in named if location.key(each) not in known]
            if free and name not in taken and names.registrable(name, self._patterns):
                yield Followed(next((s for s in free if s.alive), free[0]), None)

    # What runs in them. --------------------------------------------------------------------------

    def _kinds(self, found: Iterable[Found]) -> Mapping[str, Sequence[LiveAgent]]:
        kinds: dict[str, list[LiveAgent]] = {}
        for each in found:
            if each.agent and each.agent.kind in self.adapters:
                kinds.setdefault(each.agent.kind, []).append(each.agent)
        return kinds

    def _insides(self, fleet: _Fleet, world: World) -> _Insides:
        found = self._processes.look(fleet.panes, _server_pids(fleet.listings), world.at)
        if self._last and self._last.fleet is fleet and self._last.found is found:
            return self._last
        world = replace(world, inside={key: each.inside for key, each in found.items()})
        living = dict(_agents(fleet.followed, found, world))
        return _Insides(
            fleet=fleet,
            found=found,
            inside=world.inside,
            agents=living,
            kinds=self._kinds(found.values()),
            environs={name: moved for name, each in living.items() if (moved := self._moved(each))},
            recorded_environs=_environs(fleet, living),
            real_paths=self._real_paths(fleet, living),
        )

    def _moved(self, agent: LiveAgent) -> Mapping[str, str]:
        """The variables that put an agent's files elsewhere than a new one of ours would."""
        adapter = self.adapters.get(agent.kind)
        wanted = adapter.variables if adapter else ()
        environ = agent.environ
        moved = {name: environ[name] for name in wanted if environ.get(name)}
        home = environ.get("HOME", self._home)
        return moved if home == self._home else {"HOME": home, **moved}

    # What they hold. -----------------------------------------------------------------------------

    def _conversations(
        self, within: _Insides, kinds: Collection[str]
    ) -> Mapping[SessionName, Conversation]:
        """What each agent's adapter says. All agents are shown to it: they claim their own."""
        held: dict[SessionName, Conversation] = {}
        self._hooks.look()
        for kind in kinds:  # also one whose last agent has just ended: it names nothing any more
            living = within.kinds.get(kind, ())
            held.update(self.adapters[kind].conversations(living, self._seen(kind, living)))
        return held

    def _seen(self, kind: str, living: Sequence[LiveAgent]) -> Seen:
        hooked = ((agent.session, self._hooks.of(agent.family)) for agent in living)
        return Seen(
            hooked={
                name: each
                for name, each in hooked
                if isinstance(each, Hooked) and each.kind in {"", kind}
            },
            shown=self._shown(kind, living),
            anywhere=functools.cache(lambda: holders.everywhere(kind, self._clock())),
        )

    def _shown(self, kind: str, living: Sequence[LiveAgent]) -> Mapping[SessionName, Shown]:
        use = self.adapters[kind].pane_use
        if use is PaneUse.NOTHING or not living:
            return {}
        panes = {processes.pane_of(agent.session): agent.session for agent in living}
        found = self._tmux.shown(panes, text=use is PaneUse.TEXT)
        return {panes[pane]: shown for pane, shown in found.items()}

    def _sharers(
        self, within: _Insides, held: Mapping[SessionName, Conversation]
    ) -> Mapping[SessionName, tuple[str, ...]]:
        """For each session, who else holds the conversation that its agent holds."""
        by_id: dict[tuple[str, str], list[LiveAgent]] = {}
        for kind, living in within.kinds.items():
            for agent in living:
                one = held.get(agent.session)
                if isinstance(one, Bound):
                    by_id.setdefault((kind, one.id.casefold()), []).append(agent)
        shared = {
            agent.session: tuple(
                _who(other, within.fleet.listings.values()) for other in same if other is not agent
            )
            for same in by_id.values()
            if len(same) > 1
            for agent in same
        }
        return {
            name: shared[agent.session]
            for name, agent in within.agents.items()
            if agent.session in shared
        }

    # What is asked for the missing alone. --------------------------------------------------------

    def _with_missing(
        self, world: World, fleet: _Fleet, hidden: Mapping[str, Unknown], owner: int | None
    ) -> World:
        here = self.place.id if isinstance(self.place, Place) else None
        seen = [fleet.sightings.get(names.key(entry.name)) for entry in fleet.missing]
        sighted = [each for each in seen if each and each.place == here]
        pairs = list(zip(fleet.missing, seen, strict=True))
        never = [entry for entry, each in pairs if each is None or each.place != here]
        # What an entry that was seen here records besides is asked for as well.
        besides = [e for e, each in pairs if each and e.pane_pid and not each.is_of(e.pane_pid)]
        world = replace(
            world,
            rivals=self._tmux.rivals(world.tmux),
            left_behind=self._left_behind(world.tmux),
            remembered=missing.remembered(sighted),
        )
        pids = missing.recorded([*never, *besides], world.at, self._boot)
        world = replace(world, recorded_pids=pids.processes, recorded_agents=pids.kinds)
        if not never or world.away is not None or here is None:
            return world
        others = self._servers.others(world.tmux, owner=owner)
        return replace(
            world,
            others={**hidden, **others.hidden, **self._beside.look(others.sockets)},
            holders=self._conversation_holders.of(never, world),
        )

    def _left_behind(self, listings: Mapping[str, Answer[Listing]]) -> frozenset[str]:
        gone = [socket for socket, answer in listings.items() if answer is None]
        return frozenset(self._tmux.left_behind(gone))

    def _holders(self, kind: str, world: World) -> Sequence[Holder] | Unknown:
        """Asked of an adapter of its own: the tick's knows the agents of panes alone."""
        if kind not in self.adapters:
            return ()
        fresh = agents.adapter(kind, Path(self._home), self._environ)
        return holders.of(
            kind, fresh, world, self._hooks, home=Path(self._home), environ=self._environ
        )

    # Paths. --------------------------------------------------------------------------------------

    def _real_paths(
        self, fleet: _Fleet, living: Mapping[SessionName, LiveAgent]
    ) -> Mapping[str, str]:
        """Symlinks cost a system call for each part, so only what differs is resolved."""
        real: dict[str, str] = {}
        for each in fleet.followed:
            workspace = each.entry and each.entry.workspace
            if not workspace:
                continue
            real[workspace] = self._expanded(workspace)
            if real[workspace] not in _seen_in(each, living.get(each.session.name)):
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
    if not path:  # tmux 3.0a tells no directory of a session, and realpath would take ours for it
        return path
    try:
        return os.path.realpath(path)
    except ValueError:  # a NUL, or half a surrogate pair
        return path


def _seen_in(followed: Followed, agent: LiveAgent | None) -> tuple[str, str]:
    return (followed.session.directory, agent.cwd if agent else "")


def _living_panes(sessions: Sessions, followed: Sequence[Followed]) -> list[LivingPane]:
    """Every living pane; in those that nobody asked for, an agent may still claim an id.

    A pane that several sessions show (`new-session -t`, `link-window`) is looked into once,
    for the one that is followed.
    """
    entries = {id(each.session): each.entry for each in followed}
    panes: dict[tuple[str, str], LivingPane] = {}
    for session in sessions.all():
        for pane in session.panes:
            entry = entries.get(id(session))
            living = LivingPane(
                socket=session.socket,
                pane=pane,
                wanted=entry.agent if entry else None,
                followed=id(session) in entries,
            )
            if not pane.dead and (living.followed or living.key not in panes):
                panes[living.key] = living
    return list(panes.values())


def _identical(one: Mapping[str, Answer[Listing]], other: Mapping[str, Answer[Listing]]) -> bool:
    """Whether tmux printed the same for each socket; then its listing is the same object."""
    return one.keys() == other.keys() and all(one[socket] is other[socket] for socket in one)


def _server_pids(listings: Mapping[str, Answer[Listing]]) -> list[int]:
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


def _environs(
    fleet: _Fleet, agents: Mapping[SessionName, LiveAgent]
) -> Mapping[SessionName, Mapping[str, str]]:
    """By the entry's name, the variables that its agent was started with, where it was seen."""
    seen = {name: each.environ for name, each in fleet.sightings.items() if each.agent}
    for each in fleet.followed:
        agent = agents.get(each.session.name)
        if each.entry and agent and agent.environ:
            seen[names.key(each.entry.name)] = agent.environ
    return seen


def _who(agent: LiveAgent, listings: Iterable[Answer[Listing]]) -> str:
    """An agent as a person may find it."""
    socket, pane_id = processes.pane_of(agent.session)
    sessions = itertools.chain.from_iterable(
        answer.sessions.values() for answer in listings if isinstance(answer, Listing)
    )
    showing = [
        session
        for session in sessions
        if session.socket == socket and any(pane.pane_id == pane_id for pane in session.panes)
    ]
    if not showing:
        return f"process {agent.family[0].pid}"
    # A window may be linked: told of another session, the same finding would be a new one.
    oldest = min(showing, key=location.age)
    return f"process {agent.family[0].pid} in tmux session {oldest.name}"
