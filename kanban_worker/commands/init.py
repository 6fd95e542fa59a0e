"""`agent-sessions init`: a first registry, from what runs now."""

from __future__ import annotations

import argparse
import contextlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from kanban_worker import config, jsontext, left_out
from kanban_worker import options as shared
from kanban_worker.cli import Exit, complain, confirm, counted, plain
from kanban_worker.config import Settings
from kanban_worker.tick import Monitor, now
from reconcile import judge, report
from reconcile.desired import AddEntry, Registry
from reconcile.drift import Judgement
from reconcile.memory import Memory
from reconcile.observed import Bound, Unknown, World
from reconcile.report import Json
from state import durable
from state.errors import CouldNot
from state.setting import Setting

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class _Written:
    """What became of the registry and of the config file."""

    additions: Sequence[AddEntry]
    kept: Path | None
    """Where the registry that was there is now."""
    setting: Setting | None
    """The pattern as it was chosen, which the config file has now."""


def options(parser: argparse.ArgumentParser) -> None:
    """Its own options."""
    parser.add_argument(
        "--force",
        action="store_true",
        help="write a new registry in the place of one that is there, and keep that one beside it",
    )
    parser.add_argument("--json", action="store_true", help="print what was done as JSON")
    shared.judging(parser, pattern="; kept in the config file")


def run(arguments: argparse.Namespace) -> int:
    """Registers what runs now. A registry that is there stays, or is kept beside the new one."""
    settings = config.load(arguments, os.environ, Path.home())
    monitor = Monitor(settings)
    if not arguments.force:
        monitor.registry.must_be_new()
    anew = monitor.registry.is_there()
    asked = arguments.pattern
    setting = Setting(settings.config, "pattern", asked) if asked else None
    # One that is there may be watched: nobody takes it away from under a monitor.
    with monitor.alone("agent-sessions init", 0) if anew else contextlib.nullcontext():
        world = _look(monitor)
        found = judge.judge(world, Registry(), Memory(), settings.policy)
        written = _write(monitor, _additions(found, world), setting, anew=anew)
    if arguments.json:
        print(jsontext.dumps(_as_json(settings, found, written)))
    else:
        for line in _confirmed(settings, written):
            confirm(line)
        if advice := left_out.advice_for_init(found.left_out, arguments):
            print(plain(advice))
    for notice in found.notices:  # all of them are about what could not be seen
        complain(notice.message)
    return Exit.COULD_NOT if found.notices else Exit.OK


def _look(monitor: Monitor) -> World:
    world = monitor.observer.look(Registry())
    for answer in world.tmux.values():
        if isinstance(answer, Unknown):
            message = f"cannot see what runs: {answer.why}. No registry was written"
            raise CouldNot(message)
    return world


def _additions(found: Judgement, world: World) -> Sequence[AddEntry]:
    edits = (edit for drift in found.drifts for edit in drift.edits)
    return [_with_id(edit, world) for edit in edits if isinstance(edit, AddEntry)]


def _with_id(addition: AddEntry, world: World) -> AddEntry:
    """The entry with its conversation's id, where that is already known."""
    held = world.conversations.get(addition.session)
    if not isinstance(held, Bound) or not held.written:
        return addition
    return replace(addition, fields={**addition.fields, _id_key(addition): held.id})


def _id_key(addition: AddEntry) -> str:
    return f"{addition.fields['agent']}_session_id_own"


def _write(
    monitor: Monitor, additions: Sequence[AddEntry], setting: Setting | None, *, anew: bool
) -> _Written:
    """The config first: where the registry fails then, the same words may be tried again."""
    registry, at, kept = monitor.registry, now(), None
    if setting:
        setting.write(durable.owner_of(Path(os.path.realpath(registry.path))))
    if anew:
        kept = registry.begin_anew(additions, at)
    else:
        registry.create(additions, at)
    with contextlib.suppress(CouldNot):  # a place without a name: every look says so
        monitor.home.settle(at)
    return _Written(additions=additions, kept=kept, setting=setting)


def _confirmed(settings: Settings, written: _Written) -> list[str]:
    lines = [f"{settings.registry}: written, {counted(len(written.additions), 'sessions')}"]
    if written.kept:
        lines.append(f"{written.kept}: the registry that was there")
    if written.setting:
        lines.append(f"{written.setting.path}: {written.setting.line}")
    return lines


def _as_json(settings: Settings, found: Judgement, written: _Written) -> Json:
    return {
        "schema_version": SCHEMA_VERSION,
        "registry": str(settings.registry),
        "written": True,
        "kept": str(written.kept) if written.kept else None,
        "sessions": [_session(each) for each in written.additions],
        "left_out": [report.left_out_as_json(each) for each in found.left_out],
        "config": str(written.setting.path) if written.setting else None,
    }


def _session(addition: AddEntry) -> Json:
    fields = addition.fields
    return {
        "name": addition.session,
        "agent": report.value(fields["agent"]),
        "workspace": report.value(fields["workspace"]),
        "conversation_id": report.value(fields.get(_id_key(addition))),
    }
