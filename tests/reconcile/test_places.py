"""Places, servers and sightings: a death is judged by where a session was seen."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta, timezone

import pytest

from examples import (
    AT,
    BOOT,
    BORN,
    CLAUDE,
    DEAD_PANE,
    ELSEWHERE,
    ENTRY,
    GONE,
    HERE,
    KNOWN,
    NAME,
    NEXT,
    NEXT_BOOT,
    NOTES,
    OWN,
    PANE,
    PID,
    RUNS_CLAUDE,
    RUNS_SHELL,
    SECOND_SOCKET,
    SEEN,
    SERVER,
    SERVER_PROCESS,
    SESSION,
    SIGHTING,
    SOCKET,
    WORLD,
    YOUNG_SERVER,
    drifts,
    judged,
    listing,
    notices,
    planned,
)
from reconcile import judge
from reconcile.desired import AddEntry, Entry, Registry, SetKey
from reconcile.drift import DriftClass, NoticeKind
from reconcile.location import Sessions
from reconcile.memory import Life, Memory, Remembered, Sighting, Unsaid, at_place
from reconcile.observed import (
    Agent,
    Ambiguous,
    Boot,
    Bound,
    Conversation,
    Inside,
    Missing,
    Pane,
    Place,
    PlaceId,
    Process,
    ProcessId,
    SessionName,
    Unknown,
    Unproven,
    World,
)
from reconcile.policy import Policy
from reconcile.proofs import Proof
from reconcile.sightings import RENEWED

OTHER_HOST = replace(ENTRY, host="laptop")
AWAY = replace(GONE, away="the registry is at home at laptop")
RENAMED = SessionName("lab-r-creator-claude")
SECOND = Pane(pane_id="%2", pid=2)
AGENT = CLAUDE.id
BLIND = Unknown("tmux gave no answer")
OTHER_SERVER = replace(GONE, tmux={SOCKET: listing(server=YOUNG_SERVER)})


def seen(**changes: object) -> Memory:
    """The memory of a tick that saw the session, but for this of its sighting."""
    return replace(SEEN, sightings={NAME: replace(SIGHTING, **changes)})  # type: ignore[arg-type]


def causes(world: World, *entries: Entry, memory: Memory = SEEN) -> list[str]:
    found = drifts(judged(world, *entries or (ENTRY,), memory=memory), DriftClass.TMUX_GONE)
    return [str(drift.evidence["cause"]) for drift in found]


def doubts(world: World, *entries: Entry, memory: Memory = SEEN) -> list[str]:
    found = judged(world, *entries or (ENTRY,), memory=memory)
    assert found.drifts == ()
    return [notice.message for notice in found.notices]


def missed(why: str) -> list[str]:
    return [f"{NAME}: not listed by tmux, but {why}"]


def sightings(world: World, *entries: Entry, memory: Memory = SEEN) -> dict[str, Sighting]:
    registry = Registry(entries=entries or (ENTRY,))
    return {**judge.judge(world, registry, memory, Policy()).sightings}


# Whose it is. -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("world", "entry", "memory"),
    [
        pytest.param(GONE, OTHER_HOST, KNOWN, id="the entry names another host"),
        pytest.param(GONE, ENTRY, seen(place=ELSEWHERE.id), id="it was seen at another place"),
        pytest.param(
            replace(GONE, boot=NEXT_BOOT),
            ENTRY,
            seen(place=ELSEWHERE.id),
            id="it was seen at another place, in another boot",
        ),
        pytest.param(
            replace(GONE, place=ELSEWHERE), ENTRY, SEEN, id="the registry is read from elsewhere"
        ),
    ],
)
def test_an_entry_is_elsewhere_and_nothing_is_said_when(
    world: World, entry: Entry, memory: Memory
) -> None:
    found = judge.judge(world, Registry(entries=(entry,)), memory, Policy())

    assert found.elsewhere == {NAME}
    assert (found.drifts, found.notices) == ((), ())
    assert found.sightings == memory.sightings


@pytest.mark.parametrize("host", ["devbox", "DEVBOX", "devbox.example.org"])
def test_a_host_is_called_by_its_name_with_or_without_a_domain(host: str) -> None:
    assert causes(GONE, replace(ENTRY, host=host)) == ["session-closed"]


@pytest.mark.parametrize(
    ("host", "here"),
    [
        pytest.param("devbox.example.org", True, id="its name"),
        pytest.param("DevBox.Example.ORG", True, id="its name in capitals"),
        pytest.param("devbox", True, id="its name without the domain"),
        pytest.param("www", True, id="another one of its names"),
        pytest.param("devbox.example.com", False, id="its name in another domain"),
        pytest.param("example.org", False, id="its domain alone"),
        pytest.param("dev", False, id="the beginning of its name"),
    ],
)
def test_a_host_with_a_domain_is_called_by(host: str, here: bool) -> None:  # noqa: FBT001
    place = Place(PlaceId("2"), frozenset({"devbox.example.org", "www"}))

    assert place.is_called(host) is here


@pytest.mark.parametrize(
    ("entry", "memory", "whose"),
    [
        (OTHER_HOST, KNOWN, "of host laptop"),
        (ENTRY, seen(place=ELSEWHERE.id), "of another host"),
    ],
)
def test_a_session_here_under_another_hosts_entry_is_told_and_gets_no_entry(
    entry: Entry, memory: Memory, whose: str
) -> None:
    assert doubts(WORLD, entry, memory=memory) == [
        f"{NAME}: a session of this name runs here, but the entry is {whose}; it is left alone"
    ]


def test_what_its_host_calls_its_own_but_was_seen_elsewhere_is_followed_and_never_dead() -> None:
    entry, memory = replace(ENTRY, host="devbox"), seen(place=ELSEWHERE.id)

    assert doubts(GONE, entry, memory=memory) == missed("it was last seen elsewhere")
    assert sightings(WORLD, entry, memory=memory)[NAME].place == HERE.id


def test_nothing_is_judged_dead_or_registered_where_the_place_is_unknown() -> None:
    lost = Unknown("the machine id cannot be read")
    dead = replace(WORLD, tmux={SOCKET: listing(replace(SESSION, panes=(DEAD_PANE,)))})
    blind = "cannot see: the machine id cannot be read"

    assert doubts(replace(GONE, place=lost), memory=KNOWN) == [blind]
    assert doubts(replace(dead, place=lost), memory=KNOWN) == [
        blind,
        f"{NAME}: its pane %1 is dead, but the machine id cannot be read",
    ]
    found = judged(replace(WORLD, place=lost))
    assert found.drifts == ()
    assert len(found.notices) == 2


@pytest.mark.parametrize(
    ("entry", "memory"),
    [
        pytest.param(replace(ENTRY, own_id=None, host="laptop"), KNOWN, id="it names a host"),
        pytest.param(replace(ENTRY, own_id=None), SEEN, id="it was seen somewhere"),
    ],
)
def test_nobody_knows_whose_an_entry_is_where_the_place_is_unknown_and(
    entry: Entry, memory: Memory
) -> None:
    world = replace(WORLD, place=Unknown("unreadable"))

    assert doubts(world, entry, memory=memory) == ["cannot see: unreadable"]
    assert sightings(world, entry, memory=memory) == memory.sightings


# Not at home: what was never seen here is held. -------------------------------------------------


def test_a_registry_that_lives_elsewhere_holds_every_death_of_what_was_never_seen_here() -> None:
    dead = replace(WORLD, tmux={SOCKET: listing(replace(SESSION, panes=(DEAD_PANE,)))})
    why = "the registry is at home at laptop"

    assert doubts(AWAY, memory=KNOWN) == missed(why)
    assert doubts(replace(AWAY, boot=NEXT_BOOT), memory=KNOWN) == missed(why)
    assert doubts(replace(dead, away=why), memory=KNOWN) == [
        f"{NAME}: its pane %1 is dead, but {why}"
    ]
    assert causes(AWAY) == ["session-closed"]


MOVED_ON = replace(WORLD, conversations={NAME: Bound(id=NEXT, proof=Proof.PID_FILE, written=True)})


def test_where_the_registry_is_not_at_home_a_session_that_differs_is_not_taken_for_its_own() -> (
    None
):
    world = replace(WORLD, away="it lives elsewhere")
    other = replace(ENTRY, pane_pid=7)

    found = judged(world, other)

    assert found.drifts == ()
    (notice,) = found.notices
    assert notice.kind is NoticeKind.OTHER_HOST
    assert notice.message.endswith("nothing shows that it is the entry's: it lives elsewhere")
    assert sightings(world, other, memory=KNOWN) == {}
    assert sightings(world, ENTRY, memory=KNOWN)[NAME].session_id == "$1"


def test_where_the_registry_is_not_at_home_what_was_seen_here_is_its_own_though_it_differs() -> (
    None
):
    world = replace(WORLD, away="it lives elsewhere")
    entry = replace(ENTRY, pane_pid=7, agent="agy", own_id=None)

    (own,) = judged(world, entry, memory=SEEN).notices
    (others,) = judged(
        world, replace(entry, host="devbox"), memory=seen(place=ELSEWHERE.id)
    ).notices

    assert own.kind is NoticeKind.IDENTITY
    assert others.kind is NoticeKind.OTHER_HOST


def test_where_the_registry_is_not_at_home_the_recorded_pane_proves_it_beside_another_agent() -> (
    None
):
    process = Process(pid=SECOND.pid, started_at=BORN, command="agy", cwd="/srv")
    world = replace(
        MOVED_ON,
        away="it lives elsewhere",
        tmux={SOCKET: listing(replace(SESSION, panes=(SECOND, PANE), directory="/srv"))},
        inside={
            (SOCKET, "%1"): RUNS_CLAUDE,
            (SOCKET, "%2"): Inside(process=process, agent=Agent(kind="agy", process=process)),
        },
    )

    assert [each.kind for each in judged(world, ENTRY).drifts] == [DriftClass.ID_MATERIALISED]


def test_where_the_place_is_unknown_a_name_alone_shows_nobody_whose_session_it_is() -> None:
    world = replace(WORLD, place=Unknown("the machine id cannot be read"))

    (_, notice) = judged(world, replace(ENTRY, pane_pid=7)).notices

    assert notice.kind is NoticeKind.OTHER_HOST
    assert notice.message == (
        f"{NAME}: a session of this name runs here, and nothing shows that it is the entry's: "
        "the machine id cannot be read"
    )


@pytest.mark.parametrize("lacks", ["pane_pid", "created_at"])
def test_where_the_registry_is_not_at_home_a_name_and_a_workspace_prove_nothing(lacks: str) -> None:
    world = replace(MOVED_ON, away="it lives elsewhere")

    found = judged(world, replace(ENTRY, **{lacks: None}))

    assert found.drifts == ()
    assert [each.kind for each in found.notices] == [NoticeKind.OTHER_HOST]
    assert drifts(judged(world, ENTRY), DriftClass.ID_MATERIALISED)


@pytest.mark.parametrize(
    ("age", "cause"),
    [
        pytest.param(timedelta(minutes=1), [], id="was seen there since"),
        pytest.param(timedelta(minutes=2), ["session-closed"], id="was seen there that moment"),
        pytest.param(timedelta(hours=1), ["session-closed"], id="was seen there before"),
    ],
)
def test_where_somebody_said_two_minutes_ago_that_this_is_the_home_a_death_is_told_of_what(
    age: timedelta, cause: list[str]
) -> None:
    world = replace(GONE, home_since=AT - timedelta(minutes=2))

    assert causes(world, memory=seen(place=ELSEWHERE.id, at=AT - age)) == cause


def test_an_entry_of_which_only_the_folder_is_kept_was_never_seen_where_it_is_not_at_home() -> None:
    memory = seen(place=PlaceId(""), environ={"CLAUDE_CONFIG_DIR": "/c"})

    assert doubts(AWAY, memory=memory) == missed("the registry is at home at laptop")


# Seen here: its own server decides. -------------------------------------------------------------


@pytest.mark.parametrize(
    ("world", "memory", "cause"),
    [
        pytest.param(GONE, SEEN, "session-closed", id="its server was asked and lacks it"),
        pytest.param(
            replace(GONE, tmux={**GONE.tmux, SECOND_SOCKET: BLIND}),
            SEEN,
            "session-closed",
            id="whatever other servers do",
        ),
        pytest.param(
            replace(GONE, recorded_pids={PID: BLIND}, holders=BLIND, others={"/o": BLIND}),
            SEEN,
            "session-closed",
            id="whatever else could not be looked at",
        ),
        pytest.param(
            replace(GONE, tmux={SOCKET: None}, remembered={SERVER_PROCESS: False}),
            SEEN,
            "tmux-server-died",
            id="its server's process is no more",
        ),
        pytest.param(
            replace(OTHER_SERVER, remembered={SERVER_PROCESS: False}),
            SEEN,
            "tmux-server-died",
            id="another server took the place of its own, which is no more",
        ),
        pytest.param(
            replace(GONE, tmux={SOCKET: listing(server=None)}, remembered={SERVER_PROCESS: True}),
            SEEN,
            "session-closed",
            id="its server lives on without any session",
        ),
        pytest.param(
            replace(GONE, tmux={}, boot=NEXT_BOOT),
            seen(at=BORN),
            "host-reboot",
            id="the boot began after it was seen",
        ),
        pytest.param(
            replace(GONE, tmux={SOCKET: None}, boot=Boot(id="", at=AT)),
            seen(boot=""),
            "host-reboot",
            id="a system without boot ids was started well after it was seen",
        ),
        pytest.param(
            replace(OTHER_SERVER, boot=Boot(id="", at=AT)),
            seen(boot=""),
            "host-reboot",
            id="and another server has its socket by now",
        ),
        pytest.param(
            replace(GONE, boot=None),
            SEEN,
            "session-closed",
            id="a system tells nothing of its boot, and its server lacks it",
        ),
        pytest.param(
            replace(GONE, boot=Boot(id="", at=AT)),
            SEEN,
            "session-closed",
            id="the boot's id cannot be read this time, and its server lacks it",
        ),
    ],
)
def test_what_was_seen_here_is_gone_when(world: World, memory: Memory, cause: str) -> None:
    # A minute and more passes, so that a boot at `AT` began well after the sighting.
    aged = {
        name: replace(each, at=min(each.at, AT - timedelta(minutes=3)))
        for name, each in memory.sightings.items()
    }

    assert causes(world, memory=replace(memory, sightings=aged)) == [cause]


SERVER_NAME = "pid 812 since 2026-11-19T09:00:00+00:00"


@pytest.mark.parametrize(
    ("world", "memory", "evidence"),
    [
        pytest.param(
            GONE,
            SEEN,
            {"cause": "session-closed", f"tmux {SOCKET}": SERVER_NAME, "lacks": "$1 %1"},
            id="its server, and what that lacks",
        ),
        pytest.param(
            replace(GONE, tmux={SOCKET: None}, remembered={SERVER_PROCESS: False}),
            SEEN,
            {"cause": "tmux-server-died", f"tmux {SOCKET}": "no server", "server": SERVER_NAME},
            id="that no server answers, and which one did",
        ),
        pytest.param(
            replace(OTHER_SERVER, remembered={SERVER_PROCESS: False}),
            SEEN,
            {
                "cause": "tmux-server-died",
                f"tmux {SOCKET}": "pid 999 since 2026-11-20T09:30:00+00:00",
                "server": SERVER_NAME,
            },
            id="which server answers instead of which",
        ),
        pytest.param(
            replace(GONE, tmux={SOCKET: listing(server=None)}, remembered={SERVER_PROCESS: True}),
            SEEN,
            {"cause": "session-closed", f"tmux {SOCKET}": "no sessions", "server": SERVER_NAME},
            id="that its server has no session left",
        ),
        pytest.param(
            replace(GONE, boot=NEXT_BOOT),
            seen(at=BORN),
            {"cause": "host-reboot", "boot": "boot-2"},
            id="the boot's id",
        ),
        pytest.param(
            replace(GONE, tmux={SOCKET: None}, boot=Boot(id="", at=AT)),
            seen(boot="", at=BORN),
            {"cause": "host-reboot", "boot": AT.isoformat()},
            id="the boot's time where it has no id",
        ),
    ],
)
def test_the_evidence_of_the_death_of_what_was_seen_here_is(
    world: World, memory: Memory, evidence: dict[str, str]
) -> None:
    (drift,) = judged(world, ENTRY, memory=memory).drifts

    assert drift.evidence == evidence


NEVER_TOLD = "its tmux server (pid 812) does not answer, and nothing shows whether it ended"


@pytest.mark.parametrize(
    ("world", "memory", "why"),
    [
        pytest.param(
            replace(GONE, tmux={SECOND_SOCKET: listing()}),
            SEEN,
            f"its tmux server ({SOCKET}) was not asked",
            id="another socket folder or another server was asked",
        ),
        pytest.param(
            replace(GONE, tmux={SOCKET: None}), SEEN, NEVER_TOLD, id="its folder is empty"
        ),
        pytest.param(
            replace(GONE, tmux={SOCKET: None}, remembered={SERVER_PROCESS: False}),
            seen(server_process=None),
            NEVER_TOLD,
            id="its server's process was never known",
        ),
        pytest.param(
            replace(GONE, tmux={SOCKET: None}, remembered={SERVER_PROCESS: Unknown("hidepid")}),
            SEEN,
            "hidepid",
            id="its server's process may not be seen",
        ),
        pytest.param(
            replace(GONE, tmux={SOCKET: None}, remembered={SERVER_PROCESS: True}),
            SEEN,
            f"its tmux server (pid 812) is alive, and another one answers at {SOCKET}",
            id="its socket was removed while it lives",
        ),
        pytest.param(
            replace(OTHER_SERVER, remembered={SERVER_PROCESS: True}),
            SEEN,
            f"its tmux server (pid 812) is alive, and another one answers at {SOCKET}",
            id="another server answers at its socket while it lives",
        ),
        pytest.param(
            replace(
                GONE,
                tmux={SOCKET: listing(server=None)},
                remembered={SERVER_PROCESS: True},
                rivals=frozenset({SOCKET}),
            ),
            SEEN,
            f"its tmux server (pid 812) is alive, and another one answers at {SOCKET}",
            id="two servers share its socket, and the one that answers has no session",
        ),
        pytest.param(
            replace(GONE, tmux={SOCKET: None}, boot=replace(NEXT_BOOT, at=BORN)),
            SEEN,
            "it was seen in another boot of this host, which is not proven to be over",
            id="the other boot began before it was seen: a clone, or a clock set back",
        ),
        pytest.param(
            replace(GONE, tmux={SOCKET: None}, boot=NEXT_BOOT),
            seen(at=NEXT_BOOT.at),
            "it was seen in another boot of this host, which is not proven to be over",
            id="the other boot began the moment it was seen",
        ),
        pytest.param(
            replace(GONE, tmux={SOCKET: None}, boot=Boot(id="", at=BORN)),
            seen(boot="", at=BORN - timedelta(minutes=1)),
            NEVER_TOLD,
            id="a system without boot ids was started hardly after it was seen",
        ),
        pytest.param(
            replace(GONE, tmux={SOCKET: None}, boot=Boot(id="", at=BORN)),
            seen(boot="", at=BORN),
            NEVER_TOLD,
            id="a system without boot ids was started the moment it was seen",
        ),
        pytest.param(
            replace(GONE, tmux={}, boot=Boot(id="", at=AT)),
            seen(boot="", at=BORN),
            f"its tmux server ({SOCKET}) was not asked",
            id="the clock was set on a system without boot ids, and nothing else tells",
        ),
        pytest.param(
            replace(
                GONE,
                tmux={SOCKET: None},
                boot=Boot(id="", at=AT),
                remembered={SERVER_PROCESS: True},
            ),
            seen(boot="", at=BORN),
            f"its tmux server (pid 812) is alive, and another one answers at {SOCKET}",
            id="the clock was set on a system without boot ids, and its server lives",
        ),
    ],
)
def test_what_was_seen_here_is_not_gone_while(world: World, memory: Memory, why: str) -> None:
    assert doubts(world, memory=memory) == missed(why)


@pytest.mark.parametrize(
    ("world", "memory", "why"),
    [
        pytest.param(
            replace(GONE, remembered={AGENT: True}),
            SEEN,
            f"its agent (process {PID}) still runs, in no session listed",
            id="its agent outlives its terminal",
        ),
        pytest.param(
            replace(GONE, tmux={SOCKET: None}, remembered={SERVER_PROCESS: False, AGENT: True}),
            SEEN,
            f"its agent (process {PID}) still runs, in no session listed",
            id="its agent outlives its server",
        ),
        pytest.param(
            replace(GONE, remembered={AGENT: Unknown("hidepid")}),
            SEEN,
            "hidepid",
            id="its agent may not be seen",
        ),
        pytest.param(
            replace(GONE, recorded_pids={PID: CLAUDE}),
            seen(pane_pid=1, agent=None),
            f"its pane process {PID} (claude) still runs, in no session listed",
            id="the entry was written for another process since, which runs",
        ),
        pytest.param(
            replace(GONE, recorded_pids={PID: BLIND}),
            seen(pane_pid=1, agent=ProcessId(pid=2, start="7")),
            "tmux gave no answer",
            id="the entry was written for another process since, which cannot be looked for",
        ),
    ],
)
def test_what_runs_outside_every_session_contradicts_a_death(
    world: World, memory: Memory, why: str
) -> None:
    assert doubts(world, memory=memory) == missed(why)


@pytest.mark.parametrize(
    ("entry", "memory"),
    [
        pytest.param(ENTRY, seen(agent=None), id="the recorded process is the one that was seen"),
        pytest.param(ENTRY, seen(pane_pid=1), id="the recorded process is the agent's own"),
        pytest.param(replace(ENTRY, pane_pid=None), seen(agent=None), id="no process is recorded"),
    ],
)
def test_what_the_sighting_covers_is_not_asked_again(entry: Entry, memory: Memory) -> None:
    world = replace(GONE, recorded_pids={PID: CLAUDE})

    assert causes(world, entry, memory=memory) == ["session-closed"]


def test_after_a_reboot_an_earlier_process_id_is_nobodys() -> None:
    world = replace(GONE, tmux={}, boot=NEXT_BOOT, remembered={AGENT: True})

    assert causes(world, memory=seen(at=BORN)) == ["host-reboot"]


@pytest.mark.parametrize(
    ("boot", "memory"),
    [
        pytest.param(BOOT, SEEN, id="in the same boot"),
        pytest.param(Boot(id="", at=AT), seen(boot="", at=BORN), id="whatever the clock tells"),
    ],
)
def test_a_server_that_does_not_answer_is_told_once_and_nobody_is_dead(
    boot: Boot, memory: Memory
) -> None:
    world = replace(GONE, tmux={SOCKET: BLIND}, boot=boot)

    assert doubts(world, memory=memory) == ["cannot see: tmux gave no answer"]


@pytest.mark.parametrize(
    ("boot", "before"),
    [
        pytest.param(Boot(id="", at=AT), "", id="the system has no boot ids"),
        pytest.param(replace(BOOT, at=AT), "", id="the boot's id could not be read then"),
        pytest.param(Boot(id="", at=AT), BOOT.id, id="the boot's id cannot be read now"),
        pytest.param(replace(BOOT, at=AT), BOOT.id, id="the boot's id is the same"),
    ],
)
def test_a_clock_that_was_set_is_no_reboot_while_the_server_answers_and(
    boot: Boot, before: str
) -> None:
    memory = seen(boot=before, at=BORN)

    assert causes(replace(GONE, boot=boot), memory=memory) == ["session-closed"]


# Never seen: nothing that runs could be it. -----------------------------------------------------


@pytest.mark.parametrize(
    ("world", "entry", "why"),
    [
        pytest.param(
            replace(GONE, others={"/o": listing(SESSION)}),
            ENTRY,
            "the tmux server at /o has a session of this name "
            "(to look there as well: --tmux-socket /o)",
            id="another server has such a name",
        ),
        pytest.param(
            replace(GONE, others={"/o": BLIND}), ENTRY, BLIND.why, id="another could not be asked"
        ),
        pytest.param(
            replace(GONE, holders={OWN: ("process 7", "process 8")}),
            ENTRY,
            "its conversation is held by process 7",
            id="a living process holds its conversation",
        ),
        pytest.param(
            replace(GONE, holders={NEXT: ("process 7",)}),
            replace(ENTRY, other_ids=(NEXT,)),
            "its conversation is held by process 7",
            id="a living process holds another conversation that it has",
        ),
        pytest.param(
            replace(GONE, holders=BLIND), ENTRY, BLIND.why, id="nobody knows who holds what"
        ),
    ],
)
def test_what_was_never_seen_is_not_gone_while(world: World, entry: Entry, why: str) -> None:
    assert doubts(world, entry, memory=KNOWN) == missed(why)


def test_where_no_id_is_recorded_nobody_holds_it() -> None:
    world = replace(GONE, holders=BLIND, others={"/o": None, "/p": listing()})

    assert causes(world, replace(ENTRY, own_id=None), memory=KNOWN) == ["session-closed"]


# Followed wherever it went. ---------------------------------------------------------------------


def moved(name: str, **changes: object) -> World:
    """The session under another name, with this changed besides."""
    session = replace(SESSION, name=SessionName(name), **changes)  # type: ignore[arg-type]
    held = Bound(id=OWN, proof=Proof.PID_FILE, written=True)
    return replace(
        WORLD, tmux={SOCKET: listing(NOTES, session)}, conversations={session.name: held}
    )


def test_a_renamed_session_is_one_notice_and_no_second_entry_and_its_id_goes_on() -> None:
    found = judged(moved(RENAMED), replace(ENTRY, own_id=None), memory=SEEN)

    assert [drift.kind for drift in found.drifts] == [DriftClass.ID_MATERIALISED]
    (notice,) = found.notices
    assert notice.kind is NoticeKind.RENAMED
    assert notice.message == (
        f"{NAME}: its session is now called {RENAMED} in tmux "
        "(name the entry so, or the session back)"
    )


def test_a_pane_that_was_moved_is_followed_though_its_new_session_is_older() -> None:
    world = moved(RENAMED, id="$7", created_at=BORN - timedelta(days=1))

    (notice,) = judged(world, ENTRY, memory=SEEN).notices

    assert notice.message.startswith(f"{NAME}: its pane is now in tmux session {RENAMED} ")
    after = planned(world, ENTRY, memory=SEEN)
    assert after.decisions == ()
    again = planned(world, ENTRY, memory=after.memory)
    assert (again.decisions, len(again.notes)) == ((), 1)


def test_a_linked_window_shows_the_same_pane_and_makes_no_second_entry() -> None:
    clone = replace(SESSION, name=RENAMED, id="$2")
    both = replace(WORLD, tmux={SOCKET: listing(clone, SESSION)})
    alone = replace(WORLD, tmux={SOCKET: listing(clone)}, conversations={})

    for memory in (SEEN, KNOWN):
        found = judged(both, ENTRY, memory=memory)
        assert (found.drifts, found.notices) == ((), ())
    assert len(drifts(judged(both), DriftClass.UNREGISTERED)) == 1
    # The group's first session ended; its pane lives on in the other one.
    assert [each.kind for each in judged(alone, ENTRY, memory=SEEN).notices] == [NoticeKind.RENAMED]


def test_of_two_sessions_that_a_pane_was_moved_to_the_older_one_counts_whatever_is_beside() -> None:
    older = replace(SESSION, name=SessionName("z"), id="$9")
    younger = replace(SESSION, name=SessionName("a"), id="$10")
    elsewhere = replace(younger, socket=SECOND_SOCKET, panes=(SECOND,))
    orders = [(older, younger), (younger, older)]
    beside = {SECOND_SOCKET: listing(elsewhere)}
    tmux = [{SOCKET: listing(*order)} for order in orders]

    found = [
        judged(replace(WORLD, tmux=each), ENTRY, memory=SEEN).notices
        for each in (*tmux, *({**beside, **one} for one in tmux))
    ]

    messages = {notice.message for notices in found for notice in notices if notice.session == NAME}
    assert len(messages) == 1
    assert "is now in tmux session z " in messages.pop()


@pytest.mark.parametrize("inside", [RUNS_CLAUDE, RUNS_SHELL], ids=["an agent", "a shell"])
def test_what_a_stranger_has_besides_a_linked_window_is_registered_if_it_is_an_agent(
    inside: Inside,
) -> None:
    linked = replace(SESSION, name=RENAMED, id="$2", panes=(PANE, SECOND))
    world = replace(
        WORLD,
        tmux={SOCKET: listing(SESSION, linked)},
        inside={**WORLD.inside, (SOCKET, "%2"): inside},
    )

    added = drifts(judged(world, ENTRY), DriftClass.UNREGISTERED)

    assert [each.evidence["pane"] for each in added] == ["%2"] * (inside is RUNS_CLAUDE)


def test_a_linked_window_is_not_registered_while_the_agents_pane_cannot_be_told() -> None:
    linked = replace(SESSION, name=RENAMED, id="$2")
    session = replace(SESSION, panes=(PANE, SECOND))
    world = replace(
        WORLD,
        tmux={SOCKET: listing(session, linked)},
        inside={**WORLD.inside, (SOCKET, "%2"): Inside(process=BLIND, agent=BLIND)},
    )

    assert drifts(judged(world, replace(ENTRY, pane_pid=None)), DriftClass.UNREGISTERED) == []


def test_when_two_swap_their_names_each_entry_keeps_its_own_session() -> None:
    name = SessionName("lab-y-creator-claude")
    other = replace(ENTRY, name=name, pane_pid=2, own_id=NEXT)
    ours = replace(SESSION, name=name)
    theirs = replace(SESSION, id="$2", panes=(SECOND,))
    process = replace(CLAUDE, pid=2, start="101")
    runs = Inside(process=process, agent=Agent(kind="claude", process=process))
    world = replace(
        WORLD,
        tmux={SOCKET: listing(ours, theirs)},
        inside={**WORLD.inside, (SOCKET, "%2"): runs},
        conversations={
            name: Bound(id=OWN, proof=Proof.PID_FILE, written=True),
            NAME: Bound(id=NEXT, proof=Proof.PID_FILE, written=True),
        },
    )
    there = replace(SIGHTING, session_id="$2", pane_id="%2", conversation=NEXT, agent=process.id)
    memory = replace(SEEN, sightings={NAME: SIGHTING, name: there})

    found = judged(world, ENTRY, other, memory=memory)

    assert found.drifts == ()
    assert [each.kind for each in found.notices] == [NoticeKind.RENAMED] * 2
    # An entry of that name that was never seen does not take it over.
    (disputed,) = notices(judged(world, ENTRY, other, memory=SEEN), NoticeKind.DISPUTED)
    assert disputed.message == (
        f"{name}: the session of this name is that of entry {NAME}, which was renamed; "
        "nothing is written"
    )
    ended = replace(other, status="terminated")
    assert not notices(judged(world, ENTRY, ended, memory=SEEN), NoticeKind.DISPUTED)


def test_an_entry_that_runs_again_knows_what_its_agent_was_proven_to_hold() -> None:
    """It was set aside for a while, so where it was does not count; its agent ran on."""
    aside = replace(SIGHTING, place=PlaceId(""), conversation=NEXT, proof=Proof.PID_FILE)
    world = replace(WORLD, conversations={NAME: Bound(id=OWN, proof=Proof.ARGUMENT, written=True)})
    memory = replace(SEEN, sightings={NAME: aside})

    assert judged(world, replace(ENTRY, own_id=NEXT), memory=memory).drifts == ()


def test_a_death_is_told_though_another_session_took_over_the_name() -> None:
    """One session ends, and the user gives its name to the other."""
    other = replace(ENTRY, name=RENAMED, pane_pid=2, own_id=None)
    there = replace(SIGHTING, session_id="$2", pane_id="%2", pane_pid=2, agent=None)
    memory = replace(SEEN, sightings={NAME: SIGHTING, RENAMED: there})
    world = replace(
        WORLD,
        tmux={SOCKET: listing(replace(SESSION, id="$2", panes=(SECOND,)))},
        inside={(SOCKET, "%2"): RUNS_CLAUDE},
        conversations={},
    )

    found = judged(world, ENTRY, other, memory=memory)

    assert [(each.kind, each.session) for each in found.drifts] == [(DriftClass.TMUX_GONE, NAME)]
    (renamed,) = notices(found, NoticeKind.RENAMED)
    assert renamed.session == RENAMED


def test_two_entries_whose_panes_were_joined_in_one_session_get_nothing_written() -> None:
    name = SessionName("lab-y-creator-claude")
    other = replace(ENTRY, name=name, pane_pid=2, own_id=None)
    joined = replace(SESSION, panes=(PANE, SECOND))
    there = replace(SIGHTING, session_id="$2", pane_id="%2")
    memory = replace(SEEN, sightings={NAME: SIGHTING, name: there})
    world = replace(
        WORLD, tmux={SOCKET: listing(joined)}, inside={**WORLD.inside, (SOCKET, "%2"): RUNS_CLAUDE}
    )

    assert doubts(world, ENTRY, other, memory=memory) == [
        f"{NAME}: its session is also that of {name}; nothing is written",
        f"{name}: its session is also that of {NAME}; nothing is written",
    ]


def test_a_name_on_two_servers_is_the_sightings() -> None:
    other = replace(SESSION, socket=SECOND_SOCKET, id="$5", panes=(replace(PANE, pid=7),))
    both = replace(WORLD, tmux={SECOND_SOCKET: listing(other), SOCKET: listing(SESSION)})
    again = replace(both, tmux={**both.tmux, SOCKET: listing(replace(SESSION, id="$8"))})

    assert judged(both, ENTRY, memory=SEEN) == judged(WORLD, ENTRY, memory=SEEN)
    assert judged(again, ENTRY, memory=seen(pane_id="%77")).notices == ()


@pytest.mark.parametrize("answer", [{SOCKET: BLIND}, {}], ids=["does not answer", "is not asked"])
def test_a_name_on_another_server_is_not_taken_over_while_its_own(
    answer: dict[str, Unknown],
) -> None:
    other = replace(SESSION, socket=SECOND_SOCKET, id="$5", panes=(replace(PANE, pid=7),))
    world = replace(WORLD, tmux={**answer, SECOND_SOCKET: listing(other)})

    found = doubts(world)

    assert found[-1] == (
        f"{NAME}: it was last seen at another tmux server ({SOCKET}), which says nothing; "
        "nothing is written"
    )


def test_what_is_told_by_a_name_that_two_followed_sessions_have_is_told_of_neither() -> None:
    """The entry's own was renamed to what a stranger on another server is called."""
    ours = replace(SESSION, name=RENAMED)
    other = replace(SESSION, name=RENAMED, socket=SECOND_SOCKET, id="$5")
    world = replace(
        WORLD,
        tmux={SOCKET: listing(ours), SECOND_SOCKET: listing(other)},
        inside={(SOCKET, "%1"): RUNS_CLAUDE, (SECOND_SOCKET, "%1"): RUNS_CLAUDE},
        conversations={RENAMED: Bound(id=NEXT, proof=Proof.PID_FILE, written=True)},
        environs={RENAMED: {"CLAUDE_CONFIG_DIR": "/theirs"}},
    )

    found = judged(world, ENTRY, memory=SEEN)

    assert drifts(found, DriftClass.ID_MATERIALISED) == []
    assert sightings(world)[NAME].environ == {}
    assert sightings(world)[NAME].conversation == OWN


