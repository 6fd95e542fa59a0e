"""Which setting makes the conversations' ids certain, for each agent that is used here."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import psutil

from kanban_worker import agents, programs
from kanban_worker.agents import certainty
from kanban_worker.agents.shape import ENVIRONMENT
from kanban_worker.doctor.check import Check
from kanban_worker.process_table import Table


def settings(home: Path, environ: Mapping[str, str]) -> Iterator[Check]:
    """Which setting makes the ids of each agent certain that is used here; none of it is a must."""
    living = list(_living(str(home)))
    command = f"{programs.short_command()} hook"
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


def _certain(kind: str, home: Path, environ: Mapping[str, str], command: str) -> Check:
    held = certainty.of(kind, str(home), environ, command)
    paste = [line for way in held.ways for line in ("or", *way)][1:]
    return Check(f"{kind} ids", held.seen, optional=held.lacking, paste=tuple(paste))


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
