"""A monitor whose disk fails for one of its files for a while: a card's worker, then the command.

Run as a program: each line of stdin is a `mishap.Case` in JSON, and is answered by a line with a
`mishap.Found`. Every case is a process of its own, with folders of its own.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import sys
import traceback
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import disks
import mishap
from desk import Desk
from fences import Fence
from fleet import Fleet
from hours import Hours
from kanban_worker import cli
from kanban_worker.commands import reconcile
from mishap import FILES, Case, Episode, Found
from state import durable, journal
from state.errors import CouldNot, MonitorError
from vigil import Vigil

NOBODY = 65534
ON, OFF, END = 15.0, 330.0, 400.0
"""Seconds of the timer: when the trouble begins and ends, and when the watch does."""
ROOM = 100
"""Bytes that a full disk has for the journal still: a part of a line."""
KEEPER = "lab-keeper-creator-claude"
OLD = ("  - name: old\n    status: paused\n", "  - name: older\n    status: paused\n")
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
ENDED = re.compile(r"  - name: (\S+)\n(?:    .*\n)*?    status: terminated\n")


class Hardship:
    """One case under way."""

    def __init__(self, case: Case) -> None:
        """Lay everything out, with a session that has ended already: so each file will be there."""
        self.case, self.file, self.found = case, FILES[case.file], Found()
        fence = Fence(Path(case.folder))
        os.environ.update(fence.environment, AGENT_SESSIONS_PATTERN="nobody-*")
        registry = fence.home / "board/agent-sessions.yaml"
        self.desk = Desk(fence, Fleet(Path(case.socket)), registry)
        os.environ.update(self.desk.environ)
        for folder in self._folders:
            folder.mkdir(parents=True)
            if case.trouble in {"full", "read-only"}:
                disks.small(folder)
        self._victims = list(case.victims)
        pids = {each: self.desk.fleet.pane_pid(each) for each in (KEEPER, *case.victims)}
        since = {"created_at": "null"}  # the first cases have been waiting for a while
        keeper = self.desk.entry(KEEPER, pid=pids.pop(KEEPER), workspace=case.socket, **since)
        victims = [self.desk.entry(each, pid=pids[each], **since) for each in pids]
        self.desk.write(keeper, *victims, *OLD, "# end\n")
        self._kill()
        self._before: tuple[dict[Path, bytes], list[str], list[str]] = {}, [], []
        self._trouble = contextlib.ExitStack()

    def endure(self) -> Found:
        """Let a card's worker run into the trouble and out of it, and then the command."""
        hours = Hours()
        vigil = Vigil(self.desk, hours, seconds=END)
        if self.file.needed != "start":
            hours.at(ON, self._begin)
            hours.at(OFF, self._end)
        vigil.run()
        self._account(vigil)
        self._begin()
        if self.file.needed == "start":
            self._start()
        self._once()
        self._end()
        self._once()
        self.found.made, self.found.skipped = self._claims()
        self.found.copied = self.desk.copy.read_bytes() == self.desk.registry.read_bytes()
        return self.found

    @property
    def _folders(self) -> tuple[Path, ...]:
        return self.desk.registry.parent, self.desk.cache, self.desk.state

    def _begin(self) -> None:
        self._need()
        trouble = self._troubled()
        self._before = self._files(), self._claims()[0], self._ended()
        self._trouble.enter_context(trouble)

    def _end(self) -> None:
        self._trouble.close()
        (files, claims, ended), after = self._before, self._files()
        others = {path: data for path, data in after.items() if data != files.get(path)}
        grown = [path for path, data in others.items() if data.startswith(files.get(path, b"\0"))]
        episode = Episode(
            changed=[path.name for path in others if path not in grown],
            grown=[path.name for path in grown],
            claimed=self._claims()[0][len(claims) :],
            ended=[each for each in self._ended() if each not in ended],
        )
        self.found.episodes.append(episode)

    def _need(self) -> None:
        """Make the monitor write that file; all of them, where no trouble is to come."""
        text = self.desk.registry.read_text()
        if self.case.trouble == "none" or self.file.needed == "loss":
            self.desk.write(text=text.replace(next(each for each in OLD if each in text), ""))
        if self.file.needed == "note":
            self.desk.write(text=f"{text}# by a person\n")
        if self.file.needed in {"end", "start"}:
            self._kill()

    def _kill(self) -> None:
        self.desk.fleet.kill(self._victims.pop())

    def _troubled(self) -> AbstractContextManager[None]:
        path = self.file.path(self.desk)
        folder = path.parent
        match self.case.trouble:
            case "none":
                return contextlib.nullcontext()
            case "full":
                self._make_room(path)
                return disks.full(folder)
            case "read-only":
                others = [each for each in folder.iterdir() if each.suffix in {".lock", ".jsonl"}]
                return disks.read_only(folder, but=[each for each in others if each != path])
            case "forbidden":
                return disks.forbidden(folder if self.file.replaced else path)
            case call:
                return disks.broken(self.file.opened(self.desk), call)

    def _make_room(self, path: Path) -> None:
        """A lock needs none once it is there. A journal may go on to the end of its last page."""
        if path.suffix == ".lock":
            path.unlink()
        if path.suffix == ".jsonl":
            line = {"void": f"nothing since {path.stat().st_size}", "why": ""}
            short = disks.PAGE - ROOM - path.stat().st_size - len(json.dumps(line)) - 1
            line["why"] = "x" * (short % disks.PAGE)
            durable.append(path, json.dumps(line).encode())

    def _files(self) -> dict[Path, bytes]:
        """All that is kept, but for who the monitor was last, and who watches the registry."""
        paths = [path for folder in self._folders for path in folder.iterdir() if path.is_file()]
        kept = [path for path in paths if path != mishap.watchers(self.desk)]
        return {path: path.read_bytes() for path in kept if not path.name.startswith("monitor-")}

    def _claims(self) -> tuple[list[str], int]:
        with contextlib.suppress(CouldNot):
            history = journal.read(self.desk.state / "journal.jsonl")
            return [one.session for one in history.changes if one.void is None], history.skipped
        return [], 0

    def _ended(self) -> list[str]:
        return ENDED.findall(self.desk.registry.read_text())

    def _account(self, vigil: Vigil) -> None:
        self.found.complaints, self.found.said = vigil.complaints, vigil.board.words
        statuses = [int(reconcile.status(tick, exit_code=False)) for tick in vigil.ticks]
        self.found.statuses = list(zip(vigil.times, statuses, strict=True))

    def _start(self) -> None:
        """Another worker: it cannot begin."""
        try:
            Vigil(self.desk, Hours(), seconds=1).run()
        except MonitorError as error:
            self.found.complaints.append(str(error))

    def _once(self) -> None:
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = cli.main(["reconcile", "--once", "--emit-diff"])
        wrote = json.loads(out.getvalue())["registry_written"]
        self.found.once.append((status, err.getvalue(), wrote))


