"""`agent-sessions dispatch`: a card on Hermes' board whose worker watches the registry."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shlex
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from kanban_worker import config, programs
from kanban_worker.cli import Exit, complain, confirm, plain
from kanban_worker.hermes import cards, enabling, homes, skill
from kanban_worker.hermes.homes import SECONDS, Hermes, complaint
from state import paths
from state.errors import CouldNot, MonitorError, MustMend

_LONGEST_BODY = 8000
"""Hermes shows a worker no more of it (8 KB); the judge reads 2000 characters."""

BODY = """\
Watch the AI coding agents that run in tmux against the registry {registry}, until a person asks \
to stop.

Done only when a person asked to stop, in a comment on this card. Until then the work goes on, \
however quiet it is and however much was found: the verdict is "continue", never "done".

The worker: call the tool `agent_sessions_watch` once, as the first and only action. It comments \
here when something drifts, sends heartbeats, and blocks this card by itself when it ends. Then \
answer with one sentence, and call nothing else. Without that tool, do as the skill \
`{skill}` says.

A person: comment "stop" to stop it; the card is blocked within seconds. Unblock it to go on \
(`hermes kanban unblock`). It only observes: it starts, kills and types nothing.
"""
"""The judge must find its rule, and the worker its tool, in the first 2000 characters."""


def options(parser: argparse.ArgumentParser) -> None:
    """Its own options."""
    parser.add_argument(
        "--title", metavar="T", default="Watch the agent sessions", help="the card's title"
    )
    parser.add_argument(
        "--assignee",
        metavar="PROFILE",
        help="the Hermes profile that works on it (default: the one in use)",
    )
    parser.add_argument("--board", metavar="SLUG", help="which one (default: Hermes' own choice)")
    parser.add_argument("--body", metavar="FILE", help="the card's text, instead of the usual one")
    parser.add_argument(
        "--print", action="store_true", help="only print the `hermes kanban create` line"
    )


def run(arguments: argparse.Namespace) -> int:
    """Creates the card, with precisely the line that `--print` shows."""
    for name in ("title", "assignee", "board"):
        if (given := getattr(arguments, name)) is not None and not given.strip():
            raise MustMend(f"--{name} is empty. Give it a value, or leave it out")
    settings = config.load(arguments, os.environ, Path.home())
    hermes = homes.find(os.environ)
    registry = settings.registry.absolute()  # by the name that people use, also through a link
    line = command(
        title=arguments.title,
        body=_body(arguments.body, registry),
        assignee=arguments.assignee or hermes.profile,
        board=settings.board,
        folder=registry.parent,
    )
    assigned = replace(hermes, profile=arguments.assignee or hermes.profile)
    # Looked at before the card is there, and said when it is: an error says one line alone.
    warnings = [
        *_of_registry(arguments, registry),
        *_of_profile(assigned),
        *_of_cards(hermes, settings.board, registry),
    ]
    if arguments.print:
        print(shlex.join(line))
    else:
        _create(line, hermes, registry, settings.board, assigned.profile)
    for warning in warnings:
        complain(warning)
    return Exit.OK


def _create(
    line: Sequence[str], hermes: Hermes, registry: Path, slug: str | None, assignee: str
) -> None:
    if not registry.is_file():
        raise MustMend(
            f"registry {registry} is not there. Write a first one with: agent-sessions init"
        )
    card = _created(line, hermes.program)
    print(f"{card}: created, for {assignee}", flush=True)
    board = f"--board {slug} " if slug else ""
    confirm(f"A running gateway starts its worker. Without one: hermes kanban {board}dispatch")
    confirm(f'To stop it: hermes kanban {board}comment {card} "stop"')


def _of_registry(arguments: argparse.Namespace, registry: Path) -> Iterator[str]:
    """What a worker will not know, for it is started by Hermes and not by this process."""
    if registry.name != paths.REGISTRY:
        yield (
            f"a worker looks for {paths.REGISTRY} in {registry.parent}; for {registry.name} set "
            "AGENT_SESSIONS_REGISTRY where Hermes starts its workers"
        )
    if arguments.tmux_socket or arguments.config:
        yield (
            "--tmux-socket and --config are not passed on: a worker takes them from "
            "AGENT_SESSIONS_TMUX_SOCKET and the config file of where Hermes runs"
        )


def _of_profile(hermes: Hermes) -> Iterator[str]:
    """What keeps the assignee from being a worker that watches, where Hermes has a home.

    The card is made all the same: it may be for `agent-sessions work`, or for what comes later.
    """
    name = hermes.profile
    if hermes.root.is_dir() and not (homes.is_name(name) and hermes.home.is_dir()):
        yield (
            f"there is no Hermes profile {name[:40]!r}, so Hermes starts no worker for this card. "
            "Make one (hermes profile create NAME --clone), or be the worker: "
            "agent-sessions work CARD"
        )
    elif hermes.root.is_dir():
        with contextlib.suppress(MonitorError):  # a config that cannot be read tells neither
            if not enabling.model(hermes.config):
                yield (
                    f"profile {name!r} has no model, so its worker cannot start. Choose one: "
                    f"hermes -p {name} model"
                )
            if not enabling.is_enabled(hermes.config):
                yield _without_plugin(hermes)


def _without_plugin(hermes: Hermes) -> str:
    install = " ".join([programs.short_command(), *hermes.words("install")])
    external = enabling.external_skills(hermes.config, hermes.home)
    if skill.found(hermes.home, external):
        return (
            f"profile {hermes.profile!r} has no plugin: its worker watches in its terminal, as the "
            f"skill says. For the plugin: {install} --into-hermes"
        )
    return (
        f"profile {hermes.profile!r} has neither the plugin nor the skill, so its worker does not "
        f"know how to watch. Put them there: {install}"
    )


def _of_cards(hermes: Hermes, board: str | None, registry: Path) -> Iterator[str]:
    path = cards.database(hermes, board)
    if path.exists():
        with contextlib.suppress(sqlite3.Error), cards.opened(path) as connection:
            for card in cards.watching(connection, registry)[:1]:
                if card.status in {"running", "ready"}:
                    yield (
                        f"card {card.id} ({card.status}) watches {registry} already, and only one "
                        f"monitor at a time can. Look at it: hermes kanban show {card.id}"
                    )


def command(
    *, title: str, body: str, assignee: str, board: str | None, folder: Path
) -> Sequence[str]:
    """The words of `hermes kanban create`. Without an assignee nobody would ever start it."""
    return [
        "hermes",
        "kanban",
        *(["--board", board] if board else []),
        "create",
        title,
        *("--body", body),
        *("--assignee", assignee),
        "--goal",
        *("--goal-max-turns", "100"),
        *("--max-runtime", "8h"),
        # A reboot or a restart of the gateway ends a run: that is no failure of the card.
        *("--max-retries", "3"),
        *("--skill", skill.NAME),
        *("--workspace", f"dir:{folder}"),
        "--json",
    ]


def _body(path: str | None, registry: Path) -> str:
    if path is None:
        return BODY.format(registry=plain(str(registry)), skill=skill.NAME)
    try:
        with Path(path).open(encoding="utf-8") as file:
            text = file.read(_LONGEST_BODY + 1)
    except OSError as error:
        raise MustMend(f"body {path} cannot be read: {error.strerror}") from None
    except UnicodeError:
        raise MustMend(f"body {path} is no UTF-8 text. Mend it") from None
    if not text.strip() or len(text) > _LONGEST_BODY:
        raise MustMend(f"body {path} must have text, at most {_LONGEST_BODY} characters")
    return text


def _created(line: Sequence[str], program: str | None) -> str:
    """The new card's id. Hermes ends with status 0 also when it failed: its output decides."""
    if program is None:
        raise MustMend(f"{homes.NONE}. {homes.GET}")
    try:
        done = programs.ask("hermes kanban create", [program, *line[1:]], seconds=SECONDS)
    except CouldNot as error:
        raise CouldNot(
            f"{error}. There may be a card all the same: see hermes kanban list"
        ) from None
    try:
        return str(json.loads(done.stdout)["id"])
    except (ValueError, TypeError, KeyError):
        said = complaint(done.stderr or done.stdout)
        raise CouldNot(f"hermes kanban create made no card: {said}") from None
