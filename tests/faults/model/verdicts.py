"""What the oracle finds of one entry or one session: drifts with their writes, and notices."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sight import (
    SAME_TIME,
    Entry,
    Shown,
    Sight,
    booted_since,
    conversations,
    differences,
    is_registrable,
    is_stale,
    moment,
    own_id,
    recorded_ids,
    recorded_pid,
    still_runs,
)

GRACE = timedelta(minutes=2)
"""`--grace`: how long a terminated session may live on, or a new one be without its agent."""
MOMENTS = timedelta(seconds=5)
"""Between what a process did and the times of the files that tell of it."""

HOST = "here"
"""What the monitor's place is called."""

Key = tuple[str, str, str]
"""Class or kind, session, and for C and D the id."""


@dataclass(slots=True)
class Finding:
    """A drift or a notice."""

    key: Key
    fact: object = None
    """Tells it from another one of the same key: then it is new."""
    writes: Mapping[str, Any] | None = None
    """The keys that it sets; None for what only a person can settle, and for a notice."""
    perhaps_gone: bool = False
    action: str = ""
    new: bool = False
    said: bool = False

    @property
    def is_drift(self) -> bool:
        """Whether it is of one of the four classes."""
        return len(self.key[0]) == 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """Whether the server and the boot are others than before the last death was settled."""

    server_changed: bool
    rebooted: bool


def of_entry(name: str, entry: Entry, sight: Sight, past: Past) -> Iterator[Finding]:
    """`running` is judged; any status but that and `terminated` is a person's word."""
    shown = sight.session_of(name)
    if entry.get("status") == "running":
        if shown:
            yield from _present(name, entry, shown, sight)
        else:
            yield _absent(name, entry, sight, past)
    elif entry.get("status") == "terminated" and shown and not shown.ended:
        ended = moment(entry.get("terminated_at"))
        if not (ended and sight.at - ended <= GRACE):
            yield Finding(("terminated-but-alive", name, ""), shown.created_at)


def of_stranger(shown: Shown) -> Iterator[Finding]:
    """B: a live session whose name matches a pattern, without an entry."""
    if is_registrable(shown.name) and not shown.ended:
        writes = {
            "name": shown.name,
            "workspace": shown.directory,
            "agent": "claude",
            "status": "running",
            "host": HOST,
            "created_at": shown.created_at,
            "last_visible_status": "auto-registered",
            "pane": {
                "pid": str(shown.pid),
                "cmd": "claude" if shown.agent else "sh",
                "cwd": shown.directory,
            },
            "claude_session_id_own": None,
        }
        yield Finding(("B", shown.name, ""), shown.created_at, writes)


def _absent(name: str, entry: Entry, sight: Sight, past: Past) -> Finding:
    """Gone only if a listing lacks it, or the server or boot that had it is proven over.

    Its pane's process, or nothing that shows that a server ever ran here, contradicts.
    """
    if still_runs(entry, sight) and not past.rebooted:
        pid = recorded_pid(entry)
        where = [each.name for each in sight.sessions.values() if each.pid == pid]
        return Finding(("cannot-see", name, ""), (pid, *where), perhaps_gone=True)
    over = past.server_changed or past.rebooted or sight.socket_left
    if not (sight.server or over or booted_since(entry, sight)):
        return Finding(("cannot-see", name, ""), perhaps_gone=True)
    return _death(name, entry, _cause(entry, sight, past), sight)


def _cause(entry: Entry, sight: Sight, past: Past) -> str:
    if past.rebooted or booted_since(entry, sight):
        return "host-reboot"
    created = moment(entry.get("created_at"))
    younger = created and sight.server_at and sight.server_at > created + SAME_TIME
    died = sight.server is None or younger or past.server_changed
    return "tmux-server-died" if died else "session-closed"


def _death(name: str, entry: Entry, cause: str, sight: Sight) -> Finding:
    writes = {
        "status": "terminated",
        "terminated_at": sight.at.replace(microsecond=0),
        "termination_mode": "auto-detected",
        "termination_cause": cause,
    }
    fact = (recorded_pid(entry), moment(entry.get("created_at")))
    return Finding(("A", name, ""), fact, writes)


def _present(name: str, entry: Entry, shown: Shown, sight: Sight) -> Iterator[Finding]:
    differs = tuple(differences(entry, shown, sight))
    if shown.ended and (shown.pid == recorded_pid(entry) or not differs):
        yield _death(name, entry, shown.ended, sight)
        return
    if differs:  # flagged, never silently merged: no id is recorded into such an entry
        yield Finding(("identity-changed", name, ""), (shown.created_at, differs))
    elif shown.agent is None and sight.at > shown.created_at + GRACE:
        yield Finding(("agent-exited", name, ""), shown.pid)
    held = conversations(shown, sight)
    if len(held) > 1 and not differs:  # never a guess
        yield Finding(("ambiguous-id", name, ""), held)
    moved = None if differs else _materialised(name, entry, shown, held, sight)
    if moved:
        yield moved
    for recorded in recorded_ids(entry):
        replaced = moved is not None and recorded == own_id(entry)
        # Nothing is on disk before the first prompt, so what the agent holds is not stale.
        if (recorded,) != held and not replaced and is_stale(recorded, entry, sight):
            yield Finding(("D", name, recorded))


def _materialised(
    name: str, entry: Entry, shown: Shown, held: Sequence[str], sight: Sight
) -> Finding | None:
    """C: the one conversation of this process is on disk; on a move the old id is kept."""
    old = own_id(entry)
    if len(held) != 1 or held[0] not in sight.on_disk or held[0] == old or not entry.get("agent"):
        return None
    started_at, _ = sight.living[shown.agent or 0]
    history = History(
        before=entry.get("session_id_history") or (),
        recorded=old,
        started_at=started_at,
        past=dict(shown.past),
    )
    writes = {"claude_session_id_own": held[0], "session_id_history": history}
    return Finding(("C", name, held[0]), old, writes)


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What may stand in a `session_id_history` after a move, and what must.

    Which conversations came between is told as far as the files tell: never a wrong one.
    """

    before: Sequence[Mapping[str, str]]
    recorded: str | None
    started_at: datetime
    """When the process began: what it never held it left then, or at one of its moves."""
    past: Mapping[str, tuple[datetime, datetime]]

    def faults(self, found: Sequence[Mapping[str, str]], at: datetime) -> Iterator[str]:
        """What is wrong with a history that was found after the tick at this time."""
        added = found[len(self.before) :]
        ids = [each["id"] for each in added]
        if list(found[: len(self.before)]) != list(self.before):
            yield "what stood there is not the same"
        if self.recorded not in {None, *ids}:
            yield f"{self.recorded} is not kept"
        if not {*ids} <= {self.recorded, *self.past} or len({*ids}) < len(ids):
            yield "it holds what never was"
        if [one for one in ids if one in self.past] != [one for one in self.past if one in ids]:
            yield "it is not in order"
        for each in added:
            told, moments = datetime.fromisoformat(each["replaced_at"]), self._moments(each["id"])
            if all(abs(told - one) > MOMENTS for one in (at, *moments)):
                yield f"{each} was left at one of {moments}"

    def _moments(self, left: str) -> Sequence[datetime]:
        moves = [one for both in self.past.values() for one in both]
        return self.past.get(left, (self.started_at, *moves))
