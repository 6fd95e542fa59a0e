"""What each kind of agent leaves on disk: which conversation a process holds, and what is there.

An adapter only reads. It answers in three values (here, none, `Unknown`), bounds what it
reads of any one file, and remembers between ticks what a `stat` shows to be unchanged.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from kanban_worker.agents.agy import Agy
from kanban_worker.agents.claude import Claude
from kanban_worker.agents.codex import Codex
from kanban_worker.agents.gemini import Gemini
from kanban_worker.agents.guard import Guarded
from kanban_worker.agents.opencode import Opencode
from kanban_worker.agents.shape import Adapter

ADAPTERS: Mapping[str, Callable[[Path, Mapping[str, str]], Adapter]] = {
    "claude": Claude,
    "agy": Agy,
    "codex": Codex,
    "gemini": Gemini,
    "opencode": Opencode,
}
"""By the registry's `agent` key; each takes the monitor's own home and environment."""


def adapter(kind: str, home: Path, environ: Mapping[str, str]) -> Adapter:
    """The adapter of a kind that `ADAPTERS` has; what it trips over is `Unknown`."""
    return Guarded(kind, ADAPTERS[kind](home, environ))
