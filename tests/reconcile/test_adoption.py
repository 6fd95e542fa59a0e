"""What an adoption would change, and whether an agent that came back is in its own conversation."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest

from examples import (
    AT,
    CLAUDE,
    DEAD_PANE,
    ENTRY,
    HERE,
    HOME,
    NAME,
    NEXT,
    NOTICED,
    OWN,
    PANE,
    PID,
    RUNS_SHELL,
    SESSION,
    SOCKET,
    WORLD,
)
from reconcile import adoption
from reconcile.adoption import Back
from reconcile.observed import (
    Ambiguous,
    Bound,
    Conversation,
    Inside,
    Lineage,
    Link,
    SessionName,
    Unknown,
    Unproven,
    World,
)
from reconcile.proofs import Proof

BLIND = Unknown("it could not be read")
SETTLED = replace(
    ENTRY, pane_pid=PID, pane_command="claude", pane_cwd=HOME, created_at=SESSION.created_at
)


def changes(entry: object = SETTLED, world: World = WORLD) -> dict[str, object]:
    found = adoption.edits(entry, SESSION, PANE, world)  # type: ignore[arg-type]
    assert not isinstance(found, Unknown)
    return {each.path: each.value for each in found}


def holding(held: Conversation, **more: object) -> World:
    return replace(WORLD, conversations={NAME: held}, **more)  # type: ignore[arg-type]


def inside(what: Inside) -> World:
    return replace(WORLD, inside={(SOCKET, PANE.pane_id): what})


ENDED = replace(
    SETTLED,
    status="terminated",
    terminated_at=NOTICED,
    termination_mode="auto-detected",
    termination_cause="host-reboot",
    pane_pid=7,
    pane_command="bash",
    pane_cwd="/",
    created_at=NOTICED,
)


def test_what_is_the_entry_s_own_already_changes_nothing() -> None:
    assert changes() == {}


def test_an_ended_entry_runs_again_in_the_pane_that_lives() -> None:
    assert changes(ENDED) == {
        "status": "running",
        "pane.pid": PID,
        "pane.cmd": "claude",
        "pane.cwd": HOME,
        "created_at": SESSION.created_at,
        "terminated_at": None,
        "termination_mode": None,
        "termination_cause": None,
    }


def test_each_key_is_changed_in_the_entry_whatever_its_session_is_called() -> None:
    called = replace(ENDED, name=SessionName("lab.x-creator-claude"), host="laptop")

    found = adoption.edits(called, SESSION, PANE, WORLD)

    assert not isinstance(found, Unknown)
    assert [each.session for each in found] == [called.name] * 9


def test_what_stands_in_an_entry_is_told_under_each_key_that_an_adoption_may_change() -> None:
    ended = replace(ENDED, host="laptop")

    assert adoption.before(ended) == {
        "status": "terminated",
        "host": "laptop",
        "created_at": NOTICED,
        "terminated_at": NOTICED,
        "termination_mode": "auto-detected",
        "termination_cause": "host-reboot",
        "pane.pid": 7,
        "pane.cmd": "bash",
        "pane.cwd": "/",
    }
    assert adoption.before(ended).keys() == changes(ended).keys()


@pytest.mark.usefixtures("abroad")
def test_when_the_session_was_made_is_written_in_the_zone_of_the_look() -> None:
    zone = timezone(timedelta(hours=2))

    found = changes(ENDED, replace(WORLD, at=AT.astimezone(zone)))

    made = found["created_at"]
    assert isinstance(made, datetime)
    assert (made, made.utcoffset()) == (SESSION.created_at, timedelta(hours=2))


def test_another_host_s_entry_becomes_this_one_s() -> None:
    assert changes(replace(SETTLED, host="laptop")) == {"host": "devbox"}
    assert changes(replace(SETTLED, host="devbox")) == {}
    assert changes(replace(SETTLED, host="laptop"), replace(WORLD, place=BLIND)) == {}


def test_of_the_names_of_its_host_the_first_is_written_and_each_of_them_stays() -> None:
    place = replace(HERE, hosts=frozenset({"devbox.example.org", "devbox", "zz"}))
    world = replace(WORLD, place=place)

    assert changes(replace(SETTLED, host="laptop"), world) == {"host": "devbox"}
    assert changes(replace(SETTLED, host="zz"), world) == {}


def test_a_process_that_tells_neither_command_nor_directory_leaves_them_unknown() -> None:
    silent = replace(CLAUDE, command="", cwd="")

    found = changes(world=inside(Inside(process=silent, agent=None)))

    assert found == {"pane.cmd": None, "pane.cwd": None}


@pytest.mark.parametrize(
    ("pane", "what", "why"),
    [
        pytest.param(PANE, Inside(process=BLIND, agent=BLIND), BLIND.why, id="hidden"),
        pytest.param(DEAD_PANE, RUNS_SHELL, "its pane is dead", id="a dead pane"),
        pytest.param(PANE, Inside(process=None, agent=None), "its pane is dead", id="it ended"),
    ],
)
def test_what_cannot_be_seen_is_not_adopted(pane: object, what: Inside, why: str) -> None:
    found = adoption.edits(SETTLED, SESSION, pane, inside(what))  # type: ignore[arg-type]

    assert found == Unknown(why)


def bound(one: str, **more: object) -> World:
    return holding(Bound(id=type(OWN)(one), proof=Proof.PID_FILE, written=True), **more)


CAME = Lineage(links=(Link(id=OWN, at=AT, how="resume", proof=Proof.PID_FILE),))


@pytest.mark.parametrize(
    ("world", "back", "why"),
    [
        pytest.param(bound(OWN), Back.OWN, f"back in its own conversation {OWN}", id="its own"),
        pytest.param(
            bound(OWN.upper()), Back.OWN, f"back in its own conversation {OWN.upper()}", id="case"
        ),
        pytest.param(
            bound(NEXT, lineages={NAME: CAME}),
            Back.OWN,
            f"back in its own conversation, which is {NEXT} now",
            id="its own under a new id",
        ),
        pytest.param(
            bound(NEXT, lineages={NAME: BLIND}),
            Back.ANOTHER,
            f"another conversation runs in it: {NEXT} (its own is 87dc…000)",
            id="another one",
        ),
        pytest.param(
            holding(Unproven(likely=OWN, setting="set it")),
            Back.UNPROVABLE,
            "probably in its own conversation, which cannot be proven; to make it certain: set it",
            id="likely",
        ),
        pytest.param(
            holding(Unproven()),
            Back.UNPROVABLE,
            "its conversation cannot be proven",
            id="not provable",
        ),
        pytest.param(
            holding(Unproven(likely=NEXT)),
            Back.ANOTHER,
            f"another conversation probably runs in it: {NEXT}",
            id="likely another one",
        ),
        pytest.param(
            holding(Unproven(left=(OWN,))),
            Back.ANOTHER,
            "another conversation probably runs in it: one that nothing names",
            id="left",
        ),
        pytest.param(
            holding(Ambiguous((NEXT, OWN))),
            Back.AWAITED,
            f"which conversation it holds is ambiguous: any of {', '.join(sorted((OWN, NEXT)))}",
            id="ambiguous",
        ),
        pytest.param(
            holding(BLIND),
            Back.AWAITED,
            f"cannot see which conversation it holds: {BLIND.why}",
            id="not seen",
        ),
        pytest.param(holding(None), Back.AWAITED, "it holds no conversation yet", id="none yet"),
        pytest.param(inside(RUNS_SHELL), Back.AWAITED, "no agent runs in it", id="a shell"),
        pytest.param(
            inside(Inside(process=BLIND, agent=BLIND)),
            Back.AWAITED,
            f"cannot see what runs in it: {BLIND.why}",
            id="hidden",
        ),
    ],
)
def test_an_agent_that_came_back_is(world: World, back: Back, why: str) -> None:
    assert adoption.returned(OWN, SESSION, PANE, world) == adoption.Returned(back, why)


def test_without_a_recorded_conversation_there_is_none_to_be_back_in() -> None:
    found = adoption.returned(None, SESSION, PANE, WORLD)

    assert found == adoption.Returned(Back.UNPROVABLE, "no conversation of its own is recorded")
