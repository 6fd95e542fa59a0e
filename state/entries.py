"""The registry's entries as values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from reconcile import names
from reconcile.desired import Entry
from reconcile.observed import ConversationId, SessionName
from state import faults
from state.faults import Fault
from state.text import scalars, shape, yamldata, yamlnodes
from state.text.shape import Row
from state.text.yamlnodes import List, Map, Tree

HISTORY = "session_id_history"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What the text holds. Names are keys as they are written (see `names.key`)."""

    entries: tuple[Entry, ...]
    reserved: frozenset[SessionName]
    faults: tuple[Fault, ...]
    lines: Mapping[SessionName, int]
    rows: Mapping[SessionName, Row]

    @property
    def names(self) -> frozenset[SessionName]:
        """The names of all entries, sound or not."""
        return frozenset(self.lines)


def read(tree: Tree) -> Reading:
    """Raises MustMend when the file as a whole has no shape that entries could be in."""
    found = shape.find(tree)
    told = list(faults.of_version(tree))
    entries: list[tuple[SessionName, Entry]] = []
    rows: dict[SessionName, Row] = {}
    bad: set[SessionName] = set()
    for row in found.rows:
        wrong = list(faults.grave(row, rows))
        name = faults.name_of(row)
        if name is not None:
            rows.setdefault(name, row)
        if not wrong and name is not None:
            entries.append((name, _entry(row)))
            wrong += faults.notes(row, name)
        elif name is not None:
            bad.add(name)
        told += wrong
    return Reading(
        entries=tuple(entry for name, entry in entries if name not in bad),
        reserved=forms(bad),
        faults=tuple(told),
        lines={name: faults.place(row)[0] for name, row in rows.items()},
        rows=rows,
    )


def forms(found: Iterable[SessionName]) -> frozenset[SessionName]:
    """All names under which some server may list these: nobody knows here which one does."""
    return frozenset(form for name in found for form in names.as_listed(name, ""))


def _entry(row: Row) -> Entry:
    pairs, pane = row.pairs, yamldata.inner(row.pairs, "pane")
    agent = yamldata.text(pairs, "agent")
    identity = yamldata.inner(yamldata.inner(row.pairs, "agent_identities"), agent or "")
    other = yamldata.text(identity, "session_id")
    own = yamldata.text(pairs, f"{agent}{faults.OWN_ID}")
    pid = yamldata.text(pane, "pid")
    return Entry(
        name=SessionName(row.text or ""),
        agent=agent,
        status=yamldata.text(pairs, "status"),
        host=faults.host_of(pairs),
        workspace=yamldata.text(pairs, "workspace"),
        created_at=_moment(pairs, "created_at"),
        terminated_at=_moment(pairs, "terminated_at"),
        termination_mode=_said(pairs, "termination_mode"),
        termination_cause=_said(pairs, "termination_cause"),
        pane_pid=int(pid) if pid else None,
        pane_command=yamldata.text(pane, "cmd"),
        pane_cwd=yamldata.text(pane, "cwd"),
        own_id=ConversationId(own) if own else None,
        own_since=_left_last(pairs),
        other_ids=(ConversationId(other),) if other else (),
        delegate_job_id=_said(pairs, "delegate_job_id"),
        foreign_ids=tuple(_foreign(pairs, agent)),
    )


def _foreign(pairs: yamldata.Pairs, agent: str | None) -> Iterator[tuple[str, ConversationId]]:
    """What is recorded for other agents: the entry's own may be missing, or written otherwise."""
    identities = yamldata.inner(pairs, "agent_identities")
    recorded = {kind: yamldata.inner(identities, kind) for kind in identities}
    found = [(kind, yamldata.text(each, "session_id")) for kind, each in recorded.items()]
    own = (key for key in pairs if key.endswith(faults.OWN_ID))
    found += ((key.removesuffix(faults.OWN_ID), yamldata.text(pairs, key)) for key in own)
    yield from ((kind, ConversationId(one)) for kind, one in found if one and kind != agent)


def _said(pairs: yamldata.Pairs, key: str) -> str | None:
    """A text that nothing depends on; None also where nobody can be told of it."""
    text = yamldata.text(pairs, key)
    usable = text and len(text) <= faults.LONGEST_TEXT and not names.no_text(text, key)
    return text if usable else None


def _left_last(pairs: yamldata.Pairs) -> datetime | None:
    """When the last conversation of the history was left."""
    value = yamlnodes.target(pairs[HISTORY][1]) if HISTORY in pairs else None
    items = value.items if isinstance(value, List) else ()
    last = yamlnodes.target(items[-1]) if items else None
    return _moment(yamldata.pairs(last), "replaced_at") if isinstance(last, Map) else None


def _moment(pairs: yamldata.Pairs, key: str) -> datetime | None:
    text = yamldata.text(pairs, key)
    return scalars.timestamp(text) if text else None
