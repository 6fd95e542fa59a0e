"""Completion in a shell: its script, and what stands behind a <TAB>.

Only such a run imports this. It reads the registry, asks nothing else, and is silent whatever is
wrong: a shell has no place for a complaint.
"""

from __future__ import annotations

import argparse
import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import argcomplete
from argcomplete.shell_integration import shellcode

from kanban_worker import cli, config
from reconcile import names
from state import snapshot


def script(shell: str) -> str:
    """What the shell is to read, as in `eval "$(agent-sessions --completion bash)"`."""
    return str(shellcode([cli.PROGRAM], shell=shell)).strip()


def complete() -> None:
    """Answers the shell, and ends the process."""
    parser = cli.parser()
    for name in set(os.environ.get("COMP_LINE", "").split()) & parser.commands.keys():
        _fill(parser.commands[name])
    argcomplete.autocomplete(parser, always_complete_options=False)


def _fill(command: cli.Command) -> None:
    """A command's own options, and which of its words are names of sessions."""
    with contextlib.suppress(Exception):
        command.fill()
        for action in command._get_positional_actions():  # noqa: SLF001 - argparse has no other way
            if action.metavar == "SESSION":
                action.completer = sessions  # type: ignore[attr-defined] # as argcomplete has it


def sessions(parsed_args: argparse.Namespace, **_: object) -> list[str]:
    """The names that the registry has; those of another file where the line names one."""
    with contextlib.suppress(Exception):
        return list(_names(parsed_args))
    return []


def _names(given: argparse.Namespace) -> Iterator[str]:
    given.verbose = False
    registry = config.load(given, os.environ, Path.home()).registry
    raw = snapshot.load(registry, Path(os.path.realpath(registry)))
    for name in snapshot.of(raw.data, registry.name).reading.rows:
        if names.no_text(name, "name") is None and name.isprintable():
            yield name
