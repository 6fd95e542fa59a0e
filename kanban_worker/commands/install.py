"""`agent-sessions install`: plugin and skill in a Hermes home. Idempotent; says what it changed."""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from kanban_worker import options as shared
from kanban_worker import programs
from kanban_worker.cli import Exit, complain, confirm
from kanban_worker.hermes import enabling, environment, homes, skill
from kanban_worker.hermes.homes import Hermes
from kanban_worker.hermes.skill import Put
from state import durable
from state.errors import CouldNot, MustMend


def options(parser: argparse.ArgumentParser) -> None:
    """Its own options."""
    shared.hermes_home(parser)
    parser.add_argument(
        "--into-hermes",
        action="store_true",
        help="first put this package into the environment that `hermes` runs in (with pipx, uv or "
        "pip), where it is a plugin; without it a worker runs agent-sessions in its terminal",
    )


def run(arguments: argparse.Namespace) -> int:
    """One line for each thing; 3 when Hermes does not see the plugin all the same."""
    hermes = homes.find(os.environ, arguments.hermes_home, arguments.profile)
    hermes.must_be_there()
    if arguments.into_hermes:
        _inject(hermes)
    has_package = hermes.plugin_status() is not None
    if has_package:
        confirm(f"package  is in the environment of {hermes.program}")
        enabled = enabling.enable(hermes.config)
        confirm(f"plugin   {'enabled' if enabled else 'was enabled already'} in {hermes.config}")
    elif arguments.into_hermes:
        raise CouldNot(
            f"{hermes.program} does not see the package all the same. Look at: "
            "hermes plugins list --plain"
        )
    else:
        enabled = False
        print(f"package  is not in the environment of {hermes.program}: no plugin. A worker")
        print("         runs this program in its terminal instead, as the skill says. To have the")
        print(f"         plugin (cheaper to run): {_again(hermes)}")
    _skill(hermes)
    if has_package and (status := hermes.plugin_status()) != "enabled":
        complain(
            f"Hermes calls the plugin {status!r} all the same. Look at: hermes plugins list --plain"
        )
        return Exit.COULD_NOT
    if enabled:
        print("A running gateway takes it up after: hermes gateway restart")
    return Exit.OK


def _again(hermes: Hermes) -> str:
    return f"{programs.own_command()} {' '.join(hermes.words('install'))} --into-hermes"


def _inject(hermes: Hermes) -> None:
    """Raises MustMend, or CouldNot with the command to try by hand."""
    program, *words = hermes.environment.adding(environment.source())
    found = shutil.which(program)
    shown = shlex.join([program, *words])
    if found is None:
        raise MustMend(f"{program} is not on PATH. Put it there, or run by hand: {shown}")
    print(f"package  {shown}", flush=True)
    try:
        # What it tells is progress, and no result of ours.
        done = subprocess.run(  # noqa: S603 - the user asked for precisely this
            [found, *words], stdin=subprocess.DEVNULL, stdout=sys.stderr, check=False
        )
    except OSError as error:
        raise durable.could_not(f"{program} cannot be run", error) from None
    if done.returncode:
        raise CouldNot(
            f"{program} ended with {done.returncode}. Nothing else was changed. By hand: {shown}"
        )


def _skill(hermes: Hermes) -> None:
    external = enabling.external_skills(hermes.config, hermes.home)
    command = programs.own_command()
    calls = skill.Calls(command, shlex.quote(str(Path(hermes.program or "hermes").absolute())))
    put = skill.put(hermes.home, external, calls)
    confirm(f"skill    {_said(put, hermes, external)}")
    if put in {Put.CURRENT, Put.WRITTEN}:
        confirm(f"         names {command}")


def _said(put: Put, hermes: Hermes, external: list[Path]) -> str:
    place = skill.place(hermes.home)
    match put:
        case Put.WRITTEN:
            return f"written to {place}"
        case Put.CURRENT:
            return f"was up to date already: {place}"
        case Put.EDITED:
            return f"{place} was edited, and is left alone. Remove it to get the shipped one"
        case Put.ELSEWHERE:
            (other, *_) = skill.found(hermes.home, external)
            return f"is there already: {other}"
