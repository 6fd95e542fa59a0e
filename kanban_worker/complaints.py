"""What a person must know of a tick besides its findings: what failed, what could not be seen."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC

from kanban_worker.tick import Tick
from reconcile.drift import NoticeKind
from reconcile.report import SourceState

BLIND = "cannot see: "


class Complaints:
    """Says each trouble once, not at every tick, and again when it comes back."""

    def __init__(self, complain: Callable[[str], None]) -> None:
        """Nothing has been said yet. `complain` takes one line."""
        self._complain = complain
        self._said: set[str] = set()

    def about(self, tick: Tick) -> None:
        """Complains of what is new among a tick's troubles and blind sources."""
        texts = of(tick)
        for text in sorted(texts - self._said):
            self._complain(text)
        self._said = texts


def lasting(tick: Tick) -> list[str]:
    """The same, in order, and since when for a source that cannot be read."""
    since = {
        source.why: tick.report.health[name].since.astimezone(UTC)
        for name, source in tick.report.sources.items()
        if source.state is SourceState.UNKNOWN and name in tick.report.health
    }
    texts = sorted(text.removeprefix(BLIND) for text in of(tick))
    return [
        f"{text} (since {since[text]:%Y-%m-%dT%H:%M:%SZ})" if text in since else text
        for text in texts
    ]


def of(tick: Tick) -> set[str]:
    """What failed or could not be seen, one line each."""
    notices = (note.notice for note in tick.report.notes)
    texts = {str(trouble) for trouble in tick.troubles}
    texts |= {each.message for each in notices if each.kind is NoticeKind.BLIND}
    for name, source in tick.report.sources.items():
        # The registry's own trouble is among the tick's.
        if source.state is SourceState.UNKNOWN and name != "registry":
            texts.add(f"{BLIND}{source.why}")
    return texts
