"""The folder of a workspace, against what Claude Code itself made and an independent oracle."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kanban_worker.agents import claude_keys


@pytest.mark.parametrize(
    ("path", "key"),
    [
        pytest.param("/home/u/proj", "-home-u-proj", id="plain"),
        pytest.param("/u/my_proj v1.0 ü", "-u-my-proj-v1-0--", id="underscore, space, dot, umlaut"),
        pytest.param("/u/emo😀x", "-u-emo--x", id="an emoji is two dashes"),
        pytest.param("/u/\u00e9", "-u--", id="composed e-acute is one dash"),
        pytest.param("/u/e\u0301", "-u-e-", id="decomposed e-acute is a letter and a dash"),
        pytest.param("/u/a--b//c", "-u-a--b--c", id="runs are kept"),
        pytest.param("/u/CamelCase", "-u-CamelCase", id="case is kept"),
        pytest.param("/" + "a" * 199, "-" + "a" * 199, id="200 characters are whole"),
        pytest.param("/u/\udcff", "-u--", id="a byte that is not UTF-8"),
    ],
)
def test_a_folder_is_named_as_claude_code_names_it(path: str, key: str) -> None:
    assert claude_keys.key(path) == key


@pytest.mark.parametrize(
    ("path", "suffix"),
    [
        # Worked out by node 20: h = (h << 5) - h + s.charCodeAt(i) | 0, Math.abs(h).toString(36)
        pytest.param("/" + "a" * 200, "b6ymvl", id="negative hash"),
        pytest.param("/home/u/" + "b" * 201, "2a4qx3", id="positive hash"),
        pytest.param("/x/" + "é😀" * 100, "uuc5ye", id="hash over UTF-16 units"),
    ],
)
def test_a_name_over_200_characters_is_cut_and_gets_a_hash(path: str, suffix: str) -> None:
    key = claude_keys.key(path)
    assert len(key[:200]) == 200
    assert key[200:] == f"-{suffix}"


def oracle(path: str) -> str:
    """Say the rule again, in other words: units as numbers, a hash without masks."""
    raw = path.encode("utf-16-be", "surrogatepass")
    units = [int.from_bytes(raw[at : at + 2]) for at in range(0, len(raw), 2)]
    letters = {ord(char) for char in map(chr, range(128)) if char.isalnum()}
    name = "".join(chr(unit) if unit in letters else "-" for unit in units)
    if len(name) <= 200:
        return name
    total = sum(unit * 31 ** (len(units) - 1 - at) for at, unit in enumerate(units)) % 2**32
    signed = abs(total - 2**32 if total >= 2**31 else total)
    digits = []
    while signed:
        digits.append("0123456789abcdefghijklmnopqrstuvwxyz"[signed % 36])
        signed //= 36
    return f"{name[:200]}-{''.join(reversed(digits)) or '0'}"


@given(st.text(alphabet=st.characters(codec=None), max_size=300).map(lambda text: f"/{text}"))
def test_every_path_gets_the_name_that_the_rule_says(path: str) -> None:
    assert claude_keys.key(path) == oracle(path)


@given(st.text(min_size=190, max_size=400))
def test_a_name_is_always_safe_as_one_part_of_a_path(path: str) -> None:
    key = claude_keys.key(path)
    assert "/" not in key
    assert "." not in key
    assert len(key) <= 208


def test_a_symlinked_workspace_has_the_target_s_name_first_and_its_own_second(
    tmp_path: Path,
) -> None:
    real = tmp_path.resolve() / "real"
    real.mkdir()
    link = tmp_path.resolve() / "link"
    link.symlink_to(real)
    assert claude_keys.keys(str(link)) == (claude_keys.key(str(real)), claude_keys.key(str(link)))


def test_a_decomposed_name_is_also_looked_for_composed(tmp_path: Path) -> None:
    path = str(tmp_path.resolve() / "e\u0301")
    assert claude_keys.key(unicodedata.normalize("NFC", path)) in claude_keys.keys(path)


@pytest.mark.parametrize("path", ["/u/\0", "/u/\ud800", "~nobody-here/x", ""])
def test_a_text_that_can_be_no_path_still_has_a_name(path: str) -> None:
    assert claude_keys.keys(path)


def test_other_hashes_of_a_long_name_are_recognised_by_their_first_200_characters() -> None:
    key = claude_keys.key("/" + "b" * 300)
    other = f"{key[:200]}-1zz"
    assert claude_keys.lookalikes([key], [other, key[:199], f"{key[:199]}c-1"]) == (other,)


@pytest.mark.parametrize(
    ("config", "name", "folder"),
    [
        ("/c", "my_dir-1", "my_dir-1"),
        (None, "my_dir-1", None),
        ("/c", "../up", None),
        ("/c", "x" * 65, None),
        ("/c", "", None),
    ],
)
def test_a_project_dir_name_counts_only_with_a_config_dir_and_if_it_is_plain(
    config: str | None, name: str, folder: str | None
) -> None:
    assert claude_keys.named_folder(config, name) == folder


@pytest.mark.parametrize(
    ("cwd", "belongs"),
    [
        ("/u/a-b", "yes"),
        ("/u/a-b/", "yes"),
        ("/u/a-b/src", "yes"),
        ("/u/a-bc", "no"),
        ("/u/a/b", "no"),
        ("/u", "no"),
        ("u/a-b", "no"),
        ("", "no"),
    ],
)
def test_a_line_belongs_to_a_workspace_if_its_directory_is_that_or_inside(
    cwd: str, belongs: str
) -> None:
    assert claude_keys.lies_under(cwd, "/u/a-b") is (belongs == "yes")
