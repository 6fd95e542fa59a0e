"""What a tmux server is asked, and what each of its answers means: here, none, or could not look.

Each row of the table of exit status 1 (docs/decisions.md) is a test on a real server; a script
in tmux's place says only what cannot be brought about here.
"""

from __future__ import annotations

import itertools
import os
import pickle
import resource
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest

import descriptors
import fences
import threads
import tmux_versions
import tmux_words
from fleet import Fleet
from kanban_worker import tmux, unix_sockets
from kanban_worker.agents.shape import Shown
from kanban_worker.tmux import Tmux
from reconcile.observed import Answer, Listing, Pane, Session, SessionName, Unknown
from waiting import retry_until

NOBODY = 65534
on_linux = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="only Linux lists the sockets that are bound"
)


def look(path: Path | str, *, deadline: float = 5, tmux_bin: str | None = None) -> Answer[Listing]:
    """Look at one socket, once."""
    return Tmux([str(path)], deadline=deadline, tmux_bin=tmux_bin).look()[str(path)]


def listing(path: Path | str) -> Listing:
    """Look at one socket that certainly answers."""
    answer = look(path)
    assert isinstance(answer, Listing), answer
    return answer


def only_session(fleet: Fleet) -> Session:
    """Return the one session of a fleet."""
    (session,) = listing(fleet.socket).sessions.values()
    return session


def why(answer: Answer[Listing]) -> str:
    """Return the reason of an answer that must be "could not look"."""
    assert isinstance(answer, Unknown), answer
    assert "\n" not in answer.why
    return answer.why


def script(folder: Path, text: str) -> str:
    """Write a program that stands in tmux's place, and return its path."""
    program = folder / "tmux-in-its-place"
    program.write_text(f"#!/bin/sh\n{text}\n")
    program.chmod(0o755)
    return str(program)


def as_nobody(ask: Callable[[], Answer[Listing]]) -> Answer[Listing]:
    """Ask as a user to whom permissions apply: root ignores them."""
    readable, writable = os.pipe()
    child = os.fork()
    if not child:
        if os.getuid() == 0:
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
    answer: Answer[Listing] = pickle.loads(told)  # noqa: S301 - our own child wrote it
    return answer


def close_next(server: socket.socket) -> None:
    """Take one connection and end it at once."""
    server.accept()[0].close()


def told_as(directory: Path) -> str:
    """Return what the listing says of a session's directory."""
    return str(directory) if tmux_versions.here()[1].session_path else ""


def dead_panes(fleet: Fleet, name: SessionName) -> list[Pane]:
    """Return the panes of a session whose process has ended."""
    return [pane for pane in listing(fleet.socket).sessions[name].panes if pane.dead]


def shows(fleet: Fleet, name: str, prints: str) -> tuple[str, int]:
    """Start a session that prints something and stays; its pane and that pane's pid."""
    text = f"{prints}; exec sleep 86400"
    fleet.tmux("new-session", "-d", "-s", name, "-x", "80", "-y", "24", "--", "sh", "-c", text)
    fleet._server = fences.server_at(fleet.socket)
    pid = fleet.pane_pid(name)
    retry_until(lambda: psutil.Process(pid).name() == "sleep", what="all that it prints")
    # What was written has reached the server once a later command of it was answered.
    retry_until(lambda: fleet.tmux("capture-pane", "-p", "-t", f"={name}:"), what="the text")
    return fleet.tmux("list-panes", "-t", f"={name}:", "-F", "#{pane_id}"), pid


def title(fleet: Fleet, pane: str, text: str) -> None:
    """Give a pane a title, as its program would."""
    tty = fleet.tmux("display-message", "-p", "-t", pane, "#{pane_tty}")
    with Path(tty).open("w", encoding="utf-8") as terminal:
        terminal.write(f"\033]2;{text}\033\\")
    asked = ("display-message", "-p", "-t", pane, "#{pane_title}")
    retry_until(lambda: fleet.tmux(*asked).startswith(text[:4]), what="the title")


@pytest.fixture
def stopped(fleet: Fleet) -> Iterator[Fleet]:
    """Stop a server, as a debugger or a full disk does; it takes connections and is silent."""
    fleet.start("a", agent="sleep")
    server = psutil.Process(fleet.server_pid)
    server.suspend()
    yield fleet
    server.resume()


