"""What a look at the host found: tmux, processes, and what the agents left on disk.

Every question to the outside has three answers: here it is, there is none
(`None`), and could not look (`Unknown`). Nothing is ever concluded from the third.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum, auto
from typing import NewType, TypeAlias, TypeVar

from reconcile.proofs import Proof

SessionName = NewType("SessionName", str)
"""A tmux session's name, as tmux itself writes it; an entry's, as a person does."""

ConversationId = NewType("ConversationId", str)
"""What an agent calls one conversation: Claude Code's session id, agy's conversation id, …"""

PlaceId = NewType("PlaceId", str)
"""Names a place: a keyed hash, from which nobody can tell the machine's own id."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """Could not look. `why` is one line fit for a person."""

    why: str


class Unseen(Unknown):
    """Nobody saw where to look: no blindness of this look, and no answer either."""

    __slots__ = ()


T = TypeVar("T")
Answer: TypeAlias = T | Unknown | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """A running process. The pid is an identity only together with the start time."""

    pid: int
    started_at: datetime
    command: str
    """Base name of argv[0], else the kernel's name for it; "" when neither can be read."""
    cwd: str
    """Working directory; "" when it cannot be read."""
    start: str = ""
    """As in `ProcessId`; "" where it cannot be told."""

    @property
    def id(self) -> ProcessId | None:
        """Its identity; None where its start cannot be told."""
        return ProcessId(self.pid, self.start) if self.start else None


@dataclass(frozen=True, slots=True)
class ProcessId:
    """What tells a process from every other one of the same boot."""

    pid: int
    start: str
    """Its start in clock ticks since the boot (Linux), else the start time as text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """An agent's process, found in the process tree of a pane."""

    kind: str
    """`claude`, `agy`, `codex`, … as the registry's `agent` key has it."""
    process: Process


