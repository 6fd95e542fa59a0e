"""Session names: how tmux writes them, and which ones we register by ourselves."""

from __future__ import annotations

import fnmatch
import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeAlias

from reconcile.kinds import AGENTS
from reconcile.observed import SessionName

_CSTYLE = {0x07: "a", 0x08: "b", 0x09: "t", 0x0A: "n", 0x0B: "v", 0x0C: "f", 0x0D: "r"}
_CONTROL = (*range(1, 0x20), *range(0x7F, 0xA0))
_OCTAL = {code: "".join(rf"\{byte:03o}" for byte in chr(code).encode()) for code in _CONTROL}
_AS_TMUX = str.maketrans(
    _OCTAL | {code: f"\\{letter}" for code, letter in _CSTYLE.items()} | {":": "_", ".": "_"}
)

_REWRITTEN = str.maketrans(
    {code: octal for code, octal in _OCTAL.items() if code < 0x80}  # noqa: PLR2004 - in ASCII
    | {code: f"\\{letter}" for code, letter in _CSTYLE.items()}
    | {
        code: "".join(rf"\{byte:03o}" for byte in chr(code).encode("utf-8", "surrogatepass"))
        for code in range(0xD800, 0xE000)
    }
    # What Python makes of a byte that is no text, in an argument, is that byte (tmux 3.3a).
    | {0xDC00 + byte: rf"\{byte:03o}" for byte in range(0x80, 0x100)}
    | {"\\": "\\\\", ":": "_", ".": "_"}
)
_SURROGATE = re.compile("[\ud800-\udfff]")
"""What Python makes of bytes that are not UTF-8, and YAML of an escape such as `"\\ud800"`."""

LONGEST: Final = 256
"""Characters of a name, as tmux writes it."""

_CREATOR = "-creator-"
DEFAULT_PATTERN: Final = f"*{_CREATOR}*"
"""`<workspace>-creator-<agent>`: whatever runs in such a session, it is meant to be watched."""
DEFAULT_PATTERNS = (DEFAULT_PATTERN,)
_WORD = re.compile(r"\w[\w.+-]{0,31}")
"""What may name a kind of agent that we do not know."""


def normalise(name: str) -> SessionName:
    r"""The name tmux 3.3a gives a session that is asked for under `name`.

    It writes `:` and `.` as `_`, since both separate parts of a target, and a control character
    as `\t` or in octal. It also puts a backslash before one, and before some `$`: that cannot be
    told from a name that was copied from tmux, so those stay as they are.
    """
    return SessionName(name.translate(_AS_TMUX))


def key(name: str) -> SessionName:
    """What tells one entry of the registry from another: its name as it is written.

    `a.b` beside `a_b` are two entries, and under tmux 3.7 two sessions. A server that rewrites
    names lists both as `a_b`: which entry is meant there, `asked_as` says.
    """
    return SessionName(name)


def as_listed(name: str, version: str = "") -> tuple[SessionName, ...]:
    r"""The names under which a tmux server may list a session that was asked for as `name`.

    The name itself comes first: a person copies names from tmux, and then they are exact. The
    others are what a server of this version (`#{version}`) makes of it; where the version is not
    known, what any makes of it. Measured: 3.0a keeps a name; 3.2a to 3.6b write `.` and `:` as
    `_`, and a backslash or control character as `\\`, `\t` or in octal; 3.7c only doubles a
    backslash, and refuses control characters. Before the `$` of a variable 3.2a and 3.3a put one
    backslash, 3.4 two. What the C library has no width for (glibc: C1 controls and unassigned
    code points) is in octal as well, but not in every build.
    """
    if _PLAIN.fullmatch(name):
        return (SessionName(name),)
    forms = [form for rule in _rules(version) for form in rule(name)]
    return tuple(dict.fromkeys(map(SessionName, [name, *forms])))


def asked_as(listed: SessionName, version: str, written: Iterable[str]) -> tuple[str, ...]:
    """Which of the written names a server of this version may list as `listed`.

    One that is written exactly so is the only one: `a.b` beside `a_b` are two names, and what is
    listed as `a_b` is the second. Several are several names that this server cannot tell apart.
    """
    candidates = tuple(dict.fromkeys(written))
    if listed in candidates:
        return (listed,)
    return tuple(name for name in candidates if listed in as_listed(name, version))


