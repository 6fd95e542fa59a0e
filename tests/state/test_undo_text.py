"""What an edit did to a registry's text is taken back to the byte, or not at all."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconcile.desired import AddEntry, AppendItem, Edit, SetKey
from reconcile.observed import SessionName
from registries import Sample, entries, samples
from state import encoding
from state.text import restoring, traces, yamledit, yamltext
from state.text.alteration import NoPlace
from state.text.traces import KeyTrace, Trace
from state.text.yamlnodes import Tree

NOW = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
A = SessionName("a")
FIELDS = {
    "workspace": "/a, b: {c}",
    "agent": "claude",
    "status": "running",
    "created_at": NOW,
    "pane": {"pid": 201132, "cmd": "claude", "cwd": "/home/u/研究"},
    "claude_session_id_own": None,
}
ITEM = {"agent": "claude", "id": "87e10000", "replaced_at": NOW, "proof": "pid-file"}


def ended(session: SessionName = A) -> list[Edit]:
    """Class A."""
    values = {
        "status": "terminated",
        "terminated_at": NOW,
        "termination_mode": "auto-detected",
        "termination_cause": "session-closed",
    }
    return [SetKey(session=session, key=key, value=value) for key, value in values.items()]


def moved(session: SessionName = A, left: int = 1) -> list[Edit]:
    """Class C, with so many ids to be kept."""
    items = [ITEM, *(ITEM | {"id": f"87e1000{n}", "how": "clear"} for n in range(1, left))]
    return [
        SetKey(session=session, key="claude_session_id_own", value="0123"),
        *(AppendItem(session=session, key="session_id_history", item=item) for item in items),
    ]


def restarted(session: SessionName = A) -> list[Edit]:
    """The same session with a new process."""
    pane = {"pid": 7, "cmd": None, "cwd": "/a, b: {c}"}
    return [
        SetKey(session=session, key="created_at", value=NOW),
        *(SetKey(session=session, key=key, value=pane[key], inside="pane") for key in pane),
        SetKey(session=session, key="terminated_at", value=None),
    ]


def added(*names: str) -> list[Edit]:
    """Class B."""
    return [AddEntry(session=SessionName(name), fields=FIELDS) for name in names]


AT_ONCE = (ended, restarted)


def parsed(data: bytes) -> Tree:
    return yamltext.parse(encoding.decode(data, "r.yaml"), "r.yaml")


def edited(tree: Tree, edits: Sequence[Edit]) -> tuple[Tree, dict[str, tuple[Trace, ...]]]:
    """The edited text, and the traces as the journal gives them back."""
    done = yamledit.edit(tree, edits)
    assert not done.refused
    left = traces.by_session(tree, done.tree, edits)
    through = {
        name: traces.from_plain(json.loads(json.dumps(traces.as_plain(found))))
        for name, found in left.items()
    }
    assert through == left
    assert all(through.values())
    return done.tree, through


def undone(text: str, edits: Sequence[Edit], *changes: tuple[str, str]) -> str:
    """The text after the edits, somebody's changes to it, and the undo."""
    tree, left = edited(parsed(text.encode()), edits)
    between = tree.text
    for old, new in changes:
        assert old in between
        between = between.replace(old, new, 1)
    tree = parsed(between.encode())
    for name in reversed(left):
        tree = restoring.restore(tree, name, left[name])
    return tree.text


@given(samples(), st.data())
def test_what_was_edited_and_undone_is_as_it_was_to_the_byte(
    sample: Sample, data: st.DataObject
) -> None:
    edits: list[Edit] = []
    for name in data.draw(st.lists(st.sampled_from(sample.names), unique=True)):
        session = SessionName(name)
        both = data.draw(st.booleans()) and "claude_session_id_own" in entries(sample.data)[name]
        left = data.draw(st.integers(1, 3))
        edits += moved(session, left) if both else data.draw(st.sampled_from(AT_ONCE))(session)
    edits += added(*data.draw(st.sampled_from([(), ("new-a",), ("new-a", "new-b")])))
    before = parsed(sample.data)

    after, found = edited(before, edits)

    tree = after
    for name in data.draw(st.permutations(list(found))):
        others = {key: value for key, value in entries(tree.text.encode()).items() if key != name}
        tree = restoring.restore(tree, name, found[name])
        now = entries(tree.text.encode())
        assert {key: value for key, value in now.items() if key != name} == others
    assert encoding.encode(tree.text, sample.data) == sample.data


