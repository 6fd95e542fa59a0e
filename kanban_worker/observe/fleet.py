"""Tells which sessions are followed, from one registry, one set of listings and the sightings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from kanban_worker.processes import LivingPane
from kanban_worker.recorded import Followed, Wanted
from reconcile import location, names
from reconcile.desired import RUNNING, Entry, Registry
from reconcile.location import How, Located, Sessions
from reconcile.memory import Memory, Sighting
from reconcile.observed import Answer, Listing, SessionName, World


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """The sessions that are followed, and the entries that have none."""

    registry: Registry
    sightings: Mapping[SessionName, Sighting]
    listings: Mapping[str, Answer[Listing]]
    followed: Sequence[Followed]
    panes: Sequence[LivingPane]
    missing: Sequence[Entry]
    """The running entries of this place whose session no listing certainly shows."""
    wanted: Wanted

    def is_of(self, registry: Registry, memory: Memory, world: World) -> bool:
        """Whether the same would follow from these, without working it out."""
        return (
            self.registry == registry
            and self.sightings == memory.sightings
            and _identical(self.listings, world.tmux)
        )


def _identical(one: Mapping[str, Answer[Listing]], other: Mapping[str, Answer[Listing]]) -> bool:
    """Whether tmux printed the same for each socket; then its listing is the same object."""
    return one.keys() == other.keys() and all(one[socket] is other[socket] for socket in one)


def of(
    registry: Registry, memory: Memory, world: World, patterns: tuple[str, ...], wanted: Wanted
) -> Fleet:
    """Find the sessions of the entries; `patterns` are the names that would be registered."""
    sessions = Sessions(world, registry, memory)
    followed: list[Followed] = []
    missing: list[Entry] = []
    for entry in registry.entries:
        if not location.is_judged(entry) or sessions.is_elsewhere(entry):
            continue
        found = sessions.of(entry)
        if isinstance(found, Located):
            followed.append(Followed(found.session, entry))
        unsure = found is None or (isinstance(found, Located) and found.how is How.PROCESS)
        if unsure and entry.status == RUNNING:
            missing.append(entry)
    followed += _strangers(registry, sessions, followed, patterns)
    return Fleet(
        registry=registry,
        sightings=memory.sightings,
        listings=world.tmux,
        followed=followed,
        panes=_living_panes(sessions, followed),
        missing=missing,
        wanted=wanted,
    )


def _strangers(
    registry: Registry, sessions: Sessions, followed: Sequence[Followed], patterns: tuple[str, ...]
) -> Iterator[Followed]:
    """The sessions that would be registered."""
    taken = {form for entry in registry.entries for form in names.as_listed(entry.name)}
    known = {location.key(each.session) for each in followed}
    for name, named in sessions.by_name.items():
        free = [each for each in named if location.key(each) not in known]
        if free and name not in taken and names.registrable(name, patterns):
            yield Followed(next((s for s in free if s.alive), free[0]), None)


def _living_panes(sessions: Sessions, followed: Sequence[Followed]) -> list[LivingPane]:
    """Every living pane; in those that nobody asked for, an agent may still claim an id.

    A pane that several sessions show (`new-session -t`, `link-window`) is looked into once,
    for the one that is followed.
    """
    entries = {id(each.session): each.entry for each in followed}
    panes: dict[tuple[str, str], LivingPane] = {}
    for session in sessions.all():
        for pane in session.panes:
            entry = entries.get(id(session))
            living = LivingPane(
                socket=session.socket,
                pane=pane,
                wanted=entry.agent if entry else None,
                followed=id(session) in entries,
            )
            if not pane.dead and (living.followed or living.key not in panes):
                panes[living.key] = living
    return list(panes.values())
