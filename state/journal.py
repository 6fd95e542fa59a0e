"""The journal: every change made to a registry, one JSON object a line, written ahead."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from reconcile.desired import Scalar
from state import durable, lines
from state.durable import Owner
from state.errors import CouldNot
from state.text import scalars, traces
from state.text.traces import Trace

VERSION: Final = 1
LONGEST_LINE: Final = 65536
"""Bytes; a longer record loses its evidence, then its traces; a longer line is not read."""
LARGEST: Final = 16 * 1024 * 1024
"""Bytes, counted from the end; what stands before them is not read."""
MOST_LINES: Final = 20_000
"""Of them, the last ones."""
_LONGEST_VALUE: Final = 1024
_OVERTAKEN: Final = "the next change found the registry as it was before this one"

Value = Scalar | Mapping[str, Scalar]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyChange:
    """One key, before and after; None before means that it was null or not there."""

    key: str
    before: Value
    after: Value


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One session's change, and the evidence for it."""

    at: datetime
    session: str
    drift: str
    drift_class: str
    changes: tuple[KeyChange, ...]
    evidence: Mapping[str, object]
    traces: tuple[Trace, ...] = ()
    """What the change leaves in the text; without them it cannot be undone."""
    undoes: str | None = None
    """The id of the change that this one takes back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """One change as the journal holds it."""

    change: str
    at: str
    session: str
    drift: str
    drift_class: str
    changes: tuple[KeyChange, ...]
    evidence: Mapping[str, object]
    """As it was written, and as JSON has it: times are text."""
    void: str | None
    """Why it did not take place after all; None when it did."""
    undoes: str | None = None
    traces: tuple[Trace, ...] = field(default=(), repr=False)
    registry: str = ""
    """The file's real path."""
    sums: tuple[str, str] = ("", "")
    """SHA-256 of the whole file before and after, in hex."""


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What could be read, oldest first: the last 20,000 lines, at most 16 MiB."""

    changes: tuple[Written, ...]
    skipped: int
    """Lines that hold no record: torn by a crash, or written by a later version."""


def append(
    path: Path,
    registry: Path,
    records: Sequence[Record],
    *,
    before: bytes,
    after: bytes,
    owner: Owner | None = None,
) -> tuple[str, ...]:
    """Write the records of one replacement ahead of it; the ids they got. Raises CouldNot."""
    sums = checksum(before), checksum(after)
    ids = tuple(_change_id(record, sums) for record in records)
    lines = [_line(*pair, registry, sums) for pair in zip(records, ids, strict=True)]
    if lines:
        _append(path, b"\n".join(lines), owner)
    return ids


def void(path: Path, changes: Sequence[str], why: str) -> None:
    """Say that changes written ahead did not take place. Raises CouldNot."""
    lines = [_json({"void": change, "why": scalars.shown(why, 300)}) for change in changes]
    if lines:
        _append(path, b"\n".join(lines))


def read(path: Path) -> History:
    """Raises CouldNot when there is a journal that cannot be opened."""
    try:
        with durable.opened(path) as file:
            last = deque(lines.tail(file, most=LARGEST, longest=LONGEST_LINE), MOST_LINES)
            found = [_parsed(line) for line in last]
    except FileNotFoundError:
        return History(changes=(), skipped=0)
    except OSError as error:
        raise durable.could_not(f"journal {path} could not be read", error) from None
    voids = {one[0]: one[1] for one in found if isinstance(one, tuple)}
    changes = [_written(one, voids) for one in found if isinstance(one, dict)]
    good = tuple(_settled([change for change in changes if change is not None]))
    return History(changes=good, skipped=len(found) - len(good) - len(voids))


def last_write(path: Path, registry: Path) -> Sequence[Written]:
    """The changes that were written ahead of a registry's last replacement. Raises CouldNot."""
    ours = [one for one in read(path).changes if one.registry == str(registry)]
    return _writes(ours)[-1] if ours else ()


def checksum(data: bytes) -> str:
    """What the journal knows a text by."""
    return hashlib.sha256(data).hexdigest()


