"""`resume-plan`: what a person is told of the sessions that ended. Nothing is ever run."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import uuid
from datetime import datetime, timedelta, timezone
from typing import Any

import psutil
import pytest

import commandline
import fences
from desk import Desk
from kanban_worker import resuming, standin
from reconcile.observed import SessionName
from reconcile.resume import Resumption

API, DOCS, AGY = "lab-api-creator-claude", "lab-docs-creator-claude", "lab-y-creator-agy"
CODEX = "lab-z-creator-codex"
NOTHING = "no session has ended within a day, or with the last boot (longer ago: --since)\n"
OWN = str(uuid.uuid4())
OTHER = str(uuid.uuid4())
AN_HOUR_AGO = datetime.now(timezone(timedelta(hours=9))) - timedelta(hours=1)
ENDED = AN_HOUR_AGO.isoformat(timespec="seconds")


def lives(desk: Desk, name: str, own: str = OWN, **keys: str) -> str:
    """Let an agent say something and end; the entry that is left of it."""
    kind: Any = name.rpartition("-")[2]
    (entry,) = desk.starts(name, agent=kind, options=["--session-id", own, "--prompted"])
    desk.fleet.kill(name)
    return ended(desk, name, own, **keys) if keys.pop("status", "") != "running" else entry


def ended(desk: Desk, name: str, own: str = OWN, **keys: str) -> str:
    """An entry of a session that ended."""
    kind = name.rpartition("-")[2]
    usual = {
        "workspace": f"~/lab/{name.partition('-creator-')[0]}",
        "status": "terminated",
        "terminated_at": ENDED,
        "termination_cause": "tmux-server-died",
        f"{kind}_session_id_own": own,
    }
    return desk.entry(name, **(usual | keys))


def aged(desk: Desk) -> None:
    """Let Codex's threads be of yesterday: a process that just began cannot have begun them."""
    for path in (desk.fence.home / ".codex").rglob("rollout-*.jsonl"):
        text = re.sub(
            r'"timestamp": "[^"]+"', '"timestamp": "2026-01-01T10:00:00Z"', path.read_text()
        )
        path.write_text(text)


def plan(desk: Desk, *words: str, status: int = 0) -> list[dict[str, Any]]:
    """The rows, where stderr is empty unless something is wrong."""
    done = desk.run("resume-plan", "--json", *words)
    assert done.status == status, done.err
    done.complaints(0 if status == 0 else None)
    rows: list[dict[str, Any]] = json.loads(done.out)
    return rows


def why(desk: Desk, *entries: str, status: int = 0) -> str:
    """Why there is no command for the first of these entries."""
    desk.fleet.start("keeps-the-server", agent="sleep")
    desk.write(*entries)
    row = plan(desk, status=status)[0]
    assert (row["command"], row["shell"]) == (None, None)
    assert isinstance(row["why"], str)
    return row["why"]


@pytest.mark.parametrize(
    ("name", "command"),
    [
        (API, f"claude --resume {OWN}"),
        (AGY, f"agy --conversation {OWN}"),
        (CODEX, f"codex resume {OWN}"),
    ],
    ids=["claude", "agy", "codex"],
)
def test_an_ended_session_has_the_line_that_resumes_it(desk: Desk, name: str, command: str) -> None:
    desk.write(lives(desk, name))
    before = commandline.everything_below(desk.fence.home)

    done = desk.run("resume-plan")

    folder = name.partition("-creator-")[0]
    assert done.status == 0
    done.complaints(0)
    head, when, line = done.out.splitlines()
    assert head == name
    assert when.startswith(f"  ended {AN_HOUR_AGO.astimezone():%Y-%m-%d} ")
    assert when.endswith(", cause: tmux-server-died")
    assert line == f"  cd ~/lab/{folder} && {command}"
    assert commandline.everything_below(desk.fence.home) == before, "it only looks"