class TestNone:
    """Certainly no server, or no session."""

    def test_a_socket_that_was_never_created_means_none(self, fence: fences.Fence) -> None:
        assert look(fence.tmux / "never") is None

    def test_a_folder_that_was_never_created_means_none(self, fence: fences.Fence) -> None:
        assert look(fence.tmux / "no" / "folder" / "s") is None

    @pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGKILL])
    def test_a_killed_server_that_left_its_socket_behind_means_none(
        self, fleet: Fleet, sig: signal.Signals
    ) -> None:
        fleet.start("a", agent="sleep")

        fleet.kill_server(sig)

        assert fleet.socket.exists()
        assert look(fleet.socket) is None

    def test_a_server_that_lost_its_last_session_tells_nothing_of_itself(
        self, fleet: Fleet
    ) -> None:
        fleet.start("a", agent="sleep")
        fleet.tmux("set-option", "-s", "exit-empty", "off")
        watcher = Tmux([str(fleet.socket)])
        (before,) = watcher.look().values()
        assert isinstance(before, Listing)
        assert before.version == tmux_versions.here()[0]
        fleet.kill("a")

        (after,) = watcher.look().values()

        assert after == Listing(server=None, sessions={}, version="")

    def test_a_living_server_without_sessions_means_an_empty_listing(self, fleet: Fleet) -> None:
        fleet.start("a", agent="sleep")
        fleet.tmux("set-option", "-s", "exit-empty", "off")
        fleet.kill("a")

        assert look(fleet.socket) == Listing(server=None, sessions={})


