"""Which environment `hermes` runs in, and the command that puts this program into it.

pipx and uv give each tool an environment of its own, with a link to its program on PATH. Neither
has pip in it; both know what they installed, and an upgrade may drop what others put there.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import shlex
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from state.errors import MustMend

DISTRIBUTION = "agent-sessions-monitor"
_LONGEST_LINE = 400
_ANEW = ("--reinstall-package", DISTRIBUTION)
"""uv takes a folder that it has built once for known."""


@dataclass(frozen=True, slots=True)
class Environment:
    """Where a `hermes` lives."""

    prefix: Path | None
    """The folder of the environment; None: it cannot be told."""
    python: str | None
    """None: no Python is known that could be asked."""

    def adding(self, source: str) -> Sequence[str]:
        """The command that adds `source` for good.

        Raises MustMend where there is no Python to add it to.
        """
        if self.prefix and (self.prefix / "pipx_metadata.json").is_file():
            return ("pipx", "inject", "--force", self.prefix.name, source)
        if self.prefix and (known := _uv_tool(self.prefix / "uv-receipt.toml")):
            tool, *others = known
            more = [word for each in (*others, source) for word in ("--with", each)]
            return ("uv", "tool", "install", tool, *more, *_ANEW)
        if not self.python:
            raise MustMend(
                "it cannot be told which Python `hermes` runs in. Put the package there by hand: "
                f"THAT_PYTHON -m pip install {shlex.quote(source)}"
            )
        if self.prefix and not list(self.prefix.glob("lib/python*/site-packages/pip")):
            return ("uv", "pip", "install", "--python", self.python, *_ANEW, source)
        return (self.python, "-m", "pip", "install", "--upgrade", source)


def of(program: str | None) -> Environment:
    """The environment of a `hermes`, behind whatever links lead to it."""
    if not program:
        return Environment(None, None)
    real = Path(os.path.realpath(program))
    prefix = real.parent.parent
    if (prefix / "pyvenv.cfg").is_file() and (python := real.with_name("python")).exists():
        return Environment(prefix, str(python))
    return Environment(None, _interpreter(real))


def source() -> str:
    """What to install: the checkout or address that this was installed from, or its name."""
    checkout = Path(__file__).parents[2]
    if (checkout / "pyproject.toml").is_file():
        return str(checkout)
    try:
        text = importlib.metadata.distribution(DISTRIBUTION).read_text("direct_url.json")
        return _origin(json.loads(text or "{}")) or DISTRIBUTION
    except (importlib.metadata.PackageNotFoundError, ValueError, AttributeError):
        return DISTRIBUTION


def _origin(direct: dict[str, Any]) -> str:
    """By PEP 610; empty where nothing is left of it."""
    url = str(direct.get("url", ""))
    if url.startswith("file://"):
        path = url.removeprefix("file://")
        return path if os.path.exists(path) else ""  # noqa: PTH110 - a string all the way
    if vcs := direct.get("vcs_info"):
        return f"{vcs.get('vcs')}+{url}@{vcs.get('commit_id')}"
    return url


def _uv_tool(receipt: Path) -> list[str]:
    """What uv installed there, the tool first, as words for its command line.

    Empty where it is no tool of uv's, or was installed in a way that no such words tell.
    """
    try:
        tool = tomllib.loads(receipt.read_text("utf-8"))["tool"]
        known = [each for each in tool["requirements"] if each["name"] != DISTRIBUTION]
        if any(set(each) - {"name", "extras", "specifier"} for each in known):
            return []
        return [
            each["name"]
            + (f"[{','.join(each['extras'])}]" if each.get("extras") else "")
            + each.get("specifier", "")
            for each in known
        ]
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return []


def _interpreter(script: Path) -> str | None:
    """The Python that a script is run by: in its first line, or in the `exec` of the second one.

    pip and uv write the latter where a path is too long for a first line, or has a space in it.
    """
    try:
        with script.open("rb") as file:
            head = [file.readline(_LONGEST_LINE).decode("utf-8", "replace") for _ in range(2)]
    except OSError:
        return None
    if first := re.match(r"#! *(/\S*python[\d.]*)(\s|$)", head[0]):
        return first[1]
    second = re.match(r"'''exec' (\S.*?) \"\$0\"", head[1])
    words = shlex.split(second[1]) if second else []
    return words[0] if words else None
