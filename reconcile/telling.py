"""What the card is told: each new finding once, in comments that can be found again.

A finding passes through the memory's `unsaid`. It is put there before anything is written for
it; it may be said once its write has taken place; it leaves when the comment is on the card.
Every comment begins with a key in brackets: the finding's id, or one `S-…` for several. After
a crash between comment and ledger, the card's own thread decides (`own_words`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby, islice

from reconcile import advice, flapping, names, own_words, recovery, report, wording
from reconcile.desired import RUNNING, Registry, SetKey
from reconcile.drift import Drift, NoticeKind, finding_id
from reconcile.memory import Awaited, Ended, MassTermination, Memory, Remembered, Unsaid
from reconcile.observed import SessionName
from reconcile.plan import Action, Note, Plan
from reconcile.policy import Policy

AT_MOST = 5
"""Comments at one time; more become one digest."""
LISTED = 100
"""Findings that a digest lists; the rest it counts."""
BACK = "Bring them back: `agent-sessions resume-plan --tmux` (look at it, then pipe it to `sh`)"
"""The last line of a comment on sessions that ended together."""
LATE = timedelta(minutes=1)
"""A comment that comes later than this says when its finding was made."""
LONGEST = 1000
"""Characters of one finding's text."""

LONGEST_LISTED = 300
"""The same in a digest, which no board may have to cut."""