class TestUnknown:
    """Could not look: never to be taken for a death."""

    @on_linux
    def test_a_deleted_socket_of_a_living_server_is_no_absence_and_tells_the_way_back(
        self, fleet: Fleet
    ) -> None:
        fleet.start("a", agent="sleep")
        fleet.socket.unlink()

        assert "send that server SIGUSR1" in why(look(fleet.socket))

        os.kill(fleet.server_pid, signal.SIGUSR1)
        retry_until(fleet.socket.exists, what="a new socket")
        assert list(listing(fleet.socket).sessions) == ["a"]

    @on_linux
    def test_a_deleted_socket_is_known_by_its_real_path_too(self, fleet: Fleet) -> None:
        link = fleet.folder.with_name("link")
        link.symlink_to(fleet.folder)
        fleet.start("a", agent="sleep")
        fleet.socket.unlink()

        assert "SIGUSR1" in why(look(link / "s"))

    @on_linux
    def test_a_deleted_socket_that_was_bound_through_a_link_is_known(self, fleet: Fleet) -> None:
        link = fleet.folder.with_name("link")
        link.symlink_to(fleet.folder)
        fleet.socket = link / "s"
        fleet.start("a", agent="sleep")
        fleet.socket.unlink()

        assert "SIGUSR1" in why(look(fleet.folder / "s"))

    def test_a_socket_of_another_user_is_unknown(self, fleet: Fleet) -> None:
        fleet.start("a", agent="sleep")
        fleet.socket.chmod(0)

        assert "Permission denied" in why(as_nobody(lambda: look(fleet.socket)))

    @pytest.mark.parametrize(
        ("says", "status"), tmux_words.UNKNOWN.values(), ids=tmux_words.UNKNOWN
    )
    def test_only_tmuxs_own_words_about_this_socket_mean_that_there_is_none(
        self, tmp_path: Path, says: str, status: int
    ) -> None:
        path = tmp_path / "s"
        text = says.format(path=path)

        said = f"cat >&2 <<'END'\n{text}\nEND\nexit {status}"
        answer = look(path, tmux_bin=script(tmp_path, said))

        assert (text or f"no rows, exit status {status}") in why(answer)

    def test_a_path_that_holds_tmuxs_words_changes_nothing(self, fence: fences.Fence) -> None:
        folder = fence.tmux / "no server running on"
        folder.write_text("")

        assert "Not a directory" in why(look(folder / "no current target"))

    @pytest.mark.parametrize(
        ("name", "reason"),
        [
            pytest.param("x" * 150, "File name too long", id="longer than a socket's path may be"),
            pytest.param("file", "is not a socket", id="a regular file"),
            pytest.param("folder", "is not a socket", id="a folder"),
            pytest.param("file/s", "Not a directory", id="below a file"),
            pytest.param("loop", "symbolic links", id="a link to itself"),
            pytest.param("nul\0byte", "embedded null byte", id="with a NUL"),
        ],
    )
    def test_a_path_that_can_be_no_socket_is_unknown(
        self, fence: fences.Fence, name: str, reason: str
    ) -> None:
        (fence.tmux / "file").write_text("")
        (fence.tmux / "folder").mkdir()
        (fence.tmux / "loop").symlink_to("loop")

        assert reason in why(look(f"{fence.tmux}/{name}"))

    def test_another_program_at_the_socket_is_unknown(self, fence: fences.Fence) -> None:
        path = fence.tmux / "foreign"
        with socket.socket(socket.AF_UNIX) as foreign:
            foreign.bind(str(path))
            foreign.listen()
            closing = threading.Thread(target=close_next, args=[foreign])
            closing.start()

            answer = look(path, deadline=2)

            closing.join()
        assert str(path) in why(answer)

    def test_a_missing_tmux_is_unknown(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))

        assert "not installed" in why(look(tmp_path / "s"))

    def test_a_tmux_that_went_away_since_is_unknown(self, tmp_path: Path) -> None:
        assert "cannot be run" in why(look(tmp_path / "s", tmux_bin=str(tmp_path / "tmux")))

    def test_a_tmux_that_may_not_be_run_is_unknown(self, tmp_path: Path) -> None:
        program = tmp_path / "tmux"
        program.write_text("")

        answer = look(tmp_path / "s", tmux_bin=str(program))

        assert "Permission denied" in why(answer)

    @pytest.mark.skipif(os.getuid() != 0, reason="counts all processes of the user")
    def test_a_system_without_room_for_a_process_is_unknown(self, fleet: Fleet) -> None:
        fleet.start("a", agent="sleep")

        def crowded() -> Answer[Listing]:
            resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
            return look(fleet.socket)

        assert "could not be started" in why(as_nobody(crowded))

    @pytest.mark.parametrize(
        "printed",
        [
            pytest.param("", id="nothing"),
            pytest.param("\n\n", id="empty lines"),
            pytest.param("welcome to tmux", id="something else"),
            pytest.param("{mark}1|2|$0|3|%0|4|0||{mark}a", id="a row without its directory"),
            pytest.param("{mark}1|2|$0|3|%0{mark}a{mark}/x", id="too few numbers"),
            pytest.param("{mark}1|2|$0|3|%0|4|0|||{mark}a{mark}/x", id="too many numbers"),
            pytest.param("{mark}1|2|$0|3|%0||0||{mark}a{mark}/x", id="no pane process"),
            pytest.param("{mark}1|2|$0||%0|4|0||{mark}a{mark}/x", id="no creation time"),
            pytest.param("{mark}one|2|$0|3|%0|4|0||{mark}a{mark}/x", id="a word for a number"),
            pytest.param(
                f"{{mark}}1|{10**30}|$0|3|%0|4|0||{{mark}}a{{mark}}/x", id="no time at all"
            ),
            pytest.param(
                "{mark}1|2|$0|3|%0|4|0||{mark}a{mark}/x\n{mark}9|2|$1|3|%1|5|0||{mark}b{mark}/x",
                id="rows of two servers",
            ),
        ],
    )
    def test_an_answer_that_cannot_be_read_is_unknown(self, tmp_path: Path, printed: str) -> None:
        watcher = Tmux([str(tmp_path / "s")], tmux_bin=script(tmp_path, f"cat {tmp_path}/answer"))
        end = f"{watcher._mark}end of look 1"
        (tmp_path / "answer").write_text(f"{printed}\n".format(mark=watcher._mark) + end)

        assert "a row that cannot be read" in why(watcher.look()[str(tmp_path / "s")])

    def test_the_answer_to_an_earlier_look_is_unknown(self, fleet: Fleet, tmp_path: Path) -> None:
        fleet.start("a", agent="sleep")
        keeps = f'[ -e {tmp_path}/kept ] || tmux "$@" > {tmp_path}/kept; cat {tmp_path}/kept'
        watcher = Tmux([str(fleet.socket)], tmux_bin=script(tmp_path, keeps))
        assert isinstance(watcher.look()[str(fleet.socket)], Listing)

        assert "an older one" in why(watcher.look()[str(fleet.socket)])

    def test_one_blind_socket_does_not_hide_the_other(
        self, fleet: Fleet, fence: fences.Fence
    ) -> None:
        fleet.start("a", agent="sleep")
        (fence.tmux / "file").write_text("")

        seen = Tmux([str(fence.tmux / "file"), str(fleet.socket)]).look()

        assert isinstance(seen[str(fence.tmux / "file")], Unknown)
        assert isinstance(seen[str(fleet.socket)], Listing)


