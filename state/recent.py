"""What a person has just edited, and so is left alone for a moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from reconcile.observed import SessionName
from state import snapshot
from state.snapshot import Snapshot

MOMENT: Final = timedelta(seconds=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recent:
    """Names and the save in which each was changed or removed.

    They count as long as that save is less than a moment away, so that two ticks in
    quick succession leave the same entry alone.
    """

    changed: Mapping[SessionName, datetime] = field(default_factory=dict)
    removed: Mapping[SessionName, datetime] = field(default_factory=dict)

    def still(self, now: datetime) -> Recent:
        """What counts at `now`; a save in the future beyond a moment does not."""
        if not self.changed and not self.removed:
            return self
        return Recent(changed=_near(self.changed, now), removed=_near(self.removed, now))

    def and_saved(
        self, before: Snapshot | None, after: Snapshot, saved_at: datetime, now: datetime
    ) -> Recent:
        """With what a save changed against what was seen before it.

        A save in the future, as another host's clock or a step of ours leaves it, is one of now.
        """
        saved_at = min(saved_at, now)
        if before is after or now - saved_at > MOMENT:
            return self.still(now)
        old = {} if before is None else snapshot.digests(before)
        new = snapshot.digests(after)
        changed = {name: saved_at for name in new if old.get(name) != new[name]}
        removed = {name: saved_at for name in old if name not in new}
        return Recent(
            changed=_near(self.changed, now) | changed,
            removed={
                name: at
                for name, at in (_near(self.removed, now) | removed).items()
                if name not in new
            },
        )


def _near(found: Mapping[SessionName, datetime], now: datetime) -> dict[SessionName, datetime]:
    return {name: at for name, at in found.items() if abs(now - at) <= MOMENT}
