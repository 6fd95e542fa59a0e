"""Agents under ordinary names: what a wider pattern takes in, and what none does."""

from __future__ import annotations

from dataclasses import replace

import pytest

from examples import (
    CLAUDE,
    PANE,
    RUNS_CLAUDE,
    SECOND_SOCKET,
    SESSION,
    SHELL,
    SOCKET,
    WORLD,
    listing,
)
from reconcile import judge, plan
from reconcile.desired import Entry, Registry
from reconcile.drift import DriftClass, Judgement, LeftOut, NoticeKind
from reconcile.memory import Memory
from reconcile.observed import Agent, Inside, Pane, Session, SessionName, Unknown, World
from reconcile.policy import Policy

API, WEB = SessionName("api"), SessionName("web")
PLAIN = Inside(process=SHELL, agent=None, shell_only=True)
CODEX = Inside(process=SHELL, agent=Agent(kind="codex", process=replace(CLAUDE, command="codex")))
HIDDEN = Inside(process=SHELL, agent=Unknown("not permitted"))
WIDE = Policy(patterns=("*",))
NARROW = Policy(patterns=("x-*",))


def session(name: str, number: int = 1, *, socket: str = SOCKET) -> Session:
    """A session with one pane of its own."""
    return replace(
        SESSION,
        name=SessionName(name),
        id=f"${number}",
        socket=socket,
        panes=(replace(PANE, pane_id=f"%{number}", pid=100 + number),),
    )


def seen(*runs: tuple[Session, Inside]) -> World:
    """A look that found these sessions, and what runs in each of their panes."""
    sockets = {each.socket for each, _ in runs}
    return replace(
        WORLD,
        tmux={at: listing(*(each for each, _ in runs if each.socket == at)) for at in sockets},
        inside={
            (each.socket, pane.pane_id): inside for each, inside in runs for pane in each.panes
        },
    )


def judged(world: World, *entries: Entry, policy: Policy | None = None) -> Judgement:
    return judge.judge(world, Registry(entries=entries), Memory(), policy or Policy())


def registered(found: Judgement) -> list[str]:
    return [each.session for each in found.drifts if each.kind is DriftClass.UNREGISTERED]


def out(*left: tuple[str, str]) -> tuple[LeftOut, ...]:
    return tuple(LeftOut(session=SessionName(name), agent=a, socket=SOCKET) for name, a in left)


# What no pattern takes in. ----------------------------------------------------------------------


def test_agents_whose_names_match_no_pattern_are_told_by_name_and_nothing_is_wrong() -> None:
    world = seen(
        (session("web", 2), CODEX), (session("api"), RUNS_CLAUDE), (session("x", 3), PLAIN)
    )

    found = judged(world)

    assert found.left_out == out(("api", "claude"), ("web", "codex"))
    assert (found.drifts, found.notices) == ((), ())


@pytest.mark.parametrize("inside", [PLAIN, HIDDEN, Inside(process=None, agent=None)])
def test_what_is_certainly_no_agent_or_cannot_be_seen_is_not_told(inside: Inside) -> None:
    assert judged(seen((session("api"), inside))).left_out == ()


def test_without_a_registry_nobody_can_tell_who_was_left_out() -> None:
    world = seen((session("api"), RUNS_CLAUDE))

    assert judge.judge(world, None, Memory(), Policy()).left_out == ()


@pytest.mark.parametrize(
    "entry",
    [
        Entry(name=API, status="running"),
        Entry(name=API, status="terminated"),
        Entry(name=API, status="paused by me"),
        Entry(name=API, status="running", host="another"),
    ],
)
def test_whoever_has_an_entry_was_not_left_out(entry: Entry) -> None:
    assert judged(seen((session("api"), RUNS_CLAUDE)), entry).left_out == ()


def test_a_name_that_a_person_has_just_removed_is_not_told() -> None:
    world = seen((session("api"), RUNS_CLAUDE))
    registry = Registry(reserved=frozenset({API}))

    assert judge.judge(world, registry, Memory(), Policy()).left_out == ()


def test_a_session_that_an_entry_follows_under_another_name_was_not_left_out() -> None:
    entry = Entry(name=SessionName("before"), status="running", agent="claude")
    before = judged(seen((session("before"), RUNS_CLAUDE)), entry)
    memory, world = Memory(sightings=before.sightings), seen((session("api"), RUNS_CLAUDE))

    found = judge.judge(world, Registry(entries=(entry,)), memory, Policy())

    assert [each.kind for each in found.notices] == [NoticeKind.RENAMED]
    assert found.left_out == ()


