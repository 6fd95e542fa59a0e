"""Two monitors on one registry and one card: the superseded one writes and says nothing more."""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import portalocker
import pytest
from ruamel.yaml import YAML

import commandline
import hermes
import shards
from desk import Desk
from fences import Fence
from forkserver import Order
from incident import SECONDS, Incident
from office import Office
from state import journal
from waiting import retry_until

pytestmark = hermes.needed

SHARDS = 4
"""Tests that share the calls of a worker among them."""
LATE = 4
"""Calls from the last look at the card to the end of the rename: nothing makes them one."""
ROUNDS = 3
API, WEB = (f"lab-{name}-creator-claude" for name in ("api", "web"))


@pytest.fixture
def office(desk: Desk, fence: Fence) -> Office:
    return Office(desk, hermes.Home(fence.root / "hermes"))


@pytest.mark.parametrize("shard", range(SHARDS))
def test_superseded_between_any_two_of_its_calls_it_does_nothing_more(
    office: Office,
    tmp_path: Path,
    shard: int,
    figure: Callable[[str, str], None],
    tmp_path_factory: pytest.TempPathFactory,
    worker_id: str,
) -> None:
    incident, seen = Incident(office, tmp_path), Counter[str]()
    with incident.served() as server:
        calls, expected = incident.untouched(server)
        rename = next(n for n, name in enumerate(calls, 1) if " in placing." in name)
        for number in range(1, len(calls) + 1)[shard::SHARDS]:
            incident.restore()
            hangs = Order(incident.card, SECONDS, number=number, signal=signal.SIGSTOP)
            assert os.WIFSTOPPED(server.work(hangs).status)
            if is_locked(office.home.board):  # by the worker itself: nobody can take its card now
                server.resume()
                continue
            take(office.home, incident.card)
            before = left(office, incident.card)
            server.resume()
            after = left(office, incident.card)
            seen["gaps"] += 1
            if after != before:
                assert rename - LATE < number <= rename + 1, f"{number}, {calls[number - 1]}"
                assert after | {"registry": None} == before | {"registry": None}
                assert incident.registry() == expected["registry"]
                seen["late"] += 1

    folder = shards.common(tmp_path_factory, worker_id, "two")
    if sums := shards.summed(folder, shard, SHARDS, seen):
        text = f"superseded in {sums['gaps']} gaps between two calls: 0 comments, 0 writes begun"
        figure("two", f"{text}; in {sums['late']} gaps the rename was under way, and ended whole")


def test_one_that_hangs_does_nothing_more_when_it_goes_on(
    office: Office, figure: Callable[[str, str], None]
) -> None:
    """The second one is on another host: only registry and board are common to both."""
    desk, card = office.desk, office.home.create_card()
    desk.write(*desk.starts(API, WEB))

    with office.working(card) as first:
        first.wait_for(lambda: office.beats(card), "a heartbeat")
        with stopped(first.process.pid, office):
            desk.fleet.kill(API)
            office.home.reclaim(card)
            second = office.work(card, "--for", "0.5", environ=elsewhere(office))
            office.home.unblock(card)
            office.home.claim(card)
            before = left(office, card)
        ended = first.result()

    assert second.status == 0, second.err
    assert (ended.status, "0 comments" in ended.out) == (3, True)
    assert left(office, card) == before
    assert len(office.said(card)) == 1
    assert entries(desk)[0]["status"] == "terminated"
    figure("two", "a worker resumed after another took over: 0 writes, 0 comments")


def test_the_one_that_comes_after_it_waits_until_it_has_ended(office: Office) -> None:
    desk, card = office.desk, office.home.create_card()
    desk.write(*desk.starts(API, WEB))

    with office.working(card, name="first") as first:
        first.wait_for(lambda: office.beats(card), "a heartbeat")
        with contextlib.ExitStack() as stack:
            with stopped(first.process.pid, office):
                desk.fleet.kill(API)
                office.home.reclaim(card)
                environ = office.home.dispatched(card)
                second = stack.enter_context(office.working(name="second", environ=environ))
                second.wait_for(lambda: second.has_open(office.lock), "the wait")
            ended = first.result()
            office.wait_for_said(card, f"{API}: tmux gone")
            office.home.comment(card, "stop")
            taken_over = second.result()

    assert (ended.status, "0 comments" in ended.out) == (3, True)
    assert (taken_over.status, taken_over.err) == (0, "")
    assert len(office.keys(card)) == 1
    assert len(desk.journal) == 1


