"""Whole worlds for the laws: tmux, processes, the agents' files, a registry and a memory.

Everything about one session is numbered: its panes' pids, its directory and its ids follow
from its place in `NAMES`. So what is drawn independently still meets often: the recorded
pid is that of a pane, the conversation is the recorded one. No name is on two servers at
once; the tables have that case. And most of what is drawn is as it should be, for a world
in which all of it is off shows little but changed identities.

Strategies are cached, since hypothesis spends more on a new one than on what it draws.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TypeVar

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from examples import AT, BOOT, BORN, NEXT_BOOT, SECOND_SOCKET, SERVER, SOCKET, YOUNG_SERVER
from reconcile import judge, names, plan
from reconcile.desired import RUNNING, TERMINATED, Entry, Registry
from reconcile.memory import Memory, Remembered
from reconcile.observed import (
    Agent,
    Ambiguous,
    Artefact,
    Bound,
    ConversationId,
    Inside,
    Listing,
    Missing,
    Pane,
    Process,
    Session,
    SessionName,
    Unknown,
    World,
)
from reconcile.plan import Plan
from reconcile.policy import Policy
from reconcile.proofs import Proof

NAMES = tuple(
    SessionName(name)
    for name in (
        "lab-a-creator-claude",
        "lab-c-creator-agy",
        "lab_d-creator-claude",
        "lab-e-creator-codex",
        "notes",
    )
)
"""As tmux writes them. The last is none that is registered by itself."""
AS_WRITTEN = {SessionName("lab_d-creator-claude"): SessionName("lab.d-creator-claude")}
"""How a person may write one of them."""

SOCKETS = (SOCKET, SECOND_SOCKET)
DAY = timedelta(days=1)
BLIND = Unknown("it could not be looked at")
STALE = ("A-00000000", "B-00000000", "C-00000000", "D-00000000", "I-00000000", "U-00000000")
"""Ids of findings that no world here has."""
K = TypeVar("K")
T = TypeVar("T")
RARELY = st.sampled_from([False, False, False, True])


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """All that a tick stands on."""

    world: World
    registry: Registry
    memory: Memory

    def tick(self) -> Plan:
        """What the core decides here."""
        judgement = judge.judge(self.world, self.registry, self.memory, Policy())
        return plan.plan(judgement, self.world, self.registry, self.memory, Policy())

    def after(self, seconds: float, memory: Memory) -> Scene:
        """The same world and registry, looked at again with what was remembered."""
        later = replace(self.world, at=self.world.at + timedelta(seconds=seconds))
        return replace(self, world=later, memory=memory)


def scenes(*, seeing: bool = False) -> SearchStrategy[Scene]:
    """Scenes; with `seeing`, every question to the outside has been answered."""
    return _scenes(seeing)


@st.composite
def _scenes(draw: DrawFn, seeing: bool) -> Scene:  # noqa: FBT001 - hypothesis passes it on
    registry = draw(registries())
    sessions = draw(_fleets())
    world = draw(_worlds(registry, [each for each in sessions if each]))
    world = world if seeing else draw(st.just(world) | blinded(world))
    memory = draw(_memories())
    found = judge.judge(world, registry, memory, Policy())
    ids = [*STALE, *(drift.id for drift in found.drifts), *(note.id for note in found.notices)]
    open_before = draw(st.dictionaries(st.sampled_from(ids), _remembered(), max_size=6))
    return Scene(world=world, registry=registry, memory=replace(memory, open=open_before))


# What people wrote down. ------------------------------------------------------------------------


def _number(named: Entry | Session) -> int:
    return NAMES.index(names.normalise(named.name))


def pid(number: int, pane: int = 0) -> int:
    """The pid in one pane of one session."""
    return 1000 + 10 * number + pane


def home(number: int) -> str:
    """Where one session's work is."""
    return f"/home/u/lab/{number}"


def conversation(number: int, what: str) -> ConversationId:
    """One of the conversations that one session's agent has had."""
    return ConversationId(f"{number:08d}-0000-4000-8000-{what:0>12}")


@functools.cache
def registries() -> SearchStrategy[Registry]:
    """Registries in which each name of `NAMES` may have an entry, in any order."""
    drawn = st.tuples(*(_usually(entries(number), st.none()) for number in range(len(NAMES))))
    return drawn.map(lambda each: Registry(entries=tuple(entry for entry in each if entry)))


