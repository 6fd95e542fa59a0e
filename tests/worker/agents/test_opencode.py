"""opencode's sessions: rows of a database that is never written to."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import pytest

from kanban_worker.agents.opencode import Opencode
from kanban_worker.agents.opencode_binding import SHOWN_TITLE
from kanban_worker.agents.shape import Activity, LiveAgent
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

ONE = ConversationId("ses_1aAbBcC")
TWO = ConversationId("ses_2aAbBcC")

SCHEMA = (
    "CREATE TABLE session (id TEXT PRIMARY KEY, directory TEXT, parent_id TEXT,"
    " time_created INTEGER, time_updated INTEGER, title TEXT, permission TEXT,"
    " project_id TEXT)"
)


class Rows:
    """opencode's database, with a writer that is still connected."""

    def __init__(self, host: Host, path: Path) -> None:
        self.host, self.path = host, path
        path.parent.mkdir(parents=True, exist_ok=True)
        self.link = sqlite3.connect(path)
        self.link.execute("PRAGMA journal_mode=wal")
        self.link.execute(SCHEMA)
        self.link.commit()

    def write(
        self,
        one: str,
        cwd: Path,
        *,
        at: float = -600,
        updated: float = -60,
        parent: str | None = None,
        title: str = "",
        permission: str | None = None,
    ) -> None:
        times = [int(self.host.at(when).timestamp() * 1000) for when in (at, updated)]
        self.link.execute(
            "INSERT OR REPLACE INTO session VALUES (?,?,?,?,?,?,?,?)",
            (one, str(cwd), parent, *times, title, permission, "global"),
        )
        self.link.commit()


@pytest.fixture
def rows(host: Host) -> Iterator[Rows]:
    rows = Rows(host, host.home / ".local/share/opencode/opencode.db")
    yield rows
    rows.link.close()


@pytest.fixture
def work(host: Host) -> Path:
    return host.directory("lab/web")


def holds(host: Host, *agents: LiveAgent) -> list[Conversation]:
    found = Opencode(host.home, {}).conversations(agents)
    return [found[agent.session] for agent in agents]


def look(
    host: Host,
    one: str,
    adapter: Opencode | None = None,
    environ: Mapping[str, str] | None = MappingProxyType({}),
) -> object:
    return (adapter or Opencode(host.home, {})).artefact(
        ConversationId(one), workspace=None, created_at=None, now=host.now, environ=environ
    )


def test_the_only_session_begun_since_is_likely_the_agent_s(
    host: Host, rows: Rows, work: Path
) -> None:
    rows.write(TWO, work, at=-9000)
    rows.write("ses_child", work, parent=ONE)
    rows.write("ses_elsewhere", host.home)
    rows.write("ses_run", work, permission='[{"permission":"question","action":"deny"}]')
    rows.write(ONE, work)
    assert holds(host, host.agent(work, kind="opencode")) == [
        Unproven(likely=ONE, setting=SHOWN_TITLE)
    ]


def test_two_sessions_begun_since_are_ambiguous(host: Host, rows: Rows, work: Path) -> None:
    rows.write(ONE, work)
    rows.write(TWO, work)
    assert holds(host, host.agent(work, kind="opencode")) == [Ambiguous((ONE, TWO))]


def test_two_agents_in_one_directory_are_ambiguous(host: Host, rows: Rows, work: Path) -> None:
    rows.write(ONE, work)
    agents = [host.agent(work, kind="opencode", name=name) for name in "ab"]
    assert holds(host, *agents) == [Ambiguous((ONE,))] * 2


def test_a_resumed_session_is_in_the_arguments(host: Host, rows: Rows, work: Path) -> None:
    rows.write(ONE, work, at=-9000)
    agent = host.agent(work, kind="opencode", argv=("opencode", "-s", ONE))
    assert holds(host, agent) == [Bound(id=ONE, proof="argv", written=True)]


def test_a_row_in_the_wal_is_present_at_the_next_look(host: Host, rows: Rows, work: Path) -> None:
    adapter = Opencode(host.home, {})
    assert look(host, ONE, adapter) == Missing("never written or deleted")
    rows.write(ONE, work)
    assert look(host, ONE, adapter) is Artefact.PRESENT


@pytest.mark.parametrize("one", ["", "ses_", "x", "ses_'; DROP TABLE session", "ses_%"])
@pytest.mark.usefixtures("rows")
def test_what_is_no_session_s_name_is_no_session(host: Host, one: str) -> None:
    assert isinstance(look(host, one), Missing)


@pytest.mark.parametrize("name", ["opencode-dev.db", "opencode-local.db"])
def test_the_database_of_another_channel_is_read(host: Host, work: Path, name: str) -> None:
    rows = Rows(host, host.home / ".local/share/opencode" / name)
    rows.write(ONE, work)
    assert look(host, ONE) is Artefact.PRESENT
    rows.link.close()


