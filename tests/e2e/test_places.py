"""Looked at from anywhere: a session that lives is never written dead, nor taken for another."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Sequence
from pathlib import Path

import pytest

import commandline
from commandline import Completed
from desk import Desk, by_class
from fleet import Fleet
from waiting import retry_until

API, DOCS = "lab-api-creator-claude", "lab-docs-creator-claude"
CONTAINER = ("unshare", "--pid", "--fork", "--mount", "--mount-proc")


def kinds(done: Completed) -> dict[str, str]:
    """The notices of a report by kind; each kind occurs once."""
    found = {each["kind"]: each["message"] for each in done.report["notices"]}
    assert len(found) == len(done.report["notices"])
    return found


@pytest.fixture
def container() -> Sequence[str]:
    """Words that run a command in a pid namespace of its own, as a container does."""
    probe = [*CONTAINER, "true"]
    if shutil.which("unshare") is None or subprocess.run(probe, check=False).returncode:
        pytest.skip("pid namespaces need util-linux and root")
    return CONTAINER


def elsewhere(desk: Desk, words: Sequence[str], *command: str) -> Completed:
    """Run the command line behind some words, with a tmux folder of its own."""
    folder = desk.fence.root / "other"
    folder.mkdir(mode=0o700, exist_ok=True)
    environ = commandline.environment({"AGENT_SESSIONS_REGISTRY": str(desk.registry)})
    done = subprocess.run(
        [*words, sys.executable, "-m", "kanban_worker", *command],
        env={**environ, "TMUX_TMPDIR": str(folder)},
        cwd=Path.home(),
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    return Completed(done.returncode, done.stdout, done.stderr)


class TestAContainer:
    def test_marks_nothing_of_a_fleet_that_lives_outside_of_it(
        self, desk: Desk, container: Sequence[str]
    ) -> None:
        desk.write(*desk.starts(API, DOCS))
        desk.once()
        before = desk.registry.read_bytes()

        for _ in range(2):
            found = elsewhere(desk, container, "reconcile", "--once", "--emit-diff")
            assert found.report["drifts"] == []
            assert found.status == 3  # zero never means blind
        assert desk.registry.read_bytes() == before
        assert desk.once().status == 0

    def test_marks_nothing_of_a_registry_that_it_is_the_first_to_see_through_a_bind_mount(
        self, desk: Desk, container: Sequence[str]
    ) -> None:
        desk.write(*desk.starts(API))
        before = desk.registry.read_bytes()
        inside = desk.fence.root / "mounted"
        inside.mkdir()
        script = f'mount --bind "{desk.registry.parent}" "{inside}" && exec "$@"'
        words = (*container, "sh", "-c", script, "sh")

        found = elsewhere(
            desk,
            words,
            *("reconcile", "--once", "--emit-diff"),
            *("--registry", str(inside / desk.registry.name)),
        )

        assert found.report["drifts"] == []
        assert "mounted into this container from outside" in found.err
        assert desk.registry.read_bytes() == before

    def test_has_a_ledger_of_its_own(self, desk: Desk, container: Sequence[str]) -> None:
        desk.write(*desk.starts(API))
        desk.once()

        elsewhere(desk, container, "reconcile", "--once")

        assert len(list(desk.cache.glob("*.state"))) == 2


class TestAnotherLookOnTheSameHost:
    @pytest.mark.parametrize("pane", ["null", "{pid: 2147483000, cmd: sleep}"])
    def test_asks_the_server_that_a_session_was_seen_on(self, desk: Desk, pane: str) -> None:
        desk.starts(API)
        desk.write(desk.entry(API, pane=pane))
        desk.once()
        before = desk.registry.read_bytes()

        found = elsewhere(desk, (), "reconcile", "--once", "--emit-diff")

        assert found.report["sources"]["tmux"]["sessions"] == 1
        assert desk.registry.read_bytes() == before

    def test_from_inside_another_server_asks_it_too(self, desk: Desk) -> None:
        desk.write(*desk.starts(API))
        desk.once()
        before = desk.registry.read_bytes()
        with Fleet(desk.fence.root / "second") as second:
            second.start("notes")
            inside = {"TMUX": f"{second.socket},1,0", "AGENT_SESSIONS_TMUX_SOCKET": ""}
            found = desk.once(environ=inside)

        assert found.report["drifts"] == []
        assert found.report["sources"]["tmux"]["sessions"] == 2
        assert desk.registry.read_bytes() == before

    def test_never_seen_it_is_not_gone_while_another_server_has_it(self, desk: Desk) -> None:
        """A server in an odd place: only a look for the one question finds it.

        It finds those of tests beside this one, too, and may name one of them first.
        """
        desk.starts(API)
        desk.write(desk.entry(API))

        found = elsewhere(desk, (), "reconcile", "--once", "--emit-diff")

        assert found.report["drifts"] == []
        assert f"{API}: not listed by tmux, but " in found.err
        assert "status: running" in desk.registry.read_text()

    @pytest.mark.parametrize("home", ["the monitor's", "another"])
    @pytest.mark.parametrize("agent", ["claude", "null", "Claude", "claude-code"])
    def test_never_seen_it_is_not_gone_while_its_conversation_is_held(
        self, desk: Desk, home: str, agent: str
    ) -> None:
        """As root's monitor sees a user's agents; an entry may name its agent as it likes."""
        conversation = str(uuid.uuid4())
        options = ("--session", conversation, "--prompted")
        moved = ("HOME", "XDG_DATA_HOME") if home == "another" else ()
        other = dict.fromkeys(moved, str(desk.fence.root / "other"))
        folder = desk.workspace("by-hand")
        desk.fleet.start("by-hand", agent="claude", cwd=folder, options=options, environ=other)
        desk.write(desk.entry(API, agent=agent, claude_session_id_own=conversation))

        found = desk.once()

        assert found.report["drifts"] == []
        assert "is held by process" in found.err


class TestANewcomer:
    def test_holds_what_it_never_saw_until_somebody_says_that_the_registry_lives_here(
        self, desk: Desk
    ) -> None:
        desk.write(*desk.starts(DOCS), desk.entry(API))
        other = {
            "id": "0" * 32,
            "hosts": ["laptop"],
            "home_since": "2026-01-01T00:00:00+00:00",
            "watched_at": "2026-01-01T00:00:00+00:00",
        }
        places = desk.registry.with_name(f".{desk.registry.name}.places")
        places.write_text(json.dumps({"version": 1, "places": [other]}))

        held = desk.once()
        said = desk.run("check", "--here")
        after = desk.once()

        assert held.report["drifts"] == []
        assert "laptop" in held.err
        assert said.status == 0
        assert by_class(after.report)["A"]["action"] == "updated"
        rows = json.loads(places.read_text())["places"]
        assert rows[0] == other
        assert rows[1]["home_since"]

    def test_a_dry_run_does_not_make_this_place_one_that_watches(self, desk: Desk) -> None:
        desk.write(*desk.starts(API))

        desk.once("--dry-run")

        assert not list(desk.registry.parent.glob(".*.places"))

    def test_another_host_s_entry_is_left_to_it_and_not_registered_twice(self, desk: Desk) -> None:
        desk.starts(API)
        desk.write(desk.entry(API, host="laptop"), desk.entry(DOCS, host="laptop"))

        found = desk.once()

        assert found.report["drifts"] == []
        assert "of host laptop" in kinds(found)["other-host"]
        states = {row["name"]: row["state"] for row in desk.run("status", "--json").sessions}
        assert states == {API: "elsewhere", DOCS: "elsewhere"}

    def test_a_host_that_the_user_has_named_is_that_name(self, desk: Desk) -> None:
        desk.starts(API)
        desk.write("  []\n", text="version: 1\nsessions: []\n")

        desk.once(environ={"AGENT_SESSIONS_HOST": "the box"})

        assert "host: the box" in desk.registry.read_text()


class TestASessionThatMoves:
    def test_is_followed_through_a_rename_with_one_finding_and_no_second_entry(
        self, desk: Desk
    ) -> None:
        desk.starts(API)
        desk.write(desk.entry(API))
        desk.once()
        desk.fleet.rename(API, "lab-new-creator-claude")

        found = desk.once()

        assert found.report["drifts"] == []
        assert "now called lab-new-creator-claude" in kinds(found)["renamed"]
        why = " ".join(desk.run("why", API).out.split())
        assert "called lab-new-creator-claude in tmux, " in why
        assert desk.registry.read_text().count("- name:") == 1

    def test_is_followed_into_the_session_that_its_pane_was_moved_to(self, desk: Desk) -> None:
        desk.starts(API)
        desk.fleet.start("notes")
        desk.write(desk.entry(API))
        desk.once()
        desk.fleet.tmux("move-pane", "-d", "-s", f"={API}:", "-t", "=notes:")

        found = desk.once()

        assert found.report["drifts"] == []
        assert "now in tmux session notes" in kinds(found)["renamed"]

    def test_lives_on_in_a_linked_window(self, desk: Desk) -> None:
        desk.starts(API)
        desk.fleet.start("notes")
        desk.write(desk.entry(API))
        desk.once()
        desk.fleet.tmux("link-window", "-d", "-s", f"={API}:0", "-t", "=notes:7")
        desk.fleet.tmux("kill-session", "-t", f"={API}")

        assert desk.once().report["drifts"] == []

    def test_lives_on_in_the_second_session_of_its_group(self, desk: Desk) -> None:
        desk.starts(API)
        desk.fleet.tmux("new-session", "-d", "-t", f"={API}", "-s", "second")
        desk.write(desk.entry(API))
        desk.once()
        desk.fleet.tmux("kill-session", "-t", f"={API}")

        assert desk.once().report["drifts"] == []

    def test_a_name_on_two_servers_is_nobody_s_until_it_was_seen_on_one(self, desk: Desk) -> None:
        desk.write(*desk.starts(API))
        with Fleet(desk.fence.root / "second") as second:
            second.start(API, agent="sleep")
            both = ("--tmux-socket", str(desk.fleet.socket), "--tmux-socket", str(second.socket))
            unsure = desk.once(*both)
            desk.once()
            sure = desk.once(*both)

        assert str(second.socket) in kinds(unsure)["disputed-name"]
        assert kinds(sure) == {}

    def test_whose_agent_was_started_again_is_followed_and_can_be_taken_back(
        self, desk: Desk
    ) -> None:
        desk.write(*desk.starts(API, agent="claude"))
        desk.once()
        before = desk.registry.read_text()
        desk.fleet.kill(API)
        desk.fleet.start(API, agent="claude", cwd=desk.workspace(API))
        desk.saved(60)

        found = by_class(desk.once().report)["P"]
        followed = desk.registry.read_text()
        desk.run("undo", desk.journal[-1]["change"])

        assert found["action"] == "updated"
        assert f"pid: {desk.fleet.pane_pid(API)}" in followed
        assert desk.registry.read_text() == before

    def test_that_came_back_in_another_workspace_is_the_entry_s_own_once_it_is_adopted(
        self, desk: Desk
    ) -> None:
        desk.write(*desk.starts(API, agent="claude"))
        desk.once()
        desk.fleet.kill(API)
        desk.fleet.start(API, agent="claude", cwd=desk.workspace("lab-new-creator-claude"))
        desk.saved(60)
        seen = desk.once()
        adopted = desk.run("adopt", API)
        desk.saved(60)
        text = desk.registry.read_text()

        assert "identity-changed" in kinds(seen)
        assert adopted.status == 0
        assert f"pid: {desk.fleet.pane_pid(API)}" in text
        undone = desk.run("undo", desk.journal[-1]["change"])
        assert undone.status == 0

    def test_that_was_written_off_runs_again_once_it_is_adopted(self, desk: Desk) -> None:
        desk.write(*desk.starts(API, DOCS, agent="claude"))
        desk.once()
        desk.fleet.kill(API)
        desk.once()
        desk.fleet.start(API, agent="claude", cwd=desk.workspace(API))

        done = desk.run("adopt", API)

        assert "status" in done.out
        assert "status: terminated" not in desk.registry.read_text()
        assert desk.run("adopt", API).out.endswith("nothing to write\n")

    def test_whose_agent_s_pane_was_killed_beside_an_editor_s_has_exited(self, desk: Desk) -> None:
        desk.write(*desk.starts(API, agent="claude"))
        desk.fleet.tmux("split-window", "-d", "-t", f"={API}:", "sleep 1000")
        desk.once("--grace", "0.001")
        os.kill(desk.fleet.pane_pid(API), 9)
        retry_until(
            lambda: len(desk.fleet.tmux("list-panes", "-t", f"={API}:").splitlines()) == 1,
            what="the end of the agent's pane",
        )

        found = desk.once("--grace", "0.001")

        assert "agent exited; 1 other pane remains" in kinds(found)["agent-exited"]
        (row,) = desk.run("status", "--json").sessions
        assert (row["state"], row["pid"]) == ("exited", None)


def test_adopt_says_what_is_wrong_with_what_it_was_asked(desk: Desk) -> None:
    desk.write(*desk.starts(DOCS), desk.entry(API), desk.entry("lab-x-creator-agy", status="mine"))

    assert desk.run("adopt", "nobody").status == 64
    assert "no session" in desk.run("adopt", API).complaints()
    assert "which is yours" in desk.run("adopt", "lab-x-creator-agy").complaints()
