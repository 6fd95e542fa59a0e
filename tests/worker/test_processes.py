"""What runs in a pane: the agent in its process tree, or a shell that is left, or nothing known."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest

import descriptors
import fences
from fleet import Fleet
from kanban_worker import processes, procfs, recognise
from kanban_worker.agents.shape import ENVIRONMENT, LiveAgent, Member
from kanban_worker.process_table import Table
from kanban_worker.processes import Found, LivingPane, Processes
from kanban_worker.tmux import Tmux
from reconcile.observed import Agent, Inside, Listing, Process, Unknown
from waiting import retry_until

on_linux = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="pidfd and /proc are Linux's"
)
VERSIONS = "/home/u/.local/share/claude/versions"
MODULES = "/usr/lib/node_modules"


class Watch:
    """Looks into all panes of a fleet, tick by tick, at a clock of its own."""

    def __init__(self, fleet: Fleet, *, wanted: str | None = None, followed: bool = True) -> None:
        self.fleet = fleet
        self.processes = Processes()
        self.now = datetime.now(UTC) + timedelta(minutes=1)  # when all that runs has settled
        self._wanted = wanted
        self._followed = followed
        self._tmux = Tmux([str(fleet.socket)])
        self._seen: object = None
        self._places: list[LivingPane] = []

    def look(self) -> Mapping[tuple[str, str], Found]:
        """Look as the observer does: the same places as long as tmux says the same."""
        listing = self._tmux.look()[str(self.fleet.socket)]
        assert isinstance(listing, Listing)
        if listing is not self._seen:
            self._seen = listing
            self._places = [
                LivingPane(
                    socket=session.socket,
                    pane=pane,
                    wanted=self._wanted,
                    followed=self._followed,
                )
                for session in listing.sessions.values()
                for pane in session.panes
            ]
        return self.processes.look(self._places, Table(), self.now)

    def only(self) -> Found:
        """Look into the one pane there is."""
        (found,) = self.look().values()
        return found

    def inside(self) -> Inside:
        """Say what runs in the one pane there is."""
        return self.only().inside

    def agent(self) -> LiveAgent:
        """Return the agent in the one pane there is."""
        found = self.only().agent
        assert found is not None
        return found


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    """Start a process of our own."""
    with subprocess.Popen(["sleep", "600"]) as process:
        yield process
        process.kill()


def copy_of(program: str, path: Path) -> Path:
    """Make a link to a program, under which it runs with another name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(shutil.which(program) or program)
    return path


def write_script(path: Path, text: str) -> Path:
    """Write a shell script that can be run."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def run(fleet: Fleet, name: str, *command: str) -> None:
    """Start a session that runs a command, which is no stand-in."""
    fleet.start("keeper", agent="sleep")
    fleet.tmux("new-session", "-d", "-s", name, "--", *command)
    fleet.kill("keeper")


def refuse(*_: object) -> float:
    """Answer as a system does that hides a process from us."""
    raise psutil.AccessDenied


def member(pid: int, **changes: str | None) -> Member:
    """Return a living process as the member of an agent's family."""
    ticks = changes.get("start_ticks", procfs.start_ticks(pid))
    started = datetime.fromtimestamp(psutil.Process(pid).create_time(), UTC)
    return Member(pid=pid, started_at=started, start_ticks=ticks)


