"""One look at everything: which sessions are followed, and what is known of each of them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest

import fences
import tmux_versions
from fleet import Fleet
from kanban_worker import agents
from kanban_worker.agents.claude import Claude
from kanban_worker.agents.hooks import Hooks
from kanban_worker.observe import place
from kanban_worker.observe.observer import Observer
from kanban_worker.observe.servers import Servers
from kanban_worker.tmux import Tmux
from reconcile import judge, names
from reconcile.desired import Entry, Registry
from reconcile.memory import Memory
from reconcile.observed import (
    Agent,
    Answer,
    Artefact,
    Bound,
    Conversation,
    ConversationId,
    Listing,
    Missing,
    Process,
    SessionName,
    Unknown,
    World,
)
from reconcile.policy import Policy
from waiting import retry_until

IDS = tuple(ConversationId(f"{n}7dc548e-0000-4000-8000-00000000000{n}") for n in range(1, 5))
X = SessionName("lab-x-creator-claude")
Y = SessionName("lab-y-creator-claude")
NOTHING = Registry()


class CountingTmux(Tmux):
    """Counts how often the kernel's list of sockets was read."""

    asked = 0

    def rivals(  # type: ignore[explicit-override] # 3.12 has override
        self, sockets: Iterable[str] | None = None
    ) -> frozenset[str]:
        self.asked += 1
        return super().rivals(sockets)


def observer(*sockets: Path, tmux: Tmux | None = None) -> Observer:
    """Return an observer of this test's home; all that runs has settled at its clock."""
    home = Path.home()
    return Observer(
        place=place.here(),
        servers=Servers([str(path) for path in sockets], os.environ),
        tmux=tmux or Tmux(),
        adapters={kind: make(home, os.environ) for kind, make in agents.ADAPTERS.items()},
        patterns=names.DEFAULT_PATTERNS,
        hooks=Hooks(str(home / "hooks")),
        home=home,
        environ=os.environ,
        clock=lambda: datetime.now(UTC) + timedelta(minutes=1),
    )


def entry(name: str = X, **fields: object) -> Entry:
    """Return a registered session, which runs if nothing else is said."""
    given = {"agent": "claude", "status": "running", **fields}
    return Entry(name=SessionName(name), **given)  # type: ignore[arg-type] # a test's own fields


def registry(*entries: Entry) -> Registry:
    """Return a registry of these entries."""
    return Registry(entries=entries)


def speak(
    fleet: Fleet, name: str, conversation: str, *options: str, cwd: Path | None = None
) -> int:
    """Start a claude that has been prompted once, and return its pane's pid."""
    said = ("--session-id", conversation, "--prompted", *options)
    return fleet.start(name, agent="claude", cwd=cwd, options=said)


def held(conversation: Conversation) -> ConversationId | None:
    """Return the id of a conversation that is certain."""
    return conversation.id if isinstance(conversation, Bound) else None


