"""A host whose agents run in sessions with ordinary names: they are named, and can be watched."""

from __future__ import annotations

import json
import re
import stat
import uuid
from pathlib import Path

import pytest

import commandline
from desk import Desk, by_class

OWN = str(uuid.uuid4())
CREATOR = "lab-x-creator-claude"


@pytest.fixture
def host(desk: Desk) -> Desk:
    """A host with two agents under ordinary names, and a shell."""
    desk.fleet.start(
        "api", agent="claude", cwd=desk.workspace("api"), options=["--session-id", OWN]
    )
    desk.fleet.send("api", "prompt")
    desk.fleet.start("web", agent="codex", cwd=desk.workspace("web"))
    desk.fleet.start("notes", agent="shell", cwd=desk.workspace("notes"))
    return desk


def config(desk: Desk) -> Path:
    return desk.fence.home / ".config/agent-sessions/config.yaml"


def registered(desk: Desk) -> list[str]:
    return re.findall(r"- name: (\S+)", desk.registry.read_text())


# They are named. --------------------------------------------------------------------------------


def test_init_names_the_agents_that_it_left_out_and_how_to_watch_them(host: Desk) -> None:
    done = host.run("init", "--registry", str(host.registry))

    assert done.status == 0
    done.complaints(0)
    written, advice = done.out.splitlines()
    assert written == f"{host.registry}: written, 0 sessions"
    assert advice == (
        "2 sessions with agents have no entry and match no pattern: api (claude), web (codex). "
        f"To watch them too: agent-sessions --registry={host.registry} init --pattern '*' --force"
    )


def test_the_command_that_init_names_does_it(host: Desk) -> None:
    _, _, command = host.run("init").out.rpartition("To watch them too: agent-sessions ")
    done = host.run(*command.strip().replace("'*'", "*").split())

    assert done.status == 0
    assert registered(host) == ["api", "web"]
    assert "2 sessions" in done.out
    assert "no pattern" not in done.out


def test_reconcile_names_them_after_all_else_and_nothing_drifts(host: Desk) -> None:
    host.run("init")

    done = host.run("reconcile", "--once", "--exit-code")

    assert done.status == 0
    done.complaints(0)
    sources, advice = done.out.splitlines()
    assert sources.startswith("tmux ok, 3 sessions")
    assert advice == (
        "2 sessions with agents have no entry and match no pattern: api (claude), web (codex). "
        f"To watch them too: --pattern '*', or pattern: '*' in {config(host)}"
    )


def test_where_the_environment_chooses_the_pattern_the_advice_is_for_the_environment(
    host: Desk,
) -> None:
    host.run("init")

    done = host.run("reconcile", "--once", environ={"AGENT_SESSIONS_PATTERN": "a*"})

    assert "1 session with an agent has no entry and matches no pattern: web (codex). " in done.out
    assert done.out.endswith("watch it too: --pattern '*', or AGENT_SESSIONS_PATTERN='*'\n")


@pytest.mark.parametrize(
    "words", [("--pattern", "*"), ("--config", "mine.yaml")], ids=["flag", "config"]
)
def test_what_the_advice_names_makes_reconcile_register_them(
    host: Desk, words: tuple[str, str]
) -> None:
    host.run("init")
    (host.fence.home / "mine.yaml").write_text("pattern: '*'\n")

    done = host.once(*words)

    assert [each["session"] for each in done.report["drifts"]] == ["api", "web"]
    assert registered(host) == ["api", "web"]
    assert host.once(*words).report["left_out"] == []


def test_the_report_has_them_as_data(host: Desk) -> None:
    host.run("init")

    done = host.once("--exit-code")

    assert (done.status, done.report["drifts"], done.report["notices"]) == (0, [], [])
    assert done.report["left_out"] == [
        {"session": "api", "agent": "claude", "socket": str(host.fleet.socket)},
        {"session": "web", "agent": "codex", "socket": str(host.fleet.socket)},
    ]


