"""Finds the calls of this process that may write, while they happen.

They are found by tracing, not by a list: the interpreter announces each call of a C function
(`sys.setprofile`), and nothing leaves this process but through one. Each counts, unless its module
only computes or its name is known to write nothing outside. Opening a file counts where it is
opened for writing, which the interpreter's audit tells. What is called through ctypes is announced
by nobody, so its calls are led through here. What SQLite does within one call is its own affair:
it makes it whole, or not at all.
"""

from __future__ import annotations

import _ctypes
import contextlib
import ctypes
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import PurePath
from types import FrameType, ModuleType
from typing import Any, NamedTuple

COMPUTING = frozenset(
    {
        *("_abc", "_bisect", "_codecs", "_contextvars", "_datetime", "_functools", "_hashlib"),
        *("_imp", "_json", "_operator", "_queue", "_random", "_signal", "_sre", "_stat", "_string"),
        *("_struct", "_thread", "_warnings", "_weakref", "binascii", "builtins", "collections"),
        *("datetime", "functools", "itertools", "marshal", "math", "re", "select", "sys", "time"),
        *("unicodedata", "zlib"),
        *("psutil._psutil_linux", "psutil._psutil_osx", "psutil._psutil_posix"),
    }
)
"""Modules that touch nothing but this process, or only look at others."""

READING = frozenset(
    {
        # They look at files and folders.
        *("access", "fstat", "getcwd", "listdir", "lstat", "pread", "read", "readlink", "scandir"),
        *("stat", "statvfs", "DirEntry.is_dir", "DirEntry.is_file", "DirEntry.stat"),
        *("ScandirIterator.__exit__", "ScandirIterator.close", "open_code"),
        *("Cursor.fetchall", "Cursor.fetchone", "Row.keys"),
        # They concern this process alone.
        *("BufferedRandom.fileno", "WIFSTOPPED", "_path_normpath", "dup", "fspath", "getpid"),
        *("gethostname", "getuid", "pidfd_open", "pipe", "putenv", "set_blocking"),
        *("text_encoding", "uname", "unsetenv", "urandom", "waitpid", "waitstatus_to_exitcode"),
        # Called through ctypes.
        "statx",
    }
)
"""Functions and methods of other modules that write nothing outside."""

OPENING = "open"
_OWNERS = (ModuleType, type)
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


class Point(NamedTuple):
    """Just before or just after one call."""

    number: int
    """Of the call, from 1."""
    when: str
    """`before` or `after`."""
    name: str
    """`posix.replace in durable.replace`: what is called, by which module and function."""


_READERS = frozenset({"kanban_worker.procfs", "kanban_worker.agents.descriptors"})
"""Modules that only read, and as often as the processes beside the test come and go."""


class Tracer:
    """Tells of each point as it is reached, in the thread that reaches it."""

    def __init__(self, reached: Callable[[Point], None]) -> None:
        self.calls: list[str] = []
        """The names of all calls that counted."""
        self._reached = reached
        self._telling = False
        self._under_way: dict[int, Point] = {}
        self._verdicts: dict[tuple[object, str], bool] = {}

    def start(self) -> None:
        """Begins, in this thread and all that it starts from now on. It can be started once."""
        vars(ctypes)["_CFuncPtr"] = _led_through(self.foreign)
        sys.addaudithook(self._audit)
        threading.setprofile(self._profile)
        sys.setprofile(self._profile)

    def stop(self) -> None:
        """Ends in this thread."""
        threading.setprofile(None)
        sys.setprofile(None)

    def _profile(self, frame: FrameType, event: str, function: Any) -> None:  # noqa: ANN401
        if self._telling:
            return
        if event == "c_call":
            self._called(frame, function)
        elif self._under_way and event in {"c_return", "c_exception"}:
            self._returned(function)

    def _called(self, frame: FrameType, function: Any) -> None:  # noqa: ANN401 - any C function
        owner = function.__self__
        kind = owner if isinstance(owner, _OWNERS) else type(owner)
        key = kind, function.__name__  # `__qualname__` is made anew each time, which costs more
        counts = self._verdicts.get(key)
        if counts is None:
            counts = self._verdicts[key] = _counts(function)
        if not counts or _only_reads(function) or frame.f_globals.get("__name__") in _READERS:
            return
        name = _named(*_described(function), frame)
        if function.__name__ == OPENING:  # whether for writing, its audit is about to tell
            self._under_way[threading.get_ident()] = Point(0, "", name)
        else:
            self._begin(name)

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open" and (arguments[2] or 0) & _WRITING:
            call = self._under_way.get(threading.get_ident())
            if call and not call.number:
                self._begin(call.name)

    def _begin(self, name: str) -> None:
        self.calls.append(name)
        point = Point(len(self.calls), "before", name)
        self._under_way[threading.get_ident()] = point
        self._tell(point)

    @contextlib.contextmanager
    def foreign(self, name: str, frame: FrameType) -> Iterator[None]:
        """Counts one call of a function of a library."""
        if name in READING:
            yield
            return
        self._begin(_named("ctypes", name, frame))
        call = self._under_way.pop(threading.get_ident())
        yield
        self._tell(call._replace(when="after"))

    def _returned(self, function: Any) -> None:  # noqa: ANN401 - any C function
        thread = threading.get_ident()
        call = self._under_way.get(thread)
        if call and f".{function.__qualname__} in " in call.name:
            del self._under_way[thread]
            if call.number:
                self._tell(call._replace(when="after"))

    def _tell(self, point: Point) -> None:
        """Whoever is told may make calls of his own, which do not count."""
        self._telling = True
        self._reached(point)
        self._telling = False


def _described(function: Any) -> tuple[str, str]:  # noqa: ANN401 - any C function
    """Its module, and its name in there."""
    return function.__module__ or type(function.__self__).__module__, function.__qualname__


def _counts(function: Any) -> bool:  # noqa: ANN401 - any C function
    module, name = _described(function)
    return module not in COMPUTING and name not in READING


def _only_reads(function: Any) -> bool:  # noqa: ANN401 - any C function
    """Whether it is a method of a file that is open for reading."""
    writable = getattr(function.__self__, "writable", None)
    try:
        return writable is not None and not writable()
    except ValueError:  # the file is closed
        return True


def _named(module: str, function: str, frame: FrameType) -> str:
    code = frame.f_code
    return f"{module}.{function} in {PurePath(code.co_filename).stem}.{code.co_name}"


def _led_through(around: Callable[[str, FrameType], AbstractContextManager[None]]) -> type:
    """What each function of a library that is loaded from now on is made from."""

    class Foreign(_ctypes.CFuncPtr):
        _flags_ = _ctypes.FUNCFLAG_CDECL
        _restype_ = ctypes.c_int
        __name__: str

        def __call__(self, *arguments: object) -> object:  # type: ignore[explicit-override] # 3.12
            with around(self.__name__, sys._getframe(1)):
                return super().__call__(*arguments)

    return Foreign
