"""Judges the sessions that no entry speaks of: class B, and why one is not registered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from reconcile import gone, identity, names
from reconcile.case import Finding
from reconcile.desired import RUNNING, AddEntry, Entry, Registry, Scalar
from reconcile.drift import LETTERS, Change, Drift, DriftClass, Notice, NoticeKind, finding_id
from reconcile.kinds import AGENTS
from reconcile.observed import (
    Agent,
    Ambiguous,
    Answer,
    Bound,
    Conversation,
    Inside,
    Pane,
    Place,
    Process,
    Session,
    SessionName,
    Unknown,
    Unproven,
    World,
)


def several(name: SessionName, living: Sequence[Session]) -> Notice:
    """What is said of a name that several servers have: nobody can tell which one is meant."""
    where = ", ".join(sorted(each.socket for each in living))
    return Notice(
        id=finding_id(LETTERS[NoticeKind.DISPUTED], name, where),
        kind=NoticeKind.DISPUTED,
        session=name,
        message=f"{name}: not registered: several tmux servers have such a session: {where}",
    )


def agent_in(session: Session, world: World) -> Answer[Agent]:
    """The agent that runs in a session, if one does."""
    return identity.inside(session, identity.agent_pane(session, None, world), world).agent


def is_wanted(session: Session, world: World) -> bool:
    """Whether a session whose name matches a pattern is to be registered.

    By a wider pattern than the default a plain shell is not, until an agent is seen in it.
    """
    return names.is_default(session.name) or agent_in(session, world) is not None


def judge(
    session: Session, world: World, registry: Registry, missing: Sequence[Entry]
) -> Iterator[Finding]:
    """An entry is never made up: what runs there must have been seen.

    `missing` are the running entries that nobody found, and that may have been renamed.
    """
    pane = identity.agent_pane(session, None, world)
    inside = identity.inside(session, pane, world)
    held = world.conversations.get(session.name)
    owner = next((each for each in missing if _may_be(each, pane, inside, held, registry)), None)
    running = inside.agent.process if isinstance(inside.agent, Agent) else inside.process
    hidden = inside.hidden or (world.place if isinstance(world.place, Unknown) else None)
    if isinstance(running, Process) and not (running.cwd or session.directory):
        hidden = hidden or Unknown("its directory cannot be read")
    if missing and hidden is None and isinstance(held, Unknown):
        hidden = held
    fault = names.fault_of(session.name)
    if fault:
        yield Notice(
            id=finding_id(LETTERS[NoticeKind.REFUSED], session.name),
            kind=NoticeKind.REFUSED,
            session=session.name,
            message=f"{session.name[:80]}: not registered: {fault}",
        )
    elif owner is not None:
        text = f"not registered: it may be that of entry {owner.name}, which is not found"
        yield Notice(
            id=finding_id(LETTERS[NoticeKind.RENAMED], session.name, owner.name),
            kind=NoticeKind.RENAMED,
            session=session.name,
            message=f"{session.name}: {text} (was its session renamed?)",
        )
    elif hidden:
        text = f"tmux found but not in YAML; cannot see what runs in it: {hidden.why}"
        yield Notice(
            id=finding_id(LETTERS[NoticeKind.BLIND], session.name, hidden.why),
            kind=NoticeKind.BLIND,
            session=session.name,
            message=f"{session.name}: {text}",
        )
    elif isinstance(running, Process):  # else it ended after the listing was made
        agent = inside.agent.kind if isinstance(inside.agent, Agent) else None
        kind = agent or names.agent_of(session.name)
        yield _unregistered(session, pane, running, kind, world)


def _may_be(
    entry: Entry, pane: Pane, inside: Inside, held: Conversation, registry: Registry
) -> bool:
    """Whether a stranger holds what a missing entry recorded: its conversation or its process."""
    match held:
        case Bound(id=one):
            ids = {one}
        case Ambiguous(candidates=several):
            ids = set(several)
        case Unproven(likely=one) if one:
            ids = {one}
        case _:
            ids = set()
    if ids.intersection(entry.ids):
        return True
    agents = [inside.agent] if isinstance(inside.agent, Agent) else []
    if entry.pane_pid not in {pane.pid, *(each.process.pid for each in agents)}:
        return False
    if not isinstance(inside.process, Process):
        return True
    return gone.may_be(entry, inside.process, {each.kind for each in agents}, registry)


def _unregistered(
    session: Session, pane: Pane, running: Process, kind: str | None, world: World
) -> Drift:
    """Class B. The agent is the one that runs there; without one, the one in the name.

    A kind that we do not know has no conversations that we could look up, so no key for their ids.
    """
    workspace = running.cwd or session.directory
    fields: dict[str, Scalar | Mapping[str, Scalar]] = {
        "workspace": workspace,
        "agent": kind,
        "status": RUNNING,
        **({"host": host} if (host := _host(world)) else {}),
        "created_at": session.created_at.astimezone(world.at.tzinfo),
        "last_visible_status": "auto-registered",
        "pane": {"pid": pane.pid, "cmd": running.command or None, "cwd": workspace},
    }
    if kind in AGENTS:
        fields[f"{kind}_session_id_own"] = None
    return Drift(
        id=finding_id(DriftClass.UNREGISTERED, session.name, session.created_at),
        kind=DriftClass.UNREGISTERED,
        session=session.name,
        workspace=workspace,
        agent=kind or "",
        seen="tmux found but not in YAML",
        done="Auto-registered.",
        edits=(AddEntry(session=session.name, fields=fields),),
        changes=tuple(Change(key=key, before=None, after=fields[key]) for key in fields),
        evidence={"socket": session.socket, "pane": pane.pane_id, "pid": pane.pid},
    )


def _host(world: World) -> str | None:
    """The name that new entries have as theirs: the first of this place's names."""
    return min(world.place.hosts, default=None) if isinstance(world.place, Place) else None
