"""What the agents' own hooks recorded, as a tick reads it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import trials
from kanban_worker import ancestry, hookfile, procfs
from kanban_worker.agents.hooks import Hooks
from kanban_worker.agents.shape import Hooked, Member
from reconcile.observed import Unknown

ONE = "11111111-0000-4000-8000-000000000000"
TWO = "22222222-0000-4000-8000-000000000000"
NOW = datetime.now(UTC)

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="there is no /proc")


class Folder:
    """A folder of records, and what reads it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.hooks = Hooks(str(path))

    def write(self, of: Member, **changes: object) -> Path:
        """Record something of a process."""
        start = start_of(of)
        boot, namespace = hookfile.place()
        usual = {
            "version": 1,
            "kind": "claude",
            "id": ONE,
            "event": "SessionStart",
            "source": "startup",
            "headless": False,
            "at": round(of.started_at.timestamp() * 1000) + 100,
            "pid": of.pid,
            "start": start,
            "terminal": procfs.terminal(of.pid),
            "boot": boot,
            "namespace": namespace,
            "begun": int(start) + 10,
        }
        return self.put(hookfile.name(of.pid, start), json.dumps(usual | changes).encode())

    def put(self, name: str, data: bytes) -> Path:
        self.path.mkdir(parents=True, exist_ok=True)
        path = self.path / name
        temporary = self.path / ".new"
        temporary.write_bytes(data)
        temporary.replace(path)
        return path

    def of(self, *family: Member) -> Hooked | Unknown | None:
        self.hooks.look()
        return self.hooks.of(family)

    def id_of(self, *family: Member) -> str | None:
        found = self.of(*family)
        assert not isinstance(found, Unknown), found.why
        return found.id if found else None


def start_of(member: Member) -> str:
    return member.start_ticks or ancestry.microseconds(member.started_at.timestamp())


def member(pid: int) -> Member:
    began = datetime.fromtimestamp(psutil.Process(pid).create_time(), UTC)
    return Member(pid=pid, started_at=began, start_ticks=procfs.start_ticks(pid))


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "hooks")


@pytest.fixture
def agent() -> Iterator[Member]:
    with subprocess.Popen(["sleep", "600"], start_new_session=True) as process:
        yield member(process.pid)
        process.kill()


@pytest.fixture
def child() -> Iterator[Member]:
    with subprocess.Popen(["sleep", "600"], start_new_session=True) as process:
        yield member(process.pid)
        process.kill()


def test_without_a_folder_nothing_was_recorded(folder: Folder, agent: Member) -> None:
    assert folder.of(agent) is None


def test_a_record_is_found_by_pid_and_start(folder: Folder, agent: Member) -> None:
    folder.write(agent)
    found = folder.of(agent)
    at = datetime.fromtimestamp(round(agent.started_at.timestamp() * 1000 + 100) / 1000, UTC)
    assert found == Hooked(id=ONE, at=at, headless=False, kind="claude")  # type: ignore[arg-type] # an id is a string


def test_a_record_says_where_its_process_began(folder: Folder, agent: Member) -> None:
    for told, first in ((TWO, TWO), (None, None), ("../x", None), (3, None)):
        folder.write(agent, first=told)
        found = folder.of(agent)
        assert isinstance(found, Hooked)
        assert (found.id, found.first) == (ONE, first)


def test_off_linux_it_is_found_by_the_start_in_seconds(folder: Folder, agent: Member) -> None:
    elsewhere = replace(agent, start_ticks=None)
    folder.write(elsewhere)
    assert folder.id_of(elsewhere) == ONE
    later = replace(elsewhere, started_at=elsewhere.started_at + timedelta(milliseconds=10))
    assert folder.id_of(later) is None


def test_the_next_process_with_a_pid_is_another_one(folder: Folder, agent: Member) -> None:
    folder.write(agent)
    assert folder.id_of(replace(agent, start_ticks=f"{start_of(agent)}0")) is None


