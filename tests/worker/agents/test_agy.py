"""agy's conversations: presence locks, arguments, and the last one of a directory."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kanban_worker.agents import agy_locks
from kanban_worker.agents.agy import Agy
from kanban_worker.agents.shape import Activity, LiveAgent
from reconcile.observed import (
    Ambiguous,
    Artefact,
    Bound,
    Conversation,
    ConversationId,
    Missing,
    Unknown,
)

if TYPE_CHECKING:
    from tests.worker.agents.conftest import Host

ONE = ConversationId("6f1e0000-0000-4000-8000-00000000590a")
TWO = ConversationId("7f1e0000-0000-4000-8000-00000000590b")

linux = pytest.mark.skipif(not Path("/proc/locks").exists(), reason="needs /proc/locks")


@pytest.fixture
def root(host: Host) -> Path:
    for name in ("conversations", "cache", "presence"):
        host.directory(f".gemini/antigravity-cli/{name}")
    return host.home / ".gemini/antigravity-cli"


@pytest.fixture
def work(host: Host) -> Path:
    return host.directory("lab/pdf")


def write(host: Host, root: Path, one: str, *, suffix: str = ".db", at: float = -60) -> Path:
    path = root / "conversations" / f"{one}{suffix}"
    path.write_bytes(b"SQLite format 3\0")
    when = host.at(at).timestamp()
    os.utime(path, (when, when))
    return path


def remember(root: Path, last: object) -> Path:
    path = root / "cache/last_conversations.json"
    path.write_text(json.dumps(last))
    return path


def holds(host: Host, *agents: LiveAgent) -> list[Conversation]:
    found = Agy(host.home, {}).conversations(agents)
    return [found[agent.session] for agent in agents]


@contextmanager
def locking(path: Path, how: str = "fcntl.flock(f, fcntl.LOCK_EX)") -> Iterator[int]:
    """Hold a lock in another process, as a running agy does."""
    code = f"import fcntl,sys; f = open(sys.argv[1], 'a'); {how}; print(flush=True); input()"
    command = [sys.executable, "-c", code, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield process.pid
        finally:
            process.communicate(b"\n")


@linux
def test_a_presence_lock_that_the_process_holds_tells(host: Host, root: Path, work: Path) -> None:
    write(host, root, ONE)
    (root / "presence" / f"{TWO}.lock").touch()
    with locking(root / "presence" / f"{ONE}.lock") as pid:
        agent = host.agent(work, kind="agy", pids=(3_400_000, pid))
        assert holds(host, agent) == [Bound(id=ONE, proof="presence-lock", written=True)]


@linux
def test_a_lock_file_that_is_only_open_tells_where_devices_differ(
    host: Host, root: Path, work: Path
) -> None:
    with locking(root / "presence" / f"{ONE}.lock", how="pass") as pid:
        agent = host.agent(work, kind="agy", pids=(pid,))
        assert holds(host, agent) == [Bound(id=ONE, proof="presence-lock", written=False)]


@linux
def test_a_lock_file_that_nobody_holds_says_nothing(host: Host, root: Path, work: Path) -> None:
    (root / "presence" / f"{ONE}.lock").touch()
    assert holds(host, host.agent(work, kind="agy")) == [None]


@linux
def test_a_process_with_two_locks_is_ambiguous(host: Host, root: Path, work: Path) -> None:
    presence = root / "presence"
    with (
        locking(presence / f"{ONE}.lock") as first,
        locking(presence / f"{TWO}.lock") as second,
    ):
        agent = host.agent(work, kind="agy", pids=(first, second))
        assert holds(host, agent) == [Ambiguous((ONE, TWO))]


def test_rows_of_the_lock_table_are_read_by_device_and_inode(tmp_path: Path) -> None:
    lock = tmp_path / "x.lock"
    lock.touch()
    status = lock.stat()
    here = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"
    (tmp_path / "locks").write_text(
        f"1: FLOCK  ADVISORY  WRITE 812 {here} 0 EOF\n"
        f"1: -> FLOCK  ADVISORY  WRITE 813 {here} 0 EOF\n"
        f"2: POSIX  ADVISORY  WRITE 814 {here} 0 EOF\n"
        "3: FLOCK  ADVISORY  WRITE 815 08:01:1 0 EOF\n"
        "4: FLOCK\n\n\x00\n"
    )
    assert agy_locks.holders({str(lock): ONE}, [], str(tmp_path)) == {812: frozenset({ONE})}


def test_without_a_lock_table_nobody_holds_anything(tmp_path: Path) -> None:
    assert agy_locks.holders({"/x": ONE}, [1], str(tmp_path)) == {}


def test_a_lock_table_that_cannot_be_read_is_unknown(tmp_path: Path) -> None:
    (tmp_path / "locks").mkdir()
    assert isinstance(agy_locks.holders({"/x": ONE}, [1], str(tmp_path)), Unknown)


def test_a_resumed_conversation_is_in_the_arguments(host: Host, root: Path, work: Path) -> None:
    write(host, root, ONE)
    agent = host.agent(work, kind="agy", argv=("agy", "--conversation", ONE))
    assert holds(host, agent) == [Bound(id=ONE, proof="argv", written=True)]


def test_the_last_conversation_is_the_only_agent_s_if_it_wrote_since(
    host: Host, root: Path, work: Path
) -> None:
    write(host, root, ONE)
    remember(root, {str(work): ONE})
    agent = host.agent(work, kind="agy")
    assert holds(host, agent) == [Bound(id=ONE, proof="last-conversation", written=True)]


def test_a_last_conversation_from_before_the_process_is_not_its(
    host: Host, root: Path, work: Path
) -> None:
    write(host, root, ONE, at=-7200)
    remember(root, {str(work): ONE})
    assert holds(host, host.agent(work, kind="agy")) == [None]


def test_two_agents_in_one_directory_are_ambiguous(host: Host, root: Path, work: Path) -> None:
    write(host, root, ONE)
    remember(root, {str(work): ONE})
    agents = [host.agent(work, kind="agy", name=name) for name in "ab"]
    assert holds(host, *agents) == [Ambiguous((ONE,))] * 2


def test_the_last_conversation_of_another_directory_is_not_used(
    host: Host, root: Path, work: Path
) -> None:
    write(host, root, ONE)
    remember(root, {f"{work}-2": ONE, str(work): "../../x", str(work.parent): 7})
    assert holds(host, host.agent(work, kind="agy")) == [None]


@pytest.mark.parametrize("torn", [b"", b"{", b"[]", b"\xff", b"[" * 100_000])
def test_a_torn_map_is_no_answer(host: Host, root: Path, work: Path, torn: bytes) -> None:
    path = remember(root, {})
    path.write_bytes(torn)
    (found,) = holds(host, host.agent(work, kind="agy"))
    assert isinstance(found, Unknown)
    assert str(path) in found.why


def test_an_empty_map_names_nothing(host: Host, root: Path, work: Path) -> None:
    remember(root, {})
    assert holds(host, host.agent(work, kind="agy")) == [None]


def look(host: Host, one: str, adapter: Agy | None = None) -> object:
    return (adapter or Agy(host.home, {})).artefact(
        ConversationId(one), workspace=None, created_at=None, now=host.now
    )


@pytest.mark.parametrize("suffix", [".db", ".pb"])
def test_either_form_of_a_conversation_is_present(host: Host, root: Path, suffix: str) -> None:
    write(host, root, ONE, suffix=suffix)
    assert look(host, ONE) is Artefact.PRESENT


def test_a_wal_alone_is_no_conversation(host: Host, root: Path) -> None:
    write(host, root, ONE, suffix=".db-wal")
    assert look(host, ONE) == Missing("never written or deleted")


def test_an_empty_database_without_a_wal_is_a_ghost(host: Host, root: Path) -> None:
    (root / "conversations" / f"{ONE}.db").touch()
    assert look(host, ONE) is Artefact.GHOST
    (root / "conversations" / f"{ONE}.db-wal").write_bytes(b"rows")
    assert look(host, ONE) is Artefact.PRESENT


def test_a_conversation_of_the_snap_is_present(host: Host) -> None:
    place = host.directory("snap/antigravity-cli/12/.gemini/antigravity-cli/conversations")
    (place / f"{ONE}.db").write_bytes(b"x")
    assert look(host, ONE) is Artefact.PRESENT
    assert Agy(host.home, {}).home() == place.parent


@pytest.mark.usefixtures("root")
def test_what_is_no_uuid_is_no_conversation(host: Host) -> None:
    assert isinstance(look(host, "../../x"), Missing)


def test_a_missing_home_is_not_a_deleted_conversation(host: Host) -> None:
    assert Agy(host.home, {}).home() is None
    assert isinstance(look(host, ONE), Unknown)


def test_a_home_that_vanishes_is_missed(host: Host, root: Path) -> None:
    other = host.directory("snap/antigravity-cli/12/.gemini/antigravity-cli/conversations")
    assert other.is_dir()
    adapter = Agy(host.home, {})
    assert look(host, ONE, adapter) == Missing("never written or deleted")
    root.rename(root.with_name("away"))
    host.now = host.at(30)
    assert isinstance(look(host, ONE, adapter), Unknown)


def test_a_folder_that_cannot_be_read_is_unknown(host: Host, root: Path) -> None:
    (root / "conversations").rmdir()
    (root / "conversations").symlink_to(root / "conversations")
    found = look(host, ONE)
    assert isinstance(found, Unknown)
    assert "conversations" in found.why


def test_the_growing_wal_tells_of_work_where_the_database_stands_still(
    host: Host, root: Path
) -> None:
    write(host, root, ONE, at=-5000)
    write(host, root, ONE, suffix=".db-wal", at=-7)
    found = Agy(host.home, {}).activity(ONE, None)
    assert isinstance(found, Activity)
    assert found.last is not None
    assert abs((found.last - host.at(-7)).total_seconds()) < 0.01


def test_a_real_database_is_never_opened(host: Host, root: Path, work: Path) -> None:
    path = root / "conversations" / f"{ONE}.db"
    link = sqlite3.connect(path)
    link.execute("PRAGMA journal_mode=wal")
    link.execute("CREATE TABLE steps (idx INTEGER)")
    link.close()
    before = sorted(path.parent.iterdir())
    remember(root, {str(work): ONE})
    assert holds(host, host.agent(work, kind="agy")) == [
        Bound(id=ONE, proof="last-conversation", written=True)
    ]
    assert look(host, ONE) is Artefact.PRESENT
    assert sorted(path.parent.iterdir()) == before
