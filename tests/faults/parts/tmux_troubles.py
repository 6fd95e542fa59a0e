"""Ways to keep tmux from answering: the real one where that can be done, else what plays it."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import psutil

from desk import Desk
from tmux_words import Impostor
from waiting import retry_until

NOBODY = 65534


@dataclass(frozen=True, slots=True)
class Scene:
    """A desk whose sessions agree with their entries, and a program in tmux's place."""

    desk: Desk
    impostor: Impostor

    @property
    def socket(self) -> Path:
        """The server's."""
        return self.desk.fleet.socket

    @property
    def server(self) -> psutil.Process:
        """The one that runs now."""
        return psutil.Process(self.desk.fleet.server_pid)


Trouble: TypeAlias = Callable[[Scene], AbstractContextManager[object]]
"""From entering to leaving it, tmux does not answer; then it does as before."""


def says(text: str, status: int) -> Trouble:
    """A program that says this in tmux's place."""

    @contextlib.contextmanager
    def trouble(scene: Scene) -> Iterator[None]:
        scene.impostor.says(text.format(path=scene.socket), status)
        yield
        scene.impostor.stop()

    return trouble


def prints(script: str) -> Trouble:
    """A program that does this in tmux's place; `$real` is the real one."""

    @contextlib.contextmanager
    def trouble(scene: Scene) -> Iterator[None]:
        scene.impostor.acts(script)
        yield
        scene.impostor.stop()

    return trouble


UNREADABLE: Mapping[str, str] = {
    "empty output": "exit 0",
    "empty lines": "echo; echo; exit 0",
    "another program's words": "echo welcome to tmux; exit 0",
    "only the first row": '"$real" "$@" | head -n 1; exit 0',
    "no last row": '"$real" "$@" | sed "4,5d"; exit 0',
    "no last line": '"$real" "$@" | sed "5d"; exit 0',
    "no last byte": '"$real" "$@" | head -c -2; exit 0',
    "half of it": '"$real" "$@" | head -c 300; exit 0',
    "a row that is too short": '"$real" "$@" | sed "2s/|[0-9]*//"; exit 0',
    "a row with too many columns": '"$real" "$@" | sed "2s/|/|7|/"; exit 0',
    "a word for a number": '"$real" "$@" | sed "2s/|/|x/"; exit 0',
    "no pane process": r'"$real" "$@" | sed "2s/\(%[0-9]*|\)[0-9]*/\1/"; exit 0',
    "rows of two servers": '"$real" "$@" | sed "2s/|/1|/"; exit 0',
    "bytes that are no text in a number": r'"$real" "$@" | sed "2s/|/|\xff/"; exit 0',
    "a listing, and failure": '"$real" "$@"; exit 1',
    "killed while it printed": '"$real" "$@" | head -n 2; kill -9 $$',
}
"""Each from the real listing of the real server, spoiled on its way."""


# In reality. ------------------------------------------------------------------------------------


@contextlib.contextmanager
def stopped(scene: Scene) -> Iterator[None]:
    """The server hangs, as under a debugger."""
    server = scene.server
    server.suspend()
    yield
    server.resume()


@contextlib.contextmanager
def unlinked(scene: Scene) -> Iterator[None]:
    """Somebody cleared /tmp."""
    scene.socket.unlink()
    yield
    os.kill(scene.server.pid, signal.SIGUSR1)
    retry_until(scene.socket.exists, what="a new socket")


@contextlib.contextmanager
def aside(scene: Scene) -> Iterator[Path]:
    """The socket's place, with nothing there; the server lives on."""
    away = scene.socket.with_name("away")
    scene.socket.rename(away)
    yield scene.socket
    away.rename(scene.socket)


@contextlib.contextmanager
def file(scene: Scene) -> Iterator[None]:
    """A regular file is in the socket's place."""
    with aside(scene) as place:
        place.write_text("")
        yield


@contextlib.contextmanager
def folder(scene: Scene) -> Iterator[None]:
    """A folder is in the socket's place."""
    with aside(scene) as place:
        place.mkdir()
        yield
        place.rmdir()


@contextlib.contextmanager
def loop(scene: Scene) -> Iterator[None]:
    """A link to itself is in the socket's place."""
    with aside(scene) as place:
        place.symlink_to(place.name)
        yield
        place.unlink()


