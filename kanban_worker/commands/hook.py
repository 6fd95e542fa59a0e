"""`agent-sessions hook`: an agent's own session hook. Records which conversation the agent is in.

An agent waits for it and shows what it prints, so it prints nothing, ends with 0 whatever happens,
and costs little: it is run without the rest of the command line (see `__main__`), and what it
imports must not import `pathlib`, `dataclasses`, `typing` or psutil.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import time
from collections.abc import Mapping

from kanban_worker import ancestry, hookfile
from reconcile import kinds
from state import xdg

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

SECONDS = 3.0
"""How long to wait for the rest of stdin. What is whole by then counts, also without its end."""
LIMIT = 1024 * 1024
_DRAIN = 16 * LIMIT
"""An agent whose pipe breaks may complain, so what is beyond the limit is read, and dropped."""
_EVENTS = frozenset({"SessionStart", "UserPromptSubmit", "BeforeAgent"})
"""Events that tell where the agent is *now*. `SessionEnd`, `Stop` and the like tell of what it
has left: Claude Code's SessionEnd of the old id may come after the SessionStart of the new one.
`BeforeAgent` is Gemini CLI's for each prompt: 0.61.0 says nothing at `/resume` itself."""
_BEGINNINGS = frozenset({"startup", "resume"})
"""Sources of the event with which a process begins."""
_WORD = 40


def options(_parser: argparse.ArgumentParser) -> None:
    """None of its own."""


def run(_arguments: argparse.Namespace | None = None) -> int:
    """Record what stdin says of the nearest agent above this process; 0 in any case."""
    with contextlib.suppress(BaseException):
        _record(time.time(), os.environ)
    return 0


def _record(now: float, environ: Mapping[str, str]) -> None:
    event = _event(_stdin(0))
    if event.get("hook_event_name") not in _EVENTS:
        return
    agent = ancestry.nearest_agent(environ)
    home = os.path.expanduser("~")
    if agent is None or agent.kind is None or not home.startswith("/"):
        return
    own = ancestry.process(os.getpid())
    begun = int(own.start) if own else 0
    boot, namespace = hookfile.place()
    named, source = _id(agent.kind, event.get("session_id")), _word(event.get("source"))
    record = {
        "version": 1,
        "kind": agent.kind,
        "id": named,
        "first": named if source in _BEGINNINGS else None,
        "event": event["hook_event_name"],
        "source": source,
        "headless": agent.is_headless(environ),
        "at": round(now * 1000),
        "pid": agent.pid,
        "start": agent.start,
        "terminal": agent.terminal,
        "boot": boot,
        "namespace": namespace,
        "begun": begun,
    }
    # An id that we cannot name takes the place of the one before, which the agent has left.
    told = record if named is not None else None
    hookfile.write(xdg.state(environ, home), hookfile.name(agent.pid, agent.start), told, begun)


def _stdin(file: int) -> bytes:
    """What an agent writes, at most `LIMIT` bytes of it, for at most `SECONDS`."""
    parts: list[bytes] = []
    size, until = 0, time.monotonic() + SECONDS
    waiting = select.poll()
    waiting.register(file, select.POLLIN)
    while size < _DRAIN and (left := until - time.monotonic()) > 0 and waiting.poll(left * 1000):
        data = os.read(file, 64 * 1024)
        if not data:
            break
        size += len(data)
        if size <= LIMIT:
            parts.append(data)
    return b"".join(parts) if size <= LIMIT else b""


def _event(data: bytes) -> Mapping[str, object]:
    """The JSON object in any of its encodings; anything else is an empty one."""
    try:
        value = json.loads(data.decode(json.detect_encoding(data), "replace"))
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _id(kind: str, value: object) -> str | None:
    """The id, if it has the form of this kind's; whatever else it was, it names no conversation."""
    return value if isinstance(value, str) and kinds.HOOKED[kind].fullmatch(value) else None


def _word(value: object) -> str | None:
    return value if isinstance(value, str) and len(value) <= _WORD else None
