"""What the oracle sees of the world, and what that means for one entry and one session.

Nothing here uses the code under test: the rules are those of the design and of
`docs/decisions.md`, each told where it is applied.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any

SAME_TIME = timedelta(seconds=60)
"""Creation times within 60 s are the same one: tools note them a little before or after tmux."""

Entry = Mapping[str, Any]
"""An entry's data: texts, mappings and lists of them, or None."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pane:
    """A pane as it is, with the claude that runs in it."""

    id: str
    pid: int
    directory: str
    """Of its process, and of the claude."""
    wrapped: bool = False
    """A shell is the pane's process, and stays when the claude ends."""
    ended: str = ""
    """How the process of a dead pane ended, as tmux tells: `pane-exited (0)`."""
    agent: int | None = None
    """The pid of the claude that runs in it."""
    held: str | None = None
    """The conversation that this claude's pid file names."""
    past: tuple[tuple[str, tuple[datetime, datetime]], ...] = ()
    """What it held before, and when it left that by the test's clock and by the host's.

    The oldest first; empty where it left one that nobody had spoken in.
    """
    begun: tuple[str, ...] = ()
    """The conversations that a claude without a pid file has begun in a directory of its own."""

    @property
    def is_bare(self) -> bool:
        """A shell at its prompt, and nothing else."""
        return self.wrapped and not self.ended and self.agent is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A tmux session as it is."""

    socket: str
    id: str
    name: str
    created_at: datetime
    directory: str
    panes: tuple[Pane, ...]
    """In the order of windows and panes."""

    @property
    def age(self) -> int:
        """Sorts sessions of one server, the oldest first: tmux counts their ids up."""
        return int(self.id.removeprefix("$"))

    @property
    def alive(self) -> bool:
        """Whether the process of any pane lives."""
        return any(not pane.ended for pane in self.panes)

    @property
    def pids(self) -> set[int]:
        """What may be recorded: the panes' processes, or those of the agents below their shells."""
        return {pid for pane in self.panes for pid in (pane.pid, pane.agent) if pid}


@dataclass(frozen=True, slots=True)
class Serving:
    """A living tmux server."""

    pid: int
    started_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A living process."""

    started_at: datetime
    command: str
    is_agent: bool
    """Whether a claude is it, or runs below it."""


@dataclass(frozen=True, slots=True)
class Watcher:
    """What is noted beside the registry of a host that watches it."""

    home_since: datetime | None
    watched_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """All that a tick on one host can see."""

    at: datetime
    host: str
    home: str
    boot: str
    boot_at: datetime
    default: str
    """The socket that is asked also when nothing lives there."""
    servers: Mapping[str, Serving]
    """The living tmux servers of this host, by socket."""
    sockets: frozenset[str]
    """The sockets that are there, with a server or without."""
    sessions: Sequence[Shown]
    running: Mapping[int, Running]
    """Every process of ours, by pid: a pid means nothing else on another host here."""
    on_disk: Mapping[str, str]
    """The directory of each conversation that has a transcript."""
    entries: Mapping[str, Entry]
    saved_at: datetime
    """When the registry was."""
    watchers: Mapping[str, Watcher]
    """By the host's name."""

    @property
    def agents(self) -> Iterator[tuple[Shown, Pane]]:
        """The living claudes, each in the oldest session that shows it."""
        oldest_last = sorted(self.sessions, key=lambda shown: -shown.age)
        panes = {
            (shown.socket, pane.id): (shown, pane)
            for shown in oldest_last
            for pane in shown.panes
            if pane.agent
        }
        yield from panes.values()

    def workspace(self, entry: Entry) -> str | None:
        """An entry's directory; `~` is the home of whom the registry belongs to."""
        written: str | None = entry.get("workspace")
        return written and written.replace("~", self.home, 1)

    def away(self) -> str:
        """Why what was never seen here is not judged here; empty where the registry is at home.

        It lives where it was watched first, or where somebody said so last; and what another
        host has begun to watch since may be that host's.
        """
        own = self.watchers.get(self.host)
        others = [each for host, each in self.watchers.items() if host != self.host]
        if own is None or own.home_since is None:
            return "it lives elsewhere" if any(each.home_since for each in others) else ""
        since = own.home_since
        return "others watch it" if any(each.watched_at > since for each in others) else ""


def as_tmux(name: str) -> str:
    """The name as tmux writes it."""
    return name.replace(".", "_").replace(":", "_")


def is_registrable(name: str) -> bool:
    """Whether a session of this name is registered when the registry lacks it."""
    return fnmatchcase(name, "*-creator-claude")


def moment(text: str | None) -> datetime | None:
    """A time that somebody wrote down."""
    return datetime.fromisoformat(text) if text else None


def recorded_pid(entry: Entry) -> int:
    """The pane's pid as written down; 0 without one."""
    return int((entry.get("pane") or {}).get("pid") or 0)


