"""An office: a desk with a Kanban board on the wall, Hermes Agent's real one."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import commandline
import hermes
from commandline import Completed, Running
from desk import Desk
from waiting import retry_until

NEVER = str(uuid.uuid4())
"""An id that no conversation has."""
KEY = re.compile(r"\[([A-Z]-[0-9a-f]{8})\]")


@dataclass(frozen=True, slots=True)
class Office:
    """Where somebody sits who has a tmux, a registry, the command line and a board."""

    desk: Desk
    home: hermes.Home

    @property
    def environ(self) -> dict[str, str]:
        """What says where registry, tmux and board are."""
        return self.desk.environ | self.home.variables

    def work(self, *words: str, environ: Mapping[str, str] | None = None) -> Completed:
        """Run `agent-sessions work` until it ends."""
        return commandline.run("work", *words, environ=self.environ | dict(environ or {}))

    def working(
        self, *words: str, name: str = "work", environ: Mapping[str, str] | None = None
    ) -> AbstractContextManager[Running]:
        """Run `agent-sessions work` beside the test, with three ticks a second."""
        words = ("work", "--interval", "0.3", *words)
        environ = self.environ | dict(environ or {})
        return commandline.running(self.desk.fence.root / name, *words, environ=environ)

    def stale(self, *names: str) -> tuple[str, ...]:
        """Start sessions for which an id is noted that has no transcript; their entries."""
        entries = []
        (self.desk.fence.home / ".claude/projects").mkdir(parents=True, exist_ok=True)
        for name in names:
            pid = self.desk.fleet.start(name, agent="claude", cwd=self.desk.workspace(name))
            entries.append(self.desk.entry(name, pid=pid, claude_session_id_own=NEVER))
        return tuple(entries)

    def said(self, card: str) -> list[str]:
        """The texts of all comments on a card."""
        return [text for _, text in self.home.thread(card)]

    def keys(self, card: str) -> list[str]:
        """The keys of the worker's comments, in the order of the thread."""
        return [key for text in self.said(card) for key in KEY.findall(text)]

    def answers(self, card: str) -> list[str]:
        """The worker's answers to comments that it did not understand."""
        return [text for text in self.said(card) if text.startswith("[T-")]

    def wait_for_status(self, card: str, status: str) -> None:
        """Wait until the card has a status. Raises TimeoutError."""
        retry_until(lambda: self.home.status(card) == status, what=status)

    def wait_for_said(self, card: str, text: str) -> str:
        """Wait until a comment has a text in it, and return that comment. Raises TimeoutError."""

        def found() -> str | None:
            return next((each for each in self.said(card) if text in each), None)

        return str(retry_until(found, what=text))

    def beats(self, card: str) -> list[str]:
        """The notes of the card's heartbeats."""
        events = self.home.show(card)["events"]
        payloads = [each["payload"] for each in events if each["kind"] == "heartbeat"]
        return [
            (json.loads(each) if isinstance(each, str) else each or {}).get("note", "")
            for each in payloads
        ]

    @property
    def lock(self) -> Path:
        """The one lock of a running monitor."""
        (found,) = self.desk.state.glob("monitor-*.lock")
        return found
