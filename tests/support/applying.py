"""Carries edits out on values, as the registry's writer does on the file.

Written apart from the core and from `state`, so that a law can hold the three against each
other: an edit that nothing here understands is a fault in the edit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from reconcile.desired import AddEntry, AppendItem, Edit, Entry, Registry, Scalar, SetKey
from reconcile.observed import ConversationId

OWN_ID = "_session_id_own"


def apply(registry: Registry, edits: Iterable[Edit]) -> Registry:
    """The registry as the next look reads it. By then nobody's edit is fresh any more.

    Raises:
        ValueError: an edit names no entry, or a key that the registry does not have.
    """
    entries = {entry.name: replace(entry, fresh=False) for entry in registry.entries}
    for edit in edits:
        if isinstance(edit, AddEntry):
            if edit.session in entries:
                raise ValueError(f"{edit.session} is registered already")
            entries[edit.session] = _added(edit)
        elif edit.session not in entries:
            raise ValueError(f"{edit.session} is not registered")
        else:
            entries[edit.session] = _altered(entries[edit.session], edit)
    return replace(registry, entries=tuple(entries.values()))


def _altered(entry: Entry, edit: SetKey | AppendItem) -> Entry:
    match edit:
        case AppendItem(key="session_id_history"):
            return entry
        case SetKey(inside=str()):
            return _in_pane(entry, edit)
        case SetKey(key="created_at" | "terminated_at", value=datetime() as at):
            return _retimed(entry, edit.key, at)
        case SetKey(key="status", value=str() as status):
            return replace(entry, status=status)
        case SetKey(key="termination_mode" | "termination_cause", value=str()):
            return entry
        case SetKey(key=key, value=str() as own) if entry.agent and key == entry.agent + OWN_ID:
            return replace(entry, own_id=ConversationId(own))
        case _:
            raise ValueError(f"no such key: {edit}")


def _retimed(entry: Entry, key: str, at: datetime) -> Entry:
    if key == "created_at":
        return replace(entry, created_at=at)
    return replace(entry, terminated_at=at)


def _in_pane(entry: Entry, edit: SetKey) -> Entry:
    match edit:
        case SetKey(inside="pane", key="pid", value=int() as pid):
            return replace(entry, pane_pid=pid)
        case SetKey(inside="pane", key="cmd", value=str() as command):
            return replace(entry, pane_command=command)
        case _:
            raise ValueError(f"no such key: {edit}")


def _added(edit: AddEntry) -> Entry:
    fields = edit.fields
    pane = fields["pane"]
    if not isinstance(pane, Mapping):
        raise ValueError(f"no pane: {edit}")  # noqa: TRY004 - a fault in the edit, as the others
    agent = _text(fields["agent"])
    own = f"{agent}{OWN_ID}"
    if agent and fields[own] is not None:
        raise ValueError(f"{own} is no placeholder: {edit}")
    created, pid = fields["created_at"], pane["pid"]
    return Entry(
        name=edit.session,
        agent=agent,
        status=_text(fields["status"]),
        host=_text(fields.get("host")),
        workspace=_text(fields["workspace"]),
        created_at=created if isinstance(created, datetime) else None,
        pane_pid=pid if isinstance(pid, int) else None,
        pane_command=_text(pane["cmd"]),
        pane_cwd=_text(pane["cwd"]),
    )


def _text(value: Scalar | Mapping[str, Scalar]) -> str | None:
    if value is None or isinstance(value, str):
        return value
    raise ValueError(f"no text: {value}")
