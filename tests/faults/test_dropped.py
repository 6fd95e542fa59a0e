"""Ticks that never took place: whatever was missed, the registry ends up the same.

One story is played by real stand-ins in a real tmux. Beside it, one monitor for each pattern of
ticks has a registry of its own, and looks only where its pattern says so; all look at the same
files, processes and times. The last tick always takes place.
"""

from __future__ import annotations

import itertools
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from desk import Desk
from kanban_worker import config
from kanban_worker.tick import Monitor

A, B = "lab-a-creator-claude", "lab-b-creator-claude"
FIRST = {A: "aaaaaaaa-0000-4000-8000-00000000000a", B: "bbbbbbbb-0000-4000-8000-00000000000b"}
"""The conversations with which their agents begin."""
HEAD = "version: 1\nsessions:\n"
PACE = timedelta(seconds=30)
LAST_LOOKS = {2, 3}
"""The steps behind which a look still finds what B held when it died."""

Figure = Callable[[str, str], None]


@dataclass(slots=True)
class Clock:
    """Tells every monitor the same time."""

    now: datetime = field(default_factory=lambda: datetime.now().astimezone() + PACE)

    def __call__(self) -> datetime:
        return self.now


@dataclass(frozen=True, slots=True)
class Watcher:
    """One monitor, and the steps behind which it looks."""

    looks: frozenset[int]
    registry: Path
    monitor: Monitor

    def tick(self) -> None:
        found = self.monitor.tick(dry_run=False)
        assert not found.troubles
        assert not found.report.blind


class Stage:
    """A desk, and the monitors that look over its shoulder."""

    def __init__(self, desk: Desk, patterns: Sequence[frozenset[int]]) -> None:
        self.desk, self.clock = desk, Clock()
        self.watchers = [self._watcher(number, looks) for number, looks in enumerate(patterns)]

    def _watcher(self, number: int, looks: frozenset[int]) -> Watcher:
        home = self.desk.fence.home
        registry = home / "patterns" / f"{number:05}" / "agent-sessions.yaml"
        registry.parent.mkdir(parents=True)
        shutil.copy2(self.desk.registry, registry)
        environ = self.desk.environ | {"AGENT_SESSIONS_REGISTRY": str(registry)}
        settings = config.from_environment(environ, home)
        return Watcher(looks, registry, Monitor(settings, clock=self.clock))

    def play(self, words: Sequence[tuple[str, str]]) -> None:
        """Let the sessions hear these words, and each watcher look where its pattern says so."""
        for step, (name, word) in enumerate(words):
            if word == "kill":
                self.desk.fleet.kill(name)
            else:
                self.desk.fleet.send(name, word.replace("FIRST", FIRST[name]))
            self.clock.now += PACE
            for watcher in self.watchers:
                if step in watcher.looks or step == len(words) - 1:
                    watcher.tick()

    def ends(self) -> dict[frozenset[int], str]:
        """What stands in each registry."""
        return {each.looks: each.registry.read_text() for each in self.watchers}


def every_pattern(steps: int) -> list[frozenset[int]]:
    """All ways of missing ticks; the last one is always made."""
    earlier = range(steps - 1)
    found = itertools.chain.from_iterable(
        itertools.combinations(earlier, count) for count in range(steps)
    )
    return [frozenset(each) for each in found]


UNSEEN = ("claude_session_id_own", "session_id_history")
"""What only a look at the living process can tell: which conversation it held."""
NOTICED = ("terminated_at",)
"""When the death was noticed; the look before and the look behind it are others."""


def without(text: str, name: str, keys: Sequence[str]) -> str:
    """The registry without some keys of one session, and what stands below them."""
    left, inside, dropped = [], False, False
    for line in text.splitlines():
        if line.startswith("  - name: "):
            inside = line == f"  - name: {name}"
        if not line.startswith("      "):
            dropped = inside and line.strip().partition(":")[0] in keys
        if not dropped:
            left.append(line)
    return "\n".join(left)


def ways(text: str) -> list[str]:
    """How each conversation in it was left."""
    return re.findall(r"proof: [\w-]+, how: ([\w-]+)", text)


@pytest.fixture
def begun(desk: Desk) -> Desk:
    """Two sessions that run and are registered, and have not said anything yet."""
    for name in (A, B):
        (entry,) = desk.starts(name, agent="claude", options=("--session-id", FIRST[name]))
        text = desk.registry.read_text() if desk.registry.exists() else ""
        desk.write(text=f"{text or HEAD}{entry}")
    return desk


def test_ids_that_moved_on_unseen_leave_the_same_registry(begun: Desk, figure: Figure) -> None:
    words = [
        (A, "prompt"),
        (A, "clear"),
        (A, "clear"),
        (A, "prompt"),
        (A, "resume FIRST"),
        (A, "clear"),
        (A, "clear"),
        (A, "branch"),
        (A, "prompt"),
    ]
    stage = Stage(begun, every_pattern(len(words)))

    stage.play(words)

    ends = stage.ends()
    seen = ends[frozenset(range(len(words) - 1))]
    assert ways(seen) == ["clear", "clear", "resume", "clear", "clear", "fork"]
    assert [sorted(looks) for looks, text in ends.items() if text != seen] == []
    figure("dropped", f"{len(ends)} patterns of {len(words)} steps, equal byte for byte")


def test_a_death_in_between_leaves_the_same_registry_but_for_what_only_a_look_can_tell(
    begun: Desk, figure: Figure
) -> None:
    words = [
        (A, "prompt"),
        (B, "prompt"),
        (B, "clear"),
        (A, "clear"),
        (B, "kill"),
        (A, "clear"),
        (A, "prompt"),
    ]
    stage = Stage(begun, every_pattern(len(words)))

    stage.play(words)

    ends = stage.ends()
    seen = ends[frozenset(range(len(words) - 1))]
    assert ways(seen) == ["clear", "clear", "clear"]
    assert "termination_cause: session-closed" in seen
    for looks, text in ends.items():
        keys = NOTICED if looks & LAST_LOOKS else (*NOTICED, *UNSEEN)
        assert without(text, B, keys) == without(seen, B, keys), sorted(looks)
    exact = sum(bool(looks & LAST_LOOKS) for looks in ends)
    figure(
        "dropped",
        f"{len(ends)} patterns of {len(words)} steps with a death: equal but for terminated_at; "
        f"{len(ends) - exact} of them never looked between the last /clear and the death, and "
        "lack the id that it led to",
    )