KNOWN = 1000
"""Marks of its own comments that the memory keeps: the last ones."""
REPEATED = 100
"""Comments of which it keeps what they told."""
REPEATED_FINDINGS = 2000
"""Findings in all of those comments."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Saying:
    """One comment to be made."""

    key: str
    ids: tuple[str, ...]
    text: str
    """Begins with the key in brackets; redacted and defanged."""
    after: str | None
    """The comment behind which it stands, if an earlier try has made it."""
    tried: bool
    """Whether it may be on the card already."""


def anew(memory: Memory) -> Memory:
    """The memory as one that speaks of no card yet: a new one knows nothing of what another had."""
    return replace(
        memory,
        card=None,
        spoken=(),
        said={},
        open={
            key: replace(each, told=key in memory.unsaid, comment_id=None)
            for key, each in memory.open.items()
        },
        unsaid={key: replace(each, key=None, after=None) for key, each in memory.unsaid.items()},
    )


def to(card: str, memory: Memory, said: Collection[str], options: str = "") -> Memory:
    """The memory as it speaks of this card from now on.

    `said` are the findings that the card's thread tells already (`own_words.findings`): it decides
    where the memory cannot know, for the ledger may have been deleted. `options` as for `due`.
    """
    unsaid = {
        key: each for key, each in memory.unsaid.items() if not _is_said(key, each, said, options)
    }
    return replace(memory, card=card, unsaid=unsaid)


def _is_said(key: str, unsaid: Unsaid, said: Collection[str], options: str) -> bool:
    texts = (wording.safe(unsaid.text, longest) for longest in (LONGEST, LONGEST_LISTED))
    return any(f"[{key}] {advice.completed(text, options)}" in said for text in texts)


def intended(
    plan: Plan,
    memory: Memory,
    policy: Policy,
    at: datetime,
    *,
    troubles: Sequence[str] = (),
) -> Plan:
    """The plan with what is new in it put among the unsaid, before anything is written for it.

    `memory` is that of before the plan; `troubles` are whole sentences about what kept the tick
    from looking.
    """
    new: dict[str, Unsaid] = {}
    found = dict(plan.memory.open)
    for text in troubles:
        trouble = finding_id("U", text)
        before = memory.open.get(trouble)
        found[trouble] = before or Remembered(since=at)
        if at - found[trouble].since >= policy.grace:
            new[trouble] = Unsaid(text=text, at=at)
    new |= dict(_sayable(plan, policy, at))
    fresh = {key: each for key, each in new.items() if not found[key].told}
    for key in fresh:
        found[key] = replace(found[key], told=True)
    waiting = _unhushed(plan.memory)
    for key in found.keys() & plan.memory.unsaid.keys() - waiting.keys():
        found[key] = replace(found[key], told=False)
    back, told = _back(plan.memory, at)
    # One under way keeps the key that it may be on.
    unsaid = {**back, **fresh, **waiting}
    known = {**plan.memory.mass_terminations, **told}
    memory = replace(plan.memory, open=found, unsaid=unsaid, mass_terminations=known)
    return replace(plan, memory=memory)


def _unhushed(memory: Memory) -> Mapping[str, Unsaid]:
    """What is yet to be said, without what a person has acknowledged; one under way stays."""
    return {
        key: each
        for key, each in memory.unsaid.items()
        if key not in memory.acknowledged or each.key is not None
    }


def _back(
    memory: Memory, at: datetime
) -> tuple[Mapping[str, Unsaid], Mapping[str, MassTermination]]:
    """Who is back of those that ended together, under the key that told their end."""
    due = {key: each for key, each in memory.mass_terminations.items() if recovery.is_due(each, at)}
    back = {key: Unsaid(text=recovery.sentence(each), at=at) for key, each in due.items()}
    return back, {key: replace(each, told=True) for key, each in due.items()}


def _sayable(plan: Plan, policy: Policy, at: datetime) -> Iterator[tuple[str, Unsaid]]:
    """What is worth a comment: not what may be over in a moment."""
    for decision in plan.decisions:
        lasts = decision.action is not Action.HELD or at - decision.since >= policy.grace
        # Of a session that flaps nothing is written but a death that lasts.
        written = decision.action is Action.UPDATED
        steady = _key(decision.drift.session) not in plan.unsteady.flapping
        if written or (lasts and steady and not decision.acknowledged):
            yield (
                decision.drift.id,
                Unsaid(
                    text=report.sentence(decision),
                    at=at,
                    awaited=_awaited(decision.drift) if written else None,
                    # What was held for a second look was believed together with others.
                    ended=_ended(decision.drift) if decision.first_held else None,
                ),
            )
    for note in plan.notes:
        lasts = note.notice.kind is NoticeKind.FLAPPING or _lasts(note, plan, policy, at)
        if lasts and not note.acknowledged:
            yield note.notice.id, Unsaid(text=note.notice.message, at=at)


def _lasts(note: Note, plan: Plan, policy: Policy, at: datetime) -> bool:
    """Whether what is noticed is there long enough to be no passing thing."""
    name = _key(note.notice.session)
    if name in plan.unsteady.flapping:
        return False
    if note.notice.kind is NoticeKind.BLIND:
        return at - note.since >= policy.grace
    return name not in plan.unsteady.restless or at - note.since >= flapping.LASTS


def _key(session: SessionName | None) -> SessionName | None:
    return names.key(session) if session is not None else None


def _awaited(drift: Drift) -> Awaited:
    """By the first of its edits, which is the one that the drift is about."""
    edit = drift.edits[0]
    value = str(edit.value) if isinstance(edit, SetKey) else RUNNING
    return Awaited(session=edit.session, value=value)


def _ended(drift: Drift) -> Ended:
    return Ended(cause=str(drift.evidence["cause"]), session=drift.session)


def detailed(memory: Memory, details: Mapping[str, tuple[str, ...]]) -> Memory:
    """The memory with further lines for some findings; what is under way stays as it is."""
    added = {
        key: replace(each, details=details[key])
        for key, each in memory.unsaid.items()
        if key in details and each.key is None
    }
    return replace(memory, unsaid={**memory.unsaid, **added})


def settled(plan: Plan, registry: Registry | None) -> Plan:
    """The plan after its writes: what was written may be said, what was not is taken back.

    `registry` is what was read before those writes. It decides about what an earlier process
    meant to write when it ended: either it shows there, or nothing of it is true.
    """
    actions: dict[str, Action] = {each.drift.id: each.action for each in plan.decisions}
    found = dict(plan.memory.open)
    unsaid: dict[str, Unsaid] = {}
    for key, each in plan.memory.unsaid.items():
        action = actions.get(key)
        if each.awaited is None or registry is None:
            unsaid[key] = each
        elif action is Action.UPDATED or (action is None and _shows(registry, each.awaited)):
            unsaid[key] = replace(each, awaited=None, ended=_owning(each.ended, registry))
        elif key in found:
            found[key] = replace(found[key], told=False)
    return replace(plan, memory=replace(plan.memory, open=found, unsaid=unsaid))


def _owning(ended: Ended | None, registry: Registry) -> Ended | None:
    if ended is None:
        return None
    own = {entry.name: entry.own_id for entry in registry.entries}
    return replace(ended, conversation=own.get(ended.session))


def _shows(registry: Registry, awaited: Awaited) -> bool:
    return any(
        entry.name == awaited.session
        and awaited.value
        in {entry.status, entry.own_id, str(entry.pane_pid), str(entry.created_at)}
        for entry in registry.entries
    )


def due(memory: Memory, at: datetime, options: str = "") -> tuple[Saying, ...]:
    """The comments to be made now, the oldest findings first; those under way stay as they are.

    `options` stand in each command of ours that they name: whoever reads a card at another place
    than the registry's usual one must name it.
    """
    ready = sorted(
        ((key, each) for key, each in memory.unsaid.items() if each.awaited is None),
        key=lambda pair: (pair[1].key or "", pair[1].at, pair[1].text, pair[0]),
    )
    sayings = [
        _saying(under_way, dict(group), at, options)
        for under_way, group in groupby(ready, lambda pair: pair[1].key)
        if under_way is not None
    ]
    fresh = {key: each for key, each in ready if each.key is None}
    for wave in _waves(fresh):
        sayings.append(_saying(_together(wave), wave, at, options))
        fresh = {key: each for key, each in fresh.items() if key not in wave}
    if len(fresh) > AT_MOST:
        return (*sayings, _saying(_together(fresh), fresh, at, options))
    return (*sayings, *(_saying(key, {key: each}, at, options) for key, each in fresh.items()))


def _waves(fresh: Mapping[str, Unsaid]) -> Iterator[Mapping[str, Unsaid]]:
    """The sessions that ended together: believed to in one tick, after one second look."""
    for at in sorted({each.at for each in fresh.values()}):
        wave = {key: each for key, each in fresh.items() if each.ended and each.at == at}
        if len(wave) > 1:
            yield wave


def _framed(several: Mapping[str, Unsaid], listed: list[str]) -> list[str]:
    ended = _all_ended(several)
    if not ended:
        return [f"{len(several)} findings at once:", *listed]
    causes = sorted({each.cause for each in ended})
    head = f"{len(several)} running sessions ended together: {' and '.join(causes)}"
    return [head, *listed, BACK]


def _all_ended(several: Mapping[str, Unsaid]) -> list[Ended]:
    """The sessions of a comment on a mass termination; none, where it is another comment."""
    ended = [each.ended for each in several.values() if each.ended]
    return ended if len(ended) == len(several) > 1 else []


def _together(several: Mapping[str, Unsaid]) -> str:
    return finding_id("S", *sorted(several))


def _saying(key: str, several: Mapping[str, Unsaid], at: datetime, options: str) -> Saying:
    first = next(iter(several.values()))
    if len(several) == 1:
        details = [wording.safe(each, LONGEST) for each in first.details]
        lines = [_line(first, at, LONGEST), *details]
    else:
        lines = _framed(several, list(_listed(several, at)))
    return Saying(
        key=key,
        ids=tuple(several),
        text=own_words.comment(key, advice.completed("\n".join(lines), options)),
        after=first.after,
        tried=first.key is not None,
    )


def _listed(several: Mapping[str, Unsaid], at: datetime) -> Iterator[str]:
    for key, each in islice(several.items(), LISTED):
        yield f"- [{key}] {_line(each, at, LONGEST_LISTED)}"
        # A command that was cut is none: `agent-sessions resume-plan` has it whole.
        details = [wording.safe(detail, LONGEST) for detail in each.details]
        yield from (f"  {detail}" for detail in details if len(detail) <= LONGEST_LISTED)
    more = len(several) - LISTED
    if more > 0:
        yield f"- and {more} more: `agent-sessions status`"


def _line(unsaid: Unsaid, at: datetime, longest: int) -> str:
    when = own_words.late(unsaid.at) if at - unsaid.at > LATE else ""
    return wording.safe(unsaid.text, longest) + when


def under_way(memory: Memory, sayings: Iterable[Saying], last: str | None) -> Memory:
    """The intent, to be saved before the comments are made. `last` is the thread's last comment."""
    tried = {
        key: replace(memory.unsaid[key], key=saying.key, after=last)
        for saying in sayings
        if not saying.tried
        for key in saying.ids
    }
    return replace(memory, unsaid={**memory.unsaid, **tried})


