"""`status`, as somebody looks at it: the table, its filters, the screen that is drawn again."""

from __future__ import annotations

import json
import os
import re
import signal
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import commandline
from desk import Desk
from fleet import Fleet
from waiting import retry_until

CLAUDE, AGY, CODEX = "lab-x-creator-claude", "lab-y-creator-agy", "lab-z-creator-codex"
GONE = "lab-gone-creator-claude"
OWN = str(uuid.uuid4())
LONG_GONE = 2**22 + 1
NOTHING = "–"  # noqa: RUF001 - as the table has it


def claude(desk: Desk, *options: str) -> str:
    """The entry of a Claude Code that has been prompted and does nothing now."""
    (entry,) = desk.starts(CLAUDE, agent="claude", options=["--session-id", OWN, *options])
    return entry + f"    claude_session_id_own: {OWN}\n"


def rows(out: str) -> list[list[str]]:
    """The rows of a table, cell by cell."""
    _, *lines = out.splitlines()
    return [re.split(r" {2,}", line) for line in lines if re.search(r" {2,}", line)]


# The table --------------------------------------------------------------------------------------


def test_it_has_a_row_for_each_session_with_what_it_does_problems_first(desk: Desk) -> None:
    entry = claude(desk, "--prompted")
    pid = desk.fleet.pane_pid(CLAUDE)
    desk.starts(AGY, agent="agy")
    desk.write(
        entry,
        desk.entry(GONE, pid=LONG_GONE),
        desk.entry("lab-old-creator-claude", status="terminated"),
        desk.entry("lab-mine-creator-claude", status="paused"),
    )

    done = desk.run("status")

    assert done.status == 0
    done.complaints(0)
    head, *_, folded, sources = done.out.splitlines()
    assert " ".join(head.split()) == "SESSION AGENT STATE IDLE ID PID WORKSPACE DRIFT"
    shown = rows(done.out)
    assert [(row[0], row[1], row[2]) for row in shown] == [
        (GONE, "claude", "gone"),
        (AGY, "agy", "unknown"),
        (CLAUDE, "claude", "idle"),
        ("lab-mine-creator-claude", "claude", "paused"),
    ]
    assert re.fullmatch(r"A \d\d:\d\d", shown[0][-1])
    assert re.fullmatch(r"B \d\d:\d\d", shown[1][-1])
    assert re.fullmatch(r"\d+s", shown[2][3])
    assert shown[2][4:] == [f"{OWN[:4]}…{OWN[-4:]}", str(pid), "~/lab/lab-x", NOTHING]
    assert folded == "1 ended; --all shows them"
    assert sources == "tmux ok, 2 sessions · registry ok, 4 entries · claude ok"
    assert not any(line.endswith(" ") for line in done.out.splitlines())


def test_notices_are_shown_like_drifts(desk: Desk) -> None:
    """Every finding of `reconcile` is on the row of its session."""
    (shell,) = desk.starts(CLAUDE, agent="shell")
    (alive,) = desk.starts(AGY, agent="agy")
    (other,) = desk.starts(CODEX, agent="agy")
    ended = alive.replace("status: running", "status: terminated")
    desk.write(shell, ended + "    terminated_at: 2026-01-01T00:00:00Z\n", other)

    report = desk.once("--dry-run", "--grace", "0.001").report
    shown = rows(desk.run("status", "--grace", "0.001").out)

    found = {each["session"]: each["kind"] for each in report["notices"]}
    assert {"terminated-but-alive", "identity-changed"} <= set(found.values())
    for session, kind in found.items():
        (row,) = (row for row in shown if row[0] == session)
        assert re.search(rf"{kind} \d\d:\d\d", row[-1]), session


def test_what_ended_on_another_day_has_its_date(desk: Desk) -> None:
    ended = (datetime.now(UTC) - timedelta(days=40)).replace(microsecond=0)
    entry = desk.entry("lab-old-creator-claude", status="terminated")
    desk.write(entry + f"    terminated_at: {ended.isoformat()}\n")

    (row,) = rows(desk.run("status", "--all").out)

    assert row[-1] == f"ended {ended.astimezone():%Y-%m-%d}"


