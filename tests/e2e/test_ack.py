"""`ack`, `ack --list` and `unack`: what a person knows of counts no more while it stays."""

from __future__ import annotations

import json
import os
import pty
import re
import stat
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import commandline
import hermes
from desk import Desk
from fences import Fence
from office import Office

NAME = "lab-x-creator-claude"
OWN = str(uuid.uuid4())


def stale(desk: Desk, *more: str) -> str:
    """A session that runs, whose entry records an id that never had a transcript: class D."""
    (desk.fence.home / ".claude/projects").mkdir(parents=True)
    pid = desk.fleet.start(NAME, agent="claude", cwd=desk.workspace(NAME))
    desk.write(desk.entry(NAME, pid=pid, claude_session_id_own=OWN), *more)
    drifts = desk.once("--dry-run").report["drifts"]
    return str(next(each["id"] for each in drifts if each["class"] == "D"))


def transcript(desk: Desk) -> Path:
    """Where Claude Code would have written that conversation."""
    folder = re.sub(r"[^A-Za-z0-9]", "-", str(desk.workspace(NAME)))
    path = desk.fence.home / ".claude/projects" / folder / f"{OWN}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def orders(desk: Desk) -> list[dict[str, Any]]:
    return [json.loads(each) for each in (desk.state / "orders.jsonl").read_text().splitlines()]


def test_what_is_acknowledged_does_not_count_for_the_exit_status(desk: Desk) -> None:
    finding = stale(desk)
    assert desk.once("--exit-code").status == 2
    before = desk.registry.read_bytes()

    done = desk.run("ack", finding)

    assert (done.status, done.err) == (0, "")
    assert done.out.startswith(f"[{finding}] {NAME}: recorded id {OWN} ")
    assert done.out.endswith(" (acknowledged)\n")
    after = desk.once("--exit-code")
    assert after.status == 0
    assert [each["acknowledged"] for each in after.report["drifts"]] == [True]
    shown = desk.run("reconcile", "--once", "--exit-code")
    assert re.search(rf"^\[{finding}\] .* \(acknowledged\)$", shown.out, re.MULTILINE)
    assert desk.registry.read_bytes() == before


def test_it_counts_again_once_that_is_taken_back(desk: Desk) -> None:
    finding = stale(desk)
    desk.run("ack", finding)

    done = desk.run("unack", finding)

    assert (done.status, done.err) == (0, "")
    assert done.out.endswith(" (counts again)\n")
    after = desk.once("--exit-code")
    assert after.status == 2
    assert after.report["drifts"][0]["acknowledged"] is False


def test_a_notice_can_be_acknowledged(desk: Desk) -> None:
    (entry,) = desk.starts(NAME)
    desk.write(entry, desk.entry("lab-over-creator-claude", status="terminated"))
    desk.starts("lab-over-creator-claude")
    (notice,) = desk.once("--grace", "0.001").report["notices"]

    assert desk.run("ack", notice["id"], "--grace", "0.001").status == 0

    after = desk.once("--exit-code", "--grace", "0.001")
    assert after.status == 0
    assert [each["acknowledged"] for each in after.report["notices"]] == [True]


def test_what_was_resolved_and_comes_back_counts_again(desk: Desk) -> None:
    finding = stale(desk)
    desk.once()
    desk.run("ack", finding)
    assert desk.once("--exit-code").status == 0
    transcript(desk).write_text('{"type":"user","sessionId":"' + OWN + '"}\n')
    assert desk.once("--exit-code").report["drifts"] == []

    transcript(desk).unlink()

    back = desk.once("--exit-code")
    assert [each["id"] for each in back.report["drifts"]] == [finding]
    assert (back.status, back.report["drifts"][0]["acknowledged"]) == (2, False)


def test_another_id_is_another_finding(desk: Desk) -> None:
    desk.run("ack", stale(desk))
    text = desk.registry.read_text()
    desk.write(text=text.replace(OWN, str(uuid.uuid4())))

    assert desk.once("--exit-code").status == 2


def test_a_running_monitor_hears_of_it(desk: Desk) -> None:
    finding = stale(desk)

    with desk.poll("--emit-diff") as monitor:
        monitor.wait_for(lambda: monitor.lines, "a tick")
        assert desk.run("ack", finding).status == 0
        monitor.wait_for(lambda: '"acknowledged": true' in monitor.lines[-1], "the order heard")
        assert desk.run("unack", finding).status == 0
        monitor.wait_for(lambda: '"acknowledged": false' in monitor.lines[-1], "the order heard")
        done = monitor.end()

    assert done.err == ""