@functools.cache
def entries(number: int) -> SearchStrategy[Entry]:
    """Entries of one name."""
    own, other = conversation(number, "own"), conversation(number, "other")
    return st.builds(
        Entry,
        name=st.just(AS_WRITTEN.get(NAMES[number], NAMES[number])),
        agent=_often("claude", "agy", None),
        status=_often(RUNNING, TERMINATED, "paused", None),
        workspace=_often(f"~/lab/{number}", home(number), "/srv", None),
        created_at=_often(BORN, BORN - timedelta(seconds=30), BORN - DAY, None),
        terminated_at=st.sampled_from([None, AT - DAY, AT - timedelta(seconds=5)]),
        pane_pid=_often(pid(number), pid(number, 1), 9000 + number, None),
        pane_command=st.sampled_from(["claude", None]),
        pane_cwd=st.sampled_from([home(number), None]),
        own_id=st.sampled_from([None, own, other]),
        other_ids=st.sampled_from([(), (own,), (other,)]),
        fresh=RARELY,
    )


def _often(usual: T, *others: T) -> SearchStrategy[T]:
    """The first one in nearly nine of ten cases."""
    return st.sampled_from([*[usual] * 8 * len(others), *others])


def _usually(usual: SearchStrategy[T], *others: SearchStrategy[T]) -> SearchStrategy[T]:
    """The first strategy in three of four cases; `one_of` takes three of a kind for one."""
    return st.sampled_from([*[usual] * 3 * len(others), *others]).flatmap(lambda each: each)


# What a look finds. -----------------------------------------------------------------------------


@st.composite
def _worlds(draw: DrawFn, registry: Registry, sessions: list[Session]) -> World:
    """Worlds in which everything that could be asked for has been answered."""
    ended = draw(_often(frozenset[str](), frozenset({SOCKET}), frozenset({SECOND_SOCKET})))
    living = [session for session in sessions if session.socket not in ended]
    panes = [(each, pane) for each in living for pane in each.panes if not pane.dead]
    recorded = {
        (entry.agent or "", each)
        for entry in registry.entries
        for each in (entry.own_id, *entry.other_ids)
        if each
    }
    return World(
        at=AT,
        boot=draw(_often(BOOT, NEXT_BOOT, None)),
        tmux={
            socket: None if socket in ended else draw(_listings(socket, living))
            for socket in SOCKETS
        },
        rivals=draw(_often(frozenset[str](), frozenset({SOCKET}))),
        inside={
            (each.socket, pane.pane_id): draw(_insides(pane.pid, _number(each)))
            for each, pane in panes
        },
        recorded_pids={
            entry.pane_pid: draw(_recorded_processes(entry.pane_pid, _number(entry)))
            for entry in registry.entries
            if entry.pane_pid is not None
        },
        conversations={each.name: draw(_conversations(_number(each))) for each in living},
        artefacts={
            each: draw(st.sampled_from([*Artefact, *[Missing("retention")] * 2]))
            for each in sorted(recorded)
        },
        real_paths={f"~/lab/{number}": home(number) for number in range(len(NAMES))},
    )


def _listings(socket: str, sessions: list[Session]) -> SearchStrategy[Listing]:
    here = {each.name: each for each in sessions if each.socket == socket}
    server = _often(SERVER, YOUNG_SERVER) if here else _often(SERVER, None)
    return st.builds(Listing, server=server, sessions=st.just(here))


@functools.cache
def _fleets() -> SearchStrategy[tuple[Session | None, ...]]:
    return st.tuples(*(_usually(_sessions(number), st.none()) for number in range(len(NAMES))))


@functools.cache
def _sessions(number: int) -> SearchStrategy[Session]:
    """Sessions of one name, with one to three panes, each alive or dead."""
    dead = st.lists(RARELY, min_size=1, max_size=3)
    return st.builds(
        Session,
        name=st.just(NAMES[number]),
        socket=st.sampled_from(SOCKETS),
        created_at=_often(BORN, AT - timedelta(seconds=30)),
        directory=_often(home(number), "/srv"),
        panes=st.tuples(dead, st.sampled_from([None, 0, 1])).map(
            lambda drawn: tuple(
                Pane(
                    pane_id=f"%{number}{place}",
                    pid=pid(number, place),
                    dead=dead,
                    exit_status=drawn[1] if dead else None,
                )
                for place, dead in enumerate(drawn[0])
            )
        ),
    )


@functools.cache
def _insides(pane_pid: int, number: int) -> SearchStrategy[Inside]:
    """What one pane may run: an agent, perhaps below a shell, or only a shell, or nothing."""
    cwd = _often(home(number), "/srv", "")
    shell = st.builds(
        Process,
        pid=st.just(pane_pid),
        started_at=st.just(BORN),
        command=st.sampled_from(["bash", ""]),
        cwd=cwd,
    )
    agent = st.builds(
        Process,
        pid=st.just(pane_pid + 5000),
        started_at=st.just(BORN),
        command=st.just("claude"),
        cwd=cwd,
    )
    held = st.builds(Agent, kind=_often("claude", "agy", "codex"), process=agent)
    runs = st.builds(Inside, process=shell, agent=held)
    return _usually(
        runs,
        st.builds(Inside, process=shell, agent=st.none(), shell_only=st.booleans()),
        st.just(Inside(process=None, agent=None)),
    )