def test_a_row_never_mixes_the_entry_and_another_process(desk: Desk) -> None:
    """An agent of another kind, in another directory, under the entry's name."""
    entry = claude(desk, "--prompted")
    desk.fleet.start("keeps-the-server", agent="sleep")
    desk.fleet.kill(CLAUDE)
    elsewhere = desk.fence.home / "elsewhere"
    elsewhere.mkdir()
    desk.fleet.start(CLAUDE, agent="codex", cwd=elsewhere)
    desk.write(entry)

    (found,) = desk.run("status", "--json").sessions

    assert [each["kind"] for each in found["notices"]] == ["identity-changed"]
    assert found["agent"] == "codex"
    assert found["workspace"] == str(elsewhere.resolve())
    assert found["conversation_id"] != OWN
    assert found["pid"] == desk.fleet.pane_pid(CLAUDE)
    assert found["status"] == "running"


def test_an_agent_that_was_started_again_does_not_have_its_old_conversation(desk: Desk) -> None:
    entry = claude(desk, "--prompted")
    desk.fleet.start("keeps-the-server", agent="sleep")
    desk.fleet.kill(CLAUDE)
    desk.starts(CLAUDE, agent="claude", options=["--no-pid-file"])
    desk.write(entry)

    (found,) = desk.run("status", "--json").sessions

    assert found["conversation_id"] is None
    assert found["conversation_proof"] is None
    assert found["workspace"] == str(desk.workspace(CLAUDE))


def test_what_is_over_is_one_line_until_somebody_asks_for_it(desk: Desk) -> None:
    old = [desk.entry(f"lab-{n}-creator-claude", status="terminated") for n in range(37)]
    desk.write(*desk.starts(CLAUDE), *old)

    brief, whole = desk.run("status").out, desk.run("status", "--all").out
    named = desk.run("status", "lab-3-creator-claude").out
    ended = desk.run("status", "--state", "terminated").out

    assert len(rows(brief)) == 1
    assert "37 ended; --all shows them\n" in brief
    assert len(rows(whole)) == 38
    assert "ended; --all" not in whole + named + ended
    assert [row[0] for row in rows(named)] == ["lab-3-creator-claude"]
    assert len(rows(ended)) == 37


# What each does ---------------------------------------------------------------------------------


def test_it_tells_working_from_idle(desk: Desk) -> None:
    """Claude Code writes what it does into its pid file."""
    desk.write(claude(desk, "--prompted"))
    (file,) = (desk.fence.home / ".claude/sessions").glob("*.json")
    text = file.read_text()

    states = []
    for word in ("idle", "busy"):
        file.write_text(text.replace('"status": "idle"', f'"status": "{word}"'))
        states.append(desk.run("status", "--json").sessions[0]["state"])

    assert states == ["idle", "working"]


def test_idle_that_only_a_file_s_own_time_tells_is_about(desk: Desk) -> None:
    desk.write(claude(desk, "--prompted"))
    (file,) = (desk.fence.home / ".claude/sessions").glob("*.json")
    file.write_text(file.read_text().replace('"status": "idle"', '"status": "busy"'))
    (log,) = (desk.fence.home / ".claude/projects").glob(f"*/{OWN}.jsonl")

    shown = []
    for text in (log.read_text(), '{"type":"user"}\n'):
        log.write_text(text)
        os.utime(log, (1_700_000_000, 1_700_000_000))
        (row,) = rows(desk.run("status").out)
        shown.append(row[3])

    assert not shown[0].startswith("~")
    assert re.fullmatch(r"~\d{3,}d", shown[1])


def test_no_clock_makes_an_age_negative(desk: Desk) -> None:
    """The transcript's last line is from tomorrow: the clock was set back since."""
    desk.write(claude(desk, "--prompted"))
    (log,) = (desk.fence.home / ".claude/projects").glob(f"*/{OWN}.jsonl")
    tomorrow = f"{datetime.now(UTC) + timedelta(days=1):%Y-%m-%dT%H:%M:%S.000Z}"
    log.write_text(re.sub(r'"timestamp": ?"[^"]+"', f'"timestamp":"{tomorrow}"', log.read_text()))
    os.utime(log, (2_000_000_000, 2_000_000_000))

    (row,) = rows(desk.run("status").out)
    (found,) = desk.run("status", "--json").sessions

    assert row[3] == "0s"
    assert (found["idle_s"], found["log_idle_s"]) == (0, 0)


