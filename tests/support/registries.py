"""Registries for tests: generated ones whose every value's place is known, and a second reader.

Nothing here uses the code under test. The generator writes the text itself and so knows where
each value stands; the reader goes through ruamel.yaml's composer instead of its events.
"""

from __future__ import annotations

import codecs
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st
from ruamel.yaml import YAML
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode

Data = str | int | None | list["Data"] | dict[str, "Data"]

NULLS = ("null", "~", "Null", "NULL", "")
IDS = (
    "87dc548e-0000-4000-8000-000000000000",
    "87e10000",
    "0123",
    "0x1F",
    "1_000",
    "12:30:45",
    "2026-06-01",
    ".inf",
    "no",
)
"""What a number-minded YAML reader gets wrong."""

NAMES = (
    "lab-landing-page-creator-claude",
    "lab-研究-creator-agy",
    "0",
    "1e3",
    "a b",
    "𠮷-creator-claude",  # beyond the basic plane
    "it's",
    "null-ish",
)
"""All different after tmux's rewriting."""

COMMENTS = ("", "  # note", " # 研究 😀", "   #   : tricky 'quote\" {[")


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How a registry is written down."""

    mapping: bool
    flow: bool
    indent: int
    indentless: bool
    newline: str
    final_newline: bool
    mark: bytes
    codec: str
    anchored: bool
    merged: bool


@dataclass(slots=True, kw_only=True)
class Sample:
    """A registry, and where each value of each entry stands in its text."""

    layout: Layout
    text: str = ""
    spans: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)

    @property
    def data(self) -> bytes:
        """The file's bytes."""
        return self.layout.mark + self.text.encode(self.layout.codec)

    def put(self, text: str) -> None:
        self.text += text.replace("\n", self.layout.newline)

    def value(self, name: str, key: str, token: str) -> None:
        self.spans[name, key] = (len(self.text), len(self.text) + len(token))
        self.put(token)


