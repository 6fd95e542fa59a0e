"""Codex's threads: rollouts in folders of local days."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import pytest

from kanban_worker.agents.codex import Codex
from kanban_worker.agents.codex_binding import SETTING
from kanban_worker.agents.shape import Activity, LiveAgent
from reconcile.observed import (
    Ambiguous,
    Artefact,
    Bound,
    Conversation,
    ConversationId,
    Lineage,
    Missing,
    Unknown,
    Unproven,
)
from reconcile.proofs import Proof

if TYPE_CHECKING:
    from tests.worker.agents.conftest import Host


class Threads:
    """A Codex home."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.root = host.directory(".codex/sessions").parent
        self._count = 0

    def new_id(self, at: float = -600) -> ConversationId:
        """Return a UUID of version 7, which begins with its time."""
        self._count += 1
        ms = f"{int(self.host.at(at).timestamp() * 1000):012x}"
        return ConversationId(f"{ms[:8]}-{ms[8:]}-7000-8000-{self._count:012x}")

    def write(
        self,
        one: str,
        cwd: Path | str,
        *,
        at: float = -600,
        more: list[object] | None = None,
        folder: str | None = None,
        **meta: object,
    ) -> Path:
        when = self.host.at(at)
        local = when.astimezone()
        place = self.root / (folder or local.strftime("sessions/%Y/%m/%d"))
        place.mkdir(parents=True, exist_ok=True)
        path = place / f"rollout-{local:%Y-%m-%dT%H-%M-%S}-{one}.jsonl"
        stamp = when.isoformat().replace("+00:00", "Z")
        own = {"id": one, "timestamp": stamp, "cwd": str(cwd), "base_instructions": "x" * 20_000}
        first = {"timestamp": stamp, "type": "session_meta", "payload": own | meta}
        lines = [first, *(more or [])]
        path.write_text("".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines))
        os.utime(path, (when.timestamp(), when.timestamp()))
        return path

    def event(self, kind: str, at: float) -> object:
        stamp = self.host.at(at).isoformat().replace("+00:00", "Z")
        return {"timestamp": stamp, "type": "event_msg", "payload": {"type": kind}}


@pytest.fixture
def threads(host: Host) -> Iterator[Threads]:
    return Threads(host)


@pytest.fixture
def work(host: Host) -> Path:
    return host.directory("lab/api")


def holds(host: Host, *agents: LiveAgent) -> list[Conversation]:
    found = Codex(host.home, {}).conversations(agents)
    return [found[agent.session] for agent in agents]


def look(
    host: Host,
    one: str,
    adapter: Codex | None = None,
    environ: Mapping[str, str] | None = MappingProxyType({}),
) -> object:
    return (adapter or Codex(host.home, {})).artefact(
        ConversationId(one), workspace=None, created_at=None, now=host.now, environ=environ
    )


def likely(one: ConversationId | None) -> Unproven:
    return Unproven(likely=one, setting=SETTING)


def test_the_only_thread_begun_since_in_this_directory_is_likely_the_agent_s(
    host: Host, threads: Threads, work: Path
) -> None:
    old, other, one = threads.new_id(-9000), threads.new_id(), threads.new_id()
    threads.write(old, work, at=-9000)
    threads.write(other, host.home)
    threads.write(one, work)
    assert holds(host, host.agent(work, kind="codex")) == [likely(one)]


def test_a_thread_begun_days_after_the_process_is_found(
    host: Host, threads: Threads, work: Path
) -> None:
    one = threads.new_id()
    threads.write(one, work)
    assert holds(host, host.agent(work, kind="codex", started=-5 * 86400)) == [likely(one)]


def test_two_threads_begun_since_are_ambiguous(host: Host, threads: Threads, work: Path) -> None:
    ids = [threads.new_id(), threads.new_id()]
    for one in ids:
        threads.write(one, work)
    assert holds(host, host.agent(work, kind="codex")) == [Ambiguous(tuple(ids))]


def test_two_agents_in_one_directory_are_ambiguous(
    host: Host, threads: Threads, work: Path
) -> None:
    one = threads.new_id()
    threads.write(one, work)
    agents = [host.agent(work, kind="codex", name=name) for name in "ab"]
    assert holds(host, *agents) == [Ambiguous((one,))] * 2


def test_a_resumed_thread_is_in_the_arguments(host: Host, threads: Threads, work: Path) -> None:
    one = threads.new_id(-9000)
    threads.write(one, work, at=-9000)
    agent = host.agent(work, kind="codex", argv=("codex", "resume", one))
    assert holds(host, agent) == [Bound(id=one, proof="argv", written=True)]


@pytest.mark.parametrize("argv", [("codex", "resume", "--last"), ("codex", "fork", "ID")])
def test_other_arguments_name_no_thread_of_this_process(
    host: Host, threads: Threads, work: Path, argv: tuple[str, ...]
) -> None:
    one = threads.new_id(-9000)
    threads.write(one, work, at=-9000)
    argv = tuple(word.replace("ID", one) for word in argv)
    assert holds(host, host.agent(work, kind="codex", argv=argv)) == [likely(None)]


