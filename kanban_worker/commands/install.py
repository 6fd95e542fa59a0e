"""`agent-sessions install`: plugin and skill in a Hermes home. Idempotent; says what it changed."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from kanban_worker import options as shared
from kanban_worker.cli import Exit, complain
from kanban_worker.hermes import enabling, homes, skill
from kanban_worker.hermes.homes import Hermes
from kanban_worker.hermes.skill import Put
from state.errors import MustMend


def options(parser: argparse.ArgumentParser) -> None:
    """Its own options."""
    shared.hermes_home(parser)


def run(arguments: argparse.Namespace) -> int:
    """One line for each thing; 3 when Hermes does not see the plugin all the same."""
    hermes = homes.find(os.environ, arguments.hermes_home, arguments.profile)
    hermes.must_be_there()
    _package(hermes)
    written = enabling.enable(hermes.config)
    print(f"plugin   {'enabled' if written else 'was enabled already'} in {hermes.config}")
    external = enabling.external_skills(hermes.config, hermes.home)
    print(f"skill    {_said(skill.put(hermes.home, external), hermes, external)}")
    if (status := hermes.plugin_status()) != "enabled":
        complain(
            f"Hermes calls the plugin {status!r} all the same. Look at: hermes plugins list --plain"
        )
        return Exit.COULD_NOT
    if written:
        print("A running gateway takes it up after: hermes gateway restart")
    return Exit.OK


def _package(hermes: Hermes) -> None:
    """Hermes loads plugins from its own environment, which need not be the one this runs in."""
    if hermes.plugin_status() is None:
        raise MustMend(
            f"{hermes.program} has an environment of its own, without this program. Nothing was "
            f"changed. Run: {hermes.pip()}"
        )
    print(f"package  is in the environment of {hermes.program}")


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
