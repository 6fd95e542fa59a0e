"""Judges: holds what was observed against what was written down.

Everything is found afresh each time, from the whole present state and never from an
event. What could not be looked at makes no drift, only a notice.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from reconcile import flapping, gone, identity, ids, location, names, sightings, strangers
from reconcile.case import Case, Finding, Later
from reconcile.desired import RUNNING, TERMINATED, Entry, Registry, Scalar, SetKey
from reconcile.drift import (
    FOREVER,
    LETTERS,
    Change,
    Drift,
    DriftClass,
    Judgement,
    Notice,
    NoticeKind,
    finding_id,
)
from reconcile.location import Disputed, How, Located, Sessions
from reconcile.memory import Life, Memory, Sighting
from reconcile.observed import (
    Agent,
    Inside,
    Pane,
    Place,
    Process,
    Session,
    SessionName,
    Unknown,
    World,
)
from reconcile.policy import Policy


def judge(world: World, registry: Registry | None, memory: Memory, policy: Policy) -> Judgement:
    """All drifts and notices, sorted, so that the registry's order does not matter.

    Without a registry (it could not be read) nothing but blindness can be told.
    """
    findings: list[Finding] = list(_blindness(world))
    if registry is None:
        return _sorted(findings, Judgement(sightings=memory.sightings), world.at)
    look = _Look(world, registry, memory, policy)
    for entry in registry.entries:
        findings += look.judge_entry(entry)
    findings += look.judge_strangers()
    findings += ids.judge_expiring(world, registry)
    found = Judgement(
        lives=look.lives, sightings=look.sightings, elsewhere=frozenset(look.elsewhere)
    )
    return _sorted(findings, found, world.at)


class _Look:
    """One look, held against the registry entry by entry."""

    def __init__(self, world: World, registry: Registry, memory: Memory, policy: Policy) -> None:
        self.lives: dict[SessionName, Life | None] = {}
        self.sightings: dict[SessionName, Sighting] = {}
        self.elsewhere: set[SessionName] = set()
        self._world, self._registry = world, registry
        self._memory, self._policy = memory, policy
        self._sessions = Sessions(world, registry, memory)
        self._taken: set[tuple[str, SessionName]] = set()
        """The sessions that an entry speaks of, by their keys."""
        self._panes: set[tuple[str, str]] = set()
        """The panes of the entries' agents, by socket and id: one may be in several sessions."""
        self._unlocated: list[Entry] = []
        self._said = [*world.tmux.values(), world.place]

    def judge_entry(self, entry: Entry) -> Iterator[Finding]:
        """What there is to say of one entry."""
        case = Case(
            world=self._world,
            registry=self._registry,
            memory=self._memory,
            policy=self._policy,
            entry=entry,
        )
        self._keep(entry)
        if not location.is_judged(entry):  # a person's word
            return
        if self._sessions.is_unsure(entry):
            self.lives[names.key(entry.name)] = None
            return
        if self._sessions.is_elsewhere(entry):
            self.elsewhere.add(entry.name)
            yield from self._judge_elsewhere(case)
            return
        found = self._sessions.of(entry)
        if (
            isinstance(found, Located)
            and found.how is How.PROCESS
            and not _is_recorded(case, found)
        ):
            found = None
        if isinstance(found, Disputed):
            self._taken.update(map(location.key, found.sessions))
            self.lives[names.key(entry.name)] = None
            if entry.status == RUNNING:
                text = f"{found.why}; nothing is written"
                yield case.notice(NoticeKind.DISPUTED, text, found.why)
        elif isinstance(found, Located):
            yield from self._judge_located(case, found)
        else:
            yield from self._judge_missing(case)

    def _keep(self, entry: Entry) -> None:
        """What was seen of it before; of one that runs no more only the folder to resume it in."""
        name = names.key(entry.name)
        before = self._memory.sightings.get(name)
        if before and entry.status != RUNNING:
            before = sightings.kept(before, self._world)
        if before:
            self.sightings[name] = before

    def _judge_elsewhere(self, case: Case) -> Iterator[Finding]:
        """A session here under the name of another host's entry is somebody's mistake."""
        here = self._sessions.named(case.entry)
        self._taken.update(map(location.key, here))
        if any(session.alive for session in here):
            whose = f"of host {case.entry.host}" if case.entry.host else "of another host"
            text = f"a session of this name runs here, but the entry is {whose}; it is left alone"
            yield case.notice(NoticeKind.OTHER_HOST, text, case.entry.host)

    def _judge_located(self, case: Case, found: Located) -> Iterator[Finding]:
        entry, session = case.entry, found.session
        name = names.key(entry.name)
        self._taken.add(location.key(session))
        if self._sessions.is_mistakable(session):
            case = replace(case, world=_unnamed(case.world, session))
        pane = identity.agent_pane(session, entry, self._world)
        self._panes.update(
            (session.socket, each) for each in _agents_panes(session, pane, self._world)
        )
        self.lives[name] = flapping.life(entry, session, self._world)
        if entry.status == TERMINATED:
            if not entry.fresh:
                yield from _judge_risen(case, session)
            return
        before = self._memory.sightings.get(name)
        if not _is_ours(case, session):
            yield _not_ours(case)
            return
        if seen := sightings.after(entry, session, case.world, self._memory):
            self.sightings[name] = seen
            yield Later(seen.at + sightings.RENEWED)
        if session.name not in names.as_listed(entry.name):
            yield _renamed(case, found)
            # Its tmux ids say that it is the one: a pane may have been moved to an older session.
            case = replace(case, entry=replace(entry, created_at=None))
        yield from _judge_present(case, session, sightings.of_session(before, session, case.world))

    def _judge_missing(self, case: Case) -> Iterator[Finding]:
        name = names.key(case.entry.name)
        if case.entry.status == TERMINATED:
            blind = location.is_blind(self._world) or self._world.rivals or not self._world.tmux
            self.lives[name] = None if blind else flapping.DOWN
            return
        verdict = gone.from_absence(case.entry, self._registry, self._world, self._memory)
        if isinstance(verdict, gone.Gone):
            self.lives[name] = flapping.DOWN
            yield _tmux_gone(case, verdict)
            return
        self._unlocated.append(case.entry)
        self.lives[name] = None
        if verdict not in self._said:  # which is said once, not for each entry
            text = f"not listed by tmux, but {verdict.why}"
            notice = case.notice(NoticeKind.BLIND, text, verdict.why)
            yield replace(notice, perhaps_gone=True)

    def judge_strangers(self) -> Iterator[Finding]:
        """Class B, for what no entry speaks of. Asked once every entry was judged."""
        taken = {form for entry in self._registry.entries for form in names.as_listed(entry.name)}
        taken |= self._registry.reserved
        missing = sorted(self._unlocated, key=lambda entry: entry.name)
        for name, named in sorted(self._sessions.by_name.items()):
            if name in taken or not names.registrable(name, self._policy.patterns):
                continue
            living = [
                each for each in named if each.alive and location.key(each) not in self._taken
            ]
            if len({each.socket for each in living}) > 1:
                yield strangers.several(living)
            elif living and (free := self._free(living[0])):
                mistakable = self._sessions.is_mistakable(free)
                world = _unnamed(self._world, free) if mistakable else self._world
                yield from strangers.judge(free, world, self._registry, missing)

    def _free(self, session: Session) -> Session | None:
        """A session without the panes that another one shows as well; None where nothing is left.

        Windows may be linked, and sessions be of one group: no process gets a second entry.
        """
        mine = [each for each in session.panes if (session.socket, each.pane_id) not in self._panes]
        free = replace(session, panes=tuple(mine))
        if not free.alive:
            return None
        pane = identity.agent_pane(free, None, self._world)
        shared = len(mine) < len(session.panes)
        if shared and identity.inside(free, pane, self._world).agent is None:
            return None
        self._panes.add((session.socket, pane.pane_id))
        return free


