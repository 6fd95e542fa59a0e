"""`agent-sessions doctor`: one line for each thing that has to be in place. It changes nothing."""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import shlex
import shutil
import sqlite3
import stat
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import psutil

from kanban_worker import agents, config, programs
from kanban_worker import options as shared
from kanban_worker.agents import certainty
from kanban_worker.agents.shape import ENVIRONMENT
from kanban_worker.cli import PROGRAM, Exit, counted, plain
from kanban_worker.config import Settings
from kanban_worker.hermes import enabling, homes, skill
from kanban_worker.hermes.homes import DEFAULT_PROFILE, PLUGIN, Hermes
from kanban_worker.process_table import Table
from kanban_worker.tick import Monitor, Tick
from reconcile import wording
from reconcile.report import SourceState
from state.errors import CouldNot, MonitorError, MustMend

OLDEST_TMUX = (3, 0)
SKEW = 60.0
"""Seconds by which a file may be newer than the clock: file servers have clocks of their own."""
SECONDS = 5.0
"""For the programs and files that answer at once or never."""


_GIVEN_UP = """
SELECT id, consecutive_failures, last_failure_error FROM tasks
WHERE status = 'blocked' AND skills LIKE ? AND 'gave_up' = (
    SELECT kind FROM task_events
    WHERE task_id = tasks.id AND kind IN ('gave_up', 'blocked', 'unblocked', 'claimed')
    ORDER BY id DESC LIMIT 1
)
LIMIT 20
"""
"""By the tables of hermes-agent 0.19.0."""


@dataclass(frozen=True, slots=True)
class Found:
    """One line. `mend` is a command, or a sentence where there is none; empty when all is well."""

    what: str
    seen: str
    mend: str = ""
    user: bool = False
    """Arguments, config or registry must be mended."""
    lacking: bool = False
    """Something more could be set; nothing is wrong without it."""
    paste: Sequence[str] = ()
    """Lines for a file, shown below."""

    @property
    def text(self) -> str:
        """`ok  tmux: 3.3a`, `no  tmux: not found : apt install tmux`, or `--` for what may be."""
        ending = f" : {self.mend}" if self.mend else ""
        mark = "no" if self.mend else "--" if self.lacking else "ok"
        line = plain(f"{mark}  {self.what}: {self.seen}{ending}")
        return "\n".join([line, *(f"      {plain(each)}" for each in self.paste)])


def options(parser: argparse.ArgumentParser) -> None:
    """Its own options."""
    shared.hermes_home(parser)


def run(arguments: argparse.Namespace) -> int:
    """Each line as soon as it is known; 64 outweighs 3."""
    all_found: list[Found] = []
    for found in _everything(arguments):
        print(found.text, flush=True)
        all_found.append(found)
    if any(found.user for found in all_found):
        return Exit.MUST_MEND
    return Exit.COULD_NOT if any(found.mend for found in all_found) else Exit.OK


def _everything(arguments: argparse.Namespace) -> Iterator[Found]:
    yield _tmux_program()
    settings: Settings | None = None
    try:
        settings = config.load(arguments, os.environ, Path.home())
    except MonitorError as error:
        yield _failed("config", error)
    else:
        yield from _look(settings)
        yield from _ids(Path.home(), os.environ)
        yield _clock(settings)
        yield _folder("state", settings.places.state)
        yield _folder("cache", settings.places.cache)
    try:
        hermes = homes.find(os.environ, arguments.hermes_home, arguments.profile)
        hermes.must_be_there()
    except MonitorError as error:
        yield Found("hermes", str(error).partition(". ")[0], _todo(error))
        return
    yield _version(hermes)
    yield _guarded("plugin", lambda: _plugin(hermes))
    yield _skill(hermes)
    slug = settings.board if settings else None
    yield from _board(hermes, slug)


# What is watched. -------------------------------------------------------------------------------


def _tmux_program() -> Found:
    install = "apt install tmux, or brew install tmux"
    if (program := shutil.which("tmux")) is None:
        return Found("tmux", "not on PATH", install)
    try:
        done = programs.ask("tmux", [program, "-V"], seconds=SECONDS)
    except CouldNot:
        return Found("tmux", f"{program} cannot be run", install)
    version = re.search(r"(\d+)\.(\d+)", done.stdout)
    if version and (int(version[1]), int(version[2])) < OLDEST_TMUX:
        return Found("tmux", f"{done.stdout.strip()} is older than 3.0", install)
    return Found("tmux", done.stdout.strip() or "of no known version")  # `tmux next-3.6` is fine