@dataclass(frozen=True, slots=True, kw_only=True)
class Pane:
    """One pane. A dead pane (`remain-on-exit`) keeps the pid of the process it had."""

    pane_id: str
    pid: int
    dead: bool = False
    exit_status: int | None = None
    """None is not 0: the process was killed, or tmux has not reaped it yet."""
    exit_signal: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Inside:
    """What runs inside one living pane, as the process table tells."""

    process: Answer[Process]
    """The pane's own process, the one that tmux started."""
    agent: Answer[Agent]
    shell_only: bool = False
    """The pane's process is a shell at its prompt, and no known agent runs below it."""

    @property
    def hidden(self) -> Unknown | None:
        """Why not all of it could be seen; None when it could."""
        return next((one for one in (self.process, self.agent) if isinstance(one, Unknown)), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One tmux session with all its panes, in the order of windows and panes."""

    name: SessionName
    socket: str
    id: str
    """tmux's own id (`$3`): it survives a rename, and is never used again by the same server."""
    created_at: datetime
    directory: str
    """The session's working directory (`session_path`); "" in tmux 3.0a, which has none."""
    panes: tuple[Pane, ...]

    @property
    def alive(self) -> bool:
        """Whether any pane still has a living process."""
        return any(not pane.dead for pane in self.panes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A tmux server's identity: the same socket may be served by another one tomorrow."""

    pid: int
    started_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """A successful listing of one tmux server."""

    server: Server | None
    """None when the server has no session at all and so printed no row."""
    sessions: Mapping[SessionName, Session]
    version: str = ""
    """The server's (`3.3a`): which names it rewrites depends on it. "" where it does not tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """The one conversation that a process holds."""

    id: ConversationId
    proof: Proof
    written: bool
    """Whether it is on disk yet: Claude Code writes nothing before the first prompt."""


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """More than one conversation could be the process's. Never guessed."""

    candidates: tuple[ConversationId, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unproven:
    """Nothing ties the process to one conversation. Never written."""

    likely: ConversationId | None = None
    """What it probably holds: shown with a `?`."""
    left: tuple[ConversationId, ...] = ()
    """What it certainly held and has left since, for a conversation that nothing names."""
    begins: str = ""
    """How the id that it holds begins, where only that is seen."""
    setting: str = ""
    """What the user can set to make it certain, in a few words; empty where nothing is known."""


Conversation: TypeAlias = Answer[Bound | Ambiguous | Unproven]


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One conversation that an agent left for another."""

    id: ConversationId
    """The one that was left."""
    at: datetime | None
    """When it was left; None where nothing on disk tells."""
    how: str
    """`clear`, `resume`, `fork`, `continue`, `start`; "" where nothing on disk tells."""
    proof: str
    """What shows it: `clear-marker`, `prompt-history`, …"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """How an agent came to the conversation that it holds."""

    links: tuple[Link, ...] = ()
    """The oldest first; the last one leads to what is held. Empty where nothing on disk tells."""
    between: tuple[ConversationId, ...] = ()
    """What it may have held besides in that time, or another agent did. Never guessed."""


class Artefact(StrEnum):
    """What is on disk under a recorded id."""

    PRESENT = auto()
    GHOST = auto()
    """A file that holds no conversation, so it cannot be resumed."""


@dataclass(frozen=True, slots=True)
class Missing:
    """Certainly nothing on disk under this id that could be resumed, and the likely cause."""

    cause: str
    """In a few words."""
    which: str = ""
    """What kind of transcript there is not: `that can be read`. Empty: there is none at all."""

    def said_of(self, recorded: ConversationId) -> str:
        """It in a sentence."""
        which = f" {self.which}" if self.which else ""
        return f"recorded id {recorded} has no transcript{which} ({self.cause})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Expiry:
    """When an agent will delete a conversation that nobody touches until then."""

    at: datetime
    rule: str
    """Fit for a person: `Claude Code deletes a transcript 30 days after its last change (…)`."""


Recorded: TypeAlias = tuple[str, ConversationId]
"""An agent's kind and an id that the registry records for it."""


@dataclass(frozen=True, slots=True)
class Place:
    """A host, or a container on it. What is concluded at one says nothing of another."""

    id: PlaceId
    hosts: frozenset[str] = frozenset()
    """The names under which it is known."""

    def is_called(self, host: str) -> bool:
        """Whether a host name is this place's; a name without a domain stands for any domain."""
        return any(_same_host(host.casefold(), each.casefold()) for each in self.hosts)


def _same_host(one: str, other: str) -> bool:
    short = "." not in one or "." not in other
    return one == other or (short and one.partition(".")[0] == other.partition(".")[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class Boot:
    """This boot of the host."""

    id: str
    """The kernel's boot id; "" on a system that has none (its boot time moves with the clock)."""
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Everything one look found. Keys that are missing were not asked for."""

    at: datetime
    boot: Boot | None = None
    place: Place | Unknown = Unknown("which host this is was not looked at")
    away: str | None = None
    """Why what was never seen here is not judged here; None where the registry is at home."""
    home_since: datetime | None = None
    """When somebody said, or it was first taken, that the registry lives here."""
    tmux: Mapping[str, Answer[Listing]] = field(default_factory=dict)
    """By socket path; `None` is "certainly no server there"."""
    others: Mapping[str, Answer[Listing]] = field(default_factory=dict)
    """Servers that count for entries never seen alone; asked only when one of those is missing."""
    rivals: frozenset[str] = frozenset()
    """Sockets whose path several living servers are bound to; only one of them answers."""
    left_behind: frozenset[str] = frozenset()
    """Sockets that are still there without a server: one ran on this host, and is over."""
    inside: Mapping[tuple[str, str], Inside] = field(default_factory=dict)
    """By (socket path, pane id), for every living pane."""
    recorded_pids: Mapping[int, Answer[Process]] = field(default_factory=dict)
    """The recorded pane pids of running entries whose session no listing shows."""
    recorded_agents: Mapping[int, frozenset[str]] = field(default_factory=dict)
    """The kinds of agent that run at or below those."""
    servers: Mapping[Server, ProcessId] = field(default_factory=dict)
    """The processes of the servers that answered, where the process table shows them."""
    remembered: Mapping[ProcessId, bool | Unknown] = field(default_factory=dict)
    """Whether the tmux servers and agents that the missing ones' sightings name still run."""
    conversations: Mapping[SessionName, Conversation] = field(default_factory=dict)
    holders: Mapping[ConversationId, tuple[str, ...]] | Unknown = field(default_factory=dict)
    """Who holds a recorded conversation, fit for a person; asked for entries never seen alone."""
    sharers: Mapping[SessionName, tuple[str, ...]] = field(default_factory=dict)
    """Who else holds the conversation that the agent of a session holds, fit for a person."""
    environs: Mapping[SessionName, Mapping[str, str]] = field(default_factory=dict)
    """The variables that move the files of a session's agent."""
    lineages: Mapping[SessionName, Lineage | Unknown] = field(default_factory=dict)
    """For those whose agent holds another conversation than the recorded one."""
    artefacts: Mapping[Recorded, Artefact | Missing | Unknown] = field(default_factory=dict)
    expiring: Mapping[Recorded, Expiry] = field(default_factory=dict)
    """Only what is about to expire: what is in use would make each look another world."""
    real_paths: Mapping[str, str] = field(default_factory=dict)
    """Directories as written somewhere, with `~` and symlinks resolved."""
