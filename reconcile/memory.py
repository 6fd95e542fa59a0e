"""What earlier ticks left behind: open findings, and what the world looked like last."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from reconcile.observed import Boot, ConversationId, PlaceId, ProcessId, Server, SessionName
from reconcile.proofs import Proof


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """One finding that was open at the end of an earlier tick."""

    since: datetime
    told: bool = False
    """Whether the card was told of it, or will be: it stands among the unsaid then."""
    comment_id: str | None = None
    """The comment that told it, where the board told its id."""
    first_held: datetime | None = None
    """When it was first held back for a second look."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledgement:
    """A person knows of a finding, which counts no more while it stays open; see `orders`."""

    at: datetime
    by: str
    """Their login name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How a source has been."""

    state: str
    """`ok`, `absent` or `unknown`."""
    since: datetime
    """From when on it has been in this state."""
    error: str = ""
    """Why it could not be read the last time that it could not; empty: it always could."""
    error_at: datetime | None = None
    """When that began."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Awaited:
    """What the registry shows once the write that a text speaks of has taken place."""

    session: str
    value: str
    """The entry's status, or its own session id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A session that ended together with others: they are said in one comment."""

    cause: str
    session: SessionName
    conversation: ConversationId | None = None
    """The entry's own when it ended; read from the registry once that is written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MassTermination:
    """Sessions that ended together, as the card was told, and who of them is back."""

    at: datetime
    """When they were found ended."""
    ended: Mapping[SessionName, ConversationId | None]
    """The entries' names, each with its own conversation when it ended."""
    own: frozenset[SessionName] = frozenset()
    """Those that were seen back in that conversation."""
    unproven: frozenset[SessionName] = frozenset()
    """Those that were seen back, where nothing can prove in which conversation."""
    another: frozenset[SessionName] = frozenset()
    """Those in which another conversation runs now."""
    first_back: datetime | None = None
    told: bool = False
    """Whether the card was told who is back, or will be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsaid:
    """What the card is to be told of one finding, kept until it certainly was."""

    text: str
    at: datetime
    """When it was found."""
    awaited: Awaited | None = None
    """Set until its write is known to have taken place, also by the process after a crash."""
    details: tuple[str, ...] = ()
    """Further lines, where it is said in a comment of its own."""
    ended: Ended | None = None
    """Set for a session that ended together with others."""
    key: str | None = None
    """Of the comment that it is being said in, which begins with it in brackets. With one, the
    card's own comments decide whether it was said."""
    after: str | None = None
    """The thread's last comment when the key was set: only those behind it can be that comment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """What lived under a registered name when that was last seen, and how it came and went."""

    made: datetime | None = None
    """When its session was made; None: none lived."""
    pid: int | None = None
    """The agent's pane's: a session may be made anew within one second, or its agent be."""
    returns: tuple[datetime, ...] = ()
    """The last times at which it was there again, or another one was, oldest first."""
    risen: datetime | None = None
    """When it was last there again after it had been seen down."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """Where the session of an entry was last seen alive. Its death is judged by this alone."""

    place: PlaceId
    """"" once the entry ended or was set aside: only the agent's folder counts from then on."""
    boot: str
    """The boot's id; "" where the system has none."""
    at: datetime
    """When; renewed every few minutes while nothing else changes."""
    socket: str
    server: Server
    server_process: ProcessId | None
    """None where the process table does not show it."""
    session_id: str
    """tmux's own (`$3`)."""
    pane_id: str
    pane_pid: int
    agent: ProcessId | None
    """The agent's process; None while none was seen."""
    kind: str
    """Which agent that is; "" while none was seen."""
    environ: Mapping[str, str] = field(default_factory=dict)
    """The variables that moved the agent's files."""
    conversation: ConversationId | None = None
    """What that process was last proven to hold, and what proved it."""
    proof: Proof | None = None
    likely: ConversationId | None = None
    """What it probably held, where nothing proved one."""

    def is_of(self, pid: int) -> bool:
        """Whether a recorded pid is that of the pane or the agent that was seen."""
        return pid == self.pane_pid or (self.agent is not None and pid == self.agent.pid)

    def is_elsewhere(self, here: PlaceId, home_since: datetime | None) -> bool:
        """Whether it speaks of another place, and nobody said since then that this is the home."""
        if self.place in {"", here}:
            return False
        return home_since is None or self.at > home_since


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """Everything a tick knows from before it looked."""

    open: Mapping[str, Remembered] = field(default_factory=dict)
    """By the finding's id."""
    servers: Mapping[str, Server] = field(default_factory=dict)
    """By socket path: the tmux server that answered there last."""
    boot: Boot | None = None
    unsaid: Mapping[str, Unsaid] = field(default_factory=dict)
    """By the finding's id."""
    card: str | None = None
    """The card that `told` speaks of; None: none, or one that is to be told everything anew."""
    run: str | None = None
    """The last run of a card that a process of this place had: `t_1a2b3c4d/7`."""
    spoken: tuple[str, ...] = ()
    """The marks of the last comments on that card: `id:17:A-3f2a91c4`."""
    said: Mapping[str, Mapping[str, Unsaid]] = field(default_factory=dict)
    """What the last of them told, by the comment's mark and the finding's id: the board may be
    restored from a backup, and lose them."""
    sources: Mapping[str, Health] = field(default_factory=dict)
    """By the source's name."""
    lives: Mapping[SessionName, Life] = field(default_factory=dict)
    """By the session's name as tmux writes it."""
    place: PlaceId | None = None
    """The place that all but the sightings speak of; None before the first look."""
    sightings: Mapping[SessionName, Sighting] = field(default_factory=dict)
    """Where each entry's session was last seen, by its name as tmux writes it."""
    mass_terminations: Mapping[str, MassTermination] = field(default_factory=dict)
    """By the key of the comment that told it, `S-77aa01b2`."""
    acknowledged: Mapping[str, Acknowledgement] = field(default_factory=dict)
    """By the finding's id."""
    heard: int = 0
    """The number of the last order that was heard; 0: none yet."""


def at_place(memory: Memory, place: PlaceId) -> Memory:
    """The memory as it counts at a place: of another one only the sightings and the card's words.

    Waves, flapping and grace of one host say nothing of another's.
    """
    if memory.place == place:
        return memory
    if memory.place is None:
        return replace(memory, place=place)
    told = Memory(unsaid=memory.unsaid, card=memory.card, spoken=memory.spoken, said=memory.said)
    return replace(told, sightings=memory.sightings, place=place, heard=memory.heard)


def retimed(memory: Memory, time: Callable[[datetime], datetime]) -> Memory:
    """The memory with all times at which something was noticed changed: the clock was set."""

    def known(at: datetime | None) -> datetime | None:
        return at and time(at)

    return replace(
        memory,
        open={
            key: replace(each, since=time(each.since), first_held=known(each.first_held))
            for key, each in memory.open.items()
        },
        unsaid={key: replace(each, at=time(each.at)) for key, each in memory.unsaid.items()},
        sources={
            name: replace(each, since=time(each.since), error_at=known(each.error_at))
            for name, each in memory.sources.items()
        },
        lives={
            name: replace(each, returns=tuple(map(time, each.returns)), risen=known(each.risen))
            for name, each in memory.lives.items()
        },
        sightings={
            name: replace(each, at=time(each.at)) for name, each in memory.sightings.items()
        },
        mass_terminations={
            key: replace(each, at=time(each.at), first_back=known(each.first_back))
            for key, each in memory.mass_terminations.items()
        },
    )
