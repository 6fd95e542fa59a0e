"""The two tools that a model may call, and what they do.

A model says a number and a yes or no, never a path or a text. What it gets back is JSON; an error
is one line as well.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kanban_worker.hermes import schemas
from state.errors import MonitorError, MustMend

if TYPE_CHECKING:
    from kanban_worker.boards.shape import Board

CARD = "HERMES_KANBAN_TASK"
"""Set by Hermes' dispatcher: the card whose worker this process is."""

Dispatch = Callable[[str, dict[str, Any]], str]
"""Hermes' `ctx.dispatch_tool`."""

_LONGEST_INTERVAL = 86400.0

_log = logging.getLogger(__name__)

_ends: dict[tuple[str, str], Mapping[str, object]] = {}
"""What the watch of this process's card and run came to, once it did."""


@dataclass(frozen=True, slots=True)
class Tool:
    """One tool."""

    schema: dict[str, Any]
    """As a model reads it: name, description, parameters."""
    do: Callable[[Mapping[str, object], Dispatch], Mapping[str, object]]
    """Raises MonitorError."""
    offered: Callable[[], bool] | None = None
    """Whether it is of use in this process; None: always."""


def answer(tool: Tool, arguments: Mapping[str, object], dispatch: Dispatch) -> str:
    """What the tool comes to, as JSON. Never raises: a fault of ours is no crash of Hermes."""
    try:
        return json.dumps(tool.do(arguments, dispatch))
    except MonitorError as error:
        return json.dumps({"error": str(error)})
    except ModuleNotFoundError as error:  # of a repository that was cloned, not installed
        why = (
            f"{error.name} is missing in Hermes' environment. Run: {sys.executable} -m pip install"
        )
        return json.dumps({"error": f"{why} {Path(__file__).parents[2]}"})
    except Exception as error:  # noqa: BLE001 - a traceback is of no use to a model
        _log.warning("agent-sessions-monitor", exc_info=True)
        return json.dumps({"error": f"a fault in agent-sessions-monitor: {error!r}"})


def _watch(arguments: Mapping[str, object], dispatch: Dispatch) -> Mapping[str, object]:
    """The whole loop, in the worker's main thread, without asking a model."""
    from kanban_worker import config  # noqa: PLC0415 - loading the plugin is to be cheap
    from kanban_worker.boards.hermes import Hermes  # noqa: PLC0415 - as above
    from kanban_worker.boards.shape import Address  # noqa: PLC0415 - as above
    from kanban_worker.watch import End, Ending, Watch  # noqa: PLC0415 - as above

    run = os.environ.get(CARD, ""), os.environ.get("HERMES_KANBAN_RUN_ID", "")
    if run in _ends:  # some models make sure
        return _ends[run]
    board = Hermes(Address(card=None, environ=os.environ), tools=dispatch)
    # Else Hermes would ask the model twice more whether it has really done everything.
    os.environ["HERMES_KANBAN_STOP_NUDGE"] = "0"
    try:
        settings = config.from_environment(os.environ, Path.home())
        interval, odd = _interval(arguments.get("interval"))
        if interval is not None:
            settings = replace(settings, interval=interval)
        watch = Watch(
            settings,
            board,
            dispatched=os.environ.get("HERMES_KANBAN_RUN_ID", ""),
            tell=_log.info,
            complain=_log.warning,
        )
        end: End = watch.run()
    except MonitorError as error:
        return _not_begun(board, error)
    # All is saved and said. A goal loop looks at the card's status only, not at whose run it is: a
    # worker that was replaced would go on to ask its model as often as the card allows.
    ending = signal.SIGTERM if end.how is Ending.LOST else end.signal
    if ending is not None:
        signal.raise_signal(ending)  # Hermes' own handler, back in its place, ends the process
    more = {"note": odd} if odd else {}
    _ends[run] = _told(
        str(end.how), end.why, blocked=end.blocked, ticks=end.ticks, comments=end.said, **more
    )
    return _ends[run]


def _not_begun(board: Board, error: MonitorError) -> Mapping[str, object]:
    """Leaves the card to a person: a model that overlooks the error would be asked 100 times.

    The watch may have done so. It has not where the run's own earlier watch is still at work.
    """
    from state.locking import Busy  # noqa: PLC0415 - loading the plugin is to be cheap

    why = f"the watch did not begin: {error}"
    look = board.look(None) if board.run.card else None
    if getattr(look, "lost", "") != "it is blocked":
        if isinstance(error, Busy):
            raise error
        try:
            board.claim()
            board.block(why)
        except MonitorError:
            raise error from None
    return _told("failed", why, blocked=True)


def _told(ended: str, why: str, **more: object) -> Mapping[str, object]:
    return {"ended": ended, "why": why, "card": os.environ.get(CARD, ""), **more}


def _interval(asked: object) -> tuple[float | None, str]:
    """The seconds, None for the default, and what to say of one that makes no sense.

    It is a model's slip at worst, and no reason to leave a fleet unwatched.
    """
    if asked is None:
        return None, ""
    number = isinstance(asked, int | float) and not isinstance(asked, bool)
    if number and 1 <= float(str(asked)) <= _LONGEST_INTERVAL:
        return float(str(asked)), ""
    odd = f"interval was {str(asked)[:40]!r}, which is no number of seconds from 1 to a day"
    _log.warning("%s: the default is taken", odd)
    return None, f"{odd}: the default was taken"


def _reconcile(arguments: Mapping[str, object], _: Dispatch) -> Mapping[str, object]:
    from kanban_worker import config  # noqa: PLC0415 - loading the plugin is to be cheap
    from kanban_worker.tick import Monitor  # noqa: PLC0415 - as above
    from reconcile import report  # noqa: PLC0415 - as above

    dry_run = arguments.get("dry_run", True)
    if not isinstance(dry_run, bool):
        raise MustMend(f"dry_run is {str(dry_run)[:40]!r}; it must be true or false")
    monitor = Monitor(config.from_environment(os.environ, Path.home()))
    with nullcontext() if dry_run else monitor.alone("agent_sessions_reconcile", 0):
        tick = monitor.tick(dry_run=dry_run)
    troubles = [str(each) for each in tick.troubles]
    return {**report.as_json(tick.report), **({"troubles": troubles} if troubles else {})}


TOOLS = (
    Tool(schemas.WATCH, _watch, offered=lambda: bool(os.environ.get(CARD))),
    Tool(schemas.RECONCILE, _reconcile),
)