def test_a_loop_says_it_once_and_again_when_others_are_left_out(host: Desk) -> None:
    host.run("init")
    with host.poll() as running:
        running.wait_for(lambda: any("web (codex)" in line for line in running.lines), "advice")
        host.fleet.start("more", agent="gemini", cwd=host.workspace("more"))
        running.wait_for(
            lambda: any("more (gemini)" in line for line in running.lines), "advice anew"
        )
        lines = running.end().out.splitlines()

    assert len([line for line in lines if "match no pattern" in line]) == 2


def test_many_are_one_line_of_bounded_length_whatever_they_are_called(desk: Desk) -> None:
    for number in range(7):
        name = f"{number}-" + "x" * 200
        desk.fleet.start(name, agent="claude", cwd=desk.workspace("many"))

    (_, advice) = desk.run("init").out.splitlines()

    assert advice.startswith("7 sessions with agents have no entry and match no pattern: 0-xxx")
    assert " and 2 more. To watch them too: " in advice
    assert len(advice) < 500


def test_once_an_entry_speaks_of_it_nobody_is_left_out(host: Desk) -> None:
    host.write(host.entry("api", status="done"), host.entry("web", status="done"))

    assert host.once().report["left_out"] == []


# A wider pattern takes agents, and no plain shells. ---------------------------------------------


def test_a_shell_is_registered_once_an_agent_is_seen_in_it(host: Desk) -> None:
    host.run("init", "--pattern", "*")
    assert registered(host) == ["api", "web"]
    assert host.once().report["drifts"] == []

    host.fleet.kill("notes")
    host.fleet.start("notes", agent="claude", cwd=host.workspace("notes"))
    found = host.once().report["drifts"]

    assert [(each["class"], each["session"]) for each in found] == [("B", "notes")]


def test_what_the_default_names_is_registered_whatever_runs_in_it(desk: Desk) -> None:
    desk.starts("lab-x-creator-aider", agent="shell")
    desk.starts("other-creator-", "lab-y-creator-claude-2", agent="sleep")

    done = desk.run("init")

    assert (done.status, done.err) == (0, "")
    text = desk.registry.read_text()
    assert registered(desk) == ["lab-x-creator-aider", "lab-y-creator-claude-2", "other-creator-"]
    assert re.findall(r"agent: (\S+)", text) == ["aider", "claude", "null"]
    assert re.findall(r"\w+_session_id_own", text) == ["claude_session_id_own"]
    assert desk.once("--exit-code").status == 0


@pytest.mark.parametrize("word", ["null", "123", "1e5", "no", "bash", "node", "$(rm x)", "a b"])
def test_whatever_stands_for_the_agent_the_registry_can_be_read_again(
    desk: Desk, word: str
) -> None:
    name = f"lab-x-creator-{word}"
    desk.fleet.start(name, agent="shell", cwd=desk.workspace("lab-x"))

    assert desk.run("init").status == 0

    assert desk.run("check").status == 0
    assert desk.once("--exit-code").status == 0
    again = desk.once("--exit-code")
    assert (again.status, again.report["drifts"]) == (0, [])


def test_an_agent_of_a_kind_that_is_not_known_is_watched_to_its_end(desk: Desk) -> None:
    desk.starts("lab-x-creator-aider", "lab-y-creator-claude", agent="sleep")
    desk.write("", text="version: 1\nsessions: []\n")

    found = {each["session"]: each for each in desk.once().report["drifts"]}
    assert found["lab-x-creator-aider"]["agent"] == "aider"
    desk.fleet.kill("lab-x-creator-aider")
    desk.saved(60)

    assert by_class(desk.once().report)["A"]["action"] == "updated"


# init keeps what was chosen. --------------------------------------------------------------------


