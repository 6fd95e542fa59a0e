"""What is wrong outside: a line for each trouble, the right exit status, and nothing written."""

from __future__ import annotations

import os
import re
import signal
import socket
import stat
import subprocess
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import portalocker
import psutil
import pytest

import commandline
from desk import Desk, by_class
from state import journal

GONE = "lab-gone-creator-claude"
LONG_GONE = 2**22 + 1
"""No process can have this pid."""
STALE_ID = str(uuid.uuid4())


def gone(desk: Desk) -> str:
    """The entry of a session that ended: what a run would write about, if it could."""
    return desk.entry(GONE, pid=LONG_GONE)


def lived(desk: Desk) -> tuple[str, ...]:
    """Entries of which one was ended, in a registry and a fleet that a tick has already seen."""
    names = [f"lab-{number}-creator-claude" for number in range(4)]
    entries = desk.starts("lab-keeper-creator-claude", *names)
    desk.write(*entries)
    assert desk.once("--exit-code").status == 0
    desk.fleet.kill(names[0])
    return entries


class Untouched:
    """The registry, its folder, its last good copy and the journal are as they were."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._before = self._all()

    def check(self) -> None:
        assert self._all() == self._before

    def _all(self) -> object:
        return commandline.everything_below(
            self._desk.registry.parent, *sorted(self._desk.state.glob("*"))
        )


# The registry -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Fault:
    """A registry that somebody must mend, where, and what they are told."""

    text: bytes
    at: str
    said: str


ENTRY = b"version: 1\nsessions:\n  - name: lab-x-creator-claude\n    status: running\n"
FAULTS = {
    "nothing": Fault(b"", "line 1, column 1", "nothing in it"),
    "no YAML": Fault(b"sessions: [\n", "line 2, column 1", "expected the node content"),
    "a tab": Fault(ENTRY + b"\tagent: claude\n", "line 5, column 1", "'\\\\t'|tab"),
    "an open quote": Fault(ENTRY + b'    agent: "cla\n', "line 6, column 1", "end of stream"),
    "a key twice": Fault(
        ENTRY + b"    agent: claude\n    status: terminated\n",
        "line 6, column 5",
        '"status" twice in one entry. Nothing was written. Keep one of the two lines, '
        "then run: agent-sessions check",
    ),
    "a second document": Fault(ENTRY + b"---\na: 1\n", "line 5, column 1", "second document"),
    "an alias to nothing": Fault(
        ENTRY + b"    agent: *a\n", "line 5, column 12", "refers to nothing"
    ),
    "a list as the whole": Fault(b"- name: x\n", "line 1, column 1", "not a mapping"),
    "text as the whole": Fault(b"sessions\n", "line 1, column 1", "not a mapping"),
    "a number of sessions": Fault(
        b"sessions: 3\n", "line 1, column 11", "neither a list nor a map"
    ),
    "no text": Fault(b"\xff\xfe\x00\xd8", "line 1, column", ""),
    "bytes that are no UTF-8": Fault(ENTRY + b"    note: caf\xe9\n", "line 5, column 14", "UTF-8"),
    "a control character": Fault(ENTRY + b"    note: \x07\n", "line 5, column 11", "U\\+0007"),
    "a huge escape": Fault(ENTRY + b'    note: "\\UFFFFFFFF"\n', "line 5, column 1|line 4", "YAML"),
    "nested too deeply": Fault(b"a: " + b"[" * 99 + b"]" * 99 + b"\n", "line 1, column", "deep"),
}
TWICE = b"  - name: lab-x-creator-claude\n"
ENTRY_FAULTS = {
    "no name": Fault(b"  - status: running\n", "line 5, column 5", "it needs `name:`"),
    "an entry of text": Fault(b"  - lab-y\n", "line 5, column 5", "no keys are below it"),
    "a list for a status": Fault(
        b"  - name: y\n    status: [running]\n",
        "line 6, column 13",
        '"status" is not a single value',
    ),
    "a word for a pid": Fault(
        b"  - name: y\n    pane: {pid: many}\n",
        "line 6, column 17",
        'pane.pid \\("many"\\) is neither',
    ),
    "a number for a pane": Fault(
        b"  - name: y\n    pane: 7\n", "line 6, column 11", '"pane" is neither a mapping nor null'
    ),
    "text for the identities": Fault(
        b"  - name: y\n    agent_identities: x\n", "line 6, column 23", "neither a mapping nor null"
    ),
    "a mapping for an id": Fault(
        b"  - name: y\n    claude_session_id_own: {a: b}\n",
        "line 6, column 28",
        "not a single value",
    ),
}


@pytest.mark.parametrize("fault", [pytest.param(each, id=name) for name, each in FAULTS.items()])
def test_a_registry_that_cannot_be_read_is_named_with_line_and_column(
    desk: Desk, fault: Fault
) -> None:
    desk.registry.write_bytes(fault.text)
    untouched = Untouched(desk)

    done = desk.once()

    assert done.status == 64
    said = done.complaints()
    assert re.search(rf"registry agent-sessions\.yaml, ({fault.at})", said), said
    assert re.search(fault.said, said), said
    assert "Nothing was written." in said
    assert "agent-sessions check" in said
    assert done.report["sources"]["registry"]["state"] == "unknown"
    assert done.report["drifts"] == []
    assert not desk.cache.exists()
    assert not desk.kept
    untouched.check()


@pytest.mark.parametrize(
    "fault", [pytest.param(each, id=name) for name, each in ENTRY_FAULTS.items()]
)
def test_one_faulty_entry_is_left_alone_and_the_others_are_written(
    desk: Desk, fault: Fault
) -> None:
    desk.starts("lab-x-creator-claude", "lab-new-creator-claude")
    desk.registry.write_bytes(ENTRY + fault.text + gone(desk).encode())
    desk.saved(60)

    done = desk.once()

    assert done.status == 64
    said = done.complaints()
    assert re.search(rf"registry agent-sessions\.yaml, {fault.at}: ", said), said
    assert re.search(fault.said, said), said
    assert "This entry is left alone. Mend it, then run: agent-sessions check" in said
    drifts = by_class(done.report)
    assert {kind: drift["session"] for kind, drift in drifts.items()} == {
        "A": GONE,
        "B": "lab-new-creator-claude",
    }
    assert {drift["action"] for drift in drifts.values()} == {"updated"}
    text = desk.registry.read_bytes()
    assert text.startswith(ENTRY + fault.text)
    assert text.count(b"status: terminated") == 1
    again = desk.once()
    assert (again.status, again.report["drifts"]) == (64, [])
    assert desk.registry.read_bytes() == text
    checked = desk.run("check")
    assert checked.status == 64
    line, column = re.findall(r"\d+", fault.at)
    assert f"{desk.registry}:{line}:{column}: fault: " in checked.out


def test_a_name_that_is_there_twice_keeps_all_from_being_written_and_none_from_being_judged(
    desk: Desk,
) -> None:
    desk.starts("lab-x-creator-claude", "lab-new-creator-claude")
    desk.registry.write_bytes(ENTRY + TWICE + gone(desk).encode())
    desk.saved(60)
    untouched = Untouched(desk)

    done = desk.once()

    assert done.status == 64
    said = done.complaints()
    assert "registry agent-sessions.yaml, line 5, column 11: " in said
    assert "the name is already used in line 3. Nothing was written. Mend it" in said
    drifts = by_class(done.report)
    assert drifts.keys() == {"A", "B"}
    assert {drift["action"] for drift in drifts.values()} == {"held"}
    assert "faults" in drifts["A"]["why"]
    untouched.check()
    assert not desk.kept, "a faulty registry is not the last good one"
    assert desk.run("check").status == 64


def test_each_faulty_entry_is_a_line_of_its_own(desk: Desk) -> None:
    desk.write("  - status: a\n", "  - lab-x\n")

    said = desk.run("reconcile", "--once").complaints(2)

    assert re.findall(r"line (\d+), column (\d+)", said) == [("3", "5"), ("4", "5")]


def is_folder(path: Path) -> None:
    path.mkdir()


def is_loop(path: Path) -> None:
    path.symlink_to(path.name)


def is_fifo(path: Path) -> None:
    os.mkfifo(path)


def is_huge(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(16 * 2**20 + 1)


def is_below_a_file(path: Path) -> None:
    path.parent.rmdir()
    path.parent.write_text("")


@pytest.mark.parametrize(
    ("make", "said"),
    [
        pytest.param(lambda _: None, "there is no such file.*agent-sessions init", id="missing"),
        pytest.param(is_below_a_file, "there is no such file", id="below a file"),
        pytest.param(is_folder, "is a folder", id="a folder"),
        pytest.param(is_loop, "is a symlink to itself", id="a symlink to itself"),
        pytest.param(is_fifo, "is not a regular file", id="a pipe"),
        pytest.param(is_huge, "is larger than 16 MiB", id="far too large"),
    ],
)
def test_a_registry_that_is_no_file_is_named_with_what_to_do(
    desk: Desk, make: Callable[[Path], None], said: str
) -> None:
    make(desk.registry)

    done = desk.run("reconcile", "--once")

    assert done.status == 64
    assert re.search(f"registry {desk.registry}:? {said}", done.complaints())
    assert not desk.cache.exists()


@pytest.mark.parametrize("words", [("status",), ("status", "--json"), ("check",)], ids=" ".join)
def test_every_command_names_a_missing_registry(desk: Desk, words: tuple[str, ...]) -> None:
    done = desk.run(*words)

    assert done.status == 64
    assert f"registry {desk.registry}: there is no such file" in done.complaints()


def test_an_unreadable_registry_is_no_empty_one(desk: Desk) -> None:
    desk.write(*desk.starts("lab-x-creator-claude"))
    desk.registry.chmod(0)

    done = desk.once(limit=commandline.unprivileged)

    assert done.status == 3
    assert "could not be read: permission denied" in done.complaints()
    assert done.report["drifts"] == []


@pytest.mark.parametrize(
    ("torn", "said"),
    [
        pytest.param(lambda _: b"", "5 of 5 entries are gone", id="empty"),
        pytest.param(lambda data: data[: len(data) // 2], "entries are gone|expected", id="half"),
        pytest.param(
            lambda data: data[:-9], "the last line is cut off|expected", id="its end lost"
        ),
        pytest.param(
            lambda data: data.partition(b"  - name: lab-1-")[0], "3 of 5 entries", id="entries lost"
        ),
        pytest.param(
            lambda _: b"version: 1\nsessions: []\n",
            "5 of 5 entries are gone",
            id="all entries lost",
        ),
    ],
)
def test_a_torn_registry_is_named_with_the_place_of_the_last_good_copy(
    desk: Desk, torn: Callable[[bytes], bytes], said: str
) -> None:
    lived(desk)
    good = desk.registry.read_bytes()
    desk.registry.write_bytes(torn(good))
    desk.saved(60)
    untouched = Untouched(desk)

    done = desk.once()

    assert done.status == 64
    text = done.complaints()
    assert re.search(said, text), text
    assert re.search(r"line \d+, column \d+", text)
    assert str(desk.copy) in text
    assert done.report["drifts"] == []
    untouched.check()
    assert desk.copy.read_bytes() == good


def test_a_last_entry_that_is_gone_is_torn_off_until_its_session_ends(desk: Desk) -> None:
    *others, last = lived(desk)
    desk.write(*others)
    untouched = Untouched(desk)

    torn = desk.once()

    assert torn.status == 64
    assert 'entry "lab-3-creator-claude" is gone and its session still runs' in torn.complaints()
    assert torn.report["drifts"] == []
    untouched.check()
    desk.fleet.kill("lab-3-creator-claude")
    done = desk.once()
    assert done.status == 0
    assert by_class(done.report)["A"]["action"] == "updated"
    assert last in desk.copy.with_suffix(".before.yaml").read_text()


def test_an_entry_that_somebody_removed_by_hand_is_no_torn_file(desk: Desk) -> None:
    keeper, ended, living, *others = lived(desk)
    desk.write(keeper, ended, *others)

    done = desk.once()

    assert done.status == 0
    done.complaints(0)
    found = by_class(done.report)
    assert found["A"]["session"] in ended
    assert found["B"]["session"] in living


def test_a_registry_of_several_names_is_looked_at_and_not_written(desk: Desk) -> None:
    """The dead session is seen and told; what would part the names is one error instead."""
    (alive,) = desk.starts("lab-a-creator-claude")
    desk.write(alive, desk.entry("lab-x-creator-claude", None))
    other = desk.registry.with_name("other.yaml")
    other.hardlink_to(desk.registry)
    before = desk.registry.read_bytes()

    checked = desk.run("check")
    dry = desk.once("--dry-run")
    done = desk.once()

    assert checked.status == 64
    assert f"{desk.registry}:1:1: fault: the file has 2 names (hard links)" in checked.out
    assert (dry.status, dry.err) == (0, "")
    assert done.status == 64
    assert done.err.count("has 2 names (hard links)") == 1
    assert desk.registry.read_bytes() == before
    assert other.samefile(desk.registry)


@pytest.mark.parametrize(
    ("key", "value", "noted"),
    [
        ("status", "paused", 'status "paused" is none that is judged, and left alone'),
        ("agent", "aider", 'agent "aider" is none of claude, agy'),
        ("claude_session_id_own", "87dc548e", '"87dc548e" is no session id of claude'),
        ("opencode_session_id_own", "x-1", '"x-1" is no session id of opencode'),
        ("created_at", "today", 'created_at "today" is no timestamp'),
    ],
)
def test_what_nobody_knows_is_left_alone_and_noted_by_check(
    desk: Desk, key: str, value: str, noted: str
) -> None:
    (entry,) = desk.starts("lab-x-creator-claude")
    odd = desk.entry("lab-odd-creator-claude", None, **{key: value})
    desk.write(entry, odd)
    line = desk.registry.read_text().splitlines().index(f"    {key}: {value}", 8) + 1

    checked = desk.run("check")
    done = desk.once("--exit-code")

    assert checked.status == 0
    note, verdict = checked.out.splitlines()
    place = f'{desk.registry}:{line}:{len(key) + 7}: note: entry "lab-odd-creator-claude": '
    assert note.startswith(place + noted)
    assert verdict == f"{desk.registry}: ok, 2 entries"
    done.complaints(0)
    assert [each["class"] for each in done.report["drifts"]] == ([] if key == "status" else ["A"])
    assert done.status == (0 if key == "status" else 2)
    assert (odd in desk.registry.read_text()) == (key == "status")


def test_a_status_that_is_nearly_running_is_told_by_every_look(desk: Desk) -> None:
    name = "lab-x-creator-claude"
    desk.starts(name)
    desk.write(desk.entry(name, status="Running"))

    done = desk.once("--exit-code")
    checked = desk.run("check")

    assert (done.status, done.report["drifts"]) == (2, [])
    (notice,) = done.report["notices"]
    assert (notice["kind"], notice["session"]) == ("odd-status", name)
    assert "its status is 'Running', so it is not watched: write `running`" in notice["message"]
    assert 'status "Running" is none that is judged, and left alone: is `running` meant?' in (
        checked.out
    )
    assert "status: Running" in desk.registry.read_text()


@pytest.mark.parametrize("words", ["init", "status", "reconcile --once", "check", "resume-plan"])
def test_a_symlink_that_leads_nowhere_is_named_with_what_to_do(desk: Desk, words: str) -> None:
    desk.registry.symlink_to("moved/away.yaml")

    done = desk.run(*words.split())

    assert done.status == 64
    said = done.complaints()
    assert f"registry {desk.registry} is a symlink to moved/away.yaml, and nothing is there" in said
    assert "Put that file back, or remove the link and write one" in said
    assert desk.registry.is_symlink()
    desk.registry.unlink()
    assert desk.run("init").status == 0, "what it advises works"


# Arguments and config ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("reconsile", "invalid choice: 'reconsile'"),
        ("reconcile --onse", "unrecognized arguments: --onse"),
        ("reconcile --interval", "expected one argument"),
        (
            "reconcile --once --interval 0",
            "interval is '0'; it must be a duration above 0: 30 or 30s, 5m, 2h, 1d",
        ),
        ("reconcile --once --interval nan", "interval is 'nan'"),
        ("reconcile --once --grace -3", "grace is '-3'|expected one argument"),
        ("status --json --watch", "not allowed with argument"),
        ("status --watch --interval soon", "interval is 'soon'"),
        ("check --her", "unrecognized arguments: --her"),
        ("--host a\abox status", r"host is 'a\\x07box'; it must be a name"),
        (f"--host {'x' * 256} status", "at most 255 printable characters"),
        ("--config /nowhere.yaml status", "config /nowhere.yaml is not there"),
    ],
)
def test_an_argument_that_makes_no_sense_is_named(desk: Desk, words: str, said: str) -> None:
    desk.write(gone(desk))
    untouched = Untouched(desk)

    done = desk.run(*words.split())

    assert done.status == 64
    assert re.search(said, done.complaints())
    assert done.out == ""
    untouched.check()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param(b"interval: [\n", "line 2, column 1: expected the node", id="no YAML"),
        pytest.param(
            b"interval: 1\ninterval: 2\n", "line 2, column 1: found dupl", id="a key twice"
        ),
        pytest.param(b"- interval\n", "it must be a mapping with the keys registry,", id="a list"),
        pytest.param(
            b"intervall: 30\n", "unknown key 'intervall'. It may have: ", id="unknown key"
        ),
        pytest.param(b"interval: often\n", "interval is 'often'", id="a word for a number"),
        pytest.param(b"interval: 2001-13-45\n", "month must be in", id="no date"),
        pytest.param(b'interval: "\\UFFFFFFFF"\n', "config", id="a huge escape"),
        pytest.param(b"grace: caf\xe9\n", "no UTF-8 text", id="no UTF-8"),
        pytest.param(b"grace: \x07\n", "config", id="a control character"),
    ],
)
def test_a_config_that_makes_no_sense_is_named_with_its_line(
    desk: Desk, text: bytes, said: str
) -> None:
    config = desk.fence.home / ".config/agent-sessions/config.yaml"
    config.parent.mkdir(parents=True)
    config.write_bytes(text)
    desk.write(gone(desk))
    untouched = Untouched(desk)

    done = desk.run("reconcile", "--once")

    assert done.status == 64
    assert said in done.complaints()
    untouched.check()


# tmux -------------------------------------------------------------------------------------------


def test_without_tmux_nothing_is_concluded_and_the_rest_is_still_reported(desk: Desk) -> None:
    entries = lived(desk)
    stale = f"    agent_identities: {{claude: {{session_id: {STALE_ID}}}}}\n"
    desk.write(*entries, gone(desk) + stale)
    (desk.fence.home / ".claude/projects").mkdir(parents=True)
    before = commandline.everything_below(desk.registry.parent)

    done = desk.once(environ={"PATH": "/nowhere"})

    assert done.status == 3
    assert "tmux is not installed, or not on PATH" in done.complaints()
    assert done.report["sources"]["tmux"]["state"] == "unknown"
    assert done.report["sources"]["registry"]["state"] == "ok"
    assert "A" not in by_class(done.report)
    assert commandline.everything_below(desk.registry.parent) == before
    assert desk.journal == []
    table = desk.run("status", environ={"PATH": "/nowhere"})
    assert table.status == 3
    assert table.out.count(" unknown ") >= 5


def test_a_tmux_that_hangs_is_given_up_after_its_deadline(desk: Desk) -> None:
    """Nothing on the command line shortens the deadline, so this takes its 5 s."""
    lived(desk)
    untouched = Untouched(desk)
    server = psutil.Process(desk.fleet.server_pid)
    server.suspend()
    try:
        done = desk.once()
    finally:
        server.resume()

    assert done.status == 3
    assert f"tmux gave no answer within 5 s on {desk.fleet.socket}" in done.complaints()
    assert done.report["drifts"] == []
    untouched.check()
    assert by_class(desk.once().report)["A"]["action"] == "updated"


def test_a_socket_that_is_none_is_no_proof_of_death(desk: Desk) -> None:
    desk.write(gone(desk))
    desk.fleet.socket.write_text("")

    done = desk.once()

    assert done.status == 3
    assert f"{desk.fleet.socket} is not a socket" in done.complaints()
    assert done.report["drifts"] == []


def test_a_socket_that_somebody_else_listens_on_is_no_proof_of_death(desk: Desk) -> None:
    desk.write(gone(desk))
    with socket.socket(socket.AF_UNIX) as foreign:
        foreign.bind(str(desk.fleet.socket))
        foreign.listen()

        def hang_up() -> None:
            foreign.accept()[0].close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        done = desk.once()
        thread.join()

    assert done.status == 3
    assert f"tmux on {desk.fleet.socket}: " in done.complaints()
    assert done.report["drifts"] == []


def test_of_two_servers_the_one_that_answers_is_still_reported(desk: Desk) -> None:
    desk.starts("lab-new-creator-claude")
    desk.write(gone(desk))
    other = desk.fence.tmux / "broken"
    other.write_text("")

    done = desk.once("--tmux-socket", str(desk.fleet.socket), "--tmux-socket", str(other))

    assert done.status == 3
    assert "is not a socket" in done.complaints()
    (drift,) = done.report["drifts"]
    assert (drift["class"], drift["session"]) == ("B", "lab-new-creator-claude")


# The agents' files ------------------------------------------------------------------------------


@pytest.mark.parametrize("below", ["", "projects"])
def test_a_transcript_folder_that_cannot_be_read_proves_no_id_stale(desk: Desk, below: str) -> None:
    own = str(uuid.uuid4())
    options = ["--session-id", own, "--prompted"]
    (entry,) = desk.starts("lab-x-creator-claude", agent="claude", options=options)
    recorded = f"    claude_session_id_own: {own}\n"
    recorded += f"    agent_identities: {{claude: {{session_id: {STALE_ID}}}}}\n"
    desk.write(entry + recorded, gone(desk))
    folder = desk.fence.home / ".claude" / below
    folder.chmod(0)
    try:
        done = desk.once(limit=commandline.unprivileged)
    finally:
        folder.chmod(0o700)

    assert done.status == 3
    assert "cannot see: " in done.complaints(None)
    assert f"{folder}" in done.err
    assert done.report["sources"]["claude"]["state"] == "unknown"
    assert [(each["class"], each["session"]) for each in done.report["drifts"]] == [("A", GONE)]
    assert by_class(desk.once().report)["D"]["session"] == "lab-x-creator-claude"


# Writing ----------------------------------------------------------------------------------------


def test_a_registry_in_a_folder_that_is_not_ours_to_write_stays(desk: Desk) -> None:
    lived(desk)
    untouched = Untouched(desk)
    desk.registry.parent.chmod(0o500)
    try:
        done = desk.once(limit=commandline.unprivileged)
    finally:
        desk.registry.parent.chmod(0o755)

    assert done.status == 3
    assert "permission denied" in done.complaints()
    drift = by_class(done.report)["A"]
    assert drift["action"] == "held"
    assert "permission denied" in drift["why"]
    assert not done.report["registry_written"]
    assert desk.journal == []
    untouched.check()
    assert by_class(desk.once().report)["A"]["action"] == "updated"


@pytest.mark.parametrize("which", ["cache", "state"])
def test_a_memory_that_cannot_be_written_is_named(desk: Desk, which: str) -> None:
    lived(desk)
    before = desk.registry.read_bytes()
    folder: Path = getattr(desk, which)
    for file in folder.iterdir():
        file.chmod(0o400)
    folder.chmod(0o500)
    try:
        done = desk.once(limit=commandline.unprivileged)
    finally:
        folder.chmod(0o700)

    assert done.status == 3
    assert "permission denied" in done.complaints()
    if which == "state":
        assert desk.registry.read_bytes() == before, "no change without its line in the journal"
        assert by_class(done.report)["A"]["action"] == "held"
    else:
        assert by_class(done.report)["A"]["action"] == "updated"


@pytest.mark.parametrize(
    ("limit", "what"),
    [
        pytest.param(0, "could not be ", id="nothing can be written"),
        pytest.param(1, "registry .*could not be written", id="next to nothing"),
        pytest.param(
            32_768, "registry .*could not be written \\(the old one is intact\\)", id="some"
        ),
    ],
)
def test_a_full_disk_leaves_the_old_registry_whole(desk: Desk, limit: int, what: str) -> None:
    entries = lived(desk)
    desk.write(*entries, "# " + "x" * 40_000 + "\n")
    before = desk.registry.read_bytes()

    done = desk.once(limit=commandline.no_more_than(limit))

    assert done.status == 3
    said = done.complaints(None)
    assert re.search(what, said), said
    assert "the limit on file size is reached" in said or "No usable temporary" in said
    assert by_class(done.report)["A"]["action"] == "held"
    assert desk.registry.read_bytes() == before
    names = {path.name for path in desk.registry.parent.iterdir()}
    beside = {f"{desk.registry.name}.lock", f".{desk.registry.name}.places"}
    assert names <= {desk.registry.name, *beside}
    assert all(change.void for change in journal.read(desk.state / "journal.jsonl").changes)
    after = desk.once()
    assert after.status == 0
    assert by_class(after.report)["A"]["action"] == "updated"


def test_what_cannot_be_printed_is_named_and_the_tick_has_been_made(desk: Desk) -> None:
    desk.write(gone(desk))
    desk.starts("lab-keeper-creator-claude")
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            commandline.command("reconcile", "--once"),
            env=commandline.environment(desk.environ),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )

    assert done.returncode == 3
    said = "agent-sessions: the output could not be written: the disk is full"
    assert done.stderr.startswith(said)
    assert len(done.stderr.splitlines()) == 1
    assert len(desk.journal) == 2


def test_a_reader_that_has_gone_is_no_traceback(desk: Desk) -> None:
    desk.write(*desk.starts("lab-keeper-creator-claude"), gone(desk))
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as pipe:
        done = subprocess.run(
            commandline.command("reconcile", "--once", "--emit-diff"),
            env=commandline.environment(desk.environ),
            stdout=pipe,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )

    assert (done.returncode, done.stderr) == (3, "")


@pytest.mark.parametrize("stream", [1, 2])
def test_a_stream_that_is_closed_is_no_traceback(desk: Desk, stream: int) -> None:
    desk.write(*desk.starts("lab-keeper-creator-claude"), gone(desk))
    line = f'exec "$0" -m kanban_worker reconcile --once {stream}>&-'

    done = subprocess.run(
        ["sh", "-c", line, commandline.command()[0]],
        env=commandline.environment(desk.environ),
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")


# The lock ---------------------------------------------------------------------------------------


def test_a_lock_that_another_process_keeps_holds_the_write_back(desk: Desk) -> None:
    """Nothing on the command line shortens the wait, so this takes its 5 s."""
    lived(desk)
    lock = desk.registry.with_name(f"{desk.registry.name}.lock")
    with portalocker.Lock(lock, "a", timeout=1):
        untouched = Untouched(desk)
        done = desk.once()
        untouched.check()

    assert done.status == 3
    assert f"lock {lock} is held by another process" in done.complaints()
    assert done.report["registry_written"] is False
    drift = by_class(done.report)["A"]
    assert drift["action"] == "held"
    assert "held by another process" in drift["why"]
    assert stat.S_ISREG(lock.stat().st_mode)
    assert by_class(desk.once().report)["A"]["action"] == "updated"


@pytest.mark.parametrize("sig", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_waiting_for_the_lock_ends_it_with_nothing_written(
    desk: Desk, sig: signal.Signals
) -> None:
    lived(desk)
    lock = desk.registry.with_name(f"{desk.registry.name}.lock")
    with portalocker.Lock(lock, "a", timeout=1):
        untouched = Untouched(desk)
        with desk.poll() as poll:
            poll.wait_for(lambda: poll.has_open(lock), "the wait for the lock")
            done = poll.end(sig)
        untouched.check()

    assert (done.status, done.err) == (130, "")


def test_a_pid_that_is_gone_is_no_death_where_no_tmux_server_ever_ran(desk: Desk) -> None:
    """The registry may be another host's, or be seen from within a container."""
    desk.write(gone(desk))

    done = desk.once()

    assert done.status == 3
    assert "nothing shows that one ever did here" in done.complaints(None)
    assert done.report["drifts"] == []
    assert "status: running" in desk.registry.read_text("utf-8")
    assert not done.report["registry_written"]


def test_a_socket_that_a_server_left_behind_shows_that_it_is_over(desk: Desk) -> None:
    (entry,) = desk.starts("lab-only-creator-claude")
    desk.write(entry)
    desk.fleet.kill("lab-only-creator-claude")  # and with its last session the server ends

    held = desk.once()
    desk.let_pass(10)
    done = desk.once()

    assert by_class(held.report)["A"]["why"].startswith("no tmux session is left")
    assert by_class(done.report)["A"]["action"] == "updated"
    assert "termination_cause: tmux-server-died" in desk.registry.read_text("utf-8")
