"""Judges an entry whose session is there: is it the entry's own, and does its agent run?"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import replace

from reconcile import gone, identity, ids, names, restarts, wording
from reconcile.case import Case, Finding, Later
from reconcile.drift import Drift, Notice, NoticeKind
from reconcile.location import How, Located
from reconcile.memory import Sighting
from reconcile.observed import Inside, Pane, Place, Session


def judge(case: Case, session: Session, sighting: Sighting | None) -> Iterator[Finding]:
    """Class A where the agent's pane is dead, else P, C and D, and what is to be noticed."""
    pane = identity.agent_pane(session, case.entry, case.world)
    changed = identity.differences(case.entry, session, pane, case.world)
    if pane.dead and (pane.pid == case.entry.pane_pid or not changed):
        yield _dead(case, pane)
        return
    restarted = identity.is_restarted(case.entry, session, pane, case.world)
    exited = identity.has_exited(case.entry, session, pane, case.world, sighting)
    if restarted:
        yield restarts.drift(case, session, pane, changed)
        # The entry follows: what was recorded of the former process is no difference any more.
        case = replace(case, entry=replace(case.entry, pane_pid=None, created_at=None))
    elif changed and not exited:
        text = f"not the session that was registered: {'; '.join(changed)}"
        yield case.notice(NoticeKind.IDENTITY, text, session.created_at, *changed)
    inside = identity.inside(session, pane, case.world)
    if inside.hidden:
        text = f"cannot see what runs in it: {inside.hidden.why}"
        notice = case.notice(NoticeKind.BLIND, text, inside.hidden.why)
        yield replace(notice, perhaps_gone=any(pane.dead for pane in session.panes))
        return
    if exited:
        settled = session.created_at + case.policy.grace
        notice = case.notice(NoticeKind.SHELL, _exit(inside, session, pane), pane.pid)
        yield notice if case.world.at > settled else Later(settled)
    moved = None if changed and not restarted else ids.id_materialised(case, session, pane)
    if isinstance(moved, Notice | Drift):
        yield moved
    yield from ids.judge_shared(case, session)
    yield from ids.judge_recorded(case, session, moved)


def _dead(case: Case, pane: Pane) -> Finding:
    """The agent's pane is dead, and tmux still shows it."""
    why = gone.withheld(case.entry, case.world, case.memory)
    if why is None:
        return gone.drift(case, gone.from_dead_pane(pane))
    text = f"its pane {pane.pane_id} is dead, but {why.why}"
    return replace(case.notice(NoticeKind.BLIND, text, why.why), perhaps_gone=True)


def _exit(inside: Inside, session: Session, pane: Pane) -> str:
    if inside.shell_only:
        return f"agent exited, shell remains (pane process {pane.pid})"
    living = sum(not each.dead for each in session.panes)
    return f"agent exited; {living} other {'pane remains' if living == 1 else 'panes remain'}"


def risen(case: Case, session: Session) -> Iterator[Finding]:
    """What is said of a terminated entry whose session is there, once the grace is over.

    What lives on beside the agent's dead pane is not the session that was ended.
    """
    pane = identity.agent_pane(session, case.entry, case.world)
    ended = case.entry.terminated_at
    if pane.dead:
        return
    # One in the future was written before the clock was set back: it does not tell how long ago.
    if ended and -identity.CLOCK_SLACK <= case.world.at - ended <= case.policy.grace:
        yield Later(ended + case.policy.grace)
    else:
        adopt = f"agent-sessions adopt {shlex.quote(case.entry.name)}"
        text = (
            f"registered as terminated, but its session is alive (pane process {pane.pid}); "
            f"if it is the entry's own: {wording.code(adopt)}"
        )
        yield case.notice(NoticeKind.ALIVE, text, session.created_at)


def misspelt(case: Case) -> Notice:
    """The notice that an entry is not watched, though it was probably meant to be."""
    status = case.entry.status
    text = f"its status is {status!r}, so it is not watched: write `running`, if that is meant"
    return case.notice(NoticeKind.STATUS, text, status)


def renamed(case: Case, found: Located) -> Notice:
    """The session lives under another name: one finding, and no second entry for it."""
    name = found.session.name
    if found.how is How.PANE:
        text = f"its pane is now in tmux session {name}"
    else:
        text = f"its session is now called {name} in tmux"
    return case.notice(NoticeKind.RENAMED, f"{text} (name the entry so, or the session back)", name)


def is_ours(case: Case, session: Session) -> bool:
    """Whether an entry may be changed for what runs under its name here.

    Where the registry is not at home, a name alone says nothing: another host has its own session
    of that name. So the session must have been seen here before, or be the recorded process.
    """
    world, entry, place = case.world, case.entry, case.world.place
    sighting = case.memory.sightings.get(names.key(entry.name))
    if isinstance(place, Place) and (
        world.away is None or (sighting and sighting.place == place.id)
    ):
        return True
    pane = identity.agent_pane(session, entry, world)
    recorded = entry.pane_pid is not None and entry.created_at is not None
    return recorded and not identity.differences(entry, session, pane, world)


def not_ours(case: Case) -> Notice:
    """The notice that a session of the entry's name runs here and may be another host's."""
    place = case.world.place
    why = case.world.away if isinstance(place, Place) else place.why
    text = f"a session of this name runs here, and nothing shows that it is the entry's: {why}"
    return case.notice(NoticeKind.OTHER_HOST, text, why)