def main() -> None:
    """Carry out one case after the other. One without trouble comes first: it imports all."""
    for line in sys.stdin:
        case = Case(**json.loads(line))
        found = _observed(case) if case.trouble == "none" else _apart(case)
        print(json.dumps(asdict(found)), flush=True)


def _observed(case: Case) -> Found:
    opened: set[str] = set()

    def audit(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open" and isinstance(arguments[0], str) and (arguments[2] or 0) & WRITING:
            opened.add(arguments[0])

    hardship = Hardship(case)
    sys.addaudithook(audit)
    found = hardship.endure()
    names = {str(each.opened(hardship.desk)): name for name, each in FILES.items()}
    names[str(durable.temporary_for(mishap.watchers(hardship.desk)))] = mishap.WATCHERS
    within = {each for each in opened if each.startswith(case.folder)}
    found.opened = [names.get(each, each) for each in within - {str(hardship.desk.registry)}]
    return found


def _apart(case: Case) -> Found:
    out, into = os.pipe()
    child = os.fork()
    if not child:
        found = Found()
        try:
            _be_apart(case)
            found = Hardship(case).endure()
        except BaseException:  # noqa: BLE001 - whatever it is, the test is to show it
            found = Found(failure=traceback.format_exc())
        finally:
            os.write(into, json.dumps(asdict(found)).encode())
            os._exit(0)
    os.close(into)
    with os.fdopen(out) as told:
        answer = Found(**json.load(told))
    os.waitpid(child, 0)
    return answer


def _be_apart(case: Case) -> None:
    if case.trouble in {"full", "read-only"}:
        disks.own_mounts()
    if case.trouble == "forbidden" and not os.getuid():
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)


if __name__ == "__main__":
    main()
