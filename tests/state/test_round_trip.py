"""An edit changes the touched keys' bytes and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconcile import names
from reconcile.desired import AddEntry, AppendItem, Edit, Scalar, SetKey
from reconcile.observed import SessionName
from registries import IDS, Sample, entries, loaded, samples
from state import encoding, snapshot
from state.text import yamledit, yamltext

NOW = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
STAMP = "2026-11-20T10:00:00Z"
NEW = SessionName("new-creator-claude")
ADDITION = AddEntry(
    session=NEW,
    fields={
        "workspace": "/a, b: {c}",
        "agent": "claude",
        "status": "running",
        "created_at": NOW,
        "pane": {"pid": 201132, "cmd": "claude", "cwd": "/home/u/研究"},
        "claude_session_id_own": None,
    },
)
SET = SetKey(session=SessionName("a"), key="status", value="terminated")
ITEM = AppendItem(session=SessionName("a"), key="h", item={"id": "x"})
VALUES = st.sampled_from(
    ("terminated", *IDS, "a: b # c", "it's", "", "null", "😀", "tab\there")
) | (st.text(st.characters(exclude_categories=["Cs"]), max_size=20))


def edited(data: bytes, *edits: Edit) -> tuple[bytes, yamledit.Edited]:
    tree = yamltext.parse(encoding.decode(data, "agent-sessions.yaml"), "agent-sessions.yaml")
    found = yamledit.edit(tree, edits)
    return encoding.encode(found.text, data), found


def inserted(old: bytes, new: bytes) -> bytes | None:
    """What was put into `old` in one place; None when that is not all that happened."""
    most = next(
        (i for i, pair in enumerate(zip(old, new, strict=False)) if pair[0] != pair[1]), len(old)
    )
    for at in range(most, -1, -1):
        if new.endswith(old[at:]) and len(new) >= len(old):
            return new[at : len(new) - len(old[at:])]
    return None


def names_in(sample: Sample) -> st.SearchStrategy[str]:
    return st.sampled_from(sample.names)


@given(samples(), st.data(), VALUES)
def test_a_set_value_changes_its_token_and_nothing_around_it(
    sample: Sample, data: st.DataObject, value: str
) -> None:
    places = {
        key: span
        for key, span in sample.spans.items()
        if key[1] not in ("pane", "note") and "." not in key[1]
    }
    if not places:
        return
    (name, key), (start, end) = data.draw(st.sampled_from(sorted(places.items())))
    new, found = edited(sample.data, SetKey(session=SessionName(name), key=key, value=value))
    assert not found.refused
    text = new[len(sample.layout.mark) :].decode(sample.layout.codec)
    assert text.startswith(sample.text[:start])
    assert text.endswith(sample.text[end:])
    expected = loaded(sample.data)
    wanted = entries(sample.data) | {name: {**entries(sample.data)[name], key: value}}
    assert entries(new) == wanted
    assert {**loaded(new), "sessions": 0} == {**expected, "sessions": 0}


@given(samples(), st.data(), VALUES)
def test_a_new_key_is_one_insertion(sample: Sample, data: st.DataObject, value: str) -> None:
    name = data.draw(names_in(sample))
    key = data.draw(st.sampled_from(("termination_cause", "agy_session_id_own")))
    new, found = edited(sample.data, SetKey(session=SessionName(name), key=key, value=value))
    assert not found.refused
    assert inserted(sample.data, new) is not None
    assert entries(new)[name] == {**entries(sample.data)[name], key: value}


@given(samples())
def test_a_new_entry_is_one_insertion_behind_the_last_one(sample: Sample) -> None:
    new, found = edited(sample.data, ADDITION)
    assert not found.refused
    assert inserted(sample.data, new) is not None
    assert list(entries(new)) == [*entries(sample.data), NEW]
    assert entries(new)[NEW]["pane"] == {"pid": "201132", "cmd": "claude", "cwd": "/home/u/研究"}
    assert entries(new)[NEW]["created_at"] == STAMP


PANE = st.fixed_dictionaries(
    {}, optional={"pid": st.just(7), "cmd": st.none() | st.just("claude"), "cwd": VALUES}
)


def in_pane(name: str, values: Mapping[str, Scalar]) -> list[Edit]:
    session = SessionName(name)
    return [SetKey(session=session, key=key, value=values[key], inside="pane") for key in values]


@given(samples(), st.data(), PANE)
def test_keys_inside_a_mapping_change_and_nothing_around_them(
    sample: Sample, data: st.DataObject, values: Mapping[str, Scalar]
) -> None:
    name = data.draw(names_in(sample))
    new, found = edited(sample.data, *in_pane(name, values))
    assert not found.refused
    before, wanted = entries(sample.data)[name], dict(entries(sample.data))
    if values:
        told = {key: value if value is None else str(value) for key, value in values.items()}
        wanted[name] = {**before, "pane": {**(before.get("pane") or {}), **told}}
    assert entries(new) == wanted
    assert {**loaded(new), "sessions": 0} == {**loaded(sample.data), "sessions": 0}
    text = new[len(sample.layout.mark) :].decode(sample.layout.codec)
    places = [span for key, span in sample.spans.items() if key[0] == name and "pane" in key[1]]
    if places:
        assert text.startswith(sample.text[: min(places)[0]])
        assert text.endswith(sample.text[max(places)[1] :])
    else:
        assert inserted(sample.data, new) is not None


@given(samples(), st.data(), VALUES)
def test_one_value_of_a_mapping_of_lines_changes_its_token_alone(
    sample: Sample, data: st.DataObject, value: str
) -> None:
    places = {key: span for key, span in sample.spans.items() if "." in key[1]}
    if not places:
        return
    (name, path), (start, end) = data.draw(st.sampled_from(sorted(places.items())))
    new, found = edited(sample.data, *in_pane(name, {path.removeprefix("pane."): value}))
    assert not found.refused
    text = new[len(sample.layout.mark) :].decode(sample.layout.codec)
    assert text.startswith(sample.text[:start])
    assert text.endswith(sample.text[end:])


@given(samples(), st.data())
def test_a_value_can_be_made_null(sample: Sample, data: st.DataObject) -> None:
    places = [key for key in sample.spans if key[1] not in ("pane", "note") and "." not in key[1]]
    if not places:
        return
    name, key = data.draw(st.sampled_from(sorted(places)))
    new, found = edited(sample.data, SetKey(session=SessionName(name), key=key, value=None))
    assert not found.refused
    assert entries(new) == entries(sample.data) | {name: {**entries(sample.data)[name], key: None}}


TITLES = (
    st.text(max_size=260)
    | st.text(st.characters(categories=["Cc", "Cs", "Cn", "Co", "Zs"]), max_size=260)
    | st.sampled_from(("null", "~", "<<", "", "- a", "a: b", "#", "é" * 256, "\t" * 129, "\ufeff"))
)


@pytest.mark.parametrize(
    "text",
    [
        "sessions: []\n",
        "sessions:\n  - name: other\n    status: running\n",
        "sessions:\n  - {name: other}\n",
        "sessions: [{name: other}]",
        '{"sessions": [{"name": "other"}]}',
    ],
)
@given(TITLES)
def test_an_entry_of_an_accepted_name_reads_again_without_a_fault(text: str, name: str) -> None:
    if names.fault_of(name) is not None or name == "other":
        return
    new, found = edited(text.encode(), replace(ADDITION, session=SessionName(name)))
    assert not found.refused
    reading = snapshot.of(new, "agent-sessions.yaml").reading
    assert reading.faults == ()
    assert reading.entries[-1].name == name


@given(TITLES)
def test_an_entry_of_a_mapping_reads_again_without_a_fault_or_is_refused(name: str) -> None:
    """YAML allows no key of more than 1024 characters, and an escape has up to ten of them."""
    text = b"sessions:\n  other: {status: running}\n"
    new, found = edited(text, replace(ADDITION, session=SessionName(name)))
    if names.fault_of(name) is None and len(name) <= 100 and name != "other":
        assert not found.refused
    if not found.refused:
        assert snapshot.of(new, "agent-sessions.yaml").reading.faults == ()


@given(samples(), st.data())
def test_an_appended_item_is_one_insertion_but_for_empty_brackets(
    sample: Sample, data: st.DataObject
) -> None:
    name = data.draw(names_in(sample))
    item = {"id": "87e10000", "replaced_at": NOW}
    edit = AppendItem(session=SessionName(name), key="session_id_history", item=item)
    new, found = edited(sample.data, edit)
    assert not found.refused
    before = entries(sample.data)[name].get("session_id_history") or []
    after = entries(new)[name]["session_id_history"]
    assert after == [*before, {"id": "87e10000", "replaced_at": STAMP}]
    assert inserted(sample.data, new) is not None or "session_id_history: []" in sample.text


@given(samples())
def test_a_storm_of_edits_leaves_every_untouched_line_where_it_was(sample: Sample) -> None:
    edits: list[Edit] = [ADDITION]
    for name in sample.names:
        session = SessionName(name)
        edits += [
            SetKey(session=session, key="status", value="terminated"),
            SetKey(session=session, key="terminated_at", value=NOW),
            SetKey(session=session, key="termination_mode", value="auto-detected"),
            SetKey(session=session, key="termination_cause", value="tmux: gone"),
            SetKey(session=session, key="claude_session_id_own", value="0123"),
        ]
    new, found = edited(sample.data, *edits)
    assert not found.refused
    old_lines = sample.text.splitlines()
    lines = iter(new[len(sample.layout.mark) :].decode(sample.layout.codec).splitlines())
    touched = ("status:", "claude_session_id_own:", *(["{", "  "] if sample.layout.flow else []))
    kept = [line for line in old_lines if not any(key in line for key in touched)]
    assert all(line in lines for line in kept), "an untouched line changed, moved or went"
    for name in sample.names:
        assert entries(new)[name]["terminated_at"] == STAMP
        assert entries(new)[name]["claude_session_id_own"] == "0123"


@given(samples())
def test_setting_what_is_there_already_changes_no_byte(sample: Sample) -> None:
    edits = [
        SetKey(session=SessionName(name), key=key, value=value)
        for name, keys in entries(sample.data).items()
        for key, value in keys.items()
        if key in ("status", "workspace", "claude_session_id_own")
    ]
    new, found = edited(sample.data, *edits)
    assert new == sample.data
    assert not found.refused


@given(samples())
def test_bytes_survive_decoding_and_encoding(sample: Sample) -> None:
    assert encoding.encode(encoding.decode(sample.data, "x"), sample.data) == sample.data


BLOCK = """\
sessions:
  - name: a            # first
    status: running    # alive
    claude_session_id_own:   # nothing yet
    # belongs to a