def left_by_undo(path: Path, data: bytes) -> bool:
    """Whether a registry with these bytes is what an undo made of it."""
    with contextlib.suppress(CouldNot):
        found = checksum(data)
        changes = read(path).changes
        return any(one.undoes and not one.void and one.sums[1] == found for one in changes)
    return False


def _settled(changes: Iterable[Written]) -> Iterator[Written]:
    """The changes, with those void whose writer was killed before it made them.

    They are written ahead; the next write gives them away by beginning from the same bytes.
    """
    began: dict[str, str] = {}
    settled: list[Written] = []
    for write in reversed(_writes(changes)):
        registry, before = write[0].registry, write[0].sums[0]
        overtaken = before and before == began.get(registry)
        void = [replace(one, void=one.void or _OVERTAKEN) for one in write] if overtaken else write
        settled += reversed(void)
        began[registry] = before
    return reversed(settled)


def _writes(changes: Iterable[Written]) -> list[list[Written]]:
    """The changes of each write. A second try may have the same sums, and the same changes."""
    writes: list[list[Written]] = []
    seen: set[object] = set()
    for one in changes:
        this = one.registry, one.sums
        if this not in seen or (this, one.session, one.drift) in seen:
            writes.append([])
            seen = {this}
        seen.add((this, one.session, one.drift))
        writes[-1].append(one)
    return writes


def _append(path: Path, lines: bytes, owner: Owner | None = None) -> None:
    try:
        durable.append(path, lines, owner)
    except OSError as error:
        raise durable.could_not(f"journal {path} could not be written", error) from None


def _change_id(record: Record, sums: tuple[str, str]) -> str:
    parts = (record.at.isoformat(), record.session, record.drift, *sums)
    return hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()[:12]


def _line(record: Record, change: str, registry: Path, sums: tuple[str, str]) -> bytes:
    found: dict[str, object] = {
        "version": VERSION,
        "change": change,
        "at": record.at.isoformat(),
        "registry": str(registry),
        "session": record.session,
        "drift": record.drift,
        "class": record.drift_class,
        "changes": [
            {"key": one.key, "before": _value(one.before), "after": _value(one.after)}
            for one in record.changes
        ],
        "evidence": dict(record.evidence),
        "before_sha256": sums[0],
        "after_sha256": sums[1],
        **({"undoes": record.undoes} if record.undoes else {}),
        "traces": traces.as_plain(record.traces),
    }
    line = _json(found)
    if len(line) > LONGEST_LINE:
        found["evidence"] = {"left out": f"{len(line)} bytes"}
        line = _json(found)
    return line if len(line) <= LONGEST_LINE else _json(found | {"traces": []})


def _value(value: Value) -> object:
    if isinstance(value, Mapping):
        return {key: _value(inner) for key, inner in value.items()}
    if value is None or isinstance(value, int):
        return value
    return scalars.spelled(value)[:_LONGEST_VALUE]


def _json(data: Mapping[str, object]) -> bytes:
    return json.dumps(data, ensure_ascii=True, default=str).encode()


def _parsed(line: bytes) -> dict[str, Any] | tuple[str, str] | None:
    try:
        data = json.loads(line)
        if "void" in data:
            return str(data["void"]), str(data["why"])
        return data if data["version"] == VERSION else None
    except (ValueError, TypeError, KeyError, RecursionError):
        return None


def _written(data: Mapping[str, Any], voids: Mapping[str, str]) -> Written | None:
    try:
        return Written(
            change=str(data["change"]),
            at=str(data["at"]),
            session=str(data["session"]),
            drift=str(data["drift"]),
            drift_class=str(data["class"]),
            changes=tuple(
                KeyChange(key=str(one["key"]), before=one["before"], after=one["after"])
                for one in data["changes"]
            ),
            evidence=_evidence(data),
            void=voids.get(str(data["change"])),
            undoes=None if data.get("undoes") is None else str(data["undoes"]),
            traces=traces.from_plain(data.get("traces")),
            registry=str(data.get("registry", "")),
            sums=(str(data.get("before_sha256", "")), str(data.get("after_sha256", ""))),
        )
    except (KeyError, TypeError):
        return None


def _evidence(data: Mapping[str, Any]) -> Mapping[str, object]:
    found = data.get("evidence")
    return {str(key): value for key, value in found.items()} if isinstance(found, dict) else {}