@functools.cache
def _recorded_processes(recorded: int, number: int) -> SearchStrategy[Process | None]:
    """What a recorded pid may be now: nothing, the same process or another one."""
    started = st.sampled_from([BORN, AT - timedelta(minutes=1)])
    living = st.builds(
        Process,
        pid=st.just(recorded),
        started_at=started,
        command=st.just("node"),
        cwd=st.sampled_from([home(number), "/srv", ""]),
    )
    return st.none() | st.none() | living


@functools.cache
def _conversations(number: int) -> SearchStrategy[Bound | Ambiguous | None]:
    ids = [conversation(number, what) for what in ("own", "next")]
    bound = st.builds(
        Bound, id=st.sampled_from(ids), proof=st.just(Proof.PID_FILE), written=st.booleans()
    )
    return _usually(bound, st.none(), st.just(Ambiguous(tuple(ids))))


# What could not be looked at. -------------------------------------------------------------------


@st.composite
def blinded(draw: DrawFn, world: World) -> World:
    """The same world, with some answers lost."""
    return replace(
        world,
        tmux=draw(_hidden(world.tmux, rarely=True)),
        rivals=world.rivals | draw(st.sampled_from([frozenset[str](), frozenset({SOCKET})])),
        inside={
            key: draw(st.sampled_from([each, each, *_half_seen(each)]))
            for key, each in world.inside.items()
        },
        recorded_pids=draw(_hidden(world.recorded_pids)),
        conversations=draw(_hidden(world.conversations)),
        artefacts=draw(_hidden(world.artefacts)),
    )


@st.composite
def blind_to_tmux(draw: DrawFn, world: World) -> World:
    """The same world, with at least one tmux server that did not answer."""
    lost = draw(st.sampled_from(SOCKETS))
    return replace(world, tmux={**world.tmux, lost: BLIND})


def _half_seen(inside: Inside) -> tuple[Inside, ...]:
    return (
        Inside(process=BLIND, agent=BLIND),
        replace(inside, agent=BLIND, shell_only=False),
        replace(inside, process=BLIND),
    )


def _hidden(
    answers: Mapping[K, T | Unknown], *, rarely: bool = False
) -> SearchStrategy[dict[K, T | Unknown]]:
    lost = st.sampled_from([False] * (7 if rarely else 2) + [True])
    return st.tuples(*(lost for _ in answers)).map(
        lambda drawn: {
            key: BLIND if is_lost else answers[key]
            for key, is_lost in zip(answers, drawn, strict=True)
        }
    )


# What earlier ticks left behind. ----------------------------------------------------------------


@functools.cache
def _memories() -> SearchStrategy[Memory]:
    servers = st.dictionaries(st.sampled_from(SOCKETS), _often(SERVER, YOUNG_SERVER))
    return st.builds(Memory, servers=servers, boot=_often(BOOT, NEXT_BOOT, None))


@functools.cache
def _remembered() -> SearchStrategy[Remembered]:
    held = [AT - timedelta(seconds=5), AT - timedelta(seconds=30), AT + timedelta(hours=1)]
    return st.builds(
        Remembered,
        since=st.just(AT - timedelta(minutes=1)),
        told=st.booleans(),
        comment_id=st.sampled_from([None, "7"]),
        first_held=_often(None, *held),
    )


# A wave of deaths. ------------------------------------------------------------------------------


@st.composite
def storms(draw: DrawFn) -> Scene:
    """At least 3 sessions and at least half of the running ones are certainly gone.

    The memory holds nothing against it: the same server and the same boot as before.
    """
    total = draw(st.integers(3, 10))
    lost = draw(st.integers(max(3, (total + 1) // 2), total))
    registry = Registry(
        entries=tuple(
            Entry(
                name=SessionName(f"lab-{number}-creator-claude"),
                agent="claude",
                status=RUNNING,
                created_at=BORN,
                pane_pid=draw(st.sampled_from([pid(number), None])),
            )
            for number in range(total)
        )
    )
    world = World(
        at=AT,
        boot=BOOT,
        tmux={SOCKET: Listing(server=SERVER, sessions=living(registry.entries[lost:]))},
        recorded_pids={pid(number): None for number in range(total)},
    )
    memory = Memory(servers={SOCKET: SERVER}, boot=BOOT)
    return Scene(world=world, registry=registry, memory=memory)


def living(registered: tuple[Entry, ...]) -> Mapping[SessionName, Session]:
    """The sessions of these entries, as they were registered."""
    return {
        names.normalise(entry.name): Session(
            name=names.normalise(entry.name),
            socket=SOCKET,
            created_at=BORN,
            directory="/srv",
            panes=(Pane(pane_id=f"%{place}", pid=entry.pane_pid or 1),),
        )
        for place, entry in enumerate(registered)
    }
