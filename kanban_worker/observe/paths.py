"""Resolves the directories that are compared: those of entries, and those that tmux tells."""

from __future__ import annotations

import os
from collections.abc import Mapping

from kanban_worker.agents.shape import LiveAgent
from kanban_worker.observe.fleet import Fleet
from kanban_worker.recorded import Followed
from reconcile.observed import SessionName


def expanded(path: str, home: str) -> str:
    """`~` is the home of whom the registry belongs to."""
    return home + path[1:] if path == "~" or path.startswith("~/") else path


def real(fleet: Fleet, agents: Mapping[SessionName, LiveAgent], home: str) -> Mapping[str, str]:
    """Paths without links, by the path as it is written.

    Symlinks cost a system call for each part, so only what differs is resolved.
    """
    found: dict[str, str] = {}
    for each in fleet.followed:
        workspace = each.entry and each.entry.workspace
        if not workspace:
            continue
        found[workspace] = expanded(workspace, home)
        if found[workspace] not in _seen_in(each, agents.get(each.session.name)):
            found[workspace] = _real(found[workspace])
            found[each.session.directory] = _real(each.session.directory)
    for entry in fleet.missing:
        for path in filter(None, (entry.workspace, entry.pane_cwd)):
            found[path] = _real(expanded(path, home))
    return found


def _seen_in(followed: Followed, agent: LiveAgent | None) -> tuple[str, str]:
    return (followed.session.directory, agent.cwd if agent else "")


def _real(path: str) -> str:
    """A path without links; as it is, when it can be none: a registry may hold any text."""
    if not path:  # tmux 3.0a tells no directory of a session, and realpath would take ours for it
        return path
    try:
        return os.path.realpath(path)
    except ValueError:  # a NUL, or half a surrogate pair
        return path
