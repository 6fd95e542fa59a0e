"""Every Codex home that is in use: the monitor's own, and those of the agents that were seen."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

from kanban_worker.agents import codex_locks, codex_rollouts, codex_titles, ids
from kanban_worker.agents.codex_rollouts import Rollouts
from kanban_worker.agents.kept import Folder
from reconcile.observed import ConversationId, Unknown

_CAPABILITIES = "tui-thread-reference-capabilities"
"""Empty files, one for each thread that a TUI has begun, from its start on (0.169.0)."""
_MOST = 8192
_HOMES = 256


class Homes:
    """The rollouts of all homes, and where each thread was found."""

    def __init__(self, own: str) -> None:
        """`own` is the monitor's own home."""
        self.own = own
        self.all = {own: Rollouts(own)}
        self.where: dict[ConversationId, str] = {}
        self._folders: dict[str, Folder] = {}
        self._begun: dict[tuple[str, str], ConversationId] = {}

    def look(self) -> None:
        """Let every folder be looked at again. Once a tick."""
        for rollouts in self.all.values():
            rollouts.look()

    def of(self, environ: Mapping[str, str], cwd: str) -> tuple[Rollouts, ...]:
        """Return the home that a process with this environment has; all where it is not known."""
        own = environ.get("CODEX_HOME") or None
        if own is None and environ.get("HOME"):
            own = f"{environ['HOME']}/.codex"
        return tuple(self.all.values()) if own is None else (self.at(os.path.join(cwd, own)),)

    def at(self, path: str) -> Rollouts:
        """Return the rollouts of one home."""
        if path not in self.all:
            if len(self.all) >= _HOMES:
                self.all = {self.own: self.all[self.own]}
            self.all[path] = Rollouts(path)
        return self.all[path]

    def size(
        self,
        conversation: ConversationId,
        first: Iterable[Rollouts] = (),
        *,
        living: bool = False,
    ) -> int | Unknown | None:
        """Return the size of a thread's rollout; None if it is in no home.

        `living` is one that a process holds: while it is not written, it is asked for each tick.
        """
        path = self.where.get(conversation)
        found = None if path is None else codex_rollouts.size(path)
        if found is not None:
            return found
        for rollouts in dict.fromkeys((*first, *self.all.values())):
            find = rollouts.find_living if living else rollouts.find
            if (path := find(conversation)) is not None:
                if len(self.where) >= _MOST:
                    self.where.clear()
                self.where[conversation] = path
                return codex_rollouts.size(path)
        return None

    def has_locks(self, home: str) -> bool:
        """Whether a Codex that locks its threads has run in this home."""
        return isinstance(self._folder(f"{home}/{codex_locks.FOLDER}").names(), frozenset)

    def begun_with(self, home: str, begun: str) -> ConversationId | None:
        """Return the only thread known in a home whose id begins so."""
        asked = (home, begun)
        if asked not in self._begun:
            found = codex_titles.complete(begun, self._known(home, begun))
            if found is None:
                return None
            if len(self._begun) >= _MOST:
                self._begun.clear()
            self._begun[asked] = found
        return self._begun[asked]

    def _known(self, home: str, begun: str) -> set[ConversationId]:
        names: set[str] = set()
        for folder in (codex_locks.FOLDER, _CAPABILITIES):
            listed = self._folder(f"{home}/{folder}").names()
            names |= listed if isinstance(listed, frozenset) else frozenset()
        known = {ids.uuid(name.removesuffix(".lock")) for name in names}
        return {*filter(None, known), *self.at(home).beginning(begun)}

    def _folder(self, path: str) -> Folder:
        if len(self._folders) >= _MOST:
            self._folders.clear()
        return self._folders.get(path) or self._folders.setdefault(path, Folder(path))
