"""Claude Code, of any version."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import driving
from driving import Ground
from terminals import Pane

UUID = "[0-9a-f-]{36}"
KEY = "sk-ant-only-for-tests-0123456789abcdef"


@dataclass(frozen=True, slots=True)
class Claude:
    """Claude Code's transcripts are named by their conversation."""

    program: Path
    ground: Ground
    kind: str = "claude"
    ready: str = r"^\s*[\u276f>](?:\s|$)"
    clear: str = "/clear"
    leave: str = "/exit"

    def variables(self) -> Mapping[str, str]:
        return {
            "ANTHROPIC_API_KEY": KEY,
            "ANTHROPIC_BASE_URL": self.ground.model,
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "CLAUDE_CODE_TMPDIR": str(self.ground.root),
            "DISABLE_AUTOUPDATER": "1",
            "DISABLE_TELEMETRY": "1",
        }

    def apart(self, folder: Path) -> Mapping[str, str]:
        return {"CLAUDE_CONFIG_DIR": str(folder)}

    def configure(self, folder: Path | None = None) -> None:
        trusted = {
            "allowedTools": [],
            "hasTrustDialogAccepted": True,
            "hasCompletedProjectOnboarding": True,
            "projectOnboardingSeenCount": 4,
        }
        settings = {
            "numStartups": 5,
            "theme": "dark",
            "hasCompletedOnboarding": True,
            "lastOnboardingVersion": "9.9.9",
            "installMethod": "npm",
            "autoUpdates": False,
            "customApiKeyResponses": {"approved": [KEY[-20:]], "rejected": []},
            "projects": dict.fromkeys(self.ground.trusted, trusted),
        }
        path = (folder or self.ground.home) / ".claude.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(settings), "utf-8")

    def headless(self, prompt: str) -> Sequence[str]:
        return (str(self.program), "-p", prompt)

    def resume(self, conversation: str) -> Sequence[str]:
        return (str(self.program), "--resume", conversation)

    def switch(self, pane: Pane, conversation: str, words: Sequence[str]) -> None:
        pane.enter(f"/resume {conversation}")
        pane.wait_for(f"heard {words[-1]}")

    def branch(self, pane: Pane) -> None:
        pane.enter("/branch")
        pane.wait_for("Branched")

    def conversation(self, word: str, pane: Pane) -> str | None:
        holding = {
            path.stem
            for path in driving.files(self.ground.root, "projects/*/*.jsonl")
            if any(_is_typed(line) for line in driving.text(path).splitlines() if word in line)
        }
        assert len(holding) <= 1, f"{word} is in {holding}"
        return next(iter(holding), None)

    def says(self, pane: Pane) -> str | None:
        pane.enter("/status")
        text = pane.wait_for(rf"Session ID:\s+{UUID}")
        pane.key("Escape")
        pane.wait_until_gone(r"Session ID:")
        driving.is_waiting(self, pane)
        return str(re.findall(rf"Session ID:\s+({UUID})", text)[-1])

    def outliving(self) -> Sequence[int]:
        return ()

    def outside(self) -> Sequence[Path]:
        # Versions before CLAUDE_CODE_TMPDIR name a folder there by the workspace's path.
        name = re.sub("[^A-Za-z0-9]", "-", self.ground.root.name)
        return list(Path("/tmp").glob(f"claude*/*{name}*"))


def _is_typed(line: str) -> bool:
    try:
        entry = json.loads(line)
    except ValueError:
        return False
    return isinstance(entry, dict) and entry.get("type") == "user"
