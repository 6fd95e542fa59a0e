"""The monitor beside tools that lock the registry, and beside editors that do not.

Each version of the registry occurs once, and the logs of the scribes and the monitor's journal say
from which version to which each save went. So who overwrote what without having seen it can be
told exactly, but for editors: they save what they have, and may undo what came meanwhile.
"""

from __future__ import annotations

import contextlib
import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

import scribes
from desk import Desk
from scribes import Edit, Scribe
from state import journal
from waiting import retry_until

TOOLS, EDITS = 8, 300
EDITORS, SAVES = 2, 60
KEPT = 6
"""Sessions that run all the time, so that those which end are no wave."""
LIVING = 5
"""Further sessions, of which one after the other ends while another begins."""

Sums = tuple[str, str]
"""The checksums of the registry before and after a save."""


def test_nobody_loses_an_update(
    desk: Desk, tmp_path: Path, figure: Callable[[str, str], None]
) -> None:
    turn = str(tmp_path / "turn")
    tools = [_tool(number, EDITS) for number in range(TOOLS)]
    editors = [_editor(number, turn) for number in range(EDITORS)]
    others = [_tool(number, SAVES, turn) for number in range(TOOLS, TOOLS + 2)]
    keepers = desk.starts(*(f"lab-keeper-{number}-creator-claude" for number in range(KEPT)))
    desk.write(text=_text([*editors, *tools, *others], keepers))
    first = desk.registry.read_bytes()

    with desk.poll("--interval", "0.02") as monitor:
        with coming_and_going(desk):
            with scribes.writing(desk.registry, tmp_path / "locked", tools) as locked:
                pass
            with scribes.writing(desk.registry, tmp_path / "both", editors + others) as both:
                pass
        retry_until(lambda: agrees(desk), seconds=60, what="the monitor to have the last word")
        ended = monitor.end()

    account = Account(desk, first, [*locked, *both])
    assert account.faults == []
    text = desk.registry.read_text()
    assert [each.count(text) for each in tools] == [EDITS] * TOOLS
    assert [each.count(text) for each in editors] == [SAVES] * EDITORS
    ended.complaints(None)
    assert len(account.written) >= 50
    figure(
        "writers",
        f"{TOOLS * EDITS:,} locked edits and {EDITORS * SAVES} unlocked saves beside "
        f"{len(account.written)} writes of the monitor: 0 lost, {account.gave_way} writes gave way "
        f"to a save of that moment",
    )


def _tool(number: int, edits: int, turn: str = "") -> Scribe:
    return Scribe(
        name=f"tool-{number}",
        edits=edits,
        locks=True,
        renames=bool(number % 2),
        pause=2.0,
        turn=turn,
    )


def _editor(number: int, turn: str) -> Scribe:
    return Scribe(
        name=f"editor-{number}",
        edits=SAVES,
        locks=False,
        renames=bool(number % 2),
        pause=2.0,
        turn=turn,
    )


def _text(who: Sequence[Scribe], entries: Sequence[str]) -> str:
    marks = "".join(each.place for each in who if not each.locks)
    places = "".join(each.place for each in who if each.locks)
    return f"{marks}version: 1\nsessions:\n{places}{''.join(entries)}"


@contextmanager
def coming_and_going(desk: Desk) -> Iterator[None]:
    """Sessions begin and end all the time: the monitor has to write of each twice."""
    over = Event()

    def churn() -> None:
        living: list[str] = []
        for number in itertools.takewhile(lambda _: not over.is_set(), itertools.count()):
            living.append(f"lab-{number:04}-creator-claude")
            desk.fleet.tmux("new-session", "-d", "-s", living[-1], "--", "sleep", "86400")
            with contextlib.suppress(TimeoutError):
                retry_until(lambda: living[-1] in desk.registry.read_text(), seconds=0.5)
            if len(living) > LIVING:
                desk.fleet.tmux("kill-session", "-t", f"={living.pop(0)}")

    thread = Thread(target=churn)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def agrees(desk: Desk) -> bool:
    """Whether the registry says of each session what tmux says."""
    text = desk.registry.read_text()
    noted = dict(re.findall(r"  - name: (lab-\S+)\n(?:    .*\n)*?    status: (\w+)", text))
    running = {name for name, status in noted.items() if status == "running"}
    return running == set(desk.fleet.tmux("list-sessions", "-F", "#{session_name}").split())


class Account:
    """Every version of the registry, and from which one it came."""

    def __init__(self, desk: Desk, first: bytes, edits: Sequence[Edit]) -> None:
        changes = journal.read(desk.state / "journal.jsonl").changes
        self.written = {one.sums for one in changes if one.void is None}
        """By the monitor."""
        self.gave_way = len({one.sums for one in changes if one.void is not None})
        """Writes of the monitor that were prepared, and not made."""
        self._away = {one.sums[1] for one in changes if one.void is not None}
        self._after = dict(self.written)
        self._seen: set[Sums] = set()
        self.faults = [
            *self._between(scribes.checksum(first), edits, desk.registry.read_bytes()),
            *self._doubled(edits),
            *self._nowhere(edits),
        ]

    def _between(self, first: str, edits: Sequence[Edit], last: bytes) -> Iterator[str]:
        """What was overwritten between one edit and the next: that one did not see it."""
        now = first
        for edit in edits:
            if not self._leads(now, edit.read):
                away = " (it was away to be put back)" * (edit.read in self._away)
                yield f"{edit} did not see {now}{away}"
            now = edit.saved
        if not self._leads(now, scribes.checksum(last)):
            yield f"the last version does not come from {now}"

    def _leads(self, start: str, end: str) -> bool:
        """Whether the monitor, if anybody, made the one version of the other."""
        steps = list(itertools.takewhile(lambda step: step[0] != end, self._from(start)))
        self._seen.update(steps)
        return (steps[-1][1] if steps else start) == end

    def _from(self, version: str) -> Iterator[Sums]:
        """What the monitor wrote from this version, and from that one, and so on."""
        while version in self._after:
            yield version, self._after[version]
            version = self._after[version]

    def _doubled(self, edits: Iterable[Edit]) -> Iterator[str]:
        """Two who took the lock, and wrote from one version all the same."""
        if len(self._after) < len(self.written):
            yield "the monitor wrote twice from one version"
        for edit in edits:
            if edit.locked and edit.read in self._after:
                yield f"{edit} and the monitor wrote from one version"

    def _nowhere(self, edits: Iterable[Edit]) -> Iterator[str]:
        """What the monitor wrote and nobody saw, but for what an editor had read before it."""
        stale = {step for edit in edits if not edit.locked for step in self._from(edit.read)}
        for step in self.written - self._seen - stale:
            yield f"the monitor's {step} has no place among the versions"
