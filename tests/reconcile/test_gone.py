"""When a session is certainly gone, what makes that doubtful, and what ended it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from examples import (
    BOOT,
    BORN,
    DEAD_PANE,
    ELSEWHERE,
    ENTRY,
    GONE,
    HOME,
    KNOWN,
    LATER,
    NEXT,
    NEXT_BOOT,
    PID,
    SECOND_SOCKET,
    SERVER,
    SESSION,
    SOCKET,
    YOUNG_SERVER,
    listing,
)
from reconcile import gone
from reconcile.desired import Entry, Registry
from reconcile.gone import Cause, Gone
from reconcile.memory import Memory
from reconcile.observed import Boot, Pane, Process, SessionName, Unknown, World

STRANGER = Process(pid=PID, started_at=LATER, command="vim", cwd="/srv")
"""A process that has the recorded pid by chance: younger, and at home elsewhere."""
SLACK = timedelta(seconds=60)
SAVED = LATER
REGISTRY = Registry(saved_at=SAVED)
SECOND = Pane(pane_id="%2", pid=7)
NO_PID = replace(ENTRY, pane_pid=None)
NOTHING_THERE = replace(GONE, tmux={SOCKET: None})


def certain(verdict: Gone | Unknown) -> Gone:
    assert isinstance(verdict, Gone)
    return verdict


def doubtful(verdict: Gone | Unknown) -> str:
    assert isinstance(verdict, Unknown)
    return verdict.why


@pytest.mark.parametrize(
    ("entry", "world", "memory"),
    [
        pytest.param(ENTRY, GONE, KNOWN, id="the same server lists others, the pid is gone"),
        pytest.param(NO_PID, GONE, KNOWN, id="no pid was recorded, the server's list is enough"),
        pytest.param(NO_PID, GONE, Memory(), id="a first look at a server that does not list it"),
        pytest.param(
            ENTRY,
            replace(GONE, tmux={SOCKET: listing(server=None)}),
            KNOWN,
            id="the server has no session at all",
        ),
        pytest.param(ENTRY, NOTHING_THERE, KNOWN, id="the server seen before is gone"),
        pytest.param(NO_PID, NOTHING_THERE, KNOWN, id="the server is gone, no pid was recorded"),
        pytest.param(
            ENTRY,
            replace(NOTHING_THERE, left_behind=frozenset({SOCKET})),
            Memory(),
            id="a server left its socket behind, and the recorded pid is gone",
        ),
        pytest.param(
            NO_PID,
            replace(NOTHING_THERE, boot=NEXT_BOOT),
            Memory(),
            id="no server, and the host was started after the session was made",
        ),
        pytest.param(
            replace(NO_PID, created_at=None),
            replace(NOTHING_THERE, boot=NEXT_BOOT),
            Memory(boot=BOOT),
            id="no server, and the boot is another one than last time",
        ),
        pytest.param(
            ENTRY,
            replace(GONE, recorded_pids={PID: STRANGER}),
            KNOWN,
            id="another process has the recorded pid",
        ),
        pytest.param(
            ENTRY,
            replace(GONE, boot=NEXT_BOOT, recorded_pids={PID: replace(STRANGER, cwd=HOME)}),
            KNOWN,
            id="after a reboot whatever has the recorded pid is another process",
        ),
        pytest.param(
            ENTRY,
            replace(GONE, boot=None),
            KNOWN,
            id="a system that names no boot has one witness less",
        ),
    ],
)
def test_a_death_is_certain_when(entry: Entry, world: World, memory: Memory) -> None:
    certain(gone.from_absence(entry, Registry(), world, memory))


@pytest.mark.parametrize(
    ("entry", "world", "why"),
    [
        pytest.param(
            ENTRY,
            replace(GONE, tmux={SOCKET: Unknown("tmux gave no answer")}),
            "tmux gave no answer",
            id="its server did not answer",
        ),
        pytest.param(
            ENTRY,
            replace(GONE, tmux={SOCKET: Unknown("not permitted"), SECOND_SOCKET: Unknown("hung")}),
            "not permitted",
            id="two servers did not answer, and the first is told",
        ),
        pytest.param(
            ENTRY,
            replace(GONE, tmux={SOCKET: listing(), SECOND_SOCKET: Unknown("not permitted")}),
            "not permitted",
            id="another server, where it might be, did not answer",
        ),
        pytest.param(
            ENTRY,
            replace(GONE, tmux={SOCKET: Unknown("not permitted")}, boot=NEXT_BOOT),
            "not permitted",
            id="a server did not answer, even after a reboot",
        ),
        pytest.param(
            ENTRY, replace(GONE, tmux={}), "no tmux server was asked", id="no server was asked"
        ),
        pytest.param(
            ENTRY,
            replace(GONE, rivals=frozenset({SOCKET, "/tmp/b"})),
            "two tmux servers share the path /tmp/b; only one of them can be asked",
            id="two servers are bound to one path",
        ),
        pytest.param(
            ENTRY,
            replace(GONE, recorded_pids={PID: Unknown("access denied")}),
            "access denied",
            id="the recorded process cannot be looked at",
        ),
        pytest.param(
            ENTRY,
            replace(GONE, recorded_pids={}),
            f"process {PID} was not looked for",
            id="nobody looked for the recorded process",
        ),
    ],
)
def test_a_death_is_doubtful_when(entry: Entry, world: World, why: str) -> None:
    assert doubtful(gone.from_absence(entry, Registry(), world, KNOWN)) == why


CLAUDE = replace(STRANGER, command="claude", started_at=SAVED)
STILL = f"its pane process {PID} ({{}}) still runs, in no session listed"


def held_by_pid(process: Process, *kinds: str) -> World:
    return replace(GONE, recorded_pids={PID: process}, recorded_agents={PID: frozenset(kinds)})


@pytest.mark.parametrize(
    ("entry", "process", "kinds"),
    [
        pytest.param(ENTRY, CLAUDE, [], id="its command is the recorded agent's name"),
        pytest.param(
            replace(ENTRY, pane_command="node"),
            replace(CLAUDE, command="node"),
            [],
            id="it has the recorded command",
        ),
        pytest.param(
            ENTRY, replace(CLAUDE, started_at=SAVED + SLACK), [], id="it is hardly younger"
        ),
        pytest.param(
            ENTRY, replace(CLAUDE, command="bash"), ["claude"], id="its agent is below it"
        ),
        pytest.param(
            replace(ENTRY, pane_command="bash"), CLAUDE, [], id="its name is that of the agent"
        ),
        pytest.param(ENTRY, replace(CLAUDE, command=""), [], id="nobody can tell what it is"),
        pytest.param(
            replace(ENTRY, agent=None, pane_command=None),
            replace(CLAUDE, command="vim"),
            [],
            id="nobody wrote down what ran there",
        ),
    ],
)
def test_a_process_with_the_recorded_pid_makes_a_death_doubtful_when(
    entry: Entry, process: Process, kinds: list[str]
) -> None:
    world = held_by_pid(process, *kinds)

    for boot in (BOOT, NEXT_BOOT):
        why = doubtful(gone.from_absence(entry, REGISTRY, replace(world, boot=boot), KNOWN))
        assert why == STILL.format(process.command)


@pytest.mark.parametrize(
    ("process", "kinds"),
    [
        pytest.param(replace(CLAUDE, command="vim"), ["agy"], id="it is of another kind"),
        pytest.param(
            replace(CLAUDE, started_at=SAVED + SLACK + timedelta(seconds=1)),
            ["claude"],
            id="it began after the registry was saved",
        ),
    ],
)
def test_a_process_with_the_recorded_pid_is_another_one_when(
    process: Process, kinds: list[str]
) -> None:
    certain(gone.from_absence(ENTRY, REGISTRY, held_by_pid(process, *kinds), KNOWN))


def test_of_a_registry_that_tells_no_time_no_process_is_too_young() -> None:
    world = held_by_pid(replace(CLAUDE, started_at=GONE.at))

    assert doubtful(gone.from_absence(ENTRY, Registry(), world, KNOWN))


@pytest.mark.parametrize("name", ["lab#S-creator-claude", "lab\x85-creator-claude"])
def test_a_name_that_tmux_may_show_in_a_way_that_was_not_looked_for_is_never_missed(
    name: str,
) -> None:
    odd = replace(ENTRY, name=SessionName(name))

    assert doubtful(gone.from_absence(odd, Registry(), GONE, KNOWN)) == (
        "tmux may show its name in another way (copy it from tmux ls)"
    )


@pytest.mark.parametrize(
    ("version", "doubted"),
    [
        pytest.param("3.4", True, id="it lists the name so"),
        pytest.param("", True, id="it may list the name so"),
        pytest.param("3.7c", False, id="what it lists so is called so"),
    ],
)
def test_a_session_like_it_at_a_server_that_counts_besides_makes_a_death_doubtful_if(
    version: str,
    doubted: bool,  # noqa: FBT001
) -> None:
    entry = replace(ENTRY, name=SessionName("lab.x-creator-claude"))
    like = replace(SESSION, name=SessionName("lab_x-creator-claude"))
    world = replace(GONE, others={"/tmp/d": replace(listing(like), version=version)})

    verdict = gone.from_absence(entry, Registry(), world, KNOWN)

    assert isinstance(verdict, Unknown) is doubted


@pytest.mark.parametrize(
    "memory",
    [
        pytest.param(Memory(), id="none was ever seen"),
        pytest.param(
            Memory(servers={SECOND_SOCKET: SERVER}), id="one was seen on a socket not asked now"
        ),
    ],
)
@pytest.mark.parametrize(
    "entry",
    [
        pytest.param(ENTRY, id="made in this boot, and its pid is gone"),
        pytest.param(NO_PID, id="made in this boot"),
        pytest.param(replace(NO_PID, created_at=None), id="made nobody knows when"),
    ],
)
def test_no_server_proves_nothing_when(entry: Entry, memory: Memory) -> None:
    why = doubtful(gone.from_absence(entry, Registry(), NOTHING_THERE, memory))

    assert why == "no tmux server runs, and nothing shows that one ever did here"


def test_a_boot_hardly_younger_than_the_session_proves_nothing() -> None:
    world = replace(NOTHING_THERE, boot=replace(NEXT_BOOT, at=BORN + SLACK))

    assert doubtful(gone.from_absence(NO_PID, Registry(), world, Memory()))


@pytest.mark.parametrize(
    ("entry", "world", "memory", "cause"),
    [
        pytest.param(ENTRY, GONE, KNOWN, Cause.SESSION_CLOSED, id="the same server lives on"),
        pytest.param(
            ENTRY,
            replace(GONE, tmux={SOCKET: listing(server=None)}),
            KNOWN,
            Cause.SESSION_CLOSED,
            id="the server lives on with no session, and does not say which it is",
        ),
        pytest.param(ENTRY, NOTHING_THERE, KNOWN, Cause.SERVER_DIED, id="no server is left"),
        pytest.param(
            replace(ENTRY, created_at=None),
            replace(GONE, tmux={SOCKET: listing(server=YOUNG_SERVER)}),
            KNOWN,
            Cause.SERVER_DIED,
            id="the server is another one than last time",
        ),
        pytest.param(
            ENTRY,
            replace(GONE, tmux={SOCKET: listing(server=YOUNG_SERVER)}),
            Memory(),
            Cause.SERVER_DIED,
            id="the server is younger than the session",
        ),
        pytest.param(
            ENTRY,
            replace(GONE, tmux={SOCKET: listing(server=replace(SERVER, started_at=BORN + SLACK))}),
            Memory(),
            Cause.SESSION_CLOSED,
            id="the server is hardly younger than the session",
        ),
        pytest.param(
            ENTRY,
            replace(NOTHING_THERE, left_behind=frozenset({SOCKET})),
            Memory(),
            Cause.SERVER_DIED,
            id="a server that was never seen left its socket behind",
        ),
        pytest.param(
            ENTRY,
            replace(GONE, tmux={SOCKET: listing(server=YOUNG_SERVER), SECOND_SOCKET: listing()}),
            Memory(),
            Cause.SESSION_CLOSED,
            id="one of two servers is old enough to have had it",
        ),
        pytest.param(
            replace(ENTRY, created_at=None),
            replace(GONE, tmux={SOCKET: listing(server=YOUNG_SERVER)}),
            Memory(),
            Cause.SESSION_CLOSED,
            id="nobody knows whether the server is the one it was made on",
        ),
        pytest.param(
            ENTRY,
            replace(NOTHING_THERE, boot=NEXT_BOOT),
            Memory(),
            Cause.HOST_REBOOT,
            id="the host was started after the session was made",
        ),
        pytest.param(
            replace(ENTRY, created_at=None),
            replace(GONE, boot=NEXT_BOOT),
            KNOWN,
            Cause.HOST_REBOOT,
            id="the boot is another one than last time",
        ),
    ],
)
def test_the_cause_of_an_absence_when(
    entry: Entry, world: World, memory: Memory, cause: Cause
) -> None:
    assert certain(gone.from_absence(entry, Registry(), world, memory)).cause == cause


def test_the_evidence_names_every_server_that_was_asked_and_the_pid_that_is_gone() -> None:
    asked = {SOCKET: listing(), "/tmp/b": None, "/tmp/c": listing(server=None)}
    world = replace(GONE, tmux=asked, others={"/tmp/d": listing(server=YOUNG_SERVER)})

    assert certain(gone.from_absence(ENTRY, Registry(), world, KNOWN)).evidence == {
        f"tmux {SOCKET}": "pid 812 since 2026-11-19T09:00:00+00:00",
        "tmux /tmp/b": "no server",
        "tmux /tmp/c": "no sessions",
        "tmux /tmp/d": "pid 999 since 2026-11-20T09:30:00+00:00",
        "pid_gone": PID,
    }


@pytest.mark.parametrize(
    ("boot", "named"),
    [
        pytest.param(NEXT_BOOT, "boot-2", id="its id"),
        pytest.param(
            replace(NEXT_BOOT, id=""), "2026-11-20T09:20:00+00:00", id="its time where it has no id"
        ),
    ],
)
def test_after_a_reboot_the_evidence_names_the_boot_by(boot: Boot, named: str) -> None:
    world = replace(NOTHING_THERE, boot=boot)

    assert certain(gone.from_absence(ENTRY, Registry(), world, KNOWN)).evidence == {
        f"tmux {SOCKET}": "no server",
        "boot": named,
    }


def test_after_a_reboot_the_boot_is_the_evidence_and_not_the_pid() -> None:
    evidence = certain(
        gone.from_absence(ENTRY, Registry(), replace(NOTHING_THERE, boot=NEXT_BOOT), KNOWN)
    ).evidence

    assert evidence == {f"tmux {SOCKET}": "no server", "boot": "boot-2"}


@pytest.mark.parametrize(
    ("pane", "cause"),
    [
        pytest.param(DEAD_PANE, "pane-exited (1)", id="it exited with a status"),
        pytest.param(replace(DEAD_PANE, exit_status=0), "pane-exited (0)", id="it exited well"),
        pytest.param(
            replace(DEAD_PANE, exit_status=None, exit_signal=9),
            "pane-killed (9)",
            id="a signal ended it",
        ),
        pytest.param(
            replace(DEAD_PANE, exit_status=None),
            "unknown",
            id="tmux has not reaped it yet: empty is not 0",
        ),
    ],
)
def test_the_cause_of_a_dead_pane_when(pane: Pane, cause: str) -> None:
    assert gone.from_dead_pane(pane) == Gone(cause=cause, evidence={"pane_dead": "%1", "pid": PID})


@pytest.mark.parametrize(
    ("world", "memory", "changed"),
    [
        pytest.param(GONE, KNOWN, [], id="it is the same"),
        pytest.param(GONE, Memory(), [], id="none was seen before"),
        pytest.param(NOTHING_THERE, KNOWN, [SOCKET], id="it ended"),
        pytest.param(
            replace(GONE, tmux={SOCKET: listing(server=YOUNG_SERVER)}),
            KNOWN,
            [SOCKET],
            id="another one took its place",
        ),
        pytest.param(
            replace(GONE, tmux={SOCKET: listing(server=replace(SERVER, started_at=LATER))}),
            KNOWN,
            [SOCKET],
            id="another one with the same pid took its place",
        ),
        pytest.param(
            replace(GONE, tmux={SOCKET: listing(server=None)}),
            KNOWN,
            [],
            id="it does not say who it is",
        ),
        pytest.param(
            replace(GONE, tmux={SOCKET: Unknown("hung")}), KNOWN, [], id="it did not answer"
        ),
        pytest.param(replace(GONE, tmux={}), KNOWN, [], id="it was not asked"),
    ],
)
def test_a_changed_server_is_noticed_when(world: World, memory: Memory, changed: list[str]) -> None:
    assert gone.changed_servers(world, memory) == changed


@pytest.mark.parametrize(
    ("world", "memory", "changed"),
    [
        pytest.param(GONE, KNOWN, False, id="it is the same"),
        pytest.param(replace(GONE, boot=NEXT_BOOT), KNOWN, True, id="it is another one"),
        pytest.param(
            replace(GONE, boot=replace(NEXT_BOOT, id="")), KNOWN, False, id="no id is told now"
        ),
        pytest.param(replace(GONE, boot=None), KNOWN, False, id="the system does not tell"),
        pytest.param(GONE, Memory(), False, id="none was seen before"),
        pytest.param(
            replace(GONE, boot=NEXT_BOOT),
            replace(KNOWN, place=ELSEWHERE.id),
            False,
            id="it is that of another place",
        ),
        pytest.param(
            replace(GONE, boot=NEXT_BOOT, place=Unknown("the machine id cannot be read")),
            KNOWN,
            True,
            id="it is another one, of nobody knows which place",
        ),
        pytest.param(
            replace(GONE, boot=replace(BOOT, at=LATER)),
            KNOWN,
            False,
            id="only its time is told differently, as when the clock is set",
        ),
    ],
)
def test_a_changed_boot_is_noticed_when(world: World, memory: Memory, changed: bool) -> None:  # noqa: FBT001
    assert gone.changed_boot(world, memory) is changed


def test_what_is_recorded_for_another_agent_is_held_too() -> None:
    entry = replace(ENTRY, own_id=None, foreign_ids=(("agy", NEXT),))
    held = replace(GONE, holders={NEXT: ("process 7",)})

    assert entry.ids == (NEXT,)
    found = gone.from_absence(entry, Registry(entries=(entry,)), held, KNOWN)
    assert found == Unknown("its conversation is held by process 7")
