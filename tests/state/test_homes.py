"""A registry tells who has watched it; what cannot be told is said, and never written over."""

from __future__ import annotations

import json
import os
import stat
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconcile.observed import Unknown
from state import durable, homes, locking, paths
from state.errors import CouldNot
from state.homes import Watcher, Watchers

NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)
HERE, THERE = "0" * 31 + "a", "0" * 31 + "b"


@pytest.fixture
def registry(tmp_path: Path) -> Path:
    path = tmp_path / "agent-sessions.yaml"
    path.write_text("sessions: []\n")
    return path


def note(
    registry: Path,
    place: str = HERE,
    host: str = "devbox",
    now: datetime = NOW,
    *,
    home: bool = False,
) -> Watchers:
    return homes.note(registry, place, host, now, home=home, timeout=0.05, sleep=lambda _: None)


def test_nobody_has_watched_a_new_registry(registry: Path) -> None:
    assert homes.load(registry) == Watchers()
    assert homes.position(Watchers(), HERE) is None


def test_places_stand_in_the_order_in_which_they_first_came(registry: Path) -> None:
    note(registry, HERE, home=True)
    note(registry, THERE, "laptop", NOW + timedelta(days=1))
    found = note(registry, HERE, "devbox-2", NOW + timedelta(days=2))
    assert found == homes.load(registry)
    assert found.places == (
        Watcher(
            id=HERE,
            hosts=("devbox", "devbox-2"),
            home_since=NOW,
            watched_at=NOW + timedelta(days=2),
        ),
        Watcher(id=THERE, hosts=("laptop",), home_since=None, watched_at=NOW + timedelta(days=1)),
    )
    assert [homes.position(found, each) for each in (HERE, THERE, "0" * 32)] == [0, 1, None]


def test_the_file_is_json_beside_the_registry_and_as_readable_as_that(registry: Path) -> None:
    registry.chmod(0o664)
    note(registry)
    path = registry.with_name(".agent-sessions.yaml.places")
    assert json.loads(path.read_text()) == {
        "version": 1,
        "places": [
            {
                "id": HERE,
                "hosts": ["devbox"],
                "home_since": None,
                "watched_at": "2026-11-20T10:00:00+00:00",
            }
        ],
    }
    assert stat.S_IMODE(path.stat().st_mode) == 0o664
    names = {path.name, registry.name, paths.registry_lock(registry).name}
    assert {each.name for each in registry.parent.iterdir()} == names


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user")
def test_the_file_belongs_to_the_registrys_owner(registry: Path) -> None:
    os.chown(registry, 4_242_424, 4_242_425)
    note(registry)
    for path in (paths.watchers(registry), paths.registry_lock(registry)):
        assert (path.stat().st_uid, path.stat().st_gid) == (4_242_424, 4_242_425)


def test_a_place_that_goes_on_watching_writes_once_an_hour(registry: Path) -> None:
    note(registry)
    before = paths.watchers(registry).stat()
    for minutes, home, changed in ((59, False, False), (59, True, True), (120, True, True)):
        note(registry, now=NOW + timedelta(minutes=minutes), home=home)
        after = paths.watchers(registry).stat()
        assert (after.st_ino != before.st_ino) == changed
        before = after


def test_a_home_stays_one_since_it_was_last_called_so(registry: Path) -> None:
    note(registry, home=True)
    note(registry, now=NOW + timedelta(days=1), home=True)
    (found,) = note(registry, now=NOW + timedelta(days=2), home=False).places
    assert found.home_since == NOW + timedelta(days=1)


def test_a_clock_that_went_back_is_noted(registry: Path) -> None:
    note(registry)
    (found,) = note(registry, now=NOW - timedelta(days=1)).places
    assert found.watched_at == NOW - timedelta(days=1)


def test_other_rows_and_unknown_keys_stay(registry: Path) -> None:
    other = {
        "id": THERE,
        "hosts": ["x"],
        "home_since": None,
        "watched_at": "2026-01-01T00:00:00Z",
        "colour": [1],
    }
    mine = other | {"id": HERE, "shape": {"a": None}}
    path = paths.watchers(registry)
    path.write_text(json.dumps({"version": 1, "places": [other, mine], "note": "kept"}))
    note(registry)
    found = json.loads(path.read_text())
    assert found["note"] == "kept"
    assert found["places"][0] == other
    assert found["places"][1]["shape"] == {"a": None}
    assert found["places"][1]["hosts"] == ["x", "devbox"]


def test_hosts_and_places_are_bounded_and_neither_here_nor_a_home_is_forgotten(
    registry: Path,
) -> None:
    for n in range(homes.MOST_HOSTS + 1):
        found = note(registry, host=f"devbox-{n}")
    assert found.places[0].hosts[0] == "devbox-1"
    assert len(found.places[0].hosts) == homes.MOST_HOSTS
    rows = [
        {
            "id": f"{n:032x}",
            "hosts": [],
            "home_since": NOW.isoformat() if n == 0 else None,
            "watched_at": (NOW + timedelta(days=n)).isoformat(),
        }
        for n in range(homes.MOST_PLACES)
    ]
    paths.watchers(registry).write_text(json.dumps({"version": 1, "places": rows}))
    found = note(registry, "f" * 32)
    assert len(found.places) == homes.MOST_PLACES
    assert homes.position(found, f"{0:032x}") == 0
    assert homes.position(found, f"{1:032x}") is None
    assert homes.position(found, "f" * 32) == homes.MOST_PLACES - 1


