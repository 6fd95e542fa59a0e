"""`agent-sessions adopt`: makes what lives under a name the entry's own again."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kanban_worker import config, jsontext
from kanban_worker.cli import Exit, complain, confirm
from kanban_worker.tick import Monitor, Tick
from reconcile import adoption, identity, location, names, report
from reconcile.adoption import Back
from reconcile.desired import Entry, Scalar, SetKey
from reconcile.drift import finding_id
from reconcile.location import Disputed
from reconcile.observed import Agent, ConversationId, Pane, Session, Unknown
from state import journal
from state.document import Moved
from state.errors import CouldNot, MonitorError, MustMend
from state.journal import KeyChange, Record
from state.text import scalars

_KIND = "adopt"
_PAUSE = 1.0
"""Seconds between two looks of `--wait`."""


class _Absent(MustMend):
    """It does not live, or its agent does not yet: that may change while somebody waits."""


@dataclass(slots=True)
class _Asked:
    """One name that was asked for, and what came of it so far."""

    name: str
    adopted: bool = False
    own: ConversationId | None = None
    """What the entry recorded when it was adopted: a monitor may follow the agent meanwhile."""
    changes: tuple[KeyChange, ...] = ()
    change: str | None = None
    """The id of what was written; None where nothing was."""
    back: Back | None = None
    """Whether it is back in its own conversation; None where nobody waited for that."""
    why: str = ""
    """What was found of that, or why it was not adopted."""


def options(parser: argparse.ArgumentParser) -> None:
    """Its own options."""
    parser.add_argument(
        "session", metavar="SESSION", nargs="+", help="its name in the registry; several at once"
    )
    parser.add_argument(
        "--wait",
        metavar="TIME",
        help="wait so long, such as 60s, for it to live, and for its conversation to be proven",
    )
    parser.add_argument("--dry-run", action="store_true", help="only say what would be written")
    parser.add_argument("--json", action="store_true", help="print one object")


def run(arguments: argparse.Namespace) -> int:
    """Writes a change for each that `undo` takes back; a running monitor may go on beside it."""
    settings = config.load(arguments, os.environ, Path.home())
    wait = config.seconds("wait", arguments.wait) if arguments.wait else None
    asked = [_Asked(name) for name in dict.fromkeys(arguments.session)]
    say = _nothing if arguments.json else confirm
    adoptions = _Adoption(Monitor(settings), settings.places.journal, arguments.dry_run, wait, say)
    status = adoptions.run(asked)
    if arguments.json:
        rows = [_as_json(each, dry_run=arguments.dry_run) for each in asked]
        print(jsontext.dumps({"schema_version": 1, "sessions": rows}))
    return status


def _nothing(_text: str) -> None:
    """What came of it is printed as data, at the end."""


def _as_json(asked: _Asked, *, dry_run: bool) -> Mapping[str, object]:
    """In the shape of `adopt.schema.json`."""
    return {
        "name": asked.name,
        "adopted": asked.adopted and not dry_run,
        "changes": [
            {"key": one.key, "before": report.value(one.before), "after": report.value(one.after)}
            for one in asked.changes
        ],
        "change": asked.change,
        "back": asked.back and asked.back.value,
        "why": asked.why or None,
    }


@dataclass(slots=True)
class _Adoption:
    """The names that were asked for, looked at until each is settled or the time ran out."""

    monitor: Monitor
    journal: Path
    dry_run: bool
    wait: float | None
    say: Callable[[str], None]
    sleep: Callable[[float], None] = time.sleep
    _worst: Exit = field(default=Exit.OK)

    def run(self, asked: Sequence[_Asked]) -> Exit:
        """The worst of what came of them."""
        until = time.monotonic() + (self.wait or 0)
        pending = list(asked)
        while pending:
            tick = self.monitor.tick(dry_run=True)
            patient = time.monotonic() < until
            pending = [each for each in pending if self._goes_on(each, tick, patient=patient)]
            if pending:
                self.sleep(_PAUSE)
        return self._worst

    def _goes_on(self, asked: _Asked, tick: Tick, *, patient: bool) -> bool:
        """Whether there is still something to wait for; else it was said what came of it."""
        try:
            return self._look(asked, tick, patient=patient)
        except _Absent as error:
            if patient:
                return True
            self._failed(asked, error)
        except MonitorError as error:
            self._failed(asked, error)
        return False

    def _failed(self, asked: _Asked, error: MonitorError) -> None:
        asked.why = str(error)
        complain(str(error))
        worse = Exit.MUST_MEND if isinstance(error, MustMend) else Exit.COULD_NOT
        self._worst = max(self._worst, worse)

    def _look(self, asked: _Asked, tick: Tick, *, patient: bool) -> bool:
        entry = _entry(asked.name, tick)
        session = _session(entry, tick)
        pane = identity.agent_pane(session, entry, tick.world)
        _check_kind(entry, session, pane, tick, wanted=self.wait is not None)
        if not asked.adopted:
            asked.own = entry.own_id
            self._adopt(asked, entry, session, pane, tick)
            asked.adopted = True
        if self.wait is None or self.dry_run:
            return False
        found = adoption.returned(asked.own, session, pane, tick.world)
        if found.back is Back.AWAITED and patient:
            return True
        asked.back, asked.why = found.back, found.why
        if found.back in {Back.OWN, Back.UNPROVABLE}:
            self.say(f"{entry.name}: {found.why}")
            return False
        ran_out = f" (after {self.wait:g} s)" if found.back is Back.AWAITED else ""
        raise CouldNot(f"{entry.name}: {found.why}{ran_out}. See: agent-sessions why {entry.name}")

    def _adopt(self, asked: _Asked, entry: Entry, session: Session, pane: Pane, tick: Tick) -> None:
        edits = adoption.edits(entry, session, pane, tick.world)
        if isinstance(edits, Unknown):
            why = f"cannot see what runs in it: {edits.why}"
            raise CouldNot(f"{entry.name}: {why}. Nothing was written")
        before = adoption.before(entry)
        asked.changes = tuple(
            KeyChange(key=edit.path, before=before.get(edit.path), after=edit.value)
            for edit in edits
        )
        told = "; ".join(
            f"{edit.path} {_shown(before.get(edit.path))} → {_shown(edit.value)}" for edit in edits
        )
        if not edits:
            self.say(f"{entry.name}: it is the entry's own already; nothing to write")
        elif self.dry_run:
            self.say(f"{entry.name}: can be adopted: {told}. Not written: dry run.")
        else:
            asked.change = self._write(entry, session, pane, edits, tick)
            self.say(f"{entry.name}: adopted: {told}.")
            if asked.change:
                self.say(f"To take it back: agent-sessions undo {asked.change}")

    def _write(
        self, entry: Entry, session: Session, pane: Pane, edits: tuple[SetKey, ...], tick: Tick
    ) -> str | None:
        """The id of the change. Raises CouldNot, MustMend."""
        before = adoption.before(entry)
        document = self.monitor.registry.read(self.monitor.now())
        record = Record(
            at=tick.world.at,
            session=entry.name,
            drift=finding_id("O", entry.name, session.created_at, pane.pid),
            drift_class=_KIND,
            changes=tuple(
                KeyChange(key=edit.path, before=before.get(edit.path), after=edit.value)
                for edit in edits
            ),
            evidence={"socket": session.socket, "pane": pane.pane_id, "pid": pane.pid},
        )
        outcome = self.monitor.registry.write(document, edits, [record])
        if isinstance(outcome, Moved):
            raise CouldNot("the registry was saved meanwhile. Nothing was written. Run it again")
        for refusal in outcome.refused.values():
            raise refusal
        self.monitor.home.settle(tick.world.at)
        written = journal.last_write(self.journal, document.real_path)
        return written[-1].change if written else None


def _entry(name: str, tick: Tick) -> Entry:
    """The entry of this name. Raises MustMend; CouldNot where the registry cannot be read."""
    for trouble in tick.troubles:
        raise trouble
    forms = set(names.as_listed(name))
    exact = [each for each in tick.registry.entries if each.name == name]
    near = [each for each in tick.registry.entries if forms & set(names.as_listed(each.name))]
    if not (exact or near):
        shown = scalars.shown(name, 120)
        raise MustMend(f'no entry "{shown}" in the registry. See: agent-sessions status')
    entry = (exact or near)[0]
    if not location.is_judged(entry):
        raise MustMend(
            f"{entry.name} has the status {entry.status!r}, which is yours. Set it to running"
        )
    return entry


def _session(entry: Entry, tick: Tick) -> Session:
    """The one living session of its name. Raises MustMend; CouldNot where tmux cannot be asked."""
    sessions = tick.sessions()
    found = sessions.of(entry)
    if isinstance(found, Disputed):
        raise MustMend(f"{entry.name}: {found.why}. Name the one server with --tmux-socket")
    living = [each for each in sessions.named(entry) if each.alive]
    if found is not None and found.session.alive:
        living = [found.session]
    if len(living) == 1:
        return living[0]
    blind = [each.why for each in tick.world.tmux.values() if isinstance(each, Unknown)]
    if blind:
        raise CouldNot(f"cannot see what runs: {blind[0]}. Nothing was written")
    raise _Absent(f"no session {entry.name} lives in tmux. See: agent-sessions status")


def _check_kind(entry: Entry, session: Session, pane: Pane, tick: Tick, *, wanted: bool) -> None:
    """Raises MustMend where an agent of another kind runs, or none though one is `wanted`."""
    agent = identity.inside(session, pane, tick.world).agent
    if isinstance(agent, Agent) and entry.agent and agent.kind != entry.agent:
        raise MustMend(
            f"{entry.name}: {agent.kind} runs in it, and the entry is of {entry.agent}. "
            "Nothing was written. Mend `agent:` in the entry, or end that session"
        )
    if wanted and agent is None:
        raise _Absent(f"{entry.name}: no agent runs in it. Nothing was written")


def _shown(value: Scalar) -> str:
    return "nothing" if value is None else scalars.shown(str(value), 80)