# A recorded process in a session of another name, never seen before. ----------------------------

PID_ALONE = replace(moved(RENAMED), conversations={})


def test_a_session_that_was_renamed_before_it_was_ever_seen_is_found_by_the_recorded_pid() -> None:
    (notice,) = judged(PID_ALONE, ENTRY).notices

    assert notice.kind is NoticeKind.RENAMED
    assert sightings(PID_ALONE, memory=KNOWN)[NAME].session_id == "$1"


def test_the_recorded_pid_finds_a_session_also_where_it_is_not_the_first_panes() -> None:
    world = replace(PID_ALONE, tmux=moved(RENAMED, panes=(SECOND, PANE)).tmux)

    assert [each.kind for each in judged(world, ENTRY).notices] == [NoticeKind.RENAMED]


@pytest.mark.parametrize(
    ("world", "entries"),
    [
        pytest.param(moved(RENAMED, created_at=AT), [ENTRY], id="it was made at another time"),
        pytest.param(PID_ALONE, [replace(ENTRY, workspace="/other")], id="it works elsewhere"),
        pytest.param(
            PID_ALONE,
            [ENTRY, replace(ENTRY, name=SessionName("z"), own_id=None)],
            id="two entries record the pid",
        ),
        pytest.param(replace(PID_ALONE, inside={}), [ENTRY], id="nobody looked into the pane"),
        pytest.param(
            replace(PID_ALONE, inside={(SOCKET, "%1"): Inside(process=None, agent=None)}),
            [ENTRY],
            id="its process has just ended",
        ),
    ],
)
def test_a_recorded_pid_alone_neither_finds_a_session_nor_registers_it_when(
    world: World, entries: list[Entry]
) -> None:
    world = replace(world, recorded_pids={PID: CLAUDE})

    found = judged(world, *entries)

    assert found.drifts == ()
    assert {each.kind for each in found.notices} <= {NoticeKind.BLIND, NoticeKind.RENAMED}
    assert not sightings(world, *entries, memory=KNOWN)


