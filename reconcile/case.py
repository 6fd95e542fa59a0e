"""One entry to be judged, and what judging it can find."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from reconcile.desired import Edit, Entry, Registry, Scalar
from reconcile.drift import LETTERS, Change, Drift, DriftClass, Notice, NoticeKind, finding_id
from reconcile.memory import Memory
from reconcile.observed import World
from reconcile.policy import Policy


@dataclass(frozen=True, slots=True)
class Later:
    """Nothing yet; at this time the same sight will be a notice."""

    at: datetime


Finding: TypeAlias = Drift | Notice | Later


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One entry, with all that is needed to judge it."""

    world: World
    registry: Registry
    memory: Memory
    policy: Policy
    entry: Entry

    def drift(
        self,
        kind: DriftClass,
        *key: Scalar,
        seen: str,
        evidence: Mapping[str, Scalar],
        done: str = "",
        edits: tuple[Edit, ...] = (),
        changes: tuple[Change, ...] = (),
    ) -> Drift:
        """A drift of this entry; `key` is what tells it from the next one of its class."""
        return Drift(
            id=finding_id(kind, self.entry.name, *key),
            kind=kind,
            session=self.entry.name,
            workspace=self.entry.workspace or "",
            agent=self.entry.agent or "",
            seen=seen,
            done=done,
            edits=edits,
            changes=changes,
            evidence=evidence,
            fresh_until=self.registry.settled_at if self.entry.fresh else None,
        )

    def notice(self, kind: NoticeKind, message: str, *key: Scalar) -> Notice:
        """A notice about this entry."""
        return Notice(
            id=finding_id(LETTERS[kind], self.entry.name, *key),
            kind=kind,
            session=self.entry.name,
            message=f"{self.entry.name}: {message}",
        )
