"""What the oracle finds of one entry or one session: drifts with their writes, and notices."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from locating import Disputed, Look, Seen
from sight import (
    SAME_TIME,
    Entry,
    Pane,
    Shown,
    Sight,
    agent_pane,
    begun_anew,
    booted_since,
    conversations,
    is_stale,
    may_run,
    moment,
    of_another,
    own_id,
    proven,
    recorded_ids,
    recorded_pid,
)

GRACE = timedelta(minutes=2)
"""`--grace`: how long a terminated session may live on, or a new one be without its agent."""
MOMENTS = timedelta(seconds=5)
"""Between what a process did and the times of the files that tell of it."""

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
        """Whether it is of one of the four classes, or of a session that was started anew."""
        return len(self.key[0]) == 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """Whether servers and boot are others than before the last death was settled."""

    changed: frozenset[str]
    """The sockets that are asked whose server is another one, or has ended."""
    rebooted: bool
    answering: bool
    """Whether any server that is asked answers."""
    left: bool
    """Whether a socket that is asked is there without a server."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One entry to be judged."""

    name: str
    entry: Entry
    look: Look
    past: Past
    holders: Mapping[str, object]
    """Who holds each conversation, as of the last few seconds."""

    @property
    def sight(self) -> Sight:
        """What is seen."""
        return self.look.sight

    @property
    def seen(self) -> Seen | None:
        """Where its session was last seen here."""
        return self.look.seen.get(self.name)

    def finding(self, kind: str, fact: object = None, **others: Any) -> Finding:  # noqa: ANN401
        """One of this entry."""
        return Finding((kind, self.name, ""), fact, **others)


def elsewhere(case: Case) -> Iterator[Finding]:
    """Another host's entry: a session of its name here is somebody's mistake."""
    if any(shown.alive for shown in case.look.named(case.name)):
        yield case.finding("other-host", case.entry["host"])


def disputed(case: Case, found: Disputed) -> Iterator[Finding]:
    """Nothing is written where a session may be another's."""
    if case.entry.get("status") == "running":
        yield case.finding("disputed-name", found.fact)


def risen(case: Case, shown: Shown) -> Iterator[Finding]:
    """Inside the grace window nothing; what lives beside the agent's dead pane is not it."""
    ended = moment(case.entry.get("terminated_at"))
    if not agent_pane(shown, case.entry).ended and not (
        ended and -SAME_TIME <= case.sight.at - ended <= GRACE
    ):
        yield case.finding("terminated-but-alive", shown.created_at)


def is_ours(case: Case, shown: Shown) -> bool:
    """Where the registry is not at home a name says nothing, but the recorded process does."""
    if not case.sight.away() or case.seen:
        return True
    entry = case.entry
    told = recorded_pid(entry) and entry.get("created_at")
    return bool(told) and not _changed(entry, shown, case.sight)


def not_ours(case: Case) -> Finding:
    """A session of the name that nothing shows to be the entry's."""
    return case.finding("other-host", case.sight.away())


# Gone. ------------------------------------------------------------------------------------------


def absent(case: Case) -> Finding:
    """Gone only if the server that had it lacks it, or that server or boot is proven over."""
    if not case.seen:
        return _never_seen(case)
    seen, sight = case.seen, case.sight
    if seen.boot != sight.boot:
        assert sight.boot_at > seen.at, "a boot begins after what was seen before it"
        return _death(case, "host-reboot")
    lacks = sight.servers.get(seen.socket) == seen.server
    return _death(case, "session-closed" if lacks else "tmux-server-died")


def _never_seen(case: Case) -> Finding:
    """Gone only at home, and if nothing that runs could be it."""
    entry, sight, past = case.entry, case.sight, case.past
    rebooted = past.rebooted or booted_since(entry, sight)
    shown = past.answering or past.left or past.changed or rebooted
    holders = [case.holders[one] for one in recorded_ids(entry) if one in case.holders]
    if withheld := _withheld(case):
        return withheld
    if may_run(entry, sight):
        fact = recorded_pid(entry), sight.running[recorded_pid(entry)].command
        return case.finding("cannot-see", fact, perhaps_gone=True)
    if holders and entry.get("agent") == "claude":
        return case.finding("cannot-see", holders[0], perhaps_gone=True)
    if not shown:  # nothing shows that a server ever ran here
        return case.finding("cannot-see", perhaps_gone=True)
    return _death(case, "host-reboot" if rebooted else _cause(case))


