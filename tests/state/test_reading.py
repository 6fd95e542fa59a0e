"""What a read of the registry file gives: values, a person's fresh edits, or one clear error."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from reconcile.desired import SETTLED
from state import paths, snapshot
from state.errors import CouldNot, MonitorError, MustMend
from state.registry import RegistryFile

SAVED = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
LATER = SAVED + timedelta(minutes=1)
NAMES = ("a", "b", "c", "d", "e")


def text_of(*names: str, status: str = "running") -> str:
    entries = "".join(f"  - name: {name}\n    status: {status}\n" for name in names)
    return f"version: 1\nsessions:\n{entries}"


class Home:
    """One registry in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "agent-sessions.yaml"
        self.state = folder / "state"
        self.file = self.process()

    def process(self) -> RegistryFile:
        """As a new process sees it."""
        return RegistryFile(self.path, state_dir=self.state)

    def save(self, content: str | bytes, at: datetime = SAVED) -> None:
        data = content.encode() if isinstance(content, str) else content
        self.path.write_bytes(data)
        os.utime(self.path, (at.timestamp(), at.timestamp()))

    def fresh(self, now: datetime) -> set[str]:
        return {entry.name for entry in self.file.read(now).registry.entries if entry.fresh}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def complaint(home: Home, now: datetime = LATER) -> str:
    with pytest.raises(MonitorError) as raised:
        home.file.read(now)
    message = str(raised.value)
    assert message.isprintable()
    return message


def test_a_document_knows_its_file(home: Home) -> None:
    home.save(text_of("a", "b.c"))
    document = home.file.read(LATER)
    assert document.raw == home.path.read_bytes()
    assert document.saved_at == document.registry.saved_at == SAVED
    assert document.rows == {"a": 3, "b.c": 5}
    assert document.path == document.real_path == home.path
    assert [entry.name for entry in document.registry.entries] == ["a", "b.c"]
    assert document.faults == ()


def test_the_same_bytes_are_parsed_once(home: Home) -> None:
    home.save(text_of("a"))
    first = home.file.read(LATER)
    home.save(text_of("a"), LATER)
    second = home.file.read(LATER + timedelta(minutes=1))
    assert second.tree is first.tree
    assert second.saved_at == LATER


def test_a_missing_registry_names_the_command_that_writes_one(home: Home) -> None:
    assert complaint(home).endswith("Write one from what runs now: agent-sessions init")


def test_a_registry_that_went_missing_also_names_its_last_good_copy(home: Home) -> None:
    home.save(text_of("a"))
    home.file.remember(home.file.read(LATER))
    home.path.unlink()
    assert complaint(home).endswith(f"Last good copy: {paths.last_good(home.state, home.path)}")


@pytest.mark.parametrize("content", ["", " \n\n", "null\n", "# only a comment\n", "---\n...\n"])
def test_a_registry_that_is_empty_and_was_not_is_torn(home: Home, content: str) -> None:
    home.save(text_of("a"))
    home.file.remember(home.file.read(LATER))
    home.save(content)
    for file in (home.file, home.process()):
        home.file = file
        assert "1 of 1 entries are gone" in complaint(home)


@pytest.mark.parametrize("content", ["sessions: []\n", "version: 1\n", "{}\n"])
def test_a_registry_that_never_had_an_entry_is_fine(home: Home, content: str) -> None:
    home.save(content)
    assert home.file.read(LATER).registry.entries == ()


@pytest.mark.parametrize("content", ["", " \n\n", "null\n", "# only a comment\n"])
def test_a_file_with_nothing_in_it_is_no_registry(home: Home, content: str) -> None:
    home.save(content)
    said = complaint(home)
    assert "line 1, column 1: there is nothing in it" in said
    assert "agent-sessions init" in said


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: path.mkdir(), "is a folder"),
        (os.mkfifo, "is not a regular file"),
        (lambda path: path.symlink_to("/dev/null"), "is not a regular file"),
        (lambda path: path.symlink_to(path), "is a symlink to itself"),
        (lambda path: path.symlink_to(path.with_name("gone")), "and nothing is there"),
        (lambda path: path.write_bytes(b"#" * (16 * 1024 * 1024 + 1)), "larger than 16 MiB"),
        (lambda path: path.write_bytes(b"a: \xff"), "line 1, column 4: byte 4"),
        (lambda path: path.write_bytes(b"a: [b"), "line 1, column 6"),
    ],
)
def test_what_is_no_registry_must_be_mended(
    home: Home, make: Callable[[Path], object], said: str
) -> None:
    make(home.path)
    message = complaint(home)
    assert said in message
    assert "Nothing was written" in message


