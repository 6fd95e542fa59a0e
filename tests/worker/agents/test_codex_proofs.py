"""What proves the thread that a Codex holds: locks of real processes, titles, hooks, arguments."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kanban_worker import procfs
from kanban_worker.agents.codex import Codex
from kanban_worker.agents.codex_binding import SETTING
from kanban_worker.agents.codex_titles import begin
from kanban_worker.agents.shape import Hooked, LiveAgent, Member, Seen, Shown
from reconcile.observed import (
    Ambiguous,
    Bound,
    Conversation,
    ConversationId,
    SessionName,
    Unknown,
    Unproven,
)
from stand_in import StandIn, standing_in

if TYPE_CHECKING:
    from tests.worker.agents.conftest import Host

linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells who has what open")

ONE = ConversationId("01a1ff3f-1d8a-7733-8e16-acb5abd5d00b")
TWO = ConversationId("01a1ff3f-c2ad-7da3-951f-eb0fff0378df")
TITLED = f"{ONE[:29]}..."


class Home:
    """A Codex home, and what runs in it."""

    def __init__(self, host: Host, path: Path) -> None:
        self.host, self.path = host, path
        self.work = host.directory("lab/api")
        path.mkdir(parents=True, exist_ok=True)

    def lock(self, one: str) -> Path:
        folder = self.path / "thread-writer-locks"
        folder.mkdir(exist_ok=True)
        return folder / f"{one}.lock"

    def capable(self, one: str) -> None:
        folder = self.path / "tui-thread-reference-capabilities"
        folder.mkdir(exist_ok=True)
        (folder / one).touch()

    def rollout(self, one: str, at: float = -600, **meta: object) -> None:
        when = self.host.at(at)
        place = self.path / when.astimezone().strftime("sessions/%Y/%m/%d")
        place.mkdir(parents=True, exist_ok=True)
        said = {"id": one, "cwd": str(self.work), "timestamp": when.isoformat()} | meta
        path = place / f"rollout-{when.astimezone():%Y-%m-%dT%H-%M-%S}-{one}.jsonl"
        path.write_text(json.dumps({"type": "session_meta", "payload": said}) + "\n")

    def daemon(self, pid: int) -> None:
        folder = self.path / "app-server-daemon"
        folder.mkdir(exist_ok=True)
        ticks = procfs.start_ticks(pid)
        said = {"pid": pid, "processIdentity": {"startTicks": int(ticks or 1)}}
        (folder / "daemon.pid").write_text(json.dumps(said))

    def agent(self, *pids: int, argv: tuple[str, ...] = ("codex",), name: str = "x") -> LiveAgent:
        began = datetime.now(UTC)
        family = [
            Member(pid=one, started_at=began, start_ticks=procfs.start_ticks(one)) for one in pids
        ]
        return LiveAgent(
            session=SessionName(name),
            kind="codex",
            cwd=str(self.work),
            argv=argv,
            environ={"CODEX_HOME": str(self.path)},
            family=tuple(family) or self.host.agent("/", kind="codex").family,
        )


@pytest.fixture
def home(host: Host) -> Home:
    return Home(host, host.home / ".codex")


@pytest.fixture
def codex() -> Iterator[StandIn]:
    with standing_in("codex") as one:
        yield one


def held(
    home: Home, *agents: LiveAgent, seen: Seen | None = None, title: str | None = None
) -> Conversation:
    if title is not None:
        seen = Seen(shown={agents[0].session: Shown(title)})
    found = Codex(home.host.home, {}).conversations(agents, seen or Seen())
    return found[agents[0].session]


def bound(one: ConversationId, proof: str = "open-lock", *, written: bool = False) -> Bound:
    return Bound(id=one, proof=proof, written=written)  # type: ignore[arg-type]


# -- its own lock ---------------------------------------------------------------------------------


@linux
def test_the_lock_that_it_holds_names_its_thread_before_there_is_a_rollout(
    home: Home, codex: StandIn
) -> None:
    codex.lock(home.lock(ONE))
    assert held(home, home.agent(codex.pid)) == bound(ONE)
    home.rollout(ONE)
    assert held(home, home.agent(codex.pid)) == bound(ONE, written=True)


@linux
def test_a_lock_file_that_is_only_open_says_nothing(home: Home, codex: StandIn) -> None:
    codex.open(home.lock(ONE))
    assert held(home, home.agent(codex.pid)) == Unproven(setting=SETTING)


@linux
def test_the_program_below_its_wrapper_holds_the_lock(home: Home) -> None:
    with standing_in("node") as node:
        program = node.start("codex")
        node.in_child(program, "lock", str(home.lock(ONE)))
        assert held(home, home.agent(node.pid, program)) == bound(ONE)


@linux
def test_the_locks_of_a_daemon_below_the_first_tui_are_not_its_own(
    home: Home, codex: StandIn
) -> None:
    daemon = codex.start("codex", "app-server", "--listen", "unix://")
    codex.in_child(daemon, "lock", str(home.lock(TWO)))
    home.daemon(daemon)
    agent = home.agent(codex.pid, daemon, argv=("codex", "resume", ONE))
    assert held(home, agent) == Unproven(likely=ONE, setting=SETTING)


@linux
def test_the_locks_of_a_daemon_beside_it_are_not_its_own(home: Home) -> None:
    with standing_in("sh") as shell:
        daemon, shown = shell.start("codex", "app-server"), shell.start("codex")
        shell.in_child(daemon, "lock", str(home.lock(TWO)))
        shell.in_child(shown, "lock", str(home.lock(ONE)))
        assert held(home, home.agent(shell.pid, daemon, shown)) == bound(ONE)


@linux
@pytest.mark.parametrize("words", [("codex",), ("codex", "exec")])
def test_what_a_tool_runs_below_it_is_not_its_own(
    home: Home, codex: StandIn, words: tuple[str, ...]
) -> None:
    codex.lock(home.lock(ONE))
    shell = codex.start("sh")
    tool = int(codex.in_child(shell, "start", *words))
    codex.in_child(shell, "in", str(tool), "lock", str(home.lock(TWO)))
    assert held(home, home.agent(codex.pid, shell, tool)) == bound(ONE)


@linux
def test_a_headless_run_of_the_same_wrapper_is_left_out(home: Home) -> None:
    with standing_in("sh") as shell:
        headless, shown = shell.start("codex", "exec"), shell.start("codex")
        shell.in_child(headless, "lock", str(home.lock(TWO)))
        shell.in_child(shown, "lock", str(home.lock(ONE)))
        assert held(home, home.agent(shell.pid, headless, shown)) == bound(ONE)


@linux
def test_two_locks_are_ambiguous_until_one_is_left(home: Home, codex: StandIn) -> None:
    adapter, agent = Codex(home.host.home, {}), home.agent(codex.pid)
    codex.lock(home.lock(ONE))
    assert adapter.conversations([agent])[agent.session] == bound(ONE)
    codex.lock(home.lock(TWO))
    assert adapter.conversations([agent])[agent.session] == Ambiguous((ONE, TWO))
    codex.close(home.lock(ONE))
    home.lock(ONE).unlink()
    assert adapter.conversations([agent])[agent.session] == bound(TWO)


@linux
def test_a_lock_file_that_was_renamed_is_the_other_thread_s(home: Home, codex: StandIn) -> None:
    adapter, agent = Codex(home.host.home, {}), home.agent(codex.pid)
    codex.lock(home.lock(ONE))
    assert adapter.conversations([agent])[agent.session] == bound(ONE)
    home.lock(ONE).rename(home.lock(TWO))
    assert adapter.conversations([agent])[agent.session] == bound(TWO)


@linux
def test_of_two_locks_the_one_in_the_title_is_the_one(home: Home, codex: StandIn) -> None:
    codex.lock(home.lock(ONE))
    codex.lock(home.lock(TWO))
    assert held(home, home.agent(codex.pid), title=TITLED) == bound(ONE)


@linux
def test_a_title_that_names_another_thread_than_the_lock_is_ambiguous(
    home: Home, codex: StandIn
) -> None:
    codex.lock(home.lock(TWO))
    home.capable(ONE)
    assert held(home, home.agent(codex.pid), title=TITLED) == Ambiguous((ONE, TWO))


@linux
def test_a_sub_agent_s_lock_is_not_the_pane_s(home: Home, codex: StandIn) -> None:
    home.rollout(TWO, session_id=ONE, parent_thread_id=ONE)
    codex.lock(home.lock(ONE))
    codex.lock(home.lock(TWO))
    assert held(home, home.agent(codex.pid)) == bound(ONE)


@linux
def test_a_descriptor_names_its_home_by_itself(host: Host, codex: StandIn) -> None:
    other, usual = Home(host, host.home / "other"), Home(host, host.home / ".codex")
    codex.lock(other.lock(ONE))
    other.rollout(ONE)
    assert held(usual, usual.agent(codex.pid)) == bound(ONE, written=True)


@linux
def test_its_own_lock_outranks_its_arguments(home: Home, codex: StandIn) -> None:
    codex.lock(home.lock(TWO))
    assert held(home, home.agent(codex.pid, argv=("codex", "resume", ONE))) == bound(TWO)


@linux
def test_two_agents_each_hold_what_they_lock(home: Home, codex: StandIn) -> None:
    with standing_in("codex") as other:
        codex.lock(home.lock(ONE))
        other.lock(home.lock(TWO))
        agents = [home.agent(codex.pid, name="a"), home.agent(other.pid, name="b")]
        found = Codex(home.host.home, {}).conversations(agents)
        assert list(found.values()) == [bound(ONE), bound(TWO)]


@linux
def test_a_process_that_has_ended_holds_nothing(home: Home) -> None:
    with standing_in("codex") as codex:
        codex.lock(home.lock(ONE))
        agent = home.agent(codex.pid)
    assert held(home, agent) == Unproven(setting=SETTING)


@linux
def test_a_quiet_tick_lists_no_descriptors(
    home: Home, reads: Callable[..., AbstractContextManager[object]]
) -> None:
    adapter = Codex(home.host.home, {})
    with ExitStack() as stack:
        agents = []
        for number in range(4):
            codex = stack.enter_context(standing_in("codex"))
            codex.lock(home.lock(f"{number}{ONE[1:]}"))
            agents.append(home.agent(codex.pid, name=str(number)))
        for _ in range(2):
            first = adapter.conversations(agents)
        with reads() as seen:
            assert adapter.conversations(agents) == first
        assert "listdir /proc" not in str(seen)
        assert str(seen).count("open /proc") <= 1


@linux
def test_a_thread_that_is_not_written_yet_is_asked_for_on_its_own_days_alone(
    home: Home, codex: StandIn
) -> None:
    old = home.path / "sessions/2020/01/02"
    old.mkdir(parents=True)
    adapter, agent = Codex(home.host.home, {}), home.agent(codex.pid)
    codex.lock(home.lock(ONE))
    assert adapter.conversations([agent])[agent.session] == bound(ONE)
    (old / f"rollout-2020-01-02T10-00-00-{ONE}.jsonl").write_text("{}")
    assert adapter.conversations([agent])[agent.session] == bound(ONE)
    day = home.path / "sessions/2026/11/21"
    day.mkdir(parents=True)
    (day / f"rollout-2026-11-21T17-54-48-{ONE}.jsonl").write_text("{}")
    assert adapter.conversations([agent])[agent.session] == bound(ONE, written=True)


# -- nothing of its own ---------------------------------------------------------------------------


def test_arguments_hold_where_no_daemon_serves_it(home: Home) -> None:
    agent = home.agent(argv=("codex", "resume", ONE))
    assert held(home, agent) == bound(ONE, "argv")


def test_under_a_living_daemon_arguments_are_only_likely(home: Home) -> None:
    agent = home.agent(argv=("codex", "resume", ONE))
    home.daemon(os.getpid())
    assert held(home, agent) == Unproven(likely=ONE, setting=SETTING)
    assert held(home, home.agent(argv=("codex", "--no-daemon", "resume", ONE))) == bound(
        ONE, "argv"
    )


def test_a_daemon_that_has_ended_serves_nobody(home: Home) -> None:
    with standing_in("codex", "app-server") as daemon:
        home.daemon(daemon.pid)
    assert held(home, home.agent(argv=("codex", "resume", ONE))) == bound(ONE, "argv")


@linux
def test_who_locks_nothing_where_others_lock_was_served_by_a_daemon(
    home: Home, codex: StandIn
) -> None:
    home.lock(TWO).touch()
    agent = home.agent(codex.pid, argv=("codex", "resume", ONE))
    assert held(home, agent) == Unproven(likely=ONE, setting=SETTING)


@pytest.mark.parametrize(
    "said",
    ["", "{", "[]", '{"pid":{}}', '{"pid":-1}', '{"pid":1e99}', f'{{"pid":{2**70}}}', "\0" * 99],
)
def test_a_daemon_s_file_that_says_no_pid_names_none(home: Home, said: str) -> None:
    home.daemon(os.getpid())
    (home.path / "app-server-daemon/daemon.pid").write_text(said)
    assert held(home, home.agent(argv=("codex", "resume", ONE))) == bound(ONE, "argv")


@pytest.mark.parametrize("known", ["lock", "capable", "rollout"])
def test_a_title_that_one_known_thread_completes_names_it(home: Home, known: str) -> None:
    home.daemon(os.getpid())
    match known:
        case "lock":
            home.lock(ONE).touch()
        case "capable":
            home.capable(ONE)
        case _:
            home.rollout(ONE)
    agent = home.agent(argv=("codex", "resume", TWO))
    assert held(home, agent, title=TITLED) == bound(ONE, "pane", written=known == "rollout")


@pytest.mark.parametrize("title", [TITLED, f"x {ONE[:29]}... y", f"⠇ {ONE}"])
def test_a_title_that_nothing_completes_shows_that_the_arguments_are_over(
    home: Home, title: str
) -> None:
    agent = home.agent(argv=("codex", "resume", TWO))
    expected = Unproven(left=(TWO,), begins=begin(title) or "", setting=SETTING)
    assert expected.begins
    assert held(home, agent, title=title) == expected


def test_a_title_that_two_threads_complete_names_none(home: Home) -> None:
    home.capable(ONE)
    home.capable(f"{ONE[:-1]}c")
    assert held(home, home.agent(), title=TITLED) == Unproven(begins=ONE[:29], setting=SETTING)


@pytest.mark.parametrize(
    "title",
    ["", "api", "⠇ api", ONE[:29], f"{ONE[:28]}...", f"a{TITLED}", f"{TITLED} {TWO[:29]}...", "\0"],
)
def test_other_titles_name_nothing(home: Home, title: str) -> None:
    home.capable(ONE)
    home.capable(TWO)
    home.capable(f"a{ONE}")
    assert held(home, home.agent(), title=title) == Unproven(setting=SETTING)


def hooked(agent: LiveAgent, *, headless: bool = False, one: str = TWO) -> Seen:
    record = Hooked(id=ConversationId(one), at=datetime.now(UTC), headless=headless)
    return Seen(hooked={agent.session: record})


def test_a_hook_s_record_counts_where_no_daemon_serves_it(home: Home) -> None:
    agent = home.agent(argv=("codex", "resume", ONE))
    assert held(home, agent, seen=hooked(agent)) == bound(TWO, "hook")


def test_a_hook_s_record_counts_neither_headless_nor_as_what_is_no_id(home: Home) -> None:
    agent = home.agent()
    assert held(home, agent, seen=hooked(agent, headless=True)) == Unproven(setting=SETTING)
    assert held(home, agent, seen=hooked(agent, one="../x")) == Unproven(setting=SETTING)


def test_a_hook_s_record_says_nothing_under_a_daemon(home: Home) -> None:
    """Its parent is the daemon then, and it may be another pane's."""
    home.daemon(os.getpid())
    agent = home.agent()
    assert held(home, agent, seen=hooked(agent)) == Unproven(setting=SETTING)


