"""The session id in Gemini CLI's footer, where the user has put it there.

`"ui": {"footer": {"items": ["workspace", "session-id", "model-name"]}}` shows the first 8 digits
below the word `session`, in the last two lines of the pane (0.61.0), from the start on and right
after `/clear`. What `/stats` prints scrolls away and stays behind, so it is not read.
"""

from __future__ import annotations

import re
import unicodedata

_LABEL = re.compile(r"(?<!\S)session(?!\S)")
_DIGITS = re.compile(r"(?<!\S)[0-9a-f]{8}(?!\S)")
_LONGEST = 1000


def digits(text: str) -> str | None:
    """Return the 8 digits that stand below the footer's own label; None where there are none."""
    rows = [row[:_LONGEST] for row in text.splitlines() if row.strip()][-2:]
    if len(rows) < len(("labels", "values")):
        return None
    labels = [_column(rows[0], match.start()) for match in _LABEL.finditer(rows[0])]
    found = [one for one in _DIGITS.finditer(rows[1]) if _column(rows[1], one.start()) in labels]
    return found[0][0] if len(labels) == 1 and len(found) == 1 else None


def _column(row: str, index: int) -> int:
    """Return where on the screen a character stands: many of East Asia's take two columns."""
    return sum(_width(one) for one in row[:index])


def _width(one: str) -> int:
    if unicodedata.combining(one) or unicodedata.category(one) in {"Mn", "Me", "Cf"}:
        return 0
    return 2 if unicodedata.east_asian_width(one) in {"W", "F"} else 1