def test_an_unreadable_registry_could_not_be_looked_at(home: Home) -> None:
    home.save(text_of("a"))
    home.path.chmod(0)
    script = (
        f"import os, sys; sys.path[:0] = {sys.path!r}\n"
        "from datetime import *; from pathlib import Path; from state import registry, errors\n"
        "os.getuid() or os.setuid(65534)  # root may read everything\n"
        f"file = registry.RegistryFile(Path({str(home.path)!r}), state_dir=Path('/nonexistent'))\n"
        "try: file.read(datetime.now(timezone.utc))\n"
        "except errors.CouldNot as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert "permission denied" in done.stdout, done.stderr


def test_a_parse_error_names_the_last_good_copy(home: Home) -> None:
    home.save(text_of("a"))
    home.file.remember(home.file.read(LATER))
    home.save(text_of("a") + "  - [")
    assert complaint(home).endswith(f"Last good copy: {paths.last_good(home.state, home.path)}")
    assert complaint(home) == complaint(home)


def test_a_file_that_grows_while_it_is_opened_is_read_to_its_end(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.save(text_of("a"))
    check = snapshot._check

    def checked(path: Path, info: os.stat_result) -> None:
        check(path, info)
        with home.path.open("a") as file:
            file.write("    note: " + "x" * 100_000 + "\n")

    monkeypatch.setattr(snapshot, "_check", checked)

    assert home.file.read(LATER).raw == home.path.read_bytes()


# --- a person's fresh edits


def test_everything_is_fresh_in_a_file_saved_moments_ago_and_never_seen(home: Home) -> None:
    home.save(text_of("a", "b"))
    assert home.fresh(SAVED + timedelta(seconds=4)) == {"a", "b"}


def test_nothing_is_fresh_in_a_file_saved_a_while_ago(home: Home) -> None:
    home.save(text_of("a", "b"))
    assert home.fresh(SAVED + timedelta(seconds=6)) == set()


def test_a_file_from_the_future_is_fresh_for_a_moment_and_not_for_ever(home: Home) -> None:
    now = SAVED - timedelta(hours=1)
    home.save(text_of("a"))
    assert home.fresh(now) == {"a"}
    assert home.fresh(now + timedelta(seconds=6)) == set()
    home.save(text_of("a", "b"))
    assert home.fresh(now + timedelta(seconds=9)) == {"b"}
    assert home.fresh(now + timedelta(seconds=15)) == set()


def test_only_what_differs_from_the_last_look_is_fresh(home: Home) -> None:
    home.save(text_of("a", "b"))
    home.file.read(LATER)
    home.save(text_of("a", "b").replace("name: b", "name: b  # comment") + "    note: x\n", LATER)
    assert home.fresh(LATER) == {"b"}


@pytest.mark.parametrize(("seconds", "fresh"), [(-6, False), (-5, True), (5, True), (6, False)])
def test_an_entry_that_was_ended_just_now_is_fresh_however_old_the_file(
    home: Home, seconds: int, *, fresh: bool
) -> None:
    ended = LATER + timedelta(seconds=seconds)
    home.save(text_of("a", "b") + f"    terminated_at: {ended.isoformat()}\n")
    assert home.fresh(LATER) == ({"b"} if fresh else set())


def test_what_is_fresh_stays_so_for_five_seconds_whatever_is_read_in_between(home: Home) -> None:
    home.save(text_of("a"))
    home.file.read(LATER)
    home.save(text_of("a", "b"), LATER)
    assert home.fresh(LATER + timedelta(seconds=1)) == {"b"}
    assert home.fresh(LATER + timedelta(seconds=4)) == {"b"}
    home.save(text_of("a", "b", "c"), LATER + timedelta(seconds=4))
    assert home.fresh(LATER + timedelta(seconds=4)) == {"b", "c"}
    assert home.fresh(LATER + timedelta(seconds=6)) == {"c"}
    assert home.fresh(LATER + timedelta(seconds=10)) == set()


def settled_at(home: Home, now: datetime) -> datetime:
    return home.file.read(now).registry.settled_at


def test_it_is_told_when_the_last_running_entry_is_fresh_no_more(home: Home) -> None:
    home.save(text_of("a", "b"), LATER)
    assert settled_at(home, LATER + timedelta(seconds=1)) == LATER + timedelta(seconds=5)
    home.save(text_of("a", "b", "c"), LATER + timedelta(seconds=2))
    assert settled_at(home, LATER + timedelta(seconds=3)) == LATER + timedelta(seconds=7)
    assert home.fresh(LATER + timedelta(seconds=7)) == {"c"}
    assert home.fresh(LATER + timedelta(seconds=7, milliseconds=1)) == set()
    assert settled_at(home, LATER + timedelta(seconds=8)) == SETTLED


def test_an_entry_that_was_ended_just_now_is_settled_five_seconds_after_its_end(
    home: Home,
) -> None:
    ended = LATER + timedelta(seconds=2)
    home.save(text_of("a", "b") + f"    terminated_at: {ended.isoformat()}\n")
    assert settled_at(home, LATER) == ended + timedelta(seconds=5)


def test_what_nothing_is_written_for_keeps_nobody_waiting(home: Home) -> None:
    home.save(text_of("a").replace("running", "terminated"), LATER)
    assert home.fresh(LATER) == {"a"}
    assert settled_at(home, LATER) == SETTLED


def test_the_next_process_compares_with_the_last_good_copy(home: Home) -> None:
    home.save(text_of("a", "b"))
    home.file.remember(home.file.read(LATER))
    home.save(text_of("a", "c"), LATER)
    home.file = home.process()
    document = home.file.read(LATER)
    assert {entry.name for entry in document.registry.entries if entry.fresh} == {"c"}
    assert document.registry.reserved == {"b"}


def test_a_removed_entry_is_not_registered_anew_at_once(home: Home) -> None:
    home.save(text_of("a", "b"))
    home.file.read(LATER)
    home.save(text_of("a"), LATER)
    assert home.file.read(LATER).registry.reserved == {"b"}
    assert home.file.read(LATER + timedelta(seconds=6)).registry.reserved == set()


def test_an_entry_that_comes_back_is_not_reserved(home: Home) -> None:
    home.save(text_of("a", "b"))
    home.file.read(LATER)
    home.save(text_of("a"), LATER)
    home.file.read(LATER)
    home.save(text_of("a", "b"), LATER)
    document = home.file.read(LATER)
    assert document.registry.reserved == set()
    assert {entry.name for entry in document.registry.entries if entry.fresh} == {"b"}


# --- torn files


def test_a_file_that_lost_many_entries_is_torn_and_told_whole(home: Home) -> None:
    home.save(text_of(*NAMES))
    home.file.remember(home.file.read(LATER))
    home.save(text_of("a", "b") + "# saved\n")
    assert complaint(home) == (
        "registry agent-sessions.yaml, line 8, column 1 (its end): 3 of 5 entries are gone, so it "
        "is taken as torn. Nothing was written. Put back the last good copy, "
        f"{paths.last_good(home.state, home.path)}, or, if it was on purpose, "
        "run: agent-sessions check --accept"
    )


@pytest.mark.parametrize("left", [NAMES[1:], NAMES[2:]], ids=["one", "two"])
def test_a_person_may_remove_a_few_entries(home: Home, left: tuple[str, ...]) -> None:
    home.save(text_of(*NAMES))
    home.file.remember(home.file.read(LATER))
    home.save(text_of(*left))
    assert len(home.file.read(LATER).registry.entries) == len(left)


def test_three_of_many_entries_may_go_at_once(home: Home) -> None:
    home.save(text_of(*NAMES, "f", "g"))
    home.file.read(LATER)
    home.save(text_of(*NAMES[3:], "f", "g"))
    assert len(home.file.read(LATER).registry.entries) == 4


def test_accepting_a_loss_makes_it_the_last_good_text_for_every_process(home: Home) -> None:
    home.save(text_of(*NAMES))
    home.file.remember(home.file.read(LATER))
    home.save(text_of("e"))
    assert "4 of 5" in complaint(home)
    other = home.process()
    other.remember(other.read(LATER, accept_loss=True))
    assert [entry.name for entry in home.file.read(LATER).registry.entries] == ["e"]


def test_a_text_put_back_is_good_again(home: Home) -> None:
    home.save(text_of(*NAMES))
    home.file.remember(home.file.read(LATER))
    home.save(text_of("e"))
    complaint(home)
    home.path.write_bytes(paths.last_good(home.state, home.path).read_bytes())
    assert len(home.file.read(LATER).registry.entries) == 5


def test_a_damaged_last_good_copy_does_no_harm(home: Home) -> None:
    home.save(text_of(*NAMES))
    home.file.remember(home.file.read(LATER))
    paths.last_good(home.state, home.path).write_bytes(b"[\xff")
    home.save(text_of("e"))
    home.file = home.process()
    assert len(home.file.read(LATER).registry.entries) == 1


SAMPLE = """\
version: 1
sessions:
  - name: lab-研究-creator-claude     # note 😀
    status: running
    pane: {pid: 201132, cmd: claude}
    claude_session_id_own: '0123'
  - name: second
    status: "running"
    session_id_history:
      - id: 87e10000
  - name: third
    status: running
# end
"""


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("anew", [False, True], ids=["running monitor", "next process"])
def test_a_file_cut_at_any_byte_never_loses_an_entry_or_a_value_in_silence(
    tmp_path: Path, newline: str, *, anew: bool
) -> None:
    home = Home(tmp_path)
    whole = SAMPLE.replace("\n", newline).encode()
    for cut in range(len(whole)):
        home.file = home.process()
        home.save(whole)
        good = home.file.read(LATER)
        home.file.remember(good)
        home.save(whole[:cut])
        if anew:
            home.file = home.process()
        try:
            document = home.file.read(LATER)
        except MustMend:
            continue
        left = document.registry.entries
        kept = [entry for entry in left if entry in good.registry.entries]
        assert whole[cut - 1 : cut] in b"\r\n" or not whole[cut:].strip(), "inside a line"
        # A clean end may be a person's: of the last entry, or of its last keys.
        assert kept == list(left) or len(left) == 3
        assert len(kept) >= 2
        assert (document.cut is None) == (kept == list(good.registry.entries))


ENTRY_C = "  - name: c.d\n    status: running\n"
TAIL = "    pane:\n      pid: 7\n      cmd: claude\n"


def test_an_entry_that_is_missing_at_the_end_is_told_with_its_place(home: Home) -> None:
    home.save(text_of("a", "b") + ENTRY_C)
    home.file.remember(home.file.read(LATER))
    home.save(text_of("a", "b"))
    for file in (home.file, home.process()):
        cut = file.read(LATER).cut
        assert cut is not None
        assert (cut.session, cut.gone) == ("c.d", True)
        assert str(cut.error("its session still runs")) == (
            'registry agent-sessions.yaml, line 7, column 1 (its end): entry "c.d" is gone and its '
            "session still runs, so it is taken as torn. Nothing was written. Put back the last "
            f"good copy, {paths.last_good(home.state, home.path)}, or, if it was on purpose, run: "
            "agent-sessions check --accept"
        )


MINE = "    agent: claude\n    agent_identities: {claude: {session_id: x}}\n    note: mine\n"


@pytest.mark.parametrize("left", ["", "    pane:\n", "    pane:\n      pid: 7\n"])
def test_lines_that_are_missing_at_the_end_are_told(home: Home, left: str) -> None:
    home.save(text_of("a", "b") + TAIL)
    home.file.read(LATER)
    home.save(text_of("a", "b") + left)
    cut = home.file.read(LATER).cut
    assert cut is not None
    assert (cut.session, cut.gone) == ("b", False)
    assert 'entry "b" has lost its last lines and ' in str(cut.error("it runs"))


@pytest.mark.parametrize(
    "less",
    [
        pytest.param(text_of("b", "c"), id="another entry"),
        pytest.param("# by a person\n" + text_of("a", "b"), id="a further edit"),
        pytest.param(
            text_of("a", "b", "c") + MINE.partition("    agent_")[0],
            id="ids that nothing is written for",
        ),
        pytest.param((text_of("a", "b", "c") + MINE)[:-1], id="only a line end"),
        pytest.param(text_of("a", "b", "c") + MINE.partition("    note")[0], id="a note"),
    ],
)
def test_a_text_that_lacks_something_else_is_an_edit(home: Home, less: str) -> None:
    home.save(text_of("a", "b", "c") + MINE)
    home.file.read(LATER)
    home.save(less)
    assert home.file.read(LATER).cut is None


@pytest.mark.parametrize("codec", ["utf-8-sig", "utf-16"])
def test_lines_are_told_apart_in_every_encoding(home: Home, codec: str) -> None:
    home.save(text_of("a", "b").encode(codec))
    home.file.read(LATER)
    home.save(text_of("a").encode(codec))
    cut = home.file.read(LATER).cut
    assert cut is not None
    assert cut.session == "b"


def test_an_end_stays_missed_until_it_is_trusted(home: Home) -> None:
    home.save(text_of("a", "b"))
    home.file.read(LATER)
    home.save(text_of("a"))
    first, second = home.file.read(LATER), home.file.read(LATER)
    assert first.cut is second.cut is not None
    assert second.tree is first.tree, "it is parsed once"
    home.file.trust(second)
    assert home.file.read(LATER).cut is None
    home.save(text_of())
    assert home.file.read(LATER).cut is not None, "it is what was seen last"


def test_a_trust_that_comes_too_late_does_nothing(home: Home) -> None:
    home.save(text_of("a", "b", "c"))
    home.file.read(LATER)
    home.save(text_of("a", "b"))
    before = home.file.read(LATER)
    home.save(text_of("a", "b", "c"))
    home.file.read(LATER)
    home.file.trust(before)
    home.save(text_of("a", "b"))
    assert home.file.read(LATER).cut is not None


def test_an_end_that_another_process_accepted_is_not_missed(home: Home) -> None:
    home.save(text_of("a", "b"))
    home.file.remember(home.file.read(LATER))
    home.save(text_of("a"))
    assert home.file.read(LATER).cut is not None
    other = home.process()
    other.remember(other.read(LATER, accept_loss=True))
    assert home.file.read(LATER).cut is None


def test_an_entry_that_lost_its_end_a_moment_ago_is_fresh(home: Home) -> None:
    home.save(text_of("a", "b") + TAIL)
    home.file.read(LATER)
    home.save(text_of("a", "b"), LATER)
    assert home.fresh(LATER) == {"b"}


def test_a_dry_look_writes_nothing_and_imports_nothing_for_writing(home: Home) -> None:
    home.save(text_of("a"))
    script = (
        "import json, sys\n"
        f"sys.path[:0] = {sys.path!r}\n"
        "from datetime import *; from pathlib import Path; from state import registry\n"
        f"home = Path({str(home.path.parent)!r})\n"
        "file = registry.RegistryFile(home / 'agent-sessions.yaml', state_dir=home / 'state')\n"
        "for _ in range(2): file.read(datetime.now(timezone.utc))\n"
        "print(json.dumps(sorted(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    modules = set(json.loads(done.stdout))
    assert not modules & {
        "portalocker",
        "state.journal",
        "state.ledger",
        "state.text.yamledit",
        "state.locking",
    }
    assert sorted(home.path.parent.iterdir()) == [home.path]


def test_the_last_good_copy_is_private_and_rewritten_only_when_it_differs(home: Home) -> None:
    home.save(text_of("a"))
    document = home.file.read(LATER)
    home.file.remember(document)
    copy = paths.last_good(home.state, home.path)
    before = copy.stat()
    home.file.remember(document)
    assert copy.stat().st_mtime_ns == before.st_mtime_ns
    assert copy.stat().st_ino == before.st_ino
    assert before.st_mode & 0o777 == 0o600
    assert home.state.stat().st_mode & 0o777 == 0o700


def test_a_last_good_copy_that_cannot_be_written_is_told(home: Home) -> None:
    home.save(text_of("a"))
    home.state.write_text("in the way")
    with pytest.raises(CouldNot, match="could not be written"):
        home.file.remember(home.file.read(LATER))


def test_a_copy_that_has_entries_which_the_registry_lost_is_kept_beside_the_new_one(
    home: Home,
) -> None:
    home.save(text_of("a", "b"))
    home.file.remember(home.file.read(LATER))
    home.save(text_of("a"))
    home.file.remember(home.file.read(LATER))
    copy = paths.last_good(home.state, home.path)
    assert copy.read_text() == text_of("a")
    assert copy.with_suffix(".before.yaml").read_text() == text_of("a", "b")


def test_it_is_kept_also_when_the_registry_grew_otherwise(home: Home) -> None:
    home.save(text_of("a", "b"))
    home.file.remember(home.file.read(LATER))
    home.save(text_of("a") + "    note: longer than what was lost, by far\n")
    home.file.remember(home.file.read(LATER))
    copy = paths.last_good(home.state, home.path)
    assert copy.with_suffix(".before.yaml").read_text() == text_of("a", "b")


def test_it_is_kept_also_when_only_the_end_of_an_entry_was_lost(home: Home) -> None:
    home.save(text_of("a", "b") + TAIL)
    home.file.remember(home.file.read(LATER))
    home.save(text_of("a", "b"))
    home.file.remember(home.file.read(LATER))
    copy = paths.last_good(home.state, home.path)
    assert copy.with_suffix(".before.yaml").read_text() == text_of("a", "b") + TAIL