def test_init_keeps_the_pattern_in_the_config_file_and_says_so(host: Desk) -> None:
    done = host.run("init", "--pattern", "*")

    assert done.status == 0
    assert done.out.splitlines() == [
        f"{host.registry}: written, 2 sessions",
        f"{config(host)}: pattern: '*'",
    ]
    assert config(host).read_text() == "pattern: '*'\n"
    assert stat.S_IMODE(config(host).stat().st_mode) == 0o600
    assert stat.S_IMODE(config(host).parent.stat().st_mode) == 0o700
    host.fleet.start("late", agent="claude", cwd=host.workspace("late"))
    assert [each["session"] for each in host.once().report["drifts"]] == ["late"]


def test_init_keeps_several_patterns_and_every_other_byte_of_the_config(host: Desk) -> None:
    path = config(host)
    path.parent.mkdir(parents=True)
    text = '# mine\r\ninterval: 30   # as I like it\r\ngrace: "60"\r\n'
    path.write_bytes(text.encode())
    path.chmod(0o644)

    done = host.run("init", "--pattern", "a*", "--pattern", "*-creator-*")

    assert done.status == 0
    assert path.read_bytes().decode() == text + "pattern: ['a*', '*-creator-*']\r\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert registered(host) == ["api"]
    assert host.once().status == 0


def test_a_pattern_that_the_config_has_already_leaves_it_as_it_is(host: Desk) -> None:
    path = config(host)
    path.parent.mkdir(parents=True)
    path.write_text('pattern: "*"')
    before = commandline.everything_below(path)

    assert host.run("init", "--pattern", "*").status == 0

    assert commandline.everything_below(path) == before


def test_a_config_that_cannot_be_edited_leaves_everything_as_it_was(host: Desk) -> None:
    path = config(host)
    path.parent.mkdir(parents=True)
    path.write_text("interval: 30\n? pattern\n: [a*]\n")

    done = host.run("init", "--pattern", "*")

    assert done.status == 64
    assert f"config {path}: its text cannot be edited safely. Nothing was written. " in done.err
    done.complaints()
    assert not host.registry.exists()


def test_a_config_elsewhere_is_the_one_that_keeps_the_pattern(host: Desk) -> None:
    mine = host.fence.home / "mine.yaml"
    mine.write_text("interval: 7\n")

    done = host.run("init", "--config", str(mine), "--pattern", "x*")

    assert mine.read_text() == "interval: 7\npattern: 'x*'\n"
    assert f"init --config {mine} --pattern '*' --force" in done.out
    assert not config(host).exists()


def test_without_a_pattern_init_leaves_the_config_alone(host: Desk) -> None:
    assert host.run("init", environ={"AGENT_SESSIONS_PATTERN": "*"}).status == 0

    assert registered(host) == ["api", "web"]
    assert not config(host).exists()


# init --force keeps the registry that was there. ------------------------------------------------


def test_force_keeps_the_old_file_beside_the_new_one_and_never_one_over_another(
    host: Desk,
) -> None:
    host.run("init")
    first = host.registry.read_text() + "# one\n"
    host.registry.write_text(first)
    host.registry.chmod(0o640)

    texts = [first]
    for number in range(3):
        assert host.run("init", "--pattern", "*", "--force").status == 0
        assert stat.S_IMODE(host.registry.stat().st_mode) == 0o640
        texts.append(host.registry.read_text() + f"# {number}\n")
        host.registry.write_text(texts[-1])

    kept = [each for each in host.registry.parent.iterdir() if ".kept-" in each.name]
    assert sorted(each.read_text() for each in kept) == sorted(texts[:-1])


def test_force_says_where_the_old_file_is_and_the_next_look_takes_the_new_one_for_good(
    host: Desk,
) -> None:
    entries = [host.entry(f"lab-{n}-creator-claude", status="done") for n in range(6)]
    host.write(*entries)
    assert host.once().status == 0  # which keeps a last good copy with six entries

    done = host.run("init", "--force", "--pattern", "*")

    _, kept, _ = done.out.splitlines()
    path, _, said = kept.partition(": ")
    assert said == "the registry that was there"
    assert "lab-5-creator-claude" in Path(path).read_text()
    found = host.once("--exit-code")
    assert (found.status, found.report["drifts"]) == (0, [])


