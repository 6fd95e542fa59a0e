"""One card while this run has it: what people say on it, and what it is told."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from kanban_worker import processes
from kanban_worker.boards.card import MOST, place
from kanban_worker.boards.shape import (
    Board,
    Comment,
    CommentId,
    Holder,
    Look,
    Lost,
    NoRoute,
    Run,
)
from kanban_worker.listening import Listener, Reply
from kanban_worker.tick import Monitor
from reconcile import own_words, telling
from reconcile.memory import Memory
from reconcile.observed import Unknown
from reconcile.telling import Saying
from state.errors import CouldNot, MonitorError

TRIES = 3
"""How often a comment is made that does not show up in the thread; then it is left at that."""
START = CommentId("0")
"""Before the first comment."""
SLOWEST = 60.0
"""Seconds between two tries of what failed again and again."""


@dataclass(slots=True)
class Again:
    """When to try again: pauses of 1, 2, 4 … seconds while it fails."""

    at: float = 0.0
    pause: float = 0.5

    def failed(self, now: float) -> None:
        """Puts the next try off, each time for twice as long."""
        self.pause = min(self.pause * 2, SLOWEST)
        self.at = now + self.pause

    def worked(self) -> None:
        """The next failure begins with a short pause again."""
        self.at, self.pause = 0.0, 0.5


class Tenure:
    """Looks, speaks and beats on one card, each as often as the board can bear.

    What a board could not do is complained of once, and tried again later.
    """

    def __init__(
        self,
        board: Board,
        monitor: Monitor,
        *,
        timer: Callable[[], float],
        tell: Callable[[str], None],
        complain: Callable[[str], None],
    ) -> None:
        """Touches nothing yet. `tell` takes each line that is said, `complain` each trouble."""
        self.said = 0
        """Comments made."""
        self._board, self._monitor, self._notebook = board, monitor, monitor.notebook
        self._timer, self._tell, self._complain = timer, tell, complain
        self._run: Run | None = None
        self._cursor = START
        self._looks = 0
        self._listener = Listener()
        self._own: set[str] = set()
        self._heard: set[tuple[CommentId, int]] = set()
        self._thread: frozenset[str] | None = None
        self._tries: dict[str, int] = {}
        self._findings: frozenset[str] = frozenset()
        self._looked_at = 0.0
        self._speaking, self._beating = Again(), Again()
        self._next_beat = 0.0
        self._mute_beat = False
        self._troubles: dict[str, str] = {}

    @property
    def run(self) -> Run:
        """This run. Only once it is claimed."""
        return self._board.run

    @property
    def stop(self) -> Comment | None:
        """The comment by which a person asked to stop."""
        return self._listener.stop

    def claim(self) -> Run:
        """Makes the card ours. Raises MonitorError; without a route for it goes on unclaimed."""
        self._notebook.load()
        try:
            run = self._board.claim(self._is_over)
        except NoRoute as error:
            self._complain(str(error))
            run = self._board.run
        self._monitor.speak(self.look)
        self._own |= {*self._notebook.memory.spoken}
        return run

    def _is_over(self, holder: Holder) -> bool:
        """Whether a card's process is over, of which only this place can know.

        A container may have the host's name, or share its home: only the run that this place's
        memory has as its own is judged by the processes of this place.
        """
        memory = self._notebook.memory
        if holder.host != socket.gethostname() or memory.run != f"{holder.card}/{holder.run}":
            return False
        return processes.is_over(holder.pid, seen=holder.seen, booted=memory.boot)

    def note(self) -> None:
        """Remembers whose run it is, for the process that may have to take it over.

        Only by this registry's one monitor: the memory is the other's where there is one.
        """
        run = f"{self.run.card}/{self.run.id}" if self.run.id else None
        memory = replace(self._notebook.memory, run=run)
        try:
            self._notebook.keep(memory)
        except MonitorError as error:
            self._trouble("note", f"after a crash this card could not be taken over: {error}")

    # What people say. ---------------------------------------------------------------------------

    @property
    def next_look(self) -> float:
        """Seconds until the board can bear another look."""
        return max(self._looked_at + self._board.pause - self._timer(), 0)

    def look_when_due(self) -> None:
        """Looks, if the last look is so long ago that the board can bear another. Raises Lost."""
        if not self.next_look:
            self.look()

    def look(self) -> None:
        """Takes notice of new comments. Raises Lost; a look that fails changes nothing."""
        self._looked_at = self._timer()
        found = self._behind(self._cursor)
        if not isinstance(found, Unknown) and not self._goes_on(found):
            self._cursor = START
            found = self._behind(START)
        if isinstance(found, Unknown):
            self._trouble("look", f"card {self.run.card} cannot be looked at: {found.why}")
            return
        self._trouble("look", "")
        if found.lost:
            message = f"card {self.run.card} is no longer this run's: {found.lost}"
            raise Lost(message)
        if self._cursor == START:
            self._thread = self._marks(found.comments)
        self._hear(found.comments)
        self._cursor = found.comments[-1].id if found.comments else self._cursor
        self._looks += 1

    def _goes_on(self, look: Look) -> bool:
        """Whether a look continues the thread; that of a board that was restored does not."""
        if self._cursor == START:
            return True
        newest = telling.newest(self._notebook.memory, self._board.ids)
        unheard = telling.number(newest) > place(self._cursor)
        if unheard and newest not in self._marks(look.comments):
            return False
        return look.asked is not None and _known(look.asked) in self._heard

    def _marks(self, comments: Sequence[Comment]) -> frozenset[str]:
        return frozenset(own_words.mark(self._board.ids, each.id, each.body) for each in comments)

    def _behind(self, after: CommentId) -> Look | Unknown:
        """All comments behind one: a look has no more than some hundred of them."""
        first = found = self._board.look(after)
        comments: list[Comment] = []
        while not isinstance(found, Unknown):
            comments += found.comments
            if len(found.comments) < MOST or found.comments[-1].id == after:
                asked = None if isinstance(first, Unknown) else first.asked
                return replace(found, comments=tuple(comments), asked=asked)
            after = found.comments[-1].id
            found = self._board.look(after)
        return found

    def _hear(self, comments: Sequence[Comment]) -> None:
        # Of a restored board, the whole thread is looked at once more.
        comments = [each for each in comments if _known(each) not in self._heard]
        self._heard |= {_known(each) for each in comments}
        if not self._looks:
            self._findings = own_words.findings(each.body for each in comments)
            ids = [each.id for each in comments]
            heard = self.run.heard
            past = ids.index(heard) + 1 if heard in ids else 0
            self._listener.hear(comments[:past], lambda _: False, past=True)
            comments = comments[past:]
        # Not by the author, for a person may have the worker's name, nor by a key alone.
        said = self._said_now() if comments else frozenset()
        self._listener.hear(
            comments, lambda each: self._is_own(each) or own_words.bare(each.body) in said
        )

    def _is_own(self, comment: Comment) -> bool:
        return own_words.mark(self._board.ids, comment.id, comment.body) in self._own

    def _said_now(self) -> frozenset[str]:
        """What is being said: an earlier process may have, and not know the comment's id."""
        memory = self._notebook.memory
        sayings = self._due(memory) if memory.card == self.run.card else ()
        return frozenset(text for saying in sayings if saying.tried for text in self._texts(saying))

    def _due(self, memory: Memory) -> Sequence[Saying]:
        return telling.due(memory, self._monitor.now(), self._monitor.options)

    def _texts(self, saying: Saying) -> frozenset[str]:
        """What a comment looks like in the thread."""
        kept = self._board.kept(saying.text)
        return frozenset({own_words.bare(saying.text), own_words.bare(kept)})

    # What it is told. ---------------------------------------------------------------------------

    def join(self) -> bool:
        """Lets the memory speak of this card, once the thread is known.

        Whether another tick has to come first, and then this again: what another card was told is
        to be told anew.
        """
        before = self._notebook.memory
        if not self._looks or before.card == self.run.card:
            return False
        another = before.card is not None
        options = self._monitor.options
        now = (
            telling.anew(before)
            if another
            else telling.to(self.run.card, before, self._findings, options)
        )
        try:
            self._notebook.keep(now)
        except MonitorError as error:
            self._trouble("join", f"nothing is said yet: {error}")
            self._notebook.memory = before
            return False
        self._trouble("join", "")
        return another

    def detail(self, lines: Mapping[str, tuple[str, ...]]) -> None:
        """Adds lines to what is yet to be said, by the finding's id."""
        if lines:
            self._notebook.memory = telling.detailed(self._notebook.memory, lines)

    def speak(self) -> None:
        """Says what is due, unless that failed moments ago. Raises Lost.

        A comment counts as made once it is read back from the thread, at the next call: a board
        may lose what it has acknowledged (hermes-agent 0.19.0 does, when others write as well).
        """
        if not self._looks or self._timer() < self._speaking.at:
            return
        try:
            for reply in self._listener.due(self._looks)[: telling.AT_MOST]:
                self._answer(reply)
            self._tell_findings()
        except Lost:
            raise
        except MonitorError as error:
            self._speaking.failed(self._timer())
            self._trouble("say", f"not said yet, will be tried again: {error}")
        else:
            self._speaking.worked()
            self._trouble("say", "")

    def _answer(self, reply: Reply) -> None:
        if reply.tries >= TRIES:
            self._listener.leave(reply)
        elif self.stop is None:
            reply.look = self._looks
            self._post(reply.text, again=reply.tries > 0)
            reply.tries += 1

    def _tell_findings(self) -> None:
        memory = self._notebook.memory
        if memory.card != self.run.card:
            return
        if self._thread is not None:
            memory = telling.lacking(memory, self._board.ids, self._thread)
            self._thread, self._notebook.memory = None, memory
        sayings = self._due(memory)
        if not sayings:
            return
        last = f"{self._board.ids}:{self._cursor}"
        self._notebook.keep(telling.under_way(memory, sayings, last))
        made = self._made([saying for saying in sayings if saying.tried])
        for saying in sayings:
            if self.stop is None:  # what is unsaid is kept, and a person waits
                self._say(saying, made)
                self.look_when_due()

    def _say(self, saying: Saying, made: Mapping[str, CommentId | None]) -> None:
        tries = self._tries.get(saying.key, 0)
        if saying.key in made or tries >= TRIES:
            comment = made.get(saying.key)
            memory = telling.told(self._notebook.memory, saying, comment, self._board.ids)
            self._notebook.keep(memory)
            self._tries.pop(saying.key, None)
            return
        self._post(saying.text, again=tries > 0)
        self._tries[saying.key] = tries + 1

    def _post(self, text: str, *, again: bool) -> None:
        comment = self._board.say(text)
        if comment is not None:
            mark = own_words.mark(self._board.ids, comment, text)
            self._own.add(mark)
            self._notebook.memory = telling.spoke(self._notebook.memory, mark)
        if not again:
            self.said += 1
            self._tell(text)

    def _made(self, tried: Sequence[Saying]) -> Mapping[str, CommentId | None]:
        """The comments of earlier tries that are on the card, by key."""
        found: dict[str, CommentId | None] = {}
        for after in {saying.after for saying in tried}:
            kind, _, last = (after or "").partition(":")
            # Behind an id of another kind, as another way to the board has them, is anywhere.
            look = self._behind(CommentId(last) if kind == self._board.ids else START)
            if isinstance(look, Unknown):
                raise CouldNot(look.why)
            ids = {own_words.bare(each.body): each.id for each in reversed(look.comments)}
            for saying in (saying for saying in tried if saying.after == after):
                if there := [ids[text] for text in self._texts(saying) if text in ids]:
                    found[saying.key] = there[0]
        return found

    def answer_stop(self, text: str) -> None:
        """Makes what comes of a stop the thread's last comment, once. Raises Lost.

        Where that fails the card is blocked all the same, and its event has the reason.
        """
        text = own_words.plain(text)
        if self._board.says_why:
            return
        thread = self._behind(START)
        said = () if isinstance(thread, Unknown) else [each.body for each in thread.comments]
        if isinstance(thread, Unknown) or self._board.kept(text) in said:
            return
        try:
            self._board.say(text)
        except Lost:
            raise
        except MonitorError as error:
            self._trouble("stop", f"the stop is not answered: {error}")

    def beat(self, note: Callable[[], str], *, every: float) -> None:
        """Sends a heartbeat when one is due. Raises Lost."""
        now = self._timer()
        if now >= max(self._next_beat, self._beating.at):
            self.beat_now(note())
            if not self._beating.at:
                # From the time it was due, so that ticks do not let the beats drift apart.
                on_time = self._next_beat + every
                self._next_beat = on_time if on_time > now else now + every

    def beat_now(self, note: str) -> None:
        """Sends a heartbeat. Raises Lost; what else fails is tried again."""
        if self._mute_beat:
            return
        try:
            self._board.heartbeat(note)
        except Lost:
            raise
        except NoRoute:
            self._mute_beat = True
        except MonitorError as error:
            self._beating.failed(self._timer())
            self._trouble("beat", f"no heartbeat, will be tried again: {error}")
        else:
            self._beating.worked()
            self._trouble("beat", "")

    def block(
        self, reason: str, *, patience: Callable[[], float], sleep: Callable[[float], None]
    ) -> bool:
        """Leaves the card to people; whether it is blocked now. Raises Lost.

        Tries again for `patience` seconds, which may become fewer meanwhile.
        """
        again, began = Again(), self._timer()
        while trouble := self._block(reason, tried=bool(again.at)):
            again.failed(self._timer())
            self._trouble("block", f"the card is not blocked: {trouble}")
            if again.at > began + patience():
                return False
            sleep(again.pause)
        return True

    def _block(self, reason: str, *, tried: bool) -> MonitorError | None:
        """What kept the card from being blocked, if anything. Raises Lost."""
        try:
            self._board.block(reason)
        except Lost as error:
            # An earlier try may have done it, and its answer was lost.
            waits = self._waits() if tried else False
            if not waits:
                raise
            return error if isinstance(waits, Unknown) else None
        except MonitorError as error:
            return error
        return None

    def _waits(self) -> bool | Unknown:
        """Whether the card waits for a person."""
        look = self._board.look(self._cursor)
        if isinstance(look, Unknown):
            return look
        return look.lost in {"it is blocked", "it is scheduled"}

    def _trouble(self, what: str, text: str) -> None:
        if text and self._troubles.get(what) != text:
            self._complain(text)
        self._troubles[what] = text


def _known(comment: Comment) -> tuple[CommentId, int]:
    """By what a comment is known again."""
    return comment.id, hash(comment.body)
