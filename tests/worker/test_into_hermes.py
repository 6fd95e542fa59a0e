"""`agent-sessions install` for a `hermes` that lives in an environment of its own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

import commandline
from commandline import Completed
from fences import Fence
from kanban_worker import programs
from kanban_worker.hermes import environment, skill

ROOT = str(Path(__file__).parents[2])
NAME = "agent-sessions-monitor"


@dataclass(frozen=True)
class Private:
    """Such a `hermes`, linked from PATH, and stand-ins of the tools that make environments.

    `hermes` lists the plugins that a tool left there; a tool notes its words.
    """

    home: Path

    @property
    def prefix(self) -> Path:
        """The folder of the environment."""
        return self.home / "environments/hermes-agent"

    @property
    def words(self) -> list[str]:
        """What the tool was called with."""
        return (self.home / "called").read_text().splitlines()

    def has(self, files: Mapping[str, str]) -> None:
        """Put files into the environment."""
        for name, text in files.items():
            path = self.prefix / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def install(self, *words: str) -> Completed:
        """Run `install` with these words."""
        path = f"{self.home}/tools:/usr/bin:/bin"
        environ = {"HERMES_BIN": str(self.home / "link/hermes"), "PATH": path}
        return commandline.run("install", *words, environ=environ)


@pytest.fixture
def private(fence: Fence) -> Private:
    (fence.home / ".hermes").mkdir()
    private = Private(fence.home)
    program(private.prefix / "bin/hermes", f"cat {private.prefix}/plugins 2>&- || echo '[]'")
    noting = f"> {fence.home}/called; . {private.prefix}/ends"
    program(private.prefix / "bin/python", f'printf "%s\\n" python "$@" {noting}')
    for tool in ("pipx", "uv"):
        program(fence.home / "tools" / tool, f'printf "%s\\n" {tool} "$@" {noting}')
    listed = json.dumps([{"name": NAME, "status": "enabled"}])
    ends = f"echo progress; echo '{listed}' > {private.prefix}/plugins\n"
    private.has({"pyvenv.cfg": "", "ends": ends})
    (fence.home / "link").mkdir()
    (fence.home / "link/hermes").symlink_to(private.prefix / "bin/hermes")
    return private


def program(path: Path, body: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


def test_without_the_package_the_skill_is_put_and_the_plugin_is_offered(private: Private) -> None:
    done = private.install()

    assert (done.status, done.err) == (0, "")
    assert f"{programs.own_command()} install --into-hermes" in done.out
    assert not (private.home / ".hermes/config.yaml").exists()
    copy = skill.place(private.home / ".hermes")
    assert named(copy) == programs.own_command()
    assert Path(programs.own_command()).is_absolute()


ANEW = ["--reinstall-package", NAME]
RECEIPT = """
[tool]
requirements = [
    { name = "hermes-agent", extras = ["all", "mcp"], specifier = "==0.19.0" },
    { name = "another" },
    { name = "agent-sessions-monitor", directory = "/before" },
]
"""
TOLD = ["uv", "tool", "install", "hermes-agent[all,mcp]==0.19.0", "--with", "another"]
UNTOLD = '[tool]\nrequirements = [{ name = "hermes-agent", git = "https://x/y" }]\n'
INTO = ["uv", "pip", "install", "--python", "PYTHON", *ANEW, ROOT]


@pytest.mark.parametrize(
    ("files", "command"),
    [
        ({"pipx_metadata.json": "{}"}, ["pipx", "inject", "--force", "hermes-agent", ROOT]),
        ({"uv-receipt.toml": RECEIPT}, [*TOLD, "--with", ROOT, *ANEW]),
        ({"uv-receipt.toml": UNTOLD}, INTO),
        ({"uv-receipt.toml": "nonsense"}, INTO),
        ({}, INTO),
        (
            {"lib/python3.11/site-packages/pip/x": ""},
            ["python", "-m", "pip", "install", "--upgrade", ROOT],
        ),
    ],
    ids=["pipx", "uv", "uv from git", "uv that cannot be read", "venv without pip", "venv"],
)
def test_into_hermes_uses_the_tool_that_made_its_environment(
    private: Private, files: Mapping[str, str], command: list[str]
) -> None:
    private.has(files)

    done = private.install("--into-hermes")

    assert done.status == 0, done
    python = str(private.prefix / "bin/python")
    assert private.words == [python if word == "PYTHON" else word for word in command]
    assert done.err == "progress\n"
    assert NAME in (private.home / ".hermes/config.yaml").read_text()
    assert skill.place(private.home / ".hermes").exists()


@pytest.mark.parametrize(
    ("ends", "complaint"),
    [
        ("exit 7", "pipx ended with 7. Nothing else was changed"),
        ("true", "does not see the package all the same"),
    ],
)
def test_a_tool_that_failed_is_told_with_its_command(
    private: Private, ends: str, complaint: str
) -> None:
    private.has({"pipx_metadata.json": "{}", "ends": f"{ends}\n"})

    done = private.install("--into-hermes")

    assert done.status == 3
    assert complaint in done.complaints()
    assert not (private.home / ".hermes/config.yaml").exists()


def test_a_tool_that_is_not_on_path_is_named(private: Private) -> None:
    private.has({"pipx_metadata.json": "{}"})
    (private.home / "tools/pipx").unlink()

    done = private.install("--into-hermes")

    assert done.status == 64
    assert f"by hand: pipx inject --force hermes-agent {ROOT}" in done.complaints()


def test_a_program_whose_python_cannot_be_told_is_left_to_a_person(fence: Fence) -> None:
    (fence.home / ".hermes").mkdir()
    done = commandline.run("install", "--into-hermes", environ={"HERMES_BIN": "/bin/true"})

    assert done.status == 64
    assert "THAT_PYTHON -m pip install" in done.complaints()


@pytest.mark.parametrize(
    "head",
    [
        "#!{}\n",
        "#! {} -E\n",
        "#!/bin/sh\n'''exec' {} \"$0\" \"$@\"\n' '''\n",
        "#!/bin/sh\n'''exec' '{}' \"$0\" \"$@\"\n' '''\n",
    ],
)
def test_the_python_of_a_script_is_read_as_pip_pipx_and_uv_write_it(
    tmp_path: Path, head: str
) -> None:
    script = tmp_path / "hermes"
    script.write_text(head.format("/opt/tools/bin/python3.11"))

    assert environment.of(str(script)).python == "/opt/tools/bin/python3.11"


@pytest.mark.parametrize(
    ("direct", "source"),
    [
        ({"url": "file:///", "dir_info": {}}, "/"),
        ({"url": "file:///nowhere/at/all", "dir_info": {}}, NAME),
        (
            {"url": "https://x/y.git", "vcs_info": {"vcs": "git", "commit_id": "abc"}},
            "git+https://x/y.git@abc",
        ),
        ({"url": "https://x/y.whl", "archive_info": {}}, "https://x/y.whl"),
        ({}, NAME),
    ],
)
def test_the_source_is_where_this_copy_was_installed_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, direct: dict[str, object], source: str
) -> None:
    """Below no checkout, by PEP 610."""
    about = tmp_path / "site/agent_sessions_monitor-0.1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text(f"Name: {NAME}\nVersion: 0.1.0\n")
    (about / "direct_url.json").write_text(json.dumps(direct))
    monkeypatch.syspath_prepend(tmp_path / "site")
    monkeypatch.setattr(environment, "__file__", str(tmp_path / "site/a/b/environment.py"))

    assert environment.source() == source


def test_a_link_on_path_that_leads_here_is_what_a_copy_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pipx and uv make the environment anew; the link stays where it is."""
    installed = tmp_path / "environment/bin/agent-sessions"
    program(installed, "true")
    link = tmp_path / "bin/agent-sessions"
    link.parent.mkdir()
    link.symlink_to(installed)
    monkeypatch.setattr(programs.sys, "executable", str(installed.with_name("python")))

    monkeypatch.setenv("PATH", "/usr/bin")
    assert programs.own_command() == str(installed)
    monkeypatch.setenv("PATH", str(link.parent))
    assert programs.own_command() == str(link)
    link.unlink()
    program(link, "of somebody else")
    assert programs.own_command() == str(installed)
    installed.unlink()
    assert programs.own_command().endswith("kanban_worker/__main__.py")


def named(copy: Path) -> str:
    calls = skill.calls_in(copy)
    assert calls
    return calls.command
