"""Words for the card: on one line, without secrets, and without what upsets the board.

Names, directories and error texts come from outside. What this program says by itself passes
unchanged: session names, ids, digests, paths, times.

Each pattern takes linear time: it begins where a word does, a repetition ends where the next
part begins, and a look ahead is bounded.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

HIDDEN = "***"

INVISIBLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0")
"""Shown as nothing, though Unicode calls them letters or marks."""

_PULL_REQUEST = re.compile(r"http(s?://github\.com/[^/\s]+/[^/\s]+/pull/\d)", re.IGNORECASE)
"""As in Hermes Agent 0.19.0: a comment with it keeps a card from being respawned for 24 h."""

_PING = re.compile(r"(?<![\w./@-])@(?=[^\W\d_])")
"""Not in `user@host` and `node_modules/@scope`, nor in tmux's `@1`."""

_LINK = re.compile(r"\](?=\()")
"""In the middle of Markdown's links, and of its images, which a browser loads unasked."""

_TOKEN = re.compile(
    r"""(?<![A-Za-z0-9])(?:
      sk-(?:ant|proj|svcacct|admin|or-v1)-[A-Za-z0-9_-]{8}
    | sk-(?=[A-Za-z]{0,99}[0-9])[A-Za-z0-9]{16}     # a digit, for a session's name may begin so
    | [rs]k_(?:live|test)_[A-Za-z0-9]{8}
    | gh[opsru]_[A-Za-z0-9]{10} | github_pat_[A-Za-z0-9_]{10} | glpat-[A-Za-z0-9_-]{10}
    | xox[abeprs]-[A-Za-z0-9-]{8} | xapp-[0-9]-[A-Za-z0-9-]{8}
    | A[KS]IA[A-Z0-9]{16} | AIza[A-Za-z0-9_-]{20} | ya29\.[A-Za-z0-9_-]{10}
    | hf_[A-Za-z0-9]{16} | npm_[A-Za-z0-9]{16} | gsk_[A-Za-z0-9]{16} | pypi-[A-Za-z0-9_-]{20}
    | eyJ[A-Za-z0-9_-]{8,500}\.[A-Za-z0-9_-]{4,}\.?     # a JSON web token; its head is short
    )[A-Za-z0-9_-]*""",
    re.VERBOSE,
)

_PRIVATE_KEY = re.compile(
    r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
    r".*?(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|\Z)",
    re.DOTALL,
)

_NAME = (
    r"(?:(?:api|access|private)[_-]?key|token|secrets?|passphrase|password|passwd|mysql_pwd"
    r"|credentials?|(?<=[_-])pass)"
)
_SETTING = re.compile(
    rf"""(
      (?<![\w-])--?[a-z-]{{0,40}}?{_NAME}(?:-key|-id)?(?:=|[ \t]{{1,9}}(?!-))     # --token X
    | (?<![\w-])[\w-]{{0,60}}?{_NAME}(?:[0-9]|[_-]\w{{0,60}})?(?:=|[ ]=[ ])(?!=)  # API_KEY=X
    | "[\w-]{{0,60}}?{_NAME}"[ ]?:[ ]?                                            # "password": X
    | (?<![\w-])(?:authorization|api-key|x-api-key):[ ]?                          # a header
        (?:(?:bearer|basic|token)[ ]|(?=[^\s0-9]{{0,99}}[0-9]))
    )(?=\S)(?:"[^"]*"?|'[^']*'?)?\S*""",
    re.VERBOSE | re.IGNORECASE,
)

_BEARER = re.compile(
    r"(?<!\w)(bearer[ \t]{1,9})(?=[a-z._~+/=-]{0,99}[0-9])[a-z0-9._~+/=-]{8,}", re.IGNORECASE
)

_USER_INFO = re.compile(r"(://[^\s/?#:@]*:)[^\s/?#]+@")


def safe(text: str, limit: int) -> str:
    """Text from outside, fit for a card. `limit` is in characters, at least 1."""
    # Flat first: a character that is not shown could hide a secret or an address from a pattern.
    return _cut(defang(redact(_flat(text))), limit)


def code(command: str) -> str:
    """A command as Markdown's code, whatever backticks are in it."""
    longest = max(map(len, re.findall("`+", command)), default=0)
    fence, space = "`" * (longest + 1), " " if longest else ""
    return f"{fence}{space}{command}{space}{fence}"


def one_line(text: str, limit: int) -> str:
    """The text without line breaks and unseen characters, cut to `limit` (at least 1)."""
    return _cut(_flat(text), limit)


def defang(text: str) -> str:
    """The text with nothing in it that a board acts upon: still readable, and as long or longer."""
    text = _PULL_REQUEST.sub(r"hxxp\1", text)
    return _LINK.sub("] ", _PING.sub("\uff20", text))


def redact(text: str) -> str:
    """The text with `***` for what looks like a secret. A hash or an id is none."""
    text = _PRIVATE_KEY.sub(HIDDEN, text)
    text = _USER_INFO.sub(rf"\1{HIDDEN}@", text)
    text = _SETTING.sub(rf"\1{HIDDEN}", text)
    text = _BEARER.sub(rf"\1{HIDDEN}", text)
    return _TOKEN.sub(HIDDEN, text)


def _flat(text: str) -> str:
    return " ".join("".join(_shown(text)).split())


def _shown(text: str) -> Iterator[str]:
    """The characters that are seen; what cannot be encoded, as in odd file names, as U+FFFD."""
    for char in text:
        category = unicodedata.category(char)
        if char.isspace():
            yield " "
        elif category == "Cs":
            yield "\ufffd"
        elif category not in {"Cc", "Cf"} and char not in INVISIBLE:
            yield char


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"
