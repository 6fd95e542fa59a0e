"""Which gateways of a Hermes run: they start the workers of cards.

By what hermes-agent 0.19.0 leaves in each home: `gateway.pid`, a JSON object, or a bare number.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil


@dataclass(frozen=True, slots=True)
class Gateway:
    """One that runs."""

    pid: int
    home: Path


def running(root: Path) -> Sequence[Gateway]:
    """Those of the root and of all profiles: any of them serves the board that they share."""
    homes = [root, *sorted(path for path in root.glob("profiles/*") if path.is_dir())]
    found = [(_pid(home / "gateway.pid"), home) for home in homes]
    return [Gateway(pid, home) for pid, home in found if pid and _is_gateway(pid)]


def _pid(path: Path) -> int:
    """0 where no file names one."""
    try:
        record = json.loads(path.read_text("utf-8"))
        return int(record["pid"] if isinstance(record, dict) else record)
    except (OSError, ValueError, TypeError, LookupError):
        return 0


def _is_gateway(pid: int) -> bool:
    """A pid may be somebody else's by now."""
    with contextlib.suppress(psutil.Error, ValueError, OverflowError):
        return "gateway" in " ".join(psutil.Process(pid).cmdline())
    return False
