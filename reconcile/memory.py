"""What earlier ticks left behind: open findings, and what the world looked like last."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from reconcile.observed import Boot, Server


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """One finding that was open at the end of an earlier tick."""

    since: datetime
    told: bool = False
    """Set before the comment is written, so that a crash in between is noticed."""
    comment_id: str | None = None
    """None with `told` set: the card's own comments decide whether it was said."""
    first_held: datetime | None = None
    """When it was first held back for a second look."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """Everything a tick knows from before it looked."""

    open: Mapping[str, Remembered] = field(default_factory=dict)
    """By the finding's id."""
    servers: Mapping[str, Server] = field(default_factory=dict)
    """By socket path: the tmux server that answered there last."""
    boot: Boot | None = None