class TestKindOf:
    @pytest.mark.parametrize(
        ("argv", "kind"),
        [
            (["claude"], "claude"),
            (["/usr/local/bin/claude", "--resume"], "claude"),
            (["-claude"], "claude"),
            (["claude", "", "", ""], "claude"),
            ([f"{VERSIONS}/2.1.329"], "claude"),
            (["claude.exe"], "claude"),
            (["node", f"{MODULES}/@anthropic-ai/claude-code/cli.js"], "claude"),
            (["node", "--no-warnings", f"{MODULES}/@google/gemini-cli/dist/index.js"], "gemini"),
            (["/usr/bin/node", f"{MODULES}/@openai/codex/bin/codex.js", "resume"], "codex"),
            (["bun", f"{MODULES}/opencode-ai/bin/opencode"], "opencode"),
            (["node", "/usr/local/bin/codex"], "codex"),
            (["node22", "/opt/gemini/bundle/gemini.mjs"], "gemini"),
            (["codex", "resume"], "codex"),
            (["gemini"], "gemini"),
            (["opencode"], "opencode"),
            (["/home/u/.local/bin/agy"], "agy"),
            (["sh", "/home/u/bin/claude", "--continue"], "claude"),
            (["/bin/bash", "-e", "/home/u/bin/claude"], "claude"),
            (["python3.12", "/home/u/bin/codex"], "codex"),
            (["python", "-m", "codex"], "codex"),
        ],
        ids=" ".join,
    )
    def test_an_agent_is_known_by_its_program_or_by_the_script_that_runs(
        self, argv: Sequence[str], kind: str
    ) -> None:
        assert recognise.kind_of(argv) == kind

    @pytest.mark.parametrize(
        "argv",
        [
            [],
            [""],
            ["-bash"],
            ["bash", "-i"],
            ["claude-helper"],
            ["claudette"],
            ["not-claude"],
            ["claude2"],
            ["vim", "claude.py"],
            ["vim", "claude"],
            ["less", "/x/claude"],
            ["grep", "claude"],
            ["tail", "-f", "/x/codex"],
            ["ssh", "host", "claude"],
            ["tmux", "attach", "-t", "claude"],
            ["watch", "claude"],
            ["sudo", "claude"],
            ["python", "manage.py"],
            ["python", "manage.py", "claude"],
            ["python", "/home/u/lab/claude/manage.py"],
            ["python3", "-m", "http.server"],
            ["python3", "gemini.py"],
            ["python3", "-c", "/x/claude"],
            ["python3", "-Ic", "open('/x/claude"],
            ["node", "server.js", "/x/gemini"],
            ["node", "/home/u/claude/server.js"],
            ["bash", "deploy-claude.sh"],
            ["bash", "claude.sh"],
            ["bash", "-c", "cd /home/u/lab/claude"],
            ["sh", "-c", "less /var/log/codex"],
            ["bash", "-lc", "ls /x/claude"],
            ["bash", "-c", "claude --resume; exec bash"],
            ["bash", "--rcfile", "/home/u/.claude"],
            ["2.1.329"],
            ["/opt/python/versions/3.11.7"],
            [f"{VERSIONS}/2.1"],
            ["pythonclaude", "/x/claude"],
        ],
        ids=lambda argv: " ".join(argv) or repr(argv),
    )
    def test_what_only_mentions_an_agent_is_none(self, argv: Sequence[str]) -> None:
        assert recognise.kind_of(argv) is None

    @pytest.mark.parametrize(
        ("argv", "wanted", "kind"),
        [
            (["aider"], "aider", "aider"),
            (["python", "/x/venv/bin/aider", "--model", "m"], "aider", "aider"),
            (["python", "-m", "aider"], "aider", "aider"),
            (["aider"], "claude", None),
            (["aider"], None, None),
            (["claude"], "aider", "claude"),
            (["aider-helper"], "aider", None),
            (["vim", "aider"], "aider", None),
        ],
    )
    def test_a_kind_that_the_registry_names_is_known_too(
        self, argv: Sequence[str], wanted: str | None, kind: str | None
    ) -> None:
        assert recognise.kind_of(argv, wanted=wanted) == kind

    @pytest.mark.parametrize(
        ("argv", "name", "exe", "kind"),
        [
            pytest.param(["2.1.329"], "", f"{VERSIONS}/2.1.329", "claude", id="a bare version"),
            pytest.param([], "2.1.329", "", None, id="only the kernel's name, a version"),
            pytest.param([], "claude", "", "claude", id="only the kernel's name"),
            pytest.param([], "kworker/0:1", "", None, id="a kernel thread"),
        ],
    )
    def test_the_kernels_name_and_the_programs_file_help_where_the_arguments_do_not(
        self, argv: Sequence[str], name: str, exe: str, kind: str | None
    ) -> None:
        assert recognise.kind_of(argv, name=name, exe=exe) == kind


class TestIsShellOnly:
    @pytest.mark.parametrize("argv", [["bash"], ["-zsh"], ["/bin/sh"], ["fish", "--login"]])
    def test_a_shell_at_its_prompt_is(self, argv: Sequence[str]) -> None:
        assert recognise.is_shell_only(argv)

    @pytest.mark.parametrize(
        "argv",
        [
            [],
            ["bash", "-c", "make"],
            ["bash", "-lc", "make"],
            ["sh", "x.sh"],
            ["vim"],
            ["bash", "-c"],
        ],
        ids=str,
    )
    def test_a_shell_that_carries_something_out_and_any_other_program_are_not(
        self, argv: Sequence[str]
    ) -> None:
        assert not recognise.is_shell_only(argv)


