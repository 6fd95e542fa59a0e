"""One card while a run has it, on a board in memory that fails when it is told to."""

from __future__ import annotations

import itertools
import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from kanban_worker import config
from kanban_worker.boards.memory import Memory as MemoryBoard
from kanban_worker.boards.memory import Pinboard
from kanban_worker.boards.shape import Address, CommentId, Look, Lost, NoRoute
from kanban_worker.tenure import SLOWEST, TRIES, Again, Tenure
from kanban_worker.tick import Monitor
from reconcile.memory import Memory, Unsaid
from reconcile.observed import Unknown
from state.errors import CouldNot

AT = datetime(2026, 11, 20, 10, tzinfo=UTC)
CARD = "t_1"


class Deaf(MemoryBoard):
    """A board that does what it is told, and whose answer is lost on the way back."""

    deaf = False

    def say(self, text: str) -> CommentId:
        """Comments, and then fails."""
        said = super().say(text)
        if self.deaf:
            raise CouldNot("the connection was closed")
        return said


class Losing(MemoryBoard):
    """A board that loses the comments that it has acknowledged, so many of them."""

    loses = 0

    def say(self, text: str) -> CommentId:
        """Comments, and forgets it."""
        said = super().say(text)
        if self.loses:
            self.loses -= 1
            found = self.pinboard.cards[CARD]
            self.pinboard.cards[CARD] = replace(found, comments=found.comments[:-1])
        return said


class Blocking(MemoryBoard):
    """A board that blocks, and whose answer is lost on the way back."""

    def block(self, reason: str) -> None:
        """Blocks, and then fails."""
        super().block(reason)
        raise CouldNot("the connection was closed")


class ByPlace(MemoryBoard):
    """A board that tells comments by their place, as the program of Hermes does."""

    ids = "place"


class Mute(MemoryBoard):
    """A board without a route for heartbeats."""

    asked = 0

    def heartbeat(self, note: str) -> None:
        """Never."""
        self.asked += 1
        raise NoRoute(f"no route for {note}")


class Room:
    """A run on a card, with time that the test lets pass."""

    def __init__(self, kind: type[MemoryBoard] = MemoryBoard) -> None:
        self.pinboard = Pinboard()
        self.pinboard.create(CARD)
        self.board = kind(Address(card=CARD, environ={}), self.pinboard)
        self.now = 0.0
        self.complaints: list[str] = []
        self.lines: list[str] = []
        settings = config.from_environment(os.environ, Path.home())
        self.monitor = Monitor(settings, clock=lambda: AT + timedelta(seconds=self.now))
        self.tenure = Tenure(
            self.board,
            self.monitor,
            timer=lambda: self.now,
            tell=self.lines.append,
            complain=self.complaints.append,
        )

    def begin(self, *texts: str) -> Room:
        """Claims the card, with some findings that it has not been told."""
        self.tenure.claim()
        self.tenure.look()
        unsaid = {f"D-{n:08x}": Unsaid(text=text, at=AT) for n, text in enumerate(texts)}
        self.monitor.notebook.keep(Memory(card=CARD, unsaid=unsaid))
        return self

    @property
    def said(self) -> list[str]:
        return [each.body for each in self.pinboard.cards[CARD].comments]

    def goes_on(self, seconds: int) -> None:
        """Every second somebody tries to speak."""
        for _ in range(seconds):
            self.now += 1
            self.tenure.look()
            self.tenure.speak()


def restarted(room: Room) -> Room:
    """What comes after a crash: a process that has the board and the ledger, and nothing else."""
    room.pinboard.reclaim(CARD)
    later = Room(type(room.board))
    later.pinboard, later.board.pinboard = room.pinboard, room.pinboard
    later.tenure.claim()
    return later


# Speaking. --------------------------------------------------------------------------------------


def test_what_is_unsaid_is_said_and_forgotten() -> None:
    room = Room().begin("one", "two")

    room.goes_on(3)

    assert room.said == ["[D-00000000] one", "[D-00000001] two"]
    assert room.lines == room.said
    assert room.monitor.notebook.memory.unsaid == {}


