"""How many examples a law is tried with.

`make test` is to be quick, and tries a fifth of them (`--hypothesis-profile=quick`); `make cover`
and `make test-newest` try all.
"""

from __future__ import annotations

from hypothesis import settings

ALL = 100
"""What hypothesis tries where nothing else is said."""


def register(*, derandomize: bool) -> None:
    """Make the profiles, and load the one that tries all."""
    # Two shared cores make any time limit per example a coin toss.
    settings.register_profile("all", deadline=None, max_examples=ALL, derandomize=derandomize)
    settings.register_profile("quick", settings.get_profile("all"), max_examples=ALL // 5)
    settings.load_profile("all")


def of(count: int) -> int:
    """How many of so many examples this run tries."""
    return max(1, count * settings().max_examples // ALL)
