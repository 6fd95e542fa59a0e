"""The findings of one tick by their ids, as a person writes those."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from kanban_worker.tick import Tick
from reconcile import orders, report
from reconcile.observed import SessionName
from reconcile.plan import Decision, Note
from state.errors import CouldNot, MustMend
from state.text import scalars

_ID = re.compile(r"\[?(?:([A-Z])-)?([0-9A-F]{4,8})\]?", re.ASCII | re.IGNORECASE)
"""An id, with or without brackets, or at least four of its digits."""
UNSEEN = "it cannot be seen now"
_LONGEST = 60
_NEAR = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A drift or a notice that is open now."""

    id: str
    session: SessionName | None
    message: str
    acknowledged: bool


def of(tick: Tick) -> Mapping[str, Finding]:
    """All that a tick found, by id."""
    found: tuple[Decision | Note, ...] = (*tick.report.decisions, *tick.report.notes)
    return {each.id: each for each in map(_finding, found)}


def _finding(found: Decision | Note) -> Finding:
    about = found.drift if isinstance(found, Decision) else found.notice
    message = report.sentence(found) if isinstance(found, Decision) else found.notice.message
    return Finding(
        id=about.id, session=about.session, message=message, acknowledged=found.acknowledged
    )


def asked(text: str, known: Iterable[str]) -> str | None:
    """The one id that somebody means; None for none of those that are known. Raises MustMend."""
    letter, digits = _parts(text)
    found = sorted(each for each in known if each[2:].startswith(digits) and letter in each[0])
    if len(found) > 1:
        raise MustMend(f"{_shown(text)} may be {' or '.join(found)}. Give more of its digits")
    return found[0] if found else None


def to_acknowledge(text: str, tick: Tick) -> Finding:
    """What somebody wants to acknowledge. Raises MustMend; CouldNot where it is out of sight."""
    known = of(tick)
    found = asked(text, {*known, *tick.memory.open})
    letter, digits = _parts(found or text)
    if letter and not orders.may_acknowledge(letter):
        raise MustMend(
            f"{letter}-{digits} cannot be acknowledged: only D and notices can be, but for "
            "blindness; the others are written, or must not be overlooked"
        )
    if found is not None and found in known:
        return known[found]
    for trouble in tick.troubles:
        raise trouble
    if found is not None:
        raise CouldNot(f"{found} cannot be seen now, and so not be acknowledged. Try again later")
    near = difflib.get_close_matches(
        f"{letter or 'D'}-{digits}", sorted(filter(orders.may_acknowledge, known)), n=_NEAR
    )
    told = f"Near ones: {', '.join(near)}. " if near else ""
    raise MustMend(f"no finding {_shown(text)} is open now. {told}See: agent-sessions status")


def _parts(text: str) -> tuple[str, str]:
    """The letter of an id, or nothing, and its digits. Raises MustMend."""
    match = _ID.fullmatch(text.strip())
    if match is None:
        raise MustMend(
            f'"{_shown(text)}" is no id of a finding: those look like D-1234abcd, of which the '
            "first 4 digits may do. See: agent-sessions status"
        )
    return (match[1] or "").upper(), match[2].lower()


def _shown(text: str) -> str:
    return scalars.shown(text, _LONGEST)
