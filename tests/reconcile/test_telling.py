"""What the card is told: each finding once, in comments that can be found again."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from examples import AT, ENTRY, GONE, KNOWN, LATER, NAME, NEXT, OWN, WORLD, planned
from reconcile import own_words, stop, telling
from reconcile.desired import TERMINATED, Entry, Registry
from reconcile.flapping import Unsteady
from reconcile.memory import Awaited, Ended, MassTermination, Memory, Remembered, Unsaid
from reconcile.observed import Bound, Missing, SessionName, Unknown, World
from reconcile.plan import Plan
from reconcile.policy import Policy
from reconcile.stop import Reading

POLICY = Policy()
ENDED = replace(ENTRY, status=TERMINATED)
STALE = replace(WORLD, artefacts={("claude", OWN): Missing("moved")}, conversations={})
FRESH = replace(ENTRY, fresh=True)
STEADY = Unsteady()
OTHER = replace(ENDED, name=SessionName("lab-y-creator-claude"))
BLIND = replace(WORLD, tmux={next(iter(WORLD.tmux)): Unknown("it hangs")})
SOON = AT + timedelta(seconds=1)
REQUESTS = (
    "stop",
    "a, stop, b",
    "please stop: tmux gone",
    "stop the lab",
    "모니터링 중지",
    "stop?",
)


def intended(plan: Plan, memory: Memory = KNOWN, *, seconds: float = 0, **more: object) -> Plan:
    at = AT + timedelta(seconds=seconds)
    troubles = tuple(str(each) for each in more.values())
    return telling.intended(plan, memory, POLICY, at, troubles=troubles)


def at(world: World, seconds: float) -> World:
    return replace(world, at=AT + timedelta(seconds=seconds))


def only(memory: Memory) -> Unsaid:
    (unsaid,) = memory.unsaid.values()
    return unsaid


def ended(cause: str) -> Ended:
    return Ended(cause=cause, session=NAME)


def unsaid(count: int, **keys: object) -> Memory:
    """So many findings, each a second after the one before."""
    found = {
        f"D-{number:08x}": replace(
            Unsaid(text=f"number {number}", at=AT + timedelta(seconds=number)),
            **keys,  # type: ignore[arg-type]
        )
        for number in range(count)
    }
    return Memory(card="t_1", unsaid=found, open={key: Remembered(since=AT) for key in found})


# What is worth a comment. -----------------------------------------------------------------------


def test_what_is_to_be_written_waits_for_its_write() -> None:
    plan = intended(planned(GONE, ENTRY))

    assert only(plan.memory).text == (
        "lab-x-creator-claude: tmux gone (was pane 201132, cmd claude). Marked terminated."
    )
    assert only(plan.memory).awaited == Awaited(session=NAME, value=TERMINATED)
    assert only(plan.memory).ended is None
    assert telling.due(plan.memory, AT) == ()


def test_what_is_only_flagged_may_be_said_at_once() -> None:
    plan = intended(planned(STALE, ENTRY))

    assert only(plan.memory).awaited is None
    (saying,) = telling.due(plan.memory, AT)
    assert saying.text.startswith(f"[{saying.key}] {NAME}: recorded id {OWN} has no transcript")


def test_a_new_session_waits_for_its_entry() -> None:
    assert only(intended(planned(WORLD)).memory).awaited == Awaited(session=NAME, value="running")


def test_a_new_id_waits_for_that_id() -> None:
    moved = replace(WORLD, conversations={NAME: Bound(id=NEXT, proof="pid-file", written=True)})

    assert only(intended(planned(moved, ENTRY)).memory).awaited == Awaited(session=NAME, value=NEXT)


def test_what_the_card_was_told_is_not_said_again() -> None:
    first = intended(planned(STALE, ENTRY))
    (saying,) = telling.due(first.memory, AT)
    told = telling.told(first.memory, saying, "17")

    again = intended(planned(STALE, ENTRY, memory=told), told)

    assert again.memory.unsaid == {}
    (remembered,) = again.memory.open.values()
    assert (remembered.told, remembered.comment_id) == (True, "17")


def test_what_is_not_said_yet_is_not_said_twice() -> None:
    first = intended(planned(STALE, ENTRY))

    again = intended(planned(STALE, ENTRY, memory=first.memory), first.memory)

    assert again.memory.unsaid == first.memory.unsaid


def test_what_was_resolved_and_comes_back_is_new_again() -> None:
    first = intended(planned(STALE, ENTRY))
    (saying,) = telling.due(first.memory, AT)
    told = telling.told(first.memory, saying, "17")
    resolved = planned(WORLD, ENTRY, memory=told).memory

    assert only(intended(planned(STALE, ENTRY, memory=resolved), resolved).memory)


def test_what_is_held_for_a_moment_is_not_worth_a_comment() -> None:
    assert intended(planned(GONE, FRESH)).memory.unsaid == {}


def test_what_is_held_for_long_is_said_with_its_reason() -> None:
    first = intended(planned(GONE, FRESH)).memory

    plan = intended(planned(at(GONE, 120), FRESH, memory=first), first, seconds=120)

    assert "Held: a person edited this entry moments ago" in only(plan.memory).text
    assert only(plan.memory).awaited is None


def test_a_notice_is_said_at_once() -> None:
    alive = replace(ENTRY, status=TERMINATED, terminated_at=AT - timedelta(hours=1))

    plan = intended(planned(WORLD, alive))

    assert only(plan.memory) == Unsaid(text=plan.notes[0].notice.message, at=AT)


def test_a_blink_is_not_worth_a_comment_and_lasting_blindness_is() -> None:
    first = intended(planned(BLIND, ENTRY)).memory
    later = intended(planned(at(BLIND, 120), ENTRY, memory=first), first, seconds=120)

    assert first.unsaid == {}
    assert "it hangs" in only(later.memory).text


def test_what_kept_the_tick_from_looking_is_said_when_it_lasts() -> None:
    first = intended(planned(WORLD, ENTRY), trouble="line 41: twice").memory
    later = intended(
        planned(WORLD, ENTRY, memory=first), first, seconds=120, trouble="line 41: twice"
    )
    again = intended(
        planned(WORLD, ENTRY, memory=later.memory),
        later.memory,
        seconds=150,
        trouble="line 41: twice",
    )

    assert first.unsaid == {}
    assert only(later.memory) == Unsaid(text="line 41: twice", at=AT + timedelta(seconds=120))
    assert again.memory.unsaid == later.memory.unsaid


def test_each_trouble_is_said_by_itself() -> None:
    troubles = {"one": "line 41: twice", "two": "the disk is full"}
    first = intended(planned(WORLD, ENTRY), **troubles).memory

    later = intended(planned(WORLD, ENTRY, memory=first), first, seconds=120, **troubles).memory

    assert [each.text for each in later.unsaid.values()] == [*troubles.values()]
    assert all(key.startswith("U-") for key in later.unsaid)


# After the writes. ------------------------------------------------------------------------------


def test_what_was_written_may_be_said() -> None:
    plan = intended(planned(GONE, ENTRY))

    after = telling.settled(plan, Registry(entries=(ENTRY,)))

    (saying,) = telling.due(after.memory, AT)
    assert saying.text.endswith("Marked terminated.")


def test_what_could_not_be_written_is_taken_back_and_is_new_the_next_time() -> None:
    plan = intended(planned(GONE, ENTRY)).hold_writes("the disk is full")

    after = telling.settled(plan, Registry(entries=(ENTRY,)))

    assert after.memory.unsaid == {}
    assert [*after.memory.open.values()] == [Remembered(since=AT)]
    again = intended(planned(GONE, ENTRY, memory=after.memory), after.memory)
    assert only(again.memory)


class TestACrashBetweenIntentAndWrite:
    """The next process has the intent in its ledger, and a registry that shows it or does not."""

    @pytest.mark.parametrize(
        ("world", "before", "after"),
        [
            pytest.param(GONE, ENTRY, ENDED, id="a death"),
            pytest.param(WORLD, None, ENTRY, id="a new session"),
            pytest.param(WORLD, replace(ENTRY, own_id=None), ENTRY, id="a new id"),
            pytest.param(
                WORLD, replace(ENTRY, pane_pid=7, created_at=LATER), ENTRY, id="a new process"
            ),
            pytest.param(
                WORLD,
                replace(ENTRY, pane_pid=None, created_at=LATER, pane_command="node"),
                replace(ENTRY, pane_pid=None),
                id="a new process of which only time and command are recorded",
            ),
        ],
    )
    def test_what_the_registry_shows_was_written(
        self, world: World, before: Entry | None, after: Entry
    ) -> None:
        entries = (before,) if before else ()
        left = intended(planned(world, *entries)).memory

        plan = intended(planned(world, after, memory=left), left)
        memory = telling.settled(plan, Registry(entries=(OTHER, after))).memory

        assert len(telling.due(memory, AT)) == 1

    def test_what_is_still_to_be_done_is_done_now_and_said_once(self) -> None:
        left = intended(planned(GONE, ENTRY)).memory

        plan = intended(planned(GONE, ENTRY, memory=left), left)
        memory = telling.settled(plan, Registry(entries=(ENTRY,))).memory

        assert len(telling.due(memory, AT)) == 1

    def test_what_is_not_true_any_more_is_never_said(self) -> None:
        left = intended(planned(GONE, ENTRY)).memory

        plan = intended(planned(WORLD, ENTRY, memory=left), left)

        assert telling.settled(plan, Registry(entries=(ENTRY, OTHER))).memory.unsaid == {}

    def test_without_a_registry_nothing_is_decided(self) -> None:
        left = intended(planned(GONE, ENTRY)).memory

        plan = replace(planned(WORLD, ENTRY, memory=left), decisions=())

        assert telling.settled(plan, None).memory.unsaid == left.unsaid


# The comments. ----------------------------------------------------------------------------------


def test_five_are_said_one_by_one_the_oldest_first() -> None:
    sayings = telling.due(unsaid(5), AT)

    assert [each.text for each in sayings] == [f"[D-{n:08x}] number {n}" for n in range(5)]


def test_six_are_one_digest_with_the_list() -> None:
    (saying,) = telling.due(unsaid(6), AT)

    head, *lines = saying.text.splitlines()
    assert head == f"[{saying.key}] 6 findings at once:"
    assert lines == [f"- [D-{n:08x}] number {n}" for n in range(6)]
    assert saying.key.startswith("S-")
    assert len(saying.ids) == 6


def test_a_digest_lists_so_many_and_counts_the_rest() -> None:
    (whole,), (one_more,) = telling.due(unsaid(100), AT), telling.due(unsaid(101), AT)

    assert whole.text.splitlines()[-1] == "- [D-00000063] number 99"
    assert one_more.text.splitlines()[1:-1] == whole.text.splitlines()[1:]
    assert one_more.text.splitlines()[-1] == "- and 1 more: `agent-sessions status`"
    assert len(one_more.ids) == 101


def test_sessions_that_ended_together_are_one_comment_with_the_cause() -> None:
    """However few: five deaths of one server are one event, and not five."""
    wave = unsaid(3, at=AT, ended=ended("tmux-server-died"))
    other = {"D-0000000f": Unsaid(text="another", at=AT)}
    memory = replace(wave, unsaid={**wave.unsaid, **other})

    together, alone = telling.due(memory, AT)

    head, *lines = together.text.splitlines()
    assert together.key.startswith("S-")
    assert head == f"[{together.key}] 3 running sessions ended together: tmux-server-died"
    assert lines[:-1] == [f"- [D-{n:08x}] number {n}" for n in range(3)]
    assert lines[-1] == (
        "Bring them back: `agent-sessions resume-plan --tmux` (look at it, then pipe it to `sh`)"
    )
    assert alone.text == "[D-0000000f] another"
    again, _ = telling.due(telling.under_way(memory, [together], None), AT)
    assert again.text == together.text


def test_a_wave_is_a_comment_beside_the_digest_of_all_else() -> None:
    wave = {f"A-{n:08x}": Unsaid(text="x", at=AT, ended=ended("host-reboot")) for n in range(3)}
    memory = unsaid(6)

    together, digest = telling.due(replace(memory, unsaid={**memory.unsaid, **wave}), AT)

    assert together.ids == tuple(wave)
    assert digest.ids == tuple(memory.unsaid)


def test_all_that_ended_a_wave_is_named_in_order() -> None:
    causes = ("pane-killed (9)", "session-closed", "pane-exited (1)", "host-reboot")
    wave = {
        f"A-{n:08x}": Unsaid(text="x", at=AT, ended=ended(each)) for n, each in enumerate(causes)
    }

    (saying,) = telling.due(Memory(unsaid=wave), AT)

    assert saying.text.splitlines()[0].endswith(
        "together: host-reboot and pane-exited (1) and pane-killed (9) and session-closed"
    )


def test_one_death_among_other_findings_is_no_wave() -> None:
    memory = unsaid(5)
    death = {"A-00000000": Unsaid(text="x", at=AT, ended=ended("host-reboot"))}

    (digest,) = telling.due(replace(memory, unsaid={**memory.unsaid, **death}), AT)

    assert digest.text.splitlines()[0] == f"[{digest.key}] 6 findings at once:"


def test_the_key_of_a_digest_tells_what_it_lists_and_nothing_else() -> None:
    six = unsaid(6)
    turned = {key: replace(each, at=AT - (each.at - AT)) for key, each in six.unsaid.items()}

    (one,), (same,) = telling.due(six, AT), telling.due(replace(six, unsaid=turned), AT)
    (other,) = telling.due(unsaid(7), AT)

    assert one.ids == same.ids[::-1]
    assert one.key == same.key != other.key


def test_what_was_found_together_is_said_in_the_order_of_the_texts_and_then_of_the_ids() -> None:
    a, b, late = Unsaid(text="a", at=AT), Unsaid(text="b", at=AT), Unsaid(text="", at=SOON)
    found = {"D-4": late, "D-3": a, "D-1": b, "D-2": a}

    assert [each.key for each in telling.due(Memory(unsaid=found), AT)] == [
        *("D-2", "D-3", "D-1", "D-4")
    ]


def test_two_comments_under_way_stay_two() -> None:
    """Though what they tell was found by turns."""
    found = {
        f"D-{n:08x}": Unsaid(text="x", at=AT + timedelta(seconds=n), key=f"S-0000000{n % 2}")
        for n in range(4)
    }

    assert [each.ids for each in telling.due(Memory(unsaid=found), AT)] == [
        ("D-00000000", "D-00000002"),
        ("D-00000001", "D-00000003"),
    ]


def test_one_that_ended_alone_is_said_alone_and_each_wave_by_itself() -> None:
    first, second = unsaid(2, at=AT, ended=ended("host-reboot")), unsaid(1, ended=ended("unknown"))
    later = AT + timedelta(minutes=5)
    third = {f"A-{n:08x}": Unsaid(text="x", at=later, ended=ended("unknown")) for n in range(2)}
    memory = replace(first, unsaid={**first.unsaid, **third})

    assert [each.text for each in telling.due(second, AT)] == ["[D-00000000] number 0"]
    one, two = telling.due(memory, later)
    assert one.ids == ("D-00000000", "D-00000001")
    assert two.ids == ("A-00000000", "A-00000001")


def test_a_wave_is_told_with_what_ended_it() -> None:
    names = [f"s{n}-creator-claude" for n in range(4)]
    entries = [replace(ENTRY, name=SessionName(name), pane_pid=None) for name in names]
    held = intended(planned(GONE, *entries)).memory
    assert held.unsaid == {}

    plan = intended(planned(at(GONE, 11), *entries, memory=held), held, seconds=11)
    memory = telling.settled(plan, Registry(entries=tuple(entries))).memory

    (saying,) = telling.due(memory, AT)
    assert saying.text.splitlines()[0].endswith("4 running sessions ended together: session-closed")


def test_who_is_back_is_said_once_under_the_key_that_told_the_end() -> None:
    several = unsaid(0).unsaid | {
        f"A-{n:08x}": Unsaid(text="x", at=AT, ended=replace(ended("host-reboot"), session=name))
        for n, name in enumerate((NAME, OTHER.name))
    }
    first = Memory(card="t_1", unsaid=several)
    (saying,) = telling.due(first, AT)
    memory = telling.told(first, saying, "17")
    ((key, one),) = memory.mass_terminations.items()
    assert key == saying.key
    assert one == MassTermination(at=AT, ended={NAME: None, OTHER.name: None})
    assert intended(Plan(decisions=(), notes=(), memory=memory, unsteady=STEADY)).memory == memory

    back = replace(
        memory, mass_terminations={saying.key: replace(one, own=one.ended.keys(), first_back=AT)}
    )
    plan = intended(Plan(decisions=(), notes=(), memory=back, unsteady=STEADY))
    again = intended(plan)

    assert again.memory == plan.memory
    (closing,) = telling.due(plan.memory, AT)
    assert closing.key == saying.key
    assert closing.text == f"[{saying.key}] 2 of 2 are back, each in its own conversation."
    after = telling.told(plan.memory, closing, "18")
    assert after.unsaid == {}
    assert after.mass_terminations[saying.key].told


class TestABoardThatWasRestored:
    """A comment that was made is in its thread, unless the board lost it."""

    def said(self, count: int = 3) -> Memory:
        memory = unsaid(count)
        for place, saying in enumerate(telling.due(memory, LATER), 17):
            memory = telling.told(memory, saying, str(place), "id")
            mark = own_words.mark("id", str(place), saying.text)
            memory = telling.spoke(memory, mark)
        return memory

    def test_what_was_said_is_kept_with_the_mark_of_its_comment(self) -> None:
        memory = self.said()

        assert memory.unsaid == {}
        assert [*memory.said] == [f"id:{17 + n}:D-{n:08x}" for n in range(3)]
        assert telling.newest(memory, "id") == "id:19:D-00000002"
        assert telling.newest(memory, "place") == telling.newest(Memory(), "id") == ""
        assert telling.lacking(memory, "id", memory.said) is memory

    def test_what_a_thread_lacks_is_said_again_once(self) -> None:
        memory = self.said()
        first, *lost = memory.said

        again = telling.lacking(memory, "id", {first, "id:18:A-77777777", "id:19:"})

        assert [*again.said] == [first]
        assert again.spoken == (first,)
        assert again.unsaid == {key: unsaid(3).unsaid[key] for key in ("D-00000001", "D-00000002")}
        assert all(each.told for each in again.open.values()) is all(
            each.told for each in memory.open.values()
        )
        assert telling.lacking(again, "id", {first}) is again
        assert len(lost) == 2

    def test_by_another_way_to_the_board_nothing_is_known_of_it(self) -> None:
        memory = self.said()

        assert telling.lacking(memory, "place", frozenset()) is memory

    def test_what_is_being_said_again_keeps_its_comment(self) -> None:
        memory = self.said(1)
        (key,) = unsaid(1).unsaid
        under_way = Unsaid(text="again", at=AT, key=key)

        again = telling.lacking(replace(memory, unsaid={key: under_way}), "id", frozenset())

        assert again.unsaid == {key: under_way}

    def test_another_card_has_none_of_it(self) -> None:
        assert telling.anew(self.said()).said == {}

    def test_the_last_hundred_are_kept_by_their_place(self) -> None:
        memory = Memory(unsaid=unsaid(1).unsaid)
        (saying,) = telling.due(memory, AT)
        for place in range(1, 121):
            memory = telling.told(replace(memory, unsaid=unsaid(1).unsaid), saying, str(place))

        assert [*memory.said] == [f"id:{n}:D-00000000" for n in range(21, 121)]
        assert telling.newest(memory, "id") == "id:120:D-00000000"
        turned = replace(memory, unsaid=unsaid(1).unsaid, said=dict(reversed(memory.said.items())))
        assert telling.told(turned, saying, "121").said.keys() == {
            f"id:{n}:D-00000000" for n in range(22, 122)
        }

    def test_of_whole_fleets_fewer_comments_are_kept(self) -> None:
        memory = Memory()
        for place in range(1, 8):
            several = {f"D-{place}{n:07x}": Unsaid(text="x", at=AT) for n in range(500)}
            (saying,) = telling.due(Memory(unsaid=several), AT)
            memory = telling.told(replace(memory, unsaid=several), saying, str(place))

        assert [telling.number(mark) for mark in memory.said] == [4, 5, 6, 7]

    def test_what_is_no_more_to_be_said_is_not_kept(self) -> None:
        (saying,) = telling.due(unsaid(1), AT)

        assert telling.told(Memory(), saying, "17").said == {"id:17:D-00000000": {}}

    def test_a_comment_without_an_id_cannot_be_missed(self) -> None:
        (saying,) = telling.due(unsaid(1), AT)

        assert telling.told(unsaid(1), saying, None).said == {}

    def test_a_mark_that_is_none_has_no_place(self) -> None:
        assert [telling.number(each) for each in ("", "id", "id:x:", "id:7:a:b")] == [0, 0, 0, 7]


def test_who_is_not_back_is_said_once_the_time_for_it_has_come() -> None:
    one = MassTermination(at=AT, ended={NAME: None, OTHER.name: None}, own=frozenset({NAME}))
    memory = Memory(card="t_1", mass_terminations={"S-1": replace(one, first_back=AT)})
    plan = Plan(decisions=(), notes=(), memory=memory, unsteady=STEADY)

    assert intended(plan, seconds=599).memory.unsaid == {}
    assert [*intended(plan, seconds=600).memory.unsaid] == ["S-1"]


def test_a_single_death_is_no_mass_termination() -> None:
    memory = unsaid(1, ended=ended("host-reboot"))
    (saying,) = telling.due(memory, AT)

    assert telling.told(memory, saying, "17").mass_terminations == {}


def test_what_a_session_s_own_conversation_was_is_kept_with_its_end() -> None:
    names = [f"s{n}-creator-claude" for n in range(4)]
    entries = [replace(ENTRY, name=SessionName(name), pane_pid=None) for name in names]
    held = intended(planned(GONE, *entries)).memory
    plan = intended(planned(at(GONE, 11), *entries, memory=held), held, seconds=11)

    memory = telling.settled(plan, Registry(entries=tuple(entries))).memory

    assert [each.ended for each in memory.unsaid.values()] == [
        Ended(cause="session-closed", session=entry.name, conversation=OWN) for entry in entries
    ]


def test_a_late_comment_says_when_it_was_found() -> None:
    (saying,) = telling.due(unsaid(1), AT + timedelta(hours=1))

    assert saying.text == "[D-00000000] number 0 (found 2026-11-20 10:00:00 +0000, said late)"


def test_a_comment_is_not_late_within_the_minute() -> None:
    minute = AT + timedelta(minutes=1)
    (in_time,), (late,) = (
        telling.due(unsaid(1), moment) for moment in (minute, minute + timedelta(microseconds=1))
    )

    assert in_time.text == "[D-00000000] number 0"
    assert late.text.endswith("said late)")


def test_details_stand_below_a_finding_that_is_said_alone() -> None:
    memory = telling.detailed(unsaid(1), {"D-00000000": ("Ended at 10:02.", "token=abc")})

    (saying,) = telling.due(memory, AT)

    assert saying.text == "[D-00000000] number 0\nEnded at 10:02.\ntoken=***"


def test_in_a_digest_they_stand_below_their_finding() -> None:
    memory = telling.detailed(unsaid(6), {"D-00000001": ("Ended at 10:02.", "token=abc")})

    (digest,) = telling.due(memory, AT)

    lines = digest.text.splitlines()
    assert lines[2:5] == ["- [D-00000001] number 1", "  Ended at 10:02.", "  token=***"]
    assert lines[5] == "- [D-00000002] number 2"


def test_in_a_digest_a_detail_is_whole_or_left_out() -> None:
    """Half a command may be another command."""
    details = {"D-00000000": ("x" * 300,), "D-00000001": ("x" * 301,)}
    memory = telling.detailed(unsaid(6), details)

    (digest,) = telling.due(memory, AT)

    assert digest.text.splitlines()[2] == "  " + "x" * 300
    assert digest.text.count("xx\n") == 1


def test_what_a_digest_does_not_list_has_no_details_there() -> None:
    memory = telling.detailed(unsaid(101), {"D-00000064": ("Ended at 10:02.",)})

    (digest,) = telling.due(memory, AT)

    assert "Ended" not in digest.text


def test_what_is_under_way_and_what_is_unknown_get_no_details() -> None:
    memory = unsaid(1, key="D-00000000")

    found = telling.detailed(memory, {"D-00000000": ("more",), "D-00000001": ("else",)})

    assert found == memory


def test_a_comment_under_way_keeps_its_key_and_its_findings() -> None:
    """Whatever else is due by then: only so can it be found on the card."""
    memory = unsaid(7)
    (digest,) = telling.due(memory, AT)
    tried = telling.under_way(memory, [digest], "3")
    later = replace(tried, unsaid={**tried.unsaid, "D-ffffffff": Unsaid(text="one more", at=AT)})

    again, fresh = telling.due(later, AT)

    assert (again.key, again.ids, again.after, again.tried) == (digest.key, digest.ids, "3", True)
    assert (fresh.key, fresh.tried) == ("D-ffffffff", False)


def test_a_second_try_does_not_move_the_place_behind_which_it_is_looked_for() -> None:
    memory = telling.under_way(unsaid(1), telling.due(unsaid(1), AT), None)
    sayings = telling.due(memory, AT)

    assert telling.under_way(memory, sayings, "9") == memory


def test_what_was_told_is_due_no_more() -> None:
    memory = unsaid(2)
    first, second = telling.due(memory, AT)

    memory = telling.told(memory, first, "17")

    assert telling.due(memory, AT) == (second,)
    assert memory.open[first.key].comment_id == "17"
    assert memory.open[second.key] == Remembered(since=AT)
    assert telling.told(replace(memory, open={}), second, None).unsaid == {}


def test_what_comes_from_outside_is_made_safe() -> None:
    secret = f"sk-ant-api03-{'a' * 40}"
    memory = Memory(unsaid={"D-1": Unsaid(text=f"lab\nx {secret} {'y' * 5000}", at=AT)})

    (saying,) = telling.due(memory, AT)

    assert secret not in saying.text
    assert "\n" not in saying.text


def test_a_finding_has_a_thousand_characters_alone_and_three_hundred_in_a_digest() -> None:
    alone = {"D-00000000": Unsaid(text="y" * 5000, at=AT)}
    several = {f"D-{n:08x}": Unsaid(text="y" * 5000, at=AT) for n in range(6)}

    (saying,) = telling.due(Memory(unsaid=alone), AT)
    (digest,) = telling.due(Memory(unsaid=several), AT)

    assert saying.text == f"[D-00000000] {'y' * 999}…"
    assert digest.text.splitlines()[1] == f"- [D-00000000] {'y' * 299}…"


# The card. --------------------------------------------------------------------------------------


def test_another_card_is_told_anew() -> None:
    old = Memory(
        card="t_1",
        spoken=("id:17",),
        open={
            "D-00000001": Remembered(since=AT, told=True, comment_id="17"),
            "D-00000002": Remembered(since=AT, told=True),
        },
        unsaid={"D-00000002": Unsaid(text="two", at=AT, key="D-00000002", after="3")},
    )

    memory = telling.anew(old)

    assert (memory.card, memory.spoken) == (None, ())
    assert not memory.open["D-00000001"].told
    assert memory.open["D-00000001"].comment_id is None
    assert memory.open["D-00000002"].told
    assert memory.unsaid == {"D-00000002": Unsaid(text="two", at=AT)}


def test_without_a_ledger_the_thread_tells_what_was_said() -> None:
    """A deleted ledger costs patience and history, never a second comment."""
    long = "y" * 400
    texts = {
        "D-00000001": "one",
        "A-00000002": long,
        "D-00000004": "four",
        "D-00000005": "five",
        "D-00000006": long,
    }
    fresh = Memory(unsaid={key: Unsaid(text=text, at=AT) for key, text in texts.items()})
    said = own_words.findings(
        [
            "[D-00000001] one (found 2026-11-20 10:00:00 +0000, said late)\nEnded before 10:00:01",
            f"[S-00000003] 2 findings at once:\n- [A-00000002] {'y' * 299}…\n- [D-00000009] z",
            "[D-00000004] thanks, that one is mine",
            "[D-00000005] five, yes",
            f"[D-00000006] {long}",
        ]
    )

    memory = telling.to("t_1", fresh, said)

    assert memory.card == "t_1"
    assert memory.unsaid.keys() == {"D-00000004", "D-00000005"}


def test_the_last_thousand_ids_of_its_comments_are_kept() -> None:
    memory = Memory()
    for number in range(1005):
        memory = telling.spoke(memory, f"id:{number}")

    assert memory.spoken == tuple(f"id:{number}" for number in range(5, 1005))


@given(texts=st.lists(st.text() | st.sampled_from(REQUESTS), min_size=1, max_size=7))
def test_nothing_that_is_said_asks_to_stop_or_for_an_answer(texts: list[str]) -> None:
    """Names, paths and errors come from outside; our own words must be harmless without an id."""
    found = {
        f"D-{number:08x}": Unsaid(text=text, at=AT, details=(text,))
        for number, text in enumerate(texts)
    }

    for seconds in (0, 600):
        for saying in telling.due(Memory(unsaid=found), AT + timedelta(seconds=seconds)):
            assert stop.read(saying.text) is Reading.NONE
            assert saying.text.startswith(f"[{saying.key}]")


@given(texts=st.lists(st.text(min_size=1) | st.sampled_from(REQUESTS), min_size=1, max_size=7))
def test_what_is_said_is_found_again_in_the_thread(texts: list[str]) -> None:
    found = {f"D-{number:08x}": Unsaid(text=text, at=AT) for number, text in enumerate(texts)}
    memory = Memory(unsaid=found)
    thread = [saying.text for saying in telling.due(memory, AT + timedelta(hours=1))]

    assert telling.to("t_1", memory, own_words.findings(thread)).unsaid == {}


@given(st.integers(0, 12), st.integers(0, 12))
def test_at_most_five_comments_are_made_at_one_time_and_none_is_lost(old: int, new: int) -> None:
    memory = unsaid(old)
    memory = telling.under_way(memory, telling.due(memory, AT), None)
    memory = replace(
        memory,
        unsaid={**memory.unsaid, **{f"A-{n:08x}": Unsaid(text="a", at=AT) for n in range(new)}},
    )

    sayings = telling.due(memory, AT)

    assert len([each for each in sayings if not each.tried]) <= telling.AT_MOST
    assert sorted(id_ for each in sayings for id_ in each.ids) == sorted(memory.unsaid)
