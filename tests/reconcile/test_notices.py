"""What a person is told although no class of drift covers it, and nothing is written."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from examples import (
    AT,
    DEAD_PANE,
    ENTRY,
    GONE,
    HERE,
    KNOWN,
    LATER,
    NAME,
    NEXT,
    OWN,
    PID,
    RUNS_CLAUDE,
    RUNS_SHELL,
    SECOND_SOCKET,
    SEEN,
    SESSION,
    SHELL,
    SIGHTING,
    SOCKET,
    WORLD,
    judged,
    listing,
    notices,
)
from reconcile import judge
from reconcile.desired import Entry, Registry
from reconcile.drift import FOREVER, LETTERS, Judgement, Notice, NoticeKind, finding_id
from reconcile.memory import Memory
from reconcile.observed import (
    Ambiguous,
    Artefact,
    Bound,
    Inside,
    Missing,
    Pane,
    Unknown,
    World,
)
from reconcile.policy import Policy
from reconcile.sightings import RENEWED

GRACE = timedelta(minutes=2)
"""The documented default."""
TICK = timedelta(microseconds=1)


def only(judgement: Judgement, kind: NoticeKind) -> Notice:
    (notice,) = judgement.notices
    assert notice.kind is kind
    return notice


# The session is another one. --------------------------------------------------------------------


def test_a_changed_identity_is_told_and_nothing_is_written() -> None:
    found = judged(WORLD, replace(ENTRY, pane_pid=7, agent="agy", own_id=None))

    assert found.drifts == ()
    assert only(found, NoticeKind.IDENTITY).message == (
        "lab-x-creator-claude: not the session that was registered: "
        f"pane process was 7, is {PID}; agent was agy, is claude"
    )


def test_a_shell_in_another_session_than_the_registered_one_is_only_told_as_such() -> None:
    world = replace(WORLD, inside={(SOCKET, "%1"): RUNS_SHELL})

    only(judged(world, replace(ENTRY, created_at=LATER)), NoticeKind.IDENTITY)


# The id could be one of several. ----------------------------------------------------------------


def test_an_ambiguous_id_is_told_with_its_candidates_in_order() -> None:
    world = replace(WORLD, conversations={NAME: Ambiguous((NEXT, OWN))})

    notice = only(judged(world, ENTRY), NoticeKind.AMBIGUOUS)

    assert notice.message == (
        f"lab-x-creator-claude: ambiguous: its conversation could be any of {OWN}, {NEXT}"
    )


def test_the_order_in_which_candidates_are_found_makes_no_other_notice() -> None:
    one = replace(WORLD, conversations={NAME: Ambiguous((NEXT, OWN))})
    other = replace(WORLD, conversations={NAME: Ambiguous((OWN, NEXT))})

    assert judged(one, ENTRY) == judged(other, ENTRY)


def test_of_another_session_than_the_registered_one_no_conversation_is_asked() -> None:
    world = replace(WORLD, conversations={NAME: Ambiguous((NEXT, OWN))})

    only(judged(world, replace(ENTRY, created_at=LATER)), NoticeKind.IDENTITY)


# Terminated, and alive. -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        pytest.param(
            replace(ENTRY, terminated_at=AT - GRACE - TICK), True, id="the grace window is over"
        ),
        pytest.param(
            replace(ENTRY, terminated_at=AT - GRACE), False, id="the grace window has not passed"
        ),
        pytest.param(
            replace(ENTRY, terminated_at=AT + timedelta(hours=1)),
            True,
            id="the end is in the future, so nobody knows when it was",
        ),
        pytest.param(
            replace(ENTRY, terminated_at=AT + timedelta(seconds=60)),
            False,
            id="another clock is a little ahead",
        ),
        pytest.param(replace(ENTRY, terminated_at=None), True, id="no time was written"),
        pytest.param(
            replace(ENTRY, terminated_at=None, fresh=True), False, id="a person just wrote it"
        ),
    ],
)
def test_a_terminated_entry_whose_session_is_alive_is_told_when(
    entry: Entry,
    told: bool,  # noqa: FBT001
) -> None:
    found = judged(WORLD, replace(entry, status="terminated"))

    assert found.drifts == ()
    message = (
        "lab-x-creator-claude: registered as terminated, "
        f"but its session is alive (pane process {PID}); "
        "if it is the entry's own: `agent-sessions adopt lab-x-creator-claude`"
    )
    assert [notice.message for notice in found.notices] == [message] * told


@pytest.mark.parametrize(
    ("world", "entry", "until"),
    [
        pytest.param(
            WORLD,
            replace(ENTRY, status="terminated", terminated_at=AT),
            AT + GRACE,
            id="the grace window of a terminated one is over",
        ),
        pytest.param(
            replace(
                WORLD,
                tmux={SOCKET: listing(replace(SESSION, created_at=AT))},
                inside={(SOCKET, "%1"): RUNS_SHELL},
                conversations={},
            ),
            replace(ENTRY, created_at=None),
            AT + GRACE,
            id="a new one should have its agent",
        ),
        pytest.param(WORLD, ENTRY, FOREVER, id="something else is seen"),
    ],
)
def test_a_judgement_holds_until(world: World, entry: Entry, until: datetime) -> None:
    found = judged(world, entry)

    assert found == Judgement(until=until)
    assert found.until > AT
    if until != FOREVER:
        after = judged(replace(world, at=until + TICK), entry)
        assert len(after.notices) == 1


def test_a_judgement_holds_until_the_first_of_several_times() -> None:
    second = replace(SESSION, name=judge.SessionName("lab-y-creator-claude"))
    world = replace(WORLD, tmux={SOCKET: listing(SESSION, second)}, conversations={})
    ended = replace(ENTRY, status="terminated", terminated_at=AT)
    before = replace(ended, name=second.name, terminated_at=AT - timedelta(minutes=1))

    assert judged(world, ended, before).until == AT - timedelta(minutes=1) + GRACE


def test_a_quiet_look_holds_until_its_sightings_are_to_be_renewed() -> None:
    registry = Registry(entries=(ENTRY,))

    found = judge.judge(WORLD, registry, SEEN, Policy())

    assert found.until == SIGHTING.at + RENEWED
    assert judge.judge(replace(WORLD, at=found.until), registry, SEEN, Policy()) == found


def test_what_is_to_be_written_says_when_it_was_noticed_so_it_is_judged_anew() -> None:
    assert judged(GONE, ENTRY).until == AT


def test_what_is_only_flagged_need_not_be_judged_anew() -> None:
    stale = replace(WORLD, artefacts={("claude", OWN): Missing("moved")}, conversations={})

    assert len(judged(stale, ENTRY).drifts) == 1
    assert judged(stale, ENTRY).until == FOREVER


@pytest.mark.parametrize(
    ("panes", "inside"),
    [
        pytest.param((DEAD_PANE,), RUNS_SHELL, id="alone"),
        pytest.param((DEAD_PANE, Pane(pane_id="%2", pid=2)), RUNS_SHELL, id="beside a shell"),
    ],
)
def test_a_terminated_entry_whose_pane_is_dead_is_silent(
    panes: tuple[Pane, ...], inside: Inside
) -> None:
    world = replace(
        WORLD,
        tmux={SOCKET: listing(replace(SESSION, panes=panes))},
        inside={(SOCKET, "%2"): inside},
    )

    assert judged(world, replace(ENTRY, status="terminated")) == Judgement()


def test_a_terminated_entry_whose_session_is_gone_is_silent() -> None:
    assert judged(GONE, replace(ENTRY, status="terminated")) == Judgement()


@pytest.mark.parametrize("status", ["paused", "stopped", "", None])
def test_an_entry_of_any_other_status_is_silent(status: str | None) -> None:
    assert judged(WORLD, replace(ENTRY, status=status, pane_pid=7)) == Judgement()
    assert judged(GONE, replace(ENTRY, status=status)) == Judgement()


# The agent has exited. --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("inside", "age", "told"),
    [
        pytest.param(RUNS_SHELL, GRACE + TICK, True, id="only a shell remains"),
        pytest.param(RUNS_SHELL, GRACE, False, id="the session is too young to have its agent"),
        pytest.param(
            Inside(process=SHELL, agent=None), GRACE + TICK, False, id="the shell runs something"
        ),
        pytest.param(RUNS_CLAUDE, GRACE + TICK, False, id="the agent runs"),
    ],
)
def test_an_exited_agent_is_told_and_no_death_when(
    inside: Inside,
    age: timedelta,
    told: bool,  # noqa: FBT001
) -> None:
    session = replace(SESSION, created_at=AT - age)
    world = replace(
        WORLD, tmux={SOCKET: listing(session)}, inside={(SOCKET, "%1"): inside}, conversations={}
    )

    found = judged(world, replace(ENTRY, created_at=None))

    assert found.drifts == ()
    message = f"lab-x-creator-claude: agent exited, shell remains (pane process {PID})"
    assert [notice.message for notice in found.notices] == [message] * told


# A ghost. ---------------------------------------------------------------------------------------


def test_a_transcript_that_holds_no_conversation_is_told() -> None:
    world = replace(WORLD, artefacts={("claude", OWN): Artefact.GHOST}, conversations={})

    assert only(judged(world, ENTRY), NoticeKind.GHOST).message == (
        f"lab-x-creator-claude: recorded id {OWN} has a file that holds no conversation"
    )


def test_a_ghost_that_the_agent_has_yet_to_write_to_is_none() -> None:
    world = replace(
        WORLD,
        artefacts={("claude", OWN): Artefact.GHOST},
        conversations={NAME: Bound(id=OWN, proof="argv", written=False)},
    )

    assert judged(world, ENTRY) == Judgement()


# What cannot be seen. ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "world",
    [
        pytest.param(replace(WORLD, tmux={SOCKET: Unknown("it hung")}), id="a tmux server"),
        pytest.param(
            replace(WORLD, tmux={SOCKET: Unknown("it hung"), SECOND_SOCKET: Unknown("it hung")}),
            id="two servers for the same reason",
        ),
        pytest.param(replace(WORLD, conversations={NAME: Unknown("it hung")}), id="a conversation"),
        pytest.param(
            replace(WORLD, artefacts={("claude", OWN): Unknown("it hung")}), id="a recorded id"
        ),
    ],
)
def test_a_source_that_cannot_be_read_is_told_once(world: World) -> None:
    notice = only(judged(world, ENTRY), NoticeKind.BLIND)

    assert notice.message == "cannot see: it hung"
    assert notice.session is None


def test_without_a_registry_only_blindness_is_told() -> None:
    blind = replace(WORLD, tmux={SOCKET: Unknown("it hung")})

    assert judge.judge(WORLD, None, Memory(), Policy()) == Judgement()
    only(judge.judge(blind, None, Memory(), Policy()), NoticeKind.BLIND)


def test_a_session_that_is_missing_while_its_process_runs_is_told_with_what_contradicts() -> None:
    world = replace(GONE, recorded_pids={PID: replace(SHELL, command="claude")})

    assert only(judged(world, ENTRY), NoticeKind.BLIND).message == (
        "lab-x-creator-claude: not listed by tmux, but its pane process 201132 (claude) still "
        "runs, in no session listed"
    )


@pytest.mark.parametrize(
    "inside",
    [
        pytest.param(
            Inside(process=Unknown("access denied"), agent=Unknown("access denied")), id="at all"
        ),
        pytest.param(Inside(process=SHELL, agent=Unknown("access denied")), id="below its shell"),
        pytest.param(
            Inside(process=Unknown("access denied"), agent=RUNS_CLAUDE.agent),
            id="but for its agent",
        ),
    ],
)
def test_a_session_whose_process_cannot_be_seen_is_told(inside: Inside) -> None:
    world = replace(WORLD, inside={(SOCKET, "%1"): inside})

    registered = only(judged(world, ENTRY), NoticeKind.BLIND)
    stranger = judged(world)

    assert registered.message == ("lab-x-creator-claude: cannot see what runs in it: access denied")
    assert stranger.drifts == ()
    assert only(stranger, NoticeKind.BLIND).session == NAME
    assert only(stranger, NoticeKind.BLIND).message == (
        "lab-x-creator-claude: tmux found but not in YAML; "
        "cannot see what runs in it: access denied"
    )


def test_notices_about_sessions_come_in_the_order_of_their_names() -> None:
    sessions = [replace(SESSION, name=judge.SessionName(name)) for name in ("b", "A", "c")]
    entries = [replace(ENTRY, name=each.name, created_at=LATER) for each in sessions]
    world = replace(
        WORLD,
        tmux={SOCKET: listing(*sessions), SECOND_SOCKET: None},
        conversations={NAME: Unknown("it hung")},
    )

    found = judged(world, *entries)

    assert [notice.session for notice in found.notices] == [None, "A", "b", "c"]
    assert len(notices(found, NoticeKind.IDENTITY)) == 3


def test_the_order_in_which_servers_are_asked_does_not_matter_to_what_is_told() -> None:
    blind = {SOCKET: Unknown("it hung"), SECOND_SOCKET: Unknown("not permitted")}
    turned = dict(reversed(blind.items()))

    found = judged(replace(WORLD, tmux=blind), ENTRY)

    assert len(found.notices) == 2
    assert found == judged(replace(WORLD, tmux=turned), ENTRY)


def test_of_a_look_that_found_nothing_at_all_only_that_is_told() -> None:
    assert only(judged(World(at=AT), ENTRY), NoticeKind.BLIND).message == (
        "cannot see: which host this is was not looked at"
    )
    assert only(judged(World(at=AT, place=HERE), ENTRY), NoticeKind.BLIND).message == (
        "lab-x-creator-claude: not listed by tmux, but no tmux server was asked"
    )


# What tells one finding from the next. ----------------------------------------------------------

LATE = replace(WORLD, tmux={SECOND_SOCKET: listing(replace(SESSION, socket=SECOND_SOCKET))})
AWAY = replace(WORLD, away="the registry is at home at laptop")
DEAD = replace(AWAY, tmux={SOCKET: listing(replace(SESSION, panes=(DEAD_PANE,)))})
RENAMED = replace(WORLD, tmux={SOCKET: listing(replace(SESSION, name=judge.SessionName("notes")))})


@pytest.mark.parametrize(
    ("world", "entry", "memory", "letter", "keys"),
    [
        pytest.param(RENAMED, ENTRY, SEEN, "N", ["notes"], id="the new name of its session"),
        pytest.param(WORLD, replace(ENTRY, host="laptop"), KNOWN, "H", ["laptop"], id="the host"),
        pytest.param(
            AWAY, replace(ENTRY, pane_pid=7), KNOWN, "H", [AWAY.away], id="why it is not ours"
        ),
        pytest.param(DEAD, ENTRY, KNOWN, "U", [DEAD.away], id="why a death is not believed"),
        pytest.param(
            LATE,
            ENTRY,
            SEEN,
            "W",
            [f"it was last seen at another tmux server ({SOCKET}), which says nothing"],
            id="why a name is disputed",
        ),
    ],
)
def test_a_finding_is_another_one_and_told_anew_with(
    world: World, entry: Entry, memory: Memory, letter: str, keys: list[str]
) -> None:
    (notice,) = judged(world, entry, memory=memory).notices

    assert notice.id == finding_id(letter, NAME, *keys)
    assert LETTERS[notice.kind] == letter
    assert all(key in notice.message for key in keys)


def test_two_ghosts_of_one_session_are_two_notices() -> None:
    ghosts = {("claude", OWN): Artefact.GHOST, ("claude", NEXT): Artefact.GHOST}
    world = replace(WORLD, artefacts=ghosts, conversations={})

    found = judged(world, replace(ENTRY, other_ids=(NEXT,)))

    assert len({notice.id for notice in found.notices}) == 2


# A status that is nearly `running`. -------------------------------------------------------------


def test_a_status_that_is_nearly_running_is_told_and_the_entry_left_alone() -> None:
    for world in (WORLD, GONE):
        found = judged(world, replace(ENTRY, status=" Running"))

        assert found.drifts == ()
        notice = only(found, NoticeKind.STATUS)
        assert notice.message == (
            "lab-x-creator-claude: its status is ' Running', so it is not watched: "
            "write `running`, if that is meant"
        )
        assert notice.id == finding_id("K", NAME, " Running")
        assert not notice.perhaps_gone


@pytest.mark.parametrize(
    "entry",
    [
        pytest.param(replace(ENTRY, status="paused"), id="a person's word"),
        pytest.param(replace(ENTRY, status=None), id="none"),
        pytest.param(replace(ENTRY, status="Running", host="laptop"), id="another host's"),
    ],
)
def test_any_other_is_not(entry: Entry) -> None:
    assert judged(WORLD, entry).notices == ()
