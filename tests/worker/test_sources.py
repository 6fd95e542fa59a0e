"""What the report says of each source: ok, certainly not there, or could not look."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from kanban_worker import agents, sources
from kanban_worker.agents.shape import Adapter
from reconcile.desired import Entry, Registry
from reconcile.observed import (
    Answer,
    Artefact,
    ConversationId,
    Listing,
    Missing,
    Server,
    Session,
    SessionName,
    Unknown,
    World,
)
from reconcile.report import Source, SourceState

AT = datetime(2026, 11, 20, 10, tzinfo=UTC)
ID = ConversationId("87dc548e-0000-4000-8000-000000000000")
PATH = Path("/r/agent-sessions.yaml")
BLIND = Unknown("no answer within 5 s")
BLIND_TOO = Unknown("permission denied")


def listing(*names: str) -> Listing:
    """Return a server with these sessions."""
    found = {
        SessionName(name): Session(
            name=SessionName(name), socket="/s", id=f"${n}", created_at=AT, directory="/", panes=()
        )
        for n, name in enumerate(names)
    }
    return Listing(server=Server(pid=1, started_at=AT), sessions=found)


def adapters() -> Mapping[str, Adapter]:
    """Return all kinds, in this test's own home."""
    home = Path.home()
    return {kind: make(home, {"HOME": str(home)}) for kind, make in agents.ADAPTERS.items()}


def of(
    *,
    tmux: Mapping[str, Answer[Listing]] | None = None,
    artefact: Artefact | Missing | Unknown = Artefact.PRESENT,
    registry: Registry | None = None,
    trouble: str = "",
) -> Mapping[str, Source]:
    """Return the sources of one look."""
    world = World(at=AT, tmux=tmux or {}, artefacts={("claude", ID): artefact})
    return sources.of(world, registry or Registry(), PATH, trouble, adapters())


@pytest.mark.parametrize(
    ("tmux", "expected"),
    [
        pytest.param(
            {"/s": listing("a", "b")}, Source(state=SourceState.OK, facts={"sessions": 2}), id="one"
        ),
        pytest.param(
            {"/s": listing("a"), "/t": None},
            Source(state=SourceState.OK, facts={"sessions": 1}),
            id="one of two",
        ),
        pytest.param(
            {"/s": listing("a"), "/t": listing("a")},
            Source(state=SourceState.OK, facts={"sessions": 2}),
            id="one name on two servers",
        ),
        pytest.param(
            {"/s": listing()}, Source(state=SourceState.OK, facts={"sessions": 0}), id="no session"
        ),
        pytest.param(
            {"/s": None}, Source(state=SourceState.ABSENT, facts={"sessions": 0}), id="no server"
        ),
        pytest.param(
            {"/s": listing("a"), "/t": BLIND},
            Source(state=SourceState.UNKNOWN, why=BLIND.why, facts={"sessions": 1}),
            id="blind on one of two",
        ),
        pytest.param(
            {"/s": BLIND, "/t": BLIND_TOO},
            Source(
                state=SourceState.UNKNOWN,
                why=f"{BLIND.why}; {BLIND_TOO.why}",
                facts={"sessions": 0},
            ),
            id="blind on both",
        ),
    ],
)
def test_tmux_is_known_only_when_every_socket_was(
    tmux: Mapping[str, Answer[Listing]], expected: Source
) -> None:
    assert of(tmux=tmux)["tmux"] == expected


def test_the_registry_is_told_with_its_path_and_size() -> None:
    registry = Registry(entries=(Entry(name=SessionName("a")), Entry(name=SessionName("b"))))

    told = of(registry=registry)["registry"]

    assert told == Source(state=SourceState.OK, facts={"entries": 2, "path": str(PATH)})


def test_a_registry_that_could_not_be_read_is_unknown_with_the_reason() -> None:
    told = of(trouble="line 41: twice")["registry"]

    assert told.state is SourceState.UNKNOWN
    assert told.why == "line 41: twice"


def test_every_kind_of_agent_is_a_source() -> None:
    assert set(of()) == {"tmux", "registry", *agents.ADAPTERS}


def test_an_agent_without_files_is_absent_and_one_with_them_ok() -> None:
    (Path.home() / ".claude").mkdir()

    told = of()

    assert told["claude"].state is SourceState.OK
    assert told["agy"].state is SourceState.ABSENT


@pytest.mark.parametrize(
    ("artefact", "state"),
    [
        pytest.param(Artefact.PRESENT, SourceState.OK, id="present"),
        pytest.param(Artefact.GHOST, SourceState.OK, id="a ghost"),
        pytest.param(Missing("it was never written"), SourceState.OK, id="missing"),
        pytest.param(BLIND, SourceState.UNKNOWN, id="could not look"),
    ],
)
def test_an_agent_whose_files_could_not_all_be_read_is_unknown(
    artefact: Artefact | Missing | Unknown, state: SourceState
) -> None:
    for folder in (".claude", ".codex"):
        (Path.home() / folder).mkdir()

    told = of(artefact=artefact)

    assert told["claude"].state is state
    assert told["claude"].why == (BLIND.why if state is SourceState.UNKNOWN else "")
    assert told["codex"].state is SourceState.OK


def test_a_home_that_cannot_be_looked_at_is_unknown() -> None:
    (Path.home() / ".claude").write_text("no folder")

    told = of()["claude"]

    assert told.state is SourceState.UNKNOWN
    assert told.why
