"""What holds for every kind of agent."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kanban_worker import agents
from kanban_worker.agents import ADAPTERS
from kanban_worker.agents.shape import Activity
from reconcile.observed import (
    Ambiguous,
    Artefact,
    Bound,
    ConversationId,
    Lineage,
    Missing,
    Unknown,
    Unproven,
)

if TYPE_CHECKING:
    from tests.worker.agents.conftest import ClaudeHost, Host

HOSTILE = ["", "..", "/", "\0", "*", "~", "x" * 5000, "\ud800", "ses_", "{}", "'; --", "é"]


@pytest.mark.parametrize("kind", ADAPTERS)
def test_an_absent_home_is_no_home_and_no_deleted_conversation(host: Host, kind: str) -> None:
    adapter = ADAPTERS[kind](host.home / "not-mounted", {})
    one = ConversationId("ses_1a" if kind == "opencode" else "87dc548e-0000-4000-8000-000000000000")
    assert adapter.home() is None
    found = adapter.artefact(one, workspace="/w", created_at=host.at(-9e6), now=host.now)
    assert isinstance(found, Unknown)
    assert "is not there" in found.why


@pytest.mark.parametrize("kind", ADAPTERS)
def test_a_home_that_is_a_link_to_nowhere_is_unknown(host: Host, kind: str) -> None:
    for name in (".claude", ".codex", ".gemini", ".local"):
        (host.home / name).symlink_to("nowhere")
    adapter = ADAPTERS[kind](host.home, {})
    home = adapter.home()
    assert home is None or isinstance(home, Unknown)
    one = ConversationId("ses_1a" if kind == "opencode" else "87dc548e-0000-4000-8000-000000000000")
    for environ in (None, {"HOME": str(host.home)}):
        found = adapter.artefact(
            one, workspace=None, created_at=None, now=host.now, environ=environ
        )
        assert isinstance(found, Unknown)


@pytest.mark.parametrize("one", HOSTILE, ids=lambda text: repr(text[:8]))
@pytest.mark.parametrize("kind", ADAPTERS)
def test_an_id_that_can_be_none_is_missing_and_never_a_path(
    host: Host, kind: str, one: str
) -> None:
    adapter = ADAPTERS[kind](host.home, {})
    conversation = ConversationId(one)
    found = adapter.artefact(conversation, workspace=one, created_at=None, now=host.now)
    assert isinstance(found, Missing)
    activity = adapter.activity(conversation, host.agent("/", kind=kind))
    assert activity == Activity(state=None, last=None)


@pytest.mark.parametrize("kind", ADAPTERS)
def test_hostile_arguments_and_directories_never_raise(host: Host, kind: str) -> None:
    adapter = ADAPTERS[kind](host.home, {})
    for word in HOSTILE:
        for option in ("--resume", "--conversation", "resume", "-s"):
            agent = host.agent(f"/{word}", kind=kind, argv=(kind, option, word), environ={})
            found = adapter.conversations([agent])[agent.session]
            assert found is None or isinstance(found, Bound | Ambiguous | Unproven | Unknown)


@pytest.mark.parametrize("kind", ["agy", "opencode", "gemini"])
def test_a_conversation_named_in_the_arguments_was_taken_up_when_the_process_began(
    host: Host, kind: str
) -> None:
    adapter, agent = ADAPTERS[kind](host.home, {}), host.agent("/", kind=kind)
    old, held = ConversationId("old"), Bound(id=ConversationId("x"), proof="argv", written=True)

    found = adapter.lineage(old, held, agent)

    assert isinstance(found, Lineage)
    (link,) = found.links
    assert (link.id, link.how, link.proof) == (old, "resume", "argv")
    assert link.at == agent.family[0].started_at.replace(microsecond=0)
    assert adapter.lineage(None, held, agent) == Lineage()
    assert adapter.expiry(held.id, host.now) is None


@pytest.mark.parametrize("kind", ADAPTERS)
def test_nobody_asked_is_nobody_answered(host: Host, kind: str) -> None:
    assert ADAPTERS[kind](host.home, {}).conversations([]) == {}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    data=st.binary(max_size=300)
    | st.lists(
        st.sampled_from(
            [
                b'{"type":"user","sessionId":',
                b'"parentUuid"',
                b"{",
                b"}",
                b"\n",
                b"[",
                b'"',
                b"\xff",
            ]
        )
    ).map(b"".join)
)
def test_no_bytes_in_a_transcript_or_pid_file_make_claude_code_s_adapter_raise(
    claude: ClaudeHost, data: bytes
) -> None:
    work = claude.directory("x")
    one, agent = claude.new_id(), claude.agent(work)
    claude.write(one, work, data)
    claude.pid_file(agent, one).write_bytes(data)
    adapter = claude.adapter()
    adapter.conversations([agent, claude.agent(work, name="other")])
    found = adapter.artefact(one, workspace=str(work), created_at=None, now=claude.now)
    assert isinstance(found, Artefact | Unknown)
    adapter.activity(one, agent)


def test_the_package_loads_neither_a_database_nor_a_foreign_function_library() -> None:
    code = (
        "import sys, kanban_worker.agents;"
        "print([name for name in ('sqlite3', 'ctypes', 'hashlib', 'psutil', 'libtmux')"
        " if name in sys.modules])"
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(agents.__file__).parents[2],
    )
    assert run.stdout.strip() == "[]"


def test_a_kind_s_modules_import_no_other_kind_s() -> None:
    folder = Path(agents.__file__).parent
    for path in folder.glob("*.py"):
        kind = path.stem.partition("_")[0]
        if kind not in ADAPTERS:
            continue
        names = {
            alias.name.rpartition(".")[2]
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Import | ast.ImportFrom)
            for alias in (*node.names, ast.alias(getattr(node, "module", None) or ""))
        }
        others = {name for name in names if name.partition("_")[0] in set(ADAPTERS) - {kind}}
        assert not others, path
