"""A desk: where somebody sits who has a tmux, a registry and the command line."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import commandline
from commandline import Completed, Running
from fences import Fence
from fleet import Fleet, Runs


@dataclass(frozen=True, slots=True)
class Desk:
    """Runs the command as a person would, on a fleet and a registry of its own."""

    fence: Fence
    fleet: Fleet
    registry: Path

    @property
    def environ(self) -> dict[str, str]:
        """What says where registry and tmux are."""
        return {
            "AGENT_SESSIONS_REGISTRY": str(self.registry),
            "AGENT_SESSIONS_TMUX_SOCKET": str(self.fleet.socket),
        }

    @property
    def cache(self) -> Path:
        """The folder of the ledgers."""
        return self.fence.home / ".cache/agent-sessions-monitor"

    @property
    def state(self) -> Path:
        """The folder of the journal and the last good copies."""
        return self.fence.home / ".local/state/agent-sessions-monitor"

    @property
    def ledger(self) -> Path:
        """The one ledger."""
        (found,) = self.cache.glob("*.state")
        return found

    @property
    def copy(self) -> Path:
        """The one last good copy."""
        (found,) = (path for path in self.state.glob("registry-*.yaml") if len(path.suffixes) == 1)
        return found

    @property
    def kept(self) -> list[Path]:
        """What stands in the folder of the journal, but for the lock of the last monitor."""
        return [each for each in self.state.glob("*") if not each.name.startswith("monitor-")]

    @property
    def journal(self) -> list[dict[str, Any]]:
        """What the journal holds; nothing where there is none."""
        path = self.state / "journal.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def run(
        self,
        *words: str,
        environ: Mapping[str, str] | None = None,
        limit: Callable[[], None] | None = None,
    ) -> Completed:
        """Run the command until it ends."""
        return commandline.run(*words, environ=self.environ | dict(environ or {}), limit=limit)

    def once(self, *words: str, **options: Any) -> Completed:  # noqa: ANN401 - as for `run`
        """Tick once, and report in JSON what stands now."""
        return self.run("reconcile", "--once", "--no-wait", "--emit-diff", *words, **options)

    def result(self, *words: str, **options: Any) -> Completed:  # noqa: ANN401 - as for `run`
        """The same with the result, for which it waits where it has to."""
        return self.run("reconcile", "--once", "--emit-diff", *words, **options)

    def poll(self, *words: str) -> AbstractContextManager[Running]:
        """Tick by tick, five times a second."""
        words = ("reconcile", "--interval", "0.2", *words)
        return commandline.running(self.fence.root / "poll", *words, environ=self.environ)

    def write(self, *entries: str, text: str = "", age: float = 60) -> None:
        """Save the registry: entries, or the whole text, so many seconds ago."""
        body = text or "version: 1\nsessions:\n" + "".join(entries)
        self.registry.write_bytes(body.encode("utf-8"))
        self.saved(age)

    def saved(self, age: float) -> None:
        """Let the registry have been saved so many seconds ago."""
        at = time.time() - age
        os.utime(self.registry, (at, at))

    def let_pass(self, seconds: float) -> None:
        """Let time pass for what the ledger holds back: shift it, instead of sleeping."""
        kept = json.loads(self.ledger.read_text())
        for finding in kept["open"].values():
            if finding["first_held"]:
                at = datetime.fromisoformat(finding["first_held"]) - timedelta(seconds=seconds)
                finding["first_held"] = at.isoformat()
        self.ledger.write_text(json.dumps(kept))

    def starts(
        self, *names: str, agent: Runs = "sleep", options: Sequence[str] = ()
    ) -> tuple[str, ...]:
        """Start sessions, each in a workspace of its own; the entries that agree with them."""
        entries = []
        for name in names:
            pid = self.fleet.start(name, agent=agent, cwd=self.workspace(name), options=options)
            entries.append(self.entry(name, pid=pid))
        return tuple(entries)

    def workspace(self, name: str) -> Path:
        """The folder that a session of this name works in."""
        folder = self.fence.home / "lab" / name.partition("-creator-")[0]
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def entry(self, name: str, pid: int | None = None, **keys: str) -> str:
        """An entry of a running session; `keys` are set instead of, or behind, the usual ones."""
        created = datetime.now().astimezone().replace(microsecond=0)
        pane = f"{{pid: {pid}, cmd: sleep, cwd: {self.workspace(name)}}}" if pid else "null"
        usual = {
            "workspace": str(self.workspace(name)),
            "agent": name.rpartition("-")[2],
            "status": "running",
            "created_at": (created if pid else created - timedelta(days=3)).isoformat(),
            "pane": pane,
        }
        lines = "".join(f"    {key}: {value}\n" for key, value in (usual | keys).items())
        return f"  - name: {name}\n{lines}"


def by_class(report: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The drifts of a report by class, where each class occurs once."""
    found = {each["class"]: each for each in report["drifts"]}
    assert len(found) == len(report["drifts"])
    return found
