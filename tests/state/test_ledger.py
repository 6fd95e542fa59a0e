"""The ledger survives crashes and nonsense; without it nothing but patience and history is lost."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconcile.memory import (
    Acknowledgement,
    Awaited,
    Ended,
    Health,
    Life,
    MassTermination,
    Memory,
    Remembered,
    Sighting,
    Unsaid,
)
from reconcile.observed import Boot, ConversationId, PlaceId, ProcessId, Server, SessionName
from reconcile.proofs import Proof
from state import ledger
from state.errors import CouldNot

OFFSETS = st.integers(-23, 23).map(lambda hours: timezone(timedelta(hours=hours)))
BOUNDS = datetime.fromisoformat("1970-01-01"), datetime.fromisoformat("3000-12-31")
TIMES = st.datetimes(*BOUNDS, timezones=OFFSETS)
TEXTS = st.text(max_size=20)
FOUND = st.builds(
    Remembered,
    since=TIMES,
    told=st.booleans(),
    comment_id=st.none() | TEXTS,
    first_held=st.none() | TIMES,
)
HEALTH = st.builds(Health, state=TEXTS, since=TIMES, error=TEXTS, error_at=st.none() | TIMES)
UNSAID = st.builds(
    Unsaid,
    text=TEXTS,
    at=TIMES,
    awaited=st.none() | st.builds(Awaited, session=TEXTS, value=TEXTS),
    details=st.lists(TEXTS, max_size=2).map(tuple),
    ended=st.none()
    | st.builds(
        Ended,
        cause=TEXTS,
        session=TEXTS.map(SessionName),
        conversation=st.none() | TEXTS.map(ConversationId),
    ),
    key=st.none() | TEXTS,
    after=st.none() | TEXTS,
)
LIVES = st.builds(
    Life,
    made=st.none() | TIMES,
    pid=st.none() | st.integers(1, 2**31),
    returns=st.lists(TIMES, max_size=3).map(tuple),
    risen=st.none() | TIMES,
)
PROCESSES = st.builds(ProcessId, pid=st.integers(1, 2**31), start=TEXTS)
SIGHTINGS = st.builds(
    Sighting,
    place=TEXTS.map(PlaceId),
    boot=TEXTS,
    at=TIMES,
    socket=TEXTS,
    server=st.builds(Server, pid=st.integers(1, 2**31), started_at=TIMES),
    server_process=st.none() | PROCESSES,
    session_id=TEXTS,
    pane_id=TEXTS,
    pane_pid=st.integers(1, 2**31),
    agent=st.none() | PROCESSES,
    kind=TEXTS,
    environ=st.dictionaries(TEXTS, TEXTS, max_size=2),
    conversation=st.none() | TEXTS.map(ConversationId),
    proof=st.none() | st.sampled_from(Proof),
    likely=st.none() | TEXTS.map(ConversationId),
)
NAMES = st.frozensets(TEXTS.map(SessionName), max_size=2)
MASS_TERMINATIONS = st.builds(
    MassTermination,
    at=TIMES,
    ended=st.dictionaries(TEXTS, st.none() | TEXTS.map(ConversationId), max_size=2),
    own=NAMES,
    unproven=NAMES,
    another=NAMES,
    first_back=st.none() | TIMES,
    told=st.booleans(),
)
MEMORIES = st.builds(
    Memory,
    unsaid=st.dictionaries(TEXTS, UNSAID, max_size=3),
    card=st.none() | TEXTS,
    spoken=st.lists(TEXTS).map(tuple),
    said=st.dictionaries(TEXTS, st.dictionaries(TEXTS, UNSAID, max_size=2), max_size=2),
    sources=st.dictionaries(TEXTS, HEALTH, max_size=3),
    open=st.dictionaries(st.text(min_size=1, max_size=20), FOUND, max_size=4),
    servers=st.dictionaries(
        TEXTS, st.builds(Server, pid=st.integers(1, 2**31), started_at=TIMES), max_size=3
    ),
    boot=st.none() | st.builds(Boot, id=TEXTS, at=TIMES),
    lives=st.dictionaries(TEXTS, LIVES, max_size=3),
    place=st.none() | TEXTS.map(PlaceId),
    sightings=st.dictionaries(TEXTS, SIGHTINGS, max_size=2),
    mass_terminations=st.dictionaries(TEXTS, MASS_TERMINATIONS, max_size=2),
    acknowledged=st.dictionaries(
        st.text(min_size=1, max_size=20), st.builds(Acknowledgement, at=TIMES, by=TEXTS), max_size=2
    ),
    heard=st.integers(0, 2**62),
)
NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)
SOME = Memory(
    open={"A-3f2a91c4": Remembered(since=NOW, told=True, comment_id="17", first_held=NOW)},
    servers={"/tmp/tmux-0/default": Server(pid=812, started_at=NOW - timedelta(days=1))},
    boot=Boot(id="b", at=NOW - timedelta(days=2)),
)


@given(MEMORIES)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_saved_is_loaded(tmp_path: Path, memory: Memory) -> None:
    ledger.save(tmp_path / "x.state", memory)
    assert ledger.load(tmp_path / "x.state") == ledger.Ledger(memory=memory)


def test_the_file_is_json_with_a_version_and_private(tmp_path: Path) -> None:
    path = tmp_path / "cache" / "x.state"
    assert ledger.save(path, SOME)
    data = json.loads(path.read_text())
    assert data["version"] == 1
    assert data["open"]["A-3f2a91c4"]["told"] is True
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_an_equal_memory_is_not_written_again(tmp_path: Path) -> None:
    path = tmp_path / "x.state"
    assert ledger.save(path, SOME)
    before = path.stat()
    assert not ledger.save(path, SOME)
    assert path.stat().st_ino == before.st_ino
    assert ledger.save(path, Memory())


def test_a_missing_ledger_is_empty_without_a_word(tmp_path: Path) -> None:
    assert ledger.load(tmp_path / "none.state") == ledger.Ledger(memory=Memory())


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\x00",
        b"[]",
        b"null",
        b"1",
        b'{"version": 2}',
        b'{"version": 1}',
        b'{"version": 1, "open": [], "servers": {}, "boot": null}',
        b'{"version": 1, "open": {"x": {}}, "servers": {}, "boot": null}',
        b'{"version": 1, "open": {}, "servers": {"s": {"pid": "x"}}, "boot": null}',
        b'{"version": 1, "open": {}, "servers": {}, "boot": {"id": "b", "at": "2026-11-20"}}',
        b"[" * 100_000,
        b'{"version": 1, "open": {}, "servers": {}, "boot": {"id": "b", "at": "9999-12-31T23Z"}}',
        b'{"version": 1, "open": {}, "servers": {"s": {"pid": 1e999, "started_at": 0}}}',
        b'{"version": 1, "open": {}, "boot": null, "servers": {"s": {"pid": ' + b"9" * 5000,
    ],
)
def test_a_ledger_of_nonsense_is_empty_and_says_so(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.state"
    path.write_bytes(content)
    found = ledger.load(path)
    assert found.memory == Memory()
    assert f"ledger {path} could not be used" in (found.recovered_why or "")
    assert ledger.save(path, Memory())
    assert ledger.load(path).recovered_why is None


def test_a_ledger_cut_at_any_byte_is_empty_or_whole(tmp_path: Path) -> None:
    path = tmp_path / "x.state"
    ledger.save(path, SOME)
    whole = path.read_bytes()
    for cut in range(len(whole)):
        path.write_bytes(whole[:cut])
        assert ledger.load(path).memory in (Memory(), SOME)


def test_a_ledger_that_is_a_folder_is_empty_to_read_and_told_to_write(tmp_path: Path) -> None:
    (tmp_path / "x.state").mkdir()
    assert ledger.load(tmp_path / "x.state").recovered_why is not None
    with pytest.raises(CouldNot, match=r"ledger .* could not be written"):
        ledger.save(tmp_path / "x.state", SOME)
    assert [found.name for found in tmp_path.iterdir()] == ["x.state"]


def test_a_full_disk_leaves_the_old_ledger(tmp_path: Path) -> None:
    path = tmp_path / "x.state"
    ledger.save(path, SOME)
    before = path.read_bytes()
    script = (
        f"import sys, signal, resource; sys.path[:0] = {sys.path!r}\n"
        "sys.dont_write_bytecode = True\n"  # Python 3.13.0 and earlier would keep a cut module
        "from pathlib import Path; from datetime import *\n"
        "from state import ledger, errors; from reconcile.memory import *\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100, resource.RLIM_INFINITY))\n"
        "found = {str(n): Remembered(since=datetime.now(timezone.utc)) for n in range(50)}\n"
        f"try: ledger.save(Path({str(path)!r}), Memory(open=found))\n"
        "except errors.CouldNot as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert "the limit on file size is reached" in done.stdout
    assert path.read_bytes() == before
    assert [found.name for found in tmp_path.iterdir()] == ["x.state"]


@pytest.mark.parametrize(
    "broken",
    [
        {
            "open": {
                "": {"since": NOW.isoformat(), "told": True, "comment_id": 1, "first_held": None}
            }
        },
        {"unsaid": {"A-1": {"text": "x", "at": NOW.isoformat(), "awaited": {}}}},
        {"unsaid": {"A-1": {"text": "x", "at": NOW.isoformat(), "awaited": 0}}},
        {"sources": {"tmux": {}}},
    ],
    ids=["no key", "an empty wait", "a number for a wait", "no health"],
)
def test_json_that_no_ledger_has_is_taken_for_torn(tmp_path: Path, broken: object) -> None:
    path = tmp_path / "x.state"
    ledger.save(path, SOME)
    assert isinstance(broken, dict)
    path.write_text(json.dumps(json.loads(path.read_text()) | broken))

    found = ledger.load(path)

    assert found.memory == Memory()
    assert found.recovered_why


def test_one_from_before_cards_were_told_is_still_read(tmp_path: Path) -> None:
    path = tmp_path / "x.state"
    ledger.save(path, SOME)
    old = json.loads(path.read_text())
    for key in ("unsaid", "card", "sources"):
        del old[key]
    path.write_text(json.dumps(old))

    assert ledger.load(path) == ledger.Ledger(memory=SOME)
