"""Reads what tmux printed: rows of panes into a listing, and what panes show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from kanban_worker.agents.shape import Shown
from reconcile.observed import Listing, Pane, Server, Session, SessionName

LONGEST_TITLE = 1024
LONGEST_TEXT = 64 * 1024
"""Bytes that are kept of what a pane shows."""

_NUMBERS = (
    "pid",
    "start_time",
    "session_id",
    "session_created",
    "pane_id",
    "pane_pid",
    "pane_dead",
    "pane_dead_status",
    "pane_dead_signal",
)


def template(mark: str) -> str:
    """The format of one row: numbers, name, directory, each behind a mark.

    A version that lacks a variable prints nothing for it: `session_path` in 3.0a,
    `pane_dead_signal` up to 3.2a.
    """
    numbers = "|".join(f"#{{{name}}}" for name in _NUMBERS)
    return f"{mark}{numbers}{mark}#{{session_name}}{mark}#{{session_path}}"


def listing(socket: str, printed: str, mark: str, version: str) -> Listing:
    """The rows of one server as sessions. Raises ValueError, OverflowError or OSError.

    A window that is linked twice, or a group of sessions, has its panes in several rows: each
    session gets each of its panes once.
    """
    parts = printed.split(mark)[1:]
    if not parts or len(parts) % 3:
        raise ValueError("it is cut short")
    servers: set[tuple[str, str]] = set()
    sessions: dict[str, tuple[str, str, str, dict[str, Pane]]] = {}
    for numbers, name, directory in zip(parts[::3], parts[1::3], parts[2::3], strict=True):
        pid, started, session_id, created, pane_id, *rest = numbers.split("|")
        servers.add((pid, started))
        if session_id not in sessions:
            sessions[session_id] = (name, created, directory.removesuffix("\n"), {})
        panes = sessions[session_id][3]
        if pane_id not in panes:
            panes[pane_id] = _pane(pane_id, rest)
    ((pid, started),) = servers
    return Listing(
        server=Server(pid=int(pid), started_at=_time(started)),
        version=version,
        sessions={
            SessionName(name): Session(
                name=SessionName(name),
                socket=socket,
                id=session_id,
                created_at=_time(created),
                directory=directory,
                panes=tuple(panes.values()),
            )
            for session_id, (name, created, directory, panes) in sessions.items()
        },
    )


def _pane(pane_id: str, numbers: Sequence[str]) -> Pane:
    pid, dead, status, signal = numbers
    return Pane(
        pane_id=pane_id,
        pid=int(pid),
        dead=dead == "1",
        # An empty pane_dead_status is not 0: killed, or tmux has not reaped it yet.
        exit_status=int(status) if status else None,
        exit_signal=int(signal) if signal else None,
    )


def _time(epoch: str) -> datetime:
    return datetime.fromtimestamp(int(epoch), UTC)


def shown(printed: str, mark: str, *, text: bool) -> Mapping[str, Shown]:
    """What each pane shows, by pane id.

    A row `<mark>t%1|title` for each pane, and behind each text that could be captured a line
    `<mark>c1|`. A pane without its row, or without the text that was asked for, is not there.
    """
    titles: dict[str, str] = {}
    texts: dict[str, str] = {}
    before = ""
    for part in printed.split(mark)[1:]:
        tag, _, found = part.partition("|")
        if tag.startswith("t"):
            titles[tag[1:]] = found.removesuffix("\n")
        elif tag.startswith("c"):
            texts[f"%{tag[1:]}"] = before.removeprefix("\n").removesuffix("\n")
        before = found
    return {
        pane_id: Shown(_cut(title, LONGEST_TITLE), _cut(texts.get(pane_id, ""), LONGEST_TEXT))
        for pane_id, title in titles.items()
        if not text or pane_id in texts
    }


def _cut(text: str, size: int) -> str:
    if len(text) <= size // 4:  # no character has more bytes
        return text
    return text.encode("utf-8", "surrogatepass")[:size].decode("utf-8", "ignore")