def test_what_cannot_be_seen_is_unknown_and_never_gone(desk: Desk) -> None:
    desk.write(desk.entry(GONE, pid=LONG_GONE))

    done = desk.run("status", "--json", environ={"PATH": "/nowhere"})

    assert done.status == 3
    assert [(each["state"], each["pid"]) for each in done.sessions] == [("unknown", None)]
    assert "tmux is not installed" in done.complaints()


def test_the_state_of_a_session_that_a_person_spoke_about_is_their_word(desk: Desk) -> None:
    (entry,) = desk.starts(CLAUDE)
    for word in ("paused", "terminated"):
        desk.write(entry.replace("status: running", f"status: {word}"))

        (found,) = desk.run("status", "--json").sessions

        assert found["state"] == word
        assert found["pid"]


# Choosing ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        pytest.param(["--agent", "agy"], [AGY], id="a kind"),
        pytest.param(["--agent", "agy", "--agent", "codex"], [AGY, CODEX], id="two kinds"),
        pytest.param(["--state", "gone"], [GONE], id="a state"),
        pytest.param(["--state", "mine", "--state", "gone"], [GONE, CODEX], id="a person's word"),
        pytest.param(["--state", "flying"], [], id="a state that nothing is in"),
        pytest.param([CODEX, AGY], [AGY, CODEX], id="names"),
        pytest.param([CODEX, "--agent", "agy"], [], id="a name and a kind that is another's"),
        pytest.param(["--sort", "name"], [GONE, AGY, CODEX], id="by name"),
        pytest.param(["--sort", "agent"], [AGY, GONE, CODEX], id="by kind"),
        pytest.param(["--sort", "workspace"], [GONE, AGY, CODEX], id="by directory"),
        pytest.param(["--sort", "state"], [GONE, AGY, CODEX], id="by state"),
        pytest.param([], [GONE, AGY, CODEX], id="as it is"),
    ],
)
def test_what_is_shown_can_be_chosen(desk: Desk, words: list[str], expected: list[str]) -> None:
    (agy,) = desk.starts(AGY)
    codex = desk.entry(CODEX, status="mine")
    desk.write(agy, codex, desk.entry(GONE, pid=LONG_GONE))

    drawn = rows(desk.run("status", *words).out)
    listed = desk.run("status", "--json", *words).sessions

    assert [row[0] for row in drawn] == expected
    assert [each["name"] for each in listed] == expected


def test_a_name_that_nobody_has_is_said(desk: Desk) -> None:
    desk.write(*desk.starts(AGY))

    done = desk.run("status", "lab-y-creator-agi")

    assert done.status == 64
    assert 'no session "lab-y-creator-agi"' in done.complaints()


def test_a_name_that_cannot_be_looked_for_is_no_wrong_name(desk: Desk) -> None:
    desk.write(*desk.starts(AGY))

    done = desk.run("status", "not-in-the-registry", environ={"PATH": "/nowhere"})

    assert done.status == 3
    assert rows(done.out) == []


# On a terminal ----------------------------------------------------------------------------------


def screen(fleet: Fleet, name: str, *, colours: bool = False) -> str:
    """What a terminal shows."""
    escapes = ["-e"] if colours else []
    return fleet.tmux("capture-pane", "-p", *escapes, "-t", f"={name}:")


def on_a_terminal(
    desk: Desk, *words: str, columns: int, rows: int = 24, **environ: str
) -> tuple[Fleet, str]:
    """Run a command in a terminal of that size, and wait until it has shown its last line."""
    settings = " ".join(f"{key}='{value}'" for key, value in (desk.environ | environ).items())
    command = " ".join(commandline.command(*words))
    own_size = "env -u COLUMNS -u LINES"
    line = f"trap : INT; {own_size} {settings} {command}; echo ended with $?; exec sleep 1000"
    desk.fleet.tmux(
        "new-session", "-d", "-s", "terminal", "-x", str(columns), "-y", str(rows), "--", line
    )
    return desk.fleet, "terminal"