# end of the file
"""


@pytest.mark.parametrize(
    ("text", "edit", "expected"),
    [
        pytest.param(
            BLOCK,
            SetKey(session=SessionName("a"), key="claude_session_id_own", value="87e10000"),
            BLOCK.replace("own:   #", "own: '87e10000'   #"),
            id="an empty value is filled before its comment",
        ),
        pytest.param(
            BLOCK,
            SetKey(session=SessionName("a"), key="terminated_at", value=NOW),
            BLOCK.replace("# alive\n", f"# alive\n    terminated_at: {STAMP}\n"),
            id="what belongs to the status goes below it",
        ),
        pytest.param(
            BLOCK,
            SetKey(session=SessionName("a"), key="agy_session_id_own", value=None),
            BLOCK.replace("yet\n", "yet\n    agy_session_id_own: null\n"),
            id="other keys go behind the last one, before comments",
        ),
        pytest.param(
            BLOCK,
            AddEntry(session=SessionName("b"), fields={"status": "running"}),
            BLOCK.replace("to a\n", "to a\n  - name: b\n    status: running\n"),
            id="comments of the last entry stay with it, those of the file at its end",
        ),
        pytest.param(
            "sessions: [{name: a, status: running, }, ]",
            SetKey(session=SessionName("a"), key="x", value="y, z"),
            "sessions: [{name: a, status: running, x: 'y, z', }, ]",
            id="trailing commas in brackets",
        ),
        pytest.param(
            "sessions:\n  a: {}\n",
            SetKey(session=SessionName("a"), key="status", value="running"),
            "sessions:\n  a: {status: running}\n",
            id="an entry of empty braces",
        ),
        pytest.param(
            "sessions: {\n  a: {status},\n  }\n",
            SetKey(session=SessionName("a"), key="status", value="running"),
            "sessions: {\n  a: {status: running},\n  }\n",
            id="a key without a colon",
        ),
        pytest.param(
            '{"sessions": [\n  {"name": "a"}\n]}',
            AddEntry(session=SessionName("b"), fields={"pid": 1, "at": NOW, "id": None}),
            '{"sessions": [\n  {"name": "a"},\n  {"name": "b", "pid": 1, "at": "'
            f'{STAMP}", "id": null}}\n]}}',
            id="JSON stays JSON",
        ),
        pytest.param(
            "sessions: []   # none\nversion: 1\n",
            AddEntry(session=SessionName("b"), fields={"status": "running"}),
            "sessions:   # none\n  - name: b\n    status: running\nversion: 1\n",
            id="an empty list becomes lines",
        ),
        pytest.param(
            "sessions: {}\n",
            AddEntry(session=SessionName("b"), fields={"status": "running"}),
            "sessions:\n  b:\n    status: running\n",
            id="an empty mapping becomes lines",
        ),
        pytest.param(
            "sessions:\nversion: 1",
            AddEntry(session=SessionName("b"), fields={}),
            "sessions:\n  - name: b\nversion: 1",
            id="sessions without a value",
        ),
        pytest.param(
            "version: 1",
            AddEntry(session=SessionName("b"), fields={}),
            "version: 1\nsessions:\n  - name: b",
            id="no sessions key and no final newline",
        ),
        pytest.param(
            "{}",
            AddEntry(session=SessionName("b"), fields={}),
            "{sessions: [{name: b}]}",
            id="a document of empty braces",
        ),
        pytest.param(
            "# nothing yet",
            AddEntry(session=SessionName("b"), fields={}),
            "# nothing yet\nsessions:\n  - name: b\n",
            id="a file of one comment",
        ),
        pytest.param(
            "sessions:\n-\n   # odd\n    name: a\n    status: running\n",
            AddEntry(session=SessionName("b"), fields={"status": "running"}),
            "sessions:\n-\n   # odd\n    name: a\n    status: running\n"
            "-   name: b\n    status: running\n",
            id="a dash on a line of its own",
        ),
        pytest.param(
            "sessions:\n  - name: a\n    status: running\n\n  - name: c\n    status: running\n",
            AddEntry(session=SessionName("b"), fields={}),
            "sessions:\n  - name: a\n    status: running\n\n"
            "  - name: c\n    status: running\n\n  - name: b\n",
            id="entries parted by empty lines",
        ),
        pytest.param(
            "sessions:\n  - name: a\n    text: |+\n      kept\n\nversion: 1\n",
            SetKey(session=SessionName("a"), key="status", value="running"),
            None,
            id="the empty lines of a kept block are its own",
        ),
        pytest.param(
            "base: &base {status: running}\nsessions:\n  - name: a\n    <<: *base\n",
            SetKey(session=SessionName("a"), key="status", value="terminated"),
            "base: &base {status: running}\nsessions:\n"
            "  - name: a\n    <<: *base\n    status: terminated\n",
            id="a merged value is overridden by an own key",
        ),
        pytest.param(
            "sessions:\n  - name: a\n    was: &s running\n    status: *s\n",
            SetKey(session=SessionName("a"), key="status", value="terminated"),
            "sessions:\n  - name: a\n    was: &s running\n    status: terminated\n",
            id="an alias gives way to a value",
        ),
        pytest.param(
            "sessions:\n  - name: a\n    status: &s running\n",
            SetKey(session=SessionName("a"), key="status", value="terminated"),
            "sessions:\n  - name: a\n    status: &s terminated\n",
            id="an anchor that nobody uses stays",
        ),
        pytest.param(
            "sessions:\n  - name: a.b:c\n    status: running\n",
            SetKey(session=SessionName("a.b:c"), key="status", value="terminated"),
            "sessions:\n  - name: a.b:c\n    status: terminated\n",
            id="a name is compared as it is written",
        ),
    ],
)
def test_hand_made_registries_are_edited_as_a_careful_person_would(
    text: str, edit: Edit, expected: str | None
) -> None:
    new, found = edited(text.encode(), edit)
    if expected is None:
        assert found.refused
        assert new == text.encode()
    else:
        assert new.decode() == expected
        assert not found.refused


LINES = """\
sessions:
  - name: a
    pane:   # as seen
      cmd: claude   # the agent
      # its number
      pid: 12
    # belongs to a
  - name: b
