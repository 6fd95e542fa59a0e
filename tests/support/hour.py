"""Somebody's first hour: a machine with a few agents, and every command of the README in its order.

A test compares what they print with what the README shows. Run as a program with `--write`, it puts
what they print into the README, and the picture of the table beside it.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.text import Text

import fences
from fences import Fence
from fleet import Fleet, Runs
from kanban_worker import standin

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
PICTURE = ROOT / "docs/pictures/status.svg"
"""What `agent-sessions status` prints in the README, as a terminal shows it."""

AGENTS: Mapping[str, tuple[Runs, Sequence[str]]] = {
    "api": ("claude", ["--prompted"]),
    "docs": ("claude", ["--prompted"]),
    "web": ("codex", ["--no-daemon", "--prompted"]),
}
"""What runs there before the hour begins, by its tmux session."""

RESUMES = {
    "claude": '"$@"',
    "codex": '--no-daemon "$@"',
}
"""How the agents' programs, which are stand-ins, take the words of a resume command."""

PERSON = "/home/you"
"""The home in what is shown."""

_SYSTEM = os.pathsep.join(
    sorted({str(Path(found).parent) for name in ("tmux", "sh") if (found := shutil.which(name))})
)
_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_CHANGE = re.compile(r"\b[0-9a-f]{12}\b")


@dataclass(frozen=True, slots=True)
class Step:
    """One command, and what it printed, or is shown to print."""

    command: str
    shown: str


def steps(text: str) -> list[Step]:
    """The commands of a document, in order, each with what is shown below it."""
    found: list[Step] = []
    for block in _BLOCK.findall(text):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, shown = part.partition("\n")
            found.append(Step(command, shown))
    return found


def shape(text: str) -> list[str]:
    """What is printed, line by line, without what differs from run to run."""
    text = re.sub(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", "#", text)
    text = re.sub(r"\bt_[0-9a-f]{8}\b", "#", text)
    text = re.sub(r"[0-9a-f]{4}…[0-9a-f]{4}", "#", text)
    text = re.sub(r"\b[A-Z]-[0-9a-f]{8}\b|\b[0-9a-f]{12}\b", "#", text)
    text = re.sub(r"\d{4}-\d\d-\d\d[T ]", "", text)
    text = re.sub(r"\d\d:\d\d(:\d\d)?(Z|[+-]\d\d:\d\d)?|\b\d+[smh]\b|\d{3,}", "#", text)
    return [re.sub(r" +", " ", line).strip() for line in text.splitlines()]


class Hour:
    """A home with agents in tmux, and a shell that runs one command after the other there."""

    def __init__(self, fence: Fence, fleet: Fleet, *, program: Path, hermes: Path) -> None:
        """`program` is the folder that holds `agent-sessions`; `hermes` is Hermes' program."""
        self._fence, self._fleet = fence, fleet
        self._programs = fence.root / "programs"
        self._hermes = hermes
        # A login's own folders: what this test's Python has is nobody else's.
        self._path = f"{self._programs}:{program}:{_SYSTEM}"
        self._printed = ""
        self._paths = {
            str(fence.home): PERSON,
            str(program): f"{PERSON}/.local/bin",
            str(self._programs): f"{PERSON}/.local/bin",
            str(hermes.parent): f"{PERSON}/.local/bin",
            f"{fence.tmux}/tmux-{os.getuid()}": "/tmp/tmux-1000",
        }

    def begin(self) -> None:
        """Start the agents, as somebody has started them days ago."""
        self._programs.mkdir()
        (self._programs / "hermes").symlink_to(self._hermes)
        hermes = self._fence.home / ".hermes"
        hermes.mkdir()
        (hermes / "config.yaml").write_text("model: {provider: nous, default: scripted}\n")
        for kind, words in RESUMES.items():
            command = shlex.join(standin.command(self._fleet.folder / "bin", kind))  # type: ignore[arg-type] # a key of RESUMES is a kind
            script = self._programs / kind
            script.write_text(f"#!/bin/sh\nexec {command} {words}\n")
            script.chmod(0o755)
        for name, (agent, options) in AGENTS.items():
            folder = self._fence.home / "code" / name
            folder.mkdir(parents=True)
            self._fleet.start(name, agent=agent, cwd=folder, options=options)

    @property
    def environ(self) -> Mapping[str, str]:
        """All that the shell has: no more than a login gives."""
        return {
            "HOME": str(self._fence.home),
            "PATH": self._path,
            "SHELL": "/bin/sh",
            "TMUX_TMPDIR": str(self._fence.tmux),
        }

    def run(self, command: str, **more: str) -> Step:
        """Run a command as a person's shell does; both streams come out as a terminal shows them.

        An id of a change in it, which the README has from another day, is the last one printed.
        """
        changes = _CHANGE.findall(self._printed)
        now = _CHANGE.sub(changes[-1], command) if changes else command
        done = subprocess.run(
            ["/bin/sh", "-c", now],
            env={**self.environ, **more},
            cwd=self._fence.home,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            timeout=120,
            check=False,
        )
        printed = done.stdout
        for ours, theirs in self._paths.items():
            printed = printed.replace(ours, theirs)
        self._printed += printed
        return Step(now, printed)


@contextlib.contextmanager
def begun(fence: Fence, *, program: Path, hermes: Path | None = None) -> Iterator[Hour]:
    """An hour that may begin: its agents run."""
    socket = fence.tmux / f"tmux-{os.getuid()}" / "default"
    socket.parent.mkdir(mode=0o700)
    with Fleet(fence.root / "fleet", socket=socket) as fleet:
        hour = Hour(fence, fleet, program=program, hermes=hermes or program / "hermes")
        hour.begin()
        yield hour


def picture(printed: str) -> str:
    """An SVG of what a terminal shows; with no font, script or image from elsewhere."""
    text = Text.from_ansi(printed)
    width = max(len(line) for line in text.plain.splitlines())
    console = Console(record=True, width=width, file=io.StringIO(), force_terminal=True)
    console.print(text, no_wrap=True, crop=False)
    drawn = console.export_svg(title="agent-sessions status", unique_id="status")
    drawn = re.sub(r"\s*<!--.*?-->|\s*@font-face \{.*?\}", "", drawn, flags=re.DOTALL)
    return "".join(f"{line.rstrip()}\n" for line in drawn.splitlines() if line.strip())


def words_of(drawn: str) -> list[str]:
    """The words in a picture, in order."""
    lines = re.findall(r"<text[^>]*>([^<]*)</text>", drawn)
    return " ".join(lines).replace("&#160;", " ").split()


def _write(program: Path) -> None:
    text, done = README.read_text("utf-8"), ""
    with fences.raised() as fence, begun(fence, program=program) as hour:
        for step in steps(text):
            before, _, text = text.partition(f"$ {step.command}\n")
            ran = hour.run(step.command)
            done += f"{before}$ {ran.command}\n{ran.shown}"
            text = text.removeprefix(step.shown)
            if step.command == "agent-sessions status" and "gone" in ran.shown:
                PICTURE.parent.mkdir(exist_ok=True)
                drawn = hour.run(step.command, FORCE_COLOR="1", COLUMNS="100").shown
                PICTURE.write_text(picture(drawn), "utf-8")
    README.write_text(done + text, "utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", required=True)
    parser.parse_args()
    _write(Path(sys.executable).parent)
