"""Which threads a Codex has open for writing, by the lock files that it holds itself.

Measured with 0.169.0: without its daemon the TUI's own process holds `flock` on
`<home>/thread-writer-locks/<id>.lock` from its start, before there is a rollout. After `/new`
it holds the new thread's beside the old one's, which it lets go and deletes 60 s later. The
thread that makes a title has none. Under the daemon (the default) the TUI holds none at all:
the daemon holds those of all panes, and is a child of whichever TUI started it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from kanban_worker import procfs
from kanban_worker.agents import descriptors, ids
from kanban_worker.agents.descriptors import OpenFile
from kanban_worker.agents.shape import LiveAgent, Member
from reconcile.observed import ConversationId, Unknown

FOLDER = "thread-writer-locks"

_LOCK = re.compile(rf"(/.*)/{FOLDER}/([0-9a-fA-F-]{{36}})\.lock")
_PROGRAM = re.compile(r"codex(?:-[A-Za-z0-9_-]{1,60})?")
"""The native program, also under its release's name; its npm wrapper is a script of node."""
_MOST = 1024

Family = tuple[Member, ...]
Held = Mapping[ConversationId, str]
"""By thread, the Codex home that its lock file is in."""


@dataclass(frozen=True, slots=True)
class _Known:
    """What one family held when its locks were last looked at."""

    rows: frozenset[tuple[int, str]] | None
    opened: tuple[tuple[int, OpenFile], ...]
    held: Held


@dataclass(frozen=True, slots=True)
class _Processes:
    """Which processes of a family are the TUI's own, and whether a daemon is among the others."""

    own: tuple[int, ...]
    daemon: bool


class Locks:
    """The locks of Codex's own processes.

    As long as the kernel lists the same locks of the same processes, and their descriptors lead
    to the same files, the last answer stands: one read for all agents, and one `readlink` for
    each lock.
    """

    def __init__(self, proc: str = descriptors.PROC) -> None:
        """Nothing is read before the first question."""
        self._proc = proc
        self._rows: Mapping[int, frozenset[str]] | Unknown | None = None
        self._read = False
        self._own: dict[Family, _Processes] = {}
        self._known: dict[Family, _Known] = {}

    def look(self) -> None:
        """Let the locks be looked at again. Once a tick."""
        self._read = False

    def held(self, agent: LiveAgent) -> Held | Unknown | None:
        """Return what an agent's own processes hold; None where nobody can tell."""
        own = self._processes(agent.family).own
        rows = self._listed(own)
        known = self._known.get(agent.family)
        if known is not None and rows is not None and known.rows == rows and self._same(known):
            return known.held
        found = self._look(own)
        if isinstance(found, _Known):
            if len(self._known) >= _MOST:
                self._known.clear()
            self._known[agent.family] = _Known(rows, found.opened, found.held)
            return found.held
        self._known.pop(agent.family, None)
        return found

    def daemon_in(self, agent: LiveAgent) -> bool:
        """Whether one of an agent's processes is the daemon, which then serves other panes too."""
        return self._processes(agent.family).daemon

    def _listed(self, own: tuple[int, ...]) -> frozenset[tuple[int, str]] | None:
        if not self._read:
            self._read, self._rows = True, descriptors.flocks(self._proc)
        rows = self._rows
        if rows is None or isinstance(rows, Unknown):
            return None
        return frozenset((pid, row) for pid in own for row in rows.get(pid, ()))

    def _same(self, known: _Known) -> bool:
        return all(
            descriptors.readlink(pid, one.number, self._proc) == one.target
            for pid, one in known.opened
        )

    def _look(self, own: tuple[int, ...]) -> _Known | Unknown | None:
        opened: list[tuple[int, OpenFile]] = []
        held: dict[ConversationId, str] = {}
        seen = False
        for pid in own:
            found = descriptors.open_files(pid, self._proc)
            if isinstance(found, Unknown):
                return found
            seen = seen or found is not None
            for one in found or ():
                match = _LOCK.fullmatch(one.target)
                thread = ids.uuid(match[2]) if match else None
                if match is None or thread is None:
                    continue
                state = descriptors.state(pid, one.number, self._proc)
                if state is not None and state.locked:
                    opened.append((pid, one))
                    held[thread] = match[1]
        return _Known(None, tuple(opened), held) if seen else None

    def _processes(self, family: Family) -> _Processes:
        if family not in self._own:
            if len(self._own) >= _MOST:
                self._own.clear()
            self._own[family] = self._walk(family)
        return self._own[family]

    def _walk(self, family: Family) -> _Processes:
        """Take the TUI's pids: from the first process down to the first native Codex.

        What a native Codex starts is not it: the daemon, or a `codex exec` of a tool.
        """
        living = [each.pid for each in family if _lives(each)]
        below: dict[int | None, list[int]] = {}
        for pid in living:
            below.setdefault(descriptors.parent(pid, self._proc), []).append(pid)
        wrappers: list[int] = []
        programs: dict[int, bool] = {}
        queue = living[:1]
        for pid in queue:
            words = self._words(pid)
            if _is_daemon(words):
                continue
            if words and _PROGRAM.fullmatch(PurePosixPath(words[0]).name):
                programs[pid] = _is_headless(words)
            else:
                wrappers.append(pid)
                queue += below.pop(pid, [])
        shown = [pid for pid, headless in programs.items() if not headless]
        daemon = any(_is_daemon(self._words(pid)) for pid in living)
        return _Processes((*wrappers, *(shown or programs)), daemon)

    def _words(self, pid: int) -> tuple[str, ...]:
        return descriptors.command(pid, self._proc) or ()


def _lives(member: Member) -> bool:
    return procfs.start_ticks(member.pid) == member.start_ticks


def _is_daemon(words: Sequence[str]) -> bool:
    return "app-server" in words


def _is_headless(words: Sequence[str]) -> bool:
    return not {"exec", "e"}.isdisjoint(words[1:])
