"""Others who write the registry: tools that take its lock, and editors that know of none.

    with scribes.writing(registry, folder, [Scribe(name="tool-0", …)]): …

Each edit of a tool is: lock, read, change its own entry or add or delete one, save, unlock. An
editor reads, and saves what it has made of it. All do so just when the monitor writes. Among those
who share a `turn` one edits at a time, so that none of them can undo another's save.

What each edit read and saved stands in a log, by checksum. No version occurs twice, for each edit
counts in a place of its scribe's own.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import random
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import portalocker

from state import paths

WRITE = 0.008
"""Seconds that a write of the monitor's takes, a little more: most of it is the disk's."""
AT_ONCE = 3
"""A tool's edits in a row."""
WORK = 0.002
"""Seconds that a tool has the lock: reading YAML and writing it takes longer."""
ENTRY = r"  - name: {}\n(?:    .*\n)*"
ENDED = re.compile(r"  - name: lab-\S+\n(?:    .*\n)*?    status: terminated\n(?:    .*\n)*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scribe:
    """One of them."""

    name: str
    edits: int
    locks: bool
    """A tool, which takes the lock that the README names."""
    renames: bool
    """Saves another file and renames it, as vim does; else in place, as nano does."""
    pause: float
    """Seconds at most until the monitor is about to write: an editor has read by then, and saves;
    a tool then asks for the lock.
    """
    turn: str = ""
    """A file that is locked by those who take turns; empty: this one does not."""

    @property
    def place(self) -> str:
        """Where it counts its edits: a tool's entry, which the monitor leaves to people."""
        if self.locks:
            return f"  - name: {self.name}\n    status: paused\n    count: 0\n"
        return f"# {self.name}\n# count: 0\n"

    def count(self, text: str) -> int:
        """How many of its edits are in a text."""
        return int(self._counter(text)[2])

    def edited(self, text: str, number: int) -> str:
        """The text with this edit."""
        found = self._counter(text)
        text = f"{text[: found.start(2)]}{int(found[2]) + 1}{text[found.end(2) :]}"
        if not self.locks:
            return text
        extra = f"{self.name}-extra"
        match number % 10:
            case 2 | 7:  # what a tool that cleans up does
                return ENDED.sub("", text, count=1)
            case 4:
                return f"{text}  - name: {extra}\n    status: paused\n"
            case 9:
                return re.sub(ENTRY.format(extra), "", text, count=1)
            case _:
                return text

    def _counter(self, text: str) -> re.Match[str]:
        found = re.search(rf"({self.name}\n(?:    status: paused\n)?[ #]+count: )(\d+)", text)
        assert found, f"the place of {self.name} is gone"
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """One line of the log: what was read and what was saved, as SHA-256 in hex."""

    at: int
    """When it was read, in ns; the same clock for all processes."""
    name: str
    locked: bool
    read: str
    saved: str


def checksum(data: bytes) -> str:
    """What the logs, and the monitor's journal, know a version by."""
    return hashlib.sha256(data).hexdigest()


@contextlib.contextmanager
def writing(registry: Path, folder: Path, who: Sequence[Scribe]) -> Iterator[list[Edit]]:
    """Let them write; when the block is left they have, and the list holds all edits in order."""
    folder.mkdir()
    edits: list[Edit] = []
    running = [
        subprocess.Popen([sys.executable, __file__, registry, folder, json.dumps(asdict(each))])
        for each in who
    ]
    try:
        yield edits
        statuses = [each.wait(300) for each in running]
    finally:
        for each in running:
            each.kill()
            each.wait()
    assert not any(statuses), statuses
    lines = [line for log in folder.iterdir() for line in log.read_text().splitlines()]
    edits += sorted((Edit(**json.loads(line)) for line in lines), key=lambda edit: edit.at)


# From inside ------------------------------------------------------------------------------------


def main() -> None:
    """Be one scribe."""
    registry, folder = Path(sys.argv[1]), Path(sys.argv[2])
    scribe = Scribe(**json.loads(sys.argv[3]))
    chance = random.Random(scribe.name)  # noqa: S311 - no secret
    with (folder / scribe.name).open("w") as log:
        for number in range(scribe.edits):
            if scribe.locks and number % AT_ONCE == 0:
                _wait_for_a_write(registry, scribe.pause)
            with _turn(scribe), _lock(scribe, registry):
                edit = _edit(scribe, registry, number, chance)
            print(json.dumps(asdict(edit)), file=log)


def _edit(scribe: Scribe, registry: Path, number: int, chance: random.Random) -> Edit:
    at, data = time.monotonic_ns(), registry.read_bytes()
    if scribe.locks:
        time.sleep(WORK)
    else:
        _wait_for_a_write(registry, scribe.pause)
        time.sleep(chance.uniform(0, WRITE))
    after = scribe.edited(data.decode(), number).encode()
    if scribe.renames:
        other = registry.with_name(f".{registry.name}.{scribe.name}.swp")
        other.write_bytes(after)
        other.replace(registry)
    else:
        registry.write_bytes(after)
    if scribe.turn:
        _wait_for_the_end(registry, scribe.pause)
    return Edit(
        at=at,
        name=scribe.name,
        locked=scribe.locks,
        read=checksum(data),
        saved=checksum(after),
    )


def _wait_for_a_write(registry: Path, seconds: float) -> None:
    """Until there is the file that is to take the registry's place."""
    late = time.monotonic() + seconds
    new = paths.being_written(registry), paths.ready(registry)
    while not any(path.exists() for path in new) and time.monotonic() < late:
        time.sleep(0.0002)


def _wait_for_the_end(registry: Path, seconds: float) -> None:
    """Until a save that the monitor has displaced is back: who reads before sees it without.

    That is the one moment which nobody can close who has only two files and their names.
    """
    late = time.monotonic() + seconds
    time.sleep(0.001)  # nobody looks again at once
    while paths.ready(registry).exists() and time.monotonic() < late:
        time.sleep(0.0002)


def _turn(scribe: Scribe) -> contextlib.AbstractContextManager[object]:
    return _flock(Path(scribe.turn)) if scribe.turn else contextlib.nullcontext()


def _lock(scribe: Scribe, registry: Path) -> contextlib.AbstractContextManager[object]:
    """Half of the tools are like `flock`, the others use portalocker."""
    path = registry.with_name(f"{registry.name}.lock")
    if not scribe.locks:
        return contextlib.nullcontext()
    if scribe.renames:
        return portalocker.Lock(path, "a", timeout=60, check_interval=0.003)
    return _flock(path)


@contextlib.contextmanager
def _flock(path: Path) -> Iterator[None]:
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    main()
