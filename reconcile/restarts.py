"""Class P: an agent that was started again in the same workspace, and the entry follows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from reconcile import identity
from reconcile.case import Case
from reconcile.desired import Entry, Scalar, SetKey
from reconcile.drift import Change, Drift, DriftClass
from reconcile.observed import Agent, Pane, Session


def drift(case: Case, session: Session, pane: Pane, changed: Sequence[str]) -> Drift:
    """The entry follows its agent into another pane process; no id is touched by that."""
    before, after = case.entry, renewed(case.entry, session, pane)
    command = _command(case, session, pane)
    edits: list[SetKey] = []
    if before.pane_pid is not None:
        edits.append(_in_pane(before, "pid", after.pane_pid))
    if before.pane_command and command not in {"", before.pane_command}:
        edits.append(_in_pane(before, "cmd", command))
    if before.created_at:
        at = session.created_at.astimezone(case.world.at.tzinfo)
        edits.append(SetKey(session=before.name, key="created_at", value=at))
    was: Mapping[str, Scalar] = {
        "pane.pid": before.pane_pid,
        "pane.cmd": before.pane_command,
        "created_at": before.created_at,
    }
    return case.drift(
        DriftClass.RESTARTED,
        session.created_at,
        pane.pid,
        seen=f"restarted in the same workspace: {'; '.join(changed)}",
        done="The entry follows.",
        edits=tuple(edits),
        changes=tuple(Change(key=e.path, before=was[e.path], after=e.value) for e in edits),
        evidence={"socket": session.socket, "pane": pane.pane_id, "pid": pane.pid},
    )


def renewed(entry: Entry, session: Session, pane: Pane) -> Entry:
    """The entry as it is once it follows."""
    return replace(
        entry,
        pane_pid=pane.pid if entry.pane_pid is not None else None,
        created_at=session.created_at if entry.created_at else None,
    )


def _in_pane(entry: Entry, key: str, value: Scalar) -> SetKey:
    return SetKey(session=entry.name, key=key, value=value, inside="pane")


def _command(case: Case, session: Session, pane: Pane) -> str:
    agent = identity.inside(session, pane, case.world).agent
    return agent.process.command if isinstance(agent, Agent) else ""
