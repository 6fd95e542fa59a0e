"""What people try first: the version, -q, durations, completion, and advice that can be pasted."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path

import pytest

import commandline
from desk import Desk
from fences import Fence
from kanban_worker import cli

PROJECT = Path(__file__).resolve().parents[2]
NAME = "lab-x-creator-claude"


# The version. -----------------------------------------------------------------------------------


def test_the_version_is_the_projects() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]

    done = commandline.run("--version")

    assert (done.status, done.out, done.err) == (0, f"agent-sessions {project['version']}\n", "")


def test_a_clone_that_was_never_installed_tells_its_own(fence: Fence) -> None:
    """As Hermes loads a plugin: from a folder, beside another version that is installed."""
    clone = fence.root / "clone"
    for each in ("kanban_worker", "reconcile", "state"):
        shutil.copytree(PROJECT / each, clone / each, ignore=shutil.ignore_patterns("__pycache__"))
    project = (PROJECT / "pyproject.toml").read_text()
    (clone / "pyproject.toml").write_text(
        re.sub("^version = .*$", 'version = "9.8.7"', project, count=1, flags=re.MULTILINE)
    )
    bare = [sys.executable, "-S"]  # with the standard library alone

    for python, environ in (([sys.executable], {"PYTHONPATH": str(clone)}), (bare, {})):
        done = subprocess.run(
            [*python, "-m", "kanban_worker", "--version"],
            cwd=clone,
            env=commandline.environment(environ),
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.stdout, done.stderr) == ("agent-sessions 9.8.7\n", "")
    (clone / "pyproject.toml").unlink()
    done = subprocess.run(
        [*bare, "-m", "kanban_worker", "--version"],
        cwd=clone,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "agent-sessions of unknown version\n"


# Help. ------------------------------------------------------------------------------------------


def test_alone_it_shows_its_help() -> None:
    done = commandline.run()

    assert (done.status, done.err) == (0, "")
    assert done.out.startswith("usage: agent-sessions [-h]")
    assert all(f"\n    {name} " in done.out for name in cli.COMMANDS)


@pytest.mark.parametrize("command", sorted(cli.COMMANDS))
def test_an_unknown_flag_points_at_that_commands_help(command: str) -> None:
    words = [command, *(["word"] if command in {"adopt", "why", "undo", "unack"} else []), "--nope"]

    done = commandline.run(*words)

    assert done.status == (0 if command == "hook" and not done.err else 64)
    assert f"unrecognized arguments: --nope. See: agent-sessions {command} --help" in done.err


# Advice. ----------------------------------------------------------------------------------------


def advised(text: str) -> list[str]:
    """The words behind the program's name of each command that a text names."""
    return [
        each.rstrip("`.") for each in re.findall(r"agent-sessions (-[^\n`]*|[a-z]+[^\n`]*)", text)
    ]


ODD = "odd name's.yaml"


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ("check", "init"),
        ("reconcile --once", "init"),
        ("status", "init"),
        ("ack D-12345678", "init"),
        ("undo 1234", "init"),
    ],
)
def test_advice_on_a_missing_registry_names_it(desk: Desk, words: str, names: str) -> None:
    registry = desk.registry.parent / ODD

    for given in (
        ["--registry", str(registry), *words.split()],
        [*words.split(), f"--registry={registry}"],
    ):
        done = desk.run(*given)

        assert done.status == 64
        option = f"--registry={shlex.quote(str(registry))}"
        assert f"agent-sessions {option} {names}" in done.complaints()


def test_it_names_the_config_too_and_neither_where_none_was_given(desk: Desk) -> None:
    settings = desk.fence.root / "my config.yaml"
    settings.write_text("interval: 1m\n")

    with_it = desk.run("--config", str(settings), "check").complaints()
    without = desk.run("check").complaints()

    assert f"agent-sessions --config={shlex.quote(str(settings))} init" in with_it
    assert without.endswith(": agent-sessions init\n")


def test_what_it_advises_can_be_pasted_and_means_the_same_registry(desk: Desk) -> None:
    """From no registry over a fault to a finding: each line of advice is run as it stands."""
    registry = desk.registry.parent / ODD
    unset = {"AGENT_SESSIONS_REGISTRY": ""}
    desk.starts(NAME)

    first = desk.run("check", "--registry", str(registry), environ=unset)
    (init,) = advised(first.err)
    assert desk.run(*shlex.split(init), environ=unset).status == 0
    assert registry.exists()

    registry.write_text(registry.read_text() + f"  - name: {NAME}\n")
    faulty = desk.run("reconcile", "--once", "--registry", str(registry), environ=unset)
    check = advised(faulty.complaints(None).splitlines()[0])[0]
    checked = desk.run(*shlex.split(check), environ=unset)
    assert (checked.status, str(registry) in checked.out) == (64, True)


