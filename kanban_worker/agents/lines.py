"""JSON lines that somebody else wrote: any line may be torn, foreign or hostile."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

_NOTHING: Mapping[str, object] = {}
_STAMP = re.compile(rb'"timestamp"\s*:\s*"(\d{4}-\d\d-\d\dT[^"\\]{1,30})"')


def record(line: bytes) -> Mapping[str, object]:
    """Parse one JSON object; anything else, however broken, is an empty one."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        # Not UTF-8 is a ValueError too; RecursionError is what 1,000 open brackets give.
        return _NOTHING
    return value if isinstance(value, dict) else _NOTHING


def text(value: object, limit: int = 4096) -> str | None:
    """Return a string of bearable length, or None."""
    return value if isinstance(value, str) and len(value) <= limit else None


def nested(value: object) -> Mapping[str, object]:
    """Return an object inside an object; anything else is an empty one."""
    return value if isinstance(value, dict) else _NOTHING


def moment(value: object) -> datetime | None:
    """Read an ISO 8601 time; without a zone it is UTC, as all agents write it."""
    written = text(value, 40)
    if written is None:
        return None
    try:
        at = datetime.fromisoformat(written)
        return at.astimezone(UTC) if at.tzinfo is not None else at.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def moment_of_ms(value: object) -> datetime | None:
    """Read milliseconds since 1970."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return datetime.fromtimestamp(value / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def newest(found: Iterable[bytes]) -> datetime | None:
    """Return the newest `timestamp` of any line's own.

    Not the last line's: of 59 saved Claude Code files 36 % end in a line without one and
    39 % are not in order of time. Only the lines that could win are parsed, as a nested
    object may hold a timestamp that is not the line's.
    """
    ranked = sorted(
        ((max(stamps), line) for line in found if (stamps := _STAMP.findall(line))),
        reverse=True,
    )
    best: tuple[bytes, datetime] | None = None
    for stamp, line in ranked:
        if best is not None and stamp <= best[0]:
            break
        own = record(line).get("timestamp")
        at = moment(own)
        if at is not None and (best is None or at > best[1]):
            best = (str(own).encode(errors="replace"), at)
    return best[1] if best is not None else None
