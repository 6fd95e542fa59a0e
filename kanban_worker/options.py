"""Options that several commands share."""

from __future__ import annotations

import argparse


def everywhere(parser: argparse.ArgumentParser, *, default: object) -> None:
    """The options that every command takes, before it or behind it."""
    group = parser.add_argument_group("global options")
    group.add_argument("--registry", metavar="FILE", default=default, help="the registry to use")
    group.add_argument(
        "--tmux-socket",
        metavar="NAME|PATH",
        action="append",
        default=default,
        help="a tmux server to look at, as for tmux -L or -S; may be repeated",
    )
    group.add_argument(
        "--host", metavar="NAME", default=default, help="what this host is called in entries"
    )
    group.add_argument("--config", metavar="FILE", default=default, help="the config file to use")
    group.add_argument(
        "-q",
        "--quiet",
        action="store_true",
        default=False if default is None else default,
        help="say nothing where all is well: only findings and errors",
    )
    group.add_argument(
        "-v",
        "--verbose",
        action="store_true",
        default=False if default is None else default,
        help="say what each finding rests on",
    )


def board(parser: argparse.ArgumentParser) -> None:
    """How to reach the board."""
    group = parser.add_argument_group("the board")
    group.add_argument(
        "--via",
        metavar="WAY",
        help="how to reach it: hermes (in this process; the default where it can be imported), "
        "hermes-cli, http, or memory (none at all: only prints)",
    )
    group.add_argument("--board", metavar="SLUG", help="which one (default: Hermes' own choice)")
    group.add_argument("--board-url", metavar="URL", help="of `hermes serve`, with --via http")
    group.add_argument(
        "--board-token-file",
        metavar="FILE",
        help="holds its token, where $AGENT_SESSIONS_BOARD_TOKEN does not",
    )


def hermes_home(parser: argparse.ArgumentParser) -> None:
    """Which Hermes home, and which profile in it."""
    parser.add_argument(
        "--hermes-home", metavar="DIR", help="default: $HERMES_HOME, else ~/.hermes"
    )
    parser.add_argument("--profile", metavar="NAME", help="default: the profile in use")


def judging(parser: argparse.ArgumentParser, *, pattern: str = "") -> None:
    """What may be chosen about judging; `pattern` is what the command does with that besides."""
    parser.add_argument(
        "--pattern",
        metavar="GLOB",
        action="append",
        help="names of sessions to register; may be repeated (default *-creator-*, whatever runs "
        f"in them; by any other pattern only what runs an agent){pattern}",
    )
    parser.add_argument(
        "--grace",
        metavar="TIME",
        help="how long a terminated session may live on unremarked, such as 90s or 5m (default 2m)",
    )
