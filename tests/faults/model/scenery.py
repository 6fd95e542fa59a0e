"""Generated worlds on real tmux servers that are made once; all files are laid out anew."""

from __future__ import annotations

import os
import random
import shutil
import signal
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import scribbles
from fleet import Fleet
from life import Boot, Life
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
    lives: list[Life] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Start them all."""
        boot = Boot("", self.at)
        for number in range(SERVERS):
            fleet = Fleet(self.folder / f"{number}")
            registry = self.home / "board/agent-sessions.yaml"
            life = Life(fleet, self.home, registry, boot, self.at)
            _fill(life, number)
            self.lives.append(life)
        (self.home / "link").symlink_to(self.home / "lab")

    def world(self, seed: int) -> list[Life]:
        """Another world: its servers, with all files laid out anew."""
        chance = random.Random(seed)  # noqa: S311 - the same again for the same seed is the point
        for folder in (".claude", ".cache", ".local", "board"):
            shutil.rmtree(self.home / folder, ignore_errors=True)
        for folder in (".claude/sessions", ".claude/projects", "board"):
            (self.home / folder).mkdir(parents=True)
        lives = chance.sample(self.lives, chance.choice((1, 1, 2)))
        for life in lives:
            _converse(life, chance)
        ids = [one for life in lives for one in life.files.conversations]
        shown = [each for life in lives for each in life.sessions.values()]
        entries = [
            *_entries([each for each in shown if chance.random() < 0.6], ids, self.at, chance),
            *_ghosts(ids, self.at, chance),
            *([chance.choice(scribbles.BROKEN)] if chance.random() < 0.15 else []),
        ]
        chance.shuffle(entries)
        registry = lives[0].registry
        registry.write_bytes(scribbles.written(entries, chance))
        saved = (self.at - timedelta(seconds=chance.choice((0, 3, 3600)))).timestamp()
        os.utime(registry, (saved, saved))
        return lives


def _fill(life: Life, number: int) -> None:
    for kind, wrapped in (("agent", False), ("wrapped", True), ("shell", True), ("dead", False)):
        name = f"lab-{number}-{kind}-creator-claude"
        life.start(name, wrapped=wrapped, names_itself=False)
    life.start(f"notes-{number}", wrapped=True, names_itself=False)
    life.start(f"lab-{number}-two-creator-agy", wrapped=True, names_itself=False)
    life.fleet.tmux("split-window", "-t", f"=lab-{number}-two-creator-agy:", "--", "sh")
    life.exit(f"lab-{number}-shell-creator-claude", signal.SIGTERM)
    life.exit(f"lab-{number}-dead-creator-claude", signal.SIGKILL)


def _converse(life: Life, chance: random.Random) -> None:
    """What the agents of one server have left on disk."""
    life.files.conversations.clear()
    for name in [each for each, shown in life.sessions.items() if shown.agent]:
        life.sessions[name] = replace(life.sessions[name], held=None, past=(), begun=())
        if chance.random() < 0.7:
            life.hold(name, str(uuid.UUID(int=chance.getrandbits(128))))
        for _ in range(chance.choice((0, 1, 1, 2))):
            life.prompt(name)
            if chance.random() < 0.3:
                life.clear(name)
    for path, _ in life.files.conversations.values():
        if chance.random() < 0.3:
            old = (life.at - timedelta(days=90)).timestamp()
            os.utime(path, (old, old))


def _entries(
    sessions: list[Shown], ids: list[str], at: datetime, chance: random.Random
) -> Iterator[dict[str, object]]:
    """Entries of living sessions; most of what stands in them is right."""
    for shown in sessions:
        below = shown.directory.split("/lab/")[1]
        often = [shown.directory] * 4
        pid = chance.choice((shown.pid, shown.pid, shown.pid, shown.agent or 7, 2**22 + 1))
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
