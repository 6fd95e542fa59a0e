"""What a look costs, beside the bare tmux call and the shell loop a user would write.

All are measured in turn in one run, so that a machine that slows down slows all of them.
CPU is user and system time, of this process and of the children it waited for.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import crowd
from fleet import Fleet
from kanban_worker import cli, config
from kanban_worker.tick import Monitor

SESSIONS = int(os.environ.get("SESSIONS", "100"))
ROUNDS = int(os.environ.get("ROUNDS", "60"))
ONE_SHOT_LIMIT = 350.0
"""Milliseconds of CPU for a one-shot look as a whole process, imports included."""
QUIET_LIMIT = 1.5
"""A quiet tick, in units of one bare `tmux list-panes -a`."""

BARE = "bare tmux list-panes -a"
QUIET = "quiet tick, in process"
LOOP = "shell loop over sessions"
ONE_SHOT = "one-shot look, whole process"

Timing = tuple[float, float]
"""Milliseconds of wall time, and of CPU."""


def main() -> int:
    """Measures, prints the tables, and fails when a limit is passed."""
    temporary = tempfile.TemporaryDirectory(prefix="asm-", dir="/tmp")
    with temporary as folder, Fleet(Path(folder) / "t") as fleet:
        many = crowd.gather(fleet, Path(folder) / "home", SESSIONS)
        time.sleep(11)  # an agent younger than 10 s is looked into at every tick
        print(f"{SESSIONS} sessions and entries; medians of {ROUNDS} rounds (slow rows: 7)")
        before = _measure(many, "as they are")
        crowd.grow_old(many)
        after = _measure(many, "with transcripts of 1 GB and 10,000 old ones")
    return _verdict(before, after)


def _measure(many: crowd.Crowd, title: str) -> dict[str, Timing]:
    monitor = _monitor(many)
    one_shot = [sys.executable, "-m", "kanban_worker", "reconcile", "--once", "--emit-diff"]
    rows: dict[str, Callable[[], object]] = {
        BARE: lambda: run(["tmux", "-S", str(many.fleet.socket), "list-panes", "-a"], many),
        QUIET: lambda: monitor.tick(dry_run=False),
        LOOP: lambda: run(loop(many), many),
        ONE_SHOT: lambda: run([*one_shot, "--dry-run"], many),
    }
    times: dict[str, list[Timing]] = {name: [] for name in rows}
    for number in range(ROUNDS):
        for name, action in rows.items():
            if number < 7 or name in {BARE, QUIET}:
                times[name].append(timed(action))
    medians = {name: _median(each[1:]) for name, each in times.items()}
    _print(title, medians)
    return medians


def quiet_cpu(many: crowd.Crowd) -> float:
    """Seconds of CPU that a quiet tick takes."""
    monitor = _monitor(many)
    return (
        statistics.median(timed(lambda: monitor.tick(dry_run=False))[1] for _ in range(20)) / 1000
    )


def _monitor(many: crowd.Crowd) -> Monitor:
    arguments = cli.parser().parse_args(["reconcile", "--once"])
    monitor = Monitor(config.load(arguments, many.environ, many.home))
    monitor.speak(lambda: None)  # as the worker of a card, which does a little more
    found = monitor.tick(dry_run=False).report
    if found.decisions or found.notes or found.blind:
        raise SystemExit(f"the crowd is not quiet: {found}")
    return monitor


def loop(many: crowd.Crowd) -> list[str]:
    """The loop a user would write: ask tmux about each registered session in turn."""
    tmux = f"tmux -S {many.fleet.socket}"
    script = (
        f"grep -o 'name: [^ ]*' {many.registry} | cut -d' ' -f2 | while read name; do "
        f"{tmux} has-session -t =$name && {tmux} display-message -p -t =$name: '#{{pane_pid}}'; "
        "done"
    )
    return ["sh", "-c", script]


def run(command: list[str], many: crowd.Crowd) -> None:
    """Runs a command among the crowd."""
    subprocess.run(command, env=many.environ, capture_output=True, check=True)


def timed(action: Callable[[], object]) -> Timing:
    """How long it takes."""
    wall, cpu = time.perf_counter(), _cpu()
    action()
    return (time.perf_counter() - wall) * 1000, (_cpu() - cpu) * 1000


def _cpu() -> float:
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def _median(times: list[Timing]) -> Timing:
    return statistics.median(t[0] for t in times), statistics.median(t[1] for t in times)


def _print(title: str, medians: dict[str, Timing]) -> None:
    print(f"\n{title:45} {'wall ms':>8} {'x bare':>7} {'CPU ms':>8}")
    for name, (wall, cpu) in medians.items():
        print(f"{name:45} {wall:8.1f} {wall / medians[BARE][0]:7.2f} {cpu:8.1f}")


def _verdict(before: dict[str, Timing], after: dict[str, Timing]) -> int:
    quiet = before[QUIET][0] / before[BARE][0]
    one_shot = before[ONE_SHOT][1]
    print(f"\nquiet tick {quiet:.2f} x bare (limit {QUIET_LIMIT})")
    print(f"one-shot look {one_shot:.0f} ms of CPU (limit {ONE_SHOT_LIMIT:.0f})")
    print(
        f"long and old transcripts: quiet tick x {after[QUIET][0] / before[QUIET][0]:.2f}, ", end=""
    )
    print(f"one-shot x {after[ONE_SHOT][1] / before[ONE_SHOT][1]:.2f}")
    return int(quiet > QUIET_LIMIT or one_shot > ONE_SHOT_LIMIT)


if __name__ == "__main__":
    sys.exit(main())
