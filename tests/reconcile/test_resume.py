"""Which ended sessions may be resumed: all that is proven, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from examples import (
    AT,
    BORN,
    DEAD_PANE,
    ELSEWHERE,
    ENTRY,
    GONE,
    HOME,
    KNOWN,
    NAME,
    NEXT,
    NEXT_BOOT,
    NOTICED,
    OWN,
    PANE,
    PID,
    RUNS_SHELL,
    SECOND_SOCKET,
    SESSION,
    SIGHTING,
    SOCKET,
    WORKSPACE,
    WORLD,
    YOUNG_SERVER,
    judged,
    listing,
)
from reconcile import resume
from reconcile.desired import Entry, Registry
from reconcile.location import Sessions
from reconcile.memory import Memory
from reconcile.observed import (
    Ambiguous,
    Artefact,
    Bound,
    Conversation,
    ConversationId,
    Inside,
    Missing,
    Pane,
    Process,
    Server,
    SessionName,
    Unknown,
    Unproven,
    World,
)
from reconcile.resume import Ended, Holder, Holders, Looked, Resumption

DEAD = replace(ENTRY, status="terminated", terminated_at=NOTICED, termination_cause="host-reboot")
HOW = Ended(at=NOTICED, cause="host-reboot")
COMMAND = ("claude", "--resume", str(OWN))
LOOKED = Looked(
    directory=HOME, artefact=Artefact.PRESENT, misplaced=None, command=COMMAND, holders=Holders()
)
BLIND = Unknown("it could not be read")
OTHER = SessionName("lab-y-creator-claude")
SECOND = Pane(pane_id="%2", pid=2)
EDITOR = Process(pid=2, started_at=BORN, command="vim", cwd=HOME)
RUNS_EDITOR = Inside(process=EDITOR, agent=None)


def holder(holds: Conversation, directory: str = HOME) -> Holder:
    return Holder(who="process 7", directory=directory, holds=holds)


def bound(one: ConversationId) -> Bound:
    return Bound(id=one, proof="pid-file", written=True)


def decide(
    entry: Entry = DEAD,
    *others: Entry,
    looked: Looked | None = LOOKED,
    how: Ended | None = HOW,
    world: World = GONE,
    memory: Memory = KNOWN,
) -> Resumption:
    entries = (entry, *others)
    sessions = Sessions(world, Registry(entries=entries), memory)
    return resume.decide(entry, how, looked, resume.recorders(entries), world, sessions)


def test_what_is_proven_in_every_way_has_its_command() -> None:
    assert decide() == Resumption(
        session=NAME, directory=WORKSPACE, command=COMMAND, why=None, blind=False, ended=HOW
    )


# Who ended ----------------------------------------------------------------------------------------


def test_a_terminated_entry_says_itself_how_it_ended() -> None:
    assert resume.ended(DEAD, ()) == HOW


def test_an_entry_that_class_a_has_just_found_ended_with_what_would_be_written() -> None:
    drifts = judged(GONE, ENTRY, replace(ENTRY, name=OTHER)).drifts

    assert resume.ended(ENTRY, drifts) == Ended(at=NOTICED, cause="session-closed")


def test_a_class_a_without_its_changes_tells_neither_time_nor_cause() -> None:
    (drift,) = judged(GONE, ENTRY).drifts

    assert resume.ended(ENTRY, [replace(drift, changes=())]) == Ended(at=None, cause=None)


def test_other_drifts_end_nobody() -> None:
    missing = replace(WORLD, artefacts={("claude", OWN): Missing("deleted")}, conversations={})
    drifts = judged(missing, ENTRY).drifts
    assert drifts

    assert resume.ended(ENTRY, drifts) is None
    assert resume.ended(replace(ENTRY, status="paused"), ()) is None
    assert resume.ended(replace(ENTRY, name=OTHER), judged(GONE, ENTRY).drifts) is None


# Why not ------------------------------------------------------------------------------------------

ALIVE = replace(GONE, tmux={SOCKET: listing(SESSION)})
RISEN = replace(SESSION, panes=(replace(DEAD_PANE, pid=PID + 1, dead=False),))


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        pytest.param(replace(DEAD, agent=None), "its agent is not recorded", id="no agent"),
        pytest.param(
            replace(DEAD, own_id=None),
            "the id of its conversation is not recorded (claude_session_id_own)",
            id="no id",
        ),
        pytest.param(
            replace(DEAD, own_id=None, other_ids=(OWN,)),
            "claude_session_id_own is empty, and the id under agent_identities is not proven to be"
            " its own",
            id="an id of unknown origin",
        ),
        pytest.param(
            replace(DEAD, workspace=None, pane_cwd=None),
            "its directory is not recorded",
            id="no directory",
        ),
        pytest.param(
            replace(DEAD, workspace="/a\nrm"),
            "its directory's name holds characters that a terminal does not show",
            id="a line break in the directory",
        ),
        pytest.param(
            replace(DEAD, workspace="-lab"),
            "its directory -lab is not an absolute path",
            id="a relative directory",
        ),
        pytest.param(
            replace(DEAD, workspace="~u/lab"),
            "its directory ~u/lab is not an absolute path",
            id="somebody else's home",
        ),
    ],
)
def test_what_the_registry_lacks_is_said(entry: Entry, why: str) -> None:
    for looked in (LOOKED, None):
        found = decide(entry, looked=looked)
        assert (found.command, found.why, found.blind) == (None, why, False)


@pytest.mark.parametrize("workspace", ["~", "~/lab", "/srv/lab x"])
def test_a_directory_may_be_written_from_the_home_or_from_the_root(workspace: str) -> None:
    found = decide(replace(DEAD, workspace=workspace))

    assert (found.directory, found.command) == (workspace, COMMAND)


def test_without_a_workspace_the_pane_s_directory_counts() -> None:
    assert decide(replace(DEAD, workspace=None)).directory == HOME


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        pytest.param({"directory": None}, f"its directory {WORKSPACE} is not there", id="moved"),
        pytest.param(
            {"artefact": Missing("expired")},
            f"recorded id {OWN} has no transcript (expired)",
            id="no transcript",
        ),
        pytest.param(
            {"artefact": Artefact.GHOST},
            f"recorded id {OWN} has a file that holds no conversation",
            id="ghost",
        ),
        pytest.param({"misplaced": "it is elsewhere"}, "it is elsewhere", id="elsewhere"),
        pytest.param({"command": None}, f"no command is known that resumes {OWN}", id="no command"),
    ],
)
def test_what_was_found_outside_is_the_reason(changes: dict[str, object], why: str) -> None:
    found = decide(looked=replace(LOOKED, **changes))  # type: ignore[arg-type]

    assert (found.command, found.why, found.blind) == (None, why, False)


@pytest.mark.parametrize("part", ["directory", "artefact", "misplaced", "holders"])
def test_what_could_not_be_looked_at_is_no_answer(part: str) -> None:
    found = decide(looked=replace(LOOKED, **{part: BLIND}))  # type: ignore[arg-type]

    assert (found.command, found.blind) == (None, True)
    assert found.why == "could not look: it could not be read"


def test_an_agent_that_nobody_knows_is_not_resumed() -> None:
    found = decide(replace(DEAD, agent="aider"), looked=None)

    assert found.why == "how to resume a conversation of aider is not known"


@pytest.mark.parametrize("status", ["running", None])
def test_what_did_not_end_is_not_resumed(status: str | None) -> None:
    found = decide(replace(ENTRY, status=status), how=None)

    said = f"it is not known to have ended (the registry says: {status or 'nothing'})"
    assert (found.command, found.why, found.ended) == (None, said, None)


def test_a_session_that_is_alive_again_is_not_resumed() -> None:
    world = replace(GONE, tmux={SOCKET: listing(RISEN)})

    assert decide(world=world).why == f"its session is alive (pane process {PID + 1})"


def test_a_dead_pane_that_tmux_still_shows_is_no_life() -> None:
    world = replace(GONE, tmux={SOCKET: listing(replace(SESSION, panes=(DEAD_PANE,)))})

    assert decide(world=world).command == COMMAND


def test_a_shell_beside_the_dead_pane_is_no_life() -> None:
    session = replace(SESSION, panes=(DEAD_PANE, SECOND))
    world = replace(GONE, tmux={SOCKET: listing(session)}, inside={(SOCKET, "%2"): RUNS_SHELL})

    found = decide(world=world)

    assert found.command == COMMAND
    assert found.alive == session


def test_an_editor_beside_the_dead_pane_is_no_life_and_no_place_to_resume_in() -> None:
    session = replace(SESSION, panes=(DEAD_PANE, SECOND))
    world = replace(GONE, tmux={SOCKET: listing(session)}, inside={(SOCKET, "%2"): RUNS_EDITOR})

    found = decide(world=world)

    assert (found.command, found.alive) == (COMMAND, None)


def test_without_any_tmux_server_the_ended_stay_ended() -> None:
    assert decide(world=replace(GONE, tmux={SOCKET: None})).command == COMMAND


def test_a_server_that_cannot_be_asked_may_have_the_session() -> None:
    found = decide(world=replace(GONE, tmux={**GONE.tmux, SECOND_SOCKET: BLIND}))

    assert (found.command, found.blind) == (None, True)


def test_what_is_another_hosts_or_may_be_another_session_is_not_resumed() -> None:
    both = {
        SOCKET: listing(SESSION),
        SECOND_SOCKET: listing(replace(SESSION, socket=SECOND_SOCKET)),
    }

    assert decide(replace(DEAD, host="laptop")).why == "it is another host's (laptop)"
    assert decide(world=replace(GONE, tmux=both)).why == (
        f"several tmux servers have a session of this name: {SOCKET}, {SECOND_SOCKET}"
    )


def test_what_was_last_seen_at_another_host_is_not_resumed_though_its_entry_names_none() -> None:
    found = decide(memory=replace(KNOWN, sightings={NAME: replace(SIGHTING, place=ELSEWHERE.id)}))

    assert (found.command, found.why) == (None, "it is another host's (it was last seen there)")


def test_a_process_with_the_recorded_pid_in_a_session_of_another_name_is_no_life() -> None:
    world = replace(GONE, tmux={SOCKET: listing(replace(SESSION, name=OTHER))})

    assert decide(ENTRY, world=world).command == COMMAND


# Whose id it is -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(replace(DEAD, name=OTHER), id="another that ended"),
        pytest.param(replace(ENTRY, name=OTHER), id="one that runs"),
        pytest.param(
            replace(DEAD, name=OTHER, own_id=NEXT, other_ids=(OWN,)), id="in agent_identities"
        ),
        pytest.param(
            replace(DEAD, name=OTHER, own_id=ConversationId(OWN.upper())), id="in capitals"
        ),
    ],
)
def test_an_id_that_two_entries_record_keeps_its_command_with_a_note(other: Entry) -> None:
    found = decide(DEAD, other)

    assert (found.command, found.why) == (COMMAND, None)
    assert found.note == f"also recorded for {OTHER}: resume it once"


def test_all_that_record_its_id_are_named_in_order() -> None:
    others = [replace(DEAD, name=SessionName(name)) for name in ("z", "b", "y")]

    assert decide(DEAD, *others).note == "also recorded for b, y, z: resume it once"


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(replace(DEAD, name=OTHER, own_id=NEXT), id="another id"),
        pytest.param(replace(DEAD, name=OTHER, own_id=None), id="no id"),
        pytest.param(replace(DEAD, name=OTHER, agent="codex"), id="another agent's"),
    ],
)
def test_entries_that_have_nothing_to_do_with_it_do_not_matter(other: Entry) -> None:
    assert decide(DEAD, other) == decide()


# Who holds it -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "why"),
    [
        pytest.param(holder(bound(OWN), "/srv"), "it is held by process 7", id="it"),
        pytest.param(
            holder(bound(ConversationId(OWN.upper()))), "it is held by process 7", id="capitals"
        ),
        pytest.param(
            holder(Ambiguous((NEXT, OWN)), "/srv"), "it may be held by process 7", id="perhaps it"
        ),
        pytest.param(
            holder(Ambiguous((NEXT,))),
            "process 7 works in the same directory, and what it holds cannot be told",
            id="one of several others, in its directory",
        ),
        pytest.param(
            holder(None),
            "process 7 works in the same directory, and what it holds cannot be told",
            id="nothing that is known, in its directory",
        ),
        pytest.param(
            holder(BLIND, "/srv"),
            "could not look: what process 7 holds: it could not be read",
            id="nobody could look",
        ),
    ],
)
def test_who_holds_it_or_may_is_named(one: Holder, why: str) -> None:
    found = decide(looked=replace(LOOKED, holders=resume.holders([holder(bound(NEXT)), one])))

    assert (found.command, found.why) == (None, why)


@pytest.mark.parametrize(
    "one", [holder(bound(NEXT)), holder(None, "/srv"), holder(Ambiguous((NEXT,)), "")]
)
def test_an_agent_that_certainly_holds_another_is_not_in_the_way(one: Holder) -> None:
    assert decide(looked=replace(LOOKED, holders=resume.holders([one]))).command == COMMAND


@pytest.mark.parametrize("other", [BLIND, None, Ambiguous((OWN, NEXT))])
def test_who_certainly_holds_it_is_told_before_who_may(other: Conversation) -> None:
    several = [replace(holder(other), who="process 6"), holder(bound(OWN))]
    for order in (several, several[::-1]):
        found = decide(looked=replace(LOOKED, holders=resume.holders(order)))

        assert (found.why, found.blind) == ("it is held by process 7", False)


def test_of_several_the_first_is_named() -> None:
    for held in (BLIND, None, Ambiguous((OWN,)), bound(OWN)):
        several = [holder(held), replace(holder(held), who="process 8")]
        found = decide(looked=replace(LOOKED, holders=resume.holders(several)))

        assert "process 7" in str(found.why)


@pytest.mark.parametrize(
    ("held", "ids"),
    [
        pytest.param(Ambiguous((NEXT, OWN)), (NEXT, OWN), id="any of several"),
        pytest.param(Unproven(likely=OWN), (OWN,), id="what is likely"),
        pytest.param(Unproven(left=(OWN,)), (), id="something that nothing names"),
        pytest.param(None, (), id="none"),
    ],
)
def test_what_a_process_may_hold_is(held: Conversation, ids: tuple[ConversationId, ...]) -> None:
    assert resume.possible(held) == ids


# Laws ---------------------------------------------------------------------------------------------

ids = st.sampled_from([OWN, NEXT])
held = st.one_of(
    st.none(), st.just(BLIND), ids.map(bound), st.lists(ids, min_size=1).map(tuple).map(Ambiguous)
)
holders = st.lists(st.builds(holder, held, st.sampled_from([HOME, "/srv", ""])), max_size=3).map(
    resume.holders
)
lookeds = st.builds(
    Looked,
    directory=st.sampled_from([HOME, HOME, None, BLIND]),
    artefact=st.sampled_from([*[Artefact.PRESENT] * 3, Artefact.GHOST, Missing("x"), BLIND]),
    misplaced=st.sampled_from([None, None, "it is elsewhere", BLIND]),
    command=st.sampled_from([COMMAND, COMMAND, None]),
    holders=st.one_of(holders, holders, st.just(BLIND)),
)
entries = st.builds(
    replace,
    st.just(DEAD),
    status=st.sampled_from(["terminated", "running", "paused"]),
    own_id=st.sampled_from([OWN, NEXT, None]),
    terminated_at=st.sampled_from([NOTICED, None, AT - timedelta(days=9), BORN]),
)
worlds = st.sampled_from([GONE, GONE, ALIVE, replace(GONE, tmux={SOCKET: BLIND})])


@given(
    entry=entries,
    others=st.lists(entries, max_size=2),
    looked=lookeds,
    how=st.none() | st.just(HOW),
)
def test_there_is_either_a_command_or_one_reason(
    entry: Entry, others: Sequence[Entry], looked: Looked, how: Ended | None
) -> None:
    renamed = [replace(each, name=SessionName(f"o{n}")) for n, each in enumerate(others)]

    found = decide(entry, *renamed, looked=looked, how=how)

    assert (found.command is None) == bool(found.why)
    assert not (found.blind and found.command)


@given(looked=lookeds, world=worlds)
def test_a_command_was_looked_for_in_every_way(looked: Looked, world: World) -> None:
    found = decide(looked=looked, world=world)

    if found.command:
        assert BLIND not in (*world.tmux.values(), looked.directory, looked.misplaced)
        assert looked.artefact is Artefact.PRESENT
        assert not isinstance(looked.holders, Unknown)
        assert looked.holders.hidden is None
        assert not {OWN} & {*looked.holders.certain, *looked.holders.possible}
        assert HOME not in looked.holders.unsure


@given(looked=lookeds, others=st.permutations([replace(DEAD, name=OTHER), ENTRY]))
def test_the_order_of_the_registry_does_not_matter(looked: Looked, others: list[Entry]) -> None:
    entry = replace(DEAD, name=SessionName("third"))

    assert decide(entry, *others, looked=looked) == decide(entry, *reversed(others), looked=looked)


# An agent that ended though its session lives. --------------------------------------------------

SHELL = replace(WORLD, inside={(SOCKET, "%1"): RUNS_SHELL}, conversations={})


def left(world: World = SHELL, entry: Entry = ENTRY) -> Ended | None:
    return resume.left(entry, world, Sessions(world, Registry(entries=(entry,)), KNOWN))


def test_an_agent_that_was_left_for_its_shell_has_ended() -> None:
    assert left() == Ended(at=None, cause="agent-exited")


def test_one_whose_session_came_back_bare_ended_with_the_boot_or_the_server_before() -> None:
    session = replace(SESSION, created_at=AT)
    booted = replace(SHELL, boot=NEXT_BOOT, tmux={SOCKET: listing(session)})
    served = replace(SHELL, tmux={SOCKET: listing(session, server=YOUNG_SERVER)})

    assert left(booted) == Ended(at=NEXT_BOOT.at, cause="host-reboot")
    assert left(served) == Ended(at=YOUNG_SERVER.started_at, cause="tmux-server-died")


@pytest.mark.parametrize(("seconds", "cause"), [(60, "agent-exited"), (60.001, "tmux-server-died")])
def test_a_server_is_a_later_one_when_it_began_a_minute_after_what_is_recorded(
    seconds: float, cause: str
) -> None:
    """Tools write `created_at` a little before or after tmux itself notes the creation."""
    server = Server(pid=999, started_at=BORN + timedelta(seconds=seconds))

    found = left(replace(SHELL, tmux={SOCKET: listing(SESSION, server=server)}))

    assert found
    assert found.cause == cause


def test_where_no_creation_is_recorded_a_bare_session_tells_only_that_its_agent_left() -> None:
    undated = replace(ENTRY, created_at=None)

    assert left(entry=undated) == Ended(at=None, cause="agent-exited")


@pytest.mark.parametrize(
    ("world", "entry"),
    [
        pytest.param(WORLD, ENTRY, id="its agent runs"),
        pytest.param(
            replace(
                SHELL,
                tmux={SOCKET: listing(replace(SESSION, panes=(PANE, SECOND)))},
                inside={**SHELL.inside, (SOCKET, "%2"): RUNS_EDITOR},
            ),
            ENTRY,
            id="an editor runs beside the shell",
        ),
        pytest.param(GONE, ENTRY, id="its session is gone"),
        pytest.param(SHELL, replace(ENTRY, own_id=None), id="it has no conversation"),
        pytest.param(SHELL, DEAD, id="it is known to have ended"),
        pytest.param(
            replace(SHELL, tmux={SOCKET: listing(replace(SESSION, panes=(DEAD_PANE,)))}),
            ENTRY,
            id="its pane is dead",
        ),
        pytest.param(
            replace(SHELL, tmux={SOCKET: listing(replace(SESSION, name=OTHER))}),
            ENTRY,
            id="only its pid is found",
        ),
    ],
)
def test_no_agent_was_left_for_its_shell_where(world: World, entry: Entry) -> None:
    assert left(world, entry) is None


def test_an_ended_session_that_came_back_as_a_shell_is_resumed_there() -> None:
    risen = replace(WORLD, inside={(SOCKET, "%1"): RUNS_SHELL})

    found = decide(world=risen)

    assert found.command == COMMAND
    assert found.alive == SESSION
    assert decide().alive is None


def test_of_an_unnumbered_server_a_bare_session_tells_only_that_its_agent_left() -> None:
    nameless = replace(SHELL, tmux={SOCKET: listing(SESSION, server=None)})

    assert left(nameless) == Ended(at=None, cause="agent-exited")


def test_what_was_likely_is_told_where_no_id_is_recorded() -> None:
    seen = replace(SIGHTING, likely=NEXT)
    memory = replace(KNOWN, sightings={NAME: seen})

    found = decide(replace(DEAD, own_id=None), looked=None, memory=memory)

    assert found.why == (
        "the id of its conversation is not recorded (claude_session_id_own): "
        f"it was probably {NEXT}, which nothing proves"
    )


def test_entries_of_no_agent_may_record_the_same_id() -> None:
    one = replace(DEAD, agent=None)
    other = replace(one, name=OTHER)

    assert decide(one, other).note == f"also recorded for {OTHER}: resume it once"
    assert decide(replace(DEAD, own_id=None), replace(ENTRY, own_id=None)).note == ""
