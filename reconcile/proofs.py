"""Proofs: what ties a process to the conversation that it holds, and which one counts for more."""

from __future__ import annotations

from enum import StrEnum


class Proof(StrEnum):
    """What shows that a process holds a conversation, the strongest first.

    Each was measured on the real programs; `docs/agents.md` says which program has which.
    """

    PID_FILE = "pid-file"
    """Claude Code's `sessions/<pid>.json`, with the process's start time."""
    LOCK = "open-lock"
    """A lock file of the conversation that this process has open (Codex without its daemon)."""
    LOG = "process-log"
    """A log whose lines name the pid or are known to be this process's own, and from what it
    named last through each `/clear` that was typed since (Claude Code 2.0.77)."""
    HOOK = "hook"
    """A record of the agent's own session hook, made by `agent-sessions hook`."""
    CLEAR_CHAIN = "clear-marker"
    """From the pid file's id through each `/clear` that was typed in it (Claude Code 2.1.112)."""
    PANE = "pane"
    """The pane itself shows the id: its title, or a footer that the user has set up."""
    PRESENCE = "presence-lock"
    """agy's lock file of the conversation, held by this process."""
    LAST = "last-conversation"
    """agy's map of last conversations, for the only agy of a directory."""
    ARGUMENT = "argv"
    """The id it was started with, as long as nothing shows that it moved on.

    It is below agy's lock and map: those tell of now, and it only of the start."""
    SOLE = "sole-candidate"
    """The only conversation that the only process there can have begun (Claude Code alone)."""


_ORDER = tuple(Proof)
_EQUAL = {Proof.LOG: Proof.HOOK, Proof.LAST: Proof.PRESENCE}
"""A log and a hook both tell what the process held when they were written last, so the newer one
counts; agy's map stands beside its lock."""


def is_at_least(one: Proof, other: Proof) -> bool:
    """Whether a proof may replace what the other has shown of the same process."""
    return _rank(one) <= _rank(other)


def _rank(proof: Proof) -> int:
    return _ORDER.index(_EQUAL.get(proof, proof))
