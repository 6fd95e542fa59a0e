"""The command line: one command, one function returning an exit status."""

from __future__ import annotations

import argparse
import contextlib
import errno
import gc
import importlib
import io
import os
import signal
import sys
from collections.abc import Sequence
from enum import IntEnum
from pathlib import Path
from types import FrameType
from typing import Any, Never

from state import durable
from state.errors import MonitorError, MustMend

PROGRAM = "agent-sessions"

COMMANDS = {
    "reconcile": "compare tmux, the agents' files and the registry, tick by tick",
    "work": "watch one card of a board: comment on what is new, stop when a person asks",
    "dispatch": "create a card whose worker watches, on the board of Hermes Agent",
    "install": "put plugin and skill into a Hermes home; safe to repeat",
    "doctor": "say what is missing, and the command that mends it",
    "status": "show the table that a person looks at",
    "resume-plan": "print how to resume the sessions that ended; it runs nothing",
    "why": "explain what was concluded about one session, and from what; it writes nothing",
    "undo": "restore exactly what one change of the monitor's altered, as the journal has it",
    "adopt": "make what lives under an entry's name the entry's own again",
    "hook": "for the agents' own session hooks: record which conversation the agent is in",
    "check": "validate the registry, naming each fault with its line",
    "init": "write a first registry from what runs now",
    "demo": "show the whole story on an isolated tmux server, in a throw-away home",
}
"""Each is a module in `kanban_worker.commands` (with `_` for `-`) with `run(arguments)`."""

_OUTPUT = {errno.EPIPE, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF}
"""Why printing may fail: every other file's failures are translated where they occur."""


class Exit(IntEnum):
    """What an exit status means. Zero never means "blind"."""

    OK = 0
    DRIFT = 2
    COULD_NOT = 3
    MUST_MEND = 64
    INTERRUPTED = 130


class Parser(argparse.ArgumentParser):
    """Argument errors are the user's to mend; argparse's own status 2 means drift here.

    No option may be cut short: `check --her` would make this place a home.
    """

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - argparse's own
        """Take what `argparse.ArgumentParser` takes."""
        super().__init__(allow_abbrev=False, **options)

    def error(self, message: str) -> Never:  # type: ignore[explicit-override] # 3.12 has override
        """Raises MustMend with argparse's message."""
        text = f"{message}. See: {self.prog} --help"
        raise MustMend(text)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command. The one place that turns outcomes into exit statuses."""
    signal.signal(signal.SIGTERM, _interrupt)
    _open_streams()
    status: int = Exit.COULD_NOT
    try:
        arguments = parser().parse_args(argv)
        module = arguments.command.replace("-", "_")
        gc.disable()
        command = importlib.import_module(f"kanban_worker.commands.{module}")
        gc.freeze()  # what was loaded stays, and need not be looked through again and again
        gc.enable()
        status = int(command.run(arguments))
        sys.stdout.flush()
    except MonitorError as error:
        complain(str(error))
        return Exit.MUST_MEND if isinstance(error, MustMend) else Exit.COULD_NOT
    except KeyboardInterrupt:
        # CPython 3.11 to 3.13 remembers an interrupt that came within exec(), by which
        # dataclasses are made at import, and ends by SIGINT at last; until the next exec().
        exec("")  # noqa: S102
        return Exit.INTERRUPTED
    except OSError as error:
        if error.filename is not None or error.errno not in _OUTPUT:
            raise
        drop_output()
        if error.errno != errno.EPIPE:
            with contextlib.suppress(OSError):  # a closed terminal takes no complaint either
                complain(str(durable.could_not("the output could not be written", error)))
            return Exit.COULD_NOT
        # Whoever read our output has gone, on purpose: what was done by then is how it ended.
    return status


def drop_output() -> None:
    """Let what could not be printed go nowhere: Python would try again at exit, and complain."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def complain(message: str) -> None:
    """One line on stderr that says what to do."""
    print(f"{PROGRAM}: {plain(message)}", file=sys.stderr)


