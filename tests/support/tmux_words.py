"""What tmux, or what stands in its place, says when it lists nothing; none of it is a death."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

_LIBRARY = "libevent.so.7: cannot open shared object file: No such file or directory"

UNKNOWN: Mapping[str, tuple[str, int]] = {
    "a library is missing": (f"tmux: error while loading shared libraries: {_LIBRARY}", 127),
    "a wrapper points nowhere": (
        "/usr/local/bin/tmux: line 2: /opt/tmux: No such file or directory",
        127,
    ),
    "tmux's words with another exit status": (
        "error connecting to {path} (No such file or directory)",
        2,
    ),
    "tmux's words about another socket": (
        "error connecting to /elsewhere/s (No such file or directory)",
        1,
    ),
    "no server on another socket": ("no server running on /elsewhere/s", 1),
    "more than tmux's words": ("sudo: no server running on {path}", 1),
    "the server refuses": ("error connecting to {path} (Connection refused)", 1),
    "the socket is another user's": ("error connecting to {path} (Permission denied)", 1),
    "the server is too busy": ("error connecting to {path} (Resource temporarily unavailable)", 1),
    "the path is too long": ("error connecting to {path} (File name too long)", 1),
    "the path is below a file": ("error connecting to {path} (Not a directory)", 1),
    "the path is no socket": ("error connecting to {path} (Socket operation on non-socket)", 1),
    "the folder is another user's": ("couldn't create directory /tmp/tmux-0 (Read-only)", 1),
    "the folder is open to all": ("directory /tmp/tmux-0 has unsafe permissions", 1),
    "access is not granted": ("access not allowed", 1),
    "another protocol version": ("protocol version mismatch (client 8, server 7)", 1),
    "a server that is too old": ("failed to connect to server", 1),
    "the server ended meanwhile": ("lost server", 1),
    "the server crashed meanwhile": ("server exited unexpectedly", 1),
    "no terminal": ("open terminal failed: not a terminal", 1),
    "no such terminal": ("open terminal failed: missing or unsuitable terminal: unknown", 1),
    "no locale": ("tmux: need UTF-8 locale (LC_CTYPE) but have ANSI_X3.4-1968", 1),
    "the system is out of forks": ("create window failed: fork failed", 1),
    "the system is out of memory": (
        "tmux: fatal: xmalloc: allocating 4096 bytes: out of memory",
        1,
    ),
    "the system is out of descriptors": (
        "tmux: couldn't create socketpair: Too many open files",
        1,
    ),
    "no such session": ("can't find session: lab-a-creator-claude", 1),
    "no sessions": ("no sessions", 1),
    "no such command": ("unknown command: list-panes", 1),
    "no such option": ("tmux: unknown option -- u", 1),
    "a command before it, in other words": ("sh: 1: tmux: not found", 127),
    "nothing at all": ("", 1),
    "nothing, and an interruption": ("", 130),
}
"""What stderr says, with `{path}` for the socket's, and the exit status."""


class Impostor:
    """A program called `tmux` that is the real one until it is told to act.

    Whoever is to meet it needs its `folder` at the front of `PATH`.
    """

    def __init__(self, folder: Path, real: str) -> None:
        """Put it into an empty folder. `real` is the path of the real tmux."""
        self.folder = folder
        self.program = folder / "tmux"
        self._real = real
        self._act = folder / "act"
        folder.mkdir()
        self.stop()

    def acts(self, text: str) -> None:
        """From now on do this shell script instead; `$real` is the real program."""
        self._act.write_text(text)

    def says(self, text: str, status: int) -> None:
        """From now on say this on stderr, and exit."""
        self.acts(f"cat >&2 <<'END'\n{text}\nEND\nexit {status}")

    def stop(self) -> None:
        """Be the real one again, whatever became of the program itself."""
        self._act.unlink(missing_ok=True)
        if self.program.is_dir():
            self.program.rmdir()
        self.program.unlink(missing_ok=True)
        act, real = self._act, self._real
        text = f'#!/bin/sh\nreal={real}\n[ -e {act} ] && . {act}\nexec "$real" "$@"\n'
        self.program.write_text(text)
        self.program.chmod(0o755)
