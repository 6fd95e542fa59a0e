"""A registry whose end is missing is torn while what it lacks may run, and else edited."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from examples import (
    DEAD_PANE,
    GONE,
    KNOWN,
    NAME,
    SECOND_SOCKET,
    SEEN,
    SESSION,
    SOCKET,
    WORLD,
    YOUNG_SERVER,
    listing,
)
from kanban_worker import endings
from reconcile import names
from reconcile.memory import Memory
from reconcile.observed import SessionName, Unknown, World
from state.lastgood import Cut

CUT = Cut(session=NAME, gone=True, place="registry x, line 1, column 1", copy=Path("/copy"))
SHORTENED = replace(CUT, gone=False)
FOREIGN = SessionName("notes")
BLIND = {**GONE.tmux, SECOND_SOCKET: Unknown("no answer")}
DEAD = {SOCKET: listing(replace(SESSION, panes=(DEAD_PANE,)))}


def verdict(cut: Cut, world: World, memory: Memory = KNOWN) -> str:
    return str(endings.torn(cut, world, memory.sightings, names.DEFAULT_PATTERNS) or "")


@pytest.mark.parametrize("cut", [CUT, SHORTENED], ids=["entry gone", "lines gone"])
def test_it_is_torn_while_the_session_runs(cut: Cut) -> None:
    assert "and its session still runs, so it is taken as torn" in verdict(cut, WORLD)


@pytest.mark.parametrize(
    "world",
    [
        pytest.param(GONE, id="gone"),
        pytest.param(replace(GONE, tmux={SOCKET: None}), id="no server"),
        pytest.param(replace(GONE, tmux=DEAD), id="only a dead pane"),
    ],
)
@pytest.mark.parametrize("cut", [CUT, SHORTENED], ids=["entry gone", "lines gone"])
def test_it_is_edited_when_the_session_runs_no_more(cut: Cut, world: World) -> None:
    assert not verdict(cut, world)


def test_its_session_is_found_under_what_tmux_makes_of_its_name() -> None:
    dotted = replace(CUT, session=SessionName("lab-a.b-creator-claude"))
    session = replace(SESSION, name=SessionName("lab-a_b-creator-claude"))
    world = replace(WORLD, tmux={SOCKET: listing(session)})
    assert "its session still runs" in verdict(dotted, world)
    assert not verdict(dotted, WORLD)


def test_its_session_is_found_under_the_name_that_it_was_given_since() -> None:
    renamed = replace(SESSION, name=SessionName("lab-r-creator-claude"))
    world = replace(WORLD, tmux={SOCKET: listing(renamed)})
    assert "its session still runs" in verdict(CUT, world, SEEN)
    assert not verdict(CUT, world)
    assert not verdict(
        CUT, replace(world, tmux={SOCKET: listing(renamed, server=YOUNG_SERVER)}), SEEN
    )


def test_blindness_trusts_nothing() -> None:
    blind = replace(GONE, tmux=BLIND)
    assert "and tmux cannot say whether its session runs" in verdict(CUT, blind)


def test_an_entry_that_nobody_would_write_down_anew_may_go() -> None:
    runs = replace(WORLD, tmux={SOCKET: listing(replace(SESSION, name=FOREIGN))})
    assert not verdict(replace(CUT, session=FOREIGN), runs)
    assert not verdict(replace(CUT, session=FOREIGN), replace(GONE, tmux=BLIND))
    assert verdict(replace(SHORTENED, session=FOREIGN), runs), "but its lines may not"