def _look(settings: Settings) -> Iterator[Found]:
    """A dry run's sources: the server, the registry and the agents' folders."""
    try:
        tick = Monitor(settings).tick(dry_run=True)
    except MonitorError as error:
        yield _failed("registry", error)
        return
    for name, source in tick.report.sources.items():
        if name == "registry":
            yield _registry(settings, tick)
        elif source.state is SourceState.UNKNOWN:
            what = "tmux server" if name == "tmux" else name
            yield Found(what, source.why, "agent-sessions reconcile --once --dry-run -v")
        elif name == "tmux":
            running = source.state is SourceState.OK
            sockets = ", ".join(settings.sockets or (settings.default_socket,))
            sessions = counted(int(source.facts.get("sessions", 0)), "sessions")
            seen = sessions if running else "none runs now"
            yield Found("tmux server", f"{seen} ({sockets})")
        else:
            here = source.state is SourceState.OK
            yield Found(name, "its folder is readable" if here else "not used on this host")


def _ids(home: Path, environ: Mapping[str, str]) -> Iterator[Found]:
    """Which setting makes the ids of each agent certain that is used here; none of it is a must."""
    living = list(_living(str(home)))
    command = _hook_command()
    for kind in agents.ADAPTERS:
        theirs = [
            {name: each for name, each in found.items() if name in ENVIRONMENT}
            for each_kind, found in living
            if each_kind == kind
        ]
        used = agents.ADAPTERS[kind](home, environ).home() is not None
        said = dict.fromkeys(
            _certain(kind, home, {**environ, **more}, command)
            for more in [*([{}] if used else []), *theirs]
        )
        yield from said


def _certain(kind: str, home: Path, environ: Mapping[str, str], command: str) -> Found:
    held = certainty.of(kind, str(home), environ, command)
    paste = [line for way in held.ways for line in ("or", *way)][1:]
    return Found(f"{kind} ids", held.seen, lacking=held.lacking, paste=tuple(paste))


def _hook_command() -> str:
    """As an agent's shell finds it: by its name, or where it is not on PATH by its path."""
    beside = Path(sys.executable).with_name(PROGRAM)
    by_path = shutil.which(PROGRAM) is None and beside.exists()
    return f"{shlex.quote(str(beside)) if by_path else PROGRAM} hook"


def _living(home: str) -> Iterator[tuple[str, Mapping[str, str]]]:
    """This user's agents with this home, in a pane or not: kind and environment."""
    table = Table()
    for pid in table.parents:
        with contextlib.suppress(psutil.Error, OSError):
            if table.get(pid).uids().real != os.geteuid():
                continue
            kind = table.kind(pid)
            if kind is not None and (environ := table.environ(pid)).get("HOME") == home:
                yield kind, environ


def _registry(settings: Settings, tick: Tick) -> Found:
    if tick.troubles:
        return _failed("registry", tick.troubles[0])
    return Found(
        "registry", f"{settings.registry}, {counted(len(tick.registry.entries), 'entries')}"
    )


def _clock(settings: Settings) -> Found:
    """Deaths and comments are dated: a clock that was set back makes the newest come first."""
    now = time.time()
    places = (settings.registry, settings.places.journal)
    for path in places:
        with contextlib.suppress(OSError):
            ahead = path.stat().st_mtime - now
            if ahead > SKEW:
                seen = f"{path} was saved {ahead:.0f} s in the future"
                return Found(
                    "clock", seen, "set the clock (timedatectl set-ntp true), then touch it"
                )
    local = datetime.now().astimezone()
    return Found("clock", f"{local:%Y-%m-%d %H:%M:%S %z} ({local.tzname()})")


def _folder(what: str, path: Path) -> Found:
    """Private where it is there, else possible."""
    there = path
    while not there.exists() and there != there.parent:
        there = there.parent
    if not os.access(there, os.W_OK | os.X_OK):
        return Found(what, f"{there} is not writable for you", f"chmod u+rwx {there}")
    if there != path:
        return Found(what, f"{path} will be made")
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        return Found(what, f"{path} is open to others", f"chmod 700 {path}")
    return Found(what, str(path))


