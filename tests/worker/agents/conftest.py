"""Files as the agents write them, and the processes that would have written them."""

from __future__ import annotations

import itertools
import json
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from kanban_worker import procfs
from kanban_worker.agents import claude_keys
from kanban_worker.agents.claude import Claude
from kanban_worker.agents.shape import LiveAgent, Member
from reconcile.observed import ConversationId, SessionName

Line = Mapping[str, object]

_pids = itertools.count(3_000_000)
"""Above Linux's largest pid, so that no process of this host is meant."""


class Host:
    """A home folder, and agents that run in it. Times are given in seconds from now."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.now = datetime.now(UTC)

    def at(self, seconds: float) -> datetime:
        return self.now + timedelta(seconds=seconds)

    def directory(self, name: str) -> Path:
        path = self.home / name
        path.mkdir(parents=True, exist_ok=True)
        return path

    def agent(
        self,
        cwd: Path | str,
        *,
        kind: str = "claude",
        name: str = "lab-x-creator",
        started: float = -3600,
        argv: tuple[str, ...] = (),
        environ: Mapping[str, str] | None = None,
        pids: tuple[int, ...] = (),
        ticks: str | None = "4711",
    ) -> LiveAgent:
        family = tuple(
            Member(pid=pid, started_at=self.at(started), start_ticks=ticks)
            for pid in (pids or (next(_pids),))
        )
        own = {"HOME": str(self.home)} if environ is None else environ
        return LiveAgent(
            session=SessionName(name),
            kind=kind,
            cwd=str(cwd),
            argv=argv or (kind,),
            environ=own,
            family=family,
        )

    def outsider(self, cwd: Path | str) -> LiveAgent:
        """This test's own process, as an agent outside of tmux: it lives."""
        pid = os.getpid()
        return self.agent(cwd, pids=(pid,), ticks=procfs.start_ticks(pid))


class ClaudeHost(Host):
    """A home with one of Claude Code's configuration folders."""

    def __init__(self, home: Path, config: Path | None = None) -> None:
        super().__init__(home)
        self.config = config or home / ".claude"
        self.projects = self.config / "projects"
        self.projects.mkdir(parents=True)
        settle(self.projects, self.at(-600))
        self._ids = itertools.count(1)
        self.version = "2.1.329"
        """What transcripts are written with."""

    def adapter(self, **environ: str) -> Claude:
        return Claude(self.home, environ)

    def new_id(self) -> ConversationId:
        return ConversationId(f"{next(self._ids):08x}-1111-4222-8333-444444444444")

    def said(self, who: ConversationId, cwd: Path | str, at: float, **more: object) -> Line:
        """Return a user's line as 2.1 writes it."""
        return {
            "parentUuid": None,
            "isSidechain": False,
            "cwd": str(cwd),
            "sessionId": who,
            "version": self.version,
            "type": "user",
            "message": {"role": "user", "content": "hello"},
            "timestamp": self.at(at).isoformat().replace("+00:00", "Z"),
        } | more

    def cleared(self, who: ConversationId, cwd: Path | str, at: float) -> list[Line]:
        """Return how a file begins that `/clear` made."""
        said = "<command-name>/clear</command-name>\n<command-args></command-args>"
        return [
            {"type": "file-history-snapshot", "messageId": "m", "snapshot": {}},
            self.said(who, cwd, at, message={"role": "user", "content": said}),
        ]

    def write(
        self,
        who: ConversationId,
        cwd: Path | str,
        lines: list[Line] | bytes | None = None,
        *,
        at: float = -600,
        touched: float | None = None,
        folder: Path | None = None,
    ) -> Path:
        """Write a transcript into its workspace's folder; by default one with a message."""
        place = folder or self.projects / claude_keys.key(str(cwd))
        place.mkdir(parents=True, exist_ok=True)
        path = place / f"{who}.jsonl"
        if lines is None:
            lines = [{"type": "mode", "mode": "default"}, self.said(who, cwd, at)]
        path.write_bytes(lines if isinstance(lines, bytes) else jsonl(lines))
        settle(path, self.at(at if touched is None else touched))
        for listed in (place, self.projects):
            settle(listed, self.at(-600))
        return path

    def typed(self, *said: tuple[float, ConversationId, str], cwd: Path | str) -> Path:
        """Note what was typed, when and in which conversation, as 2.0.77 to 2.1.329 do."""
        path = self.config / "history.jsonl"
        lines: list[Line] = [
            {
                "display": text,
                "pastedContents": {},
                "timestamp": int(self.at(at).timestamp() * 1000),
                "project": str(cwd),
                "sessionId": who,
            }
            for at, who, text in said
        ]
        with path.open("ab") as stream:
            stream.write(jsonl(lines))
        settle(path, self.at(-5))
        return path

    def pid_file(self, agent: LiveAgent, who: ConversationId | None, **more: object) -> Path:
        """Write `sessions/<pid>.json` as 2.1.329 does."""
        first = agent.family[0]
        said: dict[str, object] = {
            "pid": first.pid,
            "sessionId": who,
            "cwd": agent.cwd,
            "startedAt": int((first.started_at.timestamp() + 1) * 1000),
            "procStart": first.start_ticks,
            "version": "2.1.329",
            "kind": "interactive",
            "status": "idle",
        } | more
        path = self.config / "sessions" / f"{first.pid}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(
            json.dumps({key: value for key, value in said.items() if value is not None})
        )
        settle(path, self.at(-600))
        settle(path.parent, self.at(-600))
        return path


def jsonl(lines: list[Line]) -> bytes:
    return b"".join(json.dumps(line, separators=(",", ":")).encode() + b"\n" for line in lines)


def settle(path: Path, at: datetime) -> None:
    """Date a file back, as one that is not being written just now."""
    os.utime(path, (at.timestamp(), at.timestamp()))


_listening: list[Counter[str]] = []


def _listen(event: str, arguments: tuple[object, ...]) -> None:
    if event in {"open", "os.listdir", "os.scandir"}:
        for seen in _listening:
            seen[f"{event} {arguments[0]}"] += 1


sys.addaudithook(_listen)


@contextmanager
def _counting() -> Iterator[Counter[str]]:
    seen: Counter[str] = Counter()
    _listening.append(seen)
    try:
        yield seen
    finally:
        _listening.remove(seen)


Reads = Callable[[], AbstractContextManager[Counter[str]]]


@pytest.fixture
def reads() -> Reads:
    """Return what counts, inside a `with`, the files opened and folders listed."""
    return _counting


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path.resolve())


@pytest.fixture
def claude(tmp_path: Path) -> ClaudeHost:
    return ClaudeHost(tmp_path.resolve())