def _withheld(case: Case) -> Finding | None:
    """Away from home every death of a session that was never seen here is held."""
    away = case.sight.away()
    held = away and not case.seen
    return case.finding("cannot-see", away, perhaps_gone=True) if held else None


def _cause(case: Case) -> str:
    created = moment(case.entry.get("created_at"))
    servers = case.sight.servers.values()
    younger = created and all(each.started_at > created + SAME_TIME for each in servers)
    died = younger or not servers or case.past.changed
    return "tmux-server-died" if died else "session-closed"


def _death(case: Case, cause: str) -> Finding:
    writes = {
        "status": "terminated",
        "terminated_at": case.sight.at.replace(microsecond=0),
        "termination_mode": "auto-detected",
        "termination_cause": cause,
    }
    fact = (recorded_pid(case.entry), moment(case.entry.get("created_at")))
    return case.finding("A", fact, writes=writes)


# There. -----------------------------------------------------------------------------------------


def present(case: Case, shown: Shown) -> Iterator[Finding]:
    """What there is to say of a running entry whose session is listed."""
    entry, sight = case.entry, case.sight
    if shown.name not in {case.name, as_listed(case.name)}:
        yield case.finding("renamed", shown.name)
        # tmux's ids say that it is the one: its pane may be in an older session now.
        entry = {**entry, "created_at": None}
    pane = agent_pane(shown, entry)
    changed = _changed(entry, shown, sight)
    if pane.ended and (pane.pid == recorded_pid(entry) or not changed):
        yield _withheld(case) or _death(case, pane.ended)
        return
    if restarted := _is_restarted(entry, shown, sight):
        yield _follows(case, entry, shown, pane)
        entry, changed = _renewed(entry, shown, pane), ()
    exited = not restarted and _has_exited(case, entry, shown, pane)
    if exited and sight.at > shown.created_at + GRACE:
        yield case.finding("agent-exited", pane.pid)
    elif changed and not exited:  # never silently merged: no id is recorded into such an entry
        yield case.finding("identity-changed", (shown.created_at, changed))
    if not case.look.is_mistakable(shown):
        yield from _conversation(case, entry, pane, changed)


def _changed(entry: Entry, shown: Shown, sight: Sight) -> tuple[str, ...]:
    return (*begun_anew(entry, shown), *of_another(entry, shown, sight))


def as_listed(name: str) -> str:
    """The name as tmux writes it."""
    return name.replace(".", "_").replace(":", "_")


def _is_restarted(entry: Entry, shown: Shown, sight: Sight) -> bool:
    """A new process in the same workspace, of the same agent kind.

    The recorded process in a session of another age is no new process.
    """
    anew = any(begun_anew(entry, shown)) and recorded_pid(entry) not in shown.pids
    same = bool(entry.get("workspace")) and not any(of_another(entry, shown, sight))
    runs = agent_pane(shown, entry).agent is not None and entry.get("agent") == "claude"
    return anew and same and runs


def _follows(case: Case, entry: Entry, shown: Shown, pane: Pane) -> Finding:
    """P: `pane` and `created_at` follow, where they are told."""
    writes: dict[str, Any] = {}
    if recorded_pid(entry):
        writes["pane"] = {**entry["pane"], "pid": str(pane.pid)}
        if entry["pane"].get("cmd"):
            writes["pane"]["cmd"] = "claude"
    if entry.get("created_at"):
        writes["created_at"] = shown.created_at
    return case.finding("P", (shown.created_at, pane.pid), writes=writes)


def _renewed(entry: Entry, shown: Shown, pane: Pane) -> Entry:
    recorded = entry.get("pane")
    return {
        **entry,
        "created_at": entry.get("created_at") and shown.created_at.isoformat(),
        "pane": recorded and {**recorded, "pid": str(pane.pid)},
    }