class TestDeadline:
    def test_a_stopped_server_is_unknown_in_time_and_heard_again_when_it_goes_on(
        self, stopped: Fleet
    ) -> None:
        watcher, path = Tmux([str(stopped.socket)], deadline=0.3), str(stopped.socket)
        began = datetime.now(UTC)

        assert "no answer within 0.3 s" in why(watcher.look()[path])

        assert datetime.now(UTC) - began < timedelta(seconds=2)
        psutil.Process(stopped.server_pid).resume()
        retry_until(lambda: isinstance(watcher.look()[path], Listing), what="an answer")

    def test_a_server_that_hangs_for_long_holds_one_call_and_lets_go_of_it_in_the_end(
        self, stopped: Fleet
    ) -> None:
        watcher, ourselves = Tmux([str(stopped.socket)], deadline=0.05), psutil.Process()
        before, running = descriptors.held(), threads.now()
        why(watcher.look()[str(stopped.socket)])

        for _ in range(5):
            why(watcher.look()[str(stopped.socket)])

        assert descriptors.held() <= before + 4  # what one call holds
        assert len(threads.since(running)) <= 1
        assert len(ourselves.children()) <= 1
        if tmux_versions.here()[1].keeps_stdout:
            assert [child.status() for child in ourselves.children()] == [psutil.STATUS_ZOMBIE]
        psutil.Process(stopped.server_pid).resume()
        retry_until(lambda: not threads.since(running), what="the end of the call")
        assert ourselves.children() == []
        assert descriptors.held() == before

    def test_a_wrapper_that_is_called_tmux_does_not_hold_it_up(
        self, stopped: Fleet, tmp_path: Path
    ) -> None:
        wrapper = script(tmp_path, f'{shutil.which("tmux")} "$@"; exit $?')

        assert "no answer" in why(look(stopped.socket, deadline=0.3, tmux_bin=wrapper))

    def test_other_children_are_left_alone(self, stopped: Fleet) -> None:
        other = subprocess.Popen(["sleep", "60"])
        try:
            why(look(stopped.socket, deadline=0.05))

            assert other.poll() is None
        finally:
            other.kill()
            other.wait()

    def test_all_calls_have_one_thread_which_ends_with_them(self, fleet: Fleet) -> None:
        fleet.start("a", agent="sleep")
        before = threads.now()
        watcher = Tmux([str(fleet.socket)])
        watcher.look()
        begun = threads.since(before)

        for _ in range(3):
            watcher.look()

        assert len(begun) == 1
        assert threads.since(before) == begun
        del watcher
        retry_until(lambda: not threads.since(before), what="its end")


