"""Hermes as pipx installs it, this program in another environment, a bare home: the whole way.

Both environments hold what is installed beside this test, by links; each lacks the other's package.
"""

from __future__ import annotations

import contextlib
import json
import shlex
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

import fences
import hermes
import scripted_model
from commandline import Completed
from desk import Desk
from kanban_worker.hermes import skill
from scripted_model import Model
from waiting import retry_until

pytestmark = [hermes.needed, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
PACKAGES = Path(sysconfig.get_paths()["purelib"])
OURS = ("agent_sessions_monitor", "_editable_impl_agent_sessions_monitor")
PROFILE = "watcher"
SENTENCE = "The watch has ended, and the card is blocked."


@dataclass(frozen=True)
class Machine:
    """A home whose `.local/bin` has links to two environments, and a shell that knows no more."""

    desk: Desk

    @property
    def home(self) -> Path:
        """What `$HOME` says."""
        return self.desk.fence.home

    @property
    def bin(self) -> Path:
        """Where the links are."""
        return self.home / ".local/bin"

    @property
    def hermes(self) -> Path:
        """Hermes' environment."""
        return self.home / ".local/pipx/venvs/hermes-agent"

    @property
    def board(self) -> hermes.Home:
        """Hermes' home, which is where it is by itself."""
        return hermes.Home(self.home / ".hermes")

    @property
    def copy(self) -> Path:
        """The skill in the profile."""
        return skill.place(self.home / ".hermes/profiles" / PROFILE)

    @property
    def environ(self) -> dict[str, str]:
        """Nothing of this test's own environment but the way to its tmux."""
        dead = "http://127.0.0.1:9"
        return {
            "HOME": str(self.home),
            "PATH": f"{self.bin}:/usr/local/bin:/usr/bin:/bin",
            "TMUX_TMPDIR": str(self.desk.fence.tmux),
            "AGENT_SESSIONS_TMUX_SOCKET": str(self.desk.fleet.socket),
            "AGENT_SESSIONS_INTERVAL": "1",
            **dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), dead),
            **dict.fromkeys(("no_proxy", "NO_PROXY"), "127.0.0.1,localhost"),
        }

    def run(self, *words: str) -> Completed:
        """What a shell does with these words; the program is found on PATH."""
        done = subprocess.run(
            [str(self.bin / words[0]), *words[1:]],
            env=self.environ,
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            timeout=90,
            check=False,
        )
        return Completed(done.returncode, done.stdout, done.stderr)

    def workers(self, card: str) -> list[psutil.Process]:
        """Whatever runs for a card."""
        found = []
        for each in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if each.environ().get("HERMES_KANBAN_TASK") == card:
                    found.append(each)
        return found

    def watch(self, card: str) -> list[str]:
        """The command line of the card's watch; empty while there is none."""
        for each in self.workers(card):
            with contextlib.suppress(psutil.Error):
                if "work" in (words := each.cmdline()):
                    return words
        return []


@pytest.fixture
def machine(desk: Desk) -> Machine:
    machine = Machine(desk)
    machine.bin.mkdir(parents=True)
    environment(machine.hermes, leaving_out=OURS)
    program(machine.hermes, "hermes", "from hermes_cli.main import main", machine.bin)
    (machine.hermes / "pipx_metadata.json").write_text("{}")
    ours = machine.home / ".local/pipx/venvs/agent-sessions-monitor"
    environment(ours, leaving_out=("hermes", *OURS))
    (packages(ours) / "ours.pth").write_text(f"{ROOT}\n")
    program(ours, "agent-sessions", "from kanban_worker.__main__ import main", machine.bin)
    return machine


def environment(prefix: Path, *, leaving_out: tuple[str, ...]) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", prefix], check=True)
    for each in PACKAGES.iterdir():
        if not each.name.startswith(leaving_out) and each.suffix != ".pth":
            (packages(prefix) / each.name).symlink_to(each)


def packages(prefix: Path) -> Path:
    (found,) = prefix.glob("lib/python*/site-packages")
    return found


def program(prefix: Path, name: str, importing: str, link: Path) -> None:
    path = prefix / "bin" / name
    text = f"#!{prefix}/bin/python -E\nimport sys\n{importing}\nsys.exit(main())\n"
    path.write_text(text)
    path.chmod(0o755)
    (link / name).symlink_to(path)


@pytest.fixture
def profile(machine: Machine) -> Path:
    """A profile as a person makes it, in a home where Hermes never ran."""
    made = machine.run("hermes", "profile", "create", PROFILE)
    path = machine.home / ".hermes/profiles" / PROFILE
    assert path.is_dir(), made
    return path


