"""A large fleet in a throw-away home, made quickly: for benchmarks and tests of scale.

The agents are `sleep` under the name `claude`; what they would have written is written for
them. That is enough for everything that looks from outside.
"""

from __future__ import annotations

import json
import os
import shutil
import time
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from fleet import Fleet
from kanban_worker import standin


@dataclass(frozen=True, slots=True, kw_only=True)
class Crowd:
    """Sessions that run, with transcripts and a registry that agree with them."""

    fleet: Fleet
    home: Path
    registry: Path

    @property
    def environ(self) -> dict[str, str]:
        """The environment in which the monitor sees this fleet and nothing else."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "AGENT_SESSIONS_REGISTRY": str(self.registry),
            "AGENT_SESSIONS_TMUX_SOCKET": str(self.fleet.socket),
        }


def gather(fleet: Fleet, home: Path, count: int) -> Crowd:
    """Start this many sessions on the fleet's server and write what belongs to them."""
    sleep = shutil.which("sleep")
    program = fleet.folder / "bin" / "claude"
    program.parent.mkdir(parents=True, exist_ok=True)
    program.symlink_to(str(sleep))
    fleet.start("keeper", agent="sleep", cwd=fleet.folder)
    for number in range(count):
        workspace = home / "lab" / f"project-{number:04}"
        workspace.mkdir(parents=True)
        name = f"lab-project-{number:04}-creator-claude"
        command = ("env", f"HOME={home}", str(program), "86400")
        fleet.tmux("new-session", "-d", "-s", name, "-c", str(workspace), "--", *command)
    fleet.tmux("kill-session", "-t", "=keeper")
    registry = home / "agent-sessions.yaml"
    rows = fleet.tmux("list-panes", "-a", "-F", "#{session_name} #{pane_pid} #{session_created}")
    entries = [_entry(home, *row.split()) for row in rows.splitlines()]
    registry.write_text("version: 1\nsessions:\n" + "".join(entries), "utf-8")
    long_ago = time.time() - 600
    os.utime(registry, (long_ago, long_ago))
    return Crowd(fleet=fleet, home=home, registry=registry)


def grow_old(many: Crowd, *, size: int = 10**9, count: int = 10_000) -> None:
    """Make one transcript this many bytes long (sparse), and lay old ones beside it."""
    folders = sorted((many.home / ".claude/projects").iterdir())
    first = next(folders[0].glob("*.jsonl"))
    lines = first.read_bytes()
    with first.open("r+b") as file:
        file.seek(size)
        file.write(b"\n" + lines)
    long_ago = time.time() - 86400
    for number in range(count):
        old = folders[number % 2] / f"{uuid.uuid4()}.jsonl"
        old.write_bytes(lines)
        os.utime(old, (long_ago, long_ago))


def _entry(home: Path, name: str, pid: str, created: str) -> str:
    workspace = f"{home}/lab/project-{name.split('-')[2]}"
    conversation = str(uuid.uuid4())
    _write_files(home, int(pid), workspace, conversation)
    at = datetime.fromtimestamp(int(created), UTC).isoformat()
    return (
        f"  - name: {name}     # kept by hand\n"
        f"    workspace: ~/{Path(workspace).relative_to(home)}\n"
        "    agent: claude\n"
        "    status: running\n"
        f"    created_at: {at}\n"
        "    last_visible_status: ready\n"
        f"    pane: {{pid: {pid}, cmd: claude, cwd: {workspace}}}\n"
        "    agent_identities:\n"
        f"      claude: {{session_id: {conversation}}}\n"
        f"    claude_session_id_own: {conversation}\n"
        "    delegate_job_id: null\n"
    )


def _write_files(home: Path, pid: int, workspace: str, conversation: str) -> None:
    """The pid file and the transcript, as Claude Code 2.1.329 leaves them."""
    sessions, project = home / ".claude/sessions", home / ".claude/projects"
    sessions.mkdir(parents=True, exist_ok=True)
    started = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()[19]
    now = int(time.time() * 1000)
    about = {"pid": pid, "sessionId": conversation, "cwd": workspace, "startedAt": now}
    about |= {"procStart": started, "version": standin.CURRENT, "kind": "interactive"}
    about |= {"status": "idle", "updatedAt": now, "statusUpdatedAt": now}
    (sessions / f"{pid}.json").write_text(json.dumps(about), "utf-8")
    folder = project / standin.project_key(workspace)
    folder.mkdir(parents=True, exist_ok=True)
    common = {"sessionId": conversation, "cwd": workspace, "version": standin.CURRENT}
    stamp = {"timestamp": datetime.now(UTC).isoformat(), "parentUuid": None}
    lines = [{"type": "mode"}, *({"type": t, **common, **stamp} for t in ("user", "assistant"))]
    text = "".join(f"{json.dumps(line)}\n" for line in lines)
    (folder / f"{conversation}.jsonl").write_text(text, "utf-8")