@pytest.mark.parametrize("columns", [200, 100, 80, 60, 40])
def test_a_terminal_s_width_is_kept_and_names_go_last(desk: Desk, columns: int) -> None:
    desk.write(
        desk.entry(GONE, pid=LONG_GONE, workspace=f"/srv/{'deep/' * 30}end"),
        desk.entry("lab-other-creator-claude", status="paused"),
    )

    fleet, name = on_a_terminal(desk, "status", columns=columns)
    retry_until(lambda: "ended with 0" in screen(fleet, name), seconds=20, what="the table")

    shown = screen(fleet, name).splitlines()
    assert max(map(len, shown)) <= columns
    head = shown[0].split()
    assert head[0] == "SESSION"
    assert {"STATE", "DRIFT"} <= set(head)
    assert shown[1].split()[0] == (GONE if columns >= 60 else shown[1].split()[0])
    assert "gone" in shown[1]
    assert re.search(r"A \d\d:\d\d", shown[1])
    if columns >= 100:
        assert "deep/end" in shown[1], "the end of a path says more than its beginning"


def test_colour_is_for_terminals_that_want_it(desk: Desk) -> None:
    desk.write(desk.entry(GONE, pid=LONG_GONE))
    drawn = {}
    for case, environ in {
        "plain": {},
        "NO_COLOR": {"NO_COLOR": "1"},
        "dumb": {"TERM": "dumb"},
    }.items():
        fleet, name = on_a_terminal(desk, "status", columns=100, **environ)
        retry_until(lambda: "ended with 0" in screen(fleet, name), seconds=20, what="the table")  # noqa: B023 - at once
        drawn[case] = screen(fleet, name, colours=True)
        desk.fleet.kill(name)

    assert "\x1b[31m" in drawn["plain"]
    assert "\x1b[3" not in drawn["NO_COLOR"].replace("\x1b[39m", "")
    assert "\x1b[3" not in drawn["dumb"].replace("\x1b[39m", "")
    assert "\x1b" not in desk.run("status").out, "a pipe"


def test_watch_draws_on_the_alternate_screen_and_gives_the_terminal_back(desk: Desk) -> None:
    desk.write(*desk.starts(AGY), desk.entry(GONE, status="paused"))
    fleet, name = on_a_terminal(
        desk, "status", "--watch", "--interval", "0.5", columns=100, rows=10
    )
    retry_until(lambda: "paused" in screen(fleet, name), seconds=20, what="the first drawing")
    assert fleet.tmux("display-message", "-p", "-t", f"={name}:", "#{alternate_on}").strip() == "1"

    desk.write(*desk.starts(CODEX), desk.entry(GONE, status="changed"))
    retry_until(lambda: "changed" in screen(fleet, name), seconds=20, what="another drawing")
    fleet.tmux("resize-window", "-t", f"={name}:", "-x", "60", "-y", "5")
    retry_until(lambda: "and 1 more" in screen(fleet, name), seconds=20, what="what fits")
    assert "tmux ok" in screen(fleet, name)
    fleet.tmux("send-keys", "-t", f"={name}:", "C-c")

    retry_until(lambda: "ended with 130" in screen(fleet, name), seconds=20, what="the end")
    assert fleet.tmux("display-message", "-p", "-t", f"={name}:", "#{alternate_on}").strip() == "0"
    assert "Traceback" not in screen(fleet, name)
    assert "SESSION" not in screen(fleet, name), "nothing of it is left on the screen"


def test_watch_into_a_pipe_is_one_table_behind_the_other(desk: Desk) -> None:
    desk.write(*desk.starts(AGY))

    with commandline.running(
        desk.fence.root / "watch", "status", "--watch", "--interval", "0.2", environ=desk.environ
    ) as watch:
        watch.wait_for(
            lambda: sum(line.startswith("SESSION") for line in watch.lines) >= 3, "three tables"
        )
        done = watch.end(signal.SIGINT)

    assert (done.status, done.err) == (130, "")
    assert "\x1b" not in done.out