class TestListing:
    def test_server_session_and_pane_are_told_as_tmux_has_them(
        self, fleet: Fleet, tmp_path: Path
    ) -> None:
        pid = fleet.start("lab-x-creator-claude", agent="sleep", cwd=tmp_path)

        seen = listing(fleet.socket)

        assert seen.server is not None
        assert seen.server.pid == fleet.server_pid
        assert abs(seen.server.started_at - datetime.now(UTC)) < timedelta(seconds=30)
        (session,) = seen.sessions.values()
        assert session == Session(
            name=SessionName("lab-x-creator-claude"),
            socket=str(fleet.socket),
            id="$0",
            created_at=session.created_at,
            directory=told_as(tmp_path),
            panes=(Pane(pane_id="%0", pid=pid),),
        )
        assert abs(session.created_at - datetime.now(UTC)) < timedelta(seconds=30)

    @pytest.mark.parametrize(
        ("asked", "shown"),
        [
            pytest.param("a-b_c", None, id="plain"),
            pytest.param("two words", None, id="spaces"),
            pytest.param("Projekt-übergröße", None, id="unicode"),
            pytest.param("日本語", None, id="wide characters"),
            pytest.param("go-🚀-go", None, id="an emoji"),
            pytest.param("a|b|c", None, id="the separator of the numbers"),
            pytest.param('it\'s "quoted"', None, id="quotes"),
            pytest.param("##{pid}##{session_name}", "#{pid}#{session_name}", id="a format"),
            pytest.param("##(id)", "#(id)", id="a shell command"),
            pytest.param("$0 %0 @1", None, id="what looks like ids"),
            pytest.param("@0123456789abcdef@", None, id="what looks like the mark"),
        ],
    )
    def test_any_name_is_read_as_tmux_writes_it_in_any_locale(
        self, fleet: Fleet, monkeypatch: pytest.MonkeyPatch, asked: str, shown: str | None
    ) -> None:
        fleet.start("keeper", agent="sleep")
        fleet.tmux("rename-session", "-t", "=keeper", asked)

        for locale in ("C", "C.UTF-8"):
            monkeypatch.setenv("LC_ALL", locale)
            assert only_session(fleet).name == (shown or asked)

    @pytest.mark.parametrize(
        "name",
        [
            pytest.param("new\nline", id="newline"),
            pytest.param("tab\tstop", id="tab"),
            pytest.param("a|b|c", id="the separator of the numbers"),
            pytest.param("über/日本語 🚀", id="unicode"),
            pytest.param("#{pid}", id="a format"),
            pytest.param(" spaces ", id="spaces at the ends"),
            pytest.param('it\'s "quoted" \\back', id="quotes"),
        ],
    )
    def test_any_directory_is_read_whole(self, fleet: Fleet, tmp_path: Path, name: str) -> None:
        folder = tmp_path / name
        folder.mkdir(parents=True)
        fleet.start("plain", agent="sleep")
        fleet.start("odd", agent="sleep", cwd=tmp_path)
        # As a format is expanded in -c, the session is made from within the folder.
        subprocess.run(
            ["tmux", "-S", fleet.socket, "new-session", "-d", "-s", "here", "sleep", "99"],
            cwd=folder,
            check=True,
        )

        sessions = listing(fleet.socket).sessions

        assert sessions[SessionName("here")].directory == told_as(folder)
        assert set(sessions) == {"plain", "odd", "here"}

    def test_all_windows_and_panes_of_a_session_are_listed_in_order(self, fleet: Fleet) -> None:
        first = fleet.start("a", agent="sleep")
        fleet.tmux("split-window", "-d", "-t", "=a:", "--", "sleep", "99")
        fleet.tmux("new-window", "-d", "-t", "=a:", "--", "sleep", "99")
        other = fleet.start("b", agent="sleep")

        sessions = listing(fleet.socket).sessions

        panes = sessions[SessionName("a")].panes
        assert [pane.pane_id for pane in panes] == ["%0", "%1", "%2"]
        assert panes[0].pid == first
        assert len({pane.pid for pane in panes}) == 3
        assert [pane.pid for pane in sessions[SessionName("b")].panes] == [other]

    def test_a_pane_of_a_group_and_of_a_window_that_is_linked_is_there_once_for_each_session(
        self, fleet: Fleet
    ) -> None:
        first = fleet.start("one", agent="sleep")
        fleet.tmux("new-session", "-d", "-t", "=one", "-s", "two")
        fleet.tmux("link-window", "-d", "-s", "=one:0", "-t", "=one:7")
        fleet.start("other", agent="sleep")
        fleet.tmux("link-window", "-d", "-s", "=one:0", "-t", "=other:3")

        sessions = listing(fleet.socket).sessions

        shown = {name: [each.pane_id for each in one.panes] for name, one in sessions.items()}
        own = next(pane for pane in shown["other"] if pane != "%0")
        assert shown == {"one": ["%0"], "two": ["%0"], "other": [own, "%0"]}
        assert [sessions[SessionName(name)].panes[0].pid for name in ("one", "two")] == [first] * 2
        ids = [sessions[SessionName(name)].id for name in ("one", "two", "other")]
        assert ids == ["$0", "$1", "$2"]

    def test_a_session_keeps_its_id_under_another_name_and_in_a_group_that_lost_its_first(
        self, fleet: Fleet
    ) -> None:
        fleet.start("one", agent="sleep")
        fleet.tmux("new-session", "-d", "-t", "=one", "-s", "two")

        fleet.rename("two", "three")
        fleet.tmux("kill-session", "-t", "=one")

        (session,) = listing(fleet.socket).sessions.values()
        assert (session.name, session.id) == ("three", "$1")
        assert [pane.pane_id for pane in session.panes] == ["%0"]

    @pytest.mark.parametrize(
        ("ends", "status", "sig"),
        [
            pytest.param("exit 0", 0, None, id="well"),
            pytest.param("exit 3", 3, None, id="with a status"),
            pytest.param("kill -9 $$", None, 9, id="by a signal"),
        ],
    )
    def test_a_pane_that_ended_under_remain_on_exit_is_there_and_dead(
        self, fleet: Fleet, ends: str, status: int | None, sig: int | None
    ) -> None:
        fleet.start("keeper", agent="sleep")
        fleet.tmux("set-option", "-g", "remain-on-exit", "on")
        attempt = itertools.count()

        def ended() -> Pane | None:
            # tmux 3.3a now and then never notes how a process ended; then another one shall.
            name = SessionName(f"ended-{next(attempt)}")
            fleet.tmux("new-session", "-d", "-s", name, "--", "sh", "-c", ends)
            (pane,) = retry_until(lambda: dead_panes(fleet, name), what="the dead pane")
            told = pane.exit_status is not None or pane.exit_signal is not None
            return pane if told or untold else None

        untold = sig and not tmux_versions.here()[1].dead_signal

        pane = retry_until(ended, what="a pane whose end is told")
        assert pane is not None
        assert (pane.exit_status, pane.exit_signal) == (status, None if untold else sig)
        assert not listing(fleet.socket).sessions[SessionName("ended-0")].alive

    def test_a_name_that_begins_another_is_another_session(self, fleet: Fleet) -> None:
        fleet.start("foo2", agent="sleep")

        assert list(listing(fleet.socket).sessions) == ["foo2"]

    def test_a_listing_is_believed_beside_a_warning_of_the_loader(
        self, fleet: Fleet, tmp_path: Path
    ) -> None:
        fleet.start("a", agent="sleep")
        warns = 'echo "ERROR: ld.so: object cannot be preloaded: ignored." >&2; exec tmux "$@"'

        answer = look(fleet.socket, tmux_bin=script(tmp_path, warns))

        assert isinstance(answer, Listing)
        assert list(answer.sessions) == ["a"]

    def test_two_servers_are_told_apart_by_their_sockets(
        self, fleet: Fleet, fence: fences.Fence
    ) -> None:
        with Fleet(fence.tmux / "other") as other:
            pids = [one.start("same", agent="sleep") for one in (fleet, other)]

            seen = Tmux([str(fleet.socket), str(other.socket)]).look()

        found = [answer.sessions[SessionName("same")] for answer in seen.values() if answer]  # type: ignore[union-attr] # no Unknown here
        assert [session.socket for session in found] == [str(fleet.socket), str(other.socket)]
        assert [session.panes[0].pid for session in found] == pids

    def test_another_server_on_the_socket_has_another_identity(self, fleet: Fleet) -> None:
        fleet.start("a", agent="sleep")
        before = listing(fleet.socket)
        fleet.kill_server()
        fleet.start("a", agent="sleep")

        after = listing(fleet.socket)

        assert before.server != after.server
        assert after.server is not None
        assert after.server.pid == fleet.server_pid

    def test_the_same_text_gives_the_same_object_and_another_a_new_one(self, fleet: Fleet) -> None:
        fleet.start("a", agent="sleep")
        watcher, path = Tmux([str(fleet.socket)]), str(fleet.socket)

        first = watcher.look()[path]
        assert watcher.look()[path] is first

        fleet.rename("a", "b")
        second = watcher.look()[path]
        assert isinstance(second, Listing)
        assert list(second.sessions) == ["b"]

    def test_a_look_forks_once_for_each_socket(self, fleet: Fleet, fence: fences.Fence) -> None:
        started: list[str] = []

        def count(event: str, arguments: tuple[object, ...]) -> None:
            if event == "subprocess.Popen" and listening:
                started.append(str(arguments[1]))

        listening = False
        sys.addaudithook(count)  # there is no way to take it off again
        for number in range(20):
            fleet.start(f"session-{number}", agent="sleep")
        watcher = Tmux([str(fleet.socket), str(fence.tmux / "never")])

        listening = True
        watcher.look()
        listening = False

        assert len(started) == 2
        assert all("list-panes" in command for command in started)


