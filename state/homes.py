"""Which places have watched a registry: a small file beside it, which is copied along with it.

By it a registry that was copied, synced or mounted tells a newcomer that it lives elsewhere.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from reconcile import names
from reconcile.observed import Unknown
from state import durable, locking, paths
from state.durable import Owner
from state.errors import CouldNot
from state.text import scalars

VERSION: Final = 1
LARGEST: Final = 1024 * 1024
"""Bytes."""
MOST_PLACES: Final = 256
MOST_HOSTS: Final = 64
LONGEST_HOST: Final = 255
RENEWED: Final = timedelta(hours=1)
"""How old a row may get while its place goes on watching: a tick rewrites no file for nothing."""
LOCK_TIMEOUT: Final = 5.0
"""Seconds."""

_ID: Final = re.compile(r"[0-9a-f]{32}", re.ASCII)
_Json = Any
"""What a file holds that anybody may have changed: every wrong type raises on use."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watcher:
    """A place that has watched the registry."""

    id: str
    """32 hex digits: a keyed hash."""
    hosts: tuple[str, ...]
    """The names it had, oldest first."""
    home_since: datetime | None
    """Since when it is the registry's home by somebody's word."""
    watched_at: datetime
    """When it last said so; renewed about every hour."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watchers:
    """All of them, in the order in which they first came."""

    places: tuple[Watcher, ...] = ()


def load(real_registry: Path) -> Watchers | Unknown:
    """Who has watched a registry; nobody where there is no such file. Never raises."""
    found = _read(paths.watchers(real_registry))
    return found if isinstance(found, Unknown) else found[1]


def position(found: Watchers, place: str) -> int | None:
    """The how manieth a place was to come, from 0; None when it never watched."""
    return next((n for n, each in enumerate(found.places) if each.id == place), None)


def note(
    real_registry: Path,
    place: str,
    host: str,
    now: datetime,
    *,
    home: bool,
    timeout: float = LOCK_TIMEOUT,
    sleep: Callable[[float], None] = time.sleep,
) -> Watchers:
    """Say that a place watches the registry, and that it is its home if so; all who do, then.

    Nothing is written where that is known and not older than `RENEWED`. A place that is a home
    stays one, and is one anew when somebody says so again. Other rows, and keys that this version
    does not know, stay as they are. Raises CouldNot, also when what is there cannot be told:
    writing would forget the others.
    """
    path = paths.watchers(real_registry)
    known = load(real_registry)
    if isinstance(known, Watchers) and _is_told(known, place, host, now, home=home):
        return known
    owner = durable.owner_of(real_registry)
    lock = paths.registry_lock(real_registry)
    with locking.held(lock, timeout=timeout, sleep=sleep, owner=owner):
        found = _read(path)
        if isinstance(found, Unknown):
            raise CouldNot(
                f"{found.why}, so this place was not put into it. If no other host watches this "
                "registry, remove that file, then run: agent-sessions check --here"
            )
        rows = _noted(found[0].get("places", []), place, host, now, home=home)
        data = _fitting(found[0] | {"version": VERSION, "places": rows}, place, path)
        _replace(real_registry, path, data, owner)
    return _watchers(json.loads(data))


def _is_told(found: Watchers, place: str, host: str, now: datetime, *, home: bool) -> bool:
    at = position(found, place)
    if at is None:
        return False
    mine = found.places[at]
    named = host in mine.hosts or not _is_host(host)
    return named and not home and abs(now - mine.watched_at) < RENEWED


def _noted(
    rows: list[dict[str, _Json]], place: str, host: str, now: datetime, *, home: bool
) -> list[dict[str, _Json]]:
    at = now.isoformat()
    none: dict[str, _Json] = {"id": place, "hosts": [], "home_since": None}
    mine = next((row for row in rows if row["id"] == place), none)
    hosts = mine["hosts"]
    if host not in hosts and _is_host(host):
        hosts = [*hosts, host][-MOST_HOSTS:]
    since = at if home else mine["home_since"]
    new = mine | {"hosts": hosts, "home_since": since, "watched_at": at}
    return [*rows, new] if mine is none else [new if row is mine else row for row in rows]


def _fitting(data: dict[str, _Json], place: str, path: Path) -> bytes:
    """The file's text, without the places that nobody has watched from for longest."""
    rows: list[dict[str, _Json]] = data["places"]
    while True:
        try:
            text = json.dumps(data | {"places": rows}, ensure_ascii=True).encode() + b"\n"
        except RecursionError:
            raise CouldNot(f"{path} is nested too deep. Nothing was written. Mend it") from None
        if len(rows) <= MOST_PLACES and len(text) <= LARGEST:
            return text
        others = [row for row in rows if row["id"] != place]
        if not others:
            raise CouldNot(f"{path} would be larger than {LARGEST} bytes. Nothing was written")
        oldest = min(
            others, key=lambda row: (row["home_since"] is not None, _moment(row["watched_at"]))
        )
        rows = [row for row in rows if row is not oldest]


def _replace(real_registry: Path, path: Path, data: bytes, owner: Owner | None) -> None:
    """As readable as the registry: whoever shares it must see who else does."""
    try:
        durable.replace(path, data, owner, mode=real_registry.stat().st_mode & 0o666)
    except OSError as error:
        raise durable.could_not(f"{path} could not be written", error) from None


def _read(path: Path) -> tuple[dict[str, _Json], Watchers] | Unknown:
    """What the file holds, as it is and as it counts."""
    try:
        data = durable.read(path, LARGEST + 1)
    except FileNotFoundError:
        return {}, Watchers()
    except OSError as error:
        return _unknown(path, error.strerror or str(error))
    if len(data) > LARGEST:
        return _unknown(path, f"it is larger than {LARGEST} bytes")
    try:
        found = json.loads(data)
        return found, _watchers(found)
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        return _unknown(path, "it is torn, or of another version")


def _unknown(path: Path, why: str) -> Unknown:
    return Unknown(f"who has watched this registry cannot be told from {path} ({why})")


def _watchers(data: _Json) -> Watchers:
    if data["version"] != VERSION or not isinstance(data["places"], list):
        raise ValueError
    return Watchers(places=tuple(map(_watcher, data["places"])))


def _watcher(data: Mapping[str, _Json]) -> Watcher:
    since, hosts = data["home_since"], data["hosts"]
    if not _ID.fullmatch(data["id"]) or not isinstance(hosts, list):
        raise ValueError
    if not all(isinstance(each, str) and _is_host(each) for each in hosts):
        raise ValueError
    return Watcher(
        id=data["id"],
        hosts=tuple(hosts),
        home_since=None if since is None else _moment(since),
        watched_at=_moment(data["watched_at"]),
    )


def _is_host(text: str) -> bool:
    return 0 < len(text) <= LONGEST_HOST and names.no_text(text, "host") is None


def _moment(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    if found.tzinfo is None or not scalars.is_moment(found):
        raise ValueError
    return found
