"""A journalled change is undone through the registry's lock, once, and leaves its own line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import portalocker
import pytest

from reconcile.desired import AddEntry, Edit, SetKey
from reconcile.observed import SessionName
from state import durable, journal, paths, undoing
from state.document import Written as Outcome
from state.errors import CouldNot, MustMend
from state.journal import History, KeyChange, Record, Written
from state.registry import RegistryFile

SAVED = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
LATER = SAVED + timedelta(minutes=1)
TEXT = "sessions:\n  - name: a\n    status: running   # alive\n  - name: b\n    status: running\n"
FIELDS = {"workspace": "~/c", "status": "running", "claude_session_id_own": None}


class Home:
    """A registry, its journal, and somebody who makes and undoes changes."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "agent-sessions.yaml"
        self.state = folder / "state"
        self.journal = self.state / paths.JOURNAL
        self.file = RegistryFile(self.path, state_dir=self.state, lock_timeout=0.2)
        self.ticks = 0
        self.save(TEXT)

    def now(self) -> datetime:
        self.ticks += 1
        return LATER + timedelta(seconds=self.ticks)

    def save(self, text: str) -> None:
        self.path.write_bytes(text.encode())
        os.utime(self.path, (SAVED.timestamp(), SAVED.timestamp()))

    def change(self, *edits: Edit, kind: str = "A") -> str:
        """The id of a change of one session."""
        changes = tuple(
            KeyChange(key=one.key, before="running", after="terminated")
            for one in edits
            if isinstance(one, SetKey)
        )
        return self.changes([(edits, changes, kind)])[0]

    def changes(
        self, found: Sequence[tuple[Sequence[Edit], tuple[KeyChange, ...], str]]
    ) -> list[str]:
        """The ids of the changes of one write."""
        records = [
            Record(
                at=self.now(),
                session=edits[0].session,
                drift=f"{kind}-1",
                drift_class=kind,
                changes=changes,
                evidence={"server": 812},
            )
            for edits, changes, kind in found
        ]
        every = [edit for edits, _, _ in found for edit in edits]
        done = self.file.write(self.file.read(self.now()), every, records)
        assert isinstance(done, Outcome)
        assert done.changed
        return [one.change for one in self.read().changes[-len(records) :]]

    def undo(self, change: str, *, dry_run: bool = False) -> undoing.Undone:
        return undoing.undo(self.file, self.journal, change, self.now, dry_run=dry_run)

    def read(self) -> History:
        return journal.read(self.journal)

    def of(self, change: str) -> Written:
        return next(one for one in self.read().changes if one.change == change)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def end(name: str) -> list[Edit]:
    session = SessionName(name)
    return [
        SetKey(session=session, key="status", value="terminated"),
        SetKey(session=session, key="terminated_at", value=LATER),
    ]


def test_an_undo_restores_the_bytes_and_is_journalled(home: Home) -> None:
    change = home.change(*end("a"))
    assert home.path.read_text() != TEXT

    done = home.undo(change)

    assert home.path.read_text() == TEXT
    assert done.change.change == change
    last = home.read().changes[-1]
    assert (last.change, last.undoes, last.drift_class) == (done.by, change, "A")
    assert last.changes[0] == KeyChange(key="status", before="terminated", after="running")
    assert last.void is None
    assert home.read().skipped == 0
    assert last.sums == (home.of(change).sums[1], home.of(change).sums[0])
    assert json.loads(home.journal.read_text().splitlines()[-1])["undoes"] == change


def test_a_restart_is_undone_and_told_by_the_names_of_its_keys(home: Home) -> None:
    pane = {"pid": 7, "cmd": "claude"}
    keys = [
        SetKey(session=SessionName("a"), key=key, value=pane[key], inside="pane") for key in pane
    ]
    changes = tuple(KeyChange(key=one.path, before=None, after=pane[one.key]) for one in keys)
    (change,) = home.changes([(keys, changes, "A")])
    assert [one.key for one in home.of(change).changes] == ["pane.pid", "pane.cmd"]
    (change,) = home.changes([([replace(keys[0], value=8)], changes[:1], "A")])
    assert "pane: {pid: 8, cmd: claude}" in home.path.read_text()

    home.undo(change)

    assert "pane: {pid: 7, cmd: claude}" in home.path.read_text()


def test_nothing_is_undone_in_a_file_of_several_names_nor_said_to_be_possible(home: Home) -> None:
    change = home.change(*end("a"))
    before = home.path.read_text()
    home.path.with_name("other.yaml").hardlink_to(home.path)
    for dry_run in (True, False):
        with pytest.raises(MustMend, match="has 2 names"):
            home.undo(change, dry_run=dry_run)
    assert home.path.read_text() == before


