"""Makes the views of a tick's sessions: what each is doing, as one value for all who show it.

A view never mixes two processes: where what lives under a name is not what the entry speaks of,
agent, directory and conversation are those of what lives.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from kanban_worker.agents.shape import Activity, LiveAgent
from kanban_worker.tick import Monitor, Tick
from reconcile import identity, names, sightings
from reconcile.desired import RUNNING, TERMINATED, Entry
from reconcile.drift import DriftClass
from reconcile.location import Located
from reconcile.observed import (
    Bound,
    ConversationId,
    Inside,
    Pane,
    Process,
    Session,
    SessionName,
    Unproven,
)
from reconcile.plan import Decision, Note
from reconcile.views import LIKELY, RECORDED, SessionView, State


@dataclass(frozen=True, slots=True, kw_only=True)
class _Findings:
    decisions: tuple[Decision, ...] = ()
    notes: tuple[Note, ...] = ()


_NONE = _Findings()


def of(tick: Tick, monitor: Monitor) -> tuple[SessionView, ...]:
    """One for each entry, in the registry's order, then one for each other session of a finding."""
    return tuple(_Views(tick, monitor).all())


def of_name(name: SessionName, tick: Tick, monitor: Monitor) -> SessionView | None:
    """The view of one session, by its key, also of one that nothing is to be said of."""
    made = _Views(tick, monitor)
    of_that_name = (view for view in made.all() if names.key(view.name) == name)
    return next(of_that_name, None) or made.unregistered(name)