def _agents_panes(session: Session, pane: Pane, world: World) -> Iterable[str]:
    """The panes that may be the agent's: any of them, while one cannot be looked into."""
    hidden = any(identity.inside(session, each, world).hidden for each in session.panes)
    return (each.pane_id for each in (session.panes if hidden else [pane]))


def _unnamed(world: World, session: Session) -> World:
    """The world without what is told of a session by its name, which may be of another one."""
    why = Unknown(f"several tmux servers have a session called {session.name}")
    return replace(
        world,
        conversations={**world.conversations, session.name: why},
        environs={key: each for key, each in world.environs.items() if key != session.name},
    )


def _is_recorded(case: Case, found: Located) -> bool:
    """Whether a session that was found by a recorded pid alone holds that very process."""
    pid = case.entry.pane_pid
    pane = next(pane for pane in found.session.panes if pane.pid == pid)
    within = identity.inside(found.session, pane, case.world)
    if not isinstance(within.process, Process):
        return False
    if identity.differences(case.entry, found.session, pane, case.world):
        return False  # pids are used again
    kinds = {within.agent.kind} if isinstance(within.agent, Agent) else set[str]()
    return gone.may_be(case.entry, within.process, kinds, case.registry)


def _renamed(case: Case, found: Located) -> Notice:
    """The session lives under another name: one finding, and no second entry for it."""
    name = found.session.name
    if found.how is How.PANE:
        text = f"its pane is now in tmux session {name}"
    else:
        text = f"its session is now called {name} in tmux"
    return case.notice(NoticeKind.RENAMED, f"{text} (name the entry so, or the session back)", name)


