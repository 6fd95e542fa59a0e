"""What can be said of a conversation whose agent was never seen: it may write anywhere."""

from __future__ import annotations

from collections.abc import Iterable

from reconcile.observed import ConversationId, Unseen


def nowhere(conversation: ConversationId, places: Iterable[str]) -> Unseen:
    """Say where it is not, and that its agent's own folder was never seen."""
    where = ", ".join(dict.fromkeys(places))
    return Unseen(
        f"{conversation} is not in {where}; which folder its agent writes to was never seen"
        " (it is once the agent runs where this monitor looks)"
    )
