"""Who is back after a mass termination, and when the card hears of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from examples import AT, ENTRY, HERE, HOME, KNOWN, OWN, SERVER, SOCKET, WORLD
from reconcile import recovery
from reconcile.desired import RUNNING, TERMINATED, Entry, Registry
from reconcile.memory import Ended, MassTermination, Memory
from reconcile.observed import (
    Agent,
    Bound,
    Conversation,
    ConversationId,
    Inside,
    Listing,
    Pane,
    Process,
    Session,
    SessionName,
    Unknown,
    Unproven,
    World,
)
from reconcile.proofs import Proof

KEY = "S-77aa01b2"
NAMES = [SessionName(f"lab-{letter}-creator-claude") for letter in "abc"]
A, B, C = NAMES
STRANGER = ConversationId("b3a7d1e2-0000-4000-8000-000000000c2f")
IDS = {name: ConversationId(f"{OWN[:-1]}{n}") for n, name in enumerate(NAMES)}
BEFORE = replace(KNOWN, mass_terminations={KEY: MassTermination(at=AT, ended=dict(IDS))})


def entry(name: SessionName, **more: object) -> Entry:
    keys = {"name": name, "own_id": IDS[name], "created_at": None, "pane_pid": None, **more}
    return replace(ENTRY, **keys)  # type: ignore[arg-type]


def registry(*back: SessionName) -> Registry:
    """All three entries; those that are back are running again."""
    states = {name: RUNNING if name in back else TERMINATED for name in NAMES}
    return Registry(entries=tuple(entry(name, status=states[name]) for name in NAMES))


def world(minutes: float = 0, **held: Conversation | None) -> World:
    """A world in which the sessions of these letters live, with what each agent holds."""
    sessions, inside, conversations = {}, {}, {}
    for n, (letter, conversation) in enumerate(held.items()):
        name, pane = SessionName(f"lab-{letter}-creator-claude"), Pane(pane_id=f"%{n}", pid=n + 100)
        sessions[name] = Session(
            name=name, socket=SOCKET, id=f"${n}", created_at=AT, directory=HOME, panes=(pane,)
        )
        process = Process(pid=pane.pid, started_at=AT, command="claude", cwd=HOME)
        inside[SOCKET, pane.pane_id] = Inside(
            process=process, agent=Agent(kind="claude", process=process)
        )
        if conversation is not None:
            conversations[name] = conversation
    return replace(
        WORLD,
        at=AT + timedelta(minutes=minutes),
        place=HERE,
        tmux={SOCKET: Listing(server=SERVER, sessions=sessions)},
        inside=inside,
        conversations=conversations,
    )


def own(name: SessionName) -> Bound:
    return Bound(id=IDS[name], proof=Proof.PID_FILE, written=True)


def after(*looks: tuple[Registry, World], memory: Memory = BEFORE) -> MassTermination:
    for found, seen in looks:
        memory = recovery.after(memory, found, seen)
    return memory.mass_terminations[KEY]


def test_while_nobody_is_back_nothing_is_to_be_told() -> None:
    found = after((registry(), world()), (registry(), world(60)))

    assert found == BEFORE.mass_terminations[KEY]
    assert not recovery.is_due(found, AT + timedelta(hours=1))


def test_once_all_are_back_in_their_own_it_is_told_at_once() -> None:
    found = after((registry(A, B, C), world(5, a=own(A), b=own(B), c=own(C))))

    assert recovery.is_due(found, AT + timedelta(minutes=5))
    assert recovery.sentence(found) == "3 of 3 are back, each in its own conversation."


def test_who_is_not_back_is_told_ten_minutes_after_the_first_one_was() -> None:
    found = after((registry(A), world(60, a=own(A))), (registry(A), world(65, a=own(A))))

    assert found.first_back == AT + timedelta(minutes=60)
    assert not recovery.is_due(found, AT + timedelta(minutes=69, seconds=59))
    assert recovery.is_due(found, AT + timedelta(minutes=70))
    assert recovery.sentence(found) == (
        f"1 of 3 is back, each in its own conversation. Not back yet: {B}, {C}."
    )


def test_it_is_told_only_once() -> None:
    found = after((registry(A, B, C), world(5, a=own(A), b=own(B), c=own(C))))

    assert not recovery.is_due(replace(found, told=True), AT + timedelta(days=1))


def test_one_that_was_seen_back_may_end_again() -> None:
    found = after((registry(A, B), world(1, a=own(A), b=own(B))), (registry(C), world(2, c=own(C))))

    assert recovery.sentence(found) == "3 of 3 are back, each in its own conversation."


def test_a_session_without_its_entry_running_is_not_back_yet() -> None:
    """Whoever starts it by hand has not said yet that it is the entry's own."""
    assert after((registry(), world(1, a=own(A)))).own == frozenset()


