"""Generated worlds on real tmux servers that are made once; all files are laid out anew."""

from __future__ import annotations

import os
import random
import shutil
import signal
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import scribbles
from claudes import Claudes
from fleet import Fleet
from server import Server
from sight import Shown

SERVERS = 5
ODD_IDS = ("87e10000", "0123", "0x1F", "12:30:45", "no")
"""What a number-minded YAML reader gets wrong."""


@dataclass(slots=True)
class Scenery:
    """Some tmux servers with six sessions each, of every kind, in one home."""

    folder: Path
    home: Path
    at: datetime
    environ: Mapping[str, str]
    servers: list[Server] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Start them all."""
        files = Claudes(self.home)
        for number in range(SERVERS):
            fleet = Fleet(self.folder / f"{number}")
            server = Server(fleet, self.home, files, lambda: self.at)
            _fill(server, number)
            self.servers.append(server)
        (self.home / "link").symlink_to(self.home / "lab")

    @property
    def registry(self) -> Path:
        """What is watched."""
        return self.home / "board/agent-sessions.yaml"

    def world(self, seed: int) -> list[Server]:
        """Another world: its servers, with all files laid out anew."""
        chance = random.Random(seed)  # noqa: S311 - the same again for the same seed is the point
        for folder in (".claude", ".cache", ".local", "board"):
            shutil.rmtree(self.home / folder, ignore_errors=True)
        for folder in (".claude/sessions", ".claude/projects", "board"):
            (self.home / folder).mkdir(parents=True)
        found = chance.sample(self.servers, chance.choice((1, 1, 2)))
        found[0].files.conversations.clear()
        for server in found:
            _converse(server, chance)
        ids = list(found[0].files.conversations)
        shown = [each for server in found for each in server.sessions.values()]
        entries = [
            *_entries([each for each in shown if chance.random() < 0.6], ids, self.at, chance),
            *_ghosts(ids, self.at, chance),
            *([chance.choice(scribbles.BROKEN)] if chance.random() < 0.15 else []),
        ]
        chance.shuffle(entries)
        self.registry.write_bytes(scribbles.written(entries, chance))
        saved = (self.at - timedelta(seconds=chance.choice((0, 3, 3600)))).timestamp()
        os.utime(self.registry, (saved, saved))
        return found


def _fill(server: Server, number: int) -> None:
    for kind, wrapped in (("agent", False), ("wrapped", True), ("shell", True), ("dead", False)):
        name = f"lab-{number}-{kind}-creator-claude"
        server.start(name, wrapped=wrapped, names_itself=False)
    server.start(f"notes-{number}", wrapped=True, names_itself=False)
    server.start(f"lab-{number}-two-creator-agy", wrapped=True, names_itself=False)
    server.split(server.sessions[f"lab-{number}-two-creator-agy"].panes[0], wrapped=None)
    for kind, sig in (("shell", signal.SIGTERM), ("dead", signal.SIGKILL)):
        server.exit(server.sessions[f"lab-{number}-{kind}-creator-claude"].panes[0], sig)


def _converse(server: Server, chance: random.Random) -> None:
    """What the agents of one server have left on disk."""
    server.forget()
    for name in [each for each, shown in server.sessions.items() if shown.panes[0].agent]:
        if chance.random() < 0.7:
            server.hold(server.sessions[name].panes[0], str(uuid.UUID(int=chance.getrandbits(128))))
        for _ in range(chance.choice((0, 1, 1, 2))):
            server.prompt(server.sessions[name].panes[0])
            if chance.random() < 0.3:
                server.clear(server.sessions[name].panes[0])
    for path, _ in server.files.conversations.values():
        if path.exists() and chance.random() < 0.3:
            old = (server.clock() - timedelta(days=90)).timestamp()
            os.utime(path, (old, old))


def _entries(
    sessions: list[Shown], ids: list[str], at: datetime, chance: random.Random
) -> Iterator[dict[str, object]]:
    """Entries of living sessions; most of what stands in them is right."""
    for shown in sessions:
        below = shown.directory.split("/lab/")[1]
        often = [shown.directory] * 4
        pane = shown.panes[0]
        pid = chance.choice((*[pane.pid] * 3, pane.agent or 7, 2**22 + 1))
        created = shown.created_at - chance.choice(
            (*[timedelta()] * 4, timedelta(seconds=30), timedelta(days=3))
        )
        yield _entry(
            shown.name,
            ids,
            at,
            chance,
            workspace=chance.choice(
                (*often, f"~/lab/{below}", f"~/link/{below}/", "/elsewhere", None)
            ),
            created_at=chance.choice((created.isoformat(), created.isoformat(), None)),
            pane=chance.choice(({"pid": pid, "cmd": "claude", "cwd": shown.directory}, None)),
        )


def _ghosts(ids: list[str], at: datetime, chance: random.Random) -> Iterator[dict[str, object]]:
    """Entries of sessions that are gone."""
    for number in range(chance.choice((0, 0, 1, 1, 2, 4, 6))):
        pane = {"pid": 2**22 + number, "cmd": "claude", "cwd": "/elsewhere"}
        yield _entry(
            f"lab-gone.{number}-creator-claude",
            ids,
            at,
            chance,
            workspace=chance.choice(("~/lab/gone", "/elsewhere", None)),
            created_at=(at - timedelta(days=3)).astimezone(UTC).isoformat(),
            pane=chance.choice((pane, None)),
        )


def _entry(
    name: str, ids: list[str], at: datetime, chance: random.Random, **keys: object
) -> dict[str, object]:
    status = chance.choice(("running",) * 6 + ("terminated",) * 2 + ("paused", "Running", None))
    some = [None, None, *ids, str(uuid.UUID(int=chance.getrandbits(128))), *ODD_IDS]
    values: dict[str, object] = {
        "name": name,
        "agent": chance.choice(("claude",) * 8 + ("agy", None)),
    }
    values |= keys
    if status:
        values["status"] = status
    if status == "terminated" or chance.random() < 0.1:
        ended = at - chance.choice((timedelta(), timedelta(seconds=100), timedelta(days=1)))
        values["terminated_at"] = chance.choice((ended.isoformat(), None))
    if chance.random() < 0.8:
        values["claude_session_id_own"] = chance.choice(some)
    if chance.random() < 0.3:
        values["agent_identities"] = {"claude": {"session_id": chance.choice(some)}}
    if chance.random() < 0.2:
        values["session_id_history"] = chance.choice(([], [{"id": "0123"}], None))
    if chance.random() < 0.3:
        values["note"] = chance.choice(("don't, ever", "研究 😀", "x: y", " padded "))
    return values
