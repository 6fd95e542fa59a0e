"""Whether a comment on the worker's card asks the monitor to stop.

A missed request leaves a worker running against a person's will; a false one ends a watch
that people rely on. So a comment is read clause by clause (`stop_text`), and a clause asks only
if it is made up of known phrases of one language (`stop_phrases`, `stop_words`):

    asking:  [who is asked]  verb           [what, and when]    [a reason, not read further]
             you can         stop           the monitor now     because we are done
             i want you to   end            monitoring

- "stop" and its likes stand alone. A weaker verb ("end", "pause") or a wish of the writer's
  own ("I want to stop …") asks only if it names the monitoring.
- One unknown word refuses the clause: "the bus stop", "stop worrying", "stop lab-x", "stop at
  five". What is to stop must be this program, all of it, now.
- A question asks for nothing, however polite. Nor does a sentence with a clause that begins with
  "if", "when", …, nor what a colon or "he said" introduces, nor one word of a list.
- The last word counts: "go on", "never mind" or a bare "no" takes back what was asked before.

What has a stop word and is none of this is unclear, unless it is plainly no request: negated
("don't stop"), or a question about something else ("why did it stop?").

Upper and lower case, punctuation, emphasis, emoji, mentions and courtesies do not matter. A
mention of anybody is left out: how the worker is called on its board is not known here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum

from reconcile import stop_clauses, stop_text
from reconcile.stop_clauses import Said, Sense
from reconcile.stop_text import Clause, Sentence


class Reading(StrEnum):
    """What a comment asks for."""

    STOP = "stop"
    UNCLEAR = "unclear"
    """It has a stop word, and was not understood."""
    NONE = "none"


def asks_to_stop(text: str) -> bool:
    """Whether the comment asks the monitor to stop, now and as a whole."""
    return read(text) is Reading.STOP


def read(text: str) -> Reading:
    """What the comment asks for."""
    reading, introduced = Reading.NONE, False
    for sentence in stop_text.sentences(text, stop_clauses.is_idle):
        for sense in _senses(sentence, introduced=introduced):
            reading = _after(reading, sense)
        last = sentence.clauses[-1]
        introduced = last.introduces and not stop_clauses.is_idle(last.words)
    return reading


def _after(reading: Reading, sense: Sense) -> Reading:
    """The reading of a comment that goes on with a clause of that sense."""
    if sense is Sense.ASKS:
        return Reading.STOP
    if sense is Sense.GOES_ON:
        return Reading.NONE
    almost = sense is Sense.ALMOST and reading is Reading.NONE
    return Reading.UNCLEAR if almost else reading


# Sentences. -------------------------------------------------------------------------------------


def _senses(sentence: Sentence, *, introduced: bool) -> Iterator[Sense]:
    """What each clause says beside the others."""
    said = [stop_clauses.understood(clause) for clause in sentence.clauses]
    asks_back = sentence.question or stop_clauses.asks_back(sentence.clauses[-1])
    held = introduced or asks_back or any(map(stop_clauses.is_for_later, sentence.clauses))
    for place, each in enumerate(said):
        clause, before, behind = sentence.clauses[place], said[:place], said[place + 1 :]
        held = held or stop_clauses.begins_list(clause)
        named = _is_in_list(each, before, behind) or (clause.introduces and bool(behind))
        negated = each.plain and any(map(_is_negation, sentence.clauses, before))
        if each.sense is Sense.ASKS and (held or named or negated):
            yield Sense.ALMOST
        elif not (each.sense is Sense.GOES_ON and asks_back):
            yield each.sense
        held = held or (each.foreign and stop_clauses.introduces(clause))


def _is_in_list(said: Said, before: Sequence[Said], behind: Iterable[Said]) -> bool:
    """Whether a bare verb is one word of a list: "sessions run, stop, crash"."""
    foreign = [each for each in before if each.foreign]
    among = bool(foreign) and any(each.foreign for each in behind)
    return said.bare and (among or any(each.short for each in foreign))


def _is_negation(clause: Clause, said: Said) -> bool:
    """Whether what follows may belong to it: "do not, whatever happens, stop"."""
    return said.foreign and stop_clauses.negates(clause)
