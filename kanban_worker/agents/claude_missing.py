"""Why a recorded id leads to no transcript: it expired, was deleted, moved, or never written."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from kanban_worker.agents import claude_keys, claude_place, files
from kanban_worker.agents.claude_library import Library
from reconcile.observed import ConversationId, Missing

_READ_AT_MOST = 4096


def nowhere(
    library: Library,
    conversation: ConversationId,
    workspace: str | None,
    created_at: datetime | None,
    now: datetime,
) -> Missing:
    """Explain a file that is in no project folder, by what was typed and by the settings."""
    kept = library.retention(library.config_of(workspace))
    last = library.last_prompt(conversation)
    if last is not None:
        day = f"{last.astimezone():%Y-%m-%d}"
        if (now - last).days >= kept.days:
            return Missing(f"expired: its last prompt was on {day}, and {kept.rule}")
        return Missing(f"deleted: its last prompt was on {day}, and {kept.rule}")
    if kept.days and created_at is not None and (now - created_at).days >= kept.days:
        return Missing(f"expired: {kept.rule}")
    return Missing(f"never written or deleted{'' if kept.days else f': {kept.rule}'}")


def unreadable(path: str) -> Missing | None:
    """Say that a file is certainly there and may not be read; None for any other trouble."""
    try:
        os.stat(path)
    except OSError:
        return None
    try:
        files.content(path, 1)
    except PermissionError as error:
        why = f"unreadable: {path}: {error.strerror}; let this user read it"
        return Missing(why, which="that can be read")
    except OSError:
        return None
    return None


def moved(library: Library, path: str, workspace: str) -> Missing | None:
    """Say that `claude --resume` would not find a transcript from its workspace.

    None where it would, and where that cannot be told: the same repository's other worktrees
    are looked into as well (code.claude.com/docs/en/sessions), and `.session-aliases` (2.1.329)
    may name other folders.
    """
    real = files.real_path(workspace)
    folders = tuple(library.expected(workspace))
    if os.path.dirname(path) in folders:
        return None
    if any(os.path.lexists(f"{folder}/.session-aliases") for folder in folders):
        return None
    found = claude_place.directories(path)
    if not isinstance(found, frozenset) or not found:
        return None
    if any(claude_keys.lies_under(each, real) for each in found):
        return None
    repository = _repository(real)
    if repository is not None and repository in map(_repository, found):
        return None
    return Missing(f"moved: {path} is of {min(found)}", which="in its project folder")


def _repository(directory: str) -> str | None:
    """Return the `.git` folder that a directory's worktree belongs to."""
    for folder in _upwards(directory):
        git = f"{folder}/.git"
        if os.path.isdir(git):
            return os.path.realpath(git)
        try:
            said = files.content(git, _READ_AT_MOST).decode(errors="replace").strip()
        except (OSError, ValueError):
            continue
        place = os.path.join(folder, said.removeprefix("gitdir:").strip())
        return os.path.realpath(place.partition("/worktrees/")[0])
    return None


def _upwards(directory: str) -> Iterator[str]:
    path = Path(directory)
    yield from map(str, (path, *path.parents))
