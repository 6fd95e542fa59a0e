"""agy, the Antigravity CLI: one SQLite (since 1.0.4) or protobuf file a conversation.

Not measured with a running agy, but with its documents, packages and real files.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import ClassVar

from kanban_worker.agents import agy_locks, agy_times, files, ids, lines, pick
from kanban_worker.agents.agy_times import Times
from kanban_worker.agents.kept import Folder, Kept
from kanban_worker.agents.shape import NOTHING_SEEN, Activity, LiveAgent, PaneUse, Seen
from reconcile.observed import (
    Ambiguous,
    Answer,
    Artefact,
    Bound,
    Conversation,
    ConversationId,
    Expiry,
    Lineage,
    Missing,
    SessionName,
    Unknown,
    Unproven,
)
from reconcile.proofs import Proof

_HOME = ".gemini/antigravity-cli"
_SUFFIXES = (".db", ".pb")

_Last = Mapping[str, object]


class Agy:
    """agy's files, of the plain installation and of the snap."""

    variables: ClassVar[tuple[str, ...]] = ()
    pane_use: ClassVar[PaneUse] = PaneUse.NOTHING

    def __init__(self, home: Path, environ: Mapping[str, str]) -> None:
        """Take the monitor's own home; no variable moves agy's files."""
        del environ
        self._homes = {str(home): None}
        self._snaps = Folder(f"{home}/snap/antigravity-cli")
        self._plain = f"{home}/{_HOME}"
        self._presence: dict[str, Folder] = {}
        self._last: Kept[_Last | None] = Kept(_read_last)
        self._times = Times()
        self._met: set[str] = set()
        self._roots = self._look()
        self._asked: datetime | None = None

    def home(self) -> Answer[Path]:
        """Return the first of the folders that is there."""
        roots = self._look()
        return files.folder(roots[0] if roots else self._plain)

    def conversations(
        self, agents: Sequence[LiveAgent], seen: Seen = NOTHING_SEEN
    ) -> Mapping[SessionName, Conversation]:
        """Return what each agy holds: by its lock, its arguments, or the last one there."""
        for agent in agents:
            if home := agent.environ.get("HOME"):
                self._homes[home] = None
        self._roots = self._look()
        held = self._held([member.pid for agent in agents for member in agent.family])
        locked = {agent.session: self._locked(agent, held) for agent in agents}
        taken = frozenset(one.id for one in locked.values() if isinstance(one, Bound))
        beside = _Beside(agents, seen)
        return {
            agent.session: locked[agent.session]
            or self._last_one(agent, taken, beside)
            or self._given(agent)
            for agent in agents
        }

    def lineage(
        self,
        old: ConversationId | None,
        held: Bound,
        agent: LiveAgent,
        *,
        since: datetime | None = None,
    ) -> Lineage | Unknown:
        """Tell of the start only: nothing in the files says when a conversation began."""
        del since
        return pick.one_link(old, held, agent, None)

    def artefact(
        self,
        conversation: ConversationId,
        *,
        workspace: str | None,
        created_at: datetime | None,
        now: datetime,
        at_home: bool = False,
        environ: Mapping[str, str] | None = None,
    ) -> Artefact | Missing | Unknown:
        """Look for the conversation's own file; `-wal` and `-shm` alone are none."""
        del workspace, created_at, at_home, environ
        if ids.uuid(conversation) is None:
            return Missing("not a conversation id of agy: those are UUIDs")
        if now != self._asked:
            self._asked = now
            self._roots = self._look()
        found = self._file(conversation)
        if isinstance(found, Unknown):
            return found
        if found is not None:
            return _judged(found)
        for root in self._roots or [self._plain]:
            if not isinstance(there := files.folder(f"{root}/conversations"), Path):
                return there or Unknown(f"{root}/conversations is not there (mount or restore it)")
        return Missing("never written or deleted")

    def expiry(self, conversation: ConversationId, now: datetime) -> Expiry | None:
        """Tell of nothing: agy is not known to delete a conversation."""
        del conversation, now
        return None

    def resume(self, conversation: ConversationId) -> tuple[str, ...] | None:
        """Name it by its id: `--continue` would take the last one of the directory."""
        if ids.uuid(conversation) is None:
            return None
        return ("agy", "--conversation", conversation)

    def misplaced(self, conversation: ConversationId, directory: str) -> Answer[str]:
        """Find it from any directory: all conversations are in one folder."""
        del conversation, directory
        return None

    def activity(self, conversation: ConversationId, agent: LiveAgent | None) -> Answer[Activity]:
        """Take the newest time inside its files, or of them where there is none inside."""
        del agent
        if ids.uuid(conversation) is None:
            return Activity(state=None, last=None)
        return Activity(state=None, last=self._last_at(conversation))

    def _look(self) -> list[str]:
        """Return the folders that are there, or that cannot be seen to be absent."""
        versions = self._snaps.names()
        snaps = sorted(versions, reverse=True) if isinstance(versions, frozenset) else ()
        places = [f"{home}/{_HOME}" for home in self._homes]
        places += [f"{self._snaps.path}/{version}/{_HOME}" for version in snaps]
        # What was there once and is not any more stays: it is missed, not absent.
        self._met |= {place for place in places if files.folder(place) is not None}
        real = {os.path.realpath(place): place for place in places if place in self._met}
        return list(real.values())

    def _held(self, pids: Sequence[int]) -> agy_locks.Held | Unknown:
        """Return the conversations that each process has locked."""
        locks: dict[str, ConversationId] = {}
        for root in self._roots:
            folder = self._presence.setdefault(root, Folder(f"{root}/presence"))
            names = folder.names()
            if isinstance(names, Unknown):
                return names
            for name in names or ():
                if name.endswith(".lock") and (found := ids.uuid(name.removesuffix(".lock"))):
                    locks[f"{os.path.realpath(folder.path)}/{name}"] = found
        return agy_locks.holders(locks, pids) if locks else {}

    def _locked(self, agent: LiveAgent, held: agy_locks.Held | Unknown) -> Conversation:
        if isinstance(held, Unknown):
            return held
        mine = {one for member in agent.family for one in held.get(member.pid, ())}
        if len(mine) > 1:
            return Ambiguous(tuple(sorted(mine)))
        return self._bound(mine.pop(), Proof.PRESENCE) if mine else None

    def _given(self, agent: LiveAgent) -> Conversation:
        given = _resumed(agent.argv)
        return None if given is None else self._bound(given, Proof.ARGUMENT)

    def _last_one(
        self, agent: LiveAgent, taken: frozenset[ConversationId], beside: _Beside
    ) -> Conversation:
        """Take the directory's last conversation, if this process has written to it.

        The map names the last one only, is raced by other runs, and does not say that
        anybody holds it: it counts for the only agy of its directory on this host. Of one that
        named another in its arguments it says nothing else.
        """
        given = _resumed(agent.argv)
        found = self._named(agent.cwd)
        if isinstance(found, Unknown):
            return None if given is not None else found
        if found is None or found in taken or found == given or not self._wrote(agent, found):
            return None
        match beside.alone(agent):
            case True:
                return self._bound(found, Proof.LAST)
            case False if given is None:
                return Ambiguous((found,))
            case None if given is None:
                return Unproven(likely=found)
            case _:
                return None

    def _wrote(self, agent: LiveAgent, conversation: ConversationId) -> bool:
        """Whether a conversation was written to since a process began."""
        last = self._last_at(conversation)
        return last is not None and pick.nanoseconds(last) >= pick.started_ns(agent)

    def _last_at(self, conversation: ConversationId) -> datetime | None:
        """Return when it was last written to: by the times inside, else by its files'."""
        inside = [self._times.inside(root, conversation) for root in self._roots]
        outside = (at for root in self._roots for at in agy_times.modified(root, conversation))
        return max(filter(None, inside), default=None) or max(outside, default=None)

    def _named(self, cwd: str) -> ConversationId | Unknown | None:
        if not cwd:
            return None
        for root in self._roots:
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

    def _file(self, conversation: ConversationId) -> str | Unknown | None:
        for root in self._roots:
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

    def _bound(self, conversation: ConversationId, proof: Proof) -> Bound | Unknown:
        found = self._file(conversation)
        if isinstance(found, Unknown):
            return found
        return Bound(id=conversation, proof=proof, written=found is not None)


