"""The errors a person can do something about. The text is the whole message they see."""

from __future__ import annotations


class MonitorError(Exception):
    """Anything that ends a command. One line that names the thing, what was seen, what to do."""


class MustMend(MonitorError):
    """The user must mend arguments, configuration or the registry first (exit status 64)."""


class CouldNot(MonitorError):
    """A look or a write failed; it may work the next time (exit status 3)."""


class Lost(CouldNot):
    """The card is no longer this run's: nothing more may be written for it."""
