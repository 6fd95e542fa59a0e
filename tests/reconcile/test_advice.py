"""A command that a message names means the same registry for whoever runs it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from examples import AT, ENTRY, KNOWN, OWN, WORLD, planned
from reconcile import own_words, telling
from reconcile.advice import completed
from reconcile.memory import Memory, Unsaid
from reconcile.observed import Missing
from reconcile.policy import Policy

OPTIONS = "--registry='/a b.yaml'"
STALE = replace(WORLD, artefacts={("claude", OWN): Missing("moved")}, conversations={})


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "check"),
        ("Mend it, then run: ", "check"),
        ("Remove it and run ", "init, or put it back"),
        ("as ", "why SESSION shows them"),
        ("it is the entry's own: `", "adopt lab-x`"),
        ("See: ", "ack --list"),
        ("(", "check --here)"),
    ],
)
def test_a_command_gets_the_options_behind_the_programs_name(before: str, after: str) -> None:
    text = f"{before}agent-sessions {after}"

    assert completed(text, OPTIONS) == f"{before}agent-sessions {OPTIONS} {after}"
    assert completed(text, "") == text


@pytest.mark.parametrize(
    "text",
    [
        "See: agent-sessions check --help",
        "a setting that runs `agent-sessions hook`",
        "this registry is watched already (pid 7, agent-sessions reconcile)",
        "registry /home/u/agent-sessions check.yaml is not there",
        "registry agent-sessions.yaml, line 3",
        "user@agent-sessions check",
        "agent-sessions --registry=/x check",
        "nothing of ours",
        "$ agent-sessions demo",
    ],
)
def test_what_is_no_such_command_stays_as_it_is(text: str) -> None:
    assert completed(text, OPTIONS) == text


def test_each_command_of_a_text_gets_them() -> None:
    text = "run: agent-sessions init\nrun: agent-sessions check"

    assert completed(text, OPTIONS).count(OPTIONS) == 2


# On the card. -----------------------------------------------------------------------------------


def unsaid(count: int) -> Memory:
    text = "run: agent-sessions check"
    found = {f"D-{number:08x}": Unsaid(text=text, at=AT) for number in range(count)}
    return Memory(card="t_1", unsaid=found)


def test_a_comment_names_the_registry_in_its_commands() -> None:
    (saying,) = telling.due(unsaid(1), AT, OPTIONS)

    assert saying.text == f"[D-00000000] run: agent-sessions {OPTIONS} check"


def test_so_does_each_of_several_and_what_stands_around_them() -> None:
    (digest,) = telling.due(unsaid(telling.LISTED + 1), AT, OPTIONS)
    each = telling.due(unsaid(telling.AT_MOST), AT, OPTIONS)

    assert digest.text.count(f"agent-sessions {OPTIONS} check") == telling.LISTED
    assert f"and 1 more: `agent-sessions {OPTIONS} status`" in digest.text
    assert all(f"agent-sessions {OPTIONS} check" in saying.text for saying in each)


def test_one_under_way_is_the_same_comment_as_before() -> None:
    memory = unsaid(1)
    (first,) = telling.due(memory, AT, OPTIONS)

    (again,) = telling.due(telling.under_way(memory, [first], "3"), AT, OPTIONS)

    assert (again.text, again.tried) == (first.text, True)


def test_a_finding_that_the_thread_tells_so_is_not_told_again() -> None:
    known = telling.intended(planned(STALE, ENTRY), KNOWN, Policy(), AT).memory
    texts = {
        key: replace(each, text="run: agent-sessions check") for key, each in known.unsaid.items()
    }
    memory = replace(known, unsaid=texts)
    (saying,) = telling.due(memory, AT, OPTIONS)
    thread = own_words.findings([saying.text])

    assert telling.to("t_1", memory, thread, OPTIONS).unsaid == {}
    assert telling.to("t_1", memory, thread, "").unsaid == memory.unsaid
