"""`why`, for somebody who wonders why a session was marked terminated."""

from __future__ import annotations

import json
import re

import commandline
from desk import Desk

KEEPER = "lab-keeper-creator-claude"
GONE = "lab-gone-creator-claude"
LONG_GONE = 2**22 + 1


def marked(desk: Desk) -> str:
    """Let a session end and be marked; the id of the change."""
    desk.write(*desk.starts(KEEPER), desk.entry(GONE, pid=LONG_GONE))
    assert desk.once().status == 0
    desk.saved(60)
    return str(desk.journal[-1]["change"])


def test_it_says_what_was_concluded_and_from_what(desk: Desk) -> None:
    change = marked(desk)

    done = desk.run("why", GONE)

    assert done.status == 0
    done.complaints(0)
    name, registered, look, changed = done.out.rstrip("\n").split("\n\n")
    assert name == GONE
    assert registered.startswith('The registry: status "terminated" in line ')
    assert 'termination_cause "session-closed"' in registered
    assert "That means: its tmux server answered and did not list it" in registered
    assert look == "A look just now: no tmux server lists it; 1 answered. Nothing to say of it."
    assert re.match(r"20\d\d-\d\d-\d\d \d\d:\d\d:\d\d[+-]\d\d:\d\d, change ", changed)
    assert f"change {change}, class A, for the session was certainly gone: " in changed
    assert 'status "running" → "terminated"; terminated_at nothing → "20' in changed
    assert f"It rests on cause: session-closed; tmux {desk.fleet.socket}: pid " in changed
    assert f"pid_gone: {LONG_GONE}" in changed
    assert changed.endswith(f"To take it back: agent-sessions undo {change}")


def test_it_writes_nothing(desk: Desk) -> None:
    marked(desk)
    before = commandline.everything_below(desk.fence.home)

    desk.run("why", GONE)
    desk.run("why", "nobody")

    assert commandline.everything_below(desk.fence.home) == before


def test_what_would_be_written_is_told_and_so_is_what_is_held(desk: Desk) -> None:
    desk.write(*desk.starts(KEEPER), desk.entry(GONE, pid=LONG_GONE))

    planned = desk.run("why", GONE)
    desk.write(text=desk.registry.read_text(), age=0)
    held = desk.run("why", GONE)

    assert f"{GONE}: tmux gone (was pane {LONG_GONE}, cmd sleep). The monitor writes" in planned.out
    assert f"It rests on cause: session-closed; tmux {desk.fleet.socket}: pid " in planned.out
    assert planned.out.endswith("The journal: the monitor has not changed this entry.\n")
    assert "Held: a person edited this entry moments ago" in held.out


def test_a_living_session_is_told_with_its_notices(desk: Desk) -> None:
    (entry,) = desk.starts(KEEPER)
    ended = "    terminated_at: 2026-01-01T00:00:00Z\n"
    desk.write(entry.replace("status: running", "status: terminated") + ended)

    done = desk.run("why", KEEPER)

    assert f"tmux lists it ({desk.fleet.socket}; panes 1, of them dead 0)." in done.out
    assert "registered as terminated, but its session is alive" in done.out


def test_a_session_without_an_entry_and_one_of_a_persons_own_word(desk: Desk) -> None:
    desk.starts(KEEPER)
    desk.write(desk.entry(GONE, status="paused"))

    assert "The registry: it has no entry of this name." in desk.run("why", KEEPER).out
    assert "tmux found but not in YAML. The monitor writes that" in desk.run("why", KEEPER).out
    assert "any other status is a person's word" in desk.run("why", GONE).out


def test_an_undo_and_what_it_undid_are_both_told(desk: Desk) -> None:
    change = marked(desk)
    desk.run("undo", change)
    by = desk.journal[-1]["change"]

    done = desk.run("why", GONE)

    assert f"It was undone by {by}." in done.out
    assert f"change {by}, class A: a person undid {change}: status " in done.out
    assert "To take it back" not in done.out


def test_the_same_as_json(desk: Desk) -> None:
    change = marked(desk)

    found = json.loads(desk.run("why", GONE, "--json").out)

    assert found["session"] == GONE
    assert found["entry"]["status"] == "terminated"
    assert found["live"] is False
    assert (found["drifts"], found["notices"]) == ([], [])
    (line,) = found["changes"]
    assert (line["change"], line["class"], line["void"]) == (change, "A", None)
    assert line["evidence"]["cause"] == "session-closed"
    assert line["changes"][0] == {"key": "status", "before": "running", "after": "terminated"}
    assert line["undone_by"] is None


def test_an_unknown_name_is_told_with_those_that_are_near(desk: Desk) -> None:
    marked(desk)

    done = desk.run("why", "lab-gone-creator-cluade")

    assert done.status == 64
    said = done.complaints()
    assert 'no session "lab-gone-creator-cluade" in the registry, in tmux or in' in said
    assert f"Near names: {GONE}" in said
    assert "Near names" not in desk.run("why", "zzz").complaints()


def test_names_are_shown_without_control_characters_and_bounded(desk: Desk) -> None:
    odd = "\x1b[31mred" + "x" * 500
    done = desk.run("why", odd)
    assert done.status == 64
    assert "\x1b" not in done.complaints()
    assert len(done.err) < 500
    name = '"evil\\e[2J\\n\\u202eodd-creator-claude"'
    desk.write(*desk.starts(KEEPER), f"  - name: {name}\n    status: running\n")
    desk.once()
    (line,) = desk.journal
    desk.saved(60)
    for word in (line["session"], "evil", "evil-creator-claude"):
        shown = desk.run("why", word)
        assert shown.status == (0 if word == line["session"] else 64)
        assert "\x1b" not in shown.out + shown.err
        assert "\u202e" not in shown.out + shown.err
    undone = desk.run("undo", line["change"])
    assert undone.status == 0
    assert "\x1b" not in undone.out


def test_a_registry_or_a_tmux_that_cannot_be_seen_is_no_empty_one(desk: Desk) -> None:
    change = marked(desk)
    blind = desk.run("why", KEEPER, environ={"PATH": "/nowhere"})
    assert blind.status == 3
    assert "tmux could not be asked: tmux is not installed" in blind.out
    stranger = desk.run("why", "nobody", environ={"PATH": "/nowhere"})
    assert stranger.status == 3
    assert 'cannot tell about "nobody": cannot see what runs' in stranger.complaints()

    desk.write(text="sessions: [")
    torn = desk.run("why", GONE)

    assert torn.status == 64
    assert "The registry: it could not be read." in torn.out
    assert change in torn.out
    assert "line 1" in torn.complaints()


def test_only_the_last_changes_are_told(desk: Desk) -> None:
    change = marked(desk)
    for _ in range(3):
        assert desk.run("undo", change).status == 0
        desk.saved(60)
        desk.once()
        change = desk.journal[-1]["change"]
    done = desk.run("why", GONE)
    assert "2 earlier changes are in the journal." in done.out
    assert done.out.count(", class A") == 5