@pytest.mark.parametrize(
    "environ", [{"XDG_DATA_HOME": "{0}/data"}, {"OPENCODE_DB": "{0}/data/opencode/opencode.db"}]
)
@pytest.mark.parametrize("whose", ["monitor", "agent"])
def test_the_database_may_be_elsewhere(
    host: Host, work: Path, environ: dict[str, str], whose: str
) -> None:
    rows = Rows(host, host.home / "data/opencode/opencode.db")
    rows.write(ONE, work)
    there = {key: value.format(host.home) for key, value in environ.items()}
    adapter = Opencode(host.home, there if whose == "monitor" else {})
    agent = host.agent(work, kind="opencode", environ=there)
    found = adapter.conversations([agent])
    assert found[agent.session] == Unproven(likely=ONE, setting=SHOWN_TITLE)
    assert look(host, ONE, adapter) is Artefact.PRESENT
    rows.link.close()


def test_a_closed_database_is_read_without_leaving_files(
    host: Host, rows: Rows, work: Path
) -> None:
    rows.write(ONE, work)
    rows.link.close()
    before = sorted(rows.path.parent.iterdir())
    assert before == [rows.path]
    assert look(host, ONE) is Artefact.PRESENT
    assert sorted(rows.path.parent.iterdir()) == before


def test_a_wal_without_its_index_is_not_opened(host: Host, rows: Rows, work: Path) -> None:
    rows.write(ONE, work)
    wal = rows.path.with_name("opencode.db-wal")
    kept = wal.read_bytes()
    rows.link.close()
    wal.write_bytes(kept)
    assert isinstance(look(host, ONE), Unknown)
    assert not rows.path.with_name("opencode.db-shm").exists()


def broken(path: Path, how: str) -> None:
    path.unlink()
    match how:
        case "empty":
            path.write_bytes(b"")
        case "binary":
            path.write_bytes(os.urandom(8192))
        case "folder":
            path.mkdir()
        case "loop":
            path.symlink_to(path)
        case "schema":
            link = sqlite3.connect(path)
            link.execute("CREATE TABLE session (id TEXT)")
            link.close()


@pytest.mark.parametrize("how", ["empty", "binary", "folder", "loop", "schema"])
def test_a_database_that_cannot_be_read_is_unknown(
    host: Host, rows: Rows, work: Path, how: str
) -> None:
    rows.link.close()
    broken(rows.path, how)
    found = look(host, ONE)
    assert isinstance(found, Unknown)
    assert str(rows.path) in found.why
    (held,) = holds(host, host.agent(work, kind="opencode"))
    assert isinstance(held, Unknown)


def test_a_locked_database_is_unknown_soon(host: Host, rows: Rows, work: Path) -> None:
    rows.write(ONE, work)
    rows.link.execute("PRAGMA journal_mode=delete")
    rows.link.execute("BEGIN EXCLUSIVE")
    found = look(host, ONE)
    assert found is Artefact.PRESENT or isinstance(found, Unknown)


def test_a_session_that_is_nowhere_is_unknown_while_its_agent_was_never_seen(
    host: Host, rows: Rows
) -> None:
    found = look(host, ONE, environ=None)
    assert isinstance(found, Unknown)
    assert str(rows.path.parent) in found.why


def test_a_session_is_looked_for_where_its_agent_wrote(host: Host, rows: Rows, work: Path) -> None:
    other = Rows(host, host.home / "data/opencode/opencode.db")
    other.write(ONE, work)
    environ = {"XDG_DATA_HOME": str(host.home / "data")}
    assert look(host, ONE, environ=environ) is Artefact.PRESENT
    assert look(host, TWO, environ=environ) == Missing("never written or deleted")
    other.link.close()
    rows.link.close()
    other.path.unlink()
    assert isinstance(look(host, ONE, environ=environ), Unknown)


def test_a_missing_home_is_not_a_deleted_session(host: Host) -> None:
    assert Opencode(host.home, {}).home() is None
    assert isinstance(look(host, ONE), Unknown)


def test_the_row_s_time_tells_of_work(host: Host, rows: Rows, work: Path) -> None:
    rows.write(ONE, work, updated=-30)
    found = Opencode(host.home, {}).activity(ONE, None)
    assert isinstance(found, Activity)
    assert found.last is not None
    assert abs((found.last - host.at(-30)).total_seconds()) < 0.01
    assert found.evidence == "transcript"


def test_a_quiet_tick_opens_nothing(
    host: Host, rows: Rows, work: Path, reads: Callable[..., object]
) -> None:
    rows.write(ONE, work)
    for path in (*rows.path.parent.iterdir(), rows.path.parent):
        os.utime(path, (1_600_000_000, 1_600_000_000))
    adapter, agent = Opencode(host.home, {}), host.agent(work, kind="opencode")
    adapter.conversations([agent])
    look(host, ONE, adapter)
    for path in (*rows.path.parent.iterdir(), rows.path.parent):
        os.utime(path, (1_600_000_000, 1_600_000_000))
    adapter.conversations([agent])
    look(host, ONE, adapter)
    with reads() as seen:
        adapter.conversations([agent])
        look(host, ONE, adapter)
    assert all("/proc/" in one for one in seen)  # a process that is not there any more