def is_ambiguous(name: str, version: str | None = None) -> bool:
    """Whether tmux may list a name in a way that was not looked for.

    With a version: in none of the forms of `as_listed`. Without: not as `normalise` has it.
    """
    if version is None:
        return "\\" in name or "$" in name
    # tmux expands formats in what it is asked for (`#S`, `#{pid}`, `##`).
    unforeseen = _FORMAT.search(name) is not None
    return unforeseen or (_release(version) != (3, 0) and any(map(_may_lack_width, name)))


_PLAIN = re.compile(r"[ -#%-\-/0-9;-\[\]-~]*")
"""Printable ASCII without `$`, `.`, `:` and the backslash: no version writes it in another way."""
_FORMAT = re.compile(r"#[^\s\d_|-]")
_VARIABLE = re.compile(r"\$(?=[A-Za-z_{])")
_RELEASE = re.compile(r"(?:next-)?(\d+)\.(\d+)[a-z]?(?:-rc\d*)?")

_Rule: TypeAlias = Callable[[str], Sequence[str]]


def _release(version: str) -> tuple[int, int] | None:
    found = _RELEASE.fullmatch(version)
    return (int(found[1]), int(found[2])) if found else None


def _rules(version: str) -> Sequence[_Rule]:
    """What a version does to a name; all that any does, where nobody has tried this one."""
    release = _release(version)
    if release is None or release == (3, 1) or release[0] < 3:  # noqa: PLR2004
        return [_rewritten(""), _rewritten(r"\\"), _rewritten(r"\\\\"), _doubled]
    if release == (3, 0):
        return []
    if release >= (3, 7):
        return [_doubled]
    return [_rewritten({(3, 2): r"\\", (3, 3): r"\\", (3, 4): r"\\\\"}.get(release, ""))]


def _rewritten(before_variable: str) -> _Rule:
    """3.2a to 3.6b, which differ in what they put before a variable."""

    def forms(name: str) -> Sequence[str]:
        visible = name.translate(_REWRITTEN)
        visible = _VARIABLE.sub(rf"{before_variable}$", visible)
        return visible, "".join(_octal(letter) for letter in visible)

    return forms


def _doubled(name: str) -> Sequence[str]:
    return [name.replace("\\", "\\\\")]


def _octal(letter: str) -> str:
    if not _may_lack_width(letter):
        return letter
    return "".join(rf"\{byte:03o}" for byte in letter.encode())


def _may_lack_width(letter: str) -> bool:
    """Whether wcwidth(3) may know no width of it: C1 controls, and what is not assigned."""
    return not letter.isascii() and unicodedata.category(letter) in {"Cc", "Cn"}


def fault_of(name: str) -> str | None:
    """Why a session of this name cannot be in a registry: a clause. None when it can be.

    What the registry's reader refuses must not be registered: an entry that cannot be read
    again would never be watched.
    """
    if not name:
        return "the name is empty"
    if len(normalise(name)) > LONGEST:
        return f"the name is longer than {LONGEST} characters"
    return no_text(name, "the name")


def no_text(value: str, what: str) -> str | None:
    """Why no file, no path and no command can hold this text: a clause about `what`."""
    if not value.isascii() and _SURROGATE.search(value):
        return f"{what} holds bytes that are not text"
    return f"{what} holds a NUL character" if "\0" in value else None


def registrable(name: SessionName, patterns: Iterable[str]) -> bool:
    """Whether a live session of this name is registered when the registry lacks it."""
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def is_default(name: SessionName) -> bool:
    """Whether the name alone says that its session is to be watched, whatever runs in it.

    What only a person's wider pattern takes in may be a plain shell.
    """
    return _CREATOR in name


def agent_of(name: SessionName) -> str | None:
    """The agent's kind that a name tells: `lab-x-creator-claude` → `claude`.

    Behind a kind that we know more may follow (`claude-2`, `gemini-cli`); any other word is taken
    as it is (`aider`). None where it is no word, or there is none.
    """
    _, found, word = name.rpartition(_CREATOR)
    unknown = word if found and _WORD.fullmatch(word) else None
    return next((kind for kind in AGENTS if found and _is_more_of(word, kind)), unknown)


def _is_more_of(word: str, kind: str) -> bool:
    """Whether a word is that of a kind, or has only a number or further words behind it."""
    return word.startswith(kind) and not word[len(kind) : len(kind) + 1].isalpha()
