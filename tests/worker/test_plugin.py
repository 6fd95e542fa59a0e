"""The plugin as Hermes loads it: what it registers, and that it never breaks Hermes."""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

import hermes
from desk import Desk
from fences import Fence
from fleet import Fleet
from kanban_worker.hermes import plugin, schemas, skill, tools

ROOT = Path(__file__).parents[2]
MANIFEST: dict[str, Any] = YAML(typ="safe", pure=True).load((ROOT / "plugin.yaml").read_text())
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


class Ctx:
    """Takes down what is registered, with the methods of hermes-agent 0.19.0 that are used."""

    def __init__(self) -> None:
        self.tools: dict[str, dict[str, Any]] = {}
        self.commands: dict[str, Any] = {}
        self.cli: dict[str, Any] = {}

    def register_tool(self, **given: Any) -> None:  # noqa: ANN401 - as Hermes'
        self.tools[given["name"]] = given

    def register_command(self, name: str, handler: Any, **_: Any) -> None:  # noqa: ANN401 - as above
        self.commands[name] = handler

    def register_cli_command(self, name: str, **given: Any) -> None:  # noqa: ANN401 - as above
        self.cli[name] = given

    def dispatch_tool(self, tool_name: str, args: dict[str, Any]) -> str:
        raise AssertionError(f"{tool_name} {args}")

    def call(self, tool: str, **arguments: object) -> dict[str, Any]:
        """Call a tool as Hermes does; its answer."""
        text = self.tools[tool]["handler"](arguments, task_id="an id of Hermes' own")
        found: dict[str, Any] = json.loads(text)
        return found