def test_a_reused_pid_of_another_kind_is_neither_found_nor_in_the_way() -> None:
    vim = Process(pid=PID, started_at=BORN, command="vim", cwd="/srv")
    world = replace(PID_ALONE, inside={(SOCKET, "%1"): Inside(process=vim, agent=None)})
    world = replace(world, recorded_pids={PID: vim})

    found = judged(world, ENTRY)

    assert [drift.kind for drift in found.drifts] == [DriftClass.UNREGISTERED, DriftClass.TMUX_GONE]


# A stranger that may be an entry nobody found. --------------------------------------------------

NO_PID = replace(ENTRY, pane_pid=None)
DOUBTED = replace(moved(RENAMED), holders=Unknown("not asked"))


@pytest.mark.parametrize(
    "held",
    [
        Bound(id=OWN, proof=Proof.SOLE, written=True),
        Ambiguous((NEXT, OWN)),
        Unproven(likely=OWN),
    ],
    ids=["holds", "may hold", "likely holds"],
)
def test_whoever_has_a_missing_entrys_conversation_is_not_registered(held: Conversation) -> None:
    found = judged(replace(DOUBTED, conversations={RENAMED: held}), NO_PID)

    assert found.drifts == ()
    assert [each.message for each in found.notices if each.session == RENAMED] == [
        f"{RENAMED}: not registered: it may be that of entry {NAME}, which is not found "  # noqa: ISC004
        "(was its session renamed?)"
    ]


