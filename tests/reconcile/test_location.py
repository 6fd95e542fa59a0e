"""Which session is an entry's: the one that was seen last, wherever it went; else by its name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from examples import (
    AT,
    BORN,
    DEAD_PANE,
    ELSEWHERE,
    ENTRY,
    KNOWN,
    NAME,
    NEXT,
    NOTES,
    PANE,
    SECOND_SOCKET,
    SEEN,
    SESSION,
    SIGHTING,
    SOCKET,
    WORLD,
    YOUNG_SERVER,
    drifts,
    judged,
    listing,
)
from reconcile import location
from reconcile.desired import Entry, Registry
from reconcile.drift import DriftClass
from reconcile.location import Disputed, How, Located, Location, Sessions
from reconcile.memory import Memory
from reconcile.observed import Bound, Listing, Pane, Session, SessionName, World
from reconcile.proofs import Proof

OTHER = SessionName("lab-r-creator-claude")
"""What a session was renamed to, or another entry is called."""
RENAMED = replace(SESSION, name=OTHER)
SECOND = Pane(pane_id="%2", pid=2)
BESIDE = replace(SESSION, socket=SECOND_SOCKET, id="$5", panes=(SECOND,))
"""A session of the same name on another server."""

DOTTED = replace(ENTRY, name=SessionName("lab.x-creator-claude"), pane_pid=None)
EXACT = replace(DOTTED, name=SessionName("lab_x-creator-claude"))
WITH_DOT = replace(SESSION, name=DOTTED.name, id="$3")
WITHOUT_DOT = replace(SESSION, name=EXACT.name)


def on(*sessions: Session, version: str = "") -> World:
    """A look at one server of this version with these sessions."""
    return replace(WORLD, tmux={SOCKET: replace(listing(*sessions), version=version)})


def of(world: World, *entries: Entry, memory: Memory = KNOWN) -> Location:
    """The session of the first of these entries."""
    entry, *_ = entries = entries or (ENTRY,)
    return Sessions(world, Registry(entries=entries), memory).of(entry)


def sighted(*names: str, **changes: object) -> Memory:
    """The memory of a tick that saw these entries' sessions, each with this of its sighting."""
    seen = replace(SIGHTING, **changes)  # type: ignore[arg-type]
    return replace(KNOWN, sightings={SessionName(name): seen for name in names})


def named(*names: str) -> list[Entry]:
    return [replace(ENTRY, name=SessionName(name)) for name in names]


# By its name. -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "found"),
    [
        pytest.param("3.3a", Located(WITHOUT_DOT, How.NAME), id="that writes it as an underscore"),
        pytest.param("3.7", None, id="that keeps it"),
        pytest.param("", Located(WITHOUT_DOT, How.NAME), id="that does not tell its version"),
    ],
)
def test_a_session_with_an_underscore_is_that_of_an_entry_with_a_dot_on_a_server(
    version: str, found: Location
) -> None:
    assert of(on(WITHOUT_DOT, version=version), DOTTED) == found


def test_each_server_rewrites_names_as_its_own_version_does() -> None:
    rewriting = Listing(
        server=YOUNG_SERVER, sessions={WITHOUT_DOT.name: WITHOUT_DOT}, version="3.5"
    )
    kept = replace(WITHOUT_DOT, socket=SECOND_SOCKET)
    keeping = replace(listing(kept), version="3.7c")

    for order in ([SOCKET, SECOND_SOCKET], [SECOND_SOCKET, SOCKET]):
        tmux = {SOCKET: rewriting, SECOND_SOCKET: keeping}
        world = replace(WORLD, tmux={socket: tmux[socket] for socket in order})
        assert of(world, DOTTED) == Located(WITHOUT_DOT, How.NAME)


def test_a_session_is_that_of_the_entry_that_is_written_exactly_so() -> None:
    world = on(WITHOUT_DOT, version="3.3a")

    assert of(world, DOTTED, EXACT) is None
    assert of(world, EXACT, DOTTED) == Located(WITHOUT_DOT, How.NAME)


