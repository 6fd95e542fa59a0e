"""The thread that a pane's title names, where the user has Codex write its id there.

`tui.terminal_title = ["thread-id"]` writes the first 29 characters and three dots (0.169.0), from
the start on and 0.2 s after `/new`; of the other 7 nothing is seen. So the title counts only
where exactly one thread that is known in the same home completes it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from reconcile.observed import ConversationId

_TITLE = re.compile(
    r"(?<![0-9a-zA-Z-])([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{5})"
    r"(?:\.\.\.|([0-9a-f]{7})(?![0-9a-zA-Z-]))"
)


def begin(title: str) -> str | None:
    """Return the beginning of the only id that a title shows; None where it shows none."""
    found = {match[1] + (match[2] or "") for match in _TITLE.finditer(title)}
    return found.pop() if len(found) == 1 else None


def complete(begun: str, known: Iterable[ConversationId]) -> ConversationId | None:
    """Return the only one of the known threads that begins so."""
    found = {one for one in known if one.startswith(begun)}
    return found.pop() if len(found) == 1 else None