def test_nobody_is_registered_whose_conversation_could_not_be_looked_for_while_one_is_missing() -> (
    None
):
    blind = replace(DOUBTED, conversations={RENAMED: Unknown("it hung")})

    assert judged(blind, NO_PID).drifts == ()
    assert len(judged(blind).drifts) == 1


@pytest.mark.parametrize(
    "held", [None, Unproven(), Bound(id=NEXT, proof=Proof.PID_FILE, written=True)]
)
def test_whoever_has_another_conversation_is_registered(held: Conversation) -> None:
    found = judged(replace(DOUBTED, conversations={RENAMED: held}), NO_PID)

    assert [drift.session for drift in found.drifts] == [RENAMED]


def test_whoever_takes_up_the_conversation_of_a_session_that_certainly_ended_is_registered() -> (
    None
):
    world = moved(RENAMED, id="$7", panes=(SECOND,))
    world = replace(world, inside={(SOCKET, "%2"): RUNS_CLAUDE})

    kinds = [
        drift.kind for drift in judged(world, replace(ENTRY, pane_pid=None), memory=SEEN).drifts
    ]

    assert kinds == [DriftClass.UNREGISTERED, DriftClass.TMUX_GONE]


def test_a_registration_names_no_host_where_the_place_has_no_name() -> None:
    world = replace(WORLD, place=Place(PlaceId("3")))
    (edit,) = judged(world).drifts[0].edits

    assert isinstance(edit, AddEntry)
    assert "host" not in edit.fields


