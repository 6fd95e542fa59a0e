"""The faults that are put to the program, what passes, and the figures that a run measured."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

NOT_RUN = "not run"
BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"


@dataclass(frozen=True, slots=True)
class Fault:
    """One row of the table."""

    text: str
    passes: str
    """What must hold, for every try."""


FAULTS: Mapping[str, Fault] = {
    "kill": Fault(
        "SIGKILL before and after every write, found by tracing the calls: lock, temporary file, "
        "fsync, rename, folder, ledger, journal, comment, heartbeat, block",
        "the registry parses, no entry is lost or doubled, each drift is said exactly once",
    ),
    "stale": Fault(
        "stale listings replayed: tick n sees n-k (k = 1..5) around create and delete",
        "0 reverts of a person's newer change, 0 false A",
    ),
    "dropped": Fault(
        "dropped ticks; an id that rotates twice between two ticks",
        "the same final registry as seeing every tick",
    ),
    "tmux": Fault(
        "every error of tmux, a time-out, no fork, a short row, bytes that are no UTF-8, newline "
        "and tab in a directory, protocol mismatch",
        "0 writes, the verdict is unknown, 1 notice",
    ),
    "storm": Fault(
        "3, 14, 65 and 500 sessions vanish together: server killed, socket unlinked, reboot",
        "exactly 1 comment; 0 writes where the server lives",
    ),
    "frozen": Fault(
        "a frozen world, looked at twice: 1,000 generated ones",
        "0 writes, 0 comments, the same bytes, the same mtime",
    ),
    "model": Fault(
        "start, kill, rename, /clear, reboot, a person's edit and crashes of the monitor, in any "
        "order, against an oracle of its own",
        "0 divergences in at least 10,000 steps",
    ),
    "elsewhere": Fault(
        "two hosts on one registry: sessions renamed, moved, restarted, servers killed and hidden",
        "no living session is written `terminated`, no host writes another's entry",
    ),
    "writers": Fault(
        "the monitor beside 8 writers x 300 edits that lock, and 2 editors that do not",
        "0 lost updates; an editor's save is never overwritten",
    ),
    "two": Fault(
        "two monitors on one registry and one card",
        "0 writes and 0 comments by the superseded one",
    ),
    "truncated": Fault("the registry truncated at every byte", "0 waves of B, 0 writes"),
    "reused": Fault(
        "a pid reused; a session made anew under the same name",
        "seen within 1 tick, never taken for alive",
    ),
    "clock": Fault(
        "steps of the clock by 1 h both ways, a suspend of 8 h",
        "no negative age, no missed and no double heartbeat",
    ),
    "flap": Fault("a session up or down on each of 100 ticks", "at most 3 comments"),
    "disk": Fault(
        "full disk, read-only, EIO and EACCES on each file that is written",
        "the old file is intact, the write is tried again, the trouble is said once",
    ),
    "soak": Fault(
        "10,000 ticks",
        "no growth of memory, descriptors, threads or child processes",
    ),
    "deaths": Fault(
        "1,000 deaths, with 200 agents around",
        "each is written once; no growth of memory, descriptors, threads or child processes",
    ),
    "mutants": Fault(
        "the core changed on purpose, one mutant at a time",
        "at least 90 % killed; survivors listed with a reason",
    ),
}


def rows(figures: Mapping[str, Sequence[str]]) -> Iterable[tuple[str, str, str]]:
    """Fault, pass figure and what was measured, in the table's order."""
    for name, fault in FAULTS.items():
        yield fault.text, fault.passes, "; ".join(figures.get(name, ())) or NOT_RUN


def table(figures: Mapping[str, Sequence[str]]) -> str:
    """The rows as Markdown."""
    head = ["| fault | what passes | measured |", "| --- | --- | --- |"]
    return "\n".join([*head, *(f"| {' | '.join(row)} |" for row in rows(figures))])


def copy(path: Path, figures: Mapping[str, Sequence[str]]) -> None:
    """Puts the table into a document, between its two marks. Raises ValueError without them."""
    before, _, rest = path.read_text("utf-8").partition(BEGIN)
    _, mark, after = rest.partition(END)
    if not mark:
        message = f"{path} has no {BEGIN} … {END}"
        raise ValueError(message)
    path.write_text(f"{before}{BEGIN}\n{table(figures)}\n{END}{after}", "utf-8")
