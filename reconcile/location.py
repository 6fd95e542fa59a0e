"""Finds the session of an entry: the one that was seen last, wherever it went; else by its name.

A name is no identity. A session is renamed, its panes are moved, another server has one of the
same name, and a registry is read from another host. So what was seen here before is followed by
tmux's own ids, and a name alone is believed only where nothing contradicts it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum, auto

from reconcile import names
from reconcile.desired import RUNNING, TERMINATED, Entry, Registry
from reconcile.memory import Memory, Sighting
from reconcile.observed import Answer, Listing, Pane, Place, Session, SessionName, Unknown, World


class How(StrEnum):
    """By what an entry's session was found."""

    NAME = auto()
    SESSION = auto()
    """tmux's id of the session that was seen before; its name may be another one now."""
    PANE = auto()
    """tmux's id of the pane that was seen before, in another session now."""
    PROCESS = auto()
    """The recorded pane's pid alone, for an entry never seen: what runs there must confirm it."""


@dataclass(frozen=True, slots=True)
class Located:
    """An entry's session."""

    session: Session
    how: How


@dataclass(frozen=True, slots=True)
class Disputed:
    """A session of the entry's name that may be another's: nothing is concluded from it."""

    why: str
    """A clause for a person: `two tmux servers have a session of this name: …`."""
    sessions: tuple[Session, ...]


Location = Located | Disputed | None


