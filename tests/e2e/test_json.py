"""`--json`: data with a schema that ships, for each command that has it."""

from __future__ import annotations

import json
from collections.abc import Callable

import jsonschema
import pytest

import commandline
from desk import Desk

KEEPER = "lab-keeper-creator-claude"
GONE = "lab-gone-creator-claude"
LONG_GONE = 2**22 + 1


@pytest.mark.parametrize("name", sorted(commandline.schemas()))
def test_each_schema_is_one(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(commandline.schemas()[name])


def dead(desk: Desk) -> None:
    """One session lives, one has ended, and one entry has a fault of its own."""
    desk.write(*desk.starts(KEEPER), desk.entry(GONE, pid=LONG_GONE))


def marked(desk: Desk) -> str:
    """Let the dead one be marked; the id of the change."""
    dead(desk)
    assert desk.once().status == 0
    desk.saved(60)
    return str(desk.journal[-1]["change"])


def test_check(desk: Desk) -> None:
    desk.write("  - status: running\n", desk.entry(GONE))

    faulty = desk.run("check", "--json")
    desk.write(desk.entry(GONE))
    sound = desk.run("check", "--json", "--accept", "--here")

    assert faulty.status == 64
    found = commandline.valid("check", faulty.out)
    (fault,) = found["faults"]
    assert (found["ok"], found["entries"]) == (False, 1)
    assert (fault["line"], fault["column"], fault["kind"]) == (3, 5, "fault")
    assert sound.status == 0
    found = commandline.valid("check", sound.out)
    assert (found["ok"], found["accepted"], found["here"]) == (True, True, True)
    assert (found["registry"], found["faults"]) == (str(desk.registry), [])


def test_undo(desk: Desk) -> None:
    change = marked(desk)

    dry = commandline.valid("undo", desk.run("undo", change, "--dry-run", "--json").out)
    found = commandline.valid("undo", desk.run("undo", change, "--json").out)

    assert (dry["dry_run"], dry["undone_by"]) == (True, None)
    assert (found["session"], found["change"], found["class"]) == (GONE, change, "A")
    assert found["undone_by"] == desk.journal[-1]["change"]
    status = {"key": "status", "before": "terminated", "after": "running"}
    assert found["restored"][0] == status


def test_adopt(desk: Desk) -> None:
    (entry,) = desk.starts(KEEPER)
    desk.write(entry.replace("status: running", "status: terminated"), desk.entry(GONE))

    dry = desk.run("adopt", KEEPER, "--dry-run", "--json")
    done = desk.run("adopt", KEEPER, GONE, "--json")

    assert commandline.valid("adopt", dry.out)["sessions"][0]["adopted"] is False
    assert done.status == 64
    own, gone = commandline.valid("adopt", done.out)["sessions"]
    assert (own["adopted"], own["change"]) == (True, desk.journal[-1]["change"])
    changed = {each["key"]: (each["before"], each["after"]) for each in own["changes"]}
    assert changed["status"] == ("terminated", "running")
    assert (gone["adopted"], gone["change"], gone["changes"]) == (False, None, [])
    assert "no session" in gone["why"]
    assert "no session" in done.complaints()


def test_resume_plan(desk: Desk) -> None:
    marked(desk)

    (found,) = commandline.valid("resume-plan", desk.run("resume-plan", "--json").out)

    assert (found["session"], found["cause"]) == (GONE, "session-closed")
    assert found["command"] is None
    assert found["why"]


COMMANDS: dict[str, Callable[[str], list[str]]] = {
    "status": lambda _: ["status"],
    "why": lambda _: ["why", GONE],
    "check": lambda _: ["check"],
    "undo": lambda change: ["undo", change, "--dry-run"],
    "adopt": lambda _: ["adopt", KEEPER, "--dry-run"],
    "resume-plan": lambda _: ["resume-plan"],
}


@pytest.mark.parametrize("command", COMMANDS)
def test_it_is_one_document_also_where_the_locale_knows_no_letters(
    desk: Desk, command: str
) -> None:
    change = marked(desk)
    words = [*COMMANDS[command](change), "--json"]

    told = [desk.run(*words, environ={"PYTHONIOENCODING": each}) for each in ("utf-8", "ascii")]

    for done in told:
        commandline.valid(command, done.out)
    assert told[1].out.isascii()
    assert _still(told[0].out) == _still(told[1].out)


def _still(text: str) -> object:
    """The document without what changes from one moment to the next."""
    found = json.loads(text)
    if isinstance(found, dict):
        for key in ("at", "sources", "sessions", "now"):
            found.pop(key, None)
    return found