@pytest.mark.parametrize("panes", [(PANE,), (DEAD_PANE,)], ids=["alive", "dead"])
def test_a_session_that_is_called_exactly_as_the_entry_comes_before_one_that_may_be_rewritten(
    panes: tuple[Pane, ...],
) -> None:
    exact = replace(WITH_DOT, panes=panes)

    assert of(on(WITHOUT_DOT, exact), DOTTED) == Located(exact, How.NAME)


# By where it was seen. --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sessions", "found"),
    [
        pytest.param([RENAMED], Located(RENAMED, How.SESSION), id="it was renamed"),
        pytest.param(
            [replace(RENAMED, panes=(SECOND,))],
            Located(replace(RENAMED, panes=(SECOND,)), How.SESSION),
            id="its agent's pane was closed beside another one",
        ),
        pytest.param(
            [replace(SESSION, panes=(SECOND,)), replace(RENAMED, id="$2")],
            Located(replace(RENAMED, id="$2"), How.PANE),
            id="its agent's pane was moved to another one, and it lives on without",
        ),
        pytest.param(
            [
                replace(RENAMED, panes=(SECOND, PANE)),
                replace(RENAMED, name=SessionName("a"), id="$0"),
            ],
            Located(replace(RENAMED, panes=(SECOND, PANE)), How.SESSION),
            id="an older one of its group shows the same pane",
        ),
    ],
)
def test_a_session_that_was_seen_is_followed_when(
    sessions: Sequence[Session], found: Location
) -> None:
    assert of(on(*sessions), memory=SEEN) == found


def test_the_ids_of_a_server_say_nothing_of_another_one_that_took_its_place() -> None:
    world = replace(WORLD, tmux={SOCKET: listing(RENAMED, server=YOUNG_SERVER)})

    assert of(world, memory=SEEN) is None


def test_where_it_was_at_another_place_says_nothing_of_the_servers_here() -> None:
    memory = sighted(NAME, place=ELSEWHERE.id, socket="/tmp/theirs")

    assert of(WORLD, memory=memory) == Located(SESSION, How.NAME)


@pytest.mark.parametrize("answer", [None, listing(NOTES)], ids=["ended", "lacks it"])
def test_a_session_of_its_name_on_another_server_is_its_own_once_the_former_one(
    answer: Listing | None,
) -> None:
    world = replace(WORLD, tmux={SOCKET: answer, SECOND_SOCKET: listing(BESIDE)})

    assert of(world, memory=SEEN) == Located(BESIDE, How.NAME)


@pytest.mark.parametrize(
    ("ids", "older"),
    [(("$9", "$10"), "$9"), (("$11", "$10"), "$10"), (("$99", "$100"), "$99")],
)
def test_of_two_sessions_that_show_its_pane_the_one_with_the_lower_id_counts(
    ids: tuple[str, str], older: str
) -> None:
    one, other = (replace(SESSION, name=SessionName(each), id=each) for each in ids)

    for order in ((one, other), (other, one)):
        found = of(on(*order), memory=SEEN)
        assert isinstance(found, Located)
        assert (found.session.id, found.how) == (older, How.PANE)
    assert min(one, other, key=location.age).id == older


def test_what_was_seen_elsewhere_is_this_places_once_somebody_made_it_the_home() -> None:
    memory = sighted(NAME, place=ELSEWHERE.id)
    registry = Registry(entries=(ENTRY,))

    def is_elsewhere(world: World) -> bool:
        return Sessions(world, registry, memory).is_elsewhere(ENTRY)

    assert is_elsewhere(WORLD)
    assert is_elsewhere(replace(WORLD, home_since=BORN))
    assert not is_elsewhere(replace(WORLD, home_since=AT))


# Whose it is, of several entries. ---------------------------------------------------------------


def test_a_session_that_several_followed_entries_have_is_told_with_all_of_them_in_order() -> None:
    entries = named(NAME, "z", "b")

    found = of(WORLD, *entries, memory=sighted(NAME, "z", "b"))

    assert found == Disputed("its session is also that of b, z", (SESSION,))


def test_a_name_that_followed_sessions_of_others_took_is_told_with_the_first_of_them() -> None:
    entries = named(NAME, "z", "b")

    found = of(WORLD, *entries, memory=sighted("z", "b"))

    why = "the session of this name is that of entry b, which was renamed"
    assert found == Disputed(why, (SESSION,))


