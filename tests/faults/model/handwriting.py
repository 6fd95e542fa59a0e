"""A registry as a person edits it: line by line, and what two versions of it have in common.

It knows one layout, the one it writes itself: a sequence whose entries begin with `  - name: `
and whose keys stand four columns in. Nothing here uses the code under test.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

HEAD = "# kept by hand\nversion: 1\nsessions:\n"
_NAME = re.compile(r"  - name: *(?P<name>\S+)")
_KEY = re.compile(r"    (?P<key>\w+):")
_VALUE = re.compile(r"(?P<before> {4}\w+:).*?(?P<note>  #.*)?\n")


@dataclass(frozen=True, slots=True)
class Line:
    """One line, and the entry and key that it belongs to; both are empty in the head."""

    name: str
    key: str
    text: str


def lines(text: str) -> list[Line]:
    """Every line with its owner. A comment belongs to the entry, and to no key."""
    found: list[Line] = []
    name = key = ""
    for row in text.splitlines(keepends=True):
        if begin := _NAME.match(row):
            name, key = begin["name"], "name"
        elif own := _KEY.match(row):
            key = own["key"]
        found.append(Line(name, "" if row.lstrip().startswith("#") else key, row))
    return found


def entries(text: str) -> dict[str, str]:
    """The lines of each entry, by its name."""
    found: dict[str, str] = {}
    for line in lines(text):
        if line.name:
            found[line.name] = found.get(line.name, "") + line.text
    return found


def entry(name: str, keys: Mapping[str, str]) -> str:
    """An entry as a person writes it, with a note behind its status."""
    notes = {"status": "  # by hand"}
    body = "".join(f"    {key}: {value}{notes.get(key, '')}\n" for key, value in keys.items())
    return f"  - name: {name}\n{body}"


def set_key(text: str, name: str, key: str, value: str) -> str:
    """The text with one plain key of an entry set; behind its name when it lacks it."""
    if any((line.name, line.key) == (name, key) for line in lines(text)):
        return "".join(
            _VALUE.sub(rf"\g<before> {value}\g<note>\n", line.text)
            if (line.name, line.key) == (name, key)
            else line.text
            for line in lines(text)
        )
    return _after_name(text, name, f"    {key}: {value}\n")


def add_note(text: str, name: str, note: str) -> str:
    """The text with a comment in an entry."""
    return _after_name(text, name, f"    # {note}\n")


def rename(text: str, name: str, to: str) -> str:
    """The text with another name for an entry."""
    return "".join(
        line.text.replace(name, to) if (line.name, line.key) == (name, "name") else line.text
        for line in lines(text)
    )


def remove(text: str, name: str) -> str:
    """The text without an entry."""
    return "".join(line.text for line in lines(text) if line.name != name)


def append(text: str, written: str) -> str:
    """The text with an entry behind the last one."""
    return text + ("" if text.endswith("\n") else "\n") + written


def untouched(text: str, touched: Collection[tuple[str, str]], new: Collection[str]) -> list[str]:
    """The lines that are neither of a touched key nor of a new entry; its comment is left."""
    return [part for line in lines(text) if line.name not in new for part in _kept(line, touched)]


def _kept(line: Line, touched: Collection[tuple[str, str]]) -> Iterator[str]:
    if (line.name, line.key) not in touched:
        yield line.text
    elif note := re.search(r"  #.*", line.text):
        yield note[0]


def _after_name(text: str, name: str, added: str) -> str:
    return "".join(
        line.text + added if (line.name, line.key) == (name, "name") else line.text
        for line in lines(text)
    )
