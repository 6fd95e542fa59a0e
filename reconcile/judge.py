"""Judges: holds what was observed against what was written down.

Everything is found afresh each time, from the whole present state and never from an
event. What could not be looked at makes no drift, only a notice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from reconcile import (
    desired,
    flapping,
    gone,
    identity,
    ids,
    location,
    names,
    present,
    sightings,
    strangers,
)
from reconcile.case import Case, Finding, Later
from reconcile.desired import RUNNING, TERMINATED, Entry, Registry
from reconcile.drift import (
    FOREVER,
    LETTERS,
    Drift,
    Judgement,
    LeftOut,
    Notice,
    NoticeKind,
    finding_id,
)
from reconcile.location import Disputed, How, Located, Sessions
from reconcile.memory import Life, Memory, Sighting
from reconcile.observed import (
    Agent,
    Pane,
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
    found = Judgement(sightings=memory.sightings)
    if registry is not None:
        look = _Look(world, registry, memory, policy)
        for entry in registry.entries:
            findings += look.judge_entry(entry)
        findings += look.judge_strangers()
        findings += ids.judge_expiring(world, registry)
        found = Judgement(
            lives=look.lives,
            sightings=look.sightings,
            elsewhere=frozenset(look.elsewhere),
            hidden=look.hidden,
            left_out=tuple(sorted(look.left_out(), key=lambda out: (out.session, out.socket))),
        )
    return _sorted(findings, found, world.at)


class _Look:
    """One look, held against the registry entry by entry."""

    def __init__(self, world: World, registry: Registry, memory: Memory, policy: Policy) -> None:
        self.lives: dict[SessionName, Life | None] = {}
        self.sightings: dict[SessionName, Sighting] = {}
        self.elsewhere: set[SessionName] = set()
        self.hidden = 0
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
            if desired.is_nearly_running(entry.status) and not self._sessions.is_elsewhere(entry):
                yield present.misspelt(case)
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
            before = sightings.kept(before, entry, self._world)
        if before:
            self.sightings[name] = before

    def _judge_elsewhere(self, case: Case) -> Iterator[Finding]:
        """A session here under the name of another host's entry is somebody's mistake."""
        here = self._sessions.named(case.entry)
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
                yield from present.risen(case, session)
            return
        before = self._memory.sightings.get(name)
        if not present.is_ours(case, session):
            yield present.not_ours(case)
            return
        if seen := sightings.after(entry, session, case.world, self._memory):
            self.sightings[name] = seen
            yield Later(seen.at + sightings.RENEWED)
        if session.name not in names.as_listed(entry.name):
            yield present.renamed(case, found)
            # Its tmux ids say that it is the one: a pane may have been moved to an older session.
            case = replace(case, entry=replace(entry, created_at=None))
        yield from present.judge(case, session, sightings.of_session(before, session, case.world))

    def _judge_missing(self, case: Case) -> Iterator[Finding]:
        name = names.key(case.entry.name)
        if case.entry.status == TERMINATED:
            blind = location.is_blind(self._world) or self._world.rivals or not self._world.tmux
            self.lives[name] = None if blind else flapping.DOWN
            return
        verdict = gone.from_absence(case.entry, self._registry, self._world, self._memory)
        if isinstance(verdict, gone.Gone):
            self.lives[name] = flapping.DOWN
            yield gone.drift(case, verdict)
            return
        self._unlocated.append(case.entry)
        self.lives[name] = None
        if verdict in self._said:  # once, not for each entry
            self.hidden += 1
        else:
            text = f"not listed by tmux, but {verdict.why}"
            notice = case.notice(NoticeKind.BLIND, text, verdict.why)
            yield replace(notice, perhaps_gone=True)

    def judge_strangers(self) -> Iterator[Finding]:
        """Class B, for what no entry speaks of. Asked once every entry was judged."""
        missing = sorted(self._unlocated, key=lambda entry: entry.name)
        for name, living in self._strangers():
            matches = names.registrable(name, self._policy.patterns)
            if not (matches and any(strangers.is_wanted(each, self._world) for each in living)):
                continue
            if len(living) > 1:
                yield strangers.several(name, living)
            else:
                yield from self._judge_stranger(*living, missing=missing)

    def left_out(self) -> Iterator[LeftOut]:
        """The agents that no pattern takes in. Asked once the strangers were judged.

        Of sessions that show the same agent, as those of one group do, the first one counts.
        """
        for name, living in self._strangers():
            if names.registrable(name, self._policy.patterns):
                continue
            for free in filter(None, map(self._free, living)):
                agent = strangers.agent_in(free, self._world)
                if isinstance(agent, Agent):
                    yield LeftOut(session=name, agent=agent.kind, socket=free.socket)

    def _strangers(self) -> Iterator[tuple[SessionName, Sequence[Session]]]:
        """The living sessions that no entry speaks of, by name."""
        taken = {form for entry in self._registry.entries for form in names.as_listed(entry.name)}
        taken |= self._registry.reserved
        for name, named in sorted(self._sessions.by_name.items()):
            living = [
                each for each in named if each.alive and location.key(each) not in self._taken
            ]
            if living and name not in taken:
                yield name, living

    def _judge_stranger(self, session: Session, *, missing: Sequence[Entry]) -> Iterator[Finding]:
        if free := self._free(session):
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
    """The world for one session, without what is told by its name: that may be of another one."""
    why = Unknown(f"several tmux servers have a session called {session.name}")
    return replace(world, conversations={session.name: why}, environs={})


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
