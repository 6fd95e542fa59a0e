"""Class P: an agent that was started again in the same workspace, and the entry follows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reconcile import identity
from reconcile.case import Case
from reconcile.desired import Entry, Scalar, SetKey
from reconcile.drift import Change, Drift, DriftClass
from reconcile.observed import Agent, Pane, Session


def drift(case: Case, session: Session, pane: Pane, changed: Sequence[str]) -> Drift:
    """The entry follows its agent into another pane process; no id is touched by that."""
    before = case.entry
    agent = identity.inside(session, pane, case.world).agent
    command = agent.process.command if isinstance(agent, Agent) else before.pane_command
    edits: list[SetKey] = []
    if before.pane_pid is not None:
        edits.append(_in_pane(before, "pid", pane.pid))
    if before.created_at:
        at = session.created_at.astimezone(case.world.at.tzinfo)
        edits.append(SetKey(session=before.name, key="created_at", value=at))
    # The last one: the card waits for the first, and looks for no command in the registry.
    if before.pane_command and command not in {"", before.pane_command}:
        edits.append(_in_pane(before, "cmd", command))
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


def _in_pane(entry: Entry, key: str, value: Scalar) -> SetKey:
    return SetKey(session=entry.name, key=key, value=value, inside="pane")
