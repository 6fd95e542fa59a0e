"""When a tick writes, when it waits, and who wins when two write at once."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import portalocker
import pytest

import commandline
from desk import Desk, by_class

NAMES = tuple(f"lab-{number}-creator-claude" for number in range(4))
KEEPER = "lab-keeper-creator-claude"
GONE = "lab-gone-creator-claude"
LONG_GONE = 2**22 + 1
"""No process can have this pid."""


# The user wins ----------------------------------------------------------------------------------


def test_a_registry_saved_moments_ago_is_left_alone_until_later(desk: Desk) -> None:
    (entry,) = desk.starts(KEEPER)
    desk.write(entry, desk.entry(GONE, pid=LONG_GONE), age=0)
    before = desk.registry.read_bytes()

    first = desk.once()

    assert first.status == 0
    drift = by_class(first.report)["A"]
    assert drift["action"] == "held"
    assert drift["why"] == "a person edited this entry moments ago; looking again at the next tick"
    assert drift["message"].startswith(f"{GONE}: tmux gone")
    assert desk.registry.read_bytes() == before
    assert desk.journal == []
    desk.saved(6)
    later = by_class(desk.once().report)["A"]
    assert (later["action"], later["new"], later["id"]) == ("updated", False, drift["id"])


def test_an_edit_leaves_the_other_entries_to_the_tick(desk: Desk) -> None:
    entries = desk.starts(KEEPER, *NAMES[:2])
    desk.write(*entries)
    desk.once()
    for name in NAMES[:2]:
        desk.fleet.kill(name)
    noted = entries[2] + "    note: I am on it\n"
    desk.write(*entries[:2], noted, age=0)

    drifts = {each["session"]: each["action"] for each in desk.once().report["drifts"]}

    assert drifts == {NAMES[0]: "updated", NAMES[1]: "held"}
    assert noted in desk.registry.read_text()


def test_an_entry_that_somebody_has_just_removed_is_not_registered_anew(desk: Desk) -> None:
    entries = desk.starts(KEEPER, NAMES[0])
    desk.write(*entries)
    desk.once()
    desk.write(entries[0], age=0)

    assert desk.once().report["drifts"] == []
    assert NAMES[0] not in desk.registry.read_text()


def test_what_a_person_terminated_is_not_set_back_and_is_flagged_after_the_grace(
    desk: Desk,
) -> None:
    (entry,) = desk.starts(KEEPER)
    now = datetime.now().astimezone()
    for ago, flagged in ((60, False), (180, True)):
        ended = (now - timedelta(seconds=ago)).isoformat()
        keys = f"    terminated_at: {ended}\n"
        text = entry.replace("status: running", "status: terminated") + keys
        desk.write(text)

        done = desk.once("--exit-code")

        assert done.status == (2 if flagged else 0)
        assert [each["kind"] for each in done.report["notices"]] == (
            ["terminated-but-alive"] if flagged else []
        )
        assert text in desk.registry.read_text()


# The registry moves between read and write ------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "action"),
    [
        pytest.param("version: 1\n", "version: 1\n# a remark\n", "updated", id="elsewhere"),
        pytest.param("status: running", "status: paused", None, id="the very entry's status"),
        pytest.param("cmd: sleep", "cmd: nap", "held", id="the very entry"),
    ],
)
def test_a_tick_whose_registry_moved_decides_anew(
    desk: Desk, old: str, new: str, action: str | None
) -> None:
    """Somebody else holds the lock, saves the file while the tick waits, and lets go."""
    (entry,) = desk.starts(KEEPER)
    desk.write(desk.entry(GONE, pid=LONG_GONE), entry)
    lock = desk.registry.with_name(f"{desk.registry.name}.lock")
    folder = desk.fence.root / "run"
    words = ("reconcile", "--once", "--no-wait", "--emit-diff")
    with (
        portalocker.Lock(lock, "a", timeout=1) as held,
        commandline.running(folder, *words, environ=desk.environ) as tick,
    ):
        tick.wait_for(lambda: tick.has_open(lock), "the wait for the lock")
        mine = desk.registry.read_text().replace(old, new, 1)
        desk.registry.write_text(mine)
        portalocker.unlock(held)
        done = tick.result()

    assert done.status == 0
    done.complaints(0)
    assert [each["action"] for each in done.report["drifts"]] == ([action] if action else [])
    after = desk.registry.read_text()
    if action == "updated":
        settled = "status: terminated\n    terminated_at: "
        assert after.startswith(mine.partition("status: running")[0] + settled)
        assert after.endswith(mine.partition("status: running")[2])
    else:
        assert after == mine
    assert len(desk.journal) == (1 if action == "updated" else 0)


# Storms -----------------------------------------------------------------------------------------


def test_a_storm_is_held_and_written_at_once_when_it_is_still_so_later(desk: Desk) -> None:
    entries = desk.starts(*NAMES)
    desk.write(*entries)
    desk.once()
    for name in NAMES[:3]:
        desk.fleet.kill(name)
    before = commandline.everything_below(desk.registry.parent)

    first, at_once = desk.once(), desk.once()

    for done, new in ((first, True), (at_once, False)):
        assert done.status == 0
        drifts = done.report["drifts"]
        assert [(each["class"], each["action"], each["new"]) for each in drifts] == [
            ("A", "held", new)
        ] * 3
        assert drifts[0]["why"] == (
            "3 of 4 running sessions ended together; believed when it is still so 10 s later"
        )
    assert commandline.everything_below(desk.registry.parent) == before
    assert desk.journal == []
    desk.let_pass(10)
    later = desk.once()
    assert [(each["action"], each["new"]) for each in later.report["drifts"]] == [
        ("updated", False)
    ] * 3
    assert len(desk.journal) == 3
    assert len({(line["before_sha256"], line["after_sha256"]) for line in desk.journal}) == 1
    assert desk.registry.read_text().count("status: terminated") == 3
    assert desk.registry.read_text().count("status: running") == 1
    desk.saved(60)
    assert desk.once("--exit-code").status == 0


def test_a_blip_is_never_written(desk: Desk) -> None:
    """All sessions seem gone, since the wrong server answers; at the next look they are there."""
    entries = desk.starts(*NAMES)
    desk.write(*entries)
    desk.once()
    empty = desk.fence.tmux / "empty"

    blip = desk.once("--tmux-socket", str(empty))
    desk.let_pass(60)
    still = desk.once("--tmux-socket", str(empty))
    calm = desk.once("--exit-code")

    for done in (blip, still):
        assert done.status == 0, "the server that they were seen on is asked as well"
        assert done.report["drifts"] == []
    assert calm.status == 0
    assert desk.journal == []


def test_when_the_server_is_killed_the_cause_is_named_and_believed_at_a_second_look(
    desk: Desk,
) -> None:
    entries = desk.starts(*NAMES[:2])
    desk.write(*entries)
    desk.once()
    desk.fleet.kill_server()

    held = desk.once().report["drifts"]
    desk.let_pass(10)
    written = desk.once().report["drifts"]

    assert [each["action"] for each in held] == ["held"] * 2
    assert f"the tmux server of {desk.fleet.socket} is another one than before" in held[0]["why"]
    assert [each["action"] for each in written] == ["updated"] * 2
    assert {each["evidence"]["cause"] for each in written} == {"tmux-server-died"}
    assert desk.registry.read_text().count("termination_cause: tmux-server-died") == 2


# The file itself --------------------------------------------------------------------------------


def test_a_symlinked_registry_is_written_through_and_stays_a_link(desk: Desk) -> None:
    (entry,) = desk.starts(KEEPER)
    desk.write(entry, desk.entry(GONE, pid=LONG_GONE))
    target = desk.fence.home / "real.yaml"
    desk.registry.rename(target)
    desk.registry.symlink_to(target)

    report = desk.once().report

    assert by_class(report)["A"]["action"] == "updated"
    assert desk.registry.readlink() == target
    assert "status: terminated" in target.read_text()
    assert {path.name for path in desk.registry.parent.iterdir()} == {desk.registry.name}


def test_two_ticks_at_once_make_one_change_and_one_line_in_the_journal(desk: Desk) -> None:
    (entry,) = desk.starts(KEEPER)
    desk.write(entry, desk.entry(GONE, pid=LONG_GONE))
    words = ("reconcile", "--once", "--no-wait", "--emit-diff")
    folders = [desk.fence.root / f"run-{number}" for number in range(3)]
    runs = [commandline.Running(folder, *words, environ=desk.environ) for folder in folders]

    results = [run.result() for run in runs]

    assert [done.status for done in results] == [0] * 3
    assert sum(done.report["registry_written"] for done in results) == 1
    assert len(desk.journal) == 1
    assert desk.registry.read_text().count("terminated_at") == 1


def test_a_torn_ledger_costs_patience_and_is_told_once(desk: Desk) -> None:
    (entry,) = desk.starts(KEEPER)
    desk.write(entry)
    desk.once()
    desk.ledger.write_text('{"version": 1, "op')
    desk.write(entry, desk.entry(GONE, pid=LONG_GONE))

    done = desk.once()

    assert done.status == 3
    assert f"ledger {desk.ledger} could not be used (it is torn" in done.complaints()
    assert by_class(done.report)["A"]["action"] == "updated"
    assert desk.once().status == 0


@pytest.mark.parametrize("what", ["ledger", "journal", "last good copy", "everything"])
def test_without_what_it_remembers_it_is_still_right(desk: Desk, what: str) -> None:
    (entry,) = desk.starts(KEEPER)
    desk.write(entry, desk.entry(NAMES[0], pid=LONG_GONE))
    desk.once()
    lost: dict[str, list[Path]] = {
        "ledger": [desk.ledger],
        "journal": [desk.state / "journal.jsonl"],
        "last good copy": [desk.copy],
    }
    for path in lost.get(what, [each for paths in lost.values() for each in paths]):
        path.unlink()
    text = desk.registry.read_text()
    desk.write(text=text + desk.entry(GONE, pid=LONG_GONE))

    done = desk.once()

    assert done.status == 0
    assert by_class(done.report)["A"]["session"] == GONE
    assert by_class(done.report)["A"]["action"] == "updated"
    assert desk.registry.read_text().count("status: terminated") == 2
