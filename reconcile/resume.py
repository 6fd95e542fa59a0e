"""Resumes: which ended sessions may be taken up again, and why the others may not.

A conversation that two processes continue is torn in two, and a wrong one is worse than none.
So a command is given only where the id is certainly this session's own, lies on disk where its
agent will look, and is held by nobody. Nothing here is ever run.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

from reconcile import gone, identity
from reconcile.desired import RUNNING, TERMINATED, Entry
from reconcile.drift import Drift, DriftClass
from reconcile.location import Disputed, How, Located, Sessions
from reconcile.memory import Sighting
from reconcile.observed import (
    Ambiguous,
    Answer,
    Artefact,
    Bound,
    Conversation,
    ConversationId,
    Listing,
    Missing,
    Recorded,
    Session,
    SessionName,
    Unknown,
    Unproven,
    World,
)

Reason: TypeAlias = str | Unknown | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """When and why a session ended, as far as somebody wrote it down or it was just seen."""

    at: datetime | None
    cause: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """A living agent of the kind in question, in a pane or not."""

    who: str
    """Fit for a person: `process 4711 in tmux session lab-x`."""
    directory: str
    """Real path; "" when it cannot be read."""
    holds: Conversation


@dataclass(frozen=True, slots=True, kw_only=True)
class Holders:
    """Who holds what, of all living agents of one kind. Ids are without case."""

    certain: Mapping[str, str] = field(default_factory=dict)
    """By id, whoever is proven to hold it."""
    possible: Mapping[str, str] = field(default_factory=dict)
    """By id, whoever may hold it."""
    unsure: Mapping[str, str] = field(default_factory=dict)
    """By directory, an agent of which nobody can tell what it holds."""
    hidden: Unknown | None = None
    """Why what one of them holds could not be looked at."""


def holders(found: Iterable[Holder]) -> Holders:
    """Of several that tell the same, the first one counts."""
    certain: dict[str, str] = {}
    may: dict[str, str] = {}
    unsure: dict[str, str] = {}
    hidden: Unknown | None = None
    for one in found:
        if isinstance(one.holds, Unknown):
            hidden = hidden or Unknown(f"what {one.who} holds: {one.holds.why}")
        elif isinstance(one.holds, Bound):
            certain.setdefault(one.holds.id.casefold(), one.who)
        else:
            unsure.setdefault(one.directory, one.who)
            for each in possible(one.holds):
                may.setdefault(each.casefold(), one.who)
    return Holders(certain=certain, possible=may, unsure=unsure, hidden=hidden)


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """What was found outside for one ended session's directory and id."""

    directory: Answer[str]
    """Its real path; None when there is certainly no such directory."""
    artefact: Artefact | Missing | Unknown
    misplaced: Answer[str]
    """Why its agent would not find the conversation from there; None when it would."""
    command: tuple[str, ...] | None
    environ: Mapping[str, str] = field(default_factory=dict)
    """The variables that its agent was last seen with, where they are not ours."""
    holders: Holders | Unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumption:
    """What a person is told of one session: a command, or why there is none."""

    session: SessionName
    directory: str | None
    """As the registry has it."""
    command: tuple[str, ...] | None
    environ: Mapping[str, str] = field(default_factory=dict)
    """The variables that the command must be given, for its agent kept its files elsewhere."""
    note: str = ""
    """What to know before the command is run; empty where there is nothing."""
    why: str | None
    blind: bool
    """Whether there is no command because something could not be looked at."""
    ended: Ended | None
    alive: Session | None = None
    """The session of its name that lives with nothing but shells in it: to be resumed there."""


def ended(entry: Entry, drifts: Iterable[Drift]) -> Ended | None:
    """How a session ended: as registered, or as class A has just found it; None if neither.

    A death that is held back until a second look counts: what a wave could have wrong, that
    its agents live on, is asked of the processes themselves before any command is given.
    """
    if entry.status == TERMINATED:
        return Ended(at=entry.terminated_at, cause=entry.termination_cause)
    for drift in drifts:
        if drift.kind is DriftClass.TMUX_GONE and drift.session == entry.name:
            after = {change.key: change.after for change in drift.changes}
            at, cause = after.get("terminated_at"), after.get("termination_cause")
            return Ended(
                at=at if isinstance(at, datetime) else None,
                cause=cause if isinstance(cause, str) else None,
            )
    return None


def left(entry: Entry, world: World, sessions: Sessions) -> Ended | None:
    """How an agent ended whose session lives, with nothing but shells in it; None if none did.

    Its session was left for its shell, or was brought back without it, at a new server or boot.
    """
    if entry.status != RUNNING or entry.own_id is None:
        return None
    session = _shell_of(entry, world, sessions)
    if session is None:
        return None
    answer = world.tmux.get(session.socket)
    server = answer.server if isinstance(answer, Listing) else None
    if world.boot and gone.booted_after(entry, world):
        return Ended(at=world.boot.at, cause=gone.Cause.HOST_REBOOT)
    made = entry.created_at
    if server and made and server.started_at > made + identity.CLOCK_SLACK:
        return Ended(at=server.started_at, cause=gone.Cause.SERVER_DIED)
    return Ended(at=None, cause="agent-exited")


def _shell_of(entry: Entry, world: World, sessions: Sessions) -> Session | None:
    """The living session of an entry, if certainly nothing but shells is in it."""
    found = sessions.of(entry)
    if not isinstance(found, Located) or found.how is How.PROCESS:
        return None
    living = [pane for pane in found.session.panes if not pane.dead]
    shells = [identity.inside(found.session, pane, world).shell_only for pane in living]
    return found.session if shells and all(shells) else None


def directory_of(entry: Entry) -> str | None:
    """Where a session worked, as the registry has it."""
    return entry.workspace or entry.pane_cwd


