"""Bounded reads, what is kept of them, and lines that somebody else wrote."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kanban_worker.agents import birth, files, ids, kept, lines
from reconcile.observed import Unknown

LONG_AGO = 1_600_000_000


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=400), limit=st.integers(1, 100))
def test_the_two_ends_of_a_file_are_its_own_bytes(data: bytes, limit: int, tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(data)
    first, last = files.head(str(path), limit), files.tail(str(path), limit)
    assert first.whole == last.whole == (len(data) <= limit)
    front = b"\n".join(first.lines) + (b"\n" + first.cut if first.lines and first.cut else b"")
    assert data.startswith(front)
    assert data.endswith(b"\n".join(last.lines))
    assert len(first.cut) <= limit


def test_a_tail_that_is_one_long_line_is_read_farther_back(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b'{"a":1}\n' + b"x" * 300_000)
    assert b'{"a":1}' in files.tail_with_a_line(str(path)).lines[0] + b"".join(
        files.tail_with_a_line(str(path)).lines
    )


def test_a_folder_is_not_read_as_a_file(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError):
        files.content(str(tmp_path))


def test_a_refusal_names_the_path_the_reason_and_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    path = str(tmp_path / "loop")
    assert files.folder(path) == Unknown(
        f"cannot read {path}: Too many levels of symbolic links (mend the loop of symbolic links)"
    )


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{",
        b"null",
        b"[1]",
        b'"x"',
        b"\xff\xfe",
        b"\x00",
        b'{"a":' * 100_000,
        b'{"a":' + b"9" * 10_000 + b"}",
        b'{"a":NaN}x',
        b'{"a":1}{"b":2}',
    ],
    ids=lambda line: line[:12].decode(errors="replace") or "empty",
)
def test_a_broken_line_is_an_empty_record(line: bytes) -> None:
    assert lines.record(line) == {}


@given(st.binary(max_size=300))
def test_no_bytes_make_a_line_raise(data: bytes) -> None:
    lines.record(data)
    lines.newest([data, b'{"timestamp":"' + data + b'"}'])


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(json_values)
def test_no_json_value_makes_a_reader_raise(value: object) -> None:
    lines.moment(value)
    lines.moment_of_ms(value)
    lines.text(value)
    lines.nested(value)
    ids.uuid(value)


@pytest.mark.parametrize(
    ("written", "at"),
    [
        ("2026-11-20T10:00:00.123Z", datetime(2026, 11, 20, 10, 0, 0, 123000, UTC)),
        ("2026-11-20T19:00:00+09:00", datetime(2026, 11, 20, 10, tzinfo=UTC)),
        ("2026-11-20T10:00:00", datetime(2026, 11, 20, 10, tzinfo=UTC)),
        ("0001-01-01T00:00:00+14:00", None),
        ("yesterday", None),
        (12, None),
    ],
)
def test_a_time_is_read_as_utc(written: object, at: datetime | None) -> None:
    assert lines.moment(written) == at


@given(st.lists(st.integers(0, 10_000), min_size=1, max_size=20))
def test_the_newest_time_is_the_greatest_of_the_lines_own(seconds: list[int]) -> None:
    start = datetime(2026, 11, 20, tzinfo=UTC)
    times = [start + timedelta(seconds=second) for second in seconds]
    inner = {"timestamp": "2027-01-01T00:00:00Z"}
    found = [json.dumps({"x": inner, "timestamp": at.isoformat()}).encode() for at in times]
    assert lines.newest(found) == max(times)


def test_a_file_is_born_when_it_is_made_and_not_when_it_is_dated(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_text("")
    os.utime(path, (LONG_AGO, LONG_AGO))
    born = birth.birth_ns(str(path), path.stat())
    if born is None:
        pytest.skip("this file system or C library tells no birth")
    assert abs(born / 1e9 - datetime.now(UTC).timestamp()) < 60


def test_a_file_that_is_not_there_was_not_born(tmp_path: Path) -> None:
    assert birth.birth_ns(str(tmp_path / "gone"), tmp_path.stat()) is None or hasattr(
        os.stat_result, "st_birthtime"
    )


def test_a_value_is_kept_until_the_file_changes(tmp_path: Path) -> None:
    path, calls = tmp_path / "f", []
    one = kept.Kept(lambda place, status, before: calls.append((status.st_size, before)) or place)
    assert one.get(str(path)) is None
    path.write_text("a")
    os.utime(path, (LONG_AGO, LONG_AGO))
    assert one.get(str(path)) == one.get(str(path)) == str(path)
    assert calls == [(1, None)]
    path.write_text("ab")
    os.utime(path, (LONG_AGO, LONG_AGO))
    one.get(str(path))
    assert calls == [(1, None), (2, str(path))]
    path.unlink()
    assert one.get(str(path)) is None


def test_a_folder_s_names_are_the_same_object_until_it_changes(tmp_path: Path) -> None:
    folder = kept.Folder(str(tmp_path))
    os.utime(tmp_path, (LONG_AGO, LONG_AGO))
    names = folder.names()
    assert names == frozenset()
    assert folder.names() is names
    (tmp_path / "x").touch()
    assert folder.names() == {"x"}


@pytest.mark.parametrize(
    ("argv", "value"),
    [
        (["c", "--resume", "X"], "X"),
        (["c", "--resume=X"], "X"),
        (["c", "-r", "X", "--resume", "Y"], "Y"),
        (["c", "--resume"], None),
        (["c", "--resumed", "X"], None),
        ([], None),
    ],
)
def test_an_option_s_last_value_counts(argv: list[str], value: str | None) -> None:
    assert ids.argument(argv, ("--resume", "-r")) == value
