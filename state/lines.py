"""Files of one JSON object a line, read from their end: nobody reads a file of any size whole."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import IO


def tail(file: IO[bytes], *, most: int, longest: int) -> Iterator[bytes]:
    """The lines within the last `most` bytes, in order, without blank ones.

    One of more than `longest` bytes is empty here, so that it can be counted and not used.
    """
    if (size := file.seek(0, os.SEEK_END)) > most:
        file.seek(size - most - 1)
        file.readline()  # The rest of a line that began before, or its end.
    else:
        file.seek(0)
    while line := file.readline(longest + 1):
        if not line.endswith(b"\n") and len(line) > longest:
            while (rest := file.readline(longest)) and not rest.endswith(b"\n"):
                pass
            yield b""
        elif line.strip():
            yield line
