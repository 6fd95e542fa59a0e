"""What kinds of words a request to stop is made of, and those that are not of one language.

The words are plain data, one string for each kind, their phrases parted by commas. `a/b` stands
for either word, `/a` for the word or nothing, and `_` joins the words of one alternative:
"i/we want/would_like you to" is four phrases. Case, accents within a word, and the form of an
apostrophe do not matter.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """The words of one language, by the part that they play."""

    stops: str
    """Ask by themselves."""
    ends: str
    """Ask only where `watch` is named: "end" alone could be the end of anything."""
    watch: str
    """What this program is, and does. Anywhere."""
    scope: str = ""
    """What it looks at: behind the verb and beside `watch`, never what is to stop by itself."""
    leads: str = ""
    """Before the verb: who is asked, or allowed."""
    wishes: str = ""
    """The same, but only where `watch` is named: "I need to stop" may be about the writer."""
    asks: str = ""
    """The same, in the form of a question: only with one of `pleases`."""
    pleases: str = ""
    """Anywhere, and clearly a request."""
    fills: str = ""
    """Anywhere, and of no meaning."""
    rest: str = ""
    """Behind the verb: other names of the monitor, other words for now."""
    reasons: str = ""
    """Behind the verb: begin a reason, or what to do next, which is not read further."""
    goes_on: str = ""
    """Takes a request back."""
    alarms: str = ""
    """Wherever they stand the writer may have meant to ask. No words that are often others."""
    negations: str = ""
    """With one of these a clause that is not understood is at least known to ask for nothing."""
    questions: str = ""
    """The same, where a sentence begins with one."""
    later: str = ""
    """At the start of a clause: what its sentence asks for is not asked for now."""


COMMON = Words(
    stops="stop, stopp",
    ends="",
    watch="agent-sessions, agent-sessions-monitor",
    pleases="please, pls, plz",
    fills="ok, okay, hi, hello, hey, thanks, thank you, thx, ty, bot, monitor, worker",
)
"""Are said in every language."""

NO = """no, no no, nope, not, not yet, don't, dont, do not, no don't, nein, non, não, nao,
    noch nicht, todavía no, ainda não, pas encore"""
"""Takes a request back where the clause has no other word."""

ANDS = "and, und, et, y, e"
"""What comes behind one of these may take back what stands before it."""

TURNS = "so, but, aber, sondern, mais, pero, mas"
"""Begin a new clause."""

HANGING = """not, never, don't, dont, can't, cannot, won't, to, and, or, the, a, should, must,
    nicht, niemals, zu, und, oder, que, ne, et, de, nunca, y, o, e"""
"""A clause or line that ends with one of these goes on in the next."""

JOINS = "dass"
"""A clause that begins with one of these goes on with the one before it."""

STARTS = "start, starts"
"""Among these "stop" is one word of a list: "start, stop, restart"."""

SAYS = """say, says, said, write, writes, wrote, tell, tells, told, means, like, reads, typed,
    called, sagt, sagte, schreibt, schrieb, dice, dijo, escribe, escribió, dit, écrit, diz, disse"""
"""What comes behind one of these is somebody else's word."""
