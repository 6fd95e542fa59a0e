"""What a look costs, counted in files opened and folders listed, which no clock can blur."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kanban_worker.agents import claude_projects, files
from kanban_worker.agents.claude import Claude
from kanban_worker.agents.claude_keys import key
from kanban_worker.agents.shape import LiveAgent, Seen
from reconcile.observed import Artefact, Bound, ConversationId, Lineage

if TYPE_CHECKING:
    from tests.worker.agents.conftest import ClaudeHost, Reads

GIGABYTE = 1 << 30

Fleet = list[tuple[ConversationId, LiveAgent]]


@pytest.fixture
def work(claude: ClaudeHost) -> Path:
    return claude.directory("lab/x")


@pytest.fixture
def fleet(claude: ClaudeHost) -> Fleet:
    """Twenty agents with pid files and transcripts."""
    found = []
    for at in range(20):
        work = claude.directory(f"lab/{at}")
        one, agent = claude.new_id(), claude.agent(work, name=f"s{at}")
        claude.write(one, work)
        claude.pid_file(agent, one)
        found.append((one, agent))
    return found


def tick(claude: ClaudeHost, adapter: Claude, fleet: Fleet) -> None:
    claude.now += timedelta(seconds=30)
    found = adapter.conversations([agent for _, agent in fleet])
    for one, agent in fleet:
        assert found[agent.session] == Bound(id=one, proof="pid-file", written=True)
        assert (
            adapter.artefact(one, workspace=agent.cwd, created_at=claude.now, now=claude.now)
            is Artefact.PRESENT
        )
        assert adapter.expiry(one, claude.now) is None


def test_a_quiet_tick_opens_and_lists_nothing(
    claude: ClaudeHost, fleet: Fleet, reads: Reads
) -> None:
    adapter = claude.adapter()
    tick(claude, adapter, fleet)
    with reads() as seen:
        tick(claude, adapter, fleet)
    assert not seen


def test_a_first_tick_reads_each_file_once_and_lists_no_project_folder(
    claude: ClaudeHost, fleet: Fleet, reads: Reads
) -> None:
    with reads() as seen:
        tick(claude, claude.adapter(), fleet)
    assert set(seen.values()) == {1}
    assert sum(seen.values()) == 2 * len(fleet) + 1
    assert [what for what in seen if "listdir" in what] == [f"os.listdir {claude.config}/sessions"]


def test_only_what_was_written_to_is_read_again(
    claude: ClaudeHost, fleet: Fleet, reads: Reads
) -> None:
    adapter = claude.adapter()
    tick(claude, adapter, fleet)
    one, agent = fleet[3]
    path = claude.write(one, agent.cwd, at=-10)
    with reads() as seen:
        tick(claude, adapter, fleet)
    assert dict(seen) == {f"open {path}": 1}


def test_one_missing_id_does_not_make_each_tick_list_everything(
    claude: ClaudeHost, fleet: Fleet, reads: Reads
) -> None:
    adapter, gone = claude.adapter(), claude.new_id()
    for _ in range(2):
        tick(claude, adapter, fleet)
        with reads() as seen:
            adapter.artefact(gone, workspace="/nowhere", created_at=None, now=claude.now)
    assert not seen


def test_ten_thousand_old_transcripts_are_never_opened_and_listed_once(
    claude: ClaudeHost, work: Path, reads: Reads, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = claude.projects / key(str(work))
    folder.mkdir()
    for at in range(10_000):
        name = folder / f"{at:08x}-0000-4000-8000-000000000000.jsonl"
        os.close(os.open(name, os.O_CREAT | os.O_WRONLY))
        os.utime(name, (1_600_000_000, 1_600_000_000))
    one, nameless, adapter = claude.new_id(), claude.agent(work), claude.adapter()
    claude.version = "2.1.74"
    seen_there = Seen(anywhere=lambda: [nameless])
    path = claude.write(one, work)
    dated: list[str] = []
    monkeypatch.setattr(claude_projects, "modified_ns", _counting(dated))
    with reads() as seen:
        assert adapter.conversations([nameless], seen_there) == {
            nameless.session: Bound(id=one, proof="sole-candidate", written=True)
        }
    assert seen[f"os.listdir {folder}"] == 1
    ours = f"open {claude.home}/"
    assert {what for what in seen if what.startswith(ours)} == {f"open {path}"}
    with reads() as seen:
        adapter.conversations([nameless], seen_there)
    assert not seen
    assert len(dated) == 10_001
    claude.write(claude.new_id(), work)
    adapter.conversations([nameless], seen_there)
    assert len(dated) == 10_002


def _counting(dated: list[str]) -> Callable[[str], int]:
    real = claude_projects.modified_ns

    def counting(path: str) -> int:
        dated.append(path)
        return real(path)

    return counting


def test_a_long_prompt_history_is_read_at_its_end_once_and_only_when_asked(
    claude: ClaudeHost, work: Path, reads: Reads
) -> None:
    one, agent, adapter = claude.new_id(), claude.agent(work), claude.adapter()
    claude.write(one, work, at=-3000)
    path = claude.typed(*[(-2000 + n / 100, one, "x" * 200) for n in range(10_000)], cwd=work)
    two = claude.new_id()
    claude.typed((-1000.005, one, "/clear"), cwd=work)
    claude.write(two, work, claude.cleared(two, work, -1000), at=-1000)
    claude.pid_file(agent, two)
    with reads() as seen:
        bound = adapter.conversations([agent])[agent.session]
    assert f"open {path}" not in seen
    assert isinstance(bound, Bound)
    with reads() as seen:
        for _ in range(3):
            found = adapter.lineage(one, bound, agent)
    assert isinstance(found, Lineage)
    assert [link.how for link in found.links] == ["clear"]
    assert seen[f"open {path}"] == 1


def test_a_known_transcript_s_head_is_not_read_again_as_it_grows(
    claude: ClaudeHost, work: Path, reads: Reads
) -> None:
    one, adapter = claude.new_id(), claude.adapter()
    path = claude.write(one, work)
    adapter.artefact(one, workspace=str(work), created_at=None, now=claude.now)
    with path.open("ab") as stream:
        stream.write(b'{"type":"mode"}\n' * 10_000)
    with reads() as seen:
        found = adapter.artefact(one, workspace=str(work), created_at=None, now=claude.now)
    assert found is Artefact.PRESENT
    assert dict(seen) == {f"open {path}": 1}


def test_of_a_gigabyte_a_bounded_part_is_read(
    claude: ClaudeHost, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, agent, adapter = claude.new_id(), claude.agent(work), claude.adapter()
    path = claude.write(one, work)
    with path.open("ab") as stream:
        stream.truncate(GIGABYTE)
    os.utime(path, (1_600_000_000, 1_600_000_000))
    claude.pid_file(agent, one)
    taken: list[int] = []
    real = files._read

    def counting(descriptor: int, offset: int, limit: int) -> bytes:
        data = real(descriptor, offset, limit)
        taken.append(len(data))
        return data

    monkeypatch.setattr(files, "_read", counting)
    found = adapter.conversations([agent])
    assert found == {agent.session: Bound(id=one, proof="pid-file", written=True)}
    assert (
        adapter.artefact(one, workspace=str(work), created_at=None, now=claude.now)
        is Artefact.PRESENT
    )
    adapter.activity(one, agent)
    assert sum(taken) < 2 * files.WIDE


def test_a_file_that_was_written_a_moment_ago_is_read_once_more(
    claude: ClaudeHost, work: Path, reads: Reads
) -> None:
    """A second write within the same tick of the kernel's clock leaves the stamp as it was."""
    one, agent, adapter = claude.new_id(), claude.agent(work), claude.adapter()
    claude.write(one, work)
    path = claude.pid_file(agent, one)
    os.utime(path)
    adapter.conversations([agent])
    with reads() as seen:
        adapter.conversations([agent])
    assert dict(seen) == {f"open {path}": 1}


def test_what_is_remembered_does_not_grow_without_end(claude: ClaudeHost) -> None:
    adapter = claude.adapter()
    for at in range(20_000):
        one = ConversationId(f"{at:08x}-0000-4000-8000-000000000000")
        adapter.artefact(one, workspace=f"/w/{at}", created_at=None, now=claude.now)
    library = adapter._library
    assert max(len(library._where), len(library._keys), len(library.stores)) < 10_000