def told(memory: Memory, saying: Saying, comment: str | None, kind: str = "id") -> Memory:
    """The memory once a comment is on the card; `kind` is that of its id."""
    found = {
        key: replace(memory.open[key], comment_id=comment)
        for key in saying.ids
        if key in memory.open
    }
    said = {key: memory.unsaid[key] for key in saying.ids if key in memory.unsaid}
    rest = {key: each for key, each in memory.unsaid.items() if key not in said}
    kept = dict(memory.said)
    if comment is not None:
        kept[own_words.mark(kind, comment, saying.text)] = said
    memory = replace(memory, open={**memory.open, **found}, unsaid=rest, said=_last(kept))
    if ended := _all_ended(said):
        return recovery.begun(memory, saying.key, ended, said[saying.ids[0]].at)
    return memory


def _last(said: Mapping[str, Mapping[str, Unsaid]]) -> Mapping[str, Mapping[str, Unsaid]]:
    """The last comments, as many as a ledger can bear: the one on a fleet tells of hundreds."""
    findings, last = 0, list[str]()
    for mark in sorted(said, key=number, reverse=True)[:REPEATED]:
        findings += len(said[mark])
        if findings > REPEATED_FINDINGS:
            break
        last.append(mark)
    return {mark: said[mark] for mark in reversed(last)}


