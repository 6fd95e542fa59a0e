"""What on a card asks the monitor to stop, and what only has the word in it."""

from __future__ import annotations

import dataclasses
import re
import unicodedata
from collections import Counter
from pathlib import Path
from typing import Literal, TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconcile import stop, stop_phrases, stop_words, stop_words_east, stop_words_west
from reconcile.stop import Reading

Form: TypeAlias = Literal["NFC", "NFD", "NFKC", "NFKD"]

YES = {
    "the documented word": [
        "stop",
        "Stop.",
        "STOP!",
        "stop!!!",
        "/stop",
        "/stop now",
        "!stop",
    ],
    "the word and what it is about": [
        "stop monitoring",
        "stop it",
        "stop this",
        "stop here",
        "stop everything",
        "stop the monitor",
        "Stop the monitoring of my sessions on this host.",
        "stop watching these sessions",
        "stop the session watch",
        "stop the watch for today",
        "stop for now",
        "stop agent-sessions-monitor",
        "stop at once",
        "stop as soon as possible",
        "stop right away",
        "stop working on this card",
        "stop doing that",
        "stop stop stop",
        "stop stop monitoring",
    ],
    "courtesies around it": [
        "please stop now",
        "stop please",
        "pls stop",
        "ok stop",
        "hi, please stop",
        "Hello\nplease stop",
        "stop, thanks",
        "Please stop monitoring this board, thank you so much!",
        "Please stop.\nThanks!",
        "thanks, you can stop now",
        "Thank you. You can stop.",
        "no, stop",
        "Wait, stop!",
        "I want you to, please, stop.",
    ],
    "it is asked, or allowed": [
        "can you please stop monitoring now",
        "would you please just stop",
        "you can stop",
        "you may stop now",
        "you should stop",
        "I want you to stop",
        "I'd like you to stop watching",
        "I asked you to stop!",
        "I said stop!",
        "go ahead and stop",
        "time to stop",
        "It's time to stop",
        "let's stop here",
        "lets stop",
        "we need to stop this now",
        "the monitor should stop",
        "I think you should stop",
        "please do stop",
        "monitor should stop",
        "monitoring must stop",
        "the monitoring has to stop",
        "the watch needs to stop",
        "you have to stop",
        "we want you to stop",
        "I need you to stop",
        "I would like you to stop",
        "I ask you to stop",
        "I think you can stop",
        "I think you may stop",
        "I think we should stop",
        "you stop!",
        "you are free to stop",
        "we'd like you to stop",
        "I told you to stop",
        "let us stop",
        "its time to stop",
        "it is time to stop",
    ],
    "a name before it": [
        "@monitor stop",
        "@lab-monitor, please stop",
        "stop @lab-monitor",
        "monitor: stop",
        "monitor, stop",
        "the monitor: stop",
        "worker: stop",
        "bot: stop",
        "@monitor `stop`",
        # How the worker is called is not known here, so a mention of anybody is left out.
        "@ann please stop",
    ],
    "markup, emoji and spelling": [
        "**stop**",
        "_stop_",
        "`stop`",
        "`stop monitoring`, please",
        '"stop"',
        "\u201cPlease stop\u201d",
        "# Stop",
        "- stop",
        "1. stop",
        "(stop)",
        "stop 🛑",
        "🛑stop🛑",
        "stop :octagonal_sign:",
        "stop :D",
        "\uff53\uff54\uff4f\uff50\uff01",
        "please\u00a0stop",
        "\ufeffs\u200bt\u200bop\u200e",
        "let\u2019s stop",
        "stopp",
        "STOOOOP",
    ],
    "marks of full width, with no space behind": [
        "监控\uff1a停止",
        "谢谢\uff1b停止",
        "见 https://example.org/1\uff0c请停止",
        "已提交到lab/api\uff01请停止",
        "谁改了lab/api\uff1f请停止",
        "已提交到lab/api\uff1b请停止",
    ],
    "a reason, which is not read": [
        "stop, we are done",
        "stop — we are done",
        "stop - ann",
        "stop \u2013 ann",
        "stop \u2014 ann",
        "stop\u2026ann",
        "the test is over, stop",
        "that was the last, stop",
        "Stop (all is done).",
        "all is done... stop",
        "we're leaving, please stop too",
        "please stop because the host is going down at five",
        "stop we're done",
        "stop until I say so",
        "please stop until you can continue",
        "please stop and tell me what you saw",
        "We are done so please stop",
        "It was nice but please stop",
        "The experiment is over. Please stop!",
        "lab-x is broken\n\nstop",
        "stop, I'll restart you later",
        "stop for today, continue tomorrow",
        "Stop. Start again on Monday.",
        "Stop. Don't start again.",
        "Stop. No more comments, please.",
        "please stop, I'll tell you when to go on",
        "> are you still there?\nyes, stop",
        "```\nsystemctl restart x\n```\nstop",
        "```sh\nsystemctl restart x\n  ```\nstop",
    ],
    "other words for it, alone": [
        "halt",
        "Abort!",
        "quit",
        "please quit monitoring",
        "cease monitoring",
    ],
    "other words for it, only with what is to end": [
        "end the watch",
        "please end monitoring",
        "cancel the watch",
        "pause monitoring",
        "kill the monitor",
        "you can finish watching",
        "I want to stop monitoring",
        "we'd like to stop the monitor",
        "I need to stop monitoring",
        "I would like to stop the monitor",
        "I'd like to stop watching",
        "this should stop monitoring",
        "it should stop monitoring",
    ],
    "the last word counts": [
        "don't stop. No wait, stop!",
        "I can't. Stop.",
        "go on\nstop",
        "stop. go on. stop.",
    ],
}

