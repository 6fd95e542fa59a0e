"""Which recorded ids are looked for on disk, and of which it is said that they will expire."""

from __future__ import annotations

import json
import os
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from kanban_worker import agents, standin
from kanban_worker.recorded import Records, Wanted
from reconcile.desired import Entry, Registry
from reconcile.observed import Artefact, Bound, ConversationId, Expiry, Missing, SessionName

ONE, TWO = (ConversationId(f"{n}7dc548e-0000-4000-8000-00000000000{n}") for n in (1, 2))
NOW = datetime.now(UTC)
DAY = 86_400
ENTRY = Entry(
    name=SessionName("lab-x-creator-claude"),
    agent="claude",
    status="running",
    workspace="~/lab/x",
    own_id=ONE,
)
OTHER = replace(ENTRY, name=SessionName("lab-y-creator-claude"), workspace="~/lab/y")
ENDED = replace(ENTRY, status="terminated", termination_cause="host-reboot")


def expanded(path: str) -> str:
    return path.replace("~", str(Path.home()), 1)


def records() -> Records:
    adapters = {kind: make(Path.home(), {}) for kind, make in agents.ADAPTERS.items()}
    return Records(adapters, expanded)


SEEN: dict[SessionName, dict[str, str]] = {ENTRY.name: {}, OTHER.name: {}}
"""The agents of both were seen, with nothing that moves their files."""


def write(one: ConversationId, workspace: str = "~/lab/x", days_ago: float = 0) -> Path:
    """Write a transcript that was last changed so many days ago."""
    cwd = expanded(workspace)
    folder = Path.home() / ".claude/projects" / standin.project_key(cwd)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{one}.jsonl"
    path.write_text(json.dumps({"type": "user", "sessionId": one, "cwd": cwd}) + "\n")
    os.utime(path, (time.time() - days_ago * DAY,) * 2)
    return path


def found(*entries: Entry) -> dict[ConversationId, object]:
    """What is on disk under each recorded id."""
    looked = records()
    artefacts = looked.artefacts(looked.wanted(Registry(entries=entries)), (), NOW, SEEN)
    return {one: artefact for (_, one), artefact in artefacts.items()}


def soon(looked: Records, *entries: Entry, now: datetime = NOW) -> dict[ConversationId, Expiry]:
    """What is about to expire."""
    wanted = looked.wanted(Registry(entries=entries))
    expiring = looked.expiring(wanted, looked.artefacts(wanted, (), now, SEEN), now)
    return {one: expiry for (_, one), expiry in expiring.items()}


def test_own_and_other_ids_of_running_entries_are_looked_for() -> None:
    write(ONE)

    both = found(replace(ENTRY, other_ids=(TWO,)), replace(OTHER, agent="notes", own_id=TWO))

    assert both == {ONE: Artefact.PRESENT, TWO: Missing("never written or deleted")}
    assert found(replace(ENTRY, status="paused"), ENDED, replace(ENTRY, agent=None)) == {}


def test_that_one_entrys_agent_was_never_seen_hides_nothing_of_another_ones_id() -> None:
    write(TWO)  # the folder is there
    never_seen = replace(ENTRY, name=SessionName("lab-z-creator-claude"))

    assert found(never_seen) == {}
    assert found(never_seen, ENTRY) == found(ENTRY, never_seen) == found(ENTRY) != {}


def test_what_a_process_has_just_written_is_there() -> None:
    looked = records()
    wanted = looked.wanted(Registry(entries=(ENTRY,)))
    held = Bound(id=ONE, proof="pid-file", written=True)

    assert looked.artefacts(wanted, (held,), NOW, SEEN) == {("claude", ONE): Artefact.PRESENT}


@pytest.mark.parametrize(
    ("entries", "has_moved"),
    [
        pytest.param((OTHER,), True, id="its own, in another directory"),
        pytest.param((replace(OTHER, own_id=None, other_ids=(ONE,)),), False, id="not its own"),
        pytest.param((OTHER, ENTRY), False, id="also the own one of who works there"),
        pytest.param((replace(OTHER, workspace=None),), False, id="no workspace is registered"),
    ],
)
def test_a_transcript_has_moved_only_for_whom_it_is_the_own_one(
    entries: tuple[Entry, ...], *, has_moved: bool
) -> None:
    write(ONE)
    write(TWO, "~/lab/y")

    assert (found(*entries)[ONE] is not Artefact.PRESENT) is has_moved


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        pytest.param(ENTRY, True, id="runs"),
        pytest.param(replace(ENTRY, own_id=None, other_ids=(ONE,)), True, id="runs, not its own"),
        pytest.param(ENDED, True, id="was cut off by a reboot"),
        pytest.param(
            replace(ENDED, termination_cause="pane-killed (9)"), True, id="was cut off by a signal"
        ),
        pytest.param(replace(ENDED, own_id=None, other_ids=(ONE,)), False, id="not its own"),
        pytest.param(replace(ENDED, termination_cause="session-closed"), False, id="was closed"),
        pytest.param(replace(ENDED, termination_cause="pane-exited (0)"), False, id="ended itself"),
        pytest.param(replace(ENDED, termination_cause=None), False, id="ended, nobody says how"),
        pytest.param(replace(ENTRY, status="paused"), False, id="a person's own status"),
    ],
)
def test_who_may_want_a_conversation_back_is_warned(entry: Entry, *, told: bool) -> None:
    write(ONE, days_ago=28)

    assert (ONE in soon(records(), entry)) is told


def test_what_is_not_there_or_has_time_is_not_told() -> None:
    write(TWO)

    assert soon(records(), ENTRY, replace(ENDED, own_id=TWO)) == {}


def test_ended_sessions_are_looked_at_once_an_hour_and_when_others_ended() -> None:
    path, looked = write(ONE, days_ago=28), records()
    assert set(soon(looked, ENDED)) == {ONE}
    os.utime(path)

    assert set(soon(looked, ENDED, now=NOW + timedelta(minutes=59))) == {ONE}
    assert soon(looked, ENDED, now=NOW + timedelta(minutes=61)) == {}

    os.utime(path, (time.time() - 28 * DAY,) * 2)
    more = replace(ENDED, name=OTHER.name, own_id=TWO)
    assert set(soon(looked, ENDED, more, now=NOW + timedelta(minutes=62))) == {ONE}


def test_an_id_that_also_a_running_entry_has_is_looked_at_each_time() -> None:
    path, looked = write(ONE, days_ago=28), records()
    assert set(soon(looked, ENDED, ENTRY)) == {ONE}

    os.utime(path)

    assert soon(looked, ENDED, ENTRY, now=NOW + timedelta(seconds=30)) == {}


def test_what_has_time_is_looked_at_once_a_minute_as_long_as_the_same_is_wanted() -> None:
    path, looked = write(ONE), records()
    wanted, others = (looked.wanted(Registry(entries=(ENTRY,))) for _ in range(2))

    def told(wanted: Wanted, seconds: float) -> bool:
        now = NOW + timedelta(seconds=seconds)
        return bool(looked.expiring(wanted, looked.artefacts(wanted, (), now, SEEN), now))

    assert not told(wanted, 0)
    os.utime(path, (time.time() - 28 * DAY,) * 2)

    assert not told(wanted, 59)
    assert told(wanted, 60)
    assert told(wanted, 61)
    os.utime(path)
    assert not told(wanted, 62)
    os.utime(path, (time.time() - 28 * DAY,) * 2)
    assert told(others, 63)
