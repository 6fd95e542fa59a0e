"""The kernel's list of unix sockets, where there is one (Linux: `/proc/net/unix`)."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

TABLE = Path("/proc/net/unix")

_ACCEPTS = "00010000"
"""`__SO_ACCEPTCON`: a server's socket, not one of its connections."""


def listening() -> Sequence[str]:
    """The path that each listening socket was bound to.

    A path stays listed as long as its server lives, also when its file was deleted or is in
    another mount namespace. Empty where the system does not tell.
    """
    try:
        table = TABLE.read_text("utf-8", "surrogateescape")
    except OSError:
        return ()
    rows = (line.split(maxsplit=7) for line in table.split("\n")[1:] if _ACCEPTS in line)
    # The eighth column is the path.
    return [row[7] for row in rows if len(row) == 8 and row[3] == _ACCEPTS]  # noqa: PLR2004


def count_at(path: str, bound: Sequence[str]) -> int:
    """How many living servers are bound to a path, under whatever name of its folder."""
    folder, name = os.path.split(path)
    namesakes = [each for each in bound if each.endswith(f"/{name}")]
    # The file itself may be gone; its folder is what either side may have reached by a link.
    real = os.path.realpath(folder)
    return sum(os.path.realpath(each.removesuffix(f"/{name}")) == real for each in namesakes)
