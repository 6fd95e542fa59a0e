"""Programs that are forked from a process with the imports done, instead of started.

    done = warm.run(warm.AGENT_SESSIONS, ["status"], environ, cwd)  # a subprocess.CompletedProcess
    environ["HERMES_BIN"] = warm.program(warm.HERMES)                 # a file that anybody can run

Most of what a program in Python costs here is its imports: a third of a second of a core for
`agent-sessions`, half of one for `hermes`. What is forked has arguments, an environment, a folder,
streams and an exit status of its own, and Python ends in it as in any other. It has no Python
that began in its own way: what is about that, or about its own modules' imports, starts one.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import gc
import importlib
import io
import marshal
import os
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from kanban_worker import __main__, cli
from waiting import PATIENCE, retry_until

HERMES = "hermes"
AGENT_SESSIONS = "agent-sessions"

_STREAMS = (0, 1, 2)
_LENGTH = 4
"""Bytes that tell how long an order is."""

# The program that stands for the forked one. It imports nothing, and so takes no time.
_CLIENT = """#!{python} -IS
import _socket, marshal, os, sys
server = _socket.socket(_socket.AF_UNIX)
server.connect({path!r})
order = marshal.dumps((sys.argv, dict(os.environ), os.getcwd()))
streams = b"".join(each.to_bytes(4, sys.byteorder) for each in (0, 1, 2))
about = [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, streams)]
server.sendmsg([len(order).to_bytes(4, "big")], about)
server.sendall(order)
status = int(server.recv(16) or 1)
if status < 0:
    os.kill(os.getpid(), -status)
os._exit(status)
"""


def run(
    name: str, words: Sequence[str], environ: Mapping[str, str], cwd: Path
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end, with nothing on its stdin. Raises TimeoutError."""
    with (
        _connected(_server(name) / "s") as server,
        Path(os.devnull).open() as stdin,
        tempfile.TemporaryFile() as out,
        tempfile.TemporaryFile() as err,
    ):
        server.settimeout(PATIENCE)
        order = marshal.dumps(([name, *words], dict(environ), str(cwd)))
        fds = [stdin.fileno(), out.fileno(), err.fileno()]
        socket.send_fds(server, [len(order).to_bytes(_LENGTH, "big")], fds)
        server.sendall(order)
        status = int(server.recv(16) or 1)  # ends with this connection, should it not end in time
        return subprocess.CompletedProcess([name, *words], status, _text(out), _text(err))


def program(name: str) -> str:
    """A file that runs it, for whoever starts programs by their path."""
    return str(_server(name) / name)


def _text(stream: IO[bytes]) -> str:
    stream.seek(0)
    return stream.read().decode("utf-8")


def _connected(path: Path) -> socket.socket:
    server = socket.socket(socket.AF_UNIX)
    server.connect(str(path))
    return server


@functools.cache
def _server(name: str) -> Path:
    """The folder of a server, which lives no longer than this process, however that ends."""
    reading, writing = os.pipe()
    # The first process ends, so that the server is no child of a test that looks at its own.
    started = subprocess.run(
        [sys.executable, __file__, name],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path)},
        stdin=reading,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    os.close(reading)
    folder = Path(started.stdout.rstrip("\n"))
    atexit.register(_end, writing, folder)
    return folder


def _end(writing: int, folder: Path) -> None:
    os.close(writing)
    retry_until(lambda: not folder.exists(), what="the end of a server")


# The server, from inside. -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Order:
    """A program to run, as somebody asked for it."""

    words: Sequence[str]
    environ: Mapping[str, str]
    cwd: str
    streams: Sequence[int]