def _judge_risen(case: Case, session: Session) -> Iterator[Finding]:
    """What lives on beside the agent's dead pane is not the session that was ended."""
    pane = identity.agent_pane(session, case.entry, case.world)
    ended = case.entry.terminated_at
    if pane.dead:
        return
    # One in the future was written before the clock was set back: it does not tell how long ago.
    if ended and -identity.CLOCK_SLACK <= case.world.at - ended <= case.policy.grace:
        yield Later(ended + case.policy.grace)
    else:
        text = (
            f"registered as terminated, but its session is alive (pane process {pane.pid}); "
            f"if it is the entry's own: agent-sessions adopt {shlex.quote(case.entry.name)}"
        )
        yield case.notice(NoticeKind.ALIVE, text, session.created_at)


def _tmux_gone(case: Case, verdict: gone.Gone) -> Drift:
    """Class A. `terminated_at` is when it was noticed, to the second."""
    entry = case.entry
    after: Mapping[str, Scalar] = {
        "status": TERMINATED,
        "terminated_at": case.world.at.replace(microsecond=0),
        "termination_mode": "auto-detected",
        "termination_cause": verdict.cause,
    }
    before: Mapping[str, Scalar] = {"status": entry.status, "terminated_at": entry.terminated_at}
    was = [f"pane {entry.pane_pid}" if entry.pane_pid else ""]
    was.append(f"cmd {entry.pane_command}" if entry.pane_command else "")
    known = ", ".join(filter(None, was))
    return case.drift(
        DriftClass.TMUX_GONE,
        entry.created_at,
        entry.pane_pid,
        seen=f"tmux gone (was {known})" if known else "tmux gone",
        done="Marked terminated.",
        edits=tuple(SetKey(session=entry.name, key=key, value=after[key]) for key in after),
        changes=tuple(Change(key=k, before=before.get(k), after=after[k]) for k in after),
        evidence={"cause": verdict.cause, **verdict.evidence},
    )


def _judge_present(case: Case, session: Session, sighting: Sighting | None) -> Iterator[Finding]:
    pane = identity.agent_pane(session, case.entry, case.world)
    changed = identity.differences(case.entry, session, pane, case.world)
    if pane.dead and (pane.pid == case.entry.pane_pid or not changed):
        yield _judge_dead(case, pane)
        return
    restarted = identity.is_restarted(case.entry, session, pane, case.world)
    exited = identity.has_exited(case.entry, session, pane, case.world, sighting)
    if restarted:
        yield _restarted(case, session, pane, changed)
        case = replace(case, entry=_renewed(case.entry, session, pane))
    elif changed and not exited:
        text = f"not the session that was registered: {'; '.join(changed)}"
        yield case.notice(NoticeKind.IDENTITY, text, session.created_at, *changed)
    inside = identity.inside(session, pane, case.world)
    if inside.hidden:
        text = f"cannot see what runs in it: {inside.hidden.why}"
        notice = case.notice(NoticeKind.BLIND, text, inside.hidden.why)
        yield replace(notice, perhaps_gone=any(pane.dead for pane in session.panes))
        return
    if exited:
        settled = session.created_at + case.policy.grace
        notice = case.notice(NoticeKind.SHELL, _exit(inside, session, pane), pane.pid)
        yield notice if case.world.at > settled else Later(settled)
    moved = None if changed and not restarted else ids.id_materialised(case, session, pane)
    if isinstance(moved, Notice | Drift):
        yield moved
    yield from ids.judge_shared(case, session)
    yield from ids.judge_recorded(case, session, moved)


def _judge_dead(case: Case, pane: Pane) -> Finding:
    """The agent's pane is dead, and tmux still shows it."""
    why = gone.withheld(case.entry, case.world, case.memory)
    if why is None:
        return _tmux_gone(case, gone.from_dead_pane(pane))
    text = f"its pane {pane.pane_id} is dead, but {why.why}"
    return replace(case.notice(NoticeKind.BLIND, text, why.why), perhaps_gone=True)


