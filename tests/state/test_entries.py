"""Entries are read as values; what is wrong in one of them keeps only that one back."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from importlib import resources
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconcile import names
from reconcile.desired import Entry
from state import entries
from state.entries import Reading
from state.errors import MustMend
from state.text import yamltext

WHOLE = """\
version: 1
sessions:
  - name: lab-landing-page-creator-claude
    workspace: ~/PuKi/lab/landing-page
    agent: claude
    status: running
    created_at: 2026-06-01T10:00:00+09:00
    terminated_at: null
    pane: {pid: 201132, cmd: claude, cwd: /home/u/x}
    agent_identities:
      claude: {session_id: 87e10000}
      agy: {session_id: other}
    claude_session_id_own: 0123
    agy_session_id_own: never mind
"""


def read(text: str) -> Reading:
    return entries.read(yamltext.parse(text, "agent-sessions.yaml"))


def test_an_entry_has_every_value_and_ids_are_the_text_that_was_written() -> None:
    assert read(WHOLE).entries == (
        Entry(
            name="lab-landing-page-creator-claude",
            workspace="~/PuKi/lab/landing-page",
            agent="claude",
            status="running",
            created_at=datetime(2026, 6, 1, 1, tzinfo=UTC),
            pane_pid=201132,
            pane_command="claude",
            pane_cwd="/home/u/x",
            own_id="0123",
            other_ids=("87e10000",),
            foreign_ids=(("agy", "other"), ("agy", "never mind")),
        ),
    )
    notes = [each.message for each in read(WHOLE).faults if not each.grave]
    assert notes == [each.message for each in read(WHOLE).faults]
    assert any('"0123" is no session id of claude' in each for each in notes)


def test_both_shapes_hold_the_same_entries() -> None:
    listed = "sessions:\n  - {name: a, status: running}\n  - {name: b}\n"
    keyed = "sessions:\n  a: {status: running}\n  b: {}\n"
    assert read(listed).entries == read(keyed).entries


@pytest.mark.parametrize(
    "text", ["", "# c\n", "null", "{}", "version: 1", "sessions:", "sessions: []", "sessions: {}"]
)
def test_a_registry_without_entries_is_empty_and_sound(text: str) -> None:
    assert read(text).entries == ()
    assert read(text).faults == ()


def test_merged_values_count_and_own_ones_win_over_earlier_and_later_merges() -> None:
    text = (
        "x: &x {agent: claude, status: terminated, workspace: /x}\n"
        "y: &y {workspace: /y, claude_session_id_own: from-y}\n"
        "sessions:\n  - name: a\n    <<: [*x, *y]\n    status: running\n"
    )
    (entry,) = read(text).entries
    assert (entry.status, entry.agent, entry.workspace) == ("running", "claude", "/x")
    assert entry.own_id == "from-y"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- a", "line 1, column 1: the file is not a mapping"),
        ("just text", "line 1, column 1: the file is not a mapping"),
        (
            "version: 1\nsessions: text",
            'line 2, column 11: "sessions" is neither a list nor a mapping',
        ),
    ],
)
def test_a_file_without_the_shape_of_a_registry_must_be_mended(text: str, said: str) -> None:
    with pytest.raises(MustMend, match=said):
        read(text)


LONG = "x" * 5000
GRAVE = [
    ("- text", 2, "no keys are below it", None),
    ("- [a]", 2, "no keys are below it", None),
    ("- {status: running}", 2, "needs `name:`", None),
    ("- {name: }", 2, "needs `name:`", None),
    ("- {name: ''}", 2, "needs `name:`", None),
    ("- {name: [a]}", 2, "needs `name:`", None),
    ("- {name: " + "n" * 257 + "}", 2, "longer than 256", "n" * 257),
    ("- {name: a, status: [x]}", 2, '"status" is not a single value', "a"),
    ("- {name: a, agent: {x: y}}", 2, '"agent" is not a single value', "a"),
    ("- {name: a, workspace: [x]}", 2, '"workspace" is not a single value', "a"),
    ("- {name: a, workspace: " + LONG + "}", 2, "longer than 4096", "a"),
    ("- name: a\n  created_at: [x]", 3, '"created_at" is not a single value', "a"),
    ("- name: a\n  pane: x", 3, '"pane" is neither a mapping nor null', "a"),
    ("- name: a\n  pane:\n    pid: abc", 4, 'pane.pid ("abc") is neither', "a"),
    ("- name: a\n  pane: {pid: 0}", 3, "pane.pid", "a"),
    ("- name: a\n  pane: {pid: -1}", 3, "pane.pid", "a"),
    ("- name: a\n  pane: {pid: 1.5}", 3, "pane.pid", "a"),
    ("- name: a\n  pane: {pid: '12'}", 3, "pane.pid", "a"),
    ("- name: a\n  pane: {pid: 99999999999}", 3, "pane.pid", "a"),
    ("- name: a\n  pane: {pid: 2147483648}", 3, "pane.pid", "a"),
    ("- name: a\n  pane: {pid: [1]}", 3, "pane.pid is neither", "a"),
    ("- name: a\n  pane: {cwd: [1]}", 3, '"cwd" is not a single value', "a"),
    ("- name: a\n  claude_session_id_own: {x: y}", 3, "is not a single value", "a"),
    ("- name: a\n  claude_session_id_own: " + "i" * 129, 3, "longer than 128", "a"),
    ("- name: a\n  agent_identities: x", 3, '"agent_identities" is neither', "a"),
    ("- name: a\n  agent_identities: {claude: x}", 3, '"claude" is neither', "a"),
    ("- name: a\n  agent_identities: {claude: {session_id: [x]}}", 3, '"session_id" is not', "a"),
    (r'- {name: "a\ud800"}', 2, "the name holds bytes that are not text", "a\ud800"),
    (r'- {name: "a\udcff"}', 2, "the name holds bytes that are not text", "a\udcff"),
    (r'- {name: "a\0"}', 2, "the name holds a NUL character", "a\0"),
    (r'- {name: a, workspace: "/\ud800"}', 2, '"workspace" holds bytes that are not', "a"),
    (r'- {name: a, status: "\0"}', 2, '"status" holds a NUL character', "a"),
    (r'- {name: a, pane: {cwd: "/\0"}}', 2, '"cwd" holds a NUL character', "a"),
    (r'- {name: a, claude_session_id_own: "\ud800"}', 2, "bytes that are not text", "a"),
    ("- name: a\n  pane: [1]", 3, '"pane" is neither a mapping nor null', "a"),
    ("- name: a\n  pane: {pid: " + "9" * 5000 + "}", 3, "pane.pid", "a"),
    ("- name: a\n  agent: {claude: x}", 3, '"agent" is not a single value', "a"),
]


def test_names_that_one_tmux_lists_alike_and_another_does_not_are_entries_of_their_own() -> None:
    """Under tmux 3.7 `a.b` and `a_b` are two sessions."""
    reading = read("sessions:\n- name: a.b\n- name: a_b\n- name: a:b\n")

    assert reading.faults == ()
    assert [entry.name for entry in reading.entries] == ["a.b", "a_b", "a:b"]
    assert list(reading.lines) == ["a.b", "a_b", "a:b"]


def test_a_faulty_entry_reserves_every_name_that_some_tmux_may_list_it_under() -> None:
    reading = read("sessions:\n- name: a.b\n- name: a.b\n")

    assert reading.reserved == {"a.b", "a_b"}


@pytest.mark.parametrize(("text", "line", "said", "name"), GRAVE)
def test_a_grave_fault_keeps_its_entry_back_reserves_its_name_and_leaves_the_others(
    text: str, line: int, said: str, name: str | None
) -> None:
    reading = read("sessions:\n" + text + "\n- name: sound\n")
    (fault,) = (fault for fault in reading.faults if fault.grave)
    assert [entry.name for entry in reading.entries] == ["sound"]
    assert reading.reserved == (set(names.as_listed(name)) if name else set())
    assert said in fault.message
    assert fault.line == line
    assert fault.told("agent-sessions.yaml").startswith(
        f"registry agent-sessions.yaml, line {line}, column "
    )
    assert fault.told("x").isprintable()


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("- name: a\n  status: paused", 3, 'status "paused"'),
        ("- name: a\n  agent: vim", 3, 'agent "vim" is none of claude'),
        ("- name: a\n  created_at: yesterday", 3, '"yesterday" is no timestamp'),
        ("- name: a\n  terminated_at: 2026-99-01", 3, "is no timestamp"),
        ("- name: a\n  created_at: 9999-12-31T23:59:59-09:00", 3, "is no timestamp"),
        ("- name: a\n  created_at: 0001-01-01", 3, "is no timestamp"),
        ("- name: a\n  host: " + "h" * 256, 3, "host is no name of at most 255 characters"),
        ("- name: a\n  host: [devbox]", 3, "host is no name of at most 255 characters"),
        ("- name: a\n  host: ''", 3, "host is no name of at most 255 characters"),
        ('- name: a\n  host: "\\ud800"', 3, "host is no name of at most 255 characters"),
        ("- name: a\nversion: 2", 3, "this version of the file is unknown"),
        ("  a: {name: b}", 2, 'its key counts, not the name "b"'),
    ],
)
def test_a_note_leaves_its_entry_in(text: str, line: int, said: str) -> None:
    reading = read("sessions:\n" + text + "\n")
    (fault,) = reading.faults
    assert not fault.grave
    assert said in fault.message
    assert fault.line == line
    assert [entry.name for entry in reading.entries] == ["a"]


@pytest.mark.parametrize(
    ("written", "host"), [("devbox", "devbox"), ("h" * 255, "h" * 255), ("null", None), ("1", "1")]
)
def test_an_entry_says_whose_it_is(written: str, host: str | None) -> None:
    reading = read(f"sessions:\n- {{name: a, host: {written}}}\n")
    assert [entry.host for entry in reading.entries] == [host]
    assert reading.faults == ()


def test_a_host_that_cannot_be_read_is_none() -> None:
    assert read("sessions:\n- {name: a, host: [devbox]}\n").entries[0].host is None


def test_a_cause_that_nobody_can_be_told_is_none() -> None:
    text = r'sessions: [{name: a, termination_cause: "\ud800"}, {name: b, termination_cause: x}]'
    assert [entry.termination_cause for entry in read(text).entries] == [None, "x"]


def test_a_character_that_json_writes_as_two_escapes_is_one() -> None:
    """JSON has no other way to escape a character beyond the basic plane."""
    text = json.dumps({"sessions": [{"name": "𠮷-creator-claude", "workspace": "/😀"}]})
    (entry,) = read(text).entries
    assert (entry.name, entry.workspace) == ("𠮷-creator-claude", "/😀")


def test_entries_know_their_lines() -> None:
    assert read("sessions:\n  - name: a\n  -\n    status: x\n    name: b.c\n").lines == {
        "a": 2,
        "b.c": 5,
    }


SCHEMA = json.loads(resources.files("state").joinpath("registry.schema.json").read_text())
TEXTS = (
    st.sampled_from(["x", "87e10000", "0123", ""])
    | st.sampled_from([128, 129, 4096, 4097]).map("x".__mul__)
    | st.none()
)
ANYTHING = TEXTS | st.just([]) | st.just({"x": "y"})
PIDS = st.integers(-1, 3) | st.sampled_from([2**31 - 1, 2**31]) | ANYTHING
PANES = st.fixed_dictionaries(
    {}, optional={"pid": PIDS, "cmd": ANYTHING, "cwd": ANYTHING, "x": ANYTHING}
)
IDENTITIES = st.dictionaries(
    st.sampled_from(["claude", "agy"]),
    ANYTHING | st.fixed_dictionaries({}, optional={"session_id": ANYTHING}),
)
KEYS = {
    "agent": ANYTHING,
    "status": ANYTHING,
    "workspace": ANYTHING,
    "host": ANYTHING,
    "created_at": ANYTHING,
    "terminated_at": ANYTHING,
    "claude_session_id_own": ANYTHING,
    "vim_session_id_own": ANYTHING,
    "note": ANYTHING,
    "pane": PANES | ANYTHING,
    "agent_identities": IDENTITIES | ANYTHING,
}


def title(entry: object) -> object:
    """The name, which no two entries may share; a schema cannot say that."""
    named = isinstance(entry, dict) and isinstance(entry.get("name"), str)
    return entry["name"] if named else id(entry)


ENTRIES = st.fixed_dictionaries({}, optional=KEYS) | ANYTHING
TITLES = st.sampled_from(["a", "b", "0"]) | st.sampled_from([256, 257]).map("n".__mul__)
NAMED = st.fixed_dictionaries({"name": TITLES | ANYTHING}, optional=KEYS) | ENTRIES
REGISTRIES = st.fixed_dictionaries(
    {},
    optional={
        "version": st.just("1"),
        "sessions": st.none()
        | st.dictionaries(TITLES, ENTRIES, max_size=3)
        | st.lists(NAMED, max_size=3, unique_by=title),
    },
)


def as_yaml(value: object) -> str:
    """JSON is YAML; a plain number only where the schema asks for one."""
    return json.dumps(value)


@given(REGISTRIES)
def test_the_schema_and_the_reader_agree_on_what_is_grave(data: dict[str, Any]) -> None:
    reading = read(as_yaml(data))
    valid = jsonschema.Draft202012Validator(SCHEMA).is_valid(data)
    assert valid == (not any(fault.grave for fault in reading.faults))


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@given(REGISTRIES)
def test_every_entry_is_judged_or_told_about(data: dict[str, Any]) -> None:
    reading = read(as_yaml(data))
    count = len(data.get("sessions") or ())
    faulty = {(fault.session, fault.line, fault.column) for fault in reading.faults if fault.grave}
    assert len(reading.entries) <= count
    assert len(reading.entries) + len(faulty) >= count
