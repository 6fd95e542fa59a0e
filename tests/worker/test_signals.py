"""Being asked to end: noted, never in the middle of something."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from kanban_worker import signals


@pytest.mark.parametrize("sig", signals.ENDING)
def test_a_signal_is_noted_and_interrupts_nothing(sig: signal.Signals) -> None:
    with signals.noted() as asked:
        assert asked.signal is None
        os.kill(os.getpid(), sig)
        assert asked.signal == sig


def test_a_sleep_is_cut_short_by_it_and_a_later_one_is_not() -> None:
    """What is tried again while the process ends has its pauses."""
    with signals.noted() as asked:
        timer = threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGTERM))
        timer.start()
        began = time.monotonic()
        asked.wait(30)
        timer.join()
        cut = time.monotonic()
        asked.wait(0.3)

    assert cut - began < 10
    assert time.monotonic() - cut >= 0.3


def test_whoever_asks_twice_does_not_wait() -> None:
    with signals.noted():
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def test_a_closed_terminal_may_be_told_twice() -> None:
    """By the kernel, and by the shell that passes it on."""
    with signals.noted() as asked:
        os.kill(os.getpid(), signal.SIGHUP)
        os.kill(os.getpid(), signal.SIGHUP)
        assert asked.signal == signal.SIGHUP


def test_the_former_handlers_are_put_back_and_no_descriptor_is_left() -> None:
    former = {each: signal.getsignal(each) for each in signals.ENDING}
    descriptors = len(list(Path("/dev/fd").iterdir()))

    for _ in range(10):
        with signals.noted():
            assert signal.getsignal(signal.SIGTERM) != former[signal.SIGTERM]

    assert {each: signal.getsignal(each) for each in signals.ENDING} == former
    assert len(list(Path("/dev/fd").iterdir())) == descriptors


def test_what_is_ignored_stays_ignored() -> None:
    """As under `nohup`, where a closed terminal ends nothing."""
    former = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with signals.noted() as asked:
            os.kill(os.getpid(), signal.SIGHUP)
            assert asked.signal is None
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, former)


def test_outside_the_main_thread_it_only_sleeps() -> None:
    slept: list[int | None] = []

    def sleep() -> None:
        with signals.noted() as asked:
            asked.wait(0.01)
            slept.append(asked.signal)

    thread = threading.Thread(target=sleep)
    thread.start()
    thread.join()

    assert slept == [None]