class Sessions:
    """The sessions of one look, and which entry each belongs to."""

    def __init__(self, world: World, registry: Registry, memory: Memory) -> None:
        """Read place and listings of the world alone: the rest may not be known yet."""
        self.by_name: Mapping[SessionName, Sequence[Session]] = by_name(world.tmux.values())
        self._listings = world.tmux
        answers = world.tmux.items()
        self._versions = {at: each.version for at, each in answers if isinstance(each, Listing)}
        self._place, self._home_since = world.place, world.home_since
        self._sightings = memory.sightings
        self._by_id = {(each.socket, each.id): each for each in self.all()}
        # A pane in a linked window or a grouped session is in several: the oldest one counts, so
        # that nothing depends on what other sessions are called.
        self._by_pane: dict[tuple[str, str], Session] = {}
        self._by_pid: dict[int | None, list[Session]] = {}
        for session, pane in sorted(self._panes(), key=lambda both: age(both[0])):
            self._by_pane.setdefault((session.socket, pane.pane_id), session)
            if not pane.dead:
                self._by_pid.setdefault(pane.pid, []).append(session)
        self._exact = {entry.name for entry in registry.entries}
        self._names: set[SessionName] = set()
        self._owners: dict[tuple[str, SessionName], list[SessionName]] = {}
        for entry in registry.entries:
            self._names.update(names.as_listed(entry.name))
            if seen := self._seen(entry):
                self._owners.setdefault(key(seen.session), []).append(entry.name)
        running = (entry for entry in registry.entries if entry.status == RUNNING)
        self._recorders = Counter(entry.pane_pid for entry in running)

    def all(self) -> Iterator[Session]:
        """Every session of every server that was asked."""
        return (session for named in self.by_name.values() for session in named)

    def sighting(self, entry: Entry) -> Sighting | None:
        """Where the entry's session was last seen, here or elsewhere."""
        return self._sightings.get(names.key(entry.name))

    def is_elsewhere(self, entry: Entry) -> bool:
        """Whether an entry is another place's: its host says so, or it was last seen there."""
        if not isinstance(self._place, Place):
            return False
        if entry.host is not None:
            return not self._place.is_called(entry.host)
        seen = self.sighting(entry)
        return seen is not None and seen.is_elsewhere(self._place.id, self._home_since)

    def is_unsure(self, entry: Entry) -> bool:
        """Whether nobody can tell if an entry is this place's: which place it is is not known."""
        told = entry.host is not None or bool(self._sightings)
        return isinstance(self._place, Unknown) and told

    def is_mistakable(self, session: Session) -> bool:
        """Whether what is told of it by its name alone may be of another session that is followed.

        That is one on another server, which is an entry's own or could become one.
        """
        others = (one for one in self.by_name[session.name] if key(one) != key(session))
        return any(key(one) in self._owners or one.name not in self._names for one in others)

    def of(self, entry: Entry) -> Location:
        """The session of an entry of this place; None where no listing shows one."""
        if seen := self._seen(entry):
            others = self._other_owners(entry, seen.session)
            why = f"its session is also that of {', '.join(others)}"
            return Disputed(why, (seen.session,)) if others else seen
        if named := self.named(entry):
            return self._of_those_named(entry, named)
        return None if self._sighting_here(entry) else self._by_process(entry)

    def _of_those_named(self, entry: Entry, named: Sequence[Session]) -> Location:
        """The entry's session among those of its name; another one may have taken the name over."""
        sighting = self._sighting_here(entry)
        servers = {session.socket for session in named}
        if sighting and sighting.socket in servers:
            named = [session for session in named if session.socket == sighting.socket]
        elif sighting and self._is_silent(sighting.socket):
            why = f"it was last seen at another tmux server ({sighting.socket}), which says nothing"
            return Disputed(why, (*named,))
        elif len(servers) > 1:
            found = ", ".join(sorted(servers))
            return Disputed(f"several tmux servers have a session of this name: {found}", (*named,))
        first = named[0]
        owners = self._other_owners(entry, first)
        if owners and sighting is None:
            why = f"the session of this name is that of entry {owners[0]}, which was renamed"
            return Disputed(why, (first,))
        return None if owners else Located(first, How.NAME)

    def _is_silent(self, socket: str) -> bool:
        """Whether nobody can tell what a tmux server has: it gave no answer, or was not asked."""
        return socket not in self._listings or isinstance(self._listings[socket], Unknown)

    def _other_owners(self, entry: Entry, session: Session) -> Sequence[SessionName]:
        """Which other running entries were last seen in a session, or in a pane of it."""
        return sorted(name for name in self._owners.get(key(session), ()) if name != entry.name)

    def named(self, entry: Entry) -> Sequence[Session]:
        """The sessions of its name: exactly, then as their server's version rewrites it."""
        return [
            session
            for form in names.as_listed(entry.name)
            for session in self.by_name.get(form, ())
            if form == entry.name or self._is_rewritten(entry, form, session.socket)
        ]

    def _is_rewritten(self, entry: Entry, form: SessionName, socket: str) -> bool:
        """Whether a server lists the entry's session so, and no entry is written exactly so."""
        return form not in self._exact and form in names.as_listed(
            entry.name, self._versions[socket]
        )

    def _seen(self, entry: Entry) -> Located | None:
        """The very session, or the very pane, of the entry's sighting, if it is still listed."""
        sighting = self._sighting_here(entry)
        if sighting is None:
            return None
        answer = self._listings.get(sighting.socket)
        if not isinstance(answer, Listing) or answer.server != sighting.server:
            return None
        session = self._by_id.get((sighting.socket, sighting.session_id))
        holder = self._by_pane.get((sighting.socket, sighting.pane_id))
        if session and (holder is None or _shows(session, sighting.pane_id)):
            return Located(session, How.SESSION)
        return Located(holder, How.PANE) if holder else None

    def _sighting_here(self, entry: Entry) -> Sighting | None:
        """Of a running entry alone: where one that ended was says nothing of where it rises."""
        seen = self.sighting(entry) if entry.status == RUNNING else None
        here = isinstance(self._place, Place) and seen and seen.place == self._place.id
        return seen if here else None

    def _by_process(self, entry: Entry) -> Located | None:
        """The one session that holds the recorded pane's pid, unless it may be another entry's."""
        if entry.status != RUNNING:
            return None
        found = self._by_pid.get(entry.pane_pid, [])
        free = [s for s in found if s.name not in self._names and key(s) not in self._owners]
        match free:
            case [session] if self._recorders[entry.pane_pid] == 1:
                return Located(session, How.PROCESS)
        return None

    def _panes(self) -> Iterator[tuple[Session, Pane]]:
        return ((session, pane) for session in self.all() for pane in session.panes)


def age(session: Session) -> tuple[int, str]:
    """Sorts sessions of one server by age: tmux counts their ids up (`$9`, `$10`)."""
    return len(session.id), session.id


def _shows(session: Session, pane_id: str) -> bool:
    return any(pane.pane_id == pane_id for pane in session.panes)


def key(session: Session) -> tuple[str, SessionName]:
    """What tells a session from every other one of the same look."""
    return session.socket, session.name


def by_name(listings: Iterable[Answer[Listing]]) -> Mapping[SessionName, list[Session]]:
    """All sessions by name; two servers may each have one of the same name."""
    found: dict[SessionName, list[Session]] = {}
    for answer in listings:
        if isinstance(answer, Listing):
            for name, session in answer.sessions.items():
                found.setdefault(name, []).append(session)
    return found


def is_judged(entry: Entry) -> bool:
    """Whether an entry is the monitor's to look after; any other status is a person's word."""
    return entry.status in {RUNNING, TERMINATED}


def is_blind(world: World) -> bool:
    """Whether a tmux server that was asked gave no answer."""
    return any(isinstance(answer, Unknown) for answer in world.tmux.values())