@pytest.fixture(autouse=True)
def home(fence: Fence, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = fence.home / "hermes"
    home.mkdir()
    monkeypatch.setattr(plugin, "_hermes_home", lambda: home)
    return home


@pytest.fixture
def ctx() -> Ctx:
    ctx = Ctx()
    plugin.register(ctx)
    return ctx


@pytest.fixture
def desk(fence: Fence, fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A desk at which this process sits as well."""
    desk = Desk(fence, fleet, fence.home / "agent-sessions.yaml")
    for name, value in desk.environ.items():
        monkeypatch.setenv(name, value)
    return desk


# What it registers. -----------------------------------------------------------------------------


def test_what_the_manifest_declares_is_what_is_registered(ctx: Ctx) -> None:
    assert list(ctx.tools) == MANIFEST["provides_tools"]
    assert list(ctx.commands) == MANIFEST["provides_commands"]
    assert list(ctx.cli) == MANIFEST["provides_cli_commands"]
    assert MANIFEST["provides_hooks"] == MANIFEST["requires_env"] == []


def test_the_manifest_is_of_this_version_and_needs_what_the_package_needs() -> None:
    assert MANIFEST["name"] == PROJECT["name"] == skill.NAME
    assert MANIFEST["version"] == PROJECT["version"]
    assert MANIFEST["pip_dependencies"] == PROJECT["dependencies"]
    assert PROJECT["entry-points"]["hermes_agent.plugins"] == {
        skill.NAME: "kanban_worker.hermes.plugin"
    }


def test_the_manifest_admits_the_hermes_versions_that_were_run() -> None:
    text = (ROOT / "plugin.yaml").read_text()
    assert MANIFEST["requires_hermes"] == ">=0.18.2"
    assert "# run with 0.18.2 and 0.19.0" in text
    assert "0.18.2 and 0.19.0" in (ROOT / "docs/hermes.md").read_text()


def test_both_tools_reach_a_worker_whose_profile_alone_has_the_plugin(ctx: Ctx) -> None:
    """The kanban toolset is the one that a dispatched worker always has."""
    assert {each["toolset"] for each in ctx.tools.values()} == {"kanban"}


def test_the_watch_is_offered_to_the_worker_of_a_card_only(
    ctx: Ctx, monkeypatch: pytest.MonkeyPatch
) -> None:
    offered = ctx.tools["agent_sessions_watch"]["check_fn"]
    assert offered() is False
    monkeypatch.setenv("HERMES_KANBAN_TASK", "t_12345678")
    assert offered() is True


@pytest.mark.parametrize("tool", [schemas.WATCH, schemas.RECONCILE], ids=lambda tool: tool["name"])
def test_nothing_that_a_model_says_is_a_path_or_a_text(tool: dict[str, Any]) -> None:
    kinds = {each["type"] for each in tool["parameters"]["properties"].values()}
    assert kinds <= {"number", "boolean"}


# It never breaks Hermes. ------------------------------------------------------------------------


def test_loading_it_imports_nothing_that_takes_time() -> None:
    program = (
        "import sys, kanban_worker.hermes.plugin\n"
        "print([name for name in ('libtmux', 'psutil', 'ruamel.yaml', 'requests', 'portalocker',"
        " 'kanban_worker.tick', 'kanban_worker.watch') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("part", ["register_tool", "register_command", "register_cli_command"])
def test_a_hermes_that_lacks_a_part_gets_the_others(
    part: str, home: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delattr(Ctx, part)
    ctx = Ctx()

    plugin.register(ctx)

    parts = [bool(ctx.tools), bool(ctx.commands), bool(ctx.cli), skill.place(home).exists()]
    assert parts.count(False) == 1
    assert "a part of the plugin is missing" in caplog.text


def test_a_home_that_cannot_be_written_is_a_warning(
    home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (home / "skills").write_text("a file stands where the folder belongs")
    ctx = Ctx()

    plugin.register(ctx)

    assert ctx.tools
    assert "SKILL.md could not be written" in caplog.text


def test_the_clone_of_the_repository_loads_as_hermes_loads_it() -> None:
    """Hermes makes a module of the clone's `__init__.py`, under a name of its own."""
    before = list(sys.path)
    spec = importlib.util.spec_from_file_location(
        "hermes_plugins.agent_sessions_monitor",
        ROOT / "__init__.py",
        submodule_search_locations=[str(ROOT)],
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path[:] = before
    assert module.register is plugin.register


# The tools. -------------------------------------------------------------------------------------


def test_one_look_reports_and_writes_nothing_unless_told_to(ctx: Ctx, desk: Desk) -> None:
    name = "lab-api-creator-claude"
    desk.starts(name)
    desk.write()
    before = desk.registry.read_bytes()

    looked = ctx.call("agent_sessions_reconcile")
    assert desk.registry.read_bytes() == before
    assert [each["class"] for each in looked["drifts"]] == ["B"]
    assert looked["tick"]["dry_run"] is True

    wrote = ctx.call("agent_sessions_reconcile", dry_run=False)
    assert wrote["registry_written"] is True
    assert name in desk.registry.read_text()


@pytest.mark.parametrize("said", ["false", 0, None, {"a": 1}])
def test_what_is_no_boolean_writes_nothing(ctx: Ctx, said: object) -> None:
    assert "dry_run" in ctx.call("agent_sessions_reconcile", dry_run=said)["error"]


@pytest.mark.parametrize("said", ["10", 0, -1, 1e9, True, [1], float("nan"), float("inf")])
def test_an_interval_that_makes_no_sense_is_the_default_and_said(said: object) -> None:
    interval, odd = tools._interval(said)

    assert interval is None
    assert odd.startswith("interval was '")
    assert odd.endswith("which is no number of seconds from 1 to a day: the default was taken")


@hermes.needed
def test_a_second_call_after_the_end_of_the_watch_returns_the_same_end(
    ctx: Ctx, desk: Desk, fence: Fence, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.write()
    monkeypatch.setattr(ctx, "dispatch_tool", hermes.tools)
    with hermes.home(fence.home / "board") as home:
        card = home.create_card(goal=True)
        home.comment(card, "stop")
        for name, value in home.dispatched(card).items():
            monkeypatch.setenv(name, value)
        first = ctx.call("agent_sessions_watch", interval="soon")
        before = home.show(card)

        second = ctx.call("agent_sessions_watch")

        assert home.show(card) == before
    assert first["ended"] == "stopped"
    assert "interval was 'soon'" in first["note"]
    assert second == first


@hermes.needed
def test_a_fault_is_one_line_for_the_model(ctx: Ctx, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> None:
        raise RuntimeError("boom")

    monkeypatch.setattr(tools, "_interval", fail)
    assert ctx.call("agent_sessions_watch") == {
        "error": "a fault in agent-sessions-monitor: RuntimeError('boom')"
    }


@hermes.needed
def test_a_watch_that_cannot_begin_says_why(
    ctx: Ctx, desk: Desk, fence: Fence, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.write()
    with hermes.home(fence.home / "board"):
        monkeypatch.setenv("HERMES_KANBAN_TASK", "t_deadbeef")
        answer = ctx.call("agent_sessions_watch")
    assert "t_deadbeef" in answer["error"]
    assert "\n" not in answer["error"]


@hermes.needed
def test_a_watch_that_cannot_begin_leaves_its_card_to_a_person(
    ctx: Ctx, desk: Desk, fence: Fence, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model that overlooks an error would be asked again and again, a hundred times."""
    desk.write()
    monkeypatch.setattr(ctx, "dispatch_tool", hermes.tools)
    with hermes.home(fence.home / "board") as home:
        card = home.create_card(goal=True)
        for _ in range(2):  # Hermes' own second block would end in triage
            for name, value in home.dispatched(card).items():
                monkeypatch.setenv(name, value)
            monkeypatch.setenv("AGENT_SESSIONS_INTERVAL", "soon")
            answer = ctx.call("agent_sessions_watch")
            assert answer["ended"] == "failed"
            assert answer["blocked"] is True
            assert answer["why"].startswith("the watch did not begin: interval is 'soon'")
            assert home.status(card) == "blocked"
            home.unblock(card)


# The slash command and the command line. --------------------------------------------------------


def test_the_slash_command_shows_the_table(ctx: Ctx, desk: Desk) -> None:
    desk.write(*desk.starts("lab-api-creator-claude"))
    for words in ("", "status", " Status "):
        shown = asyncio.run(ctx.commands["agent-sessions"](words))
        assert "lab-api-creator-claude" in shown
    assert "1 entry" in asyncio.run(ctx.commands["agent-sessions"]("check"))


def test_the_slash_command_only_looks(ctx: Ctx, desk: Desk) -> None:
    desk.starts("lab-api-creator-claude")
    desk.write()
    before = desk.registry.read_bytes()
    shown = asyncio.run(ctx.commands["agent-sessions"]("reconcile"))
    assert "not in YAML" in shown or "Not written: dry run" in shown
    assert desk.registry.read_bytes() == before


@pytest.mark.parametrize("words", ["stop", "status --registry /etc/passwd", "reconcile; rm", "-h"])
def test_the_slash_command_takes_its_three_words_and_nothing_else(ctx: Ctx, words: str) -> None:
    shown = asyncio.run(ctx.commands["agent-sessions"](words))
    assert shown.startswith("/agent-sessions knows status, check, reconcile, not ")
    assert "\n" not in shown


def test_a_folder_in_the_working_directory_is_not_taken_for_this_program(
    ctx: Ctx, desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "kanban_worker").mkdir()
    (tmp_path / "kanban_worker/__init__.py").write_text("print('somebody else')")
    monkeypatch.chdir(tmp_path)
    desk.write()
    assert "somebody else" not in asyncio.run(ctx.commands["agent-sessions"]("check"))


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (["--help"], 0),
        (["reconcile", "--help"], 0),
        (["-v", "--registry", "/nowhere.yaml", "check"], 64),
        (["check", "--no-such-flag"], 64),
        ([], 0),
    ],
)
def test_every_word_behind_hermes_agent_sessions_is_ours(
    ctx: Ctx, words: list[str], status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """As `hermes_cli.main` does it: one parser, whose sub-commands share a namespace."""
    top = argparse.ArgumentParser(prog="hermes")
    top.add_argument("--verbose")
    sub = top.add_subparsers(dest="command").add_parser("agent-sessions")
    ctx.cli["agent-sessions"]["setup_fn"](sub)

    arguments = top.parse_args(["agent-sessions", *words])
    with pytest.raises(SystemExit) as ended:
        arguments.func(arguments)

    assert arguments.command == "agent-sessions"
    assert ended.value.code == status
    told = capsys.readouterr()
    assert "agent-sessions" in told.out + told.err


@hermes.needed
def test_hermes_loads_it_with_its_tools_its_command_and_the_skill(fence: Fence) -> None:
    with hermes.home(fence.home / "hermes") as home:
        home.configure(f"plugins: {{enabled: [{skill.NAME}]}}\n")
        listed = home.run("agent-sessions", "--help")
        failed = home.run("agent-sessions", "--registry", "/nowhere.yaml", "check")

    assert listed.status == 0, listed
    assert listed.out.startswith("usage: agent-sessions")
    assert failed.status == 64
    assert "/nowhere.yaml" in failed.complaints()
    assert skill.place(home.root).exists()
    assert os.environ.get("HERMES_HOME") is None
