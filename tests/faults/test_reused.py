"""A pid that comes round, and a session that is made anew under its name, between two ticks."""

from __future__ import annotations

import contextlib
import itertools
import os
import shlex
import signal
import subprocess
import time
import uuid
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import pids
from desk import Desk
from fences import Fence
from fleet import Fleet, Runs
from hours import Hours
from kanban_worker import config, standin
from kanban_worker.tick import Monitor, Tick
from reconcile.drift import DriftClass, NoticeKind
from reconcile.observed import Bound, SessionName
from reconcile.plan import Action
from waiting import retry_until

NAME = "lab-x-creator-claude"
OLD, NEW = str(uuid.uuid4()), str(uuid.uuid4())

Figure = Callable[[str, str], None]
chosen = pytest.mark.skipif(not pids.can_be_chosen(), reason="only root may choose the next pid")


@dataclass
class Eye:
    """A monitor that looks again and again, 30 seconds apart by its own clock."""

    desk: Desk
    hours: Hours = field(default_factory=Hours)

    def __post_init__(self) -> None:
        environ = {**os.environ, **self.desk.environ}
        settings = config.from_environment(environ, self.desk.fence.home)
        self.monitor = Monitor(settings, clock=self.hours.clock)

    def look(self) -> Seen:
        self.hours.sleep(None, 30)
        return Seen(self.monitor.tick(dry_run=False))


@dataclass(frozen=True, slots=True)
class Seen:
    """What one tick made of the session."""

    tick: Tick

    @property
    def drifts(self) -> list[tuple[str, Action]]:
        return [(each.drift.kind.value, each.action) for each in self.tick.report.decisions]

    @property
    def notices(self) -> Mapping[NoticeKind, str]:
        return {note.notice.kind: note.notice.message for note in self.tick.report.notes}

    @property
    def entry(self) -> Any:  # noqa: ANN401 - asked for whatever the entry has
        (found,) = self.tick.registry.entries
        return found


def entry(desk: Desk, pid: int | None, **keys: str) -> str:
    """The entry of a session that holds the old conversation; without a pid it tells no pane."""
    usual = {"claude_session_id_own": OLD} | ({} if pid else {"created_at": "null"})
    return desk.entry(NAME, pid=pid, **usual | keys)


def begin(desk: Desk, *, pane: bool = True, agent: Runs = "claude") -> int:
    """Start the old session and write its entry; its pane's pid."""
    options = ("--session-id", OLD, "--prompted") if agent == "claude" else ()
    pid = desk.fleet.start(NAME, agent=agent, cwd=desk.workspace(NAME), options=options)
    desk.write(entry(desk, pid if pane else None))
    return pid


# A session made anew. ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Anew:
    """What is made under the old name."""

    agent: Runs = "claude"
    elsewhere: bool = False
    options: tuple[str, ...] = ("--session-id", NEW, "--prompted")

    def where(self, desk: Desk) -> Path:
        return desk.workspace("elsewhere" if self.elsewhere else NAME)


SAME, ELSEWHERE = Anew(), Anew(elsewhere=True)
OTHER_KIND = Anew(agent="agy", options=("--prompted",))
SHELL = Anew(agent="shell", options=())
TOLD = {SAME: "", ELSEWHERE: "workspace was", OTHER_KIND: "agent was claude, is agy"}
"""What an identity notice says of it when the pane tells nothing; empty: the agent is the same."""


def desks(fence: Fence) -> Generator[Desk]:
    """One desk after the other, each in a home of its own with a server of its own."""
    for number in itertools.count():
        root = Fence(fence.root / str(number))
        (root.home / "board").mkdir(parents=True)
        with pytest.MonkeyPatch.context() as patch, Fleet(fence.tmux / str(number)) as fleet:
            for name, value in root.environment.items():
                patch.setenv(name, value)
            fleet.start("keeper", agent="sleep")
            yield Desk(root, fleet, root.home / "board/agent-sessions.yaml")


