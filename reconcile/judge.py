"""Judges: holds what was observed against what was written down.

Everything is found afresh each time, from the whole present state and never from an
event. What could not be looked at makes no drift, only a notice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime

from reconcile import flapping, gone, identity, ids, names
from reconcile.case import Case, Finding, Later
from reconcile.desired import (
    RUNNING,
    TERMINATED,
    AddEntry,
    Entry,
    Registry,
    Scalar,
    SetKey,
)
from reconcile.drift import (
    FOREVER,
    LETTERS,
    Change,
    Drift,
    DriftClass,
    Judgement,
    Notice,
    NoticeKind,
    finding_id,
)
from reconcile.memory import Life, Memory
from reconcile.observed import (
    Agent,
    Answer,
    Listing,
    Pane,
    Process,
    Session,
    SessionName,
    Unknown,
    World,
)
from reconcile.policy import Policy


def judge(world: World, registry: Registry | None, memory: Memory, policy: Policy) -> Judgement:
    """All drifts and notices, sorted, so that the registry's order does not matter.

    Without a registry (it could not be read) nothing but blindness can be told.
    """
    findings: list[Finding] = list(_blindness(world))
    lives: dict[SessionName, Life | None] = {}
    if registry is not None:
        sessions = sessions_of(world.tmux.values())
        for entry in registry.entries:
            case = Case(world=world, memory=memory, policy=policy, entry=entry)
            session = find(entry, sessions)
            findings += _judge_entry(case, session)
            if entry.status in {RUNNING, TERMINATED}:
                lives[names.normalise(entry.name)] = flapping.life(entry, session, world)
        taken = {names.normalise(entry.name) for entry in registry.entries} | registry.reserved
        findings += _judge_strangers(world, sessions, taken, policy)
        findings += ids.judge_expiring(world, registry)
    return _sorted(findings, lives, world.at)


def sessions_of(listings: Iterable[Answer[Listing]]) -> Mapping[SessionName, list[Session]]:
    """All live sessions by name; two servers may each have one of the same name."""
    found: dict[SessionName, list[Session]] = {}
    for answer in listings:
        if isinstance(answer, Listing):
            for name, session in answer.sessions.items():
                found.setdefault(name, []).append(session)
    return found


def find(entry: Entry, sessions: Mapping[SessionName, list[Session]]) -> Session | None:
    """The live session of an entry: of two with the name, the one with the recorded pane.

    Without one, a living session comes before one whose panes are all dead.
    """
    named = sessions.get(names.normalise(entry.name), [])
    ours = [s for s in named if any(pane.pid == entry.pane_pid for pane in s.panes)]
    living = [s for s in named if s.alive]
    return next(iter([*ours, *living, *named]), None)


def _judge_entry(case: Case, session: Session | None) -> Iterator[Finding]:
    if case.entry.status == TERMINATED:
        if session and not case.entry.fresh:
            yield from _judge_risen(case, session)
    elif case.entry.status == RUNNING:  # any other status is a person's word
        if session is None:
            yield from _judge_absent(case)
        else:
            yield from _judge_present(case, session)


def _judge_risen(case: Case, session: Session) -> Iterator[Finding]:
    """What lives on beside the agent's dead pane is not the session that was ended."""
    pane = identity.agent_pane(session, case.entry, case.world)
    ended = case.entry.terminated_at
    if pane.dead:
        return
    # One in the future was written before the clock was set back: it does not tell how long ago.
    if ended and -identity.CLOCK_SLACK <= case.world.at - ended <= case.policy.grace:
        yield Later(ended + case.policy.grace)
    else:
        text = f"registered as terminated, but its session is alive (pane process {pane.pid})"
        yield case.notice(NoticeKind.ALIVE, text, session.created_at)


def _judge_absent(case: Case) -> Iterator[Finding]:
    verdict = gone.from_absence(case.entry, case.world, case.memory)
    if isinstance(verdict, gone.Gone):
        yield _tmux_gone(case, verdict)
    elif not _tmux_is_blind(case.world):  # which is said once, not once for each entry
        text = f"not listed by tmux, but {verdict.why}"
        notice = case.notice(NoticeKind.BLIND, text, verdict.why)
        yield replace(notice, perhaps_gone=True)


def _tmux_is_blind(world: World) -> bool:
    return any(isinstance(answer, Unknown) for answer in world.tmux.values())


def _tmux_gone(case: Case, verdict: gone.Gone) -> Drift:
    """Class A. `terminated_at` is when it was noticed, to the second."""
    entry = case.entry
    after: Mapping[str, Scalar] = {
        "status": TERMINATED,
        "terminated_at": case.world.at.replace(microsecond=0),
        "termination_mode": "auto-detected",
        "termination_cause": verdict.cause,
    }
    before: Mapping[str, Scalar] = {"status": entry.status, "terminated_at": entry.terminated_at}
    was = [f"pane {entry.pane_pid}" if entry.pane_pid else ""]
    was.append(f"cmd {entry.pane_command}" if entry.pane_command else "")
    known = ", ".join(filter(None, was))
    return case.drift(
        DriftClass.TMUX_GONE,
        entry.created_at,
        entry.pane_pid,
        seen=f"tmux gone (was {known})" if known else "tmux gone",
        done="Marked terminated.",
        edits=tuple(SetKey(session=entry.name, key=key, value=after[key]) for key in after),
        changes=tuple(Change(key=k, before=before.get(k), after=after[k]) for k in after),
        evidence={"cause": verdict.cause, **verdict.evidence},
    )