NO = {
    "negated": [
        "don't stop",
        "dont stop",
        "don\u2019t stop",
        "do not stop",
        "never stop",
        "please don't stop monitoring",
        "not yet, do not stop",
        "can't stop",
        "cannot stop",
        "won't stop",
        "you can't stop now",
        "let's not stop",
        "no stop",
        "please do\nnot stop",
        "please do not\nstop",
        "one should never\nstop monitoring, it is good for you",
        "don't ... stop",
        "(don't) stop",
    ],
    "another word": [
        "non-stop",
        "non\u2011stop",
        "non\u2013stop",
        "nonstop",
        "unstop",
        "unstoppable",
        "stopping distance",
        "it stopped",
        "the session stopped",
        "nobody stops it",
        "s\u0336t\u0336o\u0336p\u0336",
        "please stap",
    ],
    "a question, however polite": [
        "stop?",
        "stop ❓",
        "stop\u061f",
        "stop\n?",
        "please stop, ok?",
        "could you please stop?",
        "can we stop this?",
        "can we stop this",
        "could you stop",
        "shall we stop?",
        "may we stop?",
        "stop? and no more comments?",
    ],
    "a question about it": [
        "why did it stop?",
        "did you stop?",
        "when will you stop?",
        "how do I stop the monitor?",
        "should I stop it?",
        "why stop?",
        "is it time to stop?",
        "can you stop sessions?",
        "can you stop and start agents?",
        'what does "stop" do?',
    ],
    "a thing of that name": [
        "the bus stop",
        "stop the server",
        "stop signs",
        "stop loss",
        "full stop",
        "Full stop.",
        "systemctl stop foo",
        "docker stop x",
        "run `systemctl stop x`",
        "https://example.org/stop",
        "see https://example.org/?q=stop",
        "/etc/init.d/stop",
        "stop.sh",
        "The buttons are start, stop and kill.",
        "start, stop",
        "sessions start and stop all day",
    ],
    "somebody else stops, or something else": [
        "I'll stop by later",
        "I will stop now",
        "I need to stop for today",
        "stop worrying, all is fine",
        "stop asking questions",
        "stop commenting",  # this program has no silent watch to fall back to
        "the agent should stop asking questions",
        "it should stop",
        # A session is what is watched: to end one is not this program's to do.
        "stop this session",
        "stop all sessions",
        "stop the agent",
        "stop lab-api-creator-claude",
        # One of many: the others would be left without a watch, and nobody asked for that.
        "stop monitoring lab-api-creator-claude",
        "please tell ann to stop",
        "stop the deployment",
        "kill it",
        "end",
        "end it",
        "pause",
        "cancel the stop",
        "I want to end monitoring costs",
        "end it because the watch is costly",
    ],
    "not now": [
        "if it stops, tell me",
        "if it fails, stop",
        "if it fails,\nstop",
        "if it fails, you should\nstop",
        "stop if it fails",
        "stop, when the tests are through",
        "stop when the tests are through",
        "once all is done, please stop",
        "stop, but only if it fails",
        "stop later",
        "tomorrow, stop",
        "stop at 17:00",
        "stop in 5 minutes",
        "stop as soon as the build is through",
    ],
    "said by the monitor, or by Hermes": [
        "stop-requested by ann at 2026-11-20T17:45:12Z",
        "BLOCKED: stop-requested by ann at 2026-11-20T17:45:12Z",
        "BLOCKED: done. Stop.",
        "UNBLOCK: please stop later",
        "[A-3f2a91c4] lab-x: … stop",
    ],
    "one word of a list": [
        "buttons: go, stop, wait",
        "todo:\n- stop",
        "- go\n- stop",
        "1. build\n2. stop",
        "sessions come, go, stop",
        "they say it all day: stop",
        "| stop |\n| go |",
        "the words are\n* stop\n* halt",
    ],
    "a checklist": [
        "- [ ] stop",
        "- [x] stop",
        "+ [ ] stop",
        "3) [X] stop",
        "[B-6a151076] - [ ] stop",
        "\u2610 stop",
        "\u2705 stop",
    ],
    "quoted": [
        "> stop",
        "  > stop",
        "\uff1e stop",
        "> please stop\nno, go on",
        "> stop\n> now",
        "the word 'stop' in the docs",
        'He wrote: "Please stop."',
        '"stop", he said',
        "Words that it knows: `stop`, `stop monitoring`.",
        "```\nstop\n```",
        "```sh\nsystemctl stop x\nstop\n```",
        "~~~\nstop\n```\nstop\n~~~",
        "look:\n```\nstop",
        'He wrote: "please\nstop"',
        "\u300cstop\u300d, he said",
        "&gt; stop",
        "~~stop~~",
        "<!-- stop -->",
        "ann said, stop",
        "Ann wrote: stop",
    ],
    "negated at a distance": [
        "do not, under any circumstances, stop",
        "never, whatever they say, stop",
    ],
    "commands": ["stop && exit", "stop -> start", "echo stop | tee x", "a=stop", "stop/start"],
    "taken back": [
        "stop? no, go on",
        "stop. no wait, go on",
        "stop. No.",
        "stop - not yet",
        "stop, no, don't",
        "stop and go on",
        "stop it and go on",
        "stop. go on and go on",
        "stop. carry on",
        "stop. resume",
        "stop. restart",
        "stop. start",
        "stop. keep going",
        "stop. keep on",
        "stop. keep running",
        "stop. forget it",
        "stop. forget that",
        "stop. cancel that",
        "stop. ignore this",
        "stop. ignore my last comment",
        "stop. dont stop",
        "stop. do not stop",
        "stop. never stop",
        "stop\nnevermind",
        "stop\nnvm",
        "stop\nno no",
        "stop\nnope",
        "stop\nnot",
        "stop\ndon't",
        "stop\ndont",
        "stop\ndo not",
        "stop\nno don't",
        "stop\nnever mind",
        "please stop. Actually, please continue!",
        "you can stop. Sorry, I mean: scratch that.\nscratch that",
        "stop or go on?\ngo on",
        "Stop! You can keep watching, it was my fault.",
        "stop but don't stop the watch",
        "stop. ignore that",
    ],
    "nothing of the kind": ["", " ", "resume", "go on", "thanks", "🛑", "...", "@stop", ":stop:"],
}


