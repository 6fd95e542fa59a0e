"""What must be recorded for which agent in which case, and where no id is accepted, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from outcomes import Outcome

RIGHT = frozenset({Outcome.RIGHT})
RIGHT_OR_NONE = RIGHT | {Outcome.NONE}
RIGHT_OR_SAID = RIGHT | {Outcome.SAID}
NOT_UNTRUE = RIGHT | {Outcome.NONE, Outcome.SAID}

COLUMNS: Mapping[str, str] = {
    "claude 2.1.330": "claude 2.1.330",
    "claude 2.1.239": "claude 2.1.239",
    "claude 2.1.112": "claude 2.1.112",
    "claude 2.0.77": "claude 2.0.77",
    "codex, no daemon": "codex 0.169.0",
    "codex, daemon": "codex 0.169.0",
    "codex, daemon, title": "codex 0.169.0",
    "gemini": "gemini 0.61.0",
    "gemini, footer": "gemini 0.61.0",
    "gemini, hook": "gemini 0.61.0",
    "opencode": "opencode 1.18.33",
}
"""Each column of the table: the agent and its settings; the program by its name in `PROGRAMS`."""

CONVERSATION: Mapping[str, str] = {
    "unprompted": "no prompt yet",
    "headless-unprompted": "a headless run beside it, no prompt yet",
    "prompted": "the first prompt",
    "headless-prompted": "a headless run beside it, prompted",
    "two": "two in one directory, prompts interleaved",
    "cleared": "`/clear` or `/new`",
    "cleared-prompted": "… then a prompt",
    "switched": "resumed inside the program",
    "switched-prompted": "… then a prompt",
    "branched": "branched or forked inside the program",
    "branched-prompted": "… then a prompt",
    "left": "exit",
    "again": "started again, prompted",
    "resumed": "resumed by id, prompted",
    "resumed-cleared": "… then `/clear` or `/new`, prompted",
    "killed": "kill -9",
    "shared": "resumed by id while another pane has it open, prompted",
    "shared-cleared": "… then `/clear` or `/new`, prompted",
}
PLACES: Mapping[str, str] = {
    "own-folder": "a configuration folder of its own",
    "own-folder-cleared": "… then `/clear` or `/new`, prompted",
    "wrapper": "begun by a wrapper script",
    "npx": "begun by `npx`",
    "split": "a split pane, the other one selected",
    "second-window": "a second window, selected",
    "symlink": "a symlinked directory",
    "dotted": "a dotted directory",
    "spaced": "a directory with spaces",
    "unicode": "a directory with letters beyond ASCII",
    "worktree": "a git worktree",
}
SCENES: Mapping[str, Mapping[str, str]] = {"conversation": CONVERSATION, "places": PLACES}
"""The cases, in the order in which they are played. Those of one scene share their agents."""

DAEMON = "under the daemon no process of the pane holds its thread"
NO_WITNESS = "Gemini leaves no trace that names process and conversation"
LOCKS_LAST = 80.0
"""Seconds: Codex holds the lock of a thread that was left for 60 s more."""
PATIENCE = 30.0


@dataclass(frozen=True, slots=True)
class Expected:
    """One cell of the table."""

    allowed: frozenset[Outcome]
    why: str = ""
    """Why something other than the right id is accepted."""
    patience: float = PATIENCE
    """Seconds after which it must be so; a tick comes as soon as the one before has ended."""
    not_played: str = ""
    """Why the case cannot be played."""


MUST = Expected(RIGHT)

BEFORE_A_PROMPT = Expected(RIGHT_OR_NONE, "nothing was said in it that could be resumed")
MOVED_ON = Expected(RIGHT_OR_SAID, "nothing was said in the new conversation yet")
BEFORE: Mapping[str, Expected] = {
    "unprompted": BEFORE_A_PROMPT,
    "headless-unprompted": BEFORE_A_PROMPT,
    "cleared": MOVED_ON,
    "branched": MOVED_ON,
}
"""What holds for every agent, where no prompt was given yet."""

UNPROVEN: Mapping[str, str] = {"codex, daemon": DAEMON, "gemini": NO_WITNESS}
"""The columns in which no id need be recorded, whatever the case."""

SPECIAL: Mapping[tuple[str, str], Expected] = {
    ("claude 2.1.112", "shared-cleared"): Expected(
        NOT_UNTRUE, "its pid file names the id that both panes had; either may have cleared it"
    ),
    ("claude 2.0.77", "shared-cleared"): Expected(
        NOT_UNTRUE, "a log names its process when a setting is saved; either may have cleared it"
    ),
    ("gemini, hook", "switched"): Expected(
        RIGHT_OR_SAID, "Gemini runs no hook when it resumes inside the program, until a prompt"
    ),
    ("opencode", "switched"): Expected(
        RIGHT_OR_SAID, "a switch without a prompt changes nothing but the pane's title"
    ),
    **{
        ("codex, no daemon", case): Expected(
            RIGHT, "the locks of two threads are open for a minute", LOCKS_LAST
        )
        for case in (
            "cleared-prompted",
            "switched",
            "resumed-cleared",
            "own-folder-cleared",
        )
    },
    ("codex, no daemon", "branched-prompted"): Expected(
        RIGHT_OR_SAID, "after `/fork` the lock of the original thread stays open for good"
    ),
    ("codex, no daemon", "cleared"): Expected(MOVED_ON.allowed, MOVED_ON.why, LOCKS_LAST),
    **{
        (column, case): Expected(RIGHT, not_played="it has no such command")
        for column in ("claude 2.0.77", "gemini", "gemini, footer", "gemini, hook")
        for case in ("branched", "branched-prompted")
    },
    **{
        ("codex, no daemon", case): Expected(
            RIGHT, not_played="Codex refuses a thread that another process has open"
        )
        for case in ("shared", "shared-cleared")
    },
}


def expected(column: str, case: str) -> Expected:
    """What must hold in one cell."""
    if special := SPECIAL.get((column, case)):
        return special
    if why := UNPROVEN.get(column):
        return Expected(NOT_UNTRUE, why)
    return BEFORE.get(case, MUST)


def named(column: str, case: str) -> str:
    """How a cell is called in a test's name."""
    return f"{column}: {case}"


def scene_of(name: str) -> str | None:
    """Column and scene of the cell that is called so; None where there is none."""
    column, _, case = name.rpartition(": ")
    found = (scene for scene, cases in SCENES.items() if case in cases)
    return next((f"{column}/{scene}" for scene in found if column in COLUMNS), None)