def test_superseded_while_it_waits_for_the_registry_it_writes_nothing(
    office: Office, figure: Callable[[str, str], None]
) -> None:
    desk, card = office.desk, office.home.create_card()
    desk.write(*desk.starts(API, WEB))
    lock = desk.registry.with_name("agent-sessions.yaml.lock")

    with office.working(card) as work:
        work.wait_for(lambda: office.beats(card), "a heartbeat")
        with lock.open("w") as file:
            portalocker.lock(file, portalocker.LockFlags.EXCLUSIVE)
            desk.fleet.kill(API)
            work.wait_for(lambda: work.has_open(lock), "the wait")
            office.home.supersede(card)
            before = left(office, card)
        ended = work.result()

    assert ended.status == 3
    assert left(office, card) == before
    assert desk.journal == []
    figure("two", "superseded while it waited for the registry's lock: 0 writes, 0 comments")


def test_a_plain_reconcile_waits_for_a_worker_that_hangs_and_then_writes_nothing(
    office: Office,
) -> None:
    desk, card = office.desk, office.home.create_card()
    desk.write(*desk.starts(API, WEB))

    with office.working(card) as work:
        work.wait_for(lambda: office.beats(card), "a heartbeat")
        with stopped(work.process.pid, office):
            desk.fleet.kill(API)
            before = left(office, card)
            refused = desk.run("reconcile", "--once")
            assert left(office, card) == before
        office.wait_for_said(card, f"{API}: tmux gone")

    assert refused.status == 3
    assert f"pid {work.process.pid}" in refused.complaints()


def test_a_plain_reconcile_on_another_host_and_a_worker_make_each_change_once(
    office: Office, figure: Callable[[str, str], None]
) -> None:
    """No lock of a running monitor is common to both: the registry's own has to do."""
    desk, card = office.desk, office.home.create_card()
    desk.write(*desk.starts(API, WEB))
    other = elsewhere(office)
    names = [f"lab-{number}-creator-claude" for number in range(ROUNDS)]
    words = ("reconcile", "--interval", "0.3")
    folder = desk.fence.root / "beside"

    with (
        office.working(card) as work,
        commandline.running(folder, *words, environ=desk.environ | other) as beside,
    ):
        beside.wait_for(lambda: beside.lines, "its first tick")
        for name in names:
            desk.starts(name)
            wait_for_status(desk, name, "running")
            desk.fleet.kill(name)
            wait_for_status(desk, name, "terminated")
        office.home.comment(card, "stop")
        ended = work.result()
        beside.end()

    assert (ended.status, ended.err) == (0, "")
    assert [each["name"] for each in entries(desk)] == [API, WEB, *names]
    own, others = (changes(Path(each)) for each in (desk.state.parent, other["XDG_STATE_HOME"]))
    assert own + others == Counter(itertools.product(names, "AB"))
    keys = office.keys(card)
    assert len(keys) == len(set(keys)) >= own.total()
    figure("two", f"a reconcile beside a worker: {(own + others).total()} changes, each made once")


def take(home: hermes.Home, card: str) -> None:
    """Let another run have the card, whatever state it is in."""
    if home.status(card) == "ready":
        home.claim(card)
    else:
        home.supersede(card)


def is_locked(board: Path) -> bool:
    """Whether somebody is writing to a board at this moment."""
    with contextlib.closing(sqlite3.connect(board, timeout=0)) as connection:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return True
        return False


def left(office: Office, card: str) -> dict[str, object]:
    """The whole card, and the registry."""
    return office.home.show(card) | {"registry": office.desk.registry.read_bytes()}


def elsewhere(office: Office) -> dict[str, str]:
    """The environment of another host, for which only registry and board are the same."""
    names = ("XDG_STATE_HOME", "XDG_CACHE_HOME")
    return {name: str(office.desk.fence.root / "elsewhere" / name) for name in names}


@contextlib.contextmanager
def stopped(pid: int, office: Office) -> Iterator[None]:
    """Let a process hang within the block, at a moment at which it does not hold the board.

    Hermes waits without end for a board that somebody holds.
    """
    while True:
        os.kill(pid, signal.SIGSTOP)
        if is_free(office.home.board):
            break
        os.kill(pid, signal.SIGCONT)
        time.sleep(0.05)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def is_free(board: Path) -> bool:
    """Whether the board's database can be written to."""
    with contextlib.closing(sqlite3.connect(board, timeout=0.2, isolation_level=None)) as link:
        try:
            link.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return False
        link.execute("ROLLBACK")
    return True


def entries(desk: Desk) -> list[dict[str, str]]:
    found: list[dict[str, str]] = YAML(typ="safe", pure=True).load(desk.registry)["sessions"]
    return found


def wait_for_status(desk: Desk, name: str, status: str) -> None:
    def has_it() -> bool:
        return any(each["name"] == name and each["status"] == status for each in entries(desk))

    retry_until(has_it, seconds=10, what=f"{name} {status}")


def changes(state: Path) -> Counter[tuple[str, str]]:
    """How often each session had a change of each class."""
    history = journal.read(state / "agent-sessions-monitor/journal.jsonl")
    return Counter((each.session, each.drift_class) for each in history.changes if not each.void)
