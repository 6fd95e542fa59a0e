"""What proves the session that an opencode holds: its own log, and the pane's title beside it."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kanban_worker import procfs
from kanban_worker.agents import opencode_titles
from kanban_worker.agents.opencode import Opencode
from kanban_worker.agents.opencode_binding import OWN_TITLE, SHOWN_TITLE
from kanban_worker.agents.opencode_log import Logs
from kanban_worker.agents.shape import LiveAgent, Member, Seen, Shown
from reconcile.observed import (
    Bound,
    Conversation,
    ConversationId,
    SessionName,
    Unknown,
    Unproven,
)
from reconcile.proofs import Proof
from stand_in import StandIn, standing_in

if TYPE_CHECKING:
    from tests.worker.agents.conftest import Host

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells of offsets")

ONE = ConversationId("ses_1aAbBcC")
TWO = ConversationId("ses_2aAbBcC")
MINE, OTHERS = "c6c7b916", "0badcafe"
DEFAULT = "New session - 2026-11-21T17:55:09.490Z"
SCHEMA = (
    "CREATE TABLE session (id TEXT PRIMARY KEY, directory TEXT, parent_id TEXT,"
    " time_created INTEGER, time_updated INTEGER, title TEXT, permission TEXT,"
    " project_id TEXT)"
)


def line(run: str, text: str, *, ago: float = 0) -> str:
    at = (datetime.now(UTC) - timedelta(seconds=ago)).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]
    return f"timestamp={at}Z level=INFO run={run} {text}\n"


def made(one: str) -> str:
    return f'message=created id={one} slug=witty-comet parentID=undefined title="{DEFAULT}"'


def went(one: str) -> str:
    return f"message=loop session.id={one} step=0"


class Terminal:
    """A stand-in for opencode, its log and its database."""

    def __init__(self, host: Host, process: StandIn) -> None:
        self.host, self.process = host, process
        self.work = host.directory("lab/web")
        self.data = host.directory("data/opencode")
        self.log = host.directory("data/opencode/log") / "opencode.log"
        self.link = sqlite3.connect(self.data / "opencode.db")
        self.link.execute(SCHEMA)
        process.open(self.log)

    def write(self, *texts: str, run: str = MINE) -> None:
        for text in texts:
            self.process.append(self.log, line(run, text))

    def others(self, *texts: str) -> None:
        with self.log.open("a") as stream:
            stream.writelines(line(OTHERS, text) for text in texts)

    def row(
        self,
        one: str,
        title: str,
        *,
        parent: str | None = None,
        permission: str | None = None,
        project: str = "global",
    ) -> None:
        values = (one, str(self.work), parent, 0, 0, title, permission, project)
        self.link.execute("INSERT OR REPLACE INTO session VALUES (?,?,?,?,?,?,?,?)", values)
        self.link.commit()

    def agent(self, *argv: str) -> LiveAgent:
        pid = self.process.pid
        member = Member(pid=pid, started_at=datetime.now(UTC), start_ticks=procfs.start_ticks(pid))
        return LiveAgent(
            session=SessionName("x"),
            kind="opencode",
            cwd=str(self.work),
            argv=("opencode", *argv),
            environ={"XDG_DATA_HOME": str(self.host.home / "data")},
            family=(member,),
        )

    def held(self, title: str | None, *argv: str, adapter: Opencode | None = None) -> Conversation:
        agent = self.agent(*argv)
        seen = Seen(shown={} if title is None else {agent.session: Shown(title)})
        return (adapter or Opencode(self.host.home, {})).conversations([agent], seen)[agent.session]


@pytest.fixture
def terminal(host: Host) -> Iterator[Terminal]:
    with standing_in("opencode") as process:
        one = Terminal(host, process)
        yield one
        one.link.close()


def logged(one: ConversationId) -> Bound:
    return Bound(id=one, proof=Proof.LOG, written=True)


def test_the_last_session_of_its_own_lines_is_held_if_the_title_is_that_session_s(
    terminal: Terminal,
) -> None:
    terminal.row(ONE, "Mend the roof")
    terminal.row(TWO, "Paint the door")
    terminal.write("message=init", made(ONE), went(ONE))
    terminal.others(made(TWO), went(TWO))
    assert terminal.held("OC | Mend the roof") == logged(ONE)


def test_before_the_first_prompt_there_is_none(terminal: Terminal) -> None:
    terminal.others(made(TWO), went(TWO))
    terminal.write("message=init")
    assert terminal.held("OpenCode") is None


def test_a_process_that_wrote_nothing_has_none(terminal: Terminal) -> None:
    terminal.others(went(TWO))
    assert terminal.held("OpenCode") is None


def test_a_new_session_that_was_prompted_is_followed(terminal: Terminal) -> None:
    adapter = Opencode(terminal.host.home, {})
    terminal.row(ONE, "Mend the roof")
    terminal.row(TWO, "Paint the door")
    terminal.write(made(ONE), went(ONE))
    assert terminal.held("OC | Mend the roof", adapter=adapter) == logged(ONE)
    terminal.write("message=init")
    assert terminal.held("OC | Mend the roof", adapter=adapter) == logged(ONE)
    terminal.write(made(TWO), went(TWO))
    terminal.others(went(ONE))
    assert terminal.held("OC | Paint the door", adapter=adapter) == logged(TWO)


def test_a_new_session_without_a_prompt_shows_in_the_title(terminal: Terminal) -> None:
    terminal.row(ONE, "Mend the roof")
    terminal.write(went(ONE))
    assert terminal.held("OpenCode") == Unproven(left=(ONE,))


def test_another_session_s_title_shows_that_it_was_left(terminal: Terminal) -> None:
    terminal.row(ONE, "Mend the roof")
    terminal.row(TWO, "Paint the door")
    terminal.write(went(ONE))
    found = Unproven(likely=TWO, left=(ONE,))
    assert terminal.held("OC | Paint the door") == found
    assert terminal.held("OC | Something") == Unproven(left=(ONE,))


def test_equal_titles_cannot_be_told_apart(terminal: Terminal) -> None:
    terminal.row(ONE, "Greeting")
    terminal.row(TWO, "Greeting")
    terminal.write(went(ONE))
    assert terminal.held("OC | Greeting") == Unproven(likely=ONE, setting=OWN_TITLE)


def test_an_equal_title_in_another_project_cannot_be_meant(terminal: Terminal) -> None:
    terminal.row(ONE, "Greeting")
    terminal.row(TWO, "Greeting", project="other")
    terminal.write(went(ONE))
    assert terminal.held("OC | Greeting") == logged(ONE)


def test_a_session_without_a_title_of_its_own_is_likely(terminal: Terminal) -> None:
    """The pane shows `OpenCode` then, as it does without a session."""
    terminal.row(ONE, DEFAULT)
    terminal.write(made(ONE), went(ONE))
    assert terminal.held("OpenCode") == Unproven(likely=ONE, setting=OWN_TITLE)


@pytest.mark.parametrize("title", [None, "vm", "", "zsh: opencode", "OC|x"])
def test_without_opencode_s_title_the_log_makes_it_likely(
    terminal: Terminal, title: str | None
) -> None:
    terminal.row(ONE, "Mend the roof")
    terminal.write(went(ONE))
    assert terminal.held(title) == Unproven(likely=ONE, setting=SHOWN_TITLE)


def test_a_sub_agent_s_lines_lead_to_its_root(terminal: Terminal) -> None:
    terminal.row(ONE, "Mend the roof")
    terminal.row("ses_child", "Child", parent=ONE)
    terminal.row("ses_grandchild", "Child", parent="ses_child")
    terminal.write(went(ONE), went("ses_grandchild"))
    assert terminal.held("OC | Mend the roof") == logged(ONE)


@pytest.mark.parametrize("parent", ["ses_child", "../x", "ses_away"])
def test_a_sub_agent_without_a_root_is_nobody_s(terminal: Terminal, parent: str) -> None:
    terminal.row("ses_child", "Child", parent=parent)
    terminal.write(went("ses_child"))
    assert isinstance(terminal.held("OC | Child"), Unproven)


def test_a_headless_run_s_session_is_never_a_terminal_s(terminal: Terminal) -> None:
    terminal.row(ONE, "Mend the roof", permission="[]")
    terminal.write(went(ONE))
    assert terminal.held("OC | Mend the roof") == Unproven()
    assert terminal.held("OC | Mend the roof", "--session", ONE) == Unproven()


def test_arguments_count_until_the_log_or_the_title_shows_another(terminal: Terminal) -> None:
    terminal.row(ONE, "Mend the roof")
    terminal.row(TWO, "Paint the door")
    argued = Bound(id=ONE, proof=Proof.ARGUMENT, written=True)
    assert terminal.held(None, "--session", ONE) == argued
    assert terminal.held("OC | Mend the roof", "--session", ONE) == argued
    left = Unproven(likely=TWO, left=(ONE,))
    assert terminal.held("OC | Paint the door", "--session", ONE) == left
    left = Unproven(left=(ONE,))
    assert terminal.held("OpenCode", "--session", ONE) == left
    terminal.write(went(TWO))
    assert terminal.held("OC | Paint the door", "--session", ONE) == logged(TWO)


def test_what_another_process_s_line_quotes_is_not_its_own(terminal: Terminal) -> None:
    terminal.row(ONE, "Mend the roof")
    terminal.row(TWO, "Mend the roof ")
    terminal.write(went(ONE), f'message="x session.id={TWO} run={OTHERS}" error=a\\ b')
    terminal.row(TWO, "Paint the door")
    assert terminal.held("OC | Mend the roof") == logged(ONE)
    terminal.others(f'message="x run={MINE}" session.id={TWO}')
    terminal.write("message=init")
    assert terminal.held("OC | Mend the roof") == logged(ONE)


def test_its_lines_are_found_behind_megabytes_of_others(terminal: Terminal) -> None:
    terminal.row(ONE, "Mend the roof")
    terminal.write(went(ONE))
    terminal.others(*(f"message={'x' * 1000}" for _ in range(1500)))
    terminal.write("message=init")
    assert terminal.held("OC | Mend the roof") == logged(ONE)


def test_beyond_the_bound_nothing_is_said(terminal: Terminal) -> None:
    terminal.row(ONE, "Mend the roof")
    terminal.write(went(ONE))
    terminal.others(*(f"message={'x' * 10_000}" for _ in range(450)))
    terminal.write("message=init")
    assert terminal.held("OC | Mend the roof") == Unproven(setting=SHOWN_TITLE)


def test_a_log_that_was_cut_is_unknown(terminal: Terminal) -> None:
    terminal.row(ONE, "Mend the roof")
    terminal.write(went(ONE))
    terminal.log.write_bytes(b"")
    assert isinstance(terminal.held("OC | Mend the roof"), Unknown)
    terminal.others(f"{went(TWO)} more=1", went(TWO))
    assert isinstance(terminal.held("OC | Mend the roof"), Unknown)


def test_a_log_that_was_deleted_is_read_through_its_descriptor(terminal: Terminal) -> None:
    terminal.row(ONE, "Mend the roof")
    terminal.write(went(ONE))
    terminal.log.unlink()
    assert terminal.held("OC | Mend the roof") == logged(ONE)


def test_a_database_that_cannot_be_read_is_unknown(terminal: Terminal) -> None:
    terminal.write(went(ONE))
    (terminal.data / "opencode.db").write_bytes(b"\0" * 9000)
    assert isinstance(terminal.held("OC | Mend the roof"), Unknown)


def test_a_quiet_tick_reads_neither_log_nor_descriptors(
    terminal: Terminal, reads: Callable[..., AbstractContextManager[object]]
) -> None:
    import os  # noqa: PLC0415  # only here

    terminal.row(ONE, "Mend the roof")
    terminal.write(went(ONE))
    adapter = Opencode(terminal.host.home, {})
    for path in (terminal.log, terminal.data, terminal.data / "opencode.db"):
        os.utime(path, (1_600_000_000, 1_600_000_000))
    for _ in range(2):
        assert terminal.held("OC | Mend the roof", adapter=adapter) == logged(ONE)
    agent = terminal.agent()
    seen = Seen(shown={agent.session: Shown("OC | Mend the roof")})
    adapter.conversations([agent], seen)
    with reads() as counted:
        adapter.conversations([agent], seen)
    assert not counted


@pytest.mark.parametrize(
    ("title", "shown"),
    [
        ("x" * 40, "x" * 40),
        ("x" * 41, "x" * 37 + "..."),
        ("é" * 41, "é" * 37 + "..."),
        ("😀" * 21, "😀" * 18 + "\ufffd..."),
        ("a  b\tc\x00", "a b c"),
        (DEFAULT, opencode_titles.HOME),
        ("\ud800" * 50, "\ufffd" * 37 + "..."),
    ],
)
def test_a_title_is_shown_as_opencode_cuts_it(title: str, shown: str) -> None:
    assert opencode_titles.of_session(title) == shown


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None
)
@given(
    data=st.binary(max_size=400)
    | st.lists(
        st.sampled_from(
            [
                b"timestamp=2026-11-21T17:55:09.490Z ",
                b"timestamp=9999-99-99T99:99:99Z ",
                b"run=c6c7b916 ",
                b"run=",
                b"session.id=ses_1aAbBcC ",
                b'session.id="',
                b"message=created id=ses_1aAbBcC",
                b"\n",
                b"\0",
                b"\xff",
                b'"\\',
            ]
        ),
        max_size=40,
    ).map(b"".join)
)
def test_no_bytes_in_a_log_raise(host: Host, data: bytes) -> None:
    import os  # noqa: PLC0415  # only here

    log = host.directory("data/opencode/log") / "opencode.log"
    log.write_bytes(b"")
    with log.open("ab") as stream:
        stream.write(data)
        stream.flush()
        pid = os.getpid()
        agent = host.agent("/", kind="opencode", pids=(pid,), ticks=procfs.start_ticks(pid))
        said = Logs().said(agent)
    assert said is not None


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    title=st.one_of(
        st.none(), st.binary(), st.text(), st.integers(-(2**63), 2**63 - 1), st.floats()
    ),
    parent=st.one_of(st.none(), st.binary(), st.text(), st.floats()),
    shown=st.text(),
)
def test_no_types_in_a_row_raise(
    terminal: Terminal, title: object, parent: object, shown: str
) -> None:
    def told(value: object) -> object:
        return value.encode(errors="replace").decode() if isinstance(value, str) else value

    values = (ONE, told(parent), None, None, told(title), None)
    terminal.link.execute(
        "INSERT OR REPLACE INTO session (id, parent_id, time_created, time_updated, title,"
        " permission) VALUES (?,?,?,?,?,?)",
        values,
    )
    terminal.link.commit()
    terminal.write(went(ONE))
    found = terminal.held(f"OC | {shown}")
    assert found is None or isinstance(found, Bound | Unproven | Unknown)
