"""The registry as one read found it, and what a write came to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from reconcile.desired import Registry
from reconcile.observed import SessionName
from state.durable import Owner
from state.errors import MustMend
from state.faults import Fault
from state.lastgood import Cut
from state.text.yamlnodes import Tree

if TYPE_CHECKING:
    from state.text.yamledit import CannotEdit


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One version of the registry."""

    path: Path
    real_path: Path
    """With symlinks resolved: what is written to."""
    raw: bytes
    saved_at: datetime
    """The file's modification time."""
    read_at: datetime
    registry: Registry
    faults: tuple[Fault, ...]
    rows: Mapping[SessionName, int]
    """The line of each entry, by its name as a key."""
    tree: Tree
    owner: Owner
    """Whose everything is that is created for it."""
    unwritable: MustMend | None = None
    """Why no write of it could be kept true, as for a file with several names."""
    cut: Cut | None = None
    """Set when its end is missing: whether it is torn, only what runs can tell."""

    @property
    def source(self) -> str:
        """The file's name, as messages have it."""
        return self.tree.source


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """The registry after a write, and the edits that are not in it."""

    document: Document
    changed: bool
    """False when there was nothing to change: the file was not touched."""
    refused: Mapping[int, CannotEdit]
    """By place in the sequence of edits. A session's edits are refused together."""


@dataclass(frozen=True, slots=True)
class Moved:
    """Somebody else saved the file meanwhile; nothing was written. Read and decide again."""
