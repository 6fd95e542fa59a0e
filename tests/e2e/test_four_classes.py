"""The main job, from end to end: one run finds and settles the four classes of drift."""

from __future__ import annotations

import difflib
import json
import os
import re
import stat
import subprocess
import sys
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

import commandline
from desk import Desk, by_class
from fleet import Fleet
from waiting import retry_until

API, LANDING = "lab-api-creator-claude", "lab-landing-page-creator-claude"
DOCS, PAPER = "lab-docs-creator-claude", "lab-paper-creator-agy"
API_ID = str(uuid.uuid4())
LANDING_ID = str(uuid.uuid4())
DOCS_ID = str(uuid.uuid4())
STALE_ID = str(uuid.uuid4())

LIST = """\
# ⚠ by hand: the sessions of 研究室
version: 1

defaults: &host {host: mini, note: "don't, ever"}   # an anchor
sessions:
    # --- the api ---
    -   name: 'lab-api-creator-claude'   # quoted
        workspace: "~/lab/lab-api"
        agent: claude
        status: running        # ends in the story
        created_at: CREATED
        pane:
            pid: API_PID
            cmd: claude
        claude_session_id_own: API_ID
        delegate_job_id: ~
        where: *host


    -   name: lab-landing-page-creator-claude
        workspace: ~/lab/lab-landing-page
        agent: claude
        status: running
        pane: {pid: LANDING_PID, cmd: claude}
        claude_session_id_own: null     # filled once the first message was sent
        job: 0123
    -   {name: lab-docs-creator-claude, agent: claude, status: running,
         agent_identities: {claude: {session_id: STALE_ID}},   # stale
         claude_session_id_own: DOCS_ID}
    -   name: "lab-old-creator-claude"
        status: archived                # a person's word
# the end, without a line break"""

MAPPING = """\
%YAML 1.2
---
version: 1
sessions:
  lab-docs-creator-claude:
    agent: claude
    status: 'running'
    agent_identities: {claude: {session_id: STALE_ID}}
    claude_session_id_own: DOCS_ID
  # 研究
  lab-api-creator-claude:
    agent: claude
    claude_session_id_own: API_ID
    pane: {pid: API_PID}
    status: "running" # soon not
  "lab-landing-page-creator-claude":
    agent: claude
    status: running
    pane: {pid: LANDING_PID}
    claude_session_id_own:
notes: |
  status: running
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hand:
    """A registry as somebody wrote it, and the lines that one run takes out and puts in."""

    text: str
    out: str
    put: str
    newline: str = "\n"

    def filled(self, facts: Mapping[str, object]) -> str:
        return _filled(self.text.replace("\n", self.newline), facts)

    def diff(self, facts: Mapping[str, object]) -> tuple[list[str], list[str]]:
        both = [_filled(text.replace("\n", self.newline), facts) for text in (self.out, self.put)]
        return both[0].splitlines(keepends=True), both[1].splitlines(keepends=True)


def _filled(text: str, facts: Mapping[str, object]) -> str:
    for word, value in facts.items():
        text = re.sub(rf"\b{word}\b", str(value), text)
    return text


HANDS = {
    "a list, CRLF, 4 indents, comments and an anchor": Hand(
        text=LIST,
        newline="\r\n",
        out="""\
        status: running        # ends in the story
        claude_session_id_own: null     # filled once the first message was sent
""",
        put="""\
        status: terminated        # ends in the story
        terminated_at: NOW
        termination_mode: auto-detected
        termination_cause: session-closed
        claude_session_id_own: LANDING_ID     # filled once the first message was sent
    -   name: lab-paper-creator-agy
        workspace: HOME/lab/lab-paper
        agent: agy
        status: running
        host: HOST
        created_at: PAPER_CREATED
        last_visible_status: auto-registered
        pane: {pid: PAPER_PID, cmd: agy, cwd: HOME/lab/lab-paper}
        agy_session_id_own: null
""",
    ),
    "a mapping, 2 indents, a directive": Hand(
        text=MAPPING,
        out="""\
    status: "running" # soon not
    claude_session_id_own:
