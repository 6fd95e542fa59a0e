"""Whether `claude --resume <id>` finds a transcript from a directory.

It looks only in the project folder of the directory in which it is run, and in those of the
same repository's other worktrees (code.claude.com/docs/en/sessions). A folder may be shared
(see `claude_keys`), so whose a transcript is, is told by the `cwd` in its lines.
"""

from __future__ import annotations

import os

from kanban_worker.agents import claude_keys, claude_transcript, files, lines
from kanban_worker.agents.claude_library import Library
from kanban_worker.agents.claude_projects import SUFFIX
from kanban_worker.agents.claude_transcript import Transcript
from reconcile.observed import Answer, ConversationId, Unknown


def misplaced(
    library: Library, named: str | None, conversation: ConversationId, directory: str
) -> Answer[str]:
    """Say why a new process in the directory would not find it there; None if it would.

    `named` is the folder that the environment names for every directory, if any.
    """
    real = files.real_path(directory)
    folders = library.own((named,) if named else claude_keys.keys(real))
    second: str | Unknown | None = None
    known = library.last(conversation)
    if isinstance(known, Transcript) and known.speaker not in {None, conversation}:
        return f"ambiguous: {library.path(conversation)} ends with messages of {known.speaker}"
    for path in (f"{folder}/{conversation}{SUFFIX}" for folder in folders):
        found = directories(path)
        if isinstance(found, Unknown):
            second = second or found
        elif found is not None:
            if any(claude_keys.lies_under(each, real) for each in found):
                return None
            second = second or _strange(path, found)
    return second or (
        f"{library.path(conversation) or 'its transcript'} is not in the project folder of its "
        "directory, and Claude Code resumes only what is there"
    )


def _strange(path: str, found: frozenset[str]) -> str | Unknown:
    if not found:
        return Unknown(f"{path}: no line near either end names its directory (look by hand)")
    return f"{path} was written in {min(found)}, not in its directory"


def directories(path: str) -> frozenset[str] | Unknown | None:
    """Return the directories that a transcript's lines name; None where there is none.

    Both ends are read: `/cd` (2.1.329) moves a transcript, whose head keeps the old one.
    """
    try:
        opening = claude_transcript.opening(path, os.stat(path), None)
        end = files.tail_with_a_line(path).lines
    except FileNotFoundError:
        return None
    except OSError as error:
        return files.refusal(path, error)
    last = (lines.text(lines.record(line).get("cwd")) for line in end if b'"cwd"' in line)
    return opening.cwds | frozenset(filter(None, last))
