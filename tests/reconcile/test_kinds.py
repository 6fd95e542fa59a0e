"""The kinds of agent, and the whole form of their conversations' ids."""

from __future__ import annotations

import pytest

from examples import OWN
from reconcile import kinds

SES = "ses_3b1cd4e5fffeHq7Zx0mN2pQrSt"


@pytest.mark.parametrize(
    ("kind", "value", "one"),
    [
        *(pytest.param(kind, OWN, True, id=kind) for kind in ("claude", "codex", "gemini")),
        pytest.param("opencode", SES, True, id="opencode"),
        pytest.param("claude", OWN.upper(), True, id="in capitals"),
        pytest.param("claude", f"{OWN}0", False, id="a digit more"),
        pytest.param("claude", OWN.replace("-", ""), False, id="without its hyphens"),
        pytest.param("claude", f"../{OWN}", False, id="a path to it"),
        pytest.param("claude", SES, False, id="one of another kind"),
        pytest.param("opencode", OWN, False, id="one of another kind than OpenCode"),
        pytest.param("opencode", "ses_", False, id="only how it begins"),
        pytest.param("opencode", f"ses_{'a' * 64}", True, id="as long as may be"),
        pytest.param("opencode", f"ses_{'a' * 65}", False, id="longer than may be"),
        pytest.param("opencode", "ses_a/b", False, id="with a slash"),
    ],
)
def test_what_a_hook_may_tell_as_an_id_is(kind: str, value: str, one: bool) -> None:  # noqa: FBT001
    assert bool(kinds.HOOKED[kind].fullmatch(value)) is one


def test_every_kind_has_a_form_of_its_ids() -> None:
    assert kinds.IDS.keys() == set(kinds.AGENTS)
    assert kinds.IDS["agy"].fullmatch(OWN)


def test_only_agy_has_no_hook() -> None:
    assert set(kinds.AGENTS) - set(kinds.HOOKED) == {"agy"}
