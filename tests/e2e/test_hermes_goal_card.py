"""A goal card on a real Hermes board: dispatched, watched, stopped, with a model that counts.

The wall time is Hermes': a worker takes 3 to 5 s until it asks its model for the first time.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

import commandline
import fences
import hermes
import scripted_model
from desk import Desk
from fences import Fence
from scripted_model import Model
from waiting import retry_until

pytestmark = [hermes.needed, pytest.mark.slow]

PROFILE = "watcher"
SENTENCE = "The watch has ended, and the card is blocked."
DIES, COMES = "lab-api-creator-claude", "lab-web-creator-claude"


@dataclass(frozen=True)
class Scene:
    """A desk, a Hermes home with a profile for the worker, and a model."""

    desk: Desk
    home: hermes.Home
    model: Model

    @property
    def environ(self) -> dict[str, str]:
        """What a worker inherits from whoever dispatches it. The registry it has from its card."""
        return {
            "AGENT_SESSIONS_TMUX_SOCKET": str(self.desk.fleet.socket),
            "AGENT_SESSIONS_INTERVAL": "1",
            "HERMES_BIN": hermes.program(),
        }

    def create(self) -> str:
        """Create the card as a person does; its id."""
        done = self.desk.run("dispatch", "--assignee", PROFILE, environ=self.environ)
        assert done.status == 0, done
        return done.out.partition(":")[0]

    def dispatch(self) -> None:
        """One pass of the dispatcher."""
        done = self.home.run("kanban", "dispatch", "--json", environ=self.environ)
        assert "spawned" in done.out, done

    def watching(self, card: str) -> psutil.Process:
        """The card's worker, once its watch has begun, and some watch has done a tick.

        Neither is asked of the board: hermes-agent 0.19.0 loses a write now and then when several
        processes have it open, and the lost one may be a worker's pid or its first heartbeat.
        """
        worker = retry_until(lambda: self._worker(card), pause=0.1, what="a worker")

        def ticked() -> bool:
            assert not fences.has_ended(worker), self.log(card)
            # A later run's first tick finds nothing new to save; its lock is enough then, for a
            # comment from after the unblocking counts also when it comes before the claim.
            locked = any(Path(f.path).name.startswith("monitor-") for f in worker.open_files())
            return locked and any(self.desk.cache.glob("*.state"))

        try:
            retry_until(ticked, pause=0.1)
        except TimeoutError:
            raise AssertionError(f"no watch has begun: {self.log(card)}") from None
        return worker

    def _worker(self, card: str) -> psutil.Process | None:
        for each in psutil.process_iter():
            if lives_in(each, self.home):
                with contextlib.suppress(psutil.Error):
                    if each.environ().get("HERMES_KANBAN_TASK") == card:
                        return each
        return None

    def log(self, card: str) -> str:
        """What the worker printed, and what it logged."""
        printed = self.home.root / "kanban/logs" / f"{card}.log"
        logged = self.home.root / "profiles" / PROFILE / "logs/agent.log"
        there = [path for path in (printed, logged) if path.exists()]
        return "\n".join(path.read_text("utf-8", "replace")[-2000:] for path in there)

    def wait_for(self, card: str, status: str) -> None:
        """Wait for a status."""
        retry_until(lambda: self.home.status(card) == status, what=f"{card} to be {status}")

    def said(self, card: str, *parts: str) -> None:
        """Wait for a comment that holds all of these."""

        def found() -> bool:
            return any(all(p in text for p in parts) for _, text in self.home.thread(card))

        retry_until(found, pause=0.1, what=f"a comment with {parts}")

    def reason(self, card: str) -> str:
        """Why the card was last blocked."""
        events = self.home.show(card)["events"]
        (*_, last) = (each["payload"] for each in events if each["kind"] == "blocked")
        return str(last["reason"])


@pytest.fixture
def scene(fence: Fence, desk: Desk) -> Iterator[Scene]:
    with (
        scripted_model.serve(tool="agent_sessions_watch", sentence=SENTENCE) as model,
        hermes.home(fence.home / "hermes") as home,
    ):
        home.configure(model.config())
        profile = home.root / "profiles" / PROFILE
        profile.mkdir(parents=True)
        (profile / "config.yaml").write_text(model.config(), "utf-8")
        scene = Scene(desk, home, model)
        done = desk.run("install", "--profile", PROFILE, environ=scene.environ)
        assert done.status == 0, done
        desk.write(*desk.starts(DIES))
        with ended(home):
            yield scene


@contextlib.contextmanager
def ended(home: hermes.Home) -> Iterator[None]:
    """See that no process of this home outlives the test, and end what does."""
    try:
        yield
    finally:
        left = [each for each in psutil.process_iter() if lives_in(each, home)]
        for each in left:
            fences.end(each)
    assert left == []


def lives_in(process: psutil.Process, home: hermes.Home) -> bool:
    """Whether it is a Hermes of this home, or was started by a worker; the fleet is neither."""
    with contextlib.suppress(psutil.Error):
        if fences.has_ended(process) or process.pid == os.getpid():
            return False
        environ = process.environ()
        is_hermes = any(Path(word).name == "hermes" for word in process.cmdline()[:2])
        here = environ.get("HERMES_HOME", "").startswith(str(home.root))
        return here and (is_hermes or "HERMES_KANBAN_TASK" in environ)
    return False


def test_a_goal_card_is_watched_with_two_questions_to_the_model_and_stops_when_asked(
    scene: Scene,
) -> None:
    home, model = scene.home, scene.model
    card = scene.create()
    scene.dispatch()
    worker = scene.watching(card)

    scene.desk.fleet.kill(DIES)
    scene.desk.fleet.start(COMES, agent="sleep", cwd=scene.desk.workspace(COMES))
    scene.said(card, DIES, "tmux gone")
    scene.said(card, COMES, "not in YAML")
    home.comment(card, "please stop")

    scene.wait_for(card, "blocked")
    assert scene.reason(card).startswith("stop-requested by user at ")
    fences.wait_for_end([worker])
    assert len(model.asked("main")) == 2
    assert model.asked("judge") == []
    first, last = model.asked("main")
    assert "# Agent sessions monitor" in first.system  # the bare skill name was found
    assert {"agent_sessions_watch", "agent_sessions_reconcile"} <= first.tools
    answer = tool_answer(last.messages)
    assert answer["ended"] == "stopped"
    assert answer["blocked"] is True
    assert answer["card"] == card
    assert "status: terminated" in scene.desk.registry.read_text("utf-8")

    for turn in (2, 3):  # Hermes' own block would send the second one to triage
        home.unblock(card)
        scene.dispatch()
        again = scene.watching(card)
        home.comment(card, "stop")
        scene.wait_for(card, "blocked")
        fences.wait_for_end([again])
        assert scene.reason(card).startswith("stop-requested by user at ")
        assert len(model.asked("main")) == 2 * turn
    assert model.asked("judge") == []
    assert home.status(card) == "blocked"


def test_the_gateway_dispatches_a_card_to_a_profile_that_alone_has_the_plugin(
    scene: Scene, tmp_path: Path
) -> None:
    assert "plugins" not in (scene.home.root / "config.yaml").read_text("utf-8")
    # The worker's own plugin puts the skill back before Hermes looks for it.
    shutil.rmtree(scene.home.root / "profiles" / PROFILE / "skills")
    card = scene.create()

    with gateway(scene, tmp_path / "gateway") as dispatcher:
        worker = scene.watching(card)
        seen = scene.desk.run("doctor", "--profile", PROFILE, environ=scene.environ)
        scene.home.comment(card, "stop monitoring")
        scene.wait_for(card, "blocked")
        fences.wait_for_end([worker])

    assert seen.status == 0, seen
    assert f"ok  gateway: pid {dispatcher.pid} starts the workers of cards\n" in seen.out
    assert f"ok  watched: card {card} is running, for {PROFILE}\n" in seen.out
    assert scene.reason(card).startswith("stop-requested by user at ")
    assert "agent_sessions_watch" in scene.model.asked("main")[0].tools
    assert "# Agent sessions monitor" in scene.model.asked("main")[0].system
    assert len(scene.model.asked("main")) == 2
    assert scene.model.asked("judge") == []


def test_after_a_reboot_the_watch_goes_on_without_a_person(scene: Scene, tmp_path: Path) -> None:
    card = scene.create()
    with gateway(scene, tmp_path / "before") as first:
        worker = scene.watching(card)
        for each in (first, worker):
            each.kill()
        scene.desk.fleet.kill_server(signal.SIGKILL)
        fences.wait_for_end([worker])

    with gateway(scene, tmp_path / "after"):
        again = scene.watching(card)
        scene.said(card, DIES, "tmux gone")
        assert scene.home.status(card) == "running"
        scene.home.comment(card, "stop")
        scene.wait_for(card, "blocked")
        fences.wait_for_end([again])

    outcomes = [run["outcome"] for run in scene.home.show(card)["runs"]]
    assert outcomes == ["crashed", "blocked"]
    assert "status: terminated" in scene.desk.registry.read_text("utf-8")


def test_a_worker_that_is_terminated_leaves_a_blocked_card_that_says_how_to_go_on(
    scene: Scene,
) -> None:
    card = scene.create()
    scene.dispatch()
    worker = scene.watching(card)

    worker.send_signal(signal.SIGTERM)

    scene.wait_for(card, "blocked")
    fences.wait_for_end([worker])
    assert "unblock" in scene.reason(card)
    task = scene.home.show(card)["task"]
    assert task["consecutive_failures"] == 0
    assert [run["outcome"] for run in scene.home.show(card)["runs"]] == ["blocked"]
    assert len(scene.model.asked("main")) == 1


def test_a_worker_that_was_replaced_writes_nothing_and_asks_its_model_nothing_more(
    scene: Scene,
) -> None:
    card = scene.create()
    scene.dispatch()
    worker = scene.watching(card)

    run = scene.home.supersede(card)

    fences.wait_for_end([worker])
    assert len(scene.model.asked("main")) == 1
    assert scene.model.asked("judge") == []
    task = scene.home.show(card)["task"]
    assert (task["status"], task["current_run_id"]) == ("running", run)


def tool_answer(messages: list[dict[str, Any]]) -> dict[str, Any]:
    """The JSON of the tool's result in a conversation."""
    (result,) = (each["content"] for each in messages if each["role"] == "tool")
    found: dict[str, Any] = scripted_model.json.loads(result)
    return found


@contextlib.contextmanager
def gateway(scene: Scene, said: Path) -> Iterator[psutil.Process]:
    """`hermes gateway run` without any messenger, ended by its pid.

    A worker's end is noticed after a second, not only half a minute from its start.
    """
    impatient = {"HERMES_KANBAN_CRASH_GRACE_SECONDS": "1"}
    environ = commandline.environment({**scene.home.environ, **scene.environ, **impatient})
    with said.open("wb") as out:
        process = subprocess.Popen(
            [hermes.program(), "gateway", "run"],
            env=environ,
            cwd=scene.home.root,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
        )
    running = psutil.Process(process.pid)
    try:
        yield running
    finally:
        if not fences.has_ended(running):
            fences.end(running, seconds=15)
        process.wait(5)
