"""What the registry says of a pane's conversation, held against the truth."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum


class Outcome(StrEnum):
    """From the best to the worst."""

    RIGHT = "right"
    NONE = "none"
    """No id is recorded."""
    SAID = "said"
    """The id of an earlier conversation stands there, and the report says that it may be old."""
    UNSAID = "unsaid"
    """The id of an earlier conversation stands there, and the report says nothing."""
    WRONG = "wrong"
    """The id of a conversation that was never this pane's, or another untruth."""


@dataclass(slots=True)
class Talk:
    """One conversation of one agent; its id is known once something was said in it."""

    id: str | None = None
    words: list[str] = field(default_factory=list)
    """The words that were said in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One look at one pane. What its talks' ids are may come out later."""

    session: str
    talk: Talk
    earlier: Sequence[Talk]
    """The pane's conversations before this one."""
    recorded: str | None
    history: Sequence[str]
    """The ids in the entry's history."""
    said: bool
    messages: Sequence[str] = ()
    """What this look's report says of the session."""
    untruth: str = ""
    """What else is wrong with the entry."""

    @property
    def entry(self) -> tuple[object, ...]:
        """What the registry said."""
        return self.recorded, tuple(self.history), self.untruth

    @property
    def outcome(self) -> Outcome:
        """What this look shows."""
        own = {talk.id for talk in (*self.earlier, self.talk)}
        if self.untruth or not own.issuperset(self.history):
            return Outcome.WRONG
        if self.recorded is None:
            return Outcome.NONE
        if self.recorded == self.talk.id:
            return Outcome.RIGHT
        if self.recorded in own:
            return Outcome.SAID if self.said else Outcome.UNSAID
        return Outcome.WRONG

    def __str__(self) -> str:  # type: ignore[explicit-override] # 3.12 has override
        before = ", ".join(str(talk.id) for talk in self.earlier) or "nothing"
        return (
            f"{self.session}: {self.outcome}: recorded {self.recorded}, truth {self.talk.id}, "
            f"before that {before}; history {list(self.history)}; "
            f"{self.untruth or 'no untruth'}; the report: {list(self.messages)}"
        )


@dataclass(frozen=True, slots=True)
class Change:
    """An entry that is not what it was at the look before."""

    before: Seen | None
    now: Seen

    @property
    def is_wrong(self) -> bool:
        """Whether something untrue came into the entry, or a right id went from it."""
        before = self.before
        lost = before and before.talk is self.now.talk and before.outcome is Outcome.RIGHT
        return self.now.outcome is Outcome.WRONG or bool(lost)


@dataclass(slots=True)
class Cell:
    """All that was seen while one case was played."""

    subjects: list[Seen] = field(default_factory=list)
    """The last look at each pane that the case is about."""
    changes: list[Change] = field(default_factory=list)
    """Every change of every entry: what is wrong counts where it came about."""

    @property
    def outcome(self) -> Outcome:
        """The worst of it."""
        wrong = [Outcome.WRONG for each in self.changes if each.is_wrong]
        return worst([*(each.outcome for each in self.subjects), *wrong])

    def __str__(self) -> str:  # type: ignore[explicit-override] # 3.12 has override
        wrong = [each.now for each in self.changes if each.is_wrong]
        return "\n".join(dict.fromkeys(map(str, [*self.subjects, *wrong])))


def worst(outcomes: Iterable[Outcome]) -> Outcome:
    """The worst of some outcomes."""
    order = list(Outcome)
    return max(outcomes, key=order.index)
