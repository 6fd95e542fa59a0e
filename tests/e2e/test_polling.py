"""The polling form: tick by tick until a signal, saying only what is new."""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import psutil
import pytest

import commandline
import descriptors
import threads
from desk import Desk
from fences import Fence
from kanban_worker import cli, config
from kanban_worker.commands import reconcile
from kanban_worker.tick import Monitor
from state import paths

KEEPER, FIRST, SECOND = (f"lab-{name}-creator-claude" for name in ("keeper", "first", "second"))
LONG_GONE = 2**22 + 1
ROOT = Path(__file__).parents[2]


def arguments(*words: str) -> argparse.Namespace:
    return cli.parser().parse_args(words)


def monitor(desk: Desk) -> Monitor:
    given = arguments("reconcile", "--once")
    return Monitor(config.load(given, os.environ | desk.environ, desk.fence.home))


def test_it_says_each_finding_once_and_what_is_new_as_it_comes(desk: Desk) -> None:
    entries = desk.starts(KEEPER, FIRST, SECOND)
    desk.write(*entries)

    with desk.poll() as poll:
        poll.wait_for(lambda: len(poll.lines) == 1, "the first tick's line about the sources")
        desk.fleet.kill(FIRST)
        poll.wait_for(lambda: len(poll.lines) == 2, "the first death")
        desk.fleet.kill(SECOND)
        poll.wait_for(lambda: len(poll.lines) == 3, "the second death")
        done = poll.end()

    assert done.status == 130
    assert done.err == ""
    sources, first, second = done.out.splitlines()
    assert sources.startswith("tmux ok, 3 sessions · registry ok, 3 entries")
    assert f"{FIRST}: tmux gone" in first
    assert f"{SECOND}: tmux gone" in second
    assert "Marked terminated." in second
    assert desk.registry.read_text().count("status: terminated") == 2


def test_who_cannot_open_the_monitor_s_lock_writes_as_soon_as_it_can(desk: Desk) -> None:
    desk.write(*desk.starts(KEEPER, FIRST))
    in_the_way = paths.monitor_lock(desk.state, desk.registry.resolve())
    in_the_way.mkdir(parents=True)
    before = desk.registry.read_bytes()
    desk.fleet.kill(FIRST)

    with desk.poll() as poll:
        poll.wait_for(lambda: "Held: lock " in "".join(poll.lines), "a write that is held")
        poll.wait_for(lambda: poll.complaints, "the trouble")
        assert desk.registry.read_bytes() == before
        in_the_way.rmdir()
        poll.wait_for(lambda: "status: terminated" in desk.registry.read_text(), "the write")
        done = poll.end()

    assert f"lock {in_the_way} could not be opened" in done.complaints(1)


