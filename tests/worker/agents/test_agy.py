"""agy's conversations: presence locks, arguments, and the last one of a directory."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kanban_worker.agents import agy_locks
from kanban_worker.agents.agy import Agy
from kanban_worker.agents.shape import Activity, LiveAgent, Seen
from reconcile.observed import (
    Ambiguous,
    Artefact,
    Bound,
    Conversation,
    ConversationId,
    Missing,
    Unknown,
    Unproven,
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


def holds(
    host: Host, *agents: LiveAgent, others: Sequence[LiveAgent] | Unknown = ()
) -> list[Conversation]:
    anywhere = others if isinstance(others, Unknown) else [*agents, *others]
    found = Agy(host.home, {}).conversations(agents, Seen(anywhere=lambda: anywhere))
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


def test_an_agy_outside_of_tmux_makes_the_last_conversation_ambiguous(
    host: Host, root: Path, work: Path
) -> None:
    write(host, root, ONE)
    remember(root, {str(work): ONE})
    link = host.home / "link"
    link.symlink_to(work)
    other = host.agent(link, kind="agy", name="outside")
    assert holds(host, host.agent(work, kind="agy"), others=[other]) == [Ambiguous((ONE,))]
    elsewhere = host.agent(host.home, kind="agy", name="outside")
    assert holds(host, host.agent(work, kind="agy"), others=[elsewhere]) == [
        Bound(id=ONE, proof="last-conversation", written=True)
    ]


@pytest.mark.parametrize("hidden", ["table", "directory"])
def test_where_nobody_can_tell_of_another_agy_the_last_conversation_is_only_likely(
    host: Host, root: Path, work: Path, hidden: str
) -> None:
    write(host, root, ONE)
    remember(root, {str(work): ONE})
    others = Unknown("no table") if hidden == "table" else [host.agent("", kind="agy", name="y")]
    assert holds(host, host.agent(work, kind="agy"), others=others) == [Unproven(likely=ONE)]


def test_the_map_of_the_only_agy_shows_that_it_left_its_arguments(
    host: Host, root: Path, work: Path
) -> None:
    write(host, root, ONE)
    write(host, root, TWO)
    remember(root, {str(work): TWO})
    agent = host.agent(work, kind="agy", argv=("agy", "--conversation", ONE))
    argued = [Bound(id=ONE, proof="argv", written=True)]
    assert holds(host, agent) == [Bound(id=TWO, proof="last-conversation", written=True)]
    assert holds(host, agent, others=Unknown("no table")) == argued
    assert holds(host, agent, others=[host.agent(work, kind="agy", name="y")]) == argued
    write(host, root, TWO, at=-7200)
    assert holds(host, agent) == argued
    (root / "cache/last_conversations.json").write_bytes(b"{")
    assert holds(host, agent) == argued


def transcript(root: Path, one: str, *lines: object) -> Path:
    path = root / f"brain/{one}/.system_generated/logs/transcript.jsonl"
    path.parent.mkdir(parents=True)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def stamp(host: Host, at: float) -> str:
    return host.at(at).isoformat().replace("+00:00", "Z")


def last(host: Host, one: str = ONE) -> float | None:
    found = Agy(host.home, {}).activity(ConversationId(one), None)
    assert isinstance(found, Activity)
    return None if found.last is None else round((found.last - host.now).total_seconds())


def test_times_inside_the_transcript_outlast_a_touch(host: Host, root: Path, work: Path) -> None:
    write(host, root, ONE, at=-5)
    transcript(
        root,
        ONE,
        {"step_index": 0, "created_at": stamp(host, -9000)},
        {"step_index": 1, "created_at": stamp(host, -8000)},
        {"step_index": 2, "content": {"created_at": stamp(host, -7)}},
        {"step_index": 3, "content": "x" * 900_000},
    )
    assert last(host) == -8000
    remember(root, {str(work): ONE})
    assert holds(host, host.agent(work, kind="agy")) == [None]


def test_times_inside_the_database_s_rows_outlast_a_restored_backup(host: Host, root: Path) -> None:
    path = root / "conversations" / f"{ONE}.db"
    link = sqlite3.connect(path)
    link.execute("PRAGMA journal_mode=wal")
    link.execute("CREATE TABLE steps (idx INTEGER, status, created_at, step_time_ms, sat)")
    link.execute(
        "INSERT INTO steps VALUES (1, 3, ?, NULL, 'x'), (2, 3, ?, ?, ?)",
        (stamp(host, -500), b"\xff", int(host.at(-400).timestamp() * 1000), stamp(host, -1)),
    )
    link.commit()
    assert last(host) == -400  # while its writer has a WAL
    link.close()
    before = sorted(path.parent.iterdir())
    assert last(host) == -400
    assert sorted(path.parent.iterdir()) == before


def test_without_a_time_inside_the_files_own_stand_in(host: Host, root: Path) -> None:
    write(host, root, ONE, at=-50)
    transcript(root, ONE, {"step_index": 0, "created_at": "9999-99-99"}, {"created_at": {}})
    assert last(host) in {0, -1}
    (root / f"brain/{ONE}/.system_generated/logs/transcript.jsonl").unlink()
    assert last(host) == -50


@pytest.mark.parametrize("data", [b"", b"SQLite format 3\0", b"\0" * 9000, b"\xff" * 5000])
def test_a_damaged_database_has_no_times(host: Host, root: Path, data: bytes) -> None:
    write(host, root, ONE).write_bytes(data)
    assert last(host) in {0, -1}


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None
)
@given(
    value=st.one_of(
        st.none(),
        st.binary(max_size=8),
        st.integers(-(2**63), 2**63 - 1),
        st.floats(),
        st.text("0123456789-:TZ", max_size=30),
    ),
    line=st.binary(max_size=200),
    page=st.integers(0, 8191),
)
def test_nothing_in_its_files_raises(
    host: Host, root: Path, value: object, line: bytes, page: int
) -> None:
    path = root / "conversations" / f"{ONE}.db"
    path.unlink(missing_ok=True)
    link = sqlite3.connect(path)
    link.execute("CREATE TABLE steps (idx INTEGER, created_at)")
    link.execute("INSERT INTO steps VALUES (1, ?)", (value,))
    link.commit()
    link.close()
    with path.open("r+b") as stream:
        stream.seek(page)
        stream.write(line[:20])
    log = root / f"brain/{ONE}/.system_generated/logs/transcript.jsonl"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_bytes(b'{"created_at":"' + line)
    assert last(host) is not None
    (root / "cache/last_conversations.json").write_bytes(line)
    held = holds(host, host.agent("/", kind="agy"))[0]
    assert held is None or isinstance(held, Bound | Unknown | Unproven)


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


def test_a_conversation_is_looked_for_in_the_home_where_its_agent_wrote(host: Host) -> None:
    place = host.directory("other/.gemini/antigravity-cli/conversations")
    host.directory(".gemini/antigravity-cli/conversations")
    (place / f"{ONE}.db").write_bytes(b"x")
    adapter = Agy(host.home, {})
    assert look(host, ONE, adapter) == Missing("never written or deleted")
    environ = {"HOME": str(host.home / "other")}
    found = adapter.artefact(ONE, workspace=None, created_at=None, now=host.now, environ=environ)
    assert found is Artefact.PRESENT


@linux
def test_a_conversation_that_another_s_process_locks_is_not_the_last_one_s(
    host: Host, root: Path, work: Path
) -> None:
    write(host, root, ONE)
    remember(root, {str(work): ONE})
    with locking(root / "presence" / f"{ONE}.lock"):
        assert holds(host, host.agent(work, kind="agy")) == [None]


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
    assert found.evidence == "mtime"


def test_a_real_database_is_left_as_it_is(host: Host, root: Path, work: Path) -> None:
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
