"""Whether a terminal wants colour, and what is written in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TextIO

_DIM, _NORMAL = "\x1b[2m", "\x1b[0m"


def wanted(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Only a terminal does, and not one that says otherwise (https://no-color.org)."""
    return (
        stream.isatty()
        and not environ.get("NO_COLOR")
        and environ.get("TERM", "dumb") not in {"", "dumb"}
    )


def dim(text: str) -> str:
    """A line that is less important than the others."""
    return f"{_DIM}{text}{_NORMAL}"
