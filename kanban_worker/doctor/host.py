"""What is watched: tmux, the registry, the agents' folders, the clock, and our own folders."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import stat
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from kanban_worker import programs
from kanban_worker.cli import counted
from kanban_worker.config import Settings
from kanban_worker.doctor.check import Check, failed
from kanban_worker.tick import Monitor, Tick
from reconcile.report import SourceState
from state.errors import CouldNot, MonitorError

OLDEST_TMUX = (3, 0)
SKEW = 60.0
"""Seconds by which a file may be newer than the clock: file servers have clocks of their own."""
SECONDS = 5.0
"""For a program that answers at once or never."""


def tmux_program() -> Check:
    """Whether tmux can be run, and is not too old."""
    install = "apt install tmux, or brew install tmux"
    if (program := shutil.which("tmux")) is None:
        return Check("tmux", "not on PATH", install)
    try:
        done = programs.ask("tmux", [program, "-V"], seconds=SECONDS)
    except CouldNot:
        return Check("tmux", f"{program} cannot be run", install)
    version = re.search(r"(\d+)\.(\d+)", done.stdout)
    if version and (int(version[1]), int(version[2])) < OLDEST_TMUX:
        return Check("tmux", f"{done.stdout.strip()} is older than 3.0", install)
    return Check("tmux", done.stdout.strip() or "of no known version")  # `tmux next-3.6` is fine


def looked(settings: Settings) -> Iterator[Check]:
    """A dry run's sources: the server, the registry and the agents' folders."""
    try:
        tick = Monitor(settings).tick(dry_run=True)
    except MonitorError as error:
        yield failed("registry", error)
        return
    for name, source in tick.report.sources.items():
        if name == "registry":
            yield _registry(settings, tick)
        elif source.state is SourceState.UNKNOWN:
            what = "tmux server" if name == "tmux" else name
            yield Check(what, source.why, "agent-sessions reconcile --once --dry-run -v")
        elif name == "tmux":
            running = source.state is SourceState.OK
            sockets = ", ".join(settings.sockets or (settings.default_socket,))
            sessions = counted(int(source.facts.get("sessions", 0)), "sessions")
            seen = sessions if running else "none runs now"
            yield Check("tmux server", f"{seen} ({sockets})")
        else:
            here = source.state is SourceState.OK
            yield Check(name, "its folder is readable" if here else "not used on this host")


def _registry(settings: Settings, tick: Tick) -> Check:
    if tick.troubles:
        return failed("registry", tick.troubles[0])
    return Check(
        "registry", f"{settings.registry}, {counted(len(tick.registry.entries), 'entries')}"
    )


def clock(settings: Settings) -> Check:
    """Deaths and comments are dated: a clock that was set back makes the newest come first."""
    now = time.time()
    places = (settings.registry, settings.places.journal)
    for path in places:
        with contextlib.suppress(OSError):
            ahead = path.stat().st_mtime - now
            if ahead > SKEW:
                seen = f"{path} was saved {ahead:.0f} s in the future"
                return Check(
                    "clock", seen, "set the clock (timedatectl set-ntp true), then touch it"
                )
    local = datetime.now().astimezone()
    return Check("clock", f"{local:%Y-%m-%d %H:%M:%S %z} ({local.tzname()})")


def folder(what: str, path: Path) -> Check:
    """Private where it is there, else possible."""
    there = path
    while not there.exists() and there != there.parent:
        there = there.parent
    if not os.access(there, os.W_OK | os.X_OK):
        return Check(what, f"{there} is not writable for you", f"chmod u+rwx {there}")
    if there != path:
        return Check(what, f"{path} will be made")
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        return Check(what, f"{path} is open to others", f"chmod 700 {path}")
    return Check(what, str(path))
