"""What is said on a card is there once, and what people say is heard."""

from __future__ import annotations

import subprocess
import sys

import pytest

import hermes
from kanban_worker.boards import card as rules
from kanban_worker.boards.hermes import Hermes, Tools
from kanban_worker.boards.hermes_cli import HermesCli
from kanban_worker.boards.shape import Address, Look, Lost
from state.errors import CouldNot
from ways import Way, by_tools, seen

ODD = [
    pytest.param("--max-len=3 -p x", id="leading dashes"),
    pytest.param("--profile=other", id="an option of hermes"),
    pytest.param("-", id="a dash"),
    pytest.param("--", id="the end of options"),
    pytest.param("""it's "quoted" `id` $(id) \\n %s {} && true""", id="quotes"),
    pytest.param("one\n\ntwo\n\tthree", id="newlines"),
    pytest.param("Größe 日本語 🙂 \u202e\u0007", id="unicode"),
    pytest.param("x" * 60_000, id="60 kB"),
    pytest.param('{"ok": false, "error": "no"}', id="JSON"),
]


@pytest.mark.parametrize("text", ODD)
def test_a_comment_is_said_once_and_its_id_is_told(way: Way, text: str) -> None:
    card = way.desk.create_card()
    board = way.taken(card)
    said = board.say(text)
    assert way.desk.thread(card) == [(board.run.author, text)]
    (comment,) = seen(board).comments
    assert (comment.id, comment.author, comment.body) == (said, board.run.author, text)
    assert comment.at.tzinfo is not None


@pytest.mark.parametrize(
    "text",
    ["plain", "  spaces around \n", "a\0b\ud800c", "API_KEY=sk-abcdefghijklmnop1234", "x" * 70_000],
)
def test_it_is_known_what_a_board_makes_of_a_text(way: Way, text: str) -> None:
    """By this an own comment is found again whose id was lost."""
    card = way.desk.create_card()
    board = way.taken(card)
    board.say(text)

    assert [each.body for each in seen(board).comments] == [board.kept(text)]


def test_only_what_is_behind_a_comment_is_told(way: Way) -> None:
    card = way.desk.create_card()
    board = way.taken(card)
    first = board.say("first")
    way.desk.comment(card, "are you there?", "ada")
    board.say("second")
    found = seen(board, first)
    assert [(each.author, each.body) for each in found.comments] == [
        ("ada", "are you there?"),
        (board.run.author, "second"),
    ]
    last = found.comments[-1]
    assert board.look(last.id) == Look(comments=(), asked=last)


def test_a_text_with_a_nul_or_half_a_character_is_said_without_it(way: Way) -> None:
    card = way.desk.create_card()
    way.taken(card).say("a\0b\ud800c")
    assert way.desk.thread(card)[0][1] == "ab?c"


def test_a_huge_comment_of_somebody_else_is_cut(way: Way) -> None:
    card = way.desk.create_card()
    board = way.taken(card)
    way.desk.comment(card, "é" * 1_000_000)
    (comment,) = seen(board).comments
    assert len(comment.body.encode()) == rules.LONGEST


@pytest.mark.parametrize("note", ["alive", "--json", "-p x\ny", ""])
def test_a_heartbeat_is_recorded(way: Way, note: str) -> None:
    if not way.claims:
        return
    card = way.desk.create_card()
    board = way.taken(card)
    board.heartbeat(note)
    board.heartbeat(note)
    assert way.desk.kinds(card).count("heartbeat") == 2


def test_the_same_text_said_twice_has_two_ids(way: Way) -> None:
    card = way.desk.create_card()
    board = way.taken(card)
    assert board.say("again") != board.say("again")


# What only some ways have. ----------------------------------------------------------------------


