"""One version of the registry's bytes, read whole and parsed once."""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from reconcile.observed import SessionName
from state import durable, encoding, entries
from state.entries import Reading
from state.errors import CouldNot, MustMend
from state.text import yamldata, yamlnodes, yamltext
from state.text.yamlnodes import Tree

LARGEST: Final = 16 * 1024 * 1024
"""Bytes; far beyond any registry that people edit."""
_CHUNK: Final = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Raw:
    """A file's bytes and what the system says about it."""

    data: bytes
    info: os.stat_result


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Bytes, their tree and what it holds."""

    data: bytes
    tree: Tree
    reading: Reading

    @property
    def holds_a_document(self) -> bool:
        """Whether there is anything but comments in it; `sessions: []` is something."""
        return self.tree.root is not None and not yamlnodes.is_null(self.tree.root)


def load(path: Path, real_path: Path) -> Raw:
    """The bytes at `real_path`. Raises MustMend, or CouldNot when it may work later."""
    try:
        # O_NONBLOCK: opening a fifo would wait for a writer.
        file = os.open(real_path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise _unopened(path, error) from None
    try:
        info = os.fstat(file)
        _check(path, info)
        data = _all_of(file, info.st_size)
    except OSError as error:
        raise durable.could_not(f"registry {path} could not be read", error) from None
    finally:
        os.close(file)
    if len(data) > LARGEST:
        raise _too_large(path)
    return Raw(data=data, info=info)


def _all_of(file: int, size: int) -> bytes:
    """Its bytes, of which there should be so many; but no more than one beyond the largest."""
    data = os.read(file, min(size, LARGEST) + 1)
    while len(data) <= LARGEST and (more := os.read(file, _CHUNK)):
        data += more
    return data


def of(data: bytes, source: str) -> Snapshot:
    """Raises MustMend, with line and column, when the bytes hold no registry."""
    tree = yamltext.parse(encoding.decode(data, source), source)
    return Snapshot(data=data, tree=tree, reading=entries.read(tree))


def linked(path: Path, info: os.stat_result) -> MustMend | None:
    """The error for writing a file that has several names. Reading it is as good as ever.

    A write puts a new file under one of them, and the others keep the old text without a word.
    """
    if info.st_nlink <= 1:
        return None
    return MustMend(
        f"registry {path} has {info.st_nlink} names (hard links), and after a write they would "
        "be different files. Nothing was written. Make it a file of its own, for instance with: "
        "cp -p FILE FILE.own && mv FILE.own FILE; then run: agent-sessions check"
    )


def digests(snapshot: Snapshot) -> dict[SessionName, bytes]:
    """What each entry means, for comparing two versions."""
    found = yamldata.Digests()
    return {name: found.of(row.node) for name, row in snapshot.reading.rows.items()}


def _unopened(path: Path, error: OSError) -> MustMend | CouldNot:
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return missing(path)
    if error.errno == errno.ELOOP:
        return MustMend(f"registry {path} is a symlink to itself. Nothing was written. Mend it")
    if error.errno == errno.ENXIO:
        return _irregular(path, "not a regular file")
    return durable.could_not(f"registry {path} could not be read", error)


class Missing(MustMend):
    """There is no registry."""


def missing(path: Path) -> Missing:
    """The error for a registry that is not there: no file, or a link that leads to none."""
    if path.is_symlink():
        target = os.readlink(path)  # noqa: PTH115 - as it is written, for a person
        return Missing(
            f"registry {path} is a symlink to {target}, and nothing is there. Nothing was written. "
            "Put that file back, or remove the link and write one from what runs now: "
            "agent-sessions init"
        )
    return Missing(
        f"registry {path}: there is no such file. Nothing was written. "
        "Write one from what runs now: agent-sessions init"
    )


def _check(path: Path, info: os.stat_result) -> None:
    if stat.S_ISDIR(info.st_mode):
        raise _irregular(path, "a folder")
    if not stat.S_ISREG(info.st_mode):
        raise _irregular(path, "not a regular file")
    if info.st_size > LARGEST:
        raise _too_large(path)


def _irregular(path: Path, what: str) -> MustMend:
    return MustMend(
        f"registry {path} is {what}. Nothing was written. Name the file with --registry"
    )


def _too_large(path: Path) -> MustMend:
    return MustMend(
        f"registry {path} is larger than {LARGEST // 2**20} MiB. Nothing was written. "
        "Name the right file with --registry"
    )
