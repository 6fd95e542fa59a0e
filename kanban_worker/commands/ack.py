"""`agent-sessions ack`: a person knows of a finding, and it counts no more while it stays."""

from __future__ import annotations

import argparse
import getpass
import os
from datetime import UTC
from pathlib import Path

from kanban_worker import config, findings, jsontext
from kanban_worker import options as shared
from kanban_worker.cli import Exit, complain, confirm, plain
from kanban_worker.commands import reconcile
from kanban_worker.complaints import Complaints
from kanban_worker.tick import Monitor, Tick
from reconcile.memory import Acknowledgement
from reconcile.orders import Verb
from state.errors import MonitorError, MustMend


def options(parser: argparse.ArgumentParser) -> None:
    """Its own options."""
    parser.add_argument(
        "finding",
        metavar="FINDING",
        nargs="*",
        help="its id, such as D-1234abcd, or the first 4 or more of its digits; several at once. "
        "Only D and notices can be acknowledged, but for blindness",
    )
    parser.add_argument(
        "--list", action="store_true", help="show what is acknowledged, since when and by whom"
    )
    parser.add_argument("--json", action="store_true", help="with --list: print one object")
    shared.judging(parser)


def run(arguments: argparse.Namespace) -> int:
    """Orders it of each; a running monitor hears of it at its next tick."""
    if arguments.list == bool(arguments.finding):
        raise MustMend("name the findings, or ask for --list alone. See: agent-sessions ack --help")
    if arguments.json and not arguments.list:
        raise MustMend("--json goes with --list. See: agent-sessions ack --help")
    monitor = Monitor(config.load(arguments, os.environ, Path.home()))
    tick = monitor.tick(dry_run=True)
    if arguments.list:
        return _list(tick, as_json=arguments.json)
    return _acknowledge(arguments.finding, monitor, tick)


def _acknowledge(asked: list[str], monitor: Monitor, tick: Tick) -> Exit:
    wanted: dict[str, findings.Finding] = {}
    worst = Exit.OK
    for text in dict.fromkeys(asked):
        try:
            found = findings.to_acknowledge(text, tick)
            wanted[found.id] = found
        except MonitorError as error:
            worst = max(worst, failed(error))
    new = [each.id for each in wanted.values() if not each.acknowledged]
    if new:
        monitor.orders.add(Verb.ACK, new, at=monitor.now(), by=login())
    for found in wanted.values():
        already = "" if found.id in new else "already "
        confirm(f"[{found.id}] {found.message} ({already}acknowledged)")
    return worst


def failed(error: MonitorError) -> Exit:
    """Complains of one of several, and what that means for the exit status."""
    complain(str(error))
    return Exit.MUST_MEND if isinstance(error, MustMend) else Exit.COULD_NOT


def login() -> str:
    """Who orders it: with `sudo`, whoever called that."""
    if os.geteuid() == 0 and (behind := os.environ.get("SUDO_USER")):
        return behind
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container may know no name of this user
        return str(os.getuid())


def _list(tick: Tick, *, as_json: bool) -> Exit:
    """What is acknowledged; a finding that this look could not see has no message."""
    known, kept = findings.of(tick), sorted(tick.memory.acknowledged.items())
    if as_json:
        rows = [_row(key, each, known.get(key)) for key, each in kept]
        data = {"schema_version": 1, "acknowledged": rows}
        print(jsontext.dumps(data))
    for key, each in () if as_json else kept:
        said = known[key].message if key in known else findings.UNSEEN
        when = f"{each.at.astimezone():%Y-%m-%d %H:%M}"
        print(plain(f"[{key}] {said} (acknowledged {when} by {each.by})"))
    if not (as_json or kept):
        print("nothing is acknowledged")
    Complaints(complain).about(tick)
    return reconcile.status(tick, exit_code=False)


def _row(key: str, kept: Acknowledgement, found: findings.Finding | None) -> dict[str, str | None]:
    return {
        "finding": key,
        "session": found.session if found else None,
        "message": found.message if found else None,
        "acknowledged_at": kept.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "by": kept.by,
    }
