"""Recognises what a process is from how it was started: an agent, or a shell at its prompt.

A hook imports this, so it imports little itself (see `commands.hook`).
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence

from reconcile import kinds

SHELLS = frozenset({"bash", "zsh", "fish", "sh", "dash", "ksh", "tcsh", "csh", "nu", "ash"})
_INTERPRETERS = SHELLS | {"node", "nodejs", "bun", "deno", "python", "python3", "ruby", "perl"}
_PACKAGES = {
    "@anthropic-ai/claude-code": "claude",
    "@openai/codex": "codex",
    "@google/gemini-cli": "gemini",
    "opencode-ai": "opencode",
}
VERSION = re.compile(r"\d+\.\d+\.\d+")
_INLINE = re.compile(r"-[A-Za-z]*c")
"""The option after which a shell or Python takes a command, not a file: `-c`, `-lc`."""
_SCRIPTS = re.compile(r"\.[cm]?js$")


def kind_of(
    argv: Sequence[str], *, name: str = "", exe: str = "", wanted: str | None = None
) -> str | None:
    """The agent that a process is, or None.

    `argv`, `name` and `exe` as psutil gives them. Claude Code's native builds run as
    `claude` or under a bare version number below `…/claude/versions/`; its JavaScript
    builds, Codex and Gemini are a script of `node`, and wrappers a script of a shell.
    A script with a suffix of another language (`gemini.py`) is somebody's own.
    """
    known = {*kinds.AGENTS, *([wanted] if wanted else [])}
    program = argv[0] if argv else name
    first = _base_name(program).removeprefix("-")
    if first in known:
        return first
    if VERSION.fullmatch(first) and "/claude/versions/" in f"{program} {exe}":
        return "claude"
    if re.sub(r"[\d.]+$", "", first) not in _INTERPRETERS:
        return {"claude.exe": "claude", "antigravity": "agy"}.get(first)
    options = list(itertools.takewhile(lambda word: word.startswith("-"), argv[1:]))
    if any(map(_INLINE.fullmatch, options)):
        return None
    script = next(iter(argv[len(options) + 1 :]), "")
    packaged = (kind for package, kind in _PACKAGES.items() if f"/{package}/" in script)
    stem = _SCRIPTS.sub("", _base_name(script))
    return next(packaged, stem if stem in known else None)


def is_shell_only(argv: Sequence[str]) -> bool:
    """Whether this is a shell at its prompt, rather than one that runs a script or `-c`."""
    return is_shell(argv) and all(word.startswith("-") and word != "-c" for word in argv[1:])


def is_shell(argv: Sequence[str]) -> bool:
    """Whether this is a shell, whatever it runs."""
    return bool(argv) and _base_name(argv[0]).removeprefix("-") in SHELLS


def _base_name(path: str) -> str:
    """The last part of a path. `pathlib` would cost a hook 8 ms to import."""
    return path.rstrip("/").rpartition("/")[2]
