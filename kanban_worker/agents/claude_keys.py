"""The folders under `projects/` that Claude Code may use for one workspace.

The rule loses information (`/a/b-c`, `/a/b_c` and `/a/b/c` share a folder), so a folder's
name is never decoded: what a transcript belongs to is told by the `cwd` in its lines.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from kanban_worker.agents import files

LONGEST = 200
"""Claude Code 2.1.47 and later cut a longer name here and append a hash."""

_OUTSIDE = re.compile(r"[^a-zA-Z0-9]")
_PROJECT_DIR_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_BASIC_PLANE = 0xFFFF
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_WORD = 0xFFFFFFFF
_SIGN = 0x80000000


def key(path: str) -> str:
    """Name the folder for one path, as Claude Code 2.1.47 and later do.

    Each UTF-16 unit other than an ASCII letter or digit becomes one dash, so an emoji
    gives two. The hash at the end of a long name differs in some native builds before
    2.1.90: for such a path compare the first 200 characters only.
    """
    name = _OUTSIDE.sub(_dashes, path)
    if len(name) <= LONGEST:
        return name
    return f"{name[:LONGEST]}-{_base36(_hash(path))}"


def keys(workspace: str) -> tuple[str, ...]:
    """Name the folders that any version may use, the likeliest first.

    Realpath since 2.0.34, the literal path before; NFC about 2.1.33 to 2.1.112.
    """
    real = files.real_path(workspace)
    paths = (real, workspace, unicodedata.normalize("NFC", real))
    return tuple(dict.fromkeys(key(path) for path in paths))


def named_folder(config_dir: str | None, project_dir_name: str | None) -> str | None:
    """Return what CLAUDE_CODE_PROJECT_DIR_NAME says; 2.1.139 does not know it, 2.1.239 does.

    It counts only together with CLAUDE_CONFIG_DIR.
    """
    if config_dir and project_dir_name and _PROJECT_DIR_NAME.fullmatch(project_dir_name):
        return project_dir_name
    return None


def lookalikes(wanted: Iterable[str], present: Iterable[str]) -> tuple[str, ...]:
    """Return the present folders that share the first 200 characters with a cut name."""
    prefixes = tuple(f"{name[:LONGEST]}-" for name in wanted if len(name) > LONGEST)
    if not prefixes:
        return ()
    return tuple(sorted(name for name in present if name.startswith(prefixes)))


def lies_under(path: str, workspace: str) -> bool:
    """Whether a `cwd` out of a transcript is the workspace (a real path) or inside it."""
    if not path.startswith("/"):
        return False
    return _under(path, workspace) or _under(files.real_path(path), workspace)


def _under(path: str, workspace: str) -> bool:
    inside = unicodedata.normalize("NFC", path)
    outside = unicodedata.normalize("NFC", workspace).rstrip("/")
    return inside.rstrip("/") == outside or inside.startswith(outside + "/")


def _dashes(match: re.Match[str]) -> str:
    return "--" if ord(match[0]) > _BASIC_PLANE else "-"


def _hash(path: str) -> int:
    """Java's string hash over UTF-16 units, as a signed 32-bit number's absolute value."""
    units = path.encode("utf-16-le", "surrogatepass")
    value = 0
    for low, high in zip(units[::2], units[1::2], strict=True):
        value = (value * 31 + (high << 8 | low)) & _WORD
    return (1 << 32) - value if value & _SIGN else value


def _base36(number: int) -> str:
    digits = ""
    while number >= len(_DIGITS):
        number, rest = divmod(number, len(_DIGITS))
        digits = _DIGITS[rest] + digits
    return _DIGITS[number] + digits
