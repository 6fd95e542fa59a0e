"""When a session is certainly gone, what makes that doubtful, and what ended it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from examples import (
    BOOT,
    BORN,
    DEAD_PANE,
    ENTRY,
    GONE,
    HOME,
    KNOWN,
    LATER,
    NEXT_BOOT,
    PANE,
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
from reconcile.observed import Pane, Process, SessionName, Unknown, World

STRANGER = Process(pid=PID, started_at=LATER, command="vim", cwd="/srv")
"""A process that has the recorded pid by chance: younger, and at home elsewhere."""
SLACK = timedelta(seconds=60)
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
        pytest.param(
            ENTRY,
            replace(GONE, recorded_pids={PID: replace(STRANGER, started_at=BORN)}),
            f"its pane process {PID} (vim) still runs, in no session that was listed",
            id="the recorded process runs on outside every session",
        ),
        pytest.param(
            ENTRY,
            replace(
                GONE,
                tmux={
                    SECOND_SOCKET: None,
                    SOCKET: listing(
                        replace(SESSION, name=SessionName("b"), panes=(SECOND,)),
                        replace(SESSION, name=SessionName("renamed"), panes=(SECOND, PANE)),
                    ),
                },
                recorded_pids={PID: replace(STRANGER, started_at=BORN)},
            ),
            f"its pane process {PID} (vim) still runs, now in session renamed",
            id="the session was renamed",
        ),
        pytest.param(
            ENTRY,
            replace(GONE, recorded_pids={PID: replace(STRANGER, started_at=BORN + SLACK)}),
            f"its pane process {PID} (vim) still runs, in no session that was listed",
            id="the process is hardly younger than the session",
        ),
        pytest.param(
            ENTRY,
            replace(GONE, recorded_pids={PID: replace(STRANGER, cwd=HOME)}),
            f"its pane process {PID} (vim) still runs, in no session that was listed",
            id="a younger process runs in the workspace",
        ),
        pytest.param(
            replace(ENTRY, pane_cwd=None),
            replace(GONE, recorded_pids={PID: replace(STRANGER, cwd=f"{HOME}/src")}),
            f"its pane process {PID} (vim) still runs, in no session that was listed",
            id="a younger process runs below the workspace",
        ),
        pytest.param(
            replace(ENTRY, pane_cwd="/opt/y"),
            replace(GONE, recorded_pids={PID: replace(STRANGER, cwd=HOME)}),
            f"its pane process {PID} (vim) still runs, in no session that was listed",
            id="a younger process runs in the workspace, and the pane was elsewhere",
        ),
        pytest.param(
            replace(ENTRY, pane_cwd="/opt/y"),
            replace(GONE, recorded_pids={PID: replace(STRANGER, cwd="/opt/y/src")}),
            f"its pane process {PID} (vim) still runs, in no session that was listed",
            id="a younger process runs where the pane was, outside the workspace",
        ),
        pytest.param(
            ENTRY,
            replace(GONE, recorded_pids={PID: replace(STRANGER, cwd="")}),
            f"its pane process {PID} (vim) still runs, in no session that was listed",
            id="nobody can tell where the younger process runs",
        ),
        pytest.param(
            replace(ENTRY, workspace=None, pane_cwd=None),
            replace(GONE, recorded_pids={PID: STRANGER}),
            f"its pane process {PID} (vim) still runs, in no session that was listed",
            id="nobody wrote down where the session ran",
        ),
        pytest.param(
            replace(ENTRY, created_at=None),
            replace(GONE, recorded_pids={PID: STRANGER}),
            f"its pane process {PID} (vim) still runs, in no session that was listed",
            id="nobody wrote down when the session was made",
        ),
    ],
)
def test_a_death_is_doubtful_when(entry: Entry, world: World, why: str) -> None:
    assert doubtful(gone.from_absence(entry, Registry(), world, KNOWN)) == why


@pytest.mark.parametrize("name", [r"lab\x-creator-claude", "lab$x-creator-claude"])
def test_a_name_that_tmux_may_show_in_another_way_needs_a_pid_to_be_missed(name: str) -> None:
    odd = replace(ENTRY, name=SessionName(name))

    assert isinstance(gone.from_absence(odd, Registry(), GONE, KNOWN), Gone)
    no_pid = replace(odd, pane_pid=None)
    assert doubtful(gone.from_absence(no_pid, Registry(), GONE, KNOWN)) == (
        "tmux may show its name with more backslashes (copy it from tmux ls)"
    )


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
    world = replace(GONE, tmux={SOCKET: listing(), "/tmp/b": None, "/tmp/c": listing(server=None)})

    assert certain(gone.from_absence(ENTRY, Registry(), world, KNOWN)).evidence == {
        f"tmux {SOCKET}": "pid 812 since 2026-11-19T09:00:00+00:00",
        "tmux /tmp/b": "no server",
        "tmux /tmp/c": "no sessions",
        "pid_gone": PID,
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
            replace(GONE, boot=replace(BOOT, at=LATER)),
            KNOWN,
            False,
            id="only its time is told differently, as when the clock is set",
        ),
    ],
)
def test_a_changed_boot_is_noticed_when(world: World, memory: Memory, changed: bool) -> None:  # noqa: FBT001
    assert gone.changed_boot(world, memory) is changed
