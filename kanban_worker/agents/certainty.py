"""Which of an agent's own settings let its ids be proven, and whether they are set. Only read."""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from kanban_worker.agents import files, lines
from reconcile.observed import Unknown

_TOML_LIMIT = 256 * 1024
_MOST_DOTS = 1000
"""In one line: `tomllib` takes quadratic time for a key of many parts, 5 s for 32,000."""
_NOTHING: Mapping[str, object] = {}
_GEMINI_EVENTS = ("SessionStart", "BeforeAgent")
"""The second is that of a prompt: a session that is resumed inside the program has no first."""
_HOOK = re.compile(r"\bagent-sessions\b.*\bhook\b")
# Strings are matched to be skipped. What is not closed goes to the end, so this takes linear time.
_COMMENT = re.compile(r'("(?:\\.|[^"\\])*+(?:"|\Z))|//[^\n]*|/\*.*?(?:\*/|\Z)', re.DOTALL)
_TRAILING = re.compile(r'("(?:\\.|[^"\\])*+(?:"|\Z))|,(?=\s*+[}\]])', re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Certainty:
    """What holds for the ids of one kind of agent."""

    seen: str
    """What holds now, and why."""
    ways: Sequence[Sequence[str]] = ()
    """Settings each of which makes the ids certain: the lines to paste."""
    lacking: bool = False
    """Whether ids stay unproven without one of them."""


def of(kind: str, home: str, environ: Mapping[str, str], command: str) -> Certainty:
    """What holds for a kind of `KINDS`, with this home, environment and command of the hook."""
    return KINDS[kind](home, environ, command)


def _claude(home: str, environ: Mapping[str, str], command: str) -> Certainty:
    path = f"{environ.get('CLAUDE_CONFIG_DIR') or f'{home}/.claude'}/settings.json"
    settings = _json(path)
    if not isinstance(settings, Unknown) and _has_hook(settings):
        if settings.get("disableAllHooks") is not True:
            return Certainty(seen=f"certain; the hook is set in {path}")
        return Certainty(
            seen=f"certain since Claude Code 2.1.239; disableAllHooks in {path} stops the hook"
        )
    add = _add(path, settings, "this")
    hooks = {"SessionStart": [{"hooks": [{"type": "command", "command": command}]}]}
    return Certainty(
        seen=f"certain by themselves since Claude Code 2.1.239; for older ones {add}",
        ways=[[json.dumps({"hooks": hooks})]],
    )


def _codex(home: str, environ: Mapping[str, str], command: str) -> Certainty:
    del command  # its hooks run below the daemon, and tell no pane
    path = f"{environ.get('CODEX_HOME') or f'{home}/.codex'}/config.toml"
    settings = _toml(path)
    if not isinstance(settings, Unknown):
        shown = lines.nested(settings.get("tui"))
        for key in ("terminal_title", "status_line"):
            if "thread-id" in _items(shown.get(key)):
                return Certainty(seen=f"certain; [tui] {key}, set in {path}")
        if lines.nested(settings.get("features")).get("daemon_auto_start") is False:
            return Certainty(seen=f"certain; daemon_auto_start is false in {path}")
    return Certainty(
        seen=f"certain only without its daemon; {_add(path, settings, 'one of these')}",
        ways=[
            ["[tui]", 'terminal_title = ["thread-id"]'],
            ["[features]", "daemon_auto_start = false"],
        ],
        lacking=True,
    )


def _gemini(home: str, environ: Mapping[str, str], command: str) -> Certainty:
    path = f"{environ.get('GEMINI_CLI_HOME') or home}/.gemini/settings.json"
    settings = _json(path)
    if not isinstance(settings, Unknown):
        footer = lines.nested(lines.nested(settings.get("ui")).get("footer"))
        if "session-id" in _items(footer.get("items")):
            return Certainty(seen=f"certain; the footer shows them, set in {path}")
        enabled = lines.nested(settings.get("hooksConfig")).get("enabled") is True
        if enabled and all(_has_hook(settings, event) for event in _GEMINI_EVENTS):
            return Certainty(seen=f"certain; the hooks are set in {path}")
    hook = {"matcher": "*", "hooks": [{"type": "command", "command": command}]}
    hooks = {"hooksConfig": {"enabled": True}, "hooks": {each: [hook] for each in _GEMINI_EVENTS}}
    footer = {"footer": {"items": ["workspace", "session-id", "model-name"]}}
    add = _add(path, settings, "one of these")
    return Certainty(
        seen=f"not certain: Gemini CLI leaves no proof of them; {add}",
        ways=[[json.dumps(hooks)], [json.dumps({"ui": footer})]],
        lacking=True,
    )


def _opencode(home: str, environ: Mapping[str, str], command: str) -> Certainty:
    del home, environ, command
    return Certainty(seen="certain once the first prompt was sent; nothing to set")


def _agy(home: str, environ: Mapping[str, str], command: str) -> Certainty:
    del home, environ, command
    return Certainty(seen="proven by its presence lock; nothing to set")


KINDS: Mapping[str, Callable[[str, Mapping[str, str], str], Certainty]] = {
    "claude": _claude,
    "agy": _agy,
    "codex": _codex,
    "gemini": _gemini,
    "opencode": _opencode,
}


def _add(path: str, settings: Mapping[str, object] | Unknown, what: str) -> str:
    if isinstance(settings, Unknown):
        return f"{settings.why}; it would need {what}"
    return f"add {what} to {path}"


def _has_hook(settings: Mapping[str, object], event: str = "SessionStart") -> bool:
    """Whether a hook for an event runs us, in the form that Claude Code and Gemini CLI share."""
    groups = _items(lines.nested(settings.get("hooks")).get(event))
    hooks = [each for group in groups for each in _items(lines.nested(group).get("hooks"))]
    commands = (lines.text(lines.nested(each).get("command")) or "" for each in hooks)
    return any(map(_HOOK.search, commands))


def _items(value: object) -> Sequence[object]:
    return value if isinstance(value, list) else ()


def _json(path: str) -> Mapping[str, object] | Unknown:
    """Settings in JSON, with comments and trailing commas, as Gemini CLI takes them."""

    def parse(text: str) -> object:
        text = text.removeprefix("\ufeff")
        try:
            return json.loads(text)
        except ValueError:
            plain = _COMMENT.sub(lambda match: match[1] or " ", text)
            return json.loads(_TRAILING.sub(lambda match: match[1] or "", plain))

    return _settings(path, parse, files.LIMIT)


def _toml(path: str) -> Mapping[str, object] | Unknown:
    def parse(text: str) -> object:
        if any(line.count(".") > _MOST_DOTS for line in text.splitlines()):
            raise ValueError("a line has too many dots")
        return tomllib.loads(text)

    return _settings(path, parse, _TOML_LIMIT)


def _settings(
    path: str, parse: Callable[[str], object], limit: int
) -> Mapping[str, object] | Unknown:
    """What a file says; nothing where there is none."""
    try:
        data = files.content(path, limit + 1)
        if len(data) > limit:
            return Unknown(f"{path} is too long to be read")
        value = parse(data.decode("utf-8")) if data.strip() else {}
    except FileNotFoundError as error:
        return files.refusal(path, error) if os.path.islink(path) else _NOTHING
    except OSError as error:
        return files.refusal(path, error)
    except (ValueError, RecursionError) as error:
        return Unknown(f"{path} cannot be read: {error}")
    return value if isinstance(value, dict) else Unknown(f"{path} holds no settings")
