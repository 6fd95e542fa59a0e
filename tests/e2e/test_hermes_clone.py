"""The repository itself, installed by `hermes plugins install` from its address."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

import hermes
from fences import Fence
from kanban_worker.hermes import skill

pytestmark = [hermes.needed, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
PARTS = ("plugin.yaml", "__init__.py", "kanban_worker", "reconcile", "state", "skills")


def test_hermes_installs_the_repository_and_finds_its_plugin(fence: Fence) -> None:
    repository = fence.root / "repository"
    repository.mkdir()
    for part in PARTS:
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
        copy(ROOT / part, repository / part)
    for words in (("init", "-q"), ("add", "-A"), ("commit", "-q", "-m", "all")):
        identity = ("-c", "user.name=test", "-c", "user.email=test@localhost")
        subprocess.run(["git", *identity, *words], cwd=repository, check=True)

    with hermes.home(fence.home / "hermes") as home:
        installed = home.run("plugins", "install", f"file://{repository}", "--enable")
        listed = home.run("plugins", "list", "--json", "--no-bundled")
        usage = home.run("agent-sessions", "--help")

    assert (home.root / "plugins" / skill.NAME / "plugin.yaml").is_file(), installed
    rows = [row for row in json.loads(listed.out) if row["name"] == skill.NAME]
    assert rows
    assert {row["status"] for row in rows} == {"enabled"}
    assert usage.out.startswith("usage: agent-sessions")
