"""Whether a session that no listing shows is certainly gone, and what ended it.

A failed look is not a death: fleets of 14 to 18 living sessions have been written off in
one tick by tools that took one for the other. So a death needs witnesses, and a single one
that contradicts makes the verdict unknown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from reconcile import names
from reconcile.desired import Entry
from reconcile.identity import CLOCK_SLACK, is_below
from reconcile.memory import Memory
from reconcile.observed import Listing, Pane, Process, Server, Unknown, World


class Cause(StrEnum):
    """What ended a session, as written to `termination_cause`."""

    HOST_REBOOT = "host-reboot"
    SERVER_DIED = "tmux-server-died"
    PANE_EXITED = "pane-exited"
    PANE_KILLED = "pane-killed"
    SESSION_CLOSED = "session-closed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gone:
    """A death that is certain, with its witnesses."""

    cause: str
    """A `Cause`; for a pane with its exit status or signal, as in `pane-exited (1)`."""
    evidence: Mapping[str, str | int | None]


def from_dead_pane(pane: Pane) -> Gone:
    """The verdict on a pane that tmux itself shows as dead (`remain-on-exit`)."""
    if pane.exit_signal is not None:
        cause = f"{Cause.PANE_KILLED} ({pane.exit_signal})"
    elif pane.exit_status is not None:
        cause = f"{Cause.PANE_EXITED} ({pane.exit_status})"
    else:
        cause = Cause.UNKNOWN.value
    return Gone(cause=cause, evidence={"pane_dead": pane.pane_id, "pid": pane.pid})


def from_absence(entry: Entry, world: World, memory: Memory) -> Gone | Unknown:
    """The verdict on a session that is in no listing."""
    if unseen := _unseen(world):
        return unseen
    listings = [answer for answer in world.tmux.values() if isinstance(answer, Listing)]
    evidence: dict[str, str | int | None] = dict(_looked(world))
    if world.boot and changed_boot(world, memory):
        evidence["boot"] = world.boot.id  # no process of that time can still be there
    elif entry.pane_pid is not None:
        doubt = _still_there(entry, entry.pane_pid, world)
        if doubt:
            return doubt
        evidence["pid_gone"] = entry.pane_pid
    elif names.is_ambiguous(entry.name):
        return Unknown("tmux may show its name with more backslashes (copy it from tmux ls)")
    over = changed_servers(world, memory) or world.left_behind or changed_boot(world, memory)
    if not (listings or over or _booted_since(entry, world)):
        # A pid that is gone says little: it may be another host's, or another container's.
        return Unknown("no tmux server runs, and nothing shows that one ever did here")
    return Gone(cause=_cause(entry, world, memory, listings), evidence=evidence)


def _unseen(world: World) -> Unknown | None:
    """Why a session may run without being listed, if it may."""
    if not world.tmux:
        return Unknown("no tmux server was asked")
    blind = [answer for answer in world.tmux.values() if isinstance(answer, Unknown)]
    if blind:
        return blind[0]
    if world.rivals:
        return Unknown(
            f"two tmux servers share the path {min(world.rivals)}; only one of them can be asked"
        )
    return None


def _looked(world: World) -> Mapping[str, str]:
    """Which servers were asked: the pid with the start time, or that there is none."""
    return {
        f"tmux {socket}": _server_name(answer.server)
        if isinstance(answer, Listing)
        else "no server"
        for socket, answer in world.tmux.items()
    }


def _server_name(server: Server | None) -> str:
    return f"pid {server.pid} since {server.started_at.isoformat()}" if server else "no sessions"


def _booted_since(entry: Entry, world: World) -> bool:
    """Whether the host was started anew after the session was created."""
    return bool(world.boot and entry.created_at and world.boot.at > entry.created_at + CLOCK_SLACK)


def _still_there(entry: Entry, pid: int, world: World) -> Unknown | None:
    """Doubt, when the recorded pane process may still run.

    A live process with that pid is another one only if it began after the session did, in
    a directory that has nothing to do with it: pids are reused.
    """
    found = world.recorded_pids.get(pid, Unknown(f"process {pid} was not looked for"))
    if isinstance(found, Unknown):
        return found
    if found is None or _reused(entry, found, world):
        return None
    where = next(
        (
            f", now in session {session.name}"
            for answer in world.tmux.values()
            if isinstance(answer, Listing)
            for session in answer.sessions.values()
            if any(pane.pid == pid for pane in session.panes)
        ),
        ", in no session that was listed",
    )
    return Unknown(f"its pane process {pid} ({found.command}) still runs{where}")


def _reused(entry: Entry, found: Process, world: World) -> bool:
    if entry.created_at is None or found.started_at <= entry.created_at + CLOCK_SLACK:
        return False
    homes = [each for each in (entry.pane_cwd, entry.workspace) if each]
    known = bool(found.cwd and homes)
    return known and not any(is_below(found.cwd, home, world) for home in homes)


def _cause(entry: Entry, world: World, memory: Memory, listings: list[Listing]) -> Cause:
    if _booted_since(entry, world) or changed_boot(world, memory):
        return Cause.HOST_REBOOT
    servers = [listing.server for listing in listings if listing.server]
    started = entry.created_at and entry.created_at + CLOCK_SLACK
    younger = started and servers and all(server.started_at > started for server in servers)
    if younger or not listings or changed_servers(world, memory):
        return Cause.SERVER_DIED
    return Cause.SESSION_CLOSED


def changed_boot(world: World, memory: Memory) -> bool:
    """Whether the host was started anew since the last look."""
    ids = {boot.id for boot in (world.boot, memory.boot) if boot and boot.id}
    return len(ids) > 1


def changed_servers(world: World, memory: Memory) -> list[str]:
    """The sockets whose server is another one than last time, or ended since."""
    return [
        socket
        for socket, before in memory.servers.items()
        if socket in world.tmux and _ended(before, world.tmux[socket])
    ]


def _ended(before: Server, answer: Listing | Unknown | None) -> bool:
    if isinstance(answer, Listing):  # one without a session does not say who it is
        return answer.server is not None and answer.server != before
    return answer is None
