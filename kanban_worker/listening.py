"""What people say on a card: who asks to stop, and whom to answer how that is done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from kanban_worker.boards.shape import Comment
from reconcile import own_words, stop
from reconcile.own_words import Remark
from reconcile.stop import Reading


@dataclass(slots=True)
class Reply:
    """An answer that the card's thread lacks."""

    text: str
    tries: int = 0
    """How often it was made, and did not show up in the thread."""
    look: int = 0
    """The look before its last try, which counts from 1: a later one tells what came of that."""


class Listener:
    """Reads a card's comments, each once and in their order.

    Nothing of it is kept: what was answered is seen in the thread, by this process and the next.
    """

    def __init__(self) -> None:
        """Has heard nothing yet."""
        self.stop: Comment | None = None
        """The comment by which a person asked to stop."""
        self._replies: dict[str, Reply] = {}
        self._alike: Counter[int] = Counter()

    def hear(
        self, comments: Iterable[Comment], is_own: Callable[[Comment], bool], *, past: bool = False
    ) -> None:
        """Takes notice of comments. `past` ones were obeyed, or overruled: they ask for nothing."""
        for comment in comments:
            answers = self._replies.pop(comment.body, None)
            if not answers and not is_own(comment):
                self._hear(comment, past=past)

    def due(self, look: int) -> list[Reply]:
        """The answers to be made, the oldest first, once that many looks were taken."""
        return [each for each in self._replies.values() if each.look < look]

    def leave(self, reply: Reply) -> None:
        """Gives an answer up."""
        del self._replies[reply.text]

    def _hear(self, comment: Comment, *, past: bool) -> None:
        remark = Remark(author=comment.author, at=comment.at, body=comment.body)
        before = self._alike[hash(remark)]
        self._alike[hash(remark)] += 1
        if past or self.stop:
            return
        reading = stop.read(comment.body)
        if reading is Reading.STOP:
            self.stop = comment
        elif reading is Reading.UNCLEAR:
            text = own_words.answer(remark, before)
            self._replies[text] = Reply(text=text)
