"""What can be wrong in an entry, each fault with its line."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from reconcile import desired, kinds, names
from reconcile.desired import RUNNING, TERMINATED
from reconcile.observed import SessionName
from state.text import scalars, shape, yamldata, yamlnodes
from state.text.shape import Row
from state.text.yamlnodes import Map, Node, Scalar, Tree

LONGEST_ID: Final = 128
LONGEST_TEXT: Final = 4096
LONGEST_HOST: Final = 255
OWN_ID: Final = "_session_id_own"
_TEXTS: Final = ("agent", "status", "workspace", "created_at", "terminated_at")
_PID = re.compile(r"[1-9][0-9]{0,9}", re.ASCII)
_LARGEST_PID: Final = 2**31 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Something wrong in one entry. A grave one keeps the entry from being judged."""

    line: int
    column: int
    session: SessionName | None
    message: str
    """What was seen: a clause without a full stop."""
    grave: bool
    holds: bool = False
    """Whether nothing may be written at all while it is there, for whichever entry."""

    def told(self, source: str) -> str:
        """The whole line for a person; `source` is the file's name."""
        return f"registry {source}, line {self.line}, column {self.column}: {self.message}"


def name_of(row: Row) -> SessionName | None:
    """The name as a key; cut off where it is too long anyway."""
    return None if row.text is None else names.key(row.text[: names.LONGEST + 1])


def place(row: Row) -> tuple[int, int]:
    """Line and column of the name, else of the entry."""
    at = row.name or row.node
    return at.line, at.column


def _called(row: Row) -> str:
    return f'entry "{scalars.shown(row.text)}"' if row.text else "an entry without a name"


def _fault(row: Row, at: Node, message: str, *, grave: bool = True) -> Fault:
    return Fault(
        line=at.line,
        column=at.column,
        session=name_of(row),
        message=f"{_called(row)}: {message}",
        grave=grave,
    )


def grave(row: Row, rows: Mapping[SessionName, Row]) -> Iterator[Fault]:
    """What keeps an entry from being judged; `rows` are the entries above it."""
    if not isinstance(yamlnodes.target(row.node), Map):
        yield _fault(row, row.node, "no keys are below it")
        return
    yield from _of_name(row, rows)
    for key in _TEXTS:
        yield from _of_scalar(row, row.pairs, key, LONGEST_TEXT)
    for key in row.pairs:
        if key.endswith(OWN_ID):
            yield from _of_scalar(row, row.pairs, key, LONGEST_ID)
    yield from _of_pane(row)
    yield from _of_identities(row)


def _of_name(row: Row, rows: Mapping[SessionName, Row]) -> Iterator[Fault]:
    name = name_of(row)
    if name is None:
        at = row.name or row.node
        yield _fault(row, at, "it needs `name:` and the tmux session's name")
    elif wrong := names.fault_of(row.text or ""):
        yield _fault(row, row.name or row.node, wrong)
    elif name in rows:
        line = place(rows[name])[0]
        message = f"the name is already used in line {line}"
        yield replace(_fault(row, row.name or row.node, message), holds=True)


def _of_scalar(row: Row, pairs: yamldata.Pairs, key: str, longest: int) -> Iterator[Fault]:
    if key not in pairs:
        return
    node = pairs[key][1]
    found = yamlnodes.target(node)
    if not isinstance(found, Scalar):
        yield _fault(row, node, f'"{scalars.shown(key)}" is not a single value')
    elif len(found.value) > longest:
        yield _fault(row, node, f'"{scalars.shown(key)}" is longer than {longest} characters')
    elif wrong := names.no_text(found.value, f'"{scalars.shown(key)}"'):
        yield _fault(row, node, wrong)


def _of_map(row: Row, pairs: yamldata.Pairs, key: str) -> Iterator[Fault]:
    if key in pairs and not yamlnodes.is_null(pairs[key][1]):
        node = pairs[key][1]
        if not isinstance(yamlnodes.target(node), Map):
            message = f'"{scalars.shown(key)}" is neither a mapping nor null'
            yield _fault(row, node, message)


