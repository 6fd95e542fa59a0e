"""Which session is an entry's: the one that was seen last, wherever it went; else by its name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sight import Entry, Serving, Shown, Sight, as_tmux, differences, may_run, recorded_pid


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Where the session of an entry was seen last on this host, and what its agent held."""

    socket: str
    server: Serving
    session: str
    pane: str
    agent: int | None
    held: str | None
    """What this agent was last proven to hold."""
    boot: str
    at: datetime

    def is_of(self, shown: Shown, sight: Sight) -> bool:
        """Whether it is of this very session, or of a pane that is in it now."""
        same = shown.socket == self.socket and sight.servers[self.socket] == self.server
        return same and (shown.id == self.session or self.shows_pane(shown))

    def shows_pane(self, shown: Shown) -> bool:
        """Whether the session has its pane; told of sessions of its server alone."""
        return any(pane.id == self.pane for pane in shown.panes)


@dataclass(frozen=True, slots=True)
class Disputed:
    """A session that may be another's: nothing is concluded from it."""

    fact: object
    sessions: Sequence[Shown]


Located = Shown | Disputed | None


@dataclass(slots=True)
class Look:
    """What one tick sees, beside what is known of before."""

    sight: Sight
    seen: Mapping[str, Seen]
    owners: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    """The running entries that were last seen in a session, or in a pane of it."""

    def __post_init__(self) -> None:
        """Find out whose the sessions are that were seen before."""
        for name, entry in self.sight.entries.items():
            if entry.get("status") == "running" and (shown := self.followed(name)):
                self.owners.setdefault((shown.socket, shown.id), []).append(name)

    @property
    def written(self) -> set[str]:
        """The names under which the sessions of entries may be listed."""
        return {form for name in self.sight.entries for form in (name, as_tmux(name))}

    def is_elsewhere(self, entry: Entry) -> bool:
        """`host:` in an entry says whose it is."""
        return entry.get("host") not in {None, self.sight.host}

    def followed(self, name: str) -> Shown | None:
        """The session, or the one with the pane, that was seen before: tmux's ids survive.

        Of several with the pane (a window may be linked) the oldest one counts.
        """
        seen = self.seen.get(name)
        if seen is None or self.sight.servers.get(seen.socket) != seen.server:
            return None
        here = [shown for shown in self.sight.sessions if shown.socket == seen.socket]
        own = [shown for shown in here if shown.id == seen.session]
        holding = [shown for shown in here if seen.shows_pane(shown)]
        holding.sort(key=lambda shown: shown.age)
        found = [each for each in own if each in holding or not holding] or holding
        return found[0] if found else None

    def named(self, name: str) -> list[Shown]:
        """The sessions of an entry's name, exactly, else as tmux rewrites it."""
        exact = [shown for shown in self.sight.sessions if shown.name == name]
        form = as_tmux(name)
        free = form not in self.sight.entries
        other = [shown for shown in self.sight.sessions if free and shown.name == form != name]
        return [*exact, *other]

    def locate(self, name: str) -> Located:
        """The session of an entry of this host."""
        entry = self.sight.entries[name]
        if entry.get("status") == "running" and (shown := self.followed(name)):
            others = self._others(name, shown)
            return Disputed(("followed", *others), [shown]) if others else shown
        named, seen = self.named(name), self.seen.get(name)
        if not named:
            return None if seen else self._by_process(name, entry)
        sockets = sorted({shown.socket for shown in named})
        if seen and seen.socket in sockets:
            named = [shown for shown in named if shown.socket == seen.socket]
        elif len(sockets) > 1:
            return Disputed(("several", *sockets), named)
        best = next((shown for shown in named if shown.alive), named[0])
        others = self._others(name, best)
        return Disputed(("named", *others[:1]), [best]) if others else best

    def is_mistakable(self, shown: Shown) -> bool:
        """Whether what its name tells may be of another session: what it holds is not told."""
        return any(
            each.name == shown.name
            and each.socket != shown.socket
            and ((each.socket, each.id) in self.owners or each.name not in self.written)
            for each in self.sight.sessions
        )

    def _others(self, name: str, shown: Shown) -> list[str]:
        return sorted({*self.owners.get((shown.socket, shown.id), ())} - {name})

    def _by_process(self, name: str, entry: Entry) -> Shown | None:
        """The pane's process survives a rename, also of a session that nobody saw before."""
        pid, entries = recorded_pid(entry), self.sight.entries.items()
        if not pid or entry.get("status") != "running":
            return None
        rivals = [
            each
            for each, other in entries
            if other.get("status") == "running" and recorded_pid(other) == pid and each != name
        ]
        free = [
            shown
            for shown in self.sight.sessions
            if any(pane.pid == pid and not pane.ended for pane in shown.panes)
            and shown.name not in self.written
            and (shown.socket, shown.id) not in self.owners
        ]
        if rivals or len(free) != 1 or any(differences(entry, free[0], self.sight)):
            return None
        return free[0] if may_run(entry, self.sight) else None
