"""Ctrl-C without a traceback, from the first import to the interpreter's end.

While a command is being loaded there is nothing to clear up, and an exception there would show
whatever import it came into: the process just ends. Only what runs is interrupted by an exception,
so that it ends between two steps. Afterwards the system's own way is quiet enough.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Never

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

INTERRUPTED = 130


@contextmanager
def quiet() -> Iterator[None]:
    """Within the block Ctrl-C ends the process at once, until `raised` is called.

    Behind it, too: what is left is only the interpreter's clearing up. A process that was started
    to ignore Ctrl-C goes on doing so.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _end)
        sys.unraisablehook = _unraisable
    try:
        yield
    finally:
        if signal.getsignal(signal.SIGINT) in {_end, _interrupt}:
            signal.signal(signal.SIGINT, signal.SIG_DFL)


def raised() -> None:
    """Ctrl-C is a KeyboardInterrupt from now on; a second one ends the process at once."""
    if signal.getsignal(signal.SIGINT) is _end:
        signal.signal(signal.SIGINT, _interrupt)


def _end(_signal: int, _frame: FrameType | None) -> Never:
    os._exit(INTERRUPTED)


def _interrupt(_signal: int, _frame: FrameType | None) -> Never:
    signal.signal(signal.SIGINT, _end)
    raise KeyboardInterrupt


def _unraisable(what: UnraisableHookArgs) -> None:
    """An interrupt that came into a finaliser cannot be raised, and must not be lost."""
    if issubclass(what.exc_type, KeyboardInterrupt):
        os._exit(INTERRUPTED)
    sys.__unraisablehook__(what)
