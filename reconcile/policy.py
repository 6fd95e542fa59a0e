"""What a person may choose about judging."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from reconcile import names


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The choices, with the defaults that the documents give."""

    patterns: tuple[str, ...] = names.DEFAULT_PATTERNS
    """Shell-style patterns of the session names to register."""
    grace: timedelta = timedelta(minutes=2)
    """How long a terminated session may live on, or a new one be without its agent."""
    confirm_after: timedelta = timedelta(seconds=10)
    """How long a wave of deaths must last before it is believed."""
