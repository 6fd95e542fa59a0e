"""Session names: how tmux writes them, which are registered, and what they tell."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tmux_versions
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


@pytest.mark.parametrize("version", tmux_versions.VERSIONS)
@pytest.mark.parametrize("asked", tmux_versions.LISTED)
def test_the_forms_of_a_name_hold_what_the_version_makes_of_it_behind_the_name_itself(
    asked: str, version: str
) -> None:
    forms = names.as_listed(asked, version)
    listed = tmux_versions.listed(asked, version)

    assert forms[0] == asked
    assert set(forms) == {asked, asked if listed is None else listed}
    assert set(forms) <= set(names.as_listed(asked, ""))


@pytest.mark.parametrize(
    ("version", "forms"),
    [
        pytest.param("3.0", ["a.$x"], id="before 3.0a"),
        pytest.param("3.2-rc3", ["a.$x", r"a_\$x"], id="a release candidate"),
        pytest.param("3.3", ["a.$x", r"a_\$x"], id="without its letter"),
        pytest.param("3.6", ["a.$x", "a_$x"], id="3.6"),
        pytest.param("3.7", ["a.$x"], id="3.7"),
        pytest.param("3.10b", ["a.$x"], id="a later one"),
        pytest.param("next-3.8", ["a.$x"], id="the one to come"),
        pytest.param("4.0", ["a.$x"], id="the next great one"),
        *(
            pytest.param(version, ["a.$x", "a_$x", r"a_\$x", r"a_\\$x"], id=f"unknown: {version}")
            for version in ("", "master", "openbsd-7.8", "3.1c", "2.9a", "3", "tmux 3.4")
        ),
    ],
)
def test_which_forms_there_are_depends_on_the_release(version: str, forms: list[str]) -> None:
    assert list(names.as_listed("a.$x", version)) == forms


def test_what_has_no_width_may_be_kept_or_be_in_octal() -> None:
    assert names.as_listed("a\x85\u0378.", "3.4") == (
        "a\x85\u0378.",
        "a\x85\u0378_",
        r"a\302\205\315\270_",
    )
    assert names.as_listed("a\x85", "3.7c") == ("a\x85",)


@pytest.mark.parametrize(
    ("name", "forms"),
    [
        pytest.param("\x1f.", (r"\037_",), id="a control character is in octal"),
        pytest.param(
            "\x80.", ("\x80_", r"\302\200_"), id="the first one beyond ASCII may have no width"
        ),
        pytest.param("\xff.", ("\xff_",), id="a letter is not"),
        pytest.param("\udcfc.", (r"\374_",), id="a byte that is no text is"),
        pytest.param("\udc80.\udcff", (r"\200_\377",), id="from the first to the last"),
        pytest.param("\ud800.\udc7f", (r"\355\240\200_\355\261\277",), id="half a pair is, too"),
        pytest.param("\udd00.\udfff", (r"\355\264\200_\355\277\277",), id="and so the other half"),
        pytest.param(
            "\ud7ff.",
            ("\ud7ff_", r"\355\237\277_"),
            id="what stands before those may have no width",
        ),
        pytest.param("\ue000.", ("\ue000_",), id="what stands behind them has one"),
    ],
)
def test_what_a_name_holds_besides_text_is_listed_by_its_bytes(
    name: str, forms: tuple[str, ...]
) -> None:
    assert names.as_listed(name, "3.3a") == (name, *forms)


@given(st.text(), st.sampled_from([*tmux_versions.VERSIONS, ""]))
def test_the_exact_name_comes_first_and_no_form_twice(name: str, version: str) -> None:
    forms = names.as_listed(name, version)

    assert forms[0] == name
    assert len(set(forms)) == len(forms)


@given(st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E, exclude_characters="$.:\\")))
def test_plain_text_is_listed_as_it_is_by_all(name: str) -> None:
    assert names.as_listed(name, "") == (name,)


@pytest.mark.parametrize(
    ("listed", "version", "written", "whose"),
    [
        pytest.param("a_b", "3.4", ["a.b", "a_b"], ("a_b",), id="written exactly so"),
        pytest.param("a_b", "3.4", ["a.b", "x"], ("a.b",), id="rewritten"),
        pytest.param("a_b", "3.4", ["a.b", "a:b"], ("a.b", "a:b"), id="not to be told apart"),
        pytest.param("a_b", "3.4", ["a.b", "a.b"], ("a.b",), id="written twice"),
        pytest.param("a_b", "3.7c", ["a.b"], (), id="not rewritten by this one"),
        pytest.param("a_b", "3.0a", ["a.b"], (), id="never made by this one"),
        pytest.param("a.b", "3.7c", ["a.b", "a_b"], ("a.b",), id="two names"),
        pytest.param("a_b", "", ["a.b"], ("a.b",), id="by an unknown version"),
        pytest.param("a.b", "3.4", ["a_b"], (), id="never the other way"),
    ],
)
def test_a_listed_name_is_its_exact_one_before_any_that_may_be_rewritten_so(
    listed: str, version: str, written: list[str], whose: tuple[str, ...]
) -> None:
    assert names.asked_as(SessionName(listed), version, written) == whose


@pytest.mark.parametrize(
    ("name", "version", "ambiguous"),
    [
        ("plain", None, False),
        ("a$x", None, True),
        (r"a\b", None, True),
        ("a$x", "3.4", False),
        (r"a\b.c", "", False),
        ("#1 of #_, #-", "3.4", False),
        ("a#{pid}", "3.4", True),
        ("#S", "3.0a", True),
        ("a##b", "", True),
        ("é 名 🙂", "3.3a", False),
        ("\u0378", "3.3a", True),
        ("\x85", "", True),
        ("\x85", "3.0a", False),
        ("a\tb\x1b\x7f", "3.3a", False),
    ],
)
def test_a_name_is_ambiguous_where_tmux_may_list_it_in_an_unforeseen_way(
    name: str,
    version: str | None,
    ambiguous: bool,  # noqa: FBT001
) -> None:
    assert names.is_ambiguous(name, version) is ambiguous


@pytest.mark.parametrize(
    ("name", "registered"),
    [
        pytest.param("lab-x-creator-claude", True, id="workspace, creator, agent"),
        pytest.param("lab-x-creator-agy", True, id="another agent"),
        pytest.param("lab-x-creator-gemini", True, id="a third agent"),
        pytest.param("-creator-claude", True, id="an empty workspace"),
        pytest.param("lab-x-creator-claude-2", True, id="more behind the agent"),
        pytest.param("lab-x-creator-aider", True, id="an agent that is not known"),
        pytest.param("lab-x-creator-", True, id="no agent"),
        pytest.param("lab-x\n-creator-\ny", True, id="several lines"),
        pytest.param("creator-claude", False, id="no workspace, and nothing before it"),
        pytest.param("lab-x-claude", False, id="no creator"),
        pytest.param("lab-x-creator", False, id="creator as the last word"),
        pytest.param("lab-x-Creator-Claude", False, id="other capitals"),
    ],
)
def test_by_default_a_session_is_registered_for_the_name(name: str, registered: bool) -> None:  # noqa: FBT001
    assert names.registrable(SessionName(name), names.DEFAULT_PATTERNS) is registered
    assert names.is_default(SessionName(name)) is registered


def test_no_pattern_registers_nothing() -> None:
    assert not names.registrable(SessionName("lab-x-creator-claude"), ())


@pytest.mark.parametrize(
    ("name", "agent"),
    [
        ("lab-x-creator-claude", "claude"),
        ("x-creator-agy", "agy"),
        ("-creator-codex", "codex"),
        ("x-creator-gemini", "gemini"),
        ("x-creator-opencode", "opencode"),
        ("x-creator-y-creator-agy", "agy"),
        ("x-creator-claude-2", "claude"),
        ("x-creator-claude2", "claude"),
        ("x-creator-gemini-cli", "gemini"),
        ("x-creator-claude, the " + "very " * 9 + "long one", "claude"),
        ("x-creator-claudette", "claudette"),
        ("x-creator-aider", "aider"),
        ("x-creator-cursor-agent", "cursor-agent"),
        ("x-creator-에이전트", "에이전트"),
        ("x-creator-123", "123"),
        ("x-creator-" + "a" * 32, "a" * 32),
        ("x-creator-" + "a" * 33, None),
        ("x-creator-", None),
        ("x-creator--rf", None),
        ("x-creator-$(rm x)", None),
        ("x-creator-a b", None),
        ("x-creator-a\nb", None),
        ("x-creator-a\x1b[31m", None),
        ("x-creator-a\u202eb", None),
        ("x-creator-a\ud800", None),
        ("x-claude", None),
        ("claude", None),
        ("", None),
    ],
)
def test_a_name_tells_the_agent_it_ends_in(name: str, agent: str | None) -> None:
    assert names.agent_of(SessionName(name)) == agent