def test_a_change_among_others_is_undone_alone(home: Home) -> None:
    one, two = home.changes([(end("a"), (), "A"), (end("b"), (), "A")])
    both = home.path.read_text()

    home.undo(one)

    between = home.path.read_text()
    assert between.startswith(TEXT.partition("  - name: b")[0])
    assert between.endswith(both.partition("  - name: b")[2])
    home.undo(two)
    assert home.path.read_text() == TEXT


def test_an_added_entry_goes_and_is_left_out_as_if_a_person_had_removed_it(home: Home) -> None:
    change = home.change(AddEntry(session=SessionName("c"), fields=FIELDS), kind="B")

    home.undo(change)

    assert home.path.read_text() == TEXT
    other = RegistryFile(home.path, state_dir=home.state)
    found = other.read(datetime.now(UTC)).registry
    assert len(found.entries) == 2
    assert found.reserved == {"c"}


def test_an_added_entry_that_was_undone_is_not_missed_at_the_end(home: Home) -> None:
    running = RegistryFile(home.path, state_dir=home.state)
    change = home.change(AddEntry(session=SessionName("c"), fields=FIELDS), kind="B")
    with_c = home.path.read_bytes()
    running.read(LATER)
    home.undo(change)
    for file in (running, RegistryFile(home.path, state_dir=home.state)):
        assert file.read(LATER).cut is None

    home.path.write_bytes(with_c[: with_c.rindex(b"    status")])
    other = RegistryFile(home.path, state_dir=home.state)
    assert other.read(LATER).cut is not None, "an undo is no licence for others"


def test_an_entry_that_was_restored_is_as_fresh_as_one_that_a_person_edited(home: Home) -> None:
    home.undo(home.change(*end("a")))
    other = RegistryFile(home.path, state_dir=home.state)
    assert [each.fresh for each in other.read(datetime.now(UTC)).registry.entries] == [True, False]


def test_many_added_entries_undone_in_a_row_are_no_torn_file(home: Home) -> None:
    names = [SessionName(f"c{number}") for number in range(6)]
    changes = [home.change(AddEntry(session=name, fields=FIELDS), kind="B") for name in names]
    for change in changes:
        home.file = RegistryFile(home.path, state_dir=home.state)
        home.undo(change)
    RegistryFile(home.path, state_dir=home.state).read(LATER)
    assert home.path.read_text() == TEXT


def test_the_beginning_of_an_id_is_enough_where_it_is_the_only_one(home: Home) -> None:
    change = home.change(*end("a"))
    assert home.undo(f" {change[:4].upper()} ", dry_run=True).change.change == change


@pytest.mark.parametrize("wanted", ["", "abc", "xyz9", "A-3f2a91c4", "a" * 65])
def test_what_is_no_id_is_told(home: Home, wanted: str) -> None:
    with pytest.raises(MustMend, match=r"is no change id.*at least 4 of its hex digits"):
        home.undo(wanted)


def test_an_id_that_nothing_has_is_told(home: Home) -> None:
    home.change(*end("a"))
    with pytest.raises(MustMend, match=r'no change of this registry begins with "0000".*why'):
        home.undo("0000")


def line(home: Home, change: str, /, **other: object) -> None:
    """A further line in the journal, like an earlier one but for some keys."""
    lines = [json.loads(each) for each in home.journal.read_text().splitlines()]
    found = next(each for each in lines if each.get("change") == change)
    durable.append(home.journal, json.dumps(found | other).encode())


def test_an_ambiguous_id_names_what_it_could_be(home: Home) -> None:
    change = home.change(*end("a"))
    other = f"{change[:6]}000000"
    line(home, change, change=other, session="z\x1b[31m")
    with pytest.raises(MustMend, match="could be 2 changes") as told:
        home.undo(change[:5])
    assert change in str(told.value)
    assert f"{other} (z [31m)" in str(told.value)


def test_a_change_of_another_registry_is_not_undone_here(home: Home, tmp_path: Path) -> None:
    change = home.change(*end("a"))
    other = RegistryFile(tmp_path / "other.yaml", state_dir=home.state)
    other.path.write_text(home.path.read_text())
    with pytest.raises(MustMend, match=r"another registry, .*agent-sessions.yaml.*--registry"):
        undoing.undo(other, home.journal, change, home.now, dry_run=False)


def test_undoing_twice_is_refused_and_so_is_undoing_an_undo(home: Home) -> None:
    change = home.change(*end("a"))
    by = home.undo(change).by
    assert by
    for wanted, why in ((change, f"was undone already by {by}"), (by, "is an undo itself")):
        with pytest.raises(MustMend, match=why):
            home.undo(wanted)
    assert home.path.read_text() == TEXT
    assert len(home.read().changes) == 2


def test_a_void_change_is_not_undone(home: Home) -> None:
    change = home.change(*end("a"))
    before = home.path.read_bytes()
    journal.void(home.journal, [change], "the disk is full")
    with pytest.raises(MustMend, match=r"did not take place \(the disk is full\)"):
        home.undo(change)
    assert home.path.read_bytes() == before


