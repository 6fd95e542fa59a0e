"""`agent-sessions doctor`: one line for each thing that has to be in place. It changes nothing."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from pathlib import Path

from kanban_worker import config, jsontext
from kanban_worker import options as shared
from kanban_worker.cli import Exit
from kanban_worker.config import Settings
from kanban_worker.doctor import board, hermes, host, identifiers
from kanban_worker.doctor.check import Check, State, failed
from kanban_worker.hermes import homes
from state.errors import MonitorError


def options(parser: argparse.ArgumentParser) -> None:
    """Its own options."""
    shared.hermes_home(parser)
    parser.add_argument("--json", action="store_true", help="print the same as data")


def run(arguments: argparse.Namespace) -> int:
    """Each line as soon as it is known; 64 outweighs 3."""
    checks: list[Check] = []
    for check in _everything(arguments):
        well = check.state is State.OK
        if not (arguments.json or (well and arguments.quiet)):
            print(check.text, flush=True)
        checks.append(check)
    if arguments.json:
        data = {"schema_version": 1, "checks": [check.as_json() for check in checks]}
        print(jsontext.dumps(data))
    return _status(checks)


def _status(checks: list[Check]) -> Exit:
    if any(check.user for check in checks):
        return Exit.MUST_MEND
    missing = any(check.state is State.MISSING for check in checks)
    return Exit.COULD_NOT if missing else Exit.OK


def _everything(arguments: argparse.Namespace) -> Iterator[Check]:
    yield host.tmux_program()
    settings: Settings | None = None
    try:
        settings = config.load(arguments, os.environ, Path.home())
    except MonitorError as error:
        yield failed("config", error)
    else:
        yield from host.looked(settings)
        yield from identifiers.settings(Path.home(), os.environ)
        yield host.clock(settings)
        yield host.folder("state", settings.places.state)
        yield host.folder("cache", settings.places.cache)
    yield from _hermes(arguments, settings)


def _hermes(arguments: argparse.Namespace, settings: Settings | None) -> Iterator[Check]:
    try:
        found = homes.find(os.environ, arguments.hermes_home, arguments.profile)
    except MonitorError as error:
        yield failed("hermes", error)
        return
    if found.program is None:
        asked = bool(arguments.hermes_home or arguments.profile)
        yield Check("hermes", homes.NONE, homes.GET, optional=not asked)
        return
    yield from hermes.of(found)
    registry = settings.registry.absolute() if settings else None
    yield from board.of(found, settings.board if settings else None, registry)