def test_a_fork_is_known_by_its_first_meta_line(host: Host, threads: Threads, work: Path) -> None:
    one, parent = threads.new_id(), threads.new_id(-9000)
    second = {"type": "session_meta", "payload": {"id": parent, "cwd": str(work)}}
    threads.write(one, work, more=[second], forked_from_id=parent)
    assert holds(host, host.agent(work, kind="codex")) == [likely(one)]


def test_a_sub_agent_s_thread_is_no_candidate(host: Host, threads: Threads, work: Path) -> None:
    child, parent = threads.new_id(), threads.new_id()
    threads.write(child, work, session_id=parent, parent_thread_id=parent)
    assert holds(host, host.agent(work, kind="codex")) == [likely(None)]


def test_a_first_line_of_a_megabyte_is_read(host: Host, threads: Threads, work: Path) -> None:
    one = threads.new_id()
    threads.write(one, work, base_instructions="x" * 900_000)
    assert holds(host, host.agent(work, kind="codex")) == [likely(one)]


@pytest.mark.parametrize("line", [b"", b"{", b"\xff\n", b"[" * 70_000 + b"\n", b"x" * 2_000_000])
def test_a_rollout_without_a_whole_first_line_is_no_candidate(
    host: Host, threads: Threads, work: Path, line: bytes
) -> None:
    threads.write(threads.new_id(), work).write_bytes(line)
    assert holds(host, host.agent(work, kind="codex")) == [likely(None)]


def test_a_rollout_that_cannot_be_read_is_unknown(host: Host, threads: Threads, work: Path) -> None:
    one = threads.new_id()
    path = threads.write(one, work)
    path.unlink()
    path.symlink_to(path)
    (held,) = holds(host, host.agent(work, kind="codex"))
    assert isinstance(held, Unknown)
    assert str(path) in held.why
    assert isinstance(look(host, one), Unknown)
    resumed = host.agent(work, kind="codex", argv=("codex", "resume", one))
    assert isinstance(holds(host, resumed)[0], Unknown)


def test_an_agent_whose_directory_cannot_be_read_is_unknown(host: Host) -> None:
    (held,) = holds(host, host.agent("", kind="codex", pids=(3_500_000,)))
    assert held == Unknown("cannot read the working directory of process 3500000")


@pytest.mark.parametrize("where", ["environ", "agent"])
def test_codex_home_moves_everything(host: Host, threads: Threads, work: Path, where: str) -> None:
    one = threads.new_id()
    threads.write(one, work)
    moved = threads.root.rename(host.home / "elsewhere")
    environ = {"CODEX_HOME": str(moved)}
    adapter = Codex(host.home, environ if where == "environ" else {})
    agent = host.agent(work, kind="codex", environ=environ if where == "agent" else {})
    found = adapter.conversations([agent])
    assert found[agent.session] == likely(one)
    assert look(host, one, adapter) is Artefact.PRESENT


@pytest.mark.parametrize("folder", [None, "archived_sessions", "sessions", "sessions/2020/01/02"])
def test_a_thread_is_present_on_any_day_and_in_the_archive(
    host: Host, threads: Threads, work: Path, folder: str | None
) -> None:
    one = threads.new_id()
    threads.write(one, work, folder=folder)
    assert look(host, one) is Artefact.PRESENT


def test_an_empty_rollout_is_a_ghost(host: Host, threads: Threads, work: Path) -> None:
    one = threads.new_id()
    threads.write(one, work).write_bytes(b"")
    assert look(host, one) is Artefact.GHOST


def test_a_thread_that_was_never_written_is_missing(host: Host, threads: Threads) -> None:
    assert look(host, threads.new_id()) == Missing("never written or deleted")


def test_a_thread_that_is_nowhere_is_unknown_while_its_agent_was_never_seen(
    host: Host, threads: Threads
) -> None:
    one = threads.new_id()
    found = look(host, one, environ=None)
    assert isinstance(found, Unknown)
    assert f"{threads.root}/sessions" in found.why
    assert "never seen" in found.why


def test_a_thread_is_looked_for_where_its_agent_wrote(
    host: Host, threads: Threads, work: Path
) -> None:
    one, other = threads.new_id(), threads.new_id()
    threads.write(one, work)
    away = threads.root.rename(host.home / "elsewhere")
    environ = {"CODEX_HOME": str(away)}
    assert look(host, one, environ=environ) is Artefact.PRESENT
    assert look(host, other, environ=environ) == Missing("never written or deleted")
    away.rename(host.home / "away")
    assert isinstance(look(host, one, environ=environ), Unknown)


@pytest.mark.usefixtures("threads")
def test_what_is_no_uuid_is_no_thread(host: Host) -> None:
    assert isinstance(look(host, "*"), Missing)


def test_a_missing_home_is_not_a_deleted_thread(host: Host) -> None:
    assert Codex(host.home, {}).home() is None
    assert isinstance(look(host, "01890000-0000-7000-8000-000000000001"), Unknown)