ENCODINGS = (
    (b"", "utf-8"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


@st.composite
def layouts(draw: st.DrawFn) -> Layout:
    mark, codec = draw(st.sampled_from(ENCODINGS))
    return Layout(
        mapping=draw(st.booleans()),
        flow=draw(st.booleans()),
        indent=draw(st.sampled_from((2, 4))),
        indentless=draw(st.booleans()),
        newline=draw(st.sampled_from(("\n", "\r\n"))),
        final_newline=draw(st.booleans()),
        mark=mark,
        codec=codec,
        anchored=draw(st.booleans()),
        merged=draw(st.booleans()),
    )


def quoted(value: str, how: str) -> str:
    """A token for a value: `'`, `"`, or plain where it can be."""
    if how == '"':
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if how == "'" or value != value.strip() or any(char in value for char in "'\"{}[],&*#?|>%@`"):
        return "'" + value.replace("'", "''") + "'"
    return value


QUOTES = st.sampled_from(("", "'", '"'))
STATUSES = st.sampled_from(("running", "terminated", "paused"))
OPTIONAL = ("workspace", "agent", "status", "created_at", "claude_session_id_own", "note", "pane")


LINES = "lines"
"""Stands for a mapping that is written below its key."""

PANES = (
    "{pid: 201132, cmd: claude, cwd: /home/u/x}",
    "{ 'pid' : 201132 , cwd: '/研究', other: [1], cmd: null }",
    LINES,
    "{}",
    "{ }",
    "",
    "~",
    "null",
)


@st.composite
def samples(draw: st.DrawFn, *, least: int = 1) -> Sample:
    """Sound registries in every layout."""
    layout = draw(layouts())
    sample = Sample(layout=layout)
    sample.names = draw(st.lists(st.sampled_from(NAMES), min_size=least, max_size=5, unique=True))
    sample.put(draw(st.sampled_from(("", "# head\n", "---\n", "# 😀\n\n"))))
    sample.put(draw(st.sampled_from(("", "version: 1\n", "version: 1   # one\n"))))
    if layout.merged:
        sample.put("defaults: &defaults\n  agent: claude\n  extra: [1, 2]\n")
    sample.put(f"sessions:{draw(st.sampled_from(COMMENTS))}\n")
    for name in sample.names:
        _entry(draw, sample, name)
    sample.put(draw(st.sampled_from(("", "# end\n", "\n# end\n", "after: {a: [b, c]}\n"))))
    # A kept last line break is part of a block of lines; without one it would be other data.
    if not layout.final_newline and not sample.text.rstrip().endswith("lines # no comment"):
        sample.text = sample.text.rstrip("\r\n")
    return sample


def _entry(draw: st.DrawFn, sample: Sample, name: str) -> None:
    pairs = draw(_pairs())
    if sample.layout.flow:
        _flow_entry(draw, sample, name, pairs)
    else:
        _block_entry(draw, sample, name, pairs)


@st.composite
def _pairs(draw: st.DrawFn) -> list[tuple[str, str]]:
    """Keys and tokens, in any order."""
    keys = draw(st.lists(st.sampled_from(OPTIONAL), unique=True, max_size=6))
    values = {
        "workspace": st.sampled_from(("~/PuKi/lab/x", "'/a b'", '"/研究"')),
        "agent": st.sampled_from(("claude", "'agy'")),
        "status": st.builds(quoted, STATUSES, QUOTES),
        "created_at": st.sampled_from(("2026-06-01T10:00:00+09:00", "'2026-06-01T10:00:00Z'")),
        "claude_session_id_own": st.sampled_from(NULLS)
        | st.builds(quoted, st.sampled_from(IDS), QUOTES),
        "note": st.sampled_from(("*defaults", "&mine text", "!!str 5", "plain, 😀")),
        "pane": st.sampled_from(PANES),
    }
    return [(key, draw(values[key])) for key in keys]


def _sound(sample: Sample, name: str, note: str) -> str:
    """Anchors and flow context restrict what a note may be."""
    if note == "*defaults" and not sample.layout.merged:
        return "text"
    if note.startswith("&"):
        return f"&n{sample.names.index(name)} text" if sample.layout.anchored else "text"
    return "'plain, 😀'" if "," in note and note[0] not in "{'\"" else note


def _flow_entry(draw: st.DrawFn, sample: Sample, name: str, pairs: list[tuple[str, str]]) -> None:
    head = quoted(name, draw(QUOTES))
    sample.put("  " if sample.layout.mapping else "  - ")
    sample.put(f"{head}: {{" if sample.layout.mapping else f"{{name: {head}")
    between = "" if sample.layout.mapping else ", "
    for key, token in pairs:
        sample.put(f"{between}{key}: ")
        written = PANES[0] if token == LINES else token or "null"
        sample.value(name, key, _sound(sample, name, written))
        between = draw(st.sampled_from((", ", " , ")))
    sample.put(draw(st.sampled_from(("}", " }"))) + draw(st.sampled_from(COMMENTS)) + "\n")


def _block_entry(draw: st.DrawFn, sample: Sample, name: str, pairs: list[tuple[str, str]]) -> None:
    layout, head = sample.layout, quoted(name, draw(QUOTES))
    outer = " " * (0 if layout.indentless and not layout.mapping else layout.indent)
    inner = outer + " " * layout.indent
    if layout.mapping:
        sample.put(f"{outer}{head}:\n")
        pairs = pairs or [("note", "text")]
        first = inner
    else:
        sample.put(
            f"{outer}-".ljust(len(inner)) + f"name: {head}{draw(st.sampled_from(COMMENTS))}\n"
        )
        first = inner
    if layout.merged and draw(st.booleans()):
        sample.put(f"{first}<<: *defaults\n")
    for key, token in pairs:
        sample.put(f"{first}{key}:")
        if token == LINES:
            _pane(draw, sample, name, first + " " * draw(st.integers(1, 4)))
            continue
        sample.put(" " if token else "")
        sample.value(name, key, _sound(sample, name, token))
        sample.put(draw(st.sampled_from(COMMENTS)) + "\n")
    _history(draw, sample, first)
    sample.put(draw(st.sampled_from(("", f"{inner}# belongs to it\n", "\n"))))


def _pane(draw: st.DrawFn, sample: Sample, name: str, indent: str) -> None:
    """A pane of several lines, with comments."""
    sample.put(draw(st.sampled_from(COMMENTS)) + "\n")
    for key, token in draw(st.permutations((("pid", "201132"), ("cmd", ""), ("cwd", "'/a b'")))):
        sample.put(draw(st.sampled_from(("", f"{indent}# of the pane\n"))) + f"{indent}{key}:")
        sample.put(" " if token else "")
        sample.value(name, f"pane.{key}", token)
        sample.put(draw(st.sampled_from(COMMENTS)) + "\n")


def _history(draw: st.DrawFn, sample: Sample, indent: str) -> None:
    """Something of several lines behind the ordinary keys."""
    listed = f"{indent}- id: '0123'\n{indent}  replaced_at: null\n"
    choices = (
        "",
        f"{indent}session_id_history:\n{listed}",
        f"{indent}session_id_history: []\n",
        f"{indent}session_id_history: [{{id: 87e10000}}]   # ids\n",
        f"{indent}text: |\n{indent}  several\n\n{indent}  lines # no comment\n",
        f"{indent}folded: >-\n{indent}  one\n{indent}  two\n",
    )
    sample.put(draw(st.sampled_from(choices)))


Loaded = Any
"""Data of any shape; tests index into it as they please."""


def loaded(data: bytes) -> Loaded:
    """The data of a YAML file, every scalar but null as the text that was written."""
    root = YAML(typ="safe", pure=True).compose(data)
    return None if root is None else _plain(root)


def _plain(node: Node) -> Loaded:
    if isinstance(node, ScalarNode):
        plain = node.style is None or node.style == ""
        return None if plain and node.value in NULLS else str(node.value)
    if not isinstance(node, MappingNode):
        return [_plain(item) for item in node.value]
    own = {_plain(key): _plain(value) for key, value in node.value}
    merged: dict[str, Any] = {}
    sources = own.pop("<<", None)
    for source in reversed(sources if isinstance(sources, list) else [sources or {}]):
        merged |= source
    return merged | own


def entries(data: bytes) -> dict[str, Mapping[str, Any]]:
    """The entries by name, in either shape."""
    sessions = loaded(data)["sessions"]
    if isinstance(sessions, dict):
        return dict(sessions)
    return {entry["name"]: entry for entry in sessions}