def spoke(memory: Memory, mark: str) -> Memory:
    """The memory once the board told the id of a comment of ours."""
    return replace(memory, spoken=(*memory.spoken, mark)[-KNOWN:])


def number(mark: str) -> int:
    """The place in its thread of the comment that a mark is of."""
    place = mark.partition(":")[2].partition(":")[0]
    return int(place) if place.isdecimal() else 0


def newest(memory: Memory, kind: str) -> str:
    """The mark of the last comment that is known to have told something; "" where none is."""
    marks = (mark for mark in memory.said if mark.startswith(f"{kind}:"))
    return max(marks, key=number, default="")


def lacking(memory: Memory, kind: str, thread: Collection[str]) -> Memory:
    """The memory with all yet to be said that a whole thread lacks, though it was said there.

    Only a board that was restored from a backup loses comments. `thread` are the marks of its
    comments; those of another kind of ids tell nothing of it.
    """
    lost = [mark for mark in memory.said if mark.startswith(f"{kind}:") and mark not in thread]
    if not lost:
        return memory
    again = {
        key: replace(each, key=None, after=None)
        for mark in lost
        for key, each in memory.said[mark].items()
        if key not in memory.acknowledged
    }
    said = {mark: told for mark, told in memory.said.items() if mark not in lost}
    spoken = tuple(mark for mark in memory.spoken if mark not in lost)
    return replace(memory, unsaid={**again, **memory.unsaid}, said=said, spoken=spoken)
