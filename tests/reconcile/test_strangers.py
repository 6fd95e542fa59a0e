"""What no entry speaks of: registered once, or told with the reason why it is not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from examples import (
    AT,
    CLAUDE,
    ENTRY,
    HERE,
    HOME,
    KNOWN,
    LATER,
    NAME,
    NEXT,
    OWN,
    PANE,
    PID,
    RUNS_CLAUDE,
    SECOND_SOCKET,
    SEEN,
    SESSION,
    SHELL,
    SIGHTING,
    SOCKET,
    WORLD,
    drifts,
    judged,
    listing,
    notices,
)
from reconcile.desired import AddEntry, Entry
from reconcile.drift import DriftClass, Notice, NoticeKind, finding_id
from reconcile.memory import Memory
from reconcile.observed import (
    Agent,
    Bound,
    Conversation,
    Inside,
    Pane,
    Process,
    Session,
    SessionName,
    Unknown,
    World,
)
from reconcile.proofs import Proof

OTHER = SessionName("lab-r-creator-claude")
"""The stranger's name."""
STRANGER = replace(SESSION, name=OTHER, id="$7", created_at=AT)
"""Made at another time than what the entry records."""
SECOND = Pane(pane_id="%2", pid=2)
EDITOR = Process(pid=PID, started_at=LATER, command="vim", cwd=HOME)
MISSING = replace(ENTRY, pane_pid=7)
HIDDEN = Unknown("not permitted")


def strange(*sessions: Session, inside: Inside = RUNS_CLAUDE, held: Conversation = None) -> World:
    """A look at strangers alone; `inside` is what runs in each of their panes."""
    panes = {pane.pane_id for session in sessions for pane in session.panes}
    return replace(
        WORLD,
        tmux={SOCKET: listing(*sessions)},
        inside={(SOCKET, pane): inside for pane in panes},
        conversations={OTHER: held},
        # Nobody knows who else has the missing one's conversation: so its end is in doubt.
        holders=Unknown("not asked"),
    )


def registered(world: World, *entries: Entry, memory: Memory = KNOWN) -> list[str]:
    return [
        each.session
        for each in drifts(judged(world, *entries, memory=memory), DriftClass.UNREGISTERED)
    ]


def told(world: World, *entries: Entry) -> list[Notice]:
    """What is said of the stranger; nothing is registered."""
    found = judged(world, *entries)
    assert drifts(found, DriftClass.UNREGISTERED) == []
    return [notice for notice in found.notices if notice.session == OTHER]


# It may be that of an entry nobody found. -------------------------------------------------------


def doubt(owner: str) -> Notice:
    return Notice(
        id=finding_id("N", OTHER, owner),
        kind=NoticeKind.RENAMED,
        session=OTHER,
        message=(
            f"{OTHER}: not registered: it may be that of entry {owner}, which is not found "
            "(was its session renamed?)"
        ),
    )


BELOW_A_SHELL = Inside(process=SHELL, agent=Agent(kind="claude", process=replace(CLAUDE, pid=8)))


@pytest.mark.parametrize(
    ("world", "entry"),
    [
        pytest.param(
            strange(STRANGER, held=Bound(id=OWN, proof=Proof.SOLE, written=True)),
            MISSING,
            id="its conversation",
        ),
        pytest.param(
            strange(STRANGER, held=Bound(id=NEXT, proof=Proof.SOLE, written=True)),
            replace(MISSING, other_ids=(NEXT,)),
            id="another conversation that it has",
        ),
        pytest.param(strange(STRANGER), ENTRY, id="its process"),
        pytest.param(
            strange(STRANGER, inside=BELOW_A_SHELL),
            replace(ENTRY, pane_pid=8),
            id="its agent's process, below a shell",
        ),
        pytest.param(
            strange(STRANGER, inside=BELOW_A_SHELL), ENTRY, id="its shell, and an agent of its kind"
        ),
        pytest.param(
            strange(STRANGER, inside=Inside(process=HIDDEN, agent=HIDDEN)),
            ENTRY,
            id="a process of its pid that cannot be seen",
        ),
        pytest.param(
            strange(STRANGER, inside=Inside(process=None, agent=None)),
            ENTRY,
            id="a process of its pid that has just ended",
        ),
    ],
)
def test_a_stranger_may_be_the_session_of_a_missing_entry_while_it_has(
    world: World, entry: Entry
) -> None:
    assert told(world, entry) == [doubt(NAME)]


