"""Whether a live session is the registered one, and which of its panes is the agent's."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta, timezone

import pytest

from examples import (
    BORN,
    CLAUDE,
    DEAD_PANE,
    ENTRY,
    HOME,
    LATER,
    PANE,
    PID,
    RUNS_CLAUDE,
    RUNS_SHELL,
    SESSION,
    SHELL,
    SIGHTING,
    SOCKET,
    WORKSPACE,
    WORLD,
)
from reconcile import identity
from reconcile.desired import Entry
from reconcile.memory import Sighting
from reconcile.observed import Agent, Inside, Pane, Session, Unknown, World

SECOND = Pane(pane_id="%2", pid=2)
THIRD = Pane(pane_id="%3", pid=3)
DEAD_SECOND = replace(SECOND, dead=True)
RUNS_AGY = replace(RUNS_CLAUDE, agent=Agent(kind="agy", process=CLAUDE))
HIDDEN = Inside(process=Unknown("access denied"), agent=Unknown("access denied"))
HIDDEN_AGENT = Inside(process=replace(CLAUDE, cwd="/srv"), agent=Unknown("access denied"))
ELSEWHERE = replace(CLAUDE, cwd="/srv")
RUNS_ELSEWHERE = Inside(process=ELSEWHERE, agent=Agent(kind="claude", process=ELSEWHERE))


def look(*insides: Inside) -> World:
    """A look in which the panes %1, %2 and so on run these."""
    inside = {(SOCKET, f"%{place}"): each for place, each in enumerate(insides, start=1)}
    return replace(WORLD, inside=inside)


@pytest.mark.parametrize(
    ("panes", "insides", "entry", "chosen"),
    [
        pytest.param((PANE,), (RUNS_CLAUDE,), ENTRY, "%1", id="the only one"),
        pytest.param(
            (SECOND, PANE), (RUNS_SHELL, RUNS_CLAUDE), ENTRY, "%1", id="the recorded one, not first"
        ),
        pytest.param(
            (PANE, SECOND),
            (RUNS_SHELL, RUNS_CLAUDE),
            ENTRY,
            "%1",
            id="the recorded one while its process lives, though an agent runs in another",
        ),
        pytest.param(
            (replace(PANE, pid=1), SECOND),
            (RUNS_SHELL, RUNS_CLAUDE),
            ENTRY,
            "%2",
            id="the one with the agent when the recorded process is in none",
        ),
        pytest.param(
            (DEAD_PANE, SECOND),
            (RUNS_SHELL, RUNS_CLAUDE),
            ENTRY,
            "%2",
            id="the one with the agent when the recorded one is dead",
        ),
        pytest.param(
            (replace(PANE, pid=1), SECOND, THIRD),
            (RUNS_AGY, RUNS_CLAUDE, RUNS_CLAUDE),
            ENTRY,
            "%2",
            id="of several agents the first of the registered kind",
        ),
        pytest.param(
            (replace(PANE, pid=1), SECOND),
            (RUNS_SHELL, RUNS_AGY),
            ENTRY,
            "%2",
            id="an agent of another kind rather than none",
        ),
        pytest.param(
            (replace(PANE, pid=1), SECOND, THIRD),
            (RUNS_SHELL, RUNS_CLAUDE, HIDDEN),
            ENTRY,
            "%3",
            id="one that hides what it runs, for it may be the agent's",
        ),
        pytest.param(
            (DEAD_PANE, SECOND),
            (RUNS_SHELL, HIDDEN_AGENT),
            ENTRY,
            "%2",
            id="one that hides its agent, before a recorded one that is dead",
        ),
        pytest.param(
            (DEAD_PANE, SECOND),
            (RUNS_SHELL, RUNS_SHELL),
            ENTRY,
            "%1",
            id="the recorded one though it is dead, when no other holds an agent",
        ),
        pytest.param(
            (DEAD_PANE, SECOND),
            (RUNS_SHELL, RUNS_SHELL),
            None,
            "%2",
            id="without an entry, the first that lives",
        ),
        pytest.param(
            (PANE, SECOND),
            (RUNS_SHELL, RUNS_AGY),
            None,
            "%2",
            id="without an entry, the first with an agent",
        ),
        pytest.param(
            (replace(DEAD_PANE, pid=1), DEAD_SECOND),
            (),
            ENTRY,
            "%1",
            id="the first when all are dead and none is the recorded one",
        ),
    ],
)
def test_the_agents_pane_is(
    panes: tuple[Pane, ...], insides: tuple[Inside, ...], entry: Entry | None, chosen: str
) -> None:
    session = replace(SESSION, panes=panes)

    assert identity.agent_pane(session, entry, look(*insides)).pane_id == chosen


def test_a_dead_pane_holds_nothing_and_one_nobody_looked_into_is_unknown() -> None:
    world = look()

    assert identity.inside(SESSION, DEAD_PANE, world).hidden is None
    nobody = Unknown("it was not looked for")
    assert identity.inside(SESSION, PANE, world) == Inside(process=nobody, agent=nobody)


SUBDIRECTORY = replace(CLAUDE, cwd=f"{HOME}/src")
AWAY = replace(SESSION, directory="/srv")


@pytest.mark.parametrize(
    ("entry", "session", "world"),
    [
        pytest.param(ENTRY, SESSION, WORLD, id="all of it is as it was registered"),
        pytest.param(
            ENTRY,
            replace(SESSION, panes=(SECOND, PANE)),
            WORLD,
            id="the recorded process is in any of its panes",
        ),
        pytest.param(
            replace(ENTRY, pane_pid=7),
            SESSION,
            look(Inside(process=SHELL, agent=Agent(kind="claude", process=replace(CLAUDE, pid=7)))),
            id="the recorded pid is the agent's, below the pane's shell",
        ),
        pytest.param(replace(ENTRY, pane_pid=None), SESSION, WORLD, id="no pid was recorded"),
        pytest.param(
            replace(ENTRY, created_at=BORN - timedelta(seconds=60)),
            SESSION,
            WORLD,
            id="it was made a minute after what was written",
        ),
        pytest.param(
            replace(ENTRY, created_at=BORN + timedelta(seconds=60)),
            SESSION,
            WORLD,
            id="it was made a minute before what was written",
        ),
        pytest.param(
            replace(ENTRY, created_at=BORN.astimezone(timezone(timedelta(hours=9)))),
            SESSION,
            WORLD,
            id="the time was written in another zone",
        ),
        pytest.param(replace(ENTRY, created_at=None), SESSION, WORLD, id="no time was written"),
        pytest.param(replace(ENTRY, workspace=None), AWAY, WORLD, id="no workspace was written"),
        pytest.param(
            ENTRY, AWAY, look(RUNS_CLAUDE), id="it was made elsewhere, and the agent is at home"
        ),
        pytest.param(ENTRY, SESSION, look(RUNS_ELSEWHERE), id="the agent went elsewhere from home"),
        pytest.param(
            ENTRY,
            AWAY,
            look(Inside(process=SUBDIRECTORY, agent=None)),
            id="it runs below the workspace",
        ),
        pytest.param(
            replace(ENTRY, workspace="/link/x/"),
            SESSION,
            replace(WORLD, real_paths={"/link/x/": HOME}),
            id="the workspace is written with a symlink and a slash at its end",
        ),
        pytest.param(
            ENTRY,
            replace(SESSION, directory="/link/x"),
            replace(look(RUNS_ELSEWHERE), real_paths={WORKSPACE: HOME, "/link/x": HOME}),
            id="the session's directory is a symlink to the workspace",
        ),
        pytest.param(
            replace(ENTRY, workspace="/"), AWAY, WORLD, id="the workspace is the root of all"
        ),
        pytest.param(replace(ENTRY, agent=None), SESSION, WORLD, id="no agent was written"),
    ],
)
def test_a_session_is_the_registered_one_when(entry: Entry, session: Session, world: World) -> None:
    assert identity.differences(entry, session, PANE, world) == ()


@pytest.mark.parametrize(
    ("entry", "session", "world", "difference"),
    [
        pytest.param(
            replace(ENTRY, pane_pid=7),
            SESSION,
            WORLD,
            f"pane process was 7, is {PID}",
            id="its process is another one",
        ),
        pytest.param(
            ENTRY,
            replace(SESSION, created_at=LATER),
            WORLD,
            "created 2026-11-20T09:00:00+00:00, is 2026-11-20T09:05:00+00:00",
            id="it was made later",
        ),
        pytest.param(
            replace(ENTRY, created_at=BORN.astimezone(timezone(timedelta(hours=9)))),
            replace(SESSION, created_at=LATER),
            WORLD,
            "created 2026-11-20T18:00:00+09:00, is 2026-11-20T18:05:00+09:00",
            id="it was made later, told in the zone that was written",
        ),
        pytest.param(
            ENTRY,
            replace(SESSION, created_at=BORN - timedelta(seconds=61)),
            WORLD,
            "created 2026-11-20T09:00:00+00:00, is 2026-11-20T08:58:59+00:00",
            id="it was made before",
        ),
        pytest.param(
            ENTRY,
            AWAY,
            look(RUNS_ELSEWHERE),
            "workspace was ~/lab/x, is /srv",
            id="it runs in another directory",
        ),
        pytest.param(
            ENTRY,
            AWAY,
            look(Inside(process=ELSEWHERE, agent=None)),
            "workspace was ~/lab/x, is /srv",
            id="what runs in another directory is no agent",
        ),
        pytest.param(
            replace(ENTRY, workspace="/srvX"),
            AWAY,
            look(RUNS_ELSEWHERE),
            "workspace was /srvX, is /srv",
            id="the workspace's name only begins like the directory's",
        ),
        pytest.param(
            replace(ENTRY, workspace="/sr"),
            AWAY,
            look(RUNS_ELSEWHERE),
            "workspace was /sr, is /srv",
            id="the directory's name only begins like the workspace's",
        ),
        pytest.param(
            ENTRY, SESSION, look(RUNS_AGY), "agent was claude, is agy", id="the agent is another"
        ),
    ],
)
def test_a_session_is_another_one_when(
    entry: Entry, session: Session, world: World, difference: str
) -> None:
    assert identity.differences(entry, session, PANE, world) == (difference,)
    assert not identity.is_same(entry, session, PANE, world)


def test_every_difference_is_told() -> None:
    entry = replace(ENTRY, pane_pid=7, created_at=LATER, workspace="/elsewhere", agent="agy")

    assert len(identity.differences(entry, SESSION, PANE, WORLD)) == 4


@pytest.mark.parametrize(
    "inside",
    [
        pytest.param(HIDDEN, id="nothing of it could be seen"),
        pytest.param(HIDDEN_AGENT, id="its agent could not be seen"),
        pytest.param(
            Inside(process=Unknown("access denied"), agent=RUNS_ELSEWHERE.agent),
            id="its pane's process could not be seen",
        ),
        pytest.param(
            Inside(process=replace(CLAUDE, cwd=""), agent=RUNS_ELSEWHERE.agent),
            id="one working directory could not be read",
        ),
        pytest.param(Inside(process=None, agent=None), id="its process has just ended"),
    ],
)
def test_another_directory_is_not_claimed_and_sameness_neither_when(inside: Inside) -> None:
    world = look(inside)

    assert identity.differences(ENTRY, AWAY, PANE, world) == ()
    assert not identity.is_same(ENTRY, AWAY, PANE, world)


@pytest.mark.parametrize(
    ("entry", "world", "same"),
    [
        pytest.param(ENTRY, WORLD, True, id="all of it could be seen"),
        pytest.param(replace(ENTRY, workspace=None), WORLD, True, id="no workspace was written"),
        pytest.param(replace(ENTRY, agent=None), WORLD, False, id="no agent was written"),
        pytest.param(ENTRY, look(RUNS_SHELL), False, id="no agent runs"),
        pytest.param(ENTRY, look(HIDDEN_AGENT), False, id="the agent could not be seen"),
        pytest.param(ENTRY, look(HIDDEN), False, id="nothing could be seen"),
        pytest.param(
            ENTRY,
            look(Inside(process=Unknown("access denied"), agent=RUNS_CLAUDE.agent)),
            False,
            id="its pane's process could not be seen",
        ),
    ],
)
def test_sameness_is_claimed_when(entry: Entry, world: World, same: bool) -> None:  # noqa: FBT001
    assert identity.is_same(entry, SESSION, PANE, world) is same


VIM = replace(CLAUDE, command="vim")
RUNS_EDITOR = Inside(process=VIM, agent=None)
NO_TIME = replace(ENTRY, created_at=None)
LOST = replace(ENTRY, pane_pid=7)
BOTH = replace(SESSION, panes=(PANE, SECOND))
NO_AGENT_SEEN = replace(SIGHTING, agent=None)


@pytest.mark.parametrize(
    ("entry", "session", "world", "sighting"),
    [
        pytest.param(ENTRY, SESSION, look(RUNS_SHELL), None, id="a shell is back at its prompt"),
        pytest.param(
            NO_TIME, SESSION, look(RUNS_EDITOR), SIGHTING, id="it was seen, and ran in the pane"
        ),
        pytest.param(
            replace(NO_TIME, pane_pid=7),
            SESSION,
            look(RUNS_EDITOR),
            SIGHTING,
            id="it was seen, and the recorded pane is no more",
        ),
        pytest.param(
            LOST, SESSION, look(RUNS_EDITOR), None, id="the session is that of then, not the pane"
        ),
        pytest.param(
            LOST,
            replace(SESSION, created_at=BORN + timedelta(seconds=60)),
            look(RUNS_EDITOR),
            None,
            id="the session is hardly younger, and the pane is no more",
        ),
        pytest.param(
            LOST,
            replace(SESSION, panes=(PANE, DEAD_SECOND)),
            look(RUNS_EDITOR),
            NO_AGENT_SEEN,
            id="the pane is no more, and another one is dead",
        ),
        pytest.param(
            LOST,
            replace(AWAY, directory=""),
            look(replace(RUNS_EDITOR, process=ELSEWHERE)),
            SIGHTING,
            id="it was seen, and what is left works elsewhere in a session of no known directory",
        ),
    ],
)
def test_an_agent_has_exited_when(
    entry: Entry, session: Session, world: World, sighting: Sighting | None
) -> None:
    assert identity.has_exited(entry, session, PANE, world, sighting)


@pytest.mark.parametrize(
    ("entry", "session", "world", "sighting"),
    [
        pytest.param(ENTRY, SESSION, WORLD, SIGHTING, id="it runs"),
        pytest.param(
            ENTRY, BOTH, look(RUNS_SHELL, RUNS_CLAUDE), SIGHTING, id="an agent runs in another pane"
        ),
        pytest.param(
            ENTRY,
            BOTH,
            look(RUNS_SHELL, Inside(process=Unknown("access denied"), agent=None)),
            SIGHTING,
            id="another pane hides what it runs",
        ),
        pytest.param(
            ENTRY,
            replace(SESSION, panes=(DEAD_PANE,)),
            look(),
            SIGHTING,
            id="its pane is dead, which is a death",
        ),
        pytest.param(
            ENTRY,
            SESSION,
            look(RUNS_EDITOR),
            NO_AGENT_SEEN,
            id="the recorded pane runs something else, and never was seen to run it",
        ),
        pytest.param(
            replace(ENTRY, pane_pid=None),
            SESSION,
            look(RUNS_EDITOR),
            None,
            id="nobody wrote down or saw where it ran",
        ),
        pytest.param(
            replace(LOST, created_at=LATER),
            SESSION,
            look(RUNS_SHELL),
            None,
            id="pane and session are others than those of then",
        ),
        pytest.param(
            replace(NO_TIME, pane_pid=7),
            SESSION,
            look(RUNS_SHELL),
            NO_AGENT_SEEN,
            id="the pane is another one, and nobody wrote down of which session",
        ),
        pytest.param(
            LOST, AWAY, look(replace(RUNS_SHELL, process=ELSEWHERE)), SIGHTING, id="it is elsewhere"
        ),
        pytest.param(
            LOST,
            replace(AWAY, directory=""),
            look(replace(RUNS_SHELL, process=ELSEWHERE)),
            None,
            id="it is elsewhere, and no agent was seen in a session of no known directory",
        ),
    ],
)
def test_an_agent_has_not_certainly_exited_when(
    entry: Entry, session: Session, world: World, sighting: Sighting | None
) -> None:
    (pane, *_) = session.panes

    assert not identity.has_exited(entry, session, pane, world, sighting)


def test_an_unknown_directory_is_in_no_workspace() -> None:
    nowhere = replace(CLAUDE, cwd="")
    world = look(Inside(process=nowhere, agent=Agent(kind="claude", process=nowhere)))

    session = replace(SESSION, directory="")

    assert not identity.is_same(replace(ENTRY, workspace="/"), session, PANE, world)
