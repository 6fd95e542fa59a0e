"""The skill that a dispatched worker reads, and its copy in a Hermes home.

`--skill agent-sessions-monitor` finds a skill only below the home's `skills` folder (or one of
`skills.external_dirs`), never one that a plugin registers: Hermes 0.19.0 resolves a bare name
there alone. So the file is copied, and kept up to date.

A copy that a person edited is theirs. To know one, the SHA-256 of each text that was put there is
kept beside it, in `.shipped`, as Hermes itself keeps `.bundled_manifest` for its own skills: a
copy whose digest is not in it was not written by us, or not by us alone.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path

from state import durable
from state.errors import CouldNot

NAME = "agent-sessions-monitor"
FILE = "SKILL.md"
_STAMP = ".shipped"
_VERSION = re.compile(r"^version: *(\d+(?:\.\d+)*)", re.MULTILINE)
_LONGEST = 1 << 20


class Put(StrEnum):
    """What came of putting the skill into a home."""

    CURRENT = "current"
    WRITTEN = "written"
    EDITED = "edited"
    """A person changed the copy, or a newer version of this program wrote it: left alone."""
    ELSEWHERE = "elsewhere"
    """Another skill in the home has the name; with two of them Hermes would find neither."""


def shipped() -> Path:
    """The file that came with this program. Raises CouldNot when the installation lacks it."""
    package = Path(__file__).parents[1]
    # A wheel carries it inside the package; in a checkout it is beside the package.
    for folder in (package / "skills", package.parent / "skills"):
        if (found := folder / NAME / FILE).is_file():
            return found
    raise CouldNot(f"the skill {NAME} is not in this installation. Install the package again")


def put(home: Path, external: Iterable[Path] = ()) -> Put:
    """Makes the bare name resolve in one Hermes home.

    Args:
        home: The home, or a profile's.
        external: Its `skills.external_dirs`.

    Raises:
        CouldNot: the copy cannot be read or written.
    """
    text = shipped().read_bytes()
    target = place(home)
    try:
        return _put(text, target, external)
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


def _put(text: bytes, target: Path, external: Iterable[Path]) -> Put:
    if not os.path.lexists(target):
        if found(target.parents[2], external):
            return Put.ELSEWHERE
        _write(text, target)
        return Put.WRITTEN
    with target.open("rb") as file:
        copy = file.read(_LONGEST)
    if copy == text:
        return Put.CURRENT
    if _digest(copy) not in _stamps(target) or _version(copy) > _version(text):
        return Put.EDITED
    _write(text, target)
    return Put.WRITTEN


def _write(text: bytes, target: Path) -> None:
    """The digest first: a copy without one, after a crash in between, would count as edited."""
    folder = target.parent
    folder.parent.mkdir(parents=True, exist_ok=True)
    mode = folder.parent.stat().st_mode & 0o777
    with contextlib.suppress(FileExistsError):
        folder.mkdir()
        folder.chmod(mode)
    stamps = [*_stamps(target), _digest(text)]
    lines = "".join(f"{each}\n" for each in dict.fromkeys(stamps))
    _replace(target.with_name(_STAMP), lines.encode("ascii"), mode & 0o666)
    _replace(target, text, mode & 0o666)


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
