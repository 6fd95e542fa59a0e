"""Sessions that go up and down again and again: held until they are steady, and said once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from reconcile import identity, names
from reconcile.desired import Entry
from reconcile.drift import LETTERS, Drift, DriftClass, Notice, NoticeKind, finding_id
from reconcile.memory import Life, Memory
from reconcile.observed import Session, SessionName, World

MOST = 3
"""More round trips (up, down, up) than this within the window are no work of a person."""
WINDOW = timedelta(minutes=10)
LASTS = timedelta(seconds=60)
WHY = f"it goes up and down; held until it is steady for {WINDOW // timedelta(minutes=1)} minutes"
WHY_NOT_DEAD = f"it goes up and down; believed when it lasts for {LASTS.total_seconds():g} s"
DOWN = Life()


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsteady:
    """Which sessions go up and down."""

    flapping: frozenset[SessionName] = frozenset()
    """Nothing is written or said of these, but for a death that lasts."""
    restless: frozenset[SessionName] = frozenset()
    """Those that flap, and those that were down and are back: they may be back in a moment."""

    def why_held(self, drift: Drift, age: timedelta) -> str:
        """Why nothing is written for a drift that was first seen so long ago; "" if it may be."""
        name = names.key(drift.session)
        if drift.kind is not DriftClass.TMUX_GONE:
            return WHY if name in self.flapping else ""
        return WHY_NOT_DEAD if name in self.restless and age < LASTS else ""


def unsteady(memory: Memory, flaps: Iterable[Notice], at: datetime) -> Unsteady:
    """The sessions that flap, by their notices, and those that came back moments ago."""
    flapping = frozenset(notice.session for notice in flaps if notice.session)
    back = {
        name for name, each in memory.lives.items() if each.risen and _is_recent(each.risen, at)
    }
    return Unsteady(flapping=flapping, restless=flapping | back)


def life(entry: Entry, session: Session, world: World) -> Life | None:
    """What lives in an entry's session now; None where that is unsure."""
    pane = identity.agent_pane(session, entry, world)
    inside = identity.inside(session, pane, world)
    if pane.dead or inside.shell_only:
        return DOWN
    return None if inside.hidden else Life(made=session.created_at, pid=pane.pid)


def after(memory: Memory, seen: Mapping[SessionName, Life | None], at: datetime) -> Memory:
    """The memory with what lives now. The very same one as long as nothing changed.

    What is not `seen` at all is in the registry no more, and is forgotten when the window is over.
    """
    before = memory.lives
    moved = {
        name: _moved(before.get(name), now, at)
        for name, now in seen.items()
        if now is not None and not _same(before.get(name), now)
    }
    over = [name for name in before if name not in seen and not _recent(before[name].returns, at)]
    if not moved and not over:
        return memory
    kept = {name: each for name, each in before.items() if name not in over}
    return replace(memory, lives={**kept, **moved})


def _same(before: Life | None, now: Life) -> bool:
    return before is not None and (before.made, before.pid) == (now.made, now.pid)


def _moved(before: Life | None, now: Life, at: datetime) -> Life:
    """One that was made anew between two looks was down in between, though nobody saw it down."""
    if before is None:
        return now
    recent = _recent(before.returns, at)
    if now.made is None:
        return replace(now, returns=recent, risen=before.risen)
    return replace(now, returns=(*recent, at), risen=before.risen if before.made else at)


def _recent(returns: Iterable[datetime], at: datetime) -> tuple[datetime, ...]:
    return tuple(each for each in returns if _is_recent(each, at))


def _is_recent(moment: datetime, at: datetime) -> bool:
    """Whether it is within the window; a step of the clock may have left it in the future."""
    return abs(at - moment) <= WINDOW


def notices(memory: Memory, at: datetime) -> Iterator[Notice]:
    """One for each session that flaps, from too many round trips up to a window without any."""
    letter = LETTERS[NoticeKind.FLAPPING]
    flapped = {key for key in memory.open if key.startswith(letter)}
    for name, each in memory.lives.items():
        if len(each.returns) <= MOST and not flapped:  # as most of hundreds, at each tick
            continue
        recent = len(_recent(each.returns, at))
        if recent > MOST or (recent and finding_id(letter, name) in flapped):
            yield Notice(
                id=finding_id(letter, name),
                kind=NoticeKind.FLAPPING,
                session=name,
                message=f"{name}: flapping: {WHY}",
            )