def test_a_day_that_cannot_be_listed_is_unknown(host: Host, threads: Threads, work: Path) -> None:
    day = threads.write(threads.new_id(), work).parent
    (day.parent / "99").symlink_to("nowhere")
    found = look(host, threads.new_id())
    assert isinstance(found, Unknown)
    assert "99" in found.why


def test_a_quiet_tick_opens_and_lists_nothing(
    host: Host, threads: Threads, work: Path, reads: Callable[..., object]
) -> None:
    one, adapter, agent = threads.new_id(), Codex(host.home, {}), host.agent(work, kind="codex")
    day = threads.write(one, work).parent
    for folder in (day, *day.parents[:3]):
        os.utime(folder, (1_600_000_000, 1_600_000_000))
    adapter.conversations([agent])
    look(host, one, adapter)
    host.now = host.at(30)
    with reads() as seen:
        adapter.conversations([agent])
        look(host, one, adapter)
    assert set(seen) <= {"open /proc/locks"}  # one read for all agents


def test_days_before_the_process_are_not_listed(
    host: Host, threads: Threads, work: Path, reads: Callable[..., AbstractContextManager[object]]
) -> None:
    old = threads.write(threads.new_id(), work, folder="sessions/2020/01/02").parent
    with reads() as seen:
        holds(host, host.agent(work, kind="codex"))
    assert f"os.listdir {old}" not in str(seen)


@pytest.mark.parametrize(
    ("events", "state"),
    [
        (["task_started"], "working"),
        (["task_started", "agent_message"], "working"),
        (["task_started", "task_complete"], "idle"),
        (["task_started", "turn_aborted"], "idle"),
        (["task_complete", "task_started"], "working"),
        (["token_count"], None),
    ],
)
def test_the_marks_of_a_turn_tell_the_state(
    host: Host, threads: Threads, work: Path, events: list[str], state: str | None
) -> None:
    one = threads.new_id()
    threads.write(one, work, more=[threads.event(kind, -30) for kind in events])
    agent = host.agent(work, kind="codex")
    found = Codex(host.home, {}).activity(one, agent)
    assert isinstance(found, Activity)
    assert (found.state, found.last, found.evidence) == (state, host.at(-30), "transcript")
    assert Codex(host.home, {}).activity(one, None) == replace(found, state=None)
    assert found.path is not None
    Path(found.path).write_text('{"type":"session_meta"}\n')
    os.utime(found.path, (1_700_000_000, 1_700_000_000))
    touched = Codex(host.home, {}).activity(one, agent)
    assert isinstance(touched, Activity)
    assert (touched.state, touched.evidence) == (None, "mtime")


# -- what was left for another ------------------------------------------------------------------


def left(
    threads: Threads, work: Path, one: ConversationId, *argv: str, **meta: object
) -> list[tuple[ConversationId, float | None, str, str]]:
    """Write a thread for an agent that is recorded with another one; how it came to it."""
    host, old = threads.host, ConversationId("0dddddd0-0000-7000-8000-000000000001")
    threads.write(one, work, forked_from_id=old if meta.get("fork") else None)
    agent = host.agent(work, kind="codex", argv=("codex", *argv))
    adapter = Codex(host.home, {})
    adapter.conversations([agent])
    bound = Bound(id=one, proof=Proof.LOCK, written=True)
    assert adapter.lineage(None, bound, agent) == Lineage()
    found = adapter.lineage(old, bound, agent)
    assert isinstance(found, Lineage)
    assert all(link.id == old for link in found.links)
    return [
        (link.id, link.at and round((link.at - host.now).total_seconds()), link.how, link.proof)
        for link in found.links
    ]


def test_a_thread_tells_when_it_began(threads: Threads, work: Path) -> None:
    ((_, at, how, proof),) = left(threads, work, threads.new_id())

    assert (at, how, proof) == (pytest.approx(-600, abs=1), "", "open-lock")


def test_a_fork_names_the_thread_that_it_was_made_of(threads: Threads, work: Path) -> None:
    ((_, at, how, proof),) = left(threads, work, threads.new_id(), fork=True)

    assert (at, how, proof) == (pytest.approx(-600, abs=1), "fork", "forked_from_id")


def test_an_older_thread_was_taken_up_when_the_process_began(threads: Threads, work: Path) -> None:
    one = threads.new_id()
    threads.host.now = threads.host.at(1)
    agent = threads.host.agent(work, kind="codex", argv=("codex", "resume", one), started=-60)
    threads.write(one, work)
    adapter = Codex(threads.host.home, {})
    bound = adapter.conversations([agent])[agent.session]
    assert isinstance(bound, Bound)

    found = adapter.lineage(threads.new_id(), bound, agent)

    assert isinstance(found, Lineage)
    (link,) = found.links
    assert (link.how, link.proof) == ("resume", "argv")
    assert link.at is not None
    assert round((link.at - threads.host.now).total_seconds()) in {-61, -60}
    assert adapter.expiry(one, threads.host.now) is None
