"""The card's worker without a model: the real command, on a real board, with a real tmux."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

import commandline
import hermes
from desk import Desk
from fences import Fence
from office import KEY, NEVER, Office
from waiting import PATIENCE, retry_until

pytestmark = hermes.needed

API, WEB, DOCS = (f"lab-{name}-creator-claude" for name in ("api", "web", "docs"))


@pytest.fixture
def office(desk: Desk, fence: Fence) -> Office:
    return Office(desk, hermes.Home(fence.root / "hermes"))


def test_the_story_of_a_card(office: Office) -> None:
    """Claimed, spoken on, stopped: what a person reads in the thread afterwards."""
    desk, card = office.desk, office.home.create_card()
    entries = desk.starts(API, WEB)
    desk.write(*entries, *office.stale(DOCS))

    with office.working(card) as work:
        office.wait_for_said(card, f"{DOCS}: recorded id {NEVER} has no transcript")
        desk.fleet.kill(API)
        office.wait_for_said(card, f"{API}: tmux gone")
        desk.starts("lab-new-creator-claude")
        office.wait_for_said(card, "lab-new-creator-claude: tmux found but not in YAML")
        office.home.comment(card, "Please stop monitoring, thanks.", author="ann")
        done = work.result()

    assert done.status == 0, done.err
    assert done.err == ""
    thread = office.home.thread(card)
    monitor = "agent-sessions-monitor"
    assert [author for author, _ in thread] == [*[monitor] * 3, "ann", monitor]
    for (_, text), letter in zip(thread, "DAB", strict=False):
        assert text.startswith(f"[{letter}-"), text
    found = office.home.show(card)
    (run,) = found["runs"]
    assert (found["task"]["status"], run["outcome"]) == ("blocked", "blocked")
    at = datetime.fromtimestamp(found["comments"][-2]["created_at"], UTC)
    assert run["summary"] == f"stop-requested by ann at {at:%Y-%m-%dT%H:%M:%SZ}"
    assert found["comments"][-1]["body"] == f"blocked: {run['summary']}"
    assert desk.registry.read_text().count("status: terminated") == 1


def test_a_second_and_a_third_stop_leave_the_card_blocked_as_well(office: Office) -> None:
    office.desk.write(*office.desk.starts(API))
    card = office.home.create_card(goal=True)

    for number in (1, 2, 3):
        with office.working(card, name=f"work-{number}") as work:
            office.wait_for_status(card, "running")
            # What the earlier runs obeyed does not end this one.
            work.wait_for(lambda: office.beats(card), "a heartbeat")
            time.sleep(0.7)
            assert work.process.poll() is None
            office.home.comment(card, "stop")
            assert work.result().status == 0
        assert office.home.status(card) == "blocked"
        if number < 3:
            office.home.unblock(card)

    assert [each["outcome"] for each in office.home.show(card)["runs"]] == ["blocked"] * 3


def test_a_stop_from_before_the_run_is_obeyed_at_once(office: Office) -> None:
    office.desk.write(*office.desk.starts(API))
    card = office.home.create_card()
    office.home.comment(card, "never mind, please stop", author="ann")

    done = office.work(card)

    assert "stop-requested by ann" in done.out
    assert office.home.status(card) == "blocked"


def test_what_is_no_stop_is_not_obeyed(office: Office) -> None:
    office.desk.write(*office.desk.starts(API))
    card = office.home.create_card()

    with office.working(card) as work:
        work.wait_for(lambda: office.beats(card), "a heartbeat")
        for text in ("don't stop", "why did it stop?", "> stop", "BLOCKED: stop-requested by ann"):
            office.home.comment(card, text)
        time.sleep(2.5)
        assert work.process.poll() is None
        office.home.comment(card, "stop")
        work.result()

    assert office.home.status(card) == "blocked"


@pytest.mark.parametrize(
    "text",
    [
        "[{key}] thanks, that one is mine. Please stop monitoring.",
        "[{key}] stop",
        "모니터링 중지해 주세요",
        "bitte hör auf",
    ],
)
def test_a_stop_is_obeyed_in_other_languages_and_behind_a_findings_key(
    office: Office, text: str
) -> None:
    """Also in the worker's own name, which a person at this machine may have."""
    office.desk.write(*office.desk.starts(API), *office.stale(DOCS))
    card = office.home.create_card()

    with office.working(card) as work:
        said = office.wait_for_said(card, f"{DOCS}: recorded id")
        (key,) = KEY.findall(said)
        office.home.comment(card, text.format(key=key), author="agent-sessions-monitor")
        done = work.result()

    assert "stop-requested by agent-sessions-monitor" in done.out
    assert office.home.status(card) == "blocked"