def checks(machine: Machine) -> Mapping[str, str]:
    registry = ("--registry", str(machine.desk.registry))
    done = machine.run("agent-sessions", "doctor", *registry, "--profile", PROFILE, "--json")
    assert done.err == ""
    return {each["check"]: each["state"] for each in json.loads(done.out)["checks"]}


@contextlib.contextmanager
def ended(machine: Machine, card: str) -> Iterator[None]:
    """See that the card's worker and what it started end by themselves."""
    try:
        yield
        retry_until(lambda: not machine.workers(card), seconds=30, what="the worker's end")
    finally:
        for each in machine.workers(card):
            fences.end(each)


def test_without_the_package_a_card_is_watched_in_its_workers_terminal(
    machine: Machine, profile: Path
) -> None:
    """The model does what the skill says: one call of the terminal tool lasts for the watch."""
    machine.desk.write(*machine.desk.starts("lab-api-creator-claude"))
    registry = ("--registry", str(machine.desk.registry))
    installed = machine.run("agent-sessions", "install", "--profile", PROFILE)
    assert (installed.status, installed.err) == (0, "")
    (line,) = (row[4:] for row in machine.copy.read_text().splitlines() if " work --for " in row)
    programs = f"HERMES_BIN={machine.bin}/hermes {machine.bin}/agent-sessions"
    assert line.startswith(f"{programs} work --for ")
    call = {"command": line, "timeout": 28770}

    with scripted_model.serve(tool="terminal", sentence=SENTENCE, arguments=call) as model:
        config = model.config("platform_toolsets: {cli: [terminal]}\n")
        for home in (machine.home / ".hermes", profile):
            (home / "config.yaml").write_text(config)
        seen = checks(machine)
        done = machine.run("agent-sessions", "dispatch", *registry, "--assignee", PROFILE)
        card = done.out.partition(":")[0]
        assert "watches in its terminal" in done.complaints()
        with ended(machine, card):
            machine.run("hermes", "kanban", "dispatch", "--json")
            watched(machine, card, model)

    assert {seen["profile"], seen["model"], seen["skill"]} == {"ok"}
    assert {seen["plugin"], seen["gateway"], seen["board"]} == {"optional"}
    assert "missing" not in seen.values()


def watched(machine: Machine, card: str, model: Model) -> None:
    board = machine.board
    words = retry_until(lambda: machine.watch(card), seconds=60, what="the watch in the terminal")
    assert words[words.index("--for") + 1] == str(28770 - 60)
    machine.desk.fleet.kill("lab-api-creator-claude")
    retry_until(
        lambda: any("tmux gone" in text for _, text in board.thread(card)),
        seconds=60,
        pause=0.2,
        what="a comment",
    )
    board.comment(card, "please stop")
    retry_until(lambda: board.status(card) == "blocked", seconds=30, what="the card's end")
    retry_until(lambda: not machine.workers(card), seconds=30, what="the worker's end")
    reasons = [e["payload"]["reason"] for e in board.show(card)["events"] if e["kind"] == "blocked"]
    assert reasons[0].startswith("stop-requested by user at ")
    # Hermes asks twice more whether all is done, and this model knows but one thing to do.
    assert len(model.asked("main")) <= 6


def test_into_hermes_the_plugin_is_loaded_there(machine: Machine, profile: Path) -> None:
    """A stand-in does what `pipx inject` does: the package is in Hermes' environment afterwards."""
    machine.desk.write()
    (about,) = PACKAGES.glob("agent_sessions_monitor-*.dist-info")
    site = shlex.quote(str(packages(machine.hermes)))
    pipx = machine.bin / "pipx"
    pipx.write_text(f"#!/bin/sh\necho {ROOT} > {site}/ours.pth\nln -s {about} {site}/\n")
    pipx.chmod(0o755)

    done = machine.run("agent-sessions", "install", "--profile", PROFILE, "--into-hermes")
    config = profile / "config.yaml"
    config.write_text(config.read_text() + "model: m\n")
    asked = machine.run("hermes", "-p", PROFILE, "agent-sessions", "check", "--registry", "/none")

    assert done.complaints(0) == ""
    assert f"package  pipx inject --force hermes-agent {ROOT}" in done.out
    assert asked.status == 64
    assert "/none" in asked.complaints()
    assert checks(machine)["plugin"] == "ok"
    # The plugin left the program in the skill that `install` had found.
    assert named(machine.copy) == f"{machine.bin}/agent-sessions"


def named(copy: Path) -> str:
    calls = skill.calls_in(copy)
    assert calls
    return calls.command
