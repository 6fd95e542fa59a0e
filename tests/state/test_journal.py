"""The journal keeps every change, whatever a crash did to its last line."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from state import durable, journal
from state.errors import CouldNot
from state.journal import KeyChange, Record
from state.text.traces import EntryTrace, ItemTrace, KeyTrace

LINE = b'{"version": 1, "change": "x", "at": "x", "session": "s", "drift": "d", "class": "A", '
NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)
RECORD = Record(
    at=NOW,
    session="lab-x",
    drift="C-1",
    drift_class="C",
    changes=(
        KeyChange(key="claude_session_id_own", before=None, after="87e10000"),
        KeyChange(key="at", before=None, after=NOW),
        KeyChange(key="pane", before=None, after={"pid": 1, "cmd": "claude"}),
    ),
    evidence={"proof": "pid-file"},
)


def append(path: Path, *records: Record, before: bytes = b"1") -> tuple[str, ...]:
    return journal.append(path, Path("/r.yaml"), records, before=before, after=b"2")


def test_what_is_appended_is_read_oldest_first(tmp_path: Path) -> None:
    path = tmp_path / "state" / "journal.jsonl"
    first = append(path, RECORD)
    second = append(path, replace(RECORD, session="lab-y"), before=b"3")
    history = journal.read(path)
    assert [one.change for one in history.changes] == [*first, *second]
    assert history.skipped == 0
    assert history.changes[0].changes[1].after == "2026-11-20T10:00:00Z"
    assert history.changes[0].changes[2].after == {"pid": 1, "cmd": "claude"}
    assert (history.changes[0].drift, history.changes[0].drift_class) == ("C-1", "C")


def test_the_evidence_is_read_with_the_change(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    append(path, replace(RECORD, evidence={"proof": "pid-file", "pid": 7, "at": NOW}))
    (found,) = journal.read(path).changes
    assert found.evidence == {"proof": "pid-file", "pid": 7, "at": "2026-11-20 10:00:00+00:00"}
    assert found.registry == "/r.yaml"
    assert [len(each) for each in found.sums] == [64, 64]


def test_what_an_undo_needs_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    left = (
        KeyTrace(key="status", before=": 'running'", after=": 'terminated'"),
        KeyTrace(key="x", before=None, after=": y\r\n"),
        ItemTrace(key="session_id_history", before=None, item="{id: 研究}"),
        EntryTrace(before=": []", text="  - name: a"),
    )
    append(path, replace(RECORD, traces=left, undoes="0123456789ab"))
    (found,) = journal.read(path).changes
    assert found.traces == left
    assert found.undoes == "0123456789ab"


def test_a_line_of_an_earlier_version_has_neither_evidence_nor_traces(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    durable.append(path, LINE + b'"changes": [], "evidence": 5, "traces": {"a": 1}}')
    durable.append(path, LINE + b'"changes": []}')
    for found in journal.read(path).changes:
        assert (found.evidence, found.traces, found.undoes) == ({}, (), None)
        assert (found.registry, found.sums) == ("", ("", ""))


def test_no_journal_is_an_empty_one(tmp_path: Path) -> None:
    assert journal.read(tmp_path / "none") == journal.History(changes=(), skipped=0)


def test_a_voided_change_says_why(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    ids = append(path, RECORD, replace(RECORD, session="lab-y"))
    journal.void(path, ids[:1], "disk\nfull")
    assert [one.void for one in journal.read(path).changes] == ["disk full", None]
    assert journal.read(path).skipped == 0


@pytest.mark.parametrize("later", [NOW, NOW.replace(second=1)])
def test_a_change_that_was_tried_again_from_the_same_bytes_did_not_take_place(
    tmp_path: Path, later: datetime
) -> None:
    """Its writer was killed before it: the second one may come in the same second."""
    path = tmp_path / "journal.jsonl"
    append(path, RECORD, replace(RECORD, session="lab-y"))
    append(path, replace(RECORD, at=later), replace(RECORD, session="lab-y", at=later))
    changes = journal.read(path).changes
    assert [one.void is None for one in changes] == [False, False, True, True]


def test_a_change_that_was_undone_before_it_was_made_again_did_take_place(tmp_path: Path) -> None:
    path, registry = tmp_path / "journal.jsonl", Path("/r.yaml")
    for before, after in ((b"1", b"2"), (b"2", b"1"), (b"1", b"2")):
        journal.append(path, registry, [RECORD], before=before, after=after)
        journal.append(path, Path("/other.yaml"), [RECORD], before=b"1", after=after)
    history = journal.read(path)
    assert [one.void for one in history.changes if one.registry == "/r.yaml"] == [None] * 3


def test_a_journal_cut_at_any_byte_keeps_what_is_whole_and_takes_the_next_line(
    tmp_path: Path,
) -> None:
    path = tmp_path / "journal.jsonl"
    append(path, RECORD, replace(RECORD, session="lab-y"))
    whole = path.read_bytes()
    first = whole.index(b"\n") + 1
    for cut in range(len(whole)):
        path.write_bytes(whole[:cut])
        append(path, replace(RECORD, session="after"))
        history = journal.read(path)
        assert history.changes[-1].session == "after"
        assert [one.session for one in history.changes[:-1]] in ([], ["lab-x"], ["lab-x", "lab-y"])
        assert history.skipped == (cut not in (0, first - 1, first, len(whole) - 1))


@pytest.mark.parametrize(
    "line",
    [
        b"{",
        b"[1]",
        b"null",
        b'"text"',
        b"\xff\xfe",
        b'{"version": 2}',
        b'{"version": 1}',
        b'{"void": "x"}',
        b'{"version": 1, "change": "x", "at": "x", "session": "s", "drift": "d", "class": "A"}',
        LINE + b'"changes": 5}',
        LINE + b'"changes": [5]}',
        b'{"a": "' + b"x" * 200_000 + b'"}',
        b"[" * 50_000,
    ],
)
def test_lines_that_are_no_records_are_skipped_and_counted(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "journal.jsonl"
    append(path, RECORD)
    durable.append(path, line)
    append(path, RECORD)
    history = journal.read(path)
    assert len(history.changes) == 2
    assert history.skipped == 1


def test_a_record_too_long_for_a_line_loses_its_evidence_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    long = KeyChange(key="x", before="y" * 100_000, after=None)
    append(path, replace(RECORD, evidence={"x": "y" * 100_000}, changes=(long,)))
    line = path.read_bytes()
    assert len(line) <= journal.LONGEST_LINE
    assert "left out" in json.loads(line)["evidence"]
    assert journal.read(path).changes[0].session == "lab-x"


def test_traces_too_long_for_a_line_are_left_out_of_it(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    long = KeyTrace(key="x", before="研" * 50_000, after="")
    append(path, replace(RECORD, traces=(long,)))
    assert len(path.read_bytes()) <= journal.LONGEST_LINE
    assert journal.read(path).changes[0].traces == ()


def test_names_that_are_no_text_do_not_break_the_journal(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    append(path, replace(RECORD, session="a\udcffb\n", evidence={"at": NOW, "path": Path("/x")}))
    assert journal.read(path).changes[0].session == "a\udcffb\n"


def test_a_journal_that_cannot_be_opened_is_told(tmp_path: Path) -> None:
    with pytest.raises(CouldNot, match=r"journal .* could not be read"):
        journal.read(tmp_path)
    with pytest.raises(CouldNot, match=r"journal .* could not be written"):
        append(tmp_path, RECORD)


def test_nothing_to_say_writes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    assert append(path) == ()
    journal.void(path, (), "x")
    assert not path.exists()
