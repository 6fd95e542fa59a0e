"""The only conversation that the only Claude Code of a directory can have begun: the weakest proof.

Only for versions that leave no record of their process (2.1.74 does not, and nobody has looked at
those before 2.0.15), and only where nothing contradicts. A transcript that was copied there, that
a headless run wrote, or that another process has named is nobody's here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from kanban_worker.agents import claude_version
from kanban_worker.agents.claude_guess import Place, Young
from kanban_worker.agents.shape import LiveAgent
from reconcile.observed import Ambiguous, Bound, Conversation, ConversationId, Unknown, Unproven
from reconcile.proofs import Proof

SETTING = "a SessionStart hook that runs `agent-sessions hook`"
"""What makes the ids of every version of Claude Code certain."""

_TAKES_UP = frozenset({"-r", "--resume", "-c", "--continue", "--from-pr", "--teleport"})
_CHILD = ("CLAUDE_CODE_CHILD_SESSION", "CLAUDE_CODE_SKIP_PROMPT_HISTORY")
"""With either of them a process writes no transcript of its own (2.1.329)."""
_FORCED = "CLAUDE_CODE_FORCE_SESSION_PERSISTENCE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """Who else may have begun what was begun."""

    listed: bool
    """Whether another agent of this look may write into the same folder."""
    alone: Callable[[ConversationId], bool | Unknown]
    """Whether no other process of the host may; it reads the process table, so it comes last."""
    last: Callable[[Sequence[Young]], ConversationId | None]
    """The end of the one chain of `/clear` lines that has begun all but the first of several."""
    left: Callable[[ConversationId], bool]
    """Whether something was typed or said that leaves a conversation for another one."""


def claimed(place: Place, young: Iterable[Young], beside: Beside) -> Conversation:
    """Say what an agent holds that no record names, of what was begun in its directory since."""
    agent = place.agent
    mine = [one for one in young if not one.headless and not one.strange]
    if not mine:
        return Unproven(setting=SETTING) if takes_up(agent.argv) else None
    ids = tuple(sorted(one.id for one in mine))
    last = mine[0].id if len(mine) == 1 else beside.last(mine)
    if last is None or beside.listed:
        return Ambiguous(ids)
    if any(_contradicted(agent, one) for one in mine) or beside.left(last):
        return Unproven(setting=SETTING)
    match beside.alone(last):
        case True:
            return Bound(id=last, proof=Proof.SOLE, written=True)
        case False:
            return Ambiguous(ids)
        case _:
            return Unproven(likely=last, setting=SETTING)


def takes_up(argv: Iterable[str]) -> bool:
    """Whether a process was started with an older conversation."""
    return not _TAKES_UP.isdisjoint(word.partition("=")[0] for word in argv)


def _contradicted(agent: LiveAgent, one: Young) -> bool:
    """Whether this process would have left another record, or none at all."""
    environ = agent.environ
    if not environ or takes_up(agent.argv):
        return True
    if any(environ.get(name) for name in _CHILD) and not environ.get(_FORCED):
        return True
    own, its = claude_version.of(agent), claude_version.parsed(one.version)
    if own and its and own != its:
        return True
    return claude_version.keeps_record(own) or claude_version.keeps_record(its)
