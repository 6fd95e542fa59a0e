"""Single YAML values: which text is null, a timestamp or safe to write without quotes."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

from reconcile.desired import Scalar

NULLS = frozenset({"", "~", "null", "Null", "NULL"})
"""YAML 1.2's core schema; YAML 1.1 has the same."""

_WORDS = frozenset({"~", "null", "true", "false", "yes", "no", "on", "off", "y", "n", "=", "<<"})

_NUMBER = re.compile(
    r"""[-+]?(?: 0b[01_]* | 0o?[0-7_]* | 0x[0-9a-f_]*
        | [0-9][0-9_]*(?:\.[0-9_]*)?(?:e[-+]?[0-9_]*)?
        | \.[0-9_]+(?:e[-+]?[0-9_]*)?
        | [0-9][0-9_]*(?::[0-9]+)+(?:\.[0-9_]*)?
        | \.inf | \.nan )""",
    re.VERBOSE | re.IGNORECASE | re.ASCII,
)
"""A superset of the numbers of YAML 1.1 and 1.2; quoting too much does no harm."""

_DATE = re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?![0-9a-zA-Z-]|$)|[0-9]{4}-[0-9]+-[0-9]+$")

_PLAIN = re.compile(r"[\w/~.+](?:[\w/~.+@%=()-]| (?=[\w/~.+@%=()-]))*")
"""No `:`, `#`, quotes or brackets at all: right in block and flow context alike."""

_TIMESTAMP = re.compile(
    r"""(\d{4})-(\d{1,2})-(\d{1,2})
        (?:(?:[Tt]|[ \t]+)(\d{1,2}):(\d{2}):(\d{2})(?:\.(\d*))?
        (?:[ \t]*(?:(Z)|([-+])(\d{1,2})(?::?(\d{2}))?))?)?""",
    re.VERBOSE | re.ASCII,
)
"""YAML 1.1's timestamp, which is wider than ISO 8601 in its spaces and single digits."""

FIRST_YEAR: Final = 1970
LAST_YEAR: Final = 3000

_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def shown(text: str, limit: int = 60) -> str:
    """`text` fit for one line of a message: no control characters, at most `limit` long."""
    clean = "".join(char if char.isprintable() else " " for char in text[: limit + 1])
    return clean if len(clean) <= limit else clean[: limit - 1] + "…"


def spelled(value: Scalar) -> str:
    """The text that reads back as `value`: times in whole seconds, with `Z` or an offset."""
    if value is None:
        return "null"
    if isinstance(value, datetime):
        aware = value if value.tzinfo else value.astimezone()
        return aware.isoformat(timespec="seconds").replace("+00:00", "Z")
    return str(value)


def render(value: Scalar, style: str = "") -> str:
    """`value` as a YAML token, quoted as `style` (`'`, `"` or none) has it where that is right.

    Raises ValueError for text that no file can hold: a lone surrogate, as Python
    makes them of file names that are not UTF-8.
    """
    text = spelled(value)
    if any("\ud800" <= char <= "\udfff" for char in text):
        msg = f'"{shown(text)}" holds bytes that are not text'
        raise ValueError(msg)
    if value is None or isinstance(value, int):
        return text
    if style == '"' or not _printable(text):
        return _double(text)
    if style != "'" and (isinstance(value, datetime) or _reads_back(text)):
        return text
    return "'" + text.replace("'", "''") + "'"


def timestamp(text: str) -> datetime | None:
    """The moment that `text` names; without an offset it is this host's local time.

    None for what is no time, and for one that nothing can be reckoned with: see `is_moment`.
    """
    found = _yaml_time(text) or _iso_time(text)
    if found is None or not is_moment(found):
        return None
    return found if found.tzinfo is not None else found.astimezone()


def is_moment(found: datetime) -> bool:
    """Whether something of ours can have happened then.

    Years 1 and 9999 raise OverflowError as soon as an offset or a span is added.
    """
    return FIRST_YEAR <= found.year <= LAST_YEAR


def _reads_back(text: str) -> bool:
    if not _PLAIN.fullmatch(text) or text.lower() in _WORDS:
        return False
    return not (_NUMBER.fullmatch(text) or _DATE.match(text) or not text.strip("."))


def _printable(text: str) -> bool:
    return all(char.isprintable() for char in text)


def _double(text: str) -> str:
    return '"' + "".join(_ESCAPES.get(char) or _escaped(char) for char in text) + '"'


def _escaped(char: str) -> str:
    if char.isprintable():
        return char
    code = ord(char)
    return f"\\u{code:04x}" if char <= "\uffff" else f"\\U{code:08x}"


def _yaml_time(text: str) -> datetime | None:
    match = _TIMESTAMP.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second, fraction, zulu, sign, hours, minutes = match.groups()
    micro = int(((fraction or "") + "000000")[:6])
    zone: timezone | None = UTC if zulu else None
    try:
        if sign:
            offset = timedelta(hours=int(hours), minutes=int(minutes or 0))
            zone = timezone(offset if sign == "+" else -offset)
        clock = (int(hour or 0), int(minute or 0), int(second or 0), micro)
        return datetime(int(year), int(month), int(day), *clock, tzinfo=zone)
    except ValueError:
        return None


def _iso_time(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None
