"""The plugin for Hermes Agent: two tools, a slash command, a command line and the skill.

Loading it is cheap and cannot fail: what it needs is imported when it is called, and a part that
this Hermes does not take is left out with a warning. Where another program's module is loaded
under a name that is ours, every part says so instead. Facts are those of hermes-agent 0.19.0.
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import importlib
import json
import logging
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import kanban_worker
from kanban_worker.hermes import schemas

TOOLSET = "kanban"
"""A dispatched worker always has it. One of our own would reach a worker only where the plugin is
enabled in the dispatcher's home as well as in the worker's profile."""

SLASH_SECONDS = 25.0
"""Hermes gives a slash command 30."""

_log = logging.getLogger(__name__)


class Context(Protocol):
    """What Hermes hands to `register`, as far as it is used here."""

    def register_tool(  # noqa: D102 - Hermes' own
        self,
        *,
        name: str,
        toolset: str,
        schema: dict[str, Any],
        handler: Callable[..., str],
        check_fn: Callable[[], bool] | None = None,
        description: str = "",
    ) -> None: ...

    def register_command(  # noqa: D102 - Hermes' own
        self, name: str, handler: Callable[[str], Any], description: str = "", args_hint: str = ""
    ) -> None: ...

    def register_cli_command(  # noqa: D102 - Hermes' own
        self,
        name: str,
        help: str,  # noqa: A002 - Hermes' own
        setup_fn: Callable[[argparse.ArgumentParser], None],
        handler_fn: Callable[[argparse.Namespace], None] | None = None,
        description: str = "",
    ) -> None: ...

    def dispatch_tool(self, tool_name: str, args: dict[str, Any]) -> str: ...  # noqa: D102 - as above


SLASH = {
    "status": ("status",),
    "check": ("check",),
    "reconcile": ("reconcile", "--once", "--dry-run"),
}
"""What the slash command may run: none of them writes anything."""


def register(ctx: Context) -> None:
    """Called by Hermes at each start of a process that loads plugins. Never raises."""
    parts: tuple[Callable[[], None], ...] = (
        lambda: _tools(ctx),
        lambda: ctx.register_command(
            "agent-sessions",
            _slash,
            description="Agents in tmux and the registry: status, check, reconcile (read only)",
            args_hint="[status|check|reconcile]",
        ),
        lambda: ctx.register_cli_command(
            "agent-sessions",
            help="Watch AI coding agents in tmux against the registry of sessions",
            setup_fn=_hand_over,
        ),
        _skill,
    )
    if kanban_worker.clash:
        _complain()  # a warning alone would stand in a log that nobody reads
    for part in parts:
        try:
            part()
        except Exception as error:  # noqa: BLE001 - no fault of ours may keep Hermes from starting
            _log.warning("agent-sessions-monitor: a part of the plugin is missing: %s", error)


def _tools(ctx: Context) -> None:
    for schema, handler, offered in _barred_tools() if kanban_worker.clash else _real_tools(ctx):
        ctx.register_tool(
            name=schema["name"],
            toolset=TOOLSET,
            schema=schema,
            handler=handler,
            check_fn=offered,
            description=schema["description"],
        )


_ToolParts = tuple[dict[str, Any], Callable[..., str], Callable[[], bool] | None]


def _real_tools(ctx: Context) -> Iterator[_ToolParts]:
    from kanban_worker.hermes import tools  # noqa: PLC0415 - it needs `state`

    def call(tool: tools.Tool, arguments: Mapping[str, object], **_: object) -> str:
        """Hermes' keywords hold an id of its own for this conversation, and nothing of the card."""
        return tools.answer(tool, arguments, ctx.dispatch_tool)

    for tool in tools.TOOLS:
        yield tool.schema, functools.partial(call, tool), tool.offered


def _barred_tools() -> Iterator[_ToolParts]:
    """Without its tool a worker would look for another way. So its tool says why it cannot work."""

    def call(_arguments: Mapping[str, object], **_: object) -> str:
        return json.dumps({"error": kanban_worker.clash})

    yield schemas.WATCH, call, None
    yield schemas.RECONCILE, call, None


def _skill() -> None:
    if kanban_worker.clash:
        return
    from kanban_worker import programs  # noqa: PLC0415 - it needs `state`
    from kanban_worker.hermes import skill  # noqa: PLC0415 - as above

    home = _hermes_home()
    # Its own `hermes` needs no naming: it runs beside this Python.
    calls = skill.Calls(programs.own_command())
    if skill.put(home, _external(), calls, keep=True) is skill.Put.EDITED:
        _log.info("agent-sessions-monitor: the skill in %s was edited, and is left alone", home)


def _hermes_home() -> Path:
    # By name: Hermes is there when it loads this, and need not be where this is checked.
    return Path(importlib.import_module("hermes_constants").get_hermes_home())


def _external() -> Sequence[Path]:
    try:
        found = importlib.import_module("agent.skill_utils").get_external_skills_dirs()
        return [Path(each) for each in found]
    except Exception:  # noqa: BLE001 - internal to Hermes: another version may do without
        return ()


# The slash command and the command line. --------------------------------------------------------


async def _slash(words: str) -> str:
    """Runs our own program: `cli.main` takes over signals, which are Hermes' in this process."""
    word = words.strip().lower() or "status"
    if word not in SLASH:
        return f"/agent-sessions knows {', '.join(SLASH)}, not {word[:40]!r}. They only look."
    return await asyncio.to_thread(_output, SLASH[word])


def _output(words: Sequence[str]) -> str:
    if kanban_worker.clash:
        return kanban_worker.clash
    from kanban_worker import programs  # noqa: PLC0415 - it needs `state`
    from state.errors import CouldNot  # noqa: PLC0415 - as above

    try:
        done = programs.ask(
            f"agent-sessions {words[0]}", [*programs.OWN, *words], seconds=SLASH_SECONDS
        )
    except CouldNot as error:
        return str(error)
    return "\n".join(part for each in (done.stdout, done.stderr) if (part := each.rstrip()))


def _hand_over(parser: argparse.ArgumentParser) -> None:
    """Hands every word behind `hermes agent-sessions` to our own parser, `--help` as well.

    Hermes' parser keeps `command`, `verbose` and more in the namespace that all sub-commands share,
    parses twice when a sub-command's parser objects, and takes no exit status back.
    """

    def take(
        words: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        found = namespace or argparse.Namespace()
        found.agent_sessions_words = list(words or ())
        found.func = _command_line
        return found, []

    parser.parse_known_args = take  # type: ignore[method-assign, assignment]


def _command_line(arguments: argparse.Namespace) -> None:
    if kanban_worker.clash:
        sys.exit(_complain())
    from kanban_worker import cli  # noqa: PLC0415 - loading the plugin is to be cheap

    # Hermes' main() drops what a handler returns.
    sys.exit(cli.main(arguments.agent_sessions_words))


def _complain() -> int:
    print(f"agent-sessions: {kanban_worker.clash}", file=sys.stderr)
    return 64