def decide(
    entry: Entry,
    how: Ended | None,
    looked: Looked | None,
    recorders: Mapping[Recorded, Sequence[SessionName]],
    world: World,
    sessions: Sessions,
) -> Resumption:
    """The command for one session, or the first reason against it.

    `how` is what `ended` said; `looked` is None for an agent that nobody knows how to look at,
    or when there was nothing to look for; `recorders` is what that function says of the registry.
    """
    reasons = _reasons(entry, how, looked, world, sessions)
    why = next((reason for reason in reasons if reason is not None), None)
    blind = isinstance(why, Unknown)
    return Resumption(
        session=entry.name,
        directory=directory_of(entry),
        command=looked.command if looked and why is None else None,
        environ=looked.environ if looked else {},
        note=_shared(entry, recorders),
        why=f"could not look: {why.why}" if isinstance(why, Unknown) else why,
        blind=blind,
        ended=how,
        alive=_shell_of(entry, world, sessions),
    )


def _reasons(
    entry: Entry,
    how: Ended | None,
    looked: Looked | None,
    world: World,
    sessions: Sessions,
) -> Iterator[Reason]:
    """Each reason against it, or None, in the order in which they are worth telling."""
    if how is None:
        yield f"it is not known to have ended (the registry says: {entry.status or 'nothing'})"
    yield _alive(entry, world, sessions)
    yield _unrecorded(entry, sessions.sighting(entry))
    yield no_place(directory_of(entry))
    if looked is None or entry.own_id is None:
        yield f"how to resume a conversation of {entry.agent} is not known"
    else:
        yield from _outside(entry, entry.own_id, looked)


def _outside(entry: Entry, own: ConversationId, looked: Looked) -> Iterator[Reason]:
    yield _absent_place(entry, looked.directory)
    yield _absent(own, looked.artefact)
    yield looked.misplaced
    if looked.command is None:
        yield f"no command is known that resumes {own}"
    yield _held(own, looked)


def _alive(entry: Entry, world: World, sessions: Sessions) -> Reason:
    """What lives on beside the agent's dead pane is not the session that ended."""
    if sessions.is_elsewhere(entry):
        return f"it is another host's ({entry.host or 'it was last seen there'})"
    found = sessions.of(entry)
    if isinstance(found, Disputed):
        return found.why
    if found is not None and found.how is not How.PROCESS:
        pane = identity.agent_pane(found.session, entry, world)
        if not pane.dead and _shell_of(entry, world, sessions) is None:
            return f"its session is alive (pane process {pane.pid})"
    return next((answer for answer in world.tmux.values() if isinstance(answer, Unknown)), None)


def _unrecorded(entry: Entry, seen: Sighting | None) -> Reason:
    if entry.agent is None:
        return "its agent is not recorded"
    if entry.own_id is None:
        key = f"{entry.agent}_session_id_own"
        if entry.other_ids:
            return f"{key} is empty, and the id under agent_identities is not proven to be its own"
        why = f"the id of its conversation is not recorded ({key})"
        likely = seen.likely if seen else None
        return f"{why}: it was probably {likely}, which nothing proves" if likely else why
    return None


def no_place(directory: str | None) -> str | None:
    """Why no shell can be sent there; what a terminal does not show cannot be copied from it."""
    if directory is None:
        return "its directory is not recorded"
    if not directory.isprintable():
        return "its directory's name holds characters that a terminal does not show"
    if directory != "~" and not directory.startswith(("/", "~/")):
        return f"its directory {directory} is not an absolute path"
    return None


def recorders(entries: Iterable[Entry]) -> Mapping[Recorded, Sequence[SessionName]]:
    """By agent and id, which entries record it. Without case: a UUID may be in capitals."""
    found: dict[Recorded, list[SessionName]] = {}
    for entry in entries:
        for one in {each.casefold() for each in (entry.own_id, *entry.other_ids) if each}:
            found.setdefault((entry.agent or "", ConversationId(one)), []).append(entry.name)
    return found


def _shared(entry: Entry, known: Mapping[Recorded, Sequence[SessionName]]) -> str:
    """What to know of an id that other entries record too: whoever holds it is asked for apart."""
    if entry.own_id is None:
        return ""
    own = ConversationId(entry.own_id.casefold())
    others = sorted({*known[entry.agent or "", own]} - {entry.name})
    return f"also recorded for {', '.join(others)}: resume it once" if others else ""


def _absent_place(entry: Entry, directory: Answer[str]) -> Reason:
    if directory is None:
        return f"its directory {directory_of(entry)} is not there"
    return directory if isinstance(directory, Unknown) else None


def _absent(own: ConversationId, found: Artefact | Missing | Unknown) -> Reason:
    if isinstance(found, Missing):
        return found.said_of(own)
    if found is Artefact.GHOST:
        return f"recorded id {own} has a file that holds no conversation"
    return found if isinstance(found, Unknown) else None


def _held(own: ConversationId, looked: Looked) -> Reason:
    """Who certainly holds it is told before who might.

    An agent may have taken up an older conversation by itself, and no file tells.
    """
    if isinstance(looked.holders, Unknown):
        return looked.holders
    one, found = own.casefold(), looked.holders
    if who := found.certain.get(one):
        return f"it is held by {who}"
    if who := found.possible.get(one):
        return f"it may be held by {who}"
    if isinstance(looked.directory, str) and (who := found.unsure.get(looked.directory)):
        return f"{who} works in the same directory, and what it holds cannot be told"
    return found.hidden


def possible(held: Conversation) -> tuple[ConversationId, ...]:
    """What a process may hold, where nothing proves one."""
    if isinstance(held, Ambiguous):
        return held.candidates
    return (held.likely,) if isinstance(held, Unproven) and held.likely else ()
