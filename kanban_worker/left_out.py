"""Says which agents were left out, and how to watch them too: advice, for nothing is wrong."""

from __future__ import annotations

import shlex
from argparse import Namespace
from collections.abc import Sequence

from kanban_worker.config import KEYS, Settings
from reconcile.drift import LeftOut

NAMED = 5
"""How many are named, with how many more there are."""
_LONGEST = 40
_EVERY = "'*'"


def advice(found: Sequence[LeftOut], settings: Settings) -> str:
    """One line for whoever looks at a registry; empty where nobody was left out."""
    variable = KEYS["pattern"]
    if settings.environ.get(variable):
        lasting = f"{variable}={_EVERY}"
    else:
        lasting = f"pattern: {_EVERY} in {settings.config}"
    return _sentence(found, f"--pattern {_EVERY}, or {lasting}")


def advice_for_init(found: Sequence[LeftOut], arguments: Namespace) -> str:
    """The same for whoever has just written a registry without them.

    Their registry and config are put into the command where it is printed: see `given`.
    """
    sockets = [each for one in arguments.tmux_socket or () for each in ("--tmux-socket", one)]
    command = ["agent-sessions init", *map(shlex.quote, sockets)]
    return _sentence(found, " ".join([*command, "--pattern", _EVERY, "--force"]))


def _sentence(found: Sequence[LeftOut], todo: str) -> str:
    if not found:
        return ""
    shown = [f"{_short(each.session)} ({each.agent})" for each in found[:NAMED]]
    more = f" and {len(found) - NAMED} more" if len(found) > NAMED else ""
    one = len(found) == 1
    what = "1 session with an agent has" if one else f"{len(found)} sessions with agents have"
    match, them = ("matches", "it") if one else ("match", "them")
    return (
        f"{what} no entry and {match} no pattern: {', '.join(shown)}{more}. "
        f"To watch {them} too: {todo}"
    )


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"