def assert_seen(seen: Seen, expected: str, case: object) -> None:
    """An identity notice that says what is expected; where nothing is, the new conversation."""
    if expected:
        assert expected in seen.notices[NoticeKind.IDENTITY], case
        assert seen.drifts == [], case
    else:
        assert seen.drifts == [(DriftClass.ID_MATERIALISED, Action.UPDATED)], case
        assert NEW in str(seen.tick.report.decisions[0].drift.changes), case


def test_a_session_made_anew_is_told_by_its_pane(fence: Fence, figure: Figure) -> None:
    cases = (SAME, ELSEWHERE, OTHER_KIND, SHELL)
    for anew, desk in zip(cases, desks(fence), strict=False):
        pid, eye = begin(desk), Eye(desk)
        assert eye.look().drifts == [], anew
        desk.fleet.kill(NAME)
        desk.fleet.start(NAME, agent=anew.agent, cwd=anew.where(desk), options=anew.options)

        seen = eye.look()

        if anew is SAME:  # the entry follows, and its new conversation is the agent's own
            both = [DriftClass.RESTARTED, DriftClass.ID_MATERIALISED]
            assert sorted(seen.drifts, reverse=True) == [(each, Action.UPDATED) for each in both]
        elif anew is SHELL:  # the agent has exited, which is said when it lasts
            assert (seen.drifts, dict(seen.notices)) == ([], {})
            eye.hours.sleep(None, 120)
            assert "agent exited" in eye.look().notices[NoticeKind.SHELL]
        else:
            assert_seen(seen, f"pane process was {pid}, is ", anew)
        assert (eye.look().entry.own_id == OLD) == (anew is not SAME)

    figure("reused", f"made anew, the pane noted: {len(cases)} of {len(cases)} seen in 1 tick")


def test_without_a_pane_it_is_told_by_what_the_entry_does_tell(
    fence: Fence, figure: Figure
) -> None:
    """In the same directory the same agent is the session: its new conversation is recorded."""
    for (anew, expected), desk in zip(TOLD.items(), desks(fence), strict=False):
        begin(desk, pane=False)
        eye = Eye(desk)
        assert eye.look().drifts == [], anew
        desk.fleet.kill(NAME)
        desk.fleet.start(NAME, agent=anew.agent, cwd=anew.where(desk), options=anew.options)

        assert_seen(eye.look(), expected, anew)

    figure("reused", f"made anew, no pane noted: {len(TOLD)} of {len(TOLD)} seen in 1 tick")


def test_a_session_made_anew_within_the_second_of_the_first_is_another_one(
    fence: Fence, figure: Figure
) -> None:
    def created(desk: Desk) -> str:
        return desk.fleet.tmux("display-message", "-p", "-t", f"={NAME}:", "#{session_created}")

    def tried() -> bool:
        desk = next(each)
        time.sleep(-time.time() % 1)  # from the beginning of a second on
        begin(desk, agent="sleep")
        eye, first = Eye(desk), created(desk)
        assert eye.look().drifts == []
        desk.fleet.kill(NAME)
        desk.fleet.start(NAME, agent="claude", cwd=desk.workspace(NAME))
        within = created(desk) == first
        assert eye.look().drifts == [(DriftClass.RESTARTED, Action.UPDATED)]
        return within

    each = desks(fence)
    retry_until(tried, seconds=30, what="two sessions within one second")
    each.close()
    figure("reused", "made anew within the second of its creation: 1 of 1 seen in 1 tick")


# A pid that comes round. ------------------------------------------------------------------------

REUSED: Mapping[str, tuple[str, float, bool]] = {
    "of another kind": ("claude", 30, True),
    "begun after the registry was saved": ("sleep", 600, True),
    "which may be the one that was noted": ("sleep", 0, False),
}
"""The entry's command, how many seconds ago it was saved, and whether it is A."""


