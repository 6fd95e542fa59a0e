"""The fence: a test sees a home, a tmux and a network of its own, and leaves nothing running."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import shutil
import socket
import struct
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from waiting import PATIENCE, retry_until

FOREIGN_PREFIXES = ("AGENT_SESSIONS_", "HERMES_")
FOREIGN_NAMES = (
    "CLAUDE_CODE_CHILD_SESSION",
    "CLAUDE_CODE_PROJECT_DIR_NAME",
    "CLAUDE_CONFIG_DIR",
    "CODEX_HOME",
    "GEMINI_CLI_HOME",
    "OPENCODE_DB",
    "TMUX",
    "TMUX_PANE",
)
"""What would lead the program, tmux or an agent out of the fence."""
KEPT = ("PATH", "TMPDIR", "CI")
KEPT_PREFIXES = ("COV_", "COVERAGE_", "DYLD_", "LD_", "PYTEST_")
"""All that a test and its programs see of the environment that the suite was started in."""


class FenceError(Exception):
    """A test reached for the outside. No `OSError`: the program must not take it for bad luck."""


@dataclass(frozen=True, slots=True)
class Fence:
    """The folders a test may call its own."""

    root: Path
    """Under /tmp and short, because the path of a unix socket holds about 100 bytes."""

    @property
    def home(self) -> Path:
        """What `$HOME` says."""
        return self.root / "home"

    @property
    def tmux(self) -> Path:
        """What `$TMUX_TMPDIR` says: the default socket is `tmux-<uid>/default` in it."""
        return self.root / "tmux"

    @property
    def environment(self) -> Mapping[str, str]:
        """The variables that hold the fence up, by name."""
        return {
            "HOME": str(self.home),
            # A pane's default shell: a zsh in an empty home would start its new-user dialogue.
            "SHELL": "/bin/sh",
            "TMUX_TMPDIR": str(self.tmux),
            "XDG_CACHE_HOME": str(self.home / ".cache"),
            "XDG_CONFIG_HOME": str(self.home / ".config"),
            "XDG_DATA_HOME": str(self.home / ".local/share"),
            "XDG_STATE_HOME": str(self.home / ".local/state"),
        }


@contextlib.contextmanager
def raised() -> Iterator[Fence]:
    """Stand inside a new fence; on leaving, end its tmux servers and remove its folders."""
    fence = Fence(Path(tempfile.mkdtemp(prefix="asm-", dir="/tmp")).resolve())
    fence.home.mkdir()
    fence.tmux.mkdir(mode=0o700)
    try:
        with pytest.MonkeyPatch.context() as patch:
            for name in os.environ.keys() - KEPT:
                if not name.startswith(KEPT_PREFIXES):
                    patch.delenv(name)
            for name, value in fence.environment.items():
                patch.setenv(name, value)
            _close_network(patch)
            yield fence
    finally:
        for server in servers(fence.tmux):
            end(server)
        shutil.rmtree(fence.root, ignore_errors=True)


def foreign(environ: Mapping[str, str]) -> list[str]:
    """The names in an environment that lead out of the fence."""
    return [name for name in environ if name in FOREIGN_NAMES or name.startswith(FOREIGN_PREFIXES)]


def gaps(fence: Fence, environ: Mapping[str, str]) -> list[str]:
    """Where the fence is open, one line each; none when it stands."""
    moved = [
        f"{name} is {environ.get(name)!r}, not {value!r}"
        for name, value in fence.environment.items()
        if environ.get(name) != value
    ]
    set_again = [f"{name} is set" for name in foreign(environ)]
    network = [] if socket.socket.connect is _guarded_connect else ["the network is open"]
    return moved + set_again + network


# The network: loopback and unix sockets only. ---------------------------------------------------

_connect = socket.socket.connect
_connect_ex = socket.socket.connect_ex
_getaddrinfo = socket.getaddrinfo


def is_local(host: object) -> bool:
    """Whether a host, by name or number, is certainly this machine."""
    if host in {None, "", "localhost", b"localhost"}:
        return True
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host if isinstance(host, str) else "").is_loopback
    return False


def _guarded_connect(self: socket.socket, address: Any, /) -> None:  # noqa: ANN401 (as socket's)
    _let_through(self, address)
    _connect(self, address)


def _guarded_connect_ex(self: socket.socket, address: Any, /) -> int:  # noqa: ANN401 (as socket's)
    _let_through(self, address)
    return _connect_ex(self, address)


def _let_through(sock: socket.socket, address: Any) -> None:  # noqa: ANN401 (as socket's)
    if sock.family in {socket.AF_INET, socket.AF_INET6} and not is_local(address[0]):
        raise FenceError(f"a test connects to {address}: only loopback and unix sockets are open")


def _guarded_getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 (as socket's)
    if not is_local(host):
        raise FenceError(f"a test looks up {host!r}: only loopback is open")
    return _getaddrinfo(host, *args, **kwargs)


def _close_network(patch: pytest.MonkeyPatch) -> None:
    closed: tuple[tuple[object, str, Callable[..., Any]], ...] = (
        (socket.socket, "connect", _guarded_connect),
        (socket.socket, "connect_ex", _guarded_connect_ex),
        (socket, "getaddrinfo", _guarded_getaddrinfo),
    )
    for owner, name, guard in closed:
        patch.setattr(owner, name, guard)


# The tmux servers: found by the sockets in the fence's own folder, ended by pid. ----------------


def servers(folder: Path) -> list[psutil.Process]:
    """The tmux servers that listen on a socket anywhere below a folder."""
    found = (server_at(path) for path in folder.rglob("*") if path.is_socket())
    return [server for server in found if server is not None]


def server_at(path: Path) -> psutil.Process | None:
    """The tmux server that listens on a socket, or None.

    The kernel tells who listens, so this needs no answer from the server itself: it also finds
    one that hangs.
    """
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(1)
        try:
            _connect(sock, str(path))
            process = psutil.Process(_peer(sock))
            # A test may listen there itself, to play a foreign or a hung tmux.
            return process if process.name().startswith("tmux") else None
        except (OSError, psutil.NoSuchProcess):
            return None


def _peer(sock: socket.socket) -> int:
    """The pid at the other end of a connected unix socket."""
    if sys.platform == "darwin":
        # SOL_LOCAL, LOCAL_PEERPID in <sys/un.h>
        return int.from_bytes(sock.getsockopt(0, 2, 4), sys.byteorder)
    pid, _uid, _gid = struct.unpack(
        "3i", sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    )
    return int(pid)


def has_ended(process: psutil.Process) -> bool:
    """Whether a process runs no more. One that init has yet to reap (2 s have been seen) does not.

    A tmux server is nobody's child, so in a container the reaper may be slow; psutil's `wait` and
    `is_running` take the zombie for a living process.
    """
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def end(process: psutil.Process, *, seconds: float = 3) -> None:
    """End one process that the caller started: asked first, then forced; also when stopped."""
    with contextlib.suppress(psutil.NoSuchProcess):
        process.terminate()
        process.resume()
        try:
            wait_for_end([process], seconds=seconds)
        except TimeoutError:
            process.kill()
            wait_for_end([process])


def wait_for_end(processes: Sequence[psutil.Process], *, seconds: float = PATIENCE) -> None:
    """Wait until none of these processes runs.

    Raises:
        TimeoutError: one still does.
    """
    what = f"the end of {processes}"
    retry_until(lambda: all(map(has_ended, processes)), seconds=seconds, pause=0.005, what=what)
