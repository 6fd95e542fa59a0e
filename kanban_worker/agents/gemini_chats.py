"""Gemini CLI's chat files: `tmp/<slug>/chats/session-<UTC minute>-<first 8 of id>.jsonl`."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from kanban_worker.agents import files, gemini_prompts, ids, lines
from kanban_worker.agents.gemini_prompts import Prompts
from kanban_worker.agents.kept import Folder, Kept
from reconcile.observed import ConversationId, Unknown

_CHAT = re.compile(r"session-[0-9T-]{10,20}-([0-9a-f]{8})\.jsonl?")
_SLUG = re.compile(r"[a-zA-Z0-9_-]{1,128}")
_ID = re.compile(rb'"sessionId"\s*:\s*"([0-9a-fA-F-]{36})"')
_START = re.compile(rb'"startTime"\s*:\s*"([^"\\]{10,40})"')
_TURN = re.compile(rb'"type"\s*:\s*"(?:user|gemini)"')
_SETTING = b'{"$set"'
_FIRST = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Chat:
    """What one chat file says of itself."""

    id: ConversationId | None
    """None in a file without its header: 0.61 writes that after another start deleted the chat."""
    started: datetime | None
    spoken: bool
    """Whether it has a message: the file is made at the start, before any prompt (0.61)."""
    child: bool
    last: datetime | None


class Chats:
    """The chats of one `.gemini` folder, each folder listed only when it changed."""

    def __init__(self, home: str) -> None:
        """Nothing is read before the first question."""
        self.home = home
        self.path = f"{home}/tmp"  # noqa: S108  # Gemini's own folder of that name
        self._folders: dict[str, Folder] = {}
        self._listed: dict[str, frozenset[str] | Unknown | None] = {}
        self._chats: Kept[Chat | None] = Kept(_read)
        self._prompts: Kept[Prompts] = Kept(gemini_prompts.read)
        self._owners: Kept[str] = Kept(_read_owner)
        self._projects: Kept[Mapping[str, object]] = Kept(_read_projects)

    def look(self) -> None:
        """Let every folder be looked at again. Once a tick."""
        self._listed.clear()

    def chat(self, path: str) -> Chat | Unknown | None:
        """Return what a chat file says; None if it is no chat, or not whole yet."""
        return self._chats.get(path)

    def of(self, directory: str) -> Iterator[str]:
        """Yield the chat files of one workspace."""
        for folder in self._owned(directory):
            for name in sorted(self._names(folder)):
                if _CHAT.fullmatch(name):
                    yield f"{folder}/{name}"

    def prompts(self, directory: str) -> Prompts | Unknown | None:
        """Return what was typed in one workspace; None where nothing was."""
        for folder in self._owned(directory):
            found = self._prompts.get(f"{os.path.dirname(folder)}/logs.json")
            if found is not None:
                return found
        return None

    def find(self, conversation: ConversationId) -> Iterator[str]:
        """Yield the files whose name may mean this conversation: it has 8 digits of 32."""
        ends = (f"-{conversation[:8]}.jsonl", f"-{conversation[:8]}.json")
        for slug in sorted(self._names(self.path)):
            folder = f"{self.path}/{slug}/chats"
            for name in sorted(self._names(folder)):
                if name.endswith(ends) and _CHAT.fullmatch(name):
                    yield f"{folder}/{name}"

    def belongs(self, path: str, directory: str) -> bool | Unknown:
        """Return whether a chat file is one of this workspace."""
        marker = f"{os.path.dirname(os.path.dirname(path))}/.project_root"
        for told in (self._projects.get(f"{self.home}/projects.json"), self._owners.get(marker)):
            if isinstance(told, Unknown):
                return told
        return path in self.of(directory)

    def blind(self) -> Unknown | None:
        """Say why "nowhere in here" cannot be said, if it cannot."""
        for slug in self._names(self.path):
            self._names(f"{self.path}/{slug}/chats")
        if self._listed[self.path] is None:
            return Unknown(f"{self.path} is not there (mount or restore it)")
        return next((why for why in self._listed.values() if isinstance(why, Unknown)), None)

    def _names(self, path: str) -> frozenset[str]:
        if path not in self._listed:
            folder = self._folders.get(path) or self._folders.setdefault(path, Folder(path))
            self._listed[path] = folder.names()
        names = self._listed[path]
        return names if isinstance(names, frozenset) else frozenset()

    def _owned(self, directory: str) -> Iterator[str]:
        """Yield a workspace's folders: by the map, by owner's marker, by the older hash."""
        import hashlib  # noqa: PLC0415  # loads OpenSSL, and most hosts run no Gemini

        listed = self._projects.get(f"{self.home}/projects.json")
        slugs = [] if listed is None or isinstance(listed, Unknown) else [listed.get(directory)]
        slugs.append(hashlib.sha256(directory.encode(errors="replace")).hexdigest())
        named = [slug for slug in slugs if isinstance(slug, str) and _SLUG.fullmatch(slug)]
        for slug in dict.fromkeys(named):
            if self._owners.get(f"{self.path}/{slug}/.project_root") in {None, directory}:
                yield f"{self.path}/{slug}/chats"


def _is_turn(line: bytes) -> bool:
    """Whether a line is a message; what 0.61 sets at the start is a user's only in its form."""
    return not line.lstrip().startswith(_SETTING) and _TURN.search(line) is not None


def _read_owner(path: str, status: os.stat_result, before: str | None) -> str:
    del status, before
    return files.content(path, _FIRST).decode(errors="surrogateescape").strip()


def _read_projects(
    path: str, status: os.stat_result, before: Mapping[str, object] | None
) -> Mapping[str, object]:
    del status, before
    return lines.nested(lines.record(files.content(path)).get("projects"))


def _read(path: str, status: os.stat_result, before: Chat | None) -> Chat | None:
    """Read both ends; the older `.json` is one object over many lines."""
    del status
    part = files.head(path)
    start = b"\n".join((*part.lines[:8], part.cut))[:_FIRST]
    named = _ID.search(start)
    own = ids.uuid(named[1].decode()) if named else None
    began = _START.search(start)
    end = part.lines if part.whole else files.tail_with_a_line(path).lines
    spoken = (before is not None and before.spoken) or any(
        _is_turn(line) for line in (*part.lines, part.cut, *end)
    )
    if own is None and not spoken:
        return None
    return Chat(
        id=own,
        started=lines.moment(began[1].decode(errors="replace")) if began else None,
        spoken=spoken,
        child=b'"kind":"subagent"' in start,
        last=lines.newest(end),
    )
