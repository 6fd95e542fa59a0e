"""What a file that somebody else writes may hold: hypothesis strategies for every reader.

`values` are JSON values of every type, `lines` are lines of a JSON-lines file, `files` whole files:
well-formed, torn at any byte, re-encoded, filled with NULs, compressed.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping, Sequence

from hypothesis import strategies as st

HUGE = 10**400
DEEP = 5000

values: st.SearchStrategy[object] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([HUGE, -HUGE, 2**63, 1e308, -0.0, float("nan"), float("inf")])
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(
        [
            "\ud800",
            "\0",
            "",
            "../../x",
            "9999-12-31T23:59:59Z",
            "0001-01-01T00:00:00+14:00",
            "1969-12-31T23:59:59Z",
            "2026-11-20T10:00:00Z",
            "x" * 5000,
        ]
    ),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)
"""JSON values of every type, most of them where they do not belong."""


def records(
    keys: Sequence[str], likely: Mapping[str, Sequence[object]]
) -> st.SearchStrategy[bytes]:
    """Return lines of JSON objects with these keys, whose values are likely ones or anything."""

    def value(key: str) -> st.SearchStrategy[object]:
        return st.sampled_from(likely[key]) | values if key in likely else values

    found = st.fixed_dictionaries({}, optional={key: value(key) for key in keys})
    return found.map(lambda entry: json.dumps(entry).encode("utf-8", "surrogatepass"))


broken: st.SearchStrategy[bytes] = st.binary(max_size=60) | st.sampled_from(
    [
        b"",
        b"null",
        b"[]",
        b'"x"',
        b"[" * DEEP,
        b'{"a":' * DEEP,
        b'{"type":"user","type":["user"]}',
        b'{"timestamp":' + b"9" * DEEP + b"}",
        b'{"sessionId":"\xff\xfe"}',
        b"\0" * 500,
        b"\xef\xbb\xbf{}",
    ]
)
"""Lines that are no JSON object, or none that a reader expects."""

_ENCODINGS = ("utf-16", "utf-16-be", "utf-32", "latin-1", "utf-8-sig", "utf-7")


def files(lines: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    """Return whole files of such lines and of broken ones, most of them damaged in one way."""
    whole = st.lists(lines | broken, max_size=8).map(b"\n".join)
    return st.one_of(
        whole,
        st.builds(lambda data: data + b"\n", whole),
        st.builds(_cut, whole, st.integers(0, 2000)),
        st.builds(_nulled, whole, st.integers(0, 2000), st.integers(1, 70_000)),
        st.builds(_encoded, whole, st.sampled_from(_ENCODINGS)),
        st.builds(lambda data: gzip.compress(data, mtime=0), whole),
        st.builds(lambda data, times: data * times, whole, st.integers(2, 300)),
    )


def _cut(data: bytes, at: int) -> bytes:
    return data[: at % (len(data) + 1)]


def _nulled(data: bytes, at: int, size: int) -> bytes:
    """Fill a part with NULs, as a crash leaves them where a file was to grow."""
    at %= len(data) + 1
    return data[:at] + b"\0" * size + data[at:]


def _encoded(data: bytes, encoding: str) -> bytes:
    return data.decode("utf-8", "replace").encode(encoding, "replace")
