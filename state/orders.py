"""The orders of people: what `ack` and `unack` append, and every tick reads.

They stand in a file of their own, one JSON object a line, so that no command writes the ledger
beside a running monitor. A tick that finds the file as it was asks for nothing but its stat.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from reconcile.orders import Order, Verb
from state import durable, lines, locking
from state.durable import Owner
from state.text import scalars

VERSION: Final = 1
LARGEST: Final = 256 * 1024
"""Bytes. When it would grow beyond, only its last part is kept: what counts is in the ledger."""
KEPT: Final = LARGEST // 4
LOCK_TIMEOUT: Final = 5.0
"""Seconds."""
_LONGEST_LINE: Final = 16 * 1024
_LONGEST_NAME: Final = 100
_FINDING: Final = re.compile(r"[A-Z]-[0-9a-f]{8}", re.ASCII)

_Stamp = tuple[int, int, int]
_Json = Any
"""What a file holds that anybody may have changed: every wrong type raises on use."""


class Book:
    """The orders for one registry."""

    def __init__(self, path: Path, real_registry: Path, owner: Owner | None = None) -> None:
        """Touches nothing yet. `owner` is the registry's."""
        self._path, self._registry, self._owner = path, str(real_registry), owner
        self._stamp: _Stamp | None = None
        self._orders: tuple[Order, ...] = ()

    def read(self) -> tuple[Order, ...]:
        """All that are kept, as they were appended; what is no order is passed over.

        Raises CouldNot when there is a file that cannot be read.
        """
        try:
            stamp = self._stamped()
            if stamp != self._stamp:
                self._orders, self._stamp = tuple(self._ours()) if stamp else (), stamp
        except OSError as error:
            raise durable.could_not(f"orders {self._path} could not be read", error) from None
        return self._orders

    def add(
        self,
        verb: Verb,
        findings: Iterable[str],
        *,
        at: datetime,
        by: str,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Order the same of several findings. Raises CouldNot, and then nothing was ordered."""
        lock = self._path.with_name(f"{self._path.name}.lock")
        try:
            durable.private_folder(self._path.parent, self._owner)
            with locking.held(lock, timeout=LOCK_TIMEOUT, sleep=sleep, owner=self._owner):
                last = max((seq for seq, _ in self._all()), default=0)
                rows = enumerate(findings, last + 1)
                said = {"at": at.isoformat(), "by": by, "registry": self._registry, "order": verb}
                self._append([{"seq": seq, **said, "finding": each} for seq, each in rows])
        except OSError as error:
            raise durable.could_not(f"orders {self._path} could not be written", error) from None

    def _append(self, rows: Iterable[Mapping[str, object]]) -> None:
        text = b"\n".join(json.dumps({"version": VERSION, **row}).encode() for row in rows)
        size = self._path.stat().st_size if self._path.exists() else 0
        if size + len(text) <= LARGEST:
            durable.append(self._path, text, self._owner)
            return
        with durable.opened(self._path) as file:
            kept = [line.strip() for line in lines.tail(file, most=KEPT, longest=_LONGEST_LINE)]
        durable.replace(self._path, b"\n".join([*filter(None, kept), text, b""]), self._owner)

    def _stamped(self) -> _Stamp | None:
        try:
            info = os.stat(self._path)  # noqa: PTH116 - once a tick
        except FileNotFoundError:
            return None
        return info.st_ino, info.st_size, info.st_mtime_ns

    def _ours(self) -> Iterable[Order]:
        return [order for _, order in self._all() if order is not None]

    def _all(self) -> list[tuple[int, Order | None]]:
        """Each number, with its order where it is one for this registry. Raises OSError."""
        try:
            with durable.opened(self._path) as file:
                found = list(lines.tail(file, most=LARGEST, longest=_LONGEST_LINE))
        except FileNotFoundError:
            return []
        return [row for row in map(self._parsed, found) if row is not None]

    def _parsed(self, line: bytes) -> tuple[int, Order | None] | None:
        try:
            data = json.loads(line)
            seq = _number(data["seq"])
            ours = data["version"] == VERSION and data["registry"] == self._registry
        except (ValueError, TypeError, KeyError, RecursionError):
            return None
        try:
            return seq, _order(seq, data) if ours else None
        except (ValueError, TypeError, KeyError):
            return seq, None


def _order(seq: int, data: _Json) -> Order:
    if not _FINDING.fullmatch(data["finding"]):
        raise ValueError
    return Order(
        seq=seq,
        verb=Verb(data["order"]),
        finding=data["finding"],
        at=_moment(data["at"]),
        by=scalars.shown(str(data["by"]), _LONGEST_NAME),
    )


def _number(found: _Json) -> int:
    if not isinstance(found, int) or not 0 < found < 2**63:
        raise ValueError
    return int(found)


def _moment(text: _Json) -> datetime:
    found = datetime.fromisoformat(text)
    if found.tzinfo is None or not scalars.is_moment(found):
        raise ValueError
    return found
