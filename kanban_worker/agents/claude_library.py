"""All of Claude Code's configuration folders that are known, and the transcripts in them."""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from kanban_worker.agents import claude_keys, claude_times, claude_transcript, files
from kanban_worker.agents.claude_debug import DebugLogs
from kanban_worker.agents.claude_pids import PidFile, PidFiles
from kanban_worker.agents.claude_projects import SUFFIX, Projects
from kanban_worker.agents.claude_prompts import Prompts
from kanban_worker.agents.claude_retention import Retention, Settings
from kanban_worker.agents.claude_times import Newest
from kanban_worker.agents.claude_transcript import Transcript
from kanban_worker.agents.kept import Kept
from kanban_worker.agents.shape import LiveAgent
from reconcile.observed import ConversationId, SessionName, Unknown

_MOST = 8192


class Store:
    """One configuration folder."""

    __slots__ = ("logs", "path", "pids", "projects", "prompts")

    def __init__(self, path: str) -> None:
        """See which pids have a file; no transcript is looked at yet."""
        self.path = path
        self.logs = DebugLogs(path)
        self.pids = PidFiles(path)
        self.projects = Projects(path)
        self.prompts = Prompts(path)
        self.pids.look()


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """Where a conversation should lie: the same id may be in several project folders.

    A copied workspace or configuration has the transcripts of the original, too.
    """

    key: Hashable
    """What tells it from other homes."""
    folders: Callable[[], Iterable[str]]
    """The folders, asked for only when they are needed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Where:
    path: str
    at_home: bool


NO_HOME = Home(key=None, folders=tuple)


class Library:
    """Every store: the monitor's own, and those that live agents were started with."""

    __slots__ = (
        "_default",
        "_homes",
        "_keys",
        "_last",
        "_newest",
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
        self._newest: Kept[Newest] = Kept(claude_times.newest)
        self._where: dict[tuple[ConversationId, Hashable], _Where] = {}
        self._last: dict[ConversationId, str] = {}
        self._keys: dict[str, tuple[str, ...]] = {}
        self._of: dict[SessionName, tuple[LiveAgent, tuple[Store, ...]]] = {}
        self._homes: dict[SessionName, tuple[LiveAgent, str | None, Home]] = {}

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
        store = self._named_by(agent.environ, agent.cwd)
        if store is None:
            return tuple(self.stores.values())  # which may become more
        found = (store,)
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
        logged = (store.logs.claimed for store in self.stores.values())
        return frozenset(found.id for found in every).union(*logged)

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

    def home_of(self, agent: LiveAgent, cwd: str | None = None) -> Home:
        """Return where an agent's conversations should lie, also if `/cd` has moved them (`cwd`).

        2.1.329 moves the transcript to the new directory's folder.
        """
        known = self._homes.get(agent.session)
        if known is not None and known[0] is agent and known[1] == cwd:
            return known[2]
        if len(self._homes) >= _MOST:
            self._homes.clear()
        home = self._home_of(agent, cwd if cwd != agent.cwd else None)
        self._homes[agent.session] = agent, cwd, home
        return home

    def _home_of(self, agent: LiveAgent, moved: str | None) -> Home:
        environ = agent.environ

        def folders() -> Iterator[str]:
            for each in (agent.cwd, moved):
                yield from (path for _, path in self.folders(agent, each or ""))

        config, name = environ.get("CLAUDE_CONFIG_DIR"), environ.get("CLAUDE_CODE_PROJECT_DIR_NAME")
        return Home(key=(agent.cwd, moved, config or environ.get("HOME"), name), folders=folders)

    def home_in(self, workspace: str | None, environ: Mapping[str, str] | None) -> Home:
        """Return where the transcripts of a workspace should lie, its agent's own folder first."""
        environ = environ or {}
        config, name = environ.get("CLAUDE_CONFIG_DIR"), environ.get("CLAUDE_CODE_PROJECT_DIR_NAME")
        store = self._named_by(environ, workspace or "")

        def folders() -> Iterator[str]:
            if workspace is None:
                return
            named = claude_keys.named_folder(config, name)
            if store is not None:
                keys = claude_keys.keys(workspace)
                yield from store.projects.folders((*([named] if named else []), *keys))
            yield from self.expected(workspace)

        return Home(key=(workspace, config, environ.get("HOME"), name), folders=folders)

    def own(self, keys: Iterable[str]) -> tuple[str, ...]:
        """Return the folders of these names in the configuration that a new process would use."""
        return self.stores[self._own].projects.folders(keys)

    def find(
        self, conversation: ConversationId, home: Home = NO_HOME
    ) -> Transcript | Unknown | None:
        """Look for a transcript at home, then where it was last found, then everywhere.

        One that is at home and unchanged costs one `stat`.
        """
        kept = self._where.get((conversation, home.key))
        if kept is not None and kept.at_home and _holds(found := self._transcripts.get(kept.path)):
            self._last[conversation] = kept.path
            return found
        name = conversation + SUFFIX
        at_home = dict.fromkeys(f"{folder}/{name}" for folder in home.folders())
        second: str | None = None
        for path in at_home:
            found = self._transcripts.get(path)
            if _holds(found):
                return self._keep(conversation, home, _Where(path=path, at_home=True))
            second = second or (None if found is None else path)
        third, found = self._elsewhere(conversation, kept)
        place = third if _holds(found) else second or third
        if place is None:
            self._where.pop((conversation, home.key), None)
            self._last.pop(conversation, None)
            return None
        return self._keep(conversation, home, _Where(path=place, at_home=False))

    def last(self, conversation: ConversationId) -> Transcript | Unknown | None:
        """Return the transcript that was found last, as it is now."""
        path = self._last.get(conversation)
        return None if path is None else self._transcripts.get(path)

    def newest(self, path: str) -> datetime | None:
        """Return the newest time of any line; None where no line has one or can be read."""
        found = self._newest.get(path)
        return found.at if isinstance(found, Newest) else None

    def path(self, conversation: ConversationId) -> str | None:
        """Return where a transcript was last found."""
        return self._last.get(conversation)

    def logged(self, agents: Sequence[LiveAgent]) -> None:
        """Look into the debug logs that these agents may write. Once a tick, if there are any."""
        for store in {one.path: one for agent in agents for one in self.of(agent)}.values():
            store.logs.look(agents, store.prompts.history())

    def log_of(self, agent: LiveAgent) -> tuple[int, ConversationId] | None:
        """Return when a debug log named this agent last, in ns since 1970, and which one's."""
        found = (store.logs.of(agent.family) for store in self.of(agent))
        return next(filter(None, found), None)

    def is_logged_by_another(self, one: ConversationId, agent: LiveAgent) -> bool:
        """Whether a conversation's debug log names another process than this agent's."""
        return any(store.logs.has_other(one, agent.family) for store in self.of(agent))

    def others_went(self, old: ConversationId, new: ConversationId, agent: LiveAgent) -> bool:
        """Whether debug logs name another process than this agent's in both conversations."""
        return any(store.logs.others_went(old, new, agent.family) for store in self.of(agent))

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
        path = self._last.get(conversation)
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
        path = self._last.get(conversation, "")
        stores = (store for store in self.stores if path.startswith(f"{store}/"))
        return self.retention(next(stores, self._own))

    def last_prompt(self, conversation: ConversationId) -> datetime | None:
        """Return when something was last typed in a conversation, as far as that is kept."""
        histories = (store.prompts.history() for store in self.stores.values())
        times = [
            line.at_ns
            for found in histories
            if not isinstance(found, Unknown)
            for line in found.under(conversation)
        ]
        return datetime.fromtimestamp(max(times) // 10**9, UTC) if times else None

    def home(self) -> str:
        """Return the configuration folder in use; the monitor's own if none is."""
        return next((path for path in self.stores if os.path.isdir(path)), self._own)

    def _store(self, path: str) -> Store:
        return self.stores.get(path) or self.stores.setdefault(path, Store(path))

    def _named_by(self, environ: Mapping[str, str], cwd: str) -> Store | None:
        """Return the store that an environment names; None where it names none that can be."""
        own, home = environ.get("CLAUDE_CONFIG_DIR"), environ.get("HOME")
        path = own or (f"{home}/.claude" if home else "")
        if not path or not files.is_path(path) or not files.is_path(cwd):
            return None
        return self._store(path if path.startswith("/") else f"{cwd}/{path}")

    def _keys_of(self, cwd: str) -> tuple[str, ...]:
        """Keep the keys of a real path; a symlinked workspace may lead elsewhere tomorrow."""
        if cwd not in self._keys:
            if len(self._keys) >= _MOST:
                self._keys.clear()
            self._keys[cwd] = claude_keys.keys(cwd)
        return self._keys[cwd]

    def _elsewhere(
        self, conversation: ConversationId, kept: _Where | None
    ) -> tuple[str | None, Transcript | Unknown | None]:
        """Return what is in any folder: a conversation before a ghost, then what changed last."""
        if kept is not None and _holds(found := self._transcripts.get(kept.path)):
            return kept.path, found
        places = (
            one for store in self.stores.values() for one in store.projects.holding(conversation)
        )
        seen = {
            path: found for path in places if (found := self._transcripts.get(path)) is not None
        }
        path = max(seen, key=lambda path: _rank(seen[path]), default=None)
        return path, None if path is None else seen[path]

    def _keep(
        self, conversation: ConversationId, home: Home, where: _Where
    ) -> Transcript | Unknown | None:
        if len(self._where) >= _MOST:
            self._where.clear()
            self._last.clear()
        self._where[conversation, home.key] = where
        self._last[conversation] = where.path
        return self._transcripts.get(where.path)


def _rank(found: Transcript | Unknown) -> tuple[bool, int]:
    return _holds(found), found.modified_ns if isinstance(found, Transcript) else 0


def _holds(found: Transcript | Unknown | None) -> bool:
    return isinstance(found, Transcript) and found.holds is True
