"""How an agent that holds a conversation as well is told to a person."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime

from kanban_worker import holders
from kanban_worker.agents.shape import LiveAgent, Member
from kanban_worker.observe import sharers
from reconcile.observed import Listing, Pane, Session, SessionName, World

AT = datetime(2026, 11, 20, tzinfo=UTC)
PANE = Pane(pane_id="%1", pid=7)
AGENT = LiveAgent(
    session=SessionName("/s:%1"),
    kind="claude",
    cwd="/",
    argv=("claude",),
    environ={},
    family=(Member(pid=8, started_at=AT, start_ticks="1"),),
)


def session(name: str, identity: str) -> Session:
    return Session(
        name=SessionName(name),
        socket="/s",
        id=identity,
        created_at=AT,
        directory="/",
        panes=(PANE,),
    )


def test_of_several_sessions_with_its_window_the_oldest_one_is_told_in_any_order() -> None:
    linked = (session("a", "$10"), session("b", "$9"), session("c", "$11"))

    for order in itertools.permutations(linked):
        listing = Listing(server=None, sessions={each.name: each for each in order})
        assert sharers.told(AGENT, [listing]) == "process 8 in tmux session b"
        assert holders._panes(World(at=AT, tmux={"/s": listing})) == {7: "b"}