class TestAgentInAPane:
    @pytest.mark.parametrize("kind", ["claude", "agy", "codex"])
    def test_the_panes_own_process_is_found(self, fleet: Fleet, tmp_path: Path, kind: str) -> None:
        pid = fleet.start("a", agent=kind, cwd=tmp_path)  # type: ignore[arg-type] # one of Runs

        found = Watch(fleet).only()

        agent = Process(
            pid=pid,
            started_at=datetime.fromtimestamp(psutil.Process(pid).create_time(), UTC),
            command=kind,
            cwd=str(tmp_path),
            start=procfs.start_ticks(pid) or "",
        )
        assert found.inside == Inside(process=agent, agent=Agent(kind=kind, process=agent))
        assert found.agent is not None
        assert found.agent.cwd == str(tmp_path)
        assert [each.pid for each in found.agent.family] == [pid]

    def test_an_agent_under_a_wrapper_shell_is_found_as_its_descendant(self, fleet: Fleet) -> None:
        shell = fleet.start("a", agent="claude", wrapper=True)
        (below,) = psutil.Process(shell).children()

        inside = Watch(fleet).inside()

        assert isinstance(inside.process, Process)
        assert isinstance(inside.agent, Agent)
        assert inside.process.pid == shell
        assert inside.agent.process.pid == below.pid
        assert not inside.shell_only

    def test_a_binary_that_is_named_by_its_version_is_claude(
        self, fleet: Fleet, tmp_path: Path
    ) -> None:
        program = copy_of("sleep", tmp_path / "claude/versions/2.1.329")

        run(fleet, "a", str(program), "600")

        assert isinstance(Watch(fleet).inside().agent, Agent)

    def test_a_kind_of_the_registrys_own_is_found_where_it_is_asked_for(
        self, fleet: Fleet, tmp_path: Path
    ) -> None:
        run(fleet, "a", str(copy_of("sleep", tmp_path / "aider")), "600")

        agent = Watch(fleet, wanted="aider").inside().agent

        assert isinstance(agent, Agent)
        assert agent.kind == "aider"
        assert Watch(fleet).inside().agent is None

    def test_what_a_wrapper_named_as_the_agent_exports_is_seen(
        self, fleet: Fleet, tmp_path: Path
    ) -> None:
        """Such wrappers exist to choose CLAUDE_CONFIG_DIR: the wrapper itself is without it."""
        program = copy_of("sleep", tmp_path / "real/claude")
        text = f"CLAUDE_CONFIG_DIR=/elsewhere\nexport CLAUDE_CONFIG_DIR\n{program} 600\nexit"
        run(fleet, "a", str(write_script(tmp_path / "claude", text)))
        watch = Watch(fleet)

        agent = retry_until(lambda: watch.only().agent, what="the agent")

        assert agent is not None
        retry_until(
            lambda: watch.agent().environ.get("CLAUDE_CONFIG_DIR") == "/elsewhere",
            what="what the wrapper runs",
        )
        assert watch.agent().argv == (str(program), "600")

    def test_a_wrapper_stands_for_an_agent_that_runs_elsewhere(
        self, fleet: Fleet, tmp_path: Path
    ) -> None:
        run(fleet, "a", str(write_script(tmp_path / "claude", "sleep 600\nexit")))

        # The pane's shell runs for a moment before the script takes its place.
        retry_until(lambda: isinstance(Watch(fleet).inside().agent, Agent), what="the wrapper")

    def test_only_what_moves_an_agents_files_is_read_of_its_environment(self, fleet: Fleet) -> None:
        environ = {"CLAUDE_CONFIG_DIR": "/c", "ANTHROPIC_API_KEY": "secret"}
        fleet.start("a", agent="claude", environ=environ)

        seen = Watch(fleet).agent().environ

        assert seen["CLAUDE_CONFIG_DIR"] == "/c"
        assert seen["HOME"] == str(Path.home())
        assert set(seen) <= set(ENVIRONMENT)

    def test_a_pane_without_an_agent_says_what_runs_there(self, fleet: Fleet) -> None:
        fleet.start("a", agent="sleep")

        inside = Watch(fleet).inside()

        assert isinstance(inside.process, Process)
        assert inside.process.command == "sleep"
        assert inside.agent is None
        assert not inside.shell_only

    def test_a_pane_whose_process_has_ended_since_the_listing_holds_nothing(
        self, fleet: Fleet
    ) -> None:
        fleet.start("keeper", agent="sleep")
        fleet.start("a", agent="sleep")
        watch = Watch(fleet)
        watch.look()
        places = [
            LivingPane(socket=place.socket, pane=place.pane, wanted=None, followed=True)
            for place in watch._places
        ]
        fleet.kill("a")

        found = watch.processes.look(places, Table(), watch.now)

        insides = {key: each.inside for key, each in found.items()}
        assert insides[str(fleet.socket), "%1"] == Inside(process=None, agent=None)

    def test_a_zombie_is_no_agent(self, fleet: Fleet, tmp_path: Path) -> None:
        """Its parent never asks how it ended: all that is left of it is the name."""
        program = copy_of("sleep", tmp_path / "claude")
        run(fleet, "a", "sh", "-c", f"{program} 600 & exec sleep 600")
        (agent,) = retry_until(psutil.Process(fleet.pane_pid("a")).children, what="the agent")
        retry_until(lambda: agent.name() == "claude", what="its name")
        retry_until(
            lambda: psutil.Process(fleet.pane_pid("a")).name() == "sleep", what="its parent"
        )
        watch = Watch(fleet)
        assert isinstance(watch.inside().agent, Agent)

        agent.kill()

        retry_until(lambda: agent.status() == psutil.STATUS_ZOMBIE, what="a zombie")
        assert watch.inside().agent is None
        assert Watch(fleet).inside().agent is None
        assert processes.process(agent.pid) is None