def test_so_can_what_adopt_and_undo_and_why_say(desk: Desk) -> None:
    registry = desk.registry
    (entry,) = desk.starts(NAME)
    desk.write(entry.replace("pid: ", "pid: 1"))
    given, unset = ["--registry", str(registry)], {"AGENT_SESSIONS_REGISTRY": ""}
    before = registry.read_bytes()

    adopted = desk.run("adopt", NAME, *given, environ=unset)

    (undo,) = advised(adopted.out)
    assert undo.startswith(f"--registry={registry} undo ")
    assert desk.run(*shlex.split(undo), environ=unset).status == 0
    assert registry.read_bytes() == before
    wrong = desk.run("undo", "ffff", *given, environ=unset).complaints()
    assert f"agent-sessions --registry={registry} why SESSION" in wrong
    nobody = desk.run("why", "nobody", *given, environ=unset).complaints()
    assert f"agent-sessions --registry={registry} status" in nobody


# Quiet. -----------------------------------------------------------------------------------------


def test_quiet_says_nothing_where_all_is_well(desk: Desk) -> None:
    desk.write(*desk.starts(NAME))

    for words in ("reconcile --once", "check", f"adopt {NAME}", "reconcile --once --dry-run"):
        for given in (f"-q {words}", f"{words} --quiet"):
            done = desk.run(*given.split())
            assert (done.status, done.out, done.err) == (0, "", ""), given
        assert desk.run(*words.split()).out, "without it there is something to read"


def test_quiet_hears_nothing_of_a_first_registry_but_who_was_left_out(desk: Desk) -> None:
    desk.fleet.start("api", agent="claude", cwd=desk.workspace("api"))

    done = desk.run("-q", "init")

    assert (done.status, done.err) == (0, "")
    assert "written" not in done.out
    assert "api" in done.out


def test_quiet_says_what_is_not(desk: Desk) -> None:
    desk.write(*desk.starts(NAME), desk.entry("lab-gone-creator-claude", pid=2**22 + 1))

    told = desk.run("-q", "reconcile", "--once", "--dry-run")
    desk.registry.write_text("sessions: [\n")
    fault = desk.run("-q", "check")

    assert re.fullmatch(r"\[A-[0-9a-f]{8}\] lab-gone-creator-claude: .*\n", told.out)
    assert fault.status == 64
    fault.complaints()


def test_quiet_leaves_what_was_asked_for(desk: Desk) -> None:
    desk.write(*desk.starts(NAME))

    assert NAME in desk.run("-q", "status").out
    assert NAME in desk.run("-q", "why", NAME).out
    assert desk.once("-q").report["drifts"] == []


# Durations. -------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", ["1", "1s", "0.02m"])
def test_every_option_that_takes_a_time_takes_it_so(desk: Desk, value: str) -> None:
    desk.write(*desk.starts(NAME))

    for words in (
        f"reconcile --once --dry-run --interval {value} --grace {value}",
        f"resume-plan --since {value}",
        f"adopt --dry-run --wait {value} {NAME}",
        f"work --via memory --for {value} --interval {value} t_1",
    ):
        done = desk.run(*words.split())
        assert "duration" not in done.err, done.err
        assert "neither a time" not in done.err, done.err


@pytest.mark.parametrize("value", ["soon", "1w", "-5m", "", "5 m"])
@pytest.mark.parametrize(
    "words",
    [
        "reconcile --once --interval=",
        "reconcile --once --grace=",
        "work t_1 --for=",
        "adopt x --wait=",
        "status --watch --interval=",
    ],
)
def test_what_is_no_time_is_refused_by_each_of_them(desk: Desk, words: str, value: str) -> None:
    done = desk.run(*words.split()[:-1], words.rsplit(maxsplit=1)[-1] + value)

    assert done.status == 64
    assert "must be a duration above 0: 30 or 30s, 5m, 2h, 1d" in done.complaints() or not value


# Completion. ------------------------------------------------------------------------------------


