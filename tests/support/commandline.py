"""The command line as a person's shell runs it: a process, its exit status and its two streams."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import jsonschema
import psutil
from referencing import Registry, Resource

import fences
import warm
from waiting import PATIENCE, retry_until

MARK = "agent-sessions: "
"""What each line on stderr begins with."""

_DROP_FROM_BOUNDING_SET = 24  # PR_CAPBSET_DROP in <linux/prctl.h>
_PERMISSION_OVERRIDES = (1, 2)  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH in <linux/capability.h>

_libc = ctypes.CDLL(None)


@dataclass(frozen=True, slots=True)
class Completed:
    """What a command left behind: `out` and `err` are its streams."""

    status: int
    out: str
    err: str

    @property
    def report(self) -> dict[str, Any]:
        """The report on stdout, which the schema must admit."""
        return checked(self.out)

    @property
    def sessions(self) -> list[dict[str, Any]]:
        """The sessions of `status --json`, which the schema must admit."""
        found: list[dict[str, Any]] = valid("status", self.out)["sessions"]
        return found

    def complaints(self, count: int | None = 1) -> str:
        """What stderr says, which is `count` whole lines that name us, and never a traceback."""
        lines = self.err.splitlines()
        assert "Traceback" not in self.err + self.out, self.err
        assert all(line.startswith(MARK) for line in lines), self.err
        assert count is None or len(lines) == count, self.err
        return self.err


def run(
    *words: str,
    environ: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    limit: Callable[[], None] | None = None,
) -> Completed:
    """Run `agent-sessions` with these words, in the test's environment, until it ends.

    Args:
        words: What stands behind the program's name.
        environ: Variables to set besides those of the fence.
        cwd: Where it runs; by default the home. Python looks there for modules as it starts.
        limit: What binds the process before it starts: `no_more_than(bytes)` or `unprivileged`.
    """
    if not (cwd or limit or any(map(_is_read_at_start, environ or ()))):
        done = warm.run(warm.AGENT_SESSIONS, words, environment(environ), Path.home())
    else:
        done = subprocess.run(
            command(*words),
            # Python up to 3.13.0 keeps the bytecode that a full disk cut, and fails by it later.
            env=environment(environ) | ({"PYTHONDONTWRITEBYTECODE": "1"} if limit else {}),
            cwd=cwd or Path.home(),
            capture_output=True,
            encoding="utf-8",
            timeout=PATIENCE,
            check=False,
            preexec_fn=limit,
        )
    return Completed(done.returncode, done.stdout, done.stderr)


def _is_read_at_start(variable: str) -> bool:
    """Whether Python itself looks at a variable, as it starts."""
    return variable.startswith(("PYTHON", "LC_", "LANG"))


def command(*words: str) -> list[str]:
    """The command line of `agent-sessions` with these words."""
    return [sys.executable, "-m", "kanban_worker", *words]


def checked(text: str) -> dict[str, Any]:
    """A report as data. Raises jsonschema.ValidationError when it breaks the contract."""
    report: dict[str, Any] = json.loads(text)
    jsonschema.validate(report, schema(), format_checker=jsonschema.FormatChecker())
    return report


def valid(command: str, text: str) -> Any:  # noqa: ANN401 - what JSON holds
    """What a command printed with `--json`. Raises jsonschema.ValidationError as `checked`."""
    found = json.loads(text)
    validator = jsonschema.Draft202012Validator(
        schemas()[f"{command}.schema.json"],
        registry=_references(),
        format_checker=jsonschema.FormatChecker(),
    )
    validator.validate(found)
    return found


def schema() -> dict[str, Any]:
    """The report's schema, as the package ships it."""
    return schemas()["report.schema.json"]


@cache
def schemas() -> dict[str, dict[str, Any]]:
    """Every schema of what a command prints, by the name of its file, as the packages ship them."""
    folders = (resources.files("reconcile"), resources.files("kanban_worker") / "schemas")
    files = [each for folder in folders for each in folder.iterdir() if _is_schema(each)]
    return {each.name: json.loads(each.read_text("utf-8")) for each in files}


