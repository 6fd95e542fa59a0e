"""Which agent has started this process: the nearest one among its parents.

An agent runs a hook as `/bin/sh -c COMMAND`, so between the two there are only shells (which may
replace themselves by the command) and programs that start us, as `uvx agent-sessions hook` does.
Anything else there is a program that we do not know: an agent farther up did not run this hook.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence

from kanban_worker import procfs, recognise
from reconcile import kinds

_GENERATIONS = 32
_OURS = "agent-sessions"
_SERVER = "app-server"
"""Codex 0.169.0 starts one for all its panes: what it runs says nothing of any of them."""
_HEADLESS: Mapping[str, frozenset[str]] = {
    "claude": frozenset({"-p", "--print"}),
    "gemini": frozenset({"-p", "--prompt"}),
    "codex": frozenset({"exec", "e", "review"}),
    "opencode": frozenset({"run", "serve"}),
}
"""The words of an agent's command line that make it run without a person."""


class Ancestor:
    """One process above this one."""

    __slots__ = ("argv", "kind", "parent", "pid", "start", "terminal")

    def __init__(
        self, pid: int, *, parent: int, argv: Sequence[str], kind: str | None, start: str
    ) -> None:
        """`start` as `Member.start_ticks`, or `microseconds` where there is no `/proc`."""
        self.pid, self.parent, self.argv, self.kind, self.start = pid, parent, argv, kind, start
        self.terminal = procfs.terminal(pid)

    def is_headless(self, environ: Mapping[str, str]) -> bool:
        """Whether it runs without a person; `environ` is what it gave to its hook."""
        if self.kind == "claude" and environ.get("CLAUDE_CODE_ENTRYPOINT", "").startswith("sdk"):
            return True
        headless = _HEADLESS.get(self.kind or "", frozenset())
        return any(word.partition("=")[0] in headless for word in self.argv[1:])


def nearest_agent(environ: Mapping[str, str]) -> Ancestor | None:
    """The agent that runs this hook; None where that cannot be told."""
    passed: set[str] = set()
    pid = os.getppid()
    for _ in range(_GENERATIONS):
        found = process(pid) if pid > 0 else None
        if found is None:
            return None
        if found.kind is not None:
            # Claude Code from 2.1.239 on names itself; the variable may also be inherited.
            nearer = found.kind == "claude" and environ.get("CLAUDE_PID", "") in passed
            daemon = found.kind == "codex" and _SERVER in found.argv
            return None if nearer or daemon or found.kind not in kinds.HOOKED else found
        if not (recognise.is_shell(found.argv) or any(map(_is_ours, found.argv))):
            return None
        passed.add(str(pid))
        pid = found.parent
    return None


def process(pid: int) -> Ancestor | None:
    """One process; None where it cannot be read."""
    if sys.platform != "linux":
        return by_psutil(pid)
    parent, start = procfs.parent(pid), procfs.start_ticks(pid)
    if parent is None or start is None:
        return None
    argv = procfs.argv(pid)
    exe = procfs.link(f"/proc/{pid}/exe")
    kind = recognise.kind_of(argv, name="" if argv else procfs.name(pid), exe=exe)
    return Ancestor(pid, parent=parent, argv=argv, kind=kind, start=start)


def by_psutil(pid: int) -> Ancestor | None:
    """The same for macOS. psutil costs 27 ms to import, more than all the rest."""
    import psutil  # noqa: PLC0415 - as above

    try:
        found = psutil.Process(pid)
        argv, name, began = found.cmdline(), found.name(), found.create_time()
        parent, exe = found.ppid(), found.exe()
    except (psutil.Error, OSError):
        return None
    kind = recognise.kind_of(argv, name="" if argv else name, exe=exe)
    return Ancestor(pid, parent=parent, argv=argv, kind=kind, start=microseconds(began))


def microseconds(began: float) -> str:
    """A start time in seconds since 1970, as part of a file's name."""
    return str(round(began * 1_000_000))


def _is_ours(word: str) -> bool:
    return word.rpartition("/")[2] == _OURS