# Restarted. -------------------------------------------------------------------------------------

ANEW = replace(CLAUDE, pid=9, started_at=AT, start="900")
RESTARTED = replace(
    WORLD,
    inside={(SOCKET, "%1"): Inside(process=ANEW, agent=Agent(kind="claude", process=ANEW))},
    tmux={SOCKET: listing(replace(SESSION, id="$4", created_at=AT, panes=(replace(PANE, pid=9),)))},
    conversations={NAME: Bound(id=NEXT, proof=Proof.SOLE, written=True)},
)


@pytest.mark.parametrize("memory", [KNOWN, SEEN], ids=["never seen", "seen"])
def test_the_entry_of_a_restarted_agent_follows_and_its_id_goes_on_in_the_same_look(
    memory: Memory,
) -> None:
    found = judged(RESTARTED, ENTRY, memory=memory)

    assert found.notices == ()
    (id_drift,) = drifts(found, DriftClass.ID_MATERIALISED)
    (drift,) = drifts(found, DriftClass.RESTARTED)
    assert id_drift.edits[0] == SetKey(session=NAME, key="claude_session_id_own", value=NEXT)
    assert drift.edits == (
        SetKey(session=NAME, key="pid", value=9, inside="pane"),
        SetKey(session=NAME, key="created_at", value=AT),
    )
    assert [(c.key, c.before, c.after) for c in drift.changes] == [
        ("pane.pid", PID, 9),
        ("created_at", BORN, AT),
    ]
    assert drift.done == "The entry follows."
    assert drift.seen == (
        f"restarted in the same workspace: pane process was {PID}, is 9; "
        f"created {BORN.isoformat()}, is {AT.isoformat()}"
    )
    assert drift.evidence == {"socket": SOCKET, "pane": "%1", "pid": 9}


