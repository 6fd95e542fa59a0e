"""What people wrote down: the registry's entries, and the edits that can be made to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import takewhile
from typing import TypeAlias

from reconcile.observed import ConversationId, SessionName

RUNNING = "running"
TERMINATED = "terminated"
SETTLED = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One session as registered. Keys that the registry lacks, or that are null, are None."""

    name: SessionName
    """As written; how a server lists it says `names.as_listed`."""
    agent: str | None = None
    status: str | None = None
    host: str | None = None
    """Whose entry it is: the host that it lives on."""
    workspace: str | None = None
    """As written: may start with `~`, be a symlink, or be gone."""
    created_at: datetime | None = None
    """Timezone-aware; None also when it is no timestamp."""
    terminated_at: datetime | None = None
    termination_mode: str | None = None
    termination_cause: str | None = None
    pane_pid: int | None = None
    pane_command: str | None = None
    pane_cwd: str | None = None
    own_id: ConversationId | None = None
    """`<agent>_session_id_own`."""
    own_since: datetime | None = None
    """When the last conversation in `session_id_history` was left; None where there is none."""
    other_ids: tuple[ConversationId, ...] = ()
    """The ids under `agent_identities` for this entry's own agent kind."""
    delegate_job_id: str | None = None
    """The job that was delegated to it; nothing is concluded from it."""
    foreign_ids: tuple[tuple[str, ConversationId], ...] = ()
    """The ids under the keys of other agents than its own, each behind that agent's kind."""
    fresh: bool = False
    """Just edited by a person: differs from what was last seen, in a file saved moments ago.

    Or `terminated_at` is that fresh, whoever wrote it.
    """

    @property
    def ids(self) -> tuple[ConversationId, ...]:
        """Every id that it records, its own first."""
        own = () if self.own_id is None else (self.own_id,)
        return (*own, *self.other_ids, *(each for _, each in self.foreign_ids))


@dataclass(frozen=True, slots=True, kw_only=True)
class Registry:
    """All entries that could be read, and the names that must not be registered anew."""

    entries: tuple[Entry, ...] = ()
    reserved: frozenset[SessionName] = frozenset()
    """Names of entries that are faulty, or that a person has just removed."""
    saved_at: datetime | None = None
    """The file's modification time; None where there is no file."""
    settled_at: datetime = SETTLED
    """When the last of the running entries that are fresh is so no more."""


Scalar: TypeAlias = str | int | datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SetKey:
    """Set one key of an entry; the key is added when the entry lacks it."""

    session: SessionName
    key: str
    value: Scalar
    inside: str | None = None
    """The key of the mapping that `key` stands in: `pane` for `pane: {pid: …}`. None: the entry."""

    @property
    def path(self) -> str:
        """The key as people are told it: `pane.pid`."""
        return self.key if self.inside is None else f"{self.inside}.{self.key}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AppendItem:
    """Append one item to a list under an entry's key; the list is made when it lacks."""

    session: SessionName
    key: str
    item: Mapping[str, Scalar]


@dataclass(frozen=True, slots=True, kw_only=True)
class AddEntry:
    """Add an entry behind the last one. `fields` lacks the name; one level may be nested."""

    session: SessionName
    fields: Mapping[str, Scalar | Mapping[str, Scalar]]


Edit: TypeAlias = SetKey | AppendItem | AddEntry


def is_nearly_running(status: str | None) -> bool:
    """Whether `running` was probably meant: `Running`, ` running`, `runing`, `runnign`.

    Such an entry is not watched, as with any word of a person's, and whoever wrote it thinks it is.
    """
    if status is None or status == RUNNING:
        return False
    text = status.strip().casefold()
    begin = _alike(text, RUNNING)
    end = _alike(text[begin:][::-1], RUNNING[begin:][::-1])
    there, meant = text[begin : len(text) - end], RUNNING[begin : len(RUNNING) - end]
    return max(len(there), len(meant)) <= 1 or (len(there) == 2 and there == meant[::-1])  # noqa: PLR2004 - two letters changed places


def _alike(one: str, other: str) -> int:
    """How many characters both begin with."""
    pairs = zip(one, other, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
