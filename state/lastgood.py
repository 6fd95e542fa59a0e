"""The last good copy of a registry, and telling a torn file from an edited one."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from state import durable, snapshot
from state.errors import MustMend
from state.snapshot import Snapshot
from state.text import yamltext

_MANY: Final = 3
"""Losing this many entries, and half of them, is not what people do on purpose."""


def load(path: Path) -> bytes | None:
    """The copy's bytes; None when there is none or it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(snapshot.LARGEST + 1)
    except OSError:
        return None


def keep(path: Path, data: bytes) -> None:
    """Make `data` the last good copy. Raises CouldNot."""
    try:
        durable.replace(path, data)
    except OSError as error:
        raise durable.could_not(f"last good copy {path} could not be written", error) from None


def parsed(data: bytes | None, source: str) -> Snapshot | None:
    """The copy as a snapshot; None when it is missing or damaged itself."""
    if data is None:
        return None
    try:
        return snapshot.of(data, source)
    except MustMend:
        return None


def torn(good: Snapshot, found: Snapshot, copy: Path) -> MustMend | None:
    """The error for a text that lost what the last good one had; None for a person's edit.

    Torn is: no document left; at least three and at least half of the entries gone; or the
    beginning of the last good text, cut inside a line or with entries lost. Only when it lacks
    just the last entry, cleanly, that is what a tool that deletes a session leaves.
    """
    before = good.reading.names
    lost = len(before - found.reading.names)
    if not before or not _suspicious(good, found, lost):
        return None
    text = found.tree.text
    line, column = yamltext.position(text, len(text))
    seen = f"{lost} of {len(before)} entries are gone" if lost else "the last line is cut off"
    return MustMend(
        f"registry {found.tree.source}, line {line}, column {column} (its end): {seen}, so it is "
        f"taken as torn. Nothing was written. Put back the last good copy, {copy}, or, if it was "
        "on purpose, run: agent-sessions check --accept"
    )


def _suspicious(good: Snapshot, found: Snapshot, lost: int) -> bool:
    if not found.holds_a_document:
        return True
    beginning = len(found.data) < len(good.data) and good.data.startswith(found.data)
    if beginning and (lost > 1 or _inside_line(good.data, len(found.data))):
        return True
    if beginning and lost and _damaged(good, found):
        return True
    return lost >= _MANY and 2 * lost >= len(good.reading.names)


def _damaged(good: Snapshot, found: Snapshot) -> bool:
    """Whether an entry that is still there is not what it was."""
    before, after = snapshot.digests(good), snapshot.digests(found)
    if any(before[name] != after[name] for name in after.keys() & before.keys()):
        return True
    return not set(found.reading.faults) <= set(good.reading.faults)


def _inside_line(data: bytes, at: int) -> bool:
    """Whether a cut at `at` leaves the line it is in without its end."""
    rest = data[at : at + 1]
    return data[at - 1 : at] not in (b"\n", b"\r") and rest not in (b"\n", b"\r")