def test_a_comment_whose_answer_was_lost_is_not_made_again() -> None:
    room = Room(Deaf).begin("one")
    room.board.deaf = True  # type: ignore[attr-defined]
    room.goes_on(1)
    room.board.deaf = False  # type: ignore[attr-defined]

    room.goes_on(5)

    assert room.said == ["[D-00000000] one"]
    assert room.monitor.notebook.memory.unsaid == {}
    assert len(room.complaints) == 1


def test_nor_is_it_by_the_next_process_that_has_only_the_ledger() -> None:
    room = Room(Deaf).begin("one")
    room.board.deaf = True  # type: ignore[attr-defined]
    room.goes_on(1)
    room.pinboard.reclaim(CARD)
    later = Room()
    later.pinboard, later.board.pinboard = room.pinboard, room.pinboard
    later.monitor.notebook.recall()
    later.tenure.claim()

    later.goes_on(3)

    assert later.said == ["[D-00000000] one"]
    assert later.monitor.notebook.memory.unsaid == {}


@pytest.mark.parametrize("kind", [MemoryBoard, ByPlace])
def test_it_is_found_among_hundreds_of_others_and_by_another_way_to_the_board(
    kind: type[MemoryBoard],
) -> None:
    room = Room(Deaf).begin("one")
    for number in range(20):
        room.pinboard.comment(CARD, f"before {number}")
    room.tenure.look()
    room.board.deaf = True  # type: ignore[attr-defined]
    for number in range(600):
        room.pinboard.comment(CARD, f"meanwhile {number}")
    room.goes_on(1)
    room.pinboard.reclaim(CARD)
    later = Room(kind)
    later.pinboard, later.board.pinboard = room.pinboard, room.pinboard
    later.monitor.notebook.recall()
    later.tenure.claim()

    later.goes_on(3)

    assert later.said.count("[D-00000000] one") == 1
    assert later.monitor.notebook.memory.unsaid == {}


def test_an_id_of_another_way_to_the_board_is_no_place_in_its_thread() -> None:
    """Ids count the comments of a whole board, places those of one thread."""
    room = Room(ByPlace).begin()
    room.pinboard.comment(CARD, "[D-00000000] one")
    tried = Unsaid(text="one", at=AT, key="D-00000000", after="id:999")
    room.monitor.notebook.keep(Memory(card=CARD, unsaid={"D-00000000": tried}))

    room.goes_on(5)

    assert room.said == ["[D-00000000] one"]
    assert room.monitor.notebook.memory.unsaid == {}


def test_nothing_is_said_before_the_thread_was_read() -> None:
    """Else a comment of long ago, with the same key, would be taken for the one that failed."""
    room = Room()
    room.tenure.claim()
    room.pinboard.comment(CARD, "[D-00000000] one")
    room.monitor.notebook.keep(Memory(card=CARD, unsaid={"D-00000000": Unsaid(text="one", at=AT)}))

    room.tenure.speak()
    assert room.said == ["[D-00000000] one"]
    room.goes_on(3)

    assert room.said == ["[D-00000000] one"] * 2


@pytest.mark.parametrize(("loses", "shows"), [(1, 1), (2, 1), (99, 0)])
def test_a_comment_that_the_board_lost_is_made_again_but_not_for_ever(
    loses: int, shows: int
) -> None:
    room = Room(Losing).begin("one")
    room.board.loses = loses  # type: ignore[attr-defined]

    room.goes_on(30)

    assert room.said == ["[D-00000000] one"] * shows
    assert room.board.loses in {0, 99 - TRIES}  # type: ignore[attr-defined]
    assert room.tenure.said == 1
    assert room.monitor.notebook.memory.unsaid == {}


def test_while_the_board_is_down_words_are_kept_and_the_trouble_is_told_once() -> None:
    room = Room().begin("one")
    room.pinboard.down = "it is being moved"
    room.goes_on(100)
    assert room.said == []
    assert len(room.complaints) == 2  # that it cannot look, and that it cannot speak

    room.pinboard.down = ""
    room.goes_on(int(SLOWEST) + 1)

    (said,) = room.said
    assert said.startswith("[D-00000000] one (found 2026-11-20 10:00:00 +0000, said late)")


