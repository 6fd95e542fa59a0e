"""What names the conversation of a living Claude Code, the strongest first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kanban_worker.agents import claude_guess, ids, pick
from kanban_worker.agents.claude_library import Library
from kanban_worker.agents.claude_pids import PidFile
from kanban_worker.agents.shape import Hooked, LiveAgent, Seen
from reconcile.observed import ConversationId, SessionName, Unknown
from reconcile.proofs import Proof


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """An id that a record of this very process names."""

    id: ConversationId
    proof: Proof


@dataclass(frozen=True, slots=True, kw_only=True)
class Argument:
    """An id given on the command line: it was right when the process began."""

    id: ConversationId


@dataclass(frozen=True, slots=True, kw_only=True)
class Logged:
    """An id that a debug log of this very process named at some time."""

    id: ConversationId
    at_ns: int
    """When, in nanoseconds since 1970."""


Claim = PidFile | Named | Logged | Argument | None | Unknown


def of(library: Library, agents: Sequence[LiveAgent], seen: Seen) -> Mapping[SessionName, Claim]:
    """Return what names each agent's conversation; debug logs only for those without a pid file."""
    files = {agent.session: library.pid_file(agent) for agent in agents}
    nameless = [agent for agent in agents if files[agent.session] is None]
    if nameless:
        library.logged(nameless)
    return {
        agent.session: _claim(library, agent, files[agent.session], _hooked(agent, seen))
        for agent in agents
    }


def valid_since_ns(found: PidFile, agent: LiveAgent) -> int:
    """Return from when on a pid file's id was the process's.

    2.1.112 writes the file at the start, and again at `/resume` with the new id; but `/rename`
    changes it as well, and leaves the id as it was.
    """
    if not found.renamed:
        return pick.nanoseconds(found.written)
    return pick.nanoseconds(found.started or agent.family[0].started_at)


def _claim(
    library: Library, agent: LiveAgent, found: PidFile | Unknown | None, hooked: Hooked | None
) -> Claim:
    if isinstance(found, Unknown):
        return found
    if isinstance(found, PidFile):
        if hooked is None or found.follows_clear:
            return found
        # At the start and at `/resume` the two agree; the hook tells of `/clear` alone.
        newer = pick.nanoseconds(hooked.at) > valid_since_ns(found, agent)
        agrees = hooked.id == found.id
        return Named(id=hooked.id, proof=Proof.HOOK) if newer or agrees else found
    if (logged := library.log_of(agent)) is not None:
        return _newer(*logged, hooked)
    if hooked is not None:
        return Named(id=hooked.id, proof=Proof.HOOK)
    asked = claude_guess.asked_for(agent.argv)
    return None if asked is None else Argument(id=asked)


def _newer(at_ns: int, one: ConversationId, hooked: Hooked | None) -> Claim:
    """Return what tells of a later time: the log, or the hook."""
    hooked_ns = pick.nanoseconds(hooked.at) if hooked is not None else 0
    if hooked is not None and hooked_ns > at_ns and hooked.id != one:
        return Named(id=hooked.id, proof=Proof.HOOK)
    return Logged(id=one, at_ns=max(at_ns, hooked_ns) if hooked and hooked.id == one else at_ns)


def _hooked(agent: LiveAgent, seen: Seen) -> Hooked | None:
    """Return the record of a process with a terminal: `claude -p` fires the hook as well."""
    found = seen.hooked.get(agent.session)
    if found is None or found.headless or ids.uuid(found.id) is None:
        return None
    return found
