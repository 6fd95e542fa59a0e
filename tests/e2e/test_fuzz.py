"""A registry may hold anything: it is read, or refused in one line, and never breaks a tick."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator

import pytest

from desk import Desk
from kanban_worker import cli, config
from kanban_worker.tick import Monitor, now
from state.document import Document
from state.errors import MonitorError
from state.registry import RegistryFile

SEED = """\
# ⚠ by hand
version: 1
defaults: &host {host: mini, note: "don't, ever"}
sessions:
    -   name: 'lab-api-creator-claude'   # quoted
        workspace: "~/lab/api"
        agent: claude
        status: running        # 研究
        created_at: 2026-06-01T10:00:00+09:00
        terminated_at: null
        pane: {pid: 4194305, cmd: claude, cwd: /home/u/lab/api}
        agent_identities:
            claude: {session_id: 87dc548e-0000-4000-8000-0000000031f2}
        claude_session_id_own: 0123
        <<: *host
    -   {name: lab-docs-creator-agy, agent: agy, status: 'terminated'}
    -   name: |
            lab-block
        status: >-
            paused
"""

PIECES = (
    *("&a", "*a", "*host", "<<: *host", "!!binary", "!!python/none", "? ", ": ", "- ", "%TAG ! x"),
    *("{", "}", "[", "]", "'", '"', "|", ">", "#", ",", "---", "...", "\t", "\r", "\x00", "\x07"),
    *(
        "\u2028",
        "\ufeff",
        "\\UFFFFFFFF",
        '"\\x',
        "0x",
        ".nan",
        "9" * 30,
        "~",
        "2026-13-45",
        "1e999",
    ),
    *("null", "true", "status: running\n", "name: x\n", "sessions:\n", "\n", " " * 300, "x" * 5000),
)


def mutated(count: int) -> Iterator[bytes]:
    """Registries that somebody, or something, has spoilt; the same ones each time."""
    chance = random.Random(20261120)  # noqa: S311 - the same each time is the point
    for number in range(count):
        data = SEED.encode()
        for _ in range(chance.choice((1, 1, 2, 5))):
            at, end = sorted(chance.randrange(len(data) + 1) for _ in range(2))
            match number % 6:
                case 0:
                    data = data[:at]
                case 1:
                    data = data[:at] + data[end:]
                case 2:
                    data = data[:at] + chance.choice(PIECES).encode() + data[at:]
                case 3:
                    data = data[:at] + bytes([chance.randrange(256)]) + data[at + 1 :]
                case 4:
                    data = data[:end] + data[at:]
                case _:
                    lines = data.splitlines(keepends=True)
                    chance.shuffle(lines)
                    data = b"".join(lines[: chance.randrange(len(lines) + 1)])
            data = data or b"\n"
        yield data


def read(desk: Desk, data: bytes) -> MonitorError | Document:
    """What comes of these bytes; anything but these two breaks the test."""
    desk.registry.write_bytes(data)
    try:
        return RegistryFile(desk.registry, state_dir=desk.state).read(now())
    except MonitorError as error:
        return error


def test_whatever_it_holds_it_is_read_or_refused_in_one_line(desk: Desk) -> None:
    refused = 0
    for data in mutated(450):
        found = read(desk, data)
        if isinstance(found, MonitorError):
            refused += 1
            assert "agent-sessions check" in str(found), data
            assert len(str(found).splitlines()) == 1, data
        else:
            assert all(len(fault.message.splitlines()) == 1 for fault in found.faults), data
    assert 100 < refused < 400, "some of each kind"


def test_every_beginning_of_a_registry_is_read_or_refused(desk: Desk) -> None:
    data = SEED.encode()
    for length in range(0, len(data), 5):
        found = read(desk, data[:length])
        assert len(str(found).splitlines()) == 1 or isinstance(found, Document)


def test_a_tick_over_it_tells_troubles_and_never_breaks(desk: Desk) -> None:
    desk.starts("lab-new-creator-claude")
    given = cli.parser().parse_args(["reconcile", "--once"])
    settings = config.load(given, os.environ | desk.environ, desk.fence.home)
    watching = Monitor(settings)
    for data in mutated(150):
        desk.registry.write_bytes(data)
        os.utime(desk.registry, (0, 0))

        tick = watching.tick(dry_run=False)

        assert all(len(str(trouble).splitlines()) == 1 for trouble in tick.troubles)
        told = [str(trouble) for trouble in tick.troubles]
        if any("This entry is left alone" not in each for each in told):
            assert not tick.report.registry_written
            assert desk.registry.read_bytes() == data
        elif told:
            assert [str(each) for each in watching.tick(dry_run=False).troubles] == told


@pytest.mark.parametrize("depth", [50, 5_000])
def test_neither_nesting_nor_aliases_bring_it_down(desk: Desk, depth: int) -> None:
    bomb = "a0: &a0 [x, x]\n"
    bomb += "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, depth))
    for text in ("sessions: " + "[" * depth + "]" * depth, bomb + f"sessions: *a{depth - 1}\n"):
        desk.write(text=text)

        done = desk.run("reconcile", "--once")

        assert done.status == 64
        done.complaints(None)