def _is_schema(file: Traversable) -> bool:
    return file.name.endswith(".schema.json")


@cache
def _references() -> Registry[Any]:
    """Lets one schema name another by its file."""
    named = [(name, Resource.from_contents(each)) for name, each in schemas().items()]
    return Registry().with_resources(named)


class Running:
    """`agent-sessions` while it runs; its streams are files, so that it never waits for us."""

    def __init__(self, folder: Path, *words: str, environ: Mapping[str, str] | None = None) -> None:
        """Start it with these words; `folder` takes the files."""
        folder.mkdir()
        self._out, self._err = folder / "out", folder / "err"
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self.process = subprocess.Popen(
                command(*words), env=environment(environ), cwd=Path.home(), stdout=out, stderr=err
            )

    @property
    def lines(self) -> list[str]:
        """The whole lines that it has printed by now."""
        return _whole_lines(self._out)

    @property
    def complaints(self) -> list[str]:
        """The whole lines that it has complained in by now."""
        return _whole_lines(self._err)

    def wait_for(self, ready: Callable[[], object], what: str) -> None:
        """Wait until something holds, while this runs. Raises TimeoutError."""

        def ready_or_dead() -> object:
            if self.process.poll() is not None:
                raise AssertionError(f"it ended with {self.process.returncode}: {self.complaints}")
            return ready()

        retry_until(ready_or_dead, what=what)

    def has_open(self, path: Path) -> bool:
        """Whether it has a file open."""
        with contextlib.suppress(psutil.Error):
            opened = psutil.Process(self.process.pid).open_files()
            return any(each.path == str(path) for each in opened)
        return False

    def end(self, sig: int = signal.SIGTERM) -> Completed:
        """Send it a signal and return how it ended."""
        self.process.send_signal(sig)
        return self.result()

    def result(self) -> Completed:
        """Wait for its own end."""
        status = self.process.wait(PATIENCE)
        return Completed(status, self._out.read_text("utf-8"), self._err.read_text("utf-8"))


@contextlib.contextmanager
def running(
    folder: Path, *words: str, environ: Mapping[str, str] | None = None
) -> Iterator[Running]:
    """Run the command beside the test, and end it with the block."""
    started = Running(folder, *words, environ=environ)
    try:
        yield started
    finally:
        fences.end(psutil.Process(started.process.pid)) if started.process.poll() is None else None
        started.process.wait(PATIENCE)


def no_more_than(count: int) -> Callable[[], None]:
    """Let no file grow beyond so many bytes: what a full disk does, at a place of our choice."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (count, count))

    return limit


def unprivileged() -> None:
    """Make root subject to the modes of files, as everybody else is. Linux; none needs it else."""
    if os.geteuid() == 0:
        for capability in _PERMISSION_OVERRIDES:
            if _libc.prctl(_DROP_FROM_BOUNDING_SET, capability, 0, 0, 0):
                os._exit(99)


def everything_below(*folders: Path) -> dict[str, tuple[int, int, int, bytes]]:
    """Each file and folder below some folders: mode, size, time of modification and bytes.

    But for the lock that tells which process was the monitor last: every tick renews it.
    """
    found = {}
    for folder in folders:
        for path in [folder, *sorted(folder.rglob("*"))]:
            if path.name.startswith("monitor-"):
                continue
            about = path.lstat()
            held = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
            found[str(path)] = (about.st_mode, about.st_size, about.st_mtime_ns, held)
    return found


def environment(more: Mapping[str, str] | None) -> dict[str, str]:
    """The test's environment and more; the fence holds for whatever runs in it."""
    return {**os.environ, **(more or {})}


def importable() -> Mapping[str, str]:
    """Lets another Python import whatever this one can."""
    return {"PYTHONPATH": os.pathsep.join(sys.path)}


def _whole_lines(path: Path) -> list[str]:
    return path.read_text("utf-8").rpartition("\n")[0].splitlines()
