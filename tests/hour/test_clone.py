"""The first hour from a clone: the demo on a bare machine, then the README with each installer.

`make hour` runs this. It needs the network, for a clone has no environment yet; what is installed
lies in temporary folders.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

import hour
from fences import Fence

ROOT = Path(__file__).parents[2]
SHOWN = hour.steps(hour.README.read_text("utf-8"))
SYSTEM = ("PATH", "SSL_CERT_FILE")
"""What of this machine an installer may know: where its programs are, whom it may trust."""


@dataclass(frozen=True, slots=True)
class Clone:
    """A clone of this repository on a bare machine: a home, and nothing else."""

    root: Path
    bare: Path
    """A home with nothing in it."""

    @property
    def environ(self) -> Mapping[str, str]:
        """As `env -i` leaves it. A host may have a certificate of its own for the packages."""
        known = {name: os.environ[name] for name in SYSTEM if name in os.environ}
        return {"HOME": str(self.bare), "UV_SYSTEM_CERTS": "1", **known}

    def run(self, *command: str, **environ: str) -> str:
        """Run a command there, and return what it prints. It must succeed."""
        done = subprocess.run(
            command,
            cwd=self.root,
            env={**self.environ, **environ},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{command}: {done.stdout}"
        return done.stdout


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A fresh clone of what is committed."""
    folder = tmp_path_factory.mktemp("clone")
    made = Clone(folder / "agent-sessions-monitor", folder / "home")
    made.bare.mkdir()
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(made.root)], check=True)
    return made


@pytest.fixture(scope="module")
def demonstrated(clone: Clone) -> str:
    """What `make demo` prints in the clone, whose environment it makes first."""
    return clone.run("make", "demo")


@pytest.fixture(scope="module")
def tools(clone: Clone, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of `pip`, `pipx` and `uv`."""
    folder = tmp_path_factory.mktemp("tools")
    clone.run(sys.executable, "-m", "venv", str(folder))
    clone.run(str(folder / "bin/pip"), "install", "--quiet", "pipx", "uv")
    return folder / "bin"


def test_the_demo_runs_to_its_end(demonstrated: str, clone: Clone) -> None:
    assert demonstrated.rstrip().endswith("are gone.")
    made = {each.name for each in clone.bare.iterdir()}  # pip makes a cache, and asks for rustc
    assert not made & {".config", ".local", ".hermes", ".claude", "PuKi"}


@pytest.fixture(scope="module", params=["pip", "pipx", "uv tool"])
def program(
    request: pytest.FixtureRequest,
    clone: Clone,
    tools: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """The folder that holds `agent-sessions`, installed as the README says."""
    folder = tmp_path_factory.mktemp("installed")
    path = f"{tools}{os.pathsep}{os.environ['PATH']}"
    match request.param:
        case "pip":
            clone.run(sys.executable, "-m", "venv", str(folder))
            clone.run(str(folder / "bin/pip"), "install", "--quiet", ".")
        case "pipx":
            where = {"PIPX_HOME": str(folder / "home"), "PIPX_BIN_DIR": str(folder / "bin")}
            clone.run("pipx", "install", ".", PATH=path, **where)
        case _:
            where = {"UV_TOOL_DIR": str(folder / "home"), "UV_TOOL_BIN_DIR": str(folder / "bin")}
            clone.run("uv", "tool", "install", ".", PATH=path, **where)
    return folder / "bin"


def test_the_hour_goes_as_the_readme_says(
    fence: Fence, program: Path, clone: Clone, demonstrated: str
) -> None:
    """Every command of the README in its order, where only what it says was done."""
    assert demonstrated
    assert clone.run(str(program / "agent-sessions"), "--version").startswith("agent-sessions ")
    told = []
    with hour.begun(fence, program=program, hermes=clone.root / ".venv/bin/hermes") as begun:
        for step in SHOWN:
            ran = begun.run(step.command)
            if hour.shape(ran.shown) != hour.shape(step.shown):
                told.append((ran, step.shown))

    assert not told
