"""libyaml gives the events of ruamel.yaml's own parser, or is not asked."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

import registries
import trials
from state.text import yamlevents
from state.text.yamlevents import Event

STARTS = (MappingStartEvent, SequenceStartEvent)
ENDS = (MappingEndEvent, SequenceEndEvent)
PIECES = (
    *("a", "b: ", "key:", "- ", "-", "\n", "\n  ", "\n    ", "  ", ": ", ":", "{", "}", "[", "]"),
    *(", ", ",", "'x'", '"y"', "'", '"', "''", '""', "#c", " # c", "&a ", "*a", "*a: ", "&a {"),
    *("null", "1", "é", "éa:\n", "🙂", "🙂: ", "---", "...", "\n---\n", "~", "?", "? ", "@", "`"),
    *(
        "=",
        "<<: ",
        "a.b",
        "/x",
        "'it''s'",
        "2026-06-01T10:00:00+09:00",
        "x y",
        "-1",
        "\n- ",
        "b:\n",
    ),
    *("\n  - name: ", "\n    k: v", " ", "\n\n", "\n#c\n", "<", ">", "|", ">-\n  a\n", "|\n  a\n"),
    *(
        "+",
        "^",
        ";",
        "(",
        ")",
        "$",
        "_",
        "!",
        "!!str ",
        "%",
        "%YAML 1.1\n",
        "\t",
        "\r\n",
        "\r",
        "\\",
    ),
    *(
        "\\n",
        '"\\u00e9"',
        '"\\ud83d"',
        "\x85",
        "\u2028",
        "\ufeff",
        "\xa0",
        "\u3000",
        "\u200b",
        "\x00",
    ),
)
TEXTS = st.lists(st.sampled_from(PIECES), min_size=1, max_size=14).map("".join)
BEGUN = st.sampled_from(["", "sessions:\n  - name: a\n    k: v\n", "version: 1\nsessions:\n"])


def plain(event: Event) -> tuple[object, ...]:
    """All that is used of an event."""
    found: list[object] = [type(event)]
    if isinstance(event, ENDS):
        return (*found, event.end_mark.index)
    if isinstance(event, DocumentStartEvent):
        return (*found, event.start_mark.line, event.start_mark.column)
    if isinstance(event, (ScalarEvent, AliasEvent, *STARTS)):
        mark = event.start_mark
        found += [event.anchor, mark.index, mark.line, mark.column]
    if isinstance(event, (ScalarEvent, *STARTS)):
        found.append(None if event.tag is None else str(event.tag))
    if isinstance(event, STARTS):
        found.append(bool(event.flow_style))
    elif isinstance(event, (ScalarEvent, AliasEvent)):
        found.append(event.end_mark.index)
    if isinstance(event, ScalarEvent):
        found += [event.value, event.style or ""]
    return tuple(found)


def slow(text: str) -> list[tuple[object, ...]]:
    return all_plain(YAML(typ="safe", pure=True).parse(text))


def all_plain(events: Iterable[Event]) -> list[tuple[object, ...]]:
    kinds = (ScalarEvent, AliasEvent, DocumentStartEvent, *STARTS, *ENDS)
    return [plain(event) for event in events if isinstance(event, kinds)]


@given(BEGUN, TEXTS)
@settings(max_examples=trials.of(2_000))
def test_what_libyaml_gives_is_what_ruamel_gives(begun: str, text: str) -> None:
    found = yamlevents.quick(begun + text)

    assert found is None or all_plain(found) == slow(begun + text)


@given(registries.samples())
def test_so_it_is_for_registries_of_every_layout(sample: registries.Sample) -> None:
    found = yamlevents.quick(sample.text)

    assert found is None or all_plain(found) == slow(sample.text)


@pytest.mark.parametrize(
    "text",
    [
        "version: 1\nsessions:\n  - name: lab-x   # kept by hand\n    pane: {pid: 1}\n",
        "sessions:\n  a: {status: running, note: 'why? because=>so|now'}\n",
        "# what? all*of*it, here!\nsessions: []\n",
        "sessions:\r\n- name: é 研究 😀\r\n  workspace: ~/a-b\r\n",
        "x: &x {agent: claude}\nsessions:\n  - {name: a, note: 'a*b'}\n",
    ],
)
def test_an_ordinary_registry_is_read_the_quick_way(text: str) -> None:
    found = yamlevents.quick(text)

    assert found is not None
    assert all_plain(found) == slow(text)


@pytest.mark.parametrize(
    "text",
    [
        *("\ufeffa: 1\n", "a:\t1\n", "a: >-\n  b\n", "a: |\n  b\n", "a: !!str 1\n", "? a\n: b\n"),
        *(
            "a: &x 1\nb: *x\n",
            "%YAML 1.2\n---\na: 1\n",
            "a: b\u2028c\n",
            "a: b\x85c\n",
            "a:\nb: 1\n",
        ),
        *("a:\nb: 1\n", "a: [\n", "a: \ud800\n", "[" * 100 + "]" * 100),
    ],
)
def test_what_may_differ_is_left_to_ruamel(text: str) -> None:
    assert yamlevents.quick(text) is None


def test_without_the_binding_ruamel_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yamlevents, "CParser", None)

    assert yamlevents.quick("a: 1\n") is None
    assert all_plain(yamlevents.of("a: 1\n")) == slow("a: 1\n")
