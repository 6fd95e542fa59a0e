"""`agent-sessions check`: every fault of the registry, with its line."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from kanban_worker import config, jsontext
from kanban_worker.cli import Exit, confirm, counted, plain
from kanban_worker.tick import Monitor, now
from state.document import Document
from state.faults import Fault


def options(parser: argparse.ArgumentParser) -> None:
    """Its own options."""
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
    parser.add_argument("--json", action="store_true", help="print one object")


def run(arguments: argparse.Namespace) -> int:
    """Prints the faults; 64 when one keeps an entry from being watched, or the file unwritten."""
    settings = config.load(arguments, os.environ, Path.home())
    monitor = Monitor(settings)
    registry = monitor.registry
    document = registry.read(now(), accept_loss=arguments.accept)
    sound = not any(map(_is_fault, document.faults))
    if sound and arguments.accept:
        registry.remember(document)
    if sound and arguments.here:
        monitor.home.settle(now())
    if arguments.json:
        print(jsontext.dumps(_as_json(document, arguments, sound=sound)))
    else:
        for each in document.faults:
            place = f"{document.path}:{each.line}:{each.column}"
            print(plain(f"{place}: {_kind(each)}: {each.message}"))
        for line in _confirmed(document, arguments) if sound else ():
            confirm(line)
    return Exit.OK if sound else Exit.MUST_MEND


def _is_fault(found: Fault) -> bool:
    """Whether it keeps an entry from being watched, or the file unwritten."""
    return found.grave or found.holds


def _kind(found: Fault) -> str:
    return "fault" if _is_fault(found) else "note"


def _confirmed(document: Document, arguments: argparse.Namespace) -> Iterator[str]:
    path = document.path
    if arguments.accept:
        yield f"{path}: accepted as the last good registry"
    if arguments.here:
        yield f"{path}: it lives here now; other places hold what they never saw"
    yield f"{path}: ok, {counted(len(document.registry.entries), 'entries')}"


def _as_json(
    document: Document, arguments: argparse.Namespace, *, sound: bool
) -> Mapping[str, object]:
    """In the shape of `check.schema.json`."""
    return {
        "schema_version": 1,
        "registry": str(document.path),
        "ok": sound,
        "entries": len(document.registry.entries),
        "faults": [
            {
                "line": each.line,
                "column": each.column,
                "kind": _kind(each),
                "session": each.session,
                "message": each.message,
            }
            for each in document.faults
        ],
        "accepted": bool(sound and arguments.accept),
        "here": bool(sound and arguments.here),
    }