# By its process alone. --------------------------------------------------------------------------

OWNER = replace(ENTRY, name=SessionName("owner"), pane_pid=7)
MOVED = replace(RENAMED, name=SessionName("moved"))


@pytest.mark.parametrize(
    ("world", "others"),
    [
        pytest.param(on(RENAMED), [], id="nothing else speaks of it"),
        pytest.param(
            on(RENAMED),
            [replace(ENTRY, name=SessionName("ended"), status="terminated")],
            id="an entry that ended had a process of that pid",
        ),
        pytest.param(
            on(RENAMED, replace(SESSION, name=SessionName("old"), id="$0", panes=(DEAD_PANE,))),
            [],
            id="a dead pane had a process of that pid",
        ),
    ],
)
def test_what_was_never_seen_is_found_by_its_recorded_process_when(
    world: World, others: Sequence[Entry]
) -> None:
    assert of(world, ENTRY, *others) == Located(RENAMED, How.PROCESS)


@pytest.mark.parametrize(
    ("world", "entries", "memory"),
    [
        pytest.param(on(RENAMED), [replace(ENTRY, status="terminated")], KNOWN, id="it ended"),
        pytest.param(on(RENAMED), [replace(ENTRY, pane_pid=None)], KNOWN, id="none is recorded"),
        pytest.param(
            on(replace(SESSION, name=OTHER)),
            [ENTRY, replace(ENTRY, name=OTHER, status="paused", pane_pid=7)],
            KNOWN,
            id="it is in a session of another entry's name",
        ),
        pytest.param(
            on(replace(SESSION, name=EXACT.name)),
            [ENTRY, replace(DOTTED, pane_pid=7)],
            KNOWN,
            id="it is in a session that tmux may have named after another entry",
        ),
        pytest.param(
            on(MOVED), [ENTRY, OWNER], sighted("owner"), id="it is in a session that is followed"
        ),
        pytest.param(
            replace(WORLD, tmux={SOCKET: listing(RENAMED), SECOND_SOCKET: listing(MOVED)}),
            [ENTRY],
            KNOWN,
            id="it is in two sessions",
        ),
        pytest.param(
            on(RENAMED), [ENTRY, *named("twin")], KNOWN, id="another running entry records it"
        ),
    ],
)
def test_what_was_never_seen_is_not_found_by_its_recorded_process_when(
    world: World, entries: Sequence[Entry], memory: Memory
) -> None:
    assert of(world, *entries, memory=memory) is None


# What is told by a name alone. ------------------------------------------------------------------


def test_of_two_followed_sessions_of_one_name_nothing_is_believed_that_the_name_tells() -> None:
    """One entry's session was renamed to what another entry's is called, on another server."""
    ours, theirs = RENAMED, replace(BESIDE, name=OTHER)
    there = replace(SIGHTING, socket=SECOND_SOCKET, session_id="$5", pane_id="%2")
    memory = replace(KNOWN, sightings={NAME: SIGHTING, OTHER: there})
    world = replace(
        WORLD,
        tmux={SOCKET: listing(ours), SECOND_SOCKET: listing(theirs)},
        inside={**WORLD.inside, (SECOND_SOCKET, "%2"): WORLD.inside[SOCKET, "%1"]},
        conversations={OTHER: Bound(id=NEXT, proof=Proof.PID_FILE, written=True)},
    )

    found = judged(world, ENTRY, replace(ENTRY, name=OTHER, own_id=None), memory=memory)

    assert drifts(found, DriftClass.ID_MATERIALISED) == []


def test_what_a_name_tells_is_the_entrys_while_nobody_follows_another_session_of_that_name() -> (
    None
):
    world = replace(
        WORLD,
        tmux={SOCKET: listing(SESSION), SECOND_SOCKET: listing(BESIDE)},
        conversations={NAME: Bound(id=NEXT, proof=Proof.PID_FILE, written=True)},
    )

    (drift,) = judged(world, ENTRY, memory=SEEN).drifts

    assert drift.kind is DriftClass.ID_MATERIALISED