"""


@pytest.mark.parametrize(
    ("text", "values", "expected"),
    [
        pytest.param(
            LINES,
            {"pid": 7, "cwd": "/x"},
            LINES.replace("pid: 12\n", "pid: 7\n      cwd: /x\n"),
            id="below the last line of the mapping",
        ),
        pytest.param(
            "sessions: [{name: a, pane: {pid: 12, }, status: x}]",
            {"pid": 7, "cwd": "/x, y"},
            "sessions: [{name: a, pane: {pid: 7, cwd: '/x, y', }, status: x}]",
            id="trailing commas in brackets",
        ),
        pytest.param(
            "sessions:\n  - name: a\n    pane: # none\n    status: x\n",
            {"pid": 7, "cmd": None},
            "sessions:\n  - name: a\n    pane: {pid: 7, cmd: null} # none\n    status: x\n",
            id="in place of nothing",
        ),
        pytest.param(
            "sessions: {a: {pane: ~}}",
            {"pid": 7},
            "sessions: {a: {pane: {pid: 7}}}",
            id="in place of null",
        ),
        pytest.param(
            "sessions: {a: {pane}}",
            {"pid": 7},
            "sessions: {a: {pane: {pid: 7}}}",
            id="behind a key without a colon",
        ),
        pytest.param(
            '{"sessions": [{"name": "a", "pane": {"pid": 12, "cmd": null}}]}',
            {"pid": 7, "cmd": "vi", "cwd": "/x"},
            '{"sessions": [{"name": "a", "pane": {"pid": 7, "cmd": "vi", "cwd": "/x"}}]}',
            id="JSON stays JSON",
        ),
        pytest.param(
            '{"sessions": [{"name": "a"}]}',
            {"pid": 7, "cwd": "/x"},
            '{"sessions": [{"name": "a", "pane": {"pid": 7, "cwd": "/x"}}]}',
            id="JSON stays JSON where it is new",
        ),
        pytest.param(
            "p: &p {cmd: vi}\nsessions:\n  - name: a\n    pane: {<<: *p, pid: 12}\n",
            {"cmd": "claude"},
            "p: &p {cmd: vi}\nsessions:\n  - name: a\n    pane: {<<: *p, pid: 12, cmd: claude}\n",
            id="a merged value is overridden",
        ),
    ],
)
def test_a_mapping_is_edited_as_a_careful_person_would(
    text: str, values: Mapping[str, Scalar], expected: str
) -> None:
    new, found = edited(text.encode(), *in_pane("a", values))
    assert not found.refused
    assert new.decode() == expected


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("p: &p {pid: 1}\nsessions:\n  - {name: a, pane: *p}\n", '"pane" is an alias'),
        ("p: &p ~\nsessions:\n  - {name: a, pane: *p}\n", '"pane" is an alias'),
        ("sessions:\n  - {name: a, pane: &p {pid: 1}}\nother: *p\n", 'change "other"'),
        ("sessions:\n  - {name: a, pane: [1]}\n", '"pane" is no mapping'),
        ("sessions:\n  - {name: a, pane: 12}\n", '"pane" is no mapping'),
        ("sessions:\n  - {name: a, pane: &p null}\n", "an anchor"),
        ("sessions:\n  - {name: a, pane: !!map {pid: 1}}\n", 'change "pane" of entry "a"'),
        ("sessions:\n  - {name: a, pane: {[x]: y, pid: 1}}\n", 'change "pane" of entry "a"'),
        ("sessions:\n  - {name: a, pane: {pid: [1]}}\n", "a list or a mapping"),
        ("sessions:\n  - {name: a, pane: {pid: !!int 1}}\n", "tag"),
        ("sessions:\n  - name: a\n    pane:\n      ? pid\n      :\n", '"?"'),
        ("sessions:\n  - name: a\n    ? pane\n    :\n", '"?"'),
        ("x: &x {pane: {cmd: vi}}\nsessions:\n  - {<<: *x, name: a}\n", 'change "pane" of entry'),
        ("pid: &k pid\nsessions:\n  - {name: a, pane: {*k : 1}}\n", "is an alias"),
    ],
)
def test_a_mapping_whose_edit_would_touch_more_is_left_with_entry_key_and_reason(
    text: str, why: str
) -> None:
    new, found = edited(text.encode(), *in_pane("a", {"pid": 7}))
    assert new.decode() == text
    assert why in str(found.refused[0])
    assert 'entry "a", key "pane.pid"' in str(found.refused[0])


@pytest.mark.parametrize(
    "other",
    [
        SetKey(session=SessionName("a"), key="pane", value=None),
        AppendItem(session=SessionName("a"), key="pane", item={"id": "x"}),
    ],
)
def test_a_mapping_is_not_set_and_edited_at_once(other: Edit) -> None:
    edits = [*in_pane("a", {"pid": 7}), other]
    new, found = edited(LINES.encode(), *edits)
    assert new.decode() == LINES
    assert sorted(found.refused) == [0, 1]
    assert "keys inside it as well" in str(found.refused[0])


def test_null_becomes_text_in_quotes_where_the_file_is_json() -> None:
    text = '{"sessions": [{"name": "a", "claude_session_id_own": null}]}'
    edit = SetKey(session=SessionName("a"), key="claude_session_id_own", value="abc")
    assert edited(text.encode(), edit)[0].decode() == text.replace("null", '"abc"')


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("s: &s x\nsessions:\n  - &e {name: a, status: &r running}\nother: *r\n", '"other"'),
        ("sessions:\n  - name: a\n    status: |\n      running\n", "block of lines"),
        ("sessions:\n  - name: a\n    status: !!str running\n", "tag"),
        ("sessions:\n  - name: a\n    status: [running]\n", "a list or a mapping"),
        ("sessions:\n  - name: a\n    ? status\n    :\n", '"?"'),
        ("base: &b {name: a, status: running}\nsessions:\n  - *b\n", "alias"),
        ("sessions:\n  - name: b\n", "no entry"),
        ("sessions:\n  - name: a\n    text: |\n      cut off", '"text" of entry "a"'),
        ("sessions:\n  - {name: a}\n  - {name: a}\n", "stands twice"),
        ("sessions:\n  - a\n", "no entry"),
        ("sessions:\n  a: running\n", "no mapping"),
    ],
)
def test_an_edit_that_would_touch_more_is_refused_with_entry_key_line_and_reason(
    text: str, why: str | None
) -> None:
    new, found = edited(text.encode(), SetKey(session=SessionName("a"), key="status", value="x"))
    assert new.decode() == text
    message = str(found.refused[0])
    assert why in message
    assert 'entry "a", key "status"' in message
    assert ", line " in message


def test_one_merging_entry_among_others_can_be_edited() -> None:
    text = (
        "sessions:\n  - &z {name: z, status: running}\n"
        "  - {<<: *z, name: a}\n  - {<<: *z, name: c}\n"
    )
    new, found = edited(
        text.encode(), SetKey(session=SessionName("a"), key="status", value="terminated")
    )
    assert not found.refused
    assert new.decode() == text.replace("name: a}", "name: a, status: terminated}")


@pytest.mark.parametrize(
    ("text", "edits", "why"),
    [
        ("sessions: [{name: a}]", [AddEntry(session=SessionName("a"), fields={})], "already"),
        ("sessions: []", [AddEntry(session=SessionName("a"), fields={})] * 2, "already"),
        ("sessions: []", [AddEntry(session=SessionName("a"), fields={}), SET], "same write"),
        ("sessions: []", [AddEntry(session=SessionName("a\udcff"), fields={})], "not text"),
        ("x: &x []\nsessions: *x", [AddEntry(session=SessionName("a"), fields={})], "alias"),
        ("sessions: &x []", [AddEntry(session=SessionName("a"), fields={})], "anchor"),
        ("sessions: [ # c\n ]", [AddEntry(session=SessionName("a"), fields={})], "comment"),
        ("sessions:\n  ? b\n  : {x: y}", [AddEntry(session=SessionName("a"), fields={})], '"?"'),
        ("--- null", [AddEntry(session=SessionName("a"), fields={})], "not a mapping"),
        ("{? sessions}", [AddEntry(session=SessionName("a"), fields={})], "empty"),
        ("sessions: [{name: a, h: x}]", [ITEM], "no list"),
        ("x: &x [b]\nsessions: [{name: a, h: *x}]", [ITEM], "no list"),
        ("x: &x {h: [b]}\nsessions:\n  - {<<: *x, name: a}", [ITEM], '"h" of entry "a"'),
        ("sessions: [{name: a}]", [ITEM, replace(SET, key="h")], "set and appended"),
        ("sessions: [{name: a}]", [replace(SET, key="name")], "also change"),
        ("s: &s status\nsessions:\n  - {name: a, *s : x}", [SET], "is an alias"),
    ],
)
def test_what_cannot_be_edited_is_refused_and_the_text_stays(
    text: str, edits: list[Edit], why: str
) -> None:
    new, found = edited(text.encode(), *edits)
    assert new.decode() == text
    assert sorted(found.refused) == list(range(len(edits)))
    assert why in str(found.refused[0])


def test_one_refused_session_does_not_hold_up_the_others() -> None:
    text = "sessions:\n  - {name: a, status: &s running}\n  - {name: b, status: running, x: *s}\n"
    edits = [
        SetKey(session=SessionName(name), key="status", value="terminated") for name in ("a", "b")
    ]
    new, found = edited(text.encode(), *edits)
    assert list(found.refused) == [0]
    assert entries(new)["b"]["status"] == "terminated"
    assert entries(new)["a"]["status"] == "running"


def test_the_edits_of_one_session_stand_or_fall_together() -> None:
    text = "sessions:\n  - name: a\n    status: running\n    note: [x]\n"
    edits = [
        SetKey(session=SessionName("a"), key="status", value="terminated"),
        SetKey(session=SessionName("a"), key="note", value="y"),
    ]
    new, found = edited(text.encode(), *edits)
    assert sorted(found.refused) == [0, 1]
    assert new.decode() == text
