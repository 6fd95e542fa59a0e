"""Session names: how tmux writes them, which are registered, and what they tell."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconcile import names
from reconcile.observed import SessionName


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("lab-x-creator-claude", None),
        ("lab-研究-creator-agy", None),
        ("n" * 256, None),
        ("n" * 257, "the name is longer than 256 characters"),
        ("\t" * 129, "the name is longer than 256 characters"),
        ("", "the name is empty"),
        ("a\ud800", "the name holds bytes that are not text"),
        ("b\udcff", "the name holds bytes that are not text"),
        ("a\0b", "the name holds a NUL character"),
    ],
)
def test_a_name_that_a_registry_cannot_hold_is_refused_with_the_reason(
    name: str, wrong: str | None
) -> None:
    assert names.fault_of(name) == wrong


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("lab-x-creator-claude", "lab-x-creator-claude"),
        ("a.b:c", "a_b_c"),
        ("v1.2.3", "v1_2_3"),
        ("a\tb\nc\x1b\x7f", r"a\tb\nc\033\177"),
        ("a\x85\a\b\v\f\r", r"a\302\205\a\b\v\f\r"),
        (r"a\b $x é", r"a\b $x é"),
        ("\x01\x1f ~\x7f\x80\x9f\xa0", "\\001\\037 ~\\177\\302\\200\\302\\237\xa0"),
        ("", ""),
    ],
)
def test_a_name_is_what_tmux_makes_of_it(written: str, name: str) -> None:
    assert names.normalise(written) == name


@given(st.text())
def test_what_tmux_wrote_stays_as_it_is(written: str) -> None:
    assert names.normalise(names.normalise(written)) == names.normalise(written)


@pytest.mark.parametrize(
    ("name", "registered"),
    [
        pytest.param("lab-x-creator-claude", True, id="workspace, creator, agent"),
        pytest.param("lab-x-creator-agy", True, id="another agent"),
        pytest.param("lab-x-creator-gemini", True, id="a third agent"),
        pytest.param("-creator-claude", True, id="an empty workspace"),
        pytest.param("lab-x-creator-claude2", False, id="more behind the agent"),
        pytest.param("lab-x-claude", False, id="no creator"),
        pytest.param("lab-x-creator-vim", False, id="no agent that is known"),
        pytest.param("lab-x-Creator-Claude", False, id="other capitals"),
    ],
)
def test_by_default_a_session_is_registered_for_the_name(name: str, registered: bool) -> None:  # noqa: FBT001
    assert names.registrable(SessionName(name), names.DEFAULT_PATTERNS) is registered


def test_no_pattern_registers_nothing() -> None:
    assert not names.registrable(SessionName("lab-x-creator-claude"), ())


@pytest.mark.parametrize(
    ("name", "agent"),
    [
        ("lab-x-creator-claude", "claude"),
        ("x-agy", "agy"),
        ("codex", "codex"),
        ("x-gemini", "gemini"),
        ("x-opencode", "opencode"),
        ("lab-x-creator-vim", None),
        ("lab-x-claude-2", None),
        ("", None),
    ],
)
def test_a_name_tells_the_agent_it_ends_in(name: str, agent: str | None) -> None:
    assert names.agent_of(SessionName(name)) == agent
