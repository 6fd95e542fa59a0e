"""`projects/`: where in one configuration folder a transcript lies."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator

from kanban_worker.agents import claude_keys, ids
from kanban_worker.agents.kept import Folder
from reconcile.observed import ConversationId, Unknown

SUFFIX = ".jsonl"
_MOST = 1024

_Names = frozenset[str] | None | Unknown


class Projects:
    """The project folders of one configuration folder, each listed only when it changed."""

    __slots__ = ("_folders", "_listed", "_names", "_root", "_seen", "_stale", "_young", "path")

    def __init__(self, config: str) -> None:
        """Nothing is read before the first question."""
        self.path = f"{config}/projects"
        self._root = Folder(self.path)
        self._names: _Names = None
        self._folders: dict[str, Folder] = {}
        self._listed: dict[str, _Names] = {}
        self._stale = True
        self._seen: dict[str, dict[str, int]] = {}
        self._young: dict[tuple[str, int], tuple[frozenset[str], tuple[str, ...]]] = {}

    def look(self) -> None:
        """Let the next search look at the folders again. Once a tick."""
        self._stale = True

    def folders(self, keys: Iterable[str]) -> tuple[str, ...]:
        """Return the paths of the folders that these keys may mean, there or not."""
        wanted = tuple(keys)
        if any(len(key) > claude_keys.LONGEST for key in wanted):
            names = self._root.names()
            if isinstance(names, frozenset):
                wanted += claude_keys.lookalikes(wanted, names)
        return tuple(f"{self.path}/{name}" for name in dict.fromkeys(wanted))

    def holding(self, conversation: ConversationId) -> list[str]:
        """Return the places of a conversation in any of the folders."""
        self._list()
        name = conversation + SUFFIX
        return [
            f"{path}/{name}"
            for path, names in self._listed.items()
            if isinstance(names, frozenset) and name in names
        ]

    def blind(self) -> Unknown | None:
        """Say why "nowhere in here" cannot be said, if it cannot."""
        self._list()
        if self._names is None:
            return Unknown(f"{self.path} is not there (mount or restore it)")
        found = (self._names, *self._listed.values())
        return next((why for why in found if isinstance(why, Unknown)), None)

    def young(self, path: str, since_ns: int) -> tuple[str, ...] | Unknown:
        """Return the transcripts of one folder that may have been begun since a time.

        What was last modified before, when first seen, was also born before, and a birth
        never changes: of 10,000 old files each is looked at once.
        """
        folder = self._folders.get(path) or self._folders.setdefault(path, Folder(path))
        names = folder.names()
        if not isinstance(names, frozenset):
            return names or ()
        kept = self._young.get((path, since_ns))
        if kept is not None and kept[0] is names:
            return kept[1]
        seen = self._seen[path] = _first_seen(path, names, self._seen.get(path, {}))
        found = tuple(sorted(place for place, at in seen.items() if at >= since_ns))
        if len(self._young) >= _MOST:
            self._young.clear()
        self._young[path, since_ns] = (names, found)
        return found

    def _list(self) -> None:
        if not self._stale:
            return
        self._stale = False
        names = self._root.names()
        if names is not self._names:
            self._names = names
            self._folders = {
                path: self._folders.get(path) or Folder(path) for path in self._paths(names)
            }
        self._listed = {path: folder.names() for path, folder in self._folders.items()}

    def _paths(self, names: _Names) -> Iterator[str]:
        for name in sorted(names) if isinstance(names, frozenset) else ():
            path = f"{self.path}/{name}"
            if _may_be_folder(path):
                yield path


def stem(path: str) -> ConversationId:
    """Return the id that a transcript's name is."""
    return ConversationId(os.path.basename(path).removesuffix(SUFFIX))


def modified_ns(path: str) -> int:
    """Return when a file was last modified; 0 if it is not there."""
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return 0


def _first_seen(path: str, names: frozenset[str], before: dict[str, int]) -> dict[str, int]:
    places = (f"{path}/{name}" for name in names if _is_transcript(name))
    return {place: before[place] if place in before else modified_ns(place) for place in places}


def _is_transcript(name: str) -> bool:
    return name.endswith(SUFFIX) and ids.uuid(name.removesuffix(SUFFIX)) is not None


def _may_be_folder(path: str) -> bool:
    """Whether it is one, or cannot be seen to be none: a dead link, a folder without `x`."""
    try:
        return stat.S_ISDIR(os.stat(path).st_mode)
    except OSError:
        return True
