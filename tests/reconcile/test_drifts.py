"""The four classes of drift: when each is found, what it writes, and what it says."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta, timezone

import pytest

from examples import (
    AT,
    BORN,
    CLAUDE,
    DEAD_PANE,
    ENTRY,
    GONE,
    HOME,
    LATER,
    NAME,
    NEXT,
    NOTICED,
    OWN,
    PID,
    RUNS_CLAUDE,
    RUNS_SHELL,
    SECOND_SOCKET,
    SESSION,
    SOCKET,
    WORLD,
    drifts,
    judged,
    listing,
    planned,
)
from reconcile import judge, report
from reconcile.desired import AddEntry, AppendItem, Entry, Registry, SetKey
from reconcile.drift import Change, Drift, DriftClass, Judgement, NoticeKind
from reconcile.memory import Memory
from reconcile.observed import (
    Agent,
    Ambiguous,
    Artefact,
    Bound,
    Conversation,
    ConversationId,
    Inside,
    Missing,
    Pane,
    Process,
    SessionName,
    Unknown,
    World,
)
from reconcile.policy import Policy

BOTH = f"{SOCKET}, {SECOND_SOCKET}"


def only(judgement: Judgement, kind: DriftClass) -> Drift:
    (drift,) = judgement.drifts
    assert drift.kind is kind
    return drift


def said(world: World, *entries: Entry) -> list[str]:
    """The sentences about the drifts of a look whose edits were all made."""
    return [report.sentence(decision) for decision in planned(world, *entries).decisions]


def test_an_entry_whose_session_runs_as_registered_is_no_drift() -> None:
    assert judged(WORLD, ENTRY) == Judgement()


# A: tmux gone. ----------------------------------------------------------------------------------


def test_a_session_that_is_gone_is_marked_terminated_with_time_mode_and_cause() -> None:
    drift = only(judged(GONE, ENTRY), DriftClass.TMUX_GONE)

    assert drift.edits == (
        SetKey(session=NAME, key="status", value="terminated"),
        SetKey(session=NAME, key="terminated_at", value=NOTICED),
        SetKey(session=NAME, key="termination_mode", value="auto-detected"),
        SetKey(session=NAME, key="termination_cause", value="session-closed"),
    )
    assert drift.changes == (
        Change(key="status", before="running", after="terminated"),
        Change(key="terminated_at", before=None, after=NOTICED),
        Change(key="termination_mode", before=None, after="auto-detected"),
        Change(key="termination_cause", before=None, after="session-closed"),
    )
    assert drift.evidence["cause"] == "session-closed"
    assert drift.evidence["pid_gone"] == PID
    assert (drift.session, drift.workspace, drift.agent) == (NAME, "~/lab/x", "claude")


def test_an_end_that_was_written_before_is_told_as_what_it_replaces() -> None:
    resumed = replace(ENTRY, terminated_at=LATER)

    drift = only(judged(GONE, resumed), DriftClass.TMUX_GONE)

    assert drift.changes[1] == Change(key="terminated_at", before=LATER, after=NOTICED)


def test_what_an_entry_does_not_name_is_told_as_empty() -> None:
    drift = only(judged(GONE, replace(ENTRY, workspace=None, agent=None)), DriftClass.TMUX_GONE)

    assert (drift.workspace, drift.agent) == ("", "")


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        pytest.param(
            ENTRY,
            "lab-x-creator-claude: tmux gone (was pane 201132, cmd claude). Marked terminated.",
            id="pane and command",
        ),
        pytest.param(
            replace(ENTRY, pane_command=None),
            "lab-x-creator-claude: tmux gone (was pane 201132). Marked terminated.",
            id="the pane alone",
        ),
        pytest.param(
            replace(ENTRY, pane_pid=None),
            "lab-x-creator-claude: tmux gone (was cmd claude). Marked terminated.",
            id="the command alone",
        ),
        pytest.param(
            replace(ENTRY, pane_pid=None, pane_command=None),
            "lab-x-creator-claude: tmux gone. Marked terminated.",
            id="nothing of the pane",
        ),
    ],
)
def test_a_death_is_told_with_what_was_recorded(entry: Entry, sentence: str) -> None:
    assert said(GONE, entry) == [sentence]


@pytest.mark.parametrize(
    ("entry", "panes", "is_death"),
    [
        pytest.param(ENTRY, (DEAD_PANE,), True, id="the recorded one"),
        pytest.param(
            replace(ENTRY, created_at=LATER),
            (DEAD_PANE,),
            True,
            id="the recorded one, of a session made at another time than was written",
        ),
        pytest.param(
            ENTRY,
            (DEAD_PANE, Pane(pane_id="%2", pid=2)),
            True,
            id="the recorded one, beside a pane that runs no agent",
        ),
        pytest.param(
            replace(ENTRY, pane_pid=None), (DEAD_PANE,), True, id="the only one, none was recorded"
        ),
        pytest.param(
            replace(ENTRY, pane_pid=7), (DEAD_PANE,), False, id="not that of the recorded process"
        ),
        pytest.param(
            replace(ENTRY, pane_pid=None, created_at=LATER),
            (DEAD_PANE,),
            False,
            id="that of a session made at another time, none was recorded",
        ),
    ],
)
def test_a_dead_pane_is_a_death_when_it_is(
    entry: Entry,
    panes: tuple[Pane, ...],
    is_death: bool,  # noqa: FBT001
) -> None:
    world = replace(
        WORLD,
        tmux={SOCKET: listing(replace(SESSION, panes=panes))},
        inside={(SOCKET, "%2"): RUNS_SHELL},
    )

    found = judged(world, entry)

    assert [drift.kind for drift in found.drifts] == [DriftClass.TMUX_GONE] * is_death
    assert len(found.notices) == (not is_death)


def test_a_dead_pane_gives_its_exit_status_as_the_cause() -> None:
    world = replace(WORLD, tmux={SOCKET: listing(replace(SESSION, panes=(DEAD_PANE,)))})

    drift = only(judged(world, ENTRY), DriftClass.TMUX_GONE)

    assert drift.edits[3] == SetKey(session=NAME, key="termination_cause", value="pane-exited (1)")
    assert drift.evidence == {"cause": "pane-exited (1)", "pane_dead": "%1", "pid": PID}


def test_a_dead_pane_is_judged_by_its_own_server_alone() -> None:
    dead = listing(replace(SESSION, panes=(DEAD_PANE,)))
    world = replace(WORLD, tmux={SOCKET: dead, SECOND_SOCKET: Unknown("not permitted")})

    only(judged(world, ENTRY), DriftClass.TMUX_GONE)


@pytest.mark.parametrize(
    "pane",
    [
        pytest.param(Pane(pane_id="%1", pid=7), id="alive, with another process"),
        pytest.param(replace(DEAD_PANE, pid=7), id="dead"),
    ],
)
def test_a_name_on_two_servers_is_told_with_the_sockets_and_nothing_is_written(pane: Pane) -> None:
    other = replace(SESSION, socket=SECOND_SOCKET, panes=(pane,))
    world = replace(WORLD, tmux={SECOND_SOCKET: listing(other), SOCKET: listing(SESSION)})

    found = judged(world, ENTRY)

    assert found.drifts == ()
    assert [(notice.kind, notice.message) for notice in found.notices] == [
        (
            NoticeKind.DISPUTED,
            f"{NAME}: several tmux servers have a session of this name: {BOTH}; nothing is written",
        )
    ]


def test_a_name_is_compared_as_tmux_writes_it() -> None:
    session = replace(SESSION, name=SessionName("a_b_c-creator-claude"))
    world = replace(WORLD, tmux={SOCKET: listing(session)}, conversations={})
    entry = replace(ENTRY, name=SessionName("a.b:c-creator-claude"))

    assert judged(world, entry) == Judgement()


def test_a_name_is_written_and_told_as_a_person_wrote_it() -> None:
    entry = replace(ENTRY, name=SessionName("a.b:c"))

    drift = only(judged(GONE, entry), DriftClass.TMUX_GONE)

    assert {edit.session for edit in drift.edits} == {"a.b:c"}
    assert said(GONE, entry)[0].startswith("a.b:c: tmux gone")


# B: unregistered. -------------------------------------------------------------------------------


def test_an_unregistered_session_is_registered_with_these_fields_in_this_order() -> None:
    drift = only(judged(WORLD), DriftClass.UNREGISTERED)

    fields = {
        "workspace": HOME,
        "agent": "claude",
        "status": "running",
        "host": "devbox",
        "created_at": BORN,
        "last_visible_status": "auto-registered",
        "pane": {"pid": PID, "cmd": "claude", "cwd": HOME},
        "claude_session_id_own": None,
    }
    assert drift.edits == (AddEntry(session=NAME, fields=fields),)
    assert isinstance(drift.edits[0], AddEntry)
    assert list(drift.edits[0].fields) == list(fields)
    assert drift.changes == tuple(Change(key=k, before=None, after=fields[k]) for k in fields)
    assert (drift.session, drift.workspace, drift.agent) == (NAME, HOME, "claude")
    assert drift.evidence == {"socket": SOCKET, "pane": "%1", "pid": PID}


def test_a_registration_is_told_in_these_words() -> None:
    assert said(WORLD) == ["lab-x-creator-claude: tmux found but not in YAML. Auto-registered."]


def fields(world: World) -> dict[str, object]:
    (edit,) = only(judged(world), DriftClass.UNREGISTERED).edits
    assert isinstance(edit, AddEntry)
    return dict(edit.fields)


def named(name: str, inside: Inside, *, directory: str = HOME) -> World:
    session = replace(SESSION, name=SessionName(name), directory=directory)
    return replace(
        WORLD, tmux={SOCKET: listing(session)}, inside={(SOCKET, "%1"): inside}, conversations={}
    )


def test_the_agent_that_runs_counts_and_not_the_one_in_the_name() -> None:
    process = Process(pid=8, started_at=LATER, command="agy", cwd="/work/deep")
    world = named("x-creator-claude", replace(RUNS_SHELL, agent=Agent(kind="agy", process=process)))

    assert fields(world) == {
        "workspace": "/work/deep",
        "agent": "agy",
        "status": "running",
        "host": "devbox",
        "created_at": BORN,
        "last_visible_status": "auto-registered",
        "pane": {"pid": PID, "cmd": "agy", "cwd": "/work/deep"},
        "agy_session_id_own": None,
    }


def test_without_an_agent_yet_the_name_tells_its_kind_and_the_pane_the_rest() -> None:
    world = named("x-creator-codex", RUNS_SHELL)

    assert fields(world)["agent"] == "codex"
    assert fields(world)["codex_session_id_own"] is None
    assert fields(world)["pane"] == {"pid": PID, "cmd": "bash", "cwd": HOME}


def test_what_cannot_be_read_of_the_process_is_null_and_the_directory_is_the_sessions() -> None:
    silent = Process(pid=PID, started_at=BORN, command="", cwd="")
    world = named("x-creator-claude", Inside(process=silent, agent=None), directory="/made/here")

    assert fields(world)["workspace"] == "/made/here"
    assert fields(world)["pane"] == {"pid": PID, "cmd": None, "cwd": "/made/here"}


@pytest.mark.parametrize(
    ("name", "agent"), [("x-creator-aider", "aider"), ("x-creator-$(rm x)", None)]
)
def test_a_session_of_no_known_agent_has_the_word_of_its_name_and_no_placeholder_for_an_id(
    name: str, agent: str | None
) -> None:
    world = named(name, RUNS_SHELL)

    judgement = judge.judge(world, Registry(), Memory(), Policy())

    (edit,) = only(judgement, DriftClass.UNREGISTERED).edits
    assert isinstance(edit, AddEntry)
    assert edit.fields["agent"] == agent
    assert not [key for key in edit.fields if key.endswith("_session_id_own")]
    assert judgement.drifts[0].agent == (agent or "")


def test_the_time_of_creation_is_written_in_the_zone_of_the_look() -> None:
    tokyo = timezone(timedelta(hours=9))

    created = fields(replace(WORLD, at=AT.astimezone(tokyo)))["created_at"]

    assert created == BORN
    assert str(created) == "2026-11-20 18:00:00+09:00"


@pytest.mark.parametrize(
    ("world", "registry"),
    [
        pytest.param(WORLD, Registry(entries=(ENTRY,)), id="it is registered"),
        pytest.param(
            WORLD,
            Registry(entries=(replace(ENTRY, status="paused"),)),
            id="it is registered under a status of a person's own",
        ),
        pytest.param(WORLD, Registry(reserved=frozenset({NAME})), id="its name is reserved"),
        pytest.param(named("notes", RUNS_CLAUDE), Registry(), id="its name matches no pattern"),
        pytest.param(
            named("x-creator-claude", Inside(process=None, agent=None)),
            Registry(),
            id="its process has just ended",
        ),
        pytest.param(
            replace(WORLD, tmux={SOCKET: listing(replace(SESSION, panes=(DEAD_PANE,)))}),
            Registry(),
            id="all of its panes are dead",
        ),
    ],
)
def test_a_session_is_not_registered_when(world: World, registry: Registry) -> None:
    found = judge.judge(world, registry, Memory(), Policy())

    assert drifts(found, DriftClass.UNREGISTERED) == []


@pytest.mark.parametrize("session_path", ["", "/srv/x"], ids=["nor by tmux", "but by tmux"])
def test_where_a_process_does_not_tell_its_directory(session_path: str) -> None:
    """It may have ended this moment; tmux 3.0a tells no directory of a session either."""
    nowhere = replace(CLAUDE, cwd="")
    world = replace(
        WORLD,
        tmux={SOCKET: listing(replace(SESSION, directory=session_path))},
        inside={
            (SOCKET, "%1"): Inside(process=nowhere, agent=Agent(kind="claude", process=nowhere))
        },
    )

    found = judged(world)

    registered = [each.workspace for each in drifts(found, DriftClass.UNREGISTERED)]
    assert registered == ([session_path] if session_path else [])
    why = "cannot see what runs in it: its directory cannot be read"
    told = [f"{NAME}: tmux found but not in YAML; {why}"]
    assert [each.message for each in found.notices] == ([] if session_path else told)


def test_of_two_servers_with_such_a_session_a_living_one_is_registered() -> None:
    dead = replace(SESSION, socket=SECOND_SOCKET, panes=(replace(DEAD_PANE, pid=7),))
    world = replace(WORLD, tmux={SECOND_SOCKET: listing(dead), SOCKET: listing(SESSION)})

    assert only(judged(world), DriftClass.UNREGISTERED).evidence["socket"] == SOCKET


def test_of_two_servers_with_such_a_living_session_none_is_registered() -> None:
    other = replace(SESSION, socket=SECOND_SOCKET)
    world = replace(
        WORLD,
        tmux={SECOND_SOCKET: listing(other), SOCKET: listing(SESSION)},
        inside={(SOCKET, "%1"): RUNS_CLAUDE, (SECOND_SOCKET, "%1"): RUNS_CLAUDE},
    )

    found = judged(world)

    assert found.drifts == ()
    assert [notice.message for notice in found.notices] == [
        f"{NAME}: not registered: several tmux servers have such a session: {BOTH}"
    ]


def test_a_session_that_lives_beside_a_dead_pane_is_registered() -> None:
    living = Pane(pane_id="%2", pid=2)
    world = replace(
        WORLD,
        tmux={SOCKET: listing(replace(SESSION, panes=(DEAD_PANE, living)))},
        inside={(SOCKET, "%2"): RUNS_CLAUDE},
    )

    assert only(judged(world), DriftClass.UNREGISTERED).evidence["pane"] == "%2"


# C: session id materialised. --------------------------------------------------------------------


NULL = replace(ENTRY, own_id=None)
MOVED = replace(
    WORLD,
    conversations={NAME: Bound(id=NEXT, proof="clear-marker", written=True)},
    artefacts={("claude", OWN): Missing("retention"), ("claude", NEXT): Artefact.PRESENT},
)


def holding(held: Conversation) -> World:
    return replace(WORLD, conversations={NAME: held})


def test_an_id_that_was_null_is_recorded() -> None:
    drift = only(judged(WORLD, NULL), DriftClass.ID_MATERIALISED)

    assert drift.edits == (SetKey(session=NAME, key="claude_session_id_own", value=OWN),)
    assert drift.changes == (Change(key="claude_session_id_own", before=None, after=OWN),)
    assert drift.evidence == {"proof": "pid-file", "pid": PID, "id": OWN}


def test_an_id_that_moved_is_recorded_and_the_old_one_kept() -> None:
    drift = only(judged(MOVED, ENTRY), DriftClass.ID_MATERIALISED)

    assert drift.edits == (
        SetKey(session=NAME, key="claude_session_id_own", value=NEXT),
        AppendItem(
            session=NAME,
            key="session_id_history",
            item={
                "agent": "claude",
                "id": OWN,
                "replaced_at": NOTICED,
                "proof": "clear-marker",
            },
        ),
    )
    assert drift.changes == (Change(key="claude_session_id_own", before=OWN, after=NEXT),)


@pytest.mark.parametrize(
    ("world", "entry", "sentence"),
    [
        pytest.param(
            MOVED,
            NULL,
            "lab-x-creator-claude: session id materialized b3a7…c2f",
            id="the first one",
        ),
        pytest.param(
            MOVED,
            ENTRY,
            "lab-x-creator-claude: session id materialized b3a7…c2f (was 87dc…000)",
            id="one that takes another's place",
        ),
        pytest.param(
            holding(Bound(id=ConversationId("s-12345678ab"), proof="argv", written=True)),
            NULL,
            "lab-x-creator-claude: session id materialized s-12345678ab",
            id="one that is short enough to be told whole",
        ),
        pytest.param(
            holding(Bound(id=ConversationId("s-12345678abc"), proof="argv", written=True)),
            NULL,
            "lab-x-creator-claude: session id materialized s-12…abc",
            id="one that is a little longer than that",
        ),
    ],
)
def test_an_id_is_told_in_these_words(world: World, entry: Entry, sentence: str) -> None:
    assert said(world, entry) == [sentence]


@pytest.mark.parametrize(
    ("world", "entry"),
    [
        pytest.param(
            holding(Bound(id=OWN, proof="argv", written=False)), NULL, id="it is not written yet"
        ),
        pytest.param(holding(Ambiguous((OWN, NEXT))), NULL, id="it could be one of several"),
        pytest.param(holding(None), NULL, id="the agent holds none"),
        pytest.param(holding(Unknown("no access")), NULL, id="it could not be looked for"),
        pytest.param(replace(WORLD, conversations={}), NULL, id="nobody looked for it"),
        pytest.param(WORLD, ENTRY, id="it is recorded"),
        pytest.param(
            WORLD,
            replace(NULL, pane_pid=7, workspace="/elsewhere"),
            id="the process is another one, and not in the workspace",
        ),
        pytest.param(
            WORLD,
            replace(NULL, pane_pid=7, workspace=None),
            id="the process is another one, and nobody wrote down where it worked",
        ),
        pytest.param(WORLD, replace(NULL, created_at=LATER), id="the session is another one"),
        pytest.param(WORLD, replace(NULL, agent="agy"), id="the agent is of another kind"),
        pytest.param(WORLD, replace(NULL, agent=None), id="the entry names no agent"),
        pytest.param(
            replace(WORLD, inside={(SOCKET, "%1"): RUNS_SHELL}), NULL, id="no agent was seen there"
        ),
        pytest.param(replace(WORLD, inside={}), NULL, id="nobody looked into the pane"),
        pytest.param(WORLD, replace(NULL, status="terminated"), id="the entry is terminated"),
    ],
)
def test_an_id_is_not_recorded_when(world: World, entry: Entry) -> None:
    assert drifts(judged(world, entry), DriftClass.ID_MATERIALISED) == []


# D: stale id. -----------------------------------------------------------------------------------


HOLDS_NONE = replace(WORLD, conversations={NAME: None})


@pytest.mark.parametrize("cause", ["retention", "moved", "never written"])
def test_a_recorded_id_with_nothing_on_disk_is_flagged_with_the_cause(cause: str) -> None:
    world = replace(HOLDS_NONE, artefacts={("claude", OWN): Missing(cause)})

    drift = only(judged(world, ENTRY), DriftClass.STALE_ID)

    assert drift.edits == drift.changes == ()
    assert drift.evidence == {"id": OWN, "cause": cause}
    assert said(world, ENTRY) == [
        f"lab-x-creator-claude: recorded id {OWN} has no transcript ({cause})"
    ]


def test_all_recorded_ids_are_checked_and_each_once() -> None:
    missing = Missing("retention")
    world = replace(HOLDS_NONE, artefacts={("claude", OWN): missing, ("claude", NEXT): missing})

    found = judged(world, replace(ENTRY, other_ids=(OWN, NEXT)))

    assert sorted(str(drift.evidence["id"]) for drift in found.drifts) == [OWN, NEXT]
    assert found == judged(world, replace(ENTRY, own_id=None, other_ids=(NEXT, OWN)))


@pytest.mark.parametrize(
    ("world", "entry"),
    [
        pytest.param(MOVED, ENTRY, id="it is being replaced"),
        pytest.param(
            replace(MOVED, conversations={NAME: Bound(id=OWN, proof="argv", written=False)}),
            ENTRY,
            id="the agent holds it and has not written yet",
        ),
        pytest.param(
            replace(MOVED, conversations={NAME: Unknown("no access")}),
            ENTRY,
            id="nobody can tell whether the agent holds it",
        ),
        pytest.param(
            replace(MOVED, inside={}, conversations={}), ENTRY, id="nobody looked into the pane"
        ),
        pytest.param(
            replace(WORLD, artefacts={("claude", OWN): Unknown("no access")}),
            ENTRY,
            id="it could not be looked for",
        ),
        pytest.param(replace(WORLD, artefacts={}), ENTRY, id="nobody looked for it"),
        pytest.param(
            replace(MOVED, conversations={}),
            replace(ENTRY, status="terminated"),
            id="the entry is terminated",
        ),
        pytest.param(
            replace(MOVED, tmux={SOCKET: Unknown("hung")}, conversations={}),
            ENTRY,
            id="its session could not be seen",
        ),
        pytest.param(
            replace(MOVED, conversations={}),
            replace(ENTRY, agent=None),
            id="the entry names no agent",
        ),
    ],
)
def test_an_id_is_not_stale_when(world: World, entry: Entry) -> None:
    assert drifts(judged(world, entry), DriftClass.STALE_ID) == []