class TestShown:
    """The title and the text of panes, by socket and pane id alone."""

    def test_title_and_text_are_told_as_the_pane_shows_them(self, fleet: Fleet) -> None:
        pane, pid = shows(fleet, "a", "echo one; printf 'zwei \\303\\274\\n  three'")
        title(fleet, pane, "a title | with #{pid} %H ü")

        (found,) = Tmux().shown([(str(fleet.socket), pane)], text=True).values()

        assert pid
        assert found.title == "a title | with #{pid} %H ü"
        assert found.text.rstrip("\n") == "one\nzwei ü\n  three"

    def test_only_the_panes_that_were_asked_for_are_told_and_the_text_only_on_request(
        self, fleet: Fleet
    ) -> None:
        pane, _ = shows(fleet, "a", "echo secret")
        shows(fleet, "b", "echo other")

        found = Tmux().shown([(str(fleet.socket), pane)], text=False)

        assert list(found) == [(str(fleet.socket), pane)]
        assert [each.text for each in found.values()] == [""]

    def test_a_pane_that_vanished_loses_only_its_own_answer(self, fleet: Fleet) -> None:
        panes = [shows(fleet, name, f"echo text of {name}")[0] for name in "abc"]
        fleet.kill("b")
        path = str(fleet.socket)

        found = Tmux().shown([(path, pane) for pane in [*panes, "%99"]], text=True)

        texts = {pane: each.text.strip() for (_, pane), each in found.items()}
        assert texts == {panes[0]: "text of a", panes[2]: "text of c"}

    def test_a_pane_that_vanishes_during_the_call_loses_only_its_own_answer(
        self, fleet: Fleet, tmp_path: Path
    ) -> None:
        panes = [shows(fleet, name, f"echo text of {name}")[0] for name in "abc"]
        # Another list-panes, so that the row of the second one is there and its text is not.
        real = f"{shutil.which('tmux')} -S {fleet.socket}"
        kills = f'{real} list-panes -a -F "$6"; {real} kill-pane -t {panes[1]}; shift 6; '
        wrapper = script(tmp_path, kills + f'shift; {real} "$@"')

        answer = Tmux(tmux_bin=wrapper).shown([(str(fleet.socket), p) for p in panes], text=True)

        texts = {pane: each.text.strip() for (_, pane), each in answer.items()}
        assert texts == {panes[0]: "text of a", panes[2]: "text of c"}

    def test_one_call_asks_for_all_panes_of_a_server(self, fleet: Fleet, tmp_path: Path) -> None:
        panes = [shows(fleet, f"s-{number}", f"echo {number}")[0] for number in range(12)]
        counts = script(tmp_path, f'echo >> {tmp_path}/calls; exec tmux "$@"')

        found = Tmux(tmux_bin=counts).shown([(str(fleet.socket), p) for p in panes], text=True)

        assert [found[str(fleet.socket), pane].text.strip() for pane in panes] == [
            str(number) for number in range(12)
        ]
        assert (tmp_path / "calls").read_text() == "\n"

    def test_more_panes_than_one_call_may_name_are_asked_for_in_several(self, fleet: Fleet) -> None:
        pane, _ = shows(fleet, "a", "echo here")
        many = [pane, *(f"%{number}" for number in range(10_000, 10_400))]

        found = Tmux().shown([(str(fleet.socket), each) for each in many], text=True)

        assert [each.text.strip() for each in found.values()] == ["here"]

    def test_what_a_pane_shows_cannot_pass_for_another_panes(self, fleet: Fleet) -> None:
        watcher = Tmux()
        a, _ = shows(fleet, "a", f"echo '{watcher._mark}c1|'; echo '{watcher._mark}t%1|forged'")
        b, _ = shows(fleet, "b", "echo mine")
        title(fleet, b, "true")

        found = watcher.shown([(str(fleet.socket), each) for each in (a, b)], text=True)

        assert found[str(fleet.socket), b].title == "true"
        assert found[str(fleet.socket), b].text.strip() == "mine"
        assert "forged" in found[str(fleet.socket), a].text

    def test_title_and_text_are_bounded_in_size(self, fleet: Fleet) -> None:
        fleet.start("a", agent="sleep")
        fills = "while :; do head -c 100000 /dev/zero | tr '\\0' x; sleep 0.2; done"
        fleet.tmux("new-session", "-d", "-s", "wide", "--", "sh", "-c", fills)
        # 3.2a takes no size for a session that nobody is attached to.
        fleet.tmux("resize-window", "-t", "=wide:", "-x", "300", "-y", "300")
        title(fleet, "%1", "ü" * 2000)
        path = str(fleet.socket)

        def filled() -> Shown | None:
            found = Tmux().shown([(path, "%1")], text=True)[path, "%1"]
            return found if len(found.text) >= 64 * 1024 else None

        found = retry_until(filled, what="a full pane")
        assert found is not None
        assert len(found.text) == 64 * 1024
        assert found.title == "ü" * 512

    def test_a_stopped_server_has_none_in_time(self, stopped: Fleet) -> None:
        began, running = datetime.now(UTC), threads.now()

        assert Tmux(deadline=0.3).shown([(str(stopped.socket), "%0")], text=True) == {}

        assert datetime.now(UTC) - began < timedelta(seconds=2)
        psutil.Process(stopped.server_pid).resume()
        retry_until(lambda: not threads.since(running), what="the end of the call")

    def test_a_socket_without_a_server_has_none(self, fence: fences.Fence) -> None:
        assert Tmux().shown([(str(fence.tmux / "never"), "%0")], text=True) == {}

    def test_an_answer_that_is_cut_short_is_none(self, fleet: Fleet, tmp_path: Path) -> None:
        pane, _ = shows(fleet, "a", "echo x")
        cuts = script(tmp_path, 'tmux "$@" | sed "\\$d"')

        assert Tmux(tmux_bin=cuts).shown([(str(fleet.socket), pane)], text=True) == {}

    def test_nothing_asked_for_is_no_call(self) -> None:
        assert Tmux(tmux_bin="/no/tmux").shown([], text=True) == {}


