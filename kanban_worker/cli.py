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
from collections.abc import Mapping, Sequence
from enum import IntEnum
from pathlib import Path
from types import FrameType
from typing import Any, Never

from kanban_worker import given, interrupts
from kanban_worker import options as shared
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
    "ack": "acknowledge findings: until what they are about changes they count no more",
    "unack": "take acknowledgements back: the findings count again",
    "undo": "restore exactly what one change of the monitor's altered, as the journal has it",
    "adopt": "make what lives under an entry's name the entry's own again",
    "hook": "for the agents' own session hooks: record which conversation the agent is in",
    "check": "validate the registry, naming each fault with its line",
    "init": "write a first registry from what runs now",
    "demo": "show the whole story on an isolated tmux server, in a throw-away home",
}
"""Each is a module in `kanban_worker.commands`, with `options(parser)` and `run(arguments)`."""

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


class Version(argparse.Action):
    """Prints the version, which is only looked for when somebody asks."""

    def __call__(  # type: ignore[explicit-override] # 3.12 has override
        self, parser: argparse.ArgumentParser, *_: object, **__: object
    ) -> Never:
        """Ends the program."""
        from kanban_worker import version  # noqa: PLC0415 - as the class says

        print(f"{PROGRAM} {version.found()}")
        parser.exit()


class Completion(argparse.Action):
    """Prints what makes a shell complete our command lines."""

    def __call__(  # type: ignore[explicit-override] # 3.12 has override
        self, parser: argparse.ArgumentParser, _namespace: object, shell: object, *_: object
    ) -> Never:
        """Ends the program."""
        from kanban_worker import completion  # noqa: PLC0415 - only the shell's own start needs it

        print(completion.script(str(shell)))
        parser.exit()


class Command(Parser):
    """The parser of one command. It asks the command's module for its options when it is used.

    So a run imports the one command that it needs, and that command says itself what it takes.
    """

    def __init__(self, *, command: str, **options: Any) -> None:  # noqa: ANN401 - argparse's own
        """`command` is its name; the rest is for `argparse.ArgumentParser`."""
        super().__init__(**options)
        self._command = command
        self._filled = False
        # SUPPRESS: what was given before the command is not overwritten by a default.
        shared.everywhere(self, default=argparse.SUPPRESS)

    def fill(self) -> None:
        """Adds the command's own options, once."""
        if self._filled:
            return
        self._filled = True
        gc.disable()
        module = importlib.import_module(
            f"kanban_worker.commands.{self._command.replace('-', '_')}"
        )
        gc.freeze()  # what was loaded stays, and need not be looked through again and again
        gc.enable()
        module.options(self)
        self.set_defaults(run=module.run)

    def parse_known_args(  # type: ignore[explicit-override, override] # 3.12 has override
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """Raises MustMend for what the command does not know: the top parser would name itself."""
        self.fill()
        found, left = super().parse_known_args(args, namespace)
        if left:
            self.error(f"unrecognized arguments: {' '.join(left)}")
        return found, left

    def format_help(self) -> str:  # type: ignore[explicit-override] # 3.12 has override
        """The help, with all that the command takes."""
        self.fill()
        return super().format_help()


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command. The one place that turns outcomes into exit statuses."""
    _open_streams()
    status: int = Exit.COULD_NOT
    try:
        if "_ARGCOMPLETE" in os.environ:
            _complete()
        arguments = parser().parse_args(argv)
        given.take(arguments)
        signal.signal(signal.SIGTERM, _interrupt)
        interrupts.raised()
        status = int(arguments.run(arguments))
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


def _complete() -> None:
    """Answers a shell that asks how its line may go on, and ends the process: see `completion`."""
    try:
        from kanban_worker import completion  # noqa: PLC0415 - only then is it needed

        completion.complete()
    finally:
        os._exit(0)  # nothing of ours may show in the line that somebody is writing


def drop_output() -> None:
    """Let what could not be printed go nowhere: Python would try again at exit, and complain."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def complain(message: str) -> None:
    """One line on stderr that says what to do."""
    print(f"{PROGRAM}: {plain(message)}", file=sys.stderr)


def confirm(message: str) -> None:
    """One line that says that all went well, which nobody wants to hear with --quiet."""
    if not given.quiet():
        print(plain(message), flush=True)


def plain(text: str) -> str:
    """What a terminal may be shown: a path may hold line breaks, escapes and no UTF-8.

    A command in it names the user's own registry.
    """
    text = given.completed(text)
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else " " if c.isspace() else "?" for c in text)


def counted(count: int, things: str) -> str:
    """`1 session`, `2 sessions`, `1 entry`."""
    one = {"sessions": "session", "entries": "entry"}[things]
    return f"{count} {one if count == 1 else things}"


def _open_streams() -> None:
    """Stdout and stderr that take any text: also a path that is no UTF-8, also in a C locale.

    A stream that the caller closed (`>&-`) is None, which libraries do not expect.
    """
    sys.stdout = sys.stdout or Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - until the end
    sys.stderr = sys.stderr or Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - as above
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # what a test captures into may be none
            stream.reconfigure(errors="backslashreplace")


class Top(Parser):
    """The whole command line."""

    commands: Mapping[str, Command] = {}
    """By name."""


def parser() -> Top:
    """The whole command line."""
    top = Top(
        prog=PROGRAM,
        description="Watches AI coding agents in tmux against the registry of sessions.",
        epilog="exit status: 0 looked, nothing wrong; 2 drift found (with --exit-code); "
        "3 could not look, or a write failed; 64 mend arguments, config or registry; "
        "130 interrupted",
    )
    shared.everywhere(top, default=None)
    top.add_argument("--version", action=Version, nargs=0, help="print the version and end")
    top.add_argument(
        "--completion",
        action=Completion,
        choices=("bash", "zsh", "fish"),
        help="print the completion script for a shell and end; for bash put "
        '`eval "$(agent-sessions --completion bash)"` into ~/.bashrc',
    )
    top.set_defaults(run=_help)
    commands = top.add_subparsers(dest="command", metavar="COMMAND", parser_class=Command)
    top.commands = {
        name: commands.add_parser(
            name, command=name, help=summary, description=f"{summary}.".capitalize()
        )
        for name, summary in COMMANDS.items()
    }
    return top


def _help(_arguments: argparse.Namespace) -> int:
    parser().print_help()
    return Exit.OK


def _interrupt(_signal: int, _frame: FrameType | None) -> Never:
    """SIGTERM ends a command the way Ctrl-C does: between two steps, cleanly."""
    raise KeyboardInterrupt
