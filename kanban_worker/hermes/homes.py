"""Which Hermes: its program, its home, and the profile in use. Facts are hermes-agent 0.19.0's."""

from __future__ import annotations

import contextlib
import json
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from kanban_worker import programs
from kanban_worker.boards import hermes_cli
from kanban_worker.hermes import environment
from kanban_worker.hermes.environment import Environment
from state.errors import CouldNot, MustMend

PLUGIN = "agent-sessions-monitor"
DEFAULT_PROFILE = "default"
SECONDS = 30.0
"""A `hermes` command takes a third of a second; the first one after an update takes longer."""

NONE = "no `hermes` on PATH and none in HERMES_BIN; only cards on its board need it"
GET = "Install Hermes Agent (pip install hermes-agent), or name its program in HERMES_BIN"

_PROFILE = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_LONGEST_NAME = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Hermes:
    """One Hermes home, and the program that lives in it."""

    root: Path
    """The home that all profiles share, with the board."""
    profile: str
    """`default` is the root itself."""
    program: str | None
    """None: there is no `hermes` on this host."""
    environ: Mapping[str, str]

    @property
    def home(self) -> Path:
        """The profile's own home: its config.yaml and its skills."""
        if self.profile == DEFAULT_PROFILE:
            return self.root
        return self.root / "profiles" / self.profile

    @property
    def config(self) -> Path:
        """The profile's config.yaml."""
        return self.home / "config.yaml"

    @property
    def making(self) -> str:
        """The command that makes the home."""
        if self.profile == DEFAULT_PROFILE:
            return "hermes setup"
        return f"hermes profile create {self.profile} --clone"

    def must_be_there(self) -> None:
        """Raises MustMend where the program or the home is missing."""
        if self.program is None:
            raise MustMend(f"{NONE}. {GET}")
        if not self.home.is_dir():
            raise MustMend(f"there is no Hermes home {self.home}. Make it with: {self.making}")

    def words(self, command: str) -> Sequence[str]:
        """A command of ours for this home and profile, as a shell reads it."""
        root = [] if self.root == Path.home() / ".hermes" else ["--hermes-home", str(self.root)]
        named = [] if self.profile == DEFAULT_PROFILE else ["--profile", self.profile]
        return [command, *map(shlex.quote, [*root, *named])]

    def run(self, *words: str) -> str:
        """What `hermes` prints. Its exit status proves nothing: it is 0 for most failures.

        Raises:
            CouldNot: it cannot be run, says nothing within `SECONDS`, or nothing but a complaint.
        """
        shown = f"hermes {' '.join(words[:2])}"
        environ = {**self.environ, "HERMES_HOME": str(self.root)}
        # Without -p a profile that was made sticky (`hermes profile use`) would win.
        command = [self.program or "hermes", "-p", self.profile, *words]
        done = programs.ask(shown, command, seconds=SECONDS, environ=environ)
        if done.returncode or not done.stdout.strip():
            raise CouldNot(f"{shown} failed: {complaint(done.stderr or done.stdout)}")
        return done.stdout

    def plugin_status(self) -> str | None:
        """What Hermes says of our plugin: `enabled`, `not enabled`, `disabled`; None: nothing.

        Raises CouldNot.
        """
        text = self.run("plugins", "list", "--json", "--no-bundled")
        try:
            rows = json.loads(text)
            return next((str(row["status"]) for row in rows if row["name"] == PLUGIN), None)
        except (ValueError, TypeError, KeyError):
            raise CouldNot(f"hermes plugins list: no list of plugins: {complaint(text)}") from None

    @property
    def environment(self) -> Environment:
        """Where the program runs."""
        return environment.of(self.program)

    def version(self) -> str:
        """hermes-agent's version, as its own Python knows it; empty where that cannot be asked.

        `hermes --version` asks GitHub for a newer one, and writes the answer into the home.
        """
        if not (python := self.environment.python):
            return ""
        ask = "import importlib.metadata as m; print(m.version('hermes-agent'))"
        with contextlib.suppress(CouldNot):
            done = programs.ask(python, [python, "-I", "-c", ask], seconds=SECONDS)
            return done.stdout.strip()[:40]
        return ""


def find(environ: Mapping[str, str], home: str | None = None, profile: str | None = None) -> Hermes:
    """The home and profile that were named, or those that Hermes would take by itself.

    Raises MustMend for a home or a profile that can be none: an empty word is a variable that was
    not set, and no wish for the default.
    """
    root = _root(environ, home)
    if root.parent.name == "profiles":  # a profile's home, as a worker has it
        root, profile = root.parent.parent, root.name if profile is None else profile
    profile = _sticky(root) if profile is None else profile
    if not is_name(profile):
        raise MustMend(
            f"profile {profile[:40]!r}: a name has small letters, digits, - and _. "
            "See: hermes profile list"
        )
    return Hermes(root=root, profile=profile, program=hermes_cli.program(environ), environ=environ)


def _root(environ: Mapping[str, str], home: str | None) -> Path:
    if home is not None and not home.strip():
        raise MustMend("--hermes-home is empty. Name a folder, or leave it out")
    named = home or environ.get("HERMES_HOME", "").strip() or "~/.hermes"
    try:
        return Path(named).expanduser().absolute()
    except RuntimeError:
        raise MustMend(
            f"Hermes home {named[:200]!r}: there is no such user. Name another"
        ) from None


def is_name(profile: str) -> bool:
    """Whether Hermes would take it for a profile."""
    return _PROFILE.fullmatch(profile) is not None


def complaint(text: str) -> str:
    """The last line of what a program said, which names the fault where there is a traceback."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:300] if lines else "it said nothing"


def _sticky(root: Path) -> str:
    """The profile that `hermes profile use` chose."""
    try:
        with (root / "active_profile").open(encoding="utf-8") as file:
            return file.read(_LONGEST_NAME).strip() or DEFAULT_PROFILE
    except (OSError, UnicodeError):
        return DEFAULT_PROFILE
