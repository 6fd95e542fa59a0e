"""Many sessions vanish together: one comment with the cause, no write where they live on."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest
from ruamel.yaml import YAML

import commandline
import crowd
import fences
import hermes
from crowd import Crowd
from fences import Fence
from fleet import Fleet
from hours import Hours
from kanban_worker import boards, config, processes
from kanban_worker.watch import Watch
from reconcile import telling
from reconcile.observed import Boot
from waiting import retry_until

pytestmark = hermes.needed

INTERVAL = 30.0
COUNTS = (3, 14, 65, 500)

Version = tuple[bytes, int, int]


class Harbour:
    """A crowd of sessions, their registry, and a card whose watch spans simulated minutes."""

    def __init__(self, fence: Fence, fleet: Fleet, count: int) -> None:
        self.fleet = fleet
        self.many: Crowd = crowd.gather(fleet, fence.home, count)
        self.home = hermes.Home(fence.root / "hermes")
        self.card = self.home.create_card()
        self.hours = Hours()

    def watches(self, minutes: float) -> None:
        """One run of the card's worker, on the real board, from claim to block."""
        environ = {**os.environ, **self.many.environ, **self.home.variables}
        settings = config.from_environment(environ, self.many.home)
        board = boards.reach("hermes", config.address(settings, self.card))
        type(board).pause = INTERVAL  # type: ignore[misc] # looks are not what this is about
        seconds = minutes * 60
        watch = Watch(
            replace(settings, interval=INTERVAL), board, seconds=seconds, timing=self.hours.timing
        )
        assert watch.run().blocked

    def watches_its_server_killed(self) -> tuple[Version, Version]:
        """The registry before a watch in which the server is killed, and 5 s after the kill."""
        versions = [self.version()]

        def killed() -> None:
            self.fleet.kill_server(signal.SIGKILL)
            self.hours.at(self.hours.passed + 5, lambda: versions.append(self.version()))

        self.hours.at(100, killed)
        self.watches(minutes=10)
        before, soon = versions
        return before, soon

    def goes_on(self) -> None:
        self.home.unblock(self.card)

    @property
    def said(self) -> list[str]:
        return [text for _, text in self.home.thread(self.card)]

    @property
    def entries(self) -> list[dict[str, str]]:
        return list(YAML(typ="safe", pure=True).load(self.many.registry)["sessions"])

    def version(self) -> Version:
        """What any write to the registry changes."""
        status = self.many.registry.stat()
        return self.many.registry.read_bytes(), status.st_mtime_ns, status.st_ino


@pytest.fixture(params=COUNTS)
def count(request: pytest.FixtureRequest) -> int:
    found: int = request.param
    return found


@pytest.fixture
def harbour(fence: Fence, fleet: Fleet, count: int, monkeypatch: pytest.MonkeyPatch) -> Harbour:
    found = Harbour(fence, fleet, count)
    for name, value in found.home.variables.items():
        monkeypatch.setenv(name, value)
    return found


def check_recipes(said: str, entries: Sequence[Mapping[str, Any]]) -> None:
    """Each session that is listed has the line that resumes its own conversation there."""
    known = {
        f"  Resume: `cd {each['workspace']} && claude --resume {each['claude_session_id_own']}`"
        for each in entries
    }
    lines = said.splitlines()
    recipes = [line for line in lines if line.startswith("  Resume: ")]
    assert len(recipes) == len(set(recipes)) == min(len(entries), telling.LISTED)
    assert known.issuperset(recipes)
    # Whoever reads the card has not this registry's variable.
    assert re.fullmatch(
        r"Bring them back: `agent-sessions --registry=/\S+ resume-plan --tmux` "
        r"\(look at it, then pipe it to `sh`\)",
        lines[-1],
    )


def test_a_killed_server_is_one_write_and_one_comment_with_its_cause(
    harbour: Harbour, count: int, figure: Callable[[str, str], None]
) -> None:
    before, soon = harbour.watches_its_server_killed()

    assert soon == before  # held back until a second look
    (said,) = harbour.said
    assert f"{count} running sessions ended together: tmux-server-died" in said
    check_recipes(said, harbour.entries)
    assert {each["termination_cause"] for each in harbour.entries} == {"tmux-server-died"}
    assert {each["status"] for each in harbour.entries} == {"terminated"}
    assert len({str(each["terminated_at"]) for each in harbour.entries}) == 1
    figure("storm", f"{count}, server killed: {len(harbour.said)} comment")


@pytest.mark.parametrize("count", [1], indirect=True)
def test_the_only_session_and_its_server_are_held_too_and_said_as_one_death(
    harbour: Harbour, count: int, figure: Callable[[str, str], None]
) -> None:
    before, soon = harbour.watches_its_server_killed()

    assert soon == before
    (said,) = harbour.said
    found, ended, resume = said.splitlines()
    assert found.endswith("Marked terminated.")
    assert re.fullmatch(r"Ended before \S+ \S+: tmux-server-died\.", ended)
    assert resume.startswith("Resume: `cd ~/lab/project-0000 && claude --resume ")
    figure("storm", f"{count}, server killed: {len(harbour.said)} comment")


