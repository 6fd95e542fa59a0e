"""Twenty wrong inputs and more for each command: a line, the right status, and nothing written."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import pytest

import commandline
from desk import Desk

FEW = 6
"""Of what is wrong anywhere, where one command has been shown all of it."""
NAME, GONE, MINE = (f"lab-{name}-creator-claude" for name in ("x", "gone", "mine"))


@dataclass(frozen=True, slots=True)
class Wrong:
    """What somebody types, and what they are told."""

    words: tuple[str, ...]
    said: str
    status: int = 64


def wrong(said: str, *words: str, status: int = 64) -> Wrong:
    return Wrong(words, said, status)


def anywhere(*rest: str) -> Iterator[Wrong]:
    """What is as wrong for every command; `rest` makes it complete."""
    for said, *words in (
        ("unrecognized arguments: --nope", "--nope"),
        ("expected one argument", "--registry"),
        ("--registry is empty", "--registry="),
        ("there is no such file", "--registry=odd/missing.yaml"),
        ("is a folder", "--registry=odd/folder"),
        ("a symlink to nowhere.yaml, and nothing is there", "--registry=odd/link.yaml"),
        ("is a symlink to itself", "--registry=odd/loop.yaml"),
        ("is not a regular file", "--registry=odd/pipe"),
        ("there is nothing in it", "--registry=odd/empty.yaml"),
        ("line 2, column 1", "--registry=odd/torn.yaml"),
        ("UTF-8", "--registry=odd/binary.yaml"),
        ("config .*missing.yaml is not there", "--config=odd/missing.yaml"),
        ("config torn.yaml, line 2", "--config=odd/torn.yaml"),
        ("config .*unknown key", "--config=odd/registry.yaml"),
        (r"host is 'a\\x07b'", "--host=a\ab"),
        ("ignored explicit argument", "--quiet=1"),
    ):
        yield wrong(said, *rest, *words)


def of_findings() -> Iterator[Wrong]:
    """What is no id of a finding."""
    for text in (
        "nonsense",
        "",
        " ",
        "D",
        "D-",
        "D-123",
        "D-123456789",
        "D-zzzzzzzz",
        "DD-12345678",
        "D 12345678",
        "host/D-12345678",
        "../../etc/passwd",
        "D-\x1b[31m1234",
        "D-１２３４",  # noqa: RUF001 - digits, and none of ours
        "D-1234\n",
        "x" * 5000,
    ):
        yield wrong('" is no id of a finding' if text.strip() != "D-1234" else "no", text)


DEMO = (
    *("--once", "--json", "--dry-run", "--watch", "--all", "--force", "--profile=x", "--via=http"),
    *("now", "api", "A", "4", "status", "demo", "help", "--for=1", "--interval=1", "--pattern=x"),
)
"""What other commands take: the demo takes nothing."""

INPUTS = {
    "ack": [
        *islice(anywhere("D-ffffffff"), FEW),
        *of_findings(),
        wrong("name the findings, or ask for --list alone"),
        wrong("name the findings, or ask for --list alone", "--list", "D-ffffffff"),
        wrong("--json goes with --list", "--json", "D-ffffffff"),
        wrong("no finding D-ffffffff is open now", "D-ffffffff"),
        wrong("no finding ffff is open now", "ffff"),
        wrong("A-ffffffff cannot be acknowledged: only D and notices", "A-ffffffff"),
        wrong("B-ffff cannot be acknowledged", "b-ffff"),
        wrong("C-ffffffff cannot be acknowledged", "[C-ffffffff]"),
        wrong("P-ffffffff cannot be acknowledged", "P-ffffffff"),
        wrong("S-ffffffff cannot be acknowledged", "S-ffffffff"),
        wrong("U-ffffffff cannot be acknowledged", "U-ffffffff"),
        wrong("grace is 'soon'", "--grace", "soon", "D-ffffffff"),
    ],
    "unack": [
        *islice(anywhere("D-ffffffff"), FEW),
        *islice(of_findings(), 9),
        wrong("the following arguments are required: FINDING"),
        wrong("D-ffffffff is not acknowledged", "D-ffffffff"),
        wrong("ffff is not acknowledged", "ffff"),
        wrong("A-ffffffff is not acknowledged", "A-ffffffff"),
        wrong("unrecognized arguments: --list", "--list", "D-ffffffff"),
        wrong("grace is '-1'", "--grace=-1", "D-ffffffff"),
    ],
    "undo": [
        *islice(anywhere("ffff"), FEW),
        wrong("the following arguments are required: CHANGE"),
        wrong("the following arguments are required: CHANGE", "--dry-run"),
        wrong("is no change id", ""),
        wrong("is no change id", "fff"),
        wrong("is no change id", "wxyz"),
        wrong("is no change id", "../../journal"),
        wrong("is no change id", "ff\x1b[1mff"),
        wrong("is no change id", "f" * 5000),
        wrong("is no change id", "D-12345678"),
        wrong("no change of this registry begins with", "ffff"),
        wrong("no change of this registry begins with", "FFFF"),
        wrong("no change of this registry begins with", "ffff", "--dry-run"),
        wrong("unrecognized arguments: eeee", "ffff", "eeee"),
        wrong("unrecognized arguments: --force", "--force", "ffff"),
    ],
    "check": [
        *anywhere(),
        wrong("unrecognized arguments: word", "word"),
        wrong("unrecognized arguments: --acept", "--acept"),
        wrong("unrecognized arguments: --her", "--her"),
        wrong("ignored explicit argument", "--here=1"),
        wrong("ignored explicit argument", "--accept=yes"),
        wrong("there is no such file", "--accept", "--registry=odd/missing.yaml"),
        wrong("there is no such file", "--here", "--registry=odd/missing.yaml"),
        wrong("line 2, column 1", "--accept", "--registry=odd/torn.yaml"),
    ],
    "adopt": [
        *islice(anywhere(NAME), FEW),
        wrong("the following arguments are required: SESSION"),
        wrong("the following arguments are required: SESSION", "--wait", "1s"),
        wrong('no entry "nobody" in the registry', "nobody"),
        wrong('no entry "" in the registry', ""),
        wrong('no entry " " in the registry', " "),
        wrong("no entry .* in the registry", "a\x1b[31m"),
        wrong("no entry .* in the registry", "x" * 5000),
        wrong("no entry .* in the registry", "../x"),
        wrong(f"no session {GONE} lives in tmux", GONE),
        wrong(f"{MINE} has the status 'paused', which is yours", MINE),
        wrong("wait is 'soon'; it must be a duration", "--wait", "soon", NAME),
        wrong("wait is '0'; it must be a duration", "--wait", "0", NAME),
        wrong("wait is '-1'; it must be a duration", "--wait=-1", NAME),
        wrong("wait is '1w'; it must be a duration", "--wait", "1w", NAME),
        wrong("expected one argument", NAME, "--wait"),
    ],
    "resume-plan": [
        *islice(anywhere(), FEW),
        wrong("has no session nobody", "nobody"),
        wrong("has no session", ""),
        wrong("has no session", "a\x1b[31m"),
        wrong("has no session", "x" * 5000),
        wrong("has no session nobody", GONE, "nobody"),
        wrong("neither a time", "--since", "soon"),
        wrong("neither a time", "--since", ""),
        wrong("neither a time", "--since=-1"),
        wrong("neither a time", "--since", "1w"),
        wrong("neither a time", "--since", "2026-13-45"),
        wrong("neither a time", "--since", "999999999d"),
        wrong("neither a time", "--since", "2026-11-21T25:00"),
        wrong("expected one argument", "--since"),
        wrong("not allowed with argument", "--tmux", "--json"),
        wrong("unrecognized arguments: --tmuxx", "--tmuxx"),
        wrong("ignored explicit argument", "--json=1"),
    ],
    "status": [
        *islice(anywhere(), 12),
        wrong('no session "nobody"', "nobody"),
        wrong('no session "nobody"', NAME, "nobody"),
        wrong('no session ""', ""),
        wrong("no session ", "a\x1b[31m"),
        wrong("no session ", "x" * 5000),
        wrong('no session "lab-\\*"', "lab-*"),
        wrong("argument --sort: invalid choice: 'size'", "--sort", "size"),
        wrong("expected one argument", "--state"),
        wrong("expected one argument", "--agent"),
        wrong("not allowed with argument", "--json", "--watch"),
        wrong("interval is 'soon'", "--watch", "--interval", "soon"),
        wrong("interval is '0'", "--interval", "0"),
        wrong("ignored explicit argument", "--all=1"),
        wrong("unrecognized arguments: --column", "--column", "name"),
    ],
    "why": [
        *islice(anywhere(NAME), 3),
        wrong("the following arguments are required: SESSION"),
        wrong("the following arguments are required: SESSION", "--json"),
        wrong(f"unrecognized arguments: {GONE}", NAME, GONE),
        wrong('no session "nobody"', "nobody"),
        wrong('no session "nobody"', "nobody", "--json"),
        wrong("Near names: ", NAME[:-1]),
        wrong('no session ""', ""),
        wrong('no session " "', " "),
        wrong("no session ", "a\x1b[31m"),
        wrong("no session ", "x" * 5000),
        wrong("no session ", "../x"),
        wrong("no session ", "D-12345678"),
        wrong("no session ", "\u202e"),
        wrong("ignored explicit argument", "--json=1", NAME),
        wrong("grace is 'soon'", "--grace", "soon", NAME),
        wrong("--pattern is empty", "--pattern=", NAME),
        wrong("host is ", "--host=a\ab", NAME),
        wrong("config .*missing.yaml is not there", "--config=odd/missing.yaml", NAME),
    ],
    "work": [
        *islice(anywhere("card", "--via", "memory"), 3),
        wrong("host is ", "--host=a\ab", "card"),
        wrong("config .*missing.yaml is not there", "--config=odd/missing.yaml", "card"),
        wrong("unrecognized arguments: another", "card", "another"),
        wrong("for is 'soon'", "card", "--for", "soon"),
        wrong("for is '0'", "card", "--for", "0"),
        wrong("interval is '-1'", "card", "--interval=-1"),
        wrong("grace is 'x'", "card", "--grace", "x"),
        wrong("expected one argument", "card", "--for"),
        wrong("there is no way 'pigeon' to a board", "card", "--via", "pigeon"),
        wrong("there is no way .* to a board", "card", "--via", "\x1b[31m"),
        wrong("--via is empty", "card", "--via="),
        wrong("card", "--via", "memory"),
        wrong("board_token_file odd/none cannot be read", "c", "--board-token-file", "odd/none"),
        wrong("cannot be read: .*directory", "card", "--board-token-file", "odd/folder"),
        wrong("no Hermes server is named", "card", "--via", "http"),
        wrong("is no address of a Hermes server", "card", "--via", "http", "--board-url", "no-url"),
        wrong(
            "is no address of a Hermes server",
            "card",
            "--via",
            "http",
            "--board-url",
            "ftp://localhost/x",
        ),
        wrong("--board is empty", "card", "--board="),
    ],
    "demo": [
        *islice(anywhere(), 2),
        *(wrong(f"unrecognized arguments: {word}", word) for word in DEMO),
    ],
}


@pytest.fixture
def desk(desk: Desk) -> Desk:
    """A registry that has a bit of everything, and beside it whatever is none."""
    folder = desk.fence.home / "odd"
    folder.mkdir()
    desk.write(
        *desk.starts(NAME), desk.entry(GONE, pid=2**22 + 1), desk.entry(MINE, status="paused")
    )
    (folder / "folder").mkdir()
    (folder / "link.yaml").symlink_to("nowhere.yaml")
    (folder / "loop.yaml").symlink_to("loop.yaml")
    (folder / "empty.yaml").touch()
    (folder / "torn.yaml").write_text("sessions: [\n")
    (folder / "binary.yaml").write_bytes(b"sessions:\n  - name: caf\xe9\n")
    (folder / "registry.yaml").write_text("sessions: []\n")
    os.mkfifo(folder / "pipe")
    return desk


@pytest.mark.parametrize("command", sorted(INPUTS))
def test_each_is_one_line_with_the_right_status(desk: Desk, command: str) -> None:
    assert len(INPUTS[command]) >= 20
    before = commandline.everything_below(desk.fence.home)
    failed = []

    for each in INPUTS[command]:
        done = desk.run(command, *each.words)
        lines = done.err.splitlines()
        good = (
            done.status == each.status
            and len(lines) == 1
            and lines[0].startswith(commandline.MARK)
            and lines[0].isprintable()
            and re.search(each.said, lines[0])
            and "Traceback" not in done.err
            and not done.out.strip("[]\n ").startswith(("written", "ok"))
        )
        if not good:
            failed.append((each, done))

    assert not failed
    assert commandline.everything_below(desk.fence.home) == before