class TestFollowed:
    @pytest.mark.parametrize(
        ("name", "entries", "followed"),
        [
            pytest.param(X, [], True, id="registrable by its name"),
            pytest.param("notes", [], False, id="neither registered nor registrable"),
            pytest.param("notes", [entry("notes")], True, id="registered as running"),
            pytest.param("notes", [entry("notes", status="terminated")], True, id="as terminated"),
            pytest.param(X, [entry(status="paused")], False, id="with a person's own status"),
            pytest.param(X, [entry(status=None)], False, id="without a status"),
            pytest.param("foo2", [entry("foo")], False, id="a name that begins with another"),
        ],
    )
    def test_registered_and_registrable_sessions_are(
        self, fleet: Fleet, name: str, entries: Sequence[Entry], *, followed: bool
    ) -> None:
        fleet.start(name, agent="claude")
        watcher = observer(fleet.socket)

        watcher.look(registry(*entries))

        assert (SessionName(name) in watcher.agents) is followed

    def test_one_that_is_written_with_dots_and_colons_is_where_tmux_rewrites_them(
        self, fleet: Fleet
    ) -> None:
        """Elsewhere a session may be called so, and that one is another."""
        fleet.start("a_b_c", agent="claude")
        watcher = observer(fleet.socket)

        watcher.look(registry(entry("a.b:c")))

        rewritten = tmux_versions.listed("a.b:c", tmux_versions.here()[0])
        assert (SessionName("a_b_c") in watcher.agents) is (rewritten == "a_b_c")

    def test_every_living_pane_is_looked_into_all_the_same(self, fleet: Fleet) -> None:
        fleet.start("notes", agent="claude")

        world = observer(fleet.socket).look(NOTHING)

        (inside,) = world.inside.values()
        assert isinstance(inside.agent, Agent)
        assert world.conversations == {}

    def test_a_dead_pane_is_not_looked_into(self, fleet: Fleet) -> None:
        pid = fleet.start(X, agent="sleep")
        fleet.tmux("set-option", "-g", "remain-on-exit", "on")
        fences.end(psutil.Process(pid))
        watcher = observer(fleet.socket)

        def look() -> World | None:
            world = watcher.look(registry(entry()))
            listing = world.tmux[str(fleet.socket)]
            assert isinstance(listing, Listing)
            return None if listing.sessions[X].alive else world

        world = retry_until(look, what="the dead pane")
        assert world is not None
        assert world.inside == {}
        assert world.recorded_pids == {}

    def test_the_living_one_of_two_namesakes_is_followed(
        self, fleet: Fleet, fence: fences.Fence
    ) -> None:
        with Fleet(fence.tmux / "other") as other:
            pid = fleet.start(X, agent="sleep")
            fleet.tmux("set-option", "-g", "remain-on-exit", "on")
            fences.end(psutil.Process(pid))
            agent = other.start(X, agent="claude")
            watcher = observer(fleet.socket, other.socket)

            watcher.look(NOTHING)

            assert watcher.agents[X].family[0].pid == agent


