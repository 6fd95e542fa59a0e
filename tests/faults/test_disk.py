"""Each file that the monitor writes, on a disk that fails for five minutes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict

import pytest

import commandline
import disks
import hardship
from desk import Desk
from hardship import KEEPER, NOBODY, OFF, ON
from kanban_worker.cli import Exit
from mishap import FILES, WATCHERS, Case, Episode, Found

REPLACING = ("write", "fsync", "rename,renameat,renameat2")
CALLS = {
    name: REPLACING if each.replaced else ("openat", *REPLACING[: 2 * (name == "journal")])
    for name, each in FILES.items()
}
"""The system calls by which each file is written."""
LATER = "not said yet, will be tried again: "
LOCK = "lock of the monitor"

mounted = pytest.mark.skipif(not disks.may_mount(), reason="only root may mount disks for itself")
traced = pytest.mark.skipif(not disks.may_trace(), reason="no strace here that may trace")


@pytest.mark.parametrize(
    ("trouble", "calls"),
    [
        pytest.param("full", "full", marks=mounted),
        pytest.param("read-only", "read-only", marks=mounted),
        pytest.param("EACCES", "forbidden"),
        pytest.param("EIO", "", marks=traced),
    ],
)
def test_a_disk_that_fails_for_a_while_damages_nothing(
    desk: Desk, trouble: str, calls: str, figure: Callable[[str, str], None]
) -> None:
    cases = [(name, each) for name in FILES for each in ([calls] if calls else CALLS[name])]

    observed, *found = endured(desk, [("registry", "none"), *cases])

    assert set(observed.opened) == {*FILES, WATCHERS}, "a file is written that no case is about"
    for (name, call), each in zip(cases, found, strict=True):
        check(name, call, each)
    figure(
        "disk",
        f"{trouble}: {len(FILES)} files, {len(cases)} cases, 0 damaged, 0 false claims, each said "
        "once and written by itself in the end",
    )


def test_a_monitor_that_cannot_know_whether_it_is_alone_writes_nothing(desk: Desk) -> None:
    _, found = endured(desk, [("registry", "none"), (LOCK, "forbidden")])

    assert found.once[0][0] == Exit.COULD_NOT
    assert not found.once[0][2]


def check(name: str, call: str, found: Found) -> None:
    """What must hold for every file and every trouble."""
    assert not found.failure
    assert not found.skipped
    assert found.copied
    for episode in found.episodes:
        assert episode.claimed == episode.ended, "the journal knows what the registry has"
        assert not [each for each in episode.changed if ".tmp" in each]
    if name == LOCK:
        assert len(found.complaints) == 1
        assert "could not be opened" in found.complaints[0]
    else:
        _check_worker(name, call, found)
        _check_command(name, found)


def _check_worker(name: str, call: str, found: Found) -> None:
    (episode, _), ends = found.episodes, FILES[name].needed == "end"
    (trouble,) = {each.removeprefix(LATER) for each in found.complaints}
    assert "could not be" in trouble
    assert len(found.complaints) == len(set(found.complaints)), "each is said once"
    assert all(status == (3 if ON < at < OFF else 0) for at, status in found.statuses)
    said = [at for at, _ in found.said if ON < at < OFF]
    assert len(said) <= 1
    assert all(at >= ON + 120 for at in said)
    assert not episode.claimed
    assert _touched(name, episode) <= ({"journal.jsonl"} if "rename" in call else set())
    assert len(found.made) == len(set(found.made)) == (3 if ends else 1), "written once in the end"
    assert len(found.said) == (2 if ends else 1), "and each end that the worker saw is said once"


def _check_command(name: str, found: Found) -> None:
    (_, episode), (during, after) = found.episodes, found.once
    status, complaints, wrote = during
    assert status == Exit.COULD_NOT
    assert commandline.Completed(status, "", complaints).complaints(1)
    assert wrote == bool(episode.ended)
    assert wrote == (name == "ledger"), "without it a monitor loses patience, and nothing else"
    assert after[:2] == (Exit.OK, "")


def _touched(name: str, episode: Episode) -> set[str]:
    """What should be as it was, and is not: all but the ledger, and the copies of what is new."""
    files = {*episode.changed, *episode.grown}
    return {each for each in files if not each.endswith(".state") or name == "ledger"}


def endured(desk: Desk, cases: Sequence[tuple[str, str]]) -> list[Found]:
    """Let each monitor run into its trouble, and out of it."""
    os.chown(desk.fence.root, _owner(), _owner())
    os.chown(desk.fence.tmux, _owner(), _owner())
    os.chown(desk.fleet.folder, _owner(), _owner())
    _start_server(desk)
    orders = [_order(desk, number, *case) for number, case in enumerate(cases)]
    done = subprocess.run(
        [sys.executable, hardship.__file__],
        input="".join(f"{json.dumps(asdict(each))}\n" for each in orders),
        env=commandline.environment(commandline.importable()),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return [_found(json.loads(line)) for line in done.stdout.splitlines()]


def _found(plain: dict[str, object]) -> Found:
    found = Found(**plain)
    found.episodes = [Episode(**each) for each in found.episodes]
    found.said = [tuple(each) for each in found.said]
    found.once = [tuple(each) for each in found.once]
    return found


def _owner() -> int:
    """Whose sessions and files these are: root may do what is forbidden."""
    return os.getuid() or NOBODY


def _start_server(desk: Desk) -> None:
    socket, folder = str(desk.fleet.socket), str(desk.fleet.folder)
    command = ["tmux", "-S", socket, "-f", "/dev/null", "new-session", "-d", "-s", KEEPER]
    user = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if not os.getuid() else {}
    subprocess.run([*command, "-c", folder, "sleep", "86400"], cwd="/", check=True, **user)


def _order(desk: Desk, number: int, name: str, trouble: str) -> Case:
    folder = desk.fence.root / f"case-{number}"
    victims = [f"lab-{number}{letter}-creator-claude" for letter in "abc"]
    for each in victims:
        workspace = folder / "home/lab" / each.partition("-creator-")[0]
        workspace.mkdir(parents=True)
        desk.fleet.start(each, agent="sleep", cwd=workspace)
    for path in (folder, *folder.rglob("*")):
        shutil.chown(path, _owner(), _owner())
    return Case(
        folder=str(folder),
        socket=str(desk.fleet.folder),
        file=name,
        trouble=trouble,
        victims=victims,
    )