def test_what_is_written_is_never_larger_than_what_is_read(registry: Path) -> None:
    big = {"hosts": [], "home_since": None, "watched_at": NOW.isoformat(), "x": "x" * 500_000}
    rows = [{"id": f"{n:032x}", **big} for n in range(2)]
    rows[0]["x"] += "x" * 48_000
    paths.watchers(registry).write_text(json.dumps({"version": 1, "places": rows}))
    found = note(registry, "f" * 32, "h" * 255)
    assert homes.load(registry) == found
    assert homes.position(found, "f" * 32) is not None

    path = paths.watchers(registry)
    path.write_text(json.dumps({"version": 1, "places": [], "y": "y" * (homes.LARGEST - 60)}))
    with pytest.raises(CouldNot, match="would be larger than"):
        note(registry)


@pytest.mark.parametrize("host", ["", "h" * 256, "a\ud800", "a\0"])
def test_a_host_that_cannot_be_read_again_is_left_out(registry: Path, host: str) -> None:
    (found,) = note(registry, host=host).places
    assert found.hosts == ()
    assert homes.load(registry) == Watchers(places=(found,))


ROW = {"id": HERE, "hosts": ["x"], "home_since": None, "watched_at": NOW.isoformat()}
NASTY = [
    b"",
    b"{",
    b"null",
    b"[]",
    b"\xff\xfe",
    b"[" * 100_000,
    b"\0" * 1000,
    b"x" * (homes.LARGEST + 1),
    b'{"version": 2, "places": []}',
    b'{"version": 1, "places": {}}',
    b'{"version": 1, "places": [' + b"9" * 5000 + b"]}",
    *(
        json.dumps({"version": 1, "places": [ROW | wrong]}).encode()
        for wrong in (
            {"id": 5},
            {"id": "short"},
            {"id": HERE.upper()},
            {"hosts": "x"},
            {"hosts": [1]},
            {"hosts": ["\ud800"]},
            {"home_since": 5},
            {"home_since": "2026-01-01"},
            {"watched_at": None},
            {"watched_at": "9999-12-31T23:59:59-09:00"},
        )
    ),
]


@pytest.mark.parametrize("data", NASTY, ids=range(len(NASTY)))
def test_what_cannot_be_told_is_said_and_not_written_over(registry: Path, data: bytes) -> None:
    path = paths.watchers(registry)
    path.write_bytes(data)
    found = homes.load(registry)
    assert isinstance(found, Unknown)
    assert f"cannot be told from {path}" in found.why
    with pytest.raises(CouldNot, match="agent-sessions check --here"):
        note(registry)
    assert path.read_bytes() == data


def test_neither_a_folder_nor_a_fifo_nor_a_missing_registry_is_waited_for(registry: Path) -> None:
    path = paths.watchers(registry)
    path.mkdir()
    assert isinstance(homes.load(registry), Unknown)
    path.rmdir()
    os.mkfifo(path)
    assert isinstance(homes.load(registry), Unknown)
    path.unlink()
    registry.unlink()
    with pytest.raises(CouldNot, match="could not be written"):
        note(registry)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)
ROWS = st.fixed_dictionaries(
    {}, optional={key: st.just(value) | JSON for key, value in ROW.items()}
)
FILES = st.fixed_dictionaries(
    {}, optional={"version": st.just(1) | JSON, "places": st.lists(ROWS | JSON, max_size=3) | JSON}
)


@given(
    FILES | JSON,
    st.sampled_from(("utf-8", "utf-16", "utf-32", "latin-1")),
    st.floats(0, 1) | st.just(1.0),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_nothing_in_the_file_makes_a_look_fail(
    registry: Path, data: object, codec: str, kept: float
) -> None:
    text = json.dumps(data).encode(codec)
    paths.watchers(registry).write_bytes(text[: round(kept * len(text))])
    found = homes.load(registry)
    assert isinstance(found, Watchers | Unknown)
    if isinstance(found, Watchers):
        assert homes.position(note(registry), HERE) is not None


def test_a_file_cut_at_any_byte_is_unknown(registry: Path) -> None:
    note(registry)
    path = paths.watchers(registry)
    whole = path.read_bytes()
    for cut in range(len(whole) - 1):
        path.write_bytes(whole[:cut])
        assert isinstance(homes.load(registry), Unknown)


def test_it_is_written_under_the_registrys_lock(registry: Path) -> None:
    with (
        locking.held(paths.registry_lock(registry), timeout=0, sleep=time.sleep),
        pytest.raises(CouldNot, match="is held by another process"),
    ):
        note(registry)
    assert not paths.watchers(registry).exists()


def test_two_places_that_come_at_once_are_both_noted(registry: Path) -> None:
    def come(place: str) -> None:
        homes.note(registry, place, "devbox", NOW, home=False)

    them = [threading.Thread(target=come, args=(f"{n:032x}",)) for n in range(4)]
    for each in them:
        each.start()
    for each in them:
        each.join()
    found = homes.load(registry)
    assert isinstance(found, Watchers)
    assert len(found.places) == 4


def test_a_write_that_fails_leaves_the_old_file(
    registry: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = note(registry)

    def full(_file: int) -> None:
        raise OSError(28, "full")

    monkeypatch.setattr(durable.os, "fsync", full)
    with pytest.raises(CouldNot, match="the disk is full"):
        note(registry, THERE)
    assert homes.load(registry) == found
