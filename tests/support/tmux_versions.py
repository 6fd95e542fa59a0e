"""What each version of tmux makes of what it is given: the one table of expectations."""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """What a test may expect of one version."""

    names: str
    """The column of `LISTED` that tells how it lists names."""
    session_path: bool = True
    """Whether it tells in which directory a session was started."""
    dead_signal: bool = True
    """Whether it tells by which signal the process of a pane ended."""
    resolves_folder: bool = True
    """Whether it resolves the links in `$TMUX_TMPDIR`."""
    keeps_stdout: bool = True
    """Whether the server holds a client's output open, so that a dead client is waited for."""
    access_list: bool = True
    """Whether it refuses a user who may write to its socket (`server-access`)."""


VERSIONS: Mapping[str, Version] = {
    "3.0a": Version(
        names="3.0a",
        session_path=False,
        dead_signal=False,
        resolves_folder=False,
        keeps_stdout=False,
        access_list=False,
    ),
    "3.2a": Version(names="3.2a", dead_signal=False, access_list=False),
    "3.3a": Version(names="3.2a"),
    "3.4": Version(names="3.4"),
    "3.5a": Version(names="3.5a"),
    "3.6b": Version(names="3.5a"),
    "3.7c": Version(names="3.7c"),
}

_COLUMNS = ("3.0a", "3.2a", "3.4", "3.5a", "3.7c")
_SAME = "as it was asked for"
_REFUSED = None

_ROWS: Mapping[str, tuple[str | None, ...]] = {
    "plain": (_SAME,) * 5,
    "two words": (_SAME,) * 5,
    "é 名 🙂": (_SAME,) * 5,
    "'\"*?[~!+=,;@1 %1 {last} a#b": (_SAME,) * 5,
    "a.b:c": (_REFUSED, "a_b_c", "a_b_c", "a_b_c", _SAME),
    "v1.2": (_REFUSED, "v1_2", "v1_2", "v1_2", _SAME),
    "a\tb": (_SAME, r"a\tb", r"a\tb", r"a\tb", _REFUSED),
    "a\nb": (_SAME, r"a\nb", r"a\nb", r"a\nb", _REFUSED),
    "a\x01\x1b\x7fb": (_SAME, *[r"a\001\033\177b"] * 3, _REFUSED),
    "a\a\b\v\fb": (_SAME, *[r"a\a\b\v\fb"] * 3, _REFUSED),
    r"a\b": (_SAME, *[r"a\\b"] * 4),
    r"a\tb": (_SAME, *[r"a\\tb"] * 4),
    r"a\\b": (_SAME, *[r"a\\\\b"] * 4),
    "a$x": (_SAME, r"a\$x", r"a\\$x", _SAME, _SAME),
    "a${x} $_x": (_SAME, r"a\${x} \$_x", r"a\\${x} \\$_x", _SAME, _SAME),
    "a$ $1 x$": (_SAME,) * 5,
    r"a\$x": (_SAME, r"a\\\$x", r"a\\\\$x", r"a\\$x", r"a\\$x"),
    r"sp $x \q.": (_REFUSED, r"sp \$x \\q_", r"sp \\$x \\q_", r"sp $x \\q_", r"sp $x \\q."),
}

LISTED: Mapping[str, Mapping[str, str | None]] = {
    asked: {
        column: asked if shown == _SAME else shown
        for column, shown in zip(_COLUMNS, row, strict=True)
    }
    for asked, row in _ROWS.items()
}
"""By the name that `new-session -s` is given: how each lists it, None where it refuses."""

ANY_WIDTH = "a\x80\x9f\u0378b"
"""What the C library knows no width for: kept, or in octal, also by one and the same version."""


def listed(asked: str, version: str) -> str | None:
    """The name under which this version lists what was asked for; None where it refuses."""
    return LISTED[asked][VERSIONS[version].names]


@functools.cache
def release(path: str) -> str:
    """The version of the first tmux on a PATH, as `#{version}` has it.

    Raises:
        LookupError: nothing is known of this version.
    """
    program = shutil.which("tmux", path=path)
    assert program is not None
    said = subprocess.check_output([program, "-V"], text=True)
    found = re.fullmatch(r"tmux (\S+)\s*", said)
    if not found or found[1] not in VERSIONS:
        raise LookupError(f"{program} is {said.strip()!r}: add a line to {__name__}.VERSIONS")
    return found[1]


def here() -> tuple[str, Version]:
    """The tmux on PATH, and what it may be expected to do."""
    found = release(os.environ["PATH"])
    return found, VERSIONS[found]