class TestGivenSockets:
    """A look may be given its sockets, which change from one to the next."""

    def test_each_look_asks_those_that_it_is_given(self, fleet: Fleet, fence: fences.Fence) -> None:
        fleet.start("a", agent="sleep")
        watcher, one, other = Tmux(), str(fleet.socket), str(fence.tmux / "never")

        assert watcher.look() == {tmux.socket_path(None, os.environ): None}
        first = watcher.look([one, other, one])
        assert list(first) == [one, other]
        assert watcher.look([one])[one] is first[one]
        assert watcher.look([other]) == {other: None}
        assert watcher.look([one])[one] == first[one]
        assert watcher.left_behind([one, other]) == {one}
        assert watcher.rivals([one, other]) == frozenset()


class TestRivals:
    @on_linux
    def test_two_living_servers_of_one_path_are_rivals(self, fleet: Fleet) -> None:
        watcher, path = Tmux([str(fleet.socket)]), str(fleet.socket)
        fleet.start("a", agent="sleep")
        assert watcher.rivals() == frozenset()
        hidden = psutil.Process(fleet.server_pid)
        fleet.socket.unlink()

        fleet.start("a", agent="sleep")

        try:
            assert hidden.pid != fleet.server_pid
            assert watcher.rivals() == {path}
            assert isinstance(watcher.look()[path], Listing)
        finally:
            fences.end(hidden)
        assert watcher.rivals() == frozenset()

    @on_linux
    def test_connections_and_namesakes_elsewhere_are_no_rivals(
        self, fleet: Fleet, fence: fences.Fence
    ) -> None:
        with Fleet(fence.tmux / "other") as other:
            for one in (fleet, other):
                one.start("a", agent="sleep")
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(str(fleet.socket))

                assert Tmux([str(fleet.socket)]).rivals() == frozenset()

    def test_where_the_system_does_not_list_sockets_there_are_none(
        self, fleet: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        fleet.start("a", agent="sleep")
        monkeypatch.setattr(unix_sockets, "TABLE", tmp_path / "absent")

        assert Tmux([str(fleet.socket)]).rivals() == frozenset()


class TestSocketPath:
    @pytest.mark.parametrize(
        ("asked", "environ", "path"),
        [
            pytest.param("/run/t/s", {}, "/run/t/s", id="a path is taken as it is"),
            pytest.param("/run/t/s", {"TMUX": "/x,1,0"}, "/run/t/s", id="a path beats $TMUX"),
            pytest.param("~/t/s", {}, "{home}/t/s", id="a tilde is the home"),
            pytest.param(
                "~nobody-of-this-name/s", {}, "{cwd}/~nobody-of-this-name/s", id="of no user"
            ),
            pytest.param("t/s", {}, "{cwd}/t/s", id="a relative path is made absolute"),
            pytest.param("", {"TMUX": "/x/s,12,0"}, "/x/s", id="$TMUX names this shell's server"),
            pytest.param("", {"TMUX": ",12,0"}, "/tmp/tmux-{uid}/default", id="$TMUX without path"),
            pytest.param("", {"TMUX": ""}, "/tmp/tmux-{uid}/default", id="an empty $TMUX"),
            pytest.param("", {}, "/tmp/tmux-{uid}/default", id="nothing at all"),
            pytest.param("w", {"TMUX": "/x/s,1,0"}, "/tmp/tmux-{uid}/w", id="a name beats $TMUX"),
            pytest.param("w", {"TMUX_TMPDIR": ""}, "/tmp/tmux-{uid}/w", id="an empty $TMUX_TMPDIR"),
            pytest.param("w", {"TMUX_TMPDIR": "{tmp}"}, "{tmp}/tmux-{uid}/w", id="$TMUX_TMPDIR"),
            pytest.param(
                "w", {"TMUX_TMPDIR": "{tmp}/link"}, "{tmp}/real/tmux-{uid}/w", id="through a link"
            ),
            pytest.param(
                "w", {"TMUX_TMPDIR": "{tmp}/gone"}, "/tmp/tmux-{uid}/w", id="which is not there"
            ),
        ],
    )
    def test_names_the_socket_that_tmux_means(
        self, tmp_path: Path, asked: str, environ: dict[str, str], path: str
    ) -> None:
        (tmp_path / "real").mkdir()
        (tmp_path / "link").symlink_to("real")
        known = {"tmp": tmp_path.resolve(), "uid": os.getuid()}
        known |= {"home": Path.home(), "cwd": Path.cwd()}
        given = {name: value.format(**known) for name, value in environ.items()}

        assert tmux.socket_path(asked or None, given) == path.format(**known)

    @pytest.mark.parametrize("arguments", [(), ("-L", "other")])
    def test_agrees_with_tmux_itself(
        self, fence: fences.Fence, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
    ) -> None:
        link = fence.root / "link"
        link.symlink_to(fence.tmux)
        monkeypatch.setenv("TMUX_TMPDIR", str(link))
        start = ["tmux", *arguments, "-f", "/dev/null", "new-session", "-d", "-P", "-F"]
        shown = subprocess.check_output([*start, "#{socket_path}", "sleep", "99"], text=True)

        name = arguments[-1] if arguments else None

        found = tmux.socket_path(name, os.environ)
        resolves = tmux_versions.here()[1].resolves_folder
        assert found == (shown.strip() if resolves else os.path.realpath(shown.strip()))
