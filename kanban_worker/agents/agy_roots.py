"""agy's folders, of the plain installation and of the snap, and what lies in them by name."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from kanban_worker.agents import agy_locks, files, ids, lines
from kanban_worker.agents.kept import Folder, Kept
from reconcile.observed import ConversationId, Unknown

_HOME = ".gemini/antigravity-cli"
_SUFFIXES = (".db", ".pb")

_Last = Mapping[str, object]


class Roots:
    """The folders of every home that is in use. No variable moves agy's files."""

    def __init__(self, home: str) -> None:
        """`home` is the monitor's own."""
        self._homes = {home: None}
        self._snaps = Folder(f"{home}/snap/antigravity-cli")
        self.plain = f"{home}/{_HOME}"
        self._presence: dict[str, Folder] = {}
        self._last: Kept[_Last | None] = Kept(_read_last)
        self._met: set[str] = set()
        self.there: Sequence[str] = self.look()
        """Those that were there at the last look."""

    def add(self, home: str | None) -> bool:
        """From now on look into an agent's home, too; return whether it is a new one."""
        if not home or home in self._homes:
            return False
        self._homes[home] = None
        return True

    def look(self) -> list[str]:
        """Return the folders that are there, or that cannot be seen to be absent."""
        versions = self._snaps.names()
        snaps = sorted(versions, reverse=True) if isinstance(versions, frozenset) else ()
        places = [f"{home}/{_HOME}" for home in self._homes]
        places += [f"{self._snaps.path}/{version}/{_HOME}" for version in snaps]
        # What was there once and is not any more stays: it is missed, not absent.
        self._met |= {place for place in places if files.folder(place) is not None}
        real = {os.path.realpath(place): place for place in places if place in self._met}
        self.there = list(real.values())
        return self.there

    def held(self, pids: Sequence[int]) -> agy_locks.Held | Unknown:
        """Return the conversations that each process has locked."""
        locks: dict[str, ConversationId] = {}
        for root in self.there:
            folder = self._presence.setdefault(root, Folder(f"{root}/presence"))
            names = folder.names()
            if isinstance(names, Unknown):
                return names
            for name in names or ():
                if name.endswith(".lock") and (found := ids.uuid(name.removesuffix(".lock"))):
                    locks[f"{os.path.realpath(folder.path)}/{name}"] = found
        return agy_locks.holders(locks, pids) if locks else {}

    def last_of(self, cwd: str) -> ConversationId | Unknown | None:
        """Return what the map of last conversations has for a directory."""
        if not cwd:
            return None
        for root in self.there:
            path = f"{root}/cache/last_conversations.json"
            last = self._last.get(path)
            if isinstance(last, Unknown):
                return last
            if last is None:
                if os.path.exists(path):
                    return Unknown(f"{path} is not whole: it is being rewritten, or is damaged")
                continue
            for directory in (cwd, files.real_path(cwd)):
                if found := ids.uuid(last.get(directory)):
                    return found
        return None

    def file(self, conversation: ConversationId) -> str | Unknown | None:
        """Return a conversation's own file; None if it is nowhere."""
        for root in self.there:
            for suffix in _SUFFIXES:
                path = f"{root}/conversations/{conversation}{suffix}"
                try:
                    os.stat(path)
                except FileNotFoundError:
                    continue
                except OSError as error:
                    return files.refusal(path, error)
                return path
        return None


def _read_last(path: str, status: os.stat_result, before: _Last | None) -> _Last | None:
    del status, before
    data = files.content(path)
    return lines.record(data) or (None if data.strip() != b"{}" else {})
