"""What a monitor has to find, told a second time: from the design's text, not from its code.

It sees the world as the test made it, so nothing is ever unknown to it but what no tick can see.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import verdicts
from locating import Disputed, Look, Seen
from sight import (
    Entry,
    Serving,
    Shown,
    Sight,
    agent_pane,
    as_tmux,
    conversations,
    moment,
    proven,
    recorded_ids,
)
from unregistered import Strangers
from verdicts import GRACE, Case, Finding, Key, Past

MOMENT = timedelta(seconds=5)
SECOND_LOOK = timedelta(seconds=10)
MANY = 3
FLAPS, WINDOW = 3, timedelta(minutes=10)
LASTS = timedelta(seconds=60)

Living = tuple[datetime, int] | tuple[()] | None
"""When the session that lives was made, and its pane's pid; empty: none does; None: unsure."""


@dataclass(slots=True)
class Steadiness:
    """How often the sessions of entries that are judged came and went."""

    lives: dict[str, Living] = field(default_factory=dict)
    returns: dict[str, list[datetime]] = field(default_factory=dict)
    risen: dict[str, datetime] = field(default_factory=dict)
    """When each was last up again after it had been seen down."""

    def unsteady(
        self, watched: Mapping[str, Living], at: datetime, before: Mapping[Key, object]
    ) -> set[str]:
        """More than 3 round trips within 10 minutes, until it is steady as long."""
        for name, now in watched.items():
            if now is not None:
                self._see(name, now, at)
        recent = {name: self._recent(name, at) for name in self.returns}
        for name in [each for each in self.lives if each not in watched and not recent[each]]:
            del self.lives[name], self.returns[name]
            self.risen.pop(name, None)
        flapping = {name for name in recent if ("flapping", name, "") in before}
        return {name for name, count in recent.items() if count > FLAPS * (name not in flapping)}

    def is_restless(self, name: str, at: datetime) -> bool:
        """Whether it was down and is back: a death is believed only once it lasts."""
        return name in self.risen and abs(at - self.risen[name]) <= WINDOW

    def _recent(self, name: str, at: datetime) -> int:
        return sum(abs(at - each) <= WINDOW for each in self.returns.get(name, ()))

    def _see(self, name: str, now: tuple[datetime, int] | tuple[()], at: datetime) -> None:
        """One that was made anew was down in between."""
        before, returns = self.lives.get(name), self.returns.setdefault(name, [])
        if before is not None and now not in {(), before}:
            returns.append(at)
            if not before:
                self.risen[name] = at
        self.lives[name] = now


def _life(shown: Shown, entry: Entry) -> Living:
    """A dead pane and a bare shell are no life."""
    pane = agent_pane(shown, entry)
    return () if pane.ended or pane.is_bare else (shown.created_at, pane.pid)


