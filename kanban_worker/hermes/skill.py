"""The skill that a dispatched worker reads, and its copy in a Hermes home.

`--skill agent-sessions-monitor` finds a skill only below the home's `skills` folder (or one of
`skills.external_dirs`), never one that a plugin registers: Hermes 0.19.0 resolves a bare name
there alone. So its files are copied, and kept up to date. The copy names this program by its full
path: a worker's shell need not have it on PATH.

A copy that a person edited is theirs. To know one, the SHA-256 of each text that was put there is
kept beside it, in `.shipped`, as Hermes itself keeps `.bundled_manifest` for its own skills: a
copy whose digest is not in it was not written by us, or not by us alone.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shlex
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from state import durable
from state.errors import CouldNot

NAME = "agent-sessions-monitor"
FILE = "SKILL.md"
SCRIPT = "scripts/reconcile.sh"
_STAMP = ".shipped"
_VERSION = re.compile(r"^version: *(\d+(?:\.\d+)*)", re.MULTILINE)
_LONGEST = 1 << 20

_CALL = re.compile(r"(^    |`|\bexec )agent-sessions (?=[a-z])", re.MULTILINE)
"""Where a shipped text tells to run this program."""
_WORK = re.compile(r"^    agent-sessions (?=work )", re.MULTILINE)
"""The call that also has to find Hermes: the terminal of a worker has a login shell's PATH."""
_WORKS = re.compile(r"^    (\S.*?) work --for ", re.MULTILINE)
"""The same in a copy."""


@dataclass(frozen=True, slots=True)
class Calls:
    """How a copy calls programs, as a shell reads it."""

    command: str
    """This program."""
    hermes: str | None = None
    """The `hermes` that this program is to run; None: the one that it finds by itself."""

    @property
    def work(self) -> str:
        """This program, where it has to find Hermes."""
        return f"HERMES_BIN={self.hermes} {self.command}" if self.hermes else self.command

    @property
    def are_there(self) -> bool:
        """Whether the programs can be run, and the file of ours is there that a Python is given."""
        with contextlib.suppress(ValueError):
            program, *words = shlex.split(self.command)
            files = [word for word in words if word.startswith("/")]
            programs = [program, *shlex.split(self.hermes or "")]
            return all(map(shutil.which, programs)) and all(map(os.path.exists, files))
        return False


class Put(StrEnum):
    """What came of putting the skill into a home."""

    CURRENT = "current"
    WRITTEN = "written"
    EDITED = "edited"
    """A person changed the copy, or a newer version of this program wrote it: left alone."""
    ELSEWHERE = "elsewhere"
    """Another skill in the home has the name; with two of them Hermes would find neither."""


def shipped() -> Path:
    """The folder that came with this program. Raises CouldNot when the installation lacks it."""
    package = Path(__file__).parents[1]
    # A wheel carries it inside the package; in a checkout it is beside the package.
    for folder in (package / "skills", package.parent / "skills"):
        if (found := folder / NAME / FILE).is_file():
            return found.parent
    raise CouldNot(f"the skill {NAME} is not in this installation. Install the package again")


def put(home: Path, external: Iterable[Path], calls: Calls, *, keep: bool = False) -> Put:
    """Makes the bare name resolve in one Hermes home.

    Args:
        home: The home, or a profile's.
        external: Its `skills.external_dirs`.
        calls: How the programs are called.
        keep: Leave the program that the copy names, as long as it is there. `install` and a
            plugin in an environment of its own would otherwise overwrite each other's.

    Raises:
        CouldNot: the copy cannot be read or written.
    """
    target = place(home)
    try:
        if not os.path.lexists(target) and found(home, external):
            return Put.ELSEWHERE
        if keep and (named := calls_in(target)) and named.are_there:
            calls = named
        return _put(target, calls)
    except OSError as error:
        raise durable.could_not(f"skill {target} could not be written", error) from None


def place(home: Path) -> Path:
    """Where a home's copy belongs."""
    return home / "skills" / NAME / FILE


def found(home: Path, external: Iterable[Path] = ()) -> list[Path]:
    """Each file that Hermes takes for this skill, by the name of its folder."""
    return [
        Path(folder) / FILE
        for root in (home / "skills", *external)
        for folder, _, files in os.walk(root)
        if Path(folder).name == NAME and FILE in files
    ]


def calls_in(copy: Path) -> Calls | None:
    """How a copy calls the programs; None: it cannot be told."""
    with contextlib.suppress(OSError, ValueError):
        if called := _WORKS.search(_read(copy).decode("utf-8", "replace")):
            words = shlex.split(called[1])
            hermes = None
            if words[0].startswith("HERMES_BIN="):
                hermes = shlex.quote(words.pop(0).removeprefix("HERMES_BIN="))
            return Calls(shlex.join(words), hermes)
    return None


def _put(target: Path, calls: Calls) -> Put:
    texts = {name: _rendered(shipped() / name, calls) for name in (FILE, SCRIPT)}
    old = {name: _copy(target.parent / name) for name in texts}
    stale = {name: text for name, text in texts.items() if old[name] != text}
    stamps = _stamps(target)
    edited = {name for name in stale if old[name] and _digest(old[name]) not in stamps}
    # A text of somebody's own is left with all that lies beside it.
    if FILE in edited or _version(old[FILE]) > _version(texts[FILE]):
        return Put.EDITED
    ours = {name: text for name, text in stale.items() if name not in edited}
    if ours:
        _write(target, ours)
    return Put.WRITTEN if ours else Put.EDITED if edited else Put.CURRENT


def _rendered(path: Path, calls: Calls) -> bytes:
    text = _WORK.sub(lambda _: f"    {calls.work} ", path.read_text("utf-8"))
    return _CALL.sub(lambda found: f"{found[1]}{calls.command} ", text).encode("utf-8")


def _copy(path: Path) -> bytes:
    """Empty where there is none."""
    try:
        return _read(path)
    except FileNotFoundError:
        return b""


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_LONGEST)


def _write(target: Path, texts: dict[str, bytes]) -> None:
    """The digests first: a copy without one, after a crash in between, would count as edited."""
    mode = _folder(target.parent.parent, target.parent)
    stamps = [*_stamps(target), *map(_digest, texts.values())]
    lines = "".join(f"{each}\n" for each in dict.fromkeys(stamps))
    _replace(target.with_name(_STAMP), lines.encode("ascii"), mode & 0o666)
    for name, text in texts.items():
        path = target.parent / name
        _folder(target.parent, path.parent)
        _replace(path, text, mode & (0o777 if name == SCRIPT else 0o666))


def _folder(above: Path, folder: Path) -> int:
    """Makes a folder as open as the one above it; that one's mode."""
    above.mkdir(parents=True, exist_ok=True)
    mode = above.stat().st_mode & 0o777
    with contextlib.suppress(FileExistsError):
        folder.mkdir()
        folder.chmod(mode)
    return mode


def _replace(path: Path, data: bytes, mode: int) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        durable.write_new(temporary, data, mode)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _stamps(target: Path) -> list[str]:
    try:
        return target.with_name(_STAMP).read_text("ascii").split()
    except (FileNotFoundError, UnicodeError):
        return []


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _version(text: bytes) -> tuple[int, ...]:
    written = _VERSION.search(text.decode("utf-8", "replace"))
    return tuple(map(int, written[1].split("."))) if written else ()
