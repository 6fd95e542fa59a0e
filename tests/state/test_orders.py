"""Orders are appended under a lock and read by whoever ticks, whatever is in their file."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconcile.orders import Order, Verb
from state import durable, paths
from state import orders as kept
from state.durable import Owner
from state.errors import CouldNot
from state.orders import Book

NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)
REGISTRY = Path("/home/u/r.yaml")
ONE, TWO = "D-00000001", "X-00000002"
ROW = {
    "version": 1,
    "seq": 7,
    "at": NOW.isoformat(),
    "by": "ann",
    "registry": str(REGISTRY),
    "order": "ack",
    "finding": ONE,
}
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=3,
)


def book(folder: Path) -> Book:
    return Book(folder / "state" / "orders.jsonl", REGISTRY)


def written(folder: Path, *rows: object, end: str = "\n") -> Book:
    path = folder / "state" / "orders.jsonl"
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join(json.dumps(row) for row in rows) + end)
    return book(folder)


def test_what_is_ordered_is_read_with_when_by_whom_and_a_number(tmp_path: Path) -> None:
    mine = book(tmp_path)
    assert mine.read() == ()

    mine.add(Verb.ACK, [ONE, TWO], at=NOW, by="ann")
    mine.add(Verb.UNACK, [ONE], at=NOW + timedelta(hours=1), by="bob")

    assert mine.read() == (
        Order(seq=1, verb=Verb.ACK, finding=ONE, at=NOW, by="ann"),
        Order(seq=2, verb=Verb.ACK, finding=TWO, at=NOW, by="ann"),
        Order(seq=3, verb=Verb.UNACK, finding=ONE, at=NOW + timedelta(hours=1), by="bob"),
    )


def test_each_line_names_its_registry_and_one_is_not_anothers(tmp_path: Path) -> None:
    odd = Path("/home/u/\udcff r.yaml")
    other = Book(tmp_path / "state" / "orders.jsonl", odd)
    other.add(Verb.ACK, [ONE], at=NOW, by="ann")
    mine = book(tmp_path)
    assert mine.read() == ()

    mine.add(Verb.ACK, [TWO], at=NOW, by="ann")

    assert [(each.seq, each.finding) for each in mine.read()] == [(2, TWO)]
    assert [each.finding for each in other.read()] == [ONE]


def test_the_file_is_private_and_so_is_its_folder(tmp_path: Path) -> None:
    book(tmp_path).add(Verb.ACK, [ONE], at=NOW, by="ann")

    folder = tmp_path / "state"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(each.stat().st_mode) for each in folder.iterdir()} == {0o600}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user")
def test_under_sudo_it_belongs_to_the_registrys_owner(tmp_path: Path) -> None:
    theirs = Owner(4_242_424, 4_242_425)
    mine = Book(tmp_path / "state" / "orders.jsonl", REGISTRY, theirs)

    mine.add(Verb.ACK, [ONE], at=NOW, by="ann")
    mine.add(Verb.ACK, [ONE] * 4000, at=NOW, by="ann")  # put anew, for it grew too large

    assert {each.stat().st_uid for each in (tmp_path / "state").rglob("*")} == {theirs.uid}
    assert (tmp_path / "state").stat().st_uid == theirs.uid


def test_from_the_second_place_on_the_name_carries_the_place() -> None:
    assert paths.orders(Path("/s")) == Path("/s/orders.jsonl")
    assert paths.orders(Path("/s"), "1234abcd") == Path("/s/orders-1234abcd.jsonl")


# What anybody may have done to it. --------------------------------------------------------------


@pytest.mark.parametrize("key", sorted(ROW))
def test_a_line_without_one_of_its_keys_is_no_order(tmp_path: Path, key: str) -> None:
    short = {name: value for name, value in ROW.items() if name != key}

    assert written(tmp_path, short).read() == ()
    assert len(written(tmp_path, short, ROW).read()) == 1


@given(key=st.sampled_from(sorted(ROW)), value=VALUES)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_value_of_any_kind_is_passed_over_and_the_next_line_is_read(
    tmp_path: Path, key: str, value: object
) -> None:
    last = ROW | {"seq": 8, "finding": TWO}

    found = written(tmp_path, ROW | {key: value}, last).read()

    assert found[-1].finding == TWO
    assert all(isinstance(each, Order) for each in found)


@pytest.mark.parametrize(
    "data",
    [
        b"\xff\xfe\x00",
        b"{",
        b"[]\n3\nnull\n",
        b"[" * 100_000,
        b'{"seq": 1' + b"0" * 5000 + b"}",
        b'{"version": 1, "seq": 1e999}',
        b"\n\n\n",
        b"x" * 100_000,
        b'{"a": "\\ud800"}',
    ],
    ids=lambda data: repr(data[:12]),
)
def test_nonsense_is_passed_over_and_what_is_ordered_then_counts(
    tmp_path: Path, data: bytes
) -> None:
    mine = written(tmp_path, ROW)
    with (tmp_path / "state/orders.jsonl").open("ab") as file:
        file.write(data)

    mine.add(Verb.UNACK, [ONE], at=NOW, by="ann")

    assert [(each.seq, each.verb) for each in mine.read()] == [(7, Verb.ACK), (8, Verb.UNACK)]


def test_a_torn_last_line_is_lost_alone(tmp_path: Path) -> None:
    mine = written(tmp_path, ROW, ROW | {"seq": 8}, end="")
    path = tmp_path / "state/orders.jsonl"
    path.write_bytes(path.read_bytes()[:-9])
    assert [each.seq for each in mine.read()] == [7]

    mine.add(Verb.UNACK, [ONE], at=NOW, by="ann")

    assert [each.verb for each in mine.read()] == [Verb.ACK, Verb.UNACK]


def test_the_name_of_whoever_ordered_is_one_short_line(tmp_path: Path) -> None:
    (found,) = written(tmp_path, ROW | {"by": "a\nb\x1b[1m" * 100}).read()

    assert found.by.isprintable()
    assert len(found.by) <= 100


@pytest.mark.parametrize("kind", ["folder", "pipe", "loop", "below a file"])
def test_what_is_no_file_is_named_and_nothing_waits_for_it(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "state" / "orders.jsonl"
    path.parent.mkdir()
    match kind:
        case "folder":
            path.mkdir()
        case "pipe":
            os.mkfifo(path)
        case "loop":
            path.symlink_to(path)
        case _:
            (tmp_path / "file").touch()
            path.symlink_to(tmp_path / "file" / "x")

    with pytest.raises(CouldNot, match=f"orders {path} could not be read"):
        book(tmp_path).read()
    with pytest.raises(CouldNot, match=f"orders {path} could not be written"):
        book(tmp_path).add(Verb.ACK, [ONE], at=NOW, by="ann")


def test_nothing_is_written_through_a_symlink(tmp_path: Path) -> None:
    path = tmp_path / "state" / "orders.jsonl"
    path.parent.mkdir()
    path.symlink_to(tmp_path / "elsewhere")

    with pytest.raises(CouldNot, match="it is a symlink"):
        book(tmp_path).add(Verb.ACK, [ONE], at=NOW, by="ann")

    assert not (tmp_path / "elsewhere").exists()


# Its size, and its price. -----------------------------------------------------------------------


def test_it_does_not_grow_for_ever_and_numbers_go_on(tmp_path: Path) -> None:
    mine = book(tmp_path)
    path = tmp_path / "state" / "orders.jsonl"

    for hundred in range(40):
        findings = [f"D-{hundred * 100 + number:08x}" for number in range(100)]
        mine.add(Verb.ACK, findings, at=NOW, by="ann")
        assert path.stat().st_size <= kept.LARGEST

    found = mine.read()
    assert found[-1] == Order(seq=4000, verb=Verb.ACK, finding="D-00000f9f", at=NOW, by="ann")
    assert [each.seq for each in found] == list(range(found[0].seq, 4001))
    assert path.read_bytes().endswith(b"}\n")


def test_one_of_any_size_is_read_from_its_end(tmp_path: Path) -> None:
    mine = written(tmp_path, *[ROW] * 3000, ROW | {"seq": 9})

    found = mine.read()

    assert 100 < len(found) < 3000
    assert found[-1].seq == 9


def test_a_file_that_is_as_it_was_is_not_opened_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = written(tmp_path, ROW)
    first = mine.read()
    opened: list[Path] = []
    real = durable.opened
    monkeypatch.setattr(durable, "opened", lambda path: opened.append(path) or real(path))

    assert mine.read() is first
    assert opened == []

    book(tmp_path).add(Verb.ACK, [TWO], at=NOW, by="ann")
    opened.clear()
    assert len(mine.read()) == 2
    assert len(opened) == 1


def test_one_that_was_deleted_holds_no_orders(tmp_path: Path) -> None:
    mine = written(tmp_path, ROW)
    assert mine.read()

    (tmp_path / "state/orders.jsonl").unlink()

    assert mine.read() == ()


# Several at once. -------------------------------------------------------------------------------


def test_of_many_who_order_at_once_each_gets_numbers_of_its_own(tmp_path: Path) -> None:
    def order() -> None:
        for _ in range(5):
            book(tmp_path).add(Verb.ACK, [ONE, TWO], at=NOW, by="ann")

    threads = [threading.Thread(target=order) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [each.seq for each in book(tmp_path).read()] == list(range(1, 81))


def test_whoever_cannot_get_the_lock_says_so_and_orders_nothing(tmp_path: Path) -> None:
    lock = tmp_path / "state" / "orders.jsonl.lock"
    lock.parent.mkdir()
    code = (
        "import sys, time, pathlib\n"
        "from state import locking\n"
        "with locking.held(pathlib.Path(sys.argv[1]), timeout=1, sleep=time.sleep):\n"
        "    print('held', flush=True); time.sleep(60)\n"
    )
    holder = subprocess.Popen([sys.executable, "-c", code, lock], stdout=subprocess.PIPE)
    try:
        assert holder.stdout
        holder.stdout.readline()
        with pytest.raises(CouldNot, match="is held by another process"):
            book(tmp_path).add(Verb.ACK, [ONE], at=NOW, by="ann", sleep=lambda _: None)
    finally:
        holder.kill()
        holder.wait()
        assert holder.stdout
        holder.stdout.close()

    assert book(tmp_path).read() == ()
