"""JSON lines that somebody else wrote: any line may be torn, foreign or hostile."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

_NOTHING: Mapping[str, object] = {}
_BLANK = b"\x00 \t\r\n"
"""What may stand around a line: a crash leaves blocks of NULs where the file was to grow."""
_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST = datetime(3000, 1, 1, tzinfo=UTC)
"""A time beyond these is none: it is a broken number, or was made to break a reader."""
_LARGEST = 2**63
_TRIES = 2000
"""So many lines are parsed at most to find one time: a hostile file costs some ms, no more."""
_TIMESTAMP = b'"timestamp"'
_STAMP = re.compile(rb'"timestamp"\s*:\s*"(\d{4}-\d\d-\d\dT[^"\\]{1,30})"')


def record(line: bytes) -> Mapping[str, object]:
    """Parse one JSON object; anything else, however broken, is an empty one.

    What is not UTF-8 is read with the bad bytes replaced, and NULs around it are left out.
    """
    if not line:
        return _NOTHING
    try:
        value = json.loads(line)
    except UnicodeDecodeError:
        return record(line.decode(errors="replace").encode())
    except (ValueError, RecursionError):
        # A number of 5,000 digits is a ValueError; 1,000 open brackets are a RecursionError.
        inner = line.strip(_BLANK)
        return record(inner) if len(inner) < len(line) else _NOTHING
    return value if isinstance(value, dict) else _NOTHING


def text(value: object, limit: int = 4096) -> str | None:
    """Return a string of bearable length, or None."""
    return value if isinstance(value, str) and len(value) <= limit else None


def word(value: object) -> str:
    """Return a short string, as of a kind or a state; "" for anything else."""
    return text(value, 64) or ""


def integer(value: object) -> int | None:
    """Return a whole number that fits 64 bits; a truth value is none."""
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) >= _LARGEST:
        return None
    return value


def nested(value: object) -> Mapping[str, object]:
    """Return an object inside an object; anything else is an empty one."""
    return value if isinstance(value, dict) else _NOTHING


def moment(value: object) -> datetime | None:
    """Read an ISO 8601 time from 1970 to 2999; without a zone it is UTC, as all agents write it."""
    written = text(value, 40)
    if written is None:
        return None
    try:
        at = datetime.fromisoformat(written)
        return _in_calendar(at.astimezone(UTC) if at.tzinfo is not None else at.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        return None


def moment_of_ms(value: object) -> datetime | None:
    """Read milliseconds since 1970, up to the year 2999."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return _in_calendar(datetime.fromtimestamp(value / 1000, UTC))
    except (ValueError, OverflowError, OSError):
        return None


def _in_calendar(at: datetime) -> datetime | None:
    return at if _EARLIEST <= at < _LATEST else None


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
    for stamp, line in ranked[:_TRIES]:
        if best is not None and stamp <= best[0]:
            break
        own = record(line).get("timestamp")
        at = moment(own)
        if at is not None and (best is None or at > best[1]):
            best = (str(own).encode(errors="replace"), at)
    return best[1] if best is not None else None


def last_time(data: bytes) -> datetime | None:
    """Return the time of the last line that has one of its own, searched from the end.

    So many MBs without a time cost little: what holds no such key is never cut into lines.
    """
    at = len(data)
    for _ in range(_TRIES):
        at = data.rfind(_TIMESTAMP, 0, at)
        if at < 0:
            return None
        start, end = bounds(data, at)
        if (found := moment(record(data[start:end]).get("timestamp"))) is not None:
            return found
        at = start
    return None


def bounds(data: bytes, at: int) -> tuple[int, int]:
    """Return where the line that holds a position begins and ends."""
    end = data.find(b"\n", at)
    return data.rfind(b"\n", 0, at) + 1, len(data) if end < 0 else end
