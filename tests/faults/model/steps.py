"""The steps that a life is made of, each chosen by numbers, so that it can be told again.

A step whose turn it cannot be (nothing to kill, say) does nothing and answers False.
"""

from __future__ import annotations

import contextlib
import random
import signal
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import handwriting
from claudes import Claudes
from life import Life
from server import Server
from sight import Pane, Shown, as_tmux

T = TypeVar("T")

NAMES = (
    *(f"lab-{one}-creator-claude" for one in ("api", "docs", "web", "v1.2", "tools")),
    *("scratch", "notes"),
)
"""As a person writes them; the last two are registered by nobody but a person."""
KEEPER = "kept-for-ever"
"""A paused entry that nobody touches, so that the registry is never empty."""
GAPS = (1, 1, 1, 5, 6, 10, 11, 11, 30, 30, 180, 180, 3600)
STATUSES = ("paused", "terminated", "running", "running")
THE_MONITORS = {"tick": 25, "tick away": 9, "crash": 2, "reboot": 1, "check here": 1}
"""Steps in which a monitor has a part, with their weights."""
AGES = (0, 0, 3600)
"""Seconds: saved just now, or long ago."""


@dataclass(frozen=True, slots=True)
class Step:
    """A kind of step and the numbers that it draws from."""

    kind: str
    numbers: tuple[int, int, int]

    @property
    def gap(self) -> float:
        """Seconds since the last tick."""
        return GAPS[self.numbers[0] % len(GAPS)]

    def told(self) -> str:
        """The step in one line."""
        return (
            f"{self.kind} {self.gap:g} s"
            if self.kind.startswith("tick")
            else f"{self.kind} {self.numbers}"
        )


def drawn(seed: int, count: int) -> Iterator[Step]:
    """Steps in any order; about every fourth one is a tick."""
    chance = random.Random(seed)  # noqa: S311 - the same again for the same seed is the point
    weights = THE_MONITORS | {kind: weight for kind, (weight, _) in STEPS.items()}
    kinds = [kind for kind, weight in weights.items() for _ in range(weight)]
    for _ in range(count):
        numbers = (chance.randrange(720), chance.randrange(720), chance.randrange(720))
        yield Step(chance.choice(kinds), numbers)


def take(life: Life, step: Step) -> bool:
    """Whether the step took place."""
    return STEPS[step.kind][1](life, *step.numbers)


def _one(number: int, among: Iterable[T]) -> T | None:
    found = list(among)
    return found[number % len(found)] if found else None


def _session(life: Life, number: int) -> tuple[Server, Shown] | None:
    return _one(number, life.sessions())


def _pane(life: Life, number: int, wanted: Callable[[Pane], object]) -> tuple[Server, Pane] | None:
    return _one(number, [each for each in life.panes() if wanted(each[1])])


def _agent(life: Life, number: int) -> tuple[Server, Pane] | None:
    return _pane(life, number, lambda pane: pane.agent)


def _files(life: Life, number: int) -> Claudes:
    hosts = list(life.hosts.values())
    return hosts[number % len(hosts)].files


def _unwritten(life: Life, number: int) -> str | None:
    written = {as_tmux(name) for name in handwriting.entries(life.text)}
    return _one(number, [name for name in NAMES if as_tmux(name) not in written])


def _entry(life: Life, number: int) -> str | None:
    return _one(number, [name for name in handwriting.entries(life.text) if name != KEEPER])


# tmux and its sessions. -------------------------------------------------------------------------