def test_an_agent_that_holds_nothing_yet_is_not_back_yet() -> None:
    found = after((registry(A, B), world(1, a=None, b=Unknown("locked"))))

    assert (found.own, found.another, found.first_back) == (frozenset(), frozenset(), None)


def test_an_entry_that_runs_without_a_session_is_not_back() -> None:
    assert after((registry(A), world(1))).own == frozenset()


def test_a_session_whose_pane_is_dead_is_not_back() -> None:
    seen = world(1, a=own(A))
    listing = seen.tmux[SOCKET]
    assert isinstance(listing, Listing)
    dead = replace(listing.sessions[A], panes=(Pane(pane_id="%0", pid=100, dead=True),))

    found = after(
        (registry(A), replace(seen, tmux={SOCKET: Listing(server=SERVER, sessions={A: dead})}))
    )

    assert found.own == frozenset()


def test_what_cannot_be_proven_counts_as_back_and_is_named() -> None:
    likely = Unproven(likely=IDS[B])
    found = after((registry(A, B, C), world(1, a=own(A), b=likely, c=own(C))))

    assert recovery.is_due(found, AT + timedelta(minutes=1))
    assert recovery.sentence(found) == (
        f"3 of 3 are back. In which conversation cannot be proven: {B}."
    )


def test_another_conversation_is_not_its_own_and_is_named_for_as_long_as_it_runs() -> None:
    other = Bound(id=STRANGER, proof=Proof.PID_FILE, written=True)
    looks = (
        (registry(A, B, C), world(1, a=other, b=own(B), c=own(C))),
        (registry(A, B, C), world(2, a=own(A), b=own(B), c=own(C))),
    )

    first, second = after(looks[0]), after(*looks)

    assert recovery.sentence(first) == (
        f"2 of 3 are back, each in its own conversation. Another conversation runs in: {A}."
    )
    assert not recovery.is_due(first, AT + timedelta(minutes=2))
    assert second.another == frozenset()
    assert recovery.is_due(second, AT + timedelta(minutes=2))


def test_an_id_that_was_recorded_since_is_not_the_one_that_ended() -> None:
    """Class C follows whatever runs in the session: its own is what it was when it ended."""
    moved = Registry(entries=(entry(A, own_id=STRANGER), *registry().entries[1:]))
    held = Bound(id=STRANGER, proof=Proof.PID_FILE, written=True)

    assert after((moved, world(1, a=held))).another == {A}


def test_what_people_put_aside_is_not_waited_for() -> None:
    kept = Registry(entries=(entry(A), entry(B, status="parked")))

    found = after((kept, world(1, a=own(A))))

    assert recovery.sentence(found) == "1 of 1 is back, each in its own conversation."
    assert recovery.after(BEFORE, Registry(), world()).mass_terminations == {}


def test_of_many_that_are_missing_some_are_named_and_the_rest_are_counted() -> None:
    ended = {SessionName(f"s{n:02}"): None for n in range(31)}
    found = MassTermination(at=AT, ended=ended, own=frozenset({SessionName("s00")}))

    assert recovery.sentence(found).endswith("s19, s20 and 10 more.")


