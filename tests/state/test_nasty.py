"""Whatever stands in a file of ours or of others, reading it neither fails nor takes long."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconcile.memory import Memory
from reconcile.observed import SessionName
from state import journal, lastgood, ledger, paths, snapshot
from state.document import Document
from state.errors import CouldNot, MustMend
from state.ledger import Ledger
from state.registry import RegistryFile
from state.text import scalars

NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)
SECOND = 5.0
"""A second on a quiet machine, and more on a busy one; what is not in proportion takes minutes."""
SOUND = SessionName("sound")

WORDS = st.sampled_from(
    (
        r'"\ud800"',
        r'"a\udcff"',
        r'"\0"',
        r'"\uFEFF"',
        "9999-12-31T23:59:59-23:00",
        "0001-01-01T00:00:00+23:00",
        "3000-12-31",
        "9" * 5000,
        "-1",
        "1e999",
        ".nan",
        "[]",
        "[1, [2]]",
        "{}",
        "{a: {b: c}}",
        "null",
        "~",
        "",
        "!!binary x",
        "!x y",
        "&a b",
        "x" * 5000,
        "😀" * 300,
        "'\u0085\u2028'",
    )
)
KEYS = (
    "agent",
    "status",
    "workspace",
    "host",
    "created_at",
    "terminated_at",
    "termination_cause",
    "claude_session_id_own",
    "session_id_history",
    "agent_identities",
    "pane",
)
VALUES = (
    WORDS
    | st.builds("{{pid: {}, cmd: {}, cwd: {}}}".format, WORDS, WORDS, WORDS)
    | st.builds("{{claude: {{session_id: {}}}}}".format, WORDS)
    | st.builds("[{{id: {}, replaced_at: {}}}]".format, WORDS, WORDS)
)
ENTRIES = st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=4)


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """By the processor's time: other work on this machine does not count."""
    began = time.process_time()
    yield
    assert time.process_time() - began < seconds


def read(folder: Path, data: bytes) -> Document:
    path = folder / "agent-sessions.yaml"
    path.write_bytes(data)
    return RegistryFile(path, state_dir=folder / "state").read(NOW)


@pytest.mark.parametrize("keyed", [False, True])
@given(name=WORDS, entry=ENTRIES)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_fault_in_one_entry_leaves_the_other_one(
    tmp_path: Path, *, name: str, entry: dict[str, str], keyed: bool
) -> None:
    lines = [f"  {key}: {entry[key]}" for key in entry]
    head = [f"  ? {name}", "  :", "   x: y"] if keyed else [f"- name: {name}"]
    body = [f" {each}" if keyed else each for each in lines]
    sound = "  sound: {status: running}" if keyed else "- {name: sound, status: running}"
    text = "\n".join(["sessions:", *head, *body, sound, ""])
    with within(SECOND):
        document = read(tmp_path, text.encode())
    found = {each.name: each for each in document.registry.entries}
    assert found[SOUND].status == "running"
    assert {fault.session for fault in document.faults if fault.grave} <= {
        None,
        *document.registry.reserved,
    }
    for each in document.registry.entries:
        json.dumps([each.name, each.agent, each.workspace, each.host], ensure_ascii=False).encode()
        for moment in (each.created_at, each.terminated_at, each.own_since):
            assert moment is None or scalars.is_moment(moment.astimezone(UTC) - timedelta(1))


SOUND_TEXT = """\
version: 1
sessions:
  - name: lab-研究-creator-claude   # 😀
    workspace: '~/a b'
    created_at: 2026-06-01T10:00:00+09:00
    pane: {pid: 12, cmd: "claude", cwd: /x}
    session_id_history:
      - {id: x, replaced_at: 2026-06-01T10:00:00Z}
  - {name: b, claude_session_id_own: null}
"""


def test_a_registry_cut_at_any_byte_in_any_encoding_is_read_or_must_be_mended(
    tmp_path: Path,
) -> None:
    for codec in ("utf-8", "utf-8-sig", "utf-16", "utf-32", "latin-1"):
        data = SOUND_TEXT.encode(codec, "replace")
        for cut in range(0, len(data), 1 if codec.startswith("utf-8") else 7):
            with suppress(MustMend, CouldNot), within(SECOND):
                read(tmp_path, data[:cut])


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8")))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_bytes_make_reading_a_registry_fail(tmp_path: Path, data: bytes) -> None:
    with suppress(MustMend, CouldNot), within(SECOND):
        read(tmp_path, data)


@given(st.integers(0, len(SOUND_TEXT)), WORDS | st.text(max_size=4), st.integers(0, 9))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_slip_of_a_hand_makes_reading_a_registry_fail(
    tmp_path: Path, at: int, word: str, gone: int
) -> None:
    text = SOUND_TEXT[:at] + word + SOUND_TEXT[at + gone :]
    with suppress(MustMend, CouldNot), within(SECOND):
        read(tmp_path, text.encode("utf-8", "replace"))


@pytest.mark.parametrize("value", ["x" * 2**20, '"' + "é" * 2**19 + '"', "9" * 2**20])
@pytest.mark.parametrize("key", ["claude_session_id_own", "name", "created_at"])
def test_a_value_of_a_megabyte_makes_its_own_entry_unusable(
    tmp_path: Path, key: str, value: str
) -> None:
    text = f"sessions:\n  - name: sound\n  - {key}: {value}\n"
    text += "" if key == "name" else "    name: b\n"
    with within(SECOND):
        document = read(tmp_path, text.encode())
    assert [each.name for each in document.registry.entries] == [SOUND]
    assert all(len(fault.message) < 400 for fault in document.faults)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(("9999-12-31T23:59:59-09:00", "0001-01-01T00:00:00+09:00", "\ud800"))
    | st.just(10**400),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)


