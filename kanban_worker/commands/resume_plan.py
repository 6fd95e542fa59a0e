"""`agent-sessions resume-plan`: how to resume the sessions that ended. It only prints."""

from __future__ import annotations

import argparse
import contextlib
import os
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path

from kanban_worker import config, durations, jsontext, resume_script, resuming
from kanban_worker.cli import Exit, complain, plain
from kanban_worker.config import Settings
from kanban_worker.tick import Monitor, Tick
from reconcile import names
from reconcile.gone import Cause
from reconcile.observed import SessionName, World
from reconcile.report import SourceState
from reconcile.resume import Resumption
from state import paths
from state.errors import MustMend
from state.text import scalars


def options(parser: argparse.ArgumentParser) -> None:
    """Its own options."""
    parser.add_argument(
        "session",
        metavar="SESSION",
        nargs="*",
        help="a session of the registry (default: all that ended)",
    )
    shape = parser.add_mutually_exclusive_group()
    shape.add_argument("--json", action="store_true", help="print a list of objects")
    shape.add_argument(
        "--tmux", action="store_true", help="print a shell script that brings them all back"
    )
    parser.add_argument(
        "--since",
        metavar="T",
        help="only what ended since: a time (2026-11-21T10:00) or an age (30m, 2h, 7d); "
        "by default within a day, or with the last boot",
    )


def run(arguments: argparse.Namespace) -> int:
    """Prints a block, or a JSON object, for each session that ended; 3 when one is in the dark."""
    settings = config.load(arguments, os.environ, Path.home())
    monitor = Monitor(settings)
    now = monitor.now()
    since = _since(arguments.since, now) if arguments.since is not None else None
    tick = monitor.tick(dry_run=True)
    for text in sorted(_troubles(tick)):
        complain(text)
    if tick.report.sources["registry"].state is SourceState.UNKNOWN:
        return _status(tick, ())
    asked = _asked(arguments.session, tick, settings)
    plan = resuming.plan(tick, settings, asked)
    found = [each for each in plan if asked or _recent(each, since, tick.world)]
    nothing, home = f"no session has ended {_span(since)}", settings.places.home
    if arguments.tmux:
        print(
            resume_script.script(
                _with_sockets(found, tick),
                nothing=nothing,
                adopt=_adopt(arguments),
                named=settings.sockets,
                environ=os.environ,
            )
        )
    elif arguments.json:
        rows = [_row(each, home) for each in found]
        print(jsontext.dumps(rows))
    else:
        print("\n\n".join(map(_block, found)) or nothing)
    return _status(tick, found)


def _since(text: str, now: datetime) -> datetime:
    """A moment, or how long ago."""
    with contextlib.suppress(OverflowError):
        if (age := durations.seconds(text)) is not None:
            return now - timedelta(seconds=age)
    if (found := scalars.timestamp(text)) is None:
        raise MustMend(
            f"--since {text}: neither a time (2026-11-21T10:00) nor an age (30m, 2h, 7d). "
            "See: agent-sessions resume-plan --help"
        )
    return found


def _span(since: datetime | None) -> str:
    if since is None:
        return "within a day, or with the last boot (longer ago: --since)"
    return f"since {since.isoformat(' ')}"


def _asked(wanted: Iterable[str], tick: Tick, settings: Settings) -> frozenset[str] | None:
    """The names that were asked for, None for all. Raises MustMend for one that is nobody's."""
    known = [entry.name for entry in tick.registry.entries]
    asked: set[str] = set()
    for name in wanted:
        # As it is written, or as some tmux lists it.
        found = names.asked_as(SessionName(name), "", known)
        if not found:
            raise MustMend(f"{settings.registry} has no session {name}. See: agent-sessions status")
        asked.update(found)
    return frozenset(asked) or None


def _block(each: Resumption) -> str:
    how = each.ended
    when = how.at.astimezone().isoformat(" ", "minutes") if how and how.at else "at an unknown time"
    lines = [str(each.session)]
    if how is not None:
        lines.append(f"  ended {when}, cause: {how.cause or 'not recorded'}")
    lines.append(f"  {resuming.shell(each) or f'no command: {each.why}'}")
    if each.note and each.command:
        lines.append(f"  # {each.note}")
    return "\n".join(map(plain, lines))


def _row(each: Resumption, home: Path) -> Mapping[str, object]:
    how = each.ended
    return {
        "session": each.session,
        "directory": each.directory and str(paths.at_home(each.directory, home)),
        "command": each.command,
        "environ": dict(each.environ),
        "note": each.note or None,
        "shell": resuming.shell(each),
        "why": each.why,
        "terminated_at": how.at.isoformat() if how and how.at else None,
        "cause": how.cause if how else None,
    }


def _recent(each: Resumption, since: datetime | None, world: World) -> bool:
    """Whether it ended since; one whose time nobody knows may have.

    By default: within a day, or with the boot before this one, however long ago that was.
    """
    how = each.ended
    if how is None or how.at is None:
        return True
    if since is not None:
        return how.at >= since
    rebooted = how.cause == Cause.HOST_REBOOT and world.boot and how.at >= world.boot.at
    return bool(rebooted) or how.at >= world.at - timedelta(days=1)


def _with_sockets(found: Iterable[Resumption], tick: Tick) -> list[tuple[Resumption, str | None]]:
    """Each with its tmux server: where its shell lives, else where it was last seen."""
    seen = tick.sessions()
    entries = {entry.name: seen.sighting(entry) for entry in tick.registry.entries}
    sockets = {name: sighting.socket for name, sighting in entries.items() if sighting}
    return [(each, resume_script.socket_of(each, sockets)) for each in found]


def _adopt(arguments: argparse.Namespace) -> list[str]:
    """The command that the script ends with, given what this one was."""
    files = {"--registry": arguments.registry, "--config": arguments.config}
    given = [f"{option}={Path(file).absolute()}" for option, file in files.items() if file]
    host = [f"--host={arguments.host}"] if arguments.host else []
    return ["agent-sessions", "adopt", *given, *host]


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
