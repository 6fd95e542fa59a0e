"""Session names: how tmux writes them, and which ones we register by ourselves."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable

from reconcile.kinds import AGENTS
from reconcile.observed import SessionName

_CSTYLE = {0x07: "a", 0x08: "b", 0x09: "t", 0x0A: "n", 0x0B: "v", 0x0C: "f", 0x0D: "r"}
_CONTROL = (*range(1, 0x20), *range(0x7F, 0xA0))
_OCTAL = {code: "".join(rf"\{byte:03o}" for byte in chr(code).encode()) for code in _CONTROL}
_AS_TMUX = str.maketrans(
    _OCTAL | {code: f"\\{letter}" for code, letter in _CSTYLE.items()} | {":": "_", ".": "_"}
)

DEFAULT_PATTERNS = tuple(f"*-creator-{agent}" for agent in AGENTS)


def normalise(name: str) -> SessionName:
    r"""The name tmux gives a session that is asked for under `name`.

    tmux 3.3a writes `:` and `.` as `_`, since both separate parts of a target, and a control
    character as `\t` or in octal. It also puts a backslash before one, and before some `$`:
    that cannot be told from a name that was copied from tmux, so those stay as they are.
    """
    return SessionName(name.translate(_AS_TMUX))


def is_ambiguous(name: str) -> bool:
    """Whether tmux may write a name in a way that `normalise` does not find."""
    return "\\" in name or "$" in name


def registrable(name: SessionName, patterns: Iterable[str]) -> bool:
    """Whether a live session of this name is registered when the registry lacks it."""
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def agent_of(name: SessionName) -> str | None:
    """The agent's kind that a name ends in: `lab-x-creator-claude` → `claude`."""
    suffix = name.rpartition("-")[2]
    return suffix if suffix in AGENTS else None