class TestConversations:
    def test_each_of_several_sessions_in_one_directory_has_its_own(
        self, fleet: Fleet, tmp_path: Path
    ) -> None:
        speak(fleet, X, IDS[0], cwd=tmp_path)
        speak(fleet, Y, IDS[1], cwd=tmp_path)
        speak(fleet, "notes", IDS[2], cwd=tmp_path)

        world = observer(fleet.socket).look(registry(entry(Y)))

        assert {name: held(one) for name, one in world.conversations.items()} == {
            X: IDS[0],
            Y: IDS[1],
        }

    def test_of_several_panes_the_recorded_ones_agent_is_meant(
        self, fleet: Fleet, tmp_path: Path
    ) -> None:
        first = speak(fleet, "other", IDS[0], cwd=tmp_path)
        second = speak(fleet, X, IDS[1], cwd=tmp_path)
        fleet.tmux("join-pane", "-d", "-s", "=other:", "-t", f"={X}:")
        watcher = observer(fleet.socket)

        for pid, own in [(first, IDS[0]), (second, IDS[1])]:
            world = watcher.look(registry(entry(pane_pid=pid)))
            assert held(world.conversations[X]) == own

    def test_the_same_name_and_pane_id_on_two_servers_are_not_mixed_up(
        self, fleet: Fleet, fence: fences.Fence, tmp_path: Path
    ) -> None:
        with Fleet(fence.tmux / "other") as other:
            pids = [
                speak(one, X, conversation, cwd=tmp_path)
                for one, conversation in [(fleet, IDS[0]), (other, IDS[1])]
            ]
            watcher = observer(fleet.socket, other.socket)

            for pid, one, own in zip(pids, (fleet, other), IDS[:2], strict=True):
                known = registry(entry(pane_pid=pid))
                seen = judge.judge(observer(one.socket).look(known), known, Memory(), Policy())
                world = watcher.look(known, Memory(sightings=seen.sightings))
                assert held(world.conversations[X]) == own

    def test_an_agent_that_nobody_follows_may_still_be_the_one(
        self, fleet: Fleet, tmp_path: Path
    ) -> None:
        """Neither says which transcript is its own: with one of them unseen it would be a guess."""
        fleet.start(X, agent="claude", cwd=tmp_path, options=["--no-pid-file"])
        fleet.start("notes", agent="claude", cwd=tmp_path, options=["--no-pid-file"])
        fleet.send("notes", "prompt")

        world = observer(fleet.socket).look(registry(entry()))

        assert not isinstance(world.conversations[X], Bound)

    def test_a_session_without_an_agent_has_none(self, fleet: Fleet) -> None:
        fleet.start(X, agent="shell")

        world = observer(fleet.socket).look(registry(entry()))

        assert world.conversations == {}

    def test_when_the_last_agent_of_a_kind_has_ended_nobody_names_a_conversation(
        self, fleet: Fleet, tmp_path: Path
    ) -> None:
        fleet.start("keeper", agent="sleep")
        fleet.start(X, agent="claude", cwd=tmp_path)
        watcher = observer(fleet.socket)
        claude = watcher.adapters["claude"]
        assert isinstance(claude, Claude)
        watcher.look(registry(entry()))
        assert claude._binding.named

        fleet.kill(X)
        watcher.look(registry(entry()))

        assert claude._binding.named == frozenset()

    def test_a_process_is_as_old_as_it_was_before_the_clock_was_set_forward(
        self, fleet: Fleet
    ) -> None:
        fleet.start("keeper", agent="sleep")
        pid = fleet.start("renamed", agent="sleep")
        watcher = observer(fleet.socket)
        before = watcher.look(registry(entry(pane_pid=pid))).recorded_pids[pid]
        assert watcher._boot is not None
        watcher._boot = replace(watcher._boot, at=watcher._boot.at - timedelta(hours=1))

        after = watcher.look(registry(entry(pane_pid=pid))).recorded_pids[pid]

        assert isinstance(before, Process)
        assert isinstance(after, Process)
        assert before.started_at - after.started_at == timedelta(hours=1)

    def test_a_kind_that_no_adapter_knows_has_none(self, fleet: Fleet, tmp_path: Path) -> None:
        program = tmp_path / "aider"
        program.symlink_to(str(shutil.which("sleep")))
        fleet.start("keeper", agent="sleep")
        fleet.tmux("new-session", "-d", "-s", "notes", "--", str(program), "600")

        watcher = observer(fleet.socket)
        notes = registry(entry("notes", agent="aider"))
        retry_until(lambda: watcher.look(notes) and watcher.agents, what="the program's start")
        world = watcher.look(notes)

        assert watcher.agents[SessionName("notes")].kind == "aider"
        assert world.conversations == {SessionName("notes"): None}

    def test_a_new_name_changes_nothing_about_the_conversation(self, fleet: Fleet) -> None:
        speak(fleet, X, IDS[0])
        watcher = observer(fleet.socket)
        watcher.look(NOTHING)

        fleet.rename(X, Y)

        assert held(watcher.look(NOTHING).conversations[Y]) == IDS[0]


class TestSharedPanes:
    def test_a_pane_that_a_second_session_shows_belongs_to_the_followed_one(
        self, fleet: Fleet
    ) -> None:
        """`new-session -t`: a second screen on the same windows, under any name."""
        shell = fleet.start(X, agent="claude", wrapper=True)
        fleet.tmux("new-session", "-d", "-t", f"={X}", "-s", "a-view")
        fleet.tmux("new-session", "-d", "-t", f"={X}", "-s", "z-view")
        known = registry(entry(pane_pid=shell))
        watcher = observer(fleet.socket)
        watcher.look(known)
        command = psutil.Process(shell).children()[0].cmdline()

        fleet.send(X, "quit")
        retry_until(lambda: (watcher.look(known), not watcher.agents)[1], what="the agent's end")
        fleet.tmux("send-keys", "-t", f"={X}:", " ".join(command), "Enter")

        retry_until(lambda: (watcher.look(known), X in watcher.agents)[1], what="the next agent")


