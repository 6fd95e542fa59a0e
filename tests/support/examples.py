"""One value of each kind for the core's tables: a session that runs as it was registered.

Each test varies the one thing it is about, with `dataclasses.replace`.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from reconcile import judge, plan
from reconcile.desired import Entry, Registry
from reconcile.drift import FOREVER, Drift, DriftClass, Judgement, Notice, NoticeKind
from reconcile.memory import Memory, Sighting
from reconcile.observed import (
    Agent,
    Artefact,
    Boot,
    Bound,
    ConversationId,
    Inside,
    Listing,
    Pane,
    Place,
    PlaceId,
    Process,
    ProcessId,
    Server,
    Session,
    SessionName,
    World,
)
from reconcile.plan import Plan
from reconcile.policy import Policy
from reconcile.proofs import Proof
from reconcile.sightings import RENEWED

AT = datetime(2026, 11, 20, 10, 0, 0, 123456, tzinfo=UTC)
"""When the look is made."""
NOTICED = AT.replace(microsecond=0)
"""The same, as it is written down."""
BORN = AT.replace(microsecond=0) - timedelta(hours=1)
"""When the session was made."""
LATER = BORN + timedelta(minutes=5)

SOCKET = "/tmp/tmux-1000/default"
SECOND_SOCKET = "/tmp/tmux-1000/work"
SERVER = Server(pid=812, started_at=BORN - timedelta(days=1))
YOUNG_SERVER = Server(pid=999, started_at=BORN + timedelta(minutes=30))
BOOT = Boot(id="boot-1", at=BORN - timedelta(days=2))
NEXT_BOOT = Boot(id="boot-2", at=BORN + timedelta(minutes=20))

HERE = Place(PlaceId("0" * 32), frozenset({"devbox"}))
ELSEWHERE = Place(PlaceId("1" * 32), frozenset({"laptop"}))

NAME = SessionName("lab-x-creator-claude")
PID = 201132
WORKSPACE = "~/lab/x"
HOME = "/home/u/lab/x"
OWN = ConversationId("87dc548e-0000-4000-8000-000000000000")
NEXT = ConversationId("b3a7d1e2-0000-4000-8000-000000000c2f")

PANE = Pane(pane_id="%1", pid=PID)
DEAD_PANE = Pane(pane_id="%1", pid=PID, dead=True, exit_status=1)
CLAUDE = Process(pid=PID, started_at=BORN, command="claude", cwd=HOME, start="100")
RUNS_CLAUDE = Inside(process=CLAUDE, agent=Agent(kind="claude", process=CLAUDE))
SHELL = Process(pid=PID, started_at=BORN, command="bash", cwd=HOME)
RUNS_SHELL = Inside(process=SHELL, agent=None, shell_only=True)

SESSION = Session(name=NAME, socket=SOCKET, id="$1", created_at=BORN, directory=HOME, panes=(PANE,))
ENTRY = Entry(
    name=NAME,
    agent="claude",
    status="running",
    workspace=WORKSPACE,
    created_at=BORN,
    pane_pid=PID,
    pane_command="claude",
    pane_cwd=HOME,
    own_id=OWN,
)
WORLD = World(
    at=AT,
    boot=BOOT,
    place=HERE,
    tmux={SOCKET: Listing(server=SERVER, sessions={NAME: SESSION})},
    inside={(SOCKET, "%1"): RUNS_CLAUDE},
    conversations={NAME: Bound(id=OWN, proof=Proof.PID_FILE, written=True)},
    artefacts={("claude", OWN): Artefact.PRESENT},
    real_paths={WORKSPACE: HOME},
)
NOTES = Session(
    name=SessionName("notes"),
    socket=SOCKET,
    id="$9",
    created_at=BORN,
    directory="/home/u",
    panes=(Pane(pane_id="%9", pid=5),),
)
"""A session of the user's that is nobody's business."""
GONE = World(
    at=AT,
    boot=BOOT,
    place=HERE,
    tmux={SOCKET: Listing(server=SERVER, sessions={NOTES.name: NOTES})},
    recorded_pids={PID: None},
    real_paths={WORKSPACE: HOME},
)
"""The same server, without the session and its process."""
KNOWN = Memory(servers={SOCKET: SERVER}, boot=BOOT, place=HERE.id)
"""What a tick in this world leaves behind when it finds nothing."""
SERVER_PROCESS = ProcessId(812, "12")
SIGHTING = Sighting(
    place=HERE.id,
    boot=BOOT.id,
    at=AT - timedelta(minutes=1),
    socket=SOCKET,
    server=SERVER,
    server_process=SERVER_PROCESS,
    session_id="$1",
    pane_id="%1",
    pane_pid=PID,
    agent=CLAUDE.id,
    kind="claude",
    conversation=OWN,
    proof=Proof.PID_FILE,
)
"""Where the session was seen a minute ago, as a look at `WORLD` has it."""
SEEN = replace(KNOWN, sightings={NAME: SIGHTING})
"""What a tick leaves behind that has seen the session."""


def listing(*sessions: Session, server: Server | None = SERVER) -> Listing:
    """What one tmux server answers."""
    return Listing(server=server, sessions={session.name: session for session in sessions})


def judged(world: World, *entries: Entry, memory: Memory = KNOWN) -> Judgement:
    """What the core finds, with the default policy; not what lives, nor where it was seen.

    Nor that a sighting will be renewed.
    """
    found = judge.judge(world, Registry(entries=entries), memory, Policy())
    until = FOREVER if found.until == world.at + RENEWED else found.until
    return replace(found, lives={}, sightings={}, until=until)


def planned(world: World, *entries: Entry, memory: Memory = KNOWN) -> Plan:
    """What the core decides, with the default policy."""
    registry = Registry(entries=entries)
    judgement = judge.judge(world, registry, memory, Policy())
    return plan.plan(judgement, world, registry, memory, Policy())


def drifts(judgement: Judgement, kind: DriftClass) -> list[Drift]:
    """The drifts of one class."""
    return [drift for drift in judgement.drifts if drift.kind is kind]


def notices(judgement: Judgement, kind: NoticeKind) -> list[Notice]:
    """The notices of one kind."""
    return [notice for notice in judgement.notices if notice.kind is kind]
