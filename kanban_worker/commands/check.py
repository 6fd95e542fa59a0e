"""`agent-sessions check`: every fault of the registry, with its line."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from kanban_worker import config
from kanban_worker.cli import Exit, confirm, counted
from kanban_worker.tick import Monitor, now


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


def run(arguments: argparse.Namespace) -> int:
    """Prints the faults; 64 when one keeps an entry from being watched, or the file unwritten."""
    settings = config.load(arguments, os.environ, Path.home())
    monitor = Monitor(settings)
    registry = monitor.registry
    document = registry.read(now(), accept_loss=arguments.accept)
    for fault in document.faults:
        kind = "fault" if fault.grave or fault.holds else "note"
        print(f"{settings.registry}:{fault.line}:{fault.column}: {kind}: {fault.message}")
    if any(fault.grave or fault.holds for fault in document.faults):
        return Exit.MUST_MEND
    if arguments.accept:
        registry.remember(document)
        confirm(f"{settings.registry}: accepted as the last good registry")
    if arguments.here:
        monitor.home.settle(now())
        confirm(f"{settings.registry}: it lives here now; other places hold what they never saw")
    confirm(f"{settings.registry}: ok, {counted(len(document.registry.entries), 'entries')}")
    return Exit.OK
