"""The file in which a hook records one process's conversation, `<pid>-<start>.json`.

Nothing is forced to disk: a record means nothing after a power cut, and an agent waits meanwhile.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import time
from collections.abc import Mapping

from kanban_worker import procfs
from state import xdg

NAME = re.compile(r"(\d{1,10})-(\d{1,20})\.json")
TEMPORARY = re.compile(r"\.\d{1,10}-\d{1,20}\.json\.\d{1,10}\.tmp")
LIMIT = 16 * 1024
_LOCK_TRIES, _LOCK_PAUSE = 50, 0.01
_PRIVATE_FOLDER, _PRIVATE_FILE = 0o700, 0o600  # as in `durable`, which costs 10 ms to import


def name(pid: int, start: str) -> str:
    """What the record of a process is called; `start` tells it from another one with its pid."""
    return f"{pid}-{start}.json"


def place() -> tuple[str, str]:
    """Where pids and start times mean what they say: the boot and the pid namespace."""
    return procfs.boot_id(), procfs.link("/proc/self/ns/pid")


def write(state: str, called: str, record: Mapping[str, object] | None, begun: int) -> None:
    """Put a record in place of an older one; None only removes that.

    What the older one has as `first` stays: where the process began.

    A hook that began earlier (`begun`) and was slower leaves the newer one's record as it is. Where
    the new record cannot be written the old one goes: its id may be over. Raises OSError.
    """
    folder = _open(state)
    try:
        _lock(folder)  # given back with the descriptor
        before = _present(folder, called)
        if begun < _begun(before):
            return
        try:
            if record is not None:
                first = before.get("first") or record.get("first")
                _replace(folder, called, json.dumps({**record, "first": first}).encode("ascii"))
                return
        except OSError:
            _remove(folder, called)
            raise
        _remove(folder, called)
    finally:
        os.close(folder)


def _open(state: str) -> int:
    """The folder of the records, made where it is missing, and for its owner alone."""
    path = f"{state}/{xdg.HOOKS}"
    _refuse_others(_nearest(path))
    _make(path)
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        if os.fstat(folder).st_mode & 0o777 != _PRIVATE_FOLDER:
            os.fchmod(folder, _PRIVATE_FOLDER)  # refused where it is another user's
    except BaseException:
        os.close(folder)
        raise
    return folder


def _nearest(path: str) -> str:
    while not os.path.isdir(path):
        path = os.path.dirname(path)
    return path


def _refuse_others(path: str) -> None:
    """Refuse root in another user's home (`sudo`): what it makes there would lock the user out."""
    if os.geteuid() == 0 != os.stat(path).st_uid:
        raise PermissionError(f"{path} is another user's")


def _make(path: str) -> None:
    if not os.path.isdir(path):
        _make(os.path.dirname(path))
        with contextlib.suppress(FileExistsError):
            os.mkdir(path, _PRIVATE_FOLDER)


def _lock(folder: int) -> None:
    """Wait for other hooks, but not for ever: without the lock the newest is only likely to win."""
    for _ in range(_LOCK_TRIES):
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        time.sleep(_LOCK_PAUSE)


def _present(folder: int, called: str) -> Mapping[str, object]:
    """The record that is there; empty where none can be read."""
    try:
        file = os.open(called, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    except OSError:
        return {}
    try:
        record = json.loads(os.read(file, LIMIT))
    except (OSError, ValueError, RecursionError):
        return {}
    finally:
        os.close(file)
    return record if isinstance(record, dict) else {}


def _begun(record: Mapping[str, object]) -> int:
    """When the hook began that wrote a record; 0 where it does not say."""
    begun = record.get("begun")
    return begun if isinstance(begun, int) else 0


def _replace(folder: int, called: str, data: bytes) -> None:
    temporary = f".{called}.{os.getpid()}.tmp"
    _remove(folder, temporary)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    file = os.open(temporary, flags, _PRIVATE_FILE, dir_fd=folder)
    try:
        try:
            while data:
                data = data[os.write(file, data) :]
        finally:
            os.close(file)
        os.rename(temporary, called, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        _remove(folder, temporary)
        raise


def _remove(folder: int, called: str) -> None:
    with contextlib.suppress(OSError):
        os.unlink(called, dir_fd=folder)
