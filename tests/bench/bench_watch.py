"""What watching a card costs while nothing happens: CPU, memory and descriptors of the worker.

The real command on a real board, with 100 sessions; beside it, the shell loop over those sessions
that a user would run as often. Ticks come every second here, so that half a minute shows what half
an hour of the usual 30 s would; looks at the card come as often as always.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import bench_tick
import psutil

import crowd
import hermes
from fleet import Fleet

SESSIONS = int(os.environ.get("SESSIONS", "100"))
SECONDS = float(os.environ.get("SECONDS", "40"))
INTERVAL = 1.0
USUAL = 60.0
"""Seconds between ticks with so many sessions."""


def main() -> int:
    """Measures and prints the table; fails where something grew."""
    if not hermes.INSTALLED:
        print("bench_watch: needs hermes-agent beside this program; left out")
        return 0
    temporary = tempfile.TemporaryDirectory(prefix="asm-", dir="/tmp")
    with temporary as folder, Fleet(Path(folder) / "t") as fleet:
        many = crowd.gather(fleet, Path(folder) / "home", SESSIONS)
        home = hermes.Home(Path(folder) / "hermes")
        time.sleep(11)  # an agent younger than 10 s is looked into at every tick
        return _measure(many, home, home.create_card())


def _measure(many: crowd.Crowd, home: hermes.Home, card: str) -> int:
    words = [sys.executable, "-m", "kanban_worker", "work", card, "--interval", str(INTERVAL)]
    environ = {**many.environ, **home.variables}
    with subprocess.Popen(words, env=environ, stdout=subprocess.DEVNULL) as worker:
        process = psutil.Process(worker.pid)
        time.sleep(8)  # imports, the first look and what it leads to
        before = _state(process)
        time.sleep(SECONDS)
        after = _state(process)
        worker.terminate()
    loop = bench_tick.timed(lambda: bench_tick.run(bench_tick.loop(many), many))[1] / 1000
    watching = (after["CPU s"] - before["CPU s"]) / SECONDS
    said = home.thread(card)
    print(f"\n{SESSIONS} sessions; a worker with a tick every {INTERVAL:g} s, for {SECONDS:g} s")
    for name in before:
        print(f"{name:12} {before[name]:8.1f} at first {after[name]:8.1f} at last")
    print(
        f"CPU a second: worker {watching * 1000:.1f} ms, shell loop as often {loop * 1000:.1f} ms"
    )
    looks = max(watching - bench_tick.quiet_cpu(many), 0)
    hour = 3600 * (looks + (watching - looks) * INTERVAL / USUAL)
    print(f"so an hour with the usual {USUAL:g} s: about {hour:.0f} s of CPU, the looks included")
    grew = [
        name
        for name in ("MB", "descriptors", "threads", "children")
        if after[name] > before[name] * 1.02
    ]
    print(f"comments made: {len(said)}; grew: {', '.join(grew) or 'nothing'}")
    return int(bool(grew or said))


def _state(process: psutil.Process) -> dict[str, float]:
    with process.oneshot():
        times = process.cpu_times()
        return {
            "CPU s": times.user + times.system + times.children_user + times.children_system,
            "MB": process.memory_info().rss / 2**20,
            "descriptors": process.num_fds(),
            "threads": process.num_threads(),
            "children": len(process.children()),
        }


if __name__ == "__main__":
    sys.exit(main())