def test_a_registry_that_was_removed_is_written_anew_and_not_taken_for_torn(host: Desk) -> None:
    host.write(*[host.entry(f"lab-{n}-creator-claude", status="done") for n in range(6)])
    host.once()
    host.registry.unlink()

    assert host.run("init").status == 0

    assert host.once("--exit-code").status == 0


@pytest.mark.parametrize("damage", ["sessions: [", "", "\0", "- no\n- registry\n"], ids=repr)
def test_force_takes_the_place_of_a_registry_that_cannot_be_read(host: Desk, damage: str) -> None:
    host.registry.write_text(damage)

    done = host.run("init", "--force", "--pattern", "*")

    assert (done.status, done.err) == (0, "")
    assert registered(host) == ["api", "web"]
    (kept,) = host.registry.parent.glob("*.kept-*")
    assert kept.read_text() == damage


def test_force_writes_through_a_symlink_and_keeps_the_old_file_beside_the_real_one(
    host: Desk,
) -> None:
    real = host.fence.home / "real" / "mine.yaml"
    real.parent.mkdir()
    real.write_text("# old\n")
    host.registry.symlink_to(real)

    assert host.run("init", "--force").status == 0

    assert host.registry.is_symlink()
    assert real.read_text() == "version: 1\nsessions: []\n"
    assert [each.read_text() for each in real.parent.glob("mine.yaml.kept-*")] == ["# old\n"]


def test_force_does_not_take_a_registry_from_under_a_running_monitor(host: Desk) -> None:
    host.run("init")
    before = host.registry.read_text()
    with host.poll() as running:
        running.wait_for(lambda: running.lines, "a first tick")
        done = host.run("init", "--force", "--pattern", "*")

    assert done.status == 3
    assert "this registry is watched already" in done.complaints()
    assert host.registry.read_text() == before
    assert not config(host).exists()
    assert not [*host.registry.parent.glob("*.kept-*")]


def test_without_force_init_names_it(host: Desk) -> None:
    host.write("# mine\n")

    done = host.run("init", "--pattern", "*")

    assert done.status == 64
    assert "agent-sessions init --force" in done.complaints()
    assert not config(host).exists()


# init --json. -----------------------------------------------------------------------------------


def test_init_prints_what_it_did_as_data(host: Desk) -> None:
    host.registry.write_text("# old\n")

    done = host.run("init", "--json", "--force", "--pattern", "a*")

    assert done.status == 0
    said = json.loads(done.out)
    (kept,) = host.registry.parent.glob("*.kept-*")
    assert said == {
        "schema_version": 1,
        "registry": str(host.registry),
        "written": True,
        "kept": str(kept),
        "sessions": [
            {
                "name": "api",
                "agent": "claude",
                "workspace": str(host.workspace("api")),
                "conversation_id": OWN,
            }
        ],
        "left_out": [{"session": "web", "agent": "codex", "socket": str(host.fleet.socket)}],
        "config": str(config(host)),
    }


def test_without_old_file_and_pattern_there_is_nothing_to_name(desk: Desk) -> None:
    desk.starts(CREATOR, agent="sleep")

    said = json.loads(desk.run("init", "--json").out)

    assert (said["kept"], said["config"], said["left_out"]) == (None, None, [])
    assert said["sessions"][0]["conversation_id"] is None


# Right after init. ------------------------------------------------------------------------------


def test_what_init_wrote_moments_ago_is_no_persons_edit(desk: Desk) -> None:
    desk.starts(CREATOR, "lab-y-creator-claude", agent="sleep")
    desk.run("init")
    desk.fleet.kill(CREATOR)

    assert by_class(desk.once().report)["A"]["action"] == "updated"