def _exit(inside: Inside, session: Session, pane: Pane) -> str:
    if inside.shell_only:
        return f"agent exited, shell remains (pane process {pane.pid})"
    living = sum(not each.dead for each in session.panes)
    return f"agent exited; {living} other {'pane remains' if living == 1 else 'panes remain'}"


def _is_ours(case: Case, session: Session) -> bool:
    """Whether an entry may be changed for what runs under its name here.

    Where the registry is not at home, a name alone says nothing: another host has its own session
    of that name. So the session must have been seen here before, or be the recorded process.
    """
    world, entry = case.world, case.entry
    sighting = case.memory.sightings.get(names.key(entry.name))
    here = isinstance(world.place, Place) and world.place
    if here and (world.away is None or (sighting and sighting.place == here.id)):
        return True
    pane = identity.agent_pane(session, entry, world)
    recorded = entry.pane_pid is not None and entry.created_at is not None
    return recorded and not identity.differences(entry, session, pane, world)


def _not_ours(case: Case) -> Notice:
    place = case.world.place
    why = case.world.away if isinstance(place, Place) else place.why
    text = f"a session of this name runs here, and nothing shows that it is the entry's: {why}"
    return case.notice(NoticeKind.OTHER_HOST, text, why)


def _restarted(case: Case, session: Session, pane: Pane, changed: Sequence[str]) -> Drift:
    """The entry follows its agent into another pane process; no id is touched by that."""
    before, after = case.entry, _renewed(case.entry, session, pane)
    command = _command(case, session, pane)
    edits: list[SetKey] = []
    if before.pane_pid is not None:
        edits.append(_in_pane(before, "pid", after.pane_pid))
    if before.pane_command and command not in {"", before.pane_command}:
        edits.append(_in_pane(before, "cmd", command))
    if before.created_at:
        at = session.created_at.astimezone(case.world.at.tzinfo)
        edits.append(SetKey(session=before.name, key="created_at", value=at))
    was: Mapping[str, Scalar] = {
        "pane.pid": before.pane_pid,
        "pane.cmd": before.pane_command,
        "created_at": before.created_at,
    }
    return case.drift(
        DriftClass.RESTARTED,
        session.created_at,
        pane.pid,
        seen=f"restarted in the same workspace: {'; '.join(changed)}",
        done="The entry follows.",
        edits=tuple(edits),
        changes=tuple(Change(key=e.path, before=was[e.path], after=e.value) for e in edits),
        evidence={"socket": session.socket, "pane": pane.pane_id, "pid": pane.pid},
    )


def _in_pane(entry: Entry, key: str, value: Scalar) -> SetKey:
    return SetKey(session=entry.name, key=key, value=value, inside="pane")


def _renewed(entry: Entry, session: Session, pane: Pane) -> Entry:
    """The entry as it is once it follows."""
    return replace(
        entry,
        pane_pid=pane.pid if entry.pane_pid is not None else None,
        created_at=session.created_at if entry.created_at else None,
    )


def _command(case: Case, session: Session, pane: Pane) -> str:
    agent = identity.inside(session, pane, case.world).agent
    return agent.process.command if isinstance(agent, Agent) else ""


def _blindness(world: World) -> Iterator[Finding]:
    """One notice for each reason not to see, however many entries it concerns."""
    answers = [
        world.place,
        *world.tmux.values(),
        *world.conversations.values(),
        *world.artefacts.values(),
    ]
    for why in dict.fromkeys(each.why for each in answers if isinstance(each, Unknown)):
        yield Notice(
            id=finding_id(LETTERS[NoticeKind.BLIND], why),
            kind=NoticeKind.BLIND,
            session=None,
            message=f"cannot see: {why}",
        )


def _sorted(findings: list[Finding], found: Judgement, at: datetime) -> Judgement:
    drifts = [each for each in findings if isinstance(each, Drift)]
    notices = [each for each in findings if isinstance(each, Notice)]
    later = [each.at for each in findings if isinstance(each, Later)]
    # What is to be written says when it was noticed, so it is judged anew each time.
    later += [at for drift in drifts if drift.edits]
    return replace(
        found,
        drifts=tuple(sorted(drifts, key=lambda drift: (drift.session, drift.id))),
        notices=tuple(sorted(notices, key=lambda note: (note.session or "", note.id))),
        until=min(later, default=FOREVER),
    )