@hermes.needed
@pytest.mark.parametrize("tools", [None, hermes.tools])
def test_a_heartbeat_in_process_extends_the_claim_and_is_of_its_run(
    hermes_home: hermes.Home, monkeypatch: pytest.MonkeyPatch, tools: Tools | None
) -> None:
    card = hermes_home.create_card()
    environ = hermes_home.dispatched(card)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    with hermes_home.database() as (_kb, connection):
        connection.execute("UPDATE tasks SET claim_expires = 5 WHERE id = ?", (card,))
    board = Hermes(Address(card=card, environ=environ), tools=tools)
    run = board.claim()
    board.heartbeat("2 ticks")
    shown = hermes_home.show(card)
    assert shown["task"]["claim_expires"] > 1e9
    assert shown["events"][-1]["run_id"] == int(run.id)
    assert shown["events"][-1]["payload"] == {"note": "2 ticks"}


@hermes.needed
def test_a_claim_by_the_program_lasts_for_days(hermes_home: hermes.Home) -> None:
    card = hermes_home.create_card()
    HermesCli(Address(card=card, environ=hermes_home.environ)).claim()
    task = hermes_home.show(card)["task"]
    assert task["claim_expires"] - task["started_at"] >= 7 * 24 * 3600


@hermes.needed
@pytest.mark.parametrize("tools", [None, hermes.tools])
def test_secrets_do_not_get_onto_the_board_but_ids_do(
    hermes_home: hermes.Home, monkeypatch: pytest.MonkeyPatch, tools: Tools | None
) -> None:
    card = hermes_home.create_card()
    environ = hermes_home.dispatched(card)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    board = Hermes(Address(card=card, environ=environ), tools=tools)
    board.claim()
    secret = "sk-proj-" + "a1B2" * 12
    kept = "[D-88a1cf4e] lab-docs-creator-claude: 87dc548e-0000-4000-8000-0000000031f2 pid 13503"
    board.say(f"{kept} {secret}")
    ((_, body),) = hermes_home.thread(card)
    assert body.startswith(kept)
    assert secret not in body


@hermes.needed
def test_a_tool_signs_with_the_workers_profile(
    hermes_home: hermes.Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    board = by_tools(hermes_home, monkeypatch).taken(hermes_home.create_card())
    assert board.run.author == "watcher"
    board.say("hello")
    assert hermes_home.thread(board.run.card) == [("watcher", "hello")]


@hermes.needed
@pytest.mark.parametrize("answer", ["", "no", "[]", "null", '{"ok": 1}', '{"error": "\\u0007no"}'])
def test_a_tool_that_answers_anything_else_has_not_done_it(
    hermes_home: hermes.Home, answer: str
) -> None:
    environ = hermes_home.dispatched(hermes_home.create_card())
    board = Hermes(Address(card=None, environ=environ), tools=lambda _name, _arguments: answer)
    board.claim()
    for act in (board.say, board.heartbeat, board.block):
        with pytest.raises(CouldNot, match="did not take kanban_") as told:
            act("x")
        assert str(told.value).isprintable()
        assert not isinstance(told.value, Lost)


_COMMENT = """
import sys, pathlib
from hermes_cli import kanban_db as kb
path = pathlib.Path(sys.argv[1])
with kb.connect_closing(db_path=path):
    pass  # the first connection of a process is not to be written through: see `hermes_db`
for number in range(100):
    with kb.connect_closing(db_path=path) as connection:
        kb.add_comment(connection, sys.argv[2], "ada", f"comment {number}")
"""


@hermes.needed
def test_nothing_is_lost_while_two_processes_write(hermes_home: hermes.Home) -> None:
    card = hermes_home.create_card()
    board = Hermes(Address(card=card, environ={}))
    board.claim()
    words = [sys.executable, "-c", _COMMENT, str(hermes_home.board), card]
    rounds = 0
    with subprocess.Popen(words) as other:
        while other.poll() is None:
            board.say(f"ours {rounds}")
            board.heartbeat("alive")
            seen(board)
            rounds += 1
    bodies = [body for _, body in hermes_home.thread(card)]
    assert other.returncode == 0
    assert len(bodies) == len(set(bodies)) == 100 + rounds
    assert hermes_home.kinds(card).count("heartbeat") == rounds
