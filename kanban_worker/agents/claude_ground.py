"""What the files tell of one Claude Code's time in its directory, and who else works there."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from kanban_worker.agents import claude_guess, claude_keys, claude_lineage, pick
from kanban_worker.agents.claude_guess import Nursery, Place
from kanban_worker.agents.claude_library import Library
from kanban_worker.agents.claude_lineage import Ground, Start
from kanban_worker.agents.claude_pids import PidFile
from kanban_worker.agents.claude_projects import modified_ns
from kanban_worker.agents.claude_prompts import Typed
from kanban_worker.agents.claude_transcript import Transcript
from kanban_worker.agents.shape import LiveAgent
from reconcile.observed import Bound, ConversationId, SessionName, Unknown

_CONTINUES = frozenset({"-c", "--continue"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """All agents of one look, and what each named in its pid file or its arguments."""

    library: Library
    nursery: Nursery
    agents: Sequence[LiveAgent]
    named: Mapping[SessionName, ConversationId]


def of(
    look: Look,
    agent: LiveAgent,
    held: Bound,
    old: ConversationId | None,
    since: datetime | None,
) -> Ground | Unknown:
    """Look at everything since the agent began, since `old` was last written to, or since then."""
    library = look.library
    said = library.pid_file(agent)
    began = said.started if isinstance(said, PidFile) else None
    started_ns = pick.nanoseconds(began or agent.family[0].started_at)
    old_ns = 0 if old is None else _touched_ns(library, old)
    known_ns = started_ns if old is None or since is None else pick.nanoseconds(since)
    since_ns = min(started_ns, old_ns or started_ns, known_ns) - pick.SLACK_NS
    folders = library.folders(agent, agent.cwd)
    young = look.nursery.young(Place(agent=agent, since_ns=since_ns, folders=folders), ())
    if isinstance(young, Unknown):
        return young
    paths = frozenset(path for _, path in folders)
    typed = _typed(library, agent, paths)
    if isinstance(typed, Unknown):
        return typed
    ground = Ground(
        held=held.id,
        proof=held.proof,
        start=Start(at_ns=started_ns, first=None, how=""),
        alone=_is_alone(look, agent, paths),
        typed=typed,
        young=young,
        foreign=_foreign(look, agent),
        touched=lambda one: _touched_ns(library, one),
    )
    return replace(ground, start=_start(agent, ground))


def _touched_ns(library: Library, one: ConversationId) -> int:
    """Return when it was last written to; 0 where there is no conversation of this id."""
    found = library.last(one) or library.find(one)
    path = library.path(one)
    if path is None or (isinstance(found, Transcript) and not found.holds):
        return 0
    return modified_ns(path)


def _typed(
    library: Library, agent: LiveAgent, folders: frozenset[str]
) -> tuple[Typed, ...] | Unknown:
    """Return what was typed in these project folders' directories, the oldest first."""
    names = {os.path.basename(path) for path in folders}
    found: list[Typed] = []
    for store in library.of(agent):
        typed = store.prompts.typed()
        if isinstance(typed, Unknown):
            return typed
        projects = {each.project for each in typed}
        here = {project for project in projects if claude_keys.key(project) in names}
        found += (each for each in typed if each.project in here)
    return tuple(sorted(found, key=lambda each: each.at_ns))


def _is_alone(look: Look, agent: LiveAgent, folders: frozenset[str]) -> bool:
    """Whether no other living agent may write into these folders, in a pane or not."""
    names = {os.path.basename(path) for path in folders}
    pids = {member.pid for member in agent.family}
    beside = (
        path
        for other in look.agents
        if other.family != agent.family
        for _, path in look.library.folders(other, other.cwd)
    )
    outside = (
        name
        for store in look.library.of(agent)
        for pid, found in store.pids.living()
        if pid not in pids and found.interactive and found.cwd
        for name in claude_keys.keys(found.cwd)
    )
    return bool(folders) and folders.isdisjoint(beside) and names.isdisjoint(outside)


def _foreign(look: Look, agent: LiveAgent) -> frozenset[ConversationId]:
    """Return what other living agents name."""
    pids = {member.pid for member in agent.family}
    beside = (one for session, one in look.named.items() if session != agent.session)
    living = (found.id for pid, found in look.library.living() if pid not in pids)
    return frozenset((*beside, *living))


def _start(agent: LiveAgent, ground: Ground) -> Start:
    """Say with which conversation the process began: as asked, or the first that it worked in."""
    at_ns = ground.start.at_ns
    begun = {one.id for one in ground.young if one.born_ns >= at_ns}
    first = claude_guess.asked_for(agent.argv) or _first(ground, at_ns)
    if "--fork-session" in agent.argv:
        how = "fork"
    elif _CONTINUES.intersection(agent.argv):
        how = "continue"
    else:
        how = "resume" if first and first not in begun and ground.touched(first) else "start"
    return Start(at_ns=at_ns, first=first, how=how)


def _first(ground: Ground, at_ns: int) -> ConversationId | None:
    if not ground.alone:
        return claude_lineage.beginning(ground)
    typed = (line.id for line in ground.typed if line.at_ns >= at_ns)
    if (found := next(typed, None)) is not None:
        return found
    begun = [one.id for one in ground.young if one.born_ns >= at_ns and not one.cleared]
    return begun[0] if len(begun) == 1 else claude_lineage.beginning(ground)
