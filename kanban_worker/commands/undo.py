"""`agent-sessions undo`: takes back one change of the monitor's, or says why it cannot."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from kanban_worker import config, jsontext
from kanban_worker.cli import Exit, confirm
from kanban_worker.tick import now
from reconcile.drift import DriftClass
from state import undoing
from state.registry import RegistryFile
from state.text import scalars
from state.text.traces import EntryTrace, ItemTrace, KeyTrace, Trace

AGAIN = {
    DriftClass.TMUX_GONE: "If the session is still gone, the monitor marks it again at its next "
    "tick. To keep it as it is, set a status that is yours, such as: paused",
    DriftClass.UNREGISTERED: "If the session still runs, the monitor registers it again at its "
    "next tick. To keep it out, narrow --pattern; or leave the entry, with a status that is "
    "yours, such as: ignored",
    DriftClass.RESTARTED: "If the agent still runs there, the monitor follows it again at its next "
    "tick. To keep it as it is, set a status that is yours, such as: paused",
    DriftClass.ID_MATERIALISED: "If the agent still holds that conversation, the monitor records "
    "its id again at its next tick. To keep it as it is, set a status that is yours, such as: "
    "paused",
}
"""What the next tick makes of the restored entry: an undo is no order to the monitor."""

_LONGEST = 80


def options(parser: argparse.ArgumentParser) -> None:
    """Its own options."""
    parser.add_argument(
        "change", metavar="CHANGE", help="its id as `why` shows it, or the id's first 4 or more"
    )
    parser.add_argument("--dry-run", action="store_true", help="only say what would be restored")
    parser.add_argument("--json", action="store_true", help="print one object")


def run(arguments: argparse.Namespace) -> int:
    """Undoes one change. It takes the registry's lock only: a monitor may go on beside it."""
    settings = config.load(arguments, os.environ, Path.home())
    file = RegistryFile(settings.registry, state_dir=settings.places.state)
    done = undoing.undo(
        file, settings.places.journal, arguments.change, now, dry_run=arguments.dry_run
    )
    if arguments.json:
        print(jsontext.dumps(_as_json(done)))
        return Exit.OK
    for line in _sentences(done):
        confirm(line)
    return Exit.OK


def _as_json(done: undoing.Undone) -> Mapping[str, object]:
    """In the shape of `undo.schema.json`: what each key was before this, and is now."""
    change = done.change
    return {
        "schema_version": 1,
        "session": change.session,
        "change": change.change,
        "class": change.drift_class,
        "undone_by": done.by,
        "dry_run": done.by is None,
        "restored": [
            {"key": each.key, "before": each.after, "after": each.before} for each in change.changes
        ],
    }


def _sentences(done: undoing.Undone) -> Iterator[str]:
    change = done.change
    session = scalars.shown(change.session, _LONGEST)
    what = "; ".join(_restored(trace) for trace in change.traces)
    if done.by is None:
        yield f"{session}: change {change.change} can be undone: {what}. Not written: dry run."
    else:
        yield f"{session}: change {change.change} is undone by {done.by}: {what}."
    if change.drift_class in set(DriftClass):
        yield f"{AGAIN[DriftClass(change.drift_class)]}."


def _restored(trace: Trace) -> str:
    """What became of one key: as the text had it and has it again."""
    match trace:
        case EntryTrace():
            return "the entry is removed"
        case ItemTrace():
            return f"{scalars.shown(trace.key)}: the item is removed"
        case KeyTrace(before=None):
            return f"{scalars.shown(trace.path)}: removed, as it was not there before"
        case KeyTrace():
            return f"{scalars.shown(trace.path)}: {_value(trace.after)} → {_value(trace.before)}"


def _value(text: str | None) -> str:
    """A value as it stands behind its key; nothing at all is null."""
    return scalars.shown((text or "").strip().removeprefix(":").strip(), _LONGEST) or "null"
