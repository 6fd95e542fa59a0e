"""Judges the ids of conversations: classes C and D, and what is ambiguous."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reconcile import identity, names, sightings
from reconcile.case import Case, Finding
from reconcile.desired import (
    RUNNING,
    TERMINATED,
    AppendItem,
    Edit,
    Entry,
    Registry,
    Scalar,
    SetKey,
)
from reconcile.drift import (
    LETTERS,
    Change,
    Drift,
    DriftClass,
    Notice,
    NoticeKind,
    finding_id,
)
from reconcile.observed import (
    Agent,
    Ambiguous,
    Artefact,
    Bound,
    ConversationId,
    Lineage,
    Link,
    Missing,
    Pane,
    Process,
    Session,
    Unknown,
    Unproven,
    World,
)
from reconcile.proofs import Proof

NAMED = 5
"""How many of several are told, with how many more there are."""


def id_materialised(case: Case, session: Session, pane: Pane) -> Finding | None:
    """Class C, or the notice that the id could be one of several."""
    held = case.world.conversations.get(session.name)
    own = case.entry.own_id
    if isinstance(held, Ambiguous):
        text = f"ambiguous: its conversation could be any of {', '.join(sorted(held.candidates))}"
        return case.notice(NoticeKind.AMBIGUOUS, text, *sorted(held.candidates))
    if isinstance(held, Unproven):
        moved = own is not None and not own.startswith(held.begins)
        return _left(case, held) if moved or own in held.left else None
    if not isinstance(held, Bound) or held.id == own:
        return None
    agent = identity.inside(session, pane, case.world).agent
    if not held.written:
        return _begun(case, agent, held) if isinstance(agent, Agent) else None
    same = identity.is_same(case.entry, session, pane, case.world)
    if not (same and isinstance(agent, Agent) and _may_replace(case, agent.process, held)):
        return None
    entry, key = case.entry, f"{case.entry.agent}_session_id_own"
    links, between = _past(case, session, held)
    edits: list[Edit] = [SetKey(session=entry.name, key=key, value=held.id)]
    edits += (_into_history(case, link) for link in links)
    evidence: dict[str, Scalar] = {"proof": held.proof, "pid": pane.pid, "id": held.id}
    if between:
        evidence["between"] = between
    return case.drift(
        DriftClass.ID_MATERIALISED,
        entry.own_id,
        held.id,
        seen=f"session id materialized {short(held.id)}{_was(links)}"
        + (f"; what came between is not known: {between}" if between else ""),
        edits=tuple(edits),
        changes=(Change(key=key, before=entry.own_id, after=held.id),),
        evidence=evidence,
    )


def _left(case: Case, held: Unproven) -> Finding:
    """The recorded conversation was left for one that nothing names: said, and never guessed."""
    likely = f" for what is probably {short(held.likely)}" if held.likely else ""
    how = f"; to make it certain: {held.setting}" if held.setting else ""
    text = f"left its recorded conversation{likely}; which one it holds cannot be proven{how}"
    return case.notice(NoticeKind.LEFT, text, case.entry.own_id, held.likely)


def _begun(case: Case, agent: Agent, held: Bound) -> Finding | None:
    """The recorded conversation was left for one that is recorded once something is said in it.

    Only what this very process held before can be left by it: one that was started again holds
    another one from its beginning.
    """
    before = case.memory.sightings.get(names.key(case.entry.name))
    known = sightings.of_process(before, agent.process.id, case.world)
    if known is None or known.conversation is None or known.conversation != case.entry.own_id:
        return None
    text = f"left its recorded conversation for {short(held.id)}, in which nothing is written yet"
    return case.notice(NoticeKind.LEFT, text, case.entry.own_id, held.id)


def _may_replace(case: Case, agent: Process, held: Bound) -> bool:
    """Whether this proof may replace what was recorded of the same process."""
    since = case.entry.own_since
    if held.proof is Proof.ARGUMENT and since and since >= agent.started_at:
        return False  # it has moved on since it was started with that id
    before = case.memory.sightings.get(names.key(case.entry.name))
    return sightings.yields(sightings.of_process(before, agent.id, case.world), held)


def judge_shared(case: Case, session: Session) -> Iterator[Finding]:
    """One conversation that another living process holds as well: it will be torn in two."""
    held = case.world.conversations.get(session.name)
    others = case.world.sharers.get(session.name)
    if isinstance(held, Bound) and others:
        text = f"its conversation {short(held.id)} is also held by {_listed(others, ', ')}"
        yield case.notice(NoticeKind.SHARED, text, held.id, *others)


def _past(case: Case, session: Session, held: Bound) -> tuple[Sequence[Link], str]:
    """The conversations that were left for the one that is held, and why some may be missing."""
    found = case.world.lineages.get(session.name, Lineage())
    own = case.entry.own_id
    alone = [Link(id=own, at=None, how="", proof=held.proof)] if own is not None else []
    if isinstance(found, Unknown):
        return alone, f"could not look: {found.why}"
    between = f"ambiguous, any of {', '.join(found.between)}" if found.between else ""
    return found.links or alone, between


def _was(links: Sequence[Link]) -> str:
    return f" (was {_listed([short(link.id) for link in links], ', then ')})" if links else ""


def _listed(several: Sequence[str], between: str) -> str:
    more = f" and {len(several) - NAMED} more" if len(several) > NAMED else ""
    return f"{between.join(several[:NAMED])}{more}"


def _into_history(case: Case, link: Link) -> AppendItem:
    item: dict[str, Scalar] = {
        "agent": case.entry.agent,
        "id": link.id,
        "replaced_at": link.at or case.world.at.replace(microsecond=0),
        "proof": link.proof,
    }
    if link.how:
        item["how"] = link.how
    return AppendItem(session=case.entry.name, key="session_id_history", item=item)


def judge_recorded(case: Case, session: Session, moved: Finding | None) -> Iterator[Finding]:
    """Class D: recorded ids with nothing on disk, but for the one being replaced.

    Nor for the one that the agent holds, and may have yet to write; so that must be known.
    """
    held = case.world.conversations.get(session.name)
    if isinstance(held, Unknown):
        return
    in_use = held.id if isinstance(held, Bound) else None
    if isinstance(held, Unproven):
        in_use = held.likely
    own = None if isinstance(moved, Drift) else case.entry.own_id
    for recorded in dict.fromkeys(filter(None, (own, *case.entry.other_ids))):
        found = case.world.artefacts.get((case.entry.agent or "", recorded))
        if isinstance(found, Missing) and recorded != in_use:
            text = found.said_of(recorded)
            evidence = {"id": recorded, "cause": found.cause}
            yield case.drift(DriftClass.STALE_ID, recorded, seen=text, evidence=evidence)
        elif found is Artefact.GHOST and recorded != in_use:
            text = f"recorded id {recorded} has a file that holds no conversation"
            yield case.notice(NoticeKind.GHOST, text, recorded)


def judge_expiring(world: World, registry: Registry) -> Iterator[Finding]:
    """Recorded conversations that their agent is about to delete, each told of one session."""
    for (kind, conversation), expiry in world.expiring.items():
        told = [entry for entry in registry.entries if _records(entry, kind, conversation)]
        if told:
            entry = min(told, key=lambda entry: (entry.status != RUNNING, entry.name))
            text = f"expires on {expiry.at:%Y-%m-%d}: {expiry.rule}"
            yield Notice(
                id=finding_id(LETTERS[NoticeKind.EXPIRING], entry.name, conversation),
                kind=NoticeKind.EXPIRING,
                session=entry.name,
                message=f"{entry.name}: recorded id {short(conversation)} {text}",
            )


def _records(entry: Entry, kind: str, conversation: ConversationId) -> bool:
    """Whether an entry that is judged has this id."""
    judged = entry.status in {RUNNING, TERMINATED}
    return judged and entry.agent == kind and conversation in {entry.own_id, *entry.other_ids}


def short(conversation: ConversationId) -> str:
    """An id as a person recognises it: `b3a7…c2f`."""
    if len(conversation) <= 12:  # noqa: PLR2004 - as long as its short form
        return conversation
    return f"{conversation[:4]}…{conversation[-3:]}"
