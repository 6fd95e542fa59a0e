"""Whether a comment on the worker's card asks the monitor to stop.

A missed request leaves a worker running against a person's will; a false one ends a watch
that people rely on. So a comment is read clause by clause, and a clause asks only if every
word of it is known:

    asking:  [who is asked]  verb           [what, and when]    [a reason, not read further]
             could you       stop           the monitor now     because we are done
             i want you to   end            monitoring

- "stop" and its likes stand alone. A weaker verb ("end", "pause") or a wish of the writer's
  own ("I want to stop …") asks only if it names the monitoring.
- One unknown word refuses the clause: "the bus stop", "stop worrying", "stop lab-x", "stop at
  five". What is to stop must be this program, all of it, now.
- A negation is an unknown word, so it refuses too.
- A sentence with a clause that begins with "if", "when", … asks for nothing now.
- The last word counts: "go on", "never mind" or a bare "no" takes back what was asked before.
- Quotations, code blocks and the monitor's own findings are nobody's request.

Upper and lower case, punctuation, emphasis, emoji, mentions and courtesies do not matter. A
mention of anybody is left out: how the worker is called on its board is not known here.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Iterator


def _words_of(text: str) -> frozenset[str]:
    return frozenset(text.split())


READ_AT_MOST = 4096
"""Characters of a comment that are looked at; a sentence that is cut off there is left out."""

STOP = _words_of("stop stopp halt abort quit cease")
"""Verbs that ask by themselves. "stop" is the documented one, "stopp" a frequent slip."""

END = _words_of("end finish terminate cancel kill pause disable")
"""Verbs that ask only if the monitoring is named: "end" alone could be the end of anything."""

FILLERS = _words_of(
    "please pls plz kindly just simply now then immediately instantly asap finally already"
    " ok okay alright well oh hmm yes yeah yep hi hello hey thanks thank thx ty dear"
    " really actually wait sorry too also"
)
"""What may stand anywhere, also in what takes a request back."""

_WHO = ("you", "we", "monitor", "the monitor", "monitoring", "the monitoring", "the watch")
_MAY = ("can", "may", "should", "must", "need to", "needs to", "have to", "has to")
_WE = ("i", "we")
_WANT = ("want", "need", "would like", "ask", "asked")

ASKS = frozenset(
    {
        "",
        *(f"{who} {may}" for who in _WHO for may in _MAY),
        *(f"{who} {want} you to" for who in _WE for want in _WANT),
        *(f"i think {who} {may}" for who in ("you", "we") for may in ("can", "may", "should")),
        *("can you", "could you", "would you", "will you", "you", "you are free to", "do"),
        *("can we", "could we", "shall we", "may we"),
        *("i'd like you to", "we'd like you to", "i told you to", "i said", "go ahead and"),
        *("let's", "lets", "let us", "time to", "it's time to", "its time to", "it is time to"),
        *("monitor", "the monitor", "worker", "bot"),
    }
)
"""What may stand before the verb, fillers left out: who is asked, or allowed."""

WISHES = frozenset(
    {
        *(f"{who} {want} to" for who in _WE for want in ("want", "need", "would like")),
        *("i'd like to", "we'd like to", "it should", "this should"),
    }
)
"""The same, but "I need to stop" alone could be about the writer, "it should" about a session."""

WATCH = _words_of(
    "monitor monitoring watch watching watcher observing tracking checking polling reconciling"
    " agent-sessions agent-sessions-monitor"
)
"""What this program is, and does."""

WATCHED = _words_of(
    "session sessions agent agents tmux host hosts machine workspace workspaces lab labs fleet"
    " registry them board boards project projects repo repos server servers"
)
"""What it looks at: may be named beside the monitoring, never as what is to stop by itself."""

REST = _words_of(
    "it this that these those the a my our your all everything here there yourself you can"
    " worker bot kanban job task card run loop work working running doing"
    " of on in over for at once as soon as possible right away"
    " today moment day night good completely entirely altogether"
)
"""What may follow the verb: the monitor's other names, and other words for now."""

CUTS = _words_of(
    "and because since while until till i i'm i'll i've we we're we'll we've they they're it's"
)
"""After the verb these begin a reason, or what to do next."""

LATER = _words_of(
    "if when whenever unless once after later tomorrow tonight only"
    " monday tuesday wednesday thursday friday saturday sunday"
)
"""At the start of a clause: what its sentence asks for is not asked for now."""

GO_ON = frozenset(
    {
        *("go on", "carry on", "continue", "resume", "start", "restart"),
        *(f"keep {word}" for word in ("going", "on", "running", *WATCH)),
        *("never mind", "nevermind", "nvm", "ignore that", "ignore this", "ignore my"),
        *("scratch that", "forget it", "forget that", "cancel that"),
        *("don't stop", "dont stop", "do not stop", "never stop"),
    }
)
"""Takes a request back, also when more words follow."""

NO = frozenset({"no", "no no", "nope", "not", "not yet", "don't", "dont", "do not", "no don't"})
"""Takes a request back when the clause has no other word."""

TURNS = frozenset({"so", "but"})
"""Words that begin a new clause."""