@pytest.mark.parametrize(
    ("inside", "entry"),
    [
        pytest.param(RUNS_CLAUDE, MISSING, id="neither its process nor its conversation"),
        pytest.param(
            Inside(process=EDITOR, agent=None), ENTRY, id="a process of its pid of another kind"
        ),
        pytest.param(
            replace(BELOW_A_SHELL, agent=None), ENTRY, id="its shell, and no agent of its kind"
        ),
    ],
)
def test_a_stranger_is_registered_beside_a_missing_entry_when_it_has(
    inside: Inside, entry: Entry
) -> None:
    assert registered(strange(STRANGER, inside=inside), entry) == [OTHER]


def test_of_several_missing_entries_that_it_may_be_the_first_by_name_is_told() -> None:
    world = strange(STRANGER, held=Bound(id=OWN, proof=Proof.SOLE, written=True))
    entries = [replace(MISSING, name=SessionName(name)) for name in ("z", "b", "c")]

    assert told(world, *entries) == told(world, *reversed(entries)) == [doubt("b")]


# What runs in it cannot be seen, or told. -------------------------------------------------------


def blind(why: str) -> Notice:
    text = f"tmux found but not in YAML; cannot see what runs in it: {why}"
    return Notice(
        id=finding_id("U", OTHER, why),
        kind=NoticeKind.BLIND,
        session=OTHER,
        message=f"{OTHER}: {text}",
    )


@pytest.mark.parametrize(
    ("inside", "place", "why"),
    [
        pytest.param(
            Inside(process=HIDDEN, agent=HIDDEN), Unknown("no id"), HIDDEN.why, id="what runs there"
        ),
        pytest.param(RUNS_CLAUDE, Unknown("no id"), "no id", id="which host this is"),
        pytest.param(RUNS_CLAUDE, HERE, "it hung", id="what it holds, while an entry is missing"),
    ],
)
def test_a_stranger_is_told_with_the_first_thing_that_could_not_be_seen(
    inside: Inside, place: object, why: str
) -> None:
    world = strange(STRANGER, inside=inside, held=Unknown("it hung"))

    assert told(replace(world, place=place), MISSING) == [blind(why)]  # type: ignore[arg-type]


def test_a_stranger_of_which_more_than_its_directory_cannot_be_seen_is_told_with_that() -> None:
    nowhere = replace(STRANGER, directory="")
    inside = Inside(process=replace(CLAUDE, cwd=""), agent=HIDDEN)

    assert told(strange(nowhere, inside=inside)) == [blind(HIDDEN.why)]


def test_where_tmux_tells_no_directory_that_of_the_process_is_registered() -> None:
    (drift,) = judged(strange(replace(STRANGER, directory=""))).drifts

    assert drift.workspace == HOME


def test_what_a_name_tells_is_not_taken_for_a_strangers_while_an_entrys_session_has_it_too() -> (
    None
):
    """The entry's own was renamed to what the stranger on another server is called."""
    ours = replace(SESSION, name=OTHER)
    theirs = replace(STRANGER, socket=SECOND_SOCKET, panes=(SECOND,))
    held = Bound(id=NEXT, proof=Proof.PID_FILE, written=True)
    world = replace(
        strange(ours, held=held),
        tmux={SOCKET: listing(ours), SECOND_SOCKET: listing(theirs)},
        inside={(SOCKET, "%1"): RUNS_CLAUDE, (SECOND_SOCKET, "%2"): RUNS_CLAUDE},
    )
    missing = replace(MISSING, name=SessionName("gone"), own_id=NEXT)

    found = judged(world, ENTRY, missing, memory=SEEN)

    why = f"several tmux servers have a session called {OTHER}"
    assert notices(found, NoticeKind.BLIND)[-1:] == [blind(why)]
    assert found.drifts == ()