def _of_pane(row: Row) -> Iterator[Fault]:
    yield from _of_map(row, row.pairs, "pane")
    pane = yamldata.inner(row.pairs, "pane")
    for key in ("cmd", "cwd"):
        yield from _of_scalar(row, pane, key, LONGEST_TEXT)
    if "pid" not in pane or yamlnodes.is_null(pane["pid"][1]):
        return
    node = pane["pid"][1]
    found = yamlnodes.target(node)
    text = found.value if isinstance(found, Scalar) and not found.style else ""
    if not _PID.fullmatch(text) or int(text) > _LARGEST_PID:
        seen = f' ("{scalars.shown(text)}")' if text else ""
        yield _fault(row, node, f"pane.pid{seen} is neither a positive whole number nor null")


def _of_identities(row: Row) -> Iterator[Fault]:
    yield from _of_map(row, row.pairs, "agent_identities")
    identities = yamldata.inner(row.pairs, "agent_identities")
    for kind in identities:
        yield from _of_map(row, identities, kind)
        yield from _of_scalar(row, yamldata.inner(identities, kind), "session_id", LONGEST_ID)


def notes(row: Row, name: SessionName) -> Iterator[Fault]:
    """What a person should see, and what nothing depends on."""
    status, agent = yamldata.text(row.pairs, "status"), yamldata.text(row.pairs, "agent")
    if status not in (None, RUNNING, TERMINATED):
        message = f'status "{scalars.shown(status or "")}" is none that is judged, and left alone'
        if desired.is_nearly_running(status):
            message += ": is `running` meant?"
        yield _note(row, "status", message)
    if agent is not None and agent not in kinds.AGENTS:
        known = ", ".join(kinds.AGENTS)
        yield _note(row, "agent", f'agent "{scalars.shown(agent)}" is none of {known}')
    yield from _ids(row)
    if (
        "host" in row.pairs
        and not yamlnodes.is_null(row.pairs["host"][1])
        and not host_of(row.pairs)
    ):
        message = f"host is no name of at most {LONGEST_HOST} characters, and is not read"
        yield _note(row, "host", message)
    for key in ("created_at", "terminated_at"):
        text = yamldata.text(row.pairs, key)
        if text is not None and scalars.timestamp(text) is None:
            message = f'{key} "{scalars.shown(text)}" is no timestamp such as 2026-06-01T10:00:00Z'
            yield _note(row, key, message)
    inner = yamldata.text(row.pairs, shape.NAME)
    if inner is not None and names.key(inner) != name:
        yield _note(row, shape.NAME, f'its key counts, not the name "{scalars.shown(inner)}" in it')


def _ids(row: Row) -> Iterator[Fault]:
    """Recorded ids that cannot be ones of their agent's: no conversation is ever found by them."""
    for kind, form in kinds.IDS.items():
        own = yamldata.text(row.pairs, f"{kind}{OWN_ID}")
        if own and not form.fullmatch(own):
            message = f'"{scalars.shown(own)}" is no session id of {kind}'
            yield _note(row, f"{kind}{OWN_ID}", message)


def host_of(pairs: yamldata.Pairs) -> str | None:
    """Whose entry it is; None also where no host can be called so."""
    text = yamldata.text(pairs, "host")
    if not text or len(text) > LONGEST_HOST or names.no_text(text, "host"):
        return None
    return text


def _note(row: Row, key: str, message: str) -> Fault:
    return _fault(row, row.pairs[key][1], message, grave=False)


def of_links(info: os.stat_result) -> Iterator[Fault]:
    """A file with several names, of which a write would change one."""
    message = f"the file has {info.st_nlink} names (hard links), and is not written while it has"
    yield Fault(line=1, column=1, session=None, message=message, grave=False, holds=True)


def of_version(tree: Tree) -> Iterator[Fault]:
    """A `version` that this program does not know."""
    root = None if tree.root is None else yamlnodes.target(tree.root)
    if not isinstance(root, Map) or "version" not in (pairs := yamldata.own(root)):
        return
    node = yamlnodes.target(pairs["version"][1])
    if isinstance(node, Scalar) and node.value in ("1", "1.0"):
        return
    message = "this version of the file is unknown; it is read as version 1"
    yield Fault(line=node.line, column=node.column, session=None, message=message, grave=False)
