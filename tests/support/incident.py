"""An incident: one drift of each class, a card, and all that workers write restored at will."""

from __future__ import annotations

import contextlib
import re
import shutil
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import forkserver
from forkserver import Ended, Order, Server
from office import Office
from state import journal, ledger

SECONDS = 0.4
"""How long a worker watches: one tick, and what it says is read back."""
LATER = 6.0
"""When the next one comes: nothing counts as a person's fresh edit any more."""
GONE, NEW, TALKS, STALE, KEPT = (
    f"lab-{name}-creator-claude" for name in ("gone", "new", "talks", "stale", "kept")
)
_NOW = re.compile(r"(?<=terminated_at: )\S+")


class Incident:
    """A session that is gone, a new one, one that has an id now, one whose id leads nowhere.

    And one that agrees with the registry. Nobody has looked yet.
    """

    def __init__(self, office: Office, saved: Path) -> None:
        """Make it in an office; its files are saved in a folder."""
        self.office, self._saved = office, saved
        desk = office.desk
        (gone,) = desk.starts(GONE)
        cwd, options = desk.workspace(TALKS), ["--prompted"]
        pid = desk.fleet.start(TALKS, agent="claude", cwd=cwd, options=options)
        entries = [
            gone.replace("status: running", "status:   'running'  # since Monday"),
            desk.entry(TALKS, pid=pid, claude_session_id_own="null  # not yet"),
            *office.stale(STALE),
            *desk.starts(KEPT),
        ]
        desk.write(text="# By hand.\nversion: 1\nsessions:\n" + "\n".join(entries))
        desk.fleet.kill(GONE)
        desk.starts(NEW)
        self.card = office.home.create_card()
        home = desk.fence.home
        self.places = desk.registry.parent, home / ".local", home / ".cache", office.home.root
        for number, place in enumerate(self.places):
            if place.exists():
                shutil.copytree(place, saved / str(number))

    @contextlib.contextmanager
    def served(self, *, under: Sequence[str] = ()) -> Iterator[Server]:
        """Forks workers for it, which have imported all that they need."""
        with forkserver.serving(self.office.environ, under=under) as server:
            server.warm(Order(self.card, SECONDS))
            self.restore()
            yield server

    def restore(self) -> None:
        """Put back all that a worker writes to. The sessions stay: it touches none."""
        for number, place in enumerate(self.places):
            shutil.rmtree(place, ignore_errors=True)
            if (self._saved / str(number)).exists():
                shutil.copytree(self._saved / str(number), place)

    def untouched(self, server: Server) -> tuple[Sequence[str], dict[str, Any]]:
        """The calls of a worker that nobody kills, and what it and the one after it leave."""
        first = server.work(Order(self.card, SECONDS, traced=True))
        assert (first.status, first.complaints) == (0, [])
        return first.calls, self.outcome(server)

    def killed(self, server: Server, number: int, when: str) -> tuple[Ended, dict[str, Any]]:
        """How a worker ended that is killed at one call, and what it and the next one leave."""
        self.restore()
        ended = server.work(Order(self.card, SECONDS, number=number, when=when))
        return ended, self.outcome(server)

    def outcome(self, server: Server) -> dict[str, Any]:
        """Let another worker have the card to its end; what is left then.

        What differs from time to time is left out.
        """
        self._release()
        ended = server.work(Order(self.card, SECONDS, LATER))
        desk = self.office.desk
        shown = self.office.home.show(self.card)
        history = journal.read(desk.state / "journal.jsonl")
        kept = ledger.load(desk.ledger)
        bodies = {str(each["id"]): each["body"].partition("\n")[0] for each in shown["comments"]}
        run = shown["runs"][-1]["id"]
        return {
            "the next worker": (ended.status, ended.complaints),
            "registry": self.registry(),
            "the copy agrees": desk.copy.read_bytes() == desk.registry.read_bytes(),
            "said": sorted(bodies.values()),
            "status": shown["task"]["status"],
            "beats": [e["run_id"] for e in shown["events"] if e["kind"] == "heartbeat"].count(run),
            "journal": sorted(
                (each.session, each.drift_class, *(one.key for one in each.changes))
                for each in history.changes
                if each.void is None
            ),
            "torn lines": history.skipped,
            "ledger": kept.recovered_why,
            "unsaid": kept.memory.unsaid,
            "told": [bodies.get(each.comment_id or "") for each in kept.memory.open.values()],
            "files": self._files(),
        }

    def registry(self) -> str:
        """The registry's text, whatever the time of its writing."""
        return _NOW.sub("now", self.office.desk.registry.read_text())

    def _release(self) -> None:
        """What a dispatcher does for a card whose worker died, or a person for one that waits."""
        home = self.office.home
        status = home.status(self.card)
        if status == "running":
            home.reclaim(self.card)
        elif status == "blocked":
            home.unblock(self.card)

    def _files(self) -> Sequence[str]:
        return sorted(
            f"{stat.filemode(path.lstat().st_mode)} {path}"
            for place in self.places
            for path in place.rglob("*")
        )
