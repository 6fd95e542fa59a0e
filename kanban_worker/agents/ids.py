"""What may be an id. An id becomes part of a path, so nothing else ever gets that far."""

from __future__ import annotations

from collections.abc import Sequence

from reconcile import kinds
from reconcile.observed import ConversationId

LENGTH = 36


def uuid(value: object) -> ConversationId | None:
    """Return the value if it is a UUID in its usual form, else None."""
    if isinstance(value, str) and len(value) == LENGTH and kinds.UUID.fullmatch(value):
        return ConversationId(value)
    return None


def argument(argv: Sequence[str], names: Sequence[str]) -> str | None:
    """Return the last value given to an option, as `--name value` or `--name=value`."""
    found = None
    for position, word in enumerate(argv):
        name, equals, value = word.partition("=")
        if name in names and equals:
            found = value
        elif word in names and position + 1 < len(argv):
            found = argv[position + 1]
    return found
