"""Enabling the plugin in a Hermes config.yaml without touching another byte of it.

`hermes plugins enable` of 0.19.0 dumps the whole file anew: a person's comments, quotes, order and
layout are gone afterwards. So the one line is added here, the way the registry is edited, and what
came of it is held against the old data before it is written.
"""

from __future__ import annotations

import copy
import os
import stat
from pathlib import Path
from typing import Any

from kanban_worker.hermes.homes import PLUGIN
from state import durable, encoding
from state.errors import CouldNot, MustMend
from state.text import alteration, splices, yamlnodes, yamltext
from state.text.alteration import NoPlace
from state.text.splices import Splice
from state.text.yamlnodes import List, Map, Node, Tree

NEW_FILE = 0o600
"""A config.yaml may hold keys of models."""
_ITEM = f"- {PLUGIN}"


def enable(path: Path) -> bool:
    """Adds the plugin to `plugins.enabled`; whether there was something to do.

    Raises:
        MustMend: the file cannot be edited safely, or somebody disabled the plugin in it.
        CouldNot: it cannot be read or written.
    """
    real = Path(os.path.realpath(path))
    try:
        before = real.read_bytes() if real.exists() else b""
    except OSError as error:
        raise durable.could_not(f"config {path} cannot be read", error) from None
    after = with_plugin(before, path)
    if after == before:
        return False
    try:
        _write(real, before, after)
    except OSError as error:
        raise durable.could_not(f"config {path} could not be written", error) from None
    return True


def with_plugin(before: bytes, path: Path) -> bytes:
    """The bytes of a config in which the plugin is enabled. Raises MustMend."""
    try:
        text = encoding.decode(before, path.name)
        data = _loaded(text, path)
        plugins = data.get("plugins") or {}
        if PLUGIN in (plugins.get("disabled") or ()):
            raise MustMend(
                f"config {path}: {PLUGIN} is under plugins.disabled, where somebody turned it off. "
                "Take it out there, then try again"
            )
        if PLUGIN in (plugins.get("enabled") or ()):
            return before
        edited = splices.apply(text, _edit(yamltext.parse(text, path.name)))
    except (NoPlace, AttributeError, TypeError):
        raise _by_hand(path) from None
    except yamltext.Unparsable as error:
        raise MustMend(str(error).replace("registry", "config", 1)) from None
    expected: dict[str, Any] = copy.deepcopy(data)
    expected["plugins"] = dict(expected.get("plugins") or {})
    expected["plugins"]["enabled"] = [*(expected["plugins"].get("enabled") or ()), PLUGIN]
    if _loaded(edited, path) != expected:
        raise _by_hand(path)
    return encoding.encode(edited, before)


def external_skills(path: Path, home: Path) -> list[Path]:
    """The folders of `skills.external_dirs`; none where the file cannot tell."""
    try:
        text = path.read_text("utf-8")
        listed = _loaded(text, path)["skills"]["external_dirs"] if "external_dirs" in text else []
        words = [listed] if isinstance(listed, str) else list(listed or ())
        return [home / os.path.expandvars(Path(str(word)).expanduser()) for word in words]
    except (OSError, UnicodeError, MustMend, LookupError, TypeError, RuntimeError):
        return []


def model(path: Path) -> str:
    """The model that a config names, with its provider; empty: none. Raises MustMend, CouldNot."""
    named = _read(path).get("model") or ""
    if not isinstance(named, dict):
        return str(named)
    name, provider = named.get("default") or named.get("model"), named.get("provider")
    return f"{name} ({provider})" if name and provider else str(name or "")


def is_enabled(path: Path) -> bool:
    """Whether a config lets Hermes load the plugin. Raises MustMend, CouldNot."""
    plugins = _read(path).get("plugins")
    listed = plugins if isinstance(plugins, dict) else {}
    enabled, disabled = listed.get("enabled"), listed.get("disabled")
    is_off = isinstance(disabled, list) and PLUGIN in disabled
    return isinstance(enabled, list) and PLUGIN in enabled and not is_off


def dispatches(path: Path) -> bool:
    """Whether a gateway with this config starts the workers of cards, as it does unless told."""
    try:
        kanban = _read(path).get("kanban")
    except (MustMend, CouldNot):
        return True
    return not isinstance(kanban, dict) or kanban.get("dispatch_in_gateway", True) is not False


