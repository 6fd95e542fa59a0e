"""Settings: flags win over the environment, the environment over the config file."""

from __future__ import annotations

import argparse
import os
import re
import shlex
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from kanban_worker import durations, tmux
from kanban_worker.boards.shape import Address
from reconcile import names
from reconcile.policy import Policy
from state import paths
from state.errors import CouldNot, MustMend
from state.homes import LONGEST_HOST
from state.paths import Places

KEYS = {
    "registry": "AGENT_SESSIONS_REGISTRY",
    "tmux_socket": "AGENT_SESSIONS_TMUX_SOCKET",
    "interval": "AGENT_SESSIONS_INTERVAL",
    "pattern": "AGENT_SESSIONS_PATTERN",
    "grace": "AGENT_SESSIONS_GRACE",
    "host": "AGENT_SESSIONS_HOST",
    "via": "AGENT_SESSIONS_VIA",
    "board": "AGENT_SESSIONS_BOARD",
    "board_url": "AGENT_SESSIONS_BOARD_URL",
    "board_token_file": "AGENT_SESSIONS_BOARD_TOKEN_FILE",
}
"""Every key of the config file, with the environment variable of the same meaning."""

TOKEN_VARIABLE = "AGENT_SESSIONS_BOARD_TOKEN"  # noqa: S105 - its name, not a token
"""The one setting that no flag and no config file may hold: others can read those."""