def test_what_is_not_understood_is_answered_once_also_over_a_crash_and_without_a_ledger(
    office: Office,
) -> None:
    """Answered is each such comment; neither the answers nor other words of ours are."""
    desk, card = office.desk, office.home.create_card()
    desk.write(*desk.starts(API), *office.stale("stop-creator-claude"))
    unclear = ("stop?", "can we stop monitoring?", "stop the server")

    with office.working(card, name="first") as work:
        office.wait_for_said(card, "recorded id")
        for text in (*unclear, "don't stop", "- [ ] stop", "thanks"):
            office.home.comment(card, text)
        retry_until(lambda: len(office.answers(card)) == 3, what="three answers")
        work.process.kill()
    desk.ledger.unlink()
    office.home.reclaim(card)
    with office.working(card, name="second") as work:
        work.wait_for(lambda: len(office.beats(card)) > 1, "a heartbeat")
        time.sleep(2.5)
        assert work.process.poll() is None
        (text,) = {each.partition("was")[2] for each in office.answers(card)}
        office.home.comment(card, text.rpartition(" ")[2])  # just what the answer says
        work.result()

    assert len(office.answers(card)) == len(set(office.answers(card))) == 3
    assert len([text for text in office.said(card) if text.startswith("[D-")]) == 1
    assert office.home.status(card) == "blocked"


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_leaves_the_card_with_how_to_go_on(office: Office, sig: signal.Signals) -> None:
    office.desk.write(*office.stale(API, DOCS))
    card = office.home.create_card()

    with office.working(card) as work:
        work.wait_for(lambda: office.beats(card), "a heartbeat")
        done = work.end(sig)

    assert done.status == 130
    assert done.err == ""
    assert office.beats(card)[-1].startswith("alive, 2 drifts detected, last at 20")
    (run,) = office.home.show(card)["runs"]
    assert run["summary"] == f"ended by {sig.name}; to go on: `hermes kanban unblock {card}`"
    assert office.home.status(card) == "blocked"
    office.home.unblock(card)
    assert office.work(card, "--for", "0.1").status == 0


def test_a_shutdown_of_the_host_leaves_the_card_to_the_next_run(
    office: Office, tmp_path: Path
) -> None:
    """Systemd sends SIGTERM to everything, and nobody has asked for an end of the watch."""
    systemctl = tmp_path / "systemctl"
    systemctl.write_text("#!/bin/sh\necho stopping\n")
    systemctl.chmod(0o755)
    office.desk.write(*office.stale(API))
    card = office.home.create_card()
    environ = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    with office.working(card, environ=environ) as work:
        office.wait_for_said(card, "has no transcript")
        done = work.end(signal.SIGTERM)

    assert done.status == 130
    assert "the host is shutting down; the card is left to the next run" in done.out
    assert office.home.status(card) == "running"
    assert office.work(card, "--for", "0.5").status == 0
    runs = office.home.show(card)["runs"]
    assert [each["outcome"] for each in runs] == ["reclaimed", "blocked"]
    assert len(office.keys(card)) == 1


def test_max_runtime_ends_it_before_the_board_does(office: Office) -> None:
    office.desk.write(*office.desk.starts(API))
    card = office.home.create_card(max_runtime=3)

    done = office.work(card, "--interval", "0.3")

    assert done.status == 0, done.err
    (run,) = office.home.show(card)["runs"]
    assert (run["outcome"], run["ended_at"] - run["started_at"] <= 3) == ("blocked", True)
    assert "max-runtime is nearly over; to go on: `hermes kanban unblock" in run["summary"]


def test_for_blocks_the_card_that_it_claimed_itself(office: Office) -> None:
    office.desk.write(*office.desk.starts(API))
    card = office.home.create_card()

    done = office.work(card, "--for", "0.5")

    assert done.status == 0
    assert "blocked: watched for 0.5 s, as asked; to go on: `hermes kanban unblock" in done.out
    assert office.home.status(card) == "blocked"


def test_for_leaves_a_dispatched_card_with_its_worker(office: Office) -> None:
    """So that a worker without the plugin can call it again and again."""
    office.desk.write(
        *office.desk.starts(API),
        *office.stale(DOCS),
    )
    card = office.home.create_card(goal=True)
    environ = office.home.dispatched(card)

    for _ in range(3):
        assert office.work("--for", "0.5", "--interval", "0.2", environ=environ).status == 0

    assert office.home.status(card) == "running"
    assert len(office.keys(card)) == 1


