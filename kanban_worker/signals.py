"""Being asked to end: a signal is noted, and what is under way is finished first."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import threading
from collections.abc import Iterator
from types import FrameType

ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
"""SIGHUP: the terminal was closed."""


class Asked:
    """Whether the process was asked to end, and a sleep that such a request cuts short."""

    def __init__(self) -> None:
        """Nobody has asked yet."""
        self.signal: int | None = None
        self._read, self._write = os.pipe()
        os.set_blocking(self._write, False)

    def wait(self, seconds: float) -> None:
        """Sleeps, or returns at once when the process is asked to end."""
        # A plain sleep is taken up again after a handler has returned (PEP 475). And select would
        # refuse a descriptor above 1023, as a large Hermes process may have them.
        waiting = select.poll()
        waiting.register(self._read, select.POLLIN)
        if waiting.poll(max(seconds, 0) * 1000):
            os.read(self._read, 64)  # so that what comes after being asked can sleep again

    def close(self) -> None:
        """Gives both descriptors back."""
        os.close(self._read)
        os.close(self._write)

    def note(self, number: int, _frame: FrameType | None) -> None:
        """The handler. Whoever presses Ctrl-C twice does not want to wait any longer.

        Other signals may come twice by themselves: a closed terminal's from kernel and shell.
        """
        if self.signal is not None and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.signal = number
        with contextlib.suppress(BlockingIOError):
            os.write(self._write, b"!")


def host_is_stopping() -> bool:
    """Whether the host is being shut down, as systemd tells; elsewhere nobody does."""
    try:
        done = subprocess.run(
            ["systemctl", "is-system-running"],  # noqa: S607 - the one that this host's PATH has
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=1,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return done.stdout.strip() == b"stopping"


@contextlib.contextmanager
def noted() -> Iterator[Asked]:
    """Notes what asks to end while the block runs, then puts the former handlers back.

    What was ignored stays so (`nohup`, a job in the background). Outside the main thread, where
    Python lets nobody set a handler, nothing is ever noted.
    """
    asked = Asked()
    if threading.current_thread() is not threading.main_thread():
        former = {}
    else:
        heard = [each for each in ENDING if signal.getsignal(each) is not signal.SIG_IGN]
        former = {each: signal.signal(each, asked.note) for each in heard}
    try:
        yield asked
    finally:
        for number, handler in former.items():
            # None: it was set by something else than Python, and cannot be put back from here.
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        asked.close()