BLOCK = """\
version: 1
sessions:
  - name: a            # first
    status: 'running'  # alive
    claude_session_id_own:   # nothing yet
    # belongs to a

# end of the file
"""


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(BLOCK, id="a list with comments and quotes"),
        pytest.param(BLOCK.replace("\n", "\r\n"), id="CRLF"),
        pytest.param("sessions:\n  a:\n    status: running # x\n", id="a mapping"),
        pytest.param("sessions:\n  - name: a\n    status: running", id="no final line break"),
        pytest.param("sessions:\r\n  - name: a\r\n    status: running", id="nor with CRLF"),
        pytest.param("sessions: [{name: a, status: running, }, ]", id="trailing commas"),
        pytest.param("sessions:\n  a: {}\n", id="empty braces"),
        pytest.param("sessions: {\n  a: {status},\n  }\n", id="a key without a colon"),
        pytest.param('{"sessions": [\n  {"name": "a", "status": "running"}\n]}', id="JSON"),
        pytest.param(
            "sessions:\n  - name: a\n    status:\n      running # x\n", id="below its key"
        ),
        pytest.param("sessions:\n  - name: a\n    ? status\n    : running\n", id="an explicit key"),
        pytest.param("sessions:\n  - name: a\n    status: &s running\n", id="an anchor"),
        pytest.param(
            "base: &base {status: running}\nsessions:\n  - name: a\n    <<: *base\n",
            id="a merged status shows again",
        ),
        pytest.param(
            "sessions:\n  - name: a\n    status: running\n    terminated_at: ~ # not yet\n"
            "    termination_mode:\n    termination_cause: 'crash, I think'\n",
            id="every spelling of null, and a cause of long ago",
        ),
    ],
)
def test_a_mark_of_death_is_taken_back_in_any_shape(text: str) -> None:
    assert undone(text, ended()) == text


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(BLOCK, id="no history, and an id on no line"),
        pytest.param(f"{BLOCK[:-19]}", id="nothing behind it"),
        *(
            pytest.param(
                "sessions:\n  - name: a\n    claude_session_id_own: 'x' # id\n"
                f"    session_id_history:{history}\n    status: running\n",
                id=f"history{history}",
            )
            for history in (
                "",
                " null  # none",
                "   []   # none",
                " [ ]",
                " [{id: y}] # one",
                "\n    - id: y\n      proof: z",
                "\n      # the first\n      - {id: y} # old",
            )
        ),
        pytest.param("sessions: [{name: a, claude_session_id_own: x}]", id="in brackets"),
        pytest.param(
            "{sessions: {a: {claude_session_id_own: x, session_id_history: null}}}", id="all in one"
        ),
    ],
)
def test_an_id_goes_back_and_its_item_out_of_the_history(text: str) -> None:
    assert undone(text, moved()) == text


@pytest.mark.parametrize("names", [("b",), ("b", "c")])
@pytest.mark.parametrize(
    "text",
    [
        BLOCK,
        BLOCK.replace("\n", "\r\n"),
        "version: 1\nsessions: []   # none\nafter: 1\n",
        "sessions: {}\n",
        "sessions:\nversion: 1",
        "sessions:   ~\r\n",
        "version: 1",
        "version: 1\n",
        "{sessions: []}",
        '{"sessions": [], "v": 1}',
        "sessions: [\n  {name: a}\n]",
        "sessions: [{name: a}]",
        "sessions: {\n a: {b: c},\n}",
        "sessions:\n  - name: a\n\n  - name: a2\n",
        "sessions:\r\n  - name: a\r\n\r\n  - name: a2",
        "sessions:\n  a:\n    x: y\n\n  a2:\n    x: y\n\n# end\n",
        "sessions:\n-\n   # odd\n    name: a\n",
        "sessions:\n  - {name: a} # short\n",
    ],
)
def test_an_added_entry_leaves_nothing_behind(text: str, names: tuple[str, ...]) -> None:
    assert undone(text, added(*names)) == text