def test_what_fails_again_and_again_is_tried_less_and_less_often() -> None:
    again, tries, now = Again(), [], 0.0
    while now < 600:
        if now >= again.at:
            tries.append(now)
            again.failed(now)
        now += 1

    assert tries[:5] == [0, 1, 3, 7, 15]
    assert {b - a for a, b in itertools.pairwise(tries[6:])} == {SLOWEST}
    again.worked()
    assert again.at == 0


def test_without_a_ledger_to_write_nothing_is_said_and_the_rest_goes_on() -> None:
    """What was said could not be known by the process after a crash, so it would be said twice."""
    room = Room()
    room.tenure.claim()
    room.tenure.look()
    room.monitor.notebook.memory = Memory(unsaid={"D-00000000": Unsaid(text="one", at=AT)})
    ledgers = config.from_environment(os.environ, Path.home()).places.cache
    ledgers.parent.mkdir(parents=True, exist_ok=True)
    ledgers.write_text("a file where a folder should be")

    for _ in range(3):
        assert not room.tenure.join()
        room.goes_on(1)
    (complaint,) = room.complaints
    assert "could not be written" in complaint
    assert room.said == []

    ledgers.unlink()
    assert not room.tenure.join()
    assert room.monitor.notebook.memory.card == CARD
    room.goes_on(2)
    assert room.said == ["[D-00000000] one"]


# Listening. -------------------------------------------------------------------------------------


def test_a_person_asks_to_stop() -> None:
    room = Room().begin()
    asked = room.pinboard.comment(CARD, "ok, please stop", author="ann")
    room.pinboard.comment(CARD, "stop!", author="bob")

    room.tenure.look()

    assert room.tenure.stop
    assert (room.tenure.stop.id, room.tenure.stop.author) == (asked, "ann")


def test_one_with_the_workers_own_name_is_a_person_as_well() -> None:
    """At the machine of the profile `default` both write under that name."""
    room = Room().begin()
    room.pinboard.comment(CARD, "stop", author=room.tenure.run.author)

    room.tenure.look()

    assert room.tenure.stop


def test_the_workers_own_words_ask_for_nothing() -> None:
    room = Room().begin("stop")

    room.goes_on(3)

    assert room.said == ["[D-00000000]\n> stop"]
    assert room.tenure.stop is None


@pytest.mark.parametrize(
    "text",
    [
        "[D-00000007] stop",
        "[D-00000000] stop",
        "[B-6a151076] thanks, that one is mine. Please stop monitoring.",
    ],
)
def test_a_person_who_points_at_a_finding_is_no_less_heard(text: str) -> None:
    room = Room().begin("one")
    room.goes_on(3)

    asked = room.pinboard.comment(CARD, text, author=room.tenure.run.author)
    room.tenure.look()

    assert room.tenure.stop
    assert room.tenure.stop.id == asked


def test_a_finding_that_a_person_points_at_is_said_all_the_same() -> None:
    """Only the finding's own text shows that it was said."""
    room = Room()
    room.pinboard.comment(CARD, "[D-00000000] what about this?")
    room.tenure.claim()
    room.tenure.look()
    room.monitor.notebook.memory = Memory(unsaid={"D-00000000": Unsaid(text="one", at=AT)})

    assert not room.tenure.join()
    room.goes_on(3)

    assert room.said == ["[D-00000000] what about this?", "[D-00000000] one"]


def test_what_another_card_was_told_is_told_this_one_but_not_twice() -> None:
    room = Room()
    room.pinboard.comment(CARD, "[D-00000000] one\nwith a detail")
    room.pinboard.comment(CARD, "[S-00000009] 2 findings at once:\n- [D-00000001] two")
    room.pinboard.comment(CARD, "[D-00000002] and this?", author="ann")
    room.tenure.claim()
    room.tenure.look()
    known = {f"D-{n:08x}": Unsaid(text=text, at=AT) for n, text in enumerate(("one", "two", "3"))}
    room.monitor.notebook.memory = Memory(card="t_2", unsaid=known, spoken=("id:1",))

    assert room.tenure.join()  # so that the next tick finds anew what the other card was told
    assert (room.monitor.notebook.memory.card, room.monitor.notebook.memory.spoken) == (None, ())
    assert not room.tenure.join()
    room.goes_on(3)

    assert room.said[3:] == ["[D-00000002] 3"]


