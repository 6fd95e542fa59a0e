"""Registries in every awkward formatting, of entries that are given as values.

Drawn from a `random.Random`, so that a thousand of them cost no more than writing them.
Nothing here uses the code under test.
"""

from __future__ import annotations

import codecs
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Values = Mapping[str, object]
"""Keys and values of one entry: texts, numbers, None, or one more level of them."""

NOTES = ("", "", "", "   # by hand", " # 研究 😀", "  #   : tricky 'quote\" {[")
BETWEEN = ("", "", "\n", "# a line of its own\n", "    \n")
BROKEN: Sequence[Values] = (
    {},
    {"name": None, "status": "running"},
    {"name": "lab-broken", "status": ["running"]},
    {"name": "lab-broken", "created_at": "yesterday, about noon"},
    {"name": "lab-broken", "pane": "none"},
    {"name": "lab-broken", "status": "running", "agent_identities": ["claude"]},
    {"name": "lab-broken", "status": "Running", "workspace": 7},
)
"""Entries that a person has spoilt; the last one is only odd."""


@dataclass(frozen=True, slots=True)
class Style:
    """How one registry is written down."""

    mapping: bool
    flow: bool
    indent: int
    outer: int
    newline: str
    codec: str
    mark: bytes
    anchored: bool


def style(chance: random.Random) -> Style:
    """Any way in which people and tools write one."""
    mapping = chance.random() < 0.4
    indent = chance.choice((2, 4))
    mark, codec = chance.choice(
        (*[(b"", "utf-8")] * 6, (codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"))
    )
    return Style(
        mapping=mapping,
        flow=chance.random() < 0.2,
        indent=indent,
        outer=indent if mapping else chance.choice((0, indent)),
        newline=chance.choice(("\n", "\n", "\n", "\r\n")),
        codec=codec,
        mark=mark,
        anchored=chance.random() < 0.2,
    )


def written(entries: Sequence[Values], chance: random.Random) -> bytes:
    """The bytes of a registry of these entries."""
    how = style(chance)
    if how.mapping:
        entries = [each for each in entries if each.get("name")]
    head = chance.choice(("", "# ⚠ by hand\n", "---\n", "version: 1\n", "version: 1   # one\n"))
    if how.anchored:
        head += "defaults: &agent claude\n"
    body = "".join(_entry(each, how, chance) for each in entries)
    if not entries:
        body = ""
    tail = chance.choice(("", "", "# end\n", "after: {a: [b, c]}\n"))
    opened = f"sessions:{chance.choice(NOTES)}\n" if body else "sessions: []\n"
    text = f"{head}{opened}{body}{tail}"
    if chance.random() < 0.1:
        text = text.rstrip("\n")
    return how.mark + text.replace("\n", how.newline).encode(how.codec)


def _entry(values: Values, how: Style, chance: random.Random) -> str:
    keys = dict(values)
    if chance.random() < 0.5:
        rest = list(keys.items())[1:]
        chance.shuffle(rest)
        keys = dict([*list(keys.items())[:1], *rest])
    outer = " " * how.outer
    if how.mapping:
        name = _scalar(keys.pop("name"), chance)
        if how.flow or not keys:
            return f"{outer}{name}: {_flow(keys, how, chance)}{chance.choice(NOTES)}\n"
        return f"{outer}{name}:{chance.choice(NOTES)}\n{_block(keys, how, chance)}"
    if how.flow or not keys:
        return f"{outer}- {_flow(keys, how, chance)}{chance.choice(NOTES)}\n"
    block = _block(keys, how, chance, between=False)
    inner = how.outer + how.indent
    return f"{outer}-".ljust(inner) + block[inner:] + chance.choice(BETWEEN)


def _block(keys: Values, how: Style, chance: random.Random, *, between: bool = True) -> str:
    inner = " " * (how.outer + how.indent)
    rows = []
    for key, value in keys.items():
        note = chance.choice(NOTES)
        if isinstance(value, list) and value and chance.random() < 0.7:
            items = "".join(f"{inner}- {_flow(each, how, chance)}\n" for each in value)
            rows.append(f"{inner}{key}:\n{items}")
        elif isinstance(value, dict) and value and chance.random() < 0.4:
            deep = "".join(
                f"{inner}{' ' * how.indent}{k}: {_value(v, how, chance)}\n"
                for k, v in value.items()
            )
            rows.append(f"{inner}{key}:\n{deep}")
        elif key == "agent" and value == "claude" and how.anchored:
            rows.append(f"{inner}{key}: *agent{note}\n")
        else:
            rows.append(f"{inner}{key}: {_value(value, how, chance)}{note}\n")
    return "".join(rows) + (chance.choice(BETWEEN) if between else "")


def _value(value: object, how: Style, chance: random.Random) -> str:
    return _flow(value, how, chance) if isinstance(value, dict | list) else _scalar(value, chance)


def _flow(value: object, how: Style, chance: random.Random) -> str:
    if isinstance(value, list):
        return f"[{', '.join(_flow(each, how, chance) for each in value)}]"
    if not isinstance(value, Mapping):
        return _scalar(value, chance)
    space = chance.choice(("", " "))
    pairs = ", ".join(f"{key}: {_flow(each, how, chance)}" for key, each in value.items())
    return f"{{{space}{pairs}{space}}}"


def _scalar(value: object, chance: random.Random) -> str:
    if value is None:
        return chance.choice(("null", "~", "Null"))
    text = str(value)
    if not isinstance(value, str):
        return text
    quote = chance.choice(("", "", "", "'", '"'))
    risky = (
        text != text.strip() or any(char in text for char in "'\"{}[],&*#?|>%@`") or ": " in text
    )
    if quote == '"':
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return "'" + text.replace("'", "''") + "'" if quote or risky or not text else text