def own_id(entry: Entry) -> str | None:
    """The id that the entry records for its agent."""
    found: str | None = entry.get(f"{entry.get('agent')}_session_id_own")
    return found


def recorded_ids(entry: Entry) -> list[str]:
    """Its own, and the one that other tools recorded for its agent; each once."""
    identity = (entry.get("agent_identities") or {}).get(entry.get("agent")) or {}
    return list(dict.fromkeys(filter(None, (own_id(entry), identity.get("session_id")))))


def agent_pane(shown: Shown, entry: Entry) -> Pane:
    """The recorded one if its process is still that process, else the one that holds the agent.

    Without any agent a recorded pane that is dead tells of its end.
    """
    recorded = [pane for pane in shown.panes if pane.pid == recorded_pid(entry)]
    living = [pane for pane in shown.panes if not pane.ended]
    holding = [pane for pane in living if pane.agent]
    alive = [pane for pane in recorded if not pane.ended]
    return [*alive, *holding, *recorded, *living, *shown.panes][0]


def begun_anew(entry: Entry, shown: Shown) -> Iterator[str]:
    """Another process or another creation time than recorded."""
    pid, created = recorded_pid(entry), moment(entry.get("created_at"))
    if pid and pid not in shown.pids:
        yield f"pid {pid}, {agent_pane(shown, entry).pid}"
    if created and abs(created - shown.created_at) > SAME_TIME:
        yield f"created {created.timestamp()}, {shown.created_at}"


def of_another(entry: Entry, shown: Shown, sight: Sight) -> Iterator[str]:
    """Another directory or agent kind than recorded."""
    pane, workspace = agent_pane(shown, entry), sight.workspace(entry)
    at_home = workspace and any(
        f"{each}/".startswith(f"{workspace}/") for each in (shown.directory, pane.directory)
    )
    if workspace and not at_home and not pane.ended:
        yield f"in {entry['workspace']}, {shown.directory}"
    if pane.agent and entry.get("agent") not in {None, "claude"}:
        yield f"agent {entry['agent']}"


def differences(entry: Entry, shown: Shown, sight: Sight) -> Iterator[str]:
    """How it is not the session that was registered."""
    yield from begun_anew(entry, shown)
    yield from of_another(entry, shown, sight)


def may_run(entry: Entry, sight: Sight) -> bool:
    """Whether the recorded process may live: a pid alone proves nothing.

    It has the entry's agent kind or the recorded command, and began no later than the registry
    was last saved: nobody records a process of tomorrow.
    """
    found = sight.running.get(recorded_pid(entry))
    if found is None or found.started_at > sight.saved_at + SAME_TIME:
        return False
    command = (entry.get("pane") or {}).get("cmd")
    known = [each for each in (entry.get("agent"), command) if each]
    is_kind = found.is_agent and entry.get("agent") == "claude"
    return not known or is_kind or found.command in known


def booted_since(entry: Entry, sight: Sight) -> bool:
    """Whether this boot began after the session was made."""
    created = moment(entry.get("created_at"))
    return created is not None and sight.boot_at > created + SAME_TIME


def conversations(pane: Pane, sight: Sight) -> tuple[str, ...]:
    """What a claude may hold: what its pid file names, else what it alone can have begun.

    What another living process names is that one's.
    """
    if pane.agent is None:
        return ()
    if pane.held:
        return (pane.held,)
    named = {each.held for _, each in sight.agents}
    return tuple(one for one in pane.begun if one in sight.on_disk and one not in named)


def proven(pane: Pane, sight: Sight) -> str | None:
    """The one conversation that a claude certainly holds.

    Without a pid file that is the only one that it can have begun, if no other claude works in
    its directory.
    """
    found = conversations(pane, sight)
    beside = any(
        each.agent != pane.agent and each.directory == pane.directory for _, each in sight.agents
    )
    return found[0] if len(found) == 1 and (pane.held or not beside) else None


def is_stale(recorded: str, entry: Entry, sight: Sight, *, seen: bool) -> bool:
    """Nothing is there; or an own id has moved to where no resume from its workspace finds it.

    `seen` is whether the folder of an agent that records it was ever seen; else nothing shows where
    it would be. An id has not moved while a living agent holds it, or where entries of two
    workspaces record it: then nobody can tell which of them is right.
    """
    place = sight.on_disk.get(recorded)
    named = any(pane.held == recorded for _, pane in sight.agents)
    if place is None:
        return seen or named
    workspaces = {
        sight.workspace(each)
        for each in sight.entries.values()
        if each.get("status") == "running" and recorded in recorded_ids(each)
    }
    is_own, held = recorded == own_id(entry), named or _is_begun(recorded, sight)
    return is_own and place != sight.workspace(entry) and not held and len(workspaces) == 1


def _is_begun(conversation: str, sight: Sight) -> bool:
    """Whether a claude that is watched must have begun it."""
    return any(conversation == proven(pane, sight) for _, pane in sight.agents)