def test_a_long_row_is_not_cut_where_no_terminal_is(desk: Desk) -> None:
    name = f"lab-{'x' * 200}-creator-claude"
    desk.write(desk.entry(name, status="paused"))

    assert name in desk.run("status").out


def test_a_locale_without_these_letters_gets_others(desk: Desk) -> None:
    desk.write(claude(desk, "--prompted"), desk.entry(GONE, status="paused"))

    done = desk.run("status", environ={"PYTHONIOENCODING": "ascii"})

    assert done.out.isascii()
    assert "\\u" not in done.out.replace("\\xb7", "")
    assert f"{OWN[:4]}..{OWN[-4:]}" in done.out


# As data ----------------------------------------------------------------------------------------


def test_each_session_is_the_same_object_with_whole_values(desk: Desk) -> None:
    desk.write(claude(desk, "--prompted") + "    delegate_job_id: job-7\n", desk.entry(GONE))

    done = desk.run("status", "--json")

    gone, own = done.sessions
    assert own["conversation_id"] == OWN
    assert own["conversation_proof"] == "pid-file"
    assert own["pid"] == desk.fleet.pane_pid(CLAUDE)
    assert own["socket"] == str(desk.fleet.socket)
    assert own["workspace"] == str(desk.workspace(CLAUDE))
    assert Path(own["log_path"]).name == f"{OWN}.jsonl"
    assert own["delegate_job_id"] == "job-7"
    assert isinstance(own["idle_s"], float)
    assert datetime.fromisoformat(own["last_activity_at"]).tzinfo
    assert (own["state"], own["status"], own["registered"]) == ("idle", "running", True)
    assert (gone["state"], gone["pid"], gone["pane"]) == ("gone", None, None)
    assert [each[:2] for each in gone["drifts"]] == ["A-"]
    whole = json.loads(done.out)
    assert whole["sources"]["tmux"] == whole["sources"]["tmux"] | {"state": "ok", "sessions": 1}


def test_a_session_without_an_entry_is_data_as_well(desk: Desk) -> None:
    desk.starts(AGY, agent="agy")
    desk.write("  - name: lab-mine\n    status: paused\n")

    found = {each["name"]: each for each in desk.run("status", "--json").sessions}

    assert found[AGY]["registered"] is False
    assert found[AGY]["status"] is None
    assert found[AGY]["agent"] == "agy"
    assert found[AGY]["workspace"] == str(desk.workspace(AGY).resolve())
    assert found[AGY]["pid"] == desk.fleet.pane_pid(AGY)


NASTY = "\x1b[2J\x7f\x9b31m\u202e\u200b\u2028\u2029\ufeff\U000e0041"


@pytest.mark.parametrize(
    "words",
    [
        ("status", "--all"),
        ("status", "--json"),
        ("reconcile", "--once", "--dry-run"),
        ("reconcile", "--once", "--dry-run", "--emit-diff"),
        ("check",),
        ("check", "--json"),
        ("resume-plan", "--since", "900d"),
        ("resume-plan", "--since", "900d", "--json"),
    ],
    ids=" ".join,
)
def test_no_output_has_a_character_that_a_terminal_obeys(
    desk: Desk, words: tuple[str, ...]
) -> None:
    """C0, C1, DEL, bidi, zero-width and line separators, in a workspace, a command and a cause."""
    quoted = json.dumps(NASTY)
    desk.write(
        desk.entry(GONE, pid=LONG_GONE, workspace=quoted, pane=f"{{pid: 7, cmd: {quoted}}}"),
        desk.entry("lab-old-creator-claude", status="terminated", termination_cause=quoted),
        desk.entry("lab-mine", status=quoted),
    )

    done = desk.run(*words)

    for character in set(NASTY) - set("[2J31m"):
        assert character not in done.out + done.err, hex(ord(character))
    if words[-1] in {"--json", "--emit-diff"}:
        assert json.loads(done.out)