def test_a_record_from_before_its_process_is_anothers(folder: Folder, agent: Member) -> None:
    folder.write(agent, begun=int(start_of(agent)) - 1)
    assert folder.id_of(agent) is None
    elsewhere = replace(agent, start_ticks=None)
    before = agent.started_at - timedelta(seconds=3)
    folder.write(elsewhere, at=round(before.timestamp() * 1000))
    assert folder.id_of(elsewhere) is None


@on_linux
def test_a_clock_that_is_set_forward_makes_no_record_too_old(folder: Folder, agent: Member) -> None:
    folder.write(agent)
    moved = replace(agent, started_at=agent.started_at + timedelta(hours=1))
    assert folder.id_of(moved) == ONE


@pytest.mark.parametrize("where", ["boot", "namespace"])
def test_another_boot_host_or_container_has_other_processes(
    folder: Folder, agent: Member, where: str
) -> None:
    folder.write(agent, **{where: "another"})
    assert folder.id_of(agent) is None


def test_a_new_record_is_seen_at_the_next_look(folder: Folder, agent: Member) -> None:
    folder.write(agent)
    assert folder.id_of(agent) == ONE
    folder.write(agent, id=TWO)
    assert folder.id_of(agent) == TWO


def test_a_quiet_look_is_one_stat(
    folder: Folder, agent: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.write(agent)
    os.utime(folder.path, (1, 1))
    assert folder.id_of(agent) == ONE
    seen = []
    stat = os.stat

    def counted(path: str) -> os.stat_result:
        seen.append(path)
        return stat(path)

    monkeypatch.setattr(os, "stat", counted)
    monkeypatch.setattr(os, "listdir", None)
    monkeypatch.setattr(os, "open", None)
    for _ in range(3):
        folder.hooks.look()
        assert isinstance(folder.hooks.of([agent]), Hooked)
    assert seen == [str(folder.path)] * 3


# Families. --------------------------------------------------------------------------------------


def test_the_inner_process_of_a_wrapper_speaks_for_it(
    folder: Folder, agent: Member, child: Member
) -> None:
    folder.write(child, kind="gemini")
    found = folder.of(agent, child)
    assert isinstance(found, Hooked)
    assert (found.id, found.kind) == (ONE, "gemini")


def test_the_agents_own_record_comes_first(folder: Folder, agent: Member, child: Member) -> None:
    folder.write(agent)
    folder.write(child, id=TWO)
    assert folder.id_of(agent, child) == ONE


def test_a_headless_run_of_an_agents_tool_is_told_as_such(
    folder: Folder, agent: Member, child: Member
) -> None:
    folder.write(child, headless=True)
    found = folder.of(agent, child)
    assert isinstance(found, Hooked)
    assert found.headless


@on_linux
def test_a_descendant_on_another_terminal_is_not_what_the_pane_shows(
    folder: Folder, agent: Member, child: Member
) -> None:
    folder.write(child, terminal=34816)
    assert folder.id_of(agent, child) is None


@on_linux
def test_a_descendant_that_has_ended_holds_nothing(folder: Folder, agent: Member) -> None:
    with subprocess.Popen(["sleep", "600"], start_new_session=True) as process:
        ended = member(process.pid)
        folder.write(ended)
        assert folder.id_of(agent, ended) == ONE
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # a zombie
        assert folder.id_of(agent, ended) is None
    assert folder.id_of(agent, ended) is None


# What somebody else wrote. ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {"id": "../../etc/passwd"},
        {"id": f"{ONE}\n"},
        {"id": {}},
        {"id": "ses_1"},
        {"kind": "agy"},
        {"kind": ["claude"]},
        {"at": "today"},
        {"at": 1e400},
        {"begun": None},
    ],
)
def test_a_damaged_record_is_no_answer(
    folder: Folder, agent: Member, changes: dict[str, Any]
) -> None:
    path = folder.write(agent, **changes)
    found = folder.of(agent)
    assert isinstance(found, Unknown)
    assert str(path) in found.why


def test_a_record_that_does_not_say_that_it_is_interactive_is_not(
    folder: Folder, agent: Member
) -> None:
    folder.write(agent, headless="no")
    found = folder.of(agent)
    assert isinstance(found, Hooked)
    assert found.headless


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir], ids=["pipe", "folder"])
def test_what_is_no_file_is_no_answer(folder: Folder, agent: Member, make: Any) -> None:  # noqa: ANN401 - one of two
    folder.path.mkdir()
    make(folder.path / hookfile.name(agent.pid, start_of(agent)))
    assert isinstance(folder.of(agent), Unknown)


