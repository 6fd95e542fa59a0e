"""Reports: what one tick has to say, as plain data for JSON.

The keys are a contract (`report.schema.json`): keys are added, never changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import TypeAlias, assert_never

from reconcile.desired import Scalar
from reconcile.drift import Drift, LeftOut, NoticeKind
from reconcile.memory import Health
from reconcile.plan import Action, Decision, Note

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"

SCHEMA_VERSION = 1


class SourceState(StrEnum):
    """Whether a source could be read."""

    OK = "ok"
    ABSENT = "absent"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One source's state; `facts` are its own further keys, such as a count."""

    state: SourceState
    why: str = ""
    facts: Mapping[str, str | int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What one tick has to say."""

    at: datetime
    dry_run: bool
    duration_ms: float
    host: str
    boot_id: str | None
    sources: Mapping[str, Source]
    health: Mapping[str, Health] = field(default_factory=dict)
    """How each source has been so far, by its name."""
    decisions: tuple[Decision, ...] = ()
    notes: tuple[Note, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    """Advice, and nothing that is wrong."""
    registry_written: bool

    @property
    def blind(self) -> bool:
        """Whether something could not be looked at: a source, or one session."""
        unread = any(source.state is SourceState.UNKNOWN for source in self.sources.values())
        return unread or any(note.notice.kind is NoticeKind.BLIND for note in self.notes)

    @property
    def wrong(self) -> bool:
        """Whether something was found that nobody has acknowledged."""
        found: tuple[Decision | Note, ...] = (*self.decisions, *self.notes)
        return not all(each.acknowledged for each in found)


def joined(earlier: Report, last: Report) -> Report:
    """What several looks of one run have to say: the last one, and what was written before it.

    What the run found first is new in all of it, for nobody was told in between.
    """
    before = {each.drift.id: each for each in earlier.decisions}
    told = {each.notice.id: each for each in earlier.notes}
    decisions = {each.drift.id: each for each in earlier.decisions if each.action is Action.UPDATED}
    for each in last.decisions:
        first = before.get(each.drift.id, each)
        decisions[each.drift.id] = replace(each, new=each.new or first.new)
    notes = (replace(n, new=n.new or told.get(n.notice.id, n).new) for n in last.notes)
    return replace(
        last,
        duration_ms=earlier.duration_ms + last.duration_ms,
        decisions=tuple(sorted(decisions.values(), key=lambda d: (d.drift.session, d.drift.id))),
        notes=tuple(notes),
        registry_written=earlier.registry_written or last.registry_written,
    )


def sentence(decision: Decision) -> str:
    """A drift as a person reads it, ending in what came of it."""
    drift = decision.drift
    text = f"{drift.session}: {drift.seen}"
    match decision.action:
        case Action.UPDATED:
            return f"{text}. {drift.done}" if drift.done else text
        case Action.PLANNED:
            return f"{text}. Not written: dry run."
        case Action.HELD:
            return f"{text}. Held: {decision.why}."
        case Action.FLAGGED:
            return text
        case _:
            assert_never(decision.action)


def as_json(report: Report) -> dict[str, Json]:
    """The report in the shape of `report.schema.json`."""
    return {
        "schema_version": SCHEMA_VERSION,
        "tick": {
            "at": _utc(report.at),
            "dry_run": report.dry_run,
            "duration_ms": round(report.duration_ms, 1),
            "host": report.host,
            "boot_id": report.boot_id,
        },
        "sources": {
            name: _source(source, report.health.get(name))
            for name, source in report.sources.items()
        },
        "drifts": [_drift(decision) for decision in report.decisions],
        "notices": [_notice(note) for note in report.notes],
        "left_out": [left_out_as_json(each) for each in report.left_out],
        "registry_written": report.registry_written,
    }


def health(
    sources: Mapping[str, Source], before: Mapping[str, Health], at: datetime
) -> Mapping[str, Health]:
    """How each source has been, this look included."""
    return {name: _health(source, before.get(name), at) for name, source in sources.items()}


def _health(source: Source, before: Health | None, at: datetime) -> Health:
    error = source.why if source.state is SourceState.UNKNOWN else ""
    if before is None:
        error_at = at if error else None
        return Health(state=source.state.value, since=at, error=error, error_at=error_at)
    since = before.since if before.state == source.state.value else at
    if not error or (error, source.state.value) == (before.error, before.state):
        return replace(before, state=source.state.value, since=since)
    return Health(state=source.state.value, since=since, error=error, error_at=at)


def _source(source: Source, health: Health | None) -> Json:
    found: dict[str, Json] = {"state": source.state.value, **source.facts}
    if source.why:
        found["why"] = source.why
    if health:
        found["since"] = _utc(health.since)
    if health and health.error_at:
        found["last_error"] = {"why": health.error, "at": _utc(health.error_at)}
    return found


def _drift(decision: Decision) -> Json:
    drift: Drift = decision.drift
    why: dict[str, Json] = {"why": decision.why} if decision.why else {}
    return {
        "id": drift.id,
        "class": drift.kind.value,
        "session": drift.session,
        "workspace": drift.workspace,
        "agent": drift.agent,
        "action": decision.action.value,
        **why,
        "new": decision.new,
        "acknowledged": decision.acknowledged,
        "since": _utc(decision.since),
        "message": sentence(decision),
        "changes": [
            {"key": each.key, "before": value(each.before), "after": value(each.after)}
            for each in drift.changes
        ],
        "evidence": {key: value(each) for key, each in drift.evidence.items()},
    }


def _notice(note: Note) -> Json:
    return {
        "id": note.notice.id,
        "kind": note.notice.kind.value,
        "session": note.notice.session,
        "new": note.new,
        "acknowledged": note.acknowledged,
        "since": _utc(note.since),
        "message": note.notice.message,
    }


def left_out_as_json(found: LeftOut) -> Json:
    """One agent that nobody asked to watch, as data."""
    return {"session": found.session, "agent": found.agent, "socket": found.socket}


def value(found: Scalar | Mapping[str, Scalar]) -> Json:
    """One value of an entry as data; times as ISO 8601 with their offset."""
    if isinstance(found, Mapping):
        return {key: value(each) for key, each in found.items()}
    return found.isoformat() if isinstance(found, datetime) else found


def _utc(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
