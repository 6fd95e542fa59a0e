"""How to resume the sessions that ended: looks for what the core decides it from."""

from __future__ import annotations

import functools
import shlex
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kanban_worker import agents, holders
from kanban_worker.agents import files
from kanban_worker.agents.hooks import Hooks
from kanban_worker.agents.shape import Adapter
from kanban_worker.config import Settings
from kanban_worker.tick import Tick
from reconcile import names, resume
from reconcile.desired import Entry
from reconcile.location import Sessions
from reconcile.observed import Unknown
from reconcile.resume import Holders, Looked, Resumption
from state import paths


def plan(
    tick: Tick, settings: Settings, asked: Collection[str] | None = None
) -> Iterator[Resumption]:
    """What to tell of each session that ended, or of those that were asked for.

    `asked` are names as the entries have them.
    """
    look = _Look(settings=settings, tick=tick, sessions=tick.sessions())
    drifts = [decision.drift for decision in tick.report.decisions]
    recorders = resume.recorders(tick.registry.entries)
    for entry in tick.registry.entries:
        how = resume.ended(entry, drifts) or resume.left(entry, tick.world, look.sessions)
        if how if asked is None else names.key(entry.name) in asked:
            looked = look.at(entry)
            yield resume.decide(entry, how, looked, recorders, tick.world, look.sessions)


def shell(each: Resumption) -> str | None:
    """The one line for a shell. What is quoted is no `~` to it, so that one stays outside."""
    if not (each.directory and each.command):
        return None
    directory = each.directory
    home, slash, rest = directory.partition("/") if directory.startswith("~") else ("", "", "")
    place = f"{home}{slash}{shlex.quote(rest) if rest else ''}" if home else shlex.quote(directory)
    moved = "".join(f"{name}={shlex.quote(each.environ[name])} " for name in each.environ)
    return f"cd {place} && {moved}{shlex.join(each.command)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    """Looks for what a decision needs, at each kind of agent's processes once."""

    settings: Settings
    tick: Tick
    sessions: Sessions
    _adapters: dict[tuple[str, object], Adapter] = field(default_factory=dict)
    _holders: dict[str, Holders | Unknown] = field(default_factory=dict)

    def at(self, entry: Entry) -> Looked | None:
        """What is there of one session; None where there is nothing to look for."""
        kind, own, directory = entry.agent, entry.own_id, resume.directory_of(entry)
        if kind is None or kind not in agents.ADAPTERS or own is None or directory is None:
            return None
        if resume.no_place(directory):  # which may be no path at all, for a NUL in it
            return None
        home = self.settings.places.home
        where = str(paths.at_home(directory, home))
        moved = self._moved(entry)
        adapter = self._adapter(kind, moved)
        if kind not in self._holders:
            self._holders[kind] = self._held(kind)
        there = files.folder(where)
        now = self.tick.world.at
        created = entry.created_at
        artefact = adapter.artefact(
            own, workspace=where, created_at=created, now=now, environ=moved
        )
        return Looked(
            directory=files.real_path(where) if isinstance(there, Path) else there,
            artefact=artefact,
            misplaced=adapter.misplaced(own, where),
            command=adapter.resume(own),
            environ=moved,
            holders=self._holders[kind],
        )

    def _moved(self, entry: Entry) -> Mapping[str, str]:
        """The variables that its agent was last seen with, where they differ from ours."""
        sighting = self.sessions.sighting(entry)
        seen = sighting.environ if sighting else {}
        environ = self.settings.environ
        return {name: value for name, value in seen.items() if environ.get(name) != value}

    def _adapter(self, kind: str, moved: Mapping[str, str]) -> Adapter:
        """Not the tick's, which also knows where living agents have moved their files.

        What is resumed is started anew, in the environment of whoever asks.
        """
        key = kind, tuple(moved.items())
        if key not in self._adapters:
            environ = {**self.settings.environ, **moved}
            self._adapters[key] = agents.adapter(kind, self.settings.places.home, environ)
        return self._adapters[key]

    def _held(self, kind: str) -> Holders | Unknown:
        home, environ = self.settings.places.home, self.settings.environ
        fresh = functools.partial(agents.adapter, kind)
        hooks = Hooks(str(self.settings.places.hooks))
        found = holders.of(
            kind, fresh, self.tick.world, hooks, self.tick.table, home=home, environ=environ
        )
        return found if isinstance(found, Unknown) else resume.holders(found)