def test_a_folder_that_is_none_is_no_answer(folder: Folder, agent: Member) -> None:
    folder.path.write_text("")
    assert isinstance(folder.of(agent), Unknown)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(
    data=st.binary()
    | JSON.map(lambda each: json.dumps(each).encode())
    | st.dictionaries(
        st.sampled_from(["kind", "id", "at", "begun", "headless", "boot", "terminal"]),
        JSON | st.sampled_from(["claude", ONE]),
    ).map(lambda each: json.dumps(each).encode())
    | st.sampled_from([b"[" * 5000, b'{"at":' + b"9" * 5000 + b"}", b"\0" * 20_000])
)
@settings(max_examples=trials.of(200), suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_content_raises(folder: Folder, agent: Member, data: bytes) -> None:
    folder.put(hookfile.name(agent.pid, start_of(agent)), data)
    assert isinstance(folder.of(agent), Unknown | Hooked | None)
    folder.hooks.tidy(NOW)


# Tidying. ---------------------------------------------------------------------------------------


def tidied(folder: Folder, now: datetime = NOW) -> list[str]:
    folder.hooks.look()
    folder.hooks.tidy(now)
    return sorted(each.name for each in folder.path.iterdir())


@on_linux
def test_records_of_processes_that_are_over_are_deleted(
    folder: Folder, agent: Member, child: Member
) -> None:
    kept = folder.write(agent)
    folder.write(replace(child, start_ticks="17"))  # the pid lives again
    folder.write(replace(child, pid=4_194_305))
    assert tidied(folder) == [kept.name]


def test_it_looks_again_after_ten_minutes_only(folder: Folder, agent: Member) -> None:
    gone = replace(agent, pid=4_194_305)
    folder.write(agent)
    assert len(tidied(folder)) == 1
    folder.write(gone)
    assert len(tidied(folder, NOW + timedelta(minutes=9))) == 2
    assert len(tidied(folder, NOW + timedelta(minutes=10))) == 1
    folder.write(gone)
    assert len(tidied(folder, NOW - timedelta(days=1))) == 1  # a clock that was set back


@pytest.mark.parametrize("place", [{"boot": "another"}, {"namespace": "pid:[1]"}])
def test_what_another_host_wrote_is_kept_for_a_month(
    folder: Folder, agent: Member, place: dict[str, str]
) -> None:
    folder.write(replace(agent, pid=4_194_305), **place)
    assert len(tidied(folder)) == 1
    assert tidied(folder, NOW + timedelta(days=31)) == []


def test_only_files_with_a_records_name_are_deleted(folder: Folder, tmp_path: Path) -> None:
    over = tmp_path / "over.json"
    over.write_text("{}")
    folder.path.mkdir()
    names = ["4194305-x.json", "notes.json", "4194305-1.json.bak", ".4194305-1.json.tmp", "a b"]
    for name in names:
        (folder.path / name).write_text("{}")
    (folder.path / "4194305-1.json").symlink_to(over)
    (folder.path / "4194305-2.json").mkdir()
    (folder.path / "4194305-3.json").write_text("{}")
    (folder.path / ".4194305-3.json.77.tmp").write_text("{")
    left = tidied(folder, NOW + timedelta(days=31))
    assert left == sorted([*names, "4194305-1.json", "4194305-2.json"])
    assert over.exists()


def test_nothing_is_deleted_through_a_link(folder: Folder, tmp_path: Path, agent: Member) -> None:
    real = Folder(tmp_path / "real")
    real.write(replace(agent, pid=4_194_305))
    folder.path.symlink_to(real.path)
    assert len(tidied(folder)) == 1


def test_a_folder_that_cannot_be_written_is_left(folder: Folder, agent: Member) -> None:
    folder.write(replace(agent, pid=4_194_305))
    folder.path.chmod(0o500)
    try:
        tidied(folder)
    finally:
        folder.path.chmod(0o700)
