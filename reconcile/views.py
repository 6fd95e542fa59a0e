"""Session views: one session as people and programs are shown it.

`status`, `why` and whatever else shows a session read the same value, and its JSON is one contract
(`status.schema.json`): keys are added, never changed. What is not known is null.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from math import inf

from reconcile.desired import TERMINATED
from reconcile.observed import ConversationId, SessionName
from reconcile.plan import Decision, Note
from reconcile.report import Json

SCHEMA_VERSION = 1

LIKELY = "likely"
"""The `conversation_proof` of an id that nothing proves; people see it with a `?`."""
RECORDED = "recorded"
"""That of an id which only the registry tells."""


class State(StrEnum):
    """What a session is doing. A status of a person's own stands as it was written."""

    WAITING = "waiting"
    FAILED = "failed"
    STALLED = "stalled"
    LIMITED = "limited"
    RETRYING = "retrying"
    EXITED = "exited"
    GONE = "gone"
    WORKING = "working"
    IDLE = "idle"
    UNKNOWN = "unknown"
    """It could not be looked at, or nothing tells what it does."""
    ELSEWHERE = "elsewhere"
    TERMINATED = "terminated"


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionView:
    """One session: what is registered, and what was seen of it."""

    name: SessionName
    host: str | None
    """None for an entry that was seen elsewhere, under a name that nobody wrote down."""
    registered: bool
    status: str | None
    agent: str | None
    """The kind that runs, else the registered one."""
    state: str
    state_since: datetime | None = None
    evidence: str | None = None
    """What tells the state or the last activity: `pid-file`, `transcript`, `mtime`."""
    last_activity_at: datetime | None = None
    log_path: str | None = None
    log_mtime: datetime | None = None
    conversation_id: ConversationId | None = None
    conversation_proof: str | None = None
    """A `Proof`, `LIKELY` or `RECORDED`."""
    pid: int | None = None
    """The agent's process, else the pane's own."""
    pane: str | None = None
    socket: str | None = None
    workspace: str | None = None
    delegate_job_id: str | None = None
    decisions: tuple[Decision, ...] = ()
    notes: tuple[Note, ...] = ()

    @property
    def acknowledged(self) -> tuple[str, ...]:
        """The ids of its findings that a person has acknowledged."""
        drifts = [one.drift.id for one in self.decisions if one.acknowledged]
        return (*drifts, *(one.notice.id for one in self.notes if one.acknowledged))

    @property
    def open_findings(self) -> int:
        """How many of its findings nobody has acknowledged."""
        return len(self.decisions) + len(self.notes) - len(self.acknowledged)

    @property
    def is_over(self) -> bool:
        """Whether it ended, and nothing is left to be said of it."""
        return self.state == TERMINATED and not self.open_findings


_ORDER: Mapping[str, int] = {state: position for position, state in enumerate(State)}
_QUIET = _ORDER[State.WORKING]
_URGENCY = {**_ORDER, State.IDLE: _QUIET, State.UNKNOWN: _QUIET}
"""Who waits comes first, what is over comes last; between the quiet ones there is no order."""

SORTS: Mapping[str, Callable[[SessionView], tuple[bool | float | str, ...]]] = {
    "problems": lambda view: (not view.open_findings, _URGENCY.get(view.state, _QUIET)),
    "name": lambda view: (view.name,),
    "agent": lambda view: (view.agent or "",),
    "state": lambda view: (_ORDER.get(view.state, inf), view.state),
    "idle": lambda view: (-_when(view.last_activity_at),),
    "workspace": lambda view: (view.workspace or "",),
}
"""The keys to sort by; what is equal stays in the registry's order.

`problems`: what is to be said of first, then who waits. `idle`: the busiest first.
"""


def _when(at: datetime | None) -> float:
    """Seconds since 1970; before all others where nobody knows."""
    return at.timestamp() if at else -inf


def chosen(
    views: Iterable[SessionView],
    *,
    names: Iterable[str] = (),
    states: Iterable[str] = (),
    agents: Iterable[str] = (),
) -> tuple[SessionView, ...]:
    """Those with one of the names, of the states and of the agents; an empty list takes all."""
    some, doing, kinds = set(names), set(states), set(agents)
    return tuple(
        view
        for view in views
        if (not some or view.name in some)
        and (not doing or view.state in doing)
        and (not kinds or view.agent in kinds)
    )


def as_json(view: SessionView, now: datetime) -> dict[str, Json]:
    """The session object. What later versions fill is null."""
    return {
        "name": view.name,
        "host": view.host,
        "registered": view.registered,
        "status": view.status,
        "agent": view.agent,
        "agent_version": None,
        "state": view.state,
        "state_since": utc(view.state_since),
        "waiting_for": None,
        "limit_resets_at": None,
        "evidence": view.evidence,
        "last_activity_at": utc(view.last_activity_at),
        "idle_s": age(view.last_activity_at, now),
        "log_path": view.log_path,
        "log_mtime": utc(view.log_mtime),
        "log_idle_s": age(view.log_mtime, now),
        "conversation_id": view.conversation_id,
        "conversation_proof": view.conversation_proof,
        "title": None,
        "model": None,
        "context_tokens": None,
        "context_window": None,
        "background": None,
        "pid": view.pid,
        "pane": view.pane,
        "socket": view.socket,
        "workspace": view.workspace,
        "attached": None,
        "delegate_job_id": view.delegate_job_id,
        "job_state": None,
        "drifts": [one.drift.id for one in view.decisions],
        "notices": [
            {"id": one.notice.id, "kind": one.notice.kind.value, "message": one.notice.message}
            for one in view.notes
        ],
        "acknowledged": list(view.acknowledged),
    }


def utc(at: datetime | None) -> str | None:
    """ISO 8601 in UTC, to the millisecond where there is more than a second."""
    if at is None:
        return None
    exact = "milliseconds" if at.microsecond else "seconds"
    return at.astimezone(UTC).isoformat(timespec=exact).replace("+00:00", "Z")


def age(at: datetime | None, now: datetime) -> float | None:
    """Seconds from then to now. A clock that was set back must not show a negative age."""
    if at is None:
        return None
    return round(max(now - at, timedelta(0)).total_seconds(), 3)
