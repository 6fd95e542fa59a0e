"""`agent-sessions adopt`: makes what lives under a name the entry's own again."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from pathlib import Path

from kanban_worker import config
from kanban_worker.cli import Exit, plain
from kanban_worker.tick import Monitor, Tick
from reconcile import identity, location, names
from reconcile.desired import RUNNING, Entry, Scalar, SetKey
from reconcile.drift import finding_id
from reconcile.location import Disputed
from reconcile.observed import Agent, Pane, Place, Process, Session, Unknown
from state import journal
from state.document import Moved
from state.errors import CouldNot, MustMend
from state.journal import KeyChange, Record
from state.text import scalars

_KIND = "adopt"
_ENDING = ("terminated_at", "termination_mode", "termination_cause")


def run(arguments: argparse.Namespace) -> int:
    """Writes one change that `undo` takes back; a running monitor may go on beside it."""
    settings = config.load(arguments, os.environ, Path.home())
    monitor = Monitor(settings)
    tick = monitor.tick(dry_run=True)
    entry = _entry(arguments.session, tick)
    session = _session(entry, tick)
    pane = identity.agent_pane(session, entry, tick.world)
    edits = list(_edits(entry, session, pane, tick))
    before = _before(entry)
    told = "; ".join(
        f"{edit.path} {_shown(before.get(edit.path))} → {_shown(edit.value)}" for edit in edits
    )
    if not edits:
        print(plain(f"{entry.name}: it is the entry's own already; nothing to write"))
        return Exit.OK
    if arguments.dry_run:
        print(plain(f"{entry.name}: can be adopted: {told}. Not written: dry run."))
        return Exit.OK
    document = monitor.registry.read(monitor.now())
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
    outcome = monitor.registry.write(document, edits, [record])
    if isinstance(outcome, Moved):
        raise CouldNot("the registry was saved meanwhile. Nothing was written. Run it again")
    for refusal in outcome.refused.values():
        raise refusal
    monitor.home.settle(tick.world.at)
    written = journal.last_write(settings.places.journal, document.real_path)
    print(plain(f"{entry.name}: adopted: {told}."))
    if written:
        print(plain(f"To take it back: agent-sessions undo {written[-1].change}"))
    return Exit.OK


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
    raise MustMend(f"no session {entry.name} lives in tmux. See: agent-sessions status")


def _edits(entry: Entry, session: Session, pane: Pane, tick: Tick) -> Iterator[SetKey]:
    """What differs. Raises CouldNot where what runs there cannot be seen."""
    inside = identity.inside(session, pane, tick.world)
    running = inside.agent.process if isinstance(inside.agent, Agent) else inside.process
    if pane.dead or inside.hidden or not isinstance(running, Process):
        why = inside.hidden.why if inside.hidden else "its pane is dead"
        raise CouldNot(f"{entry.name}: cannot see what runs in it: {why}. Nothing was written")
    wanted: list[tuple[str | None, str, Scalar]] = [
        (None, "status", RUNNING),
        ("pane", "pid", pane.pid),
        ("pane", "cmd", running.command or None),
        ("pane", "cwd", running.cwd or None),
        (None, "created_at", session.created_at.astimezone(tick.world.at.tzinfo)),
    ]
    place = tick.world.place
    if entry.host and isinstance(place, Place) and not place.is_called(entry.host):
        wanted.append((None, "host", min(place.hosts)))
    wanted += [(None, key, None) for key in _ENDING if _before(entry).get(key) is not None]
    for inside_key, key, value in wanted:
        edit = SetKey(session=entry.name, key=key, value=value, inside=inside_key)
        if _before(entry).get(edit.path) != value:
            yield edit


def _before(entry: Entry) -> dict[str, Scalar]:
    return {
        "status": entry.status,
        "host": entry.host,
        "created_at": entry.created_at,
        "terminated_at": entry.terminated_at,
        "termination_mode": entry.termination_mode,
        "termination_cause": entry.termination_cause,
        "pane.pid": entry.pane_pid,
        "pane.cmd": entry.pane_command,
        "pane.cwd": entry.pane_cwd,
    }


def _shown(value: Scalar) -> str:
    return "nothing" if value is None else scalars.shown(str(value), 80)
