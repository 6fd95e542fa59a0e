"""The process table, read once for everybody who asks in one look."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from unittest import mock

import psutil
import pytest

import descriptors
from kanban_worker import holders, processes, procfs
from kanban_worker.process_table import Table

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="there is no /proc")


@pytest.fixture
def shell() -> Iterator[subprocess.Popen[str]]:
    """A shell with a child of its own, whose pid it has told."""
    command = ["sh", "-c", "sleep 600 & echo $!; wait"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        yield process
        for child in psutil.Process(process.pid).children():
            child.kill()
        process.kill()


def test_a_process_is_followed_down_and_up(shell: subprocess.Popen[str]) -> None:
    assert shell.stdout is not None
    child = int(shell.stdout.readline())
    table = Table()

    assert [each.pid for each in table.below(shell.pid)] == [shell.pid, child]
    assert list(table.above(child))[:2] == [shell.pid, os.getpid()]
    assert table.words(child) == ["sleep", "600"]


def test_it_is_of_one_moment(shell: subprocess.Popen[str]) -> None:
    assert shell.stdout is not None
    table = Table()
    before = dict(table.parents)
    with subprocess.Popen(["sleep", "600"]) as later:
        assert later.pid not in table.parents
        assert later.pid in Table().parents
        later.kill()
    assert table.parents == before


@on_linux
def test_two_that_are_each_other_s_parents_are_no_endless_walk() -> None:
    """As a table may show that was not read in one moment, when pids were reused."""
    me, table = os.getpid(), Table()
    with (
        mock.patch.object(psutil, "pids", return_value=[me, os.getppid()]),
        mock.patch.object(procfs, "parent", {me: os.getppid(), os.getppid(): me}.get),
    ):
        assert table.parents == {me: os.getppid(), os.getppid(): me}

    assert [each.pid for each in table.below(me)] == [me, os.getppid()]
    assert list(table.above(me)) == [os.getppid()]


def test_it_is_read_once_for_every_kind() -> None:
    table, now = Table(), datetime.now(UTC)
    with mock.patch.object(psutil, "pids", wraps=psutil.pids) as read:
        for kind in ("claude", "codex", "agy"):
            holders.everywhere(kind, table, now)

    assert read.call_count == 1


def test_who_lives_anywhere_is_told_without_a_descriptor_for_each() -> None:
    before = descriptors.held()
    with subprocess.Popen(["claude", "600"], executable="/bin/sleep") as agent:
        found = holders.everywhere("claude", Table(), datetime.now(UTC))
        held = descriptors.held()
        agent.kill()

    assert not isinstance(found, processes.Unknown)
    assert agent.pid in {each.family[0].pid for each in found}
    assert held == before


class TestReserve:
    def test_what_is_beyond_the_reserve_is_looked_at_one_by_one(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(processes, "_most_watched", lambda: 1)
        before = descriptors.held()
        with (
            subprocess.Popen(["sleep", "600"]) as one,
            subprocess.Popen(["sleep", "600"]) as two,
        ):
            ends, table = processes._Ends(), Table()
            members = [table.member(each.pid) for each in (one, two)]
            ends.watch(members)
            held = descriptors.held()
            assert ends.seen() == frozenset()
            one.kill()
            two.kill()
            one.wait()
            two.wait()
            assert ends.seen() == set(members)
        assert held <= before + 1

    @pytest.mark.parametrize(("soft", "most"), [(256, 128), (64, -64)])
    def test_it_is_below_the_limit_of_this_process(
        self, monkeypatch: pytest.MonkeyPatch, soft: int, most: int
    ) -> None:
        monkeypatch.setattr(resource, "getrlimit", lambda _: (soft, soft))

        assert processes._most_watched() == most

    def test_without_a_limit_there_is_none(self, monkeypatch: pytest.MonkeyPatch) -> None:
        unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        monkeypatch.setattr(resource, "getrlimit", lambda _: unlimited)

        assert processes._most_watched() > 2**30
