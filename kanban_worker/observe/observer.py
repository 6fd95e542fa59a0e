"""Observes: one look at everything outside, as one value."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from kanban_worker import agents, holders, processes
from kanban_worker.agents.hooks import Hooks
from kanban_worker.agents.shape import Adapter, Hooked, LiveAgent, PaneUse, Seen, Shown
from kanban_worker.observe import fleet as fleets
from kanban_worker.observe import missing, paths, sharers
from kanban_worker.observe.fleet import Fleet
from kanban_worker.observe.servers import Servers
from kanban_worker.process_table import Table
from kanban_worker.processes import Found, Processes
from kanban_worker.recorded import Followed, Records
from kanban_worker.tmux import Tmux
from reconcile import identity, names
from reconcile.desired import RUNNING, Registry
from reconcile.memory import Memory
from reconcile.observed import (
    Answer,
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
class _Insides:
    """What follows from a look into the panes of one fleet."""

    fleet: Fleet
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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Hold:
    """What follows from what the agents of one fleet hold."""

    within: _Insides
    held: Mapping[SessionName, Conversation]
    """By the agent's own name for itself."""
    conversations: Mapping[SessionName, Conversation]
    """By the session that is followed."""
    sharers: Mapping[SessionName, tuple[str, ...]]


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
        self._records = Records(adapters, lambda path: paths.expanded(path, self._home))
        self._processes = Processes()
        self.table = Table()
        """The process table of the last look, where it had to be read."""
        self._boot = processes.boot()  # which outlives this process
        self._server_processes: Mapping[Server, ProcessId] = {}
        self._conversation_holders = missing.Conversations(adapters, self._holders)
        self._last: _Insides | None = None
        self._last_hold: _Hold | None = None

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
        self.table = Table()
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
        hold = self._hold(within, self._conversations(within, kinds), listings)
        artefacts = self._records.artefacts(
            fleet.wanted, hold.conversations.values(), world.at, within.recorded_environs
        )
        world = replace(
            world,
            inside=within.inside,
            conversations=hold.conversations,
            sharers=hold.sharers,
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

    def _fleet(self, registry: Registry, memory: Memory, world: World) -> Fleet:
        if self._last and self._last.fleet.is_of(registry, memory, world):
            return self._last.fleet
        return fleets.of(registry, memory, world, self._patterns, self._records.wanted(registry))

    # What runs in them. --------------------------------------------------------------------------

    def _kinds(self, found: Iterable[Found]) -> Mapping[str, Sequence[LiveAgent]]:
        kinds: dict[str, list[LiveAgent]] = {}
        for each in found:
            if each.agent and each.agent.kind in self.adapters:
                kinds.setdefault(each.agent.kind, []).append(each.agent)
        return kinds

    def _insides(self, fleet: Fleet, world: World) -> _Insides:
        found = self._processes.look(fleet.panes, self.table, world.at)
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
            real_paths=paths.real(fleet, living, self._home),
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

    def _hold(
        self,
        within: _Insides,
        held: Mapping[SessionName, Conversation],
        listings: Mapping[str, Answer[Listing]],
    ) -> _Hold:
        last = self._last_hold
        # The same panes in the same listings, and each agent's answer the very same object.
        if last is not None and last.within is within and last.held == held:
            return last
        self._last_hold = _Hold(
            within=within,
            held=held,
            conversations={name: held.get(each.session) for name, each in within.agents.items()},
            sharers=sharers.of(within.agents, within.kinds, held, listings.values()),
        )
        return self._last_hold

    def _seen(self, kind: str, living: Sequence[LiveAgent]) -> Seen:
        hooked = ((agent.session, self._hooks.of(agent.family)) for agent in living)
        return Seen(
            hooked={
                name: each
                for name, each in hooked
                if isinstance(each, Hooked) and each.kind in {"", kind}
            },
            shown=self._shown(kind, living),
            anywhere=functools.cache(lambda: holders.everywhere(kind, self.table, self._clock())),
        )

    def _shown(self, kind: str, living: Sequence[LiveAgent]) -> Mapping[SessionName, Shown]:
        use = self.adapters[kind].pane_use
        if use is PaneUse.NOTHING or not living:
            return {}
        panes = {processes.pane_of(agent.session): agent.session for agent in living}
        found = self._tmux.shown(panes, text=use is PaneUse.TEXT)
        return {panes[pane]: shown for pane, shown in found.items()}

    # What is asked for the missing alone. --------------------------------------------------------

    def _with_missing(
        self, world: World, fleet: Fleet, hidden: Mapping[str, Unknown], owner: int | None
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
        pids = missing.recorded([*never, *besides], self.table, world.at, self._boot)
        world = replace(world, recorded_pids=pids.processes, recorded_agents=pids.kinds)
        if not never or world.away is not None or here is None:
            return world
        others = self._servers.others(world.tmux, self.table, owner=owner)
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
        fresh = functools.partial(agents.adapter, kind)
        home, environ = Path(self._home), self._environ
        return holders.of(kind, fresh, world, self._hooks, self.table, home=home, environ=environ)


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
    fleet: Fleet, agents: Mapping[SessionName, LiveAgent]
) -> Mapping[SessionName, Mapping[str, str]]:
    """By the entry's name, the variables that its agent was started with, where it was seen."""
    seen = {name: each.environ for name, each in fleet.sightings.items() if each.agent}
    for each in fleet.followed:
        agent = agents.get(each.session.name)
        if each.entry and agent and agent.environ:
            seen[names.key(each.entry.name)] = agent.environ
    return seen
