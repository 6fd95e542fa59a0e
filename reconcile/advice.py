"""Commands in messages, as whoever reads them must give them to mean the same registry."""

from __future__ import annotations

import re

# Not within a path or a name, nor in "(pid 7, agent-sessions work)", which tells what runs. A help
# is the same for every registry, and a hook's command is compared by what it says.
_COMMAND = re.compile(
    r"(?<![\w./@-])(?<!, )agent-sessions(?= (?!hook\b|demo\b)[a-z][a-z-]*(?![\w-])(?! --help))"
)


def completed(text: str, options: str) -> str:
    """The text with `options` in each command of ours that it names: behind the program's name."""
    if not options or "agent-sessions" not in text:
        return text
    return _COMMAND.sub(lambda found: f"{found[0]} {options}", text)
