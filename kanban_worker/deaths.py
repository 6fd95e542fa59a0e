"""What a comment on deaths adds: between which looks, of what, and how to resume."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from kanban_worker import resuming
from kanban_worker.config import Settings
from kanban_worker.tick import Tick
from reconcile import location, names, telling, wording
from reconcile.drift import DriftClass
from reconcile.observed import SessionName
from reconcile.plan import Action, Decision


def details(tick: Tick, before: Tick | None, settings: Settings) -> Mapping[str, tuple[str, ...]]:
    """By the finding's id, for the deaths that were just written and that a comment lists.

    `before` is this process's look before this one.
    """
    found = [one for one in tick.report.decisions if _was_written(one)][: telling.LISTED]
    if not found:
        return {}
    asked = frozenset(names.key(one.drift.session) for one in found)
    commands = {
        names.key(each.session): resuming.shell(each)
        for each in resuming.plan(tick, settings, asked)
    }
    # The head of a wave's comment has the cause, for all of them.
    wave = [one for one in found if one.first_held]
    alone = [one for one in found if not one.first_held or len(wave) == 1]
    return {
        one.drift.id: tuple(_lines(one, tick, before, commands.get(_name(one)), ended=one in alone))
        for one in found
    }


def _was_written(decision: Decision) -> bool:
    return decision.drift.kind is DriftClass.TMUX_GONE and decision.action is Action.UPDATED


def _name(decision: Decision) -> SessionName:
    return names.key(decision.drift.session)


def _lines(
    decision: Decision, tick: Tick, before: Tick | None, command: str | None, *, ended: bool
) -> Iterator[str]:
    if ended:
        yield _ended(decision, tick, before)
    if command:
        yield f"Resume: {wording.code(command)}"


def _ended(decision: Decision, tick: Tick, before: Tick | None) -> str:
    cause = decision.drift.evidence["cause"]
    noticed = f"{tick.report.at:%H:%M:%S %z}"
    seen = before and _name(decision) in location.by_name(before.world.tmux.values())
    if before and seen and before.report.at <= tick.report.at:  # else the clock was set back
        return f"Ended between {_since(before.report.at, tick.report.at)} and {noticed}: {cause}."
    return f"Ended before {noticed}: {cause}."


def _since(before: datetime, noticed: datetime) -> str:
    """The earlier of two times, with its date where the later one is of another day."""
    same_day = before.date() == noticed.astimezone(before.tzinfo).date()
    return f"{before:%H:%M:%S}" if same_day else f"{before:%Y-%m-%d %H:%M:%S}"