def test_it_is_forgotten_a_day_after_all_was_said_or_a_week_after_nothing_happened() -> None:
    def kept(one: MassTermination, days: float) -> bool:
        memory = replace(BEFORE, mass_terminations={KEY: one})
        return bool(recovery.after(memory, registry(), world(days * 1440)).mass_terminations)

    fresh = BEFORE.mass_terminations[KEY]
    told, whole = replace(fresh, told=True), replace(fresh, own=frozenset(NAMES))

    assert [kept(fresh, 7), kept(fresh, 7.001)] == [True, False]
    assert [kept(told, 1), kept(told, 1.001)] == [True, False]
    assert [kept(whole, 1), kept(whole, 1.001)] == [True, False]


def test_of_many_mass_terminations_the_last_ones_are_remembered() -> None:
    memory = Memory()
    for n in range(10):
        ended = [Ended(cause="host-reboot", session=A), Ended(cause="host-reboot", session=B)]
        memory = recovery.begun(memory, f"S-{n}", ended, AT + timedelta(hours=n))

    assert [*memory.mass_terminations] == [f"S-{n}" for n in range(2, 10)]


def test_what_began_before_is_not_begun_again() -> None:
    """A board that was restored is told of it once more."""
    ended = [Ended(cause="host-reboot", session=A), Ended(cause="host-reboot", session=B)]

    assert recovery.begun(BEFORE, KEY, ended, AT) is BEFORE


def test_the_last_ones_are_those_that_ended_last() -> None:
    known = {
        f"S-{n}": MassTermination(at=AT - timedelta(hours=n), ended={A: None}) for n in range(8)
    }
    ended = [Ended(cause="host-reboot", session=A)]

    found = recovery.begun(replace(KNOWN, mass_terminations=known), "S-new", ended, AT)

    assert {*found.mass_terminations} == {"S-new", *(f"S-{n}" for n in range(7))}


def test_one_that_cannot_be_proven_is_a_first_one_too() -> None:
    found = after((registry(B), world(1, b=Unproven(likely=IDS[B]))))

    assert found.first_back == AT + timedelta(minutes=1)


def test_the_agent_in_the_recorded_pane_is_the_entrys() -> None:
    """Of several agents of one session, another one may have been the first."""
    seen = world(1, a=own(A))
    listing = seen.tmux[SOCKET]
    assert isinstance(listing, Listing)
    both = replace(
        listing.sessions[A], panes=(Pane(pane_id="%7", pid=7), *listing.sessions[A].panes)
    )
    shell = Process(pid=7, started_at=AT, command="bash", cwd=HOME)
    seen = replace(
        seen,
        tmux={SOCKET: replace(listing, sessions={A: both})},
        inside={**seen.inside, (SOCKET, "%7"): Inside(process=shell, agent=None, shell_only=True)},
    )
    recorded = Registry(entries=(entry(A, pane_pid=7), *registry().entries[1:]))

    assert after((recorded, seen)).own == frozenset()
    assert after((registry(A), seen)).own == {A}


def test_where_nobody_is_back_no_conversation_is_spoken_of() -> None:
    found = MassTermination(at=AT, ended=dict(IDS), another=frozenset({A}))

    assert recovery.sentence(found) == (
        f"0 of 3 are back. Another conversation runs in: {A}. Not back yet: {B}, {C}."
    )


def test_names_are_in_order_and_the_last_one_that_fits_is_no_more() -> None:
    ended = {SessionName(f"s{n:02}"): None for n in range(22, 0, -1)}

    twenty = MassTermination(at=AT, ended=dict(list(ended.items())[2:]))
    one_more = MassTermination(at=AT, ended=dict(list(ended.items())[1:]))

    assert recovery.sentence(twenty).endswith(
        "s01, " + ", ".join(f"s{n:02}" for n in range(2, 21)) + "."
    )
    assert recovery.sentence(one_more).endswith("s20 and 1 more.")
