"""Run with sudo on another's registry, what is created is theirs; what exists stays whose it is."""

from __future__ import annotations

import os
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from reconcile.desired import AddEntry, SetKey
from reconcile.memory import Memory
from reconcile.observed import SessionName
from state import durable, journal, lastgood, ledger, locking, paths
from state.document import Written
from state.durable import Owner
from state.journal import Record
from state.notebook import Notebook
from state.registry import RegistryFile

root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user")
THEIRS = Owner(4_242_424, 4_242_425)
"""Numbers that no account has: it is the number that counts."""
NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)
TEXT = "sessions:\n  - name: a\n    status: running\n"
END = SetKey(session=SessionName("a"), key="status", value="terminated")
RECORD = Record(
    at=NOW, session="a", drift="A-1", drift_class="A", changes=(), evidence={"server": 812}
)


def owner(path: Path) -> Owner:
    info = path.lstat()
    return Owner(info.st_uid, info.st_gid)


def found(folder: Path) -> dict[str, Owner]:
    return {str(each.relative_to(folder)): owner(each) for each in folder.rglob("*")}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder of theirs with their registry in it."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "r.yaml").write_text(TEXT)
    for path in (home, home / "r.yaml"):
        os.chown(path, THEIRS.uid, THEIRS.gid)
    return home


@root
def test_whatever_a_monitor_creates_belongs_to_the_registrys_owner(home: Path) -> None:
    registry, state = home / "r.yaml", home / "x/state"
    file = RegistryFile(registry, state_dir=state)
    with locking.alone(state / "m.lock", who="me", owner=durable.owner_of(registry)):
        done = file.write(file.read(NOW), [END], [RECORD])
        assert isinstance(done, Written)
        assert done.changed
        file.remember(done.document)
        Notebook(home / "y/cache/x.state", durable.owner_of(registry)).keep(Memory(card="t_1"))
    assert set(found(home)) >= {"x/state/journal.jsonl", "x/state/m.lock", "y/cache/x.state"}
    assert {"r.yaml.lock", "x", "x/state", "y", "y/cache"} <= set(found(home))
    assert set(found(home).values()) == {THEIRS}
    private = [each for each in home.rglob("*") if each.name != "r.yaml"]
    assert {stat.S_IMODE(each.stat().st_mode) for each in private if each.is_dir()} == {0o700}
    assert {stat.S_IMODE(each.stat().st_mode) for each in private if each.is_file()} == {0o600}


@root
def test_so_does_a_first_registry_in_a_folder_of_theirs(home: Path) -> None:
    registry = home / "lab/agents/new.yaml"
    RegistryFile(registry, state_dir=home / "state").create(
        [AddEntry(session=SessionName("a"), fields={"status": "running"})], NOW
    )
    assert owner(registry) == owner(registry.parent) == owner(home / "lab") == THEIRS


@root
def test_what_exists_is_never_given_away(home: Path) -> None:
    mine = Owner(os.geteuid(), os.getegid())
    state = home / "state"
    state.mkdir()
    for name in (state / paths.JOURNAL, state / "m.lock", home / "r.yaml.lock"):
        name.touch()
    file = RegistryFile(home / "r.yaml", state_dir=state)
    with locking.alone(state / "m.lock", who="me", owner=THEIRS):
        file.write(file.read(NOW), [END], [RECORD])
    kept = found(home)
    for name in ("state", "state/journal.jsonl", "state/m.lock", "r.yaml.lock"):
        assert kept[name] == mine
    assert kept["r.yaml"] == THEIRS
    durable.private_folder(state, THEIRS)
    assert owner(state) == mine


@root
def test_a_file_is_theirs_before_anything_is_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[tuple[int, int]] = []
    fchown = os.fchown

    def seen(file: int, uid: int, gid: int) -> None:
        info = os.fstat(file)
        sizes.append((info.st_size, stat.S_IMODE(info.st_mode)))
        fchown(file, uid, gid)

    monkeypatch.setattr(os, "fchown", seen)
    durable.replace(tmp_path / "ledger", b"x", THEIRS, mode=0o640)
    durable.append(tmp_path / "journal", b"x", THEIRS)
    durable.create(tmp_path / "registry", b"x", THEIRS)
    assert sizes == [(0, 0o600)] * 3
    assert set(found(tmp_path).values()) == {THEIRS}
    assert stat.S_IMODE((tmp_path / "ledger").stat().st_mode) == 0o640


@root
def test_who_cannot_give_anything_away_keeps_it(tmp_path: Path) -> None:
    """The write counts, and whoever shares a registry with others shares its group at most."""
    for parent in (tmp_path, *list(tmp_path.parents)[:3]):
        parent.chmod(parent.stat().st_mode | 0o055)
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(0o777)
    os.seteuid(4_242_000)
    try:
        durable.append(folder / "state/journal", b"x", THEIRS)
    finally:
        os.seteuid(0)
    assert {each.uid for each in found(folder).values()} == {4_242_000}


def act(what: str, path: Path) -> None:
    match what:
        case "append":
            durable.append(path, b"x")
        case "lock":
            with locking.held(path, timeout=0, sleep=lambda _: None):
                pass
        case _:
            with locking.alone(path, who="me"):
                pass


@pytest.mark.parametrize("what", ["append", "lock", "monitor"])
def test_nothing_is_opened_through_a_symlink(tmp_path: Path, what: str) -> None:
    """It could lead root to a file that its maker may not write."""
    target = tmp_path / "shadow"
    target.write_bytes(b"old")
    for name in ("link", "dangling"):
        (tmp_path / name).symlink_to(target if name == "link" else tmp_path / "none")
        with pytest.raises((OSError, durable.CouldNot), match=r"symbolic link|a symlink"):
            act(what, tmp_path / name)
    assert target.read_bytes() == b"old"
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("what", ["append", "lock", "monitor"])
def test_what_is_no_file_is_told_and_not_waited_for(tmp_path: Path, what: str) -> None:
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises((OSError, durable.CouldNot), match="not a regular file"):
        act(what, tmp_path / "fifo")


def test_a_fifo_is_no_ledger_no_copy_and_no_journal(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    assert "not a regular file" in (ledger.load(tmp_path / "fifo").recovered_why or "")
    assert lastgood.load(tmp_path / "fifo") is None
    with pytest.raises(durable.CouldNot, match="not a regular file"):
        journal.read(tmp_path / "fifo")


def test_a_missing_file_is_whose_folder_it_would_be_in(tmp_path: Path) -> None:
    assert durable.owner_of(tmp_path / "a/b/c.yaml") == owner(tmp_path)
    (tmp_path / "file").touch()
    assert durable.owner_of(tmp_path / "file") == owner(tmp_path / "file")
    assert durable.owner_of(tmp_path / "file/x") is None