@pytest.mark.parametrize(
    ("entry", "edits"),
    [
        pytest.param(
            replace(ENTRY, pane_pid=None, pane_command=None),
            [("created_at", AT)],
            id="the time of creation alone",
        ),
        pytest.param(
            replace(ENTRY, created_at=None, pane_command="node"),
            [("pane.pid", 9), ("pane.cmd", "claude")],
            id="another command",
        ),
        pytest.param(
            replace(ENTRY, pane_command="node"),
            [("pane.pid", 9), ("created_at", AT), ("pane.cmd", "claude")],
            id="all of it, the command last",
        ),
    ],
)
def test_of_a_restarted_agent_only_what_was_recorded_follows(
    entry: Entry, edits: list[tuple[str, object]]
) -> None:
    (drift,) = drifts(judged(RESTARTED, entry), DriftClass.RESTARTED)

    found = [(each.path, each.value) for each in drift.edits if isinstance(each, SetKey)]
    assert found == edits


def test_a_command_that_cannot_be_read_replaces_none() -> None:
    silent = replace(ANEW, command="")
    inside = Inside(process=silent, agent=Agent(kind="claude", process=silent))
    world = replace(RESTARTED, inside={(SOCKET, "%1"): inside})

    (drift,) = drifts(judged(world, ENTRY), DriftClass.RESTARTED)

    assert [change.key for change in drift.changes] == ["pane.pid", "created_at"]


