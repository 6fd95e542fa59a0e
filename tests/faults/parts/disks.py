"""Disks that fail, for real: full, read-only, out of bounds, broken. Linux.

    disks.own_mounts()
    disks.small(folder)
    with disks.full(folder): …                  # also `read_only`, `forbidden`, `broken`

What is mounted is seen by this process and its children alone, and goes with them.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import subprocess
import sys
from collections.abc import Collection, Iterator
from pathlib import Path

from waiting import retry_until

PAGE = 4096
"""What tmpfs gives a file at a time."""
_NEW_NAMESPACE = 0x20000
_READ_ONLY, _REMOUNT, _BIND, _RECURSIVE, _PRIVATE = 1, 0x20, 0x1000, 0x4000, 0x40000
_libc = ctypes.CDLL(None, use_errno=True)


def may_mount() -> bool:
    """Whether this process may have mounts of its own; tried in a child."""
    command = ["unshare", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"]
    if sys.platform != "linux" or not shutil.which("unshare"):
        return False
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def may_trace() -> bool:
    """Whether strace is here, and may take hold of this process; tried on a child."""
    strace = shutil.which("strace")
    if sys.platform != "linux" or not strace:
        return False
    with subprocess.Popen(["sleep", "30"]) as child:
        command = [strace, "-p", str(child.pid), "-o", "/dev/null"]
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as tracer:
            with contextlib.suppress(TimeoutError):
                retry_until(lambda: tracer.poll() is not None or _tracer(child.pid), seconds=5)
            found = _tracer(child.pid) != 0
            tracer.kill()
        child.kill()
    return found


def own_mounts() -> None:
    """From now on, what this process mounts is its own affair."""
    _done(_libc.unshare(_NEW_NAMESPACE))
    _mount("none", Path("/"), flags=_RECURSIVE | _PRIVATE)


def small(folder: Path) -> None:
    """Put a disk of 16 pages there, which takes 64 files at most."""
    _mount("tmpfs", folder, kind="tmpfs", data="size=64k,nr_inodes=64,mode=0700")


@contextlib.contextmanager
def full(folder: Path) -> Iterator[None]:
    """No byte and no file fits in any more; what a file has of its last page it may still use."""
    filler = folder / ".filler"
    filler.mkdir()
    try:
        with contextlib.suppress(OSError), (filler / "bytes").open("wb", buffering=0) as file:
            while file.write(bytes(PAGE)):
                pass
        with contextlib.suppress(OSError):
            for number in range(1000):
                (filler / str(number)).touch()
        yield
    finally:
        shutil.rmtree(filler)


@contextlib.contextmanager
def read_only(folder: Path, *, but: Collection[Path] = ()) -> Iterator[None]:
    """The folder can only be read, `but` for some files in it."""
    below = folder.with_name(f"{folder.name}-below")
    below.mkdir()
    _mount(str(folder), below, flags=_BIND)
    # On top of it: what is open for writing in the folder would forbid to change it.
    _mount(str(folder), folder, flags=_BIND)
    _mount("none", folder, flags=_BIND | _REMOUNT | _READ_ONLY)
    for path in but:
        _mount(str(below / path.name), path, flags=_BIND)
    try:
        yield
    finally:
        for path in (*but, folder, below):
            _done(_libc.umount(os.fsencode(path)))
        below.rmdir()


@contextlib.contextmanager
def forbidden(path: Path) -> Iterator[None]:
    """A file that may not be opened, or a folder that may not be changed; not for root."""
    mode = path.stat().st_mode
    path.chmod(0o500 if path.is_dir() else 0)
    try:
        yield
    finally:
        path.chmod(mode)


@contextlib.contextmanager
def broken(path: Path, call: str) -> Iterator[None]:
    """This system call fails with EIO on this file, for this process."""
    probe = path.parent.with_name("probe")
    command = ["strace", "-f", "-qq", "-o", "/dev/null", "-p", str(os.getpid())]
    command += ["-P", str(path), "-P", str(probe), "-e", f"inject={call}:error=EIO"]
    with subprocess.Popen([*command, "-e", f"trace={call}"]) as tracer:
        try:
            retry_until(lambda: not _works(call, probe), what=f"EIO from {call}")
            yield
        finally:
            tracer.terminate()
            tracer.wait()
            probe.unlink(missing_ok=True)


def _works(call: str, probe: Path) -> bool:
    try:
        file = os.open(probe, os.O_RDWR | os.O_CREAT)
        try:
            match call:
                case "write":
                    os.write(file, b"x")
                case "fsync":
                    os.fsync(file)
                case "rename,renameat,renameat2":
                    probe.replace(probe.with_name("probe-too"))
                case _:
                    pass  # it is `openat`
        finally:
            os.close(file)
    except OSError:
        return False
    return True


def _tracer(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text("utf-8").splitlines()
    return int(next(line for line in lines if line.startswith("TracerPid")).split()[1])


def _mount(what: str, where: Path, *, kind: str = "", flags: int = 0, data: str = "") -> None:
    words = (what.encode(), os.fsencode(where), kind.encode() or None)
    _done(_libc.mount(*words, ctypes.c_ulong(flags), data.encode() or None))


def _done(status: int) -> None:
    if status:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
