"""Which conversation each living Claude Code holds: the best proof that there is.

A pid file of 2.1.139 and later and a hook's record tell what is held now. A debug log, an older
pid file and the arguments tell what was held at some time: they count as long as nothing shows
that the process moved on.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from kanban_worker.agents import claude_claims, claude_clear, claude_keys, claude_sole, pick
from kanban_worker.agents.claude_claims import Argument, Claim, Logged, Named
from kanban_worker.agents.claude_clear import Followed
from kanban_worker.agents.claude_guess import Nursery, Place, Young
from kanban_worker.agents.claude_library import Library
from kanban_worker.agents.claude_owners import Owner, Owners
from kanban_worker.agents.claude_pids import PidFile
from kanban_worker.agents.claude_prompts import NOTHING_TYPED, History
from kanban_worker.agents.claude_sole import SETTING, Beside
from kanban_worker.agents.claude_transcript import Transcript
from kanban_worker.agents.shape import NOTHING_SEEN, LiveAgent, Seen
from reconcile.observed import (
    Ambiguous,
    Bound,
    Conversation,
    ConversationId,
    Lineage,
    SessionName,
    Unknown,
    Unproven,
)
from reconcile.proofs import Proof

_MOST = 1024
_LEAVING_NS = 1_000_000_000
"""A command is in the history some 100 ms before the log of what it leaves has its last line."""


class Binding:
    """The bindings of one tick, and what makes the next one cheap."""

    __slots__ = (
        "_agents",
        "_alone",
        "_answers",
        "_anywhere",
        "_claims",
        "_library",
        "_nursery",
        "_owners",
        "_seen",
        "named",
        "resumable",
    )

    def __init__(self, library: Library) -> None:
        """Nothing is read before the first tick."""
        self._library = library
        self._nursery = Nursery()
        self._answers: dict[SessionName, tuple[Claim, object, Conversation]] = {}
        self._agents: Sequence[LiveAgent] = ()
        self._claims: Mapping[SessionName, Claim] = {}
        self._seen = NOTHING_SEEN
        self._anywhere: Sequence[LiveAgent] | Unknown | None = None
        self._owners: Owners | None = None
        self._alone: set[object] = set()
        self.named: frozenset[ConversationId] = frozenset()
        """The conversations that living agents named in this tick."""
        self.resumable: set[ConversationId] = set()
        """Those that were seen on disk in this tick."""

    def tick(
        self, agents: Sequence[LiveAgent], seen: Seen = NOTHING_SEEN
    ) -> Mapping[SessionName, Conversation]:
        """Answer for all living agents at once, as one's conversation cannot be another's."""
        self._library.look()
        self.resumable.clear()
        self._seen, self._anywhere, self._owners = seen, None, None
        self._agents, self._claims = agents, claude_claims.of(self._library, agents, seen)
        self.named = frozenset(self._named().values())
        before, self._answers = self._answers, {}
        return {
            agent.session: self._held(agent, self._claims[agent.session], before.get(agent.session))
            for agent in agents
        }

    def lineage(
        self,
        old: ConversationId | None,
        held: Bound,
        agent: LiveAgent,
        *,
        since: datetime | None = None,
    ) -> Lineage | Unknown:
        """Say how one of this tick's agents came from `old` to what it holds."""
        from kanban_worker.agents import claude_ground, claude_lineage  # noqa: PLC0415 - rarely asked

        look = claude_ground.Look(
            library=self._library, nursery=self._nursery, agents=self._agents, named=self._named()
        )
        ground = claude_ground.of(look, agent, held, old, since)
        if isinstance(ground, Unknown):
            return ground
        return claude_lineage.trace(old, ground, since)

    def _named(self) -> Mapping[SessionName, ConversationId]:
        return {
            session: claim.id
            for session, claim in self._claims.items()
            if claim is not None and not isinstance(claim, Unknown)
        }

    def _held(
        self, agent: LiveAgent, claim: Claim, before: tuple[Claim, object, Conversation] | None
    ) -> Conversation:
        match claim:
            case Unknown():
                return claim
            case None:
                return self._unnamed(agent)
            case Argument():
                return self._as_asked(agent, claim, before)
            case Logged():
                return self._since_logged(agent, claim, before)
            case PidFile() if not claim.follows_clear:
                return self._since_started(agent, claim, before)
        return self._confirmed(agent, claim, before)

    def _confirmed(
        self,
        agent: LiveAgent,
        claim: PidFile | Named | Argument,
        before: tuple[Claim, object, Conversation] | None,
    ) -> Conversation:
        """Compare what a process claims with what is on disk; the same again costs a `stat`."""
        moved = claim.cwd if isinstance(claim, PidFile) else None
        found = self._library.find(claim.id, self._library.home_of(agent, moved))
        if isinstance(found, Transcript) and found.holds:
            self.resumable.add(claim.id)
        # Most often it is the very same claim, and comparing its fields would cost more.
        same = before is not None and (before[0] is claim or before[0] == claim)
        if before is not None and same and before[1] is found:
            self._answers[agent.session] = before
            return before[2]
        answer = _answer(claim, found, self._library.path(claim.id))
        self._answers[agent.session] = (claim, found, answer)
        return answer

    def _since_started(
        self, agent: LiveAgent, claim: PidFile, before: tuple[Claim, object, Conversation] | None
    ) -> Conversation:
        """Follow `/clear` from an id that was right when the pid file was written."""
        since_ns = claude_claims.valid_since_ns(claim, agent)
        found = self._followed(agent, claim, since_ns)
        if not isinstance(found, Followed):
            return found
        if not found.left:
            return self._confirmed(agent, claim, before)
        return self._confirmed(agent, Named(id=found.here, proof=Proof.CLEAR_CHAIN), before)

    def _since_logged(
        self, agent: LiveAgent, claim: Logged, before: tuple[Claim, object, Conversation] | None
    ) -> Conversation:
        """Follow what was typed since a debug log named the process."""
        found = self._followed(agent, claim, claim.at_ns - _LEAVING_NS)
        if not isinstance(found, Followed):
            return found
        if self._asked_for_another(agent, found):
            return Unproven(left=(found.here,), setting=SETTING)
        return self._confirmed(agent, Named(id=found.here, proof=Proof.LOG), before)

    def _as_asked(
        self, agent: LiveAgent, claim: Argument, before: tuple[Claim, object, Conversation] | None
    ) -> Conversation:
        """Believe the arguments as long as nothing shows that the process moved on."""
        if self._owned().has_other(claim.id, agent):
            return Unproven(likely=claim.id, setting=SETTING)
        found = self._followed(agent, claim, pick.started_ns(agent))
        if not isinstance(found, Followed):
            return found
        if found.left:
            return Unproven(likely=found.here, left=found.left, setting=SETTING)
        if self._asked_for_another(agent, found):
            return Unproven(left=(claim.id,), setting=SETTING)
        return self._confirmed(agent, claim, before)

    def _asked_for_another(self, agent: LiveAgent, found: Followed) -> bool:
        """Whether the last that was typed in a conversation asks for another one."""
        history = self._history(agent)
        last = history.under(found.here)[-1:] if isinstance(history, History) else ()
        return any(line.resumes and line.at_ns > found.since_ns for line in last)

    def _followed(
        self, agent: LiveAgent, claim: PidFile | Logged | Argument, since_ns: int
    ) -> Followed | Conversation:
        """Return where `/clear` has led; what is no such value is the answer."""
        place = self._place(agent)
        history = self._history(agent)
        young = self._nursery.young(place, self._owned().beside(agent))
        if isinstance(history, Unknown):
            return history
        if isinstance(young, Unknown):
            return young
        logged = isinstance(claim, Logged)
        own = self._without_others(agent, place, history) if logged else history

        def shared(one: ConversationId, at_ns: int) -> bool:
            rewritten = isinstance(claim, PidFile) and claim.renamed and self._resumed(place)
            another = logged and self._library.is_logged_by_another(one, agent)
            return rewritten or another or self._owned().has_other(one, agent, at_ns)

        found = claude_clear.follow(claim.id, since_ns, own, young, shared)
        if found.lost:
            return _lost(found)
        loose = claude_clear.unexplained(found.since_ns, history, young)
        loose = [one for one in loose if one.id not in {found.here, *found.left}]
        if loose and (ends := self._ends(agent, found.here, loose)):
            return Ambiguous((found.here, *ends))
        return found

    def _without_others(self, agent: LiveAgent, place: Place, history: History) -> History:
        """Leave out each `/clear` that another process typed, as the debug logs tell."""
        young = self._nursery.young(place, ())
        if isinstance(young, Unknown):
            return history
        library = self._library
        return claude_clear.without(
            history, young, lambda old, new: library.others_went(old, new, agent)
        )

    def _ends(
        self, agent: LiveAgent, here: ConversationId, loose: Sequence[Young]
    ) -> tuple[ConversationId, ...]:
        """Return what a conversation may have been left for: it was not written to since."""
        there = self._library.find(here, self._library.home_of(agent))
        path = self._library.path(here)
        last = None if there is None or path is None else self._library.newest(path)
        last_ns = 0 if last is None else pick.nanoseconds(last)
        return tuple(one.id for one in loose if (one.cleared_ns or one.born_ns) >= last_ns)

    def _unnamed(self, agent: LiveAgent) -> Conversation:
        place = self._place(agent)
        if not place.folders:
            pid = agent.family[0].pid
            return Unknown(f"cannot read the working directory of process {pid}")
        blind = next((s.pids.blind for s in self._library.of(agent) if s.pids.blind), None)
        hooked = {one.id for one in self._seen.hooked.values()}
        young = self._nursery.young(place, self._library.claimed() | self.named | hooked)
        if blind is not None:
            return blind
        if isinstance(young, Unknown):
            return young
        beside = Beside(
            listed=any(
                not self._names(other).isdisjoint(self._names(agent))
                for other in self._agents
                if other is not agent
            ),
            alone=lambda one: self._is_alone(agent, one),
            last=lambda several: self._last(place, several),
            left=lambda one: self._has_left(place, one),
        )
        return claude_sole.claimed(place, young, beside)

    def _last(self, place: Place, several: Sequence[Young]) -> ConversationId | None:
        """Return the last of several that one process has begun, each by `/clear` in another."""
        history = self._history(place.agent)
        if isinstance(history, Unknown):
            return None
        first = min(several, key=lambda one: one.born_ns).id
        found = claude_clear.follow(first, place.since_ns, history, several, lambda *_: False)
        is_all = {found.here, *found.left} == {one.id for one in several}
        return found.here if is_all and not found.lost else None

    def _has_left(self, place: Place, one: ConversationId) -> bool:
        """Whether something shows that an agent went on from the one conversation it began."""
        history = self._history(place.agent)
        found = self._library.find(one, self._library.home_of(place.agent))
        speaker = found.speaker if isinstance(found, Transcript) else None
        return (
            isinstance(history, Unknown)
            or any(line.clears for line in history.under(one))
            or self._resumed(place)
            or speaker not in {None, one}
        )

    def _resumed(self, place: Place) -> bool:
        """Whether an older conversation was asked for in an agent's directory since it began."""
        history = self._history(place.agent)
        names = self._names(place.agent)
        return isinstance(history, Unknown) or any(
            line.resumes and line.at_ns >= place.since_ns and claude_keys.key(line.project) in names
            for line in history.lines
        )

    def _is_alone(self, agent: LiveAgent, one: ConversationId) -> bool | Unknown:
        """Whether no other Claude Code of the host may write into the agent's project folders.

        It is asked once for each conversation: a later neighbour did not begin it.
        """
        known = (agent.family[0], one)
        if known in self._alone:
            return True
        if self._anywhere is None:
            self._anywhere = self._seen.anywhere()
        if isinstance(self._anywhere, Unknown):
            return self._anywhere
        own, mine = agent.family[0].pid, self._names(agent)
        for other in self._anywhere:
            if other.family[0].pid == own:
                continue
            if not other.cwd or not self._names(other).isdisjoint(mine):
                return False
        if len(self._alone) >= _MOST:
            self._alone.clear()
        self._alone.add(known)
        return True

    def _owned(self) -> Owners:
        """Return what the living processes name; for once a tick, and only where it decides."""
        if self._owners is None:
            self._owners = Owners(self._owning())
        return self._owners

    def _owning(self) -> Iterator[tuple[ConversationId, Owner]]:
        for agent in self._agents:
            claim = self._claims[agent.session]
            if isinstance(claim, PidFile | Named | Logged):
                first = agent.family[0]
                yield claim.id, Owner(pid=first.pid, since_ns=pick.nanoseconds(first.started_at))
        for pid, found in self._library.living():
            since = found.started or found.written
            yield found.id, Owner(pid=pid, since_ns=pick.nanoseconds(since))

    def _history(self, agent: LiveAgent) -> History | Unknown:
        found = [store.prompts.history() for store in self._library.of(agent)]
        blind = next((one for one in found if isinstance(one, Unknown)), None)
        if blind is not None:
            return blind
        known = [one for one in found if isinstance(one, History) and one.lines]
        if len(known) < 2:  # noqa: PLR2004 - nothing to be merged
            return known[0] if known else NOTHING_TYPED
        lines = (line for one in known for line in one.lines)
        return History(tuple(sorted(lines, key=lambda line: line.at_ns)))

    def _names(self, agent: LiveAgent) -> frozenset[str]:
        folders = self._library.folders(agent, agent.cwd)
        return frozenset(os.path.basename(path) for _, path in folders)

    def _place(self, agent: LiveAgent) -> Place:
        return Place(
            agent=agent,
            since_ns=pick.started_ns(agent),
            folders=self._library.folders(agent, agent.cwd),
        )