def test_the_time_of_a_restart_is_written_in_the_zone_of_the_look() -> None:
    world = replace(RESTARTED, at=AT.astimezone(timezone(timedelta(hours=9))))

    (drift,) = drifts(judged(world, ENTRY), DriftClass.RESTARTED)

    assert str(drift.changes[1].after) == "2026-11-20 19:00:00.123456+09:00"


# The agent ended beside another pane. -----------------------------------------------------------

EDITOR = Inside(
    process=Process(pid=2, started_at=BORN, command="vim", cwd="/home/u/lab/x"), agent=None
)


@pytest.mark.parametrize("memory", [KNOWN, SEEN], ids=["never seen", "seen"])
@pytest.mark.parametrize("more", [(), (Pane(pane_id="%3", pid=3),)], ids=["one", "two"])
def test_an_agents_pane_that_was_killed_beside_an_editors_is_no_death(
    memory: Memory, more: tuple[Pane, ...]
) -> None:
    world = replace(
        WORLD,
        tmux={SOCKET: listing(replace(SESSION, panes=(SECOND, *more)))},
        inside={(SOCKET, "%2"): EDITOR, (SOCKET, "%3"): EDITOR},
        conversations={},
    )

    (notice,) = judged(world, ENTRY, memory=memory).notices

    assert notice.kind is NoticeKind.SHELL
    remain = "2 other panes remain" if more else "1 other pane remains"
    assert notice.message == f"{NAME}: agent exited; {remain}"


def test_an_agent_that_was_seen_has_exited_though_nothing_of_its_pane_is_recorded() -> None:
    world = replace(
        WORLD,
        tmux={SOCKET: listing(replace(SESSION, panes=(SECOND,)))},
        inside={(SOCKET, "%2"): EDITOR},
        conversations={},
    )

    (notice,) = judged(world, NO_PID, memory=SEEN).notices

    assert notice.kind is NoticeKind.SHELL
    assert judged(world, NO_PID).notices == ()


def test_an_ended_entry_that_lives_again_is_told_wherever_it_was_seen_before() -> None:
    ended = replace(ENTRY, status="terminated", terminated_at=BORN)
    memory = seen(socket=SECOND_SOCKET)

    assert [each.kind for each in judged(WORLD, ended, memory=memory).notices] == [NoticeKind.ALIVE]


def test_what_never_ran_the_registered_agent_has_not_exited_at_the_second_look_either() -> None:
    world = replace(WORLD, inside={(SOCKET, "%1"): RUNS_SHELL}, conversations={})
    entry = replace(ENTRY, pane_pid=9003, created_at=None)

    first = planned(world, entry, memory=KNOWN)
    second = planned(replace(world, at=AT + timedelta(minutes=1)), entry, memory=first.memory)

    kinds = [[note.notice.kind for note in plan.notes] for plan in (first, second)]
    assert kinds == [[NoticeKind.IDENTITY]] * 2


def test_who_was_seen_to_run_no_agent_in_another_directory_has_not_exited() -> None:
    away = Inside(process=replace(CLAUDE, pid=2, cwd="/srv", command="vim"), agent=None)
    world = replace(
        WORLD,
        tmux={SOCKET: listing(replace(SESSION, directory="/srv", panes=(SECOND,)))},
        inside={(SOCKET, "%2"): away},
        conversations={},
    )

    only = judged(world, ENTRY).notices

    assert [notice.kind for notice in only] == [NoticeKind.IDENTITY]


# Sightings. -------------------------------------------------------------------------------------


def test_a_look_remembers_where_it_saw_a_session() -> None:
    world = replace(
        WORLD, servers={SERVER: SERVER_PROCESS}, environs={NAME: {"CLAUDE_CONFIG_DIR": "/c"}}
    )

    found = sightings(world, memory=KNOWN)

    assert found == {NAME: replace(SIGHTING, at=AT, environ={"CLAUDE_CONFIG_DIR": "/c"})}
    assert sightings(WORLD, memory=replace(SEEN, sightings=found))[NAME].environ


@pytest.mark.parametrize(
    ("age", "renewed"),
    [
        (timedelta(seconds=1), False),
        (RENEWED, False),
        (RENEWED + timedelta(seconds=1), True),
        (-timedelta(hours=1), True),
    ],
    ids=["just now", "five minutes", "more", "the clock was set back"],
)
def test_of_a_quiet_look_nothing_is_remembered_but_every_five_minutes(
    age: timedelta,
    renewed: bool,  # noqa: FBT001
) -> None:
    memory = seen(at=AT - age)
    plan = planned(WORLD, ENTRY, memory=memory)

    assert (plan.memory.sightings == memory.sightings) is not renewed
    assert plan.memory.sightings[NAME].at == (AT if renewed else AT - age)


def test_what_ended_in_a_session_that_lives_is_still_remembered() -> None:
    world = replace(WORLD, inside={(SOCKET, "%1"): RUNS_SHELL}, conversations={})

    assert sightings(world) == SEEN.sightings
    assert sightings(world, memory=KNOWN)[NAME].agent is None
    assert (
        sightings(replace(world, tmux={SOCKET: listing(SESSION, server=None)}), memory=KNOWN) == {}
    )


@pytest.mark.parametrize(
    "world",
    [
        pytest.param(GONE, id="its death is yet to be written"),
        pytest.param(replace(GONE, tmux={SOCKET: Unknown("it hung")}), id="it cannot be seen"),
    ],
)
def test_where_a_running_entry_was_seen_is_kept_though_it_is_not_found_and(world: World) -> None:
    assert sightings(world) == SEEN.sightings


