"""Every way in which tmux can fail to answer, over a watch: no write, and one word about it.

What can be brought about is brought about on the real server. For the rest a program stands in
tmux's place and prints what the measured one does.
"""

from __future__ import annotations

import copy
import itertools
import os
import resource
import shutil
import sys
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from blindness import BEGINS, TICKS, Tally, assert_blind, forget, untouched, watch
from desk import Desk
from hours import Hours
from kanban_worker.tmux import Tmux
from kanban_worker.tmux_calls import Calls
from reconcile.drift import DriftClass
from reconcile.observed import Listing, Unknown
from reconcile.plan import Action
from tmux_troubles import NOBODY, REAL, SILENT, UNREADABLE, Scene, prints, says
from tmux_words import UNKNOWN, Impostor
from vigil import INTERVAL, Vigil

if TYPE_CHECKING:
    from libtmux.common import tmux_cmd

NAMES = tuple(f"lab-{letter}-creator-claude" for letter in "abcd")
on_linux = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="only Linux lists the sockets that are bound"
)
as_root = pytest.mark.skipif(os.getuid() != 0, reason="becomes a user without any process")

Figure = Callable[[str, str], None]


@pytest.fixture
def scene(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Scene:
    impostor = Impostor(desk.fence.root / "bin", str(shutil.which("tmux")))
    monkeypatch.setenv("PATH", f"{impostor.folder}:{os.environ['PATH']}")
    desk.write(*desk.starts(*NAMES))
    return Scene(desk, impostor)


# What is no answer. -----------------------------------------------------------------------------


def test_whatever_tmux_says_instead_of_a_listing_nothing_is_written_and_it_is_said_once(
    scene: Scene, figure: Figure
) -> None:
    tally = Tally()

    for kind, (text, status) in UNKNOWN.items():
        watch(scene, says(text, status), kind, tally)

    assert len(set(tally.whys.values())) == len(UNKNOWN)
    figure("tmux", tally.figure("words of tmux"))


def test_a_listing_that_is_not_whole_is_none(scene: Scene, figure: Figure) -> None:
    tally = Tally()

    for kind, script in UNREADABLE.items():
        watch(scene, prints(script), kind, tally)

    figure("tmux", tally.figure("spoiled listings"))


@on_linux
def test_whatever_keeps_a_real_tmux_from_answering_nothing_is_written_and_it_is_said_once(
    scene: Scene, figure: Figure
) -> None:
    tally = Tally()

    for kind, trouble in REAL.items():
        watch(scene, trouble, kind, tally)
    for kind, trouble in SILENT.items():
        watch(scene, trouble, kind, tally, deadline=0.3)

    expected = {
        "the socket was deleted": "SIGUSR1",
        "a file in its place": "is not a socket",
        "another user's socket": "Permission denied",
        "another protocol version": "protocol version mismatch",
        "tmux was removed": "cannot be run",
        "tmux may not be run": "Permission denied",
        "the server is stopped": "gave no answer within 0.3 s",
    }
    for kind, words in expected.items():
        assert words in tally.whys[kind], tally.whys[kind]
    figure("tmux", tally.figure("real troubles"))


def from_the_start(desk: Desk) -> str:
    """Watch for ten ticks that are all blind. The reason."""
    forget(desk)
    before = untouched(desk)
    vigil = Vigil(desk, Hours(), seconds=(TICKS - 1) * INTERVAL + 1)
    vigil.run()
    why = assert_blind(vigil, vigil.ticks, "from the start")
    assert untouched(desk) == before
    assert len(vigil.ticks) == TICKS
    return why


def test_what_was_wrong_before_the_watch_began_is_said_once_too(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, figure: Figure
) -> None:
    monkeypatch.setenv("AGENT_SESSIONS_TMUX_SOCKET", f"{scene.socket}{'x' * 100}")
    with monkeypatch.context() as patch:
        patch.setattr(Desk, "environ", {"AGENT_SESSIONS_REGISTRY": str(scene.desk.registry)})
        assert "File name too long" in from_the_start(scene.desk)
    monkeypatch.setenv("PATH", str(scene.desk.fence.home))

    assert "not installed" in from_the_start(scene.desk)

    figure("tmux", f"2 from the start: 0 writes, unknown on {2 * TICKS} ticks, 2 notices")


@as_root
def test_a_system_without_room_for_a_process_is_no_death(scene: Scene, figure: Figure) -> None:
    Vigil(scene.desk, Hours(), seconds=1).run()  # imports all, from where nobody may not read
    for path in [scene.desk.fence.root, *scene.desk.fence.root.rglob("*")]:
        os.chown(path, NOBODY, NOBODY, follow_symlinks=False)

    def crowded() -> None:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
        resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
        assert "could not be started" in from_the_start(scene.desk)

    assert in_a_child(crowded) == ""
    figure("tmux", f"no fork: 0 writes, unknown on {TICKS} of {TICKS} ticks, 1 notice")


def in_a_child(check: Callable[[], None]) -> str:
    """Where the check failed, in a process of its own; empty when it did not."""
    readable, writable = os.pipe()
    child = os.fork()
    if not child:
        try:
            check()
        except BaseException:  # noqa: BLE001 - whatever it is, the parent shall know it
            os.write(writable, traceback.format_exc().encode())
        finally:
            os._exit(0)
    os.close(writable)
    with os.fdopen(readable) as pipe:
        told = pipe.read()
    os.waitpid(child, 0)
    return told


def test_of_two_reasons_that_take_turns_each_is_said_once(scene: Scene, figure: Figure) -> None:
    desk, hours = scene.desk, Hours()
    before = untouched(desk)
    vigil = Vigil(desk, hours, seconds=TICKS * INTERVAL + 1)
    reasons = itertools.cycle(["lost server", "server exited unexpectedly"])
    for number in range(TICKS):
        hours.at(15 + number * INTERVAL, lambda: scene.impostor.says(next(reasons), 1))

    vigil.run()

    scene.impostor.stop()
    notes = [note for tick in vigil.ticks for note in tick.report.notes]
    assert [note.new for note in notes] == [True, True] + [False] * (TICKS - 2)
    assert len({note.notice.id for note in notes}) == 2
    assert len(vigil.said) == 2
    assert untouched(desk) == before
    figure("tmux", "2 reasons that take turns: 0 writes, 2 notices, 2 comments")


# Cut short. -------------------------------------------------------------------------------------


class Cutting(Calls):
    """Loses the end of what tmux printed."""

    cut: int | None = None
    text = ""
    _whole: tmux_cmd | None = None

    def run(self, socket: str, *words: str) -> tmux_cmd | Unknown:
        if self._whole is None:
            whole = super().run(socket, *words)
            assert not isinstance(whole, Unknown)
            self._whole, self.text = whole, "\n".join([*whole.stdout, ""])
        done = copy.copy(self._whole)
        # As libtmux splits it.
        done.stdout = self.text[: self.cut].rstrip("\n").split("\n") if self.cut != 0 else []
        return done


def test_a_listing_that_is_cut_at_any_byte_is_none(scene: Scene, figure: Figure) -> None:
    """A cut behind a row would leave sessions out that live."""
    tmux, calls = Tmux([str(scene.socket)]), Cutting(tmux_bin=None, deadline=5)
    tmux._calls, tmux._mark = calls, calls.mark
    tmux._looks = itertools.repeat(1)  # each look asks in the same words
    (answer,) = tmux.look().values()
    assert isinstance(answer, Listing)
    assert len(answer.sessions) > 1
    whole = len(calls.text) - 1  # without the last newline it is whole

    for cut in range(whole):
        calls.cut = cut
        (answer,) = tmux.look().values()
        assert isinstance(answer, Unknown), calls.text[:cut]

    calls.cut = whole
    (answer,) = tmux.look().values()
    assert isinstance(answer, Listing)
    figure("tmux", f"a listing cut at each of its {whole} bytes: unknown {whole} times")


# What is an answer. -----------------------------------------------------------------------------


def killed(scene: Scene) -> None:
    scene.desk.fleet.kill_server(9)
    assert scene.socket.exists()


def killed_and_cleared_away(scene: Scene) -> None:
    scene.desk.fleet.kill_server(9)
    scene.socket.unlink()


def emptied(scene: Scene) -> None:
    scene.desk.fleet.tmux("set-option", "-s", "exit-empty", "off")
    for name in NAMES:
        scene.desk.fleet.kill(name)


@pytest.mark.parametrize(
    ("happens", "cause"),
    [
        pytest.param(killed, "tmux-server-died", id="no server running"),
        pytest.param(killed_and_cleared_away, "tmux-server-died", id="no such file"),
        pytest.param(emptied, "session-closed", id="no current target"),
    ],
)
def test_what_tmux_says_when_it_is_certainly_over_is_held_and_then_believed(
    scene: Scene, happens: Callable[[Scene], None], cause: str
) -> None:
    desk, hours = scene.desk, Hours()
    vigil = Vigil(desk, hours, seconds=120)
    hours.at(BEGINS, lambda: happens(scene))

    vigil.run()

    acts = [[each.action for each in tick.report.decisions] for tick in vigil.ticks]
    first = next(number for number, found in enumerate(acts) if found)
    assert acts[first] == [Action.HELD] * len(NAMES)
    assert acts[first + 1] == [Action.UPDATED] * len(NAMES)
    assert acts[first + 2 :] == [[]] * (len(acts) - first - 2)
    assert vigil.times[first + 1] - vigil.times[first] == pytest.approx(10.5)
    decided = vigil.ticks[first + 1].report.decisions
    assert {each.drift.kind for each in decided} == {DriftClass.TMUX_GONE}
    assert {each.drift.evidence["cause"] for each in decided} == {cause}
    assert {entry.status for entry in vigil.ticks[-1].registry.entries} == {"terminated"}
    (said,) = vigil.said
    assert f"{len(NAMES)} running sessions ended together: {cause}" in said
