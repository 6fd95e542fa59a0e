"""`agent-sessions reconcile`: tick once, or tick by tick until interrupted."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import time
from pathlib import Path
from typing import Never

from kanban_worker import ages, colour, config, given, jsontext, left_out, settling
from kanban_worker import options as shared
from kanban_worker.cli import Exit, complain, counted, plain
from kanban_worker.complaints import Complaints
from kanban_worker.config import Settings
from kanban_worker.tick import Monitor, Tick, default_interval
from reconcile import report
from reconcile.drift import NoticeKind
from reconcile.plan import Decision, Note
from state import locking
from state.errors import CouldNot, MustMend

PATIENCE = 5.0
"""Seconds to wait for another `reconcile --once`, as two cron jobs may overlap."""


def options(parser: argparse.ArgumentParser) -> None:
    """Its own options."""
    parser.add_argument(
        "--once",
        action="store_true",
        help="one tick, then end; what is held for seconds only is waited for, at most 12 s",
    )
    parser.add_argument(
        "--no-wait", action="store_true", help="with --once: report what stands now"
    )
    parser.add_argument("--emit-diff", action="store_true", help="print the report as JSON")
    parser.add_argument("--dry-run", action="store_true", help="write nothing of any kind")
    parser.add_argument(
        "--exit-code", action="store_true", help="with --once: exit with 2 when something drifts"
    )
    parser.add_argument(
        "--interval",
        metavar="TIME",
        help="how long from tick to tick (default 30s; 1m with 5 or more sessions)",
    )
    shared.judging(parser)


def run(arguments: argparse.Namespace) -> int:
    """Ticks; the exit status is that of the last tick."""
    settings = config.load(arguments, os.environ, Path.home())
    monitor = Monitor(settings, timer=ages.timer)
    if arguments.once:
        return _once(monitor, settings, arguments)
    with contextlib.ExitStack() as stack:
        if not arguments.dry_run:
            _be_alone(monitor, stack)
        return _ticks(monitor, settings, arguments, stack)


def _be_alone(monitor: Monitor, stack: contextlib.ExitStack) -> None:
    """Be the registry's only writing monitor. Who cannot know that may look, and writes nothing."""
    try:
        stack.enter_context(monitor.alone("agent-sessions reconcile", PATIENCE))
        monitor.barred = None
    except locking.Busy:
        raise
    except CouldNot as error:
        monitor.barred = error


def _once(monitor: Monitor, settings: Settings, arguments: argparse.Namespace) -> int:
    """One report, and what it means."""
    if arguments.dry_run or arguments.no_wait:
        tick = _look(monitor, arguments)
    else:
        tell = complain if sys.stderr.isatty() else _ignore
        tick = settling.settled(lambda: _look(monitor, arguments), tell)
    show(tick, arguments, everything=True)
    _advise(tick, settings, arguments, "")
    Complaints(complain).about(tick)
    return status(tick, exit_code=arguments.exit_code)


def _look(monitor: Monitor, arguments: argparse.Namespace) -> Tick:
    """One tick. Between two of them another monitor may write: this one goes on from there."""
    with contextlib.ExitStack() as stack:
        if not arguments.dry_run:
            _be_alone(monitor, stack)
        monitor.notebook.reopen()
        return monitor.tick(dry_run=arguments.dry_run)


def _ignore(_line: str) -> None:
    """Nobody sits there."""


def _ticks(
    monitor: Monitor,
    settings: Settings,
    arguments: argparse.Namespace,
    stack: contextlib.ExitStack,
) -> Never:
    complaints = Complaints(complain)
    first, advised = True, ""
    while True:
        if monitor.barred and not first:
            _be_alone(monitor, stack)
        tick = monitor.tick(dry_run=arguments.dry_run)
        show(tick, arguments, everything=first)
        advised = _advise(tick, settings, arguments, advised)
        complaints.about(tick)
        first = False
        time.sleep(settings.interval or default_interval(tick))


def status(tick: Tick, *, exit_code: bool) -> Exit:
    """What a tick means to whoever asked for it. Blindness outweighs drift."""
    if any(isinstance(trouble, MustMend) for trouble in tick.troubles):
        return Exit.MUST_MEND
    if tick.troubles or tick.report.blind:
        return Exit.COULD_NOT
    if exit_code and tick.report.wrong:
        return Exit.DRIFT
    return Exit.OK


def show(tick: Tick, arguments: argparse.Namespace, *, everything: bool) -> None:
    """Prints one tick: the report as JSON, or in sentences, all of them or only what is new."""
    if arguments.emit_diff:
        shape = 2 if arguments.once else None  # a stream of reports: one line each
        print(jsontext.dumps(report.as_json(tick.report), indent=shape))
    else:
        dims = colour.wanted(sys.stdout, os.environ)
        lines = sentences(tick, everything=everything, verbose=arguments.verbose, dims=dims)
        for line in lines:
            print(line)
        if everything and not arguments.quiet:
            print(plain(summary(tick)))
    sys.stdout.flush()


def sentences(tick: Tick, *, everything: bool, verbose: bool, dims: bool = False) -> list[str]:
    """What a person reads: one line for each finding, and dim with `dims` what is acknowledged.

    What could not be seen is not among them: it is complained of on stderr.
    """
    lines: list[str] = []
    for decision in tick.report.decisions:
        if _is_heard(decision, everything=everything):
            lines.append(_line(decision, decision.drift.id, report.sentence(decision), dims=dims))
            if verbose:
                evidence = decision.drift.evidence.items()
                lines += [plain(f"    {key}: {value}") for key, value in evidence]
    for note in tick.report.notes:
        notice = note.notice
        if _is_heard(note, everything=everything) and notice.kind is not NoticeKind.BLIND:
            lines.append(_line(note, notice.id, notice.message, dims=dims))
    return lines


def _advise(tick: Tick, settings: Settings, arguments: argparse.Namespace, before: str) -> str:
    """Says which agents were left out, unless that was said before; the report has them anyway."""
    advice = left_out.advice(tick.report.left_out, settings)
    if advice not in {"", before} and not (arguments.emit_diff or arguments.quiet):
        print(plain(advice), flush=True)
    return advice


def _is_heard(found: Decision | Note, *, everything: bool) -> bool:
    """Whether it is said: what a person has acknowledged is well enough for --quiet."""
    return (found.new or everything) and not (found.acknowledged and given.quiet())


def _line(found: Decision | Note, key: str, text: str, *, dims: bool) -> str:
    if not found.acknowledged:
        return plain(f"[{key}] {text}")
    shown = plain(f"[{key}] {text} (acknowledged)")
    return colour.dim(shown) if dims else shown


def summary(tick: Tick) -> str:
    """One line about what was looked at: `tmux ok, 2 sessions · registry ok, 3 entries`.

    Agents that are not on this host are left out; the report has them all.
    """
    parts = []
    for name, source in tick.report.sources.items():
        if source.state is not report.SourceState.ABSENT or name == "tmux":
            counts = [counted(n, key) for key, n in source.facts.items() if isinstance(n, int)]
            parts.append(", ".join([f"{name} {source.state.value}", *counts]))
    return " · ".join(parts)
