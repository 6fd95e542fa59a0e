"""A dry run writes nothing of any kind: not a registry, ledger, journal, lock file or folder."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

import commandline
from desk import Desk

STALE_ID = str(uuid.uuid4())


@dataclass(frozen=True, slots=True)
class Case:
    """A situation, the exit status that it has, and how many lines on stderr."""

    arrange: Callable[[Desk], None]
    status: int = 0
    complaints: int = 0
    environ: Mapping[str, str] = field(default_factory=dict)


def quiet(desk: Desk) -> None:
    desk.write(*desk.starts("lab-a-creator-claude", agent="claude"))


def drift(desk: Desk) -> None:
    """All four classes, and the agents' files that tell of them."""
    first, second = desk.starts(
        "lab-a-creator-claude", "lab-b-creator-claude", agent="claude", options=["--prompted"]
    )
    desk.starts("lab-c-creator-agy", agent="agy", options=["--prompted"])
    stale = f"    agent_identities: {{claude: {{session_id: {STALE_ID}}}}}\n"
    desk.write(first, second + stale, desk.entry("lab-d-creator-claude", pid=2**22 + 1))


def faulty(desk: Desk) -> None:
    drift(desk)
    desk.write(text=desk.registry.read_text() + "  - status: running\n")


def unparsable(desk: Desk) -> None:
    quiet(desk)
    desk.write(text="sessions: [\n")


def missing_registry(desk: Desk) -> None:
    desk.starts("lab-a-creator-claude")


def torn_ledger(desk: Desk) -> None:
    quiet(desk)
    desk.once()
    desk.ledger.write_text('{"version": 1, "op')


SITUATIONS = {
    "quiet": Case(quiet),
    "drift of all classes": Case(drift),
    "a faulty entry": Case(faulty, status=64, complaints=1),
    "an unparsable registry": Case(unparsable, status=64, complaints=1),
    "no registry": Case(missing_registry, status=64, complaints=1),
    "no tmux": Case(drift, status=3, complaints=1, environ={"PATH": "/nowhere"}),
    "a torn ledger": Case(torn_ledger, status=3, complaints=1),
    "XDG folders elsewhere, not there": Case(
        quiet, environ={f"XDG_{each}_HOME": "/nowhere/x" for each in ("CACHE", "STATE", "CONFIG")}
    ),
}


@pytest.mark.parametrize("ticked_before", [False, True], ids=["on a fresh machine", "after a tick"])
@pytest.mark.parametrize("case", [pytest.param(each, id=name) for name, each in SITUATIONS.items()])
def test_a_dry_run_leaves_everything_as_it_was(
    desk: Desk, case: Case, *, ticked_before: bool
) -> None:
    if ticked_before:
        desk.write(text="version: 1\nsessions: []\n")
        assert desk.once().status == 0
        desk.registry.unlink()
    case.arrange(desk)
    folders = [path for path in desk.fence.root.iterdir() if path != desk.fence.tmux]
    before = commandline.everything_below(*folders)

    done = desk.once("--dry-run", environ=case.environ)

    assert commandline.everything_below(*folders) == before
    assert done.status == case.status
    done.complaints(case.complaints)
    assert done.report["tick"]["dry_run"]
    assert not done.report["registry_written"]
    assert not Path("/nowhere").exists()


def test_a_dry_run_finds_what_a_run_would_write(desk: Desk) -> None:
    drift(desk)

    dry = desk.once("--dry-run").report["drifts"]
    wet = desk.once().report["drifts"]

    assert {each["class"]: each["action"] for each in dry} == {
        "A": "planned",
        "B": "planned",
        "C": "planned",
        "D": "flagged",
    }
    assert all(each["new"] for each in wet), "a dry run is nothing that was said"
    known = [(each["id"], each["class"], each["session"]) for each in dry]
    assert [(each["id"], each["class"], each["session"]) for each in wet] == known
    planned = [each["message"] for each in dry if each["action"] == "planned"]
    assert all(message.endswith("Not written: dry run.") for message in planned)


@pytest.mark.parametrize("words", [("status",), ("status", "--json"), ("check",)], ids=" ".join)
def test_commands_that_only_look_write_nothing(desk: Desk, words: tuple[str, ...]) -> None:
    drift(desk)
    folders = [path for path in desk.fence.root.iterdir() if path != desk.fence.tmux]
    before = commandline.everything_below(*folders)

    done = desk.run(*words)

    assert done.status == 0
    done.complaints(0)
    assert commandline.everything_below(*folders) == before


def test_a_dry_poll_says_each_finding_once(desk: Desk) -> None:
    drift(desk)

    with desk.poll("--dry-run") as poll:
        poll.wait_for(lambda: len(poll.lines) == 6, "four classes, one twice, and the sources")
        desk.starts("lab-e-creator-claude")
        poll.wait_for(lambda: len(poll.lines) == 7, "another")
        lines = poll.end().out.splitlines()

    assert ["lab-e" in line for line in lines] == [False] * 6 + [True]
    assert len(set(lines)) == 7