def _answer(
    claim: PidFile | Named | Argument, found: Transcript | Unknown | None, path: str | None
) -> Conversation:
    if isinstance(found, Unknown):
        return found
    if found is not None and found.holds is None:
        return Unknown(f"{path}: no message within 16 MiB of its beginning (look by hand)")
    written = found is not None and found.holds is True
    speaker = found.speaker if found is not None else None
    if speaker is not None and speaker != claim.id:
        return Ambiguous((claim.id, speaker))
    if isinstance(claim, Named):
        return Bound(id=claim.id, proof=claim.proof, written=written)
    return Bound(id=claim.id, proof=_proof(claim), written=written)


def _proof(claim: PidFile | Argument) -> Proof:
    """Rate a pid file of before 2.1.139 as the chain of `/clear` that begins with it, of no link.

    As a pid file it would outrank what the process is seen to hold after its first `/clear`.
    """
    if isinstance(claim, Argument):
        return Proof.ARGUMENT
    return Proof.PID_FILE if claim.follows_clear else Proof.CLEAR_CHAIN


def _lost(found: Followed) -> Ambiguous | Unproven:
    if found.certain and not found.candidates:
        return Unproven(left=(found.here,), setting=SETTING)
    here = () if found.certain else (found.here,)
    return (
        Ambiguous((*here, *found.candidates))
        if found.candidates
        else Unproven(likely=None if found.certain else found.here, setting=SETTING)
    )
