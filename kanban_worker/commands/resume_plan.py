"""`agent-sessions resume-plan`: how to resume the sessions that ended. It only prints."""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from kanban_worker import agents, config, holders
from kanban_worker.agents import files
from kanban_worker.cli import Exit, complain, escapes, plain
from kanban_worker.config import Settings
from kanban_worker.tick import Monitor, Tick
from reconcile import names, resume
from reconcile.desired import Entry
from reconcile.observed import Unknown
from reconcile.report import SourceState
from reconcile.resume import Holder, Looked, Resumption
from state import paths
from state.errors import MustMend
from state.text import scalars

_AGO = re.compile(r"(\d{1,6})([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def run(arguments: argparse.Namespace) -> int:
    """Prints a block, or a JSON object, for each session that ended; 3 when one is in the dark."""
    settings = config.load(arguments, os.environ, Path.home())
    monitor = Monitor(settings)
    since = _since(arguments.since, monitor.now()) if arguments.since is not None else None
    tick = monitor.tick(dry_run=True)
    for text in sorted(_troubles(tick)):
        complain(text)
    if tick.report.sources["registry"].state is SourceState.UNKNOWN:
        return _status(tick, ())
    asked = _asked(arguments.session, tick, settings)
    found = [each for each in _plan(tick, asked, settings) if _recent(each, since)]
    home = settings.places.home
    if arguments.json:
        rows = [_row(each, home) for each in found]
        print(json.dumps(rows, indent=2, ensure_ascii=escapes()))
    else:
        nothing = "no session has ended" + (f" since {since.isoformat(' ')}" if since else "")
        print("\n\n".join(map(_block, found)) or nothing)
    return _status(tick, found)


def _since(text: str, now: datetime) -> datetime:
    """A moment, or how long ago."""
    try:
        if match := _AGO.fullmatch(text):
            return now - timedelta(**{_UNITS[match[2]]: int(match[1])})
    except OverflowError:
        pass
    if (found := scalars.timestamp(text)) is None:
        raise MustMend(
            f"--since {text}: neither a time (2026-11-21T10:00) nor an age (30m, 2h, 7d). "
            "See: agent-sessions resume-plan --help"
        )
    return found


def _asked(wanted: Iterable[str], tick: Tick, settings: Settings) -> frozenset[str] | None:
    """The names that were asked for, None for all. Raises MustMend for one that is nobody's."""
    known = {names.normalise(entry.name) for entry in tick.registry.entries}
    asked = {names.normalise(name): name for name in wanted}
    for name, written in asked.items():
        if name not in known:
            raise MustMend(
                f"{settings.registry} has no session {written}. See: agent-sessions status"
            )
    return frozenset(asked) or None


def _plan(tick: Tick, asked: frozenset[str] | None, settings: Settings) -> Iterator[Resumption]:
    look = _Look(settings=settings, tick=tick)
    drifts = [decision.drift for decision in tick.report.decisions]
    for entry in tick.registry.entries:
        how = resume.ended(entry, drifts)
        if how if asked is None else names.normalise(entry.name) in asked:
            looked = look.at(entry)
            yield resume.decide(entry, how, looked, tick.registry.entries, tick.world)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    """Looks for what a decision needs, at each kind of agent's processes once."""

    settings: Settings
    tick: Tick
    _holders: dict[str, tuple[Holder, ...] | Unknown] = field(default_factory=dict)

    def at(self, entry: Entry) -> Looked | None:
        """What is there of one session; None where there is nothing to look for."""
        kind, own, directory = entry.agent, entry.own_id, resume.directory_of(entry)
        if kind is None or kind not in agents.ADAPTERS or own is None or directory is None:
            return None
        if resume.no_place(directory):  # which may be no path at all, for a NUL in it
            return None
        home, environ = self.settings.places.home, self.settings.environ
        where = str(paths.at_home(directory, home))
        # Not the tick's adapter, which also knows where living agents have moved their files:
        # what is resumed is started anew, in the environment of whoever asks.
        adapter = agents.ADAPTERS[kind](home, environ)
        if kind not in self._holders:
            others = agents.ADAPTERS[kind](home, environ)
            self._holders[kind] = holders.of(kind, others, self.tick.world, home, environ)
        there = files.folder(where)
        now = self.tick.world.at
        created = entry.created_at
        artefact = adapter.artefact(own, workspace=where, created_at=created, now=now)
        return Looked(
            directory=files.real_path(where) if isinstance(there, Path) else there,
            artefact=artefact,
            misplaced=adapter.misplaced(own, where),
            command=adapter.resume(own),
            holders=self._holders[kind],
        )


def shell(directory: str, command: Iterable[str]) -> str:
    """One line for a shell. What is quoted is no `~` to it, so that one stays outside."""
    home, slash, rest = directory.partition("/") if directory.startswith("~") else ("", "", "")
    place = f"{home}{slash}{shlex.quote(rest) if rest else ''}" if home else shlex.quote(directory)
    return f"cd {place} && {shlex.join(command)}"


def _block(each: Resumption) -> str:
    how = each.ended
    when = how.at.astimezone().isoformat(" ", "minutes") if how and how.at else "at an unknown time"
    lines = [str(each.session)]
    if how is not None:
        lines.append(f"  ended {when}, cause: {how.cause or 'not recorded'}")
    lines.append(f"  {_shell(each) or f'no command: {each.why}'}")
    return "\n".join(map(plain, lines))


def _row(each: Resumption, home: Path) -> Mapping[str, object]:
    how = each.ended
    return {
        "session": each.session,
        "directory": each.directory and str(paths.at_home(each.directory, home)),
        "command": each.command,
        "shell": _shell(each),
        "why": each.why,
        "terminated_at": how.at.isoformat() if how and how.at else None,
        "cause": how.cause if how else None,
    }


def _shell(each: Resumption) -> str | None:
    return shell(each.directory, each.command) if each.directory and each.command else None


def _recent(each: Resumption, since: datetime | None) -> bool:
    """Whether it ended since; one whose time nobody knows may have."""
    at = each.ended.at if each.ended else None
    return since is None or at is None or at >= since


def _troubles(tick: Tick) -> set[str]:
    """What makes this plan incomplete, but for the agents' files: a session's block tells those."""
    told = {str(trouble) for trouble in tick.troubles}
    source = tick.report.sources["tmux"]
    if source.state is SourceState.UNKNOWN:
        told.add(f"cannot see: {source.why}")
    return told | {note.notice.message for note in tick.report.notes if note.notice.perhaps_gone}


def _status(tick: Tick, found: Iterable[Resumption]) -> Exit:
    if any(isinstance(trouble, MustMend) for trouble in tick.troubles):
        return Exit.MUST_MEND
    blind = any(each.blind for each in found)
    return Exit.COULD_NOT if blind or _troubles(tick) else Exit.OK
