"""What `resume-plan` costs where a large fleet ended while another one lives.

As many agents live as sessions have ended, each in a conversation of its own, and as many other
processes run beside them: who holds a conversation is asked of all of them.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import crowd
from fleet import Fleet

AGENTS = int(os.environ.get("AGENTS", "1000"))
RUNS = int(os.environ.get("RUNS", "5"))
LIMIT = 1.5
"""Seconds of CPU, start-up included, at 1,000 agents."""


def main() -> int:
    """Measures and prints; fails where the limit is passed at 1,000 agents."""
    temporary = tempfile.TemporaryDirectory(prefix="asm-", dir="/tmp")
    with temporary as folder, Fleet(Path(folder) / "t") as fleet:
        many = crowd.gather(fleet, Path(folder) / "home", AGENTS)
        _end(many)
        with _others(AGENTS):
            took = sorted(_plan(many) for _ in range(RUNS))
    middle = took[len(took) // 2]
    print(f"\n{AGENTS} ended sessions, {AGENTS} living agents, {AGENTS} other processes")
    print(f"resume-plan: {took[0]:.2f} to {took[-1]:.2f} s of CPU, median {middle:.2f} s")
    if AGENTS == 1000 and middle > LIMIT:
        print(f"the limit is {LIMIT:g} s")
        return 1
    return 0


def _end(many: crowd.Crowd) -> None:
    """Let the registry be of sessions that ended, each with a conversation of its own."""
    text = many.registry.read_text("utf-8").replace("name: lab-", "name: old-")
    for path in list((many.home / ".claude/projects").glob("*/*.jsonl")):
        conversation = str(uuid.uuid4())
        said = path.read_text("utf-8").replace(path.stem, conversation)
        path.with_name(f"{conversation}.jsonl").write_text(said, "utf-8")
        text = text.replace(path.stem, conversation)
    now = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime())
    ended = f"terminated\n    terminated_at: {now}\n    termination_cause: tmux-server-died"
    many.registry.write_text(re.sub("(?<=status: )running", ended, text), "utf-8")
    os.utime(many.registry, (time.time() - 600,) * 2)


@contextlib.contextmanager
def _others(count: int) -> Iterator[None]:
    running = [subprocess.Popen(["sleep", "86400"]) for _ in range(count)]
    try:
        yield
    finally:
        for each in running:
            each.kill()
        for each in running:
            each.wait()


def _plan(many: crowd.Crowd) -> float:
    words = [sys.executable, "-m", "kanban_worker", "resume-plan"]
    with subprocess.Popen(words, env=many.environ, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        told = process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, told
    assert told.count(b"claude --resume") == AGENTS, told[:2000]
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    sys.exit(main())