def test_a_superseded_worker_writes_nothing_more(office: Office) -> None:
    desk, card = office.desk, office.home.create_card()
    desk.write(*desk.starts(API, WEB))

    with office.working(card) as work:
        work.wait_for(lambda: office.beats(card), "a heartbeat")
        office.home.supersede(card)
        before = office.home.show(card)
        desk.fleet.kill(API)
        done = work.result()

    assert done.status == 3
    assert "no longer" in done.complaints()
    assert office.home.show(card) == before
    assert "terminated" not in desk.registry.read_text()


class TestTwoAtOnce:
    def test_on_one_card_one_works(self, office: Office) -> None:
        office.desk.write(*office.desk.starts(API))
        card = office.home.create_card()

        with office.working(card, name="one") as one, office.working(card, name="two") as two:
            retry_until(
                lambda: None not in {one.process.poll(), two.process.poll()} or office.beats(card)
            )
            retry_until(lambda: {one.process.poll(), two.process.poll()} != {None})
            winner, loser = (one, two) if one.process.poll() is None else (two, one)
            lost = loser.result()
            assert winner.process.poll() is None
            office.home.comment(card, "stop")
            assert winner.result().status == 0

        assert lost.status in {3, 64}
        assert "pid" in lost.complaints()
        assert len(office.home.show(card)["runs"]) == 1

    def test_on_one_registry_one_works_and_the_other_says_who_does(self, office: Office) -> None:
        office.desk.write(*office.desk.starts(API))
        first, second = office.home.create_card(), office.home.create_card()

        with office.working(first) as work:
            work.wait_for(lambda: office.beats(first), "a heartbeat")
            refused = office.work(second)
            beside = office.desk.once("--dry-run")
            written = office.desk.run("reconcile", "--once")

        assert refused.status == 3
        assert f"pid {work.process.pid}" in refused.complaints()
        assert office.home.status(second) == "ready"
        assert beside.status == 0
        assert written.status == 3
        assert f"pid {work.process.pid}" in written.complaints()

    def test_a_dispatched_card_is_not_left_running_when_another_works_on_its_registry(
        self, office: Office
    ) -> None:
        office.desk.write(*office.desk.starts(API))
        first, second = office.home.create_card(), office.home.create_card(goal=True)

        with office.working(first) as work:
            work.wait_for(lambda: office.beats(first), "a heartbeat")
            refused = office.work(environ=office.home.dispatched(second))
            # What a worker remembers is its own alone: this one may have to be taken over.
            assert f"{first}/" in office.desk.ledger.read_text()

        assert refused.status == 3
        (run,) = office.home.show(second)["runs"]
        assert "watched already" in run["summary"]
        assert office.home.status(second) == "blocked"

    def test_a_signal_ends_the_wait_for_the_one_before(self, office: Office) -> None:
        office.desk.write(*office.desk.starts(API))
        first, second = office.home.create_card(), office.home.create_card(goal=True)

        with office.working(first) as work:
            work.wait_for(lambda: office.beats(first), "a heartbeat")
            environ = office.home.dispatched(second)
            with office.working(name="second", environ=environ) as waiting:
                waiting.wait_for(lambda: waiting.has_open(office.lock), "the wait")
                ended = waiting.end()

        assert ended.status == 130
        assert office.home.status(second) == "blocked"

    def test_a_card_that_was_not_dispatched_here_is_left_alone(self, office: Office) -> None:
        office.desk.write(*office.desk.starts(API))
        first, mine, other = (office.home.create_card() for _ in range(3))

        with office.working(first) as work:
            work.wait_for(lambda: office.beats(first), "a heartbeat")
            refused = office.work(other, environ=office.home.dispatched(mine))

        assert refused.status == 3
        assert office.home.status(other) == "ready"


def test_a_reader_that_goes_away_does_not_end_it(office: Office) -> None:
    """As in `agent-sessions work t_1234 | head -1`."""
    desk, card = office.desk, office.home.create_card()
    desk.write(*desk.starts(API, WEB))
    words = commandline.command("work", card, "--interval", "0.3")
    environ = commandline.environment(office.environ)
    complaints = desk.fence.root / "complaints"
    with (
        complaints.open("w") as errors,
        subprocess.Popen(words, env=environ, stdout=subprocess.PIPE, stderr=errors) as work,
    ):
        assert work.stdout is not None
        work.stdout.readline()
        work.stdout.close()
        desk.fleet.kill(API)
        office.wait_for_said(card, f"{API}: tmux gone")
        office.home.comment(card, "stop")
        office.wait_for_status(card, "blocked")
        status = work.wait(PATIENCE)
    assert (status, complaints.read_text()) == (0, "")


