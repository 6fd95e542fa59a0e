"""Where the files are: XDG places, from an explicit environment and home."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from state import xdg

REGISTRY = "agent-sessions.yaml"
REGISTRY_VARIABLE = "AGENT_SESSIONS_REGISTRY"
JOURNAL = "journal.jsonl"
ORDERS = "orders"
_SLUG = re.compile(r"[^A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """The folders and files of one user. None of them need exist."""

    home: Path
    config: Path
    """config.yaml"""
    cache: Path
    """Folder of the drift ledgers."""
    state: Path
    """Folder of the journal, the events, the last good registries and the monitor's lock."""
    default_registry: Path

    @property
    def journal(self) -> Path:
        """Every change made to a registry."""
        return self.state / JOURNAL

    @property
    def hooks(self) -> Path:
        """Folder of what the agents' own session hooks recorded."""
        return self.state / xdg.HOOKS


def places(environ: Mapping[str, str], home: Path) -> Places:
    """XDG variables that are empty or relative are ignored, as the XDG specification asks."""
    config = _base(environ, "XDG_CONFIG_HOME", home / ".config") / "agent-sessions"
    return Places(
        home=home,
        config=config / "config.yaml",
        cache=_base(environ, "XDG_CACHE_HOME", home / ".cache") / xdg.MONITOR,
        state=Path(xdg.state(environ, str(home))),
        default_registry=config / REGISTRY,
    )


def registry(
    found: Places, environ: Mapping[str, str], *, explicit: str | None, configured: str | None
) -> Path:
    """The registry's place: flag, environment, the card's, config file, PuKi's, default.

    The card's is the one in the workspace of a Kanban card that this is a worker of, if it is
    there: `agent-sessions dispatch` gives a card the registry's folder as its workspace.
    """
    workspace = environ.get("HERMES_KANBAN_WORKSPACE", "")
    cards = Path(workspace) / REGISTRY if workspace.startswith("/") else None
    if candidate := explicit or environ.get(REGISTRY_VARIABLE):
        return at_home(candidate, found.home)
    if cards and cards.is_file():
        return cards
    if configured:
        return at_home(configured, found.home)
    puki = found.home / "PuKi" / "lab" / "agent_sessions" / REGISTRY
    return puki if puki.is_file() else found.default_registry


def at_home(path: str, home: Path) -> Path:
    """A path as a person writes it, with a leading `~` meaning `home`."""
    if path == "~" or path.startswith("~/"):
        return home / path[2:]
    return Path(path)


def ledger(cache: Path, real_registry: Path, place: str | None = None) -> Path:
    """`<folder's name>-<hash>.state`: readable, and one for each registry.

    A home that several hosts share has one for each `place` that watches, but for the first.
    """
    slug = _SLUG.sub("-", real_registry.parent.name).strip("-")[:64] or "root"
    return cache / f"{slug}-{_keyed(real_registry, place)}.state"


def last_good(state: Path, real_registry: Path) -> Path:
    """Where the last good copy of a registry is kept."""
    return state / f"registry-{short_hash(real_registry)}.yaml"


def monitor_lock(state: Path, real_registry: Path, place: str | None = None) -> Path:
    """The lock that a running monitor of a registry holds; `place` as for the ledger."""
    return state / f"monitor-{_keyed(real_registry, place)}.lock"


def orders(state: Path, place: str | None = None) -> Path:
    """What people ordered, for every registry that a place watches; `place` as for the ledger."""
    return state / f"{ORDERS if place is None else f'{ORDERS}-{place}'}.jsonl"


def registry_lock(real_registry: Path) -> Path:
    """The lock that all who write a registry share."""
    return real_registry.with_name(f"{real_registry.name}.lock")


def watchers(real_registry: Path) -> Path:
    """Which places have watched a registry: a hidden file that is copied along with it."""
    return real_registry.with_name(f".{real_registry.name}.places")


def being_written(real_registry: Path) -> Path:
    """A registry's next text while it is written, and not whole yet.

    A fixed name: whoever holds the lock may clear away what a killed writer left.
    """
    return real_registry.with_name(f".{real_registry.name}.{xdg.MONITOR}.tmp")


def ready(real_registry: Path) -> Path:
    """The same once it is whole and in the journal; then what it displaced, for a look at that."""
    return real_registry.with_name(f".{real_registry.name}.{xdg.MONITOR}.new")


def short_hash(real_path: Path) -> str:
    """Eight hex digits that name a file by its real path."""
    data = str(real_path).encode("utf-8", "surrogateescape")
    return hashlib.sha256(data).hexdigest()[:8]


def _keyed(real_registry: Path, place: str | None) -> str:
    key = short_hash(real_registry)
    return key if place is None else f"{key}-{place}"


def _base(environ: Mapping[str, str], variable: str, default: Path) -> Path:
    return Path(xdg.base(environ, variable, str(default)))
