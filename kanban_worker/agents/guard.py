"""An adapter whose own faults make one session unknown, and leave all the others alone.

What agents write changes with almost every release of theirs. A reader that trips over it is a
bug of ours, but no reason to be blind to everything else: its one line is told, as blindness is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final, TypeVar

from kanban_worker.agents.shape import NOTHING_SEEN, Activity, Adapter, LiveAgent, PaneUse, Seen
from reconcile.observed import (
    Answer,
    Artefact,
    Bound,
    Conversation,
    ConversationId,
    Expiry,
    Lineage,
    Missing,
    SessionName,
    Unknown,
)
from reconcile.proofs import Proof

T = TypeVar("T")

_ALONE: Final = frozenset({Proof.PID_FILE, Proof.LOCK, Proof.LOG, Proof.HOOK, Proof.PRESENCE})
"""Proofs that name the process: they need no look at other agents to be right."""
_LONGEST: Final = 200


class Guarded:
    """Answers as the adapter inside does, and `Unknown` where that one fails."""

    def __init__(self, kind: str, adapter: Adapter) -> None:
        """`kind` is named in what is told of a fault."""
        self._kind, self._adapter = kind, adapter
        self.variables: tuple[str, ...] = adapter.variables
        self.pane_use: PaneUse = adapter.pane_use

    def home(self) -> Answer[Path]:
        """As `Adapter.home`."""
        return self._try(self._adapter.home)

    def conversations(
        self, agents: Sequence[LiveAgent], seen: Seen = NOTHING_SEEN
    ) -> Mapping[SessionName, Conversation]:
        """As `Adapter.conversations`; after a fault each agent is asked for by itself.

        Alone, only a proof that names the process still counts: whatever is concluded from what
        the others hold could be one of theirs.
        """
        found = self._try(lambda: self._adapter.conversations(agents, seen))
        if not isinstance(found, Unknown):
            return found
        return {agent.session: self._alone(agent, seen, found) for agent in agents}

    def _alone(self, agent: LiveAgent, seen: Seen, fault: Unknown) -> Conversation:
        found = self._try(lambda: self._adapter.conversations([agent], seen).get(agent.session))
        if isinstance(found, Unknown) or (isinstance(found, Bound) and found.proof in _ALONE):
            return found
        return fault

    def lineage(
        self,
        old: ConversationId | None,
        held: Bound,
        agent: LiveAgent,
        *,
        since: datetime | None = None,
    ) -> Lineage | Unknown:
        """As `Adapter.lineage`."""
        return self._try(lambda: self._adapter.lineage(old, held, agent, since=since))

    def artefact(
        self,
        conversation: ConversationId,
        *,
        workspace: str | None,
        created_at: datetime | None,
        now: datetime,
        at_home: bool = False,
        environ: Mapping[str, str] | None = None,
    ) -> Artefact | Missing | Unknown:
        """As `Adapter.artefact`."""
        return self._try(
            lambda: self._adapter.artefact(
                conversation,
                workspace=workspace,
                created_at=created_at,
                now=now,
                at_home=at_home,
                environ=environ,
            )
        )

    def expiry(self, conversation: ConversationId, now: datetime) -> Expiry | None:
        """As `Adapter.expiry`; a fault is no reason to warn."""
        found = self._try(lambda: self._adapter.expiry(conversation, now))
        return None if isinstance(found, Unknown) else found

    def resume(self, conversation: ConversationId) -> tuple[str, ...] | None:
        """As `Adapter.resume`."""
        found = self._try(lambda: self._adapter.resume(conversation))
        return None if isinstance(found, Unknown) else found

    def misplaced(self, conversation: ConversationId, directory: str) -> Answer[str]:
        """As `Adapter.misplaced`."""
        return self._try(lambda: self._adapter.misplaced(conversation, directory))

    def activity(self, conversation: ConversationId, agent: LiveAgent | None) -> Answer[Activity]:
        """As `Adapter.activity`."""
        return self._try(lambda: self._adapter.activity(conversation, agent))

    def _try(self, ask: Callable[[], T]) -> T | Unknown:
        try:
            return ask()
        except Exception as error:  # noqa: BLE001 - whatever an adapter trips over
            told = " ".join(f"{type(error).__name__}: {error}".split())[:_LONGEST]
            return Unknown(f"the reader of {self._kind}'s files failed ({told}); please report it")
