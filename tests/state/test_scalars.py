"""Values are written so that every YAML reader gets back what was meant."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML
from ruamel.yaml.nodes import ScalarNode

from reconcile.desired import Scalar
from registries import IDS
from state.text import scalars

TEXTS = st.text(st.characters(exclude_categories=["Cs"])) | st.sampled_from(
    [
        *IDS,
        "null",
        "~",
        "y",
        "Yes",
        "=",
        "<<",
        "-",
        "- a",
        "? b",
        "a: b",
        "a #b",
        "...",
        "---",
        "%a",
    ]
)
STYLES = st.sampled_from(["", "'", '"'])


def read_back(document: str, version: str) -> ScalarNode:
    yaml = YAML(typ="safe", pure=True)
    yaml.version = version
    return yaml.compose(document)


@pytest.mark.parametrize("version", ["1.1", "1.2"])
@given(
    text=TEXTS, style=STYLES, place=st.sampled_from(["k: {}\n", "k: {{a: {}, b: c}}\n", "[x, {}]"])
)
def test_text_reads_back_as_the_same_string_in_both_versions_of_yaml(
    version: str, text: str, style: str, place: str
) -> None:
    root = read_back(place.format(scalars.render(text, style)), version)
    node = root.value[-1] if not isinstance(root.value[-1], tuple) else root.value[-1][1]
    if not isinstance(node, ScalarNode):
        node = node.value[0][1]
    assert node.value == text
    assert node.tag == "tag:yaml.org,2002:str"


@pytest.mark.parametrize(
    ("value", "style", "token"),
    [
        ("running", "", "running"),
        ("running", '"', '"running"'),
        ("running", "'", "'running'"),
        ("it's", "'", "'it''s'"),
        ("auto-detected", "", "auto-detected"),
        ("87dc548e-0000-4000-8000-000000000000", "", "87dc548e-0000-4000-8000-000000000000"),
        ("12345678-1234-1234-1234-123456789012", "", "12345678-1234-1234-1234-123456789012"),
        ("87e10000", "", "'87e10000'"),
        ("0123", "", "'0123'"),
        ("1:20", "", "'1:20'"),
        ("2026-06-01", "", "'2026-06-01'"),
        ("~/PuKi/lab", "", "~/PuKi/lab"),
        ("/home/u/研究", "", "/home/u/研究"),
        ("a\tb", "'", '"a\\tb"'),
        ("a\x85b", "", '"a\\u0085b"'),
        (None, "'", "null"),
        (201132, "'", "201132"),
        (datetime(2026, 6, 1, 10, tzinfo=UTC), "", "2026-06-01T10:00:00Z"),
        (
            datetime(2026, 6, 1, 10, 0, 0, 999999, tzinfo=timezone(timedelta(hours=9))),
            "",
            "2026-06-01T10:00:00+09:00",
        ),
        (datetime(2026, 6, 1, 10, tzinfo=UTC), '"', '"2026-06-01T10:00:00Z"'),
    ],
)
def test_quotes_stay_where_they_can_and_come_where_they_must(
    value: Scalar, style: str, token: str
) -> None:
    assert scalars.render(value, style) == token


def test_a_file_name_that_is_no_text_is_refused() -> None:
    with pytest.raises(ValueError, match="bytes that are not text"):
        scalars.render("/home/\udcff")


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-06-01T10:00:00Z", datetime(2026, 6, 1, 10, tzinfo=UTC)),
        ("2026-06-01t10:00:00.5+09:00", datetime(2026, 6, 1, 1, 0, 0, 500000, tzinfo=UTC)),
        ("2026-6-1 10:00:00 -5", datetime(2026, 6, 1, 15, tzinfo=UTC)),
        ("20260601T100000Z", datetime(2026, 6, 1, 10, tzinfo=UTC)),
        ("2026-06-01T10:00+00:00", datetime(2026, 6, 1, 10, tzinfo=UTC)),
        ("2026-06-01 10:00:00", datetime(2026, 6, 1, 10).astimezone()),
        ("2026-06-01", datetime(2026, 6, 1).astimezone()),
    ],
)
def test_times_are_read_in_every_form_yaml_has_and_are_local_without_an_offset(
    text: str, moment: datetime
) -> None:
    assert scalars.timestamp(text) == moment


@pytest.mark.parametrize(
    "text", ["yesterday", "2026-13-01", "2026-06-01T25:00:00Z", "", "2026-06-01T10:00:00+99:00"]
)
def test_what_is_no_time_is_none(text: str) -> None:
    assert scalars.timestamp(text) is None


@given(st.text())
def test_no_text_makes_the_timestamp_reader_fail(text: str) -> None:
    found = scalars.timestamp(text)
    assert found is None or found.tzinfo is not None


@pytest.mark.parametrize(
    "text",
    [
        "9999-12-31T23:59:59-23:00",
        "9999-12-31",
        "0001-01-01T00:00:00+23:00",
        "0001-01-01",
        "1969-12-31T23:59:59Z",
        "3001-01-01T00:00:00Z",
    ],
)
def test_a_time_that_nothing_can_be_reckoned_with_is_none(text: str) -> None:
    assert scalars.timestamp(text) is None


DAY = timedelta(days=1)


@given(st.text() | st.datetimes(timezones=st.timezones()).map(datetime.isoformat))
def test_whatever_is_a_time_can_be_moved_and_told_in_any_zone(text: str) -> None:
    found = scalars.timestamp(text)
    if found is not None:
        assert (found + DAY).astimezone(UTC) - (found - DAY).astimezone() == 2 * DAY
        assert found.timestamp() > -DAY.total_seconds()


BOUNDS = datetime.fromisoformat("1970-01-01"), datetime.fromisoformat("3000-12-31")
MOMENTS = st.datetimes(*BOUNDS, timezones=st.just(UTC))


@given(MOMENTS)
def test_a_written_time_reads_back_to_the_second(moment: datetime) -> None:
    assert scalars.timestamp(scalars.render(moment)) == moment.replace(microsecond=0)


@given(st.text(), st.integers(2, 80))
def test_quoted_text_in_messages_is_one_short_line(text: str, limit: int) -> None:
    shown = scalars.shown(text, limit)
    assert len(shown) <= limit
    assert shown.isprintable()
