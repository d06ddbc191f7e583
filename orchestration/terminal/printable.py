"""Text from files, workers and libraries, made fit for a terminal."""

from __future__ import annotations

import unicodedata

HARMFUL = ("Cc", "Cs", "Zl", "Zp")
BIDIRECTIONAL = frozenset(map(chr, (*range(0x202A, 0x202F), *range(0x2066, 0x206A))))


def printable(text: str) -> str:
    """The text on one line, with characters that would steer a terminal written as escapes."""
    return "".join(map(_escaped, text)) if not text.isascii() or not text.isprintable() else text


def printable_lines(text: str) -> str:
    """The same for text of several lines, which stay lines."""
    return "\n".join(map(printable, text.split("\n")))


def _escaped(character: str) -> str:
    if unicodedata.category(character) in HARMFUL or character in BIDIRECTIONAL:
        return character.encode("unicode_escape").decode("ascii")
    return character
