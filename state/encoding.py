"""Bytes to text and back, by byte order mark; exact in both directions."""

from __future__ import annotations

import codecs
from typing import Final

from state.text import yamltext

_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def mark(data: bytes) -> tuple[bytes, str]:
    """The byte order mark that `data` begins with (may be empty), and its codec."""
    for found, codec in _MARKS:
        if data.startswith(found):
            return found, codec
    return b"", "utf-8"


def decode(data: bytes, source: str) -> str:
    """The text without its mark. Raises MustMend that names line and byte."""
    found, codec = mark(data)
    try:
        return data[len(found) :].decode(codec)
    except UnicodeDecodeError as error:
        at = error.start + len(found)
        before = data[len(found) : at].decode(codec, "replace")
        line, column = yamltext.position(before, len(before))
        seen = f"byte {at + 1} (0x{data[at]:02x}) is not {codec.upper()}"
        raise yamltext.mend(source, line, column, seen, "Save the file as UTF-8") from None


def encode(text: str, like: bytes) -> bytes:
    """`text` in the encoding of `like`, with its mark."""
    found, codec = mark(like)
    return found + text.encode(codec)