def test_the_line_works_in_a_shell_whatever_the_directory_is_called(desk: Desk) -> None:
    folder = desk.fence.home / "lab" / "it's; $(touch x) ü"
    folder.mkdir(parents=True)
    bin_folder = desk.fence.home / "bin"
    bin_folder.mkdir()
    said = bin_folder / "claude"
    said.write_text('#!/bin/sh\npwd\nprintf "%s\\n" "$@"\n')
    said.chmod(0o755)
    desk.fleet.start(API, agent="claude", cwd=folder, options=["--session-id", OWN, "--prompted"])
    desk.fleet.kill(API)
    desk.write(ended(desk, API, workspace=json.dumps(f"~/lab/{folder.name}", ensure_ascii=False)))

    (row,) = plan(desk)

    assert row["shell"] == f"cd ~/{shlex.quote(f'lab/{folder.name}')} && claude --resume {OWN}"
    path = f"{bin_folder}:{os.environ['PATH']}"
    shown = subprocess.check_output(["sh", "-c", row["shell"]], env={**os.environ, "PATH": path})
    assert shown.decode().splitlines() == [str(folder.resolve()), "--resume", OWN]
    assert not list(desk.fence.home.rglob("x"))


def test_json_has_the_same_in_words(desk: Desk) -> None:
    desk.write(lives(desk, API))

    (row,) = plan(desk)

    assert row == {
        "session": API,
        "directory": str(desk.fence.home / "lab/lab-api"),
        "command": ["claude", "--resume", OWN],
        "environ": {},
        "note": None,
        "shell": f"cd ~/lab/lab-api && claude --resume {OWN}",
        "why": None,
        "terminated_at": ENDED,
        "cause": "tmux-server-died",
    }


def test_a_session_that_nobody_has_marked_yet_is_among_them(desk: Desk) -> None:
    entry = lives(desk, API, status="running")
    desk.fleet.start("keeps-the-server", agent="sleep")
    desk.write(entry + f"    claude_session_id_own: {OWN}\n")

    (row,) = plan(desk)

    assert row["command"] == ["claude", "--resume", OWN]
    assert row["terminated_at"]
    assert "status: running" in desk.registry.read_text()


def test_after_a_whole_server_died_all_have_their_line(desk: Desk) -> None:
    """A tick holds such a wave back for a second look; a plan is needed at once."""
    names = [f"lab-{each}-creator-claude" for each in "abcd"]
    ids = [f"{each * 8}-0000-4000-8000-000000000000" for each in "abcd"]
    entries = []
    for name, one in zip(names, ids, strict=True):
        options = ["--session-id", one, "--prompted"]
        entries += desk.starts(name, agent="claude", options=options)
        entries[-1] += f"    claude_session_id_own: {one}\n"
    desk.write(*entries)
    assert desk.once().status == 0
    desk.fleet.kill_server()

    assert [row["command"] for row in plan(desk)] == [["claude", "--resume", one] for one in ids]


def test_living_sessions_and_a_person_s_words_are_left_out(desk: Desk) -> None:
    desk.write(*desk.starts(API, agent="claude"), ended(desk, DOCS, status="paused"))

    assert plan(desk) == []
    assert desk.run("resume-plan").out == NOTHING
    rows = plan(desk, API, DOCS)
    assert [row["why"] for row in rows] == [
        "it is not known to have ended (the registry says: running)",
        "it is not known to have ended (the registry says: paused)",
    ]


def test_a_conversation_that_lives_on_elsewhere_is_not_resumed_and_its_holder_is_named(
    desk: Desk,
) -> None:
    options = ["--session-id", OWN, "--prompted"]
    folder = desk.workspace(API)
    pid = desk.fleet.start("by-hand", agent="claude", cwd=folder, options=options)

    assert why(desk, ended(desk, API)) == f"it is held by process {pid} in tmux session by-hand"


