"""Session names: how tmux writes them, and which ones we register by ourselves."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable

from reconcile.observed import SessionName

AGENTS = ("claude", "agy", "codex", "gemini", "opencode")
"""The kinds of agent whose conversations we can look up."""

DEFAULT_PATTERNS = tuple(f"*-creator-{agent}" for agent in AGENTS)


def normalise(name: str) -> SessionName:
    """The name tmux gives a session that is asked for under `name`.

    tmux 3.3a writes `:` and `.` as `_`, since both separate parts of a target.
    """
    return SessionName(name.replace(":", "_").replace(".", "_"))


def registrable(name: SessionName, patterns: Iterable[str]) -> bool:
    """Whether a live session of this name is registered when the registry lacks it."""
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def agent_of(name: SessionName) -> str | None:
    """The agent's kind that a name ends in: `lab-x-creator-claude` → `claude`."""
    suffix = name.rpartition("-")[2]
    return suffix if suffix in AGENTS else None
