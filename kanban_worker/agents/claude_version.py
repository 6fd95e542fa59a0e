"""Which version of Claude Code a process is, and which records that version keeps of itself.

What was found to tell: a native program's own path (`…/claude/versions/2.1.330`), the
`package.json` beside a program that npm installed, and the lines of a transcript. The JavaScript
builds (up to 2.1.112) run as `node` and hide their arguments: of such a process only its pid file
or its transcripts tell.
"""

from __future__ import annotations

import os
import re

from kanban_worker.agents import files, lines
from kanban_worker.agents.shape import LiveAgent

Version = tuple[int, ...]
"""`(2, 1, 330)`; empty where it is not known."""

PID_FILE = (2, 1, 75)
"""The first version with `sessions/<pid>.json`."""
FOLLOWS_CLEAR = (2, 1, 139)
"""2.1.112 kept the old id after `/clear` until its exit; 2.1.139 changed it within 0.2 s."""
_LOG = ((2, 0, 15), (2, 1, 42))
"""The first and the last version that was seen to write `debug/<id>.txt` unasked."""

_NUMBER = re.compile(r"(\d{1,4})\.(\d{1,4})\.(\d{1,6})")
_NATIVE = re.compile(r"/claude/versions/(\d{1,4}\.\d{1,4}\.\d{1,6})(?:/|$)")
_PACKAGE = "/node_modules/@anthropic-ai/claude-code"
_WORDS = 3


def parsed(value: object) -> Version:
    """Read `2.1.330`, with whatever stands behind it."""
    match = _NUMBER.match(lines.text(value, 40) or "")
    return tuple(map(int, match.groups())) if match else ()


def of(agent: LiveAgent) -> Version:
    """Return a process's version, as its program's place tells."""
    places = (_program(agent.family[0].pid), *agent.argv[:_WORDS])
    found = (_native(place) or _packaged(place) for place in places if place)
    return next(filter(None, found), ())


def keeps_record(version: Version) -> bool:
    """Whether this version leaves a file that names its process."""
    return version >= PID_FILE or _LOG[0] <= version <= _LOG[1]


def _program(pid: int) -> str:
    try:
        return os.readlink(f"/proc/{pid}/exe")
    except OSError:
        return ""


def _native(place: str) -> Version:
    match = _NATIVE.search(place)
    return parsed(match[1]) if match else ()


def _packaged(place: str) -> Version:
    """Read the version of the package (of this or any platform) that a program is part of."""
    before, found, behind = place.partition(_PACKAGE)
    if not found or not files.is_path(place):
        return ()
    folder = f"{before}{found}{behind.partition('/')[0]}"
    try:
        return parsed(lines.record(files.content(f"{folder}/package.json")).get("version"))
    except OSError:
        return ()