def _judged(path: str) -> Artefact | Unknown:
    """A new `.db` has its rows in the WAL first; with neither there is no conversation."""
    try:
        sizes = [os.stat(path).st_size]
        if os.path.exists(f"{path}-wal"):
            sizes.append(os.stat(f"{path}-wal").st_size)
    except OSError as error:
        return files.refusal(path, error)
    return Artefact.PRESENT if any(sizes) else Artefact.GHOST


class _Beside:
    """Whether an agy is the only one of its directory on this host, asked of as few as can be."""

    def __init__(self, agents: Sequence[LiveAgent], seen: Seen) -> None:
        self._agents = agents
        self._seen = seen
        self._everybody: Sequence[LiveAgent] | Unknown | None = None

    def alone(self, agent: LiveAgent) -> bool | None:
        """Whether it is; None where nobody can tell."""
        if not _is_alone(agent, self._agents):
            return False
        if self._everybody is None:
            self._everybody = self._seen.anywhere()
        everybody = self._everybody
        if isinstance(everybody, Unknown):
            return None
        if not _is_alone(agent, everybody):
            return False
        return True if all(one.cwd for one in everybody) else None


def _is_alone(agent: LiveAgent, agents: Iterable[LiveAgent]) -> bool:
    own = {member.pid for member in agent.family}
    here = files.real_path(agent.cwd)
    others = (one for one in agents if one.family[0].pid not in own and one.cwd)
    return all(files.real_path(one.cwd) != here for one in others)


def _resumed(argv: Sequence[str]) -> ConversationId | None:
    return ids.uuid(ids.argument(argv, ("--conversation",)))


def _read_last(path: str, status: os.stat_result, before: _Last | None) -> _Last | None:
    del status, before
    data = files.content(path)
    return lines.record(data) or (None if data.strip() != b"{}" else {})
