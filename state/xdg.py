"""XDG folders as plain strings: `pathlib` and `dataclasses` would cost a hook 20 ms to import."""

from __future__ import annotations

from collections.abc import Mapping

MONITOR = "agent-sessions-monitor"
HOOKS = "hooks"
"""Folder of what the agents' own session hooks recorded, in the state folder."""


def base(environ: Mapping[str, str], variable: str, default: str) -> str:
    """What a variable says; the default where it is empty or relative, as the XDG text asks."""
    value = environ.get(variable, "")
    return value if value.startswith("/") else default


def state(environ: Mapping[str, str], home: str) -> str:
    """The folder of journal, events and the records of hooks. It need not exist."""
    return f"{base(environ, 'XDG_STATE_HOME', f'{home}/.local/state')}/{MONITOR}"
