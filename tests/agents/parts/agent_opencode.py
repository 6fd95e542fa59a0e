"""opencode."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import driving
from driving import Ground
from terminals import Pane


@dataclass(frozen=True, slots=True)
class OpenCode:
    """opencode's conversations are rows of a database."""

    program: Path
    ground: Ground
    kind: str = "opencode"
    ready: str = r"ctrl\+p commands"
    clear: str = "/new"
    leave: str = "/exit"

    def variables(self) -> Mapping[str, str]:
        return {
            "OPENCODE_DISABLE_AUTOUPDATE": "1",
            "OPENCODE_DISABLE_LSP_DOWNLOAD": "1",
            "OPENCODE_DISABLE_MODELS_FETCH": "1",
        }

    def apart(self, folder: Path) -> Mapping[str, str]:
        return {"XDG_DATA_HOME": str(folder)}

    def configure(self, folder: Path | None = None) -> None:
        model = {"tool_call": True, "limit": {"context": 100000, "output": 4096}}
        provider = {
            "npm": "@ai-sdk/openai-compatible",
            "options": {"baseURL": f"{self.ground.model}/v1", "apiKey": "only-for-tests"},
            "models": {"model": model},
        }
        settings = {
            "autoupdate": False,
            "share": "disabled",
            "model": "ours/model",
            "small_model": "ours/model",
            "provider": {"ours": provider},
        }
        if folder:
            folder.mkdir(parents=True, exist_ok=True)
        path = self.ground.home / ".config/opencode/opencode.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(settings), "utf-8")

    def headless(self, prompt: str) -> Sequence[str]:
        return (str(self.program), "run", prompt)

    def resume(self, conversation: str) -> Sequence[str]:
        return (str(self.program), "--session", conversation)

    def switch(self, pane: Pane, conversation: str, words: Sequence[str]) -> None:
        pane.enter("/sessions")
        pane.wait_for("pin/unpin")
        # Sessions are found by their title, which the first prompt gave them.
        pane.type(words[0])
        pane.key("Enter")
        pane.wait_until_gone("pin/unpin")
        pane.wait_for(f"heard {words[-1]}")

    def branch(self, pane: Pane) -> None:
        pane.enter("/fork")
        pane.wait_for("Full session")
        pane.key("Enter")
        pane.wait_until_gone("Full session")

    def conversation(self, word: str, pane: Pane) -> str | None:
        holding: set[str] = set()
        for path in driving.files(self.ground.root, "opencode/opencode.db"):
            with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as database:
                found = database.execute(
                    "SELECT session_id FROM part WHERE data LIKE ?", (f"%note {word}%",)
                )
                holding.update(row[0] for row in found)
            database.close()
        assert len(holding) <= 1, f"{word} is in {holding}"
        return next(iter(holding), None)

    def says(self, pane: Pane) -> str | None:
        return None

    def outliving(self) -> Sequence[int]:
        return ()

    def outside(self) -> Sequence[Path]:
        return ()