# Hermes. ----------------------------------------------------------------------------------------


def _version(hermes: Hermes) -> Found:
    version = hermes.version() or "of unknown version"
    return Found("hermes", f"{version}, {hermes.program}, home {hermes.home}")


def _plugin(hermes: Hermes) -> Found:
    status = hermes.plugin_status()
    if status is None:
        return Found("plugin", f"not in the environment of {hermes.program}", hermes.pip())
    if status != "enabled":
        return Found("plugin", f"{status} in {hermes.config}", _install(hermes))
    return Found("plugin", f"{PLUGIN} is enabled in {hermes.config}")


def _skill(hermes: Hermes) -> Found:
    external = enabling.external_skills(hermes.config, hermes.home)
    found = skill.found(hermes.home, external)
    if not found:
        return Found("skill", f"none in {hermes.home / 'skills'}", _install(hermes))
    if len(found) > 1:
        both = " and ".join(map(str, found[:2]))
        return Found("skill", f"{both}: Hermes takes neither", f"rm -r {found[-1].parent}")
    return Found("skill", str(found[0]))


def _board(hermes: Hermes, slug: str | None) -> Iterator[Found]:
    """Takes the write lock of the board's database and gives it back.

    Of our cards, those are told whose workers ended too often: Hermes starts none again by itself.
    """
    path = _database(hermes, slug)
    if not path.exists():
        yield Found("board", f"{path} is not there yet", "hermes kanban init")
        return
    given_up: Sequence[tuple[str, int, str]] = ()
    try:
        with contextlib.closing(
            sqlite3.connect(f"file:{path}?mode=rw", uri=True, timeout=SECONDS, isolation_level=None)
        ) as connection:
            connection.execute("BEGIN IMMEDIATE")
            (cards,) = connection.execute("SELECT count(*) FROM tasks").fetchone()
            with contextlib.suppress(sqlite3.Error):  # of another version's tables
                given_up = connection.execute(_GIVEN_UP, (f'%"{skill.NAME}"%',)).fetchall()
            connection.execute("ROLLBACK")
    except sqlite3.Error as error:
        yield Found("board", f"{path}: {error}", "hermes kanban diagnostics")
        return
    yield Found("board", f"{path} is writable, {cards} cards")
    board = f"--board {shlex.quote(slug)} " if slug else ""
    for card, failures, last in given_up:
        why = f"Hermes gave up, failures: {failures} ({wording.one_line(str(last), 120)})"
        yield Found(f"card {card}", why, f"hermes kanban {board}unblock {card}")


def _database(hermes: Hermes, slug: str | None) -> Path:
    """Where Hermes keeps a board: `default` beside the config, the others in folders."""
    if pinned := hermes.environ.get("HERMES_KANBAN_DB", "").strip():
        return Path(pinned)
    if not slug:
        slug = hermes.environ.get("HERMES_KANBAN_BOARD", "").strip()
    with contextlib.suppress(OSError, UnicodeError):
        slug = slug or (hermes.root / "kanban/current").read_text("utf-8").strip()
    if not slug or slug == "default" or not re.fullmatch(r"[a-z0-9][a-z0-9_-]*", slug):
        return hermes.root / "kanban.db"
    return hermes.root / "kanban/boards" / slug / "kanban.db"


def _install(hermes: Hermes) -> str:
    named = "" if hermes.profile == DEFAULT_PROFILE else f" --profile {hermes.profile}"
    return f"agent-sessions install --hermes-home {hermes.root}{named}"


# Failures. --------------------------------------------------------------------------------------


def _guarded(what: str, look: Callable[[], Found]) -> Found:
    try:
        return look()
    except MonitorError as error:
        return _failed(what, error)


def _failed(what: str, error: MonitorError) -> Found:
    seen = str(error).rpartition(". ")[0] or str(error)
    return Found(what, seen, _todo(error), user=isinstance(error, MustMend))


def _todo(error: MonitorError) -> str:
    """The last sentence: by this project's habit it says what to do."""
    return str(error).rpartition(". ")[2] or "try again"