def test_a_comment_of_ours_is_known_by_its_id_and_key_also_by_the_next_process() -> None:
    """Whatever became of its finding, which the ledger forgets once it is over."""
    room = Room().begin("one")
    room.goes_on(3)
    (said,) = room.pinboard.cards[CARD].comments
    room.pinboard.cards[CARD] = replace(
        room.pinboard.cards[CARD],
        comments=(replace(said, body=f"{said.body.partition(' ')[0]} stop"),),
    )
    later = restarted(room)

    later.goes_on(3)

    assert later.tenure.stop is None
    assert len(later.said) == 1


def test_an_id_of_another_way_to_the_board_is_nobodys() -> None:
    room = Room()
    room.monitor.notebook.keep(Memory(card=CARD, spoken=("place:1",)))
    asked = room.pinboard.comment(CARD, "stop")

    room.tenure.claim()
    room.tenure.look()

    assert room.tenure.stop
    assert room.tenure.stop.id == asked == "1"


@pytest.mark.parametrize(
    "name", ["stop", "a, stop, b", "please stop now", "모니터링 중지", "stop?"]
)
def test_a_finding_that_reads_like_a_request_is_none_also_where_all_is_lost(name: str) -> None:
    room = Room().begin(f"{name}: tmux gone (was pane 1, cmd claude). Marked terminated.")
    room.goes_on(3)
    (said,) = room.said
    later = restarted(room)
    later.monitor.notebook.keep(Memory())  # a deleted ledger

    later.goes_on(3)

    assert name in said
    assert later.tenure.stop is None
    assert later.said == [said]


# Answering. -------------------------------------------------------------------------------------


def answers(room: Room) -> list[str]:
    return [text for text in room.said if text.startswith("[T-")]


def test_a_comment_that_is_not_understood_is_answered_once() -> None:
    room = Room().begin()
    room.pinboard.comment(CARD, "can we stop monitoring?", author="ann")

    room.goes_on(30)

    (answer,) = answers(room)
    assert answer.endswith("To end it, write a comment of this one word: `stop`")
    assert room.tenure.stop is None
    assert room.lines == [answer]
    assert room.tenure.said == 1


def test_each_of_them_is_answered_also_the_same_words_in_the_same_second() -> None:
    room = Room().begin()
    for text in ("stop the server", "stop?", "stop?", "thanks", "don't stop"):
        room.pinboard.comment(CARD, text)

    room.goes_on(10)
    room.pinboard.comment(CARD, "stop?", author="bob")
    room.goes_on(10)

    assert len(answers(room)) == 4
    assert len(set(answers(room))) == 4


def test_many_are_answered_a_few_at_a_time() -> None:
    room = Room().begin()
    for number in range(12):
        room.pinboard.comment(CARD, f"stop the server {number}")
    room.tenure.look()

    room.tenure.speak()
    assert len(answers(room)) == 5
    room.goes_on(10)

    assert len(answers(room)) == 12


def test_one_who_is_obeyed_is_not_answered() -> None:
    room = Room().begin()
    room.pinboard.comment(CARD, "stop?")
    room.pinboard.comment(CARD, "stop")

    room.goes_on(5)

    assert room.tenure.stop
    assert answers(room) == []


def test_what_was_asked_before_the_card_was_unblocked_is_not_answered() -> None:
    room = Room()
    room.pinboard.comment(CARD, "stop?")
    room.pinboard.claim(CARD)
    room.pinboard.block(CARD, "needs_input")
    room.pinboard.unblock(CARD)

    room.begin().goes_on(5)

    assert answers(room) == []


@pytest.mark.parametrize("deaf", [False, True])
@pytest.mark.parametrize("forgets", [False, True])
def test_the_next_process_does_not_answer_again(*, deaf: bool, forgets: bool) -> None:
    """The thread alone decides, also where the crash came between comment and answer."""
    room = Room(Deaf).begin()
    room.pinboard.comment(CARD, "stop the build")
    room.board.deaf = deaf  # type: ignore[attr-defined]
    room.tenure.look()
    room.tenure.speak()
    later = restarted(room)
    if forgets:
        later.monitor.notebook.keep(Memory())

    later.goes_on(10)

    assert len(answers(later)) == 1


