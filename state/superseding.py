"""A registry that takes the place of another one, which is kept beside it."""

from __future__ import annotations

import itertools
import os
import stat
from datetime import datetime
from pathlib import Path

from state import durable, placing, snapshot
from state.durable import Owner
from state.errors import CouldNot, MustMend


def supersede(path: Path, real_path: Path, data: bytes, now: datetime) -> Path:
    """Put `data` at `real_path`; where the file that was there is now. The caller holds the lock.

    That file is not read, so it may be damaged. It has a new name and is otherwise the same one;
    whoever saved it a moment ago finds that save in it. Raises MustMend and CouldNot, with the
    file where it was.
    """
    try:
        info = replaceable(path, real_path)
        kept = _written(real_path, data, now, Owner(info.st_uid, info.st_gid))
        try:
            kept.chmod(stat.S_IMODE(info.st_mode))
            _change_places(kept, real_path)
        except BaseException:
            if placing.held(kept) == data:
                kept.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise _could_not(path, error) from None
    durable.sync_folder(real_path.parent)
    return kept


def replaceable(path: Path, real_path: Path) -> os.stat_result:
    """What is known of the file, if another one may take its place. Raises MustMend, CouldNot."""
    try:
        info = real_path.stat()
    except OSError as error:
        raise _could_not(path, error) from None
    if not stat.S_ISREG(info.st_mode):
        message = f"registry {path} is no regular file. Nothing was written. Move it away first"
        raise MustMend(message)
    if linked := snapshot.linked(path, info):
        raise linked
    return info


def _could_not(path: Path, error: OSError) -> CouldNot:
    what = f"registry {path} could not be written anew (the old one is intact)"
    return durable.could_not(what, error)


def _written(real_path: Path, data: bytes, now: datetime, owner: Owner) -> Path:
    """The new text, on disk under the name that the old one will have: one that is free."""
    name = f"{real_path.name}.kept-{now:%Y%m%d-%H%M%S}"
    for number in itertools.count(2):
        kept = real_path.with_name(name)
        try:
            durable.create(kept, data, owner)
        except FileExistsError:
            name = f"{real_path.name}.kept-{now:%Y%m%d-%H%M%S}-{number}"
        else:
            return kept
    raise AssertionError


def _change_places(kept: Path, real_path: Path) -> None:
    if placing.exchange(kept, real_path):
        return
    # Not Linux, or not on this disk: the old file gets its second name before it loses the first.
    new = durable.temporary_for(real_path)
    kept.replace(new)
    try:
        kept.hardlink_to(real_path)
        new.replace(real_path)
    finally:
        new.unlink(missing_ok=True)
