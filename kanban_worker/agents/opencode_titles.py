"""What opencode writes into its pane's title: `OpenCode`, or `OC | ` and the session's title.

As of 1.18.33 a title of more than 40 characters is cut after 37; while a session has none of its
own yet (`New session - <time>`), the pane shows `OpenCode`, as it does without any session.
OPENCODE_DISABLE_TERMINAL_TITLE turns it off.
"""

from __future__ import annotations

import re

HOME = ""
"""What `shown` answers for a pane that shows no session's title."""

_NO_SESSION, _OF_SESSION = "OpenCode", "OC | "
_LONGEST, _CUT = 40, 37
_DEFAULT = re.compile(r"(?:New|Child) session - \d{4}-\d\d-\d\dT[\d:.]+Z")


def shown(title: str) -> str | None:
    """Return the session's title that a pane shows; None where its title is not opencode's."""
    words = _plain(title)
    if words == _NO_SESSION:
        return HOME
    return words.removeprefix(_OF_SESSION) or None if words.startswith(_OF_SESSION) else None


def of_session(title: str) -> str:
    """Return what a pane shows of a session with this title."""
    if _DEFAULT.fullmatch(title):
        return HOME
    # JavaScript counts in units of UTF-16.
    units = title.encode("utf-16-le", "surrogatepass")
    if len(units) > 2 * _LONGEST:
        title = units[: 2 * _CUT].decode("utf-16-le", "replace") + "..."
    return _plain(title)


def beginning(title: str) -> str:
    """Return how the titles begin that could be shown so, as far as that is certain."""
    first = re.match(r"[!-~]{0,16}", title)
    return first[0] if first else ""


def _plain(title: str) -> str:
    """Leave out what a terminal changes: runs of spaces, and what it does not show."""
    return " ".join("".join(one if one.isprintable() else " " for one in title).split())