_LONGEST_TOKEN = 4096
_NO_FLAGS = argparse.Namespace()
_PLAIN = re.compile(r"[\w ./+,:=~-]{1,300}")
"""A path that is the same in a comment, where secrets are redacted and Markdown has its marks."""
_LISTS = frozenset({"tmux_socket", "pattern"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that a command needs to know before it looks."""

    registry: Path
    sockets: tuple[str, ...]
    """Paths of the tmux sockets that somebody named: there is no other. Empty: nobody did."""
    default_socket: str
    """The path of the one that tmux itself takes where none is named."""
    interval: float | None
    """Seconds between ticks, where someone chose it."""
    policy: Policy
    host: str | None
    """What this host is called, where someone chose it; see `observe.place`."""
    places: Places
    config: Path
    """The config file, which need not be there."""
    environ: Mapping[str, str]
    verbose: bool
    via: str | None
    """The way to the board, where someone chose it: a name in `boards.BOARDS`."""
    board: str | None
    """The board's slug; None: Hermes' own choice."""
    board_url: str | None
    board_token_file: Path | None
    """For a board over HTTP, where no variable has the token."""
    told: str
    """What a command in a comment needs, whose reader has neither our flags nor our variables."""


def from_environment(environ: Mapping[str, str], home: Path) -> Settings:
    """The settings of whoever gives no flags. Raises as `load`."""
    return load(argparse.Namespace(config=None, verbose=False), environ, home)


def load(arguments: argparse.Namespace, environ: Mapping[str, str], home: Path) -> Settings:
    """The settings for one run. Raises MustMend when one of them makes no sense."""
    places = paths.places(environ, home)
    chosen = _Chosen(arguments, environ, _read(arguments.config, places))
    policy = Policy(patterns=tuple(chosen.many("pattern")) or names.DEFAULT_PATTERNS)
    if (grace := chosen.seconds("grace")) is not None:
        policy = replace(policy, grace=timedelta(seconds=grace))
    token_file = chosen.one("board_token_file")
    usual = None if arguments.config else _Chosen(_NO_FLAGS, {}, chosen.config).one("registry")
    explicit = _Chosen(arguments, environ, {}).one("registry")
    registry = paths.registry(places, environ, explicit=explicit, configured=chosen.one("registry"))
    return Settings(
        registry=registry,
        sockets=tuple(
            dict.fromkeys(tmux.socket_path(each, environ) for each in chosen.many("tmux_socket"))
        ),
        default_socket=tmux.socket_path(None, environ),
        interval=chosen.seconds("interval"),
        policy=policy,
        host=_host(chosen.one("host")),
        places=places,
        config=_path(arguments.config, places),
        environ=environ,
        verbose=arguments.verbose,
        via=chosen.one("via"),
        board=chosen.one("board"),
        board_url=chosen.one("board_url"),
        board_token_file=paths.at_home(token_file, home) if token_file else None,
        told=_told(registry, paths.registry(places, {}, explicit=None, configured=usual)),
    )


def _told(registry: Path, usual: Path) -> str:
    """The option that names a registry, unless it is the one that is found without.

    Empty also for a path that a comment could not show as it is.
    """
    real = os.path.realpath(registry)
    if real == os.path.realpath(usual) or not _PLAIN.fullmatch(real):
        return ""
    return f"--registry={shlex.quote(real)}"


def address(settings: Settings, card: str | None) -> Address:
    """Where a card is; None is the card of the worker around us. Raises MustMend."""
    return Address(
        card=card,
        board=settings.board,
        url=settings.board_url,
        token=settings.environ.get(TOKEN_VARIABLE) or _token(settings.board_token_file),
        environ=settings.environ,
    )


def _host(name: str | None) -> str | None:
    """What entries may have as theirs. Raises MustMend for what their reader would not take."""
    if name is None or (0 < len(name) <= LONGEST_HOST and name.isprintable()):
        return name
    message = (
        f"host is {name[:80]!r}; it must be a name of at most {LONGEST_HOST} printable characters"
    )
    raise MustMend(message)


def _token(path: Path | None) -> str | None:
    if path is None:
        return None
    try:
        with path.open(encoding="ascii") as file:
            return file.read(_LONGEST_TOKEN).strip()
    except (OSError, UnicodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no plain text"
        message = f"board_token_file {path} cannot be read: {why}. Mend it, or set {TOKEN_VARIABLE}"
        raise MustMend(message) from None


@dataclass(frozen=True, slots=True)
class _Chosen:
    arguments: argparse.Namespace
    environ: Mapping[str, str]
    config: Mapping[str, object]

    def many(self, key: str) -> list[str]:
        """A list: a repeated flag, a comma-separated variable, a list or text in the file."""
        flag = getattr(self.arguments, key, None)
        if flag == "" or (isinstance(flag, list) and "" in flag):
            message = f"--{key.replace('_', '-')} is empty; leave it out, or give it a value"
            raise MustMend(message)
        if flag:
            return [flag] if isinstance(flag, str) else list(flag)
        if variable := self.environ.get(KEYS[key]):
            words = map(str.strip, variable.split(",")) if key in _LISTS else [variable]
            return [word for word in words if word]
        written = self.config.get(key)
        values = written if isinstance(written, list) and key in _LISTS else [written]
        if any(isinstance(each, Collection) and not isinstance(each, str) for each in values):
            shape = "a single value or a list of them" if key in _LISTS else "a single value"
            message = f"{key} in the config file is {str(written)[:40]!r}; it must be {shape}"
            raise MustMend(message)
        return [str(each) for each in values if each not in {None, ""}]

    def one(self, key: str) -> str | None:
        """A single value, or None when nobody chose one."""
        return next(iter(self.many(key)), None)

    def seconds(self, key: str) -> float | None:
        """The seconds of a duration, or None when nobody chose one."""
        text = self.one(key)
        return None if text is None else seconds(key, text)


def seconds(key: str, text: str) -> float:
    """The seconds of a duration above zero. Raises MustMend."""
    value = durations.seconds(text)
    if value is None or not 0 < value < 1e7:  # noqa: PLR2004 - about four months
        message = f"{key} is {text[:40]!r}; it must be a duration above 0: {durations.FORMS}"
        raise MustMend(message)
    return value


def _path(asked: str | None, places: Places) -> Path:
    return paths.at_home(asked, places.home) if asked else places.config


def _read(asked: str | None, places: Places) -> Mapping[str, object]:
    path = _path(asked, places)
    try:
        text = path.read_text("utf-8")
    except (FileNotFoundError, NotADirectoryError) as error:
        if not asked:
            return {}
        message = f"config {path} is not there. Name another one with --config"
        raise MustMend(message) from error
    except OSError as error:
        message = f"config {path} cannot be read: {error.strerror}"
        raise CouldNot(message) from error
    except UnicodeError as error:
        message = f"config {path} is no UTF-8 text: {error}. Mend it"
        raise MustMend(message) from error
    return _parse(path, text)


def _parse(path: Path, text: str) -> Mapping[str, object]:
    from ruamel.yaml import YAML  # noqa: PLC0415 - 10 ms that a run without a config saves
    from ruamel.yaml.error import MarkedYAMLError, YAMLError  # noqa: PLC0415
    from ruamel.yaml.reader import ReaderError  # noqa: PLC0415

    try:
        found = YAML(typ="safe", pure=True).load(text)
    except ReaderError as error:
        above = text[: error.position].splitlines() or [""]
        where = f", line {len(above)}, column {len(above[-1]) + 1}"
        message = f"config {path.name}{where}: a character that YAML forbids. Mend it, in {path}"
        raise MustMend(message) from error
    except MarkedYAMLError as error:
        mark = error.problem_mark
        where = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        message = f"config {path.name}{where}: {error.problem}. Mend it, in {path}"
        raise MustMend(message) from error
    except (YAMLError, ValueError, LookupError, OverflowError, RecursionError) as error:
        # ruamel.yaml lets through what int(), chr(), a date or a too deep nesting raises.
        message = f"config {path.name}: {error}. Mend it, in {path}"
        raise MustMend(message) from error
    if found is None:
        return {}
    if not isinstance(found, dict):
        message = f"config {path}: it must be a mapping with the keys {', '.join(KEYS)}"
        raise MustMend(message)
    unknown = sorted(str(key)[:40] for key in found if key not in KEYS)
    if unknown:
        message = f"config {path}: unknown key {unknown[0]!r}. It may have: {', '.join(KEYS)}"
        raise MustMend(message)
    return found