EASTERN = tuple(each.words for each in stop_words_east.EASTERN)
TABLES = (*stop_words_west.WESTERN, *EASTERN)
LISTS = [field.name for field in dataclasses.fields(stop_words.Words)]


def table(groups: dict[str, list[str]]) -> list[object]:
    return [
        pytest.param(phrase, id=f"{reason}: {phrase}")
        for reason, phrases in groups.items()
        for phrase in phrases
    ]


def phrases() -> list[tuple[str, Reading, str]]:
    """Language, what it is, and the phrase itself, of each line of `stop_phrases.txt`."""
    found, language = [], ""
    for line in Path(__file__).with_name("stop_phrases.txt").read_text("utf-8").splitlines():
        if line.startswith("== "):
            language = line.strip("= ")
        elif line and not line.startswith("#"):
            reading, phrase = line.split(None, 1)
            found.append((language, Reading(reading), phrase.replace("\\n", "\n")))
    return found


@pytest.mark.parametrize(
    ("reading", "phrase"),
    [pytest.param(how, text, id=f"{how}: {text}") for _, how, text in phrases()],
)
def test_it_is_read_as_its_writer_means_it(reading: Reading, phrase: str) -> None:
    assert stop.read(phrase) is reading


def test_there_are_enough_phrases_in_each_language() -> None:
    counts = Counter(language for language, _, _ in phrases())

    assert len(counts) == 8
    assert min(counts.values()) >= 30
    assert counts.total() >= 400


def test_each_phrase_is_listed_once() -> None:
    """But for those that several languages have."""
    counts = Counter((language, text) for language, _, text in phrases())

    assert counts.most_common(1)[0][1] == 1


@given(form=st.sampled_from(["NFC", "NFD", "NFKC", "NFKD"]), known=st.sampled_from(phrases()))
def test_how_characters_are_composed_does_not_matter(
    form: Form, known: tuple[str, Reading, str]
) -> None:
    _, reading, phrase = known

    assert stop.read(unicodedata.normalize(form, phrase)) is reading


