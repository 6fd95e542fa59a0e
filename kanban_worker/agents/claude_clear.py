"""From the conversation that a process began with to the one it holds, through each `/clear`.

`/clear` gives the process a new id and a new transcript at once, and neither file says which one
it came from. But `history.jsonl` has the `/clear` line under the id that is left, and the new
transcript's own `/clear` line follows it by 1 to 19 ms (2.0.77 to 2.1.330).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from kanban_worker.agents.claude_guess import Young
from kanban_worker.agents.claude_prompts import History
from reconcile.observed import ConversationId

_BEFORE_NS, _AFTER_NS = 50_000_000, 250_000_000
"""How far from its line in the history a transcript's `/clear` line may lie."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """Where a chain of `/clear` lines has led."""

    here: ConversationId
    """What is held, or was before it is lost."""
    left: tuple[ConversationId, ...]
    """What was held before, the first one first."""
    since_ns: int
    """When the last step was made."""
    lost: bool = False
    """Whether `here` seems to be left, too, for what cannot be told."""
    certain: bool = False
    """Whether it certainly is."""
    candidates: tuple[ConversationId, ...] = ()
    """What it may have been left for."""


def follow(
    first: ConversationId,
    since_ns: int,
    history: History,
    young: Sequence[Young],
    shared: Callable[[ConversationId, int], bool],
) -> Followed:
    """Follow `/clear` from what was certainly held at a time.

    It is lost where two `/clear` lines stand under one id, where something was typed under an id
    after its `/clear` or another process held that id by then (`shared`: either way two processes
    had it), and where not exactly one transcript began at that moment.
    """
    here, left = first, list[ConversationId]()
    while True:
        lines = [line for line in history.under(here) if line.at_ns > since_ns]
        clears = [line for line in lines if line.clears]
        if not clears:
            return Followed(here=here, left=tuple(left), since_ns=since_ns)
        at_ns = clears[0].at_ns
        after = begun_at(at_ns, young)
        twice = lines[-1] is not clears[0] or shared(here, at_ns)
        if twice or len(after) != 1 or after[0].id in {here, *left}:
            return Followed(
                here=here,
                left=tuple(left),
                since_ns=at_ns,
                lost=True,
                certain=not twice,
                candidates=tuple(one.id for one in after),
            )
        left.append(here)
        here, since_ns = after[0].id, at_ns


def begun_at(at_ns: int, young: Iterable[Young]) -> list[Young]:
    """Return the conversations that began with a `/clear` typed at this moment."""
    return [one for one in young if -_BEFORE_NS <= one.cleared_ns - at_ns <= _AFTER_NS]


def without(
    history: History,
    young: Sequence[Young],
    others_went: Callable[[ConversationId, ConversationId], bool],
) -> History:
    """Leave out each `/clear` by which another process went from one conversation to the next."""
    others = {
        line
        for line in history.lines
        if line.clears and any(others_went(line.id, one.id) for one in begun_at(line.at_ns, young))
    }
    return History(tuple(one for one in history.lines if one not in others)) if others else history


def unexplained(since_ns: int, history: History, young: Iterable[Young]) -> list[Young]:
    """Return what began with a `/clear` since then that nobody is known to have typed."""
    return [
        one
        for one in young
        if one.cleared
        and (one.cleared_ns or one.born_ns) > since_ns
        and not history.has_clear(one.cleared_ns - _AFTER_NS, one.cleared_ns + _BEFORE_NS)
    ]
