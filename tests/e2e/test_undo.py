"""`undo`, as somebody meets it who disagrees with the monitor."""

from __future__ import annotations

import re
import uuid
from pathlib import Path

import portalocker
import pytest

import commandline
from desk import Desk

KEEPER = "lab-keeper-creator-claude"
GONE = "lab-gone-creator-claude"
WEB = "lab-web-creator-claude"
OWN = str(uuid.uuid4())
OLD = str(uuid.uuid4())
LONG_GONE = 2**22 + 1


def only(desk: Desk, kind: str) -> str:
    """The id of the only change of a class."""
    (found,) = (each["change"] for each in desk.journal if each["class"] == kind)
    return str(found)


def marked(desk: Desk, how: str = "a list") -> bytes:
    """A registry in which a session was marked terminated; its bytes of before."""
    (entry,) = desk.starts(KEEPER)
    text = "version: 1\nsessions:\n" + desk.entry(GONE, pid=LONG_GONE) + entry
    text = text.replace("status: running\n", "status: 'running'   # alive\n", 1)
    if how == "a mapping":
        text = re.sub(r"- name: (\S+)", r"\1:", text)
    if how == "brackets":
        text = f"sessions: [ {{name: {GONE}, status: running, pane: {{pid: {LONG_GONE}}}, }}, "
        text += f"{{name: {KEEPER}, status: paused}}, ]\n"
    if how == "CRLF":
        text = text.replace("\n", "\r\n")
    desk.write(text=text)
    before = desk.registry.read_bytes()
    done = desk.once()
    assert done.status == 0
    desk.saved(60)
    assert desk.registry.read_bytes() != before
    return before


@pytest.mark.parametrize("how", ["a list", "a mapping", "brackets", "CRLF"])
def test_a_mark_of_death_is_undone_to_the_byte(desk: Desk, how: str) -> None:
    before = marked(desk, how)
    change = only(desk, "A")

    done = desk.run("undo", change[:6])

    assert done.status == 0
    done.complaints(0)
    assert desk.registry.read_bytes() == before
    first, second = done.out.splitlines()
    by = desk.journal[-1]["change"]
    assert first.startswith(f"{GONE}: change {change} is undone by {by}: status: ")
    assert "terminated_at: removed, as it was not there before" in first
    assert "the monitor marks it again at its next tick" in second
    assert "set a status that is yours, such as: paused" in second


def test_what_was_undone_is_marked_again_unless_a_person_says_otherwise(desk: Desk) -> None:
    marked(desk)
    desk.run("undo", only(desk, "A"))
    assert desk.once().report["drifts"][0]["action"] == "held", "somebody has just edited it"
    desk.saved(60)
    assert desk.once().report["drifts"][0]["action"] == "updated"
    again = desk.journal[-1]["change"]
    assert desk.run("undo", again).status == 0
    text = desk.registry.read_text().replace("status: 'running'", "status: 'paused'", 1)
    desk.write(text=text)

    assert desk.once("--exit-code").status == 0

    assert desk.registry.read_text() == text


def test_an_id_goes_back_and_its_place_in_the_history_too(desk: Desk) -> None:
    pid = desk.fleet.start(
        KEEPER,
        agent="claude",
        cwd=desk.workspace(KEEPER),
        options=["--session-id", OWN, "--prompted"],
    )
    desk.write(desk.entry(KEEPER, pid=pid, claude_session_id_own=f'"{OLD}"  # mine'))
    text = desk.registry.read_text().replace("cmd: sleep", "cmd: claude")
    desk.write(text=text)
    assert desk.once().status == 0
    assert f'"{OWN}"' in desk.registry.read_text()
    assert "session_id_history:\n" in desk.registry.read_text()

    done = desk.run("undo", only(desk, "C"))

    assert done.status == 0
    assert desk.registry.read_text() == text
    assert "session_id_history: the item is removed" in done.out
    assert "records its id again" in done.out


