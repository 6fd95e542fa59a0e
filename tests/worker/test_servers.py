"""Which tmux servers are asked: found by their sockets, never by a call of tmux."""

from __future__ import annotations

import os
import pickle
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest

import fences
from fleet import Fleet
from kanban_worker.observe import sockets
from kanban_worker.observe.servers import Found, Servers
from kanban_worker.process_table import Table
from waiting import retry_until

UID = os.getuid()
NOBODY = 65534
as_root = pytest.mark.skipif(UID != 0, reason="only root may become another user")
on_linux = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="only Linux lists the sockets that are bound"
)


class Ground:
    """A place for tmux folders, and servers with their sockets in them."""

    def __init__(self, fence: fences.Fence, stack: ExitStack) -> None:
        self.base = fence.tmux
        self._stack = stack

    @property
    def own(self) -> Path:
        """The folder of this user."""
        return self.base / f"tmux-{UID}"

    def serve(self, path: Path) -> Fleet:
        """Start a server that listens on a path."""
        path.parent.mkdir(parents=True, exist_ok=True)
        fleet = self._stack.enter_context(Fleet(path.parent))
        fleet.socket = path
        fleet.start("a", agent="sleep")
        return fleet

    def servers(self, *explicit: Path, **environ: str) -> Servers:
        """What looks from here."""
        return Servers([str(each) for each in explicit], environ, base=str(self.base))


@pytest.fixture
def ground(fence: fences.Fence) -> Iterator[Ground]:
    with ExitStack() as stack:
        yield Ground(fence, stack)


def look(servers: Servers, **given: object) -> list[str]:
    """Look where nothing may be hidden; the names of the sockets to ask."""
    found = servers.look(**given)  # type: ignore[arg-type]
    assert found.hidden == {}
    return [os.path.basename(path) for path in found.sockets]  # noqa: PTH119


def as_nobody(ask: Callable[[], Found]) -> Found:
    """Ask as a user to whom permissions apply."""
    readable, writable = os.pipe()
    if not (child := os.fork()):
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
        try:
            os.write(writable, pickle.dumps(ask()))
        finally:
            os._exit(0)
    os.close(writable)
    with os.fdopen(readable, "rb") as pipe:
        told = pipe.read()
    os.waitpid(child, 0)
    found: Found = pickle.loads(told)  # noqa: S301 - our own child wrote it
    return found


