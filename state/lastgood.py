"""The last good copy of a registry, and telling a torn file from an edited one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from reconcile import names
from reconcile.desired import Entry
from reconcile.observed import SessionName
from state import durable, snapshot
from state.durable import Owner
from state.errors import MustMend
from state.snapshot import Snapshot
from state.text import scalars, yamltext

if TYPE_CHECKING:
    from state.document import Document

_MANY: Final = 3
"""Losing this many entries, and half of them, is not what people do on purpose."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """A text that is the beginning of the last good one, and ends between two lines.

    Whoever deletes the newest session leaves it, and so does whoever saves the file while it is
    read, or a full disk. Only what runs can tell.
    """

    session: SessionName
    """Whose entry is gone, or has lost its last lines."""
    gone: bool
    place: str
    """The file, and the line and column of its end."""
    copy: Path

    def error(self, why: str) -> MustMend:
        """What to tell when it is taken as torn; `why` is a clause about the session."""
        lost = "is gone" if self.gone else "has lost its last lines"
        return MustMend(
            f'{self.place}: entry "{scalars.shown(self.session)}" {lost} and {why}, so it is '
            f"{_torn(self.copy)}"
        )


def load(path: Path) -> bytes | None:
    """The copy's bytes; None when there is none, it is too large or cannot be read."""
    try:
        data = durable.read(path, snapshot.LARGEST + 1)
    except OSError:
        return None
    return data if len(data) <= snapshot.LARGEST else None


def keep(path: Path, data: bytes, owner: Owner | None = None) -> None:
    """Make `data` the last good copy. Raises CouldNot."""
    try:
        durable.replace(path, data, owner)
    except OSError as error:
        raise durable.could_not(f"last good copy {path} could not be written", error) from None


def renew(path: Path, document: Document, *, written_from: bytes | None = None) -> None:
    """Make this text the last good one. Raises CouldNot.

    The only copy that has what this text lost is kept beside it. A write of ours loses nothing
    of the text that it was `written_from`.
    """
    kept = load(path)
    if kept == document.raw:
        return
    if kept is not None and kept != written_from:
        less = kept.startswith(document.raw)
        before = None if less else parsed(kept, document.source)
        if less or (before and before.reading.names - document.rows.keys()):
            keep(path.with_suffix(".before.yaml"), kept, document.owner)
    keep(path, document.raw, document.owner)


def parsed(data: bytes | None, source: str) -> Snapshot | None:
    """The copy as a snapshot; None when it is missing or damaged itself."""
    if data is None:
        return None
    try:
        return snapshot.of(data, source)
    except MustMend:
        return None


def torn(good: Snapshot, found: Snapshot, copy: Path) -> MustMend | None:
    """The error for a text that lost what the last good one had; None for what may be an edit.

    Torn is: no document left; at least three and at least half of the entries gone; or the
    beginning of the last good text, cut inside a line or with several entries lost.
    """
    before = good.reading.names
    lost = len(before - found.reading.names)
    if not before or not _suspicious(good, found, lost):
        return None
    seen = f"{lost} of {len(before)} entries are gone" if lost else "the last line is cut off"
    return MustMend(f"{_end(found)}: {seen}, so it is {_torn(copy)}")


def cut(good: Snapshot, found: Snapshot, copy: Path) -> Cut | None:
    """What only its end tells from the last good text, where it is something to judge by.

    Of a text that is not `torn`: there the last entry alone can be concerned.
    """
    if not _is_beginning(good, found):
        return None
    before, after = _judged(good), _judged(found)
    for session in before:
        if before[session] != after.get(session):
            gone = session not in found.reading.names
            return Cut(session=session, gone=gone, place=_end(found), copy=copy)
    return None


def _judged(found: Snapshot) -> dict[SessionName, Entry]:
    """The entries, but for ids that nothing is ever written for: whoever drops those mends."""
    return {
        names.key(entry.name): replace(entry, other_ids=(), foreign_ids=())
        for entry in found.reading.entries
    }


def _end(found: Snapshot) -> str:
    text = found.tree.text
    line, column = yamltext.position(text, len(text))
    return f"registry {found.tree.source}, line {line}, column {column} (its end)"


def _torn(copy: Path) -> str:
    return (
        f"taken as torn. Nothing was written. Put back the last good copy, {copy}, or, if it was "
        "on purpose, run: agent-sessions check --accept"
    )


def _suspicious(good: Snapshot, found: Snapshot, lost: int) -> bool:
    if not found.holds_a_document:
        return True
    if _is_beginning(good, found):
        if lost > 1 or _inside_line(good.tree.text, len(found.tree.text)):
            return True
        if lost and _damaged(good, found):
            return True
    return lost >= _MANY and 2 * lost >= len(good.reading.names)


def _is_beginning(good: Snapshot, found: Snapshot) -> bool:
    return found.tree.text != good.tree.text and good.tree.text.startswith(found.tree.text)


def _damaged(good: Snapshot, found: Snapshot) -> bool:
    """Whether an entry that is still there is not what it was."""
    before, after = snapshot.digests(good), snapshot.digests(found)
    if any(before[name] != after[name] for name in after.keys() & before.keys()):
        return True
    return not set(found.reading.faults) <= set(good.reading.faults)


def _inside_line(text: str, at: int) -> bool:
    """Whether a cut at `at` leaves a line without its end; editors leave only the last one so."""
    return text[at - 1 : at] not in ("\n", "\r") and bool(text[at:].strip())
