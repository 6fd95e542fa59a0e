"""Which settings of the agents make their ids certain, read from the agents' own files."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kanban_worker import agents
from kanban_worker.agents import certainty
from kanban_worker.agents.certainty import Certainty

FILES = {
    "claude": ".claude/settings.json",
    "codex": ".codex/config.toml",
    "gemini": ".gemini/settings.json",
}
MOVED = {
    "claude": ("CLAUDE_CONFIG_DIR", "settings.json"),
    "codex": ("CODEX_HOME", "config.toml"),
    "gemini": ("GEMINI_CLI_HOME", ".gemini/settings.json"),
}
COMMAND = "agent-sessions hook"
GROUP = '[{"hooks": [{"type": "command", "command": "agent-sessions hook"}]}]'
HOOKS = f'"hooks": {{"SessionStart": {GROUP}}}'
BOTH = f'"hooks": {{"SessionStart": {GROUP}, "BeforeAgent": {GROUP}}}'


def held(home: Path, kind: str, data: bytes | str | None = None, **environ: str) -> Certainty:
    if data is not None:
        path = home / FILES[kind]
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return certainty.of(kind, str(home), environ, COMMAND)


def test_each_kind_that_has_an_adapter_is_known() -> None:
    assert set(certainty.KINDS) == set(agents.ADAPTERS)


@pytest.mark.parametrize("kind", certainty.KINDS)
def test_without_settings_what_lacks_proof_is_said_to(tmp_path: Path, kind: str) -> None:
    said = held(tmp_path, kind)
    assert said.lacking == (kind in {"codex", "gemini"})
    assert bool(said.ways) == (kind in FILES)


@pytest.mark.parametrize(("kind", "ways"), [("claude", 1), ("codex", 2), ("gemini", 2)])
def test_what_it_says_to_paste_is_what_it_looks_for(tmp_path: Path, kind: str, ways: int) -> None:
    offered = held(tmp_path, kind).ways
    assert len(offered) == ways
    for way in offered:
        said = held(tmp_path, kind, "\n".join(way))
        assert said.seen.startswith("certain; ")
        assert str(tmp_path / FILES[kind]) in said.seen
        assert (said.ways, said.lacking) == ((), False)


@pytest.mark.parametrize("kind", FILES)
def test_an_agent_whose_folder_was_moved_has_its_settings_there(tmp_path: Path, kind: str) -> None:
    variable, name = MOVED[kind]
    (way, *_) = held(tmp_path, kind).ways
    path = tmp_path / "own" / name
    path.parent.mkdir(parents=True)
    path.write_text("\n".join(way))
    said = held(tmp_path, kind, **{variable: str(tmp_path / "own")})
    assert said.seen.startswith("certain; ")
    assert str(path) in said.seen


@pytest.mark.parametrize(
    ("kind", "text", "certain"),
    [
        ("claude", f"{{{HOOKS}}}".replace("agent-s", "/opt/my bin/agent-s"), True),
        ("claude", f'{{{HOOKS}, "disableAllHooks": true}}', False),
        ("claude", f"{{{HOOKS}}}".replace("SessionStart", "SessionEnd"), False),
        ("claude", f"{{{HOOKS}}}".replace("agent-sessions hook", "hook"), False),
        ("gemini", f"{{{BOTH}}}", False),  # hooks as such are off
        ("gemini", f'// mine\n{{/* {{" */ "hooksConfig": {{"enabled": true,}}, {BOTH},}}', True),
        ("gemini", f'{{"hooksConfig": {{"enabled": true}}, {HOOKS}}}', False),
        ("gemini", '{"ui": {"footer": {"items": ["session-id"]}}, "x": "// no comment"}', True),
        ("gemini", '{"ui": {"footer": {"items": "session-id"}}}', False),
        ("codex", 'tui = {status_line = ["model-name", "thread-id"]}', True),
        ("codex", "features.daemon_auto_start = true", False),
        ("codex", "tui = 3\nfeatures = []", False),
    ],
)
def test_only_what_is_in_force_counts(
    tmp_path: Path, kind: str, text: str, certain: object
) -> None:
    assert held(tmp_path, kind, text).seen.startswith("certain; ") is certain


# What cannot be read. ---------------------------------------------------------------------------


def _pipe(path: Path) -> None:
    os.mkfifo(path)


def _dangling(path: Path) -> None:
    path.symlink_to("nowhere")


@pytest.mark.parametrize("make", [Path.mkdir, _pipe, _dangling])
@pytest.mark.parametrize("kind", FILES)
def test_what_is_no_file_is_said(tmp_path: Path, kind: str, make: Callable[[Path], None]) -> None:
    path = tmp_path / FILES[kind]
    path.parent.mkdir()
    make(path)
    said = held(tmp_path, kind)
    assert f"cannot read {path}" in said.seen
    assert said.ways


LONG = [
    b"[" * 100_000,
    b"{" + b" " * 1_100_000 + b"}",
    b"/*" * 400_000,
    b'"' * 9999,
    b'"' + b'\\"' * 300_000,
    b"," * 500_000,
    b"," + b" " * 900_000,
    b"a." * 30_000,
    b"a." * 120_000,
    (b"a." * 900 + b"b = 1\n") * 100,
    b"9" * 100_000,
]


@given(
    data=st.binary() | st.text(alphabet='{}[]",:/*\\a= \n').map(str.encode) | st.sampled_from(LONG)
)
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_content_raises_or_takes_long(tmp_path: Path, data: bytes) -> None:
    for kind in FILES:
        began = time.process_time()
        assert held(tmp_path, kind, data).ways
        assert time.process_time() - began < 2
