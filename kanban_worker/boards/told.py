"""A card as Hermes' program and its server tell it: JSON from outside, of nearly one shape."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from kanban_worker.boards import card
from kanban_worker.boards.card import Card

LONGEST = 16 * 1024 * 1024
"""Bytes of one answer. A card's whole history comes each time: 50,000 heartbeats fit."""

_BLOCKS = frozenset({"blocked", "block_loop_detected", "dependency_wait"})


def read(text: str | bytes) -> Card:
    """The card of an answer. Raises ValueError where it holds none."""
    try:
        answer = json.loads(text)
    except RecursionError as error:
        raise ValueError("nested too deep") from error
    return _card(_mapping(answer))


def _card(answer: Mapping[str, Any]) -> Card:
    task = _mapping(answer.get("task"))
    name, status = task.get("id"), task.get("status")
    if not isinstance(name, str) or not isinstance(status, str):
        raise ValueError("it names no card")  # noqa: TRY004 - as the other faults of an answer
    events, runs = _items(answer.get("events")), _items(answer.get("runs"))
    run = _running(task, runs) if status == card.RUNNING else {}
    return Card(
        id=name,
        status=status,
        run=str(run.get("id", "")),
        runs=tuple(str(number) for number in sorted(_number(each.get("id")) for each in runs)),
        holder=_holder(run),
        block_kind=_text(task["block_kind"]) if "block_kind" in task else _last_kind(events),
        block_recurrences=_number(task.get("block_recurrences")),
        comments=tuple(
            sorted(
                (
                    card.comment(
                        # The program tells no ids: there a comment's place in the thread is one.
                        number=_number(each.get("id", index)),
                        author=each.get("author"),
                        body=each.get("body"),
                        at=each.get("created_at"),
                    )
                    for index, each in enumerate(_items(answer.get("comments")), 1)
                ),
                key=lambda each: card.place(each.id),
            )
        ),
        kinds=tuple(
            # As the server's ids order them; the program lists them in the order of their times.
            str(each.get("kind"))
            for each in sorted(events, key=lambda each: _number(each.get("id")))
        ),
    )


def _running(task: Mapping[str, Any], runs: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The run that works on the card: named by the server, to be found for the program."""
    current = task.get("current_run_id")
    if current is not None:
        return next((run for run in runs if run.get("id") == current), {"id": current})
    return next((run for run in reversed(runs) if run.get("ended_at") is None), {})


def _holder(run: Mapping[str, Any]) -> str:
    host = str(run.get("claim_lock") or "").partition(":")[0]
    words = [f"pid {run['worker_pid']}"] if run.get("worker_pid") else []
    return " ".join(words + ([f"on {host}"] if host else []))


def _last_kind(events: Sequence[Mapping[str, Any]]) -> str | None:
    for event in reversed(events):
        if event.get("kind") in _BLOCKS:
            return _text(_mapping(event.get("payload") or {}).get("kind"))
    return None


def _mapping(found: object) -> Mapping[str, Any]:
    if not isinstance(found, dict):
        raise ValueError("it is no card")  # noqa: TRY004 - as the other faults of an answer
    return found


def _items(found: object) -> list[Mapping[str, Any]]:
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def _text(found: object) -> str | None:
    return found if isinstance(found, str) else None


def _number(found: object) -> int:
    return found if isinstance(found, int) else 0
