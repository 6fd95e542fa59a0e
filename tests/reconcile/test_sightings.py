"""Sightings: what a look remembers of an entry's session, and what an earlier one is still of."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from examples import (
    AT,
    CLAUDE,
    DEAD_PANE,
    ELSEWHERE,
    ENTRY,
    KNOWN,
    NAME,
    NEXT,
    NEXT_BOOT,
    OWN,
    PANE,
    RUNS_SHELL,
    SECOND_SOCKET,
    SEEN,
    SESSION,
    SIGHTING,
    SOCKET,
    WORLD,
    YOUNG_SERVER,
    listing,
)
from reconcile import sightings
from reconcile.desired import Entry
from reconcile.memory import Sighting
from reconcile.observed import (
    Agent,
    Ambiguous,
    Bound,
    Conversation,
    ConversationId,
    Inside,
    Pane,
    PlaceId,
    Process,
    ProcessId,
    Session,
    Unknown,
    Unproven,
    World,
)
from reconcile.proofs import Proof

NOWHERE = replace(WORLD, place=Unknown("the machine id cannot be read"))
SECOND = Pane(pane_id="%2", pid=2)
OLD = replace(SIGHTING, at=AT - timedelta(minutes=6))


def holding(held: Conversation) -> World:
    return replace(WORLD, conversations={NAME: held})


def after(world: World, before: Sighting | None, session: Session = SESSION) -> Sighting | None:
    memory = KNOWN if before is None else replace(SEEN, sightings={NAME: before})
    return sightings.after(ENTRY, session, world, memory)


# What a look makes of it. -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("age", "renewed"),
    [
        pytest.param(timedelta(minutes=5), False, id="five minutes old"),
        pytest.param(timedelta(minutes=5, seconds=1), True, id="older"),
        pytest.param(timedelta(seconds=-1), True, id="in the future"),
    ],
)
@pytest.mark.parametrize(
    "world",
    [
        pytest.param(WORLD, id="its agent runs"),
        pytest.param(replace(WORLD, inside={(SOCKET, "%1"): RUNS_SHELL}), id="its agent ended"),
    ],
)
def test_the_time_of_what_is_seen_again_is_renewed_once_it_is(
    world: World,
    age: timedelta,
    renewed: bool,  # noqa: FBT001
) -> None:
    before = replace(SIGHTING, at=AT - age)

    assert after(world, before) == (replace(before, at=AT) if renewed else before)


@pytest.mark.parametrize("before", [None, OLD], ids=["never seen", "seen before"])
def test_a_dead_pane_was_not_seen_alive_now(before: Sighting | None) -> None:
    session = replace(SESSION, panes=(DEAD_PANE,))
    world = replace(WORLD, tmux={SOCKET: listing(session)})

    assert after(world, before, session) is before


@pytest.mark.parametrize(
    "world",
    [
        pytest.param(NOWHERE, id="which place it is"),
        pytest.param(replace(WORLD, tmux={SOCKET: listing(SESSION, server=None)}), id="the server"),
    ],
)
def test_nothing_is_remembered_where_nobody_can_tell(world: World) -> None:
    assert after(world, None) is None


def test_a_system_that_tells_nothing_of_its_boot_has_an_empty_one() -> None:
    seen = after(replace(WORLD, boot=None), None)

    assert seen
    assert seen.boot == ""


def test_of_two_agents_in_one_session_the_entrys_is_remembered() -> None:
    other = Process(pid=2, started_at=AT, command="claude", cwd="/srv", start="7")
    session = replace(SESSION, panes=(SECOND, PANE))
    inside = {(SOCKET, "%2"): Inside(process=other, agent=Agent(kind="claude", process=other))}
    world = replace(WORLD, tmux={SOCKET: listing(session)}, inside={**WORLD.inside, **inside})

    seen = after(world, None, session)

    assert seen
    assert (seen.pane_id, seen.agent) == ("%1", CLAUDE.id)


# Which conversation the process was proven to hold. ---------------------------------------------


@pytest.mark.parametrize(
    ("held", "conversation", "proof"),
    [
        pytest.param(
            Bound(id=NEXT, proof=Proof.HOOK, written=True), NEXT, Proof.HOOK, id="as strongly"
        ),
        pytest.param(
            Bound(id=NEXT, proof=Proof.LOCK, written=True), NEXT, Proof.LOCK, id="more strongly"
        ),
        pytest.param(
            Bound(id=NEXT, proof=Proof.ARGUMENT, written=True), OWN, Proof.HOOK, id="more weakly"
        ),
        pytest.param(
            Bound(id=OWN, proof=Proof.ARGUMENT, written=True),
            OWN,
            Proof.HOOK,
            id="more weakly, to hold the same one",
        ),
        pytest.param(
            Bound(id=NEXT, proof=Proof.LOCK, written=False),
            OWN,
            Proof.HOOK,
            id="to hold one in which nothing is written yet",
        ),
        pytest.param(Ambiguous((OWN, NEXT)), OWN, Proof.HOOK, id="to hold one of several"),
        pytest.param(Unknown("unreadable"), OWN, Proof.HOOK, id="nothing"),
    ],
)
def test_what_a_hook_proved_counts_once_the_process_is_shown(
    held: Conversation, conversation: str, proof: Proof
) -> None:
    seen = after(holding(held), replace(SIGHTING, proof=Proof.HOOK))

    assert seen
    assert (seen.conversation, seen.proof) == (conversation, proof)


@pytest.mark.parametrize(
    ("held", "known", "yields"),
    [
        pytest.param((NEXT, Proof.SOLE), (None, None), True, id="nothing was proven"),
        pytest.param((NEXT, Proof.HOOK), (OWN, Proof.HOOK), True, id="another, as strongly"),
        pytest.param((NEXT, Proof.SOLE), (OWN, Proof.HOOK), False, id="another, more weakly"),
        pytest.param((OWN, Proof.SOLE), (OWN, Proof.HOOK), True, id="the same, more weakly"),
    ],
)
def test_what_was_proven_of_a_process_yields_to(
    held: tuple[ConversationId, Proof],
    known: tuple[ConversationId | None, Proof | None],
    yields: bool,  # noqa: FBT001
) -> None:
    before = replace(SIGHTING, conversation=known[0], proof=known[1])

    assert sightings.yields(before, Bound(id=held[0], proof=held[1], written=True)) is yields


# Of what an earlier one still counts. -----------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "world", "session"),
    [
        pytest.param(SIGHTING, WORLD, SESSION, id="session and pane are the same"),
        pytest.param(
            replace(SIGHTING, pane_id="%7"), WORLD, SESSION, id="its pane ended, another is left"
        ),
        pytest.param(
            SIGHTING, WORLD, replace(SESSION, id="$7"), id="its pane was moved to another session"
        ),
        pytest.param(
            SIGHTING,
            WORLD,
            replace(SESSION, id="$7", panes=(SECOND, PANE)),
            id="its pane was moved beside another one",
        ),
    ],
)
def test_a_sighting_is_of_this_very_session_when(
    before: Sighting, world: World, session: Session
) -> None:
    assert sightings.of_session(before, session, world) is before


@pytest.mark.parametrize(
    ("before", "world", "session"),
    [
        pytest.param(None, WORLD, SESSION, id="there is none"),
        pytest.param(
            SIGHTING,
            WORLD,
            replace(SESSION, id="$7", panes=(SECOND,)),
            id="neither session nor pane is the same",
        ),
        pytest.param(SIGHTING, NOWHERE, SESSION, id="nobody can tell which place this is"),
        pytest.param(
            replace(SIGHTING, place=ELSEWHERE.id), WORLD, SESSION, id="it was at another place"
        ),
        pytest.param(replace(SIGHTING, place=PlaceId("")), WORLD, SESSION, id="the entry ended"),
        pytest.param(
            replace(SIGHTING, socket=SECOND_SOCKET), WORLD, SESSION, id="it was at another socket"
        ),
        pytest.param(
            replace(SIGHTING, server=YOUNG_SERVER), WORLD, SESSION, id="it was of another server"
        ),
        pytest.param(
            SIGHTING,
            replace(WORLD, tmux={SOCKET: listing(SESSION, server=None)}),
            SESSION,
            id="the server does not say who it is",
        ),
        pytest.param(
            SIGHTING,
            replace(WORLD, tmux={SOCKET: Unknown("hung")}),
            SESSION,
            id="the server did not answer",
        ),
    ],
)
def test_a_sighting_is_not_of_this_very_session_when(
    before: Sighting | None, world: World, session: Session
) -> None:
    assert sightings.of_session(before, session, world) is None


NO_BOOT = replace(WORLD, boot=None)


@pytest.mark.parametrize(
    ("before", "world"),
    [
        pytest.param(SIGHTING, WORLD, id="everything is the same"),
        pytest.param(
            replace(SIGHTING, server=YOUNG_SERVER, socket=SECOND_SOCKET, session_id="$7"),
            WORLD,
            id="it was in another session",
        ),
        pytest.param(
            replace(SIGHTING, boot=""), NO_BOOT, id="the system tells nothing of its boot"
        ),
    ],
)
def test_a_sighting_is_of_this_very_process_when(before: Sighting, world: World) -> None:
    assert sightings.of_process(before, CLAUDE.id, world) is before


@pytest.mark.parametrize(
    ("before", "agent", "world"),
    [
        pytest.param(None, CLAUDE.id, WORLD, id="there is none"),
        pytest.param(SIGHTING, None, WORLD, id="no agent is seen"),
        pytest.param(replace(SIGHTING, agent=None), None, WORLD, id="neither saw an agent"),
        pytest.param(SIGHTING, ProcessId(CLAUDE.pid, "101"), WORLD, id="it began at another time"),
        pytest.param(SIGHTING, CLAUDE.id, NOWHERE, id="nobody can tell which place this is"),
        pytest.param(
            SIGHTING, CLAUDE.id, replace(WORLD, place=ELSEWHERE), id="this is another place"
        ),
        pytest.param(SIGHTING, CLAUDE.id, replace(WORLD, boot=NEXT_BOOT), id="the boot is another"),
        pytest.param(SIGHTING, CLAUDE.id, NO_BOOT, id="the boot cannot be told now"),
        pytest.param(
            replace(SIGHTING, boot=""), CLAUDE.id, WORLD, id="the boot could not be told then"
        ),
    ],
)
def test_a_sighting_is_not_of_this_very_process_when(
    before: Sighting | None, agent: ProcessId | None, world: World
) -> None:
    assert sightings.of_process(before, agent, world) is None


MOVED_FILES = replace(SIGHTING, environ={"CLAUDE_CONFIG_DIR": "/c"})


ASIDE = replace(SIGHTING, place=PlaceId(""))
PAUSED = replace(ENTRY, status="paused")


def ended(days: float) -> Entry:
    """An entry of a session that ended so many days ago."""
    return replace(ENTRY, status="terminated", terminated_at=AT - timedelta(days=days))


@pytest.mark.parametrize(
    ("before", "entry", "world", "kept"),
    [
        pytest.param(
            MOVED_FILES,
            PAUSED,
            WORLD,
            replace(MOVED_FILES, place=PlaceId("")),
            id="seen here, its folder, and no place",
        ),
        pytest.param(SIGHTING, PAUSED, WORLD, None, id="seen here without a folder, nothing"),
        pytest.param(SIGHTING, ended(7), WORLD, ASIDE, id="ended within a week, its server"),
        pytest.param(SIGHTING, ended(-7), WORLD, ASIDE, id="ended by a clock that was set back"),
        pytest.param(ASIDE, ended(6), WORLD, ASIDE, id="and goes on being so"),
        pytest.param(ASIDE, ended(7.01), WORLD, None, id="ended longer ago, nothing"),
        pytest.param(SIGHTING, ended(-7.01), WORLD, None, id="ended far in the future, nothing"),
        pytest.param(
            SIGHTING,
            PAUSED,
            replace(WORLD, place=ELSEWHERE),
            SIGHTING,
            id="seen at another place, all",
        ),
        pytest.param(SIGHTING, PAUSED, NOWHERE, SIGHTING, id="seen nobody can tell where, all"),
        pytest.param(
            replace(MOVED_FILES, place=PlaceId("")),
            ended(30),
            WORLD,
            replace(MOVED_FILES, place=PlaceId("")),
            id="ended before with a folder, what is left of it",
        ),
    ],
)
def test_of_an_entry_that_runs_no_more_is_kept_when(
    before: Sighting, entry: Entry, world: World, kept: Sighting | None
) -> None:
    assert sightings.kept(before, entry, world) == kept


def test_what_is_likely_is_kept_for_as_long_as_the_same_process_runs() -> None:
    likely = replace(WORLD, conversations={NAME: Unproven(likely=NEXT)})
    silent = replace(WORLD, conversations={})

    first = sightings.after(ENTRY, SESSION, likely, KNOWN)
    assert first is not None
    second = sightings.after(ENTRY, SESSION, silent, replace(KNOWN, sightings={NAME: first}))
    third = sightings.after(
        ENTRY,
        SESSION,
        replace(WORLD, conversations={NAME: Unproven(likely=OWN)}),
        replace(KNOWN, sightings={NAME: first}),
    )

    assert second is not None
    assert third is not None
    assert (first.likely, second.likely, third.likely) == (NEXT, NEXT, OWN)
