"""`agent-sessions dispatch`: the line it prints is the line it runs."""

from __future__ import annotations

import itertools
import re
import shlex
from pathlib import Path

import pytest

import commandline
import hermes
from fences import Fence
from kanban_worker.commands import dispatch
from kanban_worker.hermes import skill

NAME = skill.NAME
REGISTRY = "version: 1\nsessions: []\n"


@pytest.fixture
def registry(fence: Fence) -> Path:
    folder = fence.home / "my board"
    folder.mkdir()
    path = folder / "agent-sessions.yaml"
    path.write_text(REGISTRY)
    return path


def flags(line: str) -> dict[str, str]:
    words = shlex.split(line)
    return dict(itertools.pairwise(words))


def test_print_shows_the_line_and_runs_nothing(registry: Path) -> None:
    done = commandline.run(
        *("dispatch", "--print", "--registry", str(registry), "--title", "it's mine"),
        environ={"HERMES_BIN": "/nowhere/hermes"},
    )

    assert done.status == 0
    words = shlex.split(done.out)
    assert words[:4] == ["hermes", "kanban", "create", "it's mine"]
    assert {"--goal", "--json"} <= set(words)
    shown = flags(done.out)
    assert shown["--workspace"] == f"dir:{registry.parent}"
    assert shown["--skill"] == "agent-sessions-monitor"
    assert shown["--goal-max-turns"] == "100"
    assert shown["--max-runtime"] == "8h"
    assert shown["--max-retries"] == "3"
    assert shown["--assignee"] == "default"


def test_what_a_worker_will_not_know_is_told(registry: Path) -> None:
    done = commandline.run("dispatch", "--print", "--tmux-socket", "work")

    assert "AGENT_SESSIONS_TMUX_SOCKET" in done.complaints()
    other = registry.with_name("other.yaml")
    done = commandline.run("dispatch", "--print", "--registry", str(other))
    assert "AGENT_SESSIONS_REGISTRY" in done.complaints()


def test_the_profile_in_use_is_the_assignee(registry: Path, fence: Fence) -> None:
    (fence.home / ".hermes").mkdir()
    (fence.home / ".hermes/active_profile").write_text("coder\n")
    words = ("dispatch", "--print", "--registry", str(registry))
    worker = {"HERMES_HOME": str(fence.home / ".hermes/profiles/watcher")}

    assert flags(commandline.run(*words).out)["--assignee"] == "coder"
    assert flags(commandline.run(*words, environ=worker).out)["--assignee"] == "watcher"
    assert flags(commandline.run(*words, "--assignee", "x").out)["--assignee"] == "x"


def test_a_board_comes_before_the_action(registry: Path) -> None:
    done = commandline.run("dispatch", "--print", "--registry", str(registry), "--board", "team")
    assert shlex.split(done.out)[:5] == ["hermes", "kanban", "--board", "team", "create"]


def test_what_the_judge_needs_stands_in_what_it_reads() -> None:
    read = dispatch.BODY[:2000]
    for needed in ("Done only when a person asked to stop", "agent_sessions_watch", "stop"):
        assert needed in read


@hermes.needed
def test_the_card_is_made_by_the_printed_line(registry: Path, fence: Fence) -> None:
    environ = {"HERMES_BIN": hermes.program()}
    with hermes.home(fence.home / "hermes") as home:
        words = ("dispatch", "--registry", str(registry), "--assignee", "watcher")
        printed = commandline.run(*words, "--print", environ=environ)
        done = commandline.run(*words, environ=environ)
        assert done.status == 0, done
        card, _, rest = done.out.partition(":")
        task = home.show(card)["task"]
        by_hand = home.run(*shlex.split(printed.out)[1:])

    assert rest.startswith(" created, for watcher\n")
    assert "hermes kanban dispatch" in done.out
    assert task["status"] == "ready"
    assert task["goal_mode"]
    assert task["goal_max_turns"] == 100
    assert task["max_runtime_seconds"] == 8 * 3600
    assert task["max_retries"] == 3
    assert task["skills"] == ["agent-sessions-monitor"]
    assert task["workspace_path"] == str(registry.parent)
    assert task["assignee"] == "watcher"
    assert str(registry) in task["body"]
    assert '"body": ' in by_hand.out


@hermes.needed
def test_a_failure_is_seen_although_hermes_ends_with_0(registry: Path, fence: Fence) -> None:
    environ = {"HERMES_BIN": hermes.program()}
    with hermes.home(fence.home / "hermes"):
        done = commandline.run(
            "dispatch", "--registry", str(registry), "--board", "no such", environ=environ
        )
    assert done.status == 3
    assert "made no card" in done.complaints()


def test_without_hermes_it_says_how_to_get_one(registry: Path) -> None:
    environ = {"HERMES_BIN": "/nowhere/hermes"}
    done = commandline.run("dispatch", "--registry", str(registry), environ=environ)
    assert done.status == 64
    assert "pip install hermes-agent" in done.complaints()


