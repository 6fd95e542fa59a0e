"""What may befall a monitor's files: one file, one trouble, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from desk import Desk
from state import durable, paths


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One file, and what is wrong with it."""

    folder: str
    """A new one, for all that this case needs."""
    socket: str
    """The folder of the fleet."""
    file: str
    """A name in FILES."""
    trouble: str
    """`none`, `full`, `read-only`, `forbidden`, or the system call that fails with EIO."""
    victims: Sequence[str]
    """Three sessions that run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """What came of one trouble, at its end."""

    changed: Sequence[str]
    """Files that were not there before, or whose beginning is not what they were before."""
    grown: Sequence[str]
    """Files with something more at their end."""
    claimed: Sequence[str]
    """Sessions that ended meanwhile by the journal."""
    ended: Sequence[str]
    """Sessions that ended meanwhile by the registry."""


@dataclass(slots=True, kw_only=True)
class Found:
    """What came of a case."""

    failure: str = ""
    """A traceback, where there should be none."""
    opened: list[str] = field(default_factory=list)
    """What was opened for writing, by its name in FILES; where the case is to tell."""
    complaints: list[str] = field(default_factory=list)
    """The worker's."""
    said: list[tuple[float, str]] = field(default_factory=list)
    """Its comments."""
    statuses: list[tuple[float, int]] = field(default_factory=list)
    """The exit status that each of its ticks would have meant."""
    episodes: list[Episode] = field(default_factory=list)
    """The worker's, and then the command's."""
    made: list[str] = field(default_factory=list)
    """What the journal has as done after all."""
    skipped: int = 0
    """Lines of the journal that cannot be read after all."""
    copied: bool = False
    """Whether the last good copy is up to date after all."""
    once: list[tuple[int, str, bool]] = field(default_factory=list)
    """Of the command in its trouble and after it: status, complaints, whether it wrote."""


@dataclass(frozen=True, slots=True)
class File:
    """One that the monitor writes."""

    path: Callable[[Desk], Path]
    needed: str
    """What makes the monitor write it: the `end` of a session, a `note` in the registry, the
    `loss` of an entry there, or the `start` of the monitor.
    """
    replaced: bool
    """Whether another file is written first, and then takes its place."""

    def opened(self, desk: Desk) -> Path:
        """What is opened for writing."""
        path = self.path(desk)
        if not self.replaced:
            return path
        registry = path == desk.registry
        return paths.being_written(path) if registry else durable.temporary_for(path)


FILES = {
    "registry": File(lambda desk: desk.registry, "end", replaced=True),
    "its lock": File(
        lambda desk: desk.registry.with_name(f"{desk.registry.name}.lock"), "end", replaced=False
    ),
    "journal": File(lambda desk: desk.state / "journal.jsonl", "end", replaced=False),
    "ledger": File(lambda desk: desk.ledger, "end", replaced=True),
    "last good copy": File(lambda desk: desk.copy, "note", replaced=True),
    "copy before a loss": File(
        lambda desk: desk.copy.with_suffix(".before.yaml"), "loss", replaced=True
    ),
    "lock of the monitor": File(
        lambda desk: next(desk.state.glob("monitor-*.lock")), "start", replaced=False
    ),
}
WATCHERS = "who watches it"


def watchers(desk: Desk) -> Path:
    """What is written besides, as a favour: that it could not be is not said, nor tried at once."""
    return paths.watchers(desk.registry)
