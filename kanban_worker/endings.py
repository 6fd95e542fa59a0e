"""A registry whose end is missing: torn, or edited? Only what runs can tell."""

from __future__ import annotations

from collections.abc import Sequence

from reconcile import location, names
from reconcile.observed import Unknown, World
from state.errors import MustMend
from state.lastgood import Cut


def torn(cut: Cut, world: World, patterns: Sequence[str]) -> MustMend | None:
    """The error where its session may run, and so would be written down anew."""
    if cut.gone and not names.registrable(cut.session, patterns):
        return None
    listings = world.tmux.values()
    if any(session.alive for session in location.by_name(listings).get(cut.session, ())):
        return cut.error("its session still runs")
    if any(isinstance(answer, Unknown) for answer in listings):
        return cut.error("tmux cannot say whether its session runs")
    return None
