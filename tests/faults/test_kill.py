"""SIGKILL just before and just after every call of a card's worker that may write something."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from ruamel.yaml import YAML

import hermes
import shards
import syscalls
from desk import Desk
from fences import Fence
from forkserver import Order
from incident import GONE, KEPT, NEW, SECONDS, STALE, TALKS, Incident
from office import Office

pytestmark = hermes.needed

SHARDS = 8
"""Tests that share the points among them, and so the processors."""


@pytest.fixture
def incident(desk: Desk, fence: Fence, tmp_path: Path) -> Incident:
    return Incident(Office(desk, hermes.Home(fence.root / "hermes")), tmp_path)


def test_two_workers_that_nobody_kills_make_each_change_and_say_each_drift_once(
    incident: Incident,
) -> None:
    """The outcomes below are held against this one."""
    before = incident.office.desk.registry.read_text().splitlines()

    with incident.served() as server:
        _, outcome = incident.untouched(server)

    text = incident.office.desk.registry.read_text()
    entries = {each["name"]: each for each in YAML(typ="safe", pure=True).load(text)["sessions"]}
    assert list(entries) == [GONE, TALKS, STALE, KEPT, NEW]
    assert entries[TALKS]["claude_session_id_own"]
    assert "    status:   'terminated'  # since Monday" in text.splitlines()
    assert len([line for line in before if line not in text.splitlines()]) == 2
    said = outcome.pop("said")
    for letter, name, line in zip("ABCD", (GONE, NEW, TALKS, STALE), said, strict=True):
        assert line.startswith(f"[{letter}-")
        assert f"] {name}: " in line
    assert [each[:2] for each in outcome.pop("journal")] == [(GONE, "A"), (NEW, "B"), (TALKS, "C")]
    assert not any(".tmp" in each for each in outcome.pop("files"))
    del outcome["registry"]
    assert outcome == {
        "the next worker": (0, []),
        "the copy agrees": True,
        "status": "blocked",
        "beats": 2,
        "torn lines": 0,
        "ledger": None,
        "unsaid": {},
        "told": [said[-1]],
    }


@pytest.mark.parametrize("shard", range(SHARDS))
def test_each_drift_is_said_once_wherever_the_worker_is_killed(
    incident: Incident,
    shard: int,
    figure: Callable[[str, str], None],
    tmp_path_factory: pytest.TempPathFactory,
    worker_id: str,
) -> None:
    wrong = []
    with incident.served() as server:
        calls, expected = incident.untouched(server)
        points = [
            (number, when) for number in range(1, len(calls) + 1) for when in ("before", "after")
        ]
        mine = points[shard::SHARDS]
        for number, when in mine:
            ended, outcome = incident.killed(server, number, when)
            assert (ended.status, ended.at) == (signal.SIGKILL, calls[number - 1])
            if outcome != expected:
                wrong.append(f"{when} call {number}, {ended.at}: {differing(expected, outcome)}")

    assert not wrong, "\n".join([f"{len(wrong)} of {len(mine)} points", *wrong])
    folder = shards.common(tmp_path_factory, worker_id, "kill")
    if runs := shards.summed(folder, shard, SHARDS, {"runs": len(mine)})["runs"]:
        text = f"{len(calls)} calls, before and after: {runs} runs, all whole"
        figure("kill", f"{text}, each drift said once")


@pytest.mark.skipif(not syscalls.STRACE, reason="strace is not installed: it would be the witness")
def test_the_tracer_misses_no_system_call_that_modifies_a_file(
    incident: Incident, tmp_path: Path, figure: Callable[[str, str], None]
) -> None:
    output = tmp_path / "strace"
    with incident.served(under=syscalls.recorder(output)) as server:
        server.work(Order(incident.card, SECONDS, traced=True, marked=True))

    home = incident.office.desk.fence.home
    found = list(syscalls.modifying(output, home, *incident.places))

    unknown = [line for _, line, known in found if not known]
    assert not unknown, "\n".join(unknown)
    kept = [line for _, line, _ in found if not any(str(each) in line for each in incident.places)]
    assert not kept, "it would not be restored:\n" + "\n".join(kept)
    names = {name for name, _, _ in found}
    assert names >= {"flock", "fsync", "mkdir", "openat", "pwrite64", "rename", "unlink", "write"}
    figure("kill", f"strace saw {len(found)} modifying system calls, all within these calls")


def differing(expected: Mapping[str, object], found: Mapping[str, object]) -> str:
    """What is not as expected, as a person reads it."""
    return json.dumps(
        {key: [found[key], expected[key]] for key in expected if found[key] != expected[key]},
        indent=1,
        default=str,
    )
