"""What was given on the command line for everything that is said: the advice, and how much."""

from __future__ import annotations

import argparse
import shlex
from contextvars import ContextVar

from reconcile import advice

_OPTIONS: ContextVar[str] = ContextVar("options", default="")
_QUIET: ContextVar[bool] = ContextVar("quiet", default=False)


def take(arguments: argparse.Namespace) -> None:
    """From now on advice names the user's own registry and config."""
    files = {"--registry": arguments.registry, "--config": arguments.config}
    told = (f"{option}={shlex.quote(file)}" for option, file in files.items() if file)
    _OPTIONS.set(" ".join(told))
    _QUIET.set(arguments.quiet)


def completed(text: str) -> str:
    """The text with those options in each command that it names."""
    return advice.completed(text, _OPTIONS.get())


def quiet() -> bool:
    """Whether nothing is to be said where all is well."""
    return _QUIET.get()
