"""Which conversation each living Claude Code holds: the best proof that there is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from kanban_worker.agents import claude_guess, pick
from kanban_worker.agents.claude_guess import Nursery, Place
from kanban_worker.agents.claude_library import Library
from kanban_worker.agents.claude_pids import PidFile
from kanban_worker.agents.claude_projects import modified_ns
from kanban_worker.agents.claude_transcript import Transcript
from kanban_worker.agents.shape import LiveAgent
from reconcile.observed import (
    Ambiguous,
    Bound,
    Conversation,
    ConversationId,
    Lineage,
    SessionName,
    Unknown,
)
from reconcile.proofs import Proof


@dataclass(frozen=True, slots=True, kw_only=True)
class Argument:
    """An id given on the command line: it was right when the process began."""

    id: ConversationId


Claim = PidFile | Argument | None | Unknown


class Binding:
    """The bindings of one tick, and what makes the next one cheap."""

    __slots__ = ("_agents", "_answers", "_claims", "_library", "_nursery", "named", "resumable")

    def __init__(self, library: Library) -> None:
        """Nothing is read before the first tick."""
        self._library = library
        self._nursery = Nursery()
        self._answers: dict[SessionName, tuple[Claim, object, Conversation]] = {}
        self._agents: Sequence[LiveAgent] = ()
        self._claims: Mapping[SessionName, Claim] = {}
        self.named: frozenset[ConversationId] = frozenset()
        """The conversations that living agents named in this tick."""
        self.resumable: set[ConversationId] = set()
        """Those that were seen on disk in this tick."""

    def tick(self, agents: Sequence[LiveAgent]) -> Mapping[SessionName, Conversation]:
        """Answer for all living agents at once, as one's conversation cannot be another's."""
        self._library.look()
        self.resumable.clear()
        claims = {
            agent.session: self._library.pid_file(agent) or _argument(agent) for agent in agents
        }
        self._agents, self._claims = agents, claims
        self.named = frozenset(self._named().values())
        before, self._answers = self._answers, {}
        guesses = self._guesses(agents, claims)
        return {
            agent.session: guesses.get(agent.session)
            or self._confirmed(agent, claims[agent.session], before.get(agent.session))
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
            if isinstance(claim, PidFile | Argument)
        }

    def _confirmed(
        self,
        agent: LiveAgent,
        claim: Claim,
        before: tuple[Claim, object, Conversation] | None,
    ) -> Conversation:
        """Compare what a process claims with what is on disk; the same again costs a `stat`."""
        if claim is None or isinstance(claim, Unknown):
            return claim
        found = self._found(agent, claim)
        if isinstance(found, Transcript) and found.holds:
            self.resumable.add(claim.id)
        if before is not None and before[0] is claim and before[1] is found:
            self._answers[agent.session] = before
            return before[2]
        answer = _answer(claim, found)
        self._answers[agent.session] = (claim, found, answer)
        return answer

    def _found(self, agent: LiveAgent, claim: PidFile | Argument) -> Transcript | Unknown | None:
        found = self._library.known(claim.id)
        return found or self._library.search(claim.id, self._folders(agent, claim))

    def _folders(self, agent: LiveAgent, claim: PidFile | Argument) -> list[str]:
        moved = claim.cwd if isinstance(claim, PidFile) else None
        folders = [path for _, path in self._library.folders(agent, agent.cwd)]
        if moved is not None and moved != agent.cwd:
            # `/cd` (2.1.329) moves the transcript to the new directory's folder.
            folders += [path for _, path in self._library.folders(agent, moved)]
        return folders

    def _guesses(
        self, agents: Sequence[LiveAgent], claims: Mapping[SessionName, Claim]
    ) -> Mapping[SessionName, Conversation]:
        """Look at new files, for those agents only whose pid file does not settle it."""
        unsure = [agent for agent in agents if _is_unsure(claims[agent.session])]
        if not unsure:
            return {}
        places = {agent.session: self._place(agent, claims[agent.session]) for agent in agents}
        taken = self._library.claimed() | self.named
        crowd = _crowd(places.values())
        rivals = _crowd(places[a.session] for a in unsure if claims[a.session] is None)
        return {
            agent.session: self._guess(
                places[agent.session], claims[agent.session], taken, crowd, rivals
            )
            for agent in unsure
        }

    def _guess(
        self,
        place: Place,
        claim: Claim,
        taken: frozenset[ConversationId],
        crowd: frozenset[str],
        rivals: frozenset[str],
    ) -> Conversation:
        if not place.folders:
            return None if claim is not None else _no_directory(place.agent)
        young = self._nursery.young(place, taken)
        if isinstance(young, Unknown):
            return young
        mine = frozenset(path for _, path in place.folders)
        if not isinstance(claim, PidFile | Argument):
            return claude_guess.born_after(young, alone=mine.isdisjoint(rivals))
        old = self._found(place.agent, claim) and self._library.path(claim.id)
        return claude_guess.after_clear(
            claim.id, modified_ns(old) if old else 0, young, alone=mine.isdisjoint(crowd)
        )

    def _place(self, agent: LiveAgent, claim: Claim) -> Place:
        since = pick.started_ns(agent)
        if isinstance(claim, PidFile) and claim.started is not None:
            since = max(since, pick.nanoseconds(claim.started) - pick.SLACK_NS)
        return Place(agent=agent, since_ns=since, folders=self._library.folders(agent, agent.cwd))


def _is_unsure(claim: Claim) -> bool:
    if isinstance(claim, PidFile):
        return not claim.follows_clear
    return not isinstance(claim, Unknown)


def _argument(agent: LiveAgent) -> Argument | None:
    found = claude_guess.asked_for(agent.argv)
    return Argument(id=found) if found is not None else None


def _answer(claim: PidFile | Argument, found: Transcript | Unknown | None) -> Conversation:
    if isinstance(found, Unknown):
        return found
    written = found is not None and found.holds is True
    speaker = found.speaker if found is not None else None
    if speaker is not None and speaker != claim.id:
        return Ambiguous((claim.id, speaker))
    proof = Proof.PID_FILE if isinstance(claim, PidFile) else Proof.ARGUMENT
    return Bound(id=claim.id, proof=proof, written=written)


def _crowd(places: Iterable[Place]) -> frozenset[str]:
    """Return the folders that more than one of these agents may write into."""
    counts = Counter(path for place in places for path in {path for _, path in place.folders})
    return frozenset(path for path, count in counts.items() if count > 1)


def _no_directory(agent: LiveAgent) -> Unknown:
    return Unknown(f"cannot read the working directory of process {agent.family[0].pid}")
