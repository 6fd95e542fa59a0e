"""Sessions that go up and down again and again: held until they are steady, and said once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from reconcile import identity
from reconcile.desired import Entry
from reconcile.drift import LETTERS, Notice, NoticeKind, finding_id
from reconcile.memory import Life, Memory
from reconcile.observed import Session, SessionName, World

MOST = 3
"""More changes than this within the window are no work of a person."""
WINDOW = timedelta(minutes=10)
WHY = f"it goes up and down; held until it is steady for {WINDOW // timedelta(minutes=1)} minutes"
DOWN = Life()


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
    over = [name for name in before if name not in seen and not _recent(before[name].changes, at)]
    if not moved and not over:
        return memory
    kept = {name: each for name, each in before.items() if name not in over}
    return replace(memory, lives={**kept, **moved})


def _same(before: Life | None, now: Life) -> bool:
    return before is not None and (before.made, before.pid) == (now.made, now.pid)


def _moved(before: Life | None, now: Life, at: datetime) -> Life:
    """One that was made anew between two looks went down and up, though nobody saw it down."""
    if before is None:
        came = () if now.made is None else _recent((now.made,), at)
        return replace(now, changes=came)
    times = 2 if before.made and now.made else 1
    return replace(now, changes=(*_recent(before.changes, at), *[at] * times))


def _recent(changes: Iterable[datetime], at: datetime) -> tuple[datetime, ...]:
    """The changes within the window; a step of the clock may have left one in the future."""
    return tuple(change for change in changes if abs(at - change) <= WINDOW)


def notices(memory: Memory, at: datetime) -> Iterator[Notice]:
    """One for each session that flaps, from too many changes up to a whole window without one."""
    letter = LETTERS[NoticeKind.FLAPPING]
    flapped = {key for key in memory.open if key.startswith(letter)}
    for name, each in memory.lives.items():
        if len(each.changes) <= MOST and not flapped:  # as most of hundreds, at each tick
            continue
        recent = len(_recent(each.changes, at))
        if recent > MOST or (recent and finding_id(letter, name) in flapped):
            yield Notice(
                id=finding_id(letter, name),
                kind=NoticeKind.FLAPPING,
                session=name,
                message=f"{name}: flapping: {WHY}",
            )
