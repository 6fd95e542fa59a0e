"""A registry whose end is missing: torn, or edited? Only what runs can tell."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from reconcile import names
from reconcile.memory import Sighting
from reconcile.observed import Listing, SessionName, World
from state.errors import MustMend
from state.lastgood import Cut


def torn(
    cut: Cut, world: World, sightings: Mapping[SessionName, Sighting], patterns: Sequence[str]
) -> MustMend | None:
    """The error where its session may run, and so would be written down anew."""
    seen = sightings.get(cut.session)
    forms = {*names.as_listed(cut.session), *_now_called(seen, world)}
    if cut.gone and not any(names.registrable(form, patterns) for form in forms):
        return None
    listings = [each for each in world.tmux.values() if isinstance(each, Listing)]
    if any(each.sessions[form].alive for each in listings for form in forms & each.sessions.keys()):
        return cut.error("its session still runs")
    if len(listings) < sum(answer is not None for answer in world.tmux.values()):
        return cut.error("tmux cannot say whether its session runs")
    return None


def _now_called(seen: Sighting | None, world: World) -> Iterable[SessionName]:
    """What the session that was seen last is called: people rename them."""
    answer = world.tmux.get(seen.socket) if seen else None
    if not seen or not isinstance(answer, Listing) or answer.server != seen.server:
        return ()
    return (name for name, each in answer.sessions.items() if each.id == seen.session_id)
