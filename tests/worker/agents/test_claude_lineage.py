"""How a Claude Code came from one conversation to another."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kanban_worker.agents.claude import Claude
from kanban_worker.agents.shape import LiveAgent
from reconcile.observed import Bound, ConversationId, Lineage, Link, Unknown

if TYPE_CHECKING:
    from tests.worker.agents.conftest import ClaudeHost

STARTED = -3600.0
Way = list[tuple[ConversationId, float | None, str, str]]
"""The conversations that were left: which, at how many seconds from now, how, and what shows it."""


@pytest.fixture
def work(claude: ClaudeHost) -> Path:
    return claude.directory("lab/x")


def clear(
    claude: ClaudeHost,
    old: ConversationId,
    cwd: Path,
    at: float,
    *,
    until: float | None = None,
    noted: bool = True,
) -> ConversationId:
    """Type `/clear` in a conversation, as all versions note it, and return the new one."""
    new = claude.new_id()
    if noted:
        claude.typed((at - 0.005, old, "/clear"), cwd=cwd)
    claude.write(new, cwd, claude.cleared(new, cwd, at), touched=at + 1 if until is None else until)
    return new


def held(
    claude: ClaudeHost,
    agent: LiveAgent,
    one: ConversationId,
    *others: LiveAgent,
    adapter: Claude | None = None,
) -> tuple[Claude, Bound]:
    """Look at agents, of which one says in its pid file what it holds."""
    claude.pid_file(agent, one)
    found = adapter or claude.adapter()
    bound = found.conversations([agent, *others])[agent.session]
    assert isinstance(bound, Bound)
    return found, bound


def way(
    claude: ClaudeHost,
    agent: LiveAgent,
    old: ConversationId | None,
    one: ConversationId,
    *others: LiveAgent,
) -> tuple[Way, tuple[ConversationId, ...]]:
    """Return how the agent came from `old` to what it holds, and what may have come between."""
    adapter, bound = held(claude, agent, one, *others)
    found = adapter.lineage(old, bound, agent)
    assert isinstance(found, Lineage)
    links = [(link.id, _ago(claude, link), link.how, link.proof) for link in found.links]
    return links, found.between


def _ago(claude: ClaudeHost, link: Link) -> float | None:
    if link.at is None:
        return None
    assert link.at.microsecond == 0
    assert link.at.tzinfo is not None
    return round(link.at.timestamp() - claude.now.timestamp() + 0.499)


def cleared(*links: tuple[ConversationId, float]) -> Way:
    return [(one, at, "clear", "clear-marker") for one, at in links]


# -- one agent ----------------------------------------------------------------------------------


@pytest.mark.parametrize("noted", [True, False], ids=["noted", "nobody kept what was typed"])
def test_each_clear_is_a_link_with_its_own_time(
    claude: ClaudeHost, work: Path, *, noted: bool
) -> None:
    one, agent = claude.new_id(), claude.agent(work)
    claude.write(one, work, at=-3000)
    two = clear(claude, one, work, -2000, noted=noted)
    three = clear(claude, two, work, -1000, noted=noted)

    assert way(claude, agent, one, three) == (cleared((one, -2000), (two, -1000)), ())
    assert way(claude, agent, two, three) == (cleared((two, -1000)), ())
    assert way(claude, agent, None, three) == (cleared((one, -2000), (two, -1000)), ())


def test_an_agent_that_never_moved_on_left_nothing(claude: ClaudeHost, work: Path) -> None:
    one, agent = claude.new_id(), claude.agent(work)
    claude.write(one, work, at=-3000)
    claude.typed((-3000, one, "hello"), cwd=work)

    assert way(claude, agent, None, one) == ([], ())


def test_a_resume_goes_back_to_an_older_conversation(claude: ClaudeHost, work: Path) -> None:
    one, agent = claude.new_id(), claude.agent(work)
    claude.write(one, work, at=-3000, touched=-500)
    two = clear(claude, one, work, -2000)
    claude.typed((-1000, two, "/resume"), (-900, one, "hello"), cwd=work)
    back = (two, -1000, "resume", "prompt-history")

    assert way(claude, agent, two, one) == ([back], ())

    three = clear(claude, one, work, -500)

    assert way(claude, agent, two, three) == ([back, *cleared((one, -500))], ())
    assert way(claude, agent, None, three) == (
        [*cleared((one, -2000)), back, *cleared((one, -500))],
        (),
    )


def test_a_resume_without_a_prompt_since_leads_to_what_is_held(
    claude: ClaudeHost, work: Path
) -> None:
    one, agent = claude.new_id(), claude.agent(work)
    claude.write(one, work, at=-3000)
    two = clear(claude, one, work, -2000)
    claude.typed((-1000, two, "/resume "), cwd=work)

    assert way(claude, agent, two, one) == ([(two, -1000, "resume", "prompt-history")], ())


@pytest.mark.parametrize(
    "after", [(), ("hello",), ("/cost",)], ids=["nothing", "a prompt", "a command"]
)
def test_a_list_of_conversations_that_was_closed_again_is_no_resume(
    claude: ClaudeHost, work: Path, after: tuple[str, ...]
) -> None:
    one, agent = claude.new_id(), claude.agent(work)
    claude.write(one, work, at=-3000)
    claude.typed((-2500, one, "/resume"), cwd=work)
    for text in after:
        claude.typed((-2400, one, text), cwd=work)
    two = clear(claude, one, work, -2000)

    assert way(claude, agent, one, two) == (cleared((one, -2000)), ())


def test_what_was_held_twice_is_left_twice(claude: ClaudeHost, work: Path) -> None:
    one, agent = claude.new_id(), claude.agent(work)
    claude.write(one, work, at=-3000)
    two = clear(claude, one, work, -2000)
    three = clear(claude, two, work, -1500)
    claude.typed((-1000, three, "/resume"), (-900, two, "hello"), cwd=work)

    assert way(claude, agent, one, two) == (
        [*cleared((one, -2000), (two, -1500)), (three, -1000, "resume", "prompt-history")],
        (),
    )


def test_of_several_leavings_the_last_one_led_here(claude: ClaudeHost, work: Path) -> None:
    one, agent = claude.new_id(), claude.agent(work)
    claude.write(one, work, at=-3000)
    two = clear(claude, one, work, -2000)
    claude.typed((-1500, two, "/resume"), (-1400, one, "hello"), cwd=work)
    three = clear(claude, one, work, -1000)

    assert way(claude, agent, one, three) == (cleared((one, -1000)), ())


def test_a_conversation_that_was_left_and_taken_up_again_unseen_is_left_twice(
    claude: ClaudeHost, work: Path
) -> None:
    one, agent = claude.new_id(), claude.agent(work)
    claude.write(one, work, at=-3000)
    two = clear(claude, one, work, -2000)
    claude.typed((-1500, two, "/resume"), (-1400, one, "hello"), cwd=work)
    three = clear(claude, one, work, -1000)
    adapter, bound = held(claude, agent, three)

    def left(since: float) -> list[ConversationId]:
        found = adapter.lineage(one, bound, agent, since=claude.at(since))
        assert isinstance(found, Lineage)
        return [link.id for link in found.links]

    assert left(-3000) == [one, two, one]
    assert left(-1500) == [one]
    assert left(-500) == [one]


def test_a_branch_says_which_conversation_it_is_a_copy_of(claude: ClaudeHost, work: Path) -> None:
    first, agent = claude.new_id(), claude.agent(work)
    claude.write(first, work, at=-3000)
    one = clear(claude, first, work, -2000)
    two = claude.new_id()
    origin = {"forkedFrom": {"sessionId": one, "messageUuid": "u"}}
    copied = [line | origin | {"sessionId": two} for line in claude.cleared(one, work, -2000)]
    at = time.time() - claude.now.timestamp()
    claude.typed((at, one, "/branch"), cwd=work)
    claude.write(two, work, [*copied, claude.said(two, work, at)], touched=at)

    (link,), between = way(claude, agent, one, two)

    assert (link[0], link[2:], between) == (one, ("fork", "forkedFrom"), ())
    assert link[1] == pytest.approx(at, abs=3)


def test_a_fork_s_snake_case_session_id_is_never_read(claude: ClaudeHost, work: Path) -> None:
    one, stranger, agent = claude.new_id(), claude.new_id(), claude.agent(work)
    claude.write(one, work, at=-3000)
    two = claude.new_id()
    lines = [line | {"session_id": stranger} for line in claude.cleared(two, work, -2000)]
    claude.typed((-2000.005, one, "/clear"), cwd=work)
    claude.write(two, work, lines, at=-2000)

    assert way(claude, agent, one, two) == (cleared((one, -2000)), ())


# -- another process in the same session --------------------------------------------------------


@pytest.mark.parametrize(
    ("argv", "how", "since"),
    [
        pytest.param(("claude", "--resume", "ID"), "resume", -9000.0, id="--resume"),
        pytest.param(("claude", "-c"), "continue", -9000.0, id="-c"),
        pytest.param(("claude",), "resume", -9000.0, id="a JS build hides its arguments"),
        pytest.param(("claude",), "start", -3000.0, id="a new conversation"),
        pytest.param(
            ("claude", "--resume", "X", "--fork-session"), "fork", -3000.0, id="--fork-session"
        ),
    ],
)
def test_a_new_process_left_what_the_one_before_it_held(
    claude: ClaudeHost, work: Path, argv: tuple[str, ...], how: str, since: float
) -> None:
    old, one = claude.new_id(), claude.new_id()
    agent = claude.agent(work, argv=tuple(one if word == "ID" else word for word in argv))
    claude.write(old, work, at=-8000)
    claude.write(one, work, at=since, touched=-3000)
    claude.typed((-7000, old, "/exit"), (-3000, one, "hello"), cwd=work)

    assert way(claude, agent, old, one) == ([(old, STARTED + 1, how, "process-start")], ())


def test_what_the_process_before_moved_on_to_is_kept(claude: ClaudeHost, work: Path) -> None:
    old, one, agent = claude.new_id(), claude.new_id(), claude.agent(work)
    claude.write(old, work, at=-9000)
    middle = clear(claude, old, work, -8000)
    claude.write(one, work, at=-3000)
    claude.typed((-3000, one, "hello"), cwd=work)
    last = clear(claude, one, work, -2000)

    assert way(claude, agent, old, last) == (
        [
            *cleared((old, -8000)),
            (middle, STARTED + 1, "start", "process-start"),
            *cleared((one, -2000)),
        ],
        (),
    )


def test_a_first_conversation_without_a_prompt_is_none(claude: ClaudeHost, work: Path) -> None:
    old, never, agent = claude.new_id(), claude.new_id(), claude.agent(work)
    claude.write(old, work, at=-9000)
    one = clear(claude, never, work, -2000)

    assert way(claude, agent, old, one) == ([(old, STARTED + 1, "start", "process-start")], ())
    assert way(claude, agent, None, one) == ([], ())


# -- two agents in one directory ----------------------------------------------------------------


def two_that_cleared_twice(
    claude: ClaudeHost, work: Path, *, noted: bool
) -> tuple[Sequence[LiveAgent], Sequence[Sequence[ConversationId]]]:
    """Two agents side by side: what each held in turn."""
    agents = [claude.agent(work, name="a"), claude.agent(work, name="b")]
    ways = []
    for late in (0, 100):
        one = claude.new_id()
        claude.write(one, work, at=-3000 + late)
        two = clear(claude, one, work, -2000 + late, noted=noted)
        ways.append([one, two, clear(claude, two, work, -1000 + late, noted=noted)])
    for agent, mine in zip(agents, ways, strict=True):
        claude.pid_file(agent, mine[-1])
    return agents, ways


def test_beside_another_agent_what_was_typed_tells_whose_each_is(
    claude: ClaudeHost, work: Path
) -> None:
    agents, ((one, two, three), (_, other, _)) = two_that_cleared_twice(claude, work, noted=True)

    assert way(claude, agents[0], one, three, agents[1]) == (
        cleared((one, -2000), (two, -1000)),
        (),
    )
    assert way(claude, agents[0], None, three, agents[1])[0] == cleared((one, -2000), (two, -1000))
    assert other not in {one, two, three}


def test_beside_another_agent_nothing_is_guessed(claude: ClaudeHost, work: Path) -> None:
    agents, ((one, two, three), (_, other, _)) = two_that_cleared_twice(claude, work, noted=False)

    assert way(claude, agents[0], one, three, agents[1]) == (
        cleared((one, -1000)),
        (two, other),
    )
    assert way(claude, agents[0], None, three, agents[1]) == ([], (two, other))


def test_an_agent_outside_of_tmux_is_another_agent(claude: ClaudeHost, work: Path) -> None:
    one, outside, agent = claude.new_id(), claude.new_id(), claude.agent(work)
    claude.write(one, work, at=-3000)
    theirs = clear(claude, outside, work, -2000, noted=False)
    mine = clear(claude, one, work, -1000, noted=False)
    claude.pid_file(claude.outsider(work), claude.new_id())

    assert way(claude, agent, one, mine) == (cleared((one, -1000)), (theirs,))


def test_two_clears_at_the_same_time_are_not_told_apart(claude: ClaudeHost, work: Path) -> None:
    agents = [claude.agent(work, name="a"), claude.agent(work, name="b")]
    ones = [claude.new_id(), claude.new_id()]
    for one in ones:
        claude.write(one, work, at=-3000)
    twos = [clear(claude, one, work, -2000 + n) for n, one in enumerate(ones)]
    threes = [clear(claude, two, work, -1000 + 100 * n) for n, two in enumerate(twos)]
    claude.pid_file(agents[0], threes[0])

    links, between = way(claude, agents[1], ones[1], threes[1], agents[0])

    assert links == cleared((ones[1], -900))
    assert set(between) == set(twos)


def test_an_agent_in_another_directory_does_not_matter(claude: ClaudeHost, work: Path) -> None:
    one, agent = claude.new_id(), claude.agent(work, name="a")
    elsewhere = claude.directory("lab/y")
    other = claude.agent(elsewhere, name="b")
    claude.write(one, work, at=-3000)
    two = clear(claude, one, work, -2000)
    claude.typed((-1000.5, claude.new_id(), "/clear"), cwd=elsewhere)
    three = clear(claude, two, work, -1000)

    assert way(claude, agent, one, three, other)[0] == cleared((one, -2000), (two, -1000))


def test_what_another_living_agent_names_is_no_part_of_a_chain(
    claude: ClaudeHost, work: Path
) -> None:
    one, agent = claude.new_id(), claude.agent(work, name="a")
    claude.write(one, work, at=-3000)
    theirs = clear(claude, one, work, -2000, noted=False)
    mine = clear(claude, one, work, -1000, noted=False)
    elsewhere = claude.agent(claude.directory("lab/y"), name="b")
    claude.pid_file(elsewhere, theirs)

    assert way(claude, agent, one, mine, elsewhere) == (cleared((one, -1000)), ())


# -- what is no link ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param([{"type": "summary", "summary": "s", "leafUuid": "l"}], id="a ghost"),
        pytest.param(
            [{"type": "file-history-snapshot", "messageId": "m", "snapshot": {}}],
            id="a ghost of 2.1.32",
        ),
        pytest.param("copied", id="a --continue of 1.0.5x, with the lines of another"),
        pytest.param("sidechain", id="a sub-agent's"),
    ],
)
def test_no_other_file_enters_a_chain(
    claude: ClaudeHost, work: Path, lines: list[dict[str, object]] | str
) -> None:
    one, agent = claude.new_id(), claude.agent(work)
    claude.write(one, work, at=-3000)
    if lines == "copied":
        # Its lines name the old conversation, whose own /clear they begin with.
        claude.write(claude.new_id(), work, claude.cleared(one, work, -2500), at=-2500)
    elif lines == "sidechain":
        claude.write(claude.new_id(), work, [claude.said(one, work, -2500, isSidechain=True)])
    else:
        assert isinstance(lines, list)
        claude.write(claude.new_id(), work, lines, at=-2500)
    two = clear(claude, one, work, -2000)

    assert way(claude, agent, one, two) == (cleared((one, -2000)), ())


def test_a_fork_that_somebody_else_made_of_it_ends_no_chain(claude: ClaudeHost, work: Path) -> None:
    one, agent = claude.new_id(), claude.agent(work)
    claude.write(one, work, at=-3000)
    two = clear(claude, one, work, -2000)
    three = clear(claude, two, work, -1000)
    origin = {"forkedFrom": {"sessionId": three, "messageUuid": "u"}}
    fork = claude.new_id()
    claude.write(fork, work, [claude.said(fork, work, -1000) | origin], touched=-1)

    assert way(claude, agent, one, three) == (cleared((one, -2000), (two, -1000)), ())


def test_a_fork_that_copied_a_clear_is_not_taken_for_one(claude: ClaudeHost, work: Path) -> None:
    """2.1.329 `--fork-session` copies all lines, and says nowhere that it did."""
    one, fork, agent = claude.new_id(), claude.new_id(), claude.agent(work)
    claude.write(one, work, at=-3000)
    two = claude.new_id()
    claude.typed((-2000.005, one, "/clear"), cwd=work)
    begin = claude.cleared(two, work, -2000)
    said = [begin[0], begin[1] | {"uuid": "d0d0cb12-0000-4000-8000-000000000001"}]
    claude.write(two, work, said, at=-2000)
    claude.write(fork, work, [said[0], said[1] | {"sessionId": fork}], at=-2000, touched=-100)
    three = clear(claude, two, work, -1000)

    assert way(claude, agent, one, three) == (cleared((one, -2000), (two, -1000)), ())


def test_without_any_trace_the_ends_are_certain_all_the_same(
    claude: ClaudeHost, work: Path
) -> None:
    one, two, agent = claude.new_id(), claude.new_id(), claude.agent(work)
    claude.write(one, work, at=-3000)
    claude.write(two, work, at=-9000, touched=-100)

    assert way(claude, agent, one, two) == ([(one, None, "", "pid-file")], ())


def test_a_recorded_id_that_was_never_on_disk_has_no_trace(claude: ClaudeHost, work: Path) -> None:
    one, two, agent = claude.new_id(), claude.new_id(), claude.agent(work)
    claude.write(two, work, at=-3000)

    links, between = way(claude, agent, one, two)

    assert (links, between) == ([(one, STARTED + 1, "start", "process-start")], ())


def test_compaction_goes_on_in_the_same_conversation(claude: ClaudeHost, work: Path) -> None:
    one, agent = claude.new_id(), claude.agent(work)
    path = claude.write(one, work, at=-3000)
    adapter, before = held(claude, agent, one)
    summary = claude.said(one, work, -900, isCompactSummary=True)
    boundary = claude.said(one, work, -901, type="system", subtype="compact_boundary")
    with path.open("ab") as stream:
        stream.write(b"".join(json.dumps(line).encode() + b"\n" for line in (boundary, summary)))

    assert adapter.conversations([agent])[agent.session] == before
    assert adapter.lineage(None, before, agent) == Lineage()


# -- could not look -----------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["history.jsonl", "projects"])
def test_what_cannot_be_read_is_unknown(claude: ClaudeHost, work: Path, what: str) -> None:
    one, agent = claude.new_id(), claude.agent(work)
    claude.write(one, work, at=-3000)
    two = clear(claude, one, work, -2000)
    adapter, bound = held(claude, agent, two)
    if what == "projects":
        folder = next(claude.projects.iterdir())
        (folder / f"{claude.new_id()}.jsonl").mkdir()
    else:
        (claude.config / what).unlink()
        (claude.config / what).mkdir()

    found = adapter.lineage(one, bound, agent)

    assert isinstance(found, Unknown)
    assert str(claude.config) in found.why


def test_an_agent_whose_directory_cannot_be_read_has_no_past(
    claude: ClaudeHost, work: Path
) -> None:
    one, agent = claude.new_id(), claude.agent("")
    claude.write(one, work, at=-3000)
    two = clear(claude, one, work, -2000)

    assert way(claude, agent, one, two)[0] == [(one, None, "", "pid-file")]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=80)
@given(
    lines=st.lists(
        st.fixed_dictionaries(
            {},
            optional={
                "display": st.sampled_from(["/clear", "/resume", "/", "", "x" * 9999, 7, None]),
                "timestamp": st.sampled_from([0, -1, 10**12, 1e300, "x", None, True]),
                "project": st.sampled_from(["WORK", "/", "\0", "", 7, None]),
                "sessionId": st.sampled_from(["ONE", "TWO", "../..", "", 7, None]),
            },
        )
        | st.sampled_from([[], None, 7]),
        max_size=6,
    ),
    torn=st.binary(max_size=20),
)
def test_no_prompt_history_makes_it_raise(
    claude: ClaudeHost, lines: list[object], torn: bytes
) -> None:
    work = claude.directory("x")
    one, agent = claude.new_id(), claude.agent(work)
    claude.write(one, work, at=-3000)
    two = clear(claude, one, work, -2000, noted=False)
    names = {"ONE": one, "TWO": two, "WORK": str(work)}
    written = [
        {key: names.get(value, value) for key, value in each.items()}
        if isinstance(each, dict)
        else each
        for each in lines
    ]
    text = b"".join(json.dumps(each).encode() + b"\n" for each in written)
    (claude.config / "history.jsonl").write_bytes(text + torn)

    adapter, bound = held(claude, agent, two)

    for old in (one, None):
        assert isinstance(adapter.lineage(old, bound, agent), Lineage)