class TestMissing:
    def test_rivals_are_only_looked_for_when_an_entry_is_missing(self, fleet: Fleet) -> None:
        fleet.start(X, agent="sleep")
        tmux = CountingTmux()
        watcher = observer(fleet.socket, tmux=tmux)

        watcher.look(registry(entry(), entry(Y, status="terminated"), entry("z", status="paused")))
        assert tmux.asked == 0
        watcher.look(registry(entry(), entry(Y)))
        assert tmux.asked == 1

    def test_a_second_server_behind_the_socket_is_told_when_an_entry_is_missing(
        self, fleet: Fleet
    ) -> None:
        fleet.start(X, agent="sleep")
        hidden = psutil.Process(fleet.server_pid)
        fleet.socket.unlink()
        fleet.start("other", agent="sleep")
        try:
            world = observer(fleet.socket).look(registry(entry()))
        finally:
            fences.end(hidden)

        assert world.rivals == {str(fleet.socket)}

    def test_recorded_pids_are_looked_up_for_missing_running_entries_alone(
        self, fleet: Fleet
    ) -> None:
        present = fleet.start(X, agent="sleep")
        alive = fleet.start("renamed", agent="sleep")

        world = observer(fleet.socket).look(
            registry(
                entry(X, pane_pid=present),
                entry("alive", pane_pid=alive),
                entry("dead", pane_pid=2**22 + 1),
                entry("no-number", pane_pid=-5),
                entry("none"),
                entry("over", pane_pid=1, status="terminated"),
            )
        )

        assert world.recorded_pids.keys() == {alive, 2**22 + 1, -5}
        assert isinstance(world.recorded_pids[alive], Process)
        assert world.recorded_pids[2**22 + 1] is None
        assert world.recorded_pids[-5] is None

    def test_a_blind_look_follows_nothing_and_says_why(self, fence: fences.Fence) -> None:
        (fence.tmux / "file").write_text("")
        watcher = observer(fence.tmux / "file")

        world = watcher.look(registry(entry(pane_pid=1)))

        assert isinstance(world.tmux[str(fence.tmux / "file")], Unknown)
        assert watcher.agents == {}
        assert isinstance(world.recorded_pids[1], Process)


class TestRealPaths:
    @pytest.mark.parametrize(
        ("workspace", "real"),
        [
            pytest.param("{home}/lab/x", "{home}/lab/x", id="as it is"),
            pytest.param("~/lab/x", "{home}/lab/x", id="a tilde"),
            pytest.param("~", "{home}", id="the home itself"),
            pytest.param("~/link", "{home}/lab/x", id="a link"),
            pytest.param("{home}/link/", "{home}/lab/x", id="a link with a slash"),
            pytest.param("{home}/lab/../lab/x", "{home}/lab/x", id="with dots"),
            pytest.param("~/gone", "{home}/gone", id="not there any more"),
            pytest.param("~other/x", "{cwd}/~other/x", id="another's home"),
            pytest.param("{home}/loop", "{home}/loop", id="a link to itself"),
            pytest.param("/nul\0byte", "/nul\0byte", id="what can be no path"),
            pytest.param("/half\ud800pair", "/half\ud800pair", id="nor this"),
        ],
    )
    @pytest.mark.parametrize("present", [True, False], ids=["a live session", "a missing one"])
    def test_a_recorded_workspace_is_resolved(
        self, fleet: Fleet, workspace: str, real: str, *, present: bool
    ) -> None:
        home = Path.home()
        (home / "lab/x").mkdir(parents=True)
        (home / "link").symlink_to("lab/x")
        (home / "loop").symlink_to("loop")
        known = {"home": str(home), "cwd": str(Path.cwd())}
        written = workspace.format(**known)
        fleet.start(X if present else "other", agent="claude", cwd=home / "lab/x")

        world = observer(fleet.socket).look(registry(entry(workspace=written, pane_cwd=written)))

        assert world.real_paths[written] == real.format(**known)

    def test_the_sessions_own_directory_is_resolved_where_it_differs(self, fleet: Fleet) -> None:
        if not tmux_versions.here()[1].session_path:
            pytest.skip("this tmux does not tell it")
        home = Path.home()
        (home / "lab").mkdir()
        (home / "link").symlink_to("lab")
        fleet.start(X, agent="sleep", cwd=home / "link")

        world = observer(fleet.socket).look(registry(entry(workspace="~/lab")))

        assert world.real_paths["~/lab"] == str(home / "lab")
        listing = world.tmux[str(fleet.socket)]
        assert isinstance(listing, Listing)
        directory = listing.sessions[X].directory
        assert world.real_paths.get(directory, directory) == str(home / "lab")