def _start(life: Life, name: int, wrapped: int, names_itself: int) -> bool:
    wanted, servers = NAMES[name % len(NAMES)], life.servers()
    server = servers[name // len(NAMES) % len(servers)]
    if as_tmux(wanted) in server.sessions:
        return False
    server.start(wanted, wrapped=wrapped % 3 > 0, names_itself=names_itself % 3 > 0)
    return True


def _kill(life: Life, name: int, *_: int) -> bool:
    if chosen := _session(life, name):
        chosen[0].kill(chosen[1].name)
    return bool(chosen)


def _kill_some(life: Life, name: int, more: int, _: int) -> bool:
    chosen = life.sessions()[name % 2 :][: 2 + more % 4]
    for server, shown in chosen:
        if shown.name in server.sessions:
            server.kill(shown.name)
    return bool(chosen)


def _rename(life: Life, name: int, to: int, _: int) -> bool:
    if not (chosen := _session(life, name)):
        return False
    server, shown = chosen
    free = _one(to, [each for each in NAMES if as_tmux(each) not in server.sessions])
    if free:
        server.rename(shown.name, free)
    return bool(free)


def _exit(life: Life, name: int, by: int, _: int) -> bool:
    if chosen := _agent(life, name):
        chosen[0].exit(chosen[1], (signal.SIGTERM, signal.SIGKILL)[by % 2])
    return bool(chosen)


def _run_again(life: Life, name: int, *_: int) -> bool:
    if chosen := _pane(life, name, lambda pane: pane.is_bare):
        chosen[0].run_again(chosen[1])
    return bool(chosen)


def _split(life: Life, which: int, what: int, _: int) -> bool:
    chosen = _pane(life, which, lambda pane: not pane.ended)
    if chosen:
        with contextlib.suppress(RuntimeError):  # no space for a new pane
            chosen[0].split(chosen[1], wrapped=(None, None, True, False)[what % 4])
            return True
    return False


def _kill_pane(life: Life, which: int, *_: int) -> bool:
    if chosen := _pane(life, which, lambda pane: pane):
        chosen[0].kill_pane(chosen[1])
    return bool(chosen)


def _move(life: Life, which: int, to: int, _: int) -> bool:
    return _elsewhere(life, which, to, Server.move)


def _link(life: Life, which: int, to: int, _: int) -> bool:
    return _elsewhere(life, which, to, Server.link)


def _elsewhere(life: Life, which: int, to: int, act: Callable[[Server, Pane, Shown], None]) -> bool:
    """Whether a pane could be brought into another session of its server."""
    if not (chosen := _pane(life, which, lambda pane: pane)):
        return False
    server, pane = chosen
    others = [shown for shown in server.sessions.values() if pane not in shown.panes]
    if target := _one(to, sorted(others, key=lambda shown: shown.name)):
        with contextlib.suppress(RuntimeError):  # no space for a new pane
            act(server, pane, target)
            return True
    return False


def _restart(life: Life, which: int, *_: int) -> bool:
    if chosen := _pane(life, which, lambda pane: pane):
        chosen[0].restart(chosen[1])
    return bool(chosen)


def _kill_server(life: Life, which: int, *_: int) -> bool:
    if server := _one(which, [each for each in life.servers() if each.process]):
        server.kill_server()
    return bool(server)


# The agents. ------------------------------------------------------------------------------------


def _prompt(life: Life, name: int, *_: int) -> bool:
    if chosen := _agent(life, name):
        chosen[0].prompt(chosen[1])
    return bool(chosen)


def _clear(life: Life, name: int, *_: int) -> bool:
    if chosen := _agent(life, name):
        chosen[0].clear(chosen[1])
    return bool(chosen)


def _resume(life: Life, name: int, which: int, _: int) -> bool:
    if not (chosen := _pane(life, name, lambda pane: pane.held)):
        return False
    server, pane = chosen
    conversation = _one(which, server.files.on_disk)
    if conversation:
        server.hold(pane, conversation)
    return bool(conversation)


def _delete(life: Life, which: int, host: int, _: int) -> bool:
    files = _files(life, host)
    if chosen := _one(which, files.on_disk):
        files.delete(chosen)
    return bool(chosen)


# A person's edits. ------------------------------------------------------------------------------


def _edit_status(life: Life, name: int, status: int, age: int) -> bool:
    chosen = _entry(life, name)
    if chosen:
        word = STATUSES[status % len(STATUSES)]
        text = handwriting.set_key(life.text, chosen, "status", word)
        if word == "terminated":
            at = (life.at - timedelta(seconds=(0, 100, 7200)[age % 3])).isoformat()
            text = handwriting.set_key(text, chosen, "terminated_at", at)
        life.save(text, age=AGES[age % len(AGES)])
    return bool(chosen)


def _edit_id(life: Life, name: int, which: int, age: int) -> bool:
    chosen = _entry(life, name)
    if chosen:
        ids = ["null", str(uuid.UUID(int=which)), *_files(life, name).conversations]
        key = "claude_session_id_own"
        text = handwriting.set_key(life.text, chosen, key, ids[which % len(ids)])
        life.save(text, age=AGES[age % len(AGES)])
    return bool(chosen)


def _lost(life: Life) -> bool:
    """Whether a monitor has yet to see that one was taken out: several look like a torn file."""
    return any(host.lost for host in life.hosts.values())


def _lose(life: Life) -> None:
    for host in life.hosts.values():
        host.lost = True


def _delete_entry(life: Life, name: int, _: int, age: int) -> bool:
    chosen = _entry(life, name)
    if chosen == list(handwriting.entries(life.text))[-1]:
        return False  # a cut at the end of the file looks the same
    if not chosen or _lost(life):
        return False
    life.save(handwriting.remove(life.text, chosen), age=AGES[age % len(AGES)])
    _lose(life)
    return True


def _rename_entry(life: Life, name: int, to: int, age: int) -> bool:
    chosen = _entry(life, name)
    free = _unwritten(life, to)
    if not (chosen and free) or _lost(life):
        return False
    life.save(handwriting.rename(life.text, chosen, free), age=AGES[age % len(AGES)])
    _lose(life)
    return True


def _add_entry(life: Life, name: int, how: int, age: int) -> bool:
    free = _unwritten(life, name)
    if not free:
        return False
    files = _files(life, how)
    elsewhere = str(files.home / "elsewhere")
    known = _one(how, files.conversations) or "null"
    choices: tuple[Mapping[str, str], ...] = (
        {},
        {},
        {"claude_session_id_own": "null"},
        {"claude_session_id_own": known},
        {"agent_identities": f"{{claude: {{session_id: {known}}}}}"},
        {"agent_identities": f"{{claude: {{session_id: {uuid.UUID(int=how)}}}}}"},
        {"created_at": (life.at - timedelta(days=3)).isoformat()},
        {"workspace": elsewhere},
        {"workspace": f"~/lab/{free}"},
        {"agent": "agy"},
        {"pane": f"{{pid: {2**22 + how}, cmd: claude, cwd: {elsewhere}}}"},
        {"pane": "null", "status": "paused"},
        {"status": "terminated"},
        {"host": list(life.hosts)[how % len(life.hosts)]},
        {"host": "another"},
    )
    written = life.entry(free, **choices[how % len(choices)])
    life.save(handwriting.append(life.text, written), age=AGES[age % len(AGES)])
    return True


def _write_note(life: Life, name: int, what: int, age: int) -> bool:
    chosen = _entry(life, name)
    if chosen:
        text = life.text
        if what % 2:
            text = handwriting.add_note(text, chosen, f"note {what}")
        else:
            text = handwriting.set_key(text, chosen, "mood", f"fine-{what}")
        life.save(text, age=AGES[age % len(AGES)])
    return bool(chosen)


STEPS: Mapping[str, tuple[int, Callable[[Life, int, int, int], bool]]] = {
    "start": (14, _start),
    "kill": (4, _kill),
    "kill some": (1, _kill_some),
    "rename": (3, _rename),
    "exit": (5, _exit),
    "run again": (3, _run_again),
    "restart": (3, _restart),
    "split": (3, _split),
    "kill pane": (2, _kill_pane),
    "move": (3, _move),
    "link": (2, _link),
    "kill server": (1, _kill_server),
    "prompt": (14, _prompt),
    "clear": (10, _clear),
    "resume": (7, _resume),
    "delete transcript": (3, _delete),
    "edit status": (5, _edit_status),
    "edit id": (3, _edit_id),
    "delete entry": (3, _delete_entry),
    "rename entry": (2, _rename_entry),
    "add entry": (5, _add_entry),
    "write note": (2, _write_note),
}
