"""How a Claude Code came from one conversation to another, link by link.

Each link is derived from the files alone, so that it does not matter how often anybody looked.
A chain counts only if it arrives at the conversation that is certainly held.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from kanban_worker.agents import pick
from kanban_worker.agents.claude_guess import Young
from kanban_worker.agents.claude_prompts import Typed
from reconcile.observed import ConversationId, Lineage, Link

_WITHIN_NS = 2_000_000_000
"""A `/clear` line follows its entry in the prompt history by 1 to 70 ms (2.0.77 to 2.1.329)."""
_JITTER_NS = 20_000_000
"""A file's birth is told by the kernel's tick, so it may seem to come before that entry."""

_NS = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """How the process began."""

    at_ns: int
    first: ConversationId | None
    """The conversation that it held then; None where that cannot be told."""
    how: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """All that the files tell of one agent's time in its directory."""

    held: ConversationId
    proof: str
    """What proves that it is held."""
    start: Start
    alone: bool
    """Whether no other living agent works there."""
    typed: Sequence[Typed]
    """What was typed there, the oldest first."""
    young: Sequence[Young]
    """The conversations that were begun there, the oldest first."""
    foreign: frozenset[ConversationId]
    """What other living agents name."""
    touched: Callable[[ConversationId], int]
    """When a conversation was last written to, in ns; 0 where it is not there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step:
    to: ConversationId
    at_ns: int
    how: str
    proof: str


def trace(old: ConversationId | None, ground: Ground, since: datetime | None) -> Lineage:
    """Return the links from `old`, or from the process's first conversation, to the held one.

    What was left before `since` is known already. Where what came between cannot be told from
    what other agents did, there is one link with the certain ends, and the candidates.
    """
    begin = old or ground.start.first
    for since_ns in (ground.start.at_ns,) if old is None else _departures(old, ground, since):
        links = None if begin is None else _walk(begin, since_ns, ground)
        if links is not None:
            # Nobody resumes what was left before its first prompt: it is nowhere on disk.
            there = (link for link in links if link.id == old or ground.touched(link.id))
            return Lineage(links=tuple(there))
    between = _candidates(old, ground)
    return Lineage(links=() if old is None else (_direct(old, ground),), between=between)


def beginning(ground: Ground) -> ConversationId | None:
    """Return the conversation that was held before each `/clear`; None where that is lost.

    This holds beside other agents too, as long as what they typed can be told apart.
    """
    here = ground.held
    for one in reversed(ground.young):
        if one.id == here and one.cleared and one.born_ns >= ground.start.at_ns:
            origin = _origin(one, ground)
            if origin is None:
                return None
            here = origin.id
    return here


def _departures(old: ConversationId, ground: Ground, since: datetime | None) -> Iterator[int]:
    """Yield the times from which on it may have been left: a known one, then the last one first."""
    if since is not None:
        yield pick.nanoseconds(since)
    for line in reversed(ground.typed):
        if line.id == old and _by_word(line, ground):
            yield line.at_ns
    yield 0


def _walk(begin: ConversationId, since_ns: int, ground: Ground) -> list[Link] | None:
    """Follow what was held from a time on; None if that does not end at what is held."""
    links: list[Link] = []
    here, at_ns = begin, since_ns
    while step := _next(here, at_ns, ground):
        links.append(_link(here, step))
        here, at_ns = step.to, max(at_ns, step.at_ns) + 1
    return links if here == ground.held else None


def _next(here: ConversationId, since_ns: int, ground: Ground) -> _Step | None:
    """Return how a conversation was left: as typed, else as the files show."""
    words = (line for line in ground.typed if line.id == here and line.at_ns >= since_ns)
    step = next(filter(None, (_by_word(line, ground) for line in words)), None)
    return step or (None if here == ground.held else _unspoken(here, since_ns, ground))


def _by_word(line: Typed, ground: Ground) -> _Step | None:
    """Return where a typed line has led; None where it did not lead away."""
    return (_begun_by(line, ground) or _resumed_by(line, ground)) if line.command else None


def _begun_by(line: Typed, ground: Ground) -> _Step | None:
    """Return the one conversation that began when a command was typed."""
    found = [
        one
        for one in ground.young
        if (one.cleared or one.forked_from == line.id) and _origin(one, ground) is line
    ]
    return _entered(found[0]) if len(found) == 1 else None


def _origin(one: Young, ground: Ground) -> Typed | None:
    """Return the command with which a conversation was begun: the last one before.

    Beside other agents, None where one of them typed another at about the same time.
    """
    before = [
        line
        for line in ground.typed
        if line.command and -_JITTER_NS <= one.born_ns - line.at_ns <= _WITHIN_NS
    ]
    several = len({line.id for line in before}) > 1
    return None if not before or (several and not ground.alone) else before[-1]


def _resumed_by(line: Typed, ground: Ground) -> _Step | None:
    """Return what was taken up again: the next thing typed was typed there, or it is held now."""
    if not (line.resumes and ground.alone):
        return None
    after = (each.id for each in ground.typed if each.at_ns > line.at_ns)
    to = next(after, ground.held)
    begun = any(one.id == to and one.born_ns > line.at_ns for one in ground.young)
    if to == line.id or begun:
        return None
    return _Step(to=to, at_ns=line.at_ns, how="resume", proof="prompt-history")


def _unspoken(here: ConversationId, since_ns: int, ground: Ground) -> _Step | None:
    """Return how it was left without a word: its process ended, or nobody kept what was typed."""
    start, last_ns = ground.start, ground.touched(here)
    from_ns = max(since_ns, last_ns - pick.SLACK_NS)
    later = [one for one in ground.young if one.born_ns >= from_ns and one.id != here]
    mine = any(one.id == here and one.born_ns >= start.at_ns for one in ground.young)
    restarted = start.at_ns >= from_ns and start.first != here and not mine
    if restarted and not (later and later[0].born_ns < start.at_ns):
        if start.first is None:
            return None
        return _Step(to=start.first, at_ns=start.at_ns, how=start.how, proof="process-start")
    if not (later and ground.alone and (later[0].cleared or later[0].forked_from == here)):
        return None
    origin = _origin(later[0], ground)
    if later[0].id in ground.foreign or (origin is not None and origin.id != here):
        return None
    return _entered(later[0])


def _entered(one: Young) -> _Step:
    how, proof = ("clear", "clear-marker") if one.cleared else ("fork", "forkedFrom")
    return _Step(to=one.id, at_ns=one.born_ns, how=how, proof=proof)


def _direct(old: ConversationId, ground: Ground) -> Link:
    """Return the one link whose ends are certain, with as much as the held conversation shows."""
    held = next((one for one in ground.young if one.id == ground.held), None)
    if held is not None and (held.cleared or held.forked_from is not None):
        return _link(old, _entered(held))
    return Link(id=old, at=None, how="", proof=ground.proof)


def _candidates(old: ConversationId | None, ground: Ground) -> tuple[ConversationId, ...]:
    """Return what was begun by `/clear` in between, and by nobody who is known."""
    since_ns = ground.start.at_ns if old is None else ground.touched(old) - pick.SLACK_NS
    known = {ground.held, old, *ground.foreign}
    return tuple(
        one.id
        for one in ground.young
        if one.cleared and one.born_ns >= since_ns and one.id not in known
    )


def _link(here: ConversationId, step: _Step) -> Link:
    at = datetime.fromtimestamp(step.at_ns // _NS, UTC).astimezone()
    return Link(id=here, at=at, how=step.how, proof=step.proof)
