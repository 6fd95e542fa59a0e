"""Wrong words, homes, configs and programs for `install`, `doctor`, `dispatch` and `hook`.

One line on stderr that says what to do, the right status, and never a traceback. `doctor` says
what it saw as a line of its own, on stdout; a hook says nothing at all.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

import commandline
from fences import Fence
from hooked import Agents, event

PLUGIN = "agent-sessions-monitor"
LISTED = f'[{{"name": "{PLUGIN}", "status": "enabled"}}]'
REGISTRY = "version: 1\nsessions: []\n"


@dataclass(frozen=True, slots=True)
class Wrong:
    """What is wrong, and what a person is told of it."""

    words: str = ""
    said: str = ""
    """A regular expression."""
    status: int = 64
    hermes: str | None = f"echo '{LISTED}'"
    """What the program `hermes` does, as a shell script; None: there is none."""
    files: Mapping[str, str | bytes] = field(default_factory=dict)
    """Below the home; `/` at the end makes a folder."""
    environ: Mapping[str, str] = field(default_factory=dict)


WORDS = {
    "an unknown flag": Wrong("--no-such-flag", "unrecognized arguments: --no-such-flag. See: "),
    "a word too many": Wrong("extra", "unrecognized arguments: extra. See: agent-sessions "),
}
HOMES = {
    "no profile behind the flag": Wrong("--profile", "expected one argument"),
    "no home behind the flag": Wrong("--hermes-home", "expected one argument"),
    "an empty profile": Wrong("--profile=", "profile ''.*hermes profile list"),
    "a path for a profile": Wrong("--profile=../x", r"profile '\.\./x'.*hermes profile list"),
    "capitals in a profile": Wrong("--profile=Mine", "profile 'Mine'.*small letters"),
    "a line break in a profile": Wrong("--profile=a\nb", r"profile 'a\\nb'"),
    "a long profile": Wrong("--profile=" + "x" * 65, "profile 'x{40}'"),
    "an empty home": Wrong("--hermes-home=", "--hermes-home is empty"),
    "the home of nobody": Wrong("--hermes-home=~no-such-user/x", "there is no such user"),
    "an odd profile in use": Wrong(
        "", "profile 'No/Way'", files={".hermes/active_profile": "No/Way"}
    ),
}
CONFIG, BOARD = ".hermes/config.yaml", ".hermes/kanban.db"
CONFIGS = {
    "a config that is no YAML": Wrong("", "config .*line 1, column", files={CONFIG: "a: ["}),
    "a config that is a list": Wrong("", "must be a mapping", files={CONFIG: "- a\n"}),
    "a config that is no UTF-8": Wrong("", "UTF-8", files={CONFIG: b"a: caf\xe9\n"}),
    "a config that is a folder": Wrong("", "cannot be read", 3, files={f"{CONFIG}/": ""}),
}
NOT_THERE = "/nowhere/hermes"

INSTALL = {
    **WORDS,
    **HOMES,
    **CONFIGS,
    "a profile that is not there": Wrong("--profile=nobody", "hermes profile create nobody"),
    "a home that is not there": Wrong("--hermes-home=/nowhere", "no Hermes home /nowhere"),
    "a home that is a file": Wrong("--hermes-home=file", "no Hermes home", files={"file": "x"}),
    "no hermes": Wrong("", "pip install hermes-agent", hermes=None),
    "a hermes that is a folder": Wrong("", "no `hermes`", environ={"HERMES_BIN": "/tmp"}),
    "nonsense of hermes": Wrong("", "no list of plugins: nonsense", 3, hermes="echo nonsense"),
    "nothing of hermes": Wrong("", "it said nothing", 3, hermes="true"),
    "another list of hermes": Wrong("", "no list of plugins", 3, hermes="echo '[3]'"),
    "a mapping of hermes": Wrong("", "no list of plugins", 3, hermes="echo '{\"a\": 1}'"),
    "bytes of hermes": Wrong("", "no list of plugins", 3, hermes="printf '\\377'"),
    "a hermes that fails": Wrong("", "failed: broken", 3, hermes="echo broken >&2; exit 3"),
    "a hermes that is killed": Wrong("", "it said nothing", 3, hermes="kill -9 $$"),
    "a hermes that never lists it": Wrong("--into-hermes", "cannot be told", hermes="echo '[]'"),
    "a plugin that was turned off": Wrong(
        "", "plugins.disabled", files={CONFIG: f"plugins: {{disabled: [{PLUGIN}]}}\n"}
    ),
    "a list that cannot be edited": Wrong("", "by hand", files={CONFIG: "plugins: {enabled: all}"}),
    "a file for the skills": Wrong("", "could not be written", 3, files={".hermes/skills": "x"}),
}


def given(fence: Fence, wrong: Wrong) -> dict[str, str]:
    """Make it so; the environment to run in."""
    (fence.home / ".hermes").mkdir()
    program = fence.home / "bin/hermes"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n{wrong.hermes}\n")
    program.chmod(0o755)
    for name, content in {"agent-sessions.yaml": REGISTRY, **wrong.files}.items():
        path = fence.home / name
        if name.endswith("/"):
            path.mkdir(parents=True)
        else:
            path.write_bytes(content.encode() if isinstance(content, str) else content)
    return {
        "HERMES_BIN": NOT_THERE if wrong.hermes is None else str(program),
        "AGENT_SESSIONS_REGISTRY": str(fence.home / "agent-sessions.yaml"),
        **wrong.environ,
    }


def run(fence: Fence, command: str, wrong: Wrong) -> commandline.Completed:
    """A word may hold a line break, and no space."""
    words = wrong.words.split(" ") if wrong.words else []
    return commandline.run(command, *words, environ=given(fence, wrong))


def refused(fence: Fence, command: str, wrong: Wrong) -> None:
    done = run(fence, command, wrong)

    assert done.status == wrong.status, done
    assert re.search(wrong.said, done.complaints()), done.err


@pytest.mark.parametrize("wrong", [pytest.param(each, id=name) for name, each in INSTALL.items()])
def test_install(fence: Fence, wrong: Wrong) -> None:
    refused(fence, "install", wrong)


# dispatch ---------------------------------------------------------------------------------------

CARD = 'echo \'{"id": "t_12345678"}\''
DISPATCH = {
    **WORDS,
    "no title behind the flag": Wrong("--title", "expected one argument"),
    "an empty title": Wrong("--title=", "--title is empty"),
    "an empty assignee": Wrong("--assignee=", "--assignee is empty"),
    "an empty board": Wrong("--board=", "--board is empty"),
    "no assignee behind the flag": Wrong("--assignee", "expected one argument"),
    "a body that is not there": Wrong("--body=none.md", "body none.md cannot be read"),
    "a body that is a folder": Wrong("--body=/tmp", "body /tmp cannot be read"),
    "a body without text": Wrong("--body=b", "must have text", files={"b": " \n"}),
    "a body that is no UTF-8": Wrong("--body=b", "no UTF-8 text", files={"b": b"\xff"}),
    "a body that is too long": Wrong("--body=b", "at most 8000", files={"b": "x" * 8001}),
    "an endless body": Wrong("--body=/dev/zero", "at most 8000"),
    "a registry that is not there": Wrong("--registry=none.yaml", "agent-sessions .*init"),
    "a registry that is a folder": Wrong("--registry=/tmp", "registry /tmp "),
    "a config that is not there": Wrong("--config=/none.yaml", "config /none.yaml is not there"),
    "an interval of the environment": Wrong(
        "", "interval is 'soon'", environ={"AGENT_SESSIONS_INTERVAL": "soon"}
    ),
    "an odd profile in use": HOMES["an odd profile in use"],
    "the home of nobody": Wrong("", "no such user", environ={"HERMES_HOME": "~no-such-user/x"}),
    "no hermes": Wrong("", "pip install hermes-agent", hermes=None),
    "nonsense of hermes": Wrong("", "made no card: nonsense", 3, hermes="echo nonsense"),
    "nothing of hermes": Wrong("", "it said nothing", 3, hermes="true"),
    "a list of hermes": Wrong("", "made no card", 3, hermes="echo '[]'"),
    "a card without an id": Wrong("", "made no card", 3, hermes="echo '{}'"),
    "bytes of hermes": Wrong("", "made no card", 3, hermes="printf '\\377'"),
    "a hermes that refuses": Wrong("", "card: no such board", 3, hermes="echo no such board >&2"),
    "a hermes that is killed": Wrong("", "made no card", 3, hermes="kill -9 $$"),
}


@pytest.mark.parametrize("wrong", [pytest.param(each, id=name) for name, each in DISPATCH.items()])
def test_dispatch(fence: Fence, wrong: Wrong) -> None:
    refused(fence, "dispatch", wrong)


@pytest.mark.parametrize(
    "files",
    [
        {"kanban.db": "no database"},
        {"kanban.db/": ""},
        {"active_profile": b"\xff"},
        {"config.yaml": "model: [\n"},
        {"kanban/": "", "kanban/current": b"\xff"},
    ],
    ids=str,
)
def test_what_dispatch_cannot_look_at_hinders_no_card(
    fence: Fence, files: Mapping[str, str | bytes]
) -> None:
    below = {f".hermes/{name}": each for name, each in files.items()}
    done = run(fence, "dispatch", Wrong(hermes=CARD, files=below))

    assert done.status == 0
    assert done.out.startswith("t_12345678: created")
    done.complaints(None)


# doctor -----------------------------------------------------------------------------------------

DOCTOR_WORDS = {
    **WORDS,
    **{name: HOMES[name] for name in HOMES if "behind the flag" in name},
    "a value for --json": Wrong("--json=yes", "ignored explicit argument 'yes'"),
    "no config behind the flag": Wrong("--config", "expected one argument"),
}


@pytest.mark.parametrize(
    "wrong", [pytest.param(each, id=name) for name, each in DOCTOR_WORDS.items()]
)
def test_doctor_refuses_words(fence: Fence, wrong: Wrong) -> None:
    refused(fence, "doctor", wrong)


SEEN = {
    **{name: wrong for name, wrong in HOMES.items() if "behind the flag" not in name},
    **CONFIGS,
    "a profile that is not there": Wrong("--profile=nobody", "profile: nobody: there is no", 3),
    "a home that is a file": Wrong("--hermes-home=f", "profile: default: ", 3, files={"f": "x"}),
    "a config that is not there": Wrong("--config=/none.yaml", "config: config /none.yaml"),
    "an interval of the environment": Wrong(
        "", "config: interval is 'soon'", environ={"AGENT_SESSIONS_INTERVAL": "soon"}
    ),
    "a registry that is no YAML": Wrong("", "registry: ", files={"agent-sessions.yaml": "a: ["}),
    "nonsense of hermes": Wrong("", "plugin: .*nonsense", 3, hermes="echo nonsense"),
    "a hermes that is killed": Wrong("", "plugin: .*it said nothing", 3, hermes="kill -9 $$"),
    "a board that is a folder": Wrong(
        "", "board: .*unable to open", 3, files={".hermes/kanban.db/": ""}
    ),
    "a board that is none": Wrong(
        "", "board: .*not a database", 3, files={".hermes/kanban.db": "no"}
    ),
    "no model": Wrong("", "model: none in", 3),
    "a gateway's file that is none": Wrong("", "model: ", 3, files={".hermes/gateway.pid": "[{"}),
    "a gateway's pid that is none": Wrong("", "model: ", 3, files={".hermes/gateway.pid": "-1e99"}),
}


@pytest.mark.parametrize("wrong", [pytest.param(each, id=name) for name, each in SEEN.items()])
def test_doctor_says_it_as_a_line_and_goes_on(fence: Fence, wrong: Wrong) -> None:
    done = run(fence, "doctor", wrong)

    assert done.status == wrong.status, done
    assert done.complaints(0) == ""
    lines = [line for line in done.out.splitlines() if line.startswith("no  ")]
    assert any(re.search(wrong.said, line) for line in lines), done.out
    assert all(" : " in line for line in lines)


# hook -------------------------------------------------------------------------------------------

HOOK = {
    "nothing": b"",
    "no JSON": b"nonsense",
    "half of it": b'{"session_id": "1',
    "a list": b"[]",
    "a number": b"7",
    "null": b"null",
    "a text": b'"x"',
    "brackets without end": b"[" * 100_000,
    "bytes": b"\xff\xfe\x00",
    "a megabyte too much": b'{"a": "' + b"x" * 2_000_000 + b'"}',
    "no event": event(hook_event_name=None),
    "another event": event(hook_event_name="SessionEnd"),
    "a number of an event": event(hook_event_name=7),
    "an event in a list": event(hook_event_name=["SessionStart"]),
    "no id": event(None),
    "a number of an id": event(7),
    "a path for an id": event("../../x"),
    "a long id": event("x" * 1000),
    "an id with a line break": event("1111\n"),
    "a mapping for an id": event({"a": 1}),
}


@pytest.mark.parametrize("payload", HOOK.values(), ids=HOOK)
def test_a_hook_says_nothing_and_records_nothing(
    fence: Fence, payload: bytes | Mapping[str, object]
) -> None:
    agents = Agents(fence.root, fence.home)

    agents.run("claude", payload=payload).must_be_silent()

    assert not any(agents.records_folder.glob("*"))


@pytest.mark.parametrize("words", [("extra",), ("--no-such-flag",), ("--profile", "x")], ids=str)
def test_a_hook_with_words_is_a_mistake_in_somebodys_settings(words: tuple[str, ...]) -> None:
    done = commandline.run("hook", *words)

    assert done.status == 64
    assert "unrecognized arguments" in done.complaints()


def test_there_are_twenty_for_each_command() -> None:
    """The tables must not shrink unnoticed."""
    tables: tuple[Mapping[str, object], ...] = (INSTALL, DISPATCH, {**DOCTOR_WORDS, **SEEN}, HOOK)
    assert all(len(table) >= 20 for table in tables)
    assert Path(NOT_THERE).exists() is False
