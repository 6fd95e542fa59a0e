"""Judges the ids of conversations: classes C and D, and what is ambiguous."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from reconcile import identity
from reconcile.case import Case, Finding
from reconcile.desired import AppendItem, Edit, Scalar, SetKey
from reconcile.drift import Change, Drift, DriftClass, NoticeKind
from reconcile.observed import (
    Ambiguous,
    Artefact,
    Bound,
    ConversationId,
    Missing,
    Pane,
    Session,
    Unknown,
)


def id_materialised(case: Case, session: Session, pane: Pane) -> Finding | None:
    """Class C, or the notice that the id could be one of several."""
    held = case.world.conversations.get(session.name)
    if isinstance(held, Ambiguous):
        text = f"ambiguous: its conversation could be any of {', '.join(sorted(held.candidates))}"
        return case.notice(NoticeKind.AMBIGUOUS, text, *sorted(held.candidates))
    if not isinstance(held, Bound) or not held.written or held.id == case.entry.own_id:
        return None
    if not identity.is_same(case.entry, session, pane, case.world):
        return None
    entry, key = case.entry, f"{case.entry.agent}_session_id_own"
    edits: list[Edit] = [SetKey(session=entry.name, key=key, value=held.id)]
    if entry.own_id is not None:
        edits.append(_into_history(case, entry.own_id, held))
    return case.drift(
        DriftClass.ID_MATERIALISED,
        entry.own_id,
        held.id,
        seen=f"session id materialized {short(held.id)}"
        + (f" (was {short(entry.own_id)})" if entry.own_id else ""),
        edits=tuple(edits),
        changes=(Change(key=key, before=entry.own_id, after=held.id),),
        evidence={"proof": held.proof, "pid": pane.pid, "id": held.id},
    )


def _into_history(case: Case, old: ConversationId, held: Bound) -> AppendItem:
    item: Mapping[str, Scalar] = {
        "agent": case.entry.agent,
        "id": old,
        "replaced_at": case.world.at.replace(microsecond=0),
        "proof": held.proof,
    }
    return AppendItem(session=case.entry.name, key="session_id_history", item=item)


def judge_recorded(case: Case, session: Session, moved: Finding | None) -> Iterator[Finding]:
    """Class D: recorded ids with nothing on disk, but for the one being replaced.

    Nor for the one that the agent holds, and may have yet to write; so that must be known.
    """
    held = case.world.conversations.get(session.name)
    if isinstance(held, Unknown):
        return
    in_use = held.id if isinstance(held, Bound) else None
    own = None if isinstance(moved, Drift) else case.entry.own_id
    for recorded in dict.fromkeys(filter(None, (own, *case.entry.other_ids))):
        found = case.world.artefacts.get((case.entry.agent or "", recorded))
        if isinstance(found, Missing) and recorded != in_use:
            text = f"recorded id {recorded} has no transcript ({found.cause})"
            evidence = {"id": recorded, "cause": found.cause}
            yield case.drift(DriftClass.STALE_ID, recorded, seen=text, evidence=evidence)
        elif found is Artefact.GHOST and recorded != in_use:
            text = f"recorded id {recorded} has a file that holds no conversation"
            yield case.notice(NoticeKind.GHOST, text, recorded)


def short(conversation: ConversationId) -> str:
    """An id as a person recognises it: `b3a7…c2f`."""
    if len(conversation) <= 12:  # noqa: PLR2004 - as long as its short form
        return conversation
    return f"{conversation[:4]}…{conversation[-3:]}"
