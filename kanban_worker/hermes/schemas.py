"""The two tools as a model reads them: name, description, parameters."""

from __future__ import annotations

from typing import Any

WATCH: dict[str, Any] = {
    "name": "agent_sessions_watch",
    "description": (
        "Watch the AI coding agents in tmux for the Kanban card that you work on. Call it once, as "
        "your first and only action; it returns hours later. It does everything by itself: looks "
        "tick by tick, keeps the registry true, comments on the card when something drifts, sends "
        "heartbeats, and blocks the card when a person comments 'stop' or the time is up. "
        "Returns JSON: ended (stopped, deadline or failed), why, card, blocked. When it "
        "has returned there is nothing left to do: call no other tool, not even kanban_block or "
        "kanban_complete; answer with one sentence that repeats `why`. "
        "With {'error': ...} the watch did not begin: call kanban_block with kind 'needs_input' "
        "and that text as its reason."
    ),
    "parameters": {
        "type": "object",
        "properties": {
            "interval": {
                "type": "number",
                "description": "Seconds between ticks. Leave it out unless the card names one.",
            }
        },
        "required": [],
    },
}

RECONCILE: dict[str, Any] = {
    "name": "agent_sessions_reconcile",
    "description": (
        "Look once at the AI coding agents in tmux and compare them with the registry "
        "agent-sessions.yaml. Returns the report as JSON: sources (one that is 'unknown' could not "
        "be read: conclude nothing about it), drifts (class A tmux gone, B unregistered, C session "
        "id materialised, D stale id) and notices. Writes nothing unless dry_run is false."
    ),
    "parameters": {
        "type": "object",
        "properties": {
            "dry_run": {
                "type": "boolean",
                "description": "Default true: only look. False: also write what is certain.",
            }
        },
        "required": [],
    },
}
