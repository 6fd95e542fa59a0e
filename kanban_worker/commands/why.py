"""`agent-sessions why`: explains what was concluded about one session. It writes nothing."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path

from kanban_worker import config, explain, jsontext, table
from kanban_worker import options as shared
from kanban_worker.cli import complain, plain
from kanban_worker.commands import reconcile
from kanban_worker.complaints import Complaints
from kanban_worker.explain import Explanation
from kanban_worker.tick import Monitor
from reconcile import names
from reconcile.desired import RUNNING, TERMINATED
from reconcile.drift import DriftClass
from reconcile.gone import Cause
from reconcile.observed import Listing, Unknown
from reconcile.plan import Action, Decision
from reconcile.views import LIKELY, RECORDED, SessionView, State
from state import undoing
from state.journal import Written
from state.text import scalars

SHOWN = 5
"""How many of the last changes are told."""

CLASSES = {
    DriftClass.TMUX_GONE: "the session was certainly gone",
    DriftClass.UNREGISTERED: "a live session had no entry",
    DriftClass.ID_MATERIALISED: "the conversation of its process became known, or moved on",
    DriftClass.RESTARTED: "its agent was started again in the same workspace",
}
"""Why a change was made, by its class. Class D changes nothing."""

CAUSES = {
    Cause.HOST_REBOOT: "the host was started anew after the session began",
    Cause.SERVER_DIED: "its tmux server ended, or is another one now",
    Cause.PANE_EXITED: "its process ended by itself, with that exit status",
    Cause.PANE_KILLED: "its process was ended by that signal",
    Cause.SESSION_CLOSED: "its tmux server answered and did not list it: the session was closed",
    Cause.UNKNOWN: "tmux shows its pane as dead, and not how it ended",
}
"""What a `termination_cause` says, without what stands behind it in brackets."""


def options(parser: argparse.ArgumentParser) -> None:
    """Its own options."""
    parser.add_argument("session", metavar="SESSION", help="its name in tmux or the registry")
    parser.add_argument("--json", action="store_true", help="print all that is known, as JSON")
    shared.judging(parser)


def run(arguments: argparse.Namespace) -> int:
    """Prints a line for each thing that is known; 64 for a name that is known nowhere."""
    settings = config.load(arguments, os.environ, Path.home())
    found = explain.of(arguments.session, Monitor(settings), settings.places.journal)
    if arguments.json:
        print(jsontext.dumps(explain.as_json(found)))
    else:
        print(plain(_short(found.session)))
        for label, text in _Story(found, settings.places.home).lines():
            print(f"  {label:<8}  {plain(text)}")
    Complaints(complain).about(found.tick)
    return reconcile.status(found.tick, exit_code=False)


class _Story:
    """What is known of one session, line by line: what is written, what is seen, what follows."""

    def __init__(self, found: Explanation, home: Path) -> None:
        self._found, self._home = found, home
        self._now = found.tick.world.at

    def lines(self) -> Iterator[tuple[str, str]]:
        """Each with what it is about."""
        yield "entry", self._entry()
        yield from (("fault", scalars.shown(each, 300)) for each in self._found.faults)
        yield "now", self._seen()
        yield from self._follows()
        earlier = len(self._found.changes) - SHOWN
        if earlier > 0:
            yield "changed", f"{earlier} earlier changes are in the journal (all: --json)"
        for each in self._found.changes[-SHOWN:]:
            yield from self._change(each)
        if not self._found.changes:
            yield "changed", "nothing: the monitor has not changed this entry"

    def _entry(self) -> str:
        found = self._found
        if not found.readable:
            return "the registry could not be read"
        if found.entry is None:
            return "none of this name"
        entry = {key: value for key, value in found.entry.items() if isinstance(value, str)}
        status, agent = entry.get("status"), entry.get("agent")
        ended = status == TERMINATED
        since = entry.get("terminated_at" if ended else "created_at")
        parts = [f"{_quoted(status)}{f' since {self._moment(since)}' if since else ''}"]
        if ended and (cause := entry.get("termination_cause")):
            means = _cause(cause)
            parts.append(f"cause {_short(cause)}{f' ({means})' if means else ''}")
        parts += [_short(agent)] if agent else []
        workspace = entry.get("workspace")
        parts += [_short(table.tilde(workspace, self._home))] if workspace else []
        own = entry.get(f"{agent}_session_id_own")
        parts.append(f"id {own}" if own else "no id of its own yet")
        text = f"{', '.join(parts)}; line {found.line}"
        if status not in {RUNNING, TERMINATED}:
            text += ". Only an entry that is `running` is judged; any other status is your own word"
        return text

    def _seen(self) -> str:
        found, view = self._found, self._found.view
        blind = [each.why for each in found.tick.world.tmux.values() if isinstance(each, Unknown)]
        if not found.live:
            if blind:
                return f"tmux could not be asked: {scalars.shown(blind[0], 300)}"
            asked = sum(isinstance(one, Listing) for one in found.tick.world.tmux.values())
            elsewhere = view is not None and view.state == State.ELSEWHERE
            where = "; its entry is another place's" if elsewhere else ""
            return f"no tmux server lists it; {asked} answered{where}"
        called = {one.name for one in found.live}.difference(names.as_listed(found.session))
        renamed = [f"called {_short(name)} in tmux" for name in sorted(called)]
        return ", ".join([*renamed, *self._process(view)])

    def _process(self, view: SessionView | None) -> Iterator[str]:
        """What runs in it: state, agent, pid, pane, directory, conversation with its proof."""
        (session, *_) = self._found.live
        panes = len(session.panes)
        dead = sum(pane.dead for pane in session.panes)
        if view is None or view.socket is None:
            told = f"{_counted(panes, 'pane')}, {dead} of them dead"
            yield f"tmux lists it ({_short(session.socket)}; {told})"
            return
        idle = table.idle(view, self._now)
        yield view.state + (f", last sign of work {idle} ago" if idle else "")
        who = f"{_short(view.agent)} " if view.agent and view.state != State.EXITED else ""
        yield f"{who}pid {view.pid}" if view.pid else "no process"
        of_several = f", one of {panes}" if panes > 1 else ""
        yield f"in pane {_short(view.pane)}{of_several} ({_short(view.socket)})"
        if view.workspace:
            yield _short(table.tilde(view.workspace, self._home))
        if view.conversation_id is None:
            yield "no conversation known"
        else:
            yield f"conversation {view.conversation_id} ({_proof(view.conversation_proof)})"

    def _follows(self) -> Iterator[tuple[str, str]]:
        found = self._found
        for decision in found.decisions:
            yield "follows", f"[{decision.drift.id}] {self._verdict(decision)}"
            if decision.drift.evidence:
                yield "because", _rests_on(decision.drift.evidence)
        for one in found.notes:
            message = one.notice.message.removeprefix(f"{found.session}: ")
            since = table.clock(one.since, self._now)
            yield "follows", f"[{one.notice.id}] {scalars.shown(message, 400)} (since {since})"
        if not (found.decisions or found.notes):
            yield "follows", "nothing: there is nothing to say of it"

    def _verdict(self, decision: Decision) -> str:
        seen = scalars.shown(decision.drift.seen, 400)
        since = table.clock(decision.since, self._now)
        match decision.action:
            case Action.PLANNED | Action.UPDATED:
                return f"{seen}; the monitor writes that at its next tick"
            case Action.HELD:
                return f"{seen}; held: {scalars.shown(decision.why, 300)}"
            case Action.FLAGGED:
                return f"{seen} (since {since}); nothing is written for it"

    def _change(self, change: Written) -> Iterator[tuple[str, str]]:
        told = "; ".join(
            f"{scalars.shown(one.key)} {_value(one.before)} → {_value(one.after)}"
            for one in change.changes
        )
        kind = change.drift_class
        means = CLASSES.get(DriftClass(kind), "") if kind in set(DriftClass) else ""
        why = f"class {kind}: {means}" if means else _short(kind)
        if change.undoes:
            why = f"a person undid {_short(change.undoes)}"
        yield "changed", f"{self._moment(change.at)} {told} ({why}; change {_short(change.change)})"
        if change.evidence:
            yield "because", _rests_on(change.evidence)
        if not change.undoes:
            yield "undo", self._taken_back(change)

    def _taken_back(self, change: Written) -> str:
        by = undoing.undone_by(self._found.history, change)
        if change.void is not None:
            return f"it did not take place: {scalars.shown(change.void, 300)}"
        if by is not None:
            return f"it was undone by {by.change}"
        return f"agent-sessions undo {_short(change.change)}"

    def _moment(self, text: str) -> str:
        """A time in local time, with its date where that is not today's; no time is shown as is."""
        at = scalars.timestamp(text)
        if at is None:
            return _short(text)
        local = at.astimezone()
        today = local.date() == self._now.astimezone().date()
        return f"{local:%H:%M:%S}" if today else f"{local:%Y-%m-%d %H:%M:%S}"


def _rests_on(evidence: Mapping[str, object]) -> str:
    told = "; ".join(f"{_short(key)}: {_short(_plain(evidence[key]))}" for key in evidence)
    means = _cause(evidence.get("cause"))
    return f"{told} ({means})" if means else told


def _plain(value: object) -> str:
    return (
        value.astimezone().isoformat(" ", "seconds") if isinstance(value, datetime) else str(value)
    )


def _cause(cause: object) -> str | None:
    word = str(cause).partition(" (")[0]
    return CAUSES[Cause(word)] if word in set(Cause) else None


def _proof(proof: str | None) -> str:
    if proof == LIKELY:
        return "likely, not proven"
    return "as recorded" if proof == RECORDED else f"proof: {proof}"


def _counted(count: int, thing: str) -> str:
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"


def _value(value: object) -> str:
    if isinstance(value, Mapping):
        inside = ", ".join(f"{key}: {each}" for key, each in value.items())
        return scalars.shown(f"{{{inside}}}", explain.LONGEST)
    return "nothing" if value is None else _quoted(str(value))


def _quoted(text: str | None) -> str:
    return "null" if text is None else f'"{_short(text)}"'


def _short(text: str | None) -> str:
    return scalars.shown(text or "", explain.LONGEST)