def _has_exited(case: Case, entry: Entry, shown: Shown, pane: Pane) -> bool:
    """No agent is left in a session that is certainly the registered one, and one was there.

    It was seen, or its recorded pane is no more, or a shell is back at its prompt.
    """
    if any(each.agent for each in shown.panes) or not shown.alive:
        return False
    seen = case.seen if case.seen and case.seen.is_of(shown, case.sight) else None
    made = moment(entry.get("created_at"))
    same = made is not None and abs(made - shown.created_at) <= SAME_TIME
    another = any(of_another(entry, shown, case.sight))
    was_seen = bool(seen and seen.agent)
    if another or (any(begun_anew(entry, shown)) and not (same or was_seen)):
        return False
    lost = recorded_pid(entry) and recorded_pid(entry) not in shown.pids
    return pane.is_bare or was_seen or bool(lost and same)


# What it holds. ---------------------------------------------------------------------------------


def _conversation(
    case: Case, entry: Entry, pane: Pane, changed: Sequence[str]
) -> Iterator[Finding]:
    sight = case.sight
    held, several = proven(pane, sight), conversations(pane, sight)
    moved = None
    if not changed:
        if several and held is None:  # never a guess
            yield case.finding("ambiguous-id", several)
        if moved := _materialised(case, entry, pane, held):
            yield moved
        elif _has_left(case, entry, pane, held):
            yield case.finding("conversation-left", (own_id(entry), held))
    if others := _sharers(pane, held, sight):
        yield case.finding("conversation-shared", (held, others))
    for recorded in recorded_ids(entry):
        replaced = moved is not None and recorded == own_id(entry)
        seen = _is_folder_seen(recorded, case.look)
        # Nothing is on disk before the first prompt, so what the agent holds is not stale.
        if recorded != held and not replaced and is_stale(recorded, entry, sight, seen=seen):
            yield Finding(("D", case.name, recorded))


def _is_folder_seen(recorded: str, look: Look) -> bool:
    """Whether an agent of any running entry that records an id was seen, and so its folder."""
    return any(
        entry.get("status") == "running"
        and recorded in recorded_ids(entry)
        and (_was_seen(name, look) or _is_seen(name, entry, look))
        for name, entry in look.sight.entries.items()
    )


def _was_seen(name: str, look: Look) -> bool:
    return name in look.seen and look.seen[name].agent is not None


def _is_seen(name: str, entry: Entry, look: Look) -> bool:
    shown = None if look.is_elsewhere(entry) else look.locate(name)
    return isinstance(shown, Shown) and agent_pane(shown, entry).agent is not None


def _sharers(pane: Pane, held: str | None, sight: Sight) -> frozenset[object]:
    """Which other living processes hold it, each with its session."""
    return frozenset(
        (other.agent, shown.name)
        for shown, other in sight.agents
        if held and other.agent != pane.agent and proven(other, sight) == held
    )


def _has_left(case: Case, entry: Entry, pane: Pane, held: str | None) -> bool:
    """The very process held what is recorded, and now holds what nobody has spoken in yet."""
    known = case.seen if case.seen and case.seen.agent == pane.agent else None
    own = own_id(entry)
    left = known is not None and own is not None and known.held == own
    return left and held not in {None, own} and held not in case.sight.on_disk


def _materialised(case: Case, entry: Entry, pane: Pane, held: str | None) -> Finding | None:
    """C: the one conversation of this process is on disk; on a move the old id is kept."""
    old, sight = own_id(entry), case.sight
    is_new = held is not None and held in sight.on_disk and held != old
    if not is_new or entry.get("agent") != "claude" or pane.agent is None:
        return None
    history = History(
        before=entry.get("session_id_history") or (),
        recorded=old,
        started_at=sight.running[pane.agent].started_at,
        past=dict(pane.past),
    )
    writes = {"claude_session_id_own": held, "session_id_history": history}
    return Finding(("C", case.name, str(held)), old, writes)


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