def test_nor_one_that_lives_on_outside_tmux(desk: Desk) -> None:
    folder = desk.workspace(API)
    words = standin.command(desk.fence.root / "bin", "claude", "--session-id", OWN, "--prompted")
    with subprocess.Popen(
        words, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as claude:
        assert claude.stdout is not None
        assert claude.stdout.readline(8) == "claude 0"
        try:
            text = f"it is held by process {claude.pid}, in no tmux session that was listed"
            assert why(desk, ended(desk, API)) == text
        finally:
            fences.end(psutil.Process(claude.pid))


def test_a_codex_that_may_have_taken_it_up_stands_in_the_way(desk: Desk) -> None:
    entry = lives(desk, CODEX)
    aged(desk)
    pid = desk.fleet.start("other", agent="codex", cwd=desk.workspace(CODEX))

    text = why(desk, entry)

    assert text.startswith(f"process {pid} in tmux session other works in the same directory")


def test_the_server_that_codex_leaves_behind_does_not(desk: Desk) -> None:
    """0.169.0: it holds the files of all panes, also after each of them has ended."""
    entry = lives(desk, CODEX)
    aged(desk)
    program = desk.fence.root / "server" / "codex"
    program.parent.mkdir()
    program.symlink_to("/bin/sh")
    words = [str(program), "-c", "sleep 86400; :", "app-server"]
    with subprocess.Popen(words, cwd=desk.workspace(CODEX)) as server:
        try:
            desk.write(entry)
            assert plan(desk)[0]["command"] == ["codex", "resume", OWN]
        finally:
            children = psutil.Process(server.pid).children()
            fences.end(psutil.Process(server.pid))
            for child in children:
                fences.end(child)


def test_what_was_likely_while_it_lived_is_a_word_and_never_a_command(desk: Desk) -> None:
    """Codex with its daemon: nothing proves which thread a pane has."""
    desk.write(*desk.starts(CODEX, agent="codex", options=("--prompted",)))
    desk.once()
    (rollout,) = (desk.fence.home / ".codex").rglob("rollout-*.jsonl")
    thread = rollout.stem[-36:]
    (row,) = desk.run("status", "--json").sessions
    assert (row["conversation_id"], row["conversation_proof"]) == (thread, "likely")
    assert f" {thread[:4]}…{thread[-4:]}? " in desk.run("status").out
    desk.fleet.start("keeps-the-server", agent="sleep")
    desk.fleet.kill(CODEX)
    desk.once()

    (told,) = plan(desk)

    assert told["command"] is None
    assert told["why"] == (
        "the id of its conversation is not recorded (codex_session_id_own): "
        f"it was probably {thread}, which nothing proves"
    )
    assert thread not in desk.registry.read_text()
    script = desk.run("resume-plan", "--tmux").out
    assert all(line.startswith("#") for line in script.splitlines() if thread in line)


def test_an_agent_of_another_home_does_not(desk: Desk) -> None:
    entry = lives(desk, CODEX)
    aged(desk)
    elsewhere = dict.fromkeys(("HOME", "XDG_DATA_HOME"), str(desk.fence.root / "other"))
    desk.fleet.start("other", agent="codex", cwd=desk.workspace(CODEX), environ=elsewhere)
    desk.write(entry)

    assert plan(desk)[0]["command"] == ["codex", "resume", OWN]


def test_an_id_without_a_transcript_gets_the_reason_that_class_d_gives(desk: Desk) -> None:
    lives(desk, DOCS, OTHER)
    desk.workspace(API)

    found = why(desk, ended(desk, API))

    assert found == f"recorded id {OWN} has no transcript (never written or deleted)"


def test_an_id_that_two_ended_entries_record_is_resumed_once(desk: Desk) -> None:
    desk.write(lives(desk, API), ended(desk, DOCS))

    done = desk.run("resume-plan", API)

    assert f"claude --resume {OWN}" in done.out
    assert f"# also recorded for {DOCS}: resume it once" in done.out


def test_a_transcript_of_another_directory_is_not_resumed_from_this_one(desk: Desk) -> None:
    lives(desk, DOCS)
    desk.workspace(API)

    assert "is not in the project folder of its directory" in why(desk, ended(desk, API))


def test_a_directory_that_is_gone_is_said(desk: Desk) -> None:
    entry = lives(desk, API)
    (desk.fence.home / "lab/lab-api").rmdir()

    assert why(desk, entry) == "its directory ~/lab/lab-api is not there"


@pytest.mark.parametrize("workspace", ['"/x\\ny"', "lab/x", "-x", "~other/x"])
def test_a_directory_that_can_be_none_is_no_word_of_a_command(desk: Desk, workspace: str) -> None:
    assert why(desk, ended(desk, API, workspace=workspace)).startswith("its directory")


@pytest.mark.parametrize("one", ['"--dangerously-skip-permissions"', "'; rm -rf ~'", "../x"])
def test_what_is_no_id_is_no_word_of_a_command(desk: Desk, one: str) -> None:
    desk.workspace(API)

    assert "not a session id of Claude Code" in why(desk, ended(desk, API, one))


def test_files_that_cannot_be_read_are_could_not_look(desk: Desk) -> None:
    desk.workspace(API)

    text = why(desk, ended(desk, API), status=3)

    assert text.startswith("could not look: ")
    assert ".claude/projects is not there" in text


def test_without_tmux_nobody_is_resumed(desk: Desk) -> None:
    desk.write(lives(desk, API))

    done = desk.run("resume-plan", environ={"PATH": "/nowhere"})

    assert done.status == 3
    assert "tmux is not installed" in done.complaints()
    assert "  no command: could not look: tmux is not installed" in done.out


def test_a_session_that_may_have_ended_is_complained_of(desk: Desk) -> None:
    with subprocess.Popen(["sleep", "1000"]) as outside:
        desk.write(*desk.starts(DOCS), desk.entry(API, pid=outside.pid))
        done = desk.run("resume-plan")
        outside.kill()

    assert (done.status, done.out) == (3, NOTHING)
    assert "still runs, in no session" in done.complaints()


def test_a_session_that_was_ended_but_lives_is_left_alone(desk: Desk) -> None:
    desk.starts(API, agent="claude", options=["--session-id", OWN, "--prompted"])

    assert "its session is alive (pane process " in why(desk, ended(desk, API))


def test_since_leaves_out_what_ended_before(desk: Desk) -> None:
    desk.write(
        ended(desk, API, terminated_at="2026-11-20T10:00:00Z"),
        ended(desk, DOCS, OTHER, terminated_at="null"),
    )

    def shown(since: str) -> list[str]:
        return [row["session"] for row in plan(desk, "--since", since, status=3)]

    assert shown("2026-11-20T10:00:00Z") == [API, DOCS]
    assert shown("2026-11-20T10:00:01Z") == [DOCS], "nobody knows when that one ended"
    assert shown("9999d") == [API, DOCS]


@pytest.mark.parametrize("since", ["yesterday", "-1h", "2h30", ""])
def test_a_since_that_is_no_time_is_to_be_mended(desk: Desk, since: str) -> None:
    desk.write(ended(desk, API))

    done = desk.run("resume-plan", f"--since={since}")

    assert done.status == 64
    assert "neither a time" in done.complaints()


def test_a_session_that_is_nobody_s_is_to_be_mended(desk: Desk) -> None:
    desk.write(ended(desk, API))

    done = desk.run("resume-plan", API, "lab-no\x1b[31m")

    assert (done.status, done.out) == (64, "")
    assert "has no session lab-no?[31m. See: agent-sessions status" in done.complaints()


def test_a_registry_that_cannot_be_read_is_said_once(desk: Desk) -> None:
    desk.write("sessions: [")

    done = desk.run("resume-plan", API)

    assert (done.status, done.out) == (64, "")
    done.complaints(1)


def test_what_the_registry_says_cannot_move_the_cursor(desk: Desk) -> None:
    desk.write(ended(desk, API, termination_cause='"\\e[2Jgone"'))

    done = desk.run("resume-plan")

    assert "\x1b" not in done.out
    assert "cause: ?[2Jgone" in done.out


@pytest.mark.parametrize(
    ("directory", "line"),
    [
        ("~", "cd ~ && x"),
        ("~/", "cd ~/ && x"),
        ("~/a b", "cd ~/'a b' && x"),
        ("/a~b", "cd '/a~b' && x"),
        ("/a'b", "cd '/a'\"'\"'b' && x"),
    ],
)
def test_the_tilde_alone_is_not_quoted(directory: str, line: str) -> None:
    found = Resumption(
        session=SessionName("x"),
        directory=directory,
        command=("x",),
        why=None,
        blind=False,
        ended=None,
    )
    assert resuming.shell(found) == line