@given(
    known=st.sampled_from(phrases()),
    unseen=st.sampled_from("\u200b\u200d\u2060\ufeff\u00ad\u3164\x07"),
)
def test_characters_that_nobody_sees_do_not_matter(
    known: tuple[str, Reading, str], unseen: str
) -> None:
    _, reading, phrase = known

    assert stop.read(unseen.join(phrase)) is reading


@pytest.mark.parametrize(
    "unseen",
    [
        pytest.param("\u200b", id="a space of no width"),
        pytest.param("\x07", id="a control character"),
        pytest.param("\ud83d", id="half of an emoji"),
        pytest.param("\u3164", id="a filler that counts as a letter"),
    ],
)
def test_a_word_is_seen_through_a_character_that_nobody_sees(unseen: str) -> None:
    assert stop.asks_to_stop(f"st{unseen}op")


@pytest.mark.parametrize(
    "key", ["[B-6a151076] ", "[A-3f2a91c4]: ", "- [D-00000000] ", "[S-77aa01b2]\n"]
)
def test_a_findings_key_in_front_of_it_changes_nothing(key: str) -> None:
    wrong = [phrase for _, reading, phrase in phrases() if stop.read(key + phrase) is not reading]

    assert wrong == []


@pytest.mark.parametrize("table", TABLES)
def test_no_word_is_listed_with_a_break_in_it(table: stop_words.Words) -> None:
    """Between an alternative and the next one there is no space, at the end of a line neither."""
    for name in LISTS:
        assert not re.search(r"/\s|/$", getattr(table, name)), name


@pytest.mark.parametrize("table", EASTERN)
def test_no_mark_of_a_language_without_spaces_has_one(table: stop_words.Words) -> None:
    """It is looked for in the clause as one row of characters."""
    for name in ("alarms", "negations", "questions", "later", "goes_on"):
        assert not any(" " in mark for mark in stop_phrases.listed([table], name)), name


@pytest.mark.parametrize("phrase", table(YES))
def test_it_asks_to_stop(phrase: str) -> None:
    assert stop.asks_to_stop(phrase)


@pytest.mark.parametrize("phrase", table(NO))
def test_it_does_not_ask_to_stop(phrase: str) -> None:
    assert not stop.asks_to_stop(phrase)


ASKING = st.sampled_from([phrase for phrases in YES.values() for phrase in phrases])
OTHER = st.sampled_from([phrase for phrases in NO.values() for phrase in phrases])
PHRASES = ASKING | OTHER
ONE_CLAUSE = st.sampled_from(
    YES["the documented word"]
    + YES["the word and what it is about"]
    + YES["other words for it, alone"]
    + YES["other words for it, only with what is to end"]
)


@given(phrase=PHRASES.filter(lambda phrase: "BLOCK" not in phrase), upper=st.booleans())
def test_case_does_not_matter(phrase: str, *, upper: bool) -> None:
    other = phrase.upper() if upper else phrase.lower()

    assert stop.asks_to_stop(other) is stop.asks_to_stop(phrase)


@given(
    phrase=ONE_CLAUSE | OTHER.filter(lambda phrase: "\n" not in phrase and '"' not in phrase),
    before=st.text(" \t\n.!*_", max_size=5),
    after=st.text(" \t\n.!*_,)\u00a0\u200b🛑", max_size=5),
)
def test_punctuation_and_space_around_it_do_not_matter(
    phrase: str, before: str, after: str
) -> None:
    asks = stop.asks_to_stop(phrase)

    if asks or not before.strip():
        assert stop.asks_to_stop(before + phrase + after) is asks


@given(
    phrase=ONE_CLAUSE,
    negation=st.sampled_from(["don't", "do not", "never", "please don't", "you can't", "not"]),
)
def test_a_negation_in_front_makes_it_no_request(phrase: str, negation: str) -> None:
    assert not stop.asks_to_stop(f"{negation} {phrase.lstrip('/!')}")


@given(phrase=ASKING, word=st.sampled_from(["go on", "No, go on.", "never mind", "please resume"]))
def test_it_can_be_taken_back(phrase: str, word: str) -> None:
    assert not stop.asks_to_stop(f"{phrase}\n{word}")


@given(text=st.lists(PHRASES | st.text(), max_size=5).map("\n".join))
def test_what_is_quoted_line_by_line_asks_for_nothing(text: str) -> None:
    assert not stop.asks_to_stop("\n".join(f"> {line}" for line in text.splitlines()))