HANGING = _words_of("not never don't dont can't cannot won't to and or the a should must")
"""A clause or line that ends with one of these goes on in the next."""

_SPELLING = str.maketrans(
    dict.fromkeys("\u2018\u2019", "'")
    | dict.fromkeys("\u201c\u201d\u201e\u00ab\u00bb", '"')
    | {"\u2013": "-", "\u2014": " - ", "\u2026": " .. "}
)
_WORD = re.compile(r"[^\W_](?:\S*[^\W_])?")
_LONG_DRAWN = re.compile(r"([a-z])\1{2,}")
_QUOTED = re.compile(r'"[^"]*"|`[^`]*`')
_FENCE = re.compile(r"\s*(```|~~~)`*[^`]*$")
_NOT_THEIRS = re.compile(r"\s*(>|(- )?\[[a-z]-[0-9a-f]{8}\]|blocked:|unblock:|scheduled:)")
"""A quoted line, a finding of ours, and what Hermes itself writes before a reason."""

# Two dots end no sentence, so that "don't ... stop" is one.
_ENDS = frozenset(".!?;")
_PARTS = frozenset("\n,.(-")


def asks_to_stop(text: str) -> bool:
    """Whether the comment asks the monitor to stop, now and as a whole."""
    whole = text.strip()
    sentences = list(_sentences("\n".join(_said(_plain(whole[:READ_AT_MOST])))))
    if len(whole) > READ_AT_MOST:
        del sentences[-1:]
    asked = False
    for sentence in sentences:
        for_later = any(clause[0] in LATER for clause in sentence)
        for clause in sentence:
            if _takes_back(clause):
                asked = False
            if "start" in clause:  # "start, stop, restart" lists words
                break
            if not for_later and _asks(clause):
                asked = True
    return asked


def _plain(text: str) -> str:
    """One spelling for each word: no full-width, zero-width or curly characters, no capitals."""
    shown = (char for char in text if unicodedata.category(char) != "Cf")
    spelt = unicodedata.normalize("NFKC", "".join(shown).translate(_SPELLING))
    return spelt.casefold().replace("...", "..")


def _said(text: str) -> Iterator[str]:
    """The lines that are the writer's own words."""
    fence = None
    for line in text.splitlines():
        if mark := _FENCE.match(line):
            fence = mark[1] if fence is None else None if fence == mark[1] else fence
        elif not fence and not _NOT_THEIRS.match(line):
            yield _without_quotations(line)


def _without_quotations(line: str) -> str:
    """The line with a stand-in for each quoted part, unless that is all that it says."""
    beside = (word for _, word in _words(_QUOTED.sub(" ", line)))
    if all(word in FILLERS for word in beside):
        return line
    return _QUOTED.sub(" quotation ", line)


def _words(text: str) -> Iterator[tuple[str, str]]:
    """Each word that is not a mention or an emoji's name, with what parts it from the last one.

    Only spaces part words: "non-stop" and "https://…/stop" are one word each, and unknown.
    """
    end, gap = 0, ""
    for word in _WORD.finditer(text):
        gap += text[end : word.start()]
        end = word.end()
        if not gap.endswith(("@", ":")):
            yield gap, _LONG_DRAWN.sub(r"\1", word[0])
            gap = ""


def _sentences(text: str) -> Iterator[list[list[str]]]:
    """Sentences of clauses of words; fillers are left out, and clauses without other words."""
    sentence: list[list[str]] = []
    clause: list[str] = []
    for gap, word in _words(text):
        ends = not _ENDS.isdisjoint(gap.replace("..", ""))
        parts = not _PARTS.isdisjoint(gap) and HANGING.isdisjoint(clause[-1:])
        if clause and (ends or parts or word in TURNS):
            sentence.append(clause)
            clause = []
        if not clause and (ends or ("\n" in gap and "," not in gap)):
            yield sentence
            sentence = []
        if word not in FILLERS and word not in TURNS:
            clause.append(word)
    yield [*sentence, clause] if clause else sentence


def _asks(clause: list[str]) -> bool:
    """Whether every word of the clause belongs to a request to stop."""
    at = next((place for place, word in enumerate(clause) if word in STOP | END), None)
    if at is None:
        return False
    lead = " ".join(clause[:at])
    rest = list(itertools.takewhile(lambda word: word not in CUTS, clause[at + 1 :]))
    behind = clause[at + 1 + len(rest) :]
    if behind[:1] == ["and"] and _takes_back(behind[1:]):
        return False
    if not WATCH.isdisjoint(clause[: at + 1 + len(rest)]):
        known = lead in ASKS | WISHES
        return known and all(word in STOP | REST | WATCH | WATCHED for word in rest)
    return clause[at] in STOP and lead in ASKS and all(word in STOP | REST for word in rest)


def _takes_back(clause: list[str]) -> bool:
    """Whether the clause asks to go on after all, and that now."""
    said = " ".join(clause)
    if said in NO:
        return True
    if not LATER.isdisjoint(clause):
        return False
    cut = (f" {said} ".partition(f" {phrase} ") for phrase in GO_ON)
    return any(found and before.strip() in ASKS for before, found, _ in cut)