def like(example: Any) -> st.SearchStrategy[Any]:  # noqa: ANN401 - JSON of any shape
    """The example, with anything in the place of some of its parts."""
    if isinstance(example, dict):
        parts = {key: like(value) for key, value in example.items()}
        return st.fixed_dictionaries({}, optional=parts) | st.fixed_dictionaries(parts) | JSON
    if isinstance(example, list):
        return st.lists(like(example[0]), max_size=2) | JSON
    return st.just(example) | JSON


AT = NOW.isoformat()
LEDGER = {
    "version": 1,
    "open": {"A-1": {"since": AT, "told": True, "comment_id": "1", "first_held": AT}},
    "servers": {"/s": {"pid": 1, "started_at": AT}},
    "boot": {"id": "b", "at": AT},
    "unsaid": {
        "A-1": {"text": "x", "at": AT, "awaited": None, "details": ["x"], "key": "k", "after": "a"}
    },
    "card": "t_1",
    "sources": {"tmux": {"state": "ok", "since": AT, "error": "", "error_at": AT}},
    "lives": {"a": {"made": AT, "pid": 1, "changes": [AT]}},
}
CODECS = st.sampled_from(("utf-8", "utf-16", "utf-32"))


@given(like(LEDGER), CODECS, st.just(1.0) | st.floats(0, 1))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_ledger_makes_a_look_fail(tmp_path: Path, data: object, codec: str, kept: float) -> None:
    text = json.dumps(data).encode(codec)
    (tmp_path / "x.state").write_bytes(text[: round(kept * len(text))])
    with within(SECOND):
        found = ledger.load(tmp_path / "x.state")
    assert isinstance(found, Ledger)
    assert found.memory == Memory() or found.recovered_why is None
    ledger.save(tmp_path / "y.state", found.memory)
    assert ledger.load(tmp_path / "y.state").memory == found.memory


RECORD = {
    "version": 1,
    "change": "0a1b2c3d4e5f",
    "at": AT,
    "registry": "/r.yaml",
    "session": "a",
    "drift": "A-1",
    "class": "A",
    "changes": [{"key": "pane.pid", "before": 1, "after": 2}],
    "evidence": {"server": 812},
    "before_sha256": "0" * 64,
    "after_sha256": "1" * 64,
    "undoes": None,
    "traces": [{"key": "pid", "before": ": 1", "after": ": 2", "inside": "pane"}],
}
VOID = {"void": "0a1b2c3d4e5f", "why": "the disk is full"}
LINES = st.lists(like(RECORD) | like(VOID) | st.just(RECORD) | st.just(VOID), max_size=4)


@given(LINES, CODECS, st.just(1.0) | st.floats(0, 1))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_journal_makes_a_look_fail(
    tmp_path: Path, lines: list[object], codec: str, kept: float
) -> None:
    text = b"\n".join(json.dumps(line).encode(codec) for line in lines)
    path = tmp_path / "journal.jsonl"
    path.write_bytes(text[: round(kept * len(text))])
    with within(SECOND):
        found = journal.read(path)
    assert len(found.changes) + found.skipped <= len(lines) + text.count(b"\n")
    for each in found.changes:
        assert each.session.isprintable() is not None
    journal.last_write(path, Path("/r.yaml"))
    assert journal.left_by_undo(path, b"x") is False


@pytest.mark.parametrize("data", [b"\0" * 2**25, b"x" * 2**25, b"{}\n" * 2**20, b"[" * 2**21])
def test_no_size_makes_a_look_long(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(data)
    with within(SECOND):
        assert journal.read(path).changes == ()
    with within(SECOND):
        assert ledger.load(path).recovered_why
    with within(SECOND):
        kept = lastgood.load(path)
        assert lastgood.parsed(kept and kept[: 2**20], "x") is None
    assert (kept is None) == (len(data) > snapshot.LARGEST)


def test_the_end_of_a_long_journal_is_read_and_no_line_by_halves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "journal.jsonl"
    lines = [json.dumps(RECORD | {"session": f"s{n}"}).encode() for n in range(9)]
    path.write_bytes(b"\n".join(lines) + b"\n")
    for kept, bound in ((3, 3 * 560), (4, len(lines[0]) * 4 + 4)):
        monkeypatch.setattr(journal, "LARGEST", bound)
        found = journal.read(path)
        assert found.skipped == 0
        assert [each.session for each in found.changes] == [f"s{n}" for n in range(9)][-kept:]
    monkeypatch.setattr(journal, "MOST_LINES", 2)
    assert [each.session for each in journal.read(path).changes] == ["s7", "s8"]


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8")))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_last_good_copy_makes_reading_a_registry_fail(tmp_path: Path, data: bytes) -> None:
    copy = paths.last_good(tmp_path / "state", tmp_path / "agent-sessions.yaml")
    copy.parent.mkdir(exist_ok=True)
    copy.write_bytes(data)
    with suppress(MustMend), within(SECOND):
        assert read(tmp_path, b"sessions: [{name: sound}]\n").registry.entries
