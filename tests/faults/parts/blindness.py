"""A watch while tmux does not answer, and what must hold of it."""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta

from desk import Desk
from hours import Hours
from kanban_worker.tick import Tick
from reconcile.report import SourceState
from tmux_troubles import Scene, Trouble
from vigil import INTERVAL, Vigil
from waiting import retry_until

BEGINS, TICKS = 35.0, 10
ENDS = BEGINS + TICKS * INTERVAL
"""Between these two, in seconds of the watch, tmux fails: on so many ticks."""


@dataclass(slots=True)
class Tally:
    """What the watches of one test came to."""

    ticks: int = 0
    comments: int = 0
    whys: dict[str, str] = field(default_factory=dict)

    def figure(self, what: str) -> str:
        """Its figure."""
        return (
            f"{len(self.whys)} {what}: 0 writes, unknown on {self.ticks} of {self.ticks} ticks, "
            f"{len(self.whys)} notices, {self.comments} comments"
        )


def watch(scene: Scene, trouble: Trouble, kind: str, tally: Tally, *, deadline: float = 5) -> None:
    """Watch while tmux fails for ten ticks, and hold the watch against what must be so."""
    desk, hours, stack = scene.desk, Hours(), ExitStack()
    forget(desk)
    before = untouched(desk)
    vigil = Vigil(desk, hours, seconds=ENDS + 3 * INTERVAL)
    calls = vigil._monitor.observer._tmux._calls
    calls._deadline = deadline

    def ends() -> None:
        stack.close()
        left = calls._stuck.values()
        retry_until(lambda: all(each.done() for each in left), what="the end of the call")

    hours.at(BEGINS, lambda: stack.enter_context(trouble(scene)))
    hours.at(ENDS, ends)
    with stack:
        vigil.run()
    blind = [tick for tick, at in zip(vigil.ticks, vigil.times, strict=True) if BEGINS < at < ENDS]
    assert len(blind) == TICKS, kind
    why = assert_blind(vigil, blind, kind)
    assert_seeing(vigil, blind[-1], why, kind)
    assert untouched(desk) == before, kind
    tally.ticks, tally.comments = tally.ticks + len(blind), tally.comments + len(vigil.said)
    tally.whys[kind] = why


def forget(desk: Desk) -> None:
    """What earlier watches found, so that the next kind is a first time."""
    shutil.rmtree(desk.cache, ignore_errors=True)


def untouched(desk: Desk) -> tuple[bytes, int, int]:
    """What must be the same afterwards: the registry's bytes and time, and the journal's length."""
    stat = desk.registry.stat()
    return desk.registry.read_bytes(), stat.st_mtime_ns, len(desk.journal)


def assert_blind(vigil: Vigil, blind: list[Tick], kind: str) -> str:
    """Nothing decided; one notice, new once; one line on stderr; one comment. The reason."""
    (why,) = {tick.report.sources["tmux"].why for tick in blind}
    began = blind[0].report.at
    notes = [note for tick in vigil.ticks for note in tick.report.notes]
    assert all(tick.report.decisions == () for tick in vigil.ticks), kind
    assert len(notes) == len(blind), kind
    assert {(note.notice.message, note.since) for note in notes} == {(f"cannot see: {why}", began)}
    assert [note.new for note in notes] == [True] + [False] * (len(notes) - 1), kind
    assert vigil.complaints == [f"cannot see: {why}"], kind
    # What follows is quoted where it has a word of a stop in it.
    assert [text.partition("]")[0] for text in vigil.said] == [f"[{notes[0].notice.id}"], kind
    for tick in blind:
        assert tick.report.sources["tmux"].state is SourceState.UNKNOWN, kind
        health = tick.report.health["tmux"]
        assert (health.since, health.error, health.error_at) == (began, why, began), kind
    beats = [note for at, note in vigil.board.beats if BEGINS < at < ENDS]
    assert beats, kind
    assert all("cannot see: " in note and "(since " in note for note in beats), kind
    return why


def assert_seeing(vigil: Vigil, last_blind: Tick, why: str, kind: str) -> None:
    """The next tick sees again, and the report still tells of the last error."""
    last = vigil.ticks[-1].report
    assert last.sources["tmux"].state is SourceState.OK, kind
    assert last.health["tmux"].since == last_blind.report.at + timedelta(seconds=INTERVAL), kind
    assert last.health["tmux"].error == why, kind
