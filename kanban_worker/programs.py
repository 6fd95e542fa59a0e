"""Other programs, asked for what they print: a list of words, no shell, no input, a deadline."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from state import durable
from state.errors import CouldNot

OWN = (sys.executable, "-P", str(Path(__file__).with_name("__main__.py")))
"""This very copy of the program, from wherever it is started: nothing of the working directory or
of PYTHONPATH is taken for it."""

_NAME = "agent-sessions"


def own_command() -> str:
    """How a shell starts this program from anywhere, for what is run later and by others.

    By the link on PATH where one leads here: it stays when pipx or uv make the environment anew.
    """
    installed = Path(sys.executable).with_name(_NAME)
    if not installed.exists():
        return shlex.join(OWN)
    named = shutil.which(_NAME)
    if named and os.path.realpath(named) == os.path.realpath(installed):
        return shlex.quote(str(Path(named).absolute()))
    return shlex.quote(str(installed))


def short_command() -> str:
    """The same for a person: by its name, where it is on PATH."""
    return _NAME if shutil.which(_NAME) else own_command()


def ask(
    shown: str,
    command: Sequence[str],
    *,
    seconds: float,
    environ: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """What a program says and how it ends; what is no UTF-8 is replaced.

    Args:
        shown: What it is called in a message: `hermes plugins list`.
        command: The program and its words.
        seconds: How long it may take. Then it is killed.
        environ: Its whole environment; None: ours.

    Raises:
        CouldNot: it cannot be run, or does not end in time.
    """
    try:
        return subprocess.run(  # noqa: S603 - words of ours, or of the user's own command line
            command,
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise CouldNot(f"{shown} did not end within {seconds:g} s. Try it by hand") from None
    except OSError as error:
        raise durable.could_not(f"{shown} cannot be run", error) from None