def test_a_stop_is_obeyed_within_5_s_while_500_deaths_are_written(
    fence: Fence, fleet: Fleet, figure: Callable[[str, str], None]
) -> None:
    """What was unsaid then is said by the next run, once."""
    many, home = crowd.gather(fleet, fence.home, 500), hermes.Home(fence.root / "hermes")
    card = home.create_card()
    environ = many.environ | home.variables
    words = ("work", card, "--interval", "2")
    with commandline.running(fence.root / "work", *words, environ=environ) as worker:
        retry_until(lambda: "heartbeat" in home.kinds(card), what="a heartbeat")
        (ledger,) = (many.home / ".cache").rglob("*.state")
        fleet.kill_server(signal.SIGKILL)
        retry_until(lambda: '"unsaid": {}' not in ledger.read_text(), what="what is to be written")

        process = psutil.Process(worker.process.pid)
        home.comment(card, "stop")
        before, asked = used(process), time.monotonic()
        after = before
        while worker.process.poll() is None:
            after = max(after, used(process))
            time.sleep(0.05)
        took = time.monotonic() - asked
        done = worker.result()

    # What it computes, for this machine may be busy with other tests; it waits for nothing else.
    assert after - before < 5
    assert (done.status, home.status(card)) == (0, "blocked")
    home.unblock(card)
    assert commandline.run("work", card, "--for", "3", environ=environ).status == 0
    said = [text for _, text in home.thread(card) if text.startswith("[S-")]
    assert len(said) == 1
    assert "500 running sessions ended together: tmux-server-died" in said[0]
    assert many.registry.read_text().count("status: terminated") == 500
    figure(
        "storm",
        f"500, a stop while they are written: obeyed after {took:.1f} s "
        f"({after - before:.1f} s of CPU)",
    )


def used(process: psutil.Process) -> float:
    """The seconds of CPU that a process has used; 0 once it has ended."""
    with contextlib.suppress(psutil.Error):
        spent = process.cpu_times()
        return spent.user + spent.system
    return 0.0


def test_a_reboot_is_one_comment_that_names_it(
    harbour: Harbour,
    count: int,
    figure: Callable[[str, str], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    harbour.watches(minutes=2)
    harbour.fleet.kill_server(signal.SIGKILL)
    harbour.fleet.socket.unlink()  # /tmp is emptied
    harbour.hours.suspend(600)
    started = harbour.hours.clock() - timedelta(seconds=60)
    monkeypatch.setattr(processes, "boot", lambda: Boot(id="the next boot", at=started))
    harbour.goes_on()

    harbour.watches(minutes=10)

    (said,) = harbour.said
    assert f"{count} running sessions ended together: host-reboot" in said
    check_recipes(said, harbour.entries)
    assert {each["termination_cause"] for each in harbour.entries} == {"host-reboot"}
    figure("storm", f"{count}, reboot: {len(harbour.said)} comment")


def test_an_unlinked_socket_with_the_server_alive_is_one_comment_and_no_write(
    harbour: Harbour, count: int, figure: Callable[[str, str], None]
) -> None:
    server = harbour.fleet.server_pid
    harbour.hours.at(100, harbour.fleet.socket.unlink)
    harbour.hours.at(800, lambda: found_again(server, harbour.fleet.socket))
    before = harbour.version()

    harbour.watches(minutes=20)

    assert harbour.version() == before
    assert not list(Path(harbour.many.home).rglob("journal.jsonl"))
    (said,) = harbour.said
    assert "its socket file was deleted" in said
    figure("storm", f"{count}, socket unlinked: {len(harbour.said)} comment, 0 writes")


def found_again(server: int, socket: Path) -> None:
    """What a person does: tmux makes its socket anew when it is asked to by this signal."""
    os.kill(server, signal.SIGUSR1)
    retry_until(socket.exists, what="the socket")


@pytest.mark.parametrize("count", [14, 65], indirect=True)
def test_many_that_are_closed_between_two_looks_are_one_comment(
    harbour: Harbour, count: int, figure: Callable[[str, str], None]
) -> None:
    """The server lives on, and so does a session of the user's that no pattern is about."""
    harbour.fleet.start("notes", agent="sleep")
    harbour.hours.at(100, lambda: closed(harbour))

    harbour.watches(minutes=10)

    (said,) = harbour.said
    assert f"{count} running sessions ended together: session-closed" in said
    figure("storm", f"{count}, closed one by one: {len(harbour.said)} comment")


def closed(harbour: Harbour) -> None:
    panes = harbour.fleet._panes()
    keep = harbour.fleet.pane_pid("notes")
    for entry in harbour.entries:
        harbour.fleet.tmux("kill-session", "-t", f"={entry['name']}")
    fences.wait_for_end([pane for pane in panes if pane.pid != keep])