@pytest.mark.parametrize(
    "form", ["{0}", "[{0}]", "{1}", "[{1}]", "{2}", "{3}", "{4}", " {0} "], ids=str
)
def test_an_id_may_be_written_in_any_case_with_brackets_or_short(desk: Desk, form: str) -> None:
    finding = stale(desk)
    digits = finding[2:]

    done = desk.run(
        "ack", form.format(finding, finding.lower(), digits.upper(), digits[:4], finding[:6])
    )

    assert done.status == 0, done.err
    assert done.out.startswith(f"[{finding}] ")


def test_the_list_says_since_when_and_by_whom(desk: Desk) -> None:
    nothing = desk.run("ack", "--list", environ={"TZ": "UTC"})
    assert nothing.status == 64, "a missing registry is named"
    finding = stale(desk)
    assert desk.run("ack", "--list").out == "nothing is acknowledged\n"
    before = datetime.now(UTC)
    desk.run("ack", finding, environ={"LOGNAME": "ann"})

    listed = desk.run("ack", "--list", environ={"TZ": "UTC"})
    data = commandline.valid("ack", desk.run("ack", "--list", "--json").out)

    (row,) = data["acknowledged"]
    at = datetime.fromisoformat(row["acknowledged_at"])
    assert timedelta(seconds=-1) <= at - before <= timedelta(minutes=1)
    (drift,) = desk.once("--dry-run").report["drifts"]
    message = drift["message"]
    assert listed.out == f"[{finding}] {message} (acknowledged {at:%Y-%m-%d %H:%M} by ann)\n"
    del row["acknowledged_at"]
    assert data == {
        "schema_version": 1,
        "acknowledged": [{"finding": finding, "session": NAME, "message": message, "by": "ann"}],
    }


@pytest.mark.skipif(os.geteuid() != 0, reason="who calls sudo is asked by root alone")
def test_under_sudo_it_is_whoever_called_that(desk: Desk) -> None:
    desk.run("ack", stale(desk), environ={"SUDO_USER": "ann", "LOGNAME": "root"})

    assert [each["by"] for each in orders(desk)] == ["ann"]


def test_to_acknowledge_twice_is_said_and_ordered_once(desk: Desk) -> None:
    finding = stale(desk)
    desk.run("ack", finding, finding.lower(), f"[{finding}]")
    (before,) = orders(desk)
    assert (before["order"], before["finding"]) == ("ack", finding)
    assert before["registry"] == os.path.realpath(desk.registry)

    again = desk.run("ack", finding)

    assert again.status == 0
    assert again.out.endswith(" (already acknowledged)\n")
    assert orders(desk) == [before]
    assert stat.S_IMODE((desk.state / "orders.jsonl").stat().st_mode) == 0o600


def test_of_several_the_good_ones_are_acknowledged_and_each_other_one_is_a_line(desk: Desk) -> None:
    finding = stale(desk, desk.entry("lab-gone-creator-claude", pid=2**22 + 1))
    drifts = desk.once("--dry-run").report["drifts"]
    (death,) = (each["id"] for each in drifts if each["class"] == "A")

    done = desk.run("ack", "D-ffffffff", finding, death, "nonsense")

    assert done.status == 64
    said = done.complaints(3).splitlines()
    assert "no finding D-ffffffff is open now" in said[0]
    assert f"{death} cannot be acknowledged" in said[1]
    assert '"nonsense" is no id' in said[2]
    assert [each["finding"] for each in orders(desk)] == [finding]


def test_near_ids_are_named(desk: Desk) -> None:
    finding = stale(desk)
    wrong = finding[:-1] + ("0" if finding[-1] != "0" else "1")

    done = desk.run("ack", wrong)

    assert done.status == 64
    assert done.complaints() == (
        f"agent-sessions: no finding {wrong} is open now. Near ones: {finding}. "
        "See: agent-sessions status\n"
    )


def test_to_take_back_what_is_not_acknowledged_is_one_line(desk: Desk) -> None:
    finding = stale(desk)

    done = desk.run("unack", finding)

    assert done.status == 64
    assert done.complaints() == (
        f"agent-sessions: {finding} is not acknowledged. See: agent-sessions ack --list\n"
    )
    assert not (desk.state / "orders.jsonl").exists()


