"""What an agent's session hook costs, beside a Python that does nothing.

Both are measured in turn in one run, as children of a process that looks like an agent. CPU is user
and system time of the whole process, its start included.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from hooked import HOOK, ONE, event

ROUNDS = int(os.environ.get("ROUNDS", "20"))
LIMIT = 50.0
"""Milliseconds of CPU for one hook."""

# Run under an agent's name; prints the milliseconds of CPU of each run of each command.
AGENT = """
import json, os, subprocess, sys
rounds, payload, *commands = json.loads(sys.argv[1])
spent = [[] for _ in commands]
for _ in range(rounds + 1):
    for times, command in zip(spent, commands):
        process = subprocess.Popen(command, stdin=subprocess.PIPE)
        process.stdin.write(payload.encode())
        process.stdin.close()
        used = os.wait4(process.pid, 0)[2]
        times.append((used.ru_utime + used.ru_stime) * 1000)
print(json.dumps([each[1:] for each in spent]))
"""


def main() -> int:
    """Measures, prints the table, and fails when the limit is passed."""
    with tempfile.TemporaryDirectory(prefix="asm-", dir="/tmp") as home:
        bare, hook = _measure(Path(home))
        records = list(Path(home).rglob("hooks/*.json"))
    print(f"CPU of a whole process in ms; {ROUNDS} rounds")
    print(f"{'':24}{'median':>8}{'min':>8}{'max':>8}")
    for title, spent in (("python -c pass", bare), ("agent-sessions hook", hook)):
        row = (statistics.median(spent), min(spent), max(spent))
        print(f"{title:24}" + "".join(f"{each:8.1f}" for each in row))
    if len(records) != 1:
        print("the hook recorded nothing: this measured the wrong thing")
        return 1
    median = statistics.median(hook)
    if median > LIMIT:
        print(f"the hook costs {median:.1f} ms; the limit is {LIMIT:.0f}")
    return int(median > LIMIT)


def _measure(home: Path) -> tuple[list[float], list[float]]:
    agent = home / "claude"
    agent.symlink_to(os.path.realpath(sys.executable))
    commands = ([sys.executable, "-c", "pass"], HOOK.split())
    words = json.dumps([ROUNDS, json.dumps(event(ONE)), *commands])
    done = subprocess.run(
        [str(agent), "-IS", "-c", AGENT, words],
        env={"HOME": str(home)},
        stdout=subprocess.PIPE,
        check=True,
    )
    bare, hook = json.loads(done.stdout)
    return bare, hook


if __name__ == "__main__":
    sys.exit(main())
