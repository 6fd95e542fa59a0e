"""The real agent programs: which versions, where npm puts them, and how each is begun."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

INSTALL_SECONDS = 600
RETRY_AFTER = 5000
"""Milliseconds at most before npm asks a silent registry again; its own default is a minute."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """One version of one package."""

    package: str
    version: str
    path: str
    """The program, below `node_modules`."""

    @property
    def folder(self) -> str:
        """Its own folder in the cache."""
        return f"{self.package.replace('/', '+')}@{self.version}"


PROGRAMS: Mapping[str, Program] = {
    "claude 2.1.330": Program(
        package="@anthropic-ai/claude-code-linux-x64",
        version="2.1.330",
        path="@anthropic-ai/claude-code-linux-x64/claude",
    ),
    "claude 2.1.239": Program(
        package="@anthropic-ai/claude-code-linux-x64",
        version="2.1.239",
        path="@anthropic-ai/claude-code-linux-x64/claude",
    ),
    "claude 2.1.112": Program(
        package="@anthropic-ai/claude-code", version="2.1.112", path=".bin/claude"
    ),
    "claude 2.0.77": Program(
        package="@anthropic-ai/claude-code", version="2.0.77", path=".bin/claude"
    ),
    "codex 0.169.0": Program(package="@openai/codex", version="0.169.0", path=".bin/codex"),
    "gemini 0.61.0": Program(package="@google/gemini-cli", version="0.61.0", path=".bin/gemini"),
    "opencode 1.18.33": Program(package="opencode-ai", version="1.18.33", path=".bin/opencode"),
}


def cache() -> Path:
    """Where the programs are kept from one run to the next."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "agent-sessions-monitor-tests"


def installed(name: str, cache: Path) -> Path:
    """The program's path; installs it when the cache lacks it, and skips the test when npm cannot.

    A folder of the cache is whole or not there: npm fills another one, which is then renamed.
    """
    program = PROGRAMS[name]
    if why := _refused.get(name):
        pytest.skip(why)
    cache.mkdir(parents=True, exist_ok=True)
    folder = cache / program.folder
    with (cache / f"{program.folder}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.is_dir() and (why := _install(program, folder)):
            _refused[name] = why
            pytest.skip(why)
    return folder / "node_modules" / program.path


_refused: dict[str, str] = {}
"""Why a program cannot be had: asked once in a run, as npm tries for a while."""


def _install(program: Program, folder: Path) -> str:
    """Why it cannot be installed; "" when it was."""
    npm = shutil.which("npm")
    if npm is None:
        return "npm is not installed"
    fresh = Path(tempfile.mkdtemp(prefix="new-", dir=folder.parent))
    command = [npm, "install", "--prefix", str(fresh), "--no-audit", "--no-fund"]
    command += ["--no-package-lock", "--loglevel=error", f"--fetch-retry-mintimeout={RETRY_AFTER}"]
    command += [f"--fetch-retry-maxtimeout={RETRY_AFTER}", f"{program.package}@{program.version}"]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False
        )
        if done.returncode:
            errors = [line for line in done.stderr.splitlines() if "error" in line]
            why = next(iter(errors), f"exit status {done.returncode}")
            return f"npm has no {program.package}@{program.version}: {why}"
        fresh.chmod(0o755)
        fresh.rename(folder)
    except subprocess.TimeoutExpired:
        return f"npm did not install {program.package} within {INSTALL_SECONDS} s"
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return ""
