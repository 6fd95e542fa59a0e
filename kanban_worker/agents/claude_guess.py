"""The conversations that were begun in a directory since a Claude Code runs there."""

from __future__ import annotations

import os
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from kanban_worker.agents import claude_keys, ids, pick
from kanban_worker.agents.birth import birth_ns
from kanban_worker.agents.claude_projects import Projects, modified_ns, stem
from kanban_worker.agents.claude_transcript import Opening, opening
from kanban_worker.agents.kept import Kept
from kanban_worker.agents.shape import LiveAgent
from reconcile.observed import ConversationId, Unknown

_MOST = 8192


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where one agent's conversations must lie."""

    agent: LiveAgent
    since_ns: int
    """Nothing that was born before can have been begun by this process."""
    folders: tuple[tuple[Projects, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Young:
    """A conversation that was begun in an agent's directory since the agent runs."""

    id: ConversationId
    born_ns: int
    touched_ns: int
    cleared: bool
    cleared_ns: int = 0
    """The time of its `/clear` line; 0 where it has none."""
    headless: bool = False
    """Whether `claude -p` wrote it."""
    strange: bool = False
    """Whether a line of it is of another conversation or directory: it is a copy, or was moved."""
    version: str = ""
    forked_from: ConversationId | None = None
    root: str | None = None
    file_ns: int = 0
    """When its file was born, which may be later than its first line."""


class Nursery:
    """The openings and births of young transcripts, kept between ticks."""

    __slots__ = ("_births", "_openings")

    def __init__(self) -> None:
        """Nothing is read before the first question."""
        self._openings: Kept[Opening] = Kept(opening)
        self._births: dict[str, int | None] = {}

    def young(self, place: Place, taken: Container[ConversationId]) -> tuple[Young, ...] | Unknown:
        """Return the conversations that this agent, and no other living one, may have begun."""
        found: list[Young] = []
        for projects, folder in place.folders:
            paths = projects.young(folder, place.since_ns)
            if isinstance(paths, Unknown):
                return paths
            for path in paths:
                one = None if stem(path) in taken else self._young(path, place)
                if isinstance(one, Unknown):
                    return one
                if one is not None:
                    found.append(one)
        return tuple(sorted(_known_apart(found), key=lambda one: (one.born_ns, one.id)))

    def _young(self, path: str, place: Place) -> Young | Unknown | None:
        begin = self._openings.get(path)
        if begin is None or isinstance(begin, Unknown):
            return begin
        if not begin.spoken or begin.sidechain:
            return None
        here = [claude_keys.lies_under(cwd, place.agent.cwd) for cwd in begin.cwds]
        if here and not any(here):
            return None
        born = self._born(path, begin)
        if born is None or born < place.since_ns:
            return None
        return Young(
            id=stem(path),
            born_ns=born,
            touched_ns=modified_ns(path),
            cleared=begin.cleared,
            cleared_ns=pick.nanoseconds(begin.cleared_at) if begin.cleared_at else 0,
            headless=begin.headless,
            strange=not (all(here) and begin.ids <= {stem(path)}),
            version=begin.version,
            forked_from=begin.forked_from,
            root=begin.root,
            file_ns=self._births[path] or born,
        )

    def _born(self, path: str, begin: Opening) -> int | None:
        """Return when the conversation began: a restored file is younger than its lines."""
        if path not in self._births:
            if len(self._births) >= _MOST:
                self._births.clear()
            self._births[path] = _birth(path)
        first = None if begin.first_at is None else pick.nanoseconds(begin.first_at)
        born = self._births[path]
        if born is None or (first is not None and not begin.copied):
            return first if born is None or first is None else min(born, first)
        return born


def _known_apart(found: Iterable[Young]) -> Iterator[Young]:
    """Tell forks that do not say so (2.1.329 `--fork-session`) from what their lines copy."""
    roots: set[str] = set()
    for one in sorted(found, key=lambda one: one.file_ns):
        copied = one.root is not None and one.root in roots
        roots |= {one.root} if one.root is not None else set()
        yield replace(one, cleared=False, cleared_ns=0, born_ns=one.file_ns) if copied else one


def asked_for(argv: Sequence[str]) -> ConversationId | None:
    """Read the id that was asked for; a fork gets a new one, and JS builds hide their argv."""
    if "--fork-session" in argv:
        return None
    return ids.uuid(ids.argument(argv, ("--session-id", "--resume", "-r")))


def _birth(path: str) -> int | None:
    try:
        return birth_ns(path, os.stat(path))
    except OSError:
        return None