def test_an_answer_that_was_not_heard_of_is_not_made_again() -> None:
    room = Room(Deaf).begin()
    room.pinboard.comment(CARD, "stop the build")
    room.board.deaf = True  # type: ignore[attr-defined]
    room.tenure.look()
    for _ in range(10):
        room.now += 1
        room.tenure.speak()
    room.board.deaf = False  # type: ignore[attr-defined]

    room.goes_on(10)

    assert len(answers(room)) == 1


@pytest.mark.parametrize(("loses", "shows"), [(1, 1), (2, 1), (99, 0)])
def test_an_answer_that_the_board_lost_is_made_again_but_not_for_ever(
    loses: int, shows: int
) -> None:
    room = Room(Losing).begin()
    room.pinboard.comment(CARD, "stop the build")
    room.tenure.look()
    room.board.loses = loses  # type: ignore[attr-defined]

    room.goes_on(30)

    assert len(answers(room)) == shows
    assert room.board.loses in {0, 99 - TRIES}  # type: ignore[attr-defined]
    assert room.tenure.said == 1


def test_while_the_board_is_down_answers_are_kept() -> None:
    room = Room().begin()
    room.pinboard.comment(CARD, "stop the build")
    room.tenure.look()
    room.pinboard.down = "it is being moved"
    room.goes_on(100)

    room.pinboard.down = ""
    room.goes_on(int(SLOWEST) + 1)

    assert len(answers(room)) == 1


def test_an_answer_is_no_reason_for_another_one() -> None:
    """Nor a stop: whoever writes it, and in whatever name."""
    room = Room().begin()
    room.pinboard.comment(CARD, "stop the build")
    room.goes_on(5)
    (answer,) = answers(room)
    room.pinboard.comment(CARD, answer, author="ann")
    room.pinboard.comment(CARD, f"> {answer}", author="ann")

    room.goes_on(5)

    assert len(room.said) == 4
    assert room.tenure.stop is None


def test_answers_need_no_ledger() -> None:
    room = Room()
    ledgers = config.from_environment(os.environ, Path.home()).places.cache
    ledgers.parent.mkdir(parents=True, exist_ok=True)
    ledgers.write_text("a file where a folder should be")
    room.tenure.claim()
    room.pinboard.comment(CARD, "stop the build")

    room.goes_on(5)

    assert len(answers(room)) == 1


def test_one_who_asked_before_hundreds_of_other_words_is_heard() -> None:
    room = Room()
    room.pinboard.comment(CARD, "stop", author="ann")
    for number in range(1100):
        room.pinboard.comment(CARD, f"and {number}")

    room.begin()

    assert room.tenure.stop
    assert room.tenure.stop.author == "ann"


def test_nothing_more_is_said_once_a_person_asked() -> None:
    room = Room().begin("one", "two", "three")
    room.pinboard.comment(CARD, "stop")
    room.tenure.look()

    room.tenure.speak()

    assert room.said == ["stop"]
    assert len(room.monitor.notebook.memory.unsaid) == 3


def test_what_an_earlier_run_obeyed_is_past() -> None:
    room = Room()
    room.pinboard.comment(CARD, "stop")
    room.pinboard.claim(CARD)
    room.pinboard.block(CARD, "needs_input")
    room.pinboard.comment(CARD, "stop!!")
    room.pinboard.unblock(CARD)
    room.begin()
    assert room.tenure.stop is None

    room.pinboard.comment(CARD, "stop")
    room.tenure.look()

    assert room.tenure.stop


def test_a_card_that_another_run_has_is_lost() -> None:
    room = Room().begin("one")
    room.pinboard.reclaim(CARD)
    room.pinboard.claim(CARD)

    with pytest.raises(Lost, match="no longer"):
        room.tenure.look()
    with pytest.raises(Lost):
        room.tenure.speak()
    with pytest.raises(Lost):
        room.tenure.beat_now("alive")
    with pytest.raises(Lost):
        room.tenure.block("over", patience=lambda: 1, sleep=lambda _: None)

    assert room.said == []


# Living. ----------------------------------------------------------------------------------------