class Server:
    """Forks a process for each order, and tells whoever gave it how the process ended."""

    def __init__(self, path: Path) -> None:
        """Listen on a socket."""
        self._asked: dict[int, socket.socket] = {}
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(path))
        self._listening.listen(16)
        self._ended, self._end = os.pipe()
        os.set_blocking(self._ended, False)
        os.set_blocking(self._end, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._end)
        self._ready = selectors.DefaultSelector()
        for each in (sys.stdin, self._listening, self._ended):
            self._ready.register(each, selectors.EVENT_READ)

    def serve(self) -> Order | None:
        """Returns in each process that is forked, with its order; in the server, at its end."""
        while True:
            for key, _ in self._ready.select():
                if key.fileobj is sys.stdin:
                    return None
                if key.fileobj is self._listening:
                    if order := self._forked():
                        return order
                elif key.data in self._asked:  # a program that was killed runs no more
                    os.kill(key.data, signal.SIGKILL)
                    self._ready.unregister(key.fileobj)
            self._tell_ends()

    def _forked(self) -> Order | None:
        """The order, in the new process alone."""
        asking = self._listening.accept()[0]
        order = _received(asking)
        if not (pid := os.fork()):
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            return order
        for each in order.streams:
            os.close(each)
        self._asked[pid] = asking
        self._ready.register(asking, selectors.EVENT_READ, pid)
        return None

    def _tell_ends(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self._ended, 4096)
        for pid in list(self._asked):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                asking = self._asked.pop(pid)
                with contextlib.suppress(KeyError):
                    self._ready.unregister(asking)
                with contextlib.suppress(OSError), asking:
                    asking.sendall(str(os.waitstatus_to_exitcode(status)).encode())


def _received(asking: socket.socket) -> Order:
    length, streams, *_ = socket.recv_fds(asking, _LENGTH, len(_STREAMS))
    with asking.makefile("rb") as stream:
        words, environ, cwd = marshal.loads(stream.read(int.from_bytes(length, "big")))  # noqa: S302 - our own
    return Order(words, environ, cwd, streams)


def _become(order: Order) -> None:
    """Be the process that was asked for, as far as it can be told from outside."""
    for number, each in zip(_STREAMS, order.streams, strict=True):
        os.dup2(each, number)
    os.closerange(len(_STREAMS), os.sysconf("SC_OPEN_MAX"))
    os.chdir(order.cwd)
    os.environ.clear()
    os.environ.update(order.environ)
    time.tzset()
    sys.argv[:] = order.words
    sys.stdin = _text_stream(0, "r", "strict")
    sys.stdout = _text_stream(1, "w", "strict")
    sys.stderr = _text_stream(2, "w", "backslashreplace", line_buffering=True)


def _text_stream(
    number: int, mode: str, errors: str, *, line_buffering: bool = False
) -> io.TextIOWrapper:
    """As Python opens it where it begins."""
    stream = os.fdopen(number, f"{mode}b", closefd=False)
    return io.TextIOWrapper(stream, "utf-8", errors, line_buffering=line_buffering)


def _warm_agent_sessions() -> Callable[[], object]:
    for each in cli.COMMANDS:
        importlib.import_module(f"kanban_worker.commands.{each.replace('-', '_')}")
    return __main__.main


def _warm_hermes() -> Callable[[], object]:
    """Its main module looks at arguments and environment as it is imported, so each run does that.

    Its configuration looks for plugins in its home: this is for homes that have none.
    """
    importlib.import_module("hermes_cli.kanban")
    importlib.import_module("hermes_cli.main")
    del sys.modules["hermes_cli.main"]
    return lambda: importlib.import_module("hermes_cli.main").main()


WARM = {AGENT_SESSIONS: _warm_agent_sessions, HERMES: _warm_hermes}


def main(name: str) -> object:
    """Serve until stdin is closed; in each forked process, run the program."""
    folder = Path(tempfile.mkdtemp(prefix="asm-warm-", dir="/tmp"))
    path, client = folder / "s", folder / name
    client.write_text(_CLIENT.format(python=sys.executable, path=str(path)))
    client.chmod(0o755)
    os.environ["HOME"] = os.environ["HERMES_HOME"] = str(folder)
    try:
        runs = WARM[name]()
    except BaseException:
        shutil.rmtree(folder)
        raise
    server = Server(path)
    gc.freeze()  # what is here now is no garbage, and need not be looked at in each process
    print(folder, flush=True)
    if os.fork():
        os._exit(0)
    os.dup2(2, 1)  # whoever started this waits for the end of what it prints
    order = server.serve()
    if order is None:
        shutil.rmtree(folder)
        return 0
    _become(order)
    return runs()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))  # type: ignore[arg-type] # as the program's own file does
