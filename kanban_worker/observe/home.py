"""Whether a registry is at home here: may this place judge sessions that it never saw?

A registry is copied, synced and mounted. What it says of a session that was never seen here may
be about another host. So it is noted beside the registry which places have watched it, and a
newcomer holds every such verdict until somebody says that the registry lives here.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from kanban_worker.observe import place as places
from reconcile.memory import Memory
from reconcile.observed import Place, PlaceId, Unknown
from state import homes, paths
from state.errors import CouldNot
from state.homes import Watcher, Watchers

_RENEWED: Final = timedelta(hours=1)
"""How often it is noted that this place still watches."""
_LABEL: Final = 8
"""Digits of a place's id in the names of its files."""

HERE = "if it lives here now: agent-sessions check --here"


class Home:
    """What is known of one registry's places. Its file is read again only when it changed."""

    def __init__(self, real_registry: Path, place: Place | Unknown) -> None:
        """Reads which places have watched it, and writes nothing."""
        self.place = place
        self._registry = real_registry
        self._path = paths.watchers(real_registry)
        self._stamp: tuple[int, int, int] | None = None
        self._watchers: Watchers | Unknown = Watchers()
        self._noted: datetime | None = None
        self._look()

    @property
    def label(self) -> str | None:
        """What tells this place's files from those of the first place; None for the first."""
        if isinstance(self.place, Unknown) or isinstance(self._watchers, Unknown):
            return None
        rows = self._watchers.places
        if not rows or rows[0].id == self.place.id:
            return None
        return self.place.id[:_LABEL]

    @property
    def since(self) -> datetime | None:
        """Since when the registry has been at home here; None where it is not, or not yet."""
        own = self._own()
        return own.home_since if own else None

    def away(self, memory: Memory) -> str | None:
        """Why what was never seen here must not be judged here; None where it may be."""
        self._look()
        if isinstance(self.place, Unknown):
            return self.place.why
        if isinstance(self._watchers, Unknown):
            return self._watchers.why
        rows, own = self._watchers.places, self._own()
        others = [each for each in rows if each.id != self.place.id]
        if own is None or own.home_since is None:
            if any(each.home_since for each in others):
                return (
                    f"it was never seen here, and the registry lives on {_named(others)} ({HERE})"
                )
            return self._unclaimed(memory, self.place.id)
        since = own.home_since
        later = [each for each in others if each.watched_at > since]
        if later:
            return (
                f"it was never seen here, and {_named(later)} watches this registry as well "
                f"(write host: into the entry; {HERE})"
            )
        return None

    def watch(self, memory: Memory, now: datetime) -> None:
        """Note that this place watches the registry: once, and then now and again.

        Where it cannot be noted, nothing is lost but that a copy tells a newcomer so.
        """
        if self._noted is not None and timedelta(0) <= now - self._noted < _RENEWED:
            return
        self._noted = now
        with contextlib.suppress(CouldNot):
            self._note(now, home=self.since is None and self.away(memory) is None)

    def settle(self, now: datetime) -> None:
        """Make this place a home of the registry: somebody said so. Raises CouldNot."""
        if isinstance(self.place, Unknown):
            raise CouldNot(f"this place cannot be noted: {self.place.why}")
        self._note(now, home=True)

    def _note(self, now: datetime, *, home: bool) -> None:
        if isinstance(self.place, Place):
            host = min(self.place.hosts, default="")
            homes.note(self._registry, self.place.id, host, now, home=home)

    def _unclaimed(self, memory: Memory, here: PlaceId) -> str | None:
        """Nobody ever said where it lives: it is taken to live here, unless something tells."""
        if any(each.place != here for each in memory.sightings.values()):
            return f"it was never seen here, and other sessions were last seen elsewhere ({HERE})"
        shared = places.shared_mount(str(self._registry))
        return shared and f"it was never seen here, and {shared} ({HERE})"

    def _own(self) -> Watcher | None:
        if isinstance(self.place, Unknown) or isinstance(self._watchers, Unknown):
            return None
        rows = self._watchers.places
        return next((each for each in rows if each.id == self.place.id), None)

    def _look(self) -> None:
        try:
            status = self._path.stat()
            stamp = status.st_mtime_ns, status.st_size, status.st_ino
        except OSError:
            stamp = None
        if stamp is None or stamp != self._stamp:
            self._watchers = homes.load(self._registry)
            self._stamp = stamp


def _named(watchers: Iterable[Watcher]) -> str:
    """The hosts of some places; they come from a file that others write, and so are cut."""
    names = sorted({host for each in watchers for host in each.hosts})
    shown = ", ".join("".join(c if c.isprintable() else "?" for c in name)[:64] for name in names)
    return shown[:200] or "another host"