def test_heartbeats_come_when_they_are_due_and_do_not_drift() -> None:
    room = Room().begin()
    for _ in range(1000):
        room.tenure.beat(lambda: f"at {room.now:.0f}", every=300)
        room.now += 7

    notes = [note for _, _, note in room.pinboard.beats]
    assert len(notes) == 1 + 7000 // 300
    assert notes[:3] == ["at 0", "at 301", "at 602"]


def test_one_that_failed_is_made_up_for_soon_and_none_is_doubled() -> None:
    room = Room().begin()
    for second in range(1000):
        room.now = second
        room.pinboard.down = "moved" if 290 <= second < 310 else ""
        room.tenure.beat(lambda: str(room.now), every=300)

    assert [note for _, _, note in room.pinboard.beats] == ["0", "315", "600", "900"]


def test_after_a_long_sleep_there_is_one_heartbeat_and_not_one_for_each_that_was_missed() -> None:
    room = Room().begin()
    for second in (0, 8 * 3600, 8 * 3600 + 1, 8 * 3600 + 299, 8 * 3600 + 300):
        room.now = second
        room.tenure.beat(lambda: str(room.now), every=300)

    assert len(room.pinboard.beats) == 3


def test_a_board_without_heartbeats_is_not_asked_again() -> None:
    room = Room(Mute).begin()
    for _ in range(10):
        room.tenure.beat(lambda: "alive", every=0.1)
        room.now += 1

    assert room.board.asked == 1  # type: ignore[attr-defined]


# Ending. ----------------------------------------------------------------------------------------


def test_a_block_is_tried_until_it_works() -> None:
    room = Room().begin()
    room.pinboard.down = "moved"

    def sleep(seconds: float) -> None:
        room.now += seconds
        room.pinboard.down = "" if room.now > 5 else "moved"

    assert room.tenure.block("over", patience=lambda: 60, sleep=sleep)
    assert room.pinboard.cards[CARD].status == "blocked"
    assert len(room.complaints) == 1


def test_one_that_took_place_without_an_answer_counts() -> None:
    room = Room(Blocking).begin()

    def sleep(seconds: float) -> None:
        room.now += seconds

    assert room.tenure.block("over", patience=lambda: 60, sleep=sleep)
    assert room.pinboard.cards[CARD].status == "blocked"


def test_and_given_up_when_patience_ends() -> None:
    room = Room().begin()
    room.pinboard.down = "moved"

    def sleep(seconds: float) -> None:
        room.now += seconds

    assert not room.tenure.block("over", patience=lambda: 60, sleep=sleep)
    assert room.now <= 60


class BlindAfter(Blocking):
    """The same, and for a while after that it cannot be looked at."""

    blind = 3

    def look(self, after: CommentId | None) -> Look | Unknown:
        """Nothing, so many times."""
        if self.pinboard.cards[CARD].status == "blocked" and self.blind:
            self.blind -= 1
            return Unknown("the database is locked")
        return super().look(after)


def test_a_block_whose_answer_was_lost_is_looked_for_until_the_board_can_be_seen() -> None:
    room = Room(BlindAfter).begin()

    def sleep(seconds: float) -> None:
        room.now += seconds

    assert room.tenure.block("over", patience=lambda: 60, sleep=sleep)
    assert room.board.blind == 0  # type: ignore[attr-defined]


class TestTheAnswerToAStop:
    WHY = "blocked: stop-requested by ann at 2026-11-20T17:45:12Z"

    def test_is_the_threads_last_comment_once(self) -> None:
        room = Room().begin()

        room.tenure.answer_stop(self.WHY)
        room.tenure.answer_stop(self.WHY)

        assert room.said == [self.WHY]

    def test_is_never_a_request_itself(self) -> None:
        room = Room().begin()

        room.tenure.answer_stop("blocked: stop-requested by please stop at 2026-11-20T17:45:12Z")

        assert room.said[0].startswith("> blocked: ")

    def test_is_left_out_where_the_board_cannot_be_reached(self) -> None:
        room = Room().begin()
        room.pinboard.down = "no route to host"

        room.tenure.answer_stop(self.WHY)

        room.pinboard.down = ""
        assert room.said == []
