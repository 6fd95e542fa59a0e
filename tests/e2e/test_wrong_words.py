"""What people get wrong when they call a command: one line, the right status, never a traceback."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

import commandline
from desk import Desk

KEEPER = "lab-keeper-creator-claude"
Wrong = tuple[str, Callable[[Desk], object] | None, int, str]
"""Words, what is wrong with the host besides, the status, and what is said."""


def nothing(_: Desk) -> None:
    """Only the words are wrong."""


def remove(desk: Desk) -> None:
    desk.registry.unlink()


def folder(desk: Desk) -> None:
    desk.registry.unlink()
    desk.registry.mkdir()


def fifo(desk: Desk) -> None:
    desk.registry.unlink()
    os.mkfifo(desk.registry)


def loop(desk: Desk) -> None:
    desk.registry.unlink()
    desk.registry.symlink_to(desk.registry)


def linked(desk: Desk) -> None:
    desk.registry.with_name("other").hardlink_to(desk.registry)


def configured(text: str) -> Callable[[Desk], None]:
    """A config file with this text, under the name `mine`."""

    def write(desk: Desk) -> None:
        (desk.fence.home / "mine").write_text(text)

    return write


def file(desk: Desk) -> None:
    (desk.fence.home / "file").write_text("")


WORDS: list[Wrong] = [
    (
        "{c} --intervall 5",
        None,
        64,
        "unrecognized arguments: --intervall 5. See: agent-sessions {c} --help",
    ),
    ("{c} now", None, 64, "unrecognized arguments: now. See: agent-sessions {c} --help"),
    ("{c} --grace soon", None, 64, "grace is 'soon'"),
    ("{c} --grace 0", None, 64, "grace is '0'"),
    ("{c} --grace", None, 64, "--grace: expected one argument"),
    ("{c} --pattern", None, 64, "--pattern: expected one argument"),
    ("{c} --pattern=", None, 64, "--pattern is empty"),
    ("{c} --registry=", None, 64, "--registry is empty"),
    ("{c} --registry", None, 64, "--registry: expected one argument"),
    ("{c} --config nowhere", None, 64, "config nowhere is not there"),
    ("{c} --config .", None, 3, "config . cannot be read: Is a directory"),
    ("{c} --config mine", configured("interval: ["), 64, "config mine, line 1"),
    ("{c} --config mine", configured("patern: x"), 64, "unknown key 'patern'"),
    ("{c} --config mine", configured("pattern: {a: b}"), 64, "it must be a single value or a list"),
    ("{c} --config mine", configured("- a"), 64, "it must be a mapping"),
    ("{c} --host=", None, 64, "--host is empty"),
    ("{c} --host {long}", None, 64, "at most 255 printable characters"),
    ("{c} --tmux-socket=", None, 64, "--tmux-socket is empty"),
    ("{c} --verbos", None, 64, "unrecognized arguments: --verbos"),
]
"""What any command that judges is told wrongly."""

RECONCILE: list[Wrong] = [
    *WORDS,
    ("reconcile --onc", None, 64, "unrecognized arguments: --onc"),
    ("reconcile --once=yes", None, 64, "--once: ignored explicit argument 'yes'"),
    ("reconcile --once --wait", None, 64, "unrecognized arguments: --wait"),
    ("reconcile --no-wait=5 --once", None, 64, "--no-wait: ignored explicit argument '5'"),
    ("reconcile --interval often", None, 64, "interval is 'often'"),
    ("reconcile --interval 0", None, 64, "interval is '0'"),
    ("reconcile --interval nan", None, 64, "interval is 'nan'"),
    ("reconcile --once --force", None, 64, "unrecognized arguments: --force"),
    ("reconcile --once --registry nowhere", None, 64, "registry nowhere: there is no such file"),
    ("reconcile --once", remove, 64, "agent-sessions init"),
    ("reconcile --once", folder, 64, "registry"),
    ("reconcile --once", fifo, 64, "registry"),
    ("reconcile --once", loop, 64, "registry"),
]

INIT: list[Wrong] = [
    *WORDS,
    ("init", nothing, 64, "is already there. Nothing was written"),
    ("init --pattern *", nothing, 64, "agent-sessions init --force"),
    ("init", folder, 64, "is already there"),
    ("init", loop, 64, "is already there"),
    ("init --forc", None, 64, "unrecognized arguments: --forc"),
    ("init --force=yes", None, 64, "--force: ignored explicit argument 'yes'"),
    ("init --dry-run", None, 64, "unrecognized arguments: --dry-run"),
    ("init --force", folder, 64, "no regular file"),
    ("init --force", fifo, 64, "no regular file"),
    ("init --force", linked, 64, "2 names (hard links)"),
    ("init --force", loop, 3, "could not be written"),
    ("init --registry file/x.yaml", file, 3, "could not be written"),
    ("init --registry /proc/x.yaml", None, 3, "could not be written"),
    (
        "init --force --config mine --pattern *",
        configured("? pattern\n: a\n"),
        64,
        "Put in it: pattern: '*'",
    ),
    ("init --force --pattern \udcff", None, 64, "holds bytes that are not text"),
]


@pytest.mark.parametrize(
    "wrong",
    [
        *(
            pytest.param(("reconcile", each), id=f"reconcile: {each[0]}, {number}")
            for number, each in enumerate(RECONCILE)
        ),
        *(
            pytest.param(("init", each), id=f"init: {each[0]!a}, {number}")
            for number, each in enumerate(INIT)
        ),
    ],
)
def test_what_is_wrong_is_one_line_and_nothing_is_written(
    desk: Desk, wrong: tuple[str, Wrong]
) -> None:
    command, (words, spoil, status, said) = wrong
    desk.write(desk.entry(KEEPER, status="done"))
    if spoil:
        spoil(desk)
    folders = (desk.registry.parent, desk.fence.home / ".config", desk.fence.home / "mine")
    before = commandline.everything_below(*(each for each in folders if each.exists()))
    filled = words.replace("{c}", command).replace("{long}", "x" * 256)

    done = desk.run(*filled.split(" "))

    assert done.status == status, done
    assert said.replace("{c}", command) in done.complaints()
    assert "Traceback" not in done.out
    assert commandline.everything_below(*(each for each in folders if each.exists())) == before