@dataclass(slots=True)
class Oracle:
    """Remembers from tick to tick what the design says is remembered, on one host."""

    servers: dict[str, Serving] = field(default_factory=dict)
    boot: str | None = None
    seen: dict[str, Seen] = field(default_factory=dict)
    """Where the sessions of running entries were last."""
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
    holders: tuple[datetime, Mapping[str, object]] | None = None
    """Who held each conversation when that was asked last: it is not asked again for 5 s."""

    def crash(self, *, ledger_lost: bool) -> None:
        """A new process. Without its ledger it loses patience and history, nothing else."""
        self.edited, self.removed, self.holders = {}, {}, None
        if ledger_lost:
            self.boot, self.steadiness = None, Steadiness()
            for each in (self.open, self.since, self.held, self.seen, self.servers):
                each.clear()
            self.told.clear()

    def tick(self, sight: Sight) -> list[Finding]:
        """The findings of this look, and what comes of them."""
        self._see_edits(sight)
        look, lives = Look(sight, dict(self.seen)), dict[str, Living]()
        found = list(self._found(look, lives))
        unsteady = self.steadiness.unsteady(lives, sight.at, self.open)
        found += [Finding(("flapping", each, "")) for each in sorted(unsteady)]
        wave = self._wave(found, look)
        for each in found:
            self._recall(each, sight)
            self._decide(each, unsteady, sight, wave)
            self._say(each, unsteady, sight)
        self._remember(found, look)
        return found

    def _see_edits(self, sight: Sight) -> None:
        """An entry that differs from what was last seen, in a file saved within the last 5 s."""
        for marks in (self.edited, self.removed):
            for name in [each for each, at in marks.items() if abs(sight.at - at) > MOMENT]:
                del marks[name]
        now, before = sight.entries, self.entries
        if abs(sight.at - sight.saved_at) <= MOMENT:
            edited = [each for each in now if now[each] != before.get(each)]
            self.edited |= dict.fromkeys(edited, sight.saved_at)
            self.removed |= dict.fromkeys(before.keys() - now, sight.saved_at)
        self.removed = {name: at for name, at in self.removed.items() if name not in now}

    # What there is. -----------------------------------------------------------------------------

    def _found(self, look: Look, lives: dict[str, Living]) -> Iterator[Finding]:
        """Of each entry, then of what no entry speaks of. Tells what lives besides."""
        strangers, past = Strangers(look, missing := []), self._past(look)
        holders = self._holders(look)
        for name, entry in look.sight.entries.items():
            case = Case(name=name, entry=entry, look=look, past=past, holders=holders)
            if entry.get("status") != "running":
                self.seen.pop(name, None)
            if entry.get("status") not in {"running", "terminated"}:
                continue  # a person's word
            for each in self._of_entry(case, strangers, lives):
                missing += [name] if each.perhaps_gone else []
                yield each
        for name in self.seen.keys() - look.sight.entries:
            del self.seen[name]
        reserved = [form for name in self.removed for form in (name, as_tmux(name))]
        yield from strangers.found(reserved)

    def _of_entry(
        self, case: Case, strangers: Strangers, lives: dict[str, Living]
    ) -> Iterator[Finding]:
        name, look = case.name, case.look
        if look.is_elsewhere(case.entry):
            yield from verdicts.elsewhere(case)
            return
        found = look.locate(name)
        running = case.entry.get("status") == "running"
        lives[name] = None
        if isinstance(found, Disputed):
            strangers.taken |= {(each.socket, each.id) for each in found.sessions}
            yield from verdicts.disputed(case, found)
        elif found is None:
            gone = verdicts.absent(case) if running else None
            lives[name] = None if gone and gone.perhaps_gone else ()
            yield from [gone] if gone else []
        else:
            strangers.taken.add((found.socket, found.id))
            strangers.panes.add((found.socket, agent_pane(found, case.entry).id))
            lives[name] = _life(found, case.entry)
            yield from self._of_present(case, found) if running else self._of_risen(case, found)

    def _of_present(self, case: Case, shown: Shown) -> Iterator[Finding]:
        if not verdicts.is_ours(case, shown):
            yield verdicts.not_ours(case)
            return
        yield from verdicts.present(case, shown)
        self._see(case, shown)

    def _of_risen(self, case: Case, shown: Shown) -> Iterator[Finding]:
        if case.name not in self.edited:
            yield from verdicts.risen(case, shown)

    def _see(self, case: Case, shown: Shown) -> None:
        """Where it was seen alive; what its agent was is still told when that has ended."""
        sight, before = case.sight, case.seen
        pane = agent_pane(shown, case.entry)
        known = before if before and before.is_of(shown, sight) else None
        if pane.ended or (pane.agent is None and known):
            return
        held = proven(pane, sight)
        if held in sight.on_disk and not case.look.is_mistakable(shown):
            holds = held
        else:
            holds = before.held if before and pane.agent and before.agent == pane.agent else None
        self.seen[case.name] = Seen(
            socket=shown.socket,
            server=sight.servers[shown.socket],
            session=shown.id,
            pane=pane.id,
            agent=pane.agent,
            held=holds,
            boot=sight.boot,
            at=sight.at,
        )

    def _holders(self, look: Look) -> Mapping[str, object]:
        """Asked only where a session that was never seen is missing and records a conversation."""
        sight = look.sight
        wanted = any(
            entry.get("status") == "running"
            and entry.get("agent") == "claude"
            and recorded_ids(entry)
            and name not in look.seen
            and not look.is_elsewhere(entry)
            and (not look.named(name))
            for name, entry in sight.entries.items()
        )
        if not wanted or sight.away():
            return {}
        if self.holders is None or sight.at - self.holders[0] >= MOMENT:
            found: dict[str, object] = {}
            for shown, pane in sorted(sight.agents, key=lambda both: both[1].agent or 0):
                for one in conversations(pane, sight):
                    found.setdefault(one, (pane.agent, shown.name))
            self.holders = sight.at, found
        return self.holders[1]

    # What was before. ---------------------------------------------------------------------------

    def _asked(self, look: Look) -> set[str]:
        """The default socket, those with a living server, and those of sightings."""
        sighted = {
            seen.socket
            for name, seen in look.seen.items()
            if look.sight.entries.get(name, {}).get("status") == "running"
        }
        return {look.sight.default, *look.sight.servers, *sighted}

    def _past(self, look: Look) -> Past:
        sight, asked = look.sight, self._asked(look)
        dead = asked - sight.servers.keys()
        return Past(
            changed=frozenset(
                socket
                for socket, before in self.servers.items()
                if socket in asked and sight.servers.get(socket) != before
            ),
            rebooted=self.boot not in {None, sight.boot},
            answering=bool(sight.servers),
            left=not dead.isdisjoint(sight.sockets),
        )

    def _wave(self, found: Sequence[Finding], look: Look) -> set[Key]:
        """The deaths that are not believed at first sight.

        At least 3 and at least half of the running entries, or no session is left, or the boot or
        the server is another one: but what was seen on a server that is the same is believed. Those
        in doubt count: a wave is no smaller because not all of it could be seen.
        """
        deaths = [each for each in found if each.key[0] == "A"]
        lost = len(deaths) + sum(each.perhaps_gone for each in found)
        running = sum(
            entry.get("status") == "running" and not look.is_elsewhere(entry)
            for entry in look.sight.entries.values()
        )
        past, many = self._past(look), lost >= MANY and lost * 2 >= running
        if past.rebooted or many or not look.sight.sessions:
            return {each.key for each in deaths}
        sockets = {key: look.seen.get(key[1]) for key in (each.key for each in deaths)}
        return {
            key
            for key, seen in sockets.items()
            if past.changed and (seen is None or seen.socket in past.changed)
        }

    # What comes of it. --------------------------------------------------------------------------

    def _recall(self, finding: Finding, sight: Sight) -> None:
        """New once while it is open; another fact under the same key is another finding."""
        key = finding.key
        finding.new = self.open.get(key, self) != finding.fact
        if finding.new:
            self.since[key] = sight.at
            self.held.pop(key, None)
            self.told.discard(key)

    def _decide(self, finding: Finding, unsteady: set[str], sight: Sight, wave: set[Key]) -> None:
        """What has writes is held for a person, for a second look, or while it flaps."""
        key, name = finding.key, finding.key[1]
        if key in wave:
            self.held.setdefault(key, sight.at)
        waits = key in self.held and sight.at - self.held[key] < SECOND_LOOK
        ended = moment(sight.entries.get(name, {}).get("terminated_at"))
        just_ended = ended is not None and abs(sight.at - ended) <= MOMENT
        restless = name in unsteady
        if key[0] == "A":
            lasts = sight.at - self.since[key] >= LASTS
            restless = (restless or self.steadiness.is_restless(name, sight.at)) and not lasts
        if finding.writes is not None:
            held = restless or name in self.edited or waits or just_ended
            finding.action = "held" if held else "updated"
        else:
            finding.action = "flagged" if finding.is_drift else "notice"

    def _say(self, finding: Finding, unsteady: set[str], sight: Sight) -> None:
        """Once while it is open. What may be over in a moment is said when it lasts two minutes.

        Of a session that flaps nothing else is said, but for a death that lasts.
        """
        kind, name, _ = finding.key
        dead = kind == "A" and finding.action == "updated"
        flaps = kind != "flapping" and name in unsteady and not dead
        blinks = finding.action == "held" or kind == "cannot-see"
        age = sight.at - self.since[finding.key]
        if not finding.is_drift and kind not in {"flapping", "cannot-see"}:
            # What is noticed of one that came back moments ago may be over as soon.
            flaps |= self.steadiness.is_restless(name, sight.at) and age < LASTS
        finding.said = finding.key not in self.told and not flaps and (age >= GRACE or not blinks)
        if finding.said:
            self.told.add(finding.key)

    def _remember(self, found: Sequence[Finding], look: Look) -> None:
        """What a write has settled is resolved, and new when it comes back."""
        self.open = {each.key: each.fact for each in found if each.action != "updated"}
        self.held = {key: at for key, at in self.held.items() if key in self.open}
        self.told &= self.open.keys()
        sight, asked = look.sight, self._asked(look)
        before = {socket: each for socket, each in self.servers.items() if socket in asked}
        if self.held:  # until then the second look must find the cause of the first
            self.servers = {**sight.servers, **before}
            self.boot = self.boot or sight.boot
        else:
            self.servers = {**before, **sight.servers}
            self.boot = sight.boot
