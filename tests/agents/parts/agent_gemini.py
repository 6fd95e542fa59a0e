"""Gemini CLI."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import driving
from driving import Ground
from terminals import Pane


@dataclass(frozen=True, slots=True)
class Gemini:
    """Gemini's chat files name their conversation in the first line."""

    program: Path
    ground: Ground
    settings: Mapping[str, Any] = field(default_factory=dict)
    """More of `settings.json`, by its top-level keys."""
    kind: str = "gemini"
    ready: str = r"Type your message"
    clear: str = "/clear"
    leave: str = "/quit"

    def variables(self) -> Mapping[str, str]:
        return {"GEMINI_API_KEY": "x" * 39, "GOOGLE_GEMINI_BASE_URL": self.ground.model}

    def apart(self, folder: Path) -> Mapping[str, str]:
        return {"GEMINI_CLI_HOME": str(folder)}

    def configure(self, folder: Path | None = None) -> None:
        settings = {
            "security": {
                "auth": {"selectedType": "gemini-api-key"},
                "folderTrust": {"enabled": False},
            },
            "general": {"disableAutoUpdate": True, "enableAutoUpdate": False},
            "telemetry": {"enabled": False},
            "privacy": {"usageStatisticsEnabled": False},
            **self.settings,
        }
        path = (folder or self.ground.home) / ".gemini/settings.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(settings), "utf-8")

    def headless(self, prompt: str) -> Sequence[str]:
        return (str(self.program), "-p", prompt)

    def resume(self, conversation: str) -> Sequence[str]:
        return (str(self.program), "--resume", conversation)

    def switch(self, pane: Pane, conversation: str, words: Sequence[str]) -> None:
        pane.enter("/resume")
        pane.wait_for("Chat Sessions")
        pane.key("/")
        pane.wait_for("Search:.*Esc to cancel")
        pane.type(words[-1])
        pane.wait_for("1 total, filtered")
        pane.key("Enter")
        pane.wait_until_gone("Chat Sessions")
        pane.wait_for(f"heard {words[-1]}")

    def branch(self, pane: Pane) -> None:
        raise NotImplementedError

    def conversation(self, word: str, pane: Pane) -> str | None:
        holding = {
            _id_in(path)
            for path in driving.files(self.ground.root, "chats/session-*.jsonl")
            if word in driving.text(path)
        }
        assert len(holding) <= 1, f"{word} is in {holding}"
        # A chat that was deleted while it was open is written anew without its first line.
        return next((found or shown_id(pane) for found in holding), None)

    def says(self, pane: Pane) -> str | None:
        return shown_id(pane)

    def outliving(self) -> Sequence[int]:
        return ()

    def outside(self) -> Sequence[Path]:
        return ()


def _id_in(path: Path) -> str | None:
    """The conversation that a chat file names in its first line; None where that is missing."""
    with path.open(encoding="utf-8") as lines:
        first = json.loads(next(lines))
    found = first.get("sessionId")
    return str(found) if found else None


def shown_id(pane: Pane) -> str:
    """What `/stats` says the conversation's id is."""
    pane.enter("/stats")
    text = pane.wait_for(r"Session ID:\s+[0-9a-f-]{36}")
    return str(re.findall(r"Session ID:\s+([0-9a-f-]{36})", text)[-1])