@given(phrase=ASKING)
def test_a_block_of_code_asks_for_nothing(phrase: str) -> None:
    fence = "~~~" if "```" in phrase else "```"

    assert not stop.asks_to_stop(f"{fence}\n{phrase}\n{fence}")


@given(before=OTHER.filter(lambda phrase: "```" not in phrase and "~~~" not in phrase))
def test_a_paragraph_that_asks_is_enough(before: str) -> None:
    assert stop.asks_to_stop(f"{before}.\n\nPlease stop monitoring.")


WORDS = st.sampled_from(
    sorted(frozenset().union(*(stop_phrases.listed(TABLES, name) for name in LISTS)) | {"x"})
)
MARKS = st.sampled_from(
    [" ", " ", ", ", ". ", "? ", "\n", " - ", "... ", ' "', "` ", " (", "\n> ", "\n- [ ] ", ": "]
)


@given(text=st.text() | st.lists(WORDS | MARKS).map("".join))
def test_any_text_has_an_answer(text: str) -> None:
    assert stop.asks_to_stop(text) in {True, False}


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("stop " * 200_000, id="words"),
        pytest.param("stop, " * 200_000, id="clauses"),
        pytest.param("stop. " * 200_000, id="sentences"),
        pytest.param("stop\n" * 200_000, id="lines"),
        pytest.param("a" * 1_000_000, id="one word"),
        pytest.param("a" + "." * 1_000_000, id="points"),
        pytest.param("a." * 500_000, id="a word full of points"),
        pytest.param('"' * 1_000_000, id="quotation marks"),
        pytest.param("`" * 1_000_000, id="backticks"),
        pytest.param("\ufdfa" * 1_000_000, id="a ligature of eighteen letters"),
        pytest.param(" " * 1_000_000, id="spaces"),
        pytest.param("to, " * 250_000, id="clauses that go on"),
        pytest.param("to " * 250_000, id="words that go on"),
        pytest.param("\u505c" * 1_000_000, id="a word of one character"),
        pytest.param("\uadf8\ub9cc" * 500_000, id="a word of two characters"),
        pytest.param("[A-3f2a91c4] " * 80_000, id="keys"),
        pytest.param("'a " * 300_000, id="apostrophes"),
        pytest.param("<a" * 500_000, id="angle brackets"),
        pytest.param("~~" * 500_000, id="tildes"),
        pytest.param('"\n' * 500_000, id="quotations over lines"),
    ],
)
def test_a_long_text_has_an_answer_too(text: str) -> None:
    assert stop.asks_to_stop(text) in {True, False}


@pytest.mark.parametrize("words", TABLES)
def test_each_verb_of_each_language_asks_or_is_answered(words: stop_words.Words) -> None:
    join = "" if words in EASTERN else " "
    stops = [join.join(phrase) for phrase in stop_phrases.expanded(words.stops)]
    ends = [join.join(phrase) for phrase in stop_phrases.expanded(words.ends)]

    assert [each for each in stops if stop.read(each) is not Reading.STOP] == []
    assert [each for each in ends if stop.read(each) is Reading.NONE] == []


@pytest.mark.parametrize("words", TABLES)
def test_no_courtesy_of_any_language_asks(words: stop_words.Words) -> None:
    for name in ("pleases", "fills", "leads", "wishes", "asks", "watch", "rest", "reasons"):
        for phrase in stop_phrases.expanded(getattr(words, name)):
            assert stop.read(" ".join(phrase)) is Reading.NONE, phrase


def test_a_clause_that_is_too_long_to_be_a_request_is_none() -> None:
    assert stop.asks_to_stop("please " * 59 + "stop")
    assert not stop.asks_to_stop("please " * 60 + "stop")


READ = 4096
FILL = "x" * READ


def test_a_request_at_the_start_of_a_long_comment_counts() -> None:
    assert stop.asks_to_stop("Stop. " + FILL)
    assert stop.asks_to_stop("stop\n" + FILL)


def test_what_stands_further_down_a_long_comment_is_not_read() -> None:
    assert not stop.asks_to_stop(FILL + ". Stop.")
    assert not stop.asks_to_stop(FILL + ". Stop. Thanks.")


def test_a_sentence_that_was_cut_off_is_not_read() -> None:
    line = "x" * (READ - len(".\nstop"))

    assert stop.asks_to_stop(f"{line}.\nstop")
    assert not stop.asks_to_stop(f"{line}.\nstop!")
    assert not stop.asks_to_stop(f"{line}.\nstopping distance")


def test_spaces_around_a_comment_are_not_counted() -> None:
    assert stop.asks_to_stop(" " * READ + "stop" + " " * READ)
