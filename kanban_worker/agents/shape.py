"""The values that go into an adapter and come out of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One process of an agent: the one that was recognised, or one that it started."""

    pid: int
    started_at: datetime
    start_ticks: str | None = None
    """Field 22 of `/proc/<pid>/stat`, the start time in clock ticks; None off Linux."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveAgent:
    """An agent that runs in a pane."""

    session: SessionName
    kind: str
    cwd: str
    """Real path of its working directory; "" when it cannot be read."""
    argv: tuple[str, ...] = ()
    environ: Mapping[str, str] = field(default_factory=dict)
    """The variables of `ENVIRONMENT` that it was started with; empty when unreadable."""
    family: tuple[Member, ...]
    """The agent's own process first, then its descendants."""


ENVIRONMENT = (
    "HOME",
    "XDG_DATA_HOME",
    "CLAUDE_CONFIG_DIR",
    "CLAUDE_CODE_PROJECT_DIR_NAME",
    "CODEX_HOME",
    "GEMINI_CLI_HOME",
    "OPENCODE_DB",
)
"""The environment variables that move an agent's files. Nothing else is read of one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """What a conversation's files tell of the agent's work."""

    state: str | None
    """`working`, `waiting` (for a person), `idle`, or None where nothing tells."""
    last: datetime | None
    """The last sign of work; None where nothing is written yet."""


class Adapter(Protocol):
    """One kind of agent's files."""

    def home(self) -> Answer[Path]:
        """Where this agent keeps its files; None when the folder is certainly not there."""

    def conversations(self, agents: Sequence[LiveAgent]) -> Mapping[SessionName, Conversation]:
        """Which conversation each of these agents, all of this kind, holds now."""

    def lineage(
        self,
        old: ConversationId | None,
        held: Bound,
        agent: LiveAgent,
        *,
        since: datetime | None = None,
    ) -> Lineage | Unknown:
        """How an agent came to what it was just seen to hold: from `old`, or from its beginning.

        What was left before `since` is recorded already; None where that is not known. It is
        derived from the files alone, and so is the same however often anybody looked.
        """

    def artefact(
        self,
        conversation: ConversationId,
        *,
        workspace: str | None,
        created_at: datetime | None,
        now: datetime,
        at_home: bool = False,
    ) -> Artefact | Missing | Unknown:
        """What is on disk under an id that an entry with this workspace and age records.

        With `at_home` it also has to be of that workspace, where that can be told.
        """

    def expiry(self, conversation: ConversationId, now: datetime) -> Expiry | None:
        """When the agent will delete what this look has found, if nobody uses it; None if not soon.

        It is asked of each recorded id in each look, so it answers from what was just seen.
        """

    def resume(self, conversation: ConversationId) -> tuple[str, ...] | None:
        """The words of the command that resumes a conversation.

        None where no such command is known, or where this can be no id of this agent's: what
        begins with a dash would be an option.
        """

    def misplaced(self, conversation: ConversationId, directory: str) -> Answer[str]:
        """Why that command, run in this directory, would not find what is there; None if it would.

        It is asked of a conversation that `artefact` has just found.
        """

    def activity(self, conversation: ConversationId, agent: LiveAgent | None) -> Answer[Activity]:
        """What the agent last did in a conversation; `agent` is who holds it, if anyone."""