def test_an_entry_that_was_added_goes_if_it_is_still_as_it_was(desk: Desk) -> None:
    (entry,) = desk.starts(KEEPER)
    desk.write(entry)
    before = desk.registry.read_bytes()
    desk.starts(WEB)
    assert desk.once().status == 0
    change = only(desk, "B")
    added = desk.registry.read_text()
    desk.write(text=added.replace("auto-registered", "mine"))

    refused = desk.run("undo", change)

    assert refused.status == 64
    assert (
        'key "last_visible_status" holds "mine" now, not "auto-registered"' in refused.complaints()
    )
    desk.write(text=added)
    done = desk.run("undo", change)
    assert (done.status, desk.registry.read_bytes()) == (0, before)
    assert "the entry is removed" in done.out
    assert "registers it again" in done.out
    assert desk.run("check").status == 0


def test_a_person_s_edit_is_named_and_left_alone(desk: Desk) -> None:
    marked(desk)
    desk.write(text=desk.registry.read_text().replace("'terminated'", "'done'"))
    before = commandline.everything_below(desk.registry.parent, desk.state)

    done = desk.run("undo", only(desk, "A"))

    assert done.status == 64
    said = done.complaints()
    assert f'line 3: entry "{GONE}": key "status" holds "done" now' in said
    assert "Nothing was written. Somebody has edited it since" in said
    assert commandline.everything_below(desk.registry.parent, desk.state) == before


def test_undoing_twice_names_the_first_time(desk: Desk) -> None:
    before = marked(desk)
    change = only(desk, "A")
    desk.run("undo", change)

    again = desk.run("undo", change)

    assert again.status == 64
    assert f"was undone already by {desk.journal[-1]['change']}" in again.complaints()
    assert desk.registry.read_bytes() == before


def test_an_id_that_nothing_has_is_the_users_to_mend(desk: Desk) -> None:
    marked(desk)
    for wanted in ("ffffffffffff", "abc", "\x1b[31mred"):
        done = desk.run("undo", wanted)
        assert done.status == 64
        assert "\x1b" not in done.complaints()


def test_a_dry_run_says_what_would_be_restored_and_writes_nothing(desk: Desk) -> None:
    marked(desk)
    before = commandline.everything_below(desk.fence.home)

    done = desk.run("undo", "--dry-run", only(desk, "A"))

    assert done.status == 0
    assert "can be undone: status: 'terminated' → 'running'" in done.out
    assert "Not written: dry run." in done.out
    assert commandline.everything_below(desk.fence.home) == before


def test_it_works_beside_a_running_monitor(desk: Desk) -> None:
    before = marked(desk)
    with desk.poll() as monitor:
        monitor.wait_for(lambda: monitor.lines, "the first tick")

        done = desk.run("undo", only(desk, "A"))

        assert done.status == 0
        assert monitor.process.poll() is None
    texts = [each["before_sha256"] for each in desk.journal]
    assert texts[1] == desk.journal[0]["after_sha256"]
    assert desk.journal[1]["after_sha256"] == texts[0], "the bytes of before, whatever came then"
    assert before


def test_a_lock_that_somebody_keeps_ends_it_with_3(desk: Desk) -> None:
    marked(desk)
    lock = desk.registry.with_name(f"{desk.registry.name}.lock")
    with portalocker.Lock(lock, "a", timeout=1):
        done = desk.run("undo", only(desk, "A"))
    assert done.status == 3
    assert f"lock {lock} is held by another process" in done.complaints()


def test_a_journal_that_cannot_be_read_ends_it_with_3(desk: Desk) -> None:
    marked(desk)
    change = only(desk, "A")
    journal: Path = desk.state / "journal.jsonl"
    journal.chmod(0)
    done = desk.run("undo", change, limit=commandline.unprivileged)
    assert done.status == 3
    assert f"journal {journal} could not be read" in done.complaints()