@pytest.mark.parametrize(
    "meta",
    [
        {"source": "exec"},
        {"originator": "codex_exec"},
        {"originator": "Codex Desktop", "source": "vscode"},
        {"source": {"subagent": "review"}},
        {"originator": ["codex-tui"]},
        {"session_id": {}},
        {"cwd": 7},
    ],
)
def test_a_thread_that_no_tui_began_is_not_even_likely(home: Home, meta: dict[str, object]) -> None:
    home.rollout(TWO, at=60, **meta)
    assert held(home, home.agent()) == Unproven(setting=SETTING)


@pytest.mark.parametrize("source", ["cli", "vscode"])
def test_the_only_thread_that_a_tui_began_since_is_likely(home: Home, source: str) -> None:
    home.rollout(TWO, at=60, source=source, originator="codex-tui")
    home.rollout(ONE, at=60, source="exec", originator="codex_exec")
    assert held(home, home.agent()) == Unproven(likely=TWO, setting=SETTING)


def test_two_processes_of_one_thread_are_both_in_it(home: Home) -> None:
    agents = [home.agent(argv=("codex", "resume", ONE), name=name) for name in "ab"]
    found = Codex(home.host.home, {}).conversations(agents)
    assert list(found.values()) == [bound(ONE, "argv")] * 2


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from([ONE, "exec", "codex-tui", "9999-12-31T23:59:59+00:00", "0001-01-01"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=80, deadline=None
)
@given(
    fields=st.dictionaries(
        st.sampled_from(
            [
                "id",
                "session_id",
                "cwd",
                "timestamp",
                "source",
                "originator",
                "parent_thread_id",
                "forked_from_id",
                "type",
            ]
        ),
        JSON,
    ),
    typed=st.booleans(),
    cut=st.integers(0, 400),
    title=st.text(max_size=60),
)
def test_no_value_in_a_rollout_raises(
    home: Home, *, fields: dict[str, object], typed: bool, cut: int, title: str
) -> None:
    home.rollout(TWO, at=60)
    path = next(home.path.glob("sessions/*/*/*/*.jsonl"))
    own = {"id": TWO, "cwd": str(home.work)} | fields
    data = json.dumps({"type": "session_meta", "payload": own} if typed else own).encode() + b"\n"
    mark = json.dumps({"type": "event_msg", "payload": fields, "timestamp": fields}).encode()
    path.write_bytes((data + mark)[: cut or None] + b"\n\0\xff")
    adapter, agent = Codex(home.host.home, {}), home.agent()
    found = adapter.conversations([agent], Seen(shown={agent.session: Shown(title)}))
    assert isinstance(found[agent.session], Ambiguous | Unproven | Unknown)
    adapter.activity(TWO, agent)
    adapter.artefact(TWO, workspace=None, created_at=None, now=home.host.now)
    adapter.lineage(ONE, bound(TWO), agent)


@linux
def test_descriptors_that_may_not_be_seen_are_unknown(home: Home, tmp_path: Path) -> None:
    from kanban_worker.agents.codex_locks import Locks  # noqa: PLC0415  # only here

    agent = home.agent(os.getpid())
    proc = tmp_path / "proc"
    (proc / str(os.getpid())).mkdir(parents=True)
    (proc / f"{os.getpid()}/fd").symlink_to(proc / f"{os.getpid()}/fd")
    assert isinstance(Locks(str(proc)).held(agent), Unknown)
    assert Locks(str(tmp_path / "none")).held(agent) is None
