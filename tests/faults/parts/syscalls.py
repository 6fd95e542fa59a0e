"""What a marked worker asked the kernel to do below a folder, as `strace` saw it."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from forkserver import MARK

STRACE = shutil.which("strace")

READING = frozenset(
    {
        *("access", "close", "faccessat", "faccessat2", "fcntl", "fstat", "getcwd", "getdents64"),
        *("ioctl", "lseek", "lstat", "mmap", "newfstatat", "pread64", "read", "readlink"),
        *("readlinkat", "stat", "statfs", "statx"),
    }
)
"""Calls that change no file. SQLite's locks (`fcntl`) end with the process, as all others do."""
_CALL = re.compile(r"(?P<thread>\d+) +(?P<name>\w+)\((?P<arguments>.*)")
_MARK = re.compile(rf'"{MARK}/(?P<when>before|after)/\d+"')


def recorder(output: Path) -> Sequence[str]:
    """The command line that records, in front of the program's own."""
    assert STRACE
    return [STRACE, "-f", "-y", "-qq", "-s", "0", "-o", str(output), "-e", "trace=%file,%desc"]


def modifying(output: Path, *folders: Path) -> Iterator[tuple[str, str, bool]]:
    """Those that modify something below the folders: name, line, and if the tracer knew of it.

    It did if they came between the two marks of one traced call, in one thread. What came before
    the first mark was no marked worker's.
    """
    within: dict[str, bool] = {}
    for line in output.read_text("utf-8", "replace").splitlines():
        call = _CALL.match(line)
        if call is None:
            continue
        thread = call["thread"]
        if mark := _MARK.search(line):
            within[thread] = mark["when"] == "before"
        elif within and any(str(each) in line for each in folders) and _modifies(call):
            yield call["name"], line, within.get(thread, False)


def _modifies(call: re.Match[str]) -> bool:
    if call["name"] in {"open", "openat"}:
        return bool(re.search(r"\bO_(WRONLY|RDWR|CREAT|TRUNC)\b", call["arguments"]))
    return call["name"] not in READING
