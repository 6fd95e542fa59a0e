"""After a mass termination: which of its sessions are back, each in its own conversation.

The card that was told of it hears once more, under the same key: when all are back, or ten
minutes after the first one is. Nobody brings a fleet back within ten minutes of its end on a
Friday night, so it is not the end that counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from reconcile import adoption, identity, location
from reconcile.adoption import Back
from reconcile.desired import RUNNING, Entry, Registry
from reconcile.location import Located, Sessions
from reconcile.memory import Ended, MassTermination, Memory
from reconcile.observed import ConversationId, SessionName, World

PATIENCE = timedelta(minutes=10)
"""From the first one that is back, until the card hears who is not."""
SHOWN = timedelta(days=1)
"""How long one is remembered that everything was said of."""
AWAITED = timedelta(days=7)
"""How long the first one is waited for."""
AT_MOST = 8
"""Mass terminations that are remembered: the last ones."""
LISTED = 20
"""Names in one sentence; the rest are counted."""


def begun(memory: Memory, key: str, ended: Iterable[Ended], at: datetime) -> Memory:
    """The memory once the card was told of a mass termination under a key."""
    if key in memory.mass_terminations:  # it is told again, on a board that lost it
        return memory
    one = MassTermination(at=at, ended={each.session: each.conversation for each in ended})
    known = {**memory.mass_terminations, key: one}
    last = sorted(known, key=lambda key: known[key].at)[-AT_MOST:]
    return replace(memory, mass_terminations={key: known[key] for key in last})


def after(memory: Memory, registry: Registry, world: World) -> Memory:
    """The memory with who is back at this look."""
    if not memory.mass_terminations:
        return memory
    entries = {entry.name: entry for entry in registry.entries if location.is_judged(entry)}
    look = _Look(world, registry, memory)
    followed = {
        key: look.follow(one, entries)
        for key, one in memory.mass_terminations.items()
        if not _is_over(one, world.at)
    }
    return replace(memory, mass_terminations={key: one for key, one in followed.items() if one})


class _Look:
    """One look at those that are missing; what it needs of the world is found out only once."""

    def __init__(self, world: World, registry: Registry, memory: Memory) -> None:
        self._world, self._registry, self._memory = world, registry, memory
        self._sessions: Sessions | None = None

    def follow(
        self, one: MassTermination, entries: Mapping[SessionName, Entry]
    ) -> MassTermination | None:
        """Who is back by now; None once people have put all of its entries aside."""
        ended = {name: own for name, own in one.ended.items() if name in entries}
        if not ended:
            return None
        one = replace(one, ended=ended, own=one.own & {*ended}, unproven=one.unproven & {*ended})
        backs = {
            name: self._back(entries[name], ended[name])
            for name in _missing(one)
            if entries[name].status == RUNNING
        }
        own, unproven, another = (
            frozenset(name for name, each in backs.items() if each is back)
            for back in (Back.OWN, Back.UNPROVABLE, Back.ANOTHER)
        )
        first = one.first_back or (self._world.at if own or unproven else None)
        return replace(
            one,
            own=one.own | own,
            unproven=one.unproven | unproven,
            another=another,
            first_back=first,
        )

    def _back(self, entry: Entry, own: ConversationId | None) -> Back | None:
        if self._sessions is None:
            self._sessions = Sessions(self._world, self._registry, self._memory)
        found = self._sessions.of(entry)
        if not isinstance(found, Located):
            return None
        pane = identity.agent_pane(found.session, entry, self._world)
        return adoption.returned(own, found.session, pane, self._world).back


def is_due(one: MassTermination, at: datetime) -> bool:
    """Whether the card is to be told now who is back."""
    if one.told or one.first_back is None:
        return False
    return not _missing(one) or at - one.first_back >= PATIENCE


def sentence(one: MassTermination) -> str:
    """Who is back, in words: `9 of 9 are back, each in its own conversation.` at best."""
    return " ".join(_clauses(one))


def _clauses(one: MassTermination) -> Iterator[str]:
    back = len(one.own) + len(one.unproven)
    proven = ", each in its own conversation" if back and not one.unproven else ""
    yield f"{back} of {len(one.ended)} {'is' if back == 1 else 'are'} back{proven}."
    missing = [name for name in _missing(one) if name not in one.another]
    for what, found in (
        ("In which conversation cannot be proven", one.unproven),
        ("Another conversation runs in", one.another),
        ("Not back yet", missing),
    ):
        if found:
            yield f"{what}: {_listed(found)}."


def _listed(found: Iterable[SessionName]) -> str:
    several = sorted(found)
    more = len(several) - LISTED
    return ", ".join(several[:LISTED]) + (f" and {more} more" if more > 0 else "")


def _missing(one: MassTermination) -> list[SessionName]:
    return [name for name in one.ended if name not in one.own and name not in one.unproven]


def _is_over(one: MassTermination, at: datetime) -> bool:
    """Whether nobody needs to hear of it any more."""
    age = at - one.at
    return age > AWAITED or (age > SHOWN and (one.told or not _missing(one)))