def _judge_present(case: Case, session: Session) -> Iterator[Finding]:
    pane = identity.agent_pane(session, case.entry, case.world)
    changed = identity.differences(case.entry, session, pane, case.world)
    if pane.dead and (pane.pid == case.entry.pane_pid or not changed):
        if not _tmux_is_blind(case.world):
            yield _tmux_gone(case, gone.from_dead_pane(pane))
        return
    if changed:
        text = f"not the session that was registered: {'; '.join(changed)}"
        yield case.notice(NoticeKind.IDENTITY, text, session.created_at, *changed)
    inside = identity.inside(session, pane, case.world)
    if inside.hidden:
        text = f"cannot see what runs in it: {inside.hidden.why}"
        notice = case.notice(NoticeKind.BLIND, text, inside.hidden.why)
        yield replace(notice, perhaps_gone=any(pane.dead for pane in session.panes))
        return
    if inside.shell_only and not changed:
        settled = session.created_at + case.policy.grace
        text = f"agent exited, shell remains (pane process {pane.pid})"
        notice = case.notice(NoticeKind.SHELL, text, pane.pid)
        yield notice if case.world.at > settled else Later(settled)
    moved = None if changed else ids.id_materialised(case, session, pane)
    if isinstance(moved, Notice | Drift):
        yield moved
    yield from ids.judge_recorded(case, session, moved)


def _judge_strangers(
    world: World,
    sessions: Mapping[SessionName, list[Session]],
    taken: set[SessionName],
    policy: Policy,
) -> Iterator[Finding]:
    for name, named in sessions.items():
        living = [session for session in named if session.alive]
        if living and name not in taken and names.registrable(name, policy.patterns):
            yield from _judge_stranger(living[0], world)


def _judge_stranger(session: Session, world: World) -> Iterator[Finding]:
    """An entry is never made up: what runs there must have been seen."""
    pane = identity.agent_pane(session, None, world)
    inside = identity.inside(session, pane, world)
    if inside.hidden:
        text = f"tmux found but not in YAML; cannot see what runs in it: {inside.hidden.why}"
        yield Notice(
            id=finding_id(LETTERS[NoticeKind.BLIND], session.name, inside.hidden.why),
            kind=NoticeKind.BLIND,
            session=session.name,
            message=f"{session.name}: {text}",
        )
    elif isinstance(inside.agent, Agent):
        yield _unregistered(session, pane, inside.agent.process, inside.agent.kind, world)
    elif isinstance(inside.process, Process):  # else it ended after the listing was made
        yield _unregistered(session, pane, inside.process, names.agent_of(session.name), world)


def _unregistered(
    session: Session, pane: Pane, running: Process, kind: str | None, world: World
) -> Drift:
    """Class B. The agent is the one that runs there; without one, the one in the name."""
    workspace = running.cwd or session.directory
    fields: dict[str, Scalar | Mapping[str, Scalar]] = {
        "workspace": workspace,
        "agent": kind,
        "status": RUNNING,
        "created_at": session.created_at.astimezone(world.at.tzinfo),
        "last_visible_status": "auto-registered",
        "pane": {"pid": pane.pid, "cmd": running.command or None, "cwd": workspace},
    }
    if kind:
        fields[f"{kind}_session_id_own"] = None
    return Drift(
        id=finding_id(DriftClass.UNREGISTERED, session.name, session.created_at),
        kind=DriftClass.UNREGISTERED,
        session=session.name,
        workspace=workspace,
        agent=kind or "",
        seen="tmux found but not in YAML",
        done="Auto-registered.",
        edits=(AddEntry(session=session.name, fields=fields),),
        changes=tuple(Change(key=key, before=None, after=fields[key]) for key in fields),
        evidence={"socket": session.socket, "pane": pane.pane_id, "pid": pane.pid},
    )


def _blindness(world: World) -> Iterator[Finding]:
    """One notice for each reason not to see, however many entries it concerns."""
    answers = [*world.tmux.values(), *world.conversations.values(), *world.artefacts.values()]
    for why in dict.fromkeys(each.why for each in answers if isinstance(each, Unknown)):
        yield Notice(
            id=finding_id(LETTERS[NoticeKind.BLIND], why),
            kind=NoticeKind.BLIND,
            session=None,
            message=f"cannot see: {why}",
        )


def _sorted(
    findings: list[Finding], lives: Mapping[SessionName, Life | None], at: datetime
) -> Judgement:
    drifts = [each for each in findings if isinstance(each, Drift)]
    notices = [each for each in findings if isinstance(each, Notice)]
    later = [each.at for each in findings if isinstance(each, Later)]
    # What is to be written says when it was noticed, so it is judged anew each time.
    later += [at for drift in drifts if drift.edits]
    return Judgement(
        drifts=tuple(sorted(drifts, key=lambda drift: (drift.session, drift.id))),
        notices=tuple(sorted(notices, key=lambda note: (note.session or "", note.id))),
        lives=lives,
        until=min(later, default=FOREVER),
    )