@chosen
def test_a_pid_that_another_process_has_now_does_not_keep_a_session_alive(
    fence: Fence, figure: Figure
) -> None:
    """Where it could be the old one for all that is written, nothing is written."""
    for (case, (command, age, gone)), desk in zip(REUSED.items(), desks(fence), strict=False):
        pid, eye = begin(desk), Eye(desk)
        pane = f"{{pid: {pid}, cmd: {command}, cwd: {desk.workspace(NAME)}}}"
        desk.write(entry(desk, pid, pane=pane), age=age)
        desk.fleet.kill(NAME)
        with taken(pid, desk.workspace(NAME)):
            seen = eye.look()

        if gone:
            assert seen.drifts == [(DriftClass.TMUX_GONE, Action.UPDATED)], (case, seen.notices)
            assert eye.look().drifts == [], case
        else:
            assert seen.drifts == [], case
            assert f"process {pid} (sleep) still runs" in seen.notices[NoticeKind.BLIND], case
            assert eye.look().drifts == [(DriftClass.TMUX_GONE, Action.UPDATED)], case

    figure("reused", f"a foreign process has the pid: {len(REUSED)} of {len(REUSED)} not alive")


@contextlib.contextmanager
def taken(pid: int, where: Path) -> Iterator[None]:
    """A process in this directory has this pid meanwhile."""
    others: list[subprocess.Popen[bytes]] = []

    def start() -> int:
        others.append(subprocess.Popen(["sleep", "600"], cwd=where))
        return others[-1].pid

    def undo() -> None:
        others[-1].kill()
        others[-1].wait()

    pids.again(pid, start, undo)
    try:
        yield
    finally:
        undo()


def make_anew(desk: Desk, pid: int, anew: Anew) -> None:
    """Start the session in a pane whose process has this pid."""
    kind = "agy" if anew.agent == "agy" else "claude"
    command = ["env", *standin.command(desk.fleet.folder / "bin", kind, *anew.options)]
    words = ["new-session", "-d", "-P", "-F", "#{pane_pid}", "-s", NAME, "-x", "120", "-y", "40"]
    line = shlex.join([*words, "-c", str(anew.where(desk)), "--", *command])
    with pids.Console(desk.fleet, "keeper") as console:
        pids.again(pid, lambda: int(console.ask(line)[0]), lambda: desk.fleet.kill(NAME))
    retry_until(lambda: desk.fleet._turn(NAME), seconds=15, what="the agent")


@chosen
def test_a_pane_process_with_the_old_pid_is_not_the_old_one(fence: Fence, figure: Figure) -> None:
    """Also where the server is a new one, so that the pane's id is the same as well."""
    cases = list(itertools.product(TOLD, (False, True)))
    for (anew, new_server), desk in zip(cases, desks(fence), strict=False):
        pid, eye = begin(desk), Eye(desk)
        assert eye.look().drifts == []
        if new_server:
            desk.fleet.kill_server(signal.SIGKILL)
            desk.fleet.start("keeper", agent="sleep")
        else:
            desk.fleet.kill(NAME)
        make_anew(desk, pid, anew)

        assert desk.fleet.pane_pid(NAME) == pid
        assert_seen(eye.look(), TOLD[anew], (anew, new_server))

    figure("reused", f"its new pane has the pid: {len(cases)} of {len(cases)} seen in 1 tick")


@chosen
def test_what_a_killed_agent_left_under_its_pid_is_not_the_next_ones(
    fence: Fence, figure: Figure
) -> None:
    desk = next(each := desks(fence))
    pid, eye = begin(desk), Eye(desk)
    eye.look()
    desk.fleet.kill(NAME)
    assert (desk.fence.home / f".claude/sessions/{pid}.json").exists()
    make_anew(desk, pid, Anew(options=("--no-pid-file",)))

    held = eye.look().tick.world.conversations[SessionName(NAME)]

    assert not isinstance(held, Bound) or held.id != OLD
    each.close()
    figure("reused", "the next agent with the pid: 1 of 1 not bound to what the first one left")
