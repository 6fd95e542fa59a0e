"""Undoing one change that the journal has: exactly what it altered, or nothing."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from reconcile import names
from state import encoding, journal
from state.document import Document, Moved
from state.errors import CouldNot, MustMend
from state.journal import History, KeyChange, Record, Written
from state.registry import RegistryFile
from state.text import restoring, scalars
from state.text.alteration import NoPlace
from state.text.yamlnodes import Tree

ATTEMPTS: Final = 3
"""How often it is tried when the registry moves under it."""

_PREFIX: Final = re.compile(r"[0-9a-f]{4,64}", re.ASCII)
_MOST_NAMED: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Undone:
    """A change that was taken back, or would be."""

    change: Written
    by: str | None
    """The id of the change that did it; None in a dry run."""


def undo(
    file: RegistryFile,
    journal_path: Path,
    wanted: str,
    now: Callable[[], datetime],
    *,
    dry_run: bool,
) -> Undone:
    """Takes back the change whose id begins with `wanted`; a dry run only finds out if it can.

    Raises MustMend when there is no such change, or a person has edited since; CouldNot.
    """
    for _ in range(ATTEMPTS):
        document = file.read(now())
        history = journal.read(journal_path)  # behind it: an undo is journalled before it is made
        change = chosen(history, wanted, document.real_path)
        _refuse(history, change, document)
        tree = _without(history, change, document)
        if dry_run:
            return Undone(change=change, by=None)
        if not isinstance(file.put(document, tree, [_record(change, now())], ours=False), Moved):
            return Undone(change=change, by=_last(journal_path, change))
    raise CouldNot(
        f"registry {file.path} changes faster than it can be written. Nothing was written. "
        "Try again"
    )


def undone_by(history: History, change: Written, raw: bytes | None = None) -> Written | None:
    """The change that took this one back.

    A crash between journal and registry leaves a record of what did not take place; `raw`,
    the registry as it is now, gives it away.
    """
    now = hashlib.sha256(raw).hexdigest() if raw is not None else ""
    found = (
        one
        for one in history.changes
        if one.undoes == change.change and one.void is None and one.sums[0] != now
    )
    return next(found, None)


def chosen(history: History, wanted: str, registry: Path) -> Written:
    """The one change whose id begins so. Raises MustMend."""
    prefix = wanted.strip().lower()
    if not _PREFIX.fullmatch(prefix):
        raise MustMend(
            f'"{scalars.shown(wanted)}" is no change id: give at least 4 of its hex digits, as '
            "agent-sessions why SESSION shows them"
        )
    found = {one.change: one for one in history.changes if one.change.startswith(prefix)}
    mine = [one for one in found.values() if one.registry == str(registry)]
    if len(mine) == 1:
        return mine[0]
    if mine:
        named = ", ".join(
            f"{one.change} ({scalars.shown(one.session)})" for one in mine[:_MOST_NAMED]
        )
        raise MustMend(f'"{prefix}" could be {len(mine)} changes: {named}. Give more of the id')
    if found:
        other = next(iter(found.values()))
        raise MustMend(
            f"change {other.change} was made to another registry, "
            f"{scalars.shown(other.registry, 200)}. Name it with --registry"
        )
    raise MustMend(
        f'no change of this registry begins with "{prefix}". '
        "See what was changed with: agent-sessions why SESSION"
    )


def _refuse(history: History, change: Written, document: Document) -> None:
    """Raises MustMend for what cannot be undone whatever the registry holds."""
    if change.void is not None:
        why = f"did not take place ({change.void}), so there is nothing to undo"
    elif change.undoes is not None:
        why = f"is an undo itself, of {change.undoes}. Edit the registry by hand"
    elif (by := undone_by(history, change, document.raw)) is not None:
        why = f"was undone already by {by.change}, {scalars.shown(by.at)}"
    elif not change.traces:
        was = "; ".join(f"{one.key} was {_shown(one.before)}" for one in change.changes)
        why = (
            "cannot be undone to the byte, for the journal does not say how it stood in the text. "
            f"Edit the registry by hand: {scalars.shown(was, 300)}"
        )
    else:
        if document.unwritable:
            raise MustMend(str(document.unwritable))
        mine = names.key(change.session)
        grave = (fault for fault in document.faults if fault.grave)
        faults = [fault for fault in grave if fault.holds or fault.session == mine]
        if faults:
            told = faults[0].told(document.source)
            raise MustMend(f"{told}. Nothing was written. Mend it, then try again")
        return
    raise MustMend(f"change {change.change} {why}. Nothing was written")


def _without(history: History, change: Written, document: Document) -> Tree:
    """The registry's text without the change. Raises MustMend."""
    try:
        tree = restoring.restore(document.tree, change.session, change.traces)
        _must_be_exact(history, change, document, tree)
    except NoPlace as error:
        line = document.rows.get(names.key(change.session), 1)
        raise MustMend(
            f"registry {scalars.shown(document.source)}, line {line}: "
            f'entry "{scalars.shown(change.session)}": {error}. Nothing was written. '
            f"{_todo(history, change, error)}"
        ) from None
    return tree


def _must_be_exact(history: History, change: Written, document: Document, tree: Tree) -> None:
    """Raises NoPlace when nothing else has changed since, and the bytes are not those of before."""
    together = [one for one in history.changes if one.sums == change.sums and one.void is None]
    if len(together) > 1 or hashlib.sha256(document.raw).hexdigest() != change.sums[1]:
        return
    data = encoding.encode(tree.text, document.raw)
    if hashlib.sha256(data).hexdigest() != change.sums[0]:
        raise NoPlace("the file would not be what it was before, to the byte")


def _todo(history: History, change: Written, error: NoPlace) -> str:
    if not isinstance(error, restoring.Edited):
        return "Change it by hand, then run: agent-sessions check"
    place = next(n for n, one in enumerate(history.changes) if one.change == change.change)
    later = [
        one
        for one in history.changes[place + 1 :]
        if (one.session, one.registry) == (change.session, change.registry)
        and one.void is None
        and one.undoes is None
        and undone_by(history, one) is None
    ]
    if later:
        return f"Change {later[-1].change} came after it: undo that one first"
    return "Somebody has edited it since: change the rest by hand, or set that back and try again"


def _record(change: Written, at: datetime) -> Record:
    return Record(
        at=at,
        session=change.session,
        drift=change.drift,
        drift_class=change.drift_class,
        changes=tuple(
            KeyChange(key=one.key, before=one.after, after=one.before) for one in change.changes
        ),
        evidence={"asked": "agent-sessions undo"},
        undoes=change.change,
    )


def _last(journal_path: Path, change: Written) -> str | None:
    by = [one for one in journal.read(journal_path).changes if one.undoes == change.change]
    return by[-1].change if by else None


def _shown(value: object) -> str:
    return "null or not there" if value is None else f'"{scalars.shown(str(value))}"'