def test_a_change_of_an_earlier_version_says_what_was_there(home: Home) -> None:
    change = home.change(*end("a"))
    line(home, change, change="0123456789ab", traces=[])
    with pytest.raises(MustMend, match=r'by hand: status was "running"'):
        home.undo("0123")


def test_what_a_person_edited_since_stays_as_it_is(home: Home) -> None:
    change = home.change(*end("a"))
    home.save(home.path.read_text().replace("terminated ", "paused "))
    before = home.path.read_bytes()
    with pytest.raises(MustMend) as told:
        home.undo(change)
    assert str(told.value) == (
        'registry agent-sessions.yaml, line 2: entry "a": key "status" holds "paused" now, and '
        "the change wrote terminated. Nothing was written. Somebody has edited it since: change "
        "the rest by hand, or set that back and try again"
    )
    assert home.path.read_bytes() == before
    assert len(home.read().changes) == 1


def test_a_later_change_of_the_monitor_is_to_be_undone_first(home: Home) -> None:
    first = home.change(AddEntry(session=SessionName("c"), fields=FIELDS), kind="B")
    key = SetKey(session=SessionName("c"), key="claude_session_id_own", value="x")
    second = home.change(key, kind="C")
    with pytest.raises(MustMend, match=f"Change {second} came after it: undo that one first"):
        home.undo(first)
    home.undo(second)
    home.undo(first)
    assert home.path.read_text() == TEXT


def test_a_change_made_again_after_its_undo_can_be_undone_again(home: Home) -> None:
    for _ in range(2):
        home.undo(home.change(*end("a")))
        assert home.path.read_text() == TEXT


def test_an_undo_that_a_crash_left_in_the_journal_alone_is_none(home: Home) -> None:
    change = home.change(*end("a"))
    sums = home.of(change).sums
    line(home, change, change="0" * 12, undoes=change, before_sha256=sums[1], after_sha256=sums[0])
    assert home.undo(change).by != "0" * 12
    assert home.path.read_text() == TEXT


def test_bytes_that_would_not_be_those_of_before_are_refused(home: Home) -> None:
    change = home.change(*end("a"))
    (text,) = home.journal.read_text().splitlines()
    assert '": running"' in text
    home.journal.write_text(text.replace('": running"', '":  running"') + "\n")
    with pytest.raises(MustMend, match="would not be what it was before, to the byte"):
        home.undo(change)


def test_a_dry_run_writes_nothing_and_takes_no_lock(home: Home) -> None:
    change = home.change(*end("a"))
    lock = home.path.with_name(f"{home.path.name}.lock")
    lock.unlink()
    before = {each: each.read_bytes() for each in home.path.parent.rglob("*") if each.is_file()}
    assert home.undo(change, dry_run=True).by is None
    after = {each: each.read_bytes() for each in home.path.parent.rglob("*") if each.is_file()}
    assert after == before


def test_a_lock_that_somebody_keeps_is_told(home: Home) -> None:
    change = home.change(*end("a"))
    before = home.path.read_bytes()
    lock = home.path.with_name(f"{home.path.name}.lock")
    with portalocker.Lock(lock, "a", timeout=1), pytest.raises(CouldNot, match="is held by"):
        home.undo(change)
    assert home.path.read_bytes() == before


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(lambda text: text + "  - name: b\n", id="a name that is there twice"),
        pytest.param(
            lambda text: text.replace("name: a\n", "name: a\n    pane: 7\n"), id="its own"
        ),
    ],
)
def test_a_registry_with_faults_is_left_alone(home: Home, fault: Callable[[str], str]) -> None:
    change = home.change(*end("a"))
    home.save(fault(home.path.read_text()))
    with pytest.raises(MustMend, match=r"line \d.*Nothing was written. Mend it"):
        home.undo(change)


def test_a_fault_in_another_entry_keeps_nothing_from_being_undone(home: Home) -> None:
    change = home.change(*end("a"))
    home.save(home.path.read_text() + "  - status: running\n")
    home.undo(change)
    assert home.path.read_text() == TEXT + "  - status: running\n"


def test_two_who_undo_at_once_undo_once(home: Home) -> None:
    change = home.change(*end("a"))
    script = (
        "import sys; from pathlib import Path; from datetime import datetime, timezone\n"
        "from state import undoing; from state.registry import RegistryFile\n"
        f"file = RegistryFile(Path({str(home.path)!r}), state_dir=Path({str(home.state)!r}))\n"
        "now = lambda: datetime.now(timezone.utc)\n"
        f"undoing.undo(file, Path({str(home.journal)!r}), {change!r}, now, dry_run=False)\n"
    )
    command = [sys.executable, "-c", script]
    both = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    told = [each.communicate()[1] for each in both]
    assert sorted(each.returncode for each in both) == [0, 1]
    assert any("was undone already by" in each for each in told)
    assert home.path.read_text() == TEXT
    assert sum(one.undoes is not None and one.void is None for one in home.read().changes) == 1
