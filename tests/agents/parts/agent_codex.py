"""Codex, under its daemon and without it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import driving
from driving import Ground
from terminals import Pane

UUID_LENGTH = 36
UUID = f"[0-9a-f-]{{{UUID_LENGTH}}}"


@dataclass(frozen=True, slots=True)
class Codex:
    """Codex's rollouts end in the id of their thread."""

    program: Path
    ground: Ground
    settings: str = ""
    """More of `config.toml`."""
    kind: str = "codex"
    ready: str = r"^\u203a"
    clear: str = "/new"
    leave: str = "/quit"

    def variables(self) -> Mapping[str, str]:
        return {"MODEL_KEY": "only-for-tests"}

    def apart(self, folder: Path) -> Mapping[str, str]:
        return {"CODEX_HOME": str(folder)}

    def configure(self, folder: Path | None = None) -> None:
        head = f"""\
model = "gpt-5"
model_provider = "ours"
approval_policy = "on-request"
sandbox_mode = "workspace-write"
check_for_update_on_startup = false

[model_providers.ours]
name = "ours"
base_url = "{self.ground.model}/v1"
env_key = "MODEL_KEY"
wire_api = "responses"
request_max_retries = 1
stream_max_retries = 1
"""
        trusted = (
            f'\n[projects.{json.dumps(each, ensure_ascii=False)}]\ntrust_level = "trusted"\n'
            for each in self.ground.trusted
        )
        path = (folder or self.ground.home / ".codex") / "config.toml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join([head, *trusted, "\n", self.settings]), "utf-8")

    def headless(self, prompt: str) -> Sequence[str]:
        return (str(self.program), "exec", "--skip-git-repo-check", prompt)

    def resume(self, conversation: str) -> Sequence[str]:
        return (str(self.program), "resume", conversation)

    def switch(self, pane: Pane, conversation: str, words: Sequence[str]) -> None:
        pane.enter("/resume")
        pane.wait_for("Resume a previous")
        pane.type(words[0])
        pane.key("Enter")
        pane.wait_for(f"heard {words[-1]}")

    def branch(self, pane: Pane) -> None:
        pane.enter("/fork")
        pane.wait_for("Fork created")

    def conversation(self, word: str, pane: Pane) -> str | None:
        holding = {
            path.stem[-UUID_LENGTH:]
            for path in driving.files(self.ground.root, "sessions/*/*/*/rollout-*.jsonl")
            if word in driving.text(path)
        }
        assert len(holding) <= 1, f"{word} is in {holding}"
        return next(iter(holding), None)

    def says(self, pane: Pane) -> str | None:
        pane.enter("/status")
        text = pane.wait_for(rf"Session:\s+{UUID}")
        return str(re.findall(rf"Session:\s+({UUID})", text)[-1])

    def outliving(self) -> Sequence[int]:
        # The server, and the process that updates it, each with a file of its own.
        files = driving.files(self.ground.root, "app-server-daemon/*.pid")
        return [int(json.loads(told)["pid"]) for told in map(driving.text, files) if told]

    def outside(self) -> Sequence[Path]:
        # The daemon's sockets lie where a path is short; links in its folder lead to them.
        links = [
            each for each in driving.files(self.ground.root, "app-server-*/*") if each.is_symlink()
        ]
        sockets = [link.readlink() for link in links]
        return [*sockets, *(each.with_name(f"{each.name}.lock") for each in sockets)]
