"""One id in several places, and the folder in which an agent keeps its files."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kanban_worker.agents import claude_keys
from kanban_worker.agents.claude import Claude
from kanban_worker.agents.shape import Activity
from reconcile.observed import Artefact, ConversationId, Missing, Unknown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.worker.agents.conftest import ClaudeHost

MONTH = 28 * 86_400.0


@pytest.fixture
def work(claude: ClaudeHost) -> Path:
    return claude.directory("lab/x")


@pytest.fixture
def own(claude: ClaudeHost, tmp_path: Path) -> ClaudeHost:
    """Another configuration folder, that of an agent with its own `CLAUDE_CONFIG_DIR`."""
    return type(claude)(claude.home, tmp_path.resolve() / "own")


def look(
    adapter: Claude,
    claude: ClaudeHost,
    one: ConversationId,
    work: Path,
    environ: Mapping[str, str] | None,
) -> Artefact | Missing | Unknown:
    return adapter.artefact(
        one, workspace=str(work), created_at=claude.at(-60), now=claude.now, environ=environ
    )


# -- two project folders with the same id ---------------------------------------------------------


@pytest.mark.parametrize("order", [("lab/x", "lab/copy"), ("lab/copy", "lab/x")])
@pytest.mark.parametrize("named", ["a", "z"])
def test_idle_is_that_of_the_file_in_the_agent_s_own_project_folder(
    claude: ClaudeHost, order: tuple[str, str], named: str
) -> None:
    one = claude.new_id()
    mine, copy = claude.directory(f"{named}/x"), claude.directory("m/x")
    for place in order:
        here = mine if place == "lab/x" else copy
        claude.write(one, here, at=-20 if here == mine else -MONTH)
    agent, adapter = claude.agent(mine), claude.adapter()
    claude.pid_file(agent, one, status="busy")
    for _ in range(2):
        adapter.conversations([agent])
        found = adapter.activity(one, agent)
        assert isinstance(found, Activity)
        assert (found.last, found.path) == (
            claude.at(-20),
            str(claude.projects / claude_keys.key(str(mine)) / f"{one}.jsonl"),
        )


def test_each_of_two_agents_with_one_id_has_its_own_file(claude: ClaudeHost) -> None:
    one, adapter = claude.new_id(), claude.adapter()
    works = [claude.directory("a/x"), claude.directory("b/x")]
    agents = [claude.agent(work, name=work.parent.name) for work in works]
    for at, (work, agent) in enumerate(zip(works, agents, strict=True)):
        claude.write(one, work, at=-20 - at * MONTH)
        claude.pid_file(agent, one, status="busy")
    for _ in range(2):
        adapter.conversations(agents)
        found = [adapter.activity(one, agent) for agent in agents]
        times = [each.last for each in found if isinstance(each, Activity)]
        assert times == [claude.at(-20), claude.at(-20 - MONTH)]


def test_without_an_agent_it_is_the_file_in_the_entry_s_workspace(
    claude: ClaudeHost, work: Path
) -> None:
    one, adapter = claude.new_id(), claude.adapter()
    claude.write(one, claude.directory("a/copy"), at=-MONTH)
    claude.write(one, work, at=-20)
    assert look(adapter, claude, one, work, {}) is Artefact.PRESENT
    found = adapter.activity(one, None)
    assert isinstance(found, Activity)
    assert found.last == claude.at(-20)


def test_the_agent_s_own_configuration_folder_goes_before_another_s(
    claude: ClaudeHost, own: ClaudeHost, work: Path
) -> None:
    one, adapter = claude.new_id(), claude.adapter()
    claude.write(one, work, at=-MONTH)
    own.write(one, work, at=-20)
    agent = claude.agent(work, environ={"CLAUDE_CONFIG_DIR": str(own.config)})
    own.pid_file(agent, one, status="busy")
    adapter.conversations([agent])
    found = adapter.activity(one, agent)
    assert isinstance(found, Activity)
    assert found.path is not None
    assert found.path.startswith(str(own.config))
    assert look(adapter, claude, one, work, {"CLAUDE_CONFIG_DIR": str(own.config)}) is (
        Artefact.PRESENT
    )


def test_a_ghost_at_home_does_not_hide_the_conversation_elsewhere_nor_the_other_way(
    claude: ClaudeHost, work: Path
) -> None:
    one, adapter = claude.new_id(), claude.adapter()
    claude.write(one, work, b'{"type":"summary"}\n')
    assert look(adapter, claude, one, work, {}) is Artefact.GHOST
    claude.write(one, claude.directory("lab/other"), at=-20)
    claude.now += timedelta(seconds=30)
    assert look(adapter, claude, one, work, {}) is Artefact.PRESENT
    claude.write(one, work, at=-10)
    claude.now += timedelta(seconds=30)
    assert look(adapter, claude, one, work, {}) is Artefact.PRESENT
    found = adapter.activity(one, claude.agent(work))
    assert isinstance(found, Activity)
    assert found.path == str(claude.projects / claude_keys.key(str(work)) / f"{one}.jsonl")


def test_of_several_files_elsewhere_it_is_a_conversation_and_the_one_that_changed_last(
    claude: ClaudeHost, work: Path
) -> None:
    one = claude.new_id()
    claude.write(one, claude.directory("a"), b'{"type":"summary"}\n', touched=-1)
    newest = claude.write(one, claude.directory("b"), at=-20)
    claude.write(one, claude.directory("c"), at=-MONTH)
    claude.write(one, claude.directory("d"), b'{"type":"summary"}\n', touched=-2)
    adapter = claude.adapter()
    assert look(adapter, claude, one, work, {}) is Artefact.PRESENT
    found = adapter.activity(one, None)
    assert isinstance(found, Activity)
    assert found.path == str(newest)


# -- the folder of the agent that held it ---------------------------------------------------------


def test_a_monitor_that_was_restarted_looks_where_the_agent_wrote(
    claude: ClaudeHost, own: ClaudeHost, work: Path
) -> None:
    """The agent has ended, and only the sighting says which folder it used."""
    one = own.new_id()
    own.write(one, work)
    environ = {"CLAUDE_CONFIG_DIR": str(own.config)}
    assert look(claude.adapter(), claude, one, work, environ) is Artefact.PRESENT


@pytest.mark.parametrize("project", [None, "mine"])
def test_what_is_not_there_either_is_missing(
    claude: ClaudeHost, own: ClaudeHost, work: Path, project: str | None
) -> None:
    environ = {"CLAUDE_CONFIG_DIR": str(own.config)}
    if project:
        environ["CLAUDE_CODE_PROJECT_DIR_NAME"] = project
    found = look(claude.adapter(), claude, claude.new_id(), work, environ)
    assert found == Missing("never written or deleted")


def test_an_agent_that_was_never_seen_may_have_written_elsewhere(
    claude: ClaudeHost, own: ClaudeHost, work: Path
) -> None:
    one, adapter = own.new_id(), claude.adapter()
    found = look(adapter, claude, one, work, None)
    assert isinstance(found, Unknown)
    assert str(claude.projects) in found.why
    assert "never seen" in found.why
    assert "\n" not in found.why
    own.write(one, work)
    adapter.conversations([claude.agent(work, environ={"CLAUDE_CONFIG_DIR": str(own.config)})])
    assert look(adapter, claude, one, work, None) is Artefact.PRESENT


def test_a_folder_that_is_not_mounted_is_no_deleted_transcript(
    claude: ClaudeHost, work: Path
) -> None:
    environ = {"CLAUDE_CONFIG_DIR": "/not/mounted"}
    found = look(claude.adapter(), claude, claude.new_id(), work, environ)
    assert found == Unknown("/not/mounted/projects is not there (mount or restore it)")


def test_what_an_unseen_agent_s_living_process_names_is_not_written_yet(
    claude: ClaudeHost, work: Path
) -> None:
    one, adapter, agent = claude.new_id(), claude.adapter(), claude.agent(work)
    claude.pid_file(agent, one)
    adapter.conversations([agent])
    assert look(adapter, claude, one, work, None) == Missing(
        "not written yet: its agent has had no prompt"
    )
