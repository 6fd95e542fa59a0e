"""`agent-sessions init`: a first registry, from what runs now."""

from __future__ import annotations

import argparse
import contextlib
import os
from dataclasses import replace
from pathlib import Path

from kanban_worker import config
from kanban_worker import options as shared
from kanban_worker.cli import Exit, complain, counted
from kanban_worker.tick import Monitor, now
from reconcile import judge
from reconcile.desired import AddEntry, Registry
from reconcile.memory import Memory
from reconcile.observed import Bound, Unknown, World
from state.errors import CouldNot


def options(parser: argparse.ArgumentParser) -> None:
    """Its own options."""
    shared.judging(parser)


def run(arguments: argparse.Namespace) -> int:
    """Registers every session whose name matches a pattern; refuses to overwrite a registry."""
    settings = config.load(arguments, os.environ, Path.home())
    monitor = Monitor(settings)
    monitor.registry.must_be_new()
    world = monitor.observer.look(Registry())
    for answer in world.tmux.values():
        if isinstance(answer, Unknown):
            message = f"cannot see what runs: {answer.why}. No registry was written"
            raise CouldNot(message)
    found = judge.judge(world, Registry(), Memory(), settings.policy)
    additions = [
        _with_id(edit, world)
        for drift in found.drifts
        for edit in drift.edits
        if isinstance(edit, AddEntry)
    ]
    monitor.registry.create(additions, now())
    with contextlib.suppress(CouldNot):  # a place without a name: every look says so
        monitor.home.settle(now())
    print(f"{settings.registry}: written, {counted(len(additions), 'sessions')}")
    for notice in found.notices:  # all of them are about what could not be seen
        complain(notice.message)
    return Exit.COULD_NOT if found.notices else Exit.OK


def _with_id(addition: AddEntry, world: World) -> AddEntry:
    """The entry with its conversation's id, where that is already known."""
    held = world.conversations.get(addition.session)
    if not isinstance(held, Bound) or not held.written:
        return addition
    key = f"{addition.fields['agent']}_session_id_own"
    return replace(addition, fields={**addition.fields, key: held.id})
