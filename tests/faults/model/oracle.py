"""What the monitor has to find, told a second time: from the design's text, not from its code.

It sees the world as the test made it, so nothing is ever unknown to it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import verdicts
from sight import Entry, Shown, Sight, as_tmux, moment
from verdicts import GRACE, Finding, Key, Past

MOMENT = timedelta(seconds=5)
SECOND_LOOK = timedelta(seconds=10)
MANY = 3
FLAPS, WINDOW = 3, timedelta(minutes=10)

Living = tuple[datetime, int] | tuple[()]
"""When the session that lives was made, and its pane's pid; empty: none does."""


@dataclass(slots=True)
class Steadiness:
    """How often the sessions of entries that are judged came and went."""

    lives: dict[str, Living] = field(default_factory=dict)
    changes: dict[str, list[datetime]] = field(default_factory=dict)

    def unsteady(self, sight: Sight, before: Mapping[Key, object]) -> set[str]:
        """More than 3 changes between up and down within 10 minutes, until it is steady as long."""
        watched = {
            as_tmux(name): _life(sight.session_of(name))
            for name, entry in sight.entries.items()
            if entry.get("status") in {"running", "terminated"}
        }
        for name, now in watched.items():
            self._see(name, now, sight.at)
        recent = {
            name: sum(abs(sight.at - at) <= WINDOW for at in changes)
            for name, changes in self.changes.items()
        }
        for name in [each for each in self.lives if each not in watched and not recent[each]]:
            del self.lives[name], self.changes[name]
        flapping = {name for name in recent if ("flapping", name, "") in before}
        return {name for name, count in recent.items() if count > FLAPS * (name not in flapping)}

    def _see(self, name: str, now: Living, at: datetime) -> None:
        """One that was made anew was down in between; the first one came when it was made."""
        before = self.lives.get(name)
        changes = self.changes.setdefault(name, [])
        if before is None:
            changes += now[:1]
        elif now != before:
            changes += [at, at] if now and before else [at]
        self.lives[name] = now


def _life(shown: Shown | None) -> Living:
    """A dead pane and a bare shell are no life."""
    return (shown.created_at, shown.pid) if shown and shown.agent else ()