def _read(path: Path) -> dict[str, Any]:
    """The data; empty where there is no file. Raises MustMend, CouldNot."""
    try:
        return _loaded(path.read_text("utf-8"), path)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise durable.could_not(f"config {path} cannot be read", error) from None
    except UnicodeError:
        raise MustMend(f"config {path} is no UTF-8 text. Mend it, then try again") from None


def _edit(tree: Tree) -> list[Splice]:
    text, root = tree.text, tree.root
    if root is None or yamlnodes.is_null(root):
        gap = "" if not text or text.endswith("\n") else "\n"
        return [Splice(len(text), len(text), f"{gap}plugins:\n  enabled:\n    {_ITEM}\n")]
    if not isinstance(root, Map):
        raise NoPlace("it is no mapping")
    plugins = alteration.written(root, "plugins")
    if plugins is None and root.flow:
        return [alteration.into_flow(text, root, [f"plugins: {{enabled: [{PLUGIN}]}}"])]
    if plugins is None:
        return [_behind(text, root, ["plugins:", "  enabled:", f"    {_ITEM}"])]
    return _into(text, root, *plugins)


def _into(text: str, root: Map, key: Node, plugins: Node) -> list[Splice]:
    if not isinstance(plugins, Map) or not plugins.items:
        if root.flow:
            raise NoPlace("plugins is empty, in a flow mapping")
        pad = _indent(root)
        lines = [f"{pad}  enabled:", f"{pad}    {_ITEM}"]
        return alteration.block_in_place(text, key, plugins, lines)
    enabled = alteration.written(plugins, "enabled")
    if enabled is not None:
        return _append(text, plugins, *enabled)
    if plugins.flow:
        return [alteration.into_flow(text, plugins, [f"enabled: [{PLUGIN}]"])]
    return [_behind(text, plugins, ["enabled:", f"  {_ITEM}"])]


def _append(text: str, plugins: Map, key: Node, value: Node) -> list[Splice]:
    if isinstance(value, List) and value.flow:
        return [alteration.into_flow(text, value, [PLUGIN])]
    if isinstance(value, List):
        pad = " " * (alteration.dash_column(text, value.items[-1]) - 1)
        return [splices.after_line(text, splices.node_end(text, value), [f"{pad}{_ITEM}"])]
    if plugins.flow or not yamlnodes.is_null(value):
        raise NoPlace("plugins.enabled is no list")
    return alteration.block_in_place(text, key, value, [f"{_indent(plugins)}  {_ITEM}"])


def _behind(text: str, found: Map, lines: list[str]) -> Splice:
    pad = _indent(found)
    return splices.after_line(text, splices.node_end(text, found), [pad + each for each in lines])


def _indent(found: Map) -> str:
    return " " * (found.items[0][0].column - 1)


def _loaded(text: str, path: Path) -> dict[str, Any]:
    """The data, as Hermes reads it. Raises MustMend."""
    from ruamel.yaml import YAML  # noqa: PLC0415 - 10 ms that other commands save
    from ruamel.yaml.error import YAMLError  # noqa: PLC0415 - as above

    try:
        data = YAML(typ="safe", pure=True).load(text)
    except (YAMLError, ValueError, LookupError, OverflowError, RecursionError) as error:
        problem = getattr(error, "problem", None) or str(error).partition("\n")[0]
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise MustMend(f"config {path}{where}: {problem}. Mend it, then try again") from None
    if not isinstance(data, dict | None):
        raise MustMend(f"config {path}: it must be a mapping. Mend it, then try again")
    return data or {}


def _by_hand(path: Path) -> MustMend:
    return MustMend(
        f"config {path}: plugins.enabled is written in a way that cannot be edited without "
        f"changing something else. Add {PLUGIN} to that list by hand"
    )


def _write(real: Path, before: bytes, after: bytes) -> None:
    """In one step, with the old file's mode, and only if nobody saved it in between."""
    mode = stat.S_IMODE(real.stat().st_mode) if real.exists() else NEW_FILE
    temporary = real.with_name(f".{real.name}.agent-sessions-monitor.tmp")
    try:
        durable.write_new(temporary, after, mode)
        if (real.read_bytes() if real.exists() else b"") != before:
            raise CouldNot(f"config {real} was saved by somebody else meanwhile. Try again")
        temporary.replace(real)
    finally:
        temporary.unlink(missing_ok=True)
    durable.sync_folder(real.parent)