class TestLook:
    def test_the_default_socket_is_asked_also_when_nothing_is_there(self, ground: Ground) -> None:
        assert ground.servers().look() == Found(sockets=(f"{ground.own}/default",))
        assert ground.servers().default == f"{ground.own}/default"

    def test_every_living_server_of_the_users_folder_is_asked(self, ground: Ground) -> None:
        for name in ("work", "default", "play"):
            ground.serve(ground.own / name)

        assert look(ground.servers()) == ["default", "play", "work"]

    def test_the_folder_is_below_tmux_tmpdir_and_below_tmp_where_that_is_not_there(
        self, ground: Ground, fence: fences.Fence
    ) -> None:
        elsewhere = fence.root / "x"
        ground.serve(elsewhere / f"tmux-{UID}" / "work")

        found = ground.servers(TMUX_TMPDIR=str(elsewhere)).look()
        without = ground.servers(TMUX_TMPDIR=str(fence.root / "no")).look()

        folder = f"{elsewhere}/tmux-{UID}"
        assert found.sockets == (f"{folder}/default", f"{folder}/work")
        assert without.sockets == (f"{ground.own}/default",)

    def test_the_server_of_this_shell_is_asked_as_well(self, ground: Ground) -> None:
        servers = ground.servers(TMUX="/somewhere/else/s,12,0")

        assert servers.look().sockets == (f"{ground.own}/default", "/somewhere/else/s")

    def test_sightings_are_asked_also_when_nothing_lives_there(self, ground: Ground) -> None:
        found = ground.servers().look(sighted=["/gone/s", f"{ground.own}/default"])

        assert found.sockets == (f"{ground.own}/default", "/gone/s")

    def test_named_sockets_are_asked_with_those_of_sightings_and_no_other(
        self, ground: Ground
    ) -> None:
        ground.serve(ground.own / "default")
        servers = ground.servers(Path("/a/s"), TMUX="/b/s,1,2")

        assert servers.look(owner=NOBODY, sighted=["/c/s"]) == Found(sockets=("/a/s", "/c/s"))
        assert servers.others([], Table(), owner=NOBODY) == Found()

    def test_what_is_no_socket_or_has_no_server_is_not_asked(self, ground: Ground) -> None:
        ground.own.mkdir()
        (ground.own / "file").write_text("")
        (ground.own / "folder").mkdir()
        (ground.own / "loop").symlink_to("loop")
        with socket.socket(socket.AF_UNIX) as left, socket.socket(socket.AF_UNIX) as deaf:
            left.bind(str(ground.own / "left behind"))
            deaf.bind(str(ground.own / "does not listen"))
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
            other.bind(str(ground.own / "datagrams"))

            assert look(ground.servers()) == ["default"]

    def test_servers_that_come_and_go_are_seen_at_the_next_look(self, ground: Ground) -> None:
        servers = ground.servers()
        assert look(servers) == ["default"]

        work = ground.serve(ground.own / "work")
        assert look(servers) == ["default", "work"]

        work.kill_server(signal.SIGKILL)
        assert work.socket.exists()
        assert look(servers) == ["default"]

        work.start("b", agent="sleep")
        assert look(servers) == ["default", "work"]

        work.socket.unlink()
        assert look(servers) == ["default"]

        os.kill(work.server_pid, signal.SIGUSR1)
        retry_until(lambda: look(servers) == ["default", "work"], what="the new socket")

    def test_they_are_seen_too_once_the_folder_has_settled(self, ground: Ground) -> None:
        """The folder's time is then believed: what is unchanged is not listed again."""
        ground.own.mkdir()
        servers = Servers([], {}, base=str(ground.base), clock=lambda: time.time() + 60)
        assert look(servers) == ["default"]

        work = ground.serve(ground.own / "work")
        assert look(servers) == ["default", "work"]
        work.kill_server(signal.SIGKILL)
        assert look(servers) == ["default"]
        work.start("b", agent="sleep")
        assert look(servers) == ["default", "work"]

    def test_a_folder_that_has_just_changed_is_listed_again_whatever_its_time(
        self, ground: Ground, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A file system counts time in ticks: two changes within one look the same."""
        ground.own.mkdir()
        listed = count_calls(monkeypatch, "scandir")
        now = time.time()
        servers = Servers([], {}, base=str(ground.base), clock=lambda: now)

        for _ in range(3):
            servers.look()
        assert len(listed) == 3

        now += 60
        for _ in range(3):
            servers.look()
        assert len(listed) == 4

    def test_a_stopped_server_is_asked_and_not_waited_for(self, ground: Ground) -> None:
        work = psutil.Process(ground.serve(ground.own / "work").server_pid)
        work.suspend()
        try:
            assert look(ground.servers()) == ["default", "work"]
        finally:
            work.resume()

    def test_a_server_whose_queue_is_full_is_asked(self, ground: Ground) -> None:
        ground.own.mkdir()
        with socket.socket(socket.AF_UNIX) as full, ExitStack() as clients:
            full.bind(str(ground.own / "full"))
            full.listen(0)
            for _ in range(2):
                client = clients.enter_context(socket.socket(socket.AF_UNIX))
                client.settimeout(0)
                try:
                    client.connect(str(ground.own / "full"))
                except BlockingIOError:
                    break

            assert look(ground.servers()) == ["default", "full"]

    def test_one_server_is_asked_once_however_it_is_reached(
        self, ground: Ground, fence: fences.Fence
    ) -> None:
        fleet = ground.serve(ground.own / "default")
        (fence.root / "link").symlink_to(ground.base)
        (ground.own / "alias").symlink_to("default")
        (ground.own / "second").hardlink_to(fleet.socket)
        by_link = f"{fence.root}/link/tmux-{UID}/default"
        servers = ground.servers(TMUX_TMPDIR=f"{fence.root}/link", TMUX=f"{by_link},1,0")

        assert servers.look(sighted=[by_link]).sockets == (str(fleet.socket),)
        named = ground.servers(Path(by_link), fleet.socket)
        assert named.look(sighted=[by_link]).sockets == (str(fleet.socket),)

    def test_a_path_that_can_be_none_is_left_to_tmux(self, ground: Ground) -> None:
        odd = ["/nul\0byte/s", "relative", "x" * 5000]

        assert ground.servers(Path("/a")).look(sighted=odd).sockets[1] == odd[0]


class TestOwner:
    """The registry's owner may be another user."""

    @as_root
    def test_the_living_servers_of_the_owners_folder_are_asked(self, ground: Ground) -> None:
        folder = ground.base / f"tmux-{NOBODY}"
        ground.serve(folder / "default")
        os.chown(folder, NOBODY, NOBODY)

        found = ground.servers().look(owner=NOBODY)

        assert found == Found(sockets=(f"{ground.own}/default", f"{folder}/default"))
        assert ground.servers().look(owner=None).sockets == found.sockets[:1]
        assert ground.servers().look(owner=UID).sockets == found.sockets[:1]

    @as_root
    def test_a_folder_of_the_owner_that_may_not_be_read_is_named(self, ground: Ground) -> None:
        ground.serve(ground.own / "default")
        ground.own.chmod(0o700)
        shutil.chown(ground.base.parent, NOBODY)
        shutil.chown(ground.base, NOBODY)
        servers = Servers([], {}, uid=NOBODY, base=str(ground.base))

        found = as_nobody(lambda: servers.look(owner=UID))

        assert found.sockets == (f"{ground.base}/tmux-{NOBODY}/default",)
        assert list(found.hidden) == [str(ground.own)]
        assert found.hidden[str(ground.own)].why.endswith("cannot be read: Permission denied")

    @as_root
    def test_a_socket_that_may_not_be_used_is_named_until_it_may(self, ground: Ground) -> None:
        fleet = ground.serve(ground.own / "default")
        shutil.chown(ground.base.parent, NOBODY)
        shutil.chown(ground.base, NOBODY)
        ground.own.chmod(0o755)
        fleet.socket.chmod(0o600)
        late = lambda: time.time() + 60  # noqa: E731
        servers = Servers([], {}, uid=NOBODY, base=str(ground.base), clock=late)

        def twice() -> Found:
            servers.look(owner=UID)
            return servers.look(owner=UID)

        found = as_nobody(twice)

        path = str(fleet.socket)
        assert path not in found.sockets
        why = f"the tmux socket {path} may not be used: Permission denied"
        assert {name: each.why for name, each in found.hidden.items()} == {path: why}
        fleet.socket.chmod(0o666)
        assert path in as_nobody(twice).sockets

    @as_root
    def test_a_folder_that_somebody_else_has_put_there_is_named_and_not_asked(
        self, ground: Ground
    ) -> None:
        ground.serve(ground.own / "work")
        os.chown(ground.own, NOBODY, NOBODY)

        found = ground.servers().look()

        assert found.sockets == (f"{ground.own}/default",)
        assert "belongs to user 65534" in found.hidden[str(ground.own)].why

    @as_root
    def test_root_is_answered_by_a_server_of_another_user(self, ground: Ground) -> None:
        folder = ground.base / "theirs"
        folder.mkdir()
        os.chown(folder, NOBODY, NOBODY)
        for above in (ground.base, ground.base.parent):
            above.chmod(0o755)
        start = ["tmux", "-S", str(folder / "s"), "-f", "/dev/null", "new-session", "-d"]
        subprocess.run([*start, "sleep", "99"], user=NOBODY, group=NOBODY, check=True, cwd="/")

        shown = ["tmux", "-S", str(folder / "s"), "list-panes", "-a", "-F", "x"]
        assert subprocess.check_output(shown, text=True) == "x\n"


class TestOthers:
    """Servers that lie where nobody looks at each tick."""

    @on_linux
    def test_a_server_under_any_path_is_found_by_its_process(
        self, ground: Ground, fence: fences.Fence
    ) -> None:
        elsewhere = ground.serve(fence.root / "y" / "socket")
        default = ground.serve(ground.own / "default")
        servers = ground.servers()
        asked = servers.look().sockets

        others = servers.others(asked, Table())

        assert str(elsewhere.socket) in others.sockets
        assert str(default.socket) not in others.sockets
        assert (
            str(elsewhere.socket)
            not in servers.others([*asked, str(elsewhere.socket)], Table()).sockets
        )

    @on_linux
    def test_a_server_in_a_folder_of_these_users_is_found_by_its_path(
        self, ground: Ground, fence: fences.Fence
    ) -> None:
        theirs, foreign = fence.root / f"tmux-{UID}" / "s", fence.root / "tmux-77" / "s"
        with socket.socket(socket.AF_UNIX) as one, socket.socket(socket.AF_UNIX) as other:
            for listener, path in ((one, theirs), (other, foreign)):
                path.parent.mkdir()
                listener.bind(str(path))
                listener.listen()

            found = ground.servers().others([], Table())

        assert str(theirs) in found.sockets
        assert str(foreign) not in found.sockets

    def test_a_server_in_tmp_is_found_where_tmux_tmpdir_leads_elsewhere(
        self, ground: Ground, fence: fences.Fence
    ) -> None:
        fleet = ground.serve(ground.own / "default")
        servers = ground.servers(TMUX_TMPDIR=str(fence.home))
        asked = servers.look().sockets

        assert str(fleet.socket) not in asked
        assert str(fleet.socket) in servers.others(asked, Table()).sockets

    @on_linux
    def test_a_server_whose_socket_was_deleted_is_named(
        self, ground: Ground, fence: fences.Fence
    ) -> None:
        fleet = ground.serve(fence.root / "y" / "socket")
        fleet.socket.unlink()

        found = ground.servers().others([], Table())

        assert str(fleet.socket) not in found.sockets
        assert "SIGUSR1" in found.hidden[str(fleet.socket)].why

    @on_linux
    @as_root
    def test_a_server_of_the_owner_that_may_not_be_looked_into_is_named(
        self, ground: Ground, fence: fences.Fence
    ) -> None:
        fleet = ground.serve(fence.root / "y" / "socket")
        servers = Servers([], {}, uid=NOBODY, base=str(ground.base))

        found = as_nobody(lambda: servers.others([], Table(), owner=UID))

        assert "cannot be looked into" in found.hidden[f"pid {fleet.server_pid}"].why


class TestCost:
    def test_a_quiet_look_starts_no_process_connects_to_nobody_and_lists_no_folder(
        self, ground: Ground, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("default", "work"):
            ground.serve(ground.own / name)
        with socket.socket(socket.AF_UNIX) as left:
            left.bind(str(ground.own / "left"))
        servers = Servers([], {}, base=str(ground.base), clock=lambda: time.time() + 60)
        first = servers.look()
        listed = count_calls(monkeypatch, "scandir")
        monkeypatch.setattr(sockets, "connect", lambda path: pytest.fail(f"connects to {path}"))
        monkeypatch.setattr(subprocess, "Popen", lambda *_: pytest.fail("starts a process"))

        for _ in range(3):
            assert servers.look() == first

        assert listed == []


def count_calls(monkeypatch: pytest.MonkeyPatch, name: str) -> list[object]:
    """Count the calls of a function of `os`, which is still called."""
    calls: list[object] = []
    real = getattr(os, name)

    def counted(path: object) -> object:
        calls.append(path)
        return real(path)

    monkeypatch.setattr(os, name, counted)
    return calls