def test_orders_that_cannot_be_read_are_told_and_change_nothing(desk: Desk) -> None:
    finding = stale(desk)
    desk.run("ack", finding)
    assert desk.once("--exit-code").status == 0
    (desk.state / "orders.jsonl").unlink()
    (desk.state / "orders.jsonl").mkdir()

    done = desk.once("--exit-code")

    assert done.status == 3
    assert "orders.jsonl could not be read: it is not a regular file" in done.complaints()
    assert [each["acknowledged"] for each in done.report["drifts"]] == [True]


def test_without_the_file_what_was_acknowledged_stays_so(desk: Desk) -> None:
    finding = stale(desk)
    desk.run("ack", finding)
    desk.once()

    (desk.state / "orders.jsonl").unlink()

    assert desk.once("--exit-code").status == 0


# Colour. ----------------------------------------------------------------------------------------


def on_a_terminal(desk: Desk, *words: str, **environ: str) -> str:
    """What a terminal is sent."""
    pid, terminal = pty.fork()
    if pid == 0:  # pragma: no cover - another process
        environment = commandline.environment(desk.environ | environ)
        line = commandline.command(*words)
        os.execve(line[0], line, environment)  # noqa: S606 - no shell
    sent = b""
    while True:
        try:
            part = os.read(terminal, 65536)
        except OSError:  # Linux's answer where the other end is closed
            part = b""
        if not part:
            break
        sent += part
    os.close(terminal)
    os.waitpid(pid, 0)
    return sent.decode()


@pytest.mark.parametrize(
    ("environ", "dims"),
    [
        pytest.param({"TERM": "xterm"}, True, id="a terminal"),
        pytest.param({"TERM": "xterm", "NO_COLOR": "1"}, False, id="one that wants none"),
        pytest.param({"TERM": "dumb"}, False, id="one that knows none"),
    ],
)
def test_it_is_dimmed_where_a_terminal_wants_colour_and_named_always(
    desk: Desk, environ: dict[str, str], *, dims: bool
) -> None:
    finding = stale(desk)
    desk.run("ack", finding)
    environ = {"NO_COLOR": "", **environ}

    sent = on_a_terminal(desk, "reconcile", "--once", "--dry-run", **environ)

    (line,) = (each for each in sent.splitlines() if finding in each)
    assert ("\x1b[2m" in line) is dims
    assert "(acknowledged)" in line
    assert "\x1b" not in desk.run("reconcile", "--once", "--dry-run").out


# The card. --------------------------------------------------------------------------------------


@pytest.fixture
def office(desk: Desk, fence: Fence) -> Office:
    return Office(desk, hermes.Home(fence.root / "hermes"))


@hermes.needed
def test_on_the_card_it_is_not_said_and_not_counted(office: Office) -> None:
    desk, card = office.desk, office.home.create_card()
    known, other = "lab-known-creator-claude", "lab-other-creator-claude"
    stale = office.stale(known)
    desk.write(*desk.starts("lab-a-creator-claude"), *stale)
    (finding,) = (each["id"] for each in desk.once("--dry-run").report["drifts"])
    assert desk.run("ack", finding).status == 0

    with office.working(card) as work:
        work.wait_for(lambda: office.beats(card), "a heartbeat")
        assert "0 drifts detected" in str(office.beats(card))
        desk.write(*desk.starts("lab-b-creator-claude"), *stale, *office.stale(other))
        office.wait_for_said(card, f"{other}: recorded id")
        office.home.comment(card, "stop", author="ann")
        work.result()

    assert finding not in str(office.home.thread(card))


@hermes.needed
def test_a_heartbeat_counts_what_was_acknowledged_meanwhile_no_more(office: Office) -> None:
    desk, card = office.desk, office.home.create_card()
    known, other = "lab-known-creator-claude", "lab-other-creator-claude"
    desk.write(*desk.starts("lab-a-creator-claude"), *office.stale(known, other))

    with office.working(card) as work:
        said = office.wait_for_said(card, f"{known}: recorded id")
        office.wait_for_said(card, f"{other}: recorded id")
        assert desk.run("ack", said[1:11]).status == 0
        work.wait_for(lambda: '"acknowledged": {\n  "D-' in desk.ledger.read_text(), "it is heard")
        work.end()

    assert re.search("alive, 1 drift detected, last at", office.beats(card)[-1])
