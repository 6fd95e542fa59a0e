"""The kinds of agent, and the form of their ids: what a hook needs, and cheap to import."""

import re

AGENTS = ("claude", "agy", "codex", "gemini", "opencode")
"""The kinds of agent whose conversations we can look up."""

UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
OPENCODE_SESSION = re.compile(r"ses_[0-9A-Za-z]{1,64}")

HOOKED = {"claude": UUID, "codex": UUID, "gemini": UUID, "opencode": OPENCODE_SESSION}
"""The whole form of a conversation's id, for each kind that can run a session hook."""

IDS = {**HOOKED, "agy": UUID}
"""The same for every kind."""