def completed(desk: Desk, line: str, **environ: str) -> list[str]:
    """What a shell is offered behind a line; it must hear nothing else."""
    reader, writer = os.pipe()
    asked: Mapping[str, str] = {
        "_ARGCOMPLETE": "1",
        "_ARGCOMPLETE_IFS": "\n",
        "_ARGCOMPLETE_SUPPRESS_SPACE": "1",
        "COMP_LINE": line,
        "COMP_POINT": str(len(line)),
    }
    command = shlex.join(commandline.command()) + f" 8>&{writer}"
    done = subprocess.run(
        ["bash", "-c", command],
        env=commandline.environment(desk.environ | asked | environ),
        capture_output=True,
        text=True,
        check=False,
        pass_fds=[writer],
    )
    os.close(writer)
    with os.fdopen(reader) as told:
        offered = told.read()
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    return offered.split("\n") if offered else []


def test_commands_and_their_options_are_completed(desk: Desk) -> None:
    assert completed(desk, "agent-sessions re") == ["reconcile", "resume-plan"]
    assert completed(desk, "agent-sessions check --a") == ["--accept"]
    assert set(completed(desk, "agent-sessions ")) == set(cli.COMMANDS)
    assert completed(desk, "agent-sessions --completion ") == ["bash", "zsh", "fish"]


@pytest.mark.parametrize("command", ["why", "adopt", "resume-plan"])
def test_names_of_sessions_are_completed_from_the_registry_alone(desk: Desk, command: str) -> None:
    desk.write(desk.entry("lab-a-creator-claude"), desk.entry("lab-b-creator-agy"))
    tripped = desk.fence.root / "tripped"
    tmux = desk.fence.root / "bin" / "tmux"
    tmux.parent.mkdir(exist_ok=True)
    tmux.write_text(f"#!/bin/sh\ntouch {tripped}\n")
    tmux.chmod(0o755)
    path = f"{tmux.parent}:{os.environ['PATH']}"
    before = commandline.everything_below(desk.fence.home)

    found = completed(desk, f"agent-sessions {command} ", PATH=path)

    assert found == ["lab-a-creator-claude", "lab-b-creator-agy"]
    assert completed(desk, f"agent-sessions {command} lab-b") == ["lab-b-creator-agy"]
    assert not tripped.exists()
    assert commandline.everything_below(desk.fence.home) == before


def test_the_registry_that_the_line_names_is_the_one_that_is_read(desk: Desk) -> None:
    other = desk.fence.root / "other.yaml"
    other.write_text("sessions:\n  - name: elsewhere\n")

    assert completed(desk, f"agent-sessions --registry {other} why ") == ["elsewhere"]
    assert completed(desk, f"agent-sessions why --registry {other} e") == ["elsewhere"]


@pytest.mark.parametrize("text", [None, b"sessions: [\n", b"\xff", b"", b"- x\n"])
def test_a_registry_that_cannot_be_read_completes_to_nothing_and_says_nothing(
    desk: Desk, text: bytes | None
) -> None:
    if text is not None:
        desk.registry.write_bytes(text)

    assert completed(desk, "agent-sessions why ") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_is_what_the_shell_takes(shell: str) -> None:
    done = commandline.run("--completion", shell)

    assert (done.status, done.err) == (0, "")
    assert "agent-sessions" in done.out
    if path := shutil.which(shell):
        syntax = subprocess.run([path, "-n"], input=done.out, text=True, check=False)
        assert syntax.returncode == 0


def test_in_a_real_bash_a_tab_completes_a_session(desk: Desk) -> None:
    desk.write(desk.entry("lab-a-creator-claude"))
    script = (
        'eval "$(agent-sessions --completion bash)"\n'
        'COMP_LINE="agent-sessions why lab" COMP_POINT=22 COMP_WORDS=(agent-sessions why lab)\n'
        "COMP_CWORD=2 COMP_TYPE=9\n"
        "_python_argcomplete agent-sessions lab why\n"
        'printf "%s\\n" "${COMPREPLY[@]}"\n'
    )
    bin_folder = desk.fence.root / "bin"
    bin_folder.mkdir(exist_ok=True)
    program = bin_folder / "agent-sessions"
    program.write_text(f'#!/bin/sh\nexec {shlex.join(commandline.command())} "$@"\n')
    program.chmod(0o755)
    environ = desk.environ | {"PATH": f"{bin_folder}:{os.environ['PATH']}"}

    done = subprocess.run(
        ["bash", "-c", script],
        env=commandline.environment(environ),
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stdout.strip() == "lab-a-creator-claude", done.stderr


def test_no_other_run_pays_for_it() -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "kanban_worker", "--version"],
        capture_output=True,
        text=True,
        check=True,
    )

    assert "argcomplete" not in done.stderr
