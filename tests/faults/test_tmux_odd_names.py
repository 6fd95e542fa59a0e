"""Sessions whose directory or name holds what no text should: they hide no other session."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from typing import Any

from ruamel.yaml import YAML

from desk import Desk
from hours import Hours
from reconcile.plan import Action
from vigil import Vigil

PLAIN = ("lab-a-creator-claude", "lab-b-creator-claude")
DIRECTORIES = (
    b"new\nline",
    b"\nfirst",
    b"last\n",
    b"tab\tstop",
    b"carriage\rreturn",
    b"escape\x1b[31m",
    b"delete\x7f",
    b"next\xc2\x85line",
    b"line\xe2\x80\xa8separator",
    b"mark\xef\xbb\xbf",
    b"'\"#: {}[]|>&*!%@`",
    b" spaces ",
    b"#{pid}#(id)",
    "übergröße 日本語 🚀".encode(),
)
NO_TEXT = (b"latin-1 \xfc", b"cut \xe2\x80", b"surrogate \xed\xa0\x80")
"""Directories whose bytes are no UTF-8: no registry can hold them."""
NAMES = (b"new\nline", b"tab\tstop", b"escape\x1b", b"delete\x7f", b"latin-1 \xfc", b"back\\slash")

Figure = Callable[[str, str], None]


def start(desk: Desk, directory: bytes, name: bytes) -> str:
    """Start a session in a directory that is made for it; its name, as tmux shows it."""
    path = os.path.join(os.fsencode(desk.fence.home), b"odd", directory)  # noqa: PTH118 - bytes
    os.makedirs(path, exist_ok=True)  # noqa: PTH103 - bytes
    # From within the directory: what is given to -c is expanded as a format.
    words = ["-d", "-P", "-F", "#{session_name}", "-s", name, "--", "sleep", "86400"]
    command = ["tmux", "-u", "-S", desk.fleet.socket, "new-session", *words]
    shown = subprocess.check_output(command, cwd=path).decode("utf-8", "backslashreplace")
    return shown.removesuffix("\n")


def takes(desk: Desk, name: bytes) -> bool:
    """Whether this tmux gives a session such a name: 3.7 refuses what is no plain text."""
    words = ["new-session", "-d", "-s", name, "--", "sleep", "1"]
    done = subprocess.run(["tmux", "-u", "-S", desk.fleet.socket, *words], check=False)
    return done.returncode == 0


def entries(desk: Desk) -> dict[str, dict[str, Any]]:
    found = YAML(typ="safe", pure=True).load(desk.registry)
    return {each["name"]: each for each in found["sessions"]}


def test_a_directory_may_have_any_name_and_hides_no_other_session(
    desk: Desk, figure: Figure
) -> None:
    desk.write(*desk.starts(*PLAIN))
    odd = [start(desk, each, b"odd-%d-creator-claude" % n) for n, each in enumerate(DIRECTORIES)]
    lost = [start(desk, each, b"lost-%d-creator-claude" % n) for n, each in enumerate(NO_TEXT)]
    hours = Hours()
    vigil = Vigil(desk, hours, seconds=300)
    hours.at(150, lambda: [desk.fleet.kill(name) for name in (PLAIN[0], *odd, *lost)])

    vigil.run()

    found = entries(desk)
    assert {name: each["status"] for name, each in found.items()} == {
        PLAIN[1]: "running",
        **dict.fromkeys([PLAIN[0], *odd], "terminated"),
    }
    for name, directory in zip(odd, DIRECTORIES, strict=True):
        assert os.fsencode(found[name]["workspace"]).endswith(b"/odd/" + directory)
        assert found[name]["pane"]["cwd"] == found[name]["workspace"]
    held = [each for each in vigil.ticks[0].report.decisions if each.action is Action.HELD]
    assert {each.drift.session for each in held} == set(lost)
    assert all("holds bytes that are not text" in each.why for each in held)
    assert all(str(tick.report.sources["tmux"].state) == "ok" for tick in vigil.ticks)
    assert sum("holds bytes that are not text" in text for text in vigil.said) == len(lost)
    figure("tmux", f"{len(odd) + len(lost)} odd directories: 0 sessions hidden")


def test_a_name_may_hold_anything_and_is_the_same_session_at_each_tick(
    desk: Desk, figure: Figure
) -> None:
    desk.write(*desk.starts(*PLAIN))
    taken = [each for each in NAMES if takes(desk, b"tried " + each)]
    odd = [start(desk, b"place", each + b"-creator-claude") for each in taken]
    hours = Hours()
    vigil = Vigil(desk, hours, seconds=300)
    hours.at(150, lambda: [desk.fleet.kill(name) for name in (PLAIN[0], odd[0])])

    vigil.run()

    states = {name: each["status"] for name, each in entries(desk).items()}
    gone, here = (PLAIN[0], odd[0]), (PLAIN[1], *odd[1:])
    assert states == dict.fromkeys(gone, "terminated") | dict.fromkeys(here, "running")
    assert sum(tick.report.registry_written for tick in vigil.ticks) == 2
    figure("tmux", f"{len(taken)} odd names: 0 sessions hidden")
