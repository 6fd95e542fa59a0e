"""A text that is no sound registry gets one line that says where and what to do."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registries import Sample, loaded, samples
from state import encoding
from state.errors import MustMend
from state.text import yamlnodes, yamltext
from state.text.yamlnodes import List, Map, Node, Scalar


def complaint(text: str) -> str:
    with pytest.raises(MustMend) as raised:
        yamltext.parse(text, "agent-sessions.yaml")
    return str(raised.value)


def test_a_key_twice_in_one_entry_is_told_whole() -> None:
    text = (
        "sessions:\n"
        + "  # filler\n" * 37
        + "  -   name: a\n      status: x\n        \n".replace("        \n", "      status: y\n")
    )
    assert complaint(text) == (
        'registry agent-sessions.yaml, line 41, column 7: "status" twice in one entry. '
        "Nothing was written. Keep one of the two lines, then run: agent-sessions check"
    )


@pytest.mark.parametrize(
    ("text", "place", "seen"),
    [
        ("a: b: c", "line 1, column 5", "mapping values are not allowed here"),
        ("a: [1,\nb: 2", "line 2, column 5", "expected"),
        ("a:\n  - b\n c: d", "line 3, column 2", "expected"),
        ("\ta: 1", "line 1, column 1", "cannot start any token"),
        ('a: "open', "line 1, column 9", "unexpected end of stream"),
        ("a: *none", "line 1, column 4", '"*none" refers to nothing'),
        ("a: &x\n  - *x", "line 2, column 5", '"*x" refers to itself'),
        ("a: 1\n---\nb: 2", "line 2, column 1", "a second document begins"),
        ("a: 1\n\x07", "line 2, column 1", "U+0007"),
        ('a: "\\UFFFFFFFF"', "line 1", "no valid YAML"),
        ("[" * 65, "line 1, column 65", "nested deeper than 64 levels"),
        ("a: 1\n'a': 2", "line 2, column 1", '"a" twice in one mapping'),
        ("%YAML 9.9\n---\na: 1", "line 1, column 1", "incompatible YAML document"),
    ],
)
def test_unsound_text_is_told_with_line_and_column(text: str, place: str, seen: str) -> None:
    message = complaint(text)
    assert message.startswith(f"registry agent-sessions.yaml, {place}")
    assert seen in message
    assert message.endswith("then run: agent-sessions check")
    assert message.isprintable()


def test_aliases_that_grow_without_end_are_stopped() -> None:
    lines = ["a0: &a0 [x]"] + [f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 200)]
    assert "nested deeper than 64 levels" in complaint("\n".join(lines))


def test_what_is_quoted_from_the_file_is_short_and_harmless() -> None:
    message = complaint(f'"{"x" * 500}\\e[31m": 1\n"{"x" * 500}\\e[31m": 2')
    assert message.isprintable()
    assert len(message) < 400


@given(st.text(max_size=200))
def test_any_text_parses_or_is_told_about(text: str) -> None:
    try:
        yamltext.parse(text, "x")
    except MustMend as error:
        assert str(error).isprintable()  # noqa: PT017 - both outcomes are fine


PIECES = st.sampled_from(
    [
        "a",
        ": ",
        "- ",
        "\n",
        "  ",
        "&x ",
        "*x",
        "{",
        "}",
        "[",
        "]",
        ",",
        "'",
        '"',
        "|",
        ">",
        "#",
        "?",
        "!t ",
        "<<",
        "%",
        "\\",
        "\r\n",
        "---",
        "\ufeff",
    ]
)


@given(st.lists(PIECES, max_size=30).map("".join))
def test_any_mix_of_yaml_tokens_parses_or_is_told_about(text: str) -> None:
    try:
        yamltext.parse(text, "x")
    except MustMend as error:
        assert str(error).isprintable()  # noqa: PT017 - both outcomes are fine


def plain(node: Node) -> object:
    found = yamlnodes.target(node)
    if isinstance(found, Map):
        return [(plain(key), plain(value)) for key, value in found.items]
    if isinstance(found, List):
        return [plain(item) for item in found.items]
    return found.value


@given(samples())
def test_every_scalar_is_where_its_node_says_and_ids_stay_text(sample: Sample) -> None:
    tree = yamltext.parse(encoding.decode(sample.data, "x"), "x")
    waiting = [tree.root]
    while waiting:
        node = waiting.pop()
        if isinstance(node, Map):
            waiting += [part for pair in node.items for part in pair]
        elif isinstance(node, List):
            waiting += node.items
        elif isinstance(node, Scalar) and not node.style and not node.anchor and not node.tag:
            assert tree.text[node.start : node.end] == node.value or "\n" in node.value
            assert yamltext.position(tree.text, node.start) == (node.line, node.column)
    assert plain(tree.root)[-1][0] in loaded(sample.data)


@pytest.mark.parametrize(
    ("data", "place"),
    [
        (b"a: 1\nb: \xff\n", "line 2, column 4: byte 9 (0xff) is not UTF-8"),
        (b"\xef\xbb\xbfa: \xc3", "line 1, column 4: byte 7 (0xc3) is not UTF-8"),
        (b"\xff\xfea\x00:\x00\x00\xd8", "is not UTF-16-LE"),
        ("a: ü".encode("latin-1"), "line 1, column 4: byte 4 (0xfc) is not UTF-8"),
    ],
)
def test_bytes_that_are_no_text_are_told_with_line_and_byte(data: bytes, place: str) -> None:
    with pytest.raises(MustMend) as raised:
        encoding.decode(data, "agent-sessions.yaml")
    assert place in str(raised.value)


@given(st.binary(max_size=60))
def test_any_bytes_decode_exactly_or_are_told_about(data: bytes) -> None:
    try:
        text = encoding.decode(data, "x")
    except MustMend:
        return
    assert encoding.encode(text, data) == data
