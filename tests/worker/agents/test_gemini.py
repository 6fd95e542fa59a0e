"""Gemini CLI's chats: in folders with readable names, ids only inside."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import pytest

from kanban_worker.agents.gemini import Gemini
from kanban_worker.agents.gemini_binding import SETTING
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

ONE = ConversationId("11111111-0000-4000-8000-000000000001")
TWIN = ConversationId("11111111-0000-4000-8000-000000000002")
TWO = ConversationId("22222222-0000-4000-8000-000000000001")


@pytest.fixture
def work(host: Host) -> Path:
    """A workspace that Gemini knows as `api`."""
    work = host.directory("lab/My_Api.v1")
    host.directory(".gemini/tmp/api/chats")
    (host.home / ".gemini/tmp/api/.project_root").write_text(str(work))
    (host.home / ".gemini/projects.json").write_text(json.dumps({"projects": {str(work): "api"}}))
    return work


def write(
    host: Host,
    one: str,
    *,
    at: float = -600,
    said: bool = True,
    slug: str = "api",
    suffix: str = "",
    **more: object,
) -> Path:
    when = host.at(at)
    stamp = when.isoformat().replace("+00:00", "Z")
    folder = host.directory(f".gemini/tmp/{slug}/chats")
    path = folder / f"session-{when:%Y-%m-%dT%H-%M}-{one[:8]}{suffix}.jsonl"
    lines: list[object] = [{"sessionId": one, "projectHash": "ab", "startTime": stamp} | more]
    if said:
        lines += [{"type": "user", "content": "hello", "timestamp": stamp}, {"$set": {}}]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    os.utime(path, (when.timestamp(), when.timestamp()))
    return path


def holds(host: Host, *agents: LiveAgent) -> list[Conversation]:
    found = Gemini(host.home, {}).conversations(agents)
    return [found[agent.session] for agent in agents]


def likely(one: ConversationId | None) -> Unproven:
    return Unproven(likely=one, setting=SETTING)


def look(
    host: Host,
    one: str,
    adapter: Gemini | None = None,
    environ: Mapping[str, str] | None = MappingProxyType({}),
) -> object:
    return (adapter or Gemini(host.home, {})).artefact(
        ConversationId(one), workspace=None, created_at=None, now=host.now, environ=environ
    )


def test_the_only_chat_begun_since_is_likely_the_agent_s(host: Host, work: Path) -> None:
    write(host, TWO, at=-9000)
    write(host, ONE)
    assert holds(host, host.agent(work, kind="gemini")) == [likely(ONE)]


def test_a_chat_without_a_message_is_not_written(host: Host, work: Path) -> None:
    write(host, ONE, said=False)
    agent = host.agent(work, kind="gemini", argv=("gemini", "--session-id", ONE))
    assert holds(host, agent) == [Bound(id=ONE, proof="argv", written=False)]
    assert look(host, ONE) is Artefact.GHOST


@pytest.mark.usefixtures("work")
def test_what_gemini_sets_at_the_start_is_no_message(host: Host) -> None:
    path = write(host, ONE, said=False)
    said = {"$set": {"messages": [{"type": "user", "content": [{"text": "<session_context>"}]}]}}
    with path.open("a") as stream:
        stream.write(json.dumps(said, separators=(",", ":")) + "\n")
    assert look(host, ONE) is Artefact.GHOST


def test_two_chats_begun_since_are_ambiguous(host: Host, work: Path) -> None:
    write(host, ONE)
    write(host, TWO)
    assert holds(host, host.agent(work, kind="gemini")) == [Ambiguous((ONE, TWO))]


def test_two_agents_in_one_directory_are_ambiguous(host: Host, work: Path) -> None:
    write(host, ONE)
    agents = [host.agent(work, kind="gemini", name=name) for name in "ab"]
    assert holds(host, *agents) == [Ambiguous((ONE,))] * 2


def test_a_resumed_chat_is_in_the_arguments(host: Host, work: Path) -> None:
    write(host, ONE, at=-9000)
    agent = host.agent(work, kind="gemini", argv=("node", "gemini", "--resume", ONE))
    assert holds(host, agent) == [Bound(id=ONE, proof="argv", written=True)]


@pytest.mark.parametrize("which", ["latest", "3"])
def test_a_chat_resumed_by_number_is_not_named(host: Host, work: Path, which: str) -> None:
    write(host, ONE, at=-9000)
    agent = host.agent(work, kind="gemini", argv=("node", "gemini", "-r", which))
    assert holds(host, agent) == [likely(None)]


def test_a_folder_whose_marker_names_another_owner_is_not_used(host: Host, work: Path) -> None:
    write(host, ONE)
    (host.home / ".gemini/tmp/api/.project_root").write_text("/somebody/else")
    assert holds(host, host.agent(work, kind="gemini")) == [likely(None)]


def test_an_older_version_s_folder_is_the_hash_of_the_path(host: Host, work: Path) -> None:
    write(host, ONE, slug=hashlib.sha256(str(work).encode()).hexdigest())
    assert holds(host, host.agent(work, kind="gemini")) == [likely(ONE)]


@pytest.mark.parametrize("projects", ["", "{", '{"projects": []}', '{"projects": {"X": "../.."}}'])
def test_a_broken_map_of_projects_names_nothing(host: Host, work: Path, projects: str) -> None:
    path = host.home / ".gemini/projects.json"
    path.write_text(projects.replace("X", str(work)))
    assert holds(host, host.agent(work, kind="gemini")) == [likely(None)]


def test_a_sub_agent_s_chat_is_no_candidate(host: Host, work: Path) -> None:
    child = write(host, TWO)
    parent = child.parent / ONE
    parent.mkdir()
    child.rename(parent / f"{TWO}.jsonl")
    assert holds(host, host.agent(work, kind="gemini")) == [likely(None)]


@pytest.mark.usefixtures("work")
def test_ids_with_the_same_first_digits_are_told_apart(host: Host) -> None:
    write(host, TWIN, at=-700)
    write(host, ONE)
    assert look(host, ONE) is Artefact.PRESENT
    assert look(host, TWIN) is Artefact.PRESENT
    assert look(host, ONE[:-1] + "9") == Missing("never written or deleted")


@pytest.mark.usefixtures("work")
def test_a_chat_is_present_in_any_workspace_s_folder(host: Host) -> None:
    write(host, ONE, slug="other")
    assert look(host, ONE) is Artefact.PRESENT


@pytest.mark.usefixtures("work")
def test_the_older_form_in_one_object_is_read(host: Host) -> None:
    path = write(host, ONE)
    whole = {"sessionId": ONE, "startTime": "2026-01-01T00:00:00Z", "messages": [{"type": "user"}]}
    path.with_suffix(".json").write_text(json.dumps(whole, indent=2))
    path.unlink()
    assert look(host, ONE) is Artefact.PRESENT


@pytest.mark.usefixtures("work")
def test_gemini_cli_home_is_the_folder_above(host: Host) -> None:
    write(host, ONE)
    other = host.directory("other")
    (host.home / ".gemini").rename(other / ".gemini")
    adapter = Gemini(host.home, {"GEMINI_CLI_HOME": str(other)})
    assert adapter.home() == other / ".gemini/tmp"
    assert look(host, ONE, adapter) is Artefact.PRESENT


@pytest.mark.usefixtures("work")
def test_gemini_cli_home_may_be_the_folder_itself(host: Host) -> None:
    write(host, ONE)
    (host.home / ".gemini").rename(host.home / "other")
    adapter = Gemini(host.home, {"GEMINI_CLI_HOME": str(host.home / "other")})
    assert look(host, ONE, adapter) is Artefact.PRESENT


def test_an_agent_s_own_home_is_used(host: Host, work: Path) -> None:
    write(host, ONE)
    (host.home / ".gemini").rename(host.directory("other") / ".gemini")
    agent = host.agent(work, kind="gemini", environ={"GEMINI_CLI_HOME": f"{host.home}/other"})
    assert holds(host, agent) == [likely(ONE)]


def test_the_home_of_antigravity_alone_is_not_geminis(host: Host) -> None:
    (host.home / ".gemini/antigravity-cli").mkdir(parents=True)
    assert Gemini(host.home, {}).home() is None


@pytest.mark.usefixtures("work")
def test_a_chat_that_is_nowhere_is_unknown_while_its_agent_was_never_seen(host: Host) -> None:
    found = look(host, ONE, environ=None)
    assert isinstance(found, Unknown)
    assert str(host.home / ".gemini/tmp") in found.why


@pytest.mark.usefixtures("work")
def test_a_chat_is_looked_for_where_its_agent_wrote(host: Host) -> None:
    write(host, ONE)
    away = host.directory("other") / ".gemini"
    (host.home / ".gemini").rename(away)
    environ = {"GEMINI_CLI_HOME": str(away.parent)}
    assert look(host, ONE, environ=environ) is Artefact.PRESENT
    assert look(host, TWO, environ=environ) == Missing("never written or deleted")
    away.rename(host.home / "gone")
    assert isinstance(look(host, ONE, environ=environ), Unknown)


def test_a_missing_home_is_not_a_deleted_chat(host: Host) -> None:
    assert Gemini(host.home, {}).home() is None
    assert isinstance(look(host, ONE), Unknown)


@pytest.mark.usefixtures("work")
def test_a_folder_that_cannot_be_listed_is_unknown(host: Host) -> None:
    (host.home / ".gemini/tmp/zzz").symlink_to("nowhere")
    chats = host.home / ".gemini/tmp/api/chats"
    chats.rmdir()
    chats.symlink_to(chats)
    found = look(host, ONE)
    assert isinstance(found, Unknown)
    assert str(chats) in found.why


@pytest.mark.usefixtures("work")
def test_a_chat_that_cannot_be_read_is_unknown(host: Host, work: Path) -> None:
    path = write(host, ONE)
    path.unlink()
    path.symlink_to(path)
    (held,) = holds(host, host.agent(work, kind="gemini"))
    assert isinstance(held, Unknown)
    assert isinstance(look(host, ONE), Unknown)
    assert isinstance(Gemini(host.home, {}).activity(ONE, None), Unknown)
    resumed = host.agent(work, kind="gemini", argv=("gemini", "--resume", ONE))
    assert isinstance(holds(host, resumed)[0], Unknown)


@pytest.mark.parametrize("data", [b"", b"\xff\x00", b"{", b"[" * 100_000, b'{"sessionId":"x"}'])
def test_a_file_that_is_no_chat_is_no_candidate(host: Host, work: Path, data: bytes) -> None:
    write(host, ONE).write_bytes(data)
    assert holds(host, host.agent(work, kind="gemini")) == [likely(None)]
    assert isinstance(look(host, ONE), Unknown)


def test_without_a_line_s_time_the_file_s_stands_in(host: Host, work: Path) -> None:
    path = write(host, ONE)
    path.write_text(f'{{"sessionId":"{ONE}"}}\n{{"type":"user"}}\n')
    found = Gemini(host.home, {}).activity(ONE, host.agent(work, kind="gemini"))
    assert isinstance(found, Activity)
    assert found.last is not None
    assert found.last.timestamp() == pytest.approx(path.stat().st_mtime)
    assert found.evidence == "mtime"


def test_the_newest_line_tells_of_work(host: Host) -> None:
    path = write(host, ONE, at=-40)
    assert Gemini(host.home, {}).activity(ONE, None) == Activity(
        state=None, last=host.at(-40), evidence="transcript", path=str(path)
    )


def test_a_quiet_tick_opens_and_lists_nothing(
    host: Host, work: Path, reads: Callable[..., object]
) -> None:
    adapter, agent = Gemini(host.home, {}), host.agent(work, kind="gemini")
    write(host, ONE)
    for path in (host.home / ".gemini").rglob("*"):
        os.utime(path, (1_600_000_000, 1_600_000_000))
    os.utime(host.home / ".gemini/tmp", (1_600_000_000, 1_600_000_000))
    adapter.conversations([agent])
    look(host, ONE, adapter)
    host.now = host.at(30)
    with reads() as seen:
        adapter.conversations([agent])
        look(host, ONE, adapter)
    assert not seen


def test_a_chat_tells_when_it_began(host: Host, work: Path) -> None:
    write(host, ONE)
    agent, adapter = host.agent(work, kind="gemini"), Gemini(host.home, {})
    adapter.conversations([agent])
    bound = Bound(id=ONE, proof=Proof.PANE, written=True)

    found = adapter.lineage(TWO, bound, agent)

    assert isinstance(found, Lineage)
    (link,) = found.links
    assert (link.id, link.how, link.proof) == (TWO, "", "pane")
    assert link.at is not None
    assert abs((link.at - host.at(-600)).total_seconds()) <= 1
    assert adapter.lineage(None, bound, agent) == Lineage()
    assert adapter.expiry(ONE, host.now) is None