def test_of_sessions_that_show_the_same_agent_the_first_is_told() -> None:
    grouped = replace(session("web", 2), panes=session("api").panes)

    found = judged(seen((grouped, RUNS_CLAUDE), (session("api"), RUNS_CLAUDE)))

    assert found.left_out == out(("api", "claude"))


def test_what_a_registered_session_shows_as_well_was_not_left_out() -> None:
    world = seen((session("api"), RUNS_CLAUDE), (session("web"), RUNS_CLAUDE))

    assert judged(world, Entry(name=WEB, status="running", agent="claude")).left_out == ()


def test_one_name_on_two_servers_is_two_agents_that_were_left_out() -> None:
    other = session("api", socket=SECOND_SOCKET)

    found = judged(seen((session("api"), RUNS_CLAUDE), (other, CODEX)))

    assert [(each.agent, each.socket) for each in found.left_out] == [
        ("claude", SOCKET),
        ("codex", SECOND_SOCKET),
    ]


def test_a_session_that_has_ended_was_not_left_out() -> None:
    dead = replace(session("api"), panes=(Pane(pane_id="%1", pid=1, dead=True),))

    assert judged(seen((dead, RUNS_CLAUDE))).left_out == ()


def test_a_pattern_that_leaves_out_the_default_names_leaves_out_their_agents() -> None:
    world = seen((session("lab-x-creator-claude"), RUNS_CLAUDE))

    found = judged(world, policy=NARROW)

    assert found.left_out == out(("lab-x-creator-claude", "claude"))
    assert registered(found) == []


# What a wider pattern takes in. -----------------------------------------------------------------


def test_a_wider_pattern_registers_agents_and_no_plain_shells() -> None:
    world = seen((session("api"), RUNS_CLAUDE), (session("web", 2), PLAIN))

    found = judged(world, policy=WIDE)

    assert registered(found) == ["api"]
    assert (found.notices, found.left_out) == ((), ())


def test_a_shell_under_a_wider_pattern_is_registered_once_an_agent_is_seen_in_it() -> None:
    assert registered(judged(seen((session("api"), PLAIN)), policy=WIDE)) == []
    assert registered(judged(seen((session("api"), CODEX)), policy=WIDE)) == ["api"]


@pytest.mark.parametrize("policy", [Policy(), WIDE])
def test_what_the_default_names_is_registered_whatever_runs_in_it(policy: Policy) -> None:
    world = seen((session("lab-x-creator-aider"), PLAIN))

    assert registered(judged(world, policy=policy)) == ["lab-x-creator-aider"]


def test_what_cannot_be_seen_under_a_wider_pattern_is_said() -> None:
    found = judged(seen((session("api"), HIDDEN)), policy=WIDE)

    assert [each.kind for each in found.notices] == [NoticeKind.BLIND]


def test_a_name_of_a_plain_shell_that_cannot_be_written_down_is_no_matter() -> None:
    long = session("x" * 300)

    assert judged(seen((long, PLAIN)), policy=WIDE).notices == ()
    assert [each.kind for each in judged(seen((long, CODEX)), policy=WIDE).notices] == [
        NoticeKind.REFUSED
    ]


@pytest.mark.parametrize(
    ("other", "kinds"), [(PLAIN, []), (CODEX, [NoticeKind.DISPUTED])], ids=["shell", "agent"]
)
def test_plain_shells_of_one_name_on_two_servers_are_no_dispute_but_an_agent_among_them_is(
    other: Inside, kinds: list[NoticeKind]
) -> None:
    world = seen((session("main"), PLAIN), (session("main", socket=SECOND_SOCKET), other))

    found = judged(world, policy=WIDE)

    assert [each.kind for each in found.notices] == kinds
    assert registered(found) == []
    assert found.left_out == ()


# It is advice. ----------------------------------------------------------------------------------


def test_who_was_left_out_changes_neither_the_plan_nor_what_is_remembered() -> None:
    bare, with_agents = seen((session("api"), PLAIN)), seen((session("api"), RUNS_CLAUDE))
    plans = []
    for world in (bare, with_agents):
        found = judged(world)
        plans.append(plan.plan(found, world, Registry(), Memory(), Policy()))

    assert plans[0] == plans[1]
    assert plans[1].decisions == plans[1].notes == ()
