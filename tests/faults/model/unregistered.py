"""What the oracle finds of live sessions that no entry speaks of."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace

from locating import Look
from sight import (
    Entry,
    Pane,
    Shown,
    agent_pane,
    conversations,
    is_registrable,
    may_run,
    recorded_ids,
    recorded_pid,
)
from verdicts import Finding

NO_ENTRY: Entry = {}


@dataclass(slots=True)
class Strangers:
    """Finds what class B is about, once every entry was judged."""

    look: Look
    missing: Sequence[str]
    """The running entries that nobody can see."""
    taken: set[tuple[str, str]] = field(default_factory=set)
    """The sessions that entries speak of, by socket and id."""
    panes: set[tuple[str, str]] = field(default_factory=set)
    """The agents' panes of entries, by socket and id: a window may be linked."""

    def found(self, reserved: Collection[str]) -> Iterator[Finding]:
        """B for a live session whose name matches a pattern, and why one gets no entry."""
        sessions = [shown for shown in self.look.sight.sessions if shown.alive]
        written = self.look.written | {*reserved}
        for name in sorted({shown.name for shown in sessions} - written):
            free = [
                shown
                for shown in sessions
                if shown.name == name and (shown.socket, shown.id) not in self.taken
            ]
            if not is_registrable(name) or not free:
                continue
            if len(free) > 1:
                yield Finding(("disputed-name", name, ""), sorted(each.socket for each in free))
            elif mine := self._own_part(free[0]):
                yield self._of(mine)

    def _own_part(self, shown: Shown) -> Shown | None:
        """The session without panes that another one has: no process gets a second entry."""
        panes = tuple(each for each in shown.panes if (shown.socket, each.id) not in self.panes)
        mine = replace(shown, panes=panes)
        if not mine.alive:
            return None
        pane = agent_pane(mine, NO_ENTRY)
        if len(panes) < len(shown.panes) and pane.agent is None:
            return None
        self.panes.add((shown.socket, pane.id))
        return mine

    def _of(self, shown: Shown) -> Finding:
        pane, sight = agent_pane(shown, NO_ENTRY), self.look.sight
        mistakable = self.look.is_mistakable(shown)
        for name in sorted(self.missing):
            if self._may_be(sight.entries[name], pane, told=not mistakable):
                return Finding(("renamed", shown.name, ""), name)
        if self.missing and mistakable:
            return Finding(("cannot-see", shown.name, ""), "mistakable")
        writes = {
            "name": shown.name,
            "workspace": pane.directory,
            "agent": "claude",
            "status": "running",
            "host": sight.host,
            "created_at": shown.created_at,
            "last_visible_status": "auto-registered",
            "pane": {
                "pid": str(pane.pid),
                "cmd": "claude" if pane.agent else "sh",
                "cwd": pane.directory,
            },
            "claude_session_id_own": None,
        }
        return Finding(("B", shown.name, ""), shown.created_at, writes)

    def _may_be(self, entry: Entry, pane: Pane, *, told: bool) -> bool:
        """Whether it holds what a missing entry recorded: its conversation or its process."""
        sight = self.look.sight
        held = conversations(pane, sight) if told else ()
        if not {*held}.isdisjoint(recorded_ids(entry)):
            return True
        return recorded_pid(entry) in {pane.pid, pane.agent} and may_run(entry, sight)