class TestFromLookToLook:
    def test_the_same_places_give_the_same_object_while_nothing_ends(self, fleet: Fleet) -> None:
        fleet.start("a", agent="claude")
        fleet.start("b", agent="claude", wrapper=True)
        watch = Watch(fleet)

        first = watch.look()

        assert all(watch.look() is first for _ in range(3))

    @pytest.mark.parametrize("followed", [True, False])
    def test_an_agent_that_exits_to_its_shell_is_seen_at_the_next_look(
        self, fleet: Fleet, *, followed: bool
    ) -> None:
        shell = fleet.start("a", agent="claude", wrapper=True)
        watch = Watch(fleet, followed=followed)
        assert isinstance(watch.inside().agent, Agent)
        (agent,) = psutil.Process(shell).children()

        fleet.send("a", "quit")
        fences.wait_for_end([agent])
        retry_until(lambda: psutil.Process(shell).cmdline() == ["sh"], what="the shell's prompt")

        inside = watch.inside()
        assert isinstance(inside.process, Process)
        assert inside.process.pid == shell
        assert inside.agent is None
        assert inside.shell_only

    def test_an_agent_that_is_started_again_in_the_same_pane_is_another_one(
        self, fleet: Fleet
    ) -> None:
        shell = psutil.Process(fleet.start("a", agent="claude", wrapper=True))
        watch = Watch(fleet)
        before = watch.agent().family[0]
        command = [*shell.children()[0].cmdline()]
        fleet.send("a", "quit")
        retry_until(lambda: watch.inside().shell_only, what="the shell")

        fleet.tmux("send-keys", "-t", "=a:", " ".join(command), "Enter")

        retry_until(lambda: watch.only().agent, what="the second agent")
        assert watch.agent().family[0] != before

    def test_a_young_agent_is_looked_at_again_for_what_it_starts(self, fleet: Fleet) -> None:
        pid = fleet.start("a", agent="claude")
        watch = Watch(fleet)
        started = datetime.fromtimestamp(psutil.Process(pid).create_time(), UTC)

        watch.now = started + timedelta(seconds=5)
        young = watch.look()
        assert watch.look() is not young

        watch.now = started + timedelta(seconds=15)
        settled = watch.look()
        assert watch.look() is settled

    def test_a_followed_pane_without_an_agent_is_looked_into_each_time(
        self, fleet: Fleet, tmp_path: Path
    ) -> None:
        fleet.start("a", agent="shell")
        watch = Watch(fleet)
        assert watch.inside().shell_only

        fleet.tmux(
            "send-keys", "-t", "=a:", f"{copy_of('sleep', tmp_path / 'claude')} 600", "Enter"
        )

        retry_until(lambda: watch.only().agent, what="the agent")

    def test_an_unfollowed_pane_without_an_agent_is_looked_into_after_ten_minutes(
        self, fleet: Fleet, tmp_path: Path
    ) -> None:
        fleet.start("a", agent="shell")
        watch = Watch(fleet, followed=False)
        nothing = watch.look()
        command = f"{copy_of('sleep', tmp_path / 'claude')} 600"
        fleet.tmux("send-keys", "-t", "=a:", command, "Enter")
        retry_until(lambda: Watch(fleet).only().agent, what="the agent")

        watch.now += timedelta(minutes=9)
        assert watch.look() is nothing
        watch.now += timedelta(minutes=2)
        assert watch.only().agent is not None

    def test_a_pane_that_comes_to_be_followed_is_looked_into_at_once(
        self, fleet: Fleet, tmp_path: Path
    ) -> None:
        fleet.start("a", agent="shell")
        watch = Watch(fleet, followed=False)
        assert watch.only().agent is None
        command = f"{copy_of('sleep', tmp_path / 'claude')} 600"
        fleet.tmux("send-keys", "-t", "=a:", command, "Enter")
        retry_until(lambda: Watch(fleet).only().agent, what="the agent")
        watch._followed, watch._seen = True, None

        assert watch.only().agent is not None

    def test_one_agents_end_leaves_the_others_as_they_were(self, fleet: Fleet) -> None:
        for name in "abc":
            fleet.start(name, agent="claude", wrapper=True)
        watch = Watch(fleet)
        before = watch.look()
        agent = psutil.Process(fleet.pane_pid("b")).children()[0]

        fences.end(agent)

        after = watch.look()
        keys = [(str(fleet.socket), pane) for pane in ("%0", "%1", "%2")]
        assert [after[key] is before[key] for key in keys] == [True, False, True]

    @on_linux
    def test_descriptors_stay_flat_and_go_with_the_sessions(self, fleet: Fleet) -> None:
        fleet.start("keeper", agent="sleep")
        watch = Watch(fleet)
        watch.look()
        before = descriptors.held()
        for name in "abc":
            fleet.start(name, agent="claude")
        watch.look()

        for _ in range(200):
            watch.look()

        assert descriptors.held() == before + 3
        for name in "abc":
            fleet.kill(name)
        watch.look()
        assert descriptors.held() == before

    @on_linux
    def test_descriptors_of_a_look_that_is_made_once_go_with_it(self, fleet: Fleet) -> None:
        fleet.start("keeper", agent="claude")
        before = descriptors.held()

        Watch(fleet).look()

        assert descriptors.held() == before

    def test_where_there_is_no_pidfd_an_exit_is_seen_all_the_same(
        self, fleet: Fleet, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delattr(os, "pidfd_open", raising=False)
        shell = fleet.start("a", agent="claude", wrapper=True)
        watch = Watch(fleet)
        first = watch.look()
        assert watch.look() is first

        fences.end(psutil.Process(shell).children()[0])

        assert watch.inside().agent is None


class TestStill:
    def test_a_living_process_is_still_itself(self, child: subprocess.Popen[bytes]) -> None:
        assert processes._still(member(child.pid))

    @pytest.mark.parametrize("ticks", ["1", ""])
    def test_a_pid_that_began_at_another_tick_is_another_process(
        self, child: subprocess.Popen[bytes], ticks: str
    ) -> None:
        assert not processes._still(member(child.pid, start_ticks=ticks))

    def test_without_ticks_the_start_time_decides(self, child: subprocess.Popen[bytes]) -> None:
        without = member(child.pid, start_ticks=None)
        earlier = Member(pid=child.pid, started_at=without.started_at - timedelta(seconds=1))

        assert processes._still(without)
        assert not processes._still(earlier)

    @pytest.mark.parametrize("ticks", ["known", None])
    def test_an_ended_process_is_not(
        self, child: subprocess.Popen[bytes], ticks: str | None
    ) -> None:
        known = member(child.pid) if ticks else member(child.pid, start_ticks=None)
        child.kill()
        child.wait()

        assert not processes._still(known)

    @on_linux
    def test_a_reused_pid_is_not_watched(self, child: subprocess.Popen[bytes]) -> None:
        ends, before = processes._Ends(), descriptors.held()
        reused = member(child.pid, start_ticks="1")

        ends.watch([reused])

        assert descriptors.held() == before
        assert ends.seen() == {reused}

    @on_linux
    def test_the_command_in_proc_may_hold_brackets_and_spaces(
        self, fleet: Fleet, tmp_path: Path
    ) -> None:
        run(fleet, "odd", str(copy_of("sleep", tmp_path / "a) R 1 (b")), "600")
        pid = fleet.pane_pid("odd")

        ticks = procfs.start_ticks(pid)

        assert ticks is not None
        started = psutil.boot_time() + int(ticks) / os.sysconf("SC_CLK_TCK")
        assert abs(started - psutil.Process(pid).create_time()) < 2


class TestIsOver:
    """Of a worker whose start nobody noted."""

    def test_what_began_before_its_last_sign_of_life_may_be_it(
        self, child: subprocess.Popen[bytes]
    ) -> None:
        assert not processes.is_over(child.pid, seen=datetime.now(UTC), booted=processes.boot())
        assert not processes.is_over(child.pid, seen=None, booted=None)

    def test_what_began_well_after_it_has_only_its_pid(
        self, child: subprocess.Popen[bytes]
    ) -> None:
        began = datetime.fromtimestamp(psutil.Process(child.pid).create_time(), UTC)
        for before, over in ((61, True), (59, False), (-1, False)):
            seen = began - timedelta(seconds=before)
            assert processes.is_over(child.pid, seen=seen, booted=None) is over

    def test_a_clock_that_was_set_forward_makes_nobody_younger(
        self, child: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before = processes.boot()
        assert before
        seen = datetime.now(UTC)
        later = processes.Boot(id=before.id, at=before.at + timedelta(hours=1))
        monkeypatch.setattr(processes, "boot", lambda: later)
        began = psutil.Process(child.pid).create_time() + 3600
        monkeypatch.setattr(psutil.Process, "create_time", lambda _: began)
        assert not processes.is_over(child.pid, seen=seen, booted=before)

    def test_nothing_outlives_its_boot(self, child: subprocess.Popen[bytes]) -> None:
        now = processes.boot()
        assert now
        assert now.id
        earlier = processes.Boot(id="another", at=now.at - timedelta(days=1))

        assert processes.is_over(child.pid, seen=datetime.now(UTC), booted=earlier)

    def test_an_ended_one_is(self, child: subprocess.Popen[bytes]) -> None:
        child.kill()
        child.wait()

        assert processes.is_over(child.pid, seen=datetime.now(UTC), booted=processes.boot())

    def test_one_that_may_not_be_looked_at_is_not(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(processes, "process", lambda *_: Unknown("hidden"))

        assert not processes.is_over(1, seen=datetime.now(UTC), booted=None)


class TestProcess:
    def test_a_living_pid_is_told_with_its_start(self, child: subprocess.Popen[bytes]) -> None:
        found = processes.process(child.pid)

        assert found == Process(
            pid=child.pid,
            started_at=datetime.fromtimestamp(psutil.Process(child.pid).create_time(), UTC),
            command="sleep",
            cwd=str(Path.cwd()),
            start=procfs.start_ticks(child.pid) or "",
        )

    def test_an_ended_pid_is_none(self, child: subprocess.Popen[bytes]) -> None:
        child.kill()
        child.wait()

        assert processes.process(child.pid) is None

    def test_a_zombie_is_none(self, child: subprocess.Popen[bytes]) -> None:
        os.kill(child.pid, signal.SIGKILL)
        process = psutil.Process(child.pid)
        retry_until(lambda: process.status() == psutil.STATUS_ZOMBIE, what="a zombie")

        assert processes.process(child.pid) is None

    @pytest.mark.parametrize("pid", [-1, 0, 2**31, 2**70])
    def test_a_number_that_can_be_no_process_is_none(self, pid: int) -> None:
        assert processes.process(pid) is None

    @on_linux
    def test_the_id_of_a_thread_is_no_process(self) -> None:
        over, ids = threading.Event(), list[int]()

        def stay() -> None:
            ids.append(threading.get_native_id())
            over.wait()

        thread = threading.Thread(target=stay)
        thread.start()
        try:
            retry_until(lambda: ids, what="the thread")
            assert processes.process(ids[0]) is None
        finally:
            over.set()
            thread.join()

    def test_a_process_of_another_user_is_told_as_far_as_it_can_be_read(self) -> None:
        first = processes.process(1)

        assert isinstance(first, Process)
        assert first.pid == 1
        assert first.command

    def test_what_may_not_be_read_is_unknown_and_no_end(
        self, fleet: Fleet, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        pid = fleet.start("a", agent="claude")
        monkeypatch.setattr(psutil.Process, "create_time", refuse)

        assert isinstance(processes.process(pid), Unknown)
        inside = Watch(fleet).inside()
        assert isinstance(inside.process, Unknown)
        assert isinstance(inside.agent, Unknown)


class TestBoot:
    def test_a_system_that_does_not_tell_has_none(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(psutil, "boot_time", refuse)

        assert processes.boot() is None

    def test_this_boot_is_the_same_each_time(self) -> None:
        first = processes.boot()

        assert first is not None
        assert first.at < datetime.now(UTC)
        assert processes.boot() == first