class TestArtefacts:
    def test_all_ids_of_running_entries_are_looked_for_and_no_others(self, fleet: Fleet) -> None:
        speak(fleet, X, IDS[0], cwd=Path.home())

        world = observer(fleet.socket).look(
            registry(
                entry(X, own_id=IDS[0], other_ids=(IDS[1],)),
                entry(Y, status="terminated", own_id=IDS[2]),
                entry("z", agent="aider", own_id=IDS[3]),
            )
        )

        assert world.artefacts["claude", IDS[0]] is Artefact.PRESENT
        assert isinstance(world.artefacts["claude", IDS[1]], Missing)
        assert world.artefacts.keys() == {("claude", IDS[0]), ("claude", IDS[1])}

    def test_a_conversation_that_nobody_holds_now_is_found_on_disk(self, fleet: Fleet) -> None:
        folder = Path.home() / "lab"
        folder.mkdir()
        speak(fleet, X, IDS[0], cwd=folder)
        fleet.start("keeper", agent="sleep")
        fleet.kill(X)

        world = observer(fleet.socket).look(registry(entry(own_id=IDS[0], workspace="~/lab")))

        assert world.artefacts["claude", IDS[0]] is Artefact.PRESENT


class TestFromLookToLook:
    def test_what_did_not_change_is_the_same_object(self, fleet: Fleet) -> None:
        fleet.start(X, agent="claude")
        watcher, known = observer(fleet.socket), registry(entry())

        first, second = watcher.look(known), watcher.look(known)

        parts: Sequence[Callable[[World], object]] = (
            lambda world: world.tmux[str(fleet.socket)],
            lambda world: world.inside,
            lambda world: world.real_paths,
        )
        assert all(part(first) is part(second) for part in parts)
        assert second.at > first.at

    def test_another_registry_is_seen_at_once(self, fleet: Fleet) -> None:
        fleet.start("notes", agent="claude")
        watcher = observer(fleet.socket)
        watcher.look(NOTHING)
        assert watcher.agents == {}

        watcher.look(registry(entry("notes")))

        assert watcher.agents.keys() == {"notes"}

    def test_sessions_come_and_go(self, fleet: Fleet) -> None:
        watcher = observer(fleet.socket)
        assert watcher.look(NOTHING).tmux == {str(fleet.socket): None}

        fleet.start(X, agent="claude")
        fleet.start("keeper", agent="sleep")
        watcher.look(NOTHING)
        assert watcher.agents.keys() == {X}

        fleet.kill(X)
        watcher.look(NOTHING)
        assert watcher.agents == {}

    def test_an_agent_that_takes_the_panes_place_is_another(self, fleet: Fleet) -> None:
        fleet.start(X, agent="claude")
        watcher = observer(fleet.socket)
        watcher.look(NOTHING)
        before = watcher.agents[X]

        fleet.tmux("set-option", "-g", "remain-on-exit", "on")
        program = fleet.folder / "bin/claude"
        fleet.tmux("respawn-pane", "-k", "-t", f"={X}:", "--", str(program), "-c", "input()")

        def another() -> bool:
            watcher.look(NOTHING)
            now = watcher.agents.get(X)
            return now is not None and now.family[0].pid != before.family[0].pid

        retry_until(another, what="the next agent")


def test_a_look_answers_for_tmux_in_three_values(fleet: Fleet, fence: fences.Fence) -> None:
    fleet.start(X, agent="sleep")
    (fence.tmux / "file").write_text("")
    paths = (fleet.socket, fence.tmux / "never", fence.tmux / "file")

    answers: Sequence[Answer[Listing]] = list(observer(*paths).look(NOTHING).tmux.values())

    assert isinstance(answers[0], Listing)
    assert answers[1] is None
    assert isinstance(answers[2], Unknown)