def plain(text: str) -> str:
    """What a terminal may be shown: a path may hold line breaks, escapes and no UTF-8."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else " " if c.isspace() else "?" for c in text)


def counted(count: int, things: str) -> str:
    """`1 session`, `2 sessions`, `1 entry`."""
    one = {"sessions": "session", "entries": "entry"}[things]
    return f"{count} {one if count == 1 else things}"


def escapes() -> bool:
    """Whether JSON on stdout must escape what is not ASCII: a locale may know no other letters."""
    return (sys.stdout.encoding or "utf-8").lower() != "utf-8"


def _open_streams() -> None:
    """Stdout and stderr that take any text: also a path that is no UTF-8, also in a C locale.

    A stream that the caller closed (`>&-`) is None, which libraries do not expect.
    """
    sys.stdout = sys.stdout or Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - until the end
    sys.stderr = sys.stderr or Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - as above
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # what a test captures into may be none
            stream.reconfigure(errors="backslashreplace")


def parser() -> Parser:
    """The whole command line."""
    top = Parser(
        prog=PROGRAM,
        description="Watches AI coding agents in tmux against the registry of sessions.",
        epilog="exit status: 0 looked, nothing wrong; 2 drift found (with --exit-code); "
        "3 could not look, or a write failed; 64 mend arguments, config or registry; "
        "130 interrupted",
    )
    _global_options(top, default=None)
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, summary in COMMANDS.items():
        sub = commands.add_parser(name, help=summary, description=f"{summary}.".capitalize())
        # SUPPRESS: what was given before the command is not overwritten by a default.
        _global_options(sub, default=argparse.SUPPRESS)
        _OPTIONS[name](sub)
    return top


def _global_options(parser: argparse.ArgumentParser, *, default: object) -> None:
    group = parser.add_argument_group("global options")
    group.add_argument("--registry", metavar="FILE", default=default, help="the registry to use")
    group.add_argument(
        "--tmux-socket",
        metavar="NAME|PATH",
        action="append",
        default=default,
        help="a tmux server to look at, as for tmux -L or -S; may be repeated",
    )
    group.add_argument(
        "--host", metavar="NAME", default=default, help="what this host is called in entries"
    )
    group.add_argument("--config", metavar="FILE", default=default, help="the config file to use")
    group.add_argument(
        "-v",
        "--verbose",
        action="store_true",
        default=False if default is None else default,
        help="say what each finding rests on",
    )


def _reconcile_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--once", action="store_true", help="one tick, then end")
    parser.add_argument("--emit-diff", action="store_true", help="print the report as JSON")
    parser.add_argument("--dry-run", action="store_true", help="write nothing of any kind")
    parser.add_argument(
        "--exit-code", action="store_true", help="with --once: exit with 2 when something drifts"
    )
    parser.add_argument(
        "--interval",
        metavar="S",
        help="seconds between ticks (default 30; 60 with 5 or more sessions)",
    )
    _judging_options(parser)


def _work_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "card",
        metavar="CARD",
        nargs="?",
        help="the card's id (default: that of the Hermes worker this runs in)",
    )
    parser.add_argument(
        "--for", dest="seconds", metavar="S", help="watch for so many seconds, then end"
    )
    parser.add_argument("--interval", metavar="S", help="seconds between ticks (as for reconcile)")
    _board_options(parser)
    _judging_options(parser)


def _board_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("the board")
    group.add_argument(
        "--via",
        metavar="WAY",
        help="how to reach it: hermes (in this process; the default where it can be imported), "
        "hermes-cli, http, or memory (none at all: only prints)",
    )
    group.add_argument("--board", metavar="SLUG", help="which one (default: Hermes' own choice)")
    group.add_argument("--board-url", metavar="URL", help="of `hermes serve`, with --via http")
    group.add_argument(
        "--board-token-file",
        metavar="FILE",
        help="holds its token, where $AGENT_SESSIONS_BOARD_TOKEN does not",
    )


def _dispatch_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--title", metavar="T", default="Watch the agent sessions", help="the card's title"
    )
    parser.add_argument(
        "--assignee",
        metavar="PROFILE",
        help="the Hermes profile that works on it (default: the one in use)",
    )
    parser.add_argument("--board", metavar="SLUG", help="which one (default: Hermes' own choice)")
    parser.add_argument("--body", metavar="FILE", help="the card's text, instead of the usual one")
    parser.add_argument(
        "--print", action="store_true", help="only print the `hermes kanban create` line"
    )


def _home_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--hermes-home", metavar="DIR", help="default: $HERMES_HOME, else ~/.hermes"
    )
    parser.add_argument("--profile", metavar="NAME", help="default: the profile in use")


def _judging_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--pattern",
        metavar="GLOB",
        action="append",
        help="names of sessions to register; may be repeated (default *-creator-<agent>)",
    )
    parser.add_argument(
        "--grace",
        metavar="S",
        help="seconds that a terminated session may live on unremarked (default 120)",
    )


def _status_options(parser: argparse.ArgumentParser) -> None:
    shape = parser.add_mutually_exclusive_group()
    shape.add_argument("--json", action="store_true", help="print the rows as JSON")
    shape.add_argument("--watch", action="store_true", help="draw it again and again")
    parser.add_argument("--interval", metavar="S", help="with --watch: seconds (default 2)")
    _judging_options(parser)


def _resume_plan_options(parser: argparse.ArgumentParser) -> None:
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


def _why_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("session", metavar="SESSION", help="its name in tmux or the registry")
    parser.add_argument("--json", action="store_true", help="print one object")
    _judging_options(parser)


def _undo_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "change", metavar="CHANGE", help="its id as `why` shows it, or the id's first 4 or more"
    )
    parser.add_argument("--dry-run", action="store_true", help="only say what would be restored")


def _adopt_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "session", metavar="SESSION", nargs="+", help="its name in the registry; several at once"
    )
    parser.add_argument(
        "--wait",
        metavar="S",
        help="wait so many seconds for it to live, and for its conversation to be proven",
    )
    parser.add_argument("--dry-run", action="store_true", help="only say what would be written")


def _check_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--accept",
        action="store_true",
        help="take the registry as it is for the last good one, entries lost on purpose",
    )
    parser.add_argument(
        "--here",
        action="store_true",
        help="say that this registry lives on this host: sessions never seen here are judged too",
    )


def _no_options(_parser: argparse.ArgumentParser) -> None:
    """The command has only the global options."""


_OPTIONS = {
    "reconcile": _reconcile_options,
    "work": _work_options,
    "dispatch": _dispatch_options,
    "install": _home_options,
    "doctor": _home_options,
    "status": _status_options,
    "resume-plan": _resume_plan_options,
    "why": _why_options,
    "undo": _undo_options,
    "adopt": _adopt_options,
    "hook": _no_options,
    "check": _check_options,
    "init": _judging_options,
    "demo": _no_options,
}


def _interrupt(_signal: int, _frame: FrameType | None) -> Never:
    """SIGTERM ends a command the way Ctrl-C does: between two steps, cleanly."""
    raise KeyboardInterrupt