class TestManyAtOnce:
    def test_more_than_five_are_one_digest(self, office: Office) -> None:
        desk, card = office.desk, office.home.create_card()
        names = [f"lab-{number}-creator-claude" for number in range(7)]
        desk.write(*office.stale(*names))

        with office.working(card) as work:
            digest = office.wait_for_said(card, "7 findings at once")
            office.home.comment(card, "stop")
            work.result()

        lines = digest.splitlines()
        assert lines[0].startswith("[S-")
        assert [line.partition("] ")[2].partition(":")[0] for line in lines[1:]] == names
        assert len(office.keys(card)) == 8

    def test_a_server_that_is_killed_is_one_comment_with_the_list_and_the_cause(
        self, office: Office
    ) -> None:
        desk, card = office.desk, office.home.create_card()
        names = [f"lab-{number}-creator-claude" for number in range(4)]
        desk.write(*desk.starts(*names))

        with office.working(card) as work:
            work.wait_for(lambda: office.beats(card), "a heartbeat")
            desk.fleet.stop()
            said = office.wait_for_said(card, "ended together")
            assert desk.registry.read_text().count("status: terminated") == 4
            office.home.comment(card, "stop")
            work.result()

        head, *lines = said.splitlines()
        assert head.endswith("4 running sessions ended together: tmux-server-died")
        assert [line.partition("] ")[2].partition(":")[0] for line in lines[:-1]] == names
        assert len(desk.journal) == 4
        assert [text for text in office.said(card) if "blocked: " not in text] == [said, "stop"]


def test_a_death_is_said_with_when_what_of_and_how_to_resume(office: Office) -> None:
    desk, card, name = office.desk, office.home.create_card(), "lab-api-creator-claude"
    (entry,) = desk.starts(name, agent="claude")
    desk.fleet.send(name, "prompt")
    desk.write(entry, *desk.starts("lab-web-creator-agy"))

    with office.working(card):
        office.wait_for_said(card, "session id materialized")
        desk.fleet.kill(name)
        said = office.wait_for_said(card, "tmux gone")

    (own,) = re.findall("claude_session_id_own: ([0-9a-f-]{36})", desk.registry.read_text())
    first, when, resume = said.splitlines()
    assert first.endswith("Marked terminated.")
    date, time = r"\d{4}-\d\d-\d\d", r"\d\d:\d\d:\d\d"
    times = rf"Ended between ({date} )?{time} and {time} [+-]\d{{4}}: session-closed\."
    assert re.fullmatch(times, when)
    assert resume == f"Resume: `cd {desk.workspace(name)} && claude --resume {own}`"


class TestWhatIsSaidOnce:
    def test_a_second_run_does_not_repeat_what_the_first_said(self, office: Office) -> None:
        desk, card = office.desk, office.home.create_card()
        desk.write(*desk.starts(API), *office.stale(DOCS))

        office.work(card, "--for", "0.5")
        office.home.unblock(card)
        office.work(card, "--for", "0.5")

        assert len(office.keys(card)) == 1

    def test_nor_does_one_whose_ledger_was_deleted(self, office: Office) -> None:
        desk, card = office.desk, office.home.create_card()
        desk.write(*desk.starts(API), *office.stale(DOCS))

        office.work(card, "--for", "0.5")
        desk.ledger.unlink()
        office.home.unblock(card)
        office.work(card, "--for", "0.5")

        assert len(office.keys(card)) == 1

    def test_a_new_card_is_told_what_the_old_one_knew(self, office: Office) -> None:
        desk = office.desk
        desk.write(*desk.starts(API), *office.stale(DOCS))

        for card in (office.home.create_card(), office.home.create_card()):
            office.work(card, "--for", "0.5")
            assert len(office.keys(card)) == 1

    def test_a_torn_registry_is_said_once_it_lasts(self, office: Office) -> None:
        desk, card = office.desk, office.home.create_card()
        desk.write(text="version: 1\nsessions: [\n")

        with office.working(card, "--grace", "1") as work:
            said = office.wait_for_said(card, "line 3")
            time.sleep(1)
            office.home.comment(card, "stop")
            done = work.result()

        assert said.startswith("[U-")
        assert len(office.keys(card)) == 1
        assert "cannot see: " in office.beats(card)[-1]
        assert "0 drifts" not in "".join(office.beats(card))
        assert len(done.err.splitlines()) == 1


