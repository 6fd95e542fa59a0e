"""YAML's events: from libyaml where it is known to agree with ruamel.yaml's own parser.

libyaml, by ruamel.yaml's binding, is some thirty times as fast. The two differ in what a byte order
mark counts for, in tabs, folded and literal blocks, tags, aliases followed by a colon, explicit
keys, directives, several documents, the line breaks of Unicode, and in where an empty value
stands. A text with any of these is left to ruamel.yaml, and so is one that libyaml refuses: the
message about it is always ruamel.yaml's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.events import (
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

try:
    from _ruamel_yaml import CParser  # type: ignore[import-not-found] # compiled, without types
except ImportError:  # no binding for this Python
    CParser = None

Event = Any
"""ruamel.yaml leaves the attributes of its events untyped."""

DEEPEST: Final = 64
"""Levels of nesting, aliases followed, beyond which a text is refused."""

_APART = re.compile(
    r"(?<![^\s,\[\]{}:-])[?*>|!]|[\t\x85\u2028\u2029\ufeff]|^(?:%|---|\.\.\.)", re.MULTILINE
)
"""Where the two may differ: at the beginning of a token, or anywhere."""


def of(text: str) -> Iterable[Event]:
    """The events of a text. Raises YAMLError and whatever else ruamel.yaml raises, while read."""
    found = quick(text)
    return YAML(typ="safe", pure=True).parse(text) if found is None else found


def quick(text: str) -> list[Event] | None:
    """The events from libyaml; None where ruamel.yaml has to be asked."""
    if CParser is None or _APART.search(text):
        return None
    events: list[Event] = []
    deep = 0
    try:
        parser = CParser(text)
        while parser.check_event():
            event = parser.get_event()
            kind = type(event)
            if kind is ScalarEvent:
                if not (event.value or event.style):
                    return None
            elif kind is MappingStartEvent or kind is SequenceStartEvent:
                deep += 1
                if deep > DEEPEST:  # libyaml takes quadratic time for them
                    return None
            elif kind is MappingEndEvent or kind is SequenceEndEvent:
                deep -= 1
            events.append(event)
    except Exception:  # noqa: BLE001 - whatever it refuses, ruamel.yaml says why
        return None
    return events
