"""JSON for stdout: data that no terminal, pager or log can be made to misread."""

from __future__ import annotations

import json
import re
import sys

_NOT_ASCII = re.compile("[\x7f-\U0010ffff]")


def dumps(data: object, *, indent: int | None = 2) -> str:
    """The data as JSON. Control and format characters are escaped, and what stdout cannot encode.

    `json` itself escapes C0 alone: C1, DEL, bidi and zero-width characters and the separators of
    lines would reach the terminal as they are.
    """
    text = json.dumps(data, indent=indent, ensure_ascii=not utf8())
    return text if text.isascii() and "\x7f" not in text else _NOT_ASCII.sub(_escaped, text)


def utf8() -> bool:
    """Whether stdout takes every letter: a locale may know only ASCII."""
    return (sys.stdout.encoding or "utf-8").lower() in {"utf-8", "utf8"}


def _escaped(found: re.Match[str]) -> str:
    character = found[0]
    return character if character.isprintable() else json.dumps(character)[1:-1]
