"""Who holds a conversation now: every agent that runs here, in a pane of ours or anywhere."""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from pathlib import Path

import psutil

from kanban_worker import processes
from kanban_worker.agents import files
from kanban_worker.agents.hooks import Hooks
from kanban_worker.agents.shape import ENVIRONMENT, Adapter, Hooked, LiveAgent, Seen
from kanban_worker.process_table import Table
from kanban_worker.processes import LivingPane
from reconcile import location
from reconcile.observed import Listing, Pane, SessionName, Unknown, World
from reconcile.resume import Holder

_SERVER = "app-server"
"""Codex 0.169.0 starts one for all its panes; it works in no directory and stays after them."""


def of(
    kind: str,
    adapter: Callable[[Path, Mapping[str, str]], Adapter],
    world: World,
    hooks: Hooks,
    table: Table,
    *,
    home: Path,
    environ: Mapping[str, str],
) -> tuple[Holder, ...] | Unknown:
    """All living agents of one kind, each with what it holds.

    `adapter` makes the kind's for a home and an environment: what an agent holds lies in the home
    that it was started with, which need not be ours. `home` and `environ` are our own.
    """
    living = everywhere(kind, table, world.at)
    if isinstance(living, Unknown):
        return living
    mine = {files.real_path(str(home)), *(environ[v] for v in ENVIRONMENT if v in environ)}
    real = functools.cache(files.real_path)  # of a few homes
    homes: dict[str, list[LiveAgent]] = {}
    for each in living:
        theirs = each.environ["HOME"] if _is_elsewhere(each, mine, real) else ""
        homes.setdefault(theirs, []).append(each)
    hooks.look()
    panes = _panes(world)
    found: list[Holder] = []
    for theirs, agents in homes.items():
        its = adapter(Path(theirs), {}) if theirs else adapter(home, environ)
        hooked = ((agent.session, hooks.of(agent.family)) for agent in agents)
        told = {
            name: one for name, one in hooked if isinstance(one, Hooked) and one.kind in {"", kind}
        }
        held = its.conversations(agents, Seen(hooked=told, anywhere=lambda: living))
        found += (
            Holder(
                who=_who(agent.family[0].pid, table, panes),
                # Nobody takes a conversation up that lies in another home.
                directory="" if theirs else agent.cwd,
                holds=held.get(agent.session),
            )
            for agent in agents
            if agent.family and _SERVER not in agent.argv
        )
    return tuple(found)


def everywhere(kind: str, table: Table, now: datetime) -> Sequence[LiveAgent] | Unknown:
    """Every living agent of a kind on this host, in a pane or not; another user's are left out."""
    try:
        pids = list(_pids(kind, table))
    except (psutil.Error, OSError) as error:
        return Unknown(f"the process table cannot be read: {error}")
    found = (processes.look_into(_pane(pid, kind), table, now) for pid in pids)
    return [each.agent for each in found if each.agent and each.agent.kind == kind]


def _pids(kind: str, table: Table) -> Iterator[int]:
    me = os.geteuid()
    for pid in table.parents:
        with contextlib.suppress(psutil.Error, OSError):
            if table.kind(pid) == kind and (me == 0 or table.get(pid).uids().real == me):
                yield pid


def _is_elsewhere(agent: LiveAgent, mine: AbstractSet[str], real: Callable[[str], str]) -> bool:
    """Whether its files are certainly not ours: nothing that could move them there leads here."""
    theirs = {real(agent.environ.get("HOME", "")), *agent.environ.values()}
    inside = (value.startswith(f"{each}/") for value in theirs for each in mine)
    return "HOME" in agent.environ and mine.isdisjoint(theirs) and not any(inside)


def _pane(pid: int, kind: str) -> LivingPane:
    """A process as if it were the only one of a pane: looked into in the same way."""
    pane = Pane(pane_id=str(pid), pid=pid)
    return LivingPane(socket="process", pane=pane, wanted=kind, followed=True)


def _panes(world: World) -> Mapping[int, SessionName]:
    listed = (answer for answer in world.tmux.values() if isinstance(answer, Listing))
    sessions = (session for answer in listed for session in answer.sessions.values())
    # The oldest one last: of several sessions with a linked window it is the one that is told.
    newest_first = sorted(sessions, key=location.age, reverse=True)
    return {pane.pid: session.name for session in newest_first for pane in session.panes}


def _who(pid: int, table: Table, panes: Mapping[int, SessionName]) -> str:
    for each in (pid, *table.above(pid)):
        if each in panes:
            return f"process {pid} in tmux session {panes[each]}"
    return f"process {pid}, in no tmux session that was listed"