LINES = """\
sessions:
  - name: a
    status: running
    pane:   # as seen
      cmd: 'claude'   # the agent
      # its number
      pid: 0x12
    # belongs to a
"""


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(LINES, id="lines"),
        pytest.param(LINES.replace("\n", "\r\n"), id="CRLF"),
        pytest.param(
            LINES.replace("      pid: 0x12\n    # belongs to a\n", "      x: y"), id="cut"
        ),
        pytest.param("sessions: [{name: a, pane: {pid: 12, }, }]", id="trailing commas"),
        pytest.param("sessions: [{name: a, pane: {}}]", id="empty braces"),
        pytest.param("sessions: [{name: a, pane: { }}]", id="spaced braces"),
        pytest.param("sessions: [{name: a, pane}]", id="a key without a colon"),
        pytest.param("sessions: [{name: a, pane: {pid}}]", id="an inner key without a colon"),
        pytest.param("sessions:\n  a:\n    pane: ~  # none\n", id="null"),
        pytest.param("sessions:\n  a:\n    pane:  # none\n", id="nothing"),
        pytest.param("sessions:\n  a: {}\n", id="no pane"),
        pytest.param("sessions:\n  - name: a", id="no pane and no final line break"),
        pytest.param('{"sessions": [{"name": "a", "pane": {"pid": 12}}]}', id="JSON"),
        pytest.param(
            "p: &p {cmd: vi}\nsessions:\n  - name: a\n    pane:\n      <<: *p\n", id="merged"
        ),
    ],
)
def test_a_restart_is_taken_back_in_any_shape(text: str) -> None:
    assert undone(text, restarted()) == text


def test_a_value_made_null_is_taken_back() -> None:
    gone = [SetKey(session=A, key="status", value=None)]
    assert undone(BLOCK, gone) == BLOCK


def test_a_mapping_is_one_trace_where_it_came_with_its_keys_and_else_one_a_key() -> None:
    for text, left in (("{name: a}", ["pane"]), ("{name: a, pane: {}}", ["pane.pid", "pane.cwd"])):
        tree = parsed(f"sessions: [{text}]".encode())
        pane = {"pid": 7, "cwd": "/x"}
        edits = [SetKey(session=A, key=key, value=pane[key], inside="pane") for key in pane]
        (found,) = edited(tree, edits)[1].values()
        assert [one.path for one in found if isinstance(one, KeyTrace)] == left


def test_what_others_put_into_a_mapping_meanwhile_stays() -> None:
    mine = ("# the agent\n", "# the agent\n      note: mine\n")
    assert undone(LINES, restarted(), mine) == LINES.replace(*mine)


def test_what_others_wrote_meanwhile_stays() -> None:
    mine = ("# alive\n", "# alive\n    note: mine   # a person's\n")
    above = ("version: 1\n", "# head\nversion: 1\n")
    assert undone(BLOCK, ended(), mine, above) == BLOCK.replace(*mine).replace(*above)


@pytest.mark.parametrize(
    ("edits", "old", "new", "why"),
    [
        (ended(), "'terminated'", "paused", 'key "status" holds "paused" now'),
        (ended(), "'terminated'", "terminated", "and the change wrote 'terminated'"),
        (ended(), "'terminated'", "[x]", "a list or a mapping"),
        (ended(), "    termination_mode: auto-detected\n", "", "is not there any more"),
        (ended(), "auto-detected", "auto-detected # hm", "a comment of yours perhaps"),
        (ended(), "name: a ", "name: z ", "there is no entry of this name"),
        (ended(), "  - name: a ", "  - name: a\n  - name: a ", "the name stands twice"),
        (restarted(), "pid: 7", "pid: 8", 'key "pane" holds a list or a mapping now'),
        (moved(), "'0123'", "'0124'", 'holds "0124" now'),
        (moved(), "proof: pid-file", "proof: mine", "does not hold the item any more"),
        (moved(), "session_id_history:\n", "session_id_history: # ids\n", "comment of yours"),
        (added("b"), "status: running\n", "status: paused\n", 'key "status" holds "paused" now'),
        (added("b"), "own: null\n", "own: x\n", '"claude_session_id_own" holds "x" now, not null'),
        (added("b"), "own: null\n", "own: null\n    x: y\n", 'key "x" holds "y" now, not nothing'),
        (added("b"), "own: null\n", "own: null # x\n", "written in another way now"),
        (added("b"), "own: null\n", "own: null\n    # x\n", "a comment was put below it"),
    ],
)
def test_what_a_person_has_edited_since_is_told_and_refused(
    edits: list[Edit], old: str, new: str, why: str
) -> None:
    with pytest.raises(NoPlace) as told:
        undone(BLOCK, edits, (old, new))
    assert why in str(told.value)


