"""Whether a session that no listing shows is certainly gone, and what ended it.

A failed look is not a death: fleets of 14 to 18 living sessions have been written off in
one tick by tools that took one for the other. And a look from another host, from a container
or at another server sees nothing of a session that lives. So a session that was seen here is
gone only if its own server was asked and lacks it, or that server, or that boot, is proven
over. One that was never seen here is gone only where the registry is at home, and only if
nothing that runs could be it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from reconcile import names
from reconcile.case import Case
from reconcile.desired import TERMINATED, Entry, Registry, Scalar, SetKey
from reconcile.drift import Change, Drift, DriftClass
from reconcile.identity import CLOCK_SLACK
from reconcile.memory import Memory, Sighting
from reconcile.observed import Boot, Listing, Pane, Place, Process, Server, Unknown, World


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
    evidence: Mapping[str, Scalar]


def from_dead_pane(pane: Pane) -> Gone:
    """The verdict on a pane that tmux itself shows as dead (`remain-on-exit`)."""
    if pane.exit_signal is not None:
        cause = f"{Cause.PANE_KILLED} ({pane.exit_signal})"
    elif pane.exit_status is not None:
        cause = f"{Cause.PANE_EXITED} ({pane.exit_status})"
    else:
        cause = Cause.UNKNOWN.value
    return Gone(cause=cause, evidence={"pane_dead": pane.pane_id, "pid": pane.pid})


def from_absence(entry: Entry, registry: Registry, world: World, memory: Memory) -> Gone | Unknown:
    """The verdict on a session of this place that is in no listing."""
    if (why := withheld(entry, world, memory)) is not None:
        return why
    sighting = memory.sightings.get(names.key(entry.name))
    if sighting is not None and isinstance(world.place, Place) and sighting.place == world.place.id:
        return _from_sighting(entry, sighting, registry, world)
    return _never_seen(entry, registry, world, memory)


def withheld(entry: Entry, world: World, memory: Memory) -> Unknown | None:
    """Why no death of an entry may be told from this place, whatever was seen; None if one may."""
    if isinstance(world.place, Unknown):
        return world.place
    sighting = memory.sightings.get(names.key(entry.name))
    if sighting is None or not sighting.is_elsewhere(world.place.id, world.home_since):
        seen = sighting is not None and sighting.place == world.place.id
        return Unknown(world.away) if world.away is not None and not seen else None
    return Unknown("it was last seen elsewhere")


def drift(case: Case, verdict: Gone) -> Drift:
    """Class A. `terminated_at` is when it was noticed, to the second."""
    entry = case.entry
    after: Mapping[str, Scalar] = {
        "status": TERMINATED,
        "terminated_at": case.world.at.replace(microsecond=0),
        "termination_mode": "auto-detected",
        "termination_cause": verdict.cause,
    }
    before: Mapping[str, Scalar] = {"status": entry.status, "terminated_at": entry.terminated_at}
    was = [f"pane {entry.pane_pid}" if entry.pane_pid else ""]
    was.append(f"cmd {entry.pane_command}" if entry.pane_command else "")
    known = ", ".join(filter(None, was))
    return case.drift(
        DriftClass.TMUX_GONE,
        entry.created_at,
        entry.pane_pid,
        seen=f"tmux gone (was {known})" if known else "tmux gone",
        done="Marked terminated.",
        edits=tuple(SetKey(session=entry.name, key=key, value=after[key]) for key in after),
        changes=tuple(Change(key=k, before=before.get(k), after=after[k]) for k in after),
        evidence={"cause": verdict.cause, **verdict.evidence},
    )


# Seen here before: judged by its own server and boot alone. -------------------------------------


def _from_sighting(
    entry: Entry, sighting: Sighting, registry: Registry, world: World
) -> Gone | Unknown:
    boot = world.boot
    if boot and _is_over(sighting, boot, world):
        return Gone(cause=Cause.HOST_REBOOT, evidence={"boot": _boot_name(boot)})
    if boot and boot.id and sighting.boot not in {"", boot.id}:
        return Unknown("it was seen in another boot of this host, which is not proven to be over")
    verdict = _from_its_server(sighting, world)
    if isinstance(verdict, Unknown):
        return verdict
    return next(_contradictions(entry, sighting, registry, world), verdict)


def _contradictions(
    entry: Entry, sighting: Sighting, registry: Registry, world: World
) -> Iterator[Unknown]:
    """What runs though the server lacks the session: the agent seen, or what the entry tells since.

    An agent may outlive its terminal. And who starts a session anew, at a server that is not
    asked, writes its pane into the entry: the sighting is of the former one then.
    """
    if agent := sighting.agent:
        lives = world.remembered.get(agent)
        if isinstance(lives, Unknown):
            yield lives
        elif lives:
            yield Unknown(f"its agent (process {agent.pid}) still runs, in no session listed")
    if entry.pane_pid is not None and not sighting.is_of(entry.pane_pid):
        yield from _still_there(entry, entry.pane_pid, registry, world)


def _from_its_server(sighting: Sighting, world: World) -> Gone | Unknown:
    if sighting.socket not in world.tmux:
        return Unknown(f"its tmux server ({sighting.socket}) was not asked")
    answer = world.tmux[sighting.socket]
    if isinstance(answer, Unknown):
        return answer
    if isinstance(answer, Listing) and answer.server == sighting.server:
        seen = {f"tmux {sighting.socket}": _server_name(answer.server)}
        lacks = {"lacks": f"{sighting.session_id} {sighting.pane_id}"}
        return Gone(cause=Cause.SESSION_CLOSED, evidence={**seen, **lacks})
    return _from_another(sighting, answer, world)


def _is_over(sighting: Sighting, boot: Boot, world: World) -> bool:
    """Whether the boot of the sighting is over: another one began after it, on the same host.

    A boot id alone proves nothing: two clones of a host may share their machine id.
    """
    if sighting.boot and boot.id:
        return sighting.boot != boot.id and boot.at > sighting.at
    # A system without boot ids has only the time, which moves when the clock is set: what its
    # server or its process tells counts for more.
    if sighting.socket not in world.tmux:
        return False
    answer = world.tmux[sighting.socket]
    if isinstance(answer, Unknown) or (answer and answer.server == sighting.server):
        return False
    server = sighting.server_process
    lives = world.remembered.get(server) if server else None
    return boot.at > sighting.at + CLOCK_SLACK and not lives


def _from_another(sighting: Sighting, answer: Listing | None, world: World) -> Gone | Unknown:
    """The server of the sighting did not answer: another one did, or none."""
    server = sighting.server_process
    lives = world.remembered.get(server) if server else None
    if isinstance(lives, Unknown):
        return lives
    name = f"its tmux server (pid {sighting.server.pid})"
    if lives is None:
        return Unknown(f"{name} does not answer, and nothing shows whether it ended")
    looked = _server_name(answer.server) if answer else "no server"
    evidence = {f"tmux {sighting.socket}": looked, "server": _server_name(sighting.server)}
    if not lives:
        return Gone(cause=Cause.SERVER_DIED, evidence=evidence)
    alone = sighting.socket not in world.rivals
    if answer is not None and answer.server is None and alone:
        # `exit-empty off`: alive without any session, and so without a row to name itself in.
        return Gone(cause=Cause.SESSION_CLOSED, evidence=evidence)
    return Unknown(f"{name} is alive, and another one answers at {sighting.socket}")


# Never seen here: gone only at home, and only if nothing that runs could be it. ------------------


def _never_seen(entry: Entry, registry: Registry, world: World, memory: Memory) -> Gone | Unknown:
    doubt = next(_doubts(entry, registry, world), None)
    if doubt is not None:
        return doubt
    evidence: dict[str, Scalar] = dict(_looked(world))
    boot = _boot_since(entry, world, memory)
    if boot:
        evidence["boot"] = _boot_name(boot)
    elif entry.pane_pid is not None:
        evidence["pid_gone"] = entry.pane_pid
    listings = [answer for answer in world.tmux.values() if isinstance(answer, Listing)]
    if not (listings or boot or world.left_behind or changed_servers(world, memory)):
        # A pid that is gone says little: it may be another host's, or another container's.
        return Unknown("no tmux server runs, and nothing shows that one ever did here")
    return Gone(cause=_cause(entry, world, memory, listings), evidence=evidence)


def _doubts(entry: Entry, registry: Registry, world: World) -> Iterator[Unknown]:
    """Why a session may run without being listed, the most general reason first."""
    if not world.tmux:
        yield Unknown("no tmux server was asked")
    yield from (each for each in world.tmux.values() if isinstance(each, Unknown))
    yield from (each for each in world.others.values() if isinstance(each, Unknown))
    if world.rivals:
        shared = min(world.rivals)
        yield Unknown(f"two tmux servers share the path {shared}; only one of them can be asked")
    listings = [each for each in world.tmux.values() if isinstance(each, Listing)]
    if any(names.is_ambiguous(entry.name, each.version) for each in listings):
        yield Unknown("tmux may show its name in another way (copy it from tmux ls)")
    yield from _beside(entry, world)
    if entry.pane_pid is not None:
        yield from _still_there(entry, entry.pane_pid, registry, world)
    yield from _held(entry, world)


def _beside(entry: Entry, world: World) -> Iterator[Unknown]:
    """A server that is not looked at otherwise may have a session of its name."""
    for socket, answer in world.others.items():
        if isinstance(answer, Listing):
            forms = names.as_listed(entry.name, answer.version)
            if any(form in answer.sessions for form in forms):
                yield Unknown(
                    f"the tmux server at {socket} has a session of this name "
                    f"(to look there as well: --tmux-socket {socket})"
                )


def _still_there(entry: Entry, pid: int, registry: Registry, world: World) -> Iterator[Unknown]:
    """Doubt, when the recorded pane process may still run.

    A living process with that pid is another one only if it is of another kind, or began after
    the registry was last saved: pids are reused, and nobody records a process of tomorrow.
    """
    found = world.recorded_pids.get(pid, Unknown(f"process {pid} was not looked for"))
    if isinstance(found, Unknown):
        yield found
    elif found is not None and may_be(
        entry, found, world.recorded_agents.get(pid, frozenset()), registry
    ):
        yield Unknown(f"its pane process {pid} ({found.command}) still runs, in no session listed")


def may_be(entry: Entry, found: Process, kinds: Collection[str], registry: Registry) -> bool:
    """Whether a living process with the recorded pid may be the one that was recorded.

    `kinds` are those of the agents at or below it.
    """
    if registry.saved_at is not None and found.started_at > registry.saved_at + CLOCK_SLACK:
        return False
    known = [each for each in (entry.agent, entry.pane_command) if each]
    told = bool(found.command and known)
    return not told or entry.agent in kinds or found.command in known


def _held(entry: Entry, world: World) -> Iterator[Unknown]:
    for one in entry.ids:
        if isinstance(world.holders, Unknown):
            yield world.holders
        elif holders := world.holders.get(one):
            yield Unknown(f"its conversation is held by {holders[0]}")


def _looked(world: World) -> Mapping[str, str]:
    """Which servers were asked: the pid with the start time, or that there is none."""
    return {
        f"tmux {socket}": _server_name(answer.server)
        if isinstance(answer, Listing)
        else "no server"
        for socket, answer in {**world.tmux, **world.others}.items()
    }


def _server_name(server: Server | None) -> str:
    return f"pid {server.pid} since {server.started_at.isoformat()}" if server else "no sessions"


def _boot_name(boot: Boot) -> str:
    return boot.id or boot.at.isoformat()


def booted_after(entry: Entry, world: World) -> bool:
    """Whether the host was started anew after the session was created."""
    made = entry.created_at
    return bool(world.boot and made and world.boot.at > made + CLOCK_SLACK)


def _boot_since(entry: Entry, world: World, memory: Memory) -> Boot | None:
    """This boot, if the host was started anew after the session was created or last looked for."""
    return world.boot if booted_after(entry, world) or changed_boot(world, memory) else None


def _cause(entry: Entry, world: World, memory: Memory, listings: list[Listing]) -> Cause:
    if _boot_since(entry, world, memory):
        return Cause.HOST_REBOOT
    servers = [listing.server for listing in listings if listing.server]
    started = entry.created_at and entry.created_at + CLOCK_SLACK
    younger = started and servers and all(server.started_at > started for server in servers)
    if younger or not listings or changed_servers(world, memory):
        return Cause.SERVER_DIED
    return Cause.SESSION_CLOSED


def changed_boot(world: World, memory: Memory) -> bool:
    """Whether the host was started anew since the last look at this place."""
    if isinstance(world.place, Place) and memory.place not in {None, world.place.id}:
        return False
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