""",
        put="""\
    status: "terminated" # soon not
    terminated_at: NOW
    termination_mode: auto-detected
    termination_cause: session-closed
    claude_session_id_own: LANDING_ID
  lab-paper-creator-agy:
    workspace: HOME/lab/lab-paper
    agent: agy
    status: running
    host: HOST
    created_at: PAPER_CREATED
    last_visible_status: auto-registered
    pane: {pid: PAPER_PID, cmd: agy, cwd: HOME/lab/lab-paper}
    agy_session_id_own: null
""",
    ),
}


def act(desk: Desk, hand: Hand) -> Mapping[str, object]:
    """Play the story of the four classes, with a registry by this hand; what became known."""
    own = {API: API_ID, LANDING: LANDING_ID, DOCS: DOCS_ID}
    pids = {
        name: desk.fleet.start(
            name, agent="claude", cwd=desk.workspace(name), options=["--session-id", conversation]
        )
        for name, conversation in own.items()
    }
    for name in own:
        desk.fleet.send(name, "prompt")
    created = desk.fleet.tmux("display-message", "-p", "-t", f"={API}:", "#{session_created}")
    desk.fleet.kill(API)
    pids[PAPER] = desk.fleet.start(PAPER, agent="agy", cwd=desk.workspace(PAPER))
    born = desk.fleet.tmux("display-message", "-p", "-t", f"={PAPER}:", "#{session_created}")
    facts = {
        "HOME": desk.fence.home,
        "CREATED": _moment(created),
        "PAPER_CREATED": _moment(born),
        "HOST": os.uname().nodename,
        "API_PID": pids[API],
        "LANDING_PID": pids[LANDING],
        "PAPER_PID": pids[PAPER],
        "API_ID": API_ID,
        "LANDING_ID": LANDING_ID,
        "DOCS_ID": DOCS_ID,
        "STALE_ID": STALE_ID,
    }
    desk.write(text=hand.filled(facts))
    return facts


def _moment(epoch: str) -> str:
    local = datetime.fromtimestamp(int(epoch), UTC).astimezone()
    return local.isoformat().replace("+00:00", "Z")


def parts(before: bytes, after: bytes) -> tuple[list[str], list[str]]:
    """The lines that were taken out, and those that were put in."""
    old, young = (data.decode().splitlines(keepends=True) for data in (before, after))
    matcher = difflib.SequenceMatcher(None, old, young, autojunk=False)
    out: list[str] = []
    put: list[str] = []
    for kind, a, b, c, d in matcher.get_opcodes():
        if kind != "equal":
            out += old[a:b]
            put += young[c:d]
    return out, put


@pytest.mark.parametrize("hand", [pytest.param(hand, id=name) for name, hand in HANDS.items()])
def test_one_run_settles_the_four_classes_and_touches_only_their_keys(
    desk: Desk, hand: Hand
) -> None:
    facts = act(desk, hand)
    before = desk.registry.read_bytes()
    desk.registry.chmod(0o640)

    done = desk.once()

    assert done.status == 0
    done.complaints(0)
    found = by_class(done.report)
    assert {
        kind: (each["session"], each["action"], each["new"]) for kind, each in found.items()
    } == {
        "A": (API, "updated", True),
        "B": (PAPER, "updated", True),
        "C": (LANDING, "updated", True),
        "D": (DOCS, "flagged", True),
    }
    pid = facts["API_PID"]
    assert re.fullmatch(
        rf"{API}: tmux gone \(was pane {pid}(, cmd claude)?\)\. Marked terminated\.",
        found["A"]["message"],
    )
    assert found["B"]["message"] == f"{PAPER}: tmux found but not in YAML. Auto-registered."
    short = f"{LANDING_ID[:4]}…{LANDING_ID[-3:]}"
    assert found["C"]["message"] == f"{LANDING}: session id materialized {short}"
    assert f"recorded id {STALE_ID} has no transcript" in found["D"]["message"]
    assert done.report["registry_written"]
    noticed = next(
        each["after"] for each in found["A"]["changes"] if each["key"] == "terminated_at"
    )
    now = noticed.replace("+00:00", "Z")
    assert parts(before, desk.registry.read_bytes()) == hand.diff({**facts, "NOW": now})
    assert stat.S_IMODE(desk.registry.stat().st_mode) == 0o640


def test_a_second_run_writes_nothing_and_finds_nothing_new(desk: Desk) -> None:
    act(desk, HANDS["a list, CRLF, 4 indents, comments and an anchor"])
    first = desk.once().report
    desk.saved(60)
    before = commandline.everything_below(desk.registry.parent, desk.state)

    second = desk.once("--exit-code")

    assert second.status == 2
    (drift,) = second.report["drifts"]
    assert (drift["class"], drift["new"]) == ("D", False)
    assert (drift["id"], drift["since"]) == (
        by_class(first)["D"]["id"],
        by_class(first)["D"]["since"],
    )
    assert not second.report["registry_written"]
    assert commandline.everything_below(desk.registry.parent, desk.state) == before


def test_the_journal_has_a_line_for_each_change_with_what_it_rests_on(desk: Desk) -> None:
    act(desk, HANDS["a mapping, 2 indents, a directive"])

    report = by_class(desk.once().report)

    lines = {line["class"]: line for line in desk.journal}
    assert sorted(line["class"] for line in desk.journal) == ["A", "B", "C"]
    for kind, line in lines.items():
        assert line["drift"] == report[kind]["id"]
        assert line["session"] == report[kind]["session"]
        assert line["evidence"]
        assert [each["key"] for each in line["changes"]] == [
            each["key"] for each in report[kind]["changes"]
        ]
    assert lines["C"]["changes"] == [
        {"key": "claude_session_id_own", "before": None, "after": LANDING_ID}
    ]
    assert len({line["after_sha256"] for line in lines.values()}) == 1, "one write for all"


def test_what_is_remembered_is_for_the_owners_eyes_only(desk: Desk) -> None:
    act(desk, HANDS["a mapping, 2 indents, a directive"])

    desk.once()

    assert desk.copy.read_bytes() == desk.registry.read_bytes()
    assert json.loads(desk.ledger.read_text())["version"] == 1
    for folder in (desk.cache, desk.state):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        for file in folder.iterdir():
            assert stat.S_IMODE(file.stat().st_mode) == 0o600, file


def test_the_report_can_be_piped_into_a_json_tool(desk: Desk) -> None:
    act(desk, HANDS["a mapping, 2 indents, a directive"])
    line = '"$0" -m kanban_worker reconcile --emit-diff --once | "$0" -m json.tool'

    done = subprocess.run(
        ["sh", "-c", line, sys.executable],
        env=commandline.environment(desk.environ),
        capture_output=True,
        encoding="utf-8",
        check=True,
    )

    assert {each["class"] for each in commandline.checked(done.stdout)["drifts"]} == set("ABCD")
    assert done.stderr == ""


def test_without_json_each_finding_is_a_line_and_the_sources_are_the_last(desk: Desk) -> None:
    act(desk, HANDS["a mapping, 2 indents, a directive"])

    done = desk.run("reconcile", "--once")

    *findings, sources = done.out.splitlines()
    assert [re.sub(r"^\[([A-D])-[0-9a-f]{8}\] (\S+): .*", r"\1 \2", line) for line in findings] == [
        f"A {API}",
        f"D {DOCS}",
        f"C {LANDING}",
        f"B {PAPER}",
    ]
    assert sources == "tmux ok, 3 sessions · registry ok, 3 entries · claude ok"


def test_verbose_says_what_each_finding_rests_on(desk: Desk) -> None:
    act(desk, HANDS["a mapping, 2 indents, a directive"])

    for words in (("-v", "reconcile", "--once", "--dry-run"), ("reconcile", "-v", "--once")):
        done = desk.run(*words)
        assert "    cause: session-closed" in done.out.splitlines()
        assert "    proof: pid-file" in done.out.splitlines()


def test_after_clear_the_new_id_is_recorded_and_the_old_one_kept(desk: Desk) -> None:
    name = LANDING
    pid = desk.fleet.start(
        name,
        agent="claude",
        cwd=desk.workspace(name),
        options=["--session-id", LANDING_ID, "--prompted"],
    )
    desk.write(desk.entry(name, pid, claude_session_id_own=LANDING_ID))
    desk.fleet.send(name, "clear")

    done = desk.once()

    (drift,) = done.report["drifts"]
    assert drift["class"] == "C"
    assert f"(was {LANDING_ID[:4]}…{LANDING_ID[-3:]})" in drift["message"]
    text = desk.registry.read_text()
    (new,) = re.findall(r"claude_session_id_own: (\S+)", text)
    assert new != LANDING_ID
    assert re.search(rf"session_id_history:\n +- {{agent: claude, id: {LANDING_ID}, ", text)


def test_a_name_that_tmux_rewrites_is_still_the_entry_s(desk: Desk) -> None:
    """For tmux writes `.` and `:` of a name as `_`."""
    (entry,) = desk.starts("lab-v1_0-creator-claude")
    desk.write(entry.replace("lab-v1_0-creator", "lab-v1.0-creator"))

    report = desk.once().report

    assert report["drifts"] == []


def test_a_directory_that_is_no_text_breaks_neither_json_nor_table(desk: Desk) -> None:
    odd = desk.fence.home / os.fsdecode("😀caf".encode() + b"\xe9\n\x1b[31m")
    odd.mkdir()
    desk.fleet.start("lab-odd-creator-claude", agent="claude", cwd=odd)
    desk.write(desk.entry("lab-gone-creator-claude", pid=2**22 + 1))

    for locale in ("C", "C.UTF-8", "en_US.ISO-8859-1"):
        done = desk.once("--dry-run", environ={"LC_ALL": locale})
        assert done.status == 0
        assert done.report["drifts"][1]["workspace"].endswith("/😀caf\udce9\n\x1b[31m")
    ascii_only = desk.once("--dry-run", environ={"PYTHONIOENCODING": "ascii"})
    assert ascii_only.out.isascii()
    assert ascii_only.report["drifts"][1]["workspace"].endswith("/😀caf\udce9\n\x1b[31m")
    table = desk.run("status", environ={"PYTHONIOENCODING": "ascii"})
    assert table.status == 0
    assert table.out.isascii()
    assert "\x1b" not in table.out
    assert len(table.out.splitlines()) == 4
    written = desk.once()
    assert {each["session"]: each["action"] for each in written.report["drifts"]} == {
        "lab-gone-creator-claude": "updated",
        "lab-odd-creator-claude": "held",
    }


def test_two_servers_are_watched_at_once_and_one_tick_sees_both(desk: Desk) -> None:
    """Both flags are given; the variable that names a socket is overruled."""
    with Fleet(desk.fence.tmux / "other") as other:
        (entry,) = desk.starts("lab-one-creator-claude")
        pid = other.start("lab-two-creator-claude", agent="sleep", cwd=desk.workspace("lab-two"))
        desk.write(entry, desk.entry("lab-two-creator-claude", pid))
        sockets = ["--tmux-socket", str(desk.fleet.socket), "--tmux-socket", str(other.socket)]

        report = desk.once(*sockets, environ={"AGENT_SESSIONS_TMUX_SOCKET": "/nowhere/s"}).report

    assert report["drifts"] == []
    assert report["sources"]["tmux"] == {
        "state": "ok",
        "sessions": 2,
        "since": report["tick"]["at"],
    }


def test_a_drift_that_was_settled_and_comes_back_is_new_again(desk: Desk) -> None:
    (entry,) = desk.starts(DOCS, agent="claude", options=["--session-id", DOCS_ID, "--prompted"])
    own = f"    claude_session_id_own: {DOCS_ID}\n"
    stale = f"    agent_identities: {{claude: {{session_id: {STALE_ID}}}}}\n"
    seen = []
    for identities in (stale, stale, "", stale):
        desk.write(entry + own + identities)
        seen.append([(each["id"], each["new"]) for each in desk.once().report["drifts"]])

    (first,), (again,), gone, (back,) = seen
    assert (first[1], again[1], gone, back[1]) == (True, False, [], True)
    assert first[0] == again[0] == back[0]


def test_other_agents_ids_materialise_too(desk: Desk) -> None:
    name, found = "lab-other-creator-agy", "agy_session_id_own"
    (entry,) = desk.starts(name, agent="agy")
    desk.write(f"{entry}    {found}: null\n")
    assert desk.once().report["drifts"] == []
    desk.fleet.send(name, "prompt")

    def materialised() -> bool:
        return [each["class"] for each in desk.once().report["drifts"]] == ["C"]

    retry_until(materialised, what="the id")
    assert re.search(rf"{found}: [0-9a-f]{{8}}-", desk.registry.read_text())