@pytest.mark.parametrize(
    ("text", "edits", "changes", "why"),
    [
        pytest.param(
            "sessions:\n  - name: a\n    was: &s running\n    status: *s\n",
            ended(),
            (),
            "was an alias",
            id="an alias may mean something else by now",
        ),
        pytest.param(
            BLOCK,
            added("b"),
            [
                ("  - name: a            # first\n    status: 'running'  # alive\n", ""),
                ("    claude_session_id_own:   # nothing yet\n    # belongs to a\n", ""),
            ],
            "held more before",
            id="the only entry that is left",
        ),
        pytest.param(
            "sessions: [{name: a}]",
            added("b"),
            [("{name: a}, ", "")],
            "only entry",
            id="in brackets",
        ),
        pytest.param(
            "sessions: [{name: a}]",
            added("b"),
            [("}, {", "}, # x\n {")],
            "a comment perhaps",
            id="a comment between",
        ),
        pytest.param("{}", added("b"), (), "only entry", id="a document of empty braces"),
        pytest.param(
            "sessions:\n  - name: a\n    status: running\n",
            ended(),
            [
                ("- name: a\n", "- &x\n    name: a\n"),
                ("session-closed\n", "session-closed\nother: *x\n"),
            ],
            'would also change "other"',
            id="the entry is used elsewhere",
        ),
        pytest.param(
            "sessions:\n  - name: a\n    status: &s running\n",
            ended(),
            [("session-closed\n", "session-closed\nother: *s\n")],
            'would also change "other"',
            id="the value is used elsewhere",
        ),
        pytest.param(
            "sessions: [{name: a, pane: {pid: &s 12}}]",
            restarted(),
            [("cmd: null", "cmd: null, x: *s")],
            'would also change "pane" of entry "a"',
            id="an inner value is used beside it",
        ),
        pytest.param(
            "sessions: [{name: a, pane: {pid: 12}}]",
            restarted(),
            [("cmd: null", "cmd: null, [x]: y")],
            'would also change "pane" of entry "a"',
            id="a key that is no text stands beside it",
        ),
    ],
)
def test_what_cannot_be_taken_back_to_the_byte_is_refused(
    text: str, edits: list[Edit], changes: Sequence[tuple[str, str]], why: str
) -> None:
    with pytest.raises(NoPlace) as told:
        undone(text, edits, *changes)
    assert why in str(told.value)


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("pid: 7", "pid: 8", 'key "pane.pid" holds "8" now, and the change wrote 7'),
        ("      pid: 7\n", "", 'key "pane.pid" is not there any more'),
        ("pid: 7", "pid: 7 # hm", None),
        ("{c}'", "{c}' # hm", "a comment of yours perhaps"),
        ("pane:   #", "pane: &p   #", None),
        ("pane:   #", "window:   #", 'key "pane" is no mapping any more'),
    ],
)
def test_what_a_person_has_edited_in_a_mapping_is_told_and_refused_unless_it_is_beside_it(
    old: str, new: str, why: str | None
) -> None:
    if why is None:
        assert undone(LINES, restarted(), (old, new)) == LINES.replace(
            old.replace("7", "0x12"), new.replace("7", "0x12")
        )
        return
    with pytest.raises(NoPlace) as told:
        undone(LINES, restarted(), (old, new))
    assert why in str(told.value)


@pytest.mark.parametrize("data", [None, 5, "x", [5], [{}], [{"key": "x"}], {"a": 1}])
def test_what_are_no_traces_are_none(data: object) -> None:
    assert traces.from_plain(data) == ()


def test_edits_that_cannot_be_told_apart_leave_no_traces() -> None:
    tree = parsed(BLOCK.encode())
    twice = [*ended(), SetKey(session=A, key="status", value="paused")]
    after = yamledit.edit(tree, twice).tree
    assert traces.by_session(tree, after, twice) == {A: ()}