@dataclass(slots=True)
class Oracle:
    """Remembers from tick to tick what the design says is remembered."""

    server: int | None = None
    boot: str | None = None
    open: dict[Key, object] = field(default_factory=dict)
    """The facts of what is open."""
    since: dict[Key, datetime] = field(default_factory=dict)
    held: dict[Key, datetime] = field(default_factory=dict)
    """When a death was first held for a second look."""
    told: set[Key] = field(default_factory=set)
    steadiness: Steadiness = field(default_factory=Steadiness)
    entries: Mapping[str, Entry] = field(default_factory=dict)
    """As they were seen last, or written."""
    edited: dict[str, datetime] = field(default_factory=dict)
    """When the entries were saved that a person has just edited."""
    removed: dict[str, datetime] = field(default_factory=dict)
    """The same of those that were taken out."""

    def crash(self, *, ledger_lost: bool) -> None:
        """A new process. Without its ledger it loses patience and history, nothing else."""
        self.edited, self.removed = {}, {}
        if ledger_lost:
            self.server = self.boot = None
            self.steadiness = Steadiness()
            for each in (self.open, self.since, self.held):
                each.clear()
            self.told.clear()

    def tick(self, sight: Sight) -> list[Finding]:
        """The findings of this look, and what comes of them."""
        self._see_edits(sight)
        unsteady = self.steadiness.unsteady(sight, self.open)
        found = [*self._found(sight), *(Finding(("flapping", each, "")) for each in unsteady)]
        wave = self._is_wave(found, sight)
        for each in found:
            self._recall(each, sight)
            self._decide(each, unsteady, sight, wave=wave)
            self._say(each, unsteady, sight)
        self._remember(found, sight)
        return found

    def _see_edits(self, sight: Sight) -> None:
        """An entry that differs from what was last seen, in a file saved within the last 5 s."""
        for marks in (self.edited, self.removed):
            for name in [each for each, at in marks.items() if abs(sight.at - at) > MOMENT]:
                del marks[name]
        now, before = sight.entries, self.entries
        if abs(sight.at - sight.saved_at) <= MOMENT:
            edited = [as_tmux(each) for each in now if now[each] != before.get(each)]
            self.edited |= dict.fromkeys(edited, sight.saved_at)
            self.removed |= dict.fromkeys(map(as_tmux, before.keys() - now), sight.saved_at)

    def _found(self, sight: Sight) -> Iterator[Finding]:
        past = self._past(sight)
        for name, entry in sight.entries.items():
            if not (entry.get("status") == "terminated" and as_tmux(name) in self.edited):
                yield from verdicts.of_entry(name, entry, sight, past)
        taken = {*map(as_tmux, sight.entries), *self.removed}
        for name in sight.sessions.keys() - taken:
            yield from verdicts.of_stranger(sight.sessions[name])

    def _past(self, sight: Sight) -> Past:
        return Past(
            server_changed=self.server not in {None, sight.server},
            rebooted=self.boot not in {None, sight.boot},
        )

    def _is_wave(self, found: Sequence[Finding], sight: Sight) -> bool:
        """At least 3 and at least half of the running entries; or none, or another server or boot.

        Those in doubt count: a wave is no smaller because not all of it could be seen.
        """
        deaths = sum(each.key[0] == "A" for each in found)
        lost = deaths + sum(each.perhaps_gone for each in found)
        running = sum(entry.get("status") == "running" for entry in sight.entries.values())
        past, many = self._past(sight), lost >= MANY and lost * 2 >= running
        changed = past.rebooted or past.server_changed
        return deaths > 0 and (many or changed or not sight.sessions)

    def _recall(self, finding: Finding, sight: Sight) -> None:
        """New once while it is open; another fact under the same key is another finding."""
        key = finding.key
        finding.new = self.open.get(key, self) != finding.fact
        if finding.new:
            self.since[key] = sight.at
            self.held.pop(key, None)
            self.told.discard(key)

    def _decide(self, finding: Finding, unsteady: set[str], sight: Sight, *, wave: bool) -> None:
        """What has writes is held for a person, for a second look, or while it flaps."""
        key, name = finding.key, as_tmux(finding.key[1])
        if key[0] == "A" and wave:
            self.held.setdefault(key, sight.at)
        waits = key in self.held and sight.at - self.held[key] < SECOND_LOOK
        ended = moment(sight.entries.get(key[1], {}).get("terminated_at"))
        just_ended = ended is not None and abs(sight.at - ended) <= MOMENT
        if finding.writes is not None:
            held = name in unsteady or name in self.edited or waits or just_ended
            finding.action = "held" if held else "updated"
        else:
            finding.action = "flagged" if finding.is_drift else "notice"

    def _say(self, finding: Finding, unsteady: set[str], sight: Sight) -> None:
        """Once while it is open. What may be over in a moment is said when it lasts two minutes.

        Of a session that flaps nothing else is said.
        """
        kind, name, _ = finding.key
        flaps = kind != "flapping" and as_tmux(name) in unsteady
        blinks = finding.action == "held" or kind == "cannot-see"
        lasts = sight.at - self.since[finding.key] >= GRACE
        finding.said = finding.key not in self.told and not flaps and (lasts or not blinks)
        if finding.said:
            self.told.add(finding.key)

    def _remember(self, found: Sequence[Finding], sight: Sight) -> None:
        """What a write has settled is resolved, and new when it comes back."""
        self.open = {each.key: each.fact for each in found if each.action != "updated"}
        self.held = {key: at for key, at in self.held.items() if key in self.open}
        self.told &= self.open.keys()
        if not self.held:  # until then the second look must find the cause of the first
            self.server, self.boot = sight.server or self.server, sight.boot
        self.server, self.boot = self.server or sight.server, self.boot or sight.boot
