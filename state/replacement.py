"""One replacement of the registry's bytes: compared, written ahead, atomic."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from state import durable, journal, paths, placing, snapshot
from state.document import Document
from state.durable import Owner
from state.errors import CouldNot
from state.snapshot import Raw

OVERWRITTEN = "the file was saved by somebody else meanwhile"


@dataclass(frozen=True, slots=True, kw_only=True)
class Replacement:
    """What is to be written, where, and the records that say why."""

    document: Document
    data: bytes
    journal_path: Path
    records: Sequence[journal.Record]
    fence: Callable[[], None] | None = None
    """Asked at the last moment; raises to forbid it."""


def make(this: Replacement, real_path_now: Callable[[], Path]) -> Raw | None:
    """The file as written; None when somebody else saved it since it was read.

    The caller holds the lock. Raises CouldNot, with the old file intact; MustMend when it has
    several names. The records are written once the new file is on the disk, and are void when it
    does not take its place.
    """
    found = _unmoved(this, real_path_now)
    if found is None:
        return None
    real_path = this.document.real_path
    temporary, ready = paths.being_written(real_path), paths.ready(real_path)
    try:
        owner = Owner(found.info.st_uid, found.info.st_gid)
        durable.write_new(temporary, this.data, stat.S_IMODE(found.info.st_mode), owner)
        info = temporary.stat()
        if _unmoved(this, real_path_now) is None or not _made(this, temporary, real_path_now):
            return None
    except OSError as error:
        raise _failure(this.document.path, error) from None
    finally:
        for path in (temporary, ready):
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # The new file is in place, whatever the folder says.
        durable.sync_folder(real_path.parent)
    return Raw(data=this.data, info=info)  # Not read again: it may be another's by now.


def recover(real_path: Path, journal_path: Path) -> None:
    """Clear away what a killed writer left. The caller holds the lock. Raises CouldNot.

    One that was killed just after its file took its place had yet to look at what it displaced.
    Where that is somebody's save of that very moment, it is put back, and the write is void.
    """
    temporary, ready = paths.being_written(real_path), paths.ready(real_path)
    try:
        if os.path.lexists(ready):
            _put_back(ready, real_path, journal_path)
            ready.unlink()
        if os.path.lexists(temporary):
            temporary.unlink()
    except OSError as error:
        what = f"what a killed writer left beside {real_path} could not be cleared away"
        raise durable.could_not(what, error) from None


def _put_back(ready: Path, real_path: Path, journal_path: Path) -> None:
    displaced, found = placing.held(ready), placing.held(real_path)
    write = journal.last_write(journal_path, real_path)
    if write and not write[0].void and found is not None:
        before, after = write[0].sums
        if journal.checksum(found) == after and (
            displaced is None or journal.checksum(displaced) != before
        ):
            placing.exchange(ready, real_path)
            journal.void(journal_path, [one.change for one in write], OVERWRITTEN)


def _unmoved(this: Replacement, real_path_now: Callable[[], Path]) -> Raw | None:
    """The file if it still holds the bytes that were read, and is still the same file."""
    document = this.document
    if real_path_now() != document.real_path:
        return None
    try:
        found = snapshot.load(document.path, document.real_path)
    except snapshot.Missing:
        return None
    if error := snapshot.linked(document.path, found.info):
        raise error
    return found if found.data == document.raw else None


def _made(this: Replacement, temporary: Path, real_path_now: Callable[[], Path]) -> bool:
    """Whether the new file took its place; written ahead in the journal."""
    changes = journal.append(
        this.journal_path,
        this.document.real_path,
        this.records,
        before=this.document.raw,
        after=this.data,
        owner=this.document.owner,
    )
    try:
        swapped = _swapped(this, temporary, real_path_now)
    except BaseException as error:
        if not _took_place(this):
            _void(this.journal_path, changes, _why(this, error))
        raise
    if not swapped:
        _void(this.journal_path, changes, OVERWRITTEN)
    return swapped


def _swapped(this: Replacement, temporary: Path, real_path_now: Callable[[], Path]) -> bool:
    if _unmoved(this, real_path_now) is None:
        return False
    real_path = this.document.real_path
    ready = paths.ready(real_path)
    temporary.replace(ready)
    if this.fence:
        this.fence()
    return placing.put(ready, real_path, before=this.document.raw, after=this.data)


def _took_place(this: Replacement) -> bool:
    """Whether an interruption came only after the new file was in place."""
    try:
        return this.document.real_path.read_bytes() == this.data
    except OSError:
        return False


def _failure(path: Path, error: OSError) -> CouldNot:
    return durable.could_not(f"registry {path} could not be written (the old one is intact)", error)


def _why(this: Replacement, error: BaseException) -> str:
    if isinstance(error, OSError):
        return str(_failure(this.document.path, error))
    return str(error) if isinstance(error, CouldNot) else repr(error)


def _void(path: Path, changes: Sequence[str], why: str) -> None:
    with contextlib.suppress(CouldNot):
        journal.void(path, changes, why)
