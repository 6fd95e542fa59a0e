"""A process that has everything imported, and forks a card's worker from itself on request.

    with forkserver.serving(office.environ) as server:
        server.warm(Order(card, seconds=1))             # one whole run: what does it import?
        ended = server.work(Order(card, seconds=1))     # one more
        ended = server.work(Order(card, seconds=1, number=17, when="after"))  # killed at a call
        server.work(Order(card, seconds=1, number=17, signal=SIGSTOP))
        ended = server.resume()

A worker that is forked takes a tenth of a second, where one that is started takes a whole one. It
never waits: its timer stands still but for its own sleeps, which take no time.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import commandline
from hours import Hours
from kanban_worker import boards, config
from kanban_worker.boards.shape import Address
from kanban_worker.watch import Watch
from state.errors import MonitorError
from tracing import Point, Tracer

MARK = "/traced"
"""What a marked run looks at, a file that is not there, at each point: `/traced/before/17`."""


@dataclass(frozen=True, slots=True)
class Order:
    """One worker: its card, how long it watches, and where a signal hits it."""

    card: str
    seconds: float
    later: float = 0.0
    """How many seconds its clocks are ahead."""
    number: int = 0
    """The call at which it is hit, from 1; 0: none."""
    when: str = "before"
    """Or `after` that call."""
    signal: int = signal.SIGKILL
    traced: bool = False
    marked: bool = False
    """Whether it shows to `strace` where it is."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a worker ended."""

    status: int = 0
    """As `os.waitpid` tells it; stopped is an end as well, for the time being."""
    at: str = ""
    """The call at which the signal hit it."""
    calls: Sequence[str] = ()
    """Those that a traced run made."""
    complaints: Sequence[str] = ()
    modules: Sequence[str] = ()
    """All that it had imported."""


class Server:
    """The process, from outside."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def work(self, order: Order) -> Ended:
        """Let a worker run to its end, be that its own or not."""
        return Ended(**self._ask({"order": asdict(order)}))

    def resume(self) -> Ended:
        """Let the worker go on that was stopped, to its end."""
        return Ended(**self._ask({"resume": True}))

    def warm(self, order: Order) -> None:
        """Let a worker run, and import all that it did: those after it need not."""
        self._ask({"import": self.work(order).modules})

    def _ask(self, question: Mapping[str, object]) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer


@contextlib.contextmanager
def serving(environ: Mapping[str, str], *, under: Sequence[str] = ()) -> Iterator[Server]:
    """Start the process, below another program such as strace; it ends with the block."""
    with subprocess.Popen(
        [*under, sys.executable, __file__],
        env=commandline.environment({**environ, **commandline.importable()}),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield Server(process)
        # Leaving the block closes its stdin, at whose end it ends.


# The process, from inside. ----------------------------------------------------------------------


def main() -> None:
    """Serve until nobody asks any more."""
    child: Child | None = None
    for line in sys.stdin:
        question = json.loads(line)
        answer: object = {}
        if "order" in question:
            child = Child(Order(**question["order"]))
            answer = asdict(child.ended())
        if "resume" in question and child:
            os.kill(child.pid, signal.SIGCONT)
            answer = asdict(child.ended())
        for module in question.get("import", ()):
            with contextlib.suppress(ImportError):
                importlib.import_module(module)
        gc.freeze()  # what is here now is no garbage, and need not be looked at in each worker
        print(json.dumps(answer), flush=True)


class Child:
    """One worker, forked from here, and the file in which it says how it ended."""

    def __init__(self, order: Order) -> None:
        """Begin its work."""
        self._told = tempfile.TemporaryFile()  # noqa: SIM115 - closed when the next one begins
        self.pid = os.fork()
        if not self.pid:
            try:
                self._tell(self._worked(order))
                os._exit(0)
            finally:
                traceback.print_exc()
                os._exit(1)

    def ended(self) -> Ended:
        """Wait for its end, or until it is stopped."""
        status = os.waitpid(self.pid, os.WUNTRACED)[1]
        self._told.seek(0)
        return replace(Ended(**json.loads(self._told.read() or "{}")), status=status)

    def _tell(self, ended: Ended) -> None:
        data = json.dumps(asdict(ended)).encode()
        os.ftruncate(self._told.fileno(), 0)
        os.pwrite(self._told.fileno(), data, 0)

    def _worked(self, order: Order) -> Ended:
        complaints: list[str] = []
        hours = Hours()
        hours.set_clock(order.later)
        settings = config.from_environment(os.environ, Path.home())
        address = Address(card=order.card, environ=dict(os.environ))
        watch = Watch(
            settings,
            boards.reach(None, address),
            seconds=order.seconds,
            complain=complaints.append,
            timing=hours.timing,
        )

        def reached(point: Point) -> None:
            if order.marked:
                os.access(f"{MARK}/{point.when}/{point.number}", os.F_OK)
            if (point.number, point.when) == (order.number, order.when):
                self._tell(Ended(at=point.name))
                os.kill(os.getpid(), order.signal)

        tracer = Tracer(reached)
        if order.traced or order.number:
            tracer.start()
        try:
            watch.run()
        except MonitorError as error:
            complaints.append(str(error))
        tracer.stop()
        return Ended(0, "", tracer.calls, complaints, list(sys.modules))


if __name__ == "__main__":
    main()