# Whose name is not its own, or cannot be written down. ------------------------------------------


def test_a_name_that_several_servers_have_is_one_finding_with_their_sockets() -> None:
    other = replace(STRANGER, socket=SECOND_SOCKET)
    where = f"{SOCKET}, {SECOND_SOCKET}"
    both = {SECOND_SOCKET: listing(other), SOCKET: listing(STRANGER)}

    assert told(replace(WORLD, tmux=both)) == [
        Notice(
            id=finding_id("W", OTHER, where),
            kind=NoticeKind.DISPUTED,
            session=OTHER,
            message=f"{OTHER}: not registered: several tmux servers have such a session: {where}",
        )
    ]


def test_a_name_that_cannot_be_written_down_is_one_finding_of_that_name() -> None:
    name = SessionName("x" * 300 + "-creator-claude")

    (notice,) = judged(strange(replace(STRANGER, name=name))).notices

    assert notice == Notice(
        id=finding_id("Q", name),
        kind=NoticeKind.REFUSED,
        session=name,
        message=f"{name[:80]}: not registered: the name is longer than 256 characters",
    )


# What is an entry's already, or another stranger's. ---------------------------------------------


@pytest.mark.parametrize("names", [("all", OTHER), (OTHER, "all")])
def test_a_session_that_is_not_to_be_registered_keeps_no_other_one_from_it(
    names: Sequence[str],
) -> None:
    of = {"all": replace(SESSION, name=SessionName("all"), panes=(SECOND,)), OTHER: STRANGER}

    assert registered(strange(*(of[name] for name in names))) == [OTHER]


def test_of_two_strangers_that_share_a_pane_the_first_by_name_is_registered() -> None:
    older = replace(STRANGER, name=SessionName("lab-z-creator-claude"), id="$2")

    for order in ((STRANGER, older), (older, STRANGER)):
        assert registered(strange(*order)) == [OTHER]


def test_a_followed_session_is_not_registered_under_its_new_name_for_another_agent_in_it() -> None:
    both = replace(STRANGER, id="$1", panes=(PANE, SECOND))

    assert registered(strange(both), ENTRY, memory=SEEN) == []
    assert registered(strange(both), replace(ENTRY, name=SessionName("x"), pane_pid=7)) == [OTHER]


def test_a_session_that_two_entries_claim_is_not_registered_under_its_new_name() -> None:
    joined = replace(STRANGER, panes=(PANE, SECOND))
    other = replace(ENTRY, name=SessionName("other"), pane_pid=2)
    there = replace(SIGHTING, pane_id="%2", pane_pid=2)
    memory = replace(SEEN, sightings={NAME: SIGHTING, other.name: there})

    found = judged(strange(joined), ENTRY, other, memory=memory)

    assert found.drifts == ()
    assert [each.kind for each in found.notices if each.session] == [NoticeKind.DISPUTED] * 2


def test_the_pane_that_an_entry_records_is_not_registered_though_an_agent_runs_before_it() -> None:
    session = replace(SESSION, panes=(SECOND, PANE))
    linked = replace(STRANGER, panes=(PANE,))

    assert registered(strange(session, linked), ENTRY) == []


def test_a_registration_names_the_first_of_the_names_of_its_host() -> None:
    place = replace(HERE, hosts=frozenset({"devbox.example.org", "devbox", "zz"}))
    (drift,) = judged(replace(strange(STRANGER), place=place)).drifts
    (edit,) = drift.edits

    assert isinstance(edit, AddEntry)
    assert edit.fields["host"] == "devbox"
