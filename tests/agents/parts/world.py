"""One scene's world: a home, a tmux server, a model server, a registry, and panes with agents."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from ruamel.yaml import YAML

import commandline
import driving
import fences
import models
import terminals
from driving import Agent, Ground
from fences import Fence
from models import ModelServer
from outcomes import Cell, Change, Outcome, Seen, Talk
from terminals import PATIENCE, Pane, Terminals
from waiting import retry_until

Make = Callable[[Ground], Agent]
KEPT = ("PATH", "LOGNAME", "USER")
NOWHERE = "http://127.0.0.1:9"
"""A proxy where nothing listens: an agent reaches loopback and nothing else."""
SILENT = frozenset(
    {
        "agent-exited",
        "conversation-shared",
        "disputed-name",
        "expiring-transcript",
        "flapping",
        "identity-changed",
        "other-host",
        "renamed",
        "terminated-but-alive",
        "unregistrable-name",
    }
)
"""Notices that say nothing about which conversation a pane has."""
STATUSES = frozenset({0, 3})


@dataclass(slots=True)
class Seat:
    """A pane in which agents talk, one conversation after another."""

    pane: Pane
    where: Path
    talk: Talk = field(default_factory=Talk)
    earlier: list[Talk] = field(default_factory=list)
    said: bool = False
    """Whether a report has said that the recorded id may be old, since the present one began."""

    def turn(self, talk: Talk | None = None) -> None:
        """From now on this pane has another conversation; a new one, or one that was before."""
        self.earlier.append(self.talk)
        self.talk = talk or Talk()
        self.said = False


class World:
    """Plays cases and keeps what each one showed."""

    def __init__(self, fence: Fence, agent: Agent, model: ModelServer) -> None:
        self.agent = agent
        self.cells: dict[str, Cell] = {}
        self._model = model
        self._fence = fence
        self._seats: list[Seat] = []
        self._before: dict[str, Seen] = {}
        self._registry = fence.root / "board" / "agent-sessions.yaml"
        self._registry.parent.mkdir()
        self._registry.write_text("version: 1\nsessions: []\n", "utf-8")
        temporary = fence.root / "tmp"
        temporary.mkdir()
        self._environ = {
            **{name: os.environ[name] for name in KEPT if name in os.environ},
            **fence.environment,
            **dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), NOWHERE),
            "LANG": "C.UTF-8",
            "NO_PROXY": "127.0.0.1,localhost",
            "no_proxy": "127.0.0.1,localhost",
            "TMPDIR": str(temporary),
            **agent.variables(),
        }
        self.terminals = Terminals(fence.tmux, self._environ)

    # What people do. ----------------------------------------------------------------------------

    def open(self, name: str, where: Path, command: Sequence[str] = terminals.SHELL) -> Seat:
        """Open a session, under a name that is registered without further words."""
        pane = self.terminals.open(f"{name}-creator-{self.agent.kind}", where, command)
        seat = Seat(pane, where)
        self._seats.append(seat)
        return seat

    def start(self, seat: Seat, resumed: Talk | None = None) -> None:
        """Start the agent from a pane's shell and wait until it takes a prompt."""
        seat.pane.run(["clear"])
        seat.pane.wait_until_steady()
        program = [str(self.agent.program)]
        seat.pane.run(self.agent.resume(str(resumed.id)) if resumed else program)
        if seat.talk.id:
            seat.turn(resumed)
        elif resumed:
            seat.talk = resumed
        if resumed:
            # It takes no Enter before it has drawn what was said.
            seat.pane.wait_for(f"heard {resumed.words[-1]}")
        driving.is_waiting(self.agent, seat.pane)

    def wait_until_ready(self, seat: Seat) -> None:
        """Wait until the agent in a pane takes a prompt."""
        driving.is_waiting(self.agent, seat.pane)

    def prompt(self, seat: Seat) -> None:
        """Say something in a pane; its conversation is known from then on."""
        word = driving.prompt(seat.pane)
        found = driving.truth(self.agent, seat.pane, word)
        if seat.talk.id is None and found in {talk.id for talk in seat.earlier}:
            # It went on with a conversation that it had before.
            seat.talk = next(talk for talk in seat.earlier if talk.id == found)
        assert seat.talk.id in {None, found}, f"{seat.talk.id} became {found}"
        if seat.talk.id is None:
            said = self.agent.says(seat.pane)
            assert said in {None, found}, f"the program says {said}, its files say {found}"
        seat.talk.id = found
        seat.talk.words.append(word)

    def clear(self, seat: Seat) -> None:
        """Begin another conversation in the same process."""
        driving.clear(self.agent, seat.pane, seat.talk.words[-1], seat.talk.id)
        seat.turn()

    def switch(self, seat: Seat, talk: Talk) -> None:
        """Go on with another conversation in the same process."""
        assert talk.id
        self.agent.switch(seat.pane, talk.id, talk.words)
        seat.turn(talk)
        driving.is_waiting(self.agent, seat.pane)

    def branch(self, seat: Seat) -> None:
        """Go on in a copy of the conversation, in the same process."""
        self.agent.branch(seat.pane)
        seat.turn()
        driving.is_waiting(self.agent, seat.pane)

    def leave(self, seat: Seat) -> None:
        """End the agent by its own command."""
        seat.pane.enter(self.agent.leave)
        self._wait_for_shell(seat)

    def kill(self, seat: Seat) -> None:
        """End the agent by SIGKILL."""
        terminals.end_all(self._agents(seat))
        self._wait_for_shell(seat)

    @contextlib.contextmanager
    def headless(self, where: Path) -> Iterator[None]:
        """A run without a terminal, whose model answers only after the block."""
        word = models.new_word()
        with self._model.holding(word):
            run = subprocess.Popen(
                self.agent.headless(f"{driving.PROMPT} {word}"),
                cwd=where,
                env=self._environ,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            retry_until(
                lambda: self._model.was_asked(word), seconds=PATIENCE, what="a headless prompt"
            )
            yield
        run.wait(PATIENCE)

    def _wait_for_shell(self, seat: Seat) -> None:
        retry_until(
            lambda: not self._agents(seat), seconds=PATIENCE, what=f"{seat.pane.session} to end"
        )

    def _agents(self, seat: Seat) -> list[psutil.Process]:
        """What runs under a pane's shell, but for the daemon that serves every pane."""
        below = seat.pane.process.children(recursive=True)
        outliving = set(self.agent.outliving())
        return [each for each in below if each.pid not in outliving and not fences.has_ended(each)]

    # What our program makes of it. --------------------------------------------------------------

    def look(
        self, case: str, *seats: Seat, allowed: frozenset[Outcome], patience: float = 0
    ) -> None:
        """Tick until the registry says what is allowed of these panes, or patience is over."""
        cell = self.cells.setdefault(case, Cell())
        deadline = time.monotonic() + patience
        while True:
            seen = self._tick()
            cell.changes.extend(self._changes(seen.values()))
            subjects = [seen[id(seat)] for seat in seats]
            outcomes = {self._so_far(each) for each in subjects}
            # Nothing that comes later makes good that a wrong id was recorded.
            if outcomes <= allowed or Outcome.WRONG in outcomes or time.monotonic() > deadline:
                break
        cell.subjects.extend(subjects)

    def _changes(self, seen: Iterable[Seen]) -> Iterator[Change]:
        for each in seen:
            before = self._before.get(each.session)
            if before is None or before.entry != each.entry:
                yield Change(before, each)
            self._before[each.session] = each

    def _so_far(self, seen: Seen) -> Outcome:
        """The outcome by what is known now: an id that the truth has yet to confirm is right."""
        new = seen.recorded and seen.recorded not in {talk.id for talk in seen.earlier}
        return Outcome.RIGHT if new and seen.talk.id is None else seen.outcome

    def _tick(self) -> Mapping[int, Seen]:
        """One run of our program; what it made of every pane, by the seat's identity."""
        words = ("--registry", str(self._registry), "--tmux-socket", str(self.terminals.socket))
        done = commandline.run(*words, "reconcile", "--once", "--no-wait", "--emit-diff")
        fault = "" if done.status in STATUSES else f"exit status {done.status}: {done.err}"
        report = {} if fault else done.report
        entries = self._entries()
        return {id(seat): self._seen(seat, entries, report, fault) for seat in self._seats}

    def _entries(self) -> Mapping[str, Mapping[str, Any]]:
        loaded = YAML(typ="safe", pure=True).load(self._registry.read_text("utf-8"))
        entries = {entry["name"]: entry for entry in loaded["sessions"]}
        assert len(entries) == len(loaded["sessions"])
        return entries

    def _seen(
        self,
        seat: Seat,
        entries: Mapping[str, Mapping[str, Any]],
        report: Mapping[str, Any],
        fault: str,
    ) -> Seen:
        entry = entries.get(seat.pane.session, {})
        if entry.get("status", "running") != "running":
            fault = fault or f"its session lives, and its status is {entry['status']}"
        mine = [each for each in _statements(report) if each["session"] == seat.pane.session]
        seat.said = seat.said or any(each.get("kind") not in SILENT for each in mine)
        return Seen(
            session=seat.pane.session,
            talk=seat.talk,
            earlier=tuple(seat.earlier),
            recorded=entry.get(f"{self.agent.kind}_session_id_own"),
            history=[each["id"] for each in entry.get("session_id_history", ())],
            said=seat.said,
            messages=[each["message"] for each in mine],
            untruth=fault,
        )

    # The end. -----------------------------------------------------------------------------------

    def close(self) -> None:
        """End what the scene started and remove what it wrote outside of its root."""
        outside = list(self.agent.outside())
        outliving = []
        for pid in self.agent.outliving():
            with contextlib.suppress(psutil.NoSuchProcess):
                outliving.append(psutil.Process(pid))
        self.terminals.stop()
        terminals.end_all([*outliving, *_at_home(self._fence.home)])
        for path in (*outside, *self.agent.outside()):
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def _statements(report: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """What a report says: its notices, and what it would have done to an id, but did not."""
    drifts = [
        each
        for each in report.get("drifts", ())
        if each["class"] == "C" and each["action"] in {"flagged", "held"}
    ]
    return [*report.get("notices", ()), *drifts]


def _at_home(home: Path) -> list[psutil.Process]:
    """Every process whose `HOME` is a scene's own: nobody else's can be there."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get("HOME") == str(home) and process.pid != os.getpid():
                found.append(process)
    return found