def test_what_a_link_or_a_secret_would_do_on_a_board_it_does_not(office: Office) -> None:
    desk, card = office.desk, office.home.create_card()
    secret = "ghp_" + "a1B2" * 9
    odd = "https://github.com/o/r/pull/7"
    desk.write(*(entry.replace(NEVER, f"'{odd} {secret}'") for entry in office.stale(DOCS)))

    office.work(card, "--for", "0.5")

    (text,) = office.said(card)
    assert odd not in text
    assert secret not in text
    assert "o/r" in text


class TestABoardThatFails:
    def test_a_locked_board_delays_the_words_and_not_the_work(self, office: Office) -> None:
        desk, card = office.desk, office.home.create_card()
        desk.write(*desk.starts(API, WEB))

        with office.working(card) as work:
            work.wait_for(lambda: office.beats(card), "a heartbeat")
            with office.home.locked():
                desk.fleet.kill(API)
                work.wait_for(lambda: "terminated" in desk.registry.read_text(), "the write")
                work.wait_for(lambda: work.complaints, "a complaint")
            office.wait_for_said(card, f"{API}: tmux gone")
            office.home.comment(card, "stop")
            done = work.result()

        assert done.status == 0
        assert len(office.keys(card)) == 1
        assert len(done.err.splitlines()) <= 2, done.err

    @pytest.mark.parametrize(
        ("status", "says"),
        [
            pytest.param("blocked", "hermes kanban unblock", id="blocked"),
            pytest.param("done", "create another card", id="done"),
        ],
    )
    def test_a_card_that_waits_for_nobody(self, office: Office, status: str, says: str) -> None:
        office.desk.write(*office.desk.starts(API))
        card = office.home.create_card()
        (office.home.block if status == "blocked" else office.home.complete)(card)

        done = office.work(card)

        assert done.status == 64
        assert says in done.complaints()

    def test_no_card_and_unknown_card(self, office: Office) -> None:
        office.desk.write(*office.desk.starts(API))

        assert "no card is named" in office.work().complaints()
        assert "has no card t_ffffffff" in office.work("t_ffffffff").complaints()

    def test_a_card_of_another_worker(self, office: Office) -> None:
        office.desk.write(*office.desk.starts(API))
        card = office.home.create_card()
        office.home.claim(card)

        done = office.work(card)

        assert done.status == 64
        assert "being worked on by run" in done.complaints()

    def test_a_corrupt_board(self, office: Office) -> None:
        office.desk.write(*office.desk.starts(API))
        card = office.home.create_card()
        office.home.corrupt()

        done = office.work(card)

        assert done.status in {3, 64}
        done.complaints()


class TestOtherWaysToTheBoard:
    """A look takes longer there; the stop is obeyed in time all the same."""

    def stopped(self, office: Office, *way: str, **environ: str) -> None:
        office.desk.write(*office.stale(DOCS))
        card = office.home.create_card()
        with office.working(card, *way, environ=environ) as work:
            office.wait_for_said(card, f"{DOCS}: recorded id")
            time.sleep(0.5)
            office.home.comment(card, "please stop", author="ann")
            office.wait_for_status(card, "blocked")
            assert work.result().status == 0
        assert len(office.keys(card)) == 1

    def test_by_the_program_of_hermes(self, office: Office) -> None:
        self.stopped(office, "--via", "hermes-cli")

    def test_over_http(self, office: Office) -> None:
        with office.home.serve() as server:
            way = ("--via", "http", "--board-url", server.url)
            self.stopped(office, *way, AGENT_SESSIONS_BOARD_TOKEN=server.token)
            refused = office.work("t_ffffffff", *way, environ={"AGENT_SESSIONS_BOARD_TOKEN": "no"})
        gone = office.work(
            "t_ffffffff", *way, "--for", "1", environ={"AGENT_SESSIONS_BOARD_TOKEN": server.token}
        )

        assert refused.status == 64
        assert "does not take the token" in refused.complaints()
        assert gone.status == 3
        assert "cannot be reached" in gone.complaints(None)


def test_without_any_board_it_prints_what_it_would_say(office: Office) -> None:
    desk = office.desk
    desk.write(*desk.starts(API), *office.stale(DOCS))

    done = office.work("t_1", "--via", "memory", "--for", "0.5")

    assert done.status == 0
    assert f"{DOCS}: recorded id {NEVER} has no transcript" in done.out


def test_files_are_private(office: Office) -> None:
    office.desk.write(*office.desk.starts(API))
    office.work(office.home.create_card(), "--for", "0.1")

    assert office.lock.stat().st_mode & 0o777 == 0o600
    assert office.lock.read_text().startswith("pid ")
    assert json.loads(office.desk.ledger.read_text())["card"].startswith("t_")
    assert isinstance(office.desk.ledger, Path)
