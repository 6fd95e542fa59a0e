"""The agents as the table's columns have them: a program, and the settings it is given."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import expectations
import programs
from agent_claude import Claude
from agent_codex import Codex
from agent_gemini import Gemini
from agent_opencode import OpenCode
from driving import Agent, Ground

NO_DAEMON = "[features]\ndaemon_auto_start = false\n"
TITLE = '[tui]\nterminal_title = ["thread-id"]\n'
FOOTER = {"ui": {"footer": {"items": ["workspace", "session-id", "model-name"]}}}


def agent(column: str, ground: Ground, cache: Path) -> Agent:
    """The agent of a column, installed. Skips the test where it cannot be had."""
    hooked = _hooked() if column == "gemini, hook" else {}
    program = programs.installed(expectations.COLUMNS[column], cache)
    match column.split(",", maxsplit=1)[0].split():
        case ["claude", _]:
            return Claude(program, ground)
        case ["codex"]:
            settings = {"codex, no daemon": NO_DAEMON, "codex, daemon, title": TITLE}
            return Codex(program, ground, settings.get(column, ""))
        case ["gemini"]:
            return Gemini(program, ground, FOOTER if column == "gemini, footer" else hooked)
        case ["opencode"]:
            return OpenCode(program, ground)
        case _:
            raise ValueError(column)


def _hooked() -> Mapping[str, Any]:
    command = shlex.join([sys.executable, "-m", "kanban_worker", "hook"])
    hook = {"matcher": "*", "hooks": [{"type": "command", "command": command}]}
    hooks = {event: [hook] for event in ("SessionStart", "BeforeAgent")}
    return {"hooksConfig": {"enabled": True}, "hooks": hooks}