@pytest.mark.parametrize("status", ["terminated", "paused"])
def test_of_an_entry_that_runs_no_more_only_its_folder_is_kept(status: str) -> None:
    moved_files = seen(environ={"CLAUDE_CONFIG_DIR": "/c"})
    entry = replace(ENTRY, status=status)

    kept = sightings(GONE, entry, memory=moved_files)

    assert kept[NAME].environ == {"CLAUDE_CONFIG_DIR": "/c"}
    assert sightings(GONE, entry) == {}
    assert sightings(GONE, entry, memory=seen(place=ELSEWHERE.id))[NAME].place == ELSEWHERE.id
    # It runs again, perhaps at a server that nobody asked: as one that was never seen.
    memory = replace(SEEN, sightings=kept)
    found = replace(GONE, others={"/o": listing(SESSION)})
    assert doubts(found, memory=memory)[0].startswith(
        f"{NAME}: not listed by tmux, but the tmux ser"
    )
    assert sightings(WORLD, memory=memory)[NAME].place == HERE.id


@pytest.mark.parametrize(
    ("proof", "agent", "taken"),
    [
        (Proof.PID_FILE, CLAUDE.id, True),
        (Proof.ARGUMENT, CLAUDE.id, False),
        (Proof.SOLE, ProcessId(1, "1"), True),
    ],
    ids=["as strong", "weaker", "weaker, of another process"],
)
def test_a_recorded_id_yields_to_a_proof_at_least_as_strong_or_of_another_process(
    proof: Proof,
    agent: ProcessId,
    taken: bool,  # noqa: FBT001
) -> None:
    world = replace(WORLD, conversations={NAME: Bound(id=NEXT, proof=proof, written=True)})
    memory = seen(agent=agent)

    found = judged(world, ENTRY, memory=memory)

    assert len(drifts(found, DriftClass.ID_MATERIALISED)) == taken
    assert sightings(world, memory=memory)[NAME].conversation == (NEXT if taken else OWN)


@pytest.mark.parametrize(
    ("since", "taken"),
    [(None, True), (BORN - timedelta(seconds=1), True), (BORN, False)],
    ids=["never moved", "moved before it began", "moved since"],
)
def test_arguments_count_until_the_agent_has_moved_on(since: object, taken: bool) -> None:  # noqa: FBT001
    world = replace(WORLD, conversations={NAME: Bound(id=NEXT, proof=Proof.ARGUMENT, written=True)})
    entry = replace(ENTRY, own_since=since)  # type: ignore[arg-type]

    assert len(judged(world, entry).drifts) == taken
    assert len(judged(MOVED_ON, entry).drifts) == 1


# Not proven, or shared. -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("held", "message"),
    [
        (Unproven(likely=NEXT), None),
        (Unproven(left=(NEXT,)), None),
        (
            Unproven(left=(OWN,)),
            "left its recorded conversation; which one it holds cannot be proven",
        ),
        (
            Unproven(left=(OWN,), likely=NEXT, setting="terminal_title"),
            "left its recorded conversation for what is probably b3a7…c2f; "  # noqa: ISC004
            "which one it holds cannot be proven; to make it certain: terminal_title",
        ),
        (Unproven(begins=OWN[:8]), None),
        (
            Unproven(begins=NEXT[:8]),
            "left its recorded conversation; which one it holds cannot be proven",
        ),
        (
            Bound(id=NEXT, proof=Proof.PANE, written=False),
            "left its recorded conversation for b3a7…c2f, in which nothing is written yet",
        ),
    ],
)
def test_what_is_not_proven_is_never_written(held: Unproven | Bound, message: str | None) -> None:
    for entry in (ENTRY, replace(ENTRY, own_id=None)):
        told = doubts(replace(WORLD, conversations={NAME: held}), entry)
        assert told == ([f"{NAME}: {message}"] if message and entry is ENTRY else [])


def test_what_an_agent_begins_that_was_never_seen_to_hold_one_leaves_none() -> None:
    held = Bound(id=NEXT, proof=Proof.PANE, written=False)
    world = replace(WORLD, conversations={NAME: held})
    memory = seen(conversation=None, proof=None)

    assert doubts(world, replace(ENTRY, own_id=None), memory=memory) == []


def test_what_it_likely_holds_and_has_yet_to_write_is_not_said_to_be_missing() -> None:
    world = replace(
        WORLD,
        artefacts={("claude", OWN): Missing("never written")},
        conversations={NAME: Unproven(likely=OWN)},
    )

    assert judged(world, ENTRY).drifts == ()
    assert judged(replace(world, conversations={NAME: Unproven()}), ENTRY).drifts


def test_a_conversation_that_others_hold_too_is_told_with_who_they_are() -> None:
    world = replace(WORLD, sharers={NAME: ("process 7", "process 8")})

    (notice,) = judged(world, ENTRY).notices

    assert notice.kind is NoticeKind.SHARED
    assert notice.message == (
        f"{NAME}: its conversation 87dc…000 is also held by process 7, process 8"
    )
    assert judged(replace(world, conversations={}), ENTRY).notices == ()


def test_of_many_others_that_hold_a_conversation_five_are_named() -> None:
    world = replace(WORLD, sharers={NAME: tuple(f"process {pid}" for pid in range(1, 8))})

    (notice,) = judged(world, ENTRY).notices

    assert notice.message.endswith(
        " is also held by process 1, process 2, process 3, process 4, process 5 and 2 more"
    )


# What counts at another place. ------------------------------------------------------------------


def test_of_another_place_only_sightings_and_what_the_card_is_to_be_told_count() -> None:
    memory = replace(
        SEEN,
        open={"A-1": Remembered(since=AT)},
        lives={NAME: Life()},
        unsaid={"A-1": Unsaid(text="gone", at=AT)},
        card="t_1",
    )

    assert at_place(memory, HERE.id) is memory
    assert at_place(replace(memory, place=None), HERE.id) == memory
    assert at_place(memory, ELSEWHERE.id) == Memory(
        place=ELSEWHERE.id, sightings=memory.sightings, unsaid=memory.unsaid, card="t_1"
    )


def test_another_places_boot_is_no_reboot_of_this_one() -> None:
    memory = replace(KNOWN, place=ELSEWHERE.id, servers={})
    world = replace(GONE, tmux={SOCKET: None}, boot=NEXT_BOOT)

    assert causes(world, replace(NO_PID, created_at=None), memory=memory) == []


def test_the_first_sighted_entry_owns_a_session_in_whatever_order_they_are_written() -> None:
    entries = [replace(ENTRY, name=SessionName(name)) for name in ("b", "a", "c")]
    memory = replace(SEEN, sightings={each.name: SIGHTING for each in entries})

    told = [
        Sessions(WORLD, Registry(entries=tuple(order)), memory).of(ENTRY)
        for order in (entries, entries[::-1])
    ]

    assert told[0] == told[1]


def test_a_name_that_no_registry_can_hold_is_said_and_not_registered() -> None:
    name = SessionName("x" * 300 + "-creator-claude")
    world = replace(WORLD, tmux={SOCKET: listing(replace(SESSION, name=name))})

    found = judged(world)

    assert found.drifts == ()
    (notice,) = notices(found, NoticeKind.REFUSED)
    assert notice.message == (
        f"{name[:80]}: not registered: the name is longer than 256 characters"
    )
