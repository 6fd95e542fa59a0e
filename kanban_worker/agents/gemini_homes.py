"""Every `.gemini` folder that is in use: the monitor's own, and those of the agents seen."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping

from kanban_worker.agents.gemini_chats import Chat, Chats
from reconcile.observed import ConversationId, Unknown

_MOST = 8192
_HOMES = 256


class Homes:
    """The chats of all homes, and where each was found."""

    def __init__(self, base: str) -> None:
        """`base` is the monitor's own home, or what its GEMINI_CLI_HOME says."""
        self.own = _folder(base)
        self.all = {self.own: Chats(self.own)}
        self.where: dict[ConversationId, tuple[Chats, str]] = {}

    def look(self) -> None:
        """Let every folder be looked at again. Once a tick."""
        for chats in self.all.values():
            chats.look()

    def of(self, environ: Mapping[str, str], cwd: str) -> tuple[Chats, ...]:
        """Return the home of a process with this environment; all where it is not known."""
        base = environ.get("GEMINI_CLI_HOME") or environ.get("HOME")
        if not base:
            return tuple(self.all.values())
        path = _folder(os.path.join(cwd, base))
        if path not in self.all:
            if len(self.all) >= _HOMES:
                self.all = {self.own: self.all[self.own]}
            self.all[path] = Chats(path)
        return (self.all[path],)

    def find(
        self, conversation: ConversationId, first: tuple[Chats, ...] = ()
    ) -> Chat | Unknown | None:
        """Return what is known of a chat; None if it is in no home."""
        second: Unknown | None = None
        for chats, path in self._places(conversation, first):
            found = chats.chat(path)
            if not isinstance(found, Chat) or found.id is None:
                why = Unknown(f"{path} does not say which session it is")
                second = second or (found if isinstance(found, Unknown) else why)
            elif found.id == conversation:
                if len(self.where) >= _MOST:
                    self.where.clear()
                self.where[conversation] = (chats, path)
                return found
        return second

    def is_written(
        self, conversation: ConversationId, first: tuple[Chats, ...] = ()
    ) -> bool | Unknown:
        """Whether a chat that certainly exists has a message on disk.

        A file that lost its header to another start is its own: of the id it has 8 digits.
        """
        second: Unknown | None = None
        written = False
        for chats, path in self._places(conversation, first):
            found = chats.chat(path)
            if isinstance(found, Unknown):
                second = second or found
            elif found is not None and found.id in {None, conversation}:
                written = written or found.spoken
        return written or second or False

    def _places(
        self, conversation: ConversationId, first: tuple[Chats, ...]
    ) -> Iterator[tuple[Chats, str]]:
        known = self.where.get(conversation)
        if known is not None:
            yield known
        for chats in dict.fromkeys((*first, *self.all.values())):
            for path in chats.find(conversation):
                yield chats, path


def _folder(base: str) -> str:
    """Return the `.gemini` under a home, as 0.61 does; else the home, if it is one itself."""
    usual = f"{base}/.gemini"
    itself = os.path.exists(f"{base}/projects.json") and not os.path.isdir(usual)
    return base if itself else usual
