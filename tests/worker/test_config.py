"""Settings: flags win over the environment, that over the config file, that over defaults."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from kanban_worker import cli, config
from kanban_worker.config import KEYS, Settings
from reconcile import names
from state.errors import CouldNot, MonitorError, MustMend

CONFIG = Path(".config/agent-sessions/config.yaml")


@dataclass(frozen=True, slots=True)
class Key:
    """One key: how it reads in the settings, and three values that are told apart."""

    read: Callable[[Settings], object]
    default: Callable[[Path], object]
    values: tuple[str, str, str]
    means: Callable[[str], object]


BY_NAME = {
    "registry": Key(
        lambda settings: settings.registry,
        lambda home: home / ".config/agent-sessions/agent-sessions.yaml",
        ("/flag.yaml", "/environment.yaml", "/file.yaml"),
        Path,
    ),
    "tmux_socket": Key(
        lambda settings: settings.sockets,
        lambda _: (),
        ("/flag", "/environment", "/file"),
        lambda value: (value,),
    ),
    "interval": Key(lambda settings: settings.interval, lambda _: None, ("1", "2.5", "3"), float),
    "pattern": Key(
        lambda settings: settings.policy.patterns,
        lambda _: names.DEFAULT_PATTERNS,
        ("flag-*", "environment-*", "file-*"),
        lambda value: (value,),
    ),
    "grace": Key(
        lambda settings: settings.policy.grace,
        lambda _: timedelta(minutes=2),
        ("1", "2", "3"),
        lambda value: timedelta(seconds=float(value)),
    ),
    "host": Key(lambda settings: settings.host, lambda _: None, ("one", "two", "three"), str),
    "via": Key(
        lambda settings: settings.via, lambda _: None, ("http", "memory", "hermes-cli"), str
    ),
    "board": Key(lambda settings: settings.board, lambda _: None, ("one", "two", "three"), str),
    "board_url": Key(
        lambda settings: settings.board_url,
        lambda _: None,
        ("http://a", "http://b", "http://c"),
        str,
    ),
    "board_token_file": Key(
        lambda settings: settings.board_token_file,
        lambda _: None,
        ("/flag", "/environment", "/file"),
        Path,
    ),
}
each_key = pytest.mark.parametrize("name", KEYS)


def load(*arguments: str, **environ: str) -> Settings:
    """Read the settings as a command does."""
    parsed = cli.parser().parse_args(["work", *arguments])
    return config.load(parsed, {**os.environ, **environ}, Path.home())


def write(text: str, path: Path = CONFIG) -> Path:
    """Write a config file in the home."""
    whole = Path.home() / path
    whole.parent.mkdir(parents=True, exist_ok=True)
    whole.write_text(text, "utf-8")
    return whole


def refusal(*arguments: str, kind: type[MonitorError] = MustMend) -> str:
    """Return the one line with which settings are refused."""
    with pytest.raises(kind) as raised:
        load(*arguments)
    text = str(raised.value)
    assert "\n" not in text
    return text


class TestPrecedence:
    def test_the_table_of_this_test_has_every_key(self) -> None:
        assert BY_NAME.keys() == KEYS.keys()

    @each_key
    def test_flag_then_environment_then_file_then_default(self, name: str) -> None:
        key = BY_NAME[name]
        flag, environment, file = key.values
        option, variable = [f"--{name.replace('_', '-')}", flag], {KEYS[name]: environment}

        assert key.read(load()) == key.default(Path.home())
        write(f"{name}: {file}\n")
        assert key.read(load()) == key.means(file)
        assert key.read(load(**variable)) == key.means(environment)
        assert key.read(load(*option, **variable)) == key.means(flag)
        assert key.read(load(*option)) == key.means(flag)

    @each_key
    @pytest.mark.parametrize("nothing", ["", "null", "~", '""'])
    def test_an_empty_value_in_the_file_leaves_the_default(self, name: str, nothing: str) -> None:
        write(f"{name}: {nothing}\n")

        assert BY_NAME[name].read(load()) == BY_NAME[name].default(Path.home())

    @each_key
    def test_an_empty_variable_leaves_what_the_file_says(self, name: str) -> None:
        key = BY_NAME[name]
        write(f"{name}: {key.values[2]}\n")

        assert key.read(load(**{KEYS[name]: ""})) == key.means(key.values[2])

    @each_key
    def test_every_key_has_a_flag_that_a_command_documents(self, name: str) -> None:
        options = argparse.ArgumentParser.format_help
        help_text = options(cli.parser()) + _help_of("work")

        assert f"--{name.replace('_', '-')}" in help_text

    @pytest.mark.parametrize("command", sorted(cli.COMMANDS))
    def test_every_command_can_be_given_its_settings(self, command: str) -> None:
        write("interval: 7\npattern: x-*\n")
        words = [command, *(["word"] if command in {"adopt", "why", "undo", "unack"} else [])]
        parsed = cli.parser().parse_args(words)

        settings = config.load(parsed, os.environ, Path.home())

        assert settings.interval == 7
        assert settings.policy.patterns == ("x-*",)

    def test_a_flag_before_the_command_counts_as_one_after_it(self) -> None:
        parsed = cli.parser().parse_args(["--registry", "/r.yaml", "-v", "reconcile"])

        settings = config.load(parsed, os.environ, Path.home())

        assert settings.registry == Path("/r.yaml")
        assert settings.verbose


def _help_of(command: str) -> str:
    """Return what a command says of its options."""
    for action in cli.parser()._actions:
        if isinstance(action, argparse._SubParsersAction):
            return str(action.choices[command].format_help())
    raise AssertionError(command)


class TestValues:
    @pytest.mark.parametrize("name", ["tmux_socket", "pattern"])
    @pytest.mark.parametrize(
        ("arguments", "environ", "text"),
        [
            pytest.param(["/a-*", "/b-*"], "", "", id="a flag that is repeated"),
            pytest.param([], "/a-*,/b-*", "", id="a variable with a comma"),
            pytest.param([], " /a-* , /b-* ,", "", id="a variable with spaces and an end"),
            pytest.param([], "", "[/a-*, /b-*]", id="a list in the file"),
            pytest.param([], "", "\n- /a-*\n-\n- /b-*", id="a list with a gap"),
        ],
    )
    def test_a_list_may_be_given_in_any_place(
        self, name: str, arguments: list[str], environ: str, text: str
    ) -> None:
        write(f"{name}: {text}\n")
        flags = [word for each in arguments for word in (f"--{name.replace('_', '-')}", each)]

        assert BY_NAME[name].read(load(*flags, **{KEYS[name]: environ})) == ("/a-*", "/b-*")

    def test_a_socket_that_is_asked_for_twice_is_looked_at_once(self) -> None:
        settings = load("--tmux-socket", "w", "--tmux-socket", "/x", "--tmux-socket", "w")

        assert [Path(path).name for path in settings.sockets] == ["w", "x"]

    def test_that_nobody_named_a_socket_is_told_from_naming_the_default_one(self) -> None:
        default = f"{os.environ['TMUX_TMPDIR']}/tmux-{os.getuid()}/default"

        assert (load().sockets, load().default_socket) == ((), default)
        assert load("--tmux-socket", "default").sockets == (default,)
        assert load(TMUX="/x/s,1,0").default_socket == "/x/s"

    def test_a_number_is_a_socket_name_too(self) -> None:
        write("tmux_socket: 5\n")

        assert load().sockets[0].endswith("/5")

    @pytest.mark.parametrize("text", ["~/r.yaml", '"~/r.yaml"'])
    def test_a_tilde_is_the_home(self, text: str) -> None:
        write(f"registry: {text}\n")

        assert load().registry == Path.home() / "r.yaml"

    @pytest.mark.parametrize("name", ["interval", "grace"])
    @pytest.mark.parametrize(
        "value",
        [
            "0",
            "-1",
            "soon",
            "nan",
            "inf",
            "-inf",
            "1e9",
            "10 s",
            "0x10",
            " ",
            "5 m",
            "1w",
            "m",
            "1m30s",
            "0s",
            "200d",
            "1e3",
            "\u0661",
        ],
    )
    def test_seconds_must_be_a_number_above_zero(self, name: str, value: str) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv(KEYS[name], value)
            in_environment = refusal()

        for said in (refusal(f"--{name}={value}"), in_environment):
            assert (
                said == f"{name} is {value!r}; it must be a duration above 0: 30 or 30s, 5m, 2h, 1d"
            )

    @pytest.mark.parametrize("name", ["interval", "grace"])
    @pytest.mark.parametrize(
        ("value", "seconds"),
        [
            ("30", 30),
            ("30s", 30),
            ("0.5", 0.5),
            ("5m", 300),
            ("2h", 7200),
            ("1d", 86400),
            ("1.5H", 5400),
            (" 9 ", 9),
        ],
    )
    def test_a_duration_has_one_form_in_flag_variable_and_file(
        self, name: str, value: str, seconds: float
    ) -> None:
        read = BY_NAME[name].read
        means = timedelta(seconds=seconds) if name == "grace" else seconds
        write(f"{name}: {value}\n")

        assert read(load()) == means
        write("")
        assert read(load(f"--{name}={value}")) == means
        assert read(load(**{KEYS[name]: value})) == means

    @pytest.mark.parametrize("name", ["interval", "grace"])
    @pytest.mark.parametrize("value", ["0", ".inf", ".nan", "true", "soon", "2020-01-01"])
    def test_seconds_in_the_file_must_be_too(self, name: str, value: str) -> None:
        write(f"{name}: {value}\n")

        assert "must be a duration above 0" in refusal()

    @each_key
    @pytest.mark.parametrize("value", ["{a: b}", "[[a]]", "[{a: b}]", "!!set {a}"])
    def test_a_value_of_the_wrong_shape_is_refused(self, name: str, value: str) -> None:
        write(f"{name}: {value}\n")

        assert refusal().startswith(f"{name} in the config file is ")

    @pytest.mark.parametrize("name", ["registry", "interval", "grace"])
    def test_a_list_for_a_single_value_is_refused(self, name: str) -> None:
        write(f"{name}: [1, 2]\n")

        assert "it must be a single value" in refusal()


class TestFile:
    @pytest.mark.parametrize(
        "text", ["", "\n", "# only a comment\n", "---\n", "\ufeffinterval: \n"]
    )
    def test_an_empty_file_says_nothing(self, text: str) -> None:
        write(text)

        assert load().interval is None

    def test_another_file_may_be_named(self, tmp_path: Path) -> None:
        path = tmp_path / "other.yaml"
        path.write_text("interval: 9\n")
        write("interval: 8\n")

        assert load("--config", str(path)).interval == 9

    def test_a_named_file_may_be_below_the_home(self) -> None:
        write("interval: 9\n", Path("other.yaml"))

        assert load("--config", "~/other.yaml").interval == 9

    @pytest.mark.parametrize("path", ["/no/such/file.yaml", "/dev/null/config.yaml"])
    def test_a_named_file_that_is_not_there_is_for_the_user_to_mend(self, path: str) -> None:
        assert (
            refusal("--config", path)
            == f"config {path} is not there. Name another one with --config"
        )

    @pytest.mark.parametrize("place", ["/no/such/folder", "/dev/null"])
    def test_without_a_file_in_its_usual_place_the_defaults_hold(self, place: str) -> None:
        assert load(XDG_CONFIG_HOME=place).interval is None

    def test_a_folder_in_its_place_could_not_be_read(self) -> None:
        path = Path.home() / CONFIG
        path.mkdir(parents=True)

        assert f"config {path} cannot be read" in refusal(kind=CouldNot)

    def test_a_file_in_another_encoding_is_for_the_user_to_mend(self) -> None:
        path = write("")
        path.write_bytes("pattern: gr\xfc\xdfe\n".encode("latin-1"))

        assert f"config {path} is no UTF-8 text" in refusal()

    @pytest.mark.parametrize(
        ("text", "where", "why"),
        [
            pytest.param("a\tb: [", "line 1, column 2", "'\\t'", id="a tab"),
            pytest.param("interval: 1\ngrace: [", "line 2, column 9", "expected", id="cut short"),
            pytest.param("grace: 1\ngrace: 2", "line 2, column 1", "duplicate key", id="twice"),
            pytest.param("grace: *a", "line 1, column 8", "undefined alias", id="no such anchor"),
            pytest.param("grace: !x 1", "line 1, column 8", "tag '!x'", id="a strange tag"),
            pytest.param("interval: 1\ngrace: \x07", "line 2, column 8", "forbids", id="a bell"),
            pytest.param("---\na: 1\n---\nb: 2", "line 3, column 1", "another", id="two documents"),
        ],
    )
    def test_what_is_no_yaml_is_refused_with_line_and_column(
        self, text: str, where: str, why: str
    ) -> None:
        path = write(text)

        said = refusal()

        assert said.startswith(f"config config.yaml, {where}: ")
        assert why in said
        assert said.endswith(f"Mend it, in {path}")

    @pytest.mark.parametrize(
        "text",
        [
            pytest.param("grace: 2020-99-99", id="no such date"),
            pytest.param("grace: !!int foo", id="no number"),
            pytest.param('pattern: "\\UFFFFFFFF"', id="no such character"),
            pytest.param("grace: !!bool foo", id="neither yes nor no"),
            pytest.param(f"grace: {'9' * 5000}", id="a number longer than Python reads"),
            pytest.param("[" * 1000, id="nested too deeply"),
        ],
    )
    def test_what_the_yaml_library_trips_over_is_refused_all_the_same(self, text: str) -> None:
        path = write(text)

        assert refusal().endswith(f"Mend it, in {path}")

    @pytest.mark.parametrize("text", ["- a\n", "3\n", "word\n"])
    def test_it_must_be_a_mapping(self, text: str) -> None:
        write(text)

        assert "it must be a mapping with the keys registry, tmux_socket" in refusal()

    @pytest.mark.parametrize(
        ("text", "key"),
        [("intervall: 3", "intervall"), ("1: 2", "1"), ("tmux-socket: x", "tmux-socket")],
    )
    def test_an_unknown_key_is_named_with_those_there_are(self, text: str, key: str) -> None:
        write(text)

        said = refusal()

        assert f"unknown key {key!r}" in said
        assert said.endswith(f"It may have: {', '.join(KEYS)}")


def test_loading_writes_nothing(tmp_path: Path) -> None:
    def everything() -> Mapping[Path, float]:
        return {path: path.stat().st_mtime for path in Path.home().rglob("*")}

    before = everything()
    load("--registry", str(tmp_path / "absent.yaml"))

    assert everything() == before


class TestTheToken:
    """For a board over HTTP. No flag has it: whoever lists the processes could read it."""

    def test_it_comes_from_the_environment_before_the_file(self, tmp_path: Path) -> None:
        file = tmp_path / "token"
        file.write_text("of the file\n")
        from_file = load("--board-token-file", str(file))
        variable = {config.TOKEN_VARIABLE: "of the variable"}
        both = load("--board-token-file", str(file), **variable)

        told = [config.address(each, "t_1").token for each in (from_file, both)]
        assert told == ["of the file", "of the variable"]
        assert config.address(load(), "t_1").token is None

    @pytest.mark.parametrize("content", [None, b"\xff\xfe"], ids=["missing", "no text"])
    def test_a_file_that_cannot_be_read_is_named(
        self, tmp_path: Path, content: bytes | None
    ) -> None:
        file = tmp_path / "token"
        if content is not None:
            file.write_bytes(content)

        with pytest.raises(MustMend, match=str(file)):
            config.address(load("--board-token-file", str(file)), "t_1")

    def test_nothing_shows_it(self, tmp_path: Path) -> None:
        file = tmp_path / "token"
        file.write_text("hush")

        assert "hush" not in repr(config.address(load("--board-token-file", str(file)), "t_1"))
