"""Which conversations the living processes name, and which of them is whose."""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import dataclass

from kanban_worker.agents.shape import LiveAgent
from reconcile.observed import ConversationId


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """A living process that names a conversation, in a pane or not."""

    pid: int
    since_ns: int
    """When it began."""


class Owners:
    """The owners of every conversation that is named in one tick."""

    __slots__ = ("_of",)

    def __init__(self, named: Iterable[tuple[ConversationId, Owner]]) -> None:
        """Take each conversation with a process that names it."""
        self._of: dict[ConversationId, list[Owner]] = {}
        for one, owner in named:
            self._of.setdefault(one, []).append(owner)

    def has_other(
        self, one: ConversationId, agent: LiveAgent, before_ns: int | None = None
    ) -> bool:
        """Whether another process than this agent's names it, or one that began before a time."""
        owners = self._of.get(one)
        if owners is None:
            return False
        pids = {member.pid for member in agent.family}
        return any(
            owner.pid not in pids and (before_ns is None or owner.since_ns < before_ns)
            for owner in owners
        )

    def beside(self, agent: LiveAgent) -> Container[ConversationId]:
        """Return what other processes than this agent's name."""
        return _Beside(self, agent)


class _Beside:
    __slots__ = ("_agent", "_owners")

    def __init__(self, owners: Owners, agent: LiveAgent) -> None:
        self._owners, self._agent = owners, agent

    def __contains__(self, one: object) -> bool:
        return isinstance(one, str) and self._owners.has_other(ConversationId(one), self._agent)
