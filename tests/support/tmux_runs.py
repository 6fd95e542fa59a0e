"""Runs the tests that depend on tmux over several versions of it: `make test-tmux`.

It stands outside of the tests, for their fence takes every variable of ours away.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

import tmux_versions

VARIABLE = "AGENT_SESSIONS_TMUX_BINS"
"""A folder with one sub-folder for each version, with a program `tmux` in it."""

SUITE: Mapping[str, str] = {
    "tests/worker/test_tmux.py": "what a server is asked, and what each answer means",
    "tests/worker/test_session_names.py": "how a name is listed",
    "tests/worker/test_servers.py": "which servers are found",
    "tests/worker/test_observe.py": "a whole look",
    "tests/worker/test_processes.py": "what runs in a pane",
    "tests/worker/test_doctor.py": "what is asked of agents that live in panes",
    "tests/worker/test_plugin.py": "the tools, in a Hermes of its own",
    "tests/e2e": "every command, and the worker on its card",
    "tests/faults/test_elsewhere.py": "looked at from another host or container",
    "tests/faults/test_flap.py": "sessions that come and go",
    "tests/faults/test_reused.py": "panes and sessions that are made anew",
    "tests/faults/test_storm.py": "servers that end with all their sessions",
    "tests/faults/test_tmux_errors.py": "everything that tmux may answer instead",
    "tests/faults/test_tmux_odd_names.py": "directories and names that are no plain text",
}
"""What drives tmux, but for the rest of the fault suite, which is about other things: the worker
killed at every call, full disks, clocks that are set, ten thousand ticks."""

BEGIN, END = "<!-- tmux: begin -->", "<!-- tmux: end -->"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run of the suite."""

    version: str
    program: str
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    seconds: float = 0
    trouble: str = ""
    """Why there is no result, or an untrue one; "" otherwise."""

    @property
    def green(self) -> bool:
        """Whether all of it passed."""
        return self.passed > 0 and not self.failed and not self.trouble

    @property
    def result(self) -> str:
        """It in a word."""
        return "green" if self.green else self.trouble or "RED"


def programs(environ: Mapping[str, str]) -> Sequence[Path]:
    """The folders to put in front of PATH, the oldest version first. Raises LookupError."""
    named = environ.get(VARIABLE)
    if not named:
        return []
    folder = Path(named).expanduser().resolve()
    found = [path.parent for path in folder.glob("*/tmux") if os.access(path, os.X_OK)]
    if not found:
        raise LookupError(f"{VARIABLE} is {named}: it has no */tmux that can be run")
    return sorted(found, key=_by_number)


def _by_number(path: Path) -> list[tuple[int, str]]:
    return [(int(number or 0), rest) for number, rest in re.findall(r"(\d*)(\D*)", path.name)]


def run(folder: Path | None, environ: Mapping[str, str]) -> Run:
    """Run the suite with the tmux of a folder, or with the one on PATH."""
    path = os.pathsep.join(filter(None, [str(folder or ""), environ["PATH"]]))
    program = str(folder / "tmux") if folder else "the one on PATH"
    try:
        version = tmux_versions.release(path)
    except (LookupError, OSError, subprocess.SubprocessError) as error:
        return Run(version=folder.name if folder else "?", program=program, trouble=str(error))
    began = time.monotonic()
    with tempfile.NamedTemporaryFile(suffix=".xml") as report:
        words = [sys.executable, "-m", "pytest", "-q", "--numprocesses=4", "--dist=worksteal"]
        words += ["-p", "no:cacheprovider", f"--junitxml={report.name}", *SUITE]
        status = subprocess.call(words, env={**environ, "PATH": path})
        passed, failed, skipped = counts(Path(report.name).read_text("utf-8"))
    return Run(
        version=version,
        program=program,
        passed=passed,
        failed=failed,
        skipped=skipped,
        seconds=time.monotonic() - began,
        trouble=f"pytest ended with {status}" if status and not failed else "",
    )


def counts(report: str) -> tuple[int, int, int]:
    """How many tests passed, failed and were skipped, from a report in JUnit's form."""
    suite = next(iter(ET.fromstring(report).iter("testsuite")), None) if report else None  # noqa: S314 - pytest wrote it
    if suite is None:
        return 0, 0, 0
    total, failures, errors, skipped = (
        int(suite.get(name, "0")) for name in ("tests", "failures", "errors", "skipped")
    )
    return total - failures - errors - skipped, failures + errors, skipped


def table(runs: Iterable[Run]) -> str:
    """The results for a person, a line for each."""
    head = f"{'TMUX':6} {'PASSED':>6} {'FAILED':>6} {'SKIPPED':>7} {'SECONDS':>7}  RESULT  PROGRAM"
    rows = (
        f"{one.version:6} {one.passed:6} {one.failed:6} {one.skipped:7} {one.seconds:7.0f}  "
        f"{one.result:6}  {one.program}"
        for one in runs
    )
    return "\n".join([head, *rows])


def block(runs: Iterable[Run]) -> str:
    """The results as Markdown; without what differs from run to run."""
    head = ["| tmux | passed | does not have it | failed |", "| --- | --- | --- | --- |"]
    rows = (f"| {one.version} | {one.passed} | {one.skipped} | {one.failed} |" for one in runs)
    return "\n".join([*head, *rows])


def copy(path: Path, runs: Iterable[Run]) -> None:
    """Put the results into a document, between its two marks. Raises ValueError without them."""
    before, _, rest = path.read_text("utf-8").partition(BEGIN)
    _, mark, after = rest.partition(END)
    if not mark:
        raise ValueError(f"{path} has no {BEGIN} … {END}")
    path.write_text(f"{before}{BEGIN}\n{block(runs)}\n{END}{after}", "utf-8")


def main(words: Sequence[str], environ: Mapping[str, str], runner: Callable[..., Run] = run) -> int:
    """Run all, print the table, copy it, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--copy", metavar="FILE", type=Path, help="copy the results into FILE")
    target = parser.parse_args(words).copy
    try:
        folders = programs(environ)
    except LookupError as error:
        print(error, file=sys.stderr)
        return 2
    runs = []
    for folder in (*folders, None):
        print(f"\n==== tmux: {folder or 'the one on PATH'} ====", flush=True)
        runs.append(runner(folder, environ))
    print(f"\n{table(runs)}")
    green = all(one.green for one in runs)
    if not folders:
        print(
            f"\n{VARIABLE} is not set, so only the tmux on PATH was run. Set it to a folder with "
            "one sub-folder a version, each with a program tmux in it, to run them all."
        )
    elif target and green:
        copy(target, runs)
        print(f"\ncopied to {target}")
    elif target:
        print(f"\n{target} is left as it was")
    return 0 if green else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
