"""`cleanupPeriodDays`: when Claude Code deletes a transcript that nobody has changed since."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime

from kanban_worker.agents import files, lines, pick
from kanban_worker.agents.kept import Kept
from reconcile.observed import Expiry

_DEFAULT_DAYS = 30
"""Where the settings do not say (all versions up to 2.1.329)."""
_DAY_NS = 86_400 * 10**9
_SOON_NS = 3 * _DAY_NS
"""How long before its end a transcript is about to expire; half its time if that is shorter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """After how many days without a change a transcript is deleted."""

    days: int
    """0 was "write nothing" up to about 2.1.8x, and is refused since."""
    chosen: bool
    """Whether the settings say so."""

    @property
    def rule(self) -> str:
        """It in words."""
        return f"cleanupPeriodDays is {self.days}{'' if self.chosen else ', the default'}"


class Settings:
    """What the users' settings of all configuration folders say."""

    __slots__ = ("_kept",)

    def __init__(self) -> None:
        """Nothing is read before the first question."""
        self._kept: Kept[int | None] = Kept(_read)

    def retention(self, config: str) -> Retention:
        """Return what holds in one configuration folder; the default for what is no number."""
        days = self._kept.get(f"{config}/settings.json")
        if isinstance(days, int):
            return Retention(days=days, chosen=True)
        return Retention(days=_DEFAULT_DAYS, chosen=False)


def is_young(modified_ns: int, now: datetime) -> bool:
    """Whether it is too early to ask, however short the retention: it is at least a day."""
    return pick.nanoseconds(now) - modified_ns < _DAY_NS // 2


def expiry(modified_ns: int, kept: Retention, now: datetime) -> Expiry | None:
    """Count from the last modification, as Claude Code does; None while there is time."""
    lasts_ns = kept.days * _DAY_NS
    at_ns = modified_ns + lasts_ns
    if not kept.days or pick.nanoseconds(now) < at_ns - min(_SOON_NS, lasts_ns // 2):
        return None
    return Expiry(
        at=datetime.fromtimestamp(max(0, at_ns) // 10**9, UTC).astimezone(),
        rule=f"Claude Code deletes a transcript {kept.days} days after its last change "
        "(cleanupPeriodDays). Resume it, or raise cleanupPeriodDays",
    )


def _read(path: str, status: os.stat_result, before: int | None) -> int | None:
    del status, before
    days = lines.integer(lines.record(files.content(path)).get("cleanupPeriodDays"))
    return days if days is not None and days >= 0 else None
