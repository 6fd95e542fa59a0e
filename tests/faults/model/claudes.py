"""What Claude Code leaves on disk, written for agents that cannot: pid files and transcripts."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import procfs
from kanban_worker import standin

CLEAR = "<command-name>/clear</command-name>"
UNRECORDED = "2.1.74"
"""A version that leaves neither pid files nor debug logs."""


@dataclass(slots=True)
class Claudes:
    """The files of all agents in one home, as 2.1.329 writes them."""

    home: Path
    conversations: dict[str, tuple[Path, str]] = field(default_factory=dict)
    """Each conversation that was ever begun: its transcript, and the directory it is of."""

    def __post_init__(self) -> None:
        """Lay out a home in which Claude Code has been used."""
        for name in ("sessions", "projects"):
            (self.home / ".claude" / name).mkdir(parents=True, exist_ok=True)

    @property
    def on_disk(self) -> dict[str, str]:
        """The directory of each conversation that has a transcript."""
        return {one: of for one, (path, of) in self.conversations.items() if path.exists()}

    def name(self, agent: int, directory: str, conversation: str, at: datetime) -> None:
        """A process names its conversation in its pid file."""
        started_at, _ = procfs.started(agent)
        now = int(at.timestamp() * 1000)
        about = {
            "pid": agent,
            "sessionId": conversation,
            "cwd": directory,
            "startedAt": int(started_at.timestamp() * 1000),
            "procStart": procfs.start_ticks(agent),
            "version": standin.CURRENT,
            "kind": "interactive",
            "status": "idle",
            "updatedAt": now,
            "statusUpdatedAt": now,
        }
        standin.write(self._pid_file(agent), json.dumps(about))

    def tidy(self, agent: int) -> None:
        """A process that ends cleanly removes its pid file."""
        self._pid_file(agent).unlink(missing_ok=True)

    def say(
        self, conversation: str, directory: str, said: str, at: datetime, *, named: bool = True
    ) -> None:
        """A question and its answer; the first ones make the transcript.

        One that is not `named` is by a version that leaves no record of its process.
        """
        folder = self.home / ".claude/projects" / standin.project_key(directory)
        new = (folder / f"{conversation}.jsonl", directory)
        path, of = self.conversations.setdefault(conversation, new)
        version = standin.CURRENT if named else UNRECORDED
        common = {"sessionId": conversation, "cwd": of, "version": version}
        stamp = {"timestamp": at.astimezone(UTC).isoformat(), "parentUuid": None}
        for role, content in (("user", said), ("assistant", "Hello.")):
            message = {"message": {"role": role, "content": content}}
            standin.append(path, {"type": role, **common, **stamp, **message})
        os.utime(path, (at.timestamp(), at.timestamp()))

    def delete(self, conversation: str) -> None:
        """Somebody deletes a transcript."""
        self.conversations[conversation][0].unlink(missing_ok=True)

    def _pid_file(self, agent: int) -> Path:
        return self.home / f".claude/sessions/{agent}.json"
