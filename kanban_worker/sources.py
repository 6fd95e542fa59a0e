"""What each source could tell this time: ok, certainly not there, or could not look."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from kanban_worker.agents.shape import Adapter
from reconcile.desired import Registry
from reconcile.observed import Answer, Listing, Unknown, World
from reconcile.report import Source, SourceState


def of(
    world: World,
    registry: Registry,
    path: Path,
    trouble: str,
    adapters: Mapping[str, Adapter],
) -> Mapping[str, Source]:
    """All sources by name. `trouble` is why the registry could not be read, or empty."""
    unread = {
        agent: found.why
        for (agent, _), found in world.artefacts.items()
        if isinstance(found, Unknown)
    }
    return {
        "tmux": _tmux(world.tmux),
        "registry": _registry(registry, path, trouble),
        **{kind: _agent(adapter.home(), unread.get(kind)) for kind, adapter in adapters.items()},
    }


def _tmux(listings: Mapping[str, Answer[Listing]]) -> Source:
    unknown = [answer.why for answer in listings.values() if isinstance(answer, Unknown)]
    found = [answer for answer in listings.values() if isinstance(answer, Listing)]
    count = {"sessions": sum(len(listing.sessions) for listing in found)}
    if unknown:
        return Source(state=SourceState.UNKNOWN, why="; ".join(unknown), facts=count)
    return Source(state=SourceState.OK if found else SourceState.ABSENT, facts=count)


def _registry(registry: Registry, path: Path, trouble: str) -> Source:
    facts: Mapping[str, str | int] = {"entries": len(registry.entries), "path": str(path)}
    if trouble:
        return Source(state=SourceState.UNKNOWN, why=trouble, facts=facts)
    return Source(state=SourceState.OK, facts=facts)


def _agent(home: Answer[Path], unread: str | None) -> Source:
    """`unread` is why something of this agent's could not be read, if anything."""
    if isinstance(home, Unknown):
        return Source(state=SourceState.UNKNOWN, why=home.why)
    if unread:
        return Source(state=SourceState.UNKNOWN, why=unread)
    return Source(state=SourceState.OK if home else SourceState.ABSENT)
