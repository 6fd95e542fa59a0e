"""Touches the world: tmux, processes, transcripts, the clock and the command line.

`reconcile` and `state` are loaded here, from beside this package, before anything asks for them: a
`state.py` in the working directory or on PYTHONPATH would be found first. Nothing else is loaded
meanwhile, and sys.path is left as it was.
"""

import os
import sys

_NEIGHBOURS = ("reconcile", "state")
_FOLDER = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def _loaded_elsewhere() -> str:
    """Which neighbour's name belongs to another program's module already; empty: none does."""
    for name in _NEIGHBOURS:
        if name in sys.modules:
            found = getattr(sys.modules[name], "__file__", None) or "an unknown place"
            if os.path.dirname(os.path.realpath(found)) != os.path.realpath(f"{_FOLDER}/{name}"):
                return (
                    f"a foreign Python module `{name}` is loaded already, from {found}, and "
                    f"agent-sessions needs its own ({_FOLDER}/{name}). Look for what imports it "
                    "at the start of this Python: a .pth file, sitecustomize.py, another plugin"
                )
    return ""


def _load() -> None:
    sys.path.insert(0, _FOLDER)
    try:
        for name in _NEIGHBOURS:
            __import__(name)
    finally:
        sys.path.remove(_FOLDER)


clash = _loaded_elsewhere()
"""Why nothing of this program can work in this process, in one line; empty: all is well."""

if not clash:
    _load()