class _Views:
    """The views of one tick."""

    def __init__(self, tick: Tick, monitor: Monitor) -> None:
        self._tick, self._world, self._monitor = tick, tick.world, monitor
        self._sessions = tick.sessions()
        self._findings = _findings(tick)

    def all(self) -> Iterator[SessionView]:
        for entry in self._tick.registry.entries:
            is_elsewhere = entry.name in self._tick.elsewhere
            found = None if is_elsewhere else self._sessions.of(entry)
            session = found.session if isinstance(found, Located) else None
            findings = self._findings.pop(entry.name, _NONE)
            yield self._registered(entry, session, findings, is_elsewhere=is_elsewhere)
        for name, findings in self._findings.items():
            yield self._unregistered(name, findings)

    def unregistered(self, name: SessionName) -> SessionView | None:
        """The view of a session that has no entry and no finding; None where none is listed."""
        return self._unregistered(name, _NONE) if name in self._sessions.by_name else None

    def _unregistered(self, name: SessionName, findings: _Findings) -> SessionView:
        session = next(iter(self._sessions.by_name.get(name, ())), None)
        view = SessionView(
            name=name,
            host=self._tick.report.host,
            registered=False,
            status=None,
            agent=next((one.drift.agent or None for one in findings.decisions), None),
            workspace=next((one.drift.workspace or None for one in findings.decisions), None),
            state=State.UNKNOWN,
            decisions=findings.decisions,
            notes=findings.notes,
        )
        if session is None or not session.alive:
            return view
        return self._living(view, session, identity.agent_pane(session, None, self._world))

    def _registered(
        self, entry: Entry, session: Session | None, findings: _Findings, *, is_elsewhere: bool
    ) -> SessionView:
        view = SessionView(
            name=entry.name,
            host=entry.host or (None if is_elsewhere else self._tick.report.host),
            registered=True,
            status=entry.status,
            agent=entry.agent,
            workspace=entry.workspace,
            state=State.ELSEWHERE if is_elsewhere and entry.status == RUNNING else State.UNKNOWN,
            conversation_id=entry.own_id,
            conversation_proof=RECORDED if entry.own_id else None,
            delegate_job_id=entry.delegate_job_id,
            decisions=findings.decisions,
            notes=findings.notes,
        )
        if session is not None:
            view = self._here(view, entry, session)
        elif entry.status == RUNNING:  # of what is over, nobody asks the files each time
            view = self._active(view, None)
        gone = [one for one in findings.decisions if one.drift.kind is DriftClass.TMUX_GONE]
        if gone:
            return replace(view, state=State.GONE, state_since=gone[0].since, pid=None)
        if entry.status in {RUNNING, None}:
            return view
        # A person's word, whatever the session does.
        ended = entry.terminated_at if entry.status == TERMINATED else None
        return replace(view, state=str(entry.status), state_since=ended)

    def _here(self, view: SessionView, entry: Entry, session: Session) -> SessionView:
        """The view of an entry whose session tmux lists."""
        world = self._world
        pane = identity.agent_pane(session, entry, world)
        placed = replace(view, pane=pane.pane_id, socket=session.socket)
        if pane.dead:
            return self._active(placed, None)
        before = self._tick.memory.sightings.get(names.key(entry.name))
        sighting = sightings.of_session(before, session, world)
        differs = bool(identity.differences(entry, session, pane, world))
        if identity.has_exited(entry, session, pane, world, sighting):
            left = identity.inside(session, pane, world).shell_only and not differs
            exited = self._active(placed, None)
            return replace(exited, state=State.EXITED, pid=pane.pid if left else None)
        if differs:
            # Where the agent was only started again, the workspace is as it was written.
            same = identity.is_restarted(entry, session, pane, world)
            placed = replace(
                placed,
                workspace=view.workspace if same else None,
                conversation_id=None,
                conversation_proof=None,
            )
        return self._living(placed, session, pane)

    def _living(self, view: SessionView, session: Session, pane: Pane) -> SessionView:
        """The view with what runs in a pane: its process, its conversation, what it does."""
        agent = self._monitor.observer.agents.get(session.name)
        within = identity.inside(session, pane, self._world)
        held, proof = self._held(session)
        found = replace(
            view,
            agent=agent.kind if agent else view.agent,
            pid=agent.family[0].pid if agent else pane.pid,
            pane=pane.pane_id,
            socket=session.socket,
            workspace=view.workspace or _directory(agent, within, session),
            conversation_id=held or view.conversation_id,
            conversation_proof=proof or view.conversation_proof,
        )
        return self._active(found, agent)

    def _held(self, session: Session) -> tuple[ConversationId | None, str | None]:
        match self._world.conversations.get(session.name):
            case Bound() as held:
                return held.id, held.proof.value
            case Unproven(likely=likely) if likely:
                return likely, LIKELY
        return None, None

    def _active(self, view: SessionView, agent: LiveAgent | None) -> SessionView:
        """The view with what the conversation's files tell."""
        adapter = self._monitor.observer.adapters.get(agent.kind if agent else view.agent or "")
        if adapter is None or view.conversation_id is None:
            return view
        found = adapter.activity(view.conversation_id, agent)
        if not isinstance(found, Activity):
            return view
        return replace(
            view,
            state=(agent and found.state) or view.state,
            evidence=found.evidence or None,
            last_activity_at=found.last,
            log_path=found.path,
            log_mtime=_mtime(found.path),
        )


def _findings(tick: Tick) -> dict[SessionName, _Findings]:
    """What is said of each session, by its name."""
    found: dict[SessionName, _Findings] = {}
    for decision in tick.report.decisions:
        before = found.get(decision.drift.session, _NONE)
        decisions = (*before.decisions, decision)
        found[decision.drift.session] = replace(before, decisions=decisions)
    for note in tick.report.notes:
        if (name := note.notice.session) is not None:
            before = found.get(name, _NONE)
            found[name] = replace(before, notes=(*before.notes, note))
    return found


def _directory(agent: LiveAgent | None, within: Inside, session: Session) -> str | None:
    """Where what lives works."""
    process = within.process.cwd if isinstance(within.process, Process) else ""
    return (agent.cwd if agent else "") or process or session.directory or None


def _mtime(path: str | None) -> datetime | None:
    if path is None:
        return None
    try:
        return datetime.fromtimestamp(os.stat(path).st_mtime, UTC)  # noqa: PTH116 - a plain string
    except (OSError, ValueError, OverflowError):
        return None
