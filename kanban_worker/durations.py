"""How long: `30`, `30s`, `5m`, `2h`, `1d`; one form for flags, environment and config."""

from __future__ import annotations

import re

FORMS = "30 or 30s, 5m, 2h, 1d"
"""As a person is told what may be written."""

_FORM = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)([smhd]?)", re.ASCII)
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


def seconds(text: str) -> float | None:
    """The seconds of a duration; None for what is none."""
    found = _FORM.fullmatch(text.strip().lower())
    return float(found[1]) * _SECONDS[found[2]] if found else None