def test_an_interrupt_while_a_module_is_loaded_ends_it_with_130_as_well(tmp_path: Path) -> None:
    """Dataclasses are made by `exec`, and CPython remembers an interrupt in there."""
    (tmp_path / "interrupted.py").write_text(
        "import sys\n"
        "from kanban_worker import cli\n"
        "cli.parser = lambda: exec('raise KeyboardInterrupt')\n"
        "sys.exit(cli.main([]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "interrupted"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (130, "")


@pytest.mark.parametrize("sig", [signal.SIGINT, signal.SIGTERM])
def test_in_json_each_tick_is_a_line_and_a_signal_ends_it_with_130(
    desk: Desk, sig: signal.Signals
) -> None:
    desk.write(*desk.starts(KEEPER))

    with desk.poll("--emit-diff") as poll:
        poll.wait_for(lambda: len(poll.lines) >= 4, "four ticks")
        done = poll.end(sig)

    assert (done.status, done.err) == (130, "")
    reports = [commandline.checked(line) for line in done.out.splitlines()]
    assert len(reports) >= 4
    assert all(report["drifts"] == [] for report in reports)
    moments = [datetime.fromisoformat(report["tick"]["at"]) for report in reports]
    assert moments == sorted(moments)
    assert (moments[3] - moments[0]).total_seconds() < 3


def test_it_outlives_a_registry_that_is_broken_for_a_while(desk: Desk) -> None:
    entries = desk.starts(KEEPER, FIRST)
    desk.write(*entries)
    text = desk.registry.read_text()

    with desk.poll("--emit-diff") as poll:
        poll.wait_for(lambda: poll.lines, "a tick")
        desk.write(text=text + "    broken: [\n")
        poll.wait_for(lambda: len(poll.complaints) == 1, "a complaint")
        count = len(poll.lines)
        poll.wait_for(lambda: len(poll.lines) > count + 2, "more ticks")
        desk.fleet.kill(FIRST)
        desk.write(text=text)
        poll.wait_for(lambda: "status: terminated" in desk.registry.read_text(), "the write")
        desk.write(text=text + "    broken: [\n")
        poll.wait_for(lambda: len(poll.complaints) == 2, "the complaint again")
        done = poll.end()

    assert done.status == 130
    said = done.complaints(2).splitlines()
    assert said[0] == said[1], "once for each time that it breaks, not at each tick"
    states = [commandline.checked(line)["sources"]["registry"]["state"] for line in poll.lines]
    assert states[0] == "ok"
    assert states[-1] == "unknown"


def test_it_complains_once_of_a_tmux_that_it_cannot_see(desk: Desk) -> None:
    desk.write(*desk.starts(KEEPER))
    desk.fleet.socket.rename(desk.fleet.folder / "aside")
    desk.fleet.socket.write_text("")

    with desk.poll("--emit-diff") as poll:
        poll.wait_for(lambda: len(poll.lines) >= 3, "three ticks")
        assert len(poll.complaints) == 1
        desk.fleet.socket.unlink()
        (desk.fleet.folder / "aside").rename(desk.fleet.socket)
        poll.wait_for(lambda: '"tmux": {"state": "ok"' in poll.lines[-1], "sight")
        done = poll.end()

    assert "is not a socket" in done.complaints()
    assert all(json.loads(line)["drifts"] == [] for line in done.out.splitlines())


def test_two_hundred_ticks_leave_nothing_behind(desk: Desk) -> None:
    desk.write(*desk.starts(KEEPER, FIRST, SECOND, agent="claude", options=["--prompted"]))
    watching = monitor(desk)
    for _ in range(10):
        watching.tick(dry_run=False)
    me = psutil.Process()
    # Python's threads: the process has others, which a parallel test runner starts as it likes.
    before, running = (descriptors.held(), me.children()), threads.now()
    written = commandline.everything_below(desk.registry.parent, desk.cache, desk.state)

    for _ in range(200):
        tick = watching.tick(dry_run=False)
        assert not tick.troubles

    assert (descriptors.held(), me.children()) == before
    assert not threads.since(running)
    after = commandline.everything_below(desk.registry.parent, desk.cache, desk.state)
    assert after == written, "quiet ticks write nothing"


def test_one_process_finds_what_comes_and_goes(desk: Desk) -> None:
    entries = desk.starts(KEEPER, FIRST)
    desk.write(*entries)
    watching = monitor(desk)

    def found() -> list[tuple[str, str, bool]]:
        decisions = watching.tick(dry_run=False).report.decisions
        return [(each.drift.kind.value, each.action.value, each.new) for each in decisions]

    assert found() == []
    desk.fleet.kill(FIRST)
    assert found() == [("A", "updated", True)]
    assert found() == []
    desk.starts(FIRST)
    assert found() == [], "an entry that says terminated, within the grace"
    desk.fleet.kill(FIRST)
    desk.starts(SECOND)
    assert found() == [("B", "updated", True)]
    desk.registry.unlink()
    assert found() == []
    desk.write(*entries)
    assert "A" in {kind for kind, _, _ in found()}


@pytest.mark.parametrize(
    ("count", "seconds"), [(4, 30.0), (5, 60.0)], ids=["few sessions", "many sessions"]
)
def test_it_looks_less_often_where_there_is_much_to_look_at(
    desk: Desk, count: int, seconds: float
) -> None:
    desk.write(*(desk.entry(f"lab-{n}-creator-claude", status="paused") for n in range(count)))

    tick = monitor(desk).tick(dry_run=True)

    assert reconcile.default_interval(tick) == seconds


def test_the_interval_comes_from_flag_variable_or_config_in_this_order(fence: Fence) -> None:
    written = fence.home / ".config/agent-sessions/config.yaml"
    written.parent.mkdir(parents=True)
    written.write_text("interval: 3\n")
    variable = {"AGENT_SESSIONS_INTERVAL": "2", "HOME": str(fence.home)}

    def chosen(environ: dict[str, str], *words: str) -> float | None:
        return config.load(arguments("reconcile", *words), environ, fence.home).interval

    assert chosen(variable, "--interval", "1") == 1
    assert chosen(variable) == 2
    assert chosen({}) == 3


def test_the_watched_table_is_drawn_again_and_again(desk: Desk) -> None:
    """What was chosen for the ticks, in the environment, does not slow the table down."""
    desk.write(*desk.starts(KEEPER))
    environ = desk.environ | {"AGENT_SESSIONS_INTERVAL": "60"}
    folder = desk.fence.root / "watch"

    with commandline.running(folder, "status", "--watch", environ=environ) as watch:
        watch.wait_for(lambda: "".join(watch.lines).count("SESSION") >= 2, "two tables")
        done = watch.end(signal.SIGINT)

    assert (done.status, done.err) == (130, "")
    assert "\x1b" not in done.out, "no terminal is there"
    assert not desk.cache.exists()
