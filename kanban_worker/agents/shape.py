"""The values that go into an adapter and come out of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
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
    """The variables of `ENVIRONMENT` and `MARKERS` that it was started with; empty when unreadable.
    """
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


MARKERS = (
    "CLAUDE_CODE_CHILD_SESSION",
    "CLAUDE_CODE_FORCE_SESSION_PERSISTENCE",
    "CLAUDE_CODE_SKIP_PROMPT_HISTORY",
)
"""Variables that say whether an agent writes any files of its own; `LiveAgent.environ` has them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """What a conversation's files tell of the agent's work."""

    state: str | None
    """`working`, `waiting` (for a person), `idle`, or None where nothing tells."""
    last: datetime | None
    """The last sign of work; None where nothing is written yet."""
    evidence: str = ""
    """What tells it: `transcript` (a time in it), `pid-file`, or `mtime`, which may be months off
    after a restore; "" where nothing does."""
    path: str | None = None
    """The conversation's own file; None where there is none yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hooked:
    """What an agent's own session hook recorded last of this very process."""

    id: ConversationId
    at: datetime
    headless: bool
    """Whether the process runs without a terminal (`claude -p`)."""
    kind: str = ""
    """Which kind of agent it was: among the descendants of one there may be another."""
    first: ConversationId | None = None
    """The conversation that the process began with, where its hook told that too."""


class PaneUse(StrEnum):
    """What an adapter reads of a pane, if anything: each look at one costs time."""

    NOTHING = "nothing"
    TITLE = "title"
    TEXT = "text"
    """The title and the visible text."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What tmux shows of a pane: untrusted text, bounded in size."""

    title: str
    text: str = ""
    """The visible lines; "" where nobody asked for them."""


def _nobody() -> Sequence[LiveAgent] | Unknown:
    return Unknown("the process table was not asked")


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What was seen of some agents besides their files, by the name that `LiveAgent.session` is."""

    hooked: Mapping[SessionName, Hooked] = field(default_factory=dict)
    shown: Mapping[SessionName, Shown] = field(default_factory=dict)
    anywhere: Callable[[], Sequence[LiveAgent] | Unknown] = _nobody
    """Every living agent of this kind on this host, in a pane or not.

    It reads the whole process table, so it is asked only where it decides.
    """


NOTHING_SEEN = Seen()


class Adapter(Protocol):
    """One kind of agent's files."""

    @property
    def variables(self) -> tuple[str, ...]:
        """The variables that move this kind's files, those that a resume command must repeat."""

    @property
    def pane_use(self) -> PaneUse:
        """What `Seen.shown` must hold for agents of this kind."""

    def home(self) -> Answer[Path]:
        """Where this agent keeps its files; None when the folder is certainly not there."""

    def conversations(
        self, agents: Sequence[LiveAgent], seen: Seen = NOTHING_SEEN
    ) -> Mapping[SessionName, Conversation]:
        """Which conversation each of these agents, all of this kind, holds now, and what proves it.

        `Bound` only with a proof that ties this process to this conversation; what is merely
        likely is `Unproven`.
        """

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
        environ: Mapping[str, str] | None = None,
    ) -> Artefact | Missing | Unknown:
        """What is on disk under an id that an entry with this workspace and age records.

        With `at_home` it also has to be of that workspace, where that can be told. `environ` are
        the variables that its agent was last seen with, which say in which folder to look; None
        where it was never seen: what is in no folder that is known is `Unknown` then, not missing.
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
