"""`why`, for somebody who wonders why a session was marked terminated."""

from __future__ import annotations

import re
import uuid

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


def lines(out: str) -> dict[str, list[str]]:
    """What is told below the name, by what it is about."""
    found: dict[str, list[str]] = {}
    for line in out.splitlines()[1:]:
        assert line.startswith("  ")
        label, _, text = line.strip().partition(" ")
        found.setdefault(label, []).append(text.strip())
    return found


def test_it_says_what_was_concluded_and_from_what(desk: Desk) -> None:
    change = marked(desk)

    done = desk.run("why", GONE)

    assert done.status == 0
    done.complaints(0)
    assert done.out.splitlines()[0] == GONE
    told = lines(done.out)
    assert list(told) == ["entry", "now", "follows", "changed", "because", "undo"]
    (entry,) = told["entry"]
    assert re.match(r'"terminated" since \d\d:\d\d:\d\d, cause session-closed \(its tmux', entry)
    assert "~/lab/lab-gone, no id of its own yet; line " in entry
    assert told["now"] == ["no tmux server lists it; 1 answered"]
    assert told["follows"] == ["nothing: there is nothing to say of it"]
    (changed,) = told["changed"]
    assert re.match(
        r'\d\d:\d\d:\d\d status "running" → "terminated"; terminated_at nothing → "20', changed
    )
    assert changed.endswith(f"(class A: the session was certainly gone; change {change})")
    (because,) = told["because"]
    assert because.startswith(f"cause: session-closed; tmux {desk.fleet.socket}: pid ")
    assert f"pid_gone: {LONG_GONE}" in because
    assert told["undo"] == [f"agent-sessions undo {change}"]


def test_what_lives_is_told_in_one_line(desk: Desk) -> None:
    own = str(uuid.uuid4())
    options = ["--session-id", own, "--prompted"]
    (entry,) = desk.starts(KEEPER, agent="claude", options=options)
    desk.write(entry + f"    claude_session_id_own: {own}\n")

    told = lines(desk.run("why", KEEPER).out)

    pid = desk.fleet.pane_pid(KEEPER)
    (now,) = told["now"]
    assert re.fullmatch(
        rf"idle, last sign of work \d+s ago, claude pid {pid}, in pane %0 "
        rf"\({desk.fleet.socket}\), ~/lab/lab-keeper, conversation {own} \(proof: pid-file\)",
        now,
    )
    assert told["entry"][0].endswith(f"id {own}; line 3")


def test_times_are_local_as_everywhere_else(desk: Desk) -> None:
    marked(desk)
    zones = ("Asia/Seoul", "America/Los_Angeles")

    here = [lines(desk.run("why", GONE, environ={"TZ": zone}).out)["changed"] for zone in zones]

    (first,), (second,) = here
    assert first != second
    assert first.partition(" status ")[2] == second.partition(" status ")[2]


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

    told = lines(planned.out)
    (follows,) = told["follows"]
    assert f"tmux gone (was pane {LONG_GONE}, cmd sleep); the monitor writes that" in follows
    assert told["because"][0].startswith(f"cause: session-closed; tmux {desk.fleet.socket}: pid ")
    assert told["changed"] == ["nothing: the monitor has not changed this entry"]
    (follows,) = lines(held.out)["follows"]
    assert "; held: a person edited this entry moments ago" in follows


def test_a_living_session_is_told_with_its_notices(desk: Desk) -> None:
    (entry,) = desk.starts(KEEPER)
    ended = "    terminated_at: 2026-01-01T00:00:00Z\n"
    desk.write(entry.replace("status: running", "status: terminated") + ended)

    done = desk.run("why", KEEPER)

    told = lines(done.out)
    assert f"in pane %0 ({desk.fleet.socket})" in told["now"][0]
    assert "registered as terminated, but its session is alive" in told["follows"][0]


def test_a_session_without_an_entry_and_one_of_a_persons_own_word(desk: Desk) -> None:
    desk.starts(KEEPER)
    desk.write(desk.entry(GONE, status="paused"))

    told = lines(desk.run("why", KEEPER).out)
    assert told["entry"] == ["none of this name"]
    assert "tmux found but not in YAML; the monitor writes that" in told["follows"][0]
    (entry,) = lines(desk.run("why", GONE).out)["entry"]
    assert entry.startswith('"paused"')
    assert "any other status is your own word" in entry


def test_an_undo_and_what_it_undid_are_both_told(desk: Desk) -> None:
    change = marked(desk)
    desk.run("undo", change)
    by = desk.journal[-1]["change"]

    done = desk.run("why", GONE)

    told = lines(done.out)
    assert told["undo"] == [f"it was undone by {by}"]
    assert told["changed"][1].endswith(f"(a person undid {change}; change {by})")


def test_the_same_as_json(desk: Desk) -> None:
    change = marked(desk)

    found = commandline.valid("why", desk.run("why", GONE, "--json").out)

    assert found["session"] == GONE
    assert found["entry"]["status"] == "terminated"
    assert found["entry"]["pane"]["pid"] == str(LONG_GONE)
    assert found["now"]["state"] == "terminated"
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
    assert "tmux could not be asked: tmux is not installed" in lines(blind.out)["now"][0]
    stranger = desk.run("why", "nobody", environ={"PATH": "/nowhere"})
    assert stranger.status == 3
    assert 'cannot tell about "nobody": cannot see what runs' in stranger.complaints()

    desk.write(text="sessions: [")
    torn = desk.run("why", GONE)

    assert torn.status == 64
    assert lines(torn.out)["entry"] == ["the registry could not be read"]
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
    told = lines(done.out)["changed"]
    assert told[0] == "2 earlier changes are in the journal (all: --json)"
    assert len(told) == 1 + 5
    found = commandline.valid("why", desk.run("why", GONE, "--json").out)
    assert len(found["changes"]) == 7


def test_json_leaves_nothing_out(desk: Desk) -> None:
    """Whole values, nested ones too; a text of aliases that stand for billions stays small."""
    levels = "".join(f"    l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]\n" for n in range(1, 12))
    (entry,) = desk.starts(KEEPER, agent="claude", options=["--prompted"])
    long = "x" * 5000
    desk.write(entry + f"    notes: [{{a: {long}}}, null]\n    l0: &l0 [1, 2]\n{levels}")
    desk.once()

    text = desk.run("why", KEEPER, "--json").out
    found = commandline.valid("why", text)

    assert found["entry"]["notes"] == [{"a": long}, None]
    assert found["entry"]["l0"] == ["1", "2"]
    assert found["entry"]["l11"] == "(more than 10000 nodes)"
    assert len(text) < 2_000_000
    assert found["last_seen"]["pane_pid"] == desk.fleet.pane_pid(KEEPER)
    assert found["now"]["conversation_proof"] == "pid-file"
