"""A key of the config file is set, and no other byte of the file changes."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from kanban_worker import config
from state import paths
from state.errors import CouldNot, MustMend
from state.setting import Setting

STAR = "pattern: '*'"


def put(path: Path, *values: str) -> str:
    Setting(path, "pattern", values or ("*",)).write(None)
    return path.read_bytes().decode()


def read(path: Path, home: Path) -> list[str]:
    """What a command takes from it."""
    found = config.from_environment({"XDG_CONFIG_HOME": str(home)}, home)
    assert found.config == path
    return list(found.policy.patterns)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The config file's, in a home of its own; it is not there."""
    return paths.places({"XDG_CONFIG_HOME": str(tmp_path)}, tmp_path).config


@pytest.fixture
def file(path: Path) -> Path:
    path.parent.mkdir()
    return path


def test_a_file_that_is_missing_is_made_for_its_owner_alone(path: Path, tmp_path: Path) -> None:
    assert put(path) == f"{STAR}\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert read(path, tmp_path) == ["*"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param("", f"{STAR}\n", id="empty"),
        pytest.param("# mine\n", f"# mine\n{STAR}\n", id="only a comment"),
        pytest.param("# mine", f"# mine\n{STAR}", id="only a comment, no final newline"),
        pytest.param("---\n", f"---\n{STAR}\n", id="no document yet"),
        pytest.param("interval: 30\n", f"interval: 30\n{STAR}\n", id="another key"),
        pytest.param("interval: 30", f"interval: 30\n{STAR}", id="no final newline"),
        pytest.param("a\r\n".replace("a", "grace: 5"), f"grace: 5\r\n{STAR}\r\n", id="CRLF"),
        pytest.param(
            "interval: 30 # mine\n\n# end\n",
            f"interval: 30 # mine\n{STAR}\n\n# end\n",
            id="comments",
        ),
        pytest.param("  interval: 30\n", f"  interval: 30\n  {STAR}\n", id="indented"),
        pytest.param("pattern: a*\n", f"{STAR}\n", id="a value"),
        pytest.param("pattern: 'a*' # why\n", f"{STAR} # why\n", id="a comment behind it"),
        pytest.param("pattern:\ngrace: 5\n", f"{STAR}\ngrace: 5\n", id="no value"),
        pytest.param(
            "pattern:\n- a*\n- b*\ngrace: 5\n", f"{STAR}\ngrace: 5\n", id="a list, not indented"
        ),
        pytest.param("pattern: [a*, b]\ngrace: 5\n", f"{STAR}\ngrace: 5\n", id="a list in a line"),
        pytest.param("{interval: 30}\n", "{interval: 30, pattern: '*'}\n", id="as JSON"),
        pytest.param("{}\n", "{pattern: '*'}\n", id="as JSON, empty"),
        pytest.param(
            "tmux_socket:\n  - a\n  - b\n", f"tmux_socket:\n  - a\n  - b\n{STAR}\n", id="last"
        ),
        pytest.param("# ü\nhost: 'ü'\n", f"# ü\nhost: 'ü'\n{STAR}\n", id="not ASCII"),
        pytest.param(
            "interval: 30\n...\n", f"interval: 30\n{STAR}\n...\n", id="an end of document"
        ),
    ],
)
def test_every_other_byte_stays(file: Path, tmp_path: Path, before: str, after: str) -> None:
    file.write_bytes(before.encode())

    assert put(file) == after
    assert read(file, tmp_path) == ["*"]


@pytest.mark.parametrize(
    "values", [("a b", "c, d"), ("[x]", "yes"), ("it's", '"'), ("12", "null"), ("#", "a: b", "é*")]
)
def test_what_was_chosen_is_what_is_read(
    file: Path, tmp_path: Path, values: tuple[str, ...]
) -> None:
    file.write_text("interval: 30\n")

    put(file, *values)

    assert read(file, tmp_path) == list(values)


@pytest.mark.parametrize("text", ["pattern: '*'\n", 'pattern: "*"', "pattern: '*' # mine\n"])
def test_what_is_there_already_is_not_written_again(file: Path, text: str) -> None:
    file.write_text(text)
    before = file.stat().st_mtime_ns, file.stat().st_ino

    assert not Setting(file, "pattern", ["*"]).write(None)

    assert (file.stat().st_mtime_ns, file.stat().st_ino, file.read_text()) == (*before, text)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b"? pattern\n: [a]\n", id="an explicit key"),
        pytest.param(b"{interval: 30,}\n", id="a comma at the end"),
        pytest.param(b"pattern: &a [x]\ntmux_socket: *a\n", id="an anchor that is used"),
        pytest.param(b"- a\n", id="a list"),
        pytest.param(b"text\n", id="a text"),
        pytest.param(b"interval: [\n", id="no YAML"),
        pytest.param(b"interval: \xff\n", id="no UTF-8"),
        pytest.param(b"pattern: a\npattern: b\n", id="the key twice"),
        pytest.param(b"interval: 30\n--- \ngrace: 5\n", id="two documents"),
    ],
)
def test_a_text_that_cannot_be_edited_is_refused_with_the_line_to_put_in(
    file: Path, text: bytes
) -> None:
    file.write_bytes(text)

    with pytest.raises(MustMend, match=r"cannot be edited safely.*Put in it: pattern: '\*'$"):
        Setting(file, "pattern", ["*"])

    assert file.read_bytes() == text


def test_a_value_that_is_no_text_is_refused(path: Path) -> None:
    with pytest.raises(MustMend, match=r"pattern .* holds bytes that are not text"):
        Setting(path, "pattern", ["a\udcff"])


def test_it_is_written_through_a_symlink_with_its_mode(file: Path, tmp_path: Path) -> None:
    real = tmp_path / "dotfiles.yaml"
    real.write_text("interval: 30\n")
    real.chmod(0o644)
    file.symlink_to(real)

    put(file)

    assert file.is_symlink()
    assert real.read_text() == f"interval: 30\n{STAR}\n"
    assert stat.S_IMODE(real.stat().st_mode) == 0o644


def test_what_somebody_saves_meanwhile_is_not_overwritten(file: Path) -> None:
    file.write_text("interval: 30\n")
    setting = Setting(file, "pattern", ["*"])
    file.write_text("interval: 60\n")

    with pytest.raises(MustMend, match="saved by somebody else"):
        setting.write(None)

    assert file.read_text() == "interval: 60\n"


def test_what_is_no_file_cannot_be_read(file: Path) -> None:
    file.mkdir()

    with pytest.raises(CouldNot, match=r"config .* could not be read"):
        Setting(file, "pattern", ["*"])
