"""Codex's rollout files: `sessions/YYYY/MM/DD/rollout-<local time>-<id>.jsonl`."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from kanban_worker.agents import files, ids, lines
from kanban_worker.agents.kept import Folder
from reconcile.observed import ConversationId, Unknown

_ROLLOUT = re.compile(r"rollout-[0-9T-]{19}-([0-9a-fA-F-]{36})\.jsonl")
_ARCHIVE = "archived_sessions"
_DEPTH = 3
_MOST = 8192
_DAY = timedelta(days=1)
_SOURCES = (None, "cli", "vscode")
"""Who begins a thread: a TUI without the daemon, and one with it (0.169.0); `exec` is headless."""
_ORIGINATORS = (None, "codex-tui", "codex_cli_rs")
"""The TUI's names; `codex_exec` and those of editors and the desktop app are not among them."""
_NEVER = datetime(1971, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Meta:
    """The first line of a rollout; a fork has a second one, which is its parent's."""

    cwd: str | None
    at: datetime | None
    child: bool
    """Whether it is a sub-agent's, which no pane holds."""
    forked_from: ConversationId | None = None
    shown: bool = True
    """Whether a TUI may have begun it: it does not say that something else did."""


class Rollouts:
    """The rollouts of one Codex home, each folder listed only when it changed."""

    def __init__(self, home: str) -> None:
        """Nothing is read before the first question."""
        self.home = home
        self.path = f"{home}/sessions"
        self._archive = f"{home}/{_ARCHIVE}"
        self._folders: dict[str, Folder] = {}
        self._listed: dict[str, frozenset[str] | Unknown | None] = {}
        self._metas: dict[str, Meta] = {}
        self._nowhere: dict[ConversationId, tuple[tuple[str, frozenset[str]], ...]] = {}

    def look(self) -> None:
        """Let every folder be looked at again. Once a tick."""
        self._listed.clear()

    def find(self, conversation: ConversationId) -> str | None:
        """Return a rollout's place: on the day that its id tells, else on any."""
        near = tuple(self._likely(conversation))
        return self._in(near, conversation) or self._in(self._all(), conversation)

    def find_living(self, conversation: ConversationId) -> str | None:
        """Return the place of a thread that a process holds, which may not be written yet.

        It is looked for everywhere once; after that, only where its first prompt would put it.
        """
        before = self._nowhere.get(conversation)
        if before is None:
            found = self.find(conversation)
            near = tuple(dict.fromkeys(self._likely(conversation)))
        elif all(self._names(folder) is names for folder, names in before):
            return None
        else:
            near = tuple(folder for folder, _ in before)
            found = self._in(near, conversation)
        if found is None:
            if len(self._nowhere) >= _MOST:
                self._nowhere.clear()
            self._nowhere[conversation] = tuple((one, self._names(one)) for one in near)
        return found

    def beginning(self, begun: str) -> frozenset[ConversationId]:
        """Return the threads whose id begins so: those of the days that it tells, else of any."""
        for folders in (self._likely(begun), self._all()):
            matches = (_ROLLOUT.fullmatch(name) for each in folders for name in self._names(each))
            found = frozenset(
                ConversationId(one[1]) for one in matches if one and one[1].startswith(begun)
            )
            if found:
                return found
        return frozenset()

    def since(self, day: date) -> Iterator[tuple[ConversationId, str]]:
        """Yield the rollouts of the days from the one before `day` on."""
        first = _folder_of(day - _DAY)
        for folder in self._days(self.path):
            if folder.removeprefix(f"{self.path}/") < first:
                continue
            for name in sorted(self._names(folder)):
                if match := _ROLLOUT.fullmatch(name):
                    yield ConversationId(match[1]), f"{folder}/{name}"

    def meta(self, path: str) -> Meta | Unknown | None:
        """Return a rollout's first line, which never changes; None while it is not whole."""
        if path not in self._metas:
            try:
                found = _meta(path)
            except FileNotFoundError:
                return None
            except OSError as error:
                return files.refusal(path, error)
            if found is None:
                return None
            if len(self._metas) >= _MOST:
                self._metas.clear()
            self._metas[path] = found
        return self._metas[path]

    def blind(self) -> Unknown | None:
        """Say why "nowhere in here" cannot be said, if it cannot."""
        self._names(self.path)
        if self._listed[self.path] is None:
            return Unknown(f"{self.path} is not there (mount or restore it)")
        for folder in self._all():
            self._names(folder)
        return next((why for why in self._listed.values() if isinstance(why, Unknown)), None)

    def _names(self, path: str) -> frozenset[str]:
        if path not in self._listed:
            folder = self._folders.get(path) or self._folders.setdefault(path, Folder(path))
            self._listed[path] = folder.names()
        names = self._listed[path]
        return names if isinstance(names, frozenset) else frozenset()

    def _in(self, folders: Iterable[str], conversation: ConversationId) -> str | None:
        for folder in folders:
            for name in self._names(folder):
                if name.endswith(f"-{conversation}.jsonl") and _ROLLOUT.fullmatch(name):
                    return f"{folder}/{name}"
        return None

    def _all(self) -> Iterator[str]:
        yield self._archive
        yield self.path
        yield from self._days(self.path)

    def _days(self, path: str, depth: int = 0) -> Iterator[str]:
        if depth == _DEPTH:
            yield path
            return
        for name in sorted(self._names(path), reverse=True):
            if name.isdigit() and name.isascii():
                yield from self._days(f"{path}/{name}", depth + 1)

    def _likely(self, conversation: str) -> Iterator[str]:
        """Yield the days around the time that a UUID of version 7 begins with."""
        try:
            born = lines.moment_of_ms(int(conversation.replace("-", "")[:12], 16))
            at = (born or _NEVER).astimezone().date()
            days = (at, at - _DAY, at + _DAY)
        except (ValueError, OverflowError):
            return
        for day in days:
            yield f"{self.path}/{_folder_of(day)}"


def is_archived(path: str) -> bool:
    """Whether a rollout's place is the archive."""
    return os.path.basename(os.path.dirname(path)) == _ARCHIVE


def _folder_of(day: date) -> str:
    return day.strftime("%Y/%m/%d")


def _meta(path: str) -> Meta | None:
    """Read the first line: 21.7 KB in 0.169.0, as it holds the base instructions."""
    for limit in (files.BLOCK, files.LIMIT):
        part = files.head(path, limit)
        if part.lines:
            return _parse(lines.record(part.lines[0]))
        if part.whole:
            break
    return None


def _parse(entry: Mapping[str, object]) -> Meta | None:
    """Read a line of `session_meta`, or the untyped one of September 2025."""
    typed = entry.get("type")
    own = lines.nested(entry.get("payload")) if typed == "session_meta" else entry
    named = ids.uuid(own.get("id"))
    if named is None:
        return None
    parent = own.get("parent_thread_id")
    root = own.get("session_id")
    return Meta(
        cwd=lines.text(own.get("cwd")),
        at=lines.moment(own.get("timestamp")) or lines.moment(entry.get("timestamp")),
        child=parent is not None or root not in (None, named),  # may be unhashable
        shown=own.get("source") in _SOURCES and own.get("originator") in _ORIGINATORS,
        forked_from=ids.uuid(own.get("forked_from_id")),
    )


def size(path: str) -> int | Unknown | None:
    """Return a file's size; None if it is not there."""
    try:
        return os.stat(path).st_size
    except FileNotFoundError:
        return None
    except OSError as error:
        return files.refusal(path, error)