@contextlib.contextmanager
def dangling(scene: Scene) -> Iterator[None]:
    """A link to nothing is in the socket's place."""
    with aside(scene) as place:
        place.symlink_to("nothing")
        yield
        place.unlink()


@contextlib.contextmanager
def folder_away(scene: Scene) -> Iterator[None]:
    """The socket's folder has another name now."""
    place = scene.socket.parent
    place.rename(place.with_name("renamed"))
    yield
    place.with_name("renamed").rename(place)


@contextlib.contextmanager
def closed(scene: Scene) -> Iterator[None]:
    """The socket may be used by nobody but its owner, who is somebody else."""
    mode = scene.socket.stat().st_mode
    scene.socket.chmod(0)
    if os.getuid() == 0:  # to whom permissions do not apply
        scene.impostor.acts(f'exec setpriv --reuid {NOBODY} --clear-groups "$real" "$@"')
    yield
    scene.impostor.stop()
    scene.socket.chmod(mode)


def served(answer: bytes, *, hangs_up: bool = True) -> Trouble:
    """Another program listens in the socket's place."""

    @contextlib.contextmanager
    def trouble(scene: Scene) -> Iterator[None]:
        with aside(scene) as place, socket.socket(socket.AF_UNIX) as foreign:
            foreign.bind(str(place))
            foreign.listen()
            serving = threading.Thread(target=serve, args=[foreign, answer, hangs_up])
            serving.start()
            yield
            foreign.shutdown(socket.SHUT_RDWR)
            serving.join()
            place.unlink()

    return trouble


def serve(foreign: socket.socket, answer: bytes, hangs_up: bool) -> None:  # noqa: FBT001
    """Give everybody the same answer, one after the other, until the socket is shut down."""
    with contextlib.suppress(OSError):
        while True:
            with foreign.accept()[0] as client:
                client.settimeout(0.05)
                _hear(client)
                client.send(answer)
                client.settimeout(0.0 if hangs_up else None)
                _hear(client)


def _hear(client: socket.socket) -> None:
    """All that it says until it hangs up, or falls silent for as long as it may."""
    with contextlib.suppress(TimeoutError, BlockingIOError):
        while client.recv(65536):
            pass


VERSION = struct.pack("=IHHII", 12, 16, 0, 7, 0)
"""tmux's own message (imsg: type, length, flags, version, pid) that it speaks protocol 7."""


@contextlib.contextmanager
def removed(scene: Scene) -> Iterator[None]:
    """An upgrade is under way: there is no tmux."""
    scene.impostor.program.unlink()
    yield
    scene.impostor.stop()


def replaced(text: bytes, mode: int) -> Trouble:
    """What is called tmux is not a program that can be run."""

    @contextlib.contextmanager
    def trouble(scene: Scene) -> Iterator[None]:
        scene.impostor.program.write_bytes(text)
        scene.impostor.program.chmod(mode)
        yield
        scene.impostor.stop()

    return trouble


@contextlib.contextmanager
def program_is_folder(scene: Scene) -> Iterator[None]:
    """What is called tmux is a folder."""
    scene.impostor.program.unlink()
    scene.impostor.program.mkdir()
    yield
    scene.impostor.stop()


REAL: Mapping[str, Trouble] = {
    "the socket was deleted": unlinked,
    "a file in its place": file,
    "a folder in its place": folder,
    "a link to itself in its place": loop,
    "a link to nothing in its place": dangling,
    "its folder was renamed": folder_away,
    "another user's socket": closed,
    "another program that hangs up": served(b""),
    "another program that talks": served(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
    "another protocol version": served(VERSION, hangs_up=False),
    "tmux was removed": removed,
    "tmux may not be run": replaced(b"#!/bin/sh\n", 0o644),
    "tmux is empty": replaced(b"", 0o755),
    "tmux is no program": replaced(b"\x7fELF", 0o755),
    "tmux names an interpreter that is not there": replaced(b"#!/no/sh\n", 0o755),
    "tmux is a folder": program_is_folder,
}
SILENT: Mapping[str, Trouble] = {
    "the server is stopped": stopped,
    "another program that says nothing": served(b"", hangs_up=False),
}
"""These run into the deadline."""
