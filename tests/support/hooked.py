"""A fake agent that runs a command as real ones run their hooks: `/bin/sh -c COMMAND`.

What it is, its name says: a link to Python with an agent's name, or a `node` with its script.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HOOK = str(Path(sys.executable).parent / "agent-sessions") + " hook"
"""The command as it is installed."""

ONE = "11111111-0000-4000-8000-000000000000"
TWO = "22222222-0000-4000-8000-000000000000"

# Prints one line: its pid, and what the command left.
PROGRAM = """
import json, os, subprocess, sys
done = subprocess.run(["/bin/sh", "-c", sys.argv[1]], capture_output=True)
said = {"pid": os.getpid(), "status": done.returncode}
said |= {"out": done.stdout.decode(), "err": done.stderr.decode()}
print(json.dumps(said))
"""


@dataclass(frozen=True, slots=True)
class Ran:
    """What an agent saw of its hook."""

    pid: int
    status: int
    out: str
    err: str

    @property
    def inner(self) -> Ran:
        """What the agent saw that this one ran."""
        return Ran(**json.loads(self.out))

    def must_be_silent(self) -> None:
        """A hook ends with 0 and says nothing."""
        assert (self.status, self.out, self.err) == (0, "", "")


class Agents:
    """Fake agents below one folder, and the records that their hooks leave in one home."""

    def __init__(self, folder: Path, home: Path) -> None:
        """The folder takes the programs."""
        self.folder, self.home = folder, home
        self.program = folder / "agent.py"
        self.program.write_text(PROGRAM)

    @property
    def records_folder(self) -> Path:
        """Where hooks record, in an environment without XDG variables."""
        return self.home / ".local/state/agent-sessions-monitor/hooks"

    @property
    def records(self) -> list[dict[str, Any]]:
        """All records, and nothing but records."""
        paths = sorted(self.records_folder.glob("*")) + sorted(self.records_folder.glob(".*"))
        return [{"name": path.name} | json.loads(path.read_text()) for path in paths]

    @property
    def ids(self) -> Mapping[int, str]:
        """The recorded ids by pid."""
        return {each["pid"]: each["id"] for each in self.records}

    def command(self, name: str, hook: str = HOOK, *options: str) -> list[str]:
        """The command line of an agent that runs a hook; `node:PATH` is a script of node."""
        program, _, script = name.partition(":")
        link = self.folder / program
        if not link.exists():
            link.symlink_to(os.path.realpath(sys.executable))
        path = self.program
        if script:
            path = self.folder / script
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(PROGRAM)
        return [str(link), "-IS", str(path), hook, *options]

    def run(
        self,
        name: str = "claude",
        *options: str,
        payload: Mapping[str, object] | bytes | None = None,
        hook: str = HOOK,
        environ: Mapping[str, str] | None = None,
    ) -> Ran:
        """Run an agent until its hook has ended, in an empty environment but for these."""
        said = payload if isinstance(payload, bytes) else json.dumps(payload or event()).encode()
        done = subprocess.run(
            self.command(name, hook, *options),
            input=said,
            env={"HOME": str(self.home), **(environ or {})},
            stdout=subprocess.PIPE,
            check=True,
        )
        return Ran(**json.loads(done.stdout))

    def nested(self, *names: str, hook: str = HOOK) -> Sequence[Ran]:
        """Run agents each of which runs the next one, the last one a hook; the outermost first."""
        for name in reversed(names[1:]):
            hook = shlex.join(self.command(name, hook))
        all_ran = [self.run(names[0], hook=hook)]
        for _ in names[1:]:
            all_ran.append(all_ran[-1].inner)
        return all_ran


def event(session: object = ONE, **changes: object) -> dict[str, object]:
    """What Claude Code writes to a SessionStart hook."""
    usual: dict[str, object] = {
        "session_id": session,
        "transcript_path": f"/home/u/.claude/projects/-home-u-lab/{session}.jsonl",
        "cwd": "/home/u/lab",
        "hook_event_name": "SessionStart",
        "source": "startup",
    }
    return usual | changes
