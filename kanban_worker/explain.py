"""Explains one session: its entry, what a look shows, what follows, and what was changed."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from kanban_worker import views
from kanban_worker.tick import Monitor, Tick
from reconcile import location, names, report
from reconcile import views as session_views
from reconcile.location import Located
from reconcile.memory import Sighting
from reconcile.observed import Listing, Session, SessionName, Unknown
from reconcile.plan import Decision, Note
from reconcile.report import Json
from reconcile.views import SessionView
from state import journal, undoing
from state.document import Document
from state.errors import CouldNot, MonitorError, MustMend
from state.journal import History, Written
from state.text import scalars, shape, yamldata
from state.text.yamldata import Data

LONGEST = 120
"""Characters of one value: names and evidence come from outside."""
_NEAR = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """All that is known of one session."""

    session: SessionName
    tick: Tick
    """A dry look, just made."""
    entry: Mapping[str, Data] | None
    """The whole entry; None when there is none, or no registry to read."""
    readable: bool
    """Whether the registry could be read."""
    line: int | None
    """Where the entry stands."""
    faults: tuple[str, ...]
    view: SessionView | None
    """What is seen of it now; None where neither an entry nor a session is there."""
    live: tuple[Session, ...]
    sighting: Sighting | None
    """Where its session was last seen alive."""
    decisions: tuple[Decision, ...]
    notes: tuple[Note, ...]
    changes: tuple[Written, ...]
    """Those of this session in this registry, oldest first."""
    history: History


def of(name: str, monitor: Monitor, journal_path: Path) -> Explanation:
    """Looks and reads; writes nothing. Raises MustMend for an unknown name; CouldNot."""
    tick = monitor.tick(dry_run=True)
    history = journal.read(journal_path)
    document = _document(monitor)
    session = _key(name, document)
    real_path = os.path.realpath(monitor.registry.path)
    here = [one for one in history.changes if one.registry == real_path]
    decisions = [one for one in tick.report.decisions if names.key(one.drift.session) == session]
    notes = [
        one
        for one in tick.report.notes
        if one.notice.session and names.key(one.notice.session) == session
    ]
    found = Explanation(
        session=session,
        tick=tick,
        entry=_entry(session, document),
        readable=document is not None,
        line=document.rows.get(session) if document else None,
        faults=tuple(
            fault.message
            for fault in (document.faults if document else ())
            if fault.session == session
        ),
        view=views.of_name(session, tick, monitor),
        live=tuple(_live(session, tick)),
        sighting=tick.memory.sightings.get(session),
        decisions=tuple(decisions),
        notes=tuple(notes),
        changes=tuple(one for one in here if names.key(one.session) == session),
        history=history,
    )
    if found.line is None and not (found.live or found.changes):
        raise _unknown(name, tick, document, here)
    return found


def _key(name: str, document: Document | None) -> SessionName:
    """The entry's name, also for one that was copied from a tmux that lists it otherwise."""
    found = names.asked_as(SessionName(name), "", document.rows if document else ())
    return names.key(found[0] if len(found) == 1 else name)


def _live(session: SessionName, tick: Tick) -> Iterator[Session]:
    """The entry's own session, whatever it is called now; else those of its name."""
    entry = next((one for one in tick.registry.entries if names.key(one.name) == session), None)
    found = tick.sessions().of(entry) if entry and entry.name not in tick.elsewhere else None
    if isinstance(found, Located):
        yield found.session
        return
    for listing in tick.world.tmux.values():
        if isinstance(listing, Listing):
            forms = names.as_listed(session, listing.version)
            yield from [listing.sessions[each] for each in forms if each in listing.sessions][:1]


def _document(monitor: Monitor) -> Document | None:
    """The registry; the tick has told why where it cannot be read."""
    try:
        return monitor.registry.read(monitor.now())
    except MonitorError:
        return None


def _entry(session: SessionName, document: Document | None) -> Mapping[str, Data] | None:
    """The whole entry as data; without what no reader could take in."""
    if document is None or session not in document.rows:
        return None
    rows = shape.find(document.tree).rows
    row = next(row for row in rows if row.text and names.key(row.text) == session)
    found: dict[str, Data] = {}
    for key, (_, value) in row.pairs.items():
        try:
            found[key] = yamldata.data(value)
        except ValueError as error:
            found[key] = f"({error})"
    return found


def _unknown(name: str, tick: Tick, document: Document | None, here: list[Written]) -> MonitorError:
    shown = scalars.shown(name, LONGEST)
    for trouble in tick.troubles:
        return trouble
    blind = [each.why for each in tick.world.tmux.values() if isinstance(each, Unknown)]
    if blind:
        return CouldNot(f'cannot tell about "{shown}": cannot see what runs: {blind[0]}')
    known = {str(each) for each in document.rows} if document else set()
    known |= set(location.by_name(tick.world.tmux.values()))
    known |= {names.key(one.session) for one in here}
    near = difflib.get_close_matches(names.key(name), sorted(known), n=_NEAR, cutoff=0.5)
    told = f"Near names: {', '.join(scalars.shown(one, LONGEST) for one in near)}. " if near else ""
    return MustMend(
        f'no session "{shown}" in the registry, in tmux or in the journal. {told}'
        "See them all with: agent-sessions status"
    )


def as_json(found: Explanation) -> dict[str, Json]:
    """All of it as data, in the shape of `why.schema.json`: nothing is shortened or left out."""
    data = report.as_json(found.tick.report)
    ids: set[str] = {one.drift.id for one in found.decisions}
    ids |= {one.notice.id for one in found.notes}
    at = found.tick.world.at
    return {
        "schema_version": session_views.SCHEMA_VERSION,
        "session": found.session,
        "at": session_views.utc(at),
        "entry": cast("Json", found.entry),
        "line": found.line,
        "faults": list(found.faults),
        "live": bool(found.live),
        "now": session_views.as_json(found.view, at) if found.view else None,
        "last_seen": _seen(found.sighting),
        "sources": data["sources"],
        "drifts": _with_ids(data["drifts"], ids),
        "notices": _with_ids(data["notices"], ids),
        "changes": [_plain_change(one, found.history) for one in found.changes],
        "earlier_changes": 0,
    }


def _seen(sighting: Sighting | None) -> Json:
    if sighting is None:
        return None
    return {
        "at": session_views.utc(sighting.at),
        "socket": sighting.socket,
        "server_pid": sighting.server.pid,
        "session_id": sighting.session_id,
        "pane": sighting.pane_id,
        "pane_pid": sighting.pane_pid,
        "agent": sighting.kind or None,
        "agent_pid": sighting.agent.pid if sighting.agent else None,
        "environ": dict(sighting.environ),
        "conversation_id": sighting.conversation,
        "conversation_proof": sighting.proof.value if sighting.proof else None,
        "likely_conversation_id": sighting.likely,
    }


def _with_ids(rows: Json, ids: set[str]) -> Json:
    if not isinstance(rows, list):
        return []
    return [row for row in rows if isinstance(row, dict) and row["id"] in ids]


def _plain_change(change: Written, history: History) -> Json:
    by = undoing.undone_by(history, change)
    # As they were read from JSON, which is all that they hold.
    changes = [{"key": one.key, "before": one.before, "after": one.after} for one in change.changes]
    return {
        "change": change.change,
        "at": change.at,
        "class": change.drift_class,
        "drift": change.drift,
        "changes": cast("Json", changes),
        "evidence": cast("Json", dict(change.evidence)),
        "void": change.void,
        "undoes": change.undoes,
        "undone_by": by.change if by else None,
        "registry": change.registry,
    }
