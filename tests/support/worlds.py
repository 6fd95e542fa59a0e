"""Whole worlds for the laws: tmux, processes, the agents' files, a registry and a memory.

Everything about one session is numbered: its panes' pids, its directory and its ids follow
from its place in `NAMES`, also in tmux (`$0`, `%00`), wherever its name or its panes went. So
what is drawn independently still meets often: the recorded pid is that of a pane, the
conversation is the recorded one, the session is the one that was seen before. No name is on
two servers at once; the tables have that case. And most of what is drawn is as it should be,
for a world in which all of it is off shows little but changed identities.

Strategies are cached, since hypothesis spends more on a new one than on what it draws.
"""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeVar

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from examples import (
    AT,
    BOOT,
    BORN,
    ELSEWHERE,
    HERE,
    NEXT_BOOT,
    SECOND_SOCKET,
    SERVER,
    SERVER_PROCESS,
    SOCKET,
    YOUNG_SERVER,
)
from reconcile import judge, names, plan
from reconcile.desired import RUNNING, TERMINATED, Entry, Registry
from reconcile.memory import Memory, Remembered, Sighting
from reconcile.observed import (
    Agent,
    Ambiguous,
    Artefact,
    Bound,
    Conversation,
    ConversationId,
    Inside,
    Listing,
    Missing,
    Pane,
    PlaceId,
    Process,
    ProcessId,
    Recorded,
    Session,
    SessionName,
    Unknown,
    Unproven,
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

RENAMED = tuple(SessionName(f"lab-r{number}-creator-claude") for number in range(len(NAMES)))
"""What a user may have called its sessions since; each would be registered by itself."""

SOCKETS = (SOCKET, SECOND_SOCKET)
YOUNG_PROCESS = ProcessId(YOUNG_SERVER.pid, "70")
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
    memory = replace(memory, sightings=draw(_sightings(registry, sessions)))
    found = judge.judge(world, registry, memory, Policy())
    ids = [*STALE, *(drift.id for drift in found.drifts), *(note.id for note in found.notices)]
    open_before = draw(st.dictionaries(st.sampled_from(ids), _remembered(), max_size=6))
    return Scene(world=world, registry=registry, memory=replace(memory, open=open_before))


# What people wrote down. ------------------------------------------------------------------------


def _number(named: Entry | Session) -> int:
    if isinstance(named, Session):
        return int(named.id[1:])
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
        host=_often(None, "devbox", "laptop"),
        workspace=_often(f"~/lab/{number}", home(number), "/srv", None),
        created_at=_often(BORN, BORN - timedelta(seconds=30), BORN - DAY, None),
        terminated_at=st.sampled_from([None, AT - DAY, AT - timedelta(seconds=5)]),
        pane_pid=_often(pid(number), pid(number, 1), 9000 + number, None),
        pane_command=st.sampled_from(["claude", None]),
        pane_cwd=st.sampled_from([home(number), None]),
        own_id=st.sampled_from([None, own, other]),
        own_since=_often(None, AT - timedelta(minutes=1)),
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
    panes = {
        (each.socket, pane.pane_id): pane for each in living for pane in each.panes if not pane.dead
    }
    recorded = {
        (entry.agent or "", each)
        for entry in registry.entries
        for each in (entry.own_id, *entry.other_ids)
        if each
    }
    conversations = {each.name: draw(_conversations(_number(each))) for each in living}
    inside = {key: draw(_insides(pane.pid)) for key, pane in panes.items()}
    shown = {one.pid: one for each in inside.values() if isinstance(one := each.process, Process)}
    return World(
        at=AT,
        boot=draw(_often(BOOT, NEXT_BOOT, replace(BOOT, id=""), None)),
        place=draw(_often(HERE, ELSEWHERE)),
        away=draw(_often(None, "it is at home elsewhere")),
        tmux={
            socket: None if socket in ended else draw(_listings(socket, living))
            for socket in SOCKETS
        },
        rivals=draw(_often(frozenset[str](), frozenset({SOCKET}))),
        inside=inside,
        servers={SERVER: SERVER_PROCESS, YOUNG_SERVER: YOUNG_PROCESS},
        remembered=draw(
            st.dictionaries(st.sampled_from([SERVER_PROCESS, YOUNG_PROCESS]), st.booleans())
        ),
        recorded_pids={
            entry.pane_pid: shown.get(entry.pane_pid)
            or draw(_recorded_processes(entry.pane_pid, _number(entry)))
            for entry in registry.entries
            if entry.pane_pid is not None
        },
        recorded_agents={
            entry.pane_pid: draw(_often(frozenset({"claude"}), frozenset[str]()))
            for entry in registry.entries
            if entry.pane_pid is not None
        },
        others=draw(_often({}, {"/tmp/other": None})),
        conversations=conversations,
        holders=draw(_holders(conversations.values(), recorded)),
        sharers={each.name: draw(_often((), ("process 7",))) for each in living},
        environs={each.name: draw(_often({}, {"CLAUDE_CONFIG_DIR": "/c"})) for each in living},
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


@st.composite
def _holders(
    draw: DrawFn, held: Iterable[Conversation], recorded: Collection[Recorded]
) -> Mapping[ConversationId, tuple[str, ...]]:
    """Whoever holds a recorded conversation in a session, and perhaps others."""
    ids = {each.id for each in held if isinstance(each, Bound)}
    return {one: ("a process",) for _, one in sorted(recorded) if one in ids or draw(RARELY)}


@st.composite
def _fleets(draw: DrawFn) -> tuple[Session | None, ...]:
    """Sessions, some of which have swapped names, or been renamed; some panes were moved."""
    numbers = range(len(NAMES))
    fleet = [draw(_usually(_sessions(number), st.none())) for number in numbers]
    one, other = draw(st.tuples(st.sampled_from(numbers), st.sampled_from(numbers)))
    first, second = fleet[one], fleet[other]
    kinds = ("renamed", "swapped", "moved", "linked")
    change = draw(st.sampled_from(["none", "none", *kinds]))
    if first and change == "renamed":
        fleet[one] = replace(first, name=RENAMED[one])
    elif first and second and one != other and change == "swapped":
        fleet[one], fleet[other] = (
            replace(first, name=second.name),
            replace(second, name=first.name),
        )
    elif first and second and one != other and change in {"moved", "linked"}:
        joined = replace(second, panes=(*first.panes, *second.panes), socket=first.socket)
        fleet[other] = joined
        if change == "moved":
            fleet[one] = None
    return tuple(fleet)


@functools.cache
def _sessions(number: int) -> SearchStrategy[Session]:
    """Sessions of one name, with one to three panes, each alive or dead."""
    dead = st.lists(RARELY, min_size=1, max_size=3)
    return st.builds(
        Session,
        name=st.just(NAMES[number]),
        id=st.just(f"${number}"),
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
def _insides(pane_pid: int) -> SearchStrategy[Inside]:
    """What one pane may run: an agent, perhaps below a shell, or only a shell, or nothing."""
    number = (pane_pid - 1000) // 10
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
        start=_often("5", "6", ""),
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
        command=st.sampled_from(["node", "claude"]),
        cwd=st.sampled_from([home(number), "/srv", ""]),
    )
    return st.none() | st.none() | living


@functools.cache
def _conversations(number: int) -> SearchStrategy[Bound | Ambiguous | Unproven | None]:
    ids = [conversation(number, what) for what in ("own", "next")]
    bound = st.builds(
        Bound, id=st.sampled_from(ids), proof=st.sampled_from(Proof), written=st.booleans()
    )
    unproven = st.builds(
        Unproven,
        likely=st.sampled_from([None, *ids]),
        left=st.sampled_from([(), (ids[0],)]),
        setting=st.sampled_from(["", "set it"]),
    )
    return _usually(bound, st.none(), st.just(Ambiguous(tuple(ids))), unproven)


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
        place=draw(_often(world.place, BLIND)),
        others=draw(_hidden(world.others)),
        remembered=draw(_hidden(world.remembered)),
        holders=draw(_often(world.holders, BLIND)),
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
    place = _often(HERE.id, None)
    return st.builds(Memory, servers=servers, boot=_often(BOOT, NEXT_BOOT, None), place=place)


@st.composite
def _sightings(
    draw: DrawFn, registry: Registry, sessions: Iterable[Session | None]
) -> Mapping[SessionName, Sighting]:
    """Where half of the entries were seen: mostly in what still is their session."""
    sockets = {_number(each): each.socket for each in sessions if each}
    return {
        names.key(entry.name): draw(_sighting(number, sockets.get(number, SOCKET)))
        for entry in registry.entries
        for number in [_number(entry)]
        if draw(st.booleans())
    }


def _sighting(number: int, socket: str) -> SearchStrategy[Sighting]:
    proven = st.sampled_from([(None, None), *((conversation(number, "own"), p) for p in Proof)])
    seen = st.builds(
        Sighting,
        place=_often(HERE.id, ELSEWHERE.id, PlaceId("")),
        boot=_often(BOOT.id, NEXT_BOOT.id, ""),
        at=_often(
            AT - timedelta(minutes=1), AT - timedelta(minutes=5), AT - DAY, AT + timedelta(hours=1)
        ),
        socket=_often(socket, SECOND_SOCKET, "/tmp/unasked"),
        server=_often(SERVER, YOUNG_SERVER),
        server_process=_often(SERVER_PROCESS, YOUNG_PROCESS, None),
        session_id=_often(f"${number}", "$77"),
        pane_id=_often(f"%{number}0", "%77"),
        pane_pid=st.just(pid(number)),
        agent=_often(ProcessId(pid(number) + 5000, "5"), None),
        kind=st.just("claude"),
        environ=_often({}, {"CLAUDE_CONFIG_DIR": "/c"}),
    )
    return st.builds(
        lambda one, held: replace(one, conversation=held[0], proof=held[1]), seen, proven
    )


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


# Sessions that were seen, and what became of them. ----------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """A fleet that an earlier look saw at its place, as it is looked at again."""

    scene: Scene
    ended: frozenset[SessionName]
    """Whose session has certainly ended; all others live."""
    sees_all: bool
    """Whether the look is from the same place, and its server answered."""


@st.composite
def followed(draw: DrawFn) -> Followed:
    """Sessions that live on, end, are renamed, joined or swapped, looked at from anywhere."""
    total = draw(st.integers(2, 5))
    running = tuple(_running(number) for number in range(total))
    before = living(running)
    first = _seeing(before.values(), AT - timedelta(minutes=1))
    registry = Registry(entries=running, saved_at=BORN)
    memory = Memory(servers={SOCKET: SERVER}, boot=BOOT, place=HERE.id)
    memory = Scene(world=first, registry=registry, memory=memory).tick().memory

    fates = [draw(_often("lives", "ends", "renamed", "joined", "swapped")) for _ in running]
    sessions = list(before.values())
    for number, fate in enumerate(fates):
        other = (number + 1) % total
        if fate == "renamed":
            sessions[number] = replace(sessions[number], name=RENAMED[number])
        elif fate == "swapped":
            one, two = sessions[number].name, sessions[other].name
            sessions[number] = replace(sessions[number], name=two)
            sessions[other] = replace(sessions[other], name=one)
        elif fate == "joined" and fates[other] != "joined":
            panes = (*sessions[other].panes, *sessions[number].panes)
            sessions[other] = replace(sessions[other], panes=panes)
    over = [n for n, fate in enumerate(fates) if fate == "ends"]
    # Whatever was joined to a session that ended has ended with it.
    over += [n for n, fate in enumerate(fates) if fate == "joined" and (n + 1) % total in over]
    absent = {*over, *(n for n, f in enumerate(fates) if f == "joined" and n not in over)}
    absent -= {n for n, f in enumerate(fates) if f == "joined" and fates[(n + 1) % total] == f}
    world = _seeing([each for n, each in enumerate(sessions) if n not in absent], AT)
    shown: list[Mapping[ProcessId, bool | Unknown]]
    shown = [{SERVER_PROCESS: True}, {}, {SERVER_PROCESS: BLIND}]
    world = replace(world, remembered=draw(st.sampled_from(shown)))
    look = draw(st.sampled_from([*_LOOKS, "whole", "whole"]))
    return Followed(
        scene=Scene(world=_looked(world, look), registry=registry, memory=memory),
        ended=frozenset(running[number].name for number in over),
        sees_all=look == "whole",
    )


_LOOKS = ("whole", "elsewhere", "nowhere", "not asked", "no answer", "no server", "another server")


def _running(number: int) -> Entry:
    name = SessionName(f"lab-{number}-creator-claude")
    return Entry(name=name, agent="claude", status=RUNNING, created_at=BORN, pane_pid=pid(number))


def _seeing(sessions: Iterable[Session], at: datetime) -> World:
    """A look from the place of them all at the one server that they are on."""
    sessions = tuple(sessions)
    panes = {pane.pane_id: pane for session in sessions for pane in session.panes}
    return World(
        at=at,
        boot=BOOT,
        place=HERE,
        tmux={SOCKET: Listing(server=SERVER, sessions={each.name: each for each in sessions})},
        inside={(SOCKET, key): _claude(pane.pid) for key, pane in panes.items()},
        servers={SERVER: SERVER_PROCESS},
    )


def _claude(pane_pid: int) -> Inside:
    process = Process(
        pid=pane_pid, started_at=BORN, command="claude", cwd="/srv", start=str(pane_pid)
    )
    return Inside(process=process, agent=Agent(kind="claude", process=process))


def _looked(world: World, look: str) -> World:
    """The same as it is seen from elsewhere, or where its server is not the one that answers."""
    seen: Mapping[str, World] = {
        "whole": world,
        "elsewhere": replace(world, place=ELSEWHERE, tmux={SOCKET: None}, boot=NEXT_BOOT),
        "nowhere": replace(world, place=BLIND),
        "not asked": replace(world, tmux={SECOND_SOCKET: Listing(server=SERVER, sessions={})}),
        "no answer": replace(world, tmux={SOCKET: BLIND}),
        "no server": replace(world, tmux={SOCKET: None}),
        "another server": replace(world, tmux={SOCKET: Listing(server=YOUNG_SERVER, sessions={})}),
    }
    return seen[look]


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
        place=HERE,
        tmux={SOCKET: Listing(server=SERVER, sessions=living(registry.entries[lost:]))},
        recorded_pids={pid(number): None for number in range(total)},
    )
    memory = Memory(servers={SOCKET: SERVER}, boot=BOOT, place=HERE.id)
    return Scene(world=world, registry=registry, memory=memory)


def living(registered: tuple[Entry, ...]) -> Mapping[SessionName, Session]:
    """The sessions of these entries, as they were registered."""
    return {
        names.normalise(entry.name): Session(
            name=names.normalise(entry.name),
            socket=SOCKET,
            id=f"${place}",
            created_at=BORN,
            directory="/srv",
            panes=(Pane(pane_id=f"%{place}", pid=entry.pane_pid or 1),),
        )
        for place, entry in enumerate(registered)
    }