def test_a_registry_must_be_there_for_a_worker_to_watch(fence: Fence) -> None:
    done = commandline.run("dispatch", "--registry", str(fence.home / "agent-sessions.yaml"))
    assert done.status == 64
    assert re.search(r"agent-sessions \S+ init", done.complaints())


@pytest.mark.parametrize("text", [b"", b" \n", b"\xff", b"x" * 8001])
def test_a_body_that_is_no_text_is_refused(registry: Path, fence: Fence, text: bytes) -> None:
    body = fence.home / "body.md"
    body.write_bytes(text)
    done = commandline.run("dispatch", "--registry", str(registry), "--body", str(body), "--print")
    assert done.status == 64
    assert "body" in done.complaints()


def test_a_body_of_ones_own_is_taken_as_it_is(registry: Path, fence: Fence) -> None:
    body = fence.home / "body.md"
    body.write_text("Watch $(rm -rf /); 'quoted' {registry}\n")
    done = commandline.run("dispatch", "--registry", str(registry), "--body", str(body), "--print")
    assert flags(done.out)["--body"] == body.read_text()


# What it warns of. ------------------------------------------------------------------------------


@pytest.fixture
def profile(fence: Fence) -> Path:
    """A profile that has nothing yet."""
    path = fence.home / ".hermes/profiles/watcher"
    path.mkdir(parents=True)
    return path


def warned(registry: Path, *words: str, count: int = 1) -> str:
    done = commandline.run("dispatch", "--print", "--registry", str(registry), *words)
    assert done.status == 0
    assert done.out.startswith("hermes kanban create")
    return done.complaints(count)


@pytest.mark.parametrize("name", ["nobody", "No/Such", "x" * 70])
@pytest.mark.usefixtures("profile")
def test_an_assignee_that_is_no_profile_is_told(registry: Path, name: str) -> None:
    said = warned(registry, "--assignee", name)
    assert f"no Hermes profile '{name[:40]}'" in said
    assert re.search("agent-sessions .*work CARD", said)


def test_a_profile_without_model_plugin_and_skill_is_told(registry: Path, profile: Path) -> None:
    said = warned(registry, "--assignee", "watcher", count=2)
    assert "has no model" in said
    assert "hermes -p watcher model" in said
    assert "neither the plugin nor the skill" in said
    assert "install --profile watcher" in said

    (profile / "config.yaml").write_text("model: m\n")
    assert "neither the plugin nor the skill" in warned(registry, "--assignee", "watcher")
    skill.put(profile, [], skill.Calls("agent-sessions"))
    assert "watches in its terminal" in warned(registry, "--assignee", "watcher")
    (profile / "config.yaml").write_text(f"model: {{default: m}}\nplugins: {{enabled: [{NAME}]}}\n")
    assert warned(registry, "--assignee", "watcher", count=0) == ""


@pytest.mark.parametrize(
    "text", ["model: [", "- a\n", "\0", "plugins: [x]", "plugins: {enabled: 3}"]
)
def test_a_config_that_cannot_be_read_hinders_nothing(
    registry: Path, profile: Path, text: str
) -> None:
    (profile / "config.yaml").write_text(text)
    warned(registry, "--assignee", "watcher", count=None)


@hermes.needed
def test_a_card_that_watches_this_registry_already_is_named(registry: Path, fence: Fence) -> None:
    environ = {"HERMES_BIN": hermes.program()}
    with hermes.home(fence.home / "hermes") as home:
        home.configure(f"model: m\nplugins: {{enabled: [{NAME}]}}\n")
        words = ("dispatch", "--registry", str(registry))
        first = commandline.run(*words, environ=environ)
        card = first.out.partition(":")[0]
        second = commandline.run(*words, environ=environ)
        elsewhere = commandline.run("dispatch", "--print", "--registry", "/nowhere/other.yaml")
        home.claim(card)
        home.block(card)
        home.block(second.out.partition(":")[0])
        over = commandline.run(*words, "--print", environ=environ)

    assert first.complaints(0) == ""
    assert f"card {card} (ready) watches {registry} already" in second.complaints()
    assert "already" not in elsewhere.err
    assert over.complaints(0) == ""


@hermes.needed
def test_hermes_refuses_the_widely_known_line(fence: Fence) -> None:
    """Its title is an option there, and its workspace a worktree of no repository."""
    known = ("--goal", "--skill", NAME, "--assignee", "watcher")
    with hermes.home(fence.home / "hermes") as home:
        (home.root / "profiles/watcher").mkdir(parents=True)
        titled = home.run("kanban", "create", "--title", "Watch", "--workspace", "worktree", *known)
        home.run("kanban", "create", "Watch", "--workspace", "worktree", *known)
        home.run("kanban", "dispatch", "--json")
        with home.database() as (_, connection):
            (card, error) = connection.execute(
                "SELECT status, last_failure_error FROM tasks"
            ).fetchone()

    assert titled.status == 2
    assert "unrecognized arguments: --title" in titled.err
    assert card == "ready"
    assert "workspace" in error
