"""`agent-sessions why`: explains what was concluded about one session. It writes nothing."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path

from kanban_worker import account, config, jsontext
from kanban_worker import options as shared
from kanban_worker.account import Account
from kanban_worker.cli import complain, plain
from kanban_worker.commands import reconcile
from kanban_worker.complaints import Complaints
from kanban_worker.tick import Monitor
from reconcile import names, report
from reconcile.desired import RUNNING, TERMINATED
from reconcile.drift import DriftClass
from reconcile.gone import Cause
from reconcile.observed import Listing, Unknown
from reconcile.plan import Action, Decision
from state import undoing
from state.journal import Written
from state.text import scalars

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


TERMINATION = ("terminated_at", "termination_mode", "termination_cause")


def options(parser: argparse.ArgumentParser) -> None:
    """Its own options."""
    parser.add_argument("session", metavar="SESSION", help="its name in tmux or the registry")
    parser.add_argument("--json", action="store_true", help="print one object")
    shared.judging(parser)


def run(arguments: argparse.Namespace) -> int:
    """Prints a paragraph for each thing that is known; 64 for a name that is known nowhere."""
    settings = config.load(arguments, os.environ, Path.home())
    found = account.of(arguments.session, Monitor(settings), settings.places.journal)
    if arguments.json:
        print(jsontext.dumps(account.as_json(found)))
    else:
        print("\n\n".join(plain(each) for each in _paragraphs(found)))
    Complaints(complain).about(found.tick)
    return reconcile.status(found.tick, exit_code=False)


def _paragraphs(found: Account) -> Iterator[str]:
    """One for each thing: the entry, what a look shows, each of the last changes."""
    yield _short(found.session)
    yield f"The registry: {_registered(found)}"
    yield f"A look just now: {_look(found)}"
    if found.earlier:
        yield f"{found.earlier} earlier changes are in the journal."
    for change in found.changes:
        yield _change(change, found)
    if not found.changes:
        yield "The journal: the monitor has not changed this entry."


def _registered(found: Account) -> str:
    if not found.readable:
        return "it could not be read."
    if found.entry is None:
        return "it has no entry of this name."
    entry = found.entry
    status = entry.get("status")
    parts = [f"status {_quoted(status)} in line {found.line}"]
    keys = () if status == RUNNING else TERMINATION
    own = f"{entry.get('agent')}_session_id_own"
    parts += [f"{key} {_quoted(entry[key])}" for key in (*keys, own) if entry.get(key)]
    text = f"{', '.join(parts)}."
    if status != RUNNING and (cause := _cause(entry.get("termination_cause"))):
        text += f" That means: {cause}."
    if status not in {RUNNING, TERMINATED}:
        text += " Only an entry that is `running` is judged; any other status is a person's word."
    return " ".join([text, *(f"Fault: {scalars.shown(each, 300)}." for each in found.faults)])


def _look(found: Account) -> str:
    parts = [_alive(found)]
    for decision in found.decisions:
        parts.append(f"[{decision.drift.id}] {_verdict(decision)}")
        parts += _rests_on(decision.drift.evidence)
    parts += [f"[{one.notice.id}] {_sentence(one.notice.message)}" for one in found.notes]
    if not (found.decisions or found.notes):
        parts.append("Nothing to say of it.")
    return " ".join(parts)


def _verdict(decision: Decision) -> str:
    if decision.action is Action.PLANNED:
        return _sentence(f"{decision.drift.session}: {decision.drift.seen}") + (
            " The monitor writes that at its next tick."
        )
    return _sentence(report.sentence(decision))


def _alive(found: Account) -> str:
    blind = [each.why for each in found.tick.world.tmux.values() if isinstance(each, Unknown)]
    if found.live:
        panes = [pane for session in found.live for pane in session.panes]
        dead = sum(pane.dead for pane in panes)
        sockets = ", ".join(_short(one.socket) for one in found.live)
        called = {one.name for one in found.live}.difference(names.as_listed(found.session))
        renamed = "".join(f" as {_short(name)}" for name in sorted(called))
        return f"tmux lists it{renamed} ({sockets}; panes {len(panes)}, of them dead {dead})."
    if blind:
        return f"tmux could not be asked: {scalars.shown(blind[0], 300)}."
    asked = sum(isinstance(each, Listing) for each in found.tick.world.tmux.values())
    return f"no tmux server lists it; {asked} answered."


def _change(change: Written, found: Account) -> str:
    kind = change.drift_class
    why = CLASSES.get(DriftClass(kind), "") if kind in set(DriftClass) else ""
    told = "; ".join(
        f"{scalars.shown(one.key)} {_value(one.before)} → {_value(one.after)}"
        for one in change.changes
    )
    head = f"{_moment(change.at)}, change {_short(change.change)}, class {_short(kind)}"
    if change.undoes:
        return f"{head}: a person undid {_short(change.undoes)}: {told}."
    parts = [f"{head}, for {why}: {told}." if why else f"{head}: {told}."]
    parts += _rests_on(change.evidence)
    by = undoing.undone_by(found.history, change)
    if change.void is not None:
        parts.append(f"It did not take place: {scalars.shown(change.void, 300)}.")
    elif by is not None:
        parts.append(f"It was undone by {by.change}.")
    else:
        parts.append(f"To take it back: agent-sessions undo {_short(change.change)}")
    return " ".join(parts)


def _rests_on(evidence: Mapping[str, object]) -> list[str]:
    if not evidence:
        return []
    told = "; ".join(f"{_short(key)}: {_short(str(evidence[key]))}" for key in evidence)
    means = _cause(evidence.get("cause"))
    return [f"It rests on {told}.", *([f"That means: {means}."] if means else [])]


def _cause(cause: object) -> str | None:
    word = str(cause).partition(" (")[0]
    return CAUSES[Cause(word)] if word in set(Cause) else None


def _moment(text: str) -> str:
    """A time of the journal's, to the second; what is no time is shown as it is."""
    try:
        return datetime.fromisoformat(text).isoformat(" ", "seconds")
    except ValueError:
        return _short(text)


def _sentence(text: str) -> str:
    return scalars.shown(text, 400).rstrip(".") + "."


def _value(value: object) -> str:
    if isinstance(value, Mapping):
        inside = ", ".join(f"{key}: {each}" for key, each in value.items())
        return scalars.shown(f"{{{inside}}}", account.LONGEST)
    return "nothing" if value is None else _quoted(str(value))


def _quoted(text: str | None) -> str:
    return "null" if text is None else f'"{_short(text)}"'


def _short(text: str | None) -> str:
    return scalars.shown(text or "", account.LONGEST)
