"""What the oracle sees of the world, and what that means for one entry and one session.

Nothing here uses the code under test: the rules are those of the design and of
`docs/decisions.md`, each told where it is applied.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any

SAME_TIME = timedelta(seconds=60)
"""Creation times within 60 s are the same one: tools note them a little before or after tmux."""

Entry = Mapping[str, Any]
"""An entry's data: texts, mappings and lists of them, or None."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A tmux session as it is; each has one pane."""

    name: str
    created_at: datetime
    directory: str
    pid: int
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """All that a tick can see."""

    at: datetime
    home: str
    boot: str
    boot_at: datetime
    server: int | None
    """The pid of the tmux server."""
    server_at: datetime | None
    socket_left: bool
    """Whether the socket is there without a server."""
    sessions: Mapping[str, Shown]
    living: Mapping[int, tuple[datetime, str]]
    """Start and directory of each living process of ours, by pid."""
    on_disk: Mapping[str, str]
    """The directory of each conversation that has a transcript."""
    entries: Mapping[str, Entry]
    saved_at: datetime
    """When the registry was."""

    def session_of(self, name: str) -> Shown | None:
        """The session of the entry with this name."""
        return self.sessions.get(as_tmux(name))

    def status_of(self, name: str) -> str | None:
        """What the registry calls the session of this name; `running` is what it would write."""
        found = {as_tmux(each): entry.get("status") for each, entry in self.entries.items()}
        return found.get(name, "running" if is_registrable(name) else None)

    def workspace(self, entry: Entry) -> str | None:
        """An entry's directory; `~` is the home of whom the registry belongs to."""
        written: str | None = entry.get("workspace")
        return written and written.replace("~", self.home, 1)


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


def differences(entry: Entry, shown: Shown, sight: Sight) -> Iterator[str]:
    """Another process, creation time, directory or agent kind than recorded."""
    pid, created = recorded_pid(entry), moment(entry.get("created_at"))
    if pid and pid not in {shown.pid, shown.agent}:
        yield f"pid {pid}, {shown.pid}"
    if created and abs(created - shown.created_at) > SAME_TIME:
        yield f"created {created}, {shown.created_at}"
    if sight.workspace(entry) not in {None, shown.directory} and not shown.ended:
        yield f"in {entry['workspace']}, {shown.directory}"
    if shown.agent and entry.get("agent") not in {None, "claude"}:
        yield f"agent {entry['agent']}"


def still_runs(entry: Entry, sight: Sight) -> bool:
    """Whether the recorded pane process lives. A pid is an identity only with a start time.

    A younger process, in a directory that has nothing to do with the entry, is another one.
    """
    if recorded_pid(entry) not in sight.living:
        return False
    started_at, directory = sight.living[recorded_pid(entry)]
    created = moment(entry.get("created_at"))
    homes = {sight.workspace(entry), (entry.get("pane") or {}).get("cwd")} - {None}
    younger = created is not None and started_at > created + SAME_TIME
    return not (younger and homes and directory not in homes)


def booted_since(entry: Entry, sight: Sight) -> bool:
    """Whether this boot began after the session was made."""
    created = moment(entry.get("created_at"))
    return created is not None and sight.boot_at > created + SAME_TIME


def conversations(shown: Shown, sight: Sight) -> tuple[str, ...]:
    """What this process may hold: what its pid file names, else what it alone can have begun.

    What another living process names is that one's.
    """
    if shown.agent is None:
        return ()
    if shown.held:
        return (shown.held,)
    named = {each.held for each in sight.sessions.values()}
    return tuple(one for one in shown.begun if one in sight.on_disk and one not in named)


def is_stale(recorded: str, entry: Entry, sight: Sight) -> bool:
    """Nothing is there; or an own id has moved to where no resume from its workspace finds it.

    It has not moved while a living agent holds it, or where entries of two workspaces record
    it: then nobody can tell which of them is right.
    """
    place = sight.on_disk.get(recorded)
    if place is None or recorded != own_id(entry):
        return place is None
    workspaces = {
        sight.workspace(each)
        for each in sight.entries.values()
        if each.get("status") == "running" and recorded in recorded_ids(each)
    }
    return (
        place != sight.workspace(entry) and not _is_held(recorded, sight) and len(workspaces) == 1
    )


def _is_held(conversation: str, sight: Sight) -> bool:
    """Whether any agent names it, or one that is watched must have begun it."""
    watched = [
        each
        for name, each in sight.sessions.items()
        if each.held == conversation or sight.status_of(name) in {"running", "terminated"}
    ]
    return any((conversation,) == conversations(each, sight) for each in watched)
