"""All of Claude Code's configuration folders that are known, and the transcripts in them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime

from kanban_worker.agents import claude_keys, claude_transcript
from kanban_worker.agents.claude_pids import PidFile, PidFiles
from kanban_worker.agents.claude_projects import SUFFIX, Projects
from kanban_worker.agents.claude_prompts import Prompts
from kanban_worker.agents.claude_retention import Retention, Settings
from kanban_worker.agents.claude_transcript import Transcript
from kanban_worker.agents.kept import Kept
from kanban_worker.agents.shape import LiveAgent
from reconcile.observed import ConversationId, SessionName, Unknown

_MOST = 8192


class Store:
    """One configuration folder."""

    __slots__ = ("path", "pids", "projects", "prompts")

    def __init__(self, path: str) -> None:
        """See which pids have a file; no transcript is looked at yet."""
        self.path = path
        self.pids = PidFiles(path)
        self.projects = Projects(path)
        self.prompts = Prompts(path)
        self.pids.look()


class Library:
    """Every store: the monitor's own, and those that live agents were started with."""

    __slots__ = (
        "_default",
        "_keys",
        "_of",
        "_own",
        "_settings",
        "_transcripts",
        "_where",
        "stores",
    )

    def __init__(self, home: str, environ: Mapping[str, str]) -> None:
        """Nothing is read but the pid files' names."""
        self._default = f"{home}/.claude"
        self._own = environ.get("CLAUDE_CONFIG_DIR") or self._default
        paths = dict.fromkeys((self._own, self._default))
        self.stores = {path: Store(path) for path in paths}
        self._transcripts: Kept[Transcript] = Kept(claude_transcript.transcript)
        self._settings = Settings()
        self._where: dict[ConversationId, str] = {}
        self._keys: dict[str, tuple[str, ...]] = {}
        self._of: dict[SessionName, tuple[LiveAgent, tuple[Store, ...]]] = {}

    def look(self) -> None:
        """Let every folder be looked at again. Once a tick."""
        for store in self.stores.values():
            store.pids.look()
            store.projects.look()

    def of(self, agent: LiveAgent) -> tuple[Store, ...]:
        """Return where this agent keeps its files; all stores if that cannot be told."""
        known = self._of.get(agent.session)
        if known is not None and known[0] is agent:
            return known[1]
        environ = agent.environ
        own, home = environ.get("CLAUDE_CONFIG_DIR"), environ.get("HOME")
        if own:
            found = (self._store(own if own.startswith("/") else f"{agent.cwd}/{own}"),)
        elif home:
            found = (self._store(f"{home}/.claude"),)
        else:
            return tuple(self.stores.values())  # which may become more
        if len(self._of) >= _MOST:
            self._of.clear()
        self._of[agent.session] = agent, found
        return found

    def pid_file(self, agent: LiveAgent) -> PidFile | Unknown | None:
        """Return what the agent says of itself."""
        second: PidFile | Unknown | None = None
        for store in self.of(agent):
            found = store.pids.of(agent.family)
            if isinstance(found, PidFile):
                return found
            second = second or found
        return second

    def named(self) -> frozenset[ConversationId]:
        """Return the conversations that any living process names, in a pane or not."""
        return frozenset(found.id for _, found in self.living())

    def claimed(self) -> frozenset[ConversationId]:
        """Return the conversations that any process names, or has named and is gone."""
        every = (found for store in self.stores.values() for found in store.pids.every())
        return frozenset(found.id for found in every)

    def living(self) -> Iterator[tuple[int, PidFile]]:
        """Return what the living processes say of themselves, in a pane or not, by pid."""
        for store in self.stores.values():
            yield from store.pids.living()

    def folders(self, agent: LiveAgent, cwd: str) -> tuple[tuple[Projects, str], ...]:
        """Return the project folders that an agent may write into when it works in `cwd`."""
        if not cwd.startswith("/"):
            return ()
        environ = agent.environ
        named = claude_keys.named_folder(
            environ.get("CLAUDE_CONFIG_DIR"), environ.get("CLAUDE_CODE_PROJECT_DIR_NAME")
        )
        wanted = (*([named] if named else []), *self._keys_of(cwd))
        return tuple(
            (store.projects, path)
            for store in self.of(agent)
            for path in store.projects.folders(wanted)
        )

    def expected(self, workspace: str) -> Iterator[str]:
        """Return the folders where a workspace's transcripts should be, in every store."""
        keys = claude_keys.keys(workspace)
        for store in self.stores.values():
            yield from store.projects.folders(keys)

    def own(self, keys: Iterable[str]) -> tuple[str, ...]:
        """Return the folders of these names in the configuration that a new process would use."""
        return self.stores[self._own].projects.folders(keys)

    def known(self, conversation: ConversationId) -> Transcript | Unknown | None:
        """Return a transcript that is where it was before: one `stat` if it is unchanged."""
        path = self._where.get(conversation)
        return None if path is None else self._transcripts.get(path)

    def search(
        self, conversation: ConversationId, folders: Iterable[str]
    ) -> Transcript | Unknown | None:
        """Look for a transcript in these folders first, then everywhere."""
        second: Transcript | Unknown | None = None
        for path in self._places(conversation, folders):
            found = self._transcripts.get(path)
            if found is None or (second is not None and not _holds(found)):
                continue
            if len(self._where) >= _MOST:
                self._where.clear()
            self._where[conversation] = path
            if _holds(found):
                return found
            second = found
        return second

    def path(self, conversation: ConversationId) -> str | None:
        """Return where a transcript was last found."""
        return self._where.get(conversation)

    def blind(self) -> Unknown | None:
        """Say why "nowhere" cannot be said, if it cannot.

        An unmounted home must not read as deleted transcripts. Only a default folder that
        nobody ever made may be missing, where another one is in use.
        """
        found = {path: store.projects.blind() for path, store in self.stores.items()}
        if None in found.values() and not os.path.lexists(self._default):
            found.pop(self._default, None)
        return next((why for why in found.values() if why is not None), None)

    def modified_ns(self, conversation: ConversationId) -> int | None:
        """Return when a transcript was last changed, as of the last look at it."""
        path = self._where.get(conversation)
        found = None if path is None else self._transcripts.last(path)
        return None if found is None else found.modified_ns

    def config_of(self, workspace: str | None) -> str:
        """Return the configuration folder in which a workspace's transcripts are kept."""
        for store in self.stores.values() if workspace else ():
            keys = claude_keys.keys(workspace or "")
            if any(os.path.isdir(folder) for folder in store.projects.folders(keys)):
                return store.path
        return self._own

    def retention(self, config: str) -> Retention:
        """Return what the settings of one configuration folder say."""
        return self._settings.retention(config)

    def retention_of(self, conversation: ConversationId) -> Retention:
        """Return what holds for a transcript that was found."""
        path = self._where.get(conversation, "")
        stores = (store for store in self.stores if path.startswith(f"{store}/"))
        return self.retention(next(stores, self._own))

    def last_prompt(self, conversation: ConversationId) -> datetime | None:
        """Return when something was last typed in a conversation, as far as that is kept."""
        typed = (store.prompts.typed() for store in self.stores.values())
        times = [
            line.at_ns
            for found in typed
            if not isinstance(found, Unknown)
            for line in found
            if line.id == conversation
        ]
        return datetime.fromtimestamp(max(times) // 10**9, UTC) if times else None

    def home(self) -> str:
        """Return the configuration folder in use; the monitor's own if none is."""
        return next((path for path in self.stores if os.path.isdir(path)), self._own)

    def _store(self, path: str) -> Store:
        return self.stores.get(path) or self.stores.setdefault(path, Store(path))

    def _keys_of(self, cwd: str) -> tuple[str, ...]:
        """Keep the keys of a real path; a symlinked workspace may lead elsewhere tomorrow."""
        if cwd not in self._keys:
            if len(self._keys) >= _MOST:
                self._keys.clear()
            self._keys[cwd] = claude_keys.keys(cwd)
        return self._keys[cwd]

    def _places(self, conversation: ConversationId, folders: Iterable[str]) -> Iterator[str]:
        for folder in folders:
            yield f"{folder}/{conversation}{SUFFIX}"
        for store in self.stores.values():
            yield from store.projects.holding(conversation)


def _holds(found: Transcript | Unknown) -> bool:
    return isinstance(found, Transcript) and found.holds is True
